//! Conditions in words, for the reason of a decision and for explanations. In the words of the rule's writer, never the
//! customer's.

use waypost_domain::{Binding, TeamName};

use crate::atom::{AmountRange, Atom, Field, Keyword, Parts, TextMatch, WholeRange, ZoneOf};
use crate::choice::{By, Choice};
use crate::evaluate::{Facts, FieldValue};
use crate::input::{RouteInput, Semantics};
use crate::model::{Handover, Literal, Phase, Rule};

/// How the customer asked for a person.
pub(crate) fn asked(handover: &Handover, facts: &Facts<'_>) -> String {
    let button = facts.input.reply_id.as_ref().and_then(|id| handover.buttons.iter().find(|button| *button == id));
    if let Some(button) = button {
        return format!("the customer asked for a person (button \"{button}\")");
    }
    let mut words = handover.words.iter().flat_map(|(language, words)| words.iter().map(move |word| (language, word)));
    match words.find(|(_, word)| facts.words.have(word, Parts::OWN)) {
        Some((language, word)) => format!("the customer asked for a person ({}, {language})", keyword(word)),
        None => "the customer asked for a person".to_owned(),
    }
}

/// Why a conversation stays where it is.
pub(crate) fn open(input: &RouteInput) -> Option<String> {
    let open = input.open.as_ref()?;
    if input.is_rating() {
        return Some(format!("the customer rates the conversation with {}", open.team));
    }
    if input.closes {
        return Some(format!("the customer closes the conversation with {}", open.team));
    }
    Some(match (input.semantics, open.binding) {
        (Semantics::BeforeBindings, _) => format!("the conversation is open with {}", open.team),
        (Semantics::Bindings, Binding::Held) => format!("a person of {} holds the conversation", open.team),
        (Semantics::Bindings, binding) => format!("the conversation is open with {} ({})", open.team, binding.as_str()),
    })
}

/// What became of an open conversation that did not stay by its binding.
pub(crate) fn moved(input: &RouteInput, choice: &Choice<'_>) -> Option<String> {
    let open = input.open.as_ref().filter(|_| input.semantics == Semantics::Bindings)?;
    let binding = open.binding.as_str();
    if choice.phase == Phase::Bind && choice.by == By::OpenConversation {
        return None;
    }
    if *choice.team == open.team {
        return Some(format!("the conversation stays with {} ({binding})", open.team));
    }
    Some(format!("the conversation moves from {} ({binding})", open.team))
}

/// What a rule would have done.
pub(crate) fn unmet(team: &TeamName, rule: &Rule, told: bool) -> String {
    let told = if told { ", which is told" } else { "" };
    format!("rule {} would send it to {team}{told}", rule.id)
}

/// What held, of an alternative that matched.
pub(crate) fn reasons(rule: &Rule, alternative: usize, facts: &Facts<'_>) -> String {
    let literals = rule.when.get(alternative).map_or(&[][..], |conjunct| conjunct.literals());
    let reasons: Vec<String> = literals.iter().map(|literal| reason(literal, facts)).collect();
    reasons.join(", ")
}

/// A literal that holds, narrowed to the value that made it hold.
fn reason(literal: &Literal, facts: &Facts<'_>) -> String {
    if literal.negated {
        return condition(literal);
    }
    match &literal.atom {
        Atom::Keyword { any_of, within } => match any_of.iter().find(|keyword| facts.words.have(keyword, *within)) {
            Some(found) => format!("keyword {}{}{}", keyword(found), in_forms(found), in_parts(*within)),
            None => atom(&literal.atom),
        },
        Atom::Value { field, any_of } => match field.of(facts.input) {
            FieldValue::Known(value) => match any_of.iter().find(|one| one.holds(value)) {
                Some(found) => is_one_of(field, std::slice::from_ref(found)),
                None => atom(&literal.atom),
            },
            FieldValue::Absent | FieldValue::Unknown => format!("{} unknown", field_name(field)),
        },
        other => atom(other),
    }
}

/// A condition as it stands in the rule.
pub(crate) fn condition(literal: &Literal) -> String {
    match (&literal.atom, literal.negated) {
        (Atom::Open { calendar, zone }, true) => format!("{calendar} is closed{}", by_clock(*zone)),
        (Atom::TeamOpen(teams), true) if teams.len() == 1 => format!("{} is closed", team_names(teams)),
        (Atom::TeamStaffed(teams), true) if teams.len() == 1 => {
            format!("nobody reads the queue of {}", team_names(teams))
        }
        (Atom::TeamWaiting { teams, over }, true) if teams.len() == 1 => {
            format!("at most {over} messages wait for {}", team_names(teams))
        }
        (Atom::FirstContact, true) => "not the first contact".to_owned(),
        (other, true) => format!("not {}", atom(other)),
        (other, false) => atom(other),
    }
}

fn atom(atom: &Atom) -> String {
    match atom {
        Atom::Keyword { any_of, within } => {
            let forms = any_of.iter().map(in_forms).max().unwrap_or_default();
            format!("keyword {}{forms}{}", join(any_of.iter().map(keyword)), in_parts(*within))
        }
        Atom::Regex { patterns, within } => {
            let sources = join(patterns.any_of.iter().map(|pattern| format!("/{pattern}/")));
            let written = if patterns.raw { " as it was written" } else { "" };
            format!("pattern {sources}{}{written}", in_parts(*within))
        }
        Atom::Value { field, any_of } => is_one_of(field, any_of),
        Atom::Exists(field) => format!("{} is known", field_name(field)),
        Atom::Range { attribute, range } => format!("{attribute} {}", amounts(range)),
        Atom::Open { calendar, zone } => format!("{calendar} is open{}", by_clock(*zone)),
        Atom::UtcOffset(range) => format!("the customer's clock is {} minutes from UTC", whole(range)),
        Atom::PreviousTeam { teams, within_hours } => {
            let teams = team_names(teams);
            match within_hours {
                Some(hours) => format!("the conversation before was with {teams}, at most {hours} h ago"),
                None => format!("the conversation before was with {teams}"),
            }
        }
        Atom::WindowLeft(range) => format!("{} minutes left in the window", whole(range)),
        Atom::FirstContact => "the first contact".to_owned(),
        Atom::Forwarded => "forwarded".to_owned(),
        Atom::Quoted => "an answer to another message".to_owned(),
        Atom::OnlyEmoji => "emoji and nothing else".to_owned(),
        Atom::Percent(range) if range.seed.is_empty() => format!("customers {} to {} of 100", range.from, range.to),
        Atom::Percent(range) => format!("customers {} to {} of 100 ({})", range.from, range.to, range.seed),
        Atom::TeamOpen(teams) => format!("{} is open", team_names(teams)),
        Atom::TeamStaffed(teams) => format!("somebody reads the queue of {}", team_names(teams)),
        Atom::TeamWaiting { teams, over } => format!("more than {over} messages wait for {}", team_names(teams)),
    }
}

fn team_names(teams: &[TeamName]) -> String {
    join(teams.iter().map(ToString::to_string))
}

/// Nothing where all of the customer's words count.
fn in_parts(within: Parts) -> String {
    if within == Parts::OWN {
        return String::new();
    }
    format!(" in {}", join(within.iter().map(|part| part.as_str().to_owned())))
}

const fn by_clock(zone: ZoneOf) -> &'static str {
    match zone {
        ZoneOf::Calendar => "",
        ZoneOf::Customer => " by the customer's clock",
    }
}

fn is_one_of(field: &Field, any_of: &[TextMatch]) -> String {
    let values = join(any_of.iter().map(text_match));
    match field {
        Field::Reply => format!("reply {values}"),
        Field::MessageType => format!("type {values}"),
        Field::Form(name) => format!("form: {name} is {values}"),
        Field::Number
        | Field::Language
        | Field::LanguageSource
        | Field::Country
        | Field::ReplyTemplate
        | Field::ReferralId
        | Field::ReferralType
        | Field::ReferralUrl
        | Field::OpenTeam
        | Field::Binding
        | Field::Group
        | Field::Attribute(_) => format!("{} is {values}", field_name(field)),
    }
}

pub(crate) fn field_name(field: &Field) -> &str {
    match field {
        Field::Number => "number",
        Field::MessageType => "type",
        Field::Language => "language",
        Field::LanguageSource => "language source",
        Field::Country => "country",
        Field::Reply => "reply",
        Field::ReplyTemplate => "template",
        Field::ReferralId => "referral",
        Field::ReferralType => "referral type",
        Field::ReferralUrl => "referral address",
        Field::OpenTeam => "open team",
        Field::Binding => "binding",
        Field::Group => "group",
        Field::Form(name) | Field::Attribute(name) => name,
    }
}

fn keyword(keyword: &Keyword) -> String {
    let star = if keyword.is_prefix() { "*" } else { "" };
    format!("\"{}{star}\"", keyword.text())
}

fn in_forms(keyword: &Keyword) -> &'static str {
    if keyword.forms().is_some() { " in any form" } else { "" }
}

fn text_match(one: &TextMatch) -> String {
    let star = if one.prefix { "*" } else { "" };
    format!("\"{}{star}\"", one.text)
}

fn amounts(range: &AmountRange) -> String {
    match (range.min, range.max) {
        (Some(min), Some(max)) => format!("from {min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "a number".to_owned(),
    }
}

fn whole(range: &WholeRange) -> String {
    match (range.min, range.max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "any number of".to_owned(),
    }
}

/// `a`, `a or b`, `a, b or c`; a long list is cut.
fn join(items: impl Iterator<Item = String>) -> String {
    const SHOWN_MAX: usize = 8;
    let mut items: Vec<String> = items.collect();
    if items.len() > SHOWN_MAX {
        let rest = items.len() - SHOWN_MAX;
        items.truncate(SHOWN_MAX);
        return format!("{} or {rest} more", items.join(", "));
    }
    match items.pop() {
        None => String::new(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} or {last}", items.join(", ")),
    }
}
