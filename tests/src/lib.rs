//! The harness of the whole-system tests: free ports, private servers, a running waypost, a client that signs.
//!
//! Everything it starts listens on 127.0.0.1 only, or on an interface that the test has made; keeps its data in a folder of its own, and is stopped, by its own
//! process id, when its guard is dropped. It never touches a server that it did not start.

pub mod admin;
pub mod bird;
mod desk;
pub mod eventually;
pub mod load;
pub mod network;
pub mod pooler;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod rabbitmq;
mod rules;
pub mod twilio;
pub mod webhook;

pub use admin::AdminServer;
pub use eventually::eventually;
pub use process::{WaypostProcess, WaypostSettings};
pub use webhook::WebhookClient;
