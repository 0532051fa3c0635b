//! What a condition means for an input: holds, does not, or cannot be told. The one place that says so; the index, the
//! plain scan and the explanation all ask here.

use std::collections::HashMap;

use waypost_domain::{Calendar, CalendarName, Team, TeamName, Timestamp};

use crate::atom::{Amount, Atom, Field, Parts, Patterns, TextMatch, ZoneOf};
use crate::fold::{Folding, first_chars};
use crate::hours::Clocks;
use crate::input::{RouteInput, Semantics, TEXT_CHARS_MAX};
use crate::model::{Literal, OnUnknown, Rule};
use crate::pattern::Pattern;
use crate::percent;
use crate::words::{FoldedWords, Wanted};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    False,
    True,
    /// It is about something that is not known.
    Unknown,
}

impl Truth {
    pub(crate) const fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    /// Holds where one does; a false one is certain only where all are known.
    fn any(truths: impl Iterator<Item = Option<bool>>) -> Self {
        let mut all_known = true;
        for truth in truths {
            match truth {
                Some(true) => return Self::True,
                Some(false) => {}
                None => all_known = false,
            }
        }
        if all_known { Self::False } else { Self::Unknown }
    }

    const fn of_known(holds: Option<bool>) -> Self {
        match holds {
            Some(holds) => Self::of(holds),
            None => Self::Unknown,
        }
    }

    /// Whether the literal holds, once a rule has said what the unknown means.
    pub(crate) const fn settle(self, negated: bool, on_unknown: OnUnknown) -> bool {
        match self {
            Self::True => !negated,
            Self::False => negated,
            Self::Unknown => matches!(on_unknown, OnUnknown::Match),
        }
    }
}

/// What conditions need beside the input.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub(crate) clocks: Clocks,
    pub(crate) folding: Folding,
    /// Of the teams that have hours.
    hours: HashMap<TeamName, CalendarName>,
    patterns: PatternTable,
    raw_patterns: PatternTable,
    wanted: Wanted,
}

type PatternTable = HashMap<Box<str>, Pattern, foldhash::fast::FixedState>;

impl Environment {
    /// A pattern that is none is left out: `check` refuses it.
    pub(crate) fn new<'a>(
        calendars: &[Calendar],
        teams: &[Team],
        rules: impl Iterator<Item = &'a Rule>,
        folding: Folding,
    ) -> Self {
        let (mut folded, mut raw) = (PatternTable::default(), PatternTable::default());
        let mut language = false;
        let atoms = rules.flat_map(Rule::literals).map(|literal| &literal.atom);
        for atom in atoms {
            language |= atom.follows_language();
            let Atom::Regex { patterns, .. } = atom else { continue };
            let is_raw = patterns.are_raw(folding);
            let table = if is_raw { &mut raw } else { &mut folded };
            for source in &patterns.any_of {
                if !table.contains_key(source)
                    && let Ok(pattern) = Pattern::new(source, is_raw)
                {
                    table.insert(source.clone(), pattern);
                }
            }
        }
        let of_team = |team: &Team| Some((team.name.clone(), team.hours.as_ref()?.calendar.clone()));
        let hours = teams.iter().filter_map(of_team).collect();
        let wanted = Wanted { for_patterns: !folded.is_empty(), language };
        Self { clocks: Clocks::new(calendars), folding, hours, patterns: folded, raw_patterns: raw, wanted }
    }

    /// The words of an input in the forms that conditions look at; what was in `words` goes.
    pub(crate) fn read(&self, words: &mut FoldedWords, input: &RouteInput) {
        words.read(input, self.folding, self.wanted);
    }

    /// Whether a team is within its hours; `None` where it has some and the time is not known.
    fn is_open(&self, team: &TeamName, at: Option<Timestamp>) -> Option<bool> {
        match self.hours.get(team) {
            None => Some(true),
            Some(calendar) => self.clocks.is_open(calendar, at?),
        }
    }
}

impl Patterns {
    /// Whether they see the text as it was written.
    pub(crate) fn are_raw(&self, folding: Folding) -> bool {
        self.raw || folding == Folding::V1
    }
}

/// An input with its words made comparable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) input: &'a RouteInput,
    pub(crate) words: &'a FoldedWords,
}

/// What a field is for an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldValue<'a> {
    Known(&'a str),
    /// There is none, and that is certain: no button was tapped.
    Absent,
    /// There may be one that we do not know of.
    Unknown,
}

impl Field {
    pub(crate) fn of<'a>(&self, input: &'a RouteInput) -> FieldValue<'a> {
        let certain = |value: Option<&'a String>| value.map_or(FieldValue::Absent, |value| FieldValue::Known(value));
        let known = |value: Option<&'a String>| value.map_or(FieldValue::Unknown, |value| FieldValue::Known(value));
        let referral = input.referral.as_ref();
        match self {
            Self::Number => FieldValue::Known(&input.number),
            Self::MessageType => FieldValue::Known(&input.message_type),
            Self::Language => known(input.language.as_ref()),
            Self::LanguageSource => {
                input.language_source.map_or(FieldValue::Unknown, |source| FieldValue::Known(source.as_str()))
            }
            Self::Country => known(input.country.as_ref()),
            Self::Reply => certain(input.reply_id.as_ref()),
            Self::ReplyTemplate if input.reply_id.is_none() => FieldValue::Absent,
            Self::ReplyTemplate => known(input.reply_template.as_ref()),
            Self::ReferralId => certain(referral.and_then(|referral| referral.source_id.as_ref())),
            Self::ReferralType => certain(referral.and_then(|referral| referral.source_type.as_ref())),
            Self::ReferralUrl => certain(referral.and_then(|referral| referral.source_url.as_ref())),
            Self::OpenTeam => {
                input.open.as_ref().map_or(FieldValue::Absent, |open| FieldValue::Known(open.team.as_str()))
            }
            Self::Binding => match (&input.open, input.semantics) {
                (None, _) => FieldValue::Absent,
                (Some(open), Semantics::Bindings) => FieldValue::Known(open.binding.as_str()),
                (Some(_), Semantics::BeforeBindings) => FieldValue::Unknown,
            },
            Self::Form(name) => certain(input.form.get(&**name)),
            Self::Group => certain(input.group_id.as_ref()),
            Self::Attribute(name) => known(input.attributes.get(&**name)),
        }
    }

    /// Whether it may be [`FieldValue::Unknown`].
    pub(crate) const fn may_be_unknown(&self) -> bool {
        match self {
            Self::Language | Self::LanguageSource | Self::Country | Self::ReplyTemplate => true,
            Self::Binding | Self::Attribute(_) => true,
            Self::Number | Self::MessageType | Self::Reply | Self::OpenTeam => false,
            Self::ReferralId | Self::ReferralType | Self::ReferralUrl | Self::Form(_) | Self::Group => false,
        }
    }
}

impl FieldValue<'_> {
    pub(crate) fn is_any_of(self, any_of: &[TextMatch]) -> Truth {
        match self {
            Self::Known(value) => Truth::of(any_of.iter().any(|one| one.holds(value))),
            Self::Absent => Truth::False,
            Self::Unknown => Truth::Unknown,
        }
    }

    pub(crate) const fn exists(self) -> Truth {
        Truth::of(matches!(self, Self::Known(_)))
    }
}

impl Facts<'_> {
    pub(crate) fn holds(&self, atom: &Atom, environment: &Environment) -> Truth {
        let input = self.input;
        match atom {
            Atom::Keyword { any_of, within } => {
                Truth::of(any_of.iter().any(|keyword| self.words.have(keyword, *within)))
            }
            Atom::Regex { patterns, within } => Truth::of(self.matches(patterns, *within, environment)),
            Atom::Value { field, any_of } => field.of(input).is_any_of(any_of),
            Atom::Exists(field) => field.of(input).exists(),
            Atom::Range { attribute, range } => {
                let amount = input.attributes.get(&**attribute).and_then(|value| Amount::parse_value(value));
                Truth::of_known(amount.map(|amount| range.contains(amount)))
            }
            Atom::Open { calendar, zone } => {
                let Some(at) = input.received_at else { return Truth::Unknown };
                Truth::of_known(match zone {
                    ZoneOf::Calendar => environment.clocks.is_open(calendar, at),
                    ZoneOf::Customer => {
                        input.zone.as_ref().and_then(|zone| environment.clocks.is_open_in(calendar, zone, at))
                    }
                })
            }
            Atom::UtcOffset(range) => {
                let (Some(zone), Some(at)) = (&input.zone, input.received_at) else { return Truth::Unknown };
                Truth::of_known(environment.clocks.utc_offset_minutes(zone, at).map(|offset| range.contains(offset)))
            }
            Atom::PreviousTeam { teams, within_hours } => {
                Truth::of(input.previous_team.as_ref().is_some_and(|before| {
                    let recent = within_hours.is_none_or(|hours| before.age_s <= i64::from(hours) * 3600);
                    recent && teams.contains(&before.team)
                }))
            }
            Atom::WindowLeft(range) => Truth::of(range.contains(input.window_left_s.unwrap_or(0).max(0) / 60)),
            Atom::FirstContact => Truth::of(input.first_contact),
            Atom::Forwarded => Truth::of(input.forwarded),
            Atom::Quoted => Truth::of(input.quoted),
            Atom::OnlyEmoji => Truth::of(self.words.are_emoji()),
            Atom::Percent(range) => {
                if input.contact_key.is_empty() {
                    return Truth::Unknown;
                }
                Truth::of((range.from..range.to).contains(&percent::bucket(&range.seed, &input.contact_key)))
            }
            Atom::TeamOpen(teams) => Truth::any(teams.iter().map(|team| environment.is_open(team, input.received_at))),
            Atom::TeamStaffed(teams) => Truth::any(teams.iter().map(|team| input.queues.staffed.get(team).copied())),
            Atom::TeamWaiting { teams, over } => {
                let waiting = |team| input.queues.waiting.get(team);
                Truth::any(teams.iter().map(|team| Some(waiting(team)? > over)))
            }
        }
    }

    fn matches(&self, patterns: &Patterns, within: Parts, environment: &Environment) -> bool {
        let have = |table: &PatternTable, text: &str| {
            patterns.any_of.iter().any(|source| table.get(source).is_some_and(|pattern| pattern.matches(text)))
        };
        if patterns.are_raw(environment.folding) {
            let mut parts = self.input.parts().filter(|(part, _)| within.contains(*part));
            parts.any(|(_, text)| have(&environment.raw_patterns, first_chars(text, TEXT_CHARS_MAX)))
        } else {
            self.words.plain(within).any(|text| have(&environment.patterns, text))
        }
    }

    pub(crate) fn literal_holds(&self, literal: &Literal, on_unknown: OnUnknown, environment: &Environment) -> bool {
        self.holds(&literal.atom, environment).settle(literal.negated, on_unknown)
    }
}

/// Whether a rule is in force; one with a date is not while the time is unknown.
pub(crate) fn is_valid_at(rule: &Rule, at: Option<Timestamp>) -> bool {
    let begun = |from| at.is_some_and(|at| from <= at);
    let not_over = |until| at.is_some_and(|at| at < until);
    rule.valid_from.is_none_or(begun) && rule.valid_until.is_none_or(not_over)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the index, the plain scan and the explanation all ask.
    #[test]
    fn the_unknown_is_what_the_rule_says() {
        use OnUnknown::{Match, NoMatch};
        use Truth::{False, True, Unknown};
        // (what is known of the condition, `not`, holds with no-match, holds with match)
        let table = [
            (True, false, true, true),
            (True, true, false, false),
            (False, false, false, false),
            (False, true, true, true),
            // A `not` does not turn what is unknown into what is known.
            (Unknown, false, false, true),
            (Unknown, true, false, true),
        ];
        for (truth, negated, no_match, matches) in table {
            let got = (truth.settle(negated, NoMatch), truth.settle(negated, Match));
            assert_eq!(got, (no_match, matches), "{truth:?}, not: {negated}");
        }
    }

    /// No more of a text than WhatsApp itself allows costs time; characters are counted, not bytes.
    #[test]
    fn patterns_see_the_beginning_of_a_text() {
        let set = crate::RuleSet::parse(
            "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\n\
            [[rules]]\nid='r'\nteam='a'\nwhen={ regex='needle' }\n",
        )
        .unwrap();
        for (before, found) in [(TEXT_CHARS_MAX - 6, true), (TEXT_CHARS_MAX - 5, false)] {
            let text = Some(format!("{}needle", "é".repeat(before)));
            let decision = set.decide(&RouteInput { text, ..RouteInput::default() });
            assert_eq!(decision.rule == "r", found, "behind {before} characters");
        }
    }
}
