//! Requests to send off the bus: the two queues of `wa.send`, each under a lease, kept as those are that come over gRPC.
//!
//! Follow one: `author` says for whom the bus vouches → `taking` reads what came together and keeps it in one transaction →
//! `answer` tells who asked for it. Then the worker acknowledges it; what cannot be taken it parks, with the field that is
//! meant (`refusal`). A crash in between repeats all of it, under the same id, which is one send.
//!
//! Must never take a publisher's own word for who they are, and never park what only the store cannot take just now.

mod answer;
mod author;
mod refusal;
mod taking;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use waypost_bus::Bus;
use waypost_bus::topology::send_queue;
use waypost_domain::team::Priority;
use waypost_domain::{PartitionCount, PartitionId};
use waypost_store::Sequence;
use waypost_worker::{Parts, Worker, WorkerConfig, no_bundles};

use crate::messages::Messages;
use crate::{Shared, metrics};
use taking::Taking;

/// Their lease name.
pub const REQUESTS: &str = "gateway-requests";

/// Requests in a transaction at most: each is also a few questions to the store, which are asked together.
const BATCH_MAX: u16 = 32;

/// The queue of each shard, by its number.
pub fn queues() -> Vec<String> {
    Priority::ALL.map(send_queue).to_vec()
}

/// Takes them in.
pub struct Requests {
    pub bus: Arc<dyn Bus>,
    /// Whether the bus knows who publishes. Where it does not, only the owner of its files can.
    pub bus_has_users: bool,
    pub shared: Shared,
}

impl Requests {
    /// Runs until `shutdown`, then drains under the worker's deadline. `worker`: what the lease name is worked under.
    pub fn run(
        self,
        worker: impl FnOnce(&'static str, PartitionCount) -> WorkerConfig,
        shutdown: CancellationToken,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        metrics::describe();
        let count = u16::try_from(Priority::ALL.len()).ok().and_then(PartitionCount::new);
        let config = worker(REQUESTS, count.unwrap_or(PartitionCount::DEFAULT));
        let config = WorkerConfig { batch_max: config.batch_max.min(BATCH_MAX), ..config };
        let Self { bus, bus_has_users, shared } = self;
        let (store, of_handlers) = (shared.store.clone(), bus.clone());
        let handler = move |shard| {
            let (messages, bus) = (Messages { shared: shared.clone() }, of_handlers.clone());
            let taking = Taking { messages, bus, bus_has_users, priority: priority(shard) };
            Box::new(taking) as Box<dyn waypost_worker::Handler>
        };
        let parts = Parts {
            bus,
            store,
            handler: Arc::new(handler),
            queue: Arc::new(|shard| send_queue(priority(shard))),
            sequence: Sequence::None,
            split: no_bundles,
            suspects: Arc::default(),
        };
        Box::pin(Worker::new(config, parts).run(shutdown))
    }
}

fn priority(shard: PartitionId) -> Priority {
    Priority::ALL[usize::from(shard.0) % Priority::ALL.len()]
}
