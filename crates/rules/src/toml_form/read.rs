//! Reading a rules file. The shape is checked here, with every mistake's line; what the rules mean is for `check`.

use toml::de::{DeTable, DeValue};
use waypost_domain::team::{Priority, Team, TeamHours, WhenClosed};
use waypost_domain::{Calendar, TeamName, Timestamp};

use super::slips;
use super::tree::{Lines, Reader, Value, join, locate};
use crate::errors::errors_beside_unknown_keys;
use crate::finding::{Finding, RULES_MAX, RuleErrors};
use crate::input::parse_instant;
use crate::model::{
    DefaultRoute, Definition, Document, EscalationStep, Handover, Move, OnUnknown, Outcome, PersonTarget, Phase, Rule,
    Share, Target,
};
use crate::word_lists::{WordLists, WordsRead};

mod sample;

pub fn read(text: &str) -> Result<Document, RuleErrors> {
    read_with(text, |reader, root| {
        let document = reader.document(root)?;
        // A part of the document that is misspelt, [[team]], may be what declares the names.
        let parts_are_known = reader.errors.iter().all(|error| error.field.contains('.'));
        if reader.unknown_keys > 0 && reader.unknown_keys == reader.errors.len() && parts_are_known {
            reader.errors.extend(errors_beside_unknown_keys(&document));
            locate(text, &mut reader.errors);
            reader.errors.sort_by_key(|error| error.line);
        }
        Some(document)
    })
}

/// Rules alone: a file that has nothing but `[[rules]]`.
pub fn read_rules(text: &str) -> Result<Vec<Rule>, RuleErrors> {
    read_with(text, |reader, root| Some(reader.only(root, "rules", Reader::rule)))
}

/// Calendars alone: a file that has nothing but `[[calendars]]`.
pub fn read_calendars(text: &str) -> Result<Vec<Calendar>, RuleErrors> {
    read_with(text, |reader, root| Some(reader.only(root, "calendars", Reader::calendar)))
}

fn read_with<T>(text: &str, read: impl FnOnce(&mut Reader, &DeTable<'_>) -> Option<T>) -> Result<T, RuleErrors> {
    let lines = Lines::of(text);
    let root = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        // The parser has a line for what is wrong and one for what it expected.
        let problem = error.message().replace('\n', ", ");
        let remedy = slips::remedy(text, at, &problem).map(|remedy| format!("; {remedy}")).unwrap_or_default();
        RuleErrors(vec![Finding::error(Some(lines.at(at)), "", format!("{problem}{remedy}"))])
    })?;
    let mut reader =
        Reader { lines, errors: Vec::new(), unknown_keys: 0, words: WordLists::default(), read: WordsRead::default() };
    let value = read(&mut reader, root.get_ref());
    match value {
        Some(value) if reader.errors.is_empty() => Ok(value),
        _ => Err(RuleErrors(reader.errors)),
    }
}

const TEAM_KEYS: &[&str] =
    &["name", "title", "staffed", "overflow_team", "confidential", "hours", "when_closed", "reopen_within_hours"];

impl Reader {
    fn document(&mut self, root: &DeTable<'_>) -> Option<Document> {
        for key in root.keys() {
            const KNOWN: &[&str] = &["default", "handover", "words", "teams", "calendars", "rules"];
            if !KNOWN.contains(&key.get_ref().as_ref()) {
                self.unknown_key(key, "", KNOWN);
            }
        }
        let default = match root.get("default") {
            Some(value) => self.default(value),
            None => self.missing("default", "say which team gets what no rule matches: [default] team = \"…\""),
        };
        let handover = match root.get("handover") {
            Some(value) => self.handover(value),
            None => {
                self.missing("handover", "say how a customer reaches a person: [handover] team = \"…\", words, buttons")
            }
        };
        if let Some(value) = root.get("words") {
            self.word_lists(value);
        }
        let teams = self.items(root, "teams", Self::team);
        let calendars = self.items(root, "calendars", Self::calendar);
        let too_many = root.get("rules").and_then(|rules| rules.get_ref().as_array()).map_or(0, |rules| rules.len());
        if too_many > RULES_MAX {
            return self.missing("rules", &format!("{too_many} rules; at most {RULES_MAX}"));
        }
        let rules = self.items(root, "rules", Self::rule);
        let definition = Definition { handover: handover?, default: default?, rules };
        Some(Document { definition, teams, calendars, words: std::mem::take(&mut self.words) })
    }

    fn only<T>(
        &mut self,
        root: &DeTable<'_>,
        known: &str,
        read: impl FnMut(&mut Self, &Value<'_>) -> Option<T>,
    ) -> Vec<T> {
        for key in root.keys().filter(|key| key.get_ref() != known) {
            self.unknown_key(key, "", &[known]);
        }
        self.items(root, known, read)
    }

    fn missing<T>(&mut self, field: &str, problem: &str) -> Option<T> {
        self.errors.push(Finding::error(None, field, problem));
        None
    }

    fn items<T>(
        &mut self,
        root: &DeTable<'_>,
        key: &str,
        mut read: impl FnMut(&mut Self, &Value<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = root.get(key) else { return Vec::new() };
        if value.get_ref().is_table() {
            self.error(value, key, format!("each of them begins with [[{key}]], with two brackets"));
            return Vec::new();
        }
        let Some(items) = self.array(value, key) else { return Vec::new() };
        items.iter().filter_map(|item| read(self, item)).collect()
    }

    fn default(&mut self, value: &Value<'_>) -> Option<DefaultRoute> {
        let table = self.table(value, "default")?;
        let (mut team, mut urgency) = (None, Priority::Normal);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "team" => team = self.team_name(value, "default.team"),
                "urgency" => urgency = self.urgency(value, "default.urgency")?,
                _ => self.unknown_key(key, "default", &["team", "urgency"]),
            }
        }
        self.required(table, value, "default", "team");
        Some(DefaultRoute { team: team?, urgency })
    }

    fn handover(&mut self, value: &Value<'_>) -> Option<Handover> {
        let table = self.table(value, "handover")?;
        let (mut team, mut urgency) = (None, Priority::Normal);
        let (mut words, mut buttons) = (std::collections::BTreeMap::new(), Vec::new());
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "team" => team = self.team_name(value, "handover.team"),
                "urgency" => urgency = self.urgency(value, "handover.urgency").unwrap_or_default(),
                "buttons" => {
                    buttons = self.strings(value, "handover.buttons").into_iter().map(str::to_owned).collect();
                }
                "words" => {
                    for (language, value) in self.table(value, "handover.words").into_iter().flatten() {
                        let field = join("handover.words", language.get_ref());
                        words.insert(language.get_ref().to_string(), self.keywords(value, &field));
                    }
                }
                _ => self.unknown_key(key, "handover", &["team", "urgency", "words", "buttons"]),
            }
        }
        self.required(table, value, "handover", "team");
        Some(Handover { team: team?, urgency, words, buttons })
    }

    fn team(&mut self, value: &Value<'_>) -> Option<Team> {
        let table = self.table(value, "teams")?;
        let (mut name, mut title, mut staffed, mut overflow_team) = (None, None, true, None);
        let (mut calendar, mut when_closed, mut reopen_within_hours) = (None, WhenClosed::Keep, None);
        let mut confidential = false;
        let prefix = format!("teams.{}", text_of(table, "name"));
        for (key, value) in table {
            let field = join(&prefix, key.get_ref());
            match key.get_ref().as_ref() {
                "name" => name = self.team_name(value, "teams.name"),
                "title" => title = self.string(value, &field).map(str::to_owned),
                "staffed" => staffed = self.bool(value, &field).unwrap_or(true),
                "overflow_team" => overflow_team = self.team_name(value, &field),
                "confidential" => confidential = self.bool(value, &field).unwrap_or(false),
                "hours" => calendar = self.calendar_name(value, &field),
                "when_closed" => when_closed = self.when_closed(value, &field)?,
                "reopen_within_hours" => reopen_within_hours = self.integer(value, &field),
                _ => self.unknown_key(key, &prefix, TEAM_KEYS),
            }
        }
        self.required(table, value, "teams", "name");
        if table.contains_key("when_closed") {
            self.required(table, value, &prefix, "hours");
        }
        let hours = calendar.map(|calendar| TeamHours { calendar, when_closed });
        Some(Team { name: name?, title, staffed, overflow_team, confidential, hours, reopen_within_hours })
    }

    /// `keep`, `decide_again`, or a team.
    fn when_closed(&mut self, value: &Value<'_>, field: &str) -> Option<WhenClosed> {
        Some(match self.string(value, field)? {
            "keep" => WhenClosed::Keep,
            "decide_again" => WhenClosed::DecideAgain,
            _ => WhenClosed::Team(self.team_name(value, field)?),
        })
    }

    fn rule(&mut self, value: &Value<'_>) -> Option<Rule> {
        const KNOWN: &[&str] = &[
            "id",
            "name",
            "phase",
            "priority",
            "enabled",
            "valid_from",
            "valid_until",
            "when",
            "on_unknown",
            "move",
            "team",
            "split",
            "person",
            "fallback_team",
            "urgency",
            "tags",
            "skills",
            "escalation",
            "samples",
        ];
        let table = self.table(value, "rules")?;
        let id = text_of(table, "id");
        let prefix = format!("rules.{id}");
        self.required(table, value, "rules", "id");
        self.required(table, value, &prefix, "when");
        let mut rule =
            Rule { outcome: self.outcome(table, value, &prefix), ..Rule::new(id, Target::Split(Vec::new())) };
        for (key, value) in table {
            let field = join(&prefix, key.get_ref());
            match key.get_ref().as_ref() {
                "id" => drop(self.string(value, "rules.id")),
                "name" => rule.name = self.string(value, &field).map(Into::into),
                "phase" => rule.phase = self.word(value, &field, Phase::parse, &Phase::ALL.map(Phase::as_str))?,
                "priority" => rule.priority = self.integer(value, &field)?,
                "enabled" => rule.enabled = self.bool(value, &field)?,
                "valid_from" => rule.valid_from = self.instant(value, &field),
                "valid_until" => rule.valid_until = self.instant(value, &field),
                "when" => rule.when = self.when(value, &field),
                "on_unknown" => rule.on_unknown = self.word(value, &field, OnUnknown::parse, &["no-match", "match"])?,
                "move" => rule.moves = Some(self.word(value, &field, Move::parse, &Move::ALL.map(Move::as_str))?),
                "samples" => {
                    for item in self.array(value, &field).into_iter().flat_map(|items| items.iter()) {
                        rule.samples.extend(self.sample(item, &field));
                    }
                }
                known if KNOWN.contains(&known) => {}
                _ => self.unknown_key(key, &prefix, KNOWN),
            }
        }
        Some(rule)
    }

    fn outcome(&mut self, table: &DeTable<'_>, rule: &Value<'_>, prefix: &str) -> Outcome {
        let field = |key: &str| join(prefix, key);
        let mut team = |key: &str| table.get(key).and_then(|value| self.team_name(value, &join(prefix, key)));
        let (team, fallback_team) = (team("team"), team("fallback_team"));
        let person = table.get("person").and_then(|value| self.string(value, &field("person")));
        let split = table.get("split");
        let target = match (table.contains_key("team"), person, split) {
            (true, Some(attribute), None) => team.map(|team| {
                Target::Person(Box::new(PersonTarget { attribute: attribute.into(), team, fallback_team }))
            }),
            (true, None, None) => team.map(Target::Team),
            (false, None, Some(split)) => Some(Target::Split(self.shares(split, &field("split")))),
            (false, None, None) => None,
            (false, Some(_), _) => {
                self.error(rule, &field("person"), "a person needs the team that they work in: team = \"…\"");
                None
            }
            (true, _, Some(split)) => {
                self.error(split, &field("split"), "give team or split, not both");
                None
            }
        };
        if table.contains_key("fallback_team") && person.is_none() {
            self.error(rule, &field("fallback_team"), "is for rules that name a person: person = \"…\"");
        }
        let urgency = table.get("urgency").and_then(|value| self.urgency(value, &field("urgency")));
        let mut list = |key: &str| -> Vec<Box<str>> {
            let value = table.get(key);
            value
                .map(|value| self.strings(value, &field(key)).into_iter().map(Into::into).collect())
                .unwrap_or_default()
        };
        let (tags, skills) = (list("tags"), list("skills"));
        let mut escalation = Vec::new();
        if let Some(value) = table.get("escalation") {
            for item in self.array(value, &field("escalation")).into_iter().flat_map(|items| items.iter()) {
                escalation.extend(self.escalation_step(item, &field("escalation")));
            }
        }
        Outcome { target, urgency, tags, skills, escalation }
    }

    fn shares(&mut self, value: &Value<'_>, field: &str) -> Vec<Share> {
        let Some(table) = self.table(value, field) else { return Vec::new() };
        let mut shares = Vec::new();
        for (name, value) in table {
            let team = TeamName::new(name.get_ref().as_ref());
            let percent = self.integer(value, &join(field, name.get_ref()));
            match (team, percent) {
                (Ok(team), Some(percent)) => shares.push(Share { team, percent }),
                (Err(error), _) => self.error(value, field, error.to_string()),
                (Ok(_), None) => {}
            }
        }
        // A table has no order of its own, and who gets which part of the draw must not depend on one.
        shares.sort_by(|a, b| a.team.cmp(&b.team));
        shares
    }

    fn escalation_step(&mut self, value: &Value<'_>, field: &str) -> Option<EscalationStep> {
        let table = self.table(value, field)?;
        let (mut after_minutes, mut clock, mut team) = (None, None, None);
        for (key, value) in table {
            let path = join(field, key.get_ref());
            match key.get_ref().as_ref() {
                "after_minutes" => after_minutes = self.integer(value, &path),
                "clock" => clock = self.calendar_name(value, &path),
                "team" => team = self.team_name(value, &path),
                _ => self.unknown_key(key, field, &["after_minutes", "clock", "team"]),
            }
        }
        self.required(table, value, field, "after_minutes");
        self.required(table, value, field, "team");
        Some(EscalationStep { after_minutes: after_minutes?, clock, team: team? })
    }

    pub(super) fn required(&mut self, table: &DeTable<'_>, value: &Value<'_>, prefix: &str, key: &str) {
        if !table.contains_key(key) {
            self.error(value, &join(prefix, key), "is missing");
        }
    }

    fn urgency(&mut self, value: &Value<'_>, field: &str) -> Option<Priority> {
        self.word(value, field, Priority::parse, &["urgent", "normal"])
    }

    /// One of a few words.
    fn word<T>(
        &mut self,
        value: &Value<'_>,
        field: &str,
        parse: impl Fn(&str) -> Option<T>,
        words: &[&str],
    ) -> Option<T> {
        let text = self.string(value, field)?;
        let word = parse(text);
        if word.is_none() {
            self.error(value, field, format!("{text:?} is none of {}", words.join(", ")));
        }
        word
    }

    /// A date and time with its distance to UTC: `2026-12-01T00:00:00+01:00`.
    fn instant(&mut self, value: &Value<'_>, field: &str) -> Option<Timestamp> {
        let text = match value.get_ref() {
            DeValue::Datetime(date) => date.to_string(),
            _ => self.string(value, field)?.to_owned(),
        };
        let instant = parse_instant(&text);
        if instant.is_none() {
            self.error(value, field, "must be a date and time such as 2026-12-01T00:00:00+01:00");
        }
        instant
    }
}

pub(super) fn text_of<'a>(table: &'a DeTable<'_>, key: &str) -> &'a str {
    table.get(key).and_then(|value| value.get_ref().as_str()).unwrap_or_default()
}
