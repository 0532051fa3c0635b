//! The bus of this process: its configuration, its connection and the queues that it declares.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use waypost_bus::{Bus, Health as BusHealth, Layout, QueueKind, Topology};
use waypost_bus_embedded::EmbeddedBus;
use waypost_bus_rabbitmq::{RabbitBus, RabbitConfig};
use waypost_domain::{PartitionCount, TeamName};
use waypost_ops::{Health, State};

use super::Config;
use super::config::EMBEDDED;
use super::config::value::Secret;
use super::section::{Problems, section};
use super::store::create_data_dir;
use waypost_cli::Failure;

section! {
    /// The bus that messages travel on: a file of this process, or RabbitMQ.
    BusSection = "bus" {
        /// `embedded`, or `amqp://user:password@host:5672/vhost`; `amqps` for TLS.
        url: Secret = Secret::new(EMBEDDED),
        /// The file that holds it.
        #[serde(skip_serializing_if = "Option::is_none")]
        url_file: Option<PathBuf> = None,
        /// Certificate authorities (PEM) for `amqps`, besides those of the system.
        #[serde(skip_serializing_if = "Option::is_none")]
        ca_file: Option<PathBuf> = None,
        /// Whether a starting process creates the queues that are missing; needs the permission to configure.
        declare: bool = true,
        /// RabbitMQ: how often each side shows that it is there.
        heartbeat_s: u16 = 10,
        /// RabbitMQ: publications in flight at most, per process.
        in_flight_max: u32 = 16_384,
        /// Messages that a team's queue holds at most. Where absent: RabbitMQ's policy, or 200,000 on the embedded bus.
        #[serde(skip_serializing_if = "Option::is_none")]
        team_queue_messages_max: Option<u64> = None,
    }
}

impl BusSection {
    pub(crate) fn is_embedded(&self) -> bool {
        self.url.expose() == EMBEDDED
    }

    pub(crate) fn check(&self, problems: &mut Problems) {
        let url = self.url.expose();
        let is_url = self.is_embedded() || url.starts_with("amqp://") || url.starts_with("amqps://");
        problems.require(is_url, "bus.url", "must be \"embedded\", amqp://… or amqps://…");
        problems.require(self.in_flight_max > 0, "bus.in_flight_max", "must be above 0");
        if is_url && !self.is_embedded() {
            let refused = RabbitConfig::new(url).check().err();
            problems.require(
                refused.is_none(),
                "bus.url",
                "must be amqp://user:password@host:5672/vhost, or amqps://…",
            );
        }
    }

    /// The virtual host of the URL; `/` where it names none.
    pub(crate) fn vhost(&self) -> String {
        let path = self.url.expose().splitn(4, '/').nth(3).unwrap_or_default();
        let name = path.split('?').next().unwrap_or_default().replace("%2f", "/").replace("%2F", "/");
        if name.is_empty() { "/".to_owned() } else { name }
    }

    fn with_limits(&self, mut topology: Topology) -> Topology {
        for queue in &mut topology.queues {
            if queue.kind == QueueKind::Team {
                queue.messages_max = self.team_queue_messages_max;
            }
        }
        topology
    }
}

impl Config {
    pub(crate) fn layout(&self) -> Layout {
        Layout::new(PartitionCount::new(self.partitions).unwrap_or(PartitionCount::DEFAULT))
    }

    /// The queues of these teams alone.
    pub(crate) fn team_topology(&self, teams: &BTreeSet<TeamName>) -> Topology {
        self.bus.with_limits(Topology::of_teams(teams))
    }

    /// What messages come in on, and these teams' queues.
    pub(crate) fn topology_for(&self, teams: &BTreeSet<TeamName>) -> Topology {
        self.bus.with_limits(Topology::new(self.layout(), teams, self.router.activity))
    }
}

pub(crate) async fn open_bus(config: &Config) -> Result<Arc<dyn Bus>, Failure> {
    if config.bus.is_embedded() {
        create_data_dir(config)?;
        let options = waypost_bus_embedded::Options::default();
        let bus = EmbeddedBus::open(&config.data_dir, options)
            .map_err(|error| Failure::unavailable(format!("bus: {error}")))?;
        return Ok(bus);
    }
    let mut rabbit = RabbitConfig::new(config.bus.url.expose());
    rabbit.heartbeat = Duration::from_secs(u64::from(config.bus.heartbeat_s));
    rabbit.in_flight_max = usize::try_from(config.bus.in_flight_max).unwrap_or(usize::MAX);
    rabbit.ca_file.clone_from(&config.bus.ca_file);
    rabbit.connection_name = format!("waypost {}", config.instance_name());
    let bus = RabbitBus::connect(rabbit).await.map_err(|error| Failure::unavailable(format!("bus: {error}")))?;
    Ok(bus)
}

/// The bus is up and takes publications.
pub(crate) fn register(health: &Health, bus: &Arc<dyn Bus>) {
    let bus = bus.clone();
    health.register_state("bus", "", move || match bus.health() {
        BusHealth::Up => State::Ready,
        BusHealth::Blocked(_) => State::NotReady("blocked".to_owned()),
        BusHealth::Down(_) => State::NotReady("down".to_owned()),
    });
}
