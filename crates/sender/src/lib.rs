//! The sender: attempts what is queued, when it is its turn and policy allows it, and writes down what came of it.
//!
//! Follow a send: [`dispatch`] holds the leases on our numbers and looks for what is due → [`step`] is one transaction: what
//! came of attempts is written, what is due is claimed and judged, and `attempting` stands in the store before the first byte
//! leaves → the messenger carries it → [`outcome`] says what becomes of it, by the one table of error codes. [`pace`] keeps to
//! what a number and a pair may send; [`settle`] deals with what nobody knows the end of.
//!
//! Must never attempt anything that the store does not have as `attempting` under this lease, never send again what may have
//! gone without saying so, and never decide by a text of Meta's.

pub mod config;
pub mod dispatch;
pub mod metrics;
pub mod outcome;
pub mod pace;
pub mod settle;
pub mod step;

use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use waypost_domain::{NumberName, PartitionCount};
use waypost_graph_client::Messenger;
use waypost_live::SendingLive;
use waypost_store::{Sequence, Store};
use waypost_worker::{Shard, Shards, WorkerConfig};

pub use config::SenderConfig;
pub use dispatch::Wake;

/// The lease name of those who send.
pub const SENDER: &str = "sender";

/// How many pieces our numbers are shared out in.
pub const SHARDS: u16 = 64;

/// Which piece a number belongs to, for every process of every release.
pub fn shard_of(number: &NumberName) -> Shard {
    let count = PartitionCount::new(SHARDS).unwrap_or(PartitionCount::DEFAULT);
    count.of_key(number.as_str()).into()
}

/// A running sender's parts.
pub struct Sender {
    pub config: SenderConfig,
    pub store: Store,
    pub messenger: Arc<dyn Messenger>,
    pub sending: Arc<SendingLive>,
    /// Whoever stores a request in the same process says so here.
    pub wake: Wake,
}

impl Sender {
    /// Runs until `shutdown`, then waits for the answers that are under way: at most the worker's drain time.
    pub fn run(self, worker: &WorkerConfig, shutdown: CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        metrics::describe();
        let shards = worker.shards(Sequence::None);
        let sender = Arc::new(self);
        let (store, sending, wake) = (sender.store.clone(), sender.sending.clone(), sender.wake.clone());
        let every = sender.config.poll_every;
        let work = dispatch::Dispatch::new(sender.clone());
        let keys = (0..SHARDS).map(Shard);
        let dispatching = Shards::new(shards, store.clone(), keys, Arc::new(work));
        Box::pin(async move {
            tokio::join!(
                dispatching.run(shutdown.clone()),
                dispatch::watch(store, sending.clone(), wake, every, shutdown.clone()),
                dispatch::watch_token(sender, dispatch::TOKEN_EVERY, shutdown.clone()),
                sending.follow(shutdown),
            );
        })
    }
}
