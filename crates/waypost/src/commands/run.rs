//! `waypost run`: production.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use waypost_bus::Bus;
use waypost_ingress::Ingress;
use waypost_router::RulesFile;

use crate::cli::RunArgs;
use crate::config::{Component, Config};
use crate::exit::Failure;
use crate::wiring::{adopt_rules, load_config, open_bus, ready_store, run_router, start_metrics};
use crate::{admin, logging};

pub(crate) async fn run(args: RunArgs) -> Result<(), Failure> {
    let config = load_config(&args.config)?;
    let components = if args.component.is_empty() { Component::ALL.to_vec() } else { args.component };
    config.check(&components)?;
    logging::start(&config.log)?;
    let metrics = start_metrics()?;
    let render: Arc<dyn Fn() -> String + Send + Sync> = Arc::new(move || metrics.render());
    let shutdown = CancellationToken::new();
    stop_on_signals(shutdown.clone())?;
    let bus = open_bus(&config).await?;
    let ran = run_components(&config, &components, bus.clone(), render, shutdown).await;
    bus.close(config.worker_config("", "", config.layout().partitions).drain_timeout).await;
    info!("ended");
    ran
}

async fn run_components(
    config: &Config,
    components: &[Component],
    bus: Arc<dyn Bus>,
    render: Arc<dyn Fn() -> String + Send + Sync>,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let with_ingress = components.contains(&Component::Ingress);
    let mut router = None;
    if components.contains(&Component::Router) {
        let file = config.rules.file.clone().unwrap_or_default();
        let rules = Arc::new(RulesFile::open(file).map_err(Failure::config)?);
        let store = ready_store(config).await?;
        adopt_rules(config, &*bus, &store, &rules.current()).await.map_err(Failure::failed)?;
        router = Some((store, rules));
    }
    let mut tasks = tokio::task::JoinSet::new();
    if with_ingress {
        let ingress = Ingress::bind(config.ingress_config(), bus.clone(), config.layout(), render.clone())
            .await
            .map_err(|error| Failure::config(format!("ingress: {error}")))?;
        info!(listen = %ingress.local_addr(), admin = ?ingress.admin_addr(), path = config.ingress.path, "ingress listens");
        let stop = shutdown.clone();
        tasks.spawn(async move {
            ingress.run(stop).await;
            Ok(())
        });
    }
    if let Some((store, rules)) = router {
        if !with_ingress {
            let (bus, store, stop) = (bus.clone(), store.clone(), shutdown.clone());
            tasks.spawn(admin::serve(config.admin.listen, bus, store, render, stop));
        }
        info!(rules = rules.current().version, "router starts");
        let (config, stop) = (config.clone(), shutdown.clone());
        tasks.spawn(async move {
            Box::pin(run_router(config, bus, store.clone(), rules, stop)).await;
            store.close().await;
            Ok(())
        });
    }
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.unwrap_or_else(|error| Err(Failure::failed(format!("a component failed: {error}"))));
        if !shutdown.is_cancelled() || ended.is_err() {
            // One part ended by itself: the process is not whole any more.
            shutdown.cancel();
        }
        outcome = outcome.and(ended);
    }
    outcome
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
