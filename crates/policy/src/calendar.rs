//! Days and months in UTC, by which prices hold and budgets end.

use std::fmt;

use jiff::tz::TimeZone;
use waypost_domain::Timestamp;
use waypost_domain::calendar::Date;

/// A calendar month in UTC: `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    first: Date,
}

impl Month {
    pub const fn of(day: Date) -> Self {
        match Date::new(day.year(), day.month(), 1) {
            Some(first) => Self { first },
            None => Self { first: day },
        }
    }

    /// `2026-11`.
    pub fn parse(text: &str) -> Option<Self> {
        Date::parse(&format!("{text}-01")).map(|first| Self { first })
    }

    pub const fn first(self) -> Date {
        self.first
    }

    /// The one after it; itself at the end of time.
    pub fn next(self) -> Self {
        let (year, month) = (self.first.year(), self.first.month());
        let next = if month == 12 { Date::new(year + 1, 1, 1) } else { Date::new(year, month + 1, 1) };
        next.map_or(self, |first| Self { first })
    }

    /// Its first moment.
    pub fn begins_at(self) -> Timestamp {
        let day = civil(self.first).to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp().as_millisecond());
        Timestamp::from_millis(day.unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.first.year(), self.first.month())
    }
}

/// The day of a moment, in UTC.
pub fn day_of(at: Timestamp) -> Date {
    let instant = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(jiff::Timestamp::MAX);
    let day = TimeZone::UTC.to_datetime(instant).date();
    let part = |value: i8| u8::try_from(value).unwrap_or(1);
    let day = u16::try_from(day.year()).ok().and_then(|year| Date::new(year, part(day.month()), part(day.day())));
    day.unwrap_or(Date::FIRST)
}

pub(crate) fn civil(day: Date) -> jiff::civil::Date {
    let (month, of_month) = (day.month().cast_signed(), day.day().cast_signed());
    let year = i16::try_from(day.year()).unwrap_or(i16::MAX);
    jiff::civil::Date::new(year, month, of_month).unwrap_or(jiff::civil::Date::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_utc() {
        let at = |text: &str| Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        for (moment, month, next) in [
            ("2026-11-30T23:59:59.999Z", "2026-11", "2026-12-01T00:00:00Z"),
            ("2026-12-01T00:00:00Z", "2026-12", "2027-01-01T00:00:00Z"),
            ("2024-02-29T12:00:00Z", "2024-02", "2024-03-01T00:00:00Z"),
            ("2028-02-29T23:59:59.999Z", "2028-02", "2028-03-01T00:00:00Z"),
            ("2028-03-01T00:00:00Z", "2028-03", "2028-04-01T00:00:00Z"),
            ("2100-02-28T23:59:59.999Z", "2100-02", "2100-03-01T00:00:00Z"),
            ("2027-12-31T23:59:59.999Z", "2027-12", "2028-01-01T00:00:00Z"),
            ("2028-01-01T00:00:00Z", "2028-01", "2028-02-01T00:00:00Z"),
            // Madrid is in April then, and in November; the budget's months are those of UTC.
            ("2027-03-31T22:30:00Z", "2027-03", "2027-04-01T00:00:00Z"),
            ("2027-10-31T23:30:00Z", "2027-10", "2027-11-01T00:00:00Z"),
        ] {
            let found = Month::of(day_of(at(moment)));
            assert_eq!(found.to_string(), month);
            assert_eq!(Month::parse(month), Some(found));
            assert_eq!(found.next().begins_at(), at(next), "{moment}");
        }
        for text in ["", "2026", "2026-13", "2026-1", "2026-11-01"] {
            assert_eq!(Month::parse(text), None, "{text}");
        }
    }
}
