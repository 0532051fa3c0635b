//! The end of a process that is asked to stop while its network or its servers fail: within the drain time and five
//! seconds, in each of seven ways.
//!
//! The process runs in a network of its own, which is broken while it drains, with work in hand. Where this system, or
//! this user, may have no such network the test says so and shows through the proxy what that can show.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use waypost_tests::eventually;
use waypost_tests::load::Load;
use waypost_tests::network::Network;
use waypost_tests::ports::free_port;
use waypost_tests::postgres::PostgresServer;
use waypost_tests::proxy::FaultProxy;
use waypost_tests::rabbitmq::RabbitNode;

use super::run::{RATE, RULES, load_config};
use super::{Scale, blocking, last};
use crate::deployment::{Deployment, Servers};

/// Names the file to which each ending appends its line.
const REPORT_ENV: &str = "WAYPOST_ENDINGS_REPORT";
/// What a process may take beyond its drain time.
const BEYOND_DRAIN: Duration = Duration::from_secs(5);
/// So much later we stop measuring.
const PATIENCE: Duration = Duration::from_secs(120);
const DEADLINE: Duration = Duration::from_secs(90);
const MEMBERS: &str = "SELECT count(*) FROM member";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    PacketsDropped,
    LinkDown,
    InterfaceRemoved,
    BrokerFrozen,
    DatabaseFrozen,
}

/// Whether the fault comes before SIGTERM or after it, and by how much.
#[derive(Debug, Clone, Copy)]
enum When {
    Before(Duration),
    After(Duration),
}

const fn after_ms(ms: u64) -> When {
    When::After(Duration::from_millis(ms))
}

#[tokio::test]
async fn seven_endings() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let place = Place::new().await?;
    // Long enough for heartbeats to have missed.
    let before = When::Before(scale.seconds(5, 25));
    let endings = [
        ("packets dropped before", Fault::PacketsDropped, before),
        ("packets dropped 30 ms after", Fault::PacketsDropped, after_ms(30)),
        ("link down 50 ms after", Fault::LinkDown, after_ms(50)),
        ("link down 500 ms after", Fault::LinkDown, after_ms(500)),
        ("interface removed", Fault::InterfaceRemoved, after_ms(50)),
        ("broker frozen", Fault::BrokerFrozen, after_ms(0)),
        ("database frozen", Fault::DatabaseFrozen, after_ms(0)),
    ];
    let mut late = Vec::new();
    for (name, fault, when) in endings {
        if !place.can(fault) {
            eprintln!("not shown without a network namespace: {name}");
            continue;
        }
        let took = ending(&place, scale, name, fault, when).await.with_context(|| name.to_owned())?;
        if took > drain(scale) + BEYOND_DRAIN {
            late.push((name, took));
        }
    }
    ensure!(late.is_empty(), "not ended within the drain time and {BEYOND_DRAIN:?}: {late:?}");
    Ok(())
}

/// In the full form the default.
fn drain(scale: Scale) -> Duration {
    scale.seconds(2, 20)
}

/// One process' life and its end; gives how long the end took.
async fn ending(place: &Place, scale: Scale, name: &str, fault: Fault, when: When) -> anyhow::Result<Duration> {
    let deployment = place.deployment(scale)?;
    let mut waypost = deployment.start().await?;
    let load = Load::start(&load_config(&deployment, RATE))?;
    let since = Instant::now();
    let what = format!("{name}: there is work in hand");
    let under_way = eventually(&what, DEADLINE, async || {
        (load.accepted_since(since) >= 50
            && place.count(&deployment, "SELECT count(*) FROM inbox").is_ok_and(|count| count > 0))
        .then_some(())
    });
    under_way.await;

    if let When::Before(long) = when {
        place.inflict(fault)?;
        last(long).await;
    }
    let asked_at = Instant::now();
    let ended = async {
        let status = waypost.terminate(drain(scale) + PATIENCE).await?;
        anyhow::Ok((status, asked_at.elapsed()))
    };
    let inflicted = async {
        if let When::After(long) = when {
            last(long).await;
            place.inflict(fault)?;
        }
        anyhow::Ok(())
    };
    let (ended, inflicted) = tokio::join!(ended, inflicted);
    inflicted?;
    let (status, took) = ended?;
    // Where the database can be reached it says goodbye, so that others take over its share. (The leases of what the
    // broker may still have in our name run out.)
    let members = if fault == Fault::BrokerFrozen { place.count(&deployment, MEMBERS)? } else { 0 };
    place.heal()?;
    drop(load);
    report(name, drain(scale), took, status.code())?;
    for line in waypost.stderr_lines().iter().filter(|line| line.contains("drain") || line.contains("hung")) {
        eprintln!("  {line}");
    }
    // It ended by itself: neither was anything given up, nor did the last deadline have to help.
    ensure!(status.success(), "{status}\n{}", waypost.output());
    ensure!(members == 0, "it said no goodbye although the database could be reached\n{}", waypost.output());
    Ok(took)
}

fn report(name: &str, drain: Duration, took: Duration, exit_code: Option<i32>) -> anyhow::Result<()> {
    let line = json!({
        "ending": name,
        "good": took <= drain + BEYOND_DRAIN,
        "drain_ms": u64::try_from(drain.as_millis())?,
        "took_ms": u64::try_from(took.as_millis())?,
        "exit_code": exit_code,
    });
    eprintln!("{line}");
    let Some(file) = std::env::var_os(REPORT_ENV) else { return Ok(()) };
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    Ok(())
}

/// Servers that may be broken, and the way to them. In the order in which they must end.
struct Place {
    broker: RabbitNode,
    database: PostgresServer,
    way: Way,
}

enum Way {
    Network(Network),
    Proxies { broker: FaultProxy, database: FaultProxy },
}

impl Place {
    async fn new() -> anyhow::Result<Self> {
        match Network::new() {
            Ok(network) => {
                let (broker, database) = servers(network.outside()).await?;
                Ok(Self { broker, database, way: Way::Network(network) })
            }
            Err(error) => {
                eprintln!("no network of its own for the process, so a proxy must do: {error:#}");
                let (broker, database) = servers(Ipv4Addr::LOCALHOST).await?;
                let proxy = async |port: u16| FaultProxy::start((Ipv4Addr::LOCALHOST, port).into()).await;
                let (to_broker, to_database) = (proxy(broker.handle().port()).await?, proxy(database.port()).await?);
                Ok(Self { broker, database, way: Way::Proxies { broker: to_broker, database: to_database } })
            }
        }
    }

    /// Every component, in a virtual host and a database of their own: what an earlier process left hanging is not there.
    fn deployment(&self, scale: Scale) -> anyhow::Result<Deployment> {
        let servers = Servers::new_on(self.broker.handle(), self.database.create_database()?)?;
        let deployment = match &self.way {
            Way::Network(network) => Deployment::on(servers, RULES)?.within(network)?,
            Way::Proxies { broker, database } => {
                let store = servers
                    .postgres_url
                    .replace(&format!(":{}/", self.database.port()), &format!(":{}/", database.port()));
                Deployment::on(servers.through(broker.port()), RULES)?.set("store.url", &store)
            }
        };
        let millis = |duration: Duration| duration.as_millis().to_string();
        let deployment = deployment
            .set("grpc.listen", &format!("127.0.0.1:{}", free_port()))
            .set("worker.drain_timeout_ms", &millis(drain(scale)));
        Ok(match scale {
            Scale::Short => deployment.set("bus.heartbeat_s", "2"),
            Scale::Full => deployment.set("worker.lease_ttl_ms", "15000").set("worker.lease_renew_ms", "5000"),
        })
    }

    /// Asks the database, past every proxy.
    fn count(&self, deployment: &Deployment, statement: &str) -> anyhow::Result<u64> {
        let url = &deployment.servers().context("servers")?.postgres_url;
        Ok(self.database.handle().sql_on(url, statement)?.trim().parse()?)
    }

    fn can(&self, fault: Fault) -> bool {
        match (&self.way, fault) {
            (Way::Network(_), _) | (_, Fault::PacketsDropped | Fault::BrokerFrozen | Fault::DatabaseFrozen) => true,
            (Way::Proxies { .. }, Fault::LinkDown | Fault::InterfaceRemoved) => false,
        }
    }

    fn inflict(&self, fault: Fault) -> anyhow::Result<()> {
        match (fault, &self.way) {
            (Fault::PacketsDropped, Way::Network(network)) => network.drop_packets(),
            (Fault::LinkDown, Way::Network(network)) => network.link_down(),
            (Fault::InterfaceRemoved, Way::Network(network)) => network.remove_interface(),
            (Fault::PacketsDropped | Fault::LinkDown | Fault::InterfaceRemoved, Way::Proxies { broker, database }) => {
                broker.black_hole();
                database.black_hole();
                Ok(())
            }
            (Fault::BrokerFrozen, _) => self.broker.freeze(),
            (Fault::DatabaseFrozen, _) => self.database.freeze(),
        }
    }

    fn heal(&self) -> anyhow::Result<()> {
        self.broker.thaw()?;
        self.database.thaw()?;
        match &self.way {
            Way::Network(network) => network.heal(),
            Way::Proxies { broker, database } => {
                broker.heal();
                database.heal();
                Ok(())
            }
        }
    }
}

impl Drop for Place {
    /// A frozen server does not end.
    fn drop(&mut self) {
        self.heal().ok();
    }
}

async fn servers(address: Ipv4Addr) -> anyhow::Result<(RabbitNode, PostgresServer)> {
    tokio::try_join!(
        blocking(move || RabbitNode::start_on(address)),
        blocking(move || PostgresServer::start_on(address))
    )
}
