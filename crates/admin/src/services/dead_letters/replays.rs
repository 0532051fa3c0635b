//! Works on replays: takes some messages of one, publishes each to where it belongs, writes down what became of them, and so
//! on. A message is parked no more only once another copy of it is confirmed: whatever breaks in between leaves it parked, at
//! worst twice on the bus under one id.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;
use waypost_bus::dead_letter::{DIVERTED_HEADER, PARKED_AT_HEADER, origin, replay};
use waypost_bus::topology::send_queue;
use waypost_bus::{Address, Bus, Message, Publication};
use waypost_domain::team::Priority;
use waypost_domain::{DecisionId, Timestamp};
use waypost_grpc::Result;
use waypost_grpc::error::CallError;
use waypost_store::{ParkedMessage, Parking, ReplayJob, ReplayStep, Store, StoreError};

use super::left::Left;

/// For replays that a process was at work on that is gone.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// More than a step takes. Then another process goes on.
const CLAIMED_FOR: Duration = Duration::from_secs(30);
/// Messages in a step: each may be as large as a webhook's body.
const STEP_MESSAGES: u32 = 32;
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// For a call that waits for a replay which another process works on.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// The next may follow at once.
    GetsOn,
    /// Somebody else works on it, or the bus is in trouble.
    Waits,
    Ended,
}

/// Works on the replays of everybody.
#[derive(Clone)]
pub(crate) struct Replays {
    bus: Arc<dyn Bus>,
    store: Store,
    begun: Arc<Notify>,
}

impl Replays {
    pub(crate) fn new(bus: Arc<dyn Bus>, store: Store) -> Self {
        Self { bus, store, begun: Arc::default() }
    }

    /// There is a new one.
    pub(super) fn begin(&self) {
        self.begun.notify_one();
    }

    /// Until `shutdown`; then a step that is under way has `drain_timeout` to write down what it published.
    pub(crate) async fn run(&self, shutdown: CancellationToken, drain_timeout: Duration) {
        let cut_off = async {
            shutdown.cancelled().await;
            tokio::time::sleep(drain_timeout).await;
        };
        tokio::select! {
            () = self.work(&shutdown) => {}
            () = cut_off => warn!("a step of a replay was cut off: what it published may be published again"),
        }
    }

    async fn work(&self, shutdown: &CancellationToken) {
        let worker = Uuid::now_v7().to_string();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !shutdown.is_cancelled() {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.begun.notified() => {}
                _ = looks.tick() => {}
            }
            self.work_off(&worker, shutdown).await;
        }
    }

    /// A step of each, and again, until none gets on: a long one does not hold up a short one, nor one that fails the others.
    pub(super) async fn work_off(&self, worker: &str, shutdown: &CancellationToken) {
        let mut gets_on = true;
        while gets_on {
            gets_on = false;
            let jobs = match shutdown.run_until_cancelled(self.store.open_replays()).await {
                None => return,
                Some(Ok(jobs)) => jobs,
                Some(Err(error)) => return warn!(%error, "replays of parked messages wait"),
            };
            for job in jobs {
                if shutdown.is_cancelled() {
                    return;
                }
                match self.work_on(job, worker).await {
                    Ok(work) => gets_on |= work == Work::GetsOn,
                    Err(error) => warn!(%error, %job, "a replay of parked messages waits"),
                }
            }
        }
    }

    /// Works on one until it has ended, here or elsewhere.
    pub(super) async fn finish(&self, id: Uuid) -> Result<()> {
        let worker = Uuid::now_v7().to_string();
        loop {
            match self.work_on(id, &worker).await? {
                Work::GetsOn => {}
                Work::Ended => return Ok(()),
                Work::Waits => match self.store.replay_job(id).await? {
                    Some(job) if job.ended_at.is_none() => tokio::time::sleep(LOOK_AGAIN_AFTER).await,
                    _ => return Ok(()),
                },
            }
        }
    }

    /// A step of it under a claim that ends with the step, in a task of its own: who waits for it may go.
    async fn work_on(&self, id: Uuid, worker: &str) -> Result<Work> {
        let stepping = tokio::spawn(self.clone().claimed_step(id, worker.to_owned()));
        stepping.await.unwrap_or_else(|error| Err(CallError::Internal(format!("a step of a replay: {error}"))))
    }

    async fn claimed_step(self, id: Uuid, worker: String) -> Result<Work> {
        let Some(job) = self.store.claim_replay(id, &worker, CLAIMED_FOR).await? else {
            // It may have been stopped in the middle of a step.
            self.store.let_go(id, &worker).await?;
            return Ok(Work::Waits);
        };
        let worked = self.step(&job, &worker).await;
        self.store.release_replay(id, &worker).await?;
        worked
    }

    async fn step(&self, job: &ReplayJob, worker: &str) -> Result<Work> {
        let messages = self.store.replay_messages(job.id, STEP_MESSAGES).await?;
        if messages.is_empty() {
            self.store.end_replay(job.id, worker).await?;
            return Ok(Work::Ended);
        }
        let mut step = ReplayStep::default();
        let (mut ids, mut publications) = (Vec::new(), Vec::new());
        for (id, message) in messages {
            match self.way_back(job.parking, message).await? {
                Ok(publication) => {
                    ids.push(id);
                    publications.push(publication);
                }
                Err(why) => step.left.push((id, why.code().to_owned())),
            }
        }
        // Finding their ways took its time, and publishing needs all of the claim's.
        if self.store.claim_replay(job.id, worker, CLAIMED_FOR).await?.is_none() {
            return Ok(Work::Waits);
        }
        let outcomes = self.bus.publish(publications, PUBLISH_TIMEOUT).await;
        let is_down = !outcomes.is_empty() && outcomes.iter().all(|one| Left::of(*one) == Some(Left::NotConfirmed));
        if !is_down {
            for (id, outcome) in ids.into_iter().zip(outcomes) {
                match Left::of(outcome) {
                    None => step.replayed.push(id),
                    Some(why) => step.left.push((id, why.code().to_owned())),
                }
            }
        }
        self.store.advance_replay(job.id, &step).await?;
        Ok(if is_down { Work::Waits } else { Work::GetsOn })
    }

    /// Where a parked message belongs, or why that is not known.
    async fn way_back(
        &self,
        parking: Parking,
        parked: std::result::Result<ParkedMessage, StoreError>,
    ) -> Result<std::result::Result<Publication, Left>> {
        let (parked_at, mut message) = match parked {
            Ok(parked) => (parked.row.parked_at, whole(parked)),
            Err(error) => return unreadable(error),
        };
        match parking {
            Parking::DeadLetters => {
                note_age(&mut message, parked_at);
                Ok(replay(message).ok_or(Left::NoWayBack))
            }
            Parking::Unrouted => {
                let Ok(id) = Uuid::try_parse(&message.id) else { return Ok(Err(Left::NoWayBack)) };
                let event = match self.store.decision_of(DecisionId::from_uuid(id)).await {
                    Ok(event) => event,
                    Err(error) => return unreadable(error),
                };
                let Some(outcome) = event.and_then(|event| event.outcome) else { return Ok(Err(Left::DecisionGone)) };
                let Some(team) = outcome.team else { return Ok(Err(Left::NoTeam)) };
                message.headers.remove(DIVERTED_HEADER);
                Ok(Ok(Publication { address: Address::team(&team, outcome.priority), message }))
            }
        }
    }
}

/// A request to send is as old as when it was parked first, however often it is replayed.
fn note_age(letter: &mut Message, parked_at: Timestamp) {
    if Priority::ALL.iter().any(|priority| origin(letter) == Some(&*send_queue(*priority))) {
        let parked_at = parked_at.as_millis().to_string();
        letter.headers.entry(PARKED_AT_HEADER.to_owned()).or_insert(parked_at);
    }
}

/// What is damaged stays so, and must not hold up the rest.
fn unreadable<T>(error: StoreError) -> Result<std::result::Result<T, Left>> {
    match error {
        StoreError::Unreadable { .. } => {
            warn!(%error, "a parked message is not replayed");
            Ok(Err(Left::UnreadableRow))
        }
        error => Err(error.into()),
    }
}

fn whole(ParkedMessage { row, content }: ParkedMessage) -> Message {
    Message {
        id: row.message_id,
        kind: row.kind,
        content_type: content.content_type,
        headers: content.headers,
        body: content.body.into(),
    }
}
