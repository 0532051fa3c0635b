//! How the verbs find the process of this machine. Configurations are read by the binary, which says here how, for as long as
//! a verb runs.

use std::pin::Pin;

use super::Server;
use crate::config_args::ConfigArgs;
use crate::failure::Failure;

/// What a configuration leads to.
#[derive(Debug)]
pub enum Found {
    /// The process that works on its data folder, which lets in who can read that.
    Running(Server),
    /// The address that its administration listens at, for callers with a token.
    Listens(String),
    /// There is no configuration, and nobody works where one would be without.
    Nothing,
}

/// How it is found.
pub type Finder = fn(ConfigArgs) -> Pin<Box<dyn Future<Output = Result<Found, Failure>>>>;

tokio::task_local! {
    static FINDER: Finder;
}

/// Runs a verb that may look for it.
pub(crate) async fn scope<T>(finder: Finder, verb: impl Future<Output = T>) -> T {
    FINDER.scope(finder, verb).await
}

pub(super) async fn find(config: &ConfigArgs) -> Result<Found, Failure> {
    match FINDER.try_with(|finder| finder(config.clone())) {
        Ok(found) => found.await,
        Err(_) => Ok(Found::Nothing),
    }
}
