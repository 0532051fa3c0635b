//! The bus port: what Waypost asks of a message broker, in our own words.
//!
//! Two adapters fulfil it, `bus-embedded` (one SQLite file) and `bus-rabbitmq` (AMQP 0-9-1); [`conformance`] is the
//! suite that both pass, and the meaning of every promise made here. Nothing in this crate may know an adapter.
//!
//! The promises:
//!
//! 1. **Confirm before return.** [`Outcome::Confirmed`] means: stored durably, and will be delivered.
//! 2. **One publish reaches exactly one queue**, or says why not ([`Outcome`]).
//! 3. **Order per queue.** Publications of one call to one queue are queued in the order given, and behind every
//!    publication that was confirmed before the call. Deliveries come in that order.
//! 4. **At least once.** A delivery that was not acknowledged when its consumer went away (closed, dropped, crashed,
//!    disconnected) is delivered again, in its old place, with a higher delivery count.
//! 5. **Bounded.** A consumer never holds more than `prefetch` unacknowledged deliveries; a queue never holds much more
//!    than its limits; a publish call ends by its time-out.
//! 6. **Single active consumer**, on the queues that ask for it: one consumer receives, the others wait their turn.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod dead_letter;
pub mod message;
pub mod port;
pub mod topology;

pub use dead_letter::DeadLetterReason;
pub use message::{CORRELATION_HEADER, Delivery, Message, REPLY_TO_HEADER, USER_HEADER};
pub use port::{Bus, BusError, ConsumeEnded, Consumer, Depth, Health, Outcome, Publication};
pub use topology::{Address, Layout, Queue, QueueKind, Stream, Topology};
