//! A rule set as plain data: what a support manager writes, whatever form it came in (TOML, protobuf). It may hold any
//! mistake; `check` finds them, and only `compile` makes it decide.

use std::collections::BTreeMap;
use std::fmt;

use waypost_domain::team::Priority;
use waypost_domain::{Calendar, CalendarName, Team, TeamName, Timestamp};

use crate::atom::{Atom, Keyword};
use crate::fold::Folding;
use crate::input::RouteInput;
use crate::word_lists::WordLists;

/// All that a rules file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub definition: Definition,
    pub teams: Vec<Team>,
    pub calendars: Vec<Calendar>,
    /// Expanded in the rules already; here to be written again.
    pub words: WordLists,
}

/// The rules and the two answers that every set must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    pub handover: Handover,
    pub default: DefaultRoute,
    pub rules: Vec<Rule>,
}

impl Definition {
    /// The rules that are on, with their places.
    pub(crate) fn enabled(&self) -> impl Iterator<Item = (usize, &Rule)> {
        self.rules.iter().enumerate().filter(|(_, rule)| rule.enabled)
    }

    /// Whether any keyword is looked for in other forms.
    pub(crate) fn asks_for_forms(&self) -> bool {
        self.rules.iter().flat_map(Rule::keywords).any(|keyword| keyword.forms().is_some())
    }

    /// The teams whose queues rules that are on ask about.
    pub(crate) fn queues_of(&self) -> impl Iterator<Item = &TeamName> {
        self.enabled().flat_map(|(_, rule)| rule.literals()).flat_map(|literal| literal.atom.queues_of())
    }

    /// Sees all keywords as another folding does.
    pub(crate) fn fold_keywords(&mut self, folding: Folding) {
        for keyword in self.handover.words.values_mut().flatten() {
            *keyword = keyword.by(folding);
        }
        let literals =
            self.rules.iter_mut().flat_map(|rule| &mut rule.when).flat_map(|conjunct| &mut conjunct.literals);
        for literal in literals {
            if let Atom::Keyword { any_of: keywords, .. } = &mut literal.atom {
                keywords.iter_mut().for_each(|keyword| *keyword = keyword.by(folding));
            }
        }
    }
}

/// How a customer reaches a person, in every language, and who that is where no rule of the phase says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    pub team: TeamName,
    pub urgency: Priority,
    /// By language.
    pub words: BTreeMap<String, Vec<Keyword>>,
    /// Ids of buttons and list rows; they mean the same in every language.
    pub buttons: Vec<String>,
}

/// Who answers when nothing else decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultRoute {
    pub team: TeamName,
    pub urgency: Priority,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub id: Box<str>,
    /// For people.
    pub name: Option<Box<str>>,
    pub phase: Phase,
    /// Higher wins; equal ones go by id.
    pub priority: i64,
    pub enabled: bool,
    pub valid_from: Option<Timestamp>,
    /// Not of the time any more.
    pub valid_until: Option<Timestamp>,
    /// Any of these.
    pub when: Vec<Conjunct>,
    pub on_unknown: OnUnknown,
    /// `None`: as the message says, see [`crate::binding`].
    pub moves: Option<Move>,
    pub outcome: Outcome,
    pub samples: Vec<Sample>,
}

impl Rule {
    /// A rule of phase `route` that is in force, has no condition yet and no extras.
    pub fn new(id: &str, target: Target) -> Self {
        Self {
            id: id.into(),
            name: None,
            phase: Phase::Route,
            priority: 0,
            enabled: true,
            valid_from: None,
            valid_until: None,
            when: Vec::new(),
            on_unknown: OnUnknown::NoMatch,
            moves: None,
            outcome: Outcome::to(target),
            samples: Vec::new(),
        }
    }

    /// The conditions of all alternatives.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &Literal> {
        self.when.iter().flat_map(|conjunct| conjunct.literals())
    }

    /// All words that it looks for.
    pub(crate) fn keywords(&self) -> impl Iterator<Item = &Keyword> {
        self.literals().flat_map(|literal| match &literal.atom {
            Atom::Keyword { any_of, .. } => any_of.as_slice(),
            _ => &[],
        })
    }
}

/// The order of deciding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The customer asks for a person: rules say which people; the set's own handover team is the rest.
    Handover,
    /// Rules for an answer that belongs to something already running; then the open conversation's team, as far as it is
    /// bound.
    Bind,
    Route,
    /// All that match add to what was decided, whoever decided it.
    Decorate,
    /// Nobody decided: rules say who, e.g. by country; the set's own default team is the rest.
    Default,
}

impl Phase {
    pub const ALL: [Self; 5] = [Self::Handover, Self::Bind, Self::Route, Self::Decorate, Self::Default];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handover => "handover",
            Self::Bind => "bind",
            Self::Route => "route",
            Self::Decorate => "decorate",
            Self::Default => "default",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == text)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// All of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conjunct {
    literals: Vec<Literal>,
}

impl Conjunct {
    /// Sorted and without repeats, so that the same condition is the same data however it was written.
    pub fn new(mut literals: Vec<Literal>) -> Self {
        literals.sort();
        literals.dedup();
        literals.shrink_to_fit();
        Self { literals }
    }

    pub fn literals(&self) -> &[Literal] {
        &self.literals
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Literal {
    pub negated: bool,
    pub atom: Atom,
}

impl From<Atom> for Literal {
    fn from(atom: Atom) -> Self {
        Self { negated: false, atom }
    }
}

/// What a condition on something that is not known (an attribute, the language) means for the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum OnUnknown {
    /// Neither the condition nor its opposite holds.
    #[default]
    NoMatch,
    /// The condition, or its opposite where that is asked for, counts as holding.
    Match,
}

impl OnUnknown {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoMatch => "no-match",
            Self::Match => "match",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::NoMatch, Self::Match].into_iter().find(|value| value.as_str() == text)
    }
}

/// Whether a rule that matches takes a conversation away from the team that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Move {
    Never,
    /// Unless a person holds it: then the rule's team is only told.
    UnlessHeld,
    Always,
}

impl Move {
    pub const ALL: [Self; 3] = [Self::Never, Self::UnlessHeld, Self::Always];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::UnlessHeld => "unless_held",
            Self::Always => "always",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.as_str() == text)
    }
}

/// What a rule does when it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// `None` in phase `decorate` only.
    pub target: Option<Target>,
    pub urgency: Option<Priority>,
    pub tags: Vec<Box<str>>,
    pub skills: Vec<Box<str>>,
    /// What happens while nobody answers, in this order.
    pub escalation: Vec<EscalationStep>,
}

impl Outcome {
    pub const fn to(target: Target) -> Self {
        Self { target: Some(target), urgency: None, tags: Vec::new(), skills: Vec::new(), escalation: Vec::new() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Team(TeamName),
    Person(Box<PersonTarget>),
    /// Parts of a hundred, by the customer's bucket of the draw that the rule's id names. By team, each once.
    Split(Vec<Share>),
}

/// A named person, e.g. the account manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonTarget {
    /// The customer attribute that has the person's name.
    pub attribute: Box<str>,
    /// Where that person works.
    pub team: TeamName,
    /// Who answers a customer without such a person; `team` where missing.
    pub fallback_team: Option<TeamName>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub team: TeamName,
    pub percent: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationStep {
    pub after_minutes: u32,
    /// Counts only this calendar's working time; every minute where missing.
    pub clock: Option<CalendarName>,
    pub team: TeamName,
}

/// A message that a rule was written for, and what must become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub input: RouteInput,
    pub expect: Expect,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// This rule decides (or, in phase `decorate`, applies).
    ThisRule,
    /// This rule does not.
    NotThisRule,
    /// The message goes to this team, whoever decides so.
    Team(TeamName),
}
