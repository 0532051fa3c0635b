//! The sender: attempts what is queued, when it is its turn and policy allows it, and writes down what came of it.
//!
//! Follow a send: [`dispatch`] holds the leases on our numbers and looks for what is due → [`step`] is one transaction: what
//! came of attempts is written, what is due is claimed and judged, and `attempting` stands in the store before the first byte
//! leaves → the messenger carries it → [`outcome`] says what becomes of it, by the one table of error codes → [`record`] takes
//! in what Meta's webhooks say of it, and with [`hooks`] of our accounts, numbers and templates. [`pace`] keeps to what a number
//! and a pair may send; [`settle`] deals with what nobody knows the end of; [`registry`] lists the templates; [`campaigns`] puts
//! their recipients in the queue.
//!
//! Must never attempt anything that the store does not have as `attempting` under this lease, never send again what may have
//! gone without saying so, and never decide by a text of Meta's.

pub mod campaigns;
pub mod config;
pub mod dispatch;
mod due;
mod follow;
pub mod hooks;
pub mod metrics;
pub mod outcome;
pub mod pace;
pub mod record;
pub mod registry;
pub mod settle;
mod spend;
pub mod step;
mod wake;

use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use waypost_bus::{Bus, Layout};
use waypost_domain::{NumberName, PartitionCount, PartitionId};
use waypost_graph_client::Messenger;
use waypost_live::{Numbers, SendingLive};
use waypost_store::{Sequence, Store};
use waypost_worker::{Handler, Parts, Shard, Shards, Worker, WorkerConfig};

pub use campaigns::{Campaigns, CampaignsConfig};
pub use config::SenderConfig;
pub use registry::{Registry, RegistryConfig, Templates};
pub use wake::Wake;

/// The lease names of what the sender runs: who sends, who takes in webhooks of statuses and of accounts, who lists templates, and
/// who puts campaigns in the queue.
pub const SENDER: &str = "sender";
pub const STATUSES: &str = "sender-statuses";
pub const ACCOUNT: &str = "sender-account";
pub const REGISTRY: &str = "sender-registry";
pub const CAMPAIGNS: &str = "sender-campaigns";

/// How many pieces our numbers are shared out in.
pub const SHARDS: u16 = 64;

/// Which piece a number belongs to, for every process of every release.
pub fn shard_of(number: &NumberName) -> Shard {
    let count = PartitionCount::new(SHARDS).unwrap_or(PartitionCount::DEFAULT);
    count.of_key(number.as_str()).into()
}

/// Takes in what Meta's webhooks say of what was sent, and of accounts, numbers and templates; whether anything is sent from
/// this process or not.
pub struct Recorder {
    pub layout: Layout,
    pub bus: Arc<dyn Bus>,
    pub store: Store,
    /// Followed by whoever made it.
    pub sending: Arc<SendingLive>,
}

impl Recorder {
    /// Runs until `shutdown`, then drains under the workers' deadline. `worker`: what each lease name is worked under.
    pub fn run(
        self,
        worker: impl Fn(&'static str, PartitionCount) -> WorkerConfig,
        shutdown: CancellationToken,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        metrics::describe();
        let (layout, partitions) = (self.layout, self.layout.partitions);
        let numbers = Arc::new(Numbers::new(self.store.clone()));
        let statuses_queue = move |partition| layout.statuses_queue(partition);
        let statuses = self.worker(worker(STATUSES, partitions), statuses_queue, &numbers);
        // The account's changes are few.
        let account = self.worker(worker(ACCOUNT, PartitionCount::ONE), move |_| layout.account_queue(), &numbers);
        Box::pin(async move {
            tokio::join!(statuses.run(shutdown.clone()), account.run(shutdown.clone()), numbers.follow(shutdown),);
        })
    }

    /// Makes the handlers of both kinds of queues.
    pub fn handlers(&self, numbers: &Arc<Numbers>) -> Arc<dyn Fn(PartitionId) -> Box<dyn Handler> + Send + Sync> {
        let (store, numbers, sending) = (self.store.clone(), numbers.clone(), self.sending.clone());
        Arc::new(move |_| Box::new(record::RecordHandler::new(store.clone(), numbers.clone(), sending.clone())))
    }

    fn worker(
        &self,
        config: WorkerConfig,
        queue: impl Fn(PartitionId) -> String + Send + Sync + 'static,
        numbers: &Arc<Numbers>,
    ) -> Worker {
        let parts = Parts {
            bus: self.bus.clone(),
            store: self.store.clone(),
            handler: self.handlers(numbers),
            queue: Arc::new(queue),
            sequence: Sequence::None,
            split: record::split,
            suspects: Arc::default(),
        };
        Worker::new(config, parts)
    }
}

/// A running sender's parts.
pub struct Sender {
    pub config: SenderConfig,
    pub store: Store,
    pub messenger: Arc<dyn Messenger>,
    /// Followed by whoever made it.
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
        let (messenger, every) = (sender.messenger.clone(), sender.config.poll_every);
        let work = dispatch::Dispatch::new(sender);
        let keys = (0..SHARDS).map(Shard);
        let dispatching = Shards::new(shards, store.clone(), keys, Arc::new(work));
        Box::pin(async move {
            tokio::join!(
                dispatching.run(shutdown.clone()),
                wake::watch(store.clone(), sending.clone(), wake.clone(), every, shutdown.clone()),
                wake::watch_token(messenger, store, sending, wake, shutdown),
            );
        })
    }
}
