//! `waypost topology`: the broker's queues.

use std::collections::BTreeSet;

use waypost_bus_rabbitmq::topology::{definitions as rabbitmq_definitions, user_names};
use waypost_domain::TeamName;
use waypost_store::{SchemaState, Store, StoreError};

use crate::access::users_script;
use crate::cli::{ConfigArgs, DeclareArgs, DefinitionsArgs};
use crate::output;
use crate::process::Config;
use crate::process::bus::open_bus;
use crate::process::rules::rules_of;
use crate::process::store::{STORE_FILE, open_store};
use waypost_cli::Failure;

pub(crate) async fn declare(args: DeclareArgs) -> Result<(), Failure> {
    let config = Config::of(&args.config)?;
    let topology = if args.team.is_empty() {
        config.topology_for(&teams_of(&config).await?)
    } else {
        config.team_topology(&args.team.into_iter().collect())
    };
    let bus = open_bus(&config).await?;
    let declared = bus.declare(&topology).await;
    bus.close(std::time::Duration::from_secs(5)).await;
    declared.map_err(|error| Failure::failed(format!("topology: {error}")))?;
    output::line(&format!("{} queues are there", topology.queues.len()))
}

pub(crate) async fn verify(args: ConfigArgs) -> Result<(), Failure> {
    let config = Config::of(&args)?;
    let topology = config.topology_for(&teams_of(&config).await?);
    let bus = open_bus(&config).await?;
    let differences = bus.verify(&topology).await;
    bus.close(std::time::Duration::from_secs(5)).await;
    let differences = differences.map_err(|error| Failure::unavailable(format!("topology: {error}")))?;
    for difference in &differences {
        output::line(difference)?;
    }
    if differences.is_empty() {
        return output::line(&format!("{} queues are as they should be", topology.queues.len()));
    }
    Err(Failure::failed(format!("the topology differs in {} places", differences.len())))
}

pub(crate) async fn definitions(args: DefinitionsArgs) -> Result<(), Failure> {
    let config = Config::of(&args.config)?;
    let topology = config.topology_for(&teams_of(&config).await?);
    if args.users {
        return output::line(&users_script(&topology));
    }
    let definitions = rabbitmq_definitions(&topology, &config.bus.vhost());
    let text = serde_json::to_string_pretty(&definitions).map_err(Failure::failed)?;
    output::line(&text)?;
    let users = user_names(&topology).join(", ");
    output::note(&format!("before the import these users must exist (--users says how): {users}"));
    Ok(())
}

/// The teams of the rules, and those that were made by the administration.
async fn teams_of(config: &Config) -> Result<BTreeSet<TeamName>, Failure> {
    let mut teams = rules_of(config).await?.team_names();
    if config.store.is_embedded() && !config.data_dir.join(STORE_FILE).exists() {
        return Ok(teams);
    }
    let store = open_store(config).await?;
    let stored = stored_teams(&store).await;
    store.close().await;
    teams.extend(stored.map_err(|error| Failure::failed(format!("store: {error}")))?);
    Ok(teams)
}

/// None before the first migration.
async fn stored_teams(store: &Store) -> Result<BTreeSet<TeamName>, StoreError> {
    if let SchemaState::Missing { found: None, .. } = store.schema_state().await? {
        return Ok(BTreeSet::new());
    }
    store.require_schema().await?;
    Ok(store.teams().await?.into_iter().map(|team| team.name).collect())
}
