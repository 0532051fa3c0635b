//! The port itself.

use std::time::Duration;

use async_trait::async_trait;
use waypost_domain::Timestamp;

use crate::message::{Delivery, Message};
use crate::topology::{Address, Topology};

/// A message and where it shall go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    pub address: Address,
    pub message: Message,
}

/// What became of a publication. Only [`Confirmed`](Self::Confirmed) is success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Stored durably in exactly one queue.
    Confirmed,
    /// No queue is bound to that address. Nothing was stored.
    Returned,
    /// The queue refused it: full, or the broker could not store it. Nothing was stored.
    Nacked,
    /// We may not publish there. Nothing was stored; it is refused again until somebody grants the permission.
    Refused,
    /// The bus is down or blocked, or too much is in flight: it was never sent. Nothing was stored.
    Unavailable,
    /// The connection was lost or the time-out passed before an answer: maybe stored. Publish again under the same id.
    Unknown,
}

/// Why an operation other than publishing failed; the variants say what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Declare the topology, or correct the name.
    #[error("queue {0} does not exist")]
    NoSuchQueue(String),
    /// Try again later.
    #[error("bus unavailable: {0}")]
    Unavailable(String),
    /// A queue exists with other safety arguments: a person must drain and delete it.
    #[error("queue {queue} differs from the declared topology: {difference}")]
    TopologyMismatch { queue: String, difference: String },
    /// This adapter cannot do that; the text says what to do instead.
    #[error("not possible on this bus: {0}")]
    Unsupported(&'static str),
    /// Misconfiguration or missing permission: trying again will not help.
    #[error("bus refused: {0}")]
    Refused(String),
}

/// A consumer's subscription is over: the queue was deleted, the connection lost, or the bus shut down. What was
/// not acknowledged will be delivered again. Subscribe anew.
#[derive(Debug, thiserror::Error)]
#[error("subscription ended: {0}")]
pub struct ConsumeEnded(pub String);

/// What a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Messages waiting to be delivered.
    pub ready: u64,
    /// Delivered and not yet acknowledged; `None` where the bus does not tell.
    pub unacknowledged: Option<u64>,
    pub consumers: u64,
    /// When the oldest message was stored; `None` when empty or where the bus does not tell.
    pub oldest_at: Option<Timestamp>,
}

/// Whether the bus can work now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    Up,
    /// Connected, but publishing is refused (disk or memory alarm); consuming goes on.
    Blocked(String),
    Down(String),
}

/// A broker.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Publishes all of `batch`, pipelined, and waits for every outcome or until `timeout` (then
    /// [`Outcome::Unknown`]). Outcomes come in the order of `batch`. Refuses at once with [`Outcome::Unavailable`]
    /// when the bus is down, blocked or its in-flight bound is reached. Dropping the future may leave publications
    /// in doubt, as `Unknown` does.
    async fn publish(&self, batch: Vec<Publication>, timeout: Duration) -> Vec<Outcome>;

    /// Subscribes. `prefetch` (at least 1) bounds the unacknowledged deliveries, those waiting inside the adapter
    /// included.
    async fn consume(&self, queue: &str, prefetch: u16) -> Result<Box<dyn Consumer>, BusError>;

    /// Creates what is missing. Never changes or deletes a queue.
    async fn declare(&self, topology: &Topology) -> Result<(), BusError>;

    /// Says how the broker differs from `topology`, one line per difference; empty when all is there. Creates nothing.
    async fn verify(&self, topology: &Topology) -> Result<Vec<String>, BusError>;

    /// `None`: there is no such queue.
    async fn depth(&self, queue: &str) -> Result<Option<Depth>, BusError>;

    /// Up to `limit` messages from the front of the queue, without consuming them, each with its place in the
    /// queue; only those behind the place `after`. [`BusError::Unsupported`] where the broker cannot.
    async fn peek(&self, queue: &str, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Message)>, BusError>;

    fn health(&self) -> Health;

    /// Refuses new work, waits for what is in flight until `timeout`, and disconnects. Consumers end.
    async fn close(&self, timeout: Duration);
}

/// A subscription. Dropping it without [`close`](Self::close) has the effect of a crash: what is unacknowledged goes
/// back in its place.
#[async_trait]
pub trait Consumer: Send {
    /// Waits until at least one delivery is there, and returns up to `max` of them in queue order. Cancel-safe: a
    /// dropped future loses no delivery.
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Delivery>, ConsumeEnded>;

    /// These are handled and their effects durable. An acknowledgement may be lost with the connection: then the
    /// message comes again.
    async fn ack(&mut self, deliveries: Vec<Delivery>) -> Result<(), ConsumeEnded>;

    /// Ends the subscription. Whatever is unacknowledged goes back in its place before any other consumer of the
    /// queue receives something. True when the bus says that this has happened; false when it does not say, so that it
    /// may happen later.
    async fn close(self: Box<Self>) -> bool;
}
