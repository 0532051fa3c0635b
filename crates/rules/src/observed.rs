//! What a condition looked at, in words: what the customer wrote, what is known of them, what time it was. For
//! explanations alone: it must never become part of a decision's reason, which is kept.

use waypost_domain::{CalendarName, TeamName, Timestamp};

use crate::atom::{Amount, Atom, Field, Parts, ZoneOf};
use crate::compile::RuleSet;
use crate::evaluate::FieldValue;
use crate::input::RouteInput;
use crate::percent;

/// Characters of a customer's words or value that are shown.
const SHOWN_CHARS_MAX: usize = 80;
const NOT_KNOWN: &str = "not known";

/// What was there, where a condition says what was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actual {
    /// What the customer wrote, or what is known of them.
    OfCustomer(String),
    /// Of the message's way, or of ourselves.
    Other(String),
    /// Left out: whoever asks may not read contacts.
    Hidden,
}

impl Actual {
    fn unknown(what: &str) -> Self {
        Self::Other(what.to_owned())
    }

    /// Without what only those see who may read contacts.
    pub(crate) fn without_customer(self) -> Self {
        match self {
            Self::OfCustomer(_) | Self::Hidden => Self::Hidden,
            Self::Other(words) => Self::Other(words),
        }
    }
}

impl RuleSet {
    pub(crate) fn observed(&self, atom: &Atom, input: &RouteInput) -> Actual {
        match atom {
            Atom::Keyword { within, .. } | Atom::Regex { within, .. } => words(input, *within),
            Atom::OnlyEmoji => words(input, Parts::OWN),
            Atom::Value { field, .. } | Atom::Exists(field) => value(field, input),
            Atom::Range { attribute, .. } => amount(attribute, input),
            Atom::Open { calendar, zone: ZoneOf::Calendar } => {
                Actual::Other(self.time_of(calendar, input.received_at).unwrap_or_else(no_time))
            }
            Atom::Open { calendar, zone: ZoneOf::Customer } => self.time_of_customer(calendar, input),
            Atom::UtcOffset(_) => self.utc_offset(input),
            Atom::PreviousTeam { .. } => Actual::Other(match &input.previous_team {
                Some(before) => format!("it was with {}, {} ago", before.team, hours(before.age_s)),
                None => "there was none".to_owned(),
            }),
            Atom::WindowLeft(_) => Actual::Other(match input.window_left_s {
                Some(left_s) => format!("it is {}", left_s.max(0) / 60),
                None => "no window is open".to_owned(),
            }),
            Atom::FirstContact => said(input.first_contact, "they never wrote before", "they wrote before"),
            Atom::Forwarded | Atom::Quoted => {
                let is_so = if matches!(atom, Atom::Forwarded) { input.forwarded } else { input.quoted };
                said(is_so, "it is", "it is not")
            }
            Atom::Percent(_) if input.contact_key.is_empty() => Actual::unknown("who it is is not known"),
            Atom::Percent(range) => {
                Actual::Other(format!("this one is {}", percent::bucket(&range.seed, &input.contact_key)))
            }
            Atom::TeamOpen(teams) => Actual::Other(each(teams, |team| self.hours_of(team, input.received_at))),
            Atom::TeamStaffed(teams) => Actual::Other(each(teams, |team| match input.queues.staffed.get(team) {
                Some(true) => format!("somebody reads the queue of {team}"),
                Some(false) => format!("nobody reads the queue of {team}"),
                None => format!("{team}: {NOT_KNOWN}"),
            })),
            Atom::TeamWaiting { teams, .. } => {
                Actual::Other(each(teams, |team| match input.queues.waiting.get(team) {
                    Some(waiting) => format!("{waiting} wait for {team}"),
                    None => format!("{team}: {NOT_KNOWN}"),
                }))
            }
        }
    }

    /// The wall-clock time at which this set's calendars are asked, one for each zone; in UTC where there are none.
    pub(crate) fn local_times(&self, at: Timestamp) -> Vec<String> {
        let mut zones: Vec<&str> = self.calendars().iter().map(|calendar| calendar.zone.as_str()).collect();
        zones.sort_unstable();
        zones.dedup();
        if zones.is_empty() {
            zones.push("UTC");
        }
        zones.into_iter().filter_map(|zone| self.environment.clocks.local_time(zone, at)).collect()
    }

    /// `it is Mon 2026-01-12 23:00 in Europe/Madrid`.
    fn time_of(&self, name: &CalendarName, at: Option<Timestamp>) -> Option<String> {
        let zone = &self.calendars().iter().find(|calendar| calendar.name == *name)?.zone;
        self.time_in(name, zone, at?)
    }

    fn time_in(&self, name: &CalendarName, zone: &str, at: Timestamp) -> Option<String> {
        let clocks = &self.environment.clocks;
        let calendar = self.calendars().iter().find(|calendar| calendar.name == *name)?;
        let date = clocks.local_date(zone, at)?;
        let holiday = calendar.holidays.iter().find(|holiday| holiday.date.to_string() == date);
        let holiday = holiday.map(|holiday| format!(", a holiday ({})", holiday.name)).unwrap_or_default();
        Some(format!("it is {}{holiday}", clocks.local_time(zone, at)?))
    }

    fn time_of_customer(&self, calendar: &CalendarName, input: &RouteInput) -> Actual {
        let Some(at) = input.received_at else { return Actual::Other(no_time()) };
        let Some(zone) = &input.zone else { return Actual::unknown("the customer's time zone is not known") };
        let no_zone = || format!("{} is no time zone", quoted(zone));
        Actual::OfCustomer(self.time_in(calendar, zone, at).unwrap_or_else(no_zone))
    }

    fn utc_offset(&self, input: &RouteInput) -> Actual {
        let Some(at) = input.received_at else { return Actual::Other(no_time()) };
        let Some(zone) = &input.zone else { return Actual::unknown("the customer's time zone is not known") };
        Actual::OfCustomer(match self.environment.clocks.utc_offset_minutes(zone, at) {
            Some(minutes) => format!("it is {minutes}, in {zone}"),
            None => format!("{} is no time zone", quoted(zone)),
        })
    }

    fn hours_of(&self, team: &TeamName, at: Option<Timestamp>) -> String {
        let Some(hours) = self.team(team).and_then(|team| team.hours.as_ref()) else {
            return format!("{team} has no hours");
        };
        let time = self.time_of(&hours.calendar, at).unwrap_or_else(no_time);
        format!("{time}, for {team} ({})", hours.calendar)
    }
}

fn no_time() -> String {
    "the time is not known".to_owned()
}

fn said(holds: bool, yes: &str, no: &str) -> Actual {
    Actual::Other(if holds { yes } else { no }.to_owned())
}

/// Of a team, or of several.
fn each(teams: &[TeamName], tell: impl Fn(&TeamName) -> String) -> String {
    teams.iter().map(tell).collect::<Vec<_>>().join("; ")
}

/// All that stood in these parts of the message.
fn words(input: &RouteInput, within: Parts) -> Actual {
    let parts = input.parts().filter(|(part, text)| within.contains(*part) && !text.trim().is_empty());
    let said: Vec<&str> = parts.map(|(_, text)| text).collect();
    match &said[..] {
        [] if within == Parts::OWN => Actual::Other("the message has no words".to_owned()),
        [] => Actual::Other("it has no words there".to_owned()),
        said => Actual::OfCustomer(format!("it says {}", quoted(&said.join(" / ")))),
    }
}

fn value(field: &Field, input: &RouteInput) -> Actual {
    let value = match field.of(input) {
        FieldValue::Unknown => return Actual::unknown(NOT_KNOWN),
        FieldValue::Absent => return Actual::Other("there is none".to_owned()),
        FieldValue::Known("") => return Actual::Other("it is empty".to_owned()),
        FieldValue::Known(value) => format!("it is {}", quoted(value)),
    };
    match field {
        Field::Number | Field::MessageType | Field::OpenTeam | Field::Binding | Field::LanguageSource => {
            Actual::Other(value)
        }
        Field::Language
        | Field::Country
        | Field::Reply
        | Field::ReplyTemplate
        | Field::ReferralId
        | Field::ReferralType
        | Field::ReferralUrl
        | Field::Form(_)
        | Field::Group
        | Field::Attribute(_) => Actual::OfCustomer(value),
    }
}

fn amount(attribute: &str, input: &RouteInput) -> Actual {
    let Some(value) = input.attributes.get(attribute) else { return Actual::unknown(NOT_KNOWN) };
    let is_number = Amount::parse_value(value).is_some();
    let what = if is_number { "" } else { ", which is no number" };
    Actual::OfCustomer(format!("it is {}{what}", quoted(value)))
}

/// On one line, and not longer than somebody wants to read of it.
fn quoted(text: &str) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let shown: String = chars.by_ref().take(SHOWN_CHARS_MAX).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    format!("\"{shown}{more}\"")
}

fn hours(age_s: i64) -> String {
    match age_s / 3600 {
        0 => format!("{} min", age_s.max(0) / 60),
        hours => format!("{hours} h"),
    }
}
