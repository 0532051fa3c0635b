//! Writing a rule set as TOML: for people to read and edit, and as the canonical form that its hash is made of. Defaults
//! are left out, so that what a later release adds changes no hash of a set that does not use it.

mod when;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use waypost_domain::calendar::{Calendar, Shift, Weekday};
use waypost_domain::message::Part;
use waypost_domain::team::{Priority, TeamHours, WhenClosed};
use waypost_domain::{Binding, LanguageSource, Team, Timestamp};

use self::when::{conjunct, keyword};
use crate::atom::Keyword;
use crate::model::{
    Definition, Document, EscalationStep, Expect, Move, OnUnknown, Outcome, Phase, Rule, Sample, Target,
};
use crate::word_lists::WordLists;

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
    let mut out = Out(String::new());
    out.rule(rule, &WordLists::default());
    out.0.trim_start().to_owned()
}

/// One calendar alone, as `read_calendars` reads it.
pub fn write_calendar(calendar: &Calendar) -> String {
    let mut out = Out(String::new());
    out.calendar(calendar);
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
    out.line("[default]");
    out.text("team", definition.default.team.as_str());
    out.urgency(definition.default.urgency);
    out.line("\n[handover]");
    out.text("team", definition.handover.team.as_str());
    out.urgency(definition.handover.urgency);
    out.list("buttons", &definition.handover.buttons);
    if !definition.handover.words.is_empty() {
        out.line("\n[handover.words]");
        for (language, words) in &definition.handover.words {
            out.pair(&key(language), &array(words.iter().map(keyword)));
        }
    }
    out.word_lists(lists);
    for team in teams {
        out.line("\n[[teams]]");
        out.text("name", team.name.as_str());
        out.some_text("title", team.title.as_deref());
        if !team.staffed {
            out.pair("staffed", "false");
        }
        out.some_text("overflow_team", team.overflow_team.as_ref().map(|team| team.as_str()));
        out.hours(team);
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
            for (language, of_language) in &list.0 {
                self.pair(&key(language), &words(of_language));
            }
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

fn sample(sample: &Sample) -> String {
    let input = &sample.input;
    let mut entries: Vec<(&str, String)> = Vec::new();
    let mut text = |key: &'static str, value: Option<&str>| {
        entries.extend(value.map(|value| (key, quote(value))));
    };
    text("text", input.text.as_deref());
    text("type", (input.message_type != "text").then_some(&input.message_type));
    text("number", (!input.number.is_empty()).then_some(&input.number));
    text("group", input.group_id.as_deref());
    text("reply", input.reply_id.as_deref());
    text("template", input.reply_template.as_deref());
    if let Some(referral) = &input.referral {
        text("referral", referral.source_id.as_deref());
        text("referral_type", referral.source_type.as_deref());
        text("referral_url", referral.source_url.as_deref());
    }
    text("language", input.language.as_deref());
    text("language_source", input.language_source.map(LanguageSource::as_str));
    text("country", input.country.as_deref());
    text("zone", input.zone.as_deref());
    text("contact", (!input.contact_key.is_empty()).then_some(&input.contact_key));
    text("previous_team", input.previous_team.as_ref().map(|before| before.team.as_str()));
    text("open_team", input.open.as_ref().map(|open| open.team.as_str()));
    let urgent = input.open.as_ref().filter(|open| open.priority == Priority::Urgent);
    text("open_urgency", urgent.map(|open| open.priority.as_str()));
    let unlike_firm = input.open.as_ref().filter(|open| open.binding != Binding::Firm);
    text("open_binding", unlike_firm.map(|open| open.binding.as_str()));
    if input.open.as_ref().is_some_and(|open| !open.waits) {
        entries.push(("open_waits", "false".to_owned()));
    }
    if input.referral.is_some() {
        entries.push(("referred", "true".to_owned()));
    }
    if !input.words.is_empty() {
        let mut words: BTreeMap<Part, Vec<&str>> = BTreeMap::new();
        for one in &input.words {
            words.entry(one.part).or_default().push(&one.text);
        }
        entries.push(("words", table(words.iter().map(|(part, texts)| (part.as_str(), quote(&texts.join("\n")))))));
    }
    if !input.form.is_empty() {
        entries.push(("form", table(input.form.iter().map(|(name, value)| (key(name), quote(value))))));
    }
    for (name, holds) in [("forwarded", input.forwarded), ("quoted", input.quoted)] {
        entries.extend(holds.then(|| (name, "true".to_owned())));
    }
    if !input.attributes.is_empty() {
        let attributes = input.attributes.iter().map(|(name, value)| (key(name), quote(value)));
        entries.push(("attribute", table(attributes)));
    }
    entries.extend(input.received_at.map(|at| ("at", instant(at))));
    entries.extend(input.previous_team.as_ref().map(|before| ("previous_age_s", before.age_s.to_string())));
    entries.extend(input.window_left_s.map(|left| ("window_left_s", left.to_string())));
    if input.first_contact {
        entries.push(("first_contact", "true".to_owned()));
    }
    match &sample.expect {
        Expect::ThisRule => {}
        Expect::NotThisRule => entries.push(("matches", "false".to_owned())),
        Expect::Team(team) => entries.push(("team", quote(team.as_str()))),
    }
    table(entries)
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
