//! The way out in a process that puts its other parts together itself, as the demo does: the sender, and the administration
//! with the gateway beside it, at a free port of this machine.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use waypost_bus::Bus;
use waypost_ops::Health;
use waypost_sender::Wake;
use waypost_store::Store;

use super::ending::{Ending, Tasks};
use super::{Component, Config, Process, admin, sender};
use waypost_cli::Failure;

/// Both, as long as they run.
pub(crate) struct Answering {
    ending: Ending,
    tasks: Tasks,
}

impl Answering {
    /// Starts them. Whoever has the configuration's data folder reaches them, as the commands of this machine do.
    pub(crate) async fn start(
        config: &Config,
        bus: &Arc<dyn Bus>,
        store: &Store,
        health: &Arc<Health>,
        shutdown: CancellationToken,
    ) -> Result<Self, Failure> {
        let ending = Ending::of(shutdown.clone(), config.worker.drain_timeout());
        let process = Process {
            config,
            components: &[Component::Sender, Component::Admin, Component::Gateway],
            bus: bus.clone(),
            health: health.clone(),
            shutdown,
            ending: ending.clone(),
            asked_teams: Arc::default(),
            wake: Wake::default(),
        };
        let mut tasks = Tasks::new();
        sender::start(&process, store, &mut tasks).await?;
        admin::start(&process, store, &mut tasks).await?;
        Ok(Self { ending, tasks })
    }

    /// Once they were told to stop: until they have drained.
    pub(crate) async fn ended(self) -> Result<(), Failure> {
        self.ending.of_components(self.tasks).await
    }
}
