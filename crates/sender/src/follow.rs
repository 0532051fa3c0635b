//! What follows from an answer beside the send itself: bars, templates that are not sendable, and what a person must know.

use tracing::{error, warn};
use waypost_domain::Timestamp;
use waypost_domain::template::{self, TemplateStatus};
use waypost_live::Sending;
use waypost_store::{Store, StoreError, TemplateRow};

use crate::outcome::{Effect, Flight};
use crate::step::Landed;
use crate::{Sender, metrics};

/// What is changed beside the sends themselves: written after them, and found out again by the next attempt if it is not.
pub(crate) async fn follow_up(sender: &Sender, sending: &Sending, landed: Vec<Landed>, now: Timestamp) {
    let store = &sender.store;
    let mut is_news = false;
    for (flight, number, outcome) in landed {
        if let Some(code) = outcome.alert {
            error!(number = %number.name, code, "Meta says that sending must stop; a person must look");
            metrics::alert(code);
        }
        for effect in outcome.effects {
            let done = match effect {
                Effect::Bar(bar) => store.bar_sends(&bar).await,
                Effect::HoldTemplate { for_ever } => hold(store, sending, &flight, for_ever, now).await,
                _ => continue,
            };
            is_news = true;
            if let Err(error) = done {
                warn!(number = %number.name, %error, "what Meta said is not written down; the next attempt hears it again");
            }
        }
    }
    if is_news && let Err(error) = sender.sending.refresh().await {
        warn!(%error, "what sending goes by is not read; it stays as it was");
    }
}

/// The template that went is not sendable.
async fn hold(
    store: &Store,
    sending: &Sending,
    flight: &Flight,
    for_ever: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some((name, language)) = &flight.template else { return Ok(()) };
    let known = sending.templates.get(&flight.waba).into_iter().flatten();
    let is_it = |one: &&template::Template| one.name == *name && template::is_same_language(&one.language, language);
    let Some(held) = known.into_iter().find(is_it) else { return Ok(()) };
    let status = if for_ever { TemplateStatus::Disabled } else { TemplateStatus::Paused };
    let template = template::Template { status, ..held.clone() };
    let row = TemplateRow { waba: flight.waba.clone(), meta_id: String::new(), template, updated_at: now };
    store.keep_templates(&[row]).await
}
