//! The router: decides which team gets a message, remembers why, and puts it on the team's queue.
//!
//! Follow a message: [`inbound`] reads it off the partition's queue → [`batch`] decides a whole batch in one
//! transaction, with what is stored of the messages that others are about → [`deliver`] publishes to the teams' queues,
//! what they are told of conversations among it, and knows where to go when one is full or gone. The router must
//! never acknowledge what is not both committed and published, and never let a message end where nobody reads it.

pub mod activity;
pub mod batch;
pub mod config;
pub mod decide;
pub mod deliver;
pub mod inbound;
pub mod metrics;

mod about;
mod handler;
mod janitor;
mod observation;
mod told;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use waypost_bus::{Bus, Layout};
use waypost_domain::{IdSource, PartitionCount, PartitionId};
use waypost_live::{AskedTeams, Numbers, Rules, TeamDirectory};
use waypost_store::{Sequence, Store};
use waypost_worker::{Due, DueConfig, Handler, Parts, Shard, Worker, WorkerConfig};

pub use config::RouterConfig;
pub use handler::RouteHandler;
pub use janitor::JanitorConfig;

/// The lease names of what the router runs. The first one's leases number the inbox: its store is opened with it.
pub const ROUTER: &str = "router";
pub const JANITOR: &str = "janitor";

/// What a broker that does not answer may delay the start by.
const FIRST_LOOK_TIMEOUT: Duration = Duration::from_secs(1);

/// A running router's parts.
pub struct Router {
    pub config: RouterConfig,
    pub layout: Layout,
    pub bus: Arc<dyn Bus>,
    pub store: Store,
    /// Where new conversations get their ids from.
    pub ids: Arc<dyn IdSource>,
    pub rules: Arc<Rules>,
    /// Whose messages this process was asked for.
    pub asked_teams: Arc<AskedTeams>,
}

/// Under what each of a router's lease names is worked.
struct WorkerConfigs {
    inbound: WorkerConfig,
    janitor: WorkerConfig,
}

impl Router {
    /// Runs until `shutdown`, then drains under the workers' deadline. `worker`: what each lease name is worked under.
    ///
    /// Boxed, as each component's whole run is: so it is compiled here and not in whoever starts it.
    pub fn run(
        self,
        worker: impl Fn(&'static str, PartitionCount) -> WorkerConfig,
        shutdown: CancellationToken,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let partitions = self.layout.partitions;
        // One janitor is enough.
        let configs =
            WorkerConfigs { inbound: worker(ROUTER, partitions), janitor: worker(JANITOR, PartitionCount::ONE) };
        self.run_workers(configs, shutdown)
    }

    fn run_workers(
        self,
        configs: WorkerConfigs,
        shutdown: CancellationToken,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.work(configs, shutdown).await })
    }

    async fn work(self, configs: WorkerConfigs, shutdown: CancellationToken) {
        metrics::describe();
        waypost_live::metrics::describe();
        metrics::begin(&self.rules.current());
        let layout = self.layout;
        let suspects = Arc::default();
        let teams = Arc::new(TeamDirectory::new(self.asked_teams.clone()));
        // So that the first messages already are decided by it.
        let asked = self.rules.current().look_at_queues_of();
        let ask = teams.ask_for_queues(&*self.bus, &asked, handler::now);
        drop(tokio::time::timeout(FIRST_LOOK_TIMEOUT, ask).await);
        let numbers = Arc::new(Numbers::new(self.store.clone()));
        let inbound = Worker::new(
            configs.inbound,
            Parts {
                bus: self.bus.clone(),
                store: self.store.clone(),
                handler: self.handlers_with(teams.clone(), numbers.clone()),
                queue: Arc::new(move |partition| layout.inbound_queue(partition)),
                sequence: Sequence::OfInbox,
                split: inbound::split,
                suspects: Arc::clone(&suspects),
            },
        );
        let janitor = self.janitor(&configs.janitor);
        tokio::join!(
            Box::pin(janitor.run(shutdown.clone())),
            Box::pin(teams.follow(&self.store, &*self.bus, &self.rules, handler::now, shutdown.clone())),
            Box::pin(numbers.follow(shutdown.clone())),
            inbound.run(shutdown),
        );
    }

    /// Makes the handlers of the inbound partitions, which know of teams what the rules say.
    pub fn handlers(&self) -> Arc<dyn Fn(PartitionId) -> Box<dyn Handler> + Send + Sync> {
        self.handlers_with(Arc::default(), Arc::new(Numbers::new(self.store.clone())))
    }

    fn handlers_with(
        &self,
        teams: Arc<TeamDirectory>,
        numbers: Arc<Numbers>,
    ) -> Arc<dyn Fn(PartitionId) -> Box<dyn Handler> + Send + Sync> {
        let shared = handler::Shared::new(self, teams, numbers);
        Arc::new(move |_| Box::new(RouteHandler::new(shared.clone())))
    }

    fn janitor(&self, worker: &WorkerConfig) -> Due {
        let JanitorConfig { retention, every } = self.config.janitor.clone();
        let config = DueConfig {
            shards: worker.shards(Sequence::None),
            every,
            rows_max: janitor::ROWS_MAX,
            pass_timeout: janitor::PASS_TIMEOUT,
        };
        let source = janitor::Janitor { store: self.store.clone(), retention, idle: self.config.conversation_idle };
        // One for the whole store.
        Due::new(config, self.store.clone(), [Shard(0)], Arc::new(source))
    }
}
