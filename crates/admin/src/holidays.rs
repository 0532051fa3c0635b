//! Holidays out of an iCalendar text (RFC 5545): which days of which years, and what was left out and why. A function of
//! its arguments; takes nothing that it does not understand.
//!
//! Only content lines, components and yearly rules are read, and that without recursion. The parsers on crates.io either
//! descend into nested components on the stack, which a small text exhausts, or bring a second library of times.

mod content_line;
mod recurrence;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;
use waypost_domain::calendar::Date;

use self::content_line::{Property, property, unfold};
use self::recurrence::{Yearly, date};

/// Of a text at most.
const EVENTS_MAX: usize = 5_000;
/// Told at most.
const PROBLEMS_MAX: usize = 20;
/// Of a holiday's name.
const NAME_CHARS_MAX: usize = 200;
/// Of one event.
const DAYS_MAX: i64 = 366;
const DAY_H: i64 = 24;

/// What a text holds for some years.
#[derive(Debug, Default)]
pub(crate) struct Holidays {
    pub(crate) days: BTreeMap<Date, Found>,
    pub(crate) skipped: Vec<Skipped>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Of the first event of that day, from 1.
    pub(crate) line: usize,
    pub(crate) name: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Skipped {
    pub(crate) line: usize,
    pub(crate) summary: String,
    pub(crate) date: Option<Date>,
    pub(crate) reason: String,
}

/// Why an event is left out: its author changes it, or adds the days by hand.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct LeftOut(String);

impl From<&str> for LeftOut {
    fn from(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

impl From<String> for LeftOut {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}

/// The days of `years`, of which there is at least one. The error is all that keeps `text` from being a calendar, with
/// its lines.
pub(crate) fn read(text: &str, years: &BTreeSet<i16>) -> Result<Holidays, Vec<String>> {
    let events = events(text)?;
    let replaced = replaced(&events);
    let mut holidays = Holidays::default();
    for event in &events {
        let summary = event.get("SUMMARY").map(|summary| summary.text(NAME_CHARS_MAX)).unwrap_or_default();
        match event.days(years, &replaced) {
            Ok(days) => {
                for day in days {
                    holidays.add(day, event.line, &summary);
                }
            }
            Err(LeftOut(reason)) => {
                holidays.skipped.push(Skipped { line: event.line, summary, date: None, reason });
            }
        }
    }
    Ok(holidays)
}

impl Holidays {
    /// Several events of one day are one holiday.
    fn add(&mut self, day: Date, line: usize, name: &str) {
        let found = self.days.entry(day).or_insert_with(|| Found { line, name: name.to_owned() });
        if found.name.split(" / ").all(|known| known != name) && !name.is_empty() {
            let both = if found.name.is_empty() { name.to_owned() } else { format!("{} / {name}", found.name) };
            found.name = both.chars().take(NAME_CHARS_MAX).collect();
        }
    }
}

struct Event {
    line: usize,
    properties: Vec<Property>,
}

impl Event {
    fn get(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    fn uid(&self) -> &str {
        self.get("UID").map_or("", |uid| &uid.value)
    }

    /// The days of `years`; the error says why there are none. `replaced`: single days of a series that have an event of
    /// their own.
    fn days(&self, years: &BTreeSet<i16>, replaced: &BTreeSet<(&str, civil::Date)>) -> Result<BTreeSet<Date>, LeftOut> {
        if self.get("STATUS").is_some_and(|status| status.value.eq_ignore_ascii_case("CANCELLED")) {
            return Err("is cancelled".into());
        }
        let first = whole_day(self.get("DTSTART").ok_or("has no DTSTART")?)?;
        let length = self.length(first)?;
        let (Some(from), Some(to)) = (years.first().copied(), years.last().copied()) else {
            return Ok(BTreeSet::new());
        };
        let is_series = self.get("RECURRENCE-ID").is_none();
        let mut starts = match self.get("RRULE") {
            // What began in December may last into January.
            Some(rule) if is_series => {
                if self.properties.iter().filter(|property| property.name == "RRULE").count() > 1 {
                    return Err("has more than one RRULE".into());
                }
                Yearly::parse(&rule.value)?.days(first, from - 1, to)?
            }
            _ => vec![first],
        };
        if self.get("RDATE").is_some() {
            return Err("has RDATE, which is not taken; give each day an event of its own".into());
        }
        let left_out = self.left_out()?;
        starts.retain(|day| !(left_out.contains(day) || is_series && replaced.contains(&(self.uid(), *day))));
        let mut days = BTreeSet::new();
        for start in starts {
            let mut day = Some(start);
            for _ in 0..length {
                let Some(one) = day else { break };
                if years.contains(&one.year()) {
                    days.extend(ours(one));
                }
                day = one.tomorrow().ok();
            }
        }
        if days.is_empty() {
            let years: Vec<String> = years.iter().map(ToString::to_string).collect();
            return Err(format!("is not in {}", years.join(", ")).into());
        }
        Ok(days)
    }

    /// In days, by DTEND, which is the day behind the last, or by DURATION.
    fn length(&self, first: civil::Date) -> Result<i64, LeftOut> {
        let days = if let Some(end) = self.get("DTEND") {
            let days = first.duration_until(whole_day(end)?).as_hours() / DAY_H;
            // Some write the last day itself.
            if days == 0 { 1 } else { days }
        } else if let Some(duration) = self.get("DURATION") {
            let text = duration.value.trim().trim_start_matches('+');
            let read = |unit: char| text.strip_prefix('P')?.strip_suffix(unit)?.parse::<u16>().ok().map(i64::from);
            let days = read('D').or_else(|| read('W').map(|weeks| weeks * 7));
            days.ok_or_else(|| format!("DURATION {text:?} is no number of days or weeks"))?
        } else {
            1
        };
        match days {
            1..=DAYS_MAX => Ok(days),
            ..1 => Err("ends before it begins".into()),
            _ => Err(format!("lasts {days} days; at most {DAYS_MAX}").into()),
        }
    }

    /// Days on which the series does not come.
    fn left_out(&self) -> Result<BTreeSet<civil::Date>, LeftOut> {
        let mut days = BTreeSet::new();
        for property in self.properties.iter().filter(|property| property.name == "EXDATE") {
            for one in property.value.split(',') {
                let day = one.get(..8).and_then(date).ok_or_else(|| format!("EXDATE {one:?} is no date"))?;
                days.insert(day);
            }
        }
        Ok(days)
    }
}

/// A date without a time of day.
fn whole_day(property: &Property) -> Result<civil::Date, LeftOut> {
    let (name, value) = (&property.name, property.value.trim());
    if value.contains('T') || property.parameter("VALUE").is_some_and(|kind| !kind.eq_ignore_ascii_case("DATE")) {
        return Err("has a time of day; only whole days are holidays".into());
    }
    date(value).ok_or_else(|| format!("{name} {value:?} is no date").into())
}

fn ours(day: civil::Date) -> Option<Date> {
    Date::new(u16::try_from(day.year()).ok()?, day.month().unsigned_abs(), day.day().unsigned_abs())
}

/// The days that an event with a RECURRENCE-ID stands for.
fn replaced(events: &[Event]) -> BTreeSet<(&str, civil::Date)> {
    let replaced = events.iter().filter_map(|event| {
        let day = event.get("RECURRENCE-ID")?.value.get(..8).and_then(date)?;
        Some((event.uid(), day))
    });
    replaced.collect()
}

/// The events of all calendars in the text.
fn events(text: &str) -> Result<Vec<Event>, Vec<String>> {
    let mut reader = Reader::default();
    for (number, line) in unfold(text) {
        match property(number, &line) {
            Some(property) => reader.take(property),
            None => reader.refuse(number, "is no NAME:value"),
        }
        if reader.problems.len() >= PROBLEMS_MAX {
            break;
        }
    }
    reader.end()
}

#[derive(Default)]
struct Reader {
    /// What is open, with its line.
    open: Vec<(String, usize)>,
    has_calendar: bool,
    events: Vec<Event>,
    problems: Vec<String>,
}

impl Reader {
    fn refuse(&mut self, line: usize, problem: &str) {
        self.problems.push(format!("line {line}: {problem}"));
    }

    fn take(&mut self, property: Property) {
        let (line, name) = (property.line, property.value.trim().to_ascii_uppercase());
        match property.name.as_str() {
            "BEGIN" => {
                if self.open.is_empty() && name != "VCALENDAR" {
                    self.refuse(line, "begins outside of a VCALENDAR");
                }
                self.has_calendar = true;
                if name == "VEVENT" && self.open.len() == 1 {
                    self.events.push(Event { line, properties: Vec::new() });
                }
                self.open.push((name, line));
            }
            "END" => match self.open.pop() {
                Some((open, _)) if open == name => {}
                Some((open, since)) => {
                    self.refuse(line, &format!("ends {name:.40}, but {open:.40} is open since line {since}"))
                }
                None => self.refuse(line, "ends what did not begin"),
            },
            _ if self.open.is_empty() => self.refuse(line, "is outside of a VCALENDAR"),
            _ => {
                let is_events = self.open.len() == 2 && self.open[1].0 == "VEVENT";
                if let Some(event) = self.events.last_mut().filter(|_| is_events) {
                    event.properties.push(property);
                }
            }
        }
    }

    fn end(mut self) -> Result<Vec<Event>, Vec<String>> {
        if let Some((name, line)) = self.open.pop().filter(|_| self.problems.is_empty()) {
            self.refuse(line, &format!("{name:.40} does not end"));
        }
        if !self.has_calendar {
            // Of what is something else, what is wrong with its lines says nothing.
            self.problems.clear();
            self.refuse(1, "BEGIN:VCALENDAR is missing: this is no iCalendar file (.ics)");
        }
        if self.events.len() > EVENTS_MAX {
            self.problems.push(format!("{} events; at most {EVENTS_MAX}", self.events.len()));
        }
        if self.problems.is_empty() { Ok(self.events) } else { Err(self.problems) }
    }
}

#[cfg(test)]
mod tests;
