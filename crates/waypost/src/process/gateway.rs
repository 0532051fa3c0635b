//! The component `gateway` in this process: beside the administration, at its addresses, or alone at `grpc.listen`. It has no
//! configuration of its own, no queues, and holds no leases.

use std::sync::Arc;

use tracing::info;
use waypost_gateway::{Gateway, Shared};
use waypost_graph_client::{GraphApi, Messenger};
use waypost_live::SendingLive;
use waypost_ops::State;
use waypost_store::Store;

use super::ending::Tasks;
use super::{Component, Process};
use waypost_cli::Failure;

/// The component's name.
const COMPONENT: &str = "gateway";

/// What its services work with, for who answers for it; `None` where the process does not run it.
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
    let messenger = match process.config.graph_config() {
        Some(graph) => {
            let api = GraphApi::new(graph).map_err(|error| Failure::config(format!("graph.{error}")))?;
            Some(Arc::new(api) as Arc<dyn Messenger>)
        }
        None => None,
    };
    // Whoever sends in another process looks for what is due by itself.
    let wake = process.wake.clone();
    let mask = process.config.mask();
    Ok(Some(Shared { store: store.clone(), mask, sending, messenger, on_kept: Arc::new(move || wake.now()) }))
}

/// Starts it alone, in a process without the administration.
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
