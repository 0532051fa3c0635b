//! Reading `when`: a table of conditions that must all hold, or a list of such tables of which any may.

use toml::de::{DeTable, DeValue};
use waypost_domain::message::{MessageKind, Part};
use waypost_domain::{CalendarName, TeamName};

use super::tree::{Reader, Value, join};
use crate::atom::{
    Amount, AmountRange, Atom, Field, Keyword, Parts, Patterns, PercentRange, TextMatch, WholeRange, ZoneOf,
};
use crate::forms::Forms;
use crate::model::{Conjunct, Literal};

/// How deep `and` and `not` may lie in each other.
const DEPTH_MAX: usize = 8;

const KEYS: &[&str] = &[
    "keyword",
    "regex",
    "number",
    "type",
    "language",
    "language_source",
    "country",
    "reply",
    "template",
    "referral",
    "referral_type",
    "referral_url",
    "open_team",
    "binding",
    "group",
    "form",
    "in",
    "forms",
    "forwarded",
    "quoted",
    "emoji",
    "call",
    "tier",
    "attribute",
    "open",
    "closed",
    "utc_offset_minutes",
    "previous_team",
    "window_left_minutes",
    "first_contact",
    "percent",
    "team_open",
    "team_staffed",
    "team_waiting",
    "not",
    "and",
];

/// The fields that have a key of their own.
const FIELD_KEYS: &[(&str, Field)] = &[
    ("number", Field::Number),
    ("type", Field::MessageType),
    ("language", Field::Language),
    ("language_source", Field::LanguageSource),
    ("country", Field::Country),
    ("reply", Field::Reply),
    ("template", Field::ReplyTemplate),
    ("referral", Field::ReferralId),
    ("referral_type", Field::ReferralType),
    ("referral_url", Field::ReferralUrl),
    ("open_team", Field::OpenTeam),
    ("binding", Field::Binding),
    ("group", Field::Group),
];

/// The key of a field that has one of its own.
pub(crate) fn field_key(field: &Field) -> &'static str {
    FIELD_KEYS.iter().find(|(_, known)| known == field).map_or("", |(key, _)| key)
}

/// Where a rule says what a field is to be.
pub(crate) fn field_path(field: &Field) -> String {
    match field {
        Field::Attribute(name) => format!("when.attribute.{name}"),
        Field::Form(name) => format!("when.form.{name}"),
        other => format!("when.{}", field_key(other)),
    }
}

/// What a table says of the words that it looks for.
#[derive(Clone, Copy)]
struct Asked {
    within: Parts,
    forms: Option<Forms>,
}

impl Reader {
    pub(super) fn when(&mut self, value: &Value<'_>, field: &str) -> Vec<Conjunct> {
        let mut conjuncts = Vec::new();
        for table in Self::one_or_many(value) {
            let mut literals = Vec::new();
            self.conditions(table, field, false, &mut literals, 0);
            conjuncts.push(Conjunct::new(literals));
        }
        conjuncts
    }

    fn conditions(&mut self, value: &Value<'_>, field: &str, negated: bool, into: &mut Vec<Literal>, depth: usize) {
        let Some(table) = self.table(value, field) else { return };
        if depth > DEPTH_MAX {
            return self.error(value, field, format!("and / not nested deeper than {DEPTH_MAX}"));
        }
        let words = Asked { within: self.within(table, field), forms: self.forms_of(table, field) };
        for (key, value) in table {
            let path = join(field, key.get_ref());
            match key.get_ref().as_ref() {
                "in" | "forms" => {}
                "not" if negated => self.error(value, &path, "not cannot stand in not"),
                "not" => {
                    for part in Self::one_or_many(value) {
                        self.conditions(part, &path, true, into, depth + 1);
                    }
                }
                "and" => {
                    for part in Self::one_or_many(value) {
                        self.conditions(part, &path, negated, into, depth + 1);
                    }
                }
                "attribute" => self.named(value, &path, negated, into, Field::Attribute),
                "form" => self.named(value, &path, negated, into, Field::Form),
                "group" if value.get_ref().as_bool().is_some() => {
                    let Some(is_group) = self.bool(value, &path) else { continue };
                    into.push(Literal { negated: negated == is_group, atom: Atom::Exists(Field::Group) });
                }
                "tier" => self.field_value(Field::Attribute("tier".into()), value, &path, negated, into),
                name => match FIELD_KEYS.iter().find(|(key, _)| *key == name) {
                    Some((_, known)) => self.field_value(known.clone(), value, &path, negated, into),
                    None if KEYS.contains(&name) => {
                        if let Some(Literal { negated: opposite, atom }) = self.special(name, value, &path, words) {
                            into.push(Literal { negated: negated != opposite, atom });
                        }
                    }
                    None => self.unknown_key(key, field, KEYS),
                },
            }
        }
    }

    /// The conditions that are not about a field's value.
    fn special(&mut self, name: &str, value: &Value<'_>, path: &str, words: Asked) -> Option<Literal> {
        let Asked { within, forms } = words;
        let is = |reader: &mut Self, atom| Some(Literal { negated: !reader.bool(value, path)?, atom });
        let atom = match name {
            "keyword" => Atom::Keyword { any_of: self.listed_keywords(value, path, forms), within },
            "regex" => Atom::Regex { patterns: self.patterns(value, path), within },
            "open" => self.open(value, path)?,
            "closed" => return Some(Literal { negated: true, atom: self.open(value, path)? }),
            "utc_offset_minutes" => Atom::UtcOffset(self.whole_range(value, path)?),
            "window_left_minutes" => Atom::WindowLeft(self.whole_range(value, path)?),
            "previous_team" => self.previous_team(value, path)?,
            "first_contact" => return is(self, Atom::FirstContact),
            "forwarded" => return is(self, Atom::Forwarded),
            "quoted" => return is(self, Atom::Quoted),
            "emoji" if value.get_ref().as_bool().is_some() => return is(self, Atom::OnlyEmoji),
            // An emoji is a word like any other.
            "emoji" => Atom::Keyword { any_of: self.keywords(value, path), within },
            // A type in other words.
            "call" => {
                let any_of = vec![TextMatch::exact(MessageKind::Call.as_str())];
                return is(self, Atom::Value { field: Field::MessageType, any_of });
            }
            "percent" => Atom::Percent(self.percent(value, path)?),
            "team_open" => Atom::TeamOpen(self.teams(value, path)),
            "team_staffed" => Atom::TeamStaffed(self.teams(value, path)),
            "team_waiting" => self.team_waiting(value, path)?,
            _ => return None,
        };
        Some(Literal::from(atom))
    }

    /// Where the words of this table are looked for: its `in`.
    fn within(&mut self, table: &DeTable<'_>, field: &str) -> Parts {
        let Some(value) = table.get("in") else { return Parts::OWN };
        let path = join(field, "in");
        if !["keyword", "regex", "emoji"].iter().any(|key| table.contains_key(*key)) {
            self.error(value, &path, "narrows keyword and regex, and there is none here");
        }
        let mut parts = Vec::new();
        for name in self.strings(value, &path) {
            let known = || Part::ALL.map(Part::as_str).join(", ");
            match Part::parse(name) {
                Some(part) => parts.push(part),
                None => self.error(value, &path, format!("{name:?} is no part of a message; there are {}", known())),
            }
        }
        parts.into_iter().collect()
    }

    /// A table of values by the names of attributes or of a form's answers.
    fn named(
        &mut self,
        value: &Value<'_>,
        path: &str,
        negated: bool,
        into: &mut Vec<Literal>,
        field: impl Fn(Box<str>) -> Field,
    ) {
        let Some(table) = self.table(value, path) else { return };
        for (name, value) in table {
            let path = join(path, name.get_ref());
            self.field_value(field(name.get_ref().as_ref().into()), value, &path, negated, into);
        }
    }

    /// `"a"`, `["a", "b*"]`, `{ exists = true }`; of an attribute also `{ min = 1, max = 2 }`.
    fn field_value(&mut self, of: Field, value: &Value<'_>, path: &str, negated: bool, into: &mut Vec<Literal>) {
        let Some(table) = value.get_ref().as_table().filter(|table| !table.contains_key("exact")) else {
            let any_of = self.matches(value, path).into_iter();
            let any_of = any_of.map(|(text, prefix)| TextMatch { text: text.into(), prefix }).collect();
            return into.push(Literal { negated, atom: Atom::Value { field: of, any_of } });
        };
        // An empty table is a range without ends, for `check` to refuse.
        let range = table.is_empty() || ["min", "max"].iter().any(|key| table.contains_key(*key));
        for (key, value) in table {
            match (key.get_ref().as_ref(), &of) {
                ("exists", _) => {
                    let Some(exists) = self.bool(value, &join(path, "exists")) else { continue };
                    into.push(Literal { negated: negated == exists, atom: Atom::Exists(of.clone()) });
                }
                ("min" | "max", Field::Attribute(_)) => {}
                (_, Field::Attribute(_)) => self.unknown_key(key, path, &["exact", "exists", "min", "max"]),
                _ => self.unknown_key(key, path, &["exact", "exists"]),
            }
        }
        if let (Field::Attribute(name), true) = (&of, range) {
            let mut end = |key| table.get(key).and_then(|value| self.amount(value, &join(path, key)));
            let range = AmountRange { min: end("min"), max: end("max") };
            into.push(Literal { negated, atom: Atom::Range { attribute: name.clone(), range } });
        }
    }

    /// Words or values; a star at the end makes a prefix, `{ exact = "…" }` takes the text as it is.
    fn matches<'a>(&mut self, value: &'a Value<'_>, path: &str) -> Vec<(&'a str, bool)> {
        let mut matches = Vec::new();
        for item in Self::one_or_many(value) {
            match item.get_ref() {
                DeValue::Table(table) => match table.get("exact") {
                    Some(exact) if table.len() == 1 => {
                        matches.extend(self.string(exact, &join(path, "exact")).map(|text| (text, false)));
                    }
                    _ => self.error(item, path, "must be a text in quotes, or { exact = \"…\" }"),
                },
                _ => matches.extend(self.string(item, path).map(|text| match text.strip_suffix('*') {
                    Some(prefix) => (prefix, true),
                    None => (text, false),
                })),
            }
        }
        matches
    }

    pub(super) fn keywords(&mut self, value: &Value<'_>, path: &str) -> Vec<Keyword> {
        let matches = self.matches(value, path).into_iter();
        matches.map(|(text, prefix)| if prefix { Keyword::prefix(text) } else { Keyword::word(text) }).collect()
    }

    /// `"A[0-9]+"`, a list, or `{ pattern = …, raw = true }`.
    fn patterns(&mut self, value: &Value<'_>, path: &str) -> Patterns {
        let sources = |sources: Vec<&str>| sources.into_iter().map(Into::into).collect();
        let Some(table) = value.get_ref().as_table() else {
            return Patterns { any_of: sources(self.strings(value, path)), raw: false };
        };
        let mut patterns = Patterns { any_of: Vec::new(), raw: false };
        for (key, value) in table {
            let path = join(path, key.get_ref());
            match key.get_ref().as_ref() {
                "pattern" => patterns.any_of = sources(self.strings(value, &path)),
                "raw" => patterns.raw = self.bool(value, &path).unwrap_or_default(),
                _ => self.unknown_key(key, &path, &["pattern", "raw"]),
            }
        }
        patterns
    }

    /// `"office"` or `{ calendar = "office", zone = "customer" }`.
    fn open(&mut self, value: &Value<'_>, path: &str) -> Option<Atom> {
        let Some(table) = value.get_ref().as_table() else {
            return Some(Atom::Open { calendar: self.calendar_name(value, path)?, zone: ZoneOf::Calendar });
        };
        let (mut calendar, mut zone) = (None, ZoneOf::Calendar);
        for (key, value) in table {
            let path = join(path, key.get_ref());
            match key.get_ref().as_ref() {
                "calendar" => calendar = self.calendar_name(value, &path),
                "zone" => match self.string(value, &path) {
                    Some("customer") => zone = ZoneOf::Customer,
                    Some("calendar") | None => {}
                    Some(_) => self.error(value, &path, "is neither \"calendar\" nor \"customer\""),
                },
                _ => self.unknown_key(key, &path, &["calendar", "zone"]),
            }
        }
        if !table.contains_key("calendar") {
            self.error(value, path, "name the calendar: { calendar = \"…\" }");
        }
        Some(Atom::Open { calendar: calendar?, zone })
    }

    pub(super) fn calendar_name(&mut self, value: &Value<'_>, path: &str) -> Option<CalendarName> {
        let name = self.string(value, path)?;
        CalendarName::new(name).map_err(|error| self.error(value, path, error.to_string())).ok()
    }

    /// `"billing"`, a list, or `{ team = …, within_hours = 72 }`.
    fn previous_team(&mut self, value: &Value<'_>, path: &str) -> Option<Atom> {
        let Some(table) = value.get_ref().as_table() else {
            return Some(Atom::PreviousTeam { teams: self.teams(value, path), within_hours: None });
        };
        let (mut teams, mut within_hours) = (Vec::new(), None);
        for (key, value) in table {
            let path = join(path, key.get_ref());
            match key.get_ref().as_ref() {
                "team" => teams = self.teams(value, &path),
                "within_hours" => within_hours = self.integer(value, &path),
                _ => self.unknown_key(key, &path, &["team", "within_hours"]),
            }
        }
        Some(Atom::PreviousTeam { teams, within_hours })
    }

    /// `{ team = "billing", over = 50 }`.
    fn team_waiting(&mut self, value: &Value<'_>, path: &str) -> Option<Atom> {
        let table = self.table(value, path)?;
        let (mut teams, mut over) = (Vec::new(), None);
        for (key, value) in table {
            let path = join(path, key.get_ref());
            match key.get_ref().as_ref() {
                "team" => teams = self.teams(value, &path),
                "over" => over = self.integer(value, &path),
                _ => self.unknown_key(key, &path, &["team", "over"]),
            }
        }
        self.required(table, value, path, "over");
        Some(Atom::TeamWaiting { teams, over: over? })
    }

    pub(super) fn teams(&mut self, value: &Value<'_>, path: &str) -> Vec<TeamName> {
        Self::one_or_many(value).iter().filter_map(|item| self.team_name(item, path)).collect()
    }

    pub(super) fn team_name(&mut self, value: &Value<'_>, path: &str) -> Option<TeamName> {
        let name = self.string(value, path)?;
        TeamName::new(name).map_err(|error| self.error(value, path, error.to_string())).ok()
    }

    fn whole_range(&mut self, value: &Value<'_>, path: &str) -> Option<WholeRange> {
        let table = self.table(value, path)?;
        let mut range = WholeRange { min: None, max: None };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "min" => range.min = self.integer(value, &join(path, "min")),
                "max" => range.max = self.integer(value, &join(path, "max")),
                _ => self.unknown_key(key, path, &["min", "max"]),
            }
        }
        Some(range)
    }

    /// `10` for the first ten of a hundred, or `{ from = 10, to = 20, seed = "…" }`.
    fn percent(&mut self, value: &Value<'_>, path: &str) -> Option<PercentRange> {
        let Some(table) = value.get_ref().as_table() else {
            return Some(PercentRange { seed: "".into(), from: 0, to: self.integer(value, path)? });
        };
        let mut range = PercentRange { seed: "".into(), from: 0, to: 100 };
        for (key, value) in table {
            let path = join(path, key.get_ref());
            match key.get_ref().as_ref() {
                "from" => range.from = self.integer(value, &path)?,
                "to" => range.to = self.integer(value, &path)?,
                "seed" => range.seed = self.string(value, &path)?.into(),
                _ => self.unknown_key(key, &path, &["from", "to", "seed"]),
            }
        }
        Some(range)
    }

    /// A number, or one in quotes where it has more digits than a number may.
    fn amount(&mut self, value: &Value<'_>, path: &str) -> Option<Amount> {
        let text = match value.get_ref() {
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::String(text) => text.to_string(),
            DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => String::new(),
        };
        let amount = Amount::parse(&text);
        if amount.is_none() {
            self.error(value, path, format!("must be a number of at most four decimals, up to {}", Amount::MAX));
        }
        amount
    }
}
