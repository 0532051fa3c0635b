//! Which team gets a message. Phases in order; the first that has an answer wins:
//! handover (the customer asks for a person) → bind (the open conversation's team) → route (the rules) → default.

use std::collections::BTreeMap;
use std::fmt;

use waypost_domain::TeamName;
use waypost_domain::team::Priority;

use crate::fold::fold;
use crate::parse::{Rule, RuleSet, When};

/// Rules look at this many characters of a message: WhatsApp's own limit for a text.
pub const TEXT_CHARS_MAX: usize = 4096;

/// All that a decision may depend on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteInput {
    /// Our name of the number that was written to.
    pub number: String,
    /// `messages[].type`, as Meta writes it; empty where missing.
    pub message_type: String,
    pub text: Option<String>,
    /// The id of the button or list row that was tapped.
    pub reply_id: Option<String>,
    /// What is known of the customer, e.g. `tier`.
    pub attributes: BTreeMap<String, String>,
    /// The conversation that is open, if any.
    pub open: Option<OpenConversation>,
    /// Whether we never heard from them before.
    pub first_contact: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenConversation {
    pub team: TeamName,
    pub priority: Priority,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    Handover,
    Bind,
    Route,
    Default,
}

impl Phase {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handover => "handover",
            Self::Bind => "bind",
            Self::Route => "route",
            Self::Default => "default",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a message goes and why. Holds nothing that the customer wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub rule_set: String,
    /// The rule's id, or the phase's name where no rule of the file decided.
    pub rule: String,
    pub phase: Phase,
    pub team: TeamName,
    pub priority: Priority,
    /// A sentence for the support manager.
    pub why: String,
}

impl RuleSet {
    /// Every input has a decision.
    pub fn decide(&self, input: &RouteInput) -> Decision {
        let folded = input.text.as_deref().map(|text| fold(text, TEXT_CHARS_MAX)).unwrap_or_default();
        self.decide_handover(input, &folded)
            .or_else(|| self.decide_bind(input))
            .or_else(|| self.decide_route(input, &folded))
            .unwrap_or_else(|| {
                let why = "no rule matched".to_owned();
                self.decision(Phase::Default, Phase::Default.as_str(), &self.default_team, Priority::Normal, why)
            })
    }

    fn decide_handover(&self, input: &RouteInput, folded: &str) -> Option<Decision> {
        let handover = &self.handover;
        let button = input.reply_id.as_ref().and_then(|id| handover.buttons.iter().find(|button| *button == id));
        let why = if let Some(button) = button {
            format!("the customer asked for a person (button \"{button}\")")
        } else {
            let word = handover.words.iter().find(|word| folded.contains(&word.folded))?;
            format!("the customer asked for a person (\"{}\", {})", word.text, word.language)
        };
        let phase = Phase::Handover;
        Some(self.decision(phase, phase.as_str(), &handover.team, handover.urgency, why))
    }

    fn decide_bind(&self, input: &RouteInput) -> Option<Decision> {
        let open = input.open.as_ref()?;
        if !self.has_team(&open.team) {
            return None;
        }
        let why = format!("the conversation is open with {}", open.team);
        Some(self.decision(Phase::Bind, Phase::Bind.as_str(), &open.team, open.priority, why))
    }

    fn decide_route(&self, input: &RouteInput, folded: &str) -> Option<Decision> {
        for rule in &self.rules {
            if let Some(why) = rule.when.holds(input, folded) {
                return Some(self.by_rule(rule, why));
            }
        }
        None
    }

    fn by_rule(&self, rule: &Rule, why: String) -> Decision {
        self.decision(Phase::Route, &rule.id, &rule.team, rule.urgency, why)
    }

    fn decision(&self, phase: Phase, rule: &str, team: &TeamName, priority: Priority, why: String) -> Decision {
        Decision { rule_set: self.version.clone(), rule: rule.to_owned(), phase, team: team.clone(), priority, why }
    }
}

impl When {
    /// The reason, if every condition that is set holds.
    fn holds(&self, input: &RouteInput, folded: &str) -> Option<String> {
        let mut reasons = Vec::new();
        if !self.keyword.is_empty() {
            let keyword = self.keyword.iter().find(|keyword| folded.contains(&keyword.folded))?;
            reasons.push(format!("keyword \"{}\"", keyword.text));
        }
        if !self.reply.is_empty() {
            let tapped = input.reply_id.as_ref()?;
            let reply = self.reply.iter().find(|reply| *reply == tapped)?;
            reasons.push(format!("reply \"{reply}\""));
        }
        if !self.message_type.is_empty() {
            let kind = self.message_type.iter().find(|kind| **kind == input.message_type)?;
            reasons.push(format!("type \"{kind}\""));
        }
        for (name, allowed) in &self.attribute {
            let value = input.attributes.get(name)?;
            let value = allowed.iter().find(|allowed| *allowed == value)?;
            reasons.push(format!("{name} is \"{value}\""));
        }
        Some(reasons.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_why_names_the_rule_s_words_and_not_the_customer_s() {
        let set = RuleSet::parse(FILE).expect("the file is right");
        let decision = set.decide(&text("secret FACTURA 555"));
        assert_eq!(decision.why, "keyword \"factura\"");
        assert_eq!(decision.priority, Priority::Normal);
        assert_eq!(set.decide(&text("agent")).priority, Priority::Urgent);
    }
}
