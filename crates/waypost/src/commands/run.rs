//! `waypost run`: production.

use crate::cli::RunArgs;
use crate::process::Config;
use crate::process::{self, Component};
use waypost_cli::Failure;

pub(crate) async fn run(args: RunArgs) -> Result<(), Failure> {
    let config = Config::of(&args.config)?;
    let components = if args.component.is_empty() { Component::ALL.to_vec() } else { args.component };
    Box::pin(process::run(&config, &components)).await
}
