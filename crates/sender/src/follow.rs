//! What follows from an answer beside the send itself: bars, templates that are not sendable or not known any more, and what a
//! person must know.

use tracing::warn;
use waypost_domain::Timestamp;
use waypost_domain::template::TemplateStatus;
use waypost_live::OurNumber;
use waypost_store::{BarScope, Store, StoreError};

use crate::outcome::{Alert, Effect, Flight, Outcome};
use crate::step::Landed;
use crate::{Sender, metrics};

/// What is changed beside the sends themselves: written after them, and found out again by the next attempt if it is not.
pub(crate) async fn follow_up(sender: &Sender, landed: Vec<Landed>, now: Timestamp) {
    let store = &sender.store;
    let mut is_news = false;
    for (flight, number, outcome) in landed {
        if let Some(told) = outcome.alert {
            let raised = alert(store, &flight, &outcome, told, now).await;
            not_written(&number, raised);
        }
        for effect in outcome.effects {
            let done = match effect {
                Effect::Bar(bar) => store.bar_sends(&bar.after(&sender.sending.current().bars)).await,
                Effect::HoldTemplate { for_ever } => hold(store, &flight, for_ever, now).await,
                Effect::RefreshTemplates => store.want_templates(&flight.waba, now).await,
                Effect::Heard
                | Effect::Unheard
                | Effect::SlowNumber(_)
                | Effect::SlowAll(_)
                | Effect::BlockPair(_)
                | Effect::WithdrawMarketing
                | Effect::CloseWindow => continue,
            };
            is_news = true;
            not_written(&number, done);
        }
    }
    if is_news && let Err(error) = sender.sending.refresh().await {
        warn!(%error, "what sending goes by is not read; it stays as it was");
    }
}

fn not_written(number: &OurNumber, done: Result<(), StoreError>) {
    if let Err(error) = done {
        warn!(number = %number.name, %error, "what Meta said is not written down; the next attempt hears it again");
    }
}

/// About what is stopped, and else about the number.
async fn alert(
    store: &Store,
    flight: &Flight,
    outcome: &Outcome,
    told: Alert,
    now: Timestamp,
) -> Result<(), StoreError> {
    let bar = outcome.effects.iter().find_map(|effect| match effect {
        Effect::Bar(new) if new.bar.scope != BarScope::Country => Some(&new.bar),
        _ => None,
    });
    let (scope, name, why) = match bar {
        Some(bar) => (bar.scope, bar.name.as_str(), bar.why.as_str()),
        None => (BarScope::Number, flight.number.as_str(), "Meta refused a send"),
    };
    let kind = told.kind();
    if store.raise_alert(scope, name, &kind, why, now).await? {
        metrics::alert(scope, name, &kind);
    }
    Ok(())
}

/// The template that went is not sendable.
async fn hold(store: &Store, flight: &Flight, for_ever: bool, now: Timestamp) -> Result<(), StoreError> {
    let Some((name, language)) = &flight.template else { return Ok(()) };
    let status = if for_ever { TemplateStatus::Disabled } else { TemplateStatus::Paused };
    store.hold_template(&flight.waba, name, language, status, now).await
}
