//! `waypost run`: production.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use waypost_admin::{Admin, GrpcConfig, TeamQueues};
use waypost_bus::Bus;
use waypost_ingress::Ingress;
use waypost_live::Rules;
use waypost_ops::{Health, State, Switch};
use waypost_store::Store;

use crate::cli::RunArgs;
use crate::config::{Component, Config};
use crate::ending::{Ending, Tasks};
use crate::exit::Failure;
use crate::operators::{Operators, log_to_stderr, watch_bus, watch_store};
use crate::wiring::{adopt_rules, load_config, open_bus, open_rules, ready_store, run_router, topology_without_teams};

/// For the broker to answer a goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: RunArgs) -> Result<(), Failure> {
    let config = load_config(&args.config)?;
    let components = if args.component.is_empty() { Component::ALL.to_vec() } else { args.component };
    config.check(&components)?;
    log_to_stderr(&config.log)?;
    let shutdown = CancellationToken::new();
    stop_on_signals(shutdown.clone())?;
    let ending = Ending::of(shutdown.clone(), config.worker.drain_timeout());
    let operators = Operators::start(&config, shutdown.clone()).await?;
    // What a start does, the next one does again: it need not be finished.
    let Some(bus) = ending.unless_stopped("start", open_bus(&config)).await.transpose()? else { return Ok(()) };
    let ran = run_components(&config, &components, bus.clone(), &operators, &shutdown, &ending).await;
    // By now nothing is published any more.
    ending.close("bus", bus.close(GOODBYE_TIMEOUT)).await;
    ending.close("ops", operators.close()).await;
    info!("ended");
    ran
}

async fn run_components(
    config: &Config,
    components: &[Component],
    bus: Arc<dyn Bus>,
    operators: &Operators,
    shutdown: &CancellationToken,
    ending: &Ending,
) -> Result<(), Failure> {
    let health = &operators.health;
    watch_bus(health, &bus);
    let grpc = config.grpc_config().filter(|_| components.contains(&Component::Admin));
    let with_router = components.contains(&Component::Router);
    let store = if with_router || grpc.is_some() {
        let Some(store) = ending.unless_stopped("start", ready_store(config)).await.transpose()? else { return Ok(()) };
        watch_store(health, &store);
        Some(store)
    } else {
        None
    };
    let mut tasks = Tasks::new();
    let start = async {
        if components.contains(&Component::Ingress) {
            start_ingress(config, &bus, health, &mut tasks, shutdown, ending).await?;
        }
        if let Some(store) = store.as_ref().filter(|_| with_router) {
            start_router(config, &bus, store, health, &mut tasks, shutdown, ending).await?;
        }
        if let (Some(store), Some(grpc)) = (&store, grpc) {
            start_grpc(config, grpc, &bus, store, &mut tasks, shutdown, ending).await?;
        }
        operators.started();
        Ok(())
    };
    let started = ending.unless_stopped("start", start).await.unwrap_or(Ok(()));
    let outcome = match started {
        Ok(()) => ending.of_components(tasks).await,
        Err(failure) => Err(failure),
    };
    if let Some(store) = store {
        ending.close("store", store.close()).await;
    }
    outcome
}

async fn start_ingress(
    config: &Config,
    bus: &Arc<dyn Bus>,
    health: &Health,
    tasks: &mut Tasks,
    shutdown: &CancellationToken,
    ending: &Ending,
) -> Result<(), Failure> {
    let ingress = Ingress::bind(config.ingress_config(), bus.clone(), config.layout(), health)
        .await
        .map_err(|error| Failure::config(format!("ingress: {error}")))?;
    info!(listen = %ingress.local_addr(), path = config.ingress.path, "ingress listens");
    let stop = shutdown.clone();
    ending.spawn(tasks, "ingress", async move {
        ingress.run(stop).await;
        Ok(())
    });
    Ok(())
}

async fn start_router(
    config: &Config,
    bus: &Arc<dyn Bus>,
    store: &Store,
    health: &Arc<Health>,
    tasks: &mut Tasks,
    shutdown: &CancellationToken,
    ending: &Ending,
) -> Result<(), Failure> {
    let in_force =
        health.register_switch(Component::Router.name(), "rules", State::NotReady("not read yet".to_owned()));
    // What a file says can be told before anything starts; an activation may come at any time.
    let rules = match &config.rules.file {
        Some(_) => open_rules(config, store, &in_force, shutdown).await?,
        None => None,
    };
    match &rules {
        Some(rules) => adopt_rules(config, &**bus, store, &rules.current()).await.map_err(Failure::failed)?,
        // What comes in waits in its partition until there are rules.
        None if config.bus.declare => {
            let queues = topology_without_teams(config);
            bus.declare(&queues).await.map_err(|error| Failure::failed(format!("topology: {error}")))?;
        }
        None => {}
    }
    let (config, bus, store, health) = (config.clone(), bus.clone(), store.clone(), health.clone());
    let routing = Routing { config, bus, store, health, in_force };
    ending.spawn(tasks, "router", Box::pin(routing.run(rules, shutdown.clone())));
    Ok(())
}

async fn start_grpc(
    config: &Config,
    grpc: GrpcConfig,
    bus: &Arc<dyn Bus>,
    store: &Store,
    tasks: &mut Tasks,
    shutdown: &CancellationToken,
    ending: &Ending,
) -> Result<(), Failure> {
    let queues = TeamQueues { declare: config.bus.declare, messages_max: config.bus.team_queue_messages_max };
    let (tls, reflection) = (grpc.tls.is_some(), grpc.reflection);
    let admin = Admin::bind(grpc, bus.clone(), store.clone(), queues)
        .await
        .map_err(|error| Failure::config(format!("grpc: {error}")))?;
    info!(listen = ?admin.local_addr(), tls, reflection, "administration listens");
    let stop = shutdown.clone();
    ending.spawn(tasks, "admin", async move {
        admin.run(stop).await.map_err(|error| Failure::failed(format!("grpc: {error}")))
    });
    Ok(())
}

/// The router, which runs once there are rules.
struct Routing {
    config: Config,
    bus: Arc<dyn Bus>,
    store: Store,
    health: Arc<Health>,
    in_force: Switch,
}

impl Routing {
    async fn run(self, rules: Option<Arc<Rules>>, shutdown: CancellationToken) -> Result<(), Failure> {
        let Self { config, bus, store, health, in_force } = self;
        let rules = match rules {
            Some(rules) => rules,
            None => {
                let Some(rules) = open_rules(&config, &store, &in_force, &shutdown).await? else { return Ok(()) };
                adopt_rules(&config, &*bus, &store, &rules.current()).await.map_err(Failure::failed)?;
                rules
            }
        };
        in_force.set(State::Ready);
        info!(rules = rules.current().active().version, "router starts");
        Box::pin(run_router(config, bus, store, rules, &health, shutdown)).await;
        Ok(())
    }
}

/// SIGTERM or Ctrl-C drains; a second one ends at once.
pub(crate) fn stop_on_signals(shutdown: CancellationToken) -> Result<(), Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    tokio::spawn(async move {
        for again in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if again {
                warn!("ending at once");
                std::process::exit(1);
            }
            info!("draining");
            shutdown.cancel();
        }
    });
    Ok(())
}
