//! The component `router` in this process: its configuration, its lease names, and its start. To route there must be rules; what
//! is parked is moved to where it can be seen even without.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::OptionFuture;
use tokio_util::sync::CancellationToken;
use tracing::info;
use waypost_bus::Bus;
use waypost_domain::PartitionCount;
use waypost_live::overview::{Watched, Work};
use waypost_live::{AskedTeams, Rules, RulesInForce};
use waypost_ops::{Health, State, Switch};
use waypost_router::{ROUTER, Router, RouterConfig};
use waypost_store::{Store, TimeOrderedIds};
use waypost_worker::dead_letters::{PARKING, QUEUES, mover};
use waypost_worker::{Worker, WorkerConfig};

use super::Config;
use super::ending::Tasks;
use super::rules::{adopt_rules, open_rules};
use super::section::{Problems, millis, section};
use super::{Process, worker};
use waypost_cli::Failure;

const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

section! {
    /// The component `router`: decides and delivers.
    RouterSection = "router" {
        /// Silence that ends a conversation, unless the customer waits for an answer on a number where answers are seen.
        conversation_idle_minutes: u64 = RouterConfig::default().conversation_idle.as_secs() / 60,
        /// A message that comes at most so many hours after a person resolved its conversation goes on with it; 0 never does.
        reopen_within_hours: u64 = RouterConfig::default().reopen_within.as_secs() / 3600,
        /// Silence after which a number alone does not say who writes: it may be somebody else's by then.
        claim_after_days: u64 = RouterConfig::default().claim_after.as_secs() / SECONDS_OF_A_DAY,
        /// How long a full queue of a team is tried before the overflow team gets the message.
        full_queue_patience_ms: u64 = millis(RouterConfig::default().full_queue_patience),
        /// How long one flight of publications may take.
        publish_timeout_ms: u64 = millis(RouterConfig::default().publish_timeout),
        /// Whether to publish `wa.activity`: only where somebody reads it.
        activity: bool = RouterConfig::default().activity,
    }
}

impl RouterSection {
    pub(crate) fn check(&self, problems: &mut Problems) {
        problems.require(self.conversation_idle_minutes > 0, "router.conversation_idle_minutes", "must be above 0");
        problems.require(self.claim_after_days > 0, "router.claim_after_days", "must be above 0");
    }
}

impl Config {
    pub(crate) fn router_config(&self) -> RouterConfig {
        RouterConfig {
            conversation_idle: Duration::from_secs(self.router.conversation_idle_minutes.saturating_mul(60)),
            reopen_within: Duration::from_secs(self.router.reopen_within_hours.saturating_mul(60 * 60)),
            claim_after: Duration::from_secs(self.router.claim_after_days.saturating_mul(SECONDS_OF_A_DAY)),
            publish_timeout: Duration::from_millis(self.router.publish_timeout_ms),
            full_queue_patience: Duration::from_millis(self.router.full_queue_patience_ms),
            activity: self.router.activity,
            mask: self.mask(),
            copies_files: self.media.copy,
            janitor: self.janitor_config(),
        }
    }

    /// What shows how the whole is.
    pub(crate) fn watched(&self) -> Watched {
        let layout = self.layout();
        let inbound = layout.partitions.all().map(|partition| layout.inbound_queue(partition)).collect();
        let parked = QUEUES.map(|(_, queue)| queue.to_owned()).to_vec();
        let [statuses, account] = self.sender_work();
        let (inbound, parked) = (Work::new(ROUTER, inbound), Work::new(PARKING, parked));
        let work = vec![inbound, statuses, account, self.optin_work(), parked, self.gateway_work()];
        Watched { work, layout, activity: self.router.activity, rules_file: self.rules.file.clone() }
    }
}

/// The router of a process, which runs once there are rules.
pub(crate) struct Routing {
    config: Config,
    bus: Arc<dyn Bus>,
    store: Store,
    health: Arc<Health>,
    rules: Option<Arc<Rules>>,
    asked_teams: Arc<AskedTeams>,
    in_force: Switch,
    /// Whether it moves what is parked.
    moves_parked: bool,
}

impl Routing {
    /// Reads the rules file, or declares what messages wait in until rules are activated.
    ///
    /// # Errors
    /// The file is wrong; bus or store do not take what the rules need.
    pub(crate) async fn prepare(
        config: &Config,
        bus: &Arc<dyn Bus>,
        store: &Store,
        health: &Arc<Health>,
        shutdown: &CancellationToken,
    ) -> Result<Self, Failure> {
        let in_force = health.register_switch(ROUTER, "rules", State::NotReady("not read yet".to_owned()));
        // What a file says can be told before anything starts; an activation may come at any time.
        let rules = match &config.rules.file {
            Some(_) => open_rules(config, store, &in_force, shutdown).await?,
            None => None,
        };
        match &rules {
            Some(rules) => adopt_rules(config, &**bus, store, &rules.current(), None).await?,
            // What comes in waits in its partition until there are rules.
            None if config.bus.declare => {
                let queues = config.topology_for(&Default::default());
                bus.declare(&queues).await.map_err(|error| Failure::failed(format!("topology: {error}")))?;
            }
            None => {}
        }
        let (config, bus, store, health) = (config.clone(), bus.clone(), store.clone(), health.clone());
        let asked_teams = Arc::default();
        Ok(Self { config, bus, store, health, rules, asked_teams, in_force, moves_parked: true })
    }

    /// With rules that are there already, and somebody else who reads what is parked.
    pub(crate) fn with_rules(
        config: Config,
        bus: Arc<dyn Bus>,
        store: Store,
        health: Arc<Health>,
        rules: Arc<Rules>,
    ) -> Self {
        let in_force = health.register_switch(ROUTER, "rules", State::Ready);
        let asked_teams = Arc::default();
        Self { config, bus, store, health, rules: Some(rules), asked_teams, in_force, moves_parked: false }
    }

    /// Until `shutdown`, then drains under the workers' deadline.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> Result<(), Failure> {
        let stop = shutdown.child_token();
        let moving = self.mover().map(|mover| Box::pin(mover.run(stop.clone())));
        let routing = async {
            let routed = self.route(shutdown).await;
            stop.cancel();
            routed
        };
        let (routed, _) = tokio::join!(routing, OptionFuture::from(moving));
        routed
    }

    /// It needs no rules: whoever has none yet may have sent what nobody can read.
    fn mover(&self) -> Option<Worker> {
        let leases = |component, shards| self.leases(component, shards);
        self.moves_parked.then(|| mover(leases, self.bus.clone(), self.store.clone()))
    }

    fn leases(&self, component: &'static str, partitions: PartitionCount) -> WorkerConfig {
        let worker = self.config.worker_config(component, partitions);
        worker::register(&self.health, &worker);
        worker
    }

    async fn route(&self, shutdown: CancellationToken) -> Result<(), Failure> {
        let Some(rules) = self.rules(&shutdown).await? else { return Ok(()) };
        self.in_force.set(State::Ready);
        info!(rules = rules.current().active().version, "router starts");
        let router = Router {
            config: self.config.router_config(),
            layout: self.config.layout(),
            bus: self.bus.clone(),
            store: self.store.clone(),
            ids: Arc::new(TimeOrderedIds),
            rules: rules.clone(),
            asked_teams: self.asked_teams.clone(),
        };
        let leases = |component, partitions| self.leases(component, partitions);
        let (routing, followed) = (self, &*rules);
        let new_rules = |set: Arc<RulesInForce>| async move {
            let before = followed.current();
            let adopted = adopt_rules(&routing.config, &*routing.bus, &routing.store, &set, Some(&before)).await;
            adopted.map_err(|failure| failure.message().unwrap_or_default().to_owned())
        };
        tokio::join!(router.run(leases, shutdown.clone()), Box::pin(rules.follow(shutdown.clone(), new_rules)),);
        Ok(())
    }

    async fn rules(&self, shutdown: &CancellationToken) -> Result<Option<Arc<Rules>>, Failure> {
        if let Some(rules) = &self.rules {
            return Ok(Some(rules.clone()));
        }
        let rules = open_rules(&self.config, &self.store, &self.in_force, shutdown).await?;
        if let Some(rules) = &rules {
            adopt_rules(&self.config, &*self.bus, &self.store, &rules.current(), None).await?;
        }
        Ok(rules)
    }
}

/// Starts it in a process.
pub(super) async fn start(process: &Process<'_>, store: &Store, tasks: &mut Tasks) -> Result<(), Failure> {
    let Process { config, bus, health, shutdown, ending, .. } = process;
    let routing = Routing::prepare(config, bus, store, health, shutdown).await?;
    let routing = Routing { asked_teams: process.asked_teams.clone(), ..routing };
    ending.spawn(tasks, ROUTER, Box::pin(routing.run(shutdown.clone())));
    Ok(())
}
