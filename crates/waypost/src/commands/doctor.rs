//! `waypost doctor`: whether Meta, and what it calls here, is set up as it has to be. It looks where `waypost status` does not:
//! at the app, the token, the accounts and the numbers, by asking Meta; and it changes nothing.
//!
//! It runs where the configuration and the token are, as `config check` does: over the administration it could say nothing of
//! an installation that does not run yet, and the administration would have to show whoever may look what the token reaches.
//!
//! Must never show a secret or a phone number, and never send the verify token to an address that nobody said is ours.

mod ask;
mod facts;
mod finding;
mod handshake;
mod judge;
mod report;
mod versions;

use waypost_cli::{Failure, output};

use crate::cli::DoctorArgs;
use crate::process::Config;
use facts::Ours;
use handshake::Shaker;

pub(crate) async fn run(args: DoctorArgs) -> Result<(), Failure> {
    let config = Config::of(&args.config)?;
    for warning in &config.warnings {
        output::note(&format!("warning: {warning}"));
    }
    let shaker = Shaker::new(args.ca.as_deref(), config.graph.plain_http)?;
    let configured = config.ingress.public_url();
    let configured = configured.map_err(|problem| Failure::config(format!("ingress.public_url: {problem}")))?;
    let url = args.callback.or(configured);
    let ours = Ours { url, handshake: None, through_d360: ask::is_through_d360(&config) };
    let facts = Box::pin(ask::ask(&config, ours, &shaker)).await;
    report::show(&judge::findings(&facts), args.json)
}
