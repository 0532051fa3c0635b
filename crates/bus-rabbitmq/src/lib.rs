//! The bus on RabbitMQ (3.10 and later; tested on 3.10) over AMQP 0-9-1, without plugins.
//!
//! Two connections, each kept up by a supervisor of its own: a blocked publishing connection must not stop consumers
//! from acknowledging. Every wait has an end: connecting (`connect_timeout`), a question (10 s), a topology (120 s), a
//! publication (its caller's limit), acknowledgements (10 s), the end of a subscription (5 s), the goodbye (3 s, and
//! [`Bus::close`] waits no longer than told and a second); a peer that falls silent is dead after two heartbeats, see
//! `socket.rs`.
//!
//! Must never publish without `mandatory` and a confirm, never cancel a subscription with something
//! unacknowledged, and never repeat a publication by itself: the caller knows the message's id, the bus does not.

mod config;
mod connection;
mod consumer;
mod failure;
mod link;
pub mod metrics;
mod publish_channel;
mod publisher;
mod socket;
mod stream;
pub mod topology;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use waypost_bus::{Bus, BusError, Consumer, Depth, Health, Message, Outcome, Publication, Topology};

pub use config::RabbitConfig;

use connection::{Purpose, Supervisor};
use consumer::RabbitConsumer;
use link::{Link, LinkState};
use publisher::Publisher;

/// What lapin logs as. Its errors are reported here already, where they are none (a queue that is looked for and is not there)
/// not at all; at WARN it logs returned messages with their bodies, which are people's texts.
pub const LAPIN_LOGS_AS: &str = "lapin";

/// For one question to the broker, such as a declaration.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// For a whole topology.
const TOPOLOGY_TIMEOUT: Duration = Duration::from_secs(120);
/// [`Bus::close`] takes this long at most beyond what it is told, or the broker would not hear a goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// A [`Bus`] on a RabbitMQ node or cluster.
pub struct RabbitBus {
    publisher: Publisher,
    publishing: watch::Receiver<LinkState>,
    consuming: watch::Receiver<LinkState>,
    closing: CancellationToken,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// A bus that is dropped without [`Bus::close`] leaves no task behind.
    _stop_guard: DropGuard,
}

impl RabbitBus {
    /// Starts, and waits until both connections are up. An error if the first attempts fail for longer than twice the
    /// time a connection may take, or are refused; from then on it reconnects for ever.
    pub async fn connect(config: RabbitConfig) -> Result<Arc<Self>, BusError> {
        crate::metrics::describe();
        let limit = config.connect_timeout * 2;
        let bus = Self::start(config)?;
        let deadline = Instant::now() + limit;
        for state in [&bus.publishing, &bus.consuming] {
            let mut state = state.clone();
            let refused = |state: &LinkState| !matches!(state, LinkState::Down { refused: false, .. });
            // When the time is over, the reason is in the state.
            drop(timeout_at(deadline, state.wait_for(refused)).await);
            match &*state.borrow() {
                LinkState::Up(_) | LinkState::Blocked(..) => {}
                LinkState::Down { reason, refused: true } => return Err(BusError::Refused(reason.clone())),
                LinkState::Down { reason, refused: false } => return Err(BusError::Unavailable(reason.clone())),
            }
        }
        Ok(bus)
    }

    /// Starts without waiting for the broker. Fails only when the configuration is unusable.
    pub fn start(config: RabbitConfig) -> Result<Arc<Self>, BusError> {
        config.check()?;
        let config = Arc::new(config);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let supervise = |purpose| {
            let (supervisor, state) = Supervisor::new(purpose, config.clone(), stop.clone());
            tasks.spawn(supervisor.run());
            state
        };
        let publishing = supervise(Purpose::Publish);
        let consuming = supervise(Purpose::Consume);
        Ok(Arc::new(Self {
            publisher: Publisher::new(&config, publishing.clone(), &tasks, &stop),
            publishing,
            consuming,
            closing: CancellationToken::new(),
            _stop_guard: stop.clone().drop_guard(),
            stop,
            tasks,
        }))
    }

    /// The connection for consuming and for questions: it is never blocked.
    fn link(&self) -> Result<Arc<Link>, BusError> {
        if self.closing.is_cancelled() {
            return Err(BusError::Unavailable("closing".to_owned()));
        }
        self.consuming.borrow().link()
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    let late = |_| BusError::Unavailable("the broker does not answer".to_owned());
    timeout(limit, work).await.map_err(late)?
}

#[async_trait]
impl Bus for RabbitBus {
    async fn publish(&self, batch: Vec<Publication>, timeout: Duration) -> Vec<Outcome> {
        self.publisher.publish(batch, timeout).await
    }

    async fn consume(&self, queue: &str, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        let subscribing = RabbitConsumer::subscribe(self.link()?, queue, prefetch);
        Ok(Box::new(within(OPERATION_TIMEOUT, subscribing).await?))
    }

    async fn declare(&self, topology: &Topology) -> Result<(), BusError> {
        within(TOPOLOGY_TIMEOUT, topology::declare(&*self.link()?, topology)).await
    }

    async fn verify(&self, topology: &Topology) -> Result<Vec<String>, BusError> {
        within(TOPOLOGY_TIMEOUT, topology::verify(&*self.link()?, topology)).await
    }

    async fn depth(&self, queue: &str) -> Result<Option<Depth>, BusError> {
        within(OPERATION_TIMEOUT, topology::depth(&*self.link()?, queue)).await
    }

    async fn peek(&self, _: &str, _: Option<u64>, _: usize) -> Result<Vec<(u64, Message)>, BusError> {
        Err(BusError::Unsupported(
            "RabbitMQ cannot show messages without delivering them; consume them (--ack), or follow the running process",
        ))
    }

    fn health(&self) -> Health {
        match (&*self.publishing.borrow(), &*self.consuming.borrow()) {
            (LinkState::Down { reason, .. }, _) | (_, LinkState::Down { reason, .. }) => Health::Down(reason.clone()),
            (LinkState::Blocked(_, reason), _) => Health::Blocked(reason.clone()),
            // A connection that never publishes is never blocked.
            (LinkState::Up(_), LinkState::Up(_) | LinkState::Blocked(..)) => Health::Up,
        }
    }

    async fn close(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        self.closing.cancel();
        self.publisher.drain(timeout).await;
        self.stop.cancel();
        self.tasks.close();
        // Tasks that are not done by then end by themselves a little later.
        drop(timeout_at(deadline.max(Instant::now() + GOODBYE), self.tasks.wait()).await);
    }
}
