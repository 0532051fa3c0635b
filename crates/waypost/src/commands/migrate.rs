//! `waypost migrate`: the store's schema.

use crate::cli::ConfigArgs;
use crate::output;
use crate::process::Config;
use crate::process::store::open_store;
use waypost_cli::Failure;

pub(crate) async fn run(args: ConfigArgs) -> Result<(), Failure> {
    let config = Config::of(&args)?;
    let store = open_store(&config).await?;
    store.migrate().await.map_err(|error| Failure::unavailable(format!("migrate: {error}")))?;
    store.close().await;
    output::line("the store's schema is up to date")
}
