//! Quiet hours, by the customer's clock. Where their zone is not known, it must be allowed by every clock of their country: given
//! a Brazilian of whom nothing more is known, then neither in Recife nor in Acre may it be night.
//!
//! Instants are looked at by quarters of an hour, on which all clocks of the world and all quiet hours agree.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use waypost_domain::Timestamp;
use waypost_domain::calendar::{Date, Weekday};

use crate::asked::Asked;
use crate::countries;
use crate::data::Quiet;
use crate::going::Going;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, Halt};

const QUARTER_MS: i64 = 15 * 60 * 1000;
/// How far ahead an end is looked for.
const AHEAD_MS: i64 = 31 * 24 * 60 * 60 * 1000;

/// Time zones from the data in this program: what the machine has would make verdicts differ.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The clocks of each country.
static COUNTRIES: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let lines = include_str!("zones.txt").lines().filter(|line| !line.starts_with('#'));
    let rows = lines.map(|line| line.split_whitespace());
    rows.filter_map(|mut words| Some((words.next()?, words.collect()))).collect()
});

/// Whether it may go by the hour.
pub(crate) fn are_not_quiet(asked: &Asked<'_>, going: &Going<'_>) -> Answer {
    let data = &asked.data.quiet_hours;
    if going.is_answer() || !data.categories.contains(&going.category) {
        return Ok(());
    }
    let country = countries::of_contact(asked.contact);
    let quiet = country.and_then(|code| data.countries.get(code)).unwrap_or(&data.default);
    let clocks = clocks(asked, country);
    let is_quiet = |at: Timestamp| clocks.iter().any(|clock| is_quiet(quiet, clock, at));
    if !is_quiet(asked.now) {
        return Ok(());
    }
    let first = asked.now.as_millis().div_euclid(QUARTER_MS) + 1;
    let mut quarters =
        (first..first + AHEAD_MS / QUARTER_MS).map(|quarter| Timestamp::from_millis(quarter * QUARTER_MS));
    let end = quarters.find(|at| !is_quiet(*at));
    let finding = Finding::new(Rule::QuietHours).detail(country.unwrap_or("unknown country"));
    Err(Halt::wait(end.or(Some(asked.now.plus_millis(AHEAD_MS))), finding))
}

/// The contact's, else all of their country, else the one of our number.
fn clocks(asked: &Asked<'_>, country: Option<&str>) -> Vec<TimeZone> {
    let zone = |name: &str| ZONES.get(name).ok();
    if let Some(own) = asked.contact.zone.as_deref().and_then(zone) {
        return vec![own];
    }
    let of_country = country.and_then(|code| COUNTRIES.get(code)).into_iter().flatten();
    let clocks: Vec<TimeZone> = of_country.filter_map(|name| zone(name)).collect();
    if !clocks.is_empty() {
        return clocks;
    }
    vec![asked.number.zone.as_deref().and_then(zone).unwrap_or(TimeZone::UTC)]
}

/// An instant that no clock shows is quiet.
fn is_quiet(quiet: &Quiet, clock: &TimeZone, at: Timestamp) -> bool {
    let Ok(instant) = jiff::Timestamp::from_millisecond(at.as_millis()) else { return true };
    let local = clock.to_datetime(instant);
    is_quiet_day(quiet, local) || is_quiet_hour(quiet, local)
}

fn is_quiet_hour(quiet: &Quiet, local: DateTime) -> bool {
    let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
    let (from, to) = (i32::from(quiet.from.minutes()), i32::from(quiet.to.minutes()));
    if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
}

fn is_quiet_day(quiet: &Quiet, local: DateTime) -> bool {
    let weekday = usize::try_from(local.weekday().to_monday_zero_offset()).ok().and_then(|day| Weekday::ALL.get(day));
    let is_date = |date: &Date| {
        let (year, month, day) = (local.year(), local.month(), local.day());
        (i32::from(date.year()), i32::from(date.month()), i32::from(date.day()))
            == (i32::from(year), i32::from(month), i32::from(day))
    };
    weekday.is_some_and(|day| quiet.days.contains(day)) || quiet.dates.iter().any(is_date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_clocks_that_exist() {
        for (country, zones) in COUNTRIES.iter() {
            assert!(waypost_domain::country::is_code(country), "{country}");
            assert!(!zones.is_empty(), "{country}");
            for zone in zones {
                assert!(ZONES.get(zone).is_ok(), "{country}: {zone}");
            }
        }
        assert_eq!(COUNTRIES.len(), 252, "ISO 3166, and those that have numbers of their own");
    }
}
