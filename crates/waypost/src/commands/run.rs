//! `waypost run`: production.

use crate::cli::RunArgs;
use crate::exit::Failure;
use crate::process::config::Config;
use crate::process::{self, Component};

pub(crate) async fn run(args: RunArgs) -> Result<(), Failure> {
    let config = Config::of(&args.config)?;
    let components = if args.component.is_empty() { Component::ALL.to_vec() } else { args.component };
    process::run(&config, &components).await
}
