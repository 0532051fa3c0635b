//! The way out: refuses what cannot be sent now, and hands the rest to the [publishing channels](crate::publish_channel).
//!
//! All publications to one address take the same channel, which keeps their order.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use waypost_bus::{Address, Outcome, Publication};

use crate::config::RabbitConfig;
use crate::link::LinkState;
use crate::metrics::PUBLICATIONS;
use crate::publish_channel::{InFlight, PublishChannel, PublishRequest};

/// The unit in which bodies in flight are counted.
const BYTES_PER_PERMIT: usize = 1024;

pub(crate) struct Publisher {
    channels: Vec<mpsc::Sender<PublishRequest>>,
    hasher: RandomState,
    state: watch::Receiver<LinkState>,
    count: Arc<Semaphore>,
    count_max: u32,
    bytes: Arc<Semaphore>,
    bytes_max: u32,
}

impl Publisher {
    /// The channels run on `tasks` until `stop`.
    pub(crate) fn new(
        config: &RabbitConfig,
        state: watch::Receiver<LinkState>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let count_max = limit(config.in_flight_max);
        let bytes_max = limit(config.in_flight_bytes_max.div_ceil(BYTES_PER_PERMIT));
        let channels = (0..config.publish_channels).map(|_| {
            // Every request holds a permit, so there is always room.
            let (sender, receiver) = mpsc::channel(count_max as usize);
            tasks.spawn(PublishChannel::new(state.clone(), receiver).run(stop.clone()));
            sender
        });
        Self {
            channels: channels.collect(),
            hasher: RandomState::new(),
            state,
            count: Arc::new(Semaphore::new(count_max as usize)),
            count_max,
            bytes: Arc::new(Semaphore::new(bytes_max as usize)),
            bytes_max,
        }
    }

    pub(crate) async fn publish(&self, batch: Vec<Publication>, limit: Duration) -> Vec<Outcome> {
        let outcomes = self.send(batch, Instant::now() + limit).await;
        for (outcome, name) in OUTCOMES {
            let number = outcomes.iter().filter(|one| **one == outcome).count();
            if number > 0 {
                counter!(PUBLICATIONS, "outcome" => name).increment(number as u64);
            }
        }
        outcomes
    }

    /// Takes nothing more, and waits until nothing is in flight.
    pub(crate) async fn drain(&self, limit: Duration) {
        let all = timeout(limit, self.count.acquire_many(self.count_max)).await;
        self.count.close();
        drop(all);
    }

    async fn send(&self, batch: Vec<Publication>, deadline: Instant) -> Vec<Outcome> {
        if batch.is_empty() {
            return Vec::new();
        }
        let number = batch.len();
        if !matches!(*self.state.borrow(), LinkState::Up(_)) {
            return vec![Outcome::Unavailable; number];
        }
        let channel = self.channel_of(&batch[0].address);
        if batch.iter().all(|publication| self.channel_of(&publication.address) == channel) {
            return match self.start(channel, batch, deadline) {
                Some(answer) => outcomes_by(answer, number, deadline).await,
                None => vec![Outcome::Unavailable; number],
            };
        }
        self.send_over_channels(batch, deadline).await
    }

    /// Sends a batch that takes several channels: all are started before any is awaited.
    async fn send_over_channels(&self, batch: Vec<Publication>, deadline: Instant) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::Unavailable; batch.len()];
        let mut parts: Vec<(Vec<usize>, Vec<Publication>)> = Vec::new();
        parts.resize_with(self.channels.len(), Default::default);
        for (index, publication) in batch.into_iter().enumerate() {
            let (indices, publications) = &mut parts[self.channel_of(&publication.address)];
            indices.push(index);
            publications.push(publication);
        }
        let mut started = Vec::with_capacity(parts.len());
        for (channel, (indices, publications)) in parts.into_iter().enumerate() {
            if let Some(answer) = (!indices.is_empty()).then(|| self.start(channel, publications, deadline)).flatten() {
                started.push((indices, answer));
            }
        }
        for (indices, answer) in started {
            let part = outcomes_by(answer, indices.len(), deadline).await;
            for (index, outcome) in indices.into_iter().zip(part) {
                outcomes[index] = outcome;
            }
        }
        outcomes
    }

    fn channel_of(&self, address: &Address) -> usize {
        // The remainder is below the number of channels.
        (self.hasher.hash_one(address) % self.channels.len() as u64) as usize
    }

    /// `None`: too much is in flight, or the bus is closing.
    fn start(
        &self,
        channel: usize,
        publications: Vec<Publication>,
        deadline: Instant,
    ) -> Option<oneshot::Receiver<Vec<Outcome>>> {
        let bytes: usize = publications.iter().map(|publication| publication.message.body.len()).sum();
        // What is larger than a bound goes out alone rather than never.
        let count = limit(publications.len()).min(self.count_max);
        let permits = limit(bytes.div_ceil(BYTES_PER_PERMIT)).min(self.bytes_max);
        let count = self.count.clone().try_acquire_many_owned(count).ok()?;
        let bytes = self.bytes.clone().try_acquire_many_owned(permits).ok()?;
        let in_flight = InFlight::new(count, bytes);
        let (reply, answer) = oneshot::channel();
        self.channels[channel].try_send(PublishRequest { publications, deadline, reply, in_flight }).ok()?;
        Some(answer)
    }
}

fn limit(number: usize) -> u32 {
    u32::try_from(number.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX)
}

async fn outcomes_by(answer: oneshot::Receiver<Vec<Outcome>>, number: usize, deadline: Instant) -> Vec<Outcome> {
    match timeout_at(deadline, answer).await {
        Ok(Ok(outcomes)) => outcomes,
        Ok(Err(_)) | Err(_) => vec![Outcome::Unknown; number],
    }
}

const OUTCOMES: [(Outcome, &str); 6] = [
    (Outcome::Confirmed, "confirmed"),
    (Outcome::Returned, "returned"),
    (Outcome::Nacked, "nacked"),
    (Outcome::Refused, "refused"),
    (Outcome::Unavailable, "unavailable"),
    (Outcome::Unknown, "unknown"),
];
