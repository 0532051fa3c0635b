//! Calendars: when people work, as a support manager writes it down. Times are local to the calendar's zone; which
//! instants they are is worked out where zones are known (`waypost-rules`), never here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A calendar's name: a slug like a team's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarName(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("calendar name {0:?} must be 1 to 64 characters of a-z, 0-9 and '-', starting with a letter or digit")]
pub struct InvalidCalendarName(String);

impl CalendarName {
    pub const LENGTH_MAX: usize = 64;

    pub fn new(name: impl Into<String>) -> Result<Self, InvalidCalendarName> {
        let name = name.into();
        let slug = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let valid =
            !name.is_empty() && name.len() <= Self::LENGTH_MAX && name.bytes().all(slug) && !name.starts_with('-');
        if valid { Ok(Self(name)) } else { Err(InvalidCalendarName(name)) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CalendarName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    pub name: CalendarName,
    /// IANA name, e.g. `Europe/Madrid`.
    pub zone: String,
    pub hours: Vec<WeeklyHours>,
    pub holidays: Vec<Holiday>,
}

/// Shifts on some days of every week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeeklyHours {
    pub days: Vec<Weekday>,
    pub shift: Shift,
}

/// From a minute of the day to another one, which is the next day's where it is not later. A shift belongs to the day
/// on which it begins, so that a holiday takes the night shift that begins on it, and leaves the one that ends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shift {
    pub from: TimeOfDay,
    pub to: TimeOfDay,
}

/// A date with hours of its own; none means closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holiday {
    pub date: Date,
    pub name: String,
    pub shifts: Vec<Shift>,
}

/// Minutes since midnight, 0 to 1440 (`24:00`, as the end of a shift).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    pub const END: Self = Self(24 * 60);

    pub const fn from_minutes(minutes: u16) -> Option<Self> {
        if minutes <= Self::END.0 { Some(Self(minutes)) } else { None }
    }

    pub const fn minutes(self) -> u16 {
        self.0
    }

    /// `09:30`.
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
        if minute < 60 { Self::from_minutes(hour * 60 + minute) } else { None }
    }
}

fn two_digits(text: &str) -> Option<u16> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A day of the proleptic Gregorian calendar, 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// No day is before it.
    pub const FIRST: Self = Self { year: 1970, month: 1, day: 1 };

    pub const fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if year < 1970 || year > 9999 || day < 1 || day > days { None } else { Some(Self { year, month, day }) }
    }

    /// `2026-12-25`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if year.len() != 4 || !year.bytes().all(|byte| byte.is_ascii_digit()) || parts.next().is_some() {
            return None;
        }
        Self::new(year.parse().ok()?, two_digits(month)?.try_into().ok()?, two_digits(day)?.try_into().ok()?)
    }

    pub const fn year(self) -> u16 {
        self.year
    }

    pub const fn month(self) -> u8 {
        self.month
    }

    pub const fn day(self) -> u8 {
        self.day
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl fmt::Display for Weekday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Weekday {
    pub const ALL: [Self; 7] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monday => "mon",
            Self::Tuesday => "tue",
            Self::Wednesday => "wed",
            Self::Thursday => "thu",
            Self::Friday => "fri",
            Self::Saturday => "sat",
            Self::Sunday => "sun",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|day| day.as_str() == text)
    }
}

/// A text that is no time, date or day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {kind}; write it like {like}")]
pub struct NotOfCalendar {
    text: String,
    kind: &'static str,
    like: &'static str,
}

/// As texts, wherever one of them is stored.
macro_rules! as_text {
    ($type:ty, $kind:literal, $like:literal) => {
        impl TryFrom<String> for $type {
            type Error = NotOfCalendar;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text).ok_or(NotOfCalendar { text, kind: $kind, like: $like })
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

as_text!(TimeOfDay, "time", "09:30");
as_text!(Date, "date", "2026-12-25");
as_text!(Weekday, "day", "mon");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_dates_read_as_they_are_written() {
        for good in ["00:00", "09:30", "23:59", "24:00"] {
            assert_eq!(TimeOfDay::parse(good).unwrap().to_string(), good);
        }
        for bad in ["", "9:30", "24:01", "12:60", "+1:30", "12:3a", "12"] {
            assert_eq!(TimeOfDay::parse(bad), None, "{bad}");
        }
        for good in ["1970-01-01", "2024-02-29", "2000-02-29", "2026-12-31"] {
            assert_eq!(Date::parse(good).unwrap().to_string(), good);
        }
        for bad in ["1969-12-31", "2026-02-29", "1900-02-29", "2026-13-01", "2026-04-31", "2026-1-1", "2026-01-01-1"] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_have_short_names() {
        for day in Weekday::ALL {
            assert_eq!(Weekday::parse(day.as_str()), Some(day));
        }
        assert_eq!(Weekday::parse("monday"), None);
    }

    #[test]
    fn they_are_stored_as_they_are_written() {
        let json =
            serde_json::to_string(&(Date::new(2026, 12, 25), TimeOfDay::parse("20:30"), Weekday::Sunday)).unwrap();
        assert_eq!(json, r#"["2026-12-25","20:30","sun"]"#);
        assert_eq!(serde_json::from_str::<Weekday>("\"sun\"").unwrap(), Weekday::Sunday);
        let error = serde_json::from_str::<TimeOfDay>("\"8:00\"").unwrap_err().to_string();
        assert!(error.starts_with("\"8:00\" is no time; write it like 09:30"), "{error}");
    }
}
