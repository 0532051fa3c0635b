//! Faults on purpose, for the fault suite: places where the process can be made to end, stand still or panic, and ways
//! in which it can be made to break a promise, so that the suite is seen to notice.
//!
//! Without the feature `fault-injection` all of it is constant and compiles to nothing; no release has the feature. This
//! crate must know no other of ours: every crate that takes part in a message's way may ask it.
//!
//! - `WAYPOST_KILLPOINT=name:n` kills the process the n-th time it reaches the point `name`; `name:n:stop` has it stand
//!   still there (SIGSTOP), `name:n:panic` panic. With `WAYPOST_KILLPOINT_ARMED_BY=path`, it counts from when that file is
//!   there.
//! - `WAYPOST_POISON=panic:key` (`abort:key`) does so whenever the event with that key is handled.
//! - `WAYPOST_SABOTAGE=name` switches on one of the [`Sabotage`]s.

/// Before the ingress publishes what a POST holds.
pub const INGRESS_BEFORE_PUBLISH: &str = "ingress.before-publish";
/// The RabbitMQ adapter has handed publications to the connection and waits for the confirms.
pub const BUS_BEFORE_CONFIRM: &str = "bus.before-confirm";
/// Everything in a POST is confirmed, and it is not answered yet.
pub const INGRESS_BEFORE_ANSWER: &str = "ingress.before-answer";
/// A worker has a batch in hand and has not touched it.
pub const WORKER_BEFORE_HANDLE: &str = "worker.before-handle";
/// The decisions of a batch are written and not committed.
pub const ROUTER_IN_TRANSACTION: &str = "router.in-transaction";
/// They are committed and not published.
pub const ROUTER_AFTER_COMMIT: &str = "router.after-commit";
/// They are published and not acknowledged.
pub const ROUTER_AFTER_PUBLISH: &str = "router.after-publish";
/// A batch is acknowledged and not marked as published.
pub const WORKER_AFTER_ACK: &str = "worker.after-ack";
/// A request off the queues is kept, and neither answered nor acknowledged.
pub const GATEWAY_AFTER_COMMIT: &str = "gateway.after-commit";
/// A send is claimed and judged, and not committed.
pub const SENDER_IN_TRANSACTION: &str = "sender.in-transaction";
/// It stands as attempted, and no byte was sent.
pub const SENDER_BEFORE_REQUEST: &str = "sender.before-request";
/// The platform has answered, and nothing of that is written.
pub const SENDER_AFTER_ANSWER: &str = "sender.after-answer";

/// A batch of a campaign's recipients is put in the queue, and not committed.
pub const CAMPAIGN_IN_TRANSACTION: &str = "campaign.in-transaction";
/// It is committed, and nobody was told.
pub const CAMPAIGN_AFTER_COMMIT: &str = "campaign.after-commit";

/// The crash points of a campaign's way to the queue, in their order.
pub const CAMPAIGN_POINTS: [&str; 2] = [CAMPAIGN_IN_TRANSACTION, CAMPAIGN_AFTER_COMMIT];

/// The crash points of a send's way, in their order.
pub const SEND_POINTS: [&str; 3] = [SENDER_IN_TRANSACTION, SENDER_BEFORE_REQUEST, SENDER_AFTER_ANSWER];

/// The crash points of a message's way, in their order.
pub const POINTS: [&str; 8] = [
    INGRESS_BEFORE_PUBLISH,
    BUS_BEFORE_CONFIRM,
    INGRESS_BEFORE_ANSWER,
    WORKER_BEFORE_HANDLE,
    ROUTER_IN_TRANSACTION,
    ROUTER_AFTER_COMMIT,
    ROUTER_AFTER_PUBLISH,
    WORKER_AFTER_ACK,
];

/// A promise to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// A delivery is acknowledged before its effects are durable.
    AckBeforeCommit,
    /// A batch is handled although the lease is somebody else's.
    SkipFence,
    /// What was decided and perhaps not published is taken for published.
    DropStoredDecision,
    /// A subscription is cancelled while deliveries are unacknowledged, which come back when others were handled.
    CancelWithUnacked,
}

impl Sabotage {
    pub const ALL: [Self; 4] =
        [Self::AckBeforeCommit, Self::SkipFence, Self::DropStoredDecision, Self::CancelWithUnacked];

    /// As `WAYPOST_SABOTAGE` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AckBeforeCommit => "ack-before-commit",
            Self::SkipFence => "skip-fence",
            Self::DropStoredDecision => "drop-stored-decision",
            Self::CancelWithUnacked => "cancel-with-unacked",
        }
    }
}

#[cfg(not(feature = "fault-injection"))]
mod unarmed {
    use super::Sabotage;

    /// The process is at the point `name`.
    #[inline(always)]
    pub const fn point(_name: &str) {}

    /// The event with this key is being handled.
    #[inline(always)]
    pub const fn poison(_key: &str) {}

    /// Whether this promise is to be broken.
    #[inline(always)]
    pub const fn sabotaged(_sabotage: Sabotage) -> bool {
        false
    }
}

#[cfg(not(feature = "fault-injection"))]
pub use unarmed::{point, poison, sabotaged};

#[cfg(feature = "fault-injection")]
mod armed;

#[cfg(feature = "fault-injection")]
pub use armed::{point, poison, sabotaged};
