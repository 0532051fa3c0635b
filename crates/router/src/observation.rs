//! What an event shows of who somebody is, for the store to find or make their contact.

use waypost_domain::language::chosen;
use waypost_domain::message::{Forwarded, MessageContent};
use waypost_domain::{InboundMessage, LanguageEvidence, MessageKind};
use waypost_store::{Observation, Wrote};

use crate::batch::Arrival;
use crate::config::RouterConfig;
use crate::inbound::{Content, Inbound};

/// `system.type` of <https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages/system>.
const IDENTITY_CHANGED: &str = "customer_identity_changed";
/// `contacts[].origin` of a card that a customer shared of themselves.
const OWN_CARD: &str = "contact_request";

/// To guess a language takes as long as the rest of the decision. A batch of more messages than this is of a router that is
/// behind: where no rule asks for the language, it is guessed from the customer's next message.
const GUESSED_IN_A_BATCH_MAX: usize = 32;

/// Of each event of a batch. `rules_ask`: whether any rule asks for the language.
pub(crate) fn observations(arrivals: &[Arrival], config: &RouterConfig, rules_ask: bool) -> Vec<Observation> {
    let may_guess = rules_ask || arrivals.len() <= GUESSED_IN_A_BATCH_MAX;
    arrivals.iter().map(|arrival| observation(&arrival.inbound, config, may_guess)).collect()
}

fn observation(inbound: &Inbound, config: &RouterConfig, may_guess: bool) -> Observation {
    let mut observation = Observation::of(inbound.content.aliases().clone(), inbound.received_at);
    match &inbound.content {
        Content::Message(message) | Content::Standby(message) => {
            observation.identity_changed = is_identity_change(message);
            // News of the platform are nothing that they wrote.
            observation.wrote = (message.kind != MessageKind::System).then(|| Wrote {
                silent_before: inbound.received_at.plus_millis(-millis(config)),
                language: language(message, may_guess),
                own_number: own_number(message),
            });
            seen(&mut observation, message);
        }
        Content::Echo(message) => seen(&mut observation, message),
        Content::Change(change) => observation.rotations.clone_from(&change.rotations),
    }
    observation
}

fn seen(observation: &mut Observation, message: &InboundMessage) {
    observation.rotations = message.rotation.clone().into_iter().collect();
    observation.profile_name.clone_from(&message.profile_name);
    observation.username.clone_from(&message.username);
}

fn millis(config: &RouterConfig) -> i64 {
    i64::try_from(config.claim_after.as_millis()).unwrap_or(i64::MAX)
}

fn is_identity_change(message: &InboundMessage) -> bool {
    matches!(&message.content, MessageContent::System(system) if system.kind.as_deref() == Some(IDENTITY_CHANGED))
}

/// A tap on a language, or words of their own: neither what they forwarded nor what stands on our buttons.
fn language(message: &InboundMessage, may_guess: bool) -> Option<LanguageEvidence> {
    if let Some(tap) = &message.tap {
        return chosen(&tap.id).map(LanguageEvidence::Choice);
    }
    if !may_guess {
        return None;
    }
    let text = message.as_it_is_now().text.clone()?;
    (message.how_often_forwarded() == Forwarded::Never).then_some(LanguageEvidence::Words(text))
}

/// The number on a card that they shared of themselves, and of nobody else.
fn own_number(message: &InboundMessage) -> Option<String> {
    let MessageContent::Cards(cards) = &message.content else { return None };
    let [card] = cards.as_slice() else { return None };
    let [phone] = card.phones.as_slice() else { return None };
    let number = phone.wa_id.as_ref().or(phone.phone.as_ref())?;
    let is_number = waypost_domain::phone::digits(number).is_some();
    (card.origin.as_deref() == Some(OWN_CARD) && is_number).then(|| number.clone())
}
