//! Putting the crates together as the configuration says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;
use waypost_bus::{Bus, QueueKind, Topology};
use waypost_bus_embedded::EmbeddedBus;
use waypost_bus_rabbitmq::{RabbitBus, RabbitConfig};
use waypost_domain::TeamName;
use waypost_live::{Rules, RulesError, RulesInForce};
use waypost_ops::{Health, State, Switch};
use waypost_router::Router;
use waypost_store::{Store, StoreError, StoreOptions, StoreUrl, TimeOrderedIds};
use waypost_worker::WorkerConfig;

use crate::cli::ConfigArgs;
use crate::config::Config;
use crate::exit::Failure;

const NO_RULES: &str = "no rules are active, and rules.file names none";
const RULES_EVERY: Duration = Duration::from_millis(500);
pub(crate) const STORE_FILE: &str = "store.db";

/// The configuration with all its layers.
pub(crate) fn load_config(args: &ConfigArgs) -> Result<Config, Failure> {
    let mut overrides: Vec<(&str, String)> =
        args.set.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    if let Some(folder) = &args.data_dir {
        overrides.push(("data_dir", folder.display().to_string()));
    }
    Ok(Config::load(args.config.as_deref(), &overrides)?)
}

/// The rules in force: the file that the configuration names, else what was activated.
pub(crate) async fn rules_of(config: &Config) -> Result<Arc<RulesInForce>, Failure> {
    if let Some(file) = &config.rules.file {
        return Rules::open_file(file).map(|rules| rules.current()).map_err(Failure::config);
    }
    let store = open_store(config).await?;
    store.require_schema().await.map_err(|error| Failure::failed(format!("store: {error}")))?;
    let rules = Rules::open_store(store.clone()).await;
    store.close().await;
    match rules.map_err(Failure::failed)? {
        Some(rules) => Ok(rules.current()),
        None => Err(Failure::failed(NO_RULES)),
    }
}

/// The same for a process that goes on to follow them. Waits for the first activation; `None` when told to stop before.
pub(crate) async fn open_rules(
    config: &Config,
    store: &Store,
    state: &Switch,
    shutdown: &CancellationToken,
) -> Result<Option<Arc<Rules>>, Failure> {
    if let Some(file) = &config.rules.file {
        return Rules::open_file(file).map(|rules| Some(Arc::new(rules))).map_err(Failure::config);
    }
    let mut is_told = false;
    loop {
        match Rules::open_store(store.clone()).await {
            Ok(Some(rules)) => return Ok(Some(Arc::new(rules))),
            Ok(None) if is_told => {}
            Ok(None) => {
                is_told = true;
                state.set(State::Waiting(NO_RULES.to_owned()));
                warn!("{NO_RULES}: messages wait in the partitions' queues");
            }
            Err(RulesError::Store(error)) if error.is_transient() => warn!(%error, "rules not read yet"),
            Err(error) => return Err(Failure::failed(error)),
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(RULES_EVERY)).await.is_none() {
            return Ok(None);
        }
    }
}

/// All queues that this configuration needs.
pub(crate) fn topology(config: &Config, rules: &RulesInForce) -> Topology {
    topology_for(config, &rules.team_names())
}

/// The queues of these teams alone.
pub(crate) fn team_topology(config: &Config, teams: &BTreeSet<TeamName>) -> Topology {
    with_limits(config, Topology::of_teams(teams))
}

/// What messages come in on, whatever the rules say.
pub(crate) fn topology_without_teams(config: &Config) -> Topology {
    topology_for(config, &BTreeSet::new())
}

fn topology_for(config: &Config, teams: &BTreeSet<TeamName>) -> Topology {
    with_limits(config, Topology::new(config.layout(), teams, config.router.activity))
}

fn with_limits(config: &Config, mut topology: Topology) -> Topology {
    for queue in &mut topology.queues {
        if queue.kind == QueueKind::Team {
            queue.messages_max = config.bus.team_queue_messages_max;
        }
    }
    topology
}

/// The virtual host of the bus URL; `/` where it names none.
pub(crate) fn vhost(config: &Config) -> String {
    let url = config.bus.url.expose();
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let name = path.split('?').next().unwrap_or_default().replace("%2f", "/").replace("%2F", "/");
    if name.is_empty() { "/".to_owned() } else { name }
}

pub(crate) async fn open_store(config: &Config) -> Result<Store, Failure> {
    let options = StoreOptions { max_connections: config.store.connections_max, ..StoreOptions::default() };
    let url = if config.store_is_embedded() {
        create_data_dir(config)?;
        StoreUrl::sqlite_file(config.data_dir.join(STORE_FILE))
    } else {
        StoreUrl::parse(config.store.url.expose()).map_err(|error| Failure::config(format!("store.url: {error}")))?
    };
    Store::open(&url, options).await.map_err(|error| Failure::unavailable(format!("store: {error}")))
}

/// The store, ready to work: schema checked or migrated, partition count fixed, numbers named.
pub(crate) async fn ready_store(config: &Config) -> Result<Store, Failure> {
    let store = open_store(config).await?;
    if config.store_is_embedded() || config.store.migrate {
        store.migrate().await.map_err(|error| Failure::failed(format!("store: {error}")))?;
    }
    store.require_schema().await.map_err(|error| Failure::failed(format!("store: {error}; run `waypost migrate`")))?;
    let unusable = |error: StoreError| Failure::config(format!("store: {error}"));
    store.fix_layout(config.layout().partitions).await.map_err(unusable)?;
    for number in store.name_numbers(&config.number_names()).await.map_err(unusable)? {
        warn!(%number, "numbers.<name> is passed over: the name, or Meta's id, was changed by the administration");
    }
    Ok(store)
}

pub(crate) async fn open_bus(config: &Config) -> Result<Arc<dyn Bus>, Failure> {
    if config.bus_is_embedded() {
        create_data_dir(config)?;
        let options = waypost_bus_embedded::Options::default();
        let bus = EmbeddedBus::open(&config.data_dir, options)
            .map_err(|error| Failure::unavailable(format!("bus: {error}")))?;
        return Ok(bus);
    }
    let mut rabbit = RabbitConfig::new(config.bus.url.expose());
    rabbit.heartbeat = Duration::from_secs(u64::from(config.bus.heartbeat_s));
    rabbit.in_flight_max = usize::try_from(config.bus.in_flight_max).unwrap_or(usize::MAX);
    rabbit.ca_file.clone_from(&config.bus.ca_file);
    rabbit.connection_name = format!("waypost {}", instance(config));
    let bus = RabbitBus::connect(rabbit).await.map_err(|error| Failure::unavailable(format!("bus: {error}")))?;
    Ok(bus)
}

fn create_data_dir(config: &Config) -> Result<(), Failure> {
    std::fs::create_dir_all(&config.data_dir)
        .map_err(|error| Failure::config(format!("data_dir: {}: {error}", config.data_dir.display())))
}

/// This process' name among its replicas.
pub(crate) fn instance(config: &Config) -> String {
    config.instance.clone().unwrap_or_else(|| {
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "waypost".to_owned());
        format!("{host}-{}", std::process::id())
    })
}

/// Runs the router with its rules watcher until `shutdown`.
pub(crate) async fn run_router(
    config: Config,
    bus: Arc<dyn Bus>,
    store: Store,
    rules: Arc<Rules>,
    health: &Health,
    shutdown: CancellationToken,
) {
    let instance = instance(&config);
    let router = Router {
        config: config.router_config(),
        layout: config.layout(),
        bus: bus.clone(),
        store: store.clone(),
        ids: Arc::new(TimeOrderedIds),
        rules: rules.clone(),
    };
    let worker = |component, partitions| {
        let worker = config.worker_config(component, &instance, partitions);
        watch_leases(health, &worker);
        worker
    };
    let new_rules = |set: Arc<RulesInForce>| {
        let (bus, store, config) = (bus.clone(), store.clone(), &config);
        async move { adopt_rules(config, &*bus, &store, &set).await }
    };
    tokio::join!(router.run(worker, shutdown.clone()), rules.follow(shutdown.clone(), new_rules),);
}

/// A worker whose leases the store does not renew does no work, or soon none.
fn watch_leases(health: &Health, worker: &WorkerConfig) {
    let (clock, ttl) = (worker.lease_clock.clone(), worker.lease_ttl);
    health.register_state(worker.component, "leases", move || match clock.age() {
        None => State::NotReady("not taken yet".to_owned()),
        Some(age) if age > ttl => State::NotReady(format!("last renewed {} s ago", age.as_secs())),
        Some(_) => State::Ready,
    });
}

/// Makes the queues and the teams of a rule set before it is used.
pub(crate) async fn adopt_rules(
    config: &Config,
    bus: &dyn Bus,
    store: &Store,
    rules: &RulesInForce,
) -> Result<(), String> {
    if config.bus.declare {
        let mut teams = rules.team_names();
        // A broken bus may have lost what the administration once declared.
        let stored = store.teams().await.map_err(|error| format!("teams: {error}"))?;
        teams.extend(stored.into_iter().map(|team| team.name));
        bus.declare(&topology_for(config, &teams)).await.map_err(|error| format!("topology: {error}"))?;
    }
    for set in rules.routing() {
        store.upsert_teams(&set.teams).await.map_err(|error| format!("teams: {error}"))?;
    }
    waypost_router::metrics::begin(rules);
    Ok(())
}
