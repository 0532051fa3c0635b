//! Who sends from which number: the leases on pieces of our numbers, the loop that looks for what is due on them, and the
//! requests that are under way.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::{error, info, warn};
use waypost_domain::{ContactId, NumberName, Timestamp};
use waypost_fault::{self as fault, SENDER_AFTER_ANSWER, SENDER_BEFORE_REQUEST};
use waypost_graph_client::{Line, NotSent, Outgoing, Sent};
use waypost_live::{OurNumber, Sending};
use waypost_store::{SendAnswer, SendAnswered, SendRow, Store, StoreError};
use waypost_worker::{Backoff, Held, Shard, ShardEnd, ShardWork};

use crate::due::{Due, due};
use crate::follow::follow_up;
use crate::outcome::{self, Effect, Flight};
use crate::pace::Pace;
use crate::step::{self, Departure, Landed, News, Step};
use crate::{Sender, metrics, settle, shard_of};

/// How long a step that failed is waited for before the next.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How often is looked for what nothing was heard of, and for what is of no use any more.
const SETTLE_EVERY: Duration = Duration::from_secs(1);
const SETTLED_MAX: u32 = 100;
/// How long a piece without work is left alone, unless it is woken; and one without numbers.
const IDLE: Duration = Duration::from_secs(60);
const EMPTY: Duration = Duration::from_secs(2);

pub(crate) struct Dispatch {
    pub(crate) sender: Arc<Sender>,
}

/// One held piece.
struct Desk<'a> {
    sender: &'a Arc<Sender>,
    shard: Shard,
    pace: HashMap<NumberName, Pace>,
    under_way: JoinSet<Landed>,
    /// By their tasks, for those that do not return.
    flights: HashMap<Id, (Flight, OurNumber)>,
    landed: Vec<Landed>,
    /// Nobody knows whether these were made durable, and not a byte of them was sent.
    unsure: Vec<(i64, u32)>,
    taken_over: bool,
    settle_at: Instant,
    /// The store's time at an instant of ours.
    clock: (Timestamp, Instant),
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
        let mut backoff = Backoff::new(BACKOFF_MIN, BACKOFF_MAX);
        let mut failed_before = false;
        let mut next = Instant::now();
        loop {
            let woken = self.sender.wake.woken();
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
                    backoff.reset();
                    failed_before = false;
                    next = at;
                }
                Err(StoreError::LeaseLost { .. }) => return ShardEnd::Dropped,
                Err(error) => {
                    if !error.is_transient() {
                        error!(shard = desk.shard.0, %error, "a step of the sender failed");
                    } else if failed_before {
                        warn!(shard = desk.shard.0, %error, "a step of the sender is tried again");
                    }
                    failed_before = true;
                    next = Instant::now() + backoff.pause();
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
            clock: (Timestamp::from_millis(0), Instant::now()),
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
                let lost = outcome::lost(self.now(), self.sender.config.uncertain_wait, vec![]);
                (flight, number, lost)
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

    /// The store's time, without asking it.
    fn now(&self) -> Timestamp {
        let (now, instant) = self.clock;
        now.plus(instant.elapsed())
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
            return Ok(instant + EMPTY);
        }
        let store = &self.sender.store;
        let now = store.now().await?;
        self.clock = (now, Instant::now());
        let settled = self.settle(store, &numbers, now, instant).await?;
        let (due, mut next) =
            if stopping { (vec![], instant + IDLE) } else { self.due(&sending, &numbers, now).await? };
        let has_news = !self.landed.is_empty() || !self.unsure.is_empty() || !settled.is_empty() || !self.taken_over;
        next = next.min(self.settle_at);
        if due.is_empty() && !has_news {
            return Ok(next);
        }
        let mut tx = store.begin_sends(&step::fence(held)).await?;
        if !self.taken_over {
            let names: Vec<NumberName> = numbers.iter().map(|number| number.name.clone()).collect();
            let settle_at = now.plus(self.sender.config.uncertain_wait);
            let lost = tx.take_over(&names, now, settle_at).await?;
            if lost > 0 {
                info!(shard = self.shard.0, sends = lost, "sends of a process that is gone may have gone");
            }
        }
        let mut news = News::of(&self.landed);
        news.answered.extend(settled);
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
        let finished = step.finish(tx, &due, pairs, &mut attempted).await;
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
        follow_up(self.sender, landed, now).await;
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
    ) -> Result<Vec<SendAnswered>, StoreError> {
        if instant < self.settle_at {
            return Ok(vec![]);
        }
        self.settle_at = instant + SETTLE_EVERY;
        let names: Vec<NumberName> = numbers.iter().map(|number| number.name.clone()).collect();
        let unsettled = store.unsettled_sends(&names, now, SETTLED_MAX).await?;
        store.expire_sends(&names, now, SETTLED_MAX).await?;
        let silence_is_news = |row: &SendRow| {
            let number = numbers.iter().find(|number| number.name == row.request.number);
            number.is_some_and(|number| self.sender.messenger.silence_is_news(&Line::new(number.id.as_str())))
        };
        Ok(unsettled.iter().map(|row| settle::settled(row, now, silence_is_news(row))).collect())
    }

    /// What is due, as far as there is room, and when to look again.
    async fn due(
        &mut self,
        sending: &Sending,
        numbers: &[&OurNumber],
        now: Timestamp,
    ) -> Result<(Vec<Due>, Instant), StoreError> {
        let instant = Instant::now();
        let config = &self.sender.config;
        let mut next = instant + IDLE;
        let mut room: Vec<(NumberName, u32)> = Vec::with_capacity(numbers.len());
        for number in numbers.iter().filter(|number| !sending.is_stopped(number, now)) {
            let new = || Pace::new(config.rate_per_second, config.keep_pair_pace, instant);
            let pace = self.pace.entry(number.name.clone()).or_insert_with(new);
            let under_way = self.flights.values().filter(|(flight, _)| flight.number == number.name).count();
            ::metrics::gauge!(metrics::IN_FLIGHT, "number" => number.name.to_string()).set(under_way as f64);
            let free = config.in_flight_max.saturating_sub(under_way);
            let free = u32::try_from(free).unwrap_or(u32::MAX).min(config.batch_max);
            match pace.room(free, instant) {
                0 if free > 0 => next = next.min(pace.next_room(instant)),
                0 => {}
                free => room.push((number.name.clone(), free)),
            }
        }
        Ok((due(&self.sender.store, &room, config.normal_share, now).await?, next))
    }

    fn depart(&mut self, departure: Departure) {
        let Departure { flight, number, address, message, reply_to, mark } = departure;
        let (now, (store_now, asked)) = (Instant::now(), self.clock);
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
            let outgoing = Outgoing {
                address: &address,
                message: &message,
                reply_to: reply_to.as_deref(),
                mark: &mark,
            };
            let sent = sender.messenger.send(&line, &outgoing).await;
            fault::point(SENDER_AFTER_ANSWER);
            let seconds = now.elapsed().as_secs_f64();
            ::metrics::histogram!(metrics::ANSWER_SECONDS, "number" => number.name.to_string()).record(seconds);
            let at = store_now.plus(asked.elapsed());
            let outcome = outcome::outcome(&sent, &flight, at, sender.config.uncertain_wait);
            metrics::outcome(&number.name, outcome.word);
            if let Sent::NotSent(NotSent::Request(error)) = &sent {
                info!(send = %mark.send, number = %number.name, %error, outcome = outcome.word, "its carrier cannot take it");
            }
            if let Sent::Refused(refusal) = &sent {
                info!(send = %mark.send, number = %number.name, code = refusal.failure().code, outcome = outcome.word, "refused");
            }
            (flight, number, outcome)
        });
        self.flights.insert(task.id(), known);
    }
}
