//! `waypost config`: the configuration in force, and what is wrong with it.

use std::sync::Arc;

use waypost_live::{Rules, RulesInForce};

use crate::cli::{CheckArgs, ConfigArgs};
use crate::output;
use crate::process::Component;
use crate::process::Config;
use waypost_cli::Failure;

pub(crate) fn check(args: &CheckArgs) -> Result<(), Failure> {
    let config = Config::of(&args.config)?;
    let components = if args.component.is_empty() { Component::ALL.to_vec() } else { args.component.clone() };
    config.check(&components)?;
    for warning in &config.warnings {
        output::note(&format!("warning: {warning}"));
    }
    let rules = check_rules(&config)?;
    output::line(&match rules {
        Some(rules) => format!(
            "configuration is good; rules {} with {} rules for {} teams",
            rules.active().version,
            rules.active().rule_count(),
            rules.active().teams.len()
        ),
        None => "configuration is good".to_owned(),
    })
}

pub(crate) fn show(args: &ConfigArgs) -> Result<(), Failure> {
    let config = Config::of(args)?;
    let shown = toml::to_string(&config).map_err(Failure::failed)?;
    output::line(shown.trim_end())
}

fn check_rules(config: &Config) -> Result<Option<Arc<RulesInForce>>, Failure> {
    let Some(file) = &config.rules.file else { return Ok(None) };
    Rules::open_file(file).map(|rules| Some(rules.current())).map_err(Failure::config)
}
