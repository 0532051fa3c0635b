//! Who sends from which number: the leases on pieces of our numbers, the loop that looks for what is due on them, and the
//! requests that are under way.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use waypost_domain::template::TemplateStatus;
use waypost_domain::{ContactId, NumberName, Timestamp, template};
use waypost_fault::{self as fault, SENDER_AFTER_ANSWER, SENDER_BEFORE_REQUEST};
use waypost_graph_client::{Line, Outgoing, Sent};
use waypost_live::{OurNumber, Sending, SendingLive};
use waypost_store::{SendAnswer, SendAnswered, Store, StoreError, TemplateRow};
use waypost_worker::{Held, Shard, ShardEnd, ShardWork};

use crate::outcome::{self, Effect, Flight, Outcome};
use crate::pace::Pace;
use crate::step::{self, Departure, News, Step};
use crate::{Sender, metrics, settle, shard_of};

/// How long a step that failed is waited for before the next.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How often is looked for what nothing was heard of, and for what is of no use any more.
const SETTLE_EVERY: Duration = Duration::from_secs(1);
const SETTLED_MAX: u32 = 100;
/// How often is looked whether there is another token.
pub(crate) const TOKEN_EVERY: Duration = Duration::from_secs(1);
/// How long a piece without work is left alone, unless it is woken.
const IDLE: Duration = Duration::from_secs(60);

/// Lifts what waits for a new token as soon as there is one, until `shutdown`. A process that starts does not know which token
/// was refused: the first request tells.
pub(crate) async fn watch_token(sender: Arc<Sender>, every: Duration, shutdown: CancellationToken) {
    let watching = async {
        let mut seen = None;
        loop {
            let version = sender.messenger.credentials_version().await;
            if seen != Some(version) {
                match lift(&sender).await {
                    Ok(()) => seen = Some(version),
                    Err(error) => warn!(%error, "what waited for a new token still waits"),
                }
            }
            tokio::time::sleep(every).await;
        }
    };
    shutdown.run_until_cancelled(watching).await;
}

async fn lift(sender: &Sender) -> Result<(), StoreError> {
    let mut is_news = false;
    for bar in sender.store.send_bars().await?.into_iter().filter(|bar| bar.until_token) {
        is_news |= sender.store.lift_bar(bar.scope, &bar.name, bar.what).await?;
        info!(name = bar.name, "a new token: sending goes on");
    }
    if is_news {
        sender.sending.refresh().await?;
        sender.wake.all();
    }
    Ok(())
}

/// Tells that something may be due before its time was looked up.
#[derive(Clone, Default)]
pub struct Wake(Arc<Notify>, Arc<Notify>);

impl Wake {
    /// A request was stored.
    pub fn now(&self) {
        self.0.notify_one();
    }

    /// Whoever holds numbers looks again.
    fn all(&self) {
        self.1.notify_waiters();
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
        loop {
            tokio::select! {
                () = wake.0.notified() => {}
                () = tokio::time::sleep(every) => {}
            }
            let names: Vec<NumberName> = sending.current().numbers.keys().cloned().collect();
            let looked = async { Ok::<_, StoreError>((store.next_due_send(&names).await?, store.now().await?)) };
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

pub(crate) struct Dispatch {
    pub(crate) sender: Arc<Sender>,
}

/// A request that has landed: what it was, and what came of it.
type Landed = (Flight, OurNumber, Outcome);

/// One held piece.
struct Desk<'a> {
    sender: &'a Arc<Sender>,
    shard: Shard,
    pace: HashMap<NumberName, Pace>,
    under_way: JoinSet<(Flight, OurNumber, Outcome)>,
    /// By their tasks, for those that do not return.
    flights: HashMap<Id, (Flight, OurNumber)>,
    landed: Vec<Landed>,
    /// Nobody knows whether these were made durable, and not a byte of them was sent.
    unsure: Vec<(i64, u32)>,
    taken_over: bool,
    settle_at: Instant,
}

impl Dispatch {
    pub(crate) const fn new(sender: Arc<Sender>) -> Self {
        Self { sender }
    }
}

#[async_trait]
impl ShardWork for Dispatch {
    async fn run(&self, mut held: Held) -> ShardEnd {
        let stop = held.stop().clone();
        let mut desk = Desk::new(&self.sender, held.shard());
        let mut backoff = BACKOFF_MIN;
        let mut next = Instant::now();
        loop {
            let woken = self.sender.wake.1.notified();
            tokio::select! {
                biased;
                () = held.expired() => return ShardEnd::Dropped,
                () = stop.cancelled(), if desk.is_idle() => return ShardEnd::Finished,
                Some(landed) = desk.under_way.join_next_with_id(), if !desk.under_way.is_empty() => desk.land(landed),
                () = tokio::time::sleep_until(next) => {}
                () = woken, if !stop.is_cancelled() => {}
            }
            desk.land_all();
            match desk.step(&held, stop.is_cancelled()).await {
                Ok(at) => {
                    backoff = BACKOFF_MIN;
                    next = at;
                }
                Err(StoreError::LeaseLost { .. }) => return ShardEnd::Dropped,
                Err(error) => {
                    if !error.is_transient() {
                        error!(shard = %desk.shard, %error, "a step of the sender failed");
                    } else if backoff > BACKOFF_MIN {
                        warn!(shard = %desk.shard, %error, "a step of the sender is tried again");
                    }
                    next = Instant::now() + backoff;
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                    // What landed meanwhile waits for the next step.
                    tokio::select! {
                        biased;
                        () = held.expired() => return ShardEnd::Dropped,
                        () = tokio::time::sleep_until(next) => {}
                    }
                }
            }
        }
    }
}

impl<'a> Desk<'a> {
    fn new(sender: &'a Arc<Sender>, shard: Shard) -> Self {
        Self {
            sender,
            shard,
            pace: HashMap::new(),
            under_way: JoinSet::new(),
            flights: HashMap::new(),
            landed: Vec::new(),
            unsure: Vec::new(),
            taken_over: false,
            settle_at: Instant::now(),
        }
    }

    fn is_idle(&self) -> bool {
        self.under_way.is_empty() && self.landed.is_empty() && self.unsure.is_empty()
    }

    /// A request ended, or its task did.
    fn land(&mut self, landed: Result<(Id, Landed), JoinError>) {
        let now = Instant::now();
        let (flight, number, outcome) = match landed {
            Ok((id, landed)) => {
                self.flights.remove(&id);
                landed
            }
            Err(failed) => {
                let Some((flight, number)) = self.flights.remove(&failed.id()) else { return };
                error!(number = %number.name, panicked = failed.is_panic(), "a request's task failed");
                let at = Timestamp::from_millis(0);
                (flight, number, outcome::lost(at, Duration::ZERO, vec![]))
            }
        };
        if let Some(pace) = self.pace.get_mut(&number.name) {
            step::keep_pace(pace, flight.contact, &outcome.effects, now);
        }
        for effect in &outcome.effects {
            if let Effect::SlowAll(wait) = effect {
                self.pace.values_mut().for_each(|pace| pace.slow_down(*wait, now));
            }
        }
        self.landed.push((flight, number, outcome));
    }

    fn land_all(&mut self) {
        while let Some(landed) = self.under_way.try_join_next_with_id() {
            self.land(landed);
        }
    }

    /// The numbers of this piece.
    fn numbers<'s>(&self, sending: &'s Sending) -> Vec<&'s OurNumber> {
        sending.numbers.values().filter(|number| shard_of(&number.name) == self.shard).collect()
    }

    /// One transaction, and what follows from it. Returns when to look again at the latest.
    async fn step(&mut self, held: &Held, stopping: bool) -> Result<Instant, StoreError> {
        let sending = self.sender.sending.current();
        let numbers = self.numbers(&sending);
        let instant = Instant::now();
        if numbers.is_empty() && self.is_idle() {
            return Ok(instant + IDLE.min(Duration::from_secs(2)));
        }
        let store = &self.sender.store;
        let now = store.now().await?;
        self.settle(store, &numbers, now, instant).await?;
        let (due, mut next) =
            if stopping { (vec![], instant + IDLE) } else { self.due(&sending, &numbers, now).await? };
        let has_news = !self.landed.is_empty() || !self.unsure.is_empty() || !self.taken_over;
        next = next.min(self.settle_at);
        if due.is_empty() && !has_news {
            return Ok(next);
        }
        let mut tx = store.begin_sends(&step::fence(held)).await?;
        if !self.taken_over {
            let names: Vec<NumberName> = numbers.iter().map(|number| number.name.clone()).collect();
            let settle_at = plus(now, self.sender.config.uncertain_wait);
            let lost = tx.take_over(&names, now, settle_at).await?;
            if lost > 0 {
                info!(shard = %self.shard, sends = lost, "sends of a process that is gone may have gone");
            }
        }
        let mut news = News::of(&self.landed);
        news.answered.extend(self.unsure.iter().map(|(place, attempt)| SendAnswered {
            place: *place,
            attempt: *attempt,
            answer: SendAnswer::Later { due_at: now, code: None, counts: false },
        }));
        news.write(&mut tx, now).await?;
        let step = Step { config: &self.sender.config, sending: &sending, now, instant };
        let pairs = |number: &OurNumber, contact: ContactId| {
            self.pace.get(&number.name).and_then(|pace| pace.pair_free_at(contact, instant))
        };
        let mut attempted = Vec::new();
        let finished = step.finish(store, tx, &due, pairs, &mut attempted).await;
        let departures = match finished {
            Ok(departures) => departures,
            Err(error) => {
                // Perhaps it is durable all the same; what it says is attempted was not sent.
                self.unsure.append(&mut attempted);
                return Err(error);
            }
        };
        self.taken_over = true;
        self.unsure.clear();
        let landed = std::mem::take(&mut self.landed);
        self.follow_up(store, &sending, landed, now).await;
        if !departures.is_empty() || !due.is_empty() {
            next = self.next_look(&numbers, instant).min(self.settle_at);
        }
        departures.into_iter().for_each(|departure| self.depart(departure));
        Ok(next)
    }

    fn next_look(&self, numbers: &[&OurNumber], now: Instant) -> Instant {
        let looks = numbers.iter().filter_map(|number| self.pace.get(&number.name)).map(|pace| pace.next_room(now));
        looks.min().unwrap_or(now)
    }

    /// What nothing was heard of in time, and what is of no use any more behind a bar.
    async fn settle(
        &mut self,
        store: &Store,
        numbers: &[&OurNumber],
        now: Timestamp,
        instant: Instant,
    ) -> Result<(), StoreError> {
        if instant < self.settle_at {
            return Ok(());
        }
        self.settle_at = instant + SETTLE_EVERY;
        let names: Vec<NumberName> = numbers.iter().map(|number| number.name.clone()).collect();
        let unsettled = store.unsettled_sends(&names, now, SETTLED_MAX).await?;
        for row in &unsettled {
            let Some(number) = numbers.iter().find(|number| number.name == row.request.number) else { continue };
            let flight = Flight {
                place: row.place,
                attempt: row.attempt,
                retries: row.retries,
                number: number.name.clone(),
                waba: number.waba.clone(),
                contact: row.request.contact,
                template: None,
                circumstances: Default::default(),
                country: None,
            };
            let answer = settle::settled(row, now).answer;
            let outcome = Outcome { answer, effects: vec![], alert: None, word: "settled" };
            self.landed.push((flight, (*number).clone(), outcome));
        }
        store.expire_sends(&names, now, SETTLED_MAX).await?;
        Ok(())
    }

    /// What is due, as far as there is room, the urgent ones first; and when to look again.
    async fn due(
        &mut self,
        sending: &Sending,
        numbers: &[&OurNumber],
        now: Timestamp,
    ) -> Result<(Vec<(i64, ContactId)>, Instant), StoreError> {
        let instant = Instant::now();
        let config = &self.sender.config;
        let mut next = instant + IDLE;
        let mut room: BTreeMap<NumberName, u32> = BTreeMap::new();
        for number in numbers {
            if sending.is_stopped(number, now) {
                continue;
            }
            let pace = self
                .pace
                .entry(number.name.clone())
                .or_insert_with(|| Pace::new(config.rate_per_second, config.keep_pair_pace, instant));
            let under_way = self.flights.values().filter(|(flight, _)| flight.number == number.name).count();
            let free = config.in_flight_max.saturating_sub(under_way);
            let free = u32::try_from(free).unwrap_or(u32::MAX).min(config.batch_max);
            match pace.room(free, instant) {
                0 if free > 0 => next = next.min(pace.next_room(instant)),
                0 => {}
                free => drop(room.insert(number.name.clone(), free)),
            }
        }
        let wanted: Vec<(NumberName, u32)> = room.into_iter().collect();
        let store = &self.sender.store;
        let urgent = store.due_sends(&wanted, true, now).await?;
        let mut left = Vec::with_capacity(wanted.len());
        for (number, free) in wanted {
            let taken = u32::try_from(urgent.iter().filter(|one| one.number == number).count()).unwrap_or(u32::MAX);
            // Of ten places, a few are kept for those that would never come up otherwise.
            let kept = (free * config.normal_share).div_ceil(10);
            let normal = free.saturating_sub(taken).max(kept).min(free);
            left.push((number, normal, free));
        }
        let asked: Vec<(NumberName, u32)> = left.iter().map(|(number, normal, _)| (number.clone(), *normal)).collect();
        let normal = store.due_sends(&asked, false, now).await?;
        let mut due = Vec::new();
        for (number, _, free) in left {
            let of = |sends: &[waypost_store::DueSend]| -> Vec<(i64, ContactId)> {
                sends.iter().filter(|one| one.number == number).map(|one| (one.place, one.contact)).collect()
            };
            let (urgent, normal) = (of(&urgent), of(&normal));
            let places = usize::try_from(free).unwrap_or(usize::MAX);
            let urgent_places = places
                .saturating_sub(normal.len())
                .max(places.saturating_sub(usize::try_from((free * config.normal_share).div_ceil(10)).unwrap_or(0)));
            let urgent: Vec<_> = urgent.into_iter().take(urgent_places).collect();
            let rest = places - urgent.len();
            due.extend(urgent);
            due.extend(normal.into_iter().take(rest));
        }
        Ok((due, next))
    }

    fn depart(&mut self, departure: Departure) {
        let Departure { flight, number, address, message, mark } = departure;
        let now = Instant::now();
        if let Some(pace) = self.pace.get_mut(&number.name) {
            pace.take(1);
            pace.pair_take(flight.contact, now);
        }
        ::metrics::counter!(metrics::ATTEMPTS, "number" => number.name.to_string()).increment(1);
        let sender = self.sender.clone();
        let known = (flight.clone(), number.clone());
        let task = self.under_way.spawn(async move {
            fault::point(SENDER_BEFORE_REQUEST);
            let line = Line::new(number.id.as_str());
            let outgoing = Outgoing { address: &address, message: &message, reply_to: None, mark: &mark };
            let sent = sender.messenger.send(&line, &outgoing).await;
            fault::point(SENDER_AFTER_ANSWER);
            let seconds = now.elapsed().as_secs_f64();
            ::metrics::histogram!(metrics::ANSWER_SECONDS, "number" => number.name.to_string()).record(seconds);
            let at = sender.store.now().await.unwrap_or_else(|_| wall_clock());
            let outcome = outcome::outcome(&sent, &flight, at, sender.config.uncertain_wait);
            metrics::outcome(&number.name, outcome.word);
            if let Sent::Refused(refusal) = &sent {
                info!(send = %mark.send, number = %number.name, code = refusal.failure().code, outcome = outcome.word, "refused");
            }
            (flight, number, outcome)
        });
        self.flights.insert(task.id(), known);
    }

    /// What is changed beside the sends themselves: written after them, and found out again by the next attempt if it is not.
    async fn follow_up(&self, store: &Store, sending: &Sending, landed: Vec<Landed>, now: Timestamp) {
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
        if is_news && let Err(error) = self.sender.sending.refresh().await {
            warn!(%error, "what sending goes by is not read; it stays as it was");
        }
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

fn plus(now: Timestamp, wait: Duration) -> Timestamp {
    now.plus_millis(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}

fn wall_clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
