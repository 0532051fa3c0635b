//! When to look: what is due is looked for once for the whole process; and what lets waiting go on before its time: a lifted bar, a
//! new token, a higher messaging limit (also one that was raised while nobody looked), other data of the rules.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use waypost_domain::{NumberName, Timestamp};
use waypost_graph_client::Messenger;
use waypost_live::{PORTFOLIO, Sending, SendingLive};
use waypost_policy::Rule;
use waypost_store::{PutOff, SendBar, Store, StoreError};

/// How often is looked whether there is another token.
const TOKEN_EVERY: Duration = Duration::from_secs(1);

/// How many sends at once are made due that a bar had put off.
const PULLED_MAX: u32 = 1_000;

/// Tells that something may be due before its time was looked up.
#[derive(Clone, Default)]
pub struct Wake {
    /// Whoever looks for all.
    looker: Arc<Notify>,
    /// Whoever holds numbers.
    holders: Arc<Notify>,
}

impl Wake {
    /// A request was stored.
    pub fn now(&self) {
        self.looker.notify_one();
    }

    /// Whoever holds numbers looks again.
    fn all(&self) {
        self.holders.notify_waiters();
    }

    /// Until somebody says so.
    pub(crate) fn woken(&self) -> Notified<'_> {
        self.holders.notified()
    }
}

/// Looks for what is due on all numbers, with one question for the whole process, until `shutdown`.
pub(crate) async fn watch(
    store: Store,
    sending: Arc<SendingLive>,
    wake: Wake,
    every: Duration,
    shutdown: CancellationToken,
) {
    let looking = async {
        let mut before = sending.current();
        let mut has_begun = false;
        loop {
            tokio::select! {
                () = wake.looker.notified() => {}
                () = tokio::time::sleep(every) => {}
            }
            let looked = async {
                let (now, sending) = (store.now().await?, sending.current());
                if !has_begun {
                    pull_into_room(&store, &sending, now).await?;
                    has_begun = true;
                }
                pull_forward(&store, &before, &sending, now).await?;
                before = sending.clone();
                // What waits behind a bar would wake everybody at each look.
                let open = sending.numbers.values().filter(|number| !sending.is_stopped(number, now));
                let names: Vec<NumberName> = open.map(|number| number.name.clone()).collect();
                Ok::<_, StoreError>((store.next_due_send(&names).await?, now))
            };
            match looked.await {
                Ok((Some(due_at), now)) if due_at <= now => wake.all(),
                Ok(_) => {}
                // Whoever holds numbers looks by itself, less often.
                Err(error) => warn!(%error, "not looked for what is due"),
            }
        }
    };
    shutdown.run_until_cancelled(looking).await;
}

/// What was put off goes on when it may go before its time.
async fn pull_forward(store: &Store, before: &Sending, sending: &Sending, now: Timestamp) -> Result<(), StoreError> {
    pull_lifted(store, before, sending, now).await?;
    let rules = relaxed(before, sending);
    if rules.is_empty() {
        return Ok(());
    }
    let names: Vec<NumberName> = sending.numbers.keys().cloned().collect();
    let total = pull(store, &names, PutOff::By(&rules), now).await?;
    info!(?rules, sends = total, "what puts off has changed");
    Ok(())
}

/// The rules that may put off for a shorter time than before. Only those: looking for what they put off reads all that waits.
fn relaxed(before: &Sending, sending: &Sending) -> Vec<&'static str> {
    let changed = [
        (before.policy.quiet_hours != sending.policy.quiet_hours, Rule::QuietHours),
        (before.policy.frequency != sending.policy.frequency, Rule::FrequencyCap),
        (is_raised(before, sending), Rule::MessagingLimit),
    ];
    changed.into_iter().filter(|(is_changed, _)| *is_changed).map(|(_, rule)| rule.name()).collect()
}

/// Whether more customers may be written to than before.
fn is_raised(before: &Sending, sending: &Sending) -> bool {
    let places = |sending: &Sending| sending.policy.messaging_limit.places(sending.tier.as_deref());
    match (places(before), places(sending)) {
        (Some(before), now) => now.is_none_or(|now| now > before),
        (None, _) => false,
    }
}

/// Given a limit that was raised while nobody looked, then as many go on of those that wait for a place as there is
/// room for: nobody knows what the limit was when they were put off.
async fn pull_into_room(store: &Store, sending: &Sending, now: Timestamp) -> Result<(), StoreError> {
    let limit = &sending.policy.messaging_limit;
    let used = store.portfolio_use(PORTFOLIO, now).await?.used;
    let free = |places: u32| places.saturating_sub(limit.reserve(places)).saturating_sub(used);
    let mut room = limit.places(sending.tier.as_deref()).map_or(u64::MAX, |places| u64::from(free(places)));
    let names: Vec<NumberName> = sending.numbers.keys().cloned().collect();
    let (rule, mut total) = ([Rule::MessagingLimit.name()], 0);
    while room > 0 {
        let most = u32::try_from(room).unwrap_or(u32::MAX).min(PULLED_MAX);
        let pulled = store.pull_sends_forward(&names, PutOff::By(&rule), now, most).await?;
        (room, total) = (room.saturating_sub(pulled), total + pulled);
        if pulled < u64::from(most) {
            break;
        }
    }
    if total > 0 {
        info!(sends = total, "there is room for what had waited for a place of the messaging limit");
    }
    Ok(())
}

/// What was put off until the end of a bar goes on when the bar is lifted before that.
async fn pull_lifted(store: &Store, before: &Sending, sending: &Sending, now: Timestamp) -> Result<(), StoreError> {
    let is_lifted = |bar: &&SendBar| {
        bar.until.is_some_and(|until| now < until) && !sending.bars.iter().any(|one| one.key() == bar.key())
    };
    for bar in before.bars.iter().filter(is_lifted) {
        let Some(until) = bar.until else { continue };
        let names: Vec<NumberName> = sending.barred_numbers(bar).map(|number| number.name.clone()).collect();
        let total = pull(store, &names, PutOff::Until(until), now).await?;
        info!(scope = bar.scope.as_str(), name = bar.name, what = bar.what.as_str(), sends = total, "a bar is lifted");
    }
    Ok(())
}

/// How many.
async fn pull(store: &Store, numbers: &[NumberName], put_off: PutOff<'_>, now: Timestamp) -> Result<u64, StoreError> {
    let mut total = 0;
    loop {
        let pulled = store.pull_sends_forward(numbers, put_off, now, PULLED_MAX).await?;
        total += pulled;
        if pulled < u64::from(PULLED_MAX) {
            return Ok(total);
        }
    }
}

/// Lifts what waits for a new token as soon as there is one, until `shutdown`. A process that starts does not know which token
/// was refused: the first request tells.
pub(crate) async fn watch_token(
    messenger: Arc<dyn Messenger>,
    store: Store,
    sending: Arc<SendingLive>,
    wake: Wake,
    shutdown: CancellationToken,
) {
    let watching = async {
        let mut seen = None;
        loop {
            let version = messenger.credentials_version().await;
            if seen != Some(version) {
                match lift(&store, &sending, &wake).await {
                    Ok(()) => seen = Some(version),
                    Err(error) => warn!(%error, "what waited for a new token still waits"),
                }
            }
            tokio::time::sleep(TOKEN_EVERY).await;
        }
    };
    shutdown.run_until_cancelled(watching).await;
}

async fn lift(store: &Store, sending: &SendingLive, wake: &Wake) -> Result<(), StoreError> {
    let lifted = store.lift_bars_of_token().await?;
    if lifted > 0 {
        info!(lifted, "a new token: sending goes on");
        sending.refresh().await?;
        wake.all();
    }
    Ok(())
}
