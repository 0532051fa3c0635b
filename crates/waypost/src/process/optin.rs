//! The opt-in worker in this process: its configuration, its lease names, and its start. It runs wherever the component
//! `sender` does, which goes by what it keeps.

use std::sync::Arc;

use waypost_live::SendingLive;
use waypost_live::overview::Work;
use waypost_optin::{OPTIN, Optin, OptinConfig};
use waypost_store::Store;

use super::ending::Tasks;
use super::{Config, Process, worker};

impl Config {
    fn optin_config(&self) -> OptinConfig {
        OptinConfig { claim_after: self.router_config().claim_after }
    }

    /// What it works off.
    pub(super) fn optin_work(&self) -> Work {
        let layout = self.layout();
        Work::new(OPTIN, layout.partitions.all().map(|partition| layout.consent_queue(partition)).collect())
    }
}

/// Starts it in a process.
pub(super) fn start(process: &Process<'_>, store: &Store, sending: &Arc<SendingLive>, tasks: &mut Tasks) {
    let Process { config, bus, health, shutdown, ending, .. } = process;
    let optin = Optin {
        config: config.optin_config(),
        layout: config.layout(),
        bus: bus.clone(),
        store: store.clone(),
        sending: sending.clone(),
    };
    let leases = |component, partitions| {
        let worker = config.worker_config(component, partitions);
        worker::register(health, &worker);
        worker
    };
    let running = optin.run(leases, shutdown.clone());
    let running = async move {
        running.await;
        Ok(())
    };
    ending.spawn(tasks, OPTIN, Box::pin(running));
}
