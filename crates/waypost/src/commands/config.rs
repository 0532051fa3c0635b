//! `waypost config`: the configuration in force, and what is wrong with it.

use std::collections::BTreeSet;
use std::time::Duration;

use waypost_live::Rules;

use crate::cli::{CheckArgs, ConfigArgs};
use crate::output;
use crate::process::bus::open_bus;
use crate::process::config::ConfigError;
use crate::process::section::{Mistake, Problems};
use crate::process::store::open_store;
use crate::process::{Component, Config};
use waypost_cli::Failure;

/// Beyond what bus and store allow themselves.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// Finds everything that is wrong at once.
pub(crate) async fn check(args: &CheckArgs) -> Result<(), Failure> {
    let (config, mut mistakes) = Config::of_with_mistakes(&args.config)?;
    let components = if args.component.is_empty() { config.configured() } else { args.component.clone() };
    if let Err(ConfigError(found)) = config.check(&components) {
        let unread: BTreeSet<String> = mistakes.iter().map(|mistake| mistake.key.clone()).collect();
        mistakes.extend(found.into_iter().filter(|mistake| !unread.contains(&mistake.key)));
    }
    let mut problems = Problems::default();
    config.check_files(&components, &mut problems);
    if args.connect {
        connect(&config, &components, &mistakes, &mut problems).await;
    }
    mistakes.extend(problems.into_mistakes());
    for warning in config.warnings.iter().chain(&config.open_secrets(&components)) {
        output::note(&format!("warning: {warning}"));
    }
    if !mistakes.is_empty() {
        return Err(Failure::failed(format!("configuration:\n{}", ConfigError(mistakes))));
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
async fn connect(config: &Config, components: &[Component], mistakes: &[Mistake], problems: &mut Problems) {
    let is_good = |section: &str| !mistakes.iter().any(|mistake| mistake.key.starts_with(section));
    let tries_bus = !config.bus.is_embedded() && is_good("bus.");
    let uses_store = components.iter().any(Component::has_store);
    let tries_store = uses_store && !config.store.is_embedded() && is_good("store.");
    let bus = async { if tries_bus { within(connect_bus(config)).await } else { Ok(()) } };
    let store = async { if tries_store { within(connect_store(config)).await } else { Ok(()) } };
    let (bus, store) = tokio::join!(bus, store);
    let bus_remedy = "check address, user, virtual host and (amqps) bus.ca_file, and whether the broker runs";
    let store_remedy = "check address, user, database and sslmode, and whether the database runs";
    for (key, tried, remedy) in [("bus.url", bus, bus_remedy), ("store.url", store, store_remedy)] {
        if let Err(failure) = tried {
            let problem = failure.message().unwrap_or("it cannot be reached");
            problems.add(key, format!("{problem}; {remedy}"));
        }
    }
}

async fn within(connecting: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let in_time = tokio::time::timeout(CONNECT_WITHIN, connecting).await;
    in_time.unwrap_or_else(|_| Err(Failure::failed("no answer in time")))
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
