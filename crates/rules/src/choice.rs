//! A choice: who decides, for whom, and what else follows from it, without a word and without an allocation. Must not
//! know how it was found.

use waypost_domain::team::Priority;
use waypost_domain::{Binding, TeamName};

use crate::input::RouteInput;
use crate::model::{Phase, Rule, Target};
use crate::percent;
use crate::words::FoldedWords;

/// A decision that borrows everything: nothing is allocated for it, and its reason is only put into words when asked.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    pub phase: Phase,
    pub by: By<'a>,
    pub team: &'a TeamName,
    pub priority: Priority,
    pub person: Option<&'a str>,
    /// Which rules of phase `decorate` apply, in winning order: places in the definition.
    pub decorated_by: &'a [u32],
    /// What a conversation that stays where it is keeps the customer from.
    pub unmet: Unmet<'a>,
    /// The team that had the conversation, or would get it, and is closed: another may stand in for it.
    pub closed: Option<&'a TeamName>,
    /// What the message says, folded.
    pub(crate) words: &'a FoldedWords,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    /// A rule, its place in the definition, and which of its alternatives held.
    Rule { rule: &'a Rule, place: usize, alternative: usize },
    /// The conversation is open with the team.
    OpenConversation,
    /// The rule set's own handover or default team.
    RuleSet,
}

impl<'a> Choice<'a> {
    pub fn rule_id(&self) -> &'a str {
        match self.by {
            By::Rule { rule, .. } => &rule.id,
            By::OpenConversation | By::RuleSet => self.phase.as_str(),
        }
    }

    /// How firmly the conversation is bound from now on; `None` leaves it as it is.
    pub fn binding(&self) -> Option<Binding> {
        match (self.phase, self.by) {
            (_, By::OpenConversation) => None,
            (Phase::Default, _) => Some(Binding::Loose),
            (Phase::Handover | Phase::Bind | Phase::Route | Phase::Decorate, _) => Some(Binding::Firm),
        }
    }

    /// Who answers instead of the person asked for.
    pub(crate) fn fallback_team(&self) -> Option<&'a TeamName> {
        match self.by {
            By::Rule { rule, .. } if self.person.is_some() => match rule.outcome.target.as_ref()? {
                Target::Person(person) => person.fallback_team.as_ref(),
                Target::Team(_) | Target::Split(_) => None,
            },
            By::Rule { .. } | By::OpenConversation | By::RuleSet => None,
        }
    }
}

/// What the customer wanted and did not get, because the conversation stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmet<'a> {
    Nothing,
    /// A person is there already.
    Person,
    /// A rule's team.
    Team {
        team: &'a TeamName,
        rule: &'a Rule,
        /// Whether the team is told: only a person stood between.
        told: bool,
    },
}

/// The rule's team for this customer, and the person where one is named. `None` for a rule without a target.
pub(crate) fn target<'a>(rule: &'a Rule, input: &'a RouteInput) -> Option<(&'a TeamName, Option<&'a str>)> {
    match rule.outcome.target.as_ref()? {
        Target::Team(team) => Some((team, None)),
        Target::Person(person) => {
            let name = input.attributes.get(&*person.attribute).filter(|name| !name.is_empty());
            Some(match name {
                Some(name) => (&person.team, Some(name)),
                None => (person.fallback_team.as_ref().unwrap_or(&person.team), None),
            })
        }
        Target::Split(shares) => {
            let mut left = percent::bucket(&rule.id, &input.contact_key);
            for share in shares {
                if left < share.percent {
                    return Some((&share.team, None));
                }
                left -= share.percent;
            }
            shares.last().map(|share| (&share.team, None))
        }
    }
}
