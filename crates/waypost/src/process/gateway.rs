//! The component `gateway` in this process: beside the administration, at its addresses, or alone at `grpc.listen`; and on the
//! queues of requests to send, wherever it runs. It has no configuration of its own.

use std::sync::Arc;

use tracing::info;
use waypost_domain::PartitionCount;
use waypost_gateway::requests::queues;
use waypost_gateway::{COPIES, Copies, Gateway, REQUESTS, Requests, Shared};
use waypost_live::SendingLive;
use waypost_live::overview::Work;
use waypost_ops::State;
use waypost_store::Store;

use super::ending::Tasks;
use super::{Component, Config, Process, worker};
use waypost_cli::Failure;

/// The component's name.
const COMPONENT: &str = "gateway";

impl Config {
    /// What it works off.
    pub(super) fn gateway_work(&self) -> Work {
        // Who has no tools on the queues need not run it.
        Work { component: REQUESTS, queues: queues(), is_missed_only_when_waiting: true }
    }
}

/// What its services work with, for who answers for it, with requests off the queues taken in already; `None` where the process
/// does not run it.
pub(super) async fn beside(process: &Process<'_>, store: &Store, tasks: &mut Tasks) -> Result<Option<Shared>, Failure> {
    if !process.has(Component::Gateway) {
        return Ok(None);
    }
    let opened = SendingLive::open(store.clone()).await;
    let sending = opened.map_err(|error| Failure::failed(format!("gateway: {error}")))?;
    let (follower, stop) = (Arc::clone(&sending), process.shutdown.clone());
    process.ending.spawn(tasks, COMPONENT, async move {
        follower.follow(stop).await;
        Ok(())
    });
    let graph = process.config.graph()?;
    let messenger = process.config.messenger(graph.clone())?;
    // Whoever sends in another process looks for what is due by itself.
    let wake = process.wake.clone();
    let mask = process.config.mask();
    let shared = Shared {
        store: store.clone(),
        mask,
        sending,
        messenger,
        media: process.config.media(graph)?,
        on_kept: Arc::new(move || wake.now()),
    };
    take_requests(process, shared.clone(), tasks);
    fetch_copies(process, &shared, tasks);
    Ok(Some(shared))
}

fn take_requests(process: &Process<'_>, shared: Shared, tasks: &mut Tasks) {
    let Process { config, bus, health, shutdown, .. } = process;
    let requests = Requests { bus: bus.clone(), bus_has_users: !config.bus.is_embedded(), shared };
    let leases = |component, shards| {
        let worker = config.worker_config(component, shards);
        worker::register(health, &worker);
        worker
    };
    let running = requests.run(leases, shutdown.clone());
    process.ending.spawn(tasks, COMPONENT, async move {
        running.await;
        Ok(())
    });
}

/// Where copies are to be kept, and this process has a way to WhatsApp.
fn fetch_copies(process: &Process<'_>, shared: &Shared, tasks: &mut Tasks) {
    let Process { config, health, shutdown, ending, .. } = process;
    let Some(media) = shared.media.clone().filter(|_| config.media.copy) else { return };
    let worker = config.worker_config(COPIES, PartitionCount::ONE);
    worker::register(health, &worker);
    let copies = Copies { store: shared.store.clone(), media, bytes_max: config.copy_bytes_max() };
    let running = copies.run(&worker, shutdown.clone());
    ending.spawn(tasks, COMPONENT, async move {
        running.await;
        Ok(())
    });
}

/// Starts it in a process without the administration; without `grpc.listen` it takes requests off the queues alone.
pub(super) async fn start(process: &Process<'_>, store: &Store, tasks: &mut Tasks) -> Result<(), Failure> {
    let (Some(grpc), Some(shared)) = (process.config.grpc_config(), beside(process, store, tasks).await?) else {
        return Ok(());
    };
    let bound = Gateway::bind(grpc, shared).await;
    let gateway = bound.map_err(|error| Failure::config(format!("grpc: {error}")))?;
    info!(listen = ?gateway.local_addr(), "gateway listens");
    process.health.register_state(COMPONENT, "listener", || State::Ready);
    let stop = process.shutdown.clone();
    process.ending.spawn(tasks, COMPONENT, async move {
        gateway.run(stop).await.map_err(|error| Failure::failed(format!("grpc: {error}")))
    });
    Ok(())
}
