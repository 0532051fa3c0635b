//! A TOML document with the place of everything in it, and a reader that collects every mistake instead of stopping at
//! the first.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::finding::Finding;
use crate::near::is_near;
use crate::word_lists::{WordLists, WordsRead};

pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// Where the lines end, because a file of many rules asks for many lines.
pub(super) struct Lines {
    ends: Vec<usize>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self { ends: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// The line of the byte at `offset`, from 1.
    pub(super) fn at(&self, offset: usize) -> usize {
        self.ends.partition_point(|end| *end < offset) + 1
    }
}

/// Collects mistakes. `field` is a path such as `rules.billing.when.keyword`.
pub(super) struct Reader {
    pub(super) lines: Lines,
    pub(super) errors: Vec<Finding>,
    /// How many of them are unknown keys, which leave whole what was read.
    pub(super) unknown_keys: usize,
    /// The lists that conditions may name.
    pub(super) words: WordLists,
    /// What conditions have from them, and in forms.
    pub(super) read: WordsRead,
}

impl Reader {
    pub(super) fn error(&mut self, value: &Value<'_>, field: &str, problem: impl Into<String>) {
        let line = Some(self.lines.at(value.span().start));
        self.errors.push(Finding::error(line, field, problem));
    }

    pub(super) fn table<'a, 'i>(&mut self, value: &'a Value<'i>, field: &str) -> Option<&'a DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.error(value, field, format!("must be a table, not {}", kind(value)));
        }
        table
    }

    /// The items of a list; anything else counts as a list of itself.
    pub(super) fn one_or_many<'a, 'i>(value: &'a Value<'i>) -> &'a [Value<'i>] {
        match value.get_ref() {
            DeValue::Array(items) => items,
            _ => std::slice::from_ref(value),
        }
    }

    pub(super) fn array<'a, 'i>(&mut self, value: &'a Value<'i>, field: &str) -> Option<&'a DeArray<'i>> {
        let array = value.get_ref().as_array();
        if array.is_none() {
            self.error(value, field, format!("must be a list, not {}", kind(value)));
        }
        array
    }

    pub(super) fn string<'a>(&mut self, value: &'a Value<'_>, field: &str) -> Option<&'a str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.error(value, field, format!("must be a text in quotes, not {}", kind(value)));
        }
        text
    }

    pub(super) fn bool(&mut self, value: &Value<'_>, field: &str) -> Option<bool> {
        let truth = value.get_ref().as_bool();
        if truth.is_none() {
            self.error(value, field, format!("must be true or false, not {}", kind(value)));
        }
        truth
    }

    pub(super) fn integer<T: TryFrom<i64>>(&mut self, value: &Value<'_>, field: &str) -> Option<T> {
        let number = value.get_ref().as_integer();
        let number = number.and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
        let number = number.and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            self.error(value, field, "must be a whole number, and not out of range");
        }
        number
    }

    pub(super) fn strings<'a>(&mut self, value: &'a Value<'_>, field: &str) -> Vec<&'a str> {
        Self::one_or_many(value).iter().filter_map(|item| self.string(item, field)).collect()
    }

    /// A key that nobody asked for, with the one that was perhaps meant.
    pub(super) fn unknown_key(&mut self, key: &Spanned<Cow<'_, str>>, prefix: &str, known: &[&str]) {
        let line = Some(self.lines.at(key.span().start));
        let near = known.iter().find(|known| is_near(known, key.get_ref()));
        let hint = match near {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known here: {}", known.join(", ")),
        };
        let field = join(prefix, key.get_ref());
        self.errors.push(Finding::error(line, &field, format!("unknown key; {hint}")));
        self.unknown_keys += 1;
    }
}

pub(super) fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

fn kind(value: &Value<'_>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Gives findings that name a field their line in `text`: the deepest part of the field that is there.
pub fn locate(text: &str, findings: &mut [Finding]) {
    let Ok(root) = DeTable::parse(text) else { return };
    let lines = Lines::of(text);
    for finding in findings {
        if finding.line.is_none() {
            let at = match finding.rule_at {
                Some(rule) => in_rule(root.get_ref(), rule, finding),
                None => in_table(root.get_ref(), &finding.field),
            };
            finding.line = at.map(|at| lines.at(at));
        }
    }
}

fn in_rule(root: &DeTable<'_>, rule: usize, finding: &Finding) -> Option<usize> {
    let rule = root.get("rules")?.get_ref().as_array()?.get(rule)?;
    let table = rule.get_ref().as_table()?;
    let own = finding.rule.as_deref().and_then(|id| finding.field.strip_prefix(&format!("rules.{id}.")));
    own.and_then(|field| in_table(table, field)).or_else(|| in_table(table, "id")).or(Some(rule.span().start))
}

fn in_table(mut table: &DeTable<'_>, field: &str) -> Option<usize> {
    let mut at = None;
    let mut keys = field.split('.');
    while let Some(value) = keys.next().and_then(|key| table.get(key)) {
        at = Some(value.span().start);
        let deeper = match value.get_ref() {
            DeValue::Table(deeper) => Some(deeper),
            // Teams and calendars: the last one of that name, because the second is the one too many.
            DeValue::Array(items) => keys.next().and_then(|name| {
                let mut tables = items.iter().rev().filter_map(|item| Some((item.span(), item.get_ref().as_table()?)));
                let is_meant = |table: &DeTable<'_>| table.get("name").and_then(|v| v.get_ref().as_str()) == Some(name);
                let (span, table) = tables.find(|(_, table)| is_meant(table))?;
                at = Some(span.start);
                Some(table)
            }),
            _ => None,
        };
        let Some(deeper) = deeper else { break };
        table = deeper;
    }
    at
}
