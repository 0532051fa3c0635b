//! From a message and what we know of its sender to a decision, with the input that made it.

use waypost_domain::{Conversation, ConversationState, InboundMessage, NumberName};
use waypost_proto::route::{encode_route_input, fit_route_input};
use waypost_rules::{OpenConversation, RouteInput, RuleSet};
use waypost_store::{ContactRecord, StoredDecision};

/// Decides. `open`: the conversation as it was before this message; `None` where there is none or it is over.
pub fn decide(
    rules: &RuleSet,
    number: &NumberName,
    message: &InboundMessage,
    contact: Option<&ContactRecord>,
    open: Option<&Conversation>,
) -> StoredDecision {
    let input = fit_route_input(route_input(number, message, contact, open), |name| rules.looks_at(name));
    let decision = rules.decide(&input);
    StoredDecision {
        rule_set: decision.rule_set,
        rule: decision.rule,
        phase: decision.phase.as_str().to_owned(),
        team: Some(decision.team),
        priority: decision.priority,
        why: decision.why,
        input: encode_route_input(&input),
    }
}

fn route_input(
    number: &NumberName,
    message: &InboundMessage,
    contact: Option<&ContactRecord>,
    open: Option<&Conversation>,
) -> RouteInput {
    RouteInput {
        number: number.as_str().to_owned(),
        message_type: message.kind.as_str().to_owned(),
        text: message.text.clone(),
        reply_id: message.tap.as_ref().map(|tap| tap.id.clone()),
        attributes: contact.map(|contact| contact.attributes.clone()).unwrap_or_default(),
        open: open.and_then(open_conversation),
        first_contact: contact.is_none_or(|contact| contact.is_new),
    }
}

fn open_conversation(conversation: &Conversation) -> Option<OpenConversation> {
    match conversation.state {
        ConversationState::Open | ConversationState::Pending | ConversationState::Snoozed => {
            let team = conversation.team.clone()?;
            Some(OpenConversation { team, priority: conversation.priority })
        }
        ConversationState::Resolved => None,
    }
}
