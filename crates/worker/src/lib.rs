//! What every component that works runs on, in four parts that know nothing of what a component does:
//!
//! - [`shards`]: who owns which piece of the work, by leases in the store, spread evenly over the replicas;
//! - [`deliveries`]: batches off queues, given to a [`Handler`]; what harms whoever handles it is found and parked;
//! - [`due`]: rows that are due, worked on pass by pass;
//! - [`dead_letters`]: where what cannot be handled goes.
//!
//! Must never acknowledge before the handler's effects are durable, and never wait for anything without a bound.

mod backoff;
mod bounded;
pub mod dead_letters;
pub mod deliveries;
pub mod due;
mod error;
pub mod lease_clock;
pub mod metrics;
pub mod shards;

pub use backoff::Backoff;
pub use deliveries::{
    Bundle, Claim, ClaimedBatch, Event, Handler, InHand, Parts, Split, Worker, WorkerConfig, no_bundles,
};
pub use due::{Due, DueConfig, DueSource, Pass};
pub use error::{Cause, HandleError};
pub use lease_clock::LeaseClock;
pub use shards::{Held, Shard, ShardEnd, ShardWork, Shards, ShardsConfig};
