//! `waypost topology`: the broker's queues.

use waypost_bus_rabbitmq::topology::definitions as rabbitmq_definitions;

use crate::cli::{ConfigArgs, DeclareArgs};
use crate::output;
use crate::process::Config;
use crate::process::bus::open_bus;
use crate::process::rules::rules_of;
use waypost_cli::Failure;

pub(crate) async fn declare(args: DeclareArgs) -> Result<(), Failure> {
    let config = Config::of(&args.config)?;
    let topology = if args.team.is_empty() {
        config.topology(&*rules_of(&config).await?)
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
    let topology = config.topology(&*rules_of(&config).await?);
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

pub(crate) async fn definitions(args: ConfigArgs) -> Result<(), Failure> {
    let config = Config::of(&args)?;
    let topology = config.topology(&*rules_of(&config).await?);
    let definitions = rabbitmq_definitions(&topology, &config.bus.vhost());
    let text = serde_json::to_string_pretty(&definitions).map_err(Failure::failed)?;
    output::line(&text)
}
