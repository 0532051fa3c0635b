//! Messages that callers have in hand. What keeps them from everybody else is the subscription that they came by, so each
//! lease is a task that holds its subscriptions until it is settled, its time is over, or the process ends. Dropping a
//! subscription gives back what it holds: whatever goes wrong, nothing is lost and nothing stays in nobody's hands.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;
use uuid::Uuid;
use waypost_bus::{BusError, ConsumeEnded, Consumer, Delivery};
use waypost_domain::TeamName;
use waypost_domain::team::Priority;
use waypost_grpc::error::{CallError, not_found};
use waypost_grpc::{Caller, Result};

/// Callers that wait for messages or have some in hand, all at once. One more is refused: each holds subscriptions, and
/// while it waits, one of the calls that the server has under way.
const TAKERS_MAX: usize = 32;
/// At the end, for what is in hand to be given back; the bus does it by itself for whoever is later.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(1);

/// What a caller got of one queue.
pub(super) struct Hand {
    pub(super) priority: Priority,
    pub(super) consumer: Box<dyn Consumer>,
    pub(super) deliveries: Vec<Delivery>,
}

/// The leases of a server.
#[derive(Clone)]
pub(crate) struct Leases(Arc<Inner>);

struct Inner {
    held: Mutex<HashMap<Uuid, Held>>,
    room: Arc<Semaphore>,
    ending: CancellationToken,
    tasks: TaskTracker,
}

struct Held {
    team: TeamName,
    settle: oneshot::Sender<Settlement>,
}

/// The messages that are done with, by their ids; the others go back.
struct Settlement {
    done: Vec<String>,
    /// How many of them were removed.
    answer: oneshot::Sender<Result<usize, ConsumeEnded>>,
}

impl Default for Leases {
    fn default() -> Self {
        Self(Arc::new(Inner {
            held: Mutex::default(),
            room: Arc::new(Semaphore::new(TAKERS_MAX)),
            ending: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }
}

impl Leases {
    /// A place for one who waits, and then for their lease.
    pub(super) fn room(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.0.room).try_acquire_owned().map_err(|_| CallError::Busy)
    }

    /// Until the process ends.
    pub(super) async fn ending(&self) {
        self.0.ending.cancelled().await;
    }

    /// Lets a caller have these messages for so long.
    pub(super) fn hold(
        &self,
        team: TeamName,
        mut hands: Vec<Hand>,
        lease: Duration,
        room: OwnedSemaphorePermit,
    ) -> Uuid {
        let id = Uuid::now_v7();
        let (settle, settlement) = oneshot::channel::<Settlement>();
        self.0.held().insert(id, Held { team, settle });
        let inner = Arc::clone(&self.0);
        self.0.tasks.spawn(async move {
            let settlement = tokio::select! {
                settlement = settlement => settlement.ok(),
                () = tokio::time::sleep(lease) => None,
                () = inner.ending.cancelled() => None,
            };
            // From here on nobody can settle it any more; who has just tried to gets no answer, and so is told that it is over.
            inner.held().remove(&id);
            let settled = match settlement {
                Some(Settlement { done, answer }) => Some((acknowledge(&mut hands, &done).await, answer)),
                None => None,
            };
            for hand in hands {
                hand.consumer.close().await;
            }
            drop(room);
            if let Some((settled, answer)) = settled {
                // Whoever asked may be gone; it is done all the same.
                drop(answer.send(settled));
            }
        });
        id
    }

    /// Removes the messages of these ids from their queue, gives back the others, and ends the lease.
    pub(super) async fn settle(&self, id: Uuid, done: Vec<String>, caller: &Caller) -> Result<usize> {
        let over = || not_found(format!("lease {id}"));
        let settle = {
            let mut held = self.0.held();
            let theirs = held.get(&id).is_some_and(|held| caller.may_see(&held.team));
            let lease = if theirs { held.remove(&id) } else { None };
            lease.ok_or_else(over)?.settle
        };
        let (answer, settled) = oneshot::channel();
        settle.send(Settlement { done, answer }).map_err(|_| over())?;
        let removed = settled.await.map_err(|_| over())?;
        removed.map_err(|ended| BusError::Unavailable(ended.to_string()).into())
    }

    /// Gives everything back. Whoever waits goes away with nothing.
    pub(crate) async fn end(&self) {
        self.0.ending.cancel();
        self.0.tasks.close();
        if tokio::time::timeout(GIVEN_BACK_WITHIN, self.0.tasks.wait()).await.is_err() {
            warn!("messages in callers' hands are given back by the bus alone");
        }
    }
}

impl Inner {
    fn held(&self) -> MutexGuard<'_, HashMap<Uuid, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn acknowledge(hands: &mut [Hand], done: &[String]) -> Result<usize, ConsumeEnded> {
    let mut removed = 0;
    for hand in hands {
        let (named, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut hand.deliveries).into_iter().partition(|delivery| done.contains(&delivery.message.id));
        hand.deliveries = rest;
        removed += named.len();
        hand.consumer.ack(named).await?;
    }
    Ok(removed)
}
