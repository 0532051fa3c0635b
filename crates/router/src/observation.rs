//! What an event shows of who somebody is, for the store to find or make their contact.

use waypost_domain::language::chosen;
use waypost_domain::message::Forwarded;
use waypost_domain::{InboundMessage, LanguageEvidence, MessageKind};
use waypost_store::Observation;

use crate::batch::Arrival;
use crate::config::RouterConfig;
use crate::inbound::{Content, Inbound};

/// To guess a language takes as long as the rest of the decision. A batch of more messages than this is of a router that is
/// behind: where no rule asks for the language, it is guessed from the customer's next message.
const GUESSED_IN_A_BATCH_MAX: usize = 32;

/// Of each event of a batch. `rules_ask`: whether any rule asks for the language.
pub(crate) fn observations(arrivals: &[Arrival], config: &RouterConfig, rules_ask: bool) -> Vec<Observation> {
    let may_guess = rules_ask || arrivals.len() <= GUESSED_IN_A_BATCH_MAX;
    arrivals.iter().map(|arrival| observation(&arrival.inbound, config, may_guess)).collect()
}

fn observation(inbound: &Inbound, config: &RouterConfig, may_guess: bool) -> Observation {
    let at = inbound.received_at;
    match &inbound.content {
        Content::Message(message) | Content::Standby(message) => {
            let language = (message.kind != MessageKind::System).then(|| language(message, may_guess)).flatten();
            Observation::of_message(message, at, at.plus_millis(-millis(config)), language)
        }
        Content::Echo(message) => Observation::of_sent(message, at),
        Content::Change(change) => {
            Observation { rotations: change.rotations.clone(), ..Observation::of(change.aliases.clone(), at) }
        }
    }
}

fn millis(config: &RouterConfig) -> i64 {
    i64::try_from(config.claim_after.as_millis()).unwrap_or(i64::MAX)
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
