//! From a message and what we know of its sender to a decision, with the input that made it.

use waypost_domain::team::Priority;
use waypost_domain::{
    AliasSet, Binding, Conversation, ConversationState, InboundMessage, KnownLanguage, LanguageSource, NumberName,
    TeamName, Timestamp, country, phone,
};
use waypost_live::RulesInForce;
use waypost_proto::extras::encode_extras;
use waypost_proto::route::{encode_route_input, fit_route_input};
use waypost_rules::{Decision, OpenConversation, PreviousTeam, RouteInput, Scratch, Semantics, TeamQueues};
use waypost_store::{ContactRecord, StoredDecision, TappedSend};

use crate::metrics;

/// What is known of a message beside itself.
pub struct Known<'a> {
    pub number: &'a NumberName,
    pub received_at: Timestamp,
    /// The language that is usual on it.
    pub number_language: Option<&'a str>,
    pub contact: Option<&'a ContactRecord>,
    /// The conversation as it was before this message; `None` where there is none or it is over.
    pub open: Option<&'a Conversation>,
    /// Who answered the one before, where this message begins a new one.
    pub previous_team: Option<PreviousTeam>,
    /// Whether the customer only thanks or says goodbye, behind our last word. `open` may be over then.
    pub closes: bool,
    /// Who got the message that this one changes.
    pub edited: Option<&'a TeamName>,
    /// What of ours this is a tap on.
    pub tapped: Option<&'a TappedSend>,
    /// What the broker said of teams' queues, where rules ask.
    pub queues: &'a TeamQueues,
}

/// What a decision means for the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effects {
    /// How firmly it is bound; `None` leaves that as it is.
    pub binding: Option<Binding>,
    /// The team that has it is told that the customer asks for a person.
    pub asks_for_person: bool,
    /// This team is told that a rule would send it there.
    pub suggested_team: Option<TeamName>,
}

/// `scratch` is kept from one message to the next.
pub fn decide(
    rules: &RulesInForce,
    message: &InboundMessage,
    known: Known<'_>,
    scratch: &mut Scratch,
) -> (StoredDecision, Effects) {
    let set = rules.for_message(known.number, known.contact.map(|contact| contact.id));
    let input = fit_route_input(route_input(message, known), |name| set.looks_at(name));
    let choice = set.choose(&input, scratch);
    let decision = set.decision(&input, &choice);
    count_shadow(rules, &input, &decision, scratch);
    let effects = Effects {
        binding: decision.binding,
        asks_for_person: decision.asks_for_person,
        suggested_team: decision.suggested_team.clone(),
    };
    let stored = StoredDecision {
        extras: encode_extras(&decision),
        rule_set: decision.rule_set,
        rule: decision.rule,
        phase: decision.phase.as_str().to_owned(),
        team: Some(decision.team),
        priority: decision.priority,
        why: decision.why,
        input: encode_route_input(&input),
    };
    (stored, effects)
}

/// Counts what the rules in the shadow would do otherwise.
fn count_shadow(rules: &RulesInForce, input: &RouteInput, decision: &Decision, scratch: &mut Scratch) {
    let Some(shadow) = rules.shadow() else { return };
    let choice = shadow.choose(input, scratch);
    let (from, to) = (decision.team.to_string(), choice.team.to_string());
    let outcome = if from == to && decision.priority == choice.priority { "same" } else { "moved" };
    ::metrics::counter!(metrics::SHADOW, "outcome" => outcome, "from" => from, "to" => to).increment(1);
}

fn route_input(message: &InboundMessage, known: Known<'_>) -> RouteInput {
    let Known { number, received_at, number_language, contact, open, previous_team, closes, edited, tapped, queues } =
        known;
    let attributes = contact.map(|contact| contact.attributes.clone()).unwrap_or_default();
    // Contacts have no fields of their own for these two yet.
    let attribute = |name: &str| attributes.get(name).filter(|value| !value.is_empty()).cloned();
    let of_number = || Some(KnownLanguage::told(number_language?.to_owned(), LanguageSource::Number));
    let language = contact.and_then(|contact| contact.language.known.clone()).or_else(of_number);
    RouteInput {
        number: number.as_str().to_owned(),
        language: language.as_ref().map(|language| primary_subtag(&language.tag)),
        language_source: language.as_ref().map(|language| language.source),
        language_confidence: language.as_ref().map(|language| language.confidence),
        country: attribute("country").map(|country| country.to_ascii_uppercase()).or_else(|| country(&message.contact)),
        zone: attribute("zone"),
        attributes,
        received_at: Some(received_at),
        previous_team,
        window_left_s: open
            .and_then(|open| open.window_ends_at)
            .map(|ends_at| ends_at.millis_since(received_at).div_euclid(1000))
            .filter(|left| *left > 0),
        first_contact: contact.is_none_or(|contact| contact.is_new),
        contact_key: contact.map(|contact| contact.id.to_string()).unwrap_or_default(),
        open: edited_in(open.and_then(|open| open_conversation(open, closes)), edited),
        closes,
        queues: queues.clone(),
        semantics: match open {
            Some(Conversation { binding: None, .. }) => Semantics::BeforeBindings,
            Some(_) | None => Semantics::Bindings,
        },
        reply_template: tapped.and_then(|send| send.template.clone()),
        menu_here: tapped.map(|send| is_here(send, open)),
        ..RouteInput::of_message(message)
    }
}

/// A menu that was sent in the conversation that is open. A template is none: it may be weeks old.
fn is_here(send: &TappedSend, open: Option<&Conversation>) -> bool {
    send.template.is_none() && open.is_some_and(|open| send.conversation == Some(open.id))
}

/// Where nobody told: by the number, or else the BSUID, that the message shows.
fn country(aliases: &AliasSet) -> Option<String> {
    let by_phone = aliases.phone.as_deref().and_then(|phone| country::of_phone(&phone::canonical(phone)));
    let by_bsuid = || aliases.bsuid.as_deref().or(aliases.parent_bsuid.as_deref()).and_then(country::of_bsuid);
    by_phone.or_else(by_bsuid).map(str::to_owned)
}

/// `pt` of `pt_BR`.
fn primary_subtag(language: &str) -> String {
    language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

/// `closes`: who closes one that is over is still heard by its team.
fn open_conversation(conversation: &Conversation, closes: bool) -> Option<OpenConversation> {
    match conversation.state {
        ConversationState::Open | ConversationState::Pending | ConversationState::Snoozed => {}
        ConversationState::Resolved if closes => {}
        ConversationState::Resolved => return None,
    }
    Some(OpenConversation {
        team: conversation.team.clone()?,
        priority: conversation.priority,
        binding: conversation.binding.unwrap_or(Binding::Firm),
        waits: conversation.waits(),
    })
}

/// An edit belongs where the message is that it changes: with who has the conversation, however loosely, else with who got
/// that message. Who asks for a person in it is heard all the same.
fn edited_in(open: Option<OpenConversation>, edited: Option<&TeamName>) -> Option<OpenConversation> {
    let Some(team) = edited else { return open };
    Some(match open {
        Some(open) => OpenConversation { binding: open.binding.max(Binding::Firm), ..open },
        None => OpenConversation::firm(team.clone(), Priority::Normal),
    })
}

#[cfg(test)]
mod tests;
