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
use waypost_bus::dead_letter::{DIVERTED_HEADER, replay};
use waypost_bus::{Address, Bus, Message, Publication};
use waypost_domain::DecisionId;
use waypost_grpc::Result;
use waypost_store::{ParkedMessage, Parking, ReplayJob, ReplayStep, Store};

use super::left::Left;

/// For replays that a process was at work on that is gone.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// More than a step takes. Then another process goes on.
const CLAIMED_FOR: Duration = Duration::from_secs(30);
/// Messages in a step: each may be as large as a webhook's body.
const STEP_MESSAGES: u32 = 32;
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

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

    /// Until `shutdown`; what is in the middle of a step then is gone on with by whoever comes next.
    pub(crate) async fn run(&self, shutdown: CancellationToken) {
        let worker = Uuid::now_v7().to_string();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.begun.notified() => {}
                _ = looks.tick() => {}
            }
            let Some(worked) = shutdown.run_until_cancelled(self.work_off(&worker)).await else { return };
            if let Err(error) = worked {
                warn!(%error, "replays of parked messages wait");
            }
        }
    }

    async fn work_off(&self, worker: &str) -> Result<()> {
        for job in self.store.open_replays().await? {
            self.work_on(job, worker).await?;
        }
        Ok(())
    }

    /// Until it has ended, or somebody else works on it.
    pub(super) async fn work_on(&self, id: Uuid, worker: &str) -> Result<()> {
        while let Some(job) = self.store.claim_replay(id, worker, CLAIMED_FOR).await? {
            let messages = self.store.replay_messages(id, STEP_MESSAGES).await?;
            if messages.is_empty() {
                self.store.end_replay(id, worker).await?;
                break;
            }
            let step = self.step(&job, messages).await?;
            self.store.advance_replay(&job, worker, &step).await?;
        }
        Ok(())
    }

    async fn step(&self, job: &ReplayJob, messages: Vec<(Uuid, ParkedMessage)>) -> Result<ReplayStep> {
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
        let outcomes = self.bus.publish(publications, PUBLISH_TIMEOUT).await;
        for (id, outcome) in ids.into_iter().zip(outcomes) {
            match Left::of(outcome) {
                None => step.replayed.push(id),
                Some(why) => step.left.push((id, why.code().to_owned())),
            }
        }
        Ok(step)
    }

    /// Where a parked message belongs, or why that is not known.
    async fn way_back(
        &self,
        parking: Parking,
        parked: ParkedMessage,
    ) -> Result<std::result::Result<Publication, Left>> {
        let mut message = whole(parked);
        match parking {
            Parking::DeadLetters => Ok(replay(message).ok_or(Left::NoWayBack)),
            Parking::Unrouted => {
                let Ok(id) = Uuid::try_parse(&message.id) else { return Ok(Err(Left::NoWayBack)) };
                let event = self.store.decision_of(DecisionId::from_uuid(id)).await?;
                let Some(outcome) = event.and_then(|event| event.outcome) else { return Ok(Err(Left::DecisionGone)) };
                let Some(team) = outcome.team else { return Ok(Err(Left::NoTeam)) };
                message.headers.remove(DIVERTED_HEADER);
                Ok(Ok(Publication { address: Address::team(&team, outcome.priority), message }))
            }
        }
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
