//! Writing the conditions of a rule, as `toml_form/when.rs` reads them.

use waypost_domain::TeamName;

use super::super::when::field_key;
use super::words::{forms_of_all, forms_text, keywords, matching};
use super::{array, key, quote, table};
use crate::atom::{Amount, Atom, Field, Parts, WholeRange, ZoneOf};
use crate::model::{Conjunct, Literal};
use crate::word_lists::WordLists;

/// A key that is there already goes into a table of its own under `and`.
pub(super) fn conjunct(conjunct: &Conjunct, lists: &WordLists) -> String {
    let mut main = Block::default();
    let mut more: Vec<Block> = Vec::new();
    for literal in conjunct.literals() {
        let blocks = std::iter::once(&mut main).chain(&mut more);
        let mut literal = Some(literal);
        for block in blocks {
            literal = literal.and_then(|literal| block.take(literal, lists));
        }
        if let Some(literal) = literal {
            let mut block = Block::default();
            let _taken = block.take(literal, lists);
            more.push(block);
        }
    }
    let mut entries = main.entries();
    if !more.is_empty() {
        entries.push(("and".to_owned(), array(more.into_iter().map(|block| table(block.entries())))));
    }
    table(entries)
}

/// The conditions of one table, plain and in `not`.
#[derive(Default)]
struct Block {
    plain: Conditions,
    negated: Conditions,
}

#[derive(Default)]
struct Conditions {
    entries: Vec<(String, String)>,
    attributes: Vec<(String, String)>,
    form: Vec<(String, String)>,
    /// Where the words among `entries` are looked for.
    within: Option<Parts>,
}

impl Block {
    /// Gives the literal back if its key is taken.
    fn take<'a>(&mut self, literal: &'a Literal, lists: &WordLists) -> Option<&'a Literal> {
        let (key_text, value, opposite) = condition(&literal.atom, literal.negated, lists);
        let conditions = if literal.negated && !opposite { &mut self.negated } else { &mut self.plain };
        let within = match &literal.atom {
            Atom::Keyword { within, .. } | Atom::Regex { within, .. } => Some(*within),
            _ => None,
        };
        // `in` is of all words that a table asks for.
        if within.is_some_and(|within| conditions.within.is_some_and(|taken| taken != within)) {
            return Some(literal);
        }
        let (entries, name) = match &literal.atom {
            Atom::Value { field: Field::Attribute(name), .. }
            | Atom::Exists(Field::Attribute(name))
            | Atom::Range { attribute: name, .. } => (&mut conditions.attributes, key(name)),
            Atom::Value { field: Field::Form(name), .. } | Atom::Exists(Field::Form(name)) => {
                (&mut conditions.form, key(name))
            }
            _ => (&mut conditions.entries, key_text.to_owned()),
        };
        if entries.iter().any(|(taken, _)| *taken == name) {
            return Some(literal);
        }
        conditions.within = conditions.within.or(within);
        entries.push((name, value));
        if let Atom::Keyword { any_of, .. } = &literal.atom
            && let Some(forms) = forms_of_all(any_of, lists)
        {
            conditions.entries.push(("forms".to_owned(), forms_text(forms)));
        }
        None
    }

    fn entries(self) -> Vec<(String, String)> {
        let mut entries = self.plain.entries();
        let negated = self.negated.entries();
        if !negated.is_empty() {
            entries.push(("not".to_owned(), table(negated)));
        }
        entries
    }
}

impl Conditions {
    fn entries(self) -> Vec<(String, String)> {
        let mut entries = self.entries;
        if let Some(within) = self.within.filter(|within| *within != Parts::OWN) {
            entries.push(("in".to_owned(), array(within.iter().map(|part| quote(part.as_str())))));
        }
        if !self.form.is_empty() {
            entries.push(("form".to_owned(), table(self.form)));
        }
        if !self.attributes.is_empty() {
            entries.push(("attribute".to_owned(), table(self.attributes)));
        }
        entries
    }
}

/// Key and value of a condition, and whether they say the opposite by themselves.
fn condition(atom: &Atom, negated: bool, lists: &WordLists) -> (&'static str, String, bool) {
    match atom {
        Atom::Keyword { any_of, .. } => ("keyword", keywords(any_of, lists), false),
        Atom::Regex { patterns, .. } => {
            let sources = array(patterns.any_of.iter().map(|pattern| quote(pattern)));
            let value = if patterns.raw { format!("{{ pattern = {sources}, raw = true }}") } else { sources };
            ("regex", value, false)
        }
        Atom::Value { field, any_of } => {
            (field_key(field), array(any_of.iter().map(|one| matching(&one.text, one.prefix))), false)
        }
        Atom::Exists(field) => (field_key(field), format!("{{ exists = {} }}", !negated), true),
        Atom::Range { range, .. } => ("", ends(range.min.map(amount), range.max.map(amount)), false),
        Atom::Open { calendar, zone } => {
            let key = if negated { "closed" } else { "open" };
            let value = match zone {
                ZoneOf::Calendar => quote(calendar.as_str()),
                ZoneOf::Customer => format!("{{ calendar = {}, zone = \"customer\" }}", quote(calendar.as_str())),
            };
            (key, value, true)
        }
        Atom::UtcOffset(range) => ("utc_offset_minutes", whole(range), false),
        Atom::WindowLeft(range) => ("window_left_minutes", whole(range), false),
        Atom::PreviousTeam { teams, within_hours } => {
            let teams = team_names(teams);
            let value = match within_hours {
                Some(hours) => format!("{{ team = {teams}, within_hours = {hours} }}"),
                None => teams,
            };
            ("previous_team", value, false)
        }
        Atom::FirstContact => ("first_contact", (!negated).to_string(), true),
        Atom::Forwarded => ("forwarded", (!negated).to_string(), true),
        Atom::Quoted => ("quoted", (!negated).to_string(), true),
        Atom::OnlyEmoji => ("emoji", (!negated).to_string(), true),
        Atom::Percent(range) => {
            let seed = if range.seed.is_empty() { String::new() } else { format!(", seed = {}", quote(&range.seed)) };
            ("percent", format!("{{ from = {}, to = {}{seed} }}", range.from, range.to), false)
        }
        Atom::TeamOpen(teams) => ("team_open", team_names(teams), false),
        Atom::TeamStaffed(teams) => ("team_staffed", team_names(teams), false),
        Atom::TeamWaiting { teams, over } => {
            ("team_waiting", format!("{{ team = {}, over = {over} }}", team_names(teams)), false)
        }
    }
}

fn team_names(teams: &[TeamName]) -> String {
    array(teams.iter().map(|team| quote(team.as_str())))
}

/// Without an end it must still be known as a range.
fn ends(min: Option<String>, max: Option<String>) -> String {
    let min = min.map(|min| ("min", min));
    table(min.into_iter().chain(max.map(|max| ("max", max))))
}

fn whole(range: &WholeRange) -> String {
    ends(range.min.map(|min| min.to_string()), range.max.map(|max| max.to_string()))
}

fn amount(amount: Amount) -> String {
    quote(&amount.to_string())
}
