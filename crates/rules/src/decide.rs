//! Which team gets a message: who decides is found by `binding`, what follows from that is here, and what is decided is
//! then decorated.

use waypost_domain::team::{Priority, WhenClosed};
use waypost_domain::{Binding, TeamName};

use crate::binding::{Search, Settled};
use crate::choice::{By, Choice, Unmet, target};
use crate::compile::RuleSet;
use crate::describe;
use crate::evaluate::Facts;
use crate::index::{Group, Indexed, Lookup, Scratch};
use crate::input::{RouteInput, Semantics};
use crate::model::{EscalationStep, Phase, Rule};
use crate::words::FoldedWords;

/// The tag of a message whose customer asks for a person while one holds the conversation.
pub(crate) const ASKS_FOR_PERSON: &str = "asks_for_person";
/// The tag of a message that only thanks or says goodbye.
pub(crate) const CLOSING_WORDS: &str = "closing_words";
/// The tag, before a colon and the team, of a message that stays where it is though a rule names another team.
pub(crate) const SUGGESTED_TEAM: &str = "suggested_team";

/// Where a message goes and why. Holds nothing that the customer wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub rule_set: String,
    /// The rule's id, or the phase's name where no rule of the file decided.
    pub rule: String,
    pub phase: Phase,
    pub team: TeamName,
    pub priority: Priority,
    /// The person asked for, as a customer attribute names them.
    pub person: Option<String>,
    /// Who answers instead of that person, where the rule says so.
    pub fallback_team: Option<TeamName>,
    pub tags: Vec<String>,
    pub skills: Vec<String>,
    pub escalation: Vec<EscalationStep>,
    /// How firmly the conversation is bound from now on; `None` leaves it as it is.
    pub binding: Option<Binding>,
    /// The customer asks for a person, and one holds the conversation: they are told, and nothing moves.
    pub asks_for_person: bool,
    /// A rule would send it to this team, which is told, and only a person stands between.
    pub suggested_team: Option<TeamName>,
    /// A sentence for the support manager.
    pub why: String,
}

impl RuleSet {
    /// Every input has a decision.
    pub fn decide(&self, input: &RouteInput) -> Decision {
        let mut scratch = Scratch::default();
        let choice = self.choose(input, &mut scratch);
        self.decision(input, &choice)
    }

    /// The same without a word: allocates nothing once `scratch` has grown to what this rule set needs.
    pub fn choose<'a>(&'a self, input: &'a RouteInput, scratch: &'a mut Scratch) -> Choice<'a> {
        let Scratch { words, lookup } = scratch;
        self.environment.read(words, input);
        let words: &FoldedWords = words;
        let facts = Facts { input, words };
        let set = self.indexed();
        self.index.begin(&facts, lookup);
        let settled = self.settle(input, &mut Indexes { rules: self, facts: &facts, set, lookup });
        self.index.all(Group::Phase(Phase::Decorate), &facts, &set, lookup);
        self.choice(&facts, settled, lookup.found())
    }

    /// What follows from who decided.
    pub(crate) fn choice<'a>(&'a self, facts: &Facts<'a>, settled: Settled<'a>, decorated_by: &'a [u32]) -> Choice<'a> {
        let Settled { phase, by, unmet } = settled;
        let Facts { input, words } = *facts;
        let of_set = match phase {
            Phase::Handover => (&self.definition.handover.team, self.definition.handover.urgency),
            Phase::Bind | Phase::Route | Phase::Decorate | Phase::Default => {
                (&self.definition.default.team, self.definition.default.urgency)
            }
        };
        let open = input.open.as_ref().map(|open| (&open.team, open.priority));
        let (team, person, own) = match by {
            By::RuleSet => (of_set.0, None, of_set.1),
            By::OpenConversation => {
                let (team, priority) = open.unwrap_or(of_set);
                (team, None, if unmet == Unmet::Person { Priority::Urgent } else { priority })
            }
            By::Rule { rule, place, .. } => {
                let fallback = match phase {
                    Phase::Handover | Phase::Default => of_set.1,
                    Phase::Bind => open.map(|(_, priority)| priority).unwrap_or_default(),
                    Phase::Route | Phase::Decorate => Priority::Normal,
                };
                let (named, urgency) = self.brief(place);
                let of_message = || target(rule, input).unwrap_or((of_set.0, None));
                let (team, person) = named.map_or_else(of_message, |team| (team, None));
                (team, person, urgency.unwrap_or(fallback))
            }
        };
        let (team, closed) = self.while_closed(input, &settled, team);
        let raised = decorated_by.iter().find_map(|rule| self.definition.rules[*rule as usize].outcome.urgency);
        Choice { phase, by, team, priority: raised.unwrap_or(own), person, decorated_by, unmet, closed, words }
    }

    /// Who gets a message for `team`, and which team is closed, if one is. Who holds a conversation keeps it.
    fn while_closed<'a>(
        &'a self,
        input: &'a RouteInput,
        settled: &Settled<'a>,
        team: &'a TeamName,
    ) -> (&'a TeamName, Option<&'a TeamName>) {
        let open = input.open.as_ref();
        let stays = settled.by == By::OpenConversation;
        let is_held = open.is_some_and(|open| open.binding == Binding::Held);
        if input.closes || input.semantics == Semantics::BeforeBindings {
            return (team, None);
        }
        match self.closed(team, input).map(|hours| &hours.when_closed) {
            Some(WhenClosed::Team(instead)) if self.has_team(instead) && !(stays && is_held) => (instead, Some(team)),
            Some(WhenClosed::Keep | WhenClosed::DecideAgain | WhenClosed::Team(_)) => (team, Some(team)),
            None => (team, open.map(|open| &open.team).filter(|team| self.closed(team, input).is_some())),
        }
    }

    /// `choice` as it is kept and told. `input` is what it was made from.
    pub fn decision(&self, input: &RouteInput, choice: &Choice<'_>) -> Decision {
        let (mut tags, mut skills, mut escalation) = (Vec::new(), Vec::new(), &[][..]);
        for rule in self.contributors(choice) {
            add_new(&mut tags, &rule.outcome.tags);
            add_new(&mut skills, &rule.outcome.skills);
            if escalation.is_empty() {
                escalation = &rule.outcome.escalation;
            }
        }
        if input.closes && !input.is_rating() {
            tags.push(CLOSING_WORDS.to_owned());
        }
        let suggested_team = match choice.unmet {
            Unmet::Nothing => None,
            Unmet::Person => {
                tags.push(ASKS_FOR_PERSON.to_owned());
                None
            }
            Unmet::Team { team, told, .. } => {
                tags.push(format!("{SUGGESTED_TEAM}:{team}"));
                told.then(|| team.clone())
            }
        };
        Decision {
            rule_set: self.version.clone(),
            rule: choice.rule_id().to_owned(),
            phase: choice.phase,
            team: choice.team.clone(),
            priority: choice.priority,
            person: choice.person.map(str::to_owned),
            fallback_team: choice.fallback_team().cloned(),
            tags,
            skills,
            escalation: escalation.to_vec(),
            binding: choice.binding(),
            asks_for_person: choice.unmet == Unmet::Person,
            suggested_team,
            why: self.why(input, choice),
        }
    }

    /// The rule that decided and the ones that decorate, in that order.
    fn contributors<'a>(&'a self, choice: &Choice<'a>) -> impl Iterator<Item = &'a Rule> {
        let decided = match choice.by {
            By::Rule { rule, .. } => Some(rule),
            By::OpenConversation | By::RuleSet => None,
        };
        let decorating = choice.decorated_by.iter().map(|rule| &self.definition.rules[*rule as usize]);
        decided.into_iter().chain(decorating)
    }

    /// A sentence for the support manager, in the rule set's words and never the customer's.
    pub fn why(&self, input: &RouteInput, choice: &Choice<'_>) -> String {
        let facts = Facts { input, words: choice.words };
        let mut why = Vec::new();
        match (choice.phase, choice.by) {
            (Phase::Handover, _) => why.push(describe::asked(&self.definition.handover, &facts)),
            (Phase::Bind, By::OpenConversation) => why.extend(describe::open(input)),
            (Phase::Default, By::RuleSet | By::OpenConversation) => why.push("no rule matched".to_owned()),
            (Phase::Bind | Phase::Route | Phase::Decorate | Phase::Default, _) => {}
        }
        if let By::Rule { rule, alternative, .. } = choice.by {
            why.push(describe::reasons(rule, alternative, &facts));
        }
        match choice.unmet {
            Unmet::Nothing => why.extend(describe::moved(input, choice)),
            Unmet::Person => why.push(describe::asked(&self.definition.handover, &facts)),
            Unmet::Team { team, rule, told } => why.push(describe::unmet(team, rule, told)),
        }
        why.extend(choice.closed.and_then(|team| self.is_closed(team, input)));
        for (i, rule) in choice.decorated_by.iter().enumerate() {
            let id = &self.definition.rules[*rule as usize].id;
            match why.last_mut() {
                Some(decorated) if i > 0 => decorated.push_str(&format!(", {id}")),
                Some(_) | None => why.push(format!("decorated by {id}")),
            }
        }
        why.join("; ")
    }
}

impl RuleSet {
    /// "billing is closed until 09:00".
    fn is_closed(&self, team: &TeamName, input: &RouteInput) -> Option<String> {
        let hours = self.closed(team, input)?;
        let until = self.environment.clocks.opens_at(&hours.calendar, input.received_at?);
        Some(match until {
            Some(until) => format!("{team} is closed until {until}"),
            None => format!("{team} is closed"),
        })
    }
}

/// The index for one input.
struct Indexes<'a, 'f> {
    rules: &'a RuleSet,
    facts: &'f Facts<'f>,
    set: Indexed<'a>,
    lookup: &'f mut Lookup,
}

impl Indexes<'_, '_> {
    fn find(&mut self, group: Group, accept: impl Fn(u32) -> bool) -> Option<(u32, u32)> {
        self.rules.index.first(group, self.facts, &self.set, self.lookup, accept)
    }
}

impl<'a> Search<'a> for Indexes<'a, '_> {
    fn asks_for_person(&mut self) -> bool {
        self.find(Group::Request, |_| true).is_some()
    }

    fn first(&mut self, phase: Phase, accept: impl Fn(&Rule) -> bool) -> Option<By<'a>> {
        let rules = &self.rules.definition.rules;
        let (rule, alternative) = self.find(Group::Phase(phase), |rule| accept(&rules[rule as usize]))?;
        let place = rule as usize;
        Some(By::Rule { rule: &rules[place], place, alternative: alternative as usize })
    }
}

fn add_new(all: &mut Vec<String>, more: &[Box<str>]) {
    for one in more {
        if !all.iter().any(|have| **have == **one) {
            all.push(one.as_ref().to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
