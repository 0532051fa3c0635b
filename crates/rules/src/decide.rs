//! Which team gets a message. Phases in order; the first that has an answer wins:
//! handover (the customer asks for a person) → bind (what already runs) → route (the rules) → default. What is decided
//! is then decorated.

use waypost_domain::TeamName;
use waypost_domain::team::Priority;

use crate::compile::RuleSet;
use crate::describe;
use crate::evaluate::Facts;
use crate::fold::{fold, fold_into};
use crate::index::{Group, Scratch};
use crate::input::{RouteInput, TEXT_CHARS_MAX};
use crate::model::{EscalationStep, Phase, Rule, Target};
use crate::percent;

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
    /// A sentence for the support manager.
    pub why: String,
}

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

    /// Who answers instead of the person asked for.
    fn fallback_team(&self) -> Option<&'a TeamName> {
        match self.by {
            By::Rule { rule, .. } if self.person.is_some() => match rule.outcome.target.as_ref()? {
                Target::Person(person) => person.fallback_team.as_ref(),
                Target::Team(_) | Target::Split(_) => None,
            },
            By::Rule { .. } | By::OpenConversation | By::RuleSet => None,
        }
    }
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
        let mut folded = std::mem::take(&mut scratch.folded);
        fold_into(&mut folded, input.text.as_deref().unwrap_or_default(), TEXT_CHARS_MAX);
        let facts = Facts { input, folded: &folded };
        let set = self.indexed();
        self.index.begin(&facts, scratch);
        let mut first = |group| self.index.first(group, &facts, &set, scratch);
        let by_rule = |(rule, alternative): (u32, u32)| By::Rule {
            rule: &self.definition.rules[rule as usize],
            place: rule as usize,
            alternative: alternative as usize,
        };
        let (phase, by) = if first(Group::Request).is_some() {
            (Phase::Handover, first(Group::Phase(Phase::Handover)).map_or(By::RuleSet, by_rule))
        } else if let Some(found) = first(Group::Phase(Phase::Bind)) {
            (Phase::Bind, by_rule(found))
        } else if input.open.as_ref().is_some_and(|open| self.has_team(&open.team)) {
            (Phase::Bind, By::OpenConversation)
        } else if let Some(found) = first(Group::Phase(Phase::Route)) {
            (Phase::Route, by_rule(found))
        } else {
            (Phase::Default, first(Group::Phase(Phase::Default)).map_or(By::RuleSet, by_rule))
        };
        self.index.all(Group::Phase(Phase::Decorate), &facts, &set, scratch);
        scratch.folded = folded;
        self.choice(input, phase, by, scratch.found())
    }

    /// What follows from who decided.
    pub(crate) fn choice<'a>(
        &'a self,
        input: &'a RouteInput,
        phase: Phase,
        by: By<'a>,
        decorated_by: &'a [u32],
    ) -> Choice<'a> {
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
                (team, None, priority)
            }
            By::Rule { rule, .. } => {
                let fallback = match phase {
                    Phase::Handover | Phase::Default => of_set.1,
                    Phase::Bind => open.map(|(_, priority)| priority).unwrap_or_default(),
                    Phase::Route | Phase::Decorate => Priority::Normal,
                };
                let (team, person) = target(rule, input).unwrap_or((of_set.0, None));
                (team, person, rule.outcome.urgency.unwrap_or(fallback))
            }
        };
        let raised = decorated_by.iter().find_map(|rule| self.definition.rules[*rule as usize].outcome.urgency);
        Choice { phase, by, team, priority: raised.unwrap_or(own), person, decorated_by }
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
        // Only a rule's and the handover's reasons name words of the text.
        let names_words = choice.phase == Phase::Handover || matches!(choice.by, By::Rule { .. });
        let text = input.text.as_deref().filter(|_| names_words).unwrap_or_default();
        let folded = fold(text, TEXT_CHARS_MAX);
        let facts = Facts { input, folded: &folded };
        let mut why = match (choice.phase, choice.by) {
            (Phase::Handover, _) => describe::asked(&self.definition.handover, &facts),
            (Phase::Bind, By::OpenConversation) => format!("the conversation is open with {}", choice.team),
            (Phase::Default, By::RuleSet) => "no rule matched".to_owned(),
            (Phase::Bind | Phase::Route | Phase::Decorate | Phase::Default, _) => String::new(),
        };
        if let By::Rule { rule, alternative, .. } = choice.by {
            let separator = if why.is_empty() { "" } else { "; " };
            let reasons = describe::reasons(rule, alternative, &facts);
            why = format!("{why}{separator}{reasons}");
        }
        for (i, rule) in choice.decorated_by.iter().enumerate() {
            why.push_str(if i == 0 { "; decorated by " } else { ", " });
            why.push_str(&self.definition.rules[*rule as usize].id);
        }
        why
    }
}

fn add_new(all: &mut Vec<String>, more: &[Box<str>]) {
    for one in more {
        if !all.iter().any(|have| **have == **one) {
            all.push(one.as_ref().to_owned());
        }
    }
}

/// The rule's team for this customer, and the person where one is named. `None` for a rule without a target.
fn target<'a>(rule: &'a Rule, input: &'a RouteInput) -> Option<(&'a TeamName, Option<&'a str>)> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    use crate::input::OpenConversation;

    const FILE: &str = r#"
        [default]
        team = "frontdesk"
        [handover]
        team = "people"
        urgency = "urgent"
        buttons = ["human"]
        [handover.words]
        en = ["agent", "real person"]
        es = ["persona"]
        [[teams]]
        name = "frontdesk"
        [[teams]]
        name = "people"
        [[teams]]
        name = "billing"
        [[teams]]
        name = "vip"
        [[rules]]
        id = "vip-billing"
        priority = 20
        team = "vip"
        urgency = "urgent"
        when = { keyword = ["invoice", "factura"], attribute = { tier = ["gold", "platinum"] } }
        [[rules]]
        id = "billing"
        priority = 10
        team = "billing"
        when = { keyword = ["invoice", "factura", "credit card", "发票"] }
        [[rules]]
        id = "pay-button"
        priority = 10
        team = "billing"
        when = { reply = ["pay"] }
        [[rules]]
        id = "a-photos"
        priority = 10
        team = "vip"
        when = { type = ["image", "video"] }
    "#;

    fn text(text: &str) -> RouteInput {
        RouteInput { message_type: "text".into(), text: Some(text.into()), ..RouteInput::default() }
    }

    fn check(name: &str, input: RouteInput, rule: &str, team: &str) {
        let decision = RuleSet::parse(FILE).expect("the file is right").decide(&input);
        assert_eq!((decision.rule.as_str(), decision.team.as_str()), (rule, team), "{name}: {decision:?}");
    }

    #[test]
    fn phases_and_conditions() {
        let gold = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
        let open = |team: &str| {
            Some(OpenConversation { team: TeamName::new(team).expect("a name"), priority: Priority::Normal })
        };
        check("nothing matches", text("hello"), "default", "frontdesk");
        check("keyword", text("My INVOICE?"), "billing", "billing");
        check("another language, accents", text("la fáctura, por favor"), "billing", "billing");
        check("a phrase", text("credit   card lost"), "billing", "billing");
        check("a part of a word is none", text("invoices"), "default", "frontdesk");
        check("no spaces between words", text("我的发票呢"), "billing", "billing");
        check(
            "attribute and keyword",
            RouteInput { attributes: gold.clone(), ..text("invoice") },
            "vip-billing",
            "vip",
        );
        check("attribute alone is not enough", RouteInput { attributes: gold, ..text("hi") }, "default", "frontdesk");
        check("open conversation", RouteInput { open: open("vip"), ..text("invoice") }, "bind", "vip");
        check("handover beats it", RouteInput { open: open("vip"), ..text("Agent!") }, "handover", "people");
        check("handover phrase", text("a real person please"), "handover", "people");
        check("a team that is gone", RouteInput { open: open("gone"), ..text("invoice") }, "billing", "billing");
        let tap = |id: &str| RouteInput {
            reply_id: Some(id.into()),
            message_type: "interactive".into(),
            ..RouteInput::default()
        };
        check("button", tap("pay"), "pay-button", "billing");
        check("handover button", tap("human"), "handover", "people");
        check("type", RouteInput { message_type: "image".into(), ..RouteInput::default() }, "a-photos", "vip");
        check("an empty message", RouteInput::default(), "default", "frontdesk");
        check(
            "unknown type",
            RouteInput { message_type: "hologram".into(), ..RouteInput::default() },
            "default",
            "frontdesk",
        );
    }

    #[test]
    fn a_split_sends_each_share_to_its_team_and_everybody_to_one() {
        let split = "split = { billing = 20, people = 30, vip = 50 }";
        let rule = |id: &str| format!("[[rules]]\nid = '{id}'\n{split}\nwhen = {{ keyword = ['split'] }}\n");
        let read = |id: &str| RuleSet::parse(&format!("{FILE}{}", rule(id))).expect("the file is right");
        let (set, other) = (read("split"), read("another"));
        let team_of = |set: &RuleSet, n: u32| {
            let input = RouteInput { contact_key: format!("contact-{n}"), ..text("split") };
            set.decide(&input).team.to_string()
        };
        // Which hundredths of all customers each team has; that they are about even is for `percent` to say.
        let mut buckets: BTreeMap<String, BTreeSet<u8>> = BTreeMap::new();
        let mut elsewhere = 0;
        for n in 0..10_000 {
            let team = team_of(&set, n);
            assert_eq!(team_of(&set, n), team, "the same customer, the same team");
            elsewhere += u32::from(team_of(&other, n) != team);
            buckets.entry(team).or_default().insert(percent::bucket("split", &format!("contact-{n}")));
        }
        let shares = [("billing", 0..20), ("people", 20..50), ("vip", 50..100)];
        assert_eq!(buckets, shares.map(|(team, share)| (team.to_owned(), share.collect())).into());
        assert!((5_500..6_900).contains(&elsewhere), "{elsewhere} of 10000: each rule draws for itself");
    }

    #[test]
    fn the_why_names_the_rule_s_words_and_not_the_customer_s() {
        let set = RuleSet::parse(FILE).expect("the file is right");
        let decision = set.decide(&text("secret FACTURA 555"));
        assert_eq!(decision.why, "keyword \"factura\"");
        assert_eq!(decision.priority, Priority::Normal);
        assert_eq!(set.decide(&text("agent")).priority, Priority::Urgent);
    }
}
