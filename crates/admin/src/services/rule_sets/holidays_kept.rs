//! Days that a version before closes a calendar on, and a file that is pushed does not know: whoever imported them into a
//! version would find nobody reminded of them once their own file is in force.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use waypost_domain::Timestamp;
use waypost_domain::calendar::Holiday;
use waypost_grpc::error::{CallError, precondition};
use waypost_grpc::{Result, blocking};
use waypost_rules::model::Document;
use waypost_rules::toml_form;
use waypost_store::RuleSetRow;

use super::super::versions::read_document;
use super::wire;
use crate::Shared;

/// Named in a refusal.
const NAMED_MAX: usize = 5;
/// A day is over everywhere when it is so many hours after its end in UTC.
const BEHIND_UTC_MS: i64 = 12 * 60 * 60 * 1_000;

/// Refuses a text that lacks days to come of the active version, or of the newest one.
pub(super) async fn check(shared: &Shared, text: String) -> Result<()> {
    let store = &shared.store;
    let today = day(store.now().await?.plus_millis(-BEHIND_UTC_MS))?;
    let newest = store.rule_sets(None, 1).await?.pop();
    let active = match store.activation().await? {
        Some(activation) => store.rule_set(activation.in_force.active).await?,
        None => None,
    };
    let rows: Vec<RuleSetRow> = active.into_iter().chain(newest).collect();
    blocking(move || {
        // What is no rules file was refused before.
        let Ok(given) = toml_form::read(&text) else { return Ok(()) };
        rows.iter().try_for_each(|row| match read_document(row) {
            Ok(before) => keeps_all(row, &before, &given, &today),
            // It has nothing that anybody could go on with.
            Err(_) => Ok(()),
        })
    })
    .await
}

fn keeps_all(row: &RuleSetRow, before: &Document, given: &Document, today: &str) -> Result<()> {
    for calendar in &before.calendars {
        let same = given.calendars.iter().find(|same| same.name == calendar.name);
        let known: BTreeSet<_> = same.iter().flat_map(|same| &same.holidays).map(|holiday| holiday.date).collect();
        let is_lost = |holiday: &&Holiday| !known.contains(&holiday.date) && holiday.date.to_string().as_str() >= today;
        let lost: Vec<&Holiday> = calendar.holidays.iter().filter(is_lost).collect();
        if lost.is_empty() {
            continue;
        }
        let (name, number, calendar) = (wire::name(row.number), row.number, &calendar.name);
        let more = lost.len().saturating_sub(NAMED_MAX);
        let days = lost.iter().take(NAMED_MAX).map(|holiday| format!("{} {}", holiday.date, holiday.name));
        let days =
            days.collect::<Vec<_>>().join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() };
        let problem = format!(
            "calendar {calendar} of {name} has holidays that are not in what is given: {days}; `waypost calendars get \
             {calendar} --base {number} --text` prints them for your file, --drop-holidays leaves them out"
        );
        return Err(precondition("HOLIDAYS_LOST", &name, problem));
    }
    Ok(())
}

fn day(at: Timestamp) -> Result<String> {
    let at = jiff::Timestamp::from_millisecond(at.as_millis());
    let at = at.map_err(|error| CallError::Internal(format!("the store's clock: {error}")))?;
    Ok(at.to_zoned(TimeZone::UTC).date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(holidays: &str) -> Document {
        let text = format!(
            "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\n[[calendars]]\nname='office'\n\
             zone='UTC'\nhours=[{{ days='mon-fri', from='09:00', to='17:00' }}]\nholidays=[{holidays}]\n"
        );
        toml_form::read(&text).unwrap()
    }

    #[test]
    fn days_to_come_are_not_lost_unseen() {
        let row = RuleSetRow {
            number: 8,
            hash: String::new(),
            text: String::new(),
            created_at: Timestamp::from_millis(0),
            created_by: String::new(),
            reason: String::new(),
            checked_at: None,
        };
        let before = document("{ date=2026-01-06, name='Epiphany' }, { date=2026-12-25, name='Christmas' }");
        let told = |given: &Document, today: &str| keeps_all(&row, &before, given, today).err().map(|e| e.to_string());
        assert_eq!(told(&before, "2026-01-01"), None);
        let only = document("{ date=2026-12-25, name='Navidad', hours=[{ from='09:00', to='12:00' }] }");
        assert_eq!(told(&only, "2026-01-07"), None, "it is over, and the other day is there by another name");
        let refused = told(&only, "2026-01-06").expect("it is lost");
        assert!(
            refused.contains("calendar office of ruleSets/8") && refused.contains("2026-01-06 Epiphany;"),
            "{refused}"
        );
        let mut without = only;
        without.calendars.clear();
        let refused = told(&without, "2026-01-01").expect("all are lost");
        assert!(refused.contains("2026-01-06 Epiphany, 2026-12-25 Christmas;"), "{refused}");
    }
}
