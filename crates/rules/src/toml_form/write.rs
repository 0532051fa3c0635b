//! Writing a rule set as TOML: for people to read and edit, and as the canonical form that its hash is made of. Defaults
//! are left out, so that what a later release adds changes no hash of a set that does not use it.

mod sample;
mod when;
mod words;

use std::fmt::Write as _;

use waypost_domain::calendar::{Calendar, Shift, Weekday};
use waypost_domain::team::{Priority, TeamHours, WhenClosed};
use waypost_domain::{Team, Timestamp};

use self::sample::sample;
use self::when::conjunct;
use self::words::keyword;
use crate::atom::Keyword;
use crate::model::{
    DefaultRoute, Definition, Document, EscalationStep, Handover, Move, OnUnknown, Outcome, Phase, Rule, Target,
};
use crate::word_lists::{WordList, WordLists};

/// Reads back as the same document.
pub fn write(document: &Document) -> String {
    let order: Vec<&Rule> = document.definition.rules.iter().collect();
    write_all(&document.definition, order, &document.teams, &document.calendars, &document.words)
}

/// The same text for the same rule set, in whatever order its rules are, and whatever lists its words are from.
pub fn canonical(definition: &Definition, teams: &[Team], calendars: &[Calendar]) -> String {
    let mut order: Vec<&Rule> = definition.rules.iter().collect();
    order.sort_by(|a, b| a.id.cmp(&b.id));
    write_all(definition, order, teams, calendars, &WordLists::default())
}

/// One rule alone, as `read_rules` reads it; the words of lists are written out.
pub fn write_rule(rule: &Rule) -> String {
    alone(|out| out.rule(rule, &WordLists::default()))
}

/// One calendar alone, as `read_calendars` reads it.
pub fn write_calendar(calendar: &Calendar) -> String {
    alone(|out| out.calendar(calendar))
}

pub(crate) fn write_default(default: &DefaultRoute) -> String {
    alone(|out| out.default_route(default))
}

pub(crate) fn write_handover(handover: &Handover) -> String {
    alone(|out| out.handover(handover))
}

pub(crate) fn write_team(team: &Team) -> String {
    alone(|out| out.team(team))
}

/// Each language on a line of its own.
pub(crate) fn write_word_list(name: &str, list: &WordList) -> String {
    alone(|out| match list.0.get("") {
        Some(words) => out.pair(&format!("words.{}", key(name)), &array(words.iter().map(keyword))),
        None => {
            out.line(&format!("[words.{}]", key(name)));
            out.languages(list);
        }
    })
}

/// One part of a document alone.
fn alone(write: impl FnOnce(&mut Out)) -> String {
    let mut out = Out(String::new());
    write(&mut out);
    out.0.trim_start().to_owned()
}

fn write_all(
    definition: &Definition,
    rules: Vec<&Rule>,
    teams: &[Team],
    calendars: &[Calendar],
    lists: &WordLists,
) -> String {
    let mut out = Out(String::with_capacity(256 * rules.len() + 1024));
    out.default_route(&definition.default);
    out.handover(&definition.handover);
    out.word_lists(lists);
    for team in teams {
        out.team(team);
    }
    for calendar in calendars {
        out.calendar(calendar);
    }
    for rule in rules {
        out.rule(rule, lists);
    }
    out.0
}

struct Out(String);

impl Out {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn pair(&mut self, key: &str, value: &str) {
        for part in [key, " = ", value, "\n"] {
            self.0.push_str(part);
        }
    }

    fn text(&mut self, key: &str, value: &str) {
        self.pair(key, &quote(value));
    }

    fn some_text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn list<T: AsRef<str>>(&mut self, key: &str, values: &[T]) {
        if !values.is_empty() {
            self.pair(key, &array(values.iter().map(|value| quote(value.as_ref()))));
        }
    }

    fn urgency(&mut self, urgency: Priority) {
        if urgency != Priority::Normal {
            self.text("urgency", urgency.as_str());
        }
    }

    fn instant(&mut self, key: &str, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.pair(key, &instant(at));
        }
    }

    fn default_route(&mut self, default: &DefaultRoute) {
        self.line("[default]");
        self.text("team", default.team.as_str());
        self.urgency(default.urgency);
    }

    fn handover(&mut self, handover: &Handover) {
        self.line("\n[handover]");
        self.text("team", handover.team.as_str());
        self.urgency(handover.urgency);
        self.list("buttons", &handover.buttons);
        if !handover.words.is_empty() {
            self.line("\n[handover.words]");
            for (language, words) in &handover.words {
                self.pair(&key(language), &array(words.iter().map(keyword)));
            }
        }
    }

    fn team(&mut self, team: &Team) {
        self.line("\n[[teams]]");
        self.text("name", team.name.as_str());
        self.some_text("title", team.title.as_deref());
        if !team.staffed {
            self.pair("staffed", "false");
        }
        self.some_text("overflow_team", team.overflow_team.as_ref().map(|team| team.as_str()));
        if team.confidential {
            self.pair("confidential", "true");
        }
        self.hours(team);
    }

    fn hours(&mut self, team: &Team) {
        if let Some(TeamHours { calendar, when_closed }) = &team.hours {
            self.text("hours", calendar.as_str());
            match when_closed {
                WhenClosed::Keep => {}
                WhenClosed::DecideAgain => self.text("when_closed", "decide_again"),
                WhenClosed::Team(team) => self.text("when_closed", team.as_str()),
            }
        }
        if let Some(hours) = team.reopen_within_hours {
            self.pair("reopen_within_hours", &hours.to_string());
        }
    }

    fn calendar(&mut self, calendar: &Calendar) {
        self.line("\n[[calendars]]");
        self.text("name", calendar.name.as_str());
        self.text("zone", &calendar.zone);
        let hours = calendar.hours.iter().map(|hours| {
            let days = array(hours.days.iter().map(|day: &Weekday| quote(day.as_str())));
            format!("{{ days = {days}, {} }}", shift(&hours.shift))
        });
        self.pair("hours", &array(hours));
        if !calendar.holidays.is_empty() {
            let holidays = calendar.holidays.iter().map(|holiday| {
                let hours = array(holiday.shifts.iter().map(|one| format!("{{ {} }}", shift(one))));
                format!("{{ date = {}, name = {}, hours = {hours} }}", holiday.date, quote(&holiday.name))
            });
            self.pair("holidays", &array(holidays));
        }
    }

    /// Those of no language first, because they share a heading.
    fn word_lists(&mut self, lists: &WordLists) {
        let words = |words: &[Keyword]| array(words.iter().map(keyword));
        let plain = || lists.iter().filter_map(|(name, list)| Some((name, list.0.get("")?)));
        if plain().next().is_some() {
            self.line("\n[words]");
        }
        for (name, of_no_language) in plain() {
            self.pair(&key(name), &words(of_no_language));
        }
        for (name, list) in lists.iter().filter(|(_, list)| !list.0.contains_key("")) {
            self.line(&format!("\n[words.{}]", key(name)));
            self.languages(list);
        }
    }

    fn languages(&mut self, list: &WordList) {
        for (language, of_language) in &list.0 {
            self.pair(&key(language), &array(of_language.iter().map(keyword)));
        }
    }

    fn rule(&mut self, rule: &Rule, lists: &WordLists) {
        self.line("\n[[rules]]");
        self.text("id", &rule.id);
        self.some_text("name", rule.name.as_deref());
        if rule.phase != Phase::Route {
            self.text("phase", rule.phase.as_str());
        }
        if rule.priority != 0 {
            self.pair("priority", &rule.priority.to_string());
        }
        if !rule.enabled {
            self.pair("enabled", "false");
        }
        self.instant("valid_from", rule.valid_from);
        self.instant("valid_until", rule.valid_until);
        match rule.when.as_slice() {
            [one] => self.pair("when", &conjunct(one, lists)),
            many => self.pair("when", &array(many.iter().map(|one| conjunct(one, lists)))),
        }
        if rule.on_unknown != OnUnknown::NoMatch {
            self.text("on_unknown", rule.on_unknown.as_str());
        }
        self.some_text("move", rule.moves.map(Move::as_str));
        self.outcome(&rule.outcome);
        if !rule.samples.is_empty() {
            self.pair("samples", &array(rule.samples.iter().map(sample)));
        }
    }

    fn outcome(&mut self, outcome: &Outcome) {
        match &outcome.target {
            None => {}
            Some(Target::Team(team)) => self.text("team", team.as_str()),
            Some(Target::Person(person)) => {
                self.text("team", person.team.as_str());
                self.text("person", &person.attribute);
                self.some_text("fallback_team", person.fallback_team.as_ref().map(|team| team.as_str()));
            }
            Some(Target::Split(shares)) => {
                let shares = shares.iter().map(|share| (key(share.team.as_str()), share.percent.to_string()));
                self.pair("split", &table(shares));
            }
        }
        self.some_text("urgency", outcome.urgency.map(Priority::as_str));
        self.list("tags", &outcome.tags);
        self.list("skills", &outcome.skills);
        if !outcome.escalation.is_empty() {
            self.pair("escalation", &array(outcome.escalation.iter().map(step)));
        }
    }
}

fn step(step: &EscalationStep) -> String {
    let mut entries = vec![("after_minutes", step.after_minutes.to_string())];
    entries.extend(step.clock.iter().map(|clock| ("clock", quote(clock.as_str()))));
    entries.push(("team", quote(step.team.as_str())));
    table(entries)
}

fn shift(shift: &Shift) -> String {
    format!("from = \"{}\", to = \"{}\"", shift.from, shift.to)
}

/// As a rules file has it.
pub(crate) fn instant(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default().to_string()
}

fn array(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    match items.as_slice() {
        [] => "[]".to_owned(),
        items => format!("[{}]", items.join(", ")),
    }
}

fn table<K: AsRef<str>>(entries: impl IntoIterator<Item = (K, String)>) -> String {
    let entries: Vec<String> = entries.into_iter().map(|(key, value)| format!("{} = {value}", key.as_ref())).collect();
    if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
}

fn key(text: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !text.is_empty() && text.bytes().all(bare) { text.to_owned() } else { quote(text) }
}

fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => drop(write!(quoted, "\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
