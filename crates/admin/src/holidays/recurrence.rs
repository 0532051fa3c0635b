//! Events that come every year (RFC 5545, section 3.3.10): those that holidays need. Anything else says why not.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::LeftOut;

/// How far back a rule that counts its days may begin, because all of them must be counted.
const COUNTED_YEARS_MAX: i16 = 200;

/// `FREQ=YEARLY` with its limits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Yearly {
    interval: i16,
    count: Option<usize>,
    until: Option<Date>,
    months: Vec<i8>,
    /// Negative ones count from the month's end.
    month_days: Vec<i8>,
    /// The which, of the month or of the year; negative ones count from its end.
    weekdays: Vec<(Option<i8>, Weekday)>,
}

impl Yearly {
    /// The error says why such a rule is left out.
    pub(super) fn parse(text: &str) -> Result<Self, LeftOut> {
        let (mut interval, mut count, mut until) = (1, None, None);
        let (mut months, mut month_days, mut weekdays) = (Vec::new(), Vec::new(), Vec::new());
        let mut is_yearly = false;
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("RRULE: {part:?} is no part of a rule"))?;
            let (key, value) = (key.to_ascii_uppercase(), value.to_ascii_uppercase());
            let bad = || format!("RRULE: {key} cannot be {value:?}");
            match key.as_str() {
                "FREQ" if value == "YEARLY" => is_yearly = true,
                "FREQ" => {
                    return Err(format!("comes {}; only what comes yearly is taken", value.to_ascii_lowercase()).into());
                }
                "INTERVAL" => interval = value.parse().ok().filter(|years| *years > 0).ok_or_else(bad)?,
                "COUNT" => count = Some(value.parse().ok().filter(|count| *count > 0).ok_or_else(bad)?),
                "UNTIL" => until = Some(value.get(..8).and_then(date).ok_or_else(bad)?),
                "BYMONTH" => months = list(&value, |one| number(one, 1, 12)).ok_or_else(bad)?,
                "BYMONTHDAY" => month_days = list(&value, |one| number(one, -31, 31)).ok_or_else(bad)?,
                "BYDAY" => weekdays = list(&value, weekday).ok_or_else(bad)?,
                // Matters where weeks are counted only.
                "WKST" => {}
                _ => return Err(format!("RRULE: {key} is not taken").into()),
            }
        }
        if !is_yearly {
            return Err("RRULE: FREQ is missing".into());
        }
        let has_which = weekdays.iter().any(|(which, _)| which.is_some());
        if month_days.is_empty() && weekdays.iter().any(|(which, _)| which.is_none()) {
            return Err("comes every week; give such days no hours instead".into());
        }
        if !month_days.is_empty() && has_which {
            return Err("RRULE: BYDAY with a number beside BYMONTHDAY is not taken".into());
        }
        Ok(Self { interval, count, until, months, month_days, weekdays })
    }

    /// The days from `first` on that lie in these years, in their order. `first` counts whether it fits or not.
    pub(super) fn days(&self, first: Date, from_year: i16, to_year: i16) -> Result<Vec<Date>, LeftOut> {
        if self.count.is_some() && to_year.saturating_sub(first.year()) > COUNTED_YEARS_MAX {
            return Err(format!("RRULE: COUNT is not taken over more than {COUNTED_YEARS_MAX} years").into());
        }
        let begin = if self.count.is_some() { first.year() } else { from_year.max(first.year()) };
        let (mut days, mut counted) = (Vec::new(), 0);
        for year in begin..=to_year {
            if (year - first.year()) % self.interval != 0 {
                continue;
            }
            let mut of_year = self.of_year(year, first);
            if year == first.year() {
                of_year.push(first);
            }
            of_year.retain(|day| *day >= first && self.until.is_none_or(|until| *day <= until));
            of_year.sort_unstable();
            of_year.dedup();
            let left = self.count.map_or(usize::MAX, |count| count - counted);
            of_year.truncate(left);
            counted += of_year.len();
            if year >= from_year {
                days.extend(of_year);
            }
            if self.count == Some(counted) {
                break;
            }
        }
        Ok(days)
    }

    fn of_year(&self, year: i16, first: Date) -> Vec<Date> {
        if self.weekdays.is_empty() && self.month_days.is_empty() {
            let months = if self.months.is_empty() { &[first.month()][..] } else { &self.months };
            return months.iter().filter_map(|month| Date::new(year, *month, first.day()).ok()).collect();
        }
        if !self.month_days.is_empty() {
            let is_wanted =
                |day: &Date| self.weekdays.is_empty() || self.weekdays.iter().any(|(_, one)| *one == day.weekday());
            let days = self.months_of(year).into_iter().flat_map(|month| {
                self.month_days.iter().filter_map(move |day| day_of_month(month, *day)).collect::<Vec<_>>()
            });
            return days.filter(is_wanted).collect();
        }
        let spans: Vec<(Date, Date)> = if self.months.is_empty() {
            Date::new(year, 1, 1).map(|first| (first, first.last_of_year())).into_iter().collect()
        } else {
            self.months_of(year).into_iter().map(|first| (first, first.last_of_month())).collect()
        };
        let of_span = |(first, last): (Date, Date)| {
            let which = self.weekdays.iter().filter_map(|(which, weekday)| Some(((*which)?, *weekday)));
            which.filter_map(move |(which, weekday)| nth(first, last, which, weekday)).collect::<Vec<_>>()
        };
        spans.into_iter().flat_map(of_span).collect()
    }

    /// The first of each month that counts.
    fn months_of(&self, year: i16) -> Vec<Date> {
        let all: Vec<i8> = (1..=12).collect();
        let months = if self.months.is_empty() { &all } else { &self.months };
        months.iter().filter_map(|month| Date::new(year, *month, 1).ok()).collect()
    }
}

/// `20261225`.
pub(super) fn date(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Date::new(text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..].parse().ok()?).ok()
}

fn list<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    // No list of these has more different values.
    const VALUES_MAX: usize = 62;
    let values: Vec<T> = text.split(',').map(read).collect::<Option<_>>()?;
    (values.len() <= VALUES_MAX).then_some(values)
}

fn number(text: &str, min: i8, max: i8) -> Option<i8> {
    text.parse().ok().filter(|number| (min..=max).contains(number) && *number != 0)
}

/// `MO`, `1MO`, `-1MO`.
fn weekday(text: &str) -> Option<(Option<i8>, Weekday)> {
    let (which, name) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let weekday = match name {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    };
    if which.is_empty() { Some((None, weekday)) } else { Some((Some(number(which, -53, 53)?), weekday)) }
}

fn day_of_month(month: Date, day: i8) -> Option<Date> {
    let day = if day < 0 { month.days_in_month() + 1 + day } else { day };
    Date::new(month.year(), month.month(), day).ok()
}

/// The `which`th such weekday from `first` to `last`, which is not 0; negative ones count from `last`.
fn nth(first: Date, last: Date, which: i8, weekday: Weekday) -> Option<Date> {
    let of = |day: Date| day.weekday().to_monday_zero_offset();
    let target = weekday.to_monday_zero_offset();
    let day = if which > 0 {
        let days: i64 = (target - of(first)).rem_euclid(7).into();
        first.checked_add((i64::from(which - 1) * 7 + days).days())
    } else {
        let days: i64 = (of(last) - target).rem_euclid(7).into();
        last.checked_sub((i64::from(-1 - which) * 7 + days).days())
    };
    day.ok().filter(|day| (first..=last).contains(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, rule: &str, first: &str, want: &[&str]) {
        let days = Yearly::parse(rule).and_then(|yearly| yearly.days(first.parse().unwrap(), 2026, 2027));
        let days: Vec<String> =
            days.unwrap_or_else(|why| panic!("{name}: {why}")).iter().map(Date::to_string).collect();
        assert_eq!(days, want, "{name}");
    }

    #[test]
    fn what_comes_yearly() {
        check("the same day", "FREQ=YEARLY", "1954-05-01", &["2026-05-01", "2027-05-01"]);
        check("from then on", "FREQ=YEARLY", "2027-05-01", &["2027-05-01"]);
        check("29 February", "FREQ=YEARLY", "2024-02-29", &[]);
        check("every other year", "FREQ=YEARLY;INTERVAL=2", "2024-05-01", &["2026-05-01"]);
        check("until", "FREQ=YEARLY;UNTIL=20261231T000000Z", "2020-05-01", &["2026-05-01"]);
        check("counted", "FREQ=YEARLY;COUNT=2", "2025-05-01", &["2026-05-01"]);
        check("counted to the end", "FREQ=YEARLY;COUNT=1", "2025-05-01", &[]);
        check("months", "FREQ=YEARLY;BYMONTH=1,7", "2026-07-14", &["2026-07-14", "2027-01-14", "2027-07-14"]);
        check("last of a month", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1", "2020-02-29", &["2026-02-28", "2027-02-28"]);
        check("Labor Day", "FREQ=YEARLY;BYMONTH=9;BYDAY=1MO", "2020-09-07", &["2026-09-07", "2027-09-06"]);
        check("Memorial Day", "FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO;WKST=SU", "2020-05-25", &["2026-05-25", "2027-05-31"]);
        check(
            "of the year",
            "FREQ=YEARLY;BYDAY=1MO,-1SU",
            "2026-01-05",
            &["2026-01-05", "2026-12-27", "2027-01-04", "2027-12-26"],
        );
        let election = "FREQ=YEARLY;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8";
        check("Election Day", election, "2020-11-03", &["2026-11-03", "2027-11-02"]);
        check("none such", "FREQ=YEARLY;BYMONTH=2;BYDAY=5MO", "2026-02-02", &["2026-02-02"]);
    }

    #[test]
    fn anything_else_says_why_not() {
        let cases = [
            ("FREQ=WEEKLY", "comes weekly"),
            ("FREQ=YEARLY;BYDAY=MO", "every week"),
            ("FREQ=YEARLY;BYEASTER=0", "BYEASTER"),
            ("FREQ=YEARLY;BYSETPOS=1", "BYSETPOS"),
            ("FREQ=YEARLY;BYMONTH=13", "BYMONTH"),
            ("FREQ=YEARLY;BYDAY=0MO", "BYDAY"),
            ("FREQ=YEARLY;BYDAY=é", "BYDAY"),
            ("FREQ=YEARLY;BYDAY=1MO;BYMONTHDAY=1", "beside BYMONTHDAY"),
            ("FREQ=YEARLY;INTERVAL=0", "INTERVAL"),
            ("FREQ=YEARLY;UNTIL=soon", "UNTIL"),
            ("BYMONTH=1", "FREQ is missing"),
            ("yearly", "no part of a rule"),
        ];
        for (rule, reason) in cases {
            let why = Yearly::parse(rule).unwrap_err();
            assert!(why.to_string().contains(reason), "{rule}: {why}");
        }
        let counted = Yearly::parse("FREQ=YEARLY;COUNT=5").unwrap();
        assert!(counted.days(Date::new(1700, 1, 1).unwrap(), 2026, 2027).is_err());
    }
}
