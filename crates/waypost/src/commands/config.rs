//! `waypost config`: the configuration in force, and what is wrong with it.

use std::time::Duration;

use waypost_live::Rules;

use crate::cli::{CheckArgs, ConfigArgs};
use crate::output;
use crate::process::bus::open_bus;
use crate::process::section::Problems;
use crate::process::store::open_store;
use crate::process::{Component, Config};
use waypost_cli::Failure;

/// Beyond what bus and store allow themselves.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// Finds everything that is wrong at once.
pub(crate) async fn check(args: &CheckArgs) -> Result<(), Failure> {
    let (config, mut findings) = Config::of_with_mistakes(&args.config)?;
    let components = if args.component.is_empty() { config.configured() } else { args.component.clone() };
    let known: Vec<String> = findings.iter().map(|line| key_of(line).to_owned()).collect();
    let mut problems = Problems::default();
    if let Err(error) = config.check(&components) {
        findings.extend(error.0.into_iter().filter(|line| !known.iter().any(|key| key == key_of(line))));
    }
    config.check_files(&components, &mut problems);
    if args.connect {
        connect(&config, &components, &findings, &mut problems).await;
    }
    findings.extend(problems.into_lines());
    for warning in config.warnings.iter().chain(&config.open_secrets(&components)) {
        output::note(&format!("warning: {warning}"));
    }
    if !findings.is_empty() {
        return Err(Failure::failed(format!("configuration:\n{}", findings.join("\n"))));
    }
    let good = good(&config, &components)?;
    let unchecked = if args.component.is_empty() { unchecked(&components) } else { String::new() };
    output::line(&format!("{good}{unchecked}"))
}

pub(crate) fn show(args: &ConfigArgs) -> Result<(), Failure> {
    let config = Config::of(args)?;
    let shown = toml::to_string(&config).map_err(Failure::failed)?;
    output::line(shown.trim_end())
}

fn key_of(finding: &str) -> &str {
    finding.split(": ").next().unwrap_or_default()
}

fn good(config: &Config, components: &[Component]) -> Result<String, Failure> {
    let names: Vec<&str> = components.iter().map(Component::name).collect();
    let good = format!("configuration is good for {}", names.join(", "));
    let file = config.rules.file.as_ref().filter(|_| components.contains(&Component::Router));
    let Some(file) = file else { return Ok(good) };
    let rules = Rules::open_file(file).map_err(Failure::config)?.current();
    let active = rules.active();
    let (version, count, teams) = (&active.version, active.rule_count(), active.teams.len());
    Ok(format!("{good}; rules {version} with {count} rules for {teams} teams"))
}

/// What `run` starts all the same where it is not told otherwise.
fn unchecked(checked: &[Component]) -> String {
    let all = Component::ALL.iter();
    let others: Vec<&str> = all.filter(|one| !checked.contains(one)).map(Component::name).collect();
    if others.is_empty() {
        return String::new();
    }
    let others = others.join(", ");
    format!("; not configured and not checked: {others} (`waypost run` without --component starts all)")
}

/// Tries the servers whose URLs are good: broker and database, with TLS where the URLs ask for it.
async fn connect(config: &Config, components: &[Component], findings: &[String], problems: &mut Problems) {
    let is_good = |section: &str| !findings.iter().any(|line| line.starts_with(section));
    let tries_bus = !config.bus.is_embedded() && is_good("bus.");
    let uses_store = components.contains(&Component::Router) || components.contains(&Component::Admin);
    let tries_store = uses_store && !config.store.is_embedded() && is_good("store.");
    let bus = async { if tries_bus { within(connect_bus(config)).await } else { Ok(()) } };
    let store = async { if tries_store { within(connect_store(config)).await } else { Ok(()) } };
    let (bus, store) = tokio::join!(bus, store);
    if let Err(problem) = bus {
        let remedy = "check address, user, virtual host and (amqps) bus.ca_file, and whether the broker runs";
        problems.add("bus.url", format!("{problem}; {remedy}"));
    }
    if let Err(problem) = store {
        let remedy = "check address, user, database and sslmode, and whether the database runs";
        problems.add("store.url", format!("{problem}; {remedy}"));
    }
}

async fn within(connecting: impl Future<Output = Result<(), Failure>>) -> Result<(), String> {
    let told = |failure: Failure| failure.message().unwrap_or("it cannot be reached").to_owned();
    let in_time = tokio::time::timeout(CONNECT_WITHIN, connecting).await;
    in_time.unwrap_or_else(|_| Err(Failure::failed("no answer in time"))).map_err(told)
}

async fn connect_bus(config: &Config) -> Result<(), Failure> {
    let bus = Box::pin(open_bus(config)).await?;
    bus.close(GOODBYE_TIMEOUT).await;
    Ok(())
}

/// A schema that a start would make is no mistake.
async fn connect_store(config: &Config) -> Result<(), Failure> {
    let store = open_store(config).await?;
    let answered = store.ping().await;
    let is_ready = if config.store.migrate { Ok(()) } else { store.require_schema().await };
    store.close().await;
    answered.and(is_ready).map_err(|error| Failure::failed(format!("store: {error}")))
}
