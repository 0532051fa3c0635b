//! What an operator asks of a process: is it alive, is it ready, what does it count, what does it log.
//!
//! Every component registers what it needs in the process' one [`Health`]; [`OpsServer`] answers for all of them on a
//! listener of its own, beside the one metrics page. This crate knows neither bus nor store nor any component, and must
//! never show a secret or anything of a customer: a state is words that a component chose, not an error's text.

mod error;
mod health;
mod logging;
mod page;
mod server;

pub use error::OpsError;
pub use health::{CHECK_TIMEOUT, Health, Report, State, Switch};
pub use logging::{LogFormat, start_logging};
pub use page::{BUILD_INFO, Build, MetricsPage, describe_build};
pub use server::OpsServer;
