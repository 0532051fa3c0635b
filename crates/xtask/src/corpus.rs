//! `cargo xtask corpus DIR`: posts every webhook body of a folder, signed, to a running ingress on each bus, and
//! compares what comes out of the queues with the folder's `expected.json`; reads what is told of accounts, and what
//! was sent to Meta and what Meta answered, where the folder has that too.
//!
//! A body is posted exactly as its file has it, byte for byte.

mod account;
mod collect;
mod expected;
mod sends;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio_util::sync::CancellationToken;
use waypost_bus::{Bus, Layout};
use waypost_bus_embedded::EmbeddedBus;
use waypost_cloud_api::signature::Provider;
use waypost_domain::PartitionCount;
use waypost_ingress::{Ingress, IngressConfig, Limits, SecretSource};
use waypost_ops::Health;
use waypost_tests::WebhookClient;

use crate::corpus::collect::{Collector, topology};
use crate::corpus::expected::Expected;
use crate::count::Count;
use crate::servers::start_rabbitmq;

const LAYOUT: Layout = Layout::new(PartitionCount::DEFAULT);
const APP_SECRET: &str = "corpus";
const VERIFY_TOKEN: &str = "corpus";
const PATH: &str = "/webhook";
/// For all that a body holds to come out.
const ARRIVAL_DEADLINE: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

struct Body {
    name: String,
    bytes: Vec<u8>,
    expected: Expected,
}

pub(crate) async fn run(folder: &Path) -> anyhow::Result<Count> {
    let bodies = read(folder)?;
    let mut count = sends::run(folder)?;
    count += account::run(&bodies);
    count += on_embedded(&bodies).await.context("embedded")?;
    count += on_rabbitmq(&bodies).await.context("rabbitmq")?;
    Ok(count)
}

/// The bodies that `expected.json` names; each must be there.
fn read(folder: &Path) -> anyhow::Result<Vec<Body>> {
    let file = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let expectations = expected::parse(&String::from_utf8(file("expected.json")?)?)?;
    let mut bodies = Vec::with_capacity(expectations.len());
    for (name, expected) in expectations {
        bodies.push(Body { bytes: file(&name)?, name, expected });
    }
    if bodies.is_empty() {
        bail!("{}: expected.json names no body", folder.display());
    }
    Ok(bodies)
}

async fn on_embedded(bodies: &[Body]) -> anyhow::Result<Count> {
    let folder = tempfile::Builder::new().prefix("waypost-corpus-").tempdir()?;
    let bus: Arc<dyn Bus> = EmbeddedBus::open(folder.path(), waypost_bus_embedded::Options::default())?;
    on_bus("embedded", &bus, bodies).await
}

async fn on_rabbitmq(bodies: &[Body]) -> anyhow::Result<Count> {
    let node = start_rabbitmq().await?;
    let vhost = node.create_vhost()?;
    let config = waypost_bus_rabbitmq::RabbitConfig::new(node.amqp_url(&vhost));
    let bus: Arc<dyn Bus> = waypost_bus_rabbitmq::RabbitBus::connect(config).await?;
    on_bus("rabbitmq", &bus, bodies).await
}

async fn on_bus(name: &str, bus: &Arc<dyn Bus>, bodies: &[Body]) -> anyhow::Result<Count> {
    let begin = Instant::now();
    let topology = topology(LAYOUT);
    bus.declare(&topology).await?;
    let ingress = RunningIngress::start(Arc::clone(bus)).await?;
    let mut collector = Collector::start(bus, &topology).await?;
    let mut refused = Vec::with_capacity(bodies.len());
    for body in bodies {
        collector.next_body();
        let status = ingress.client.post(&body.bytes).await?;
        refused.push((status != 200).then(|| format!("status: expected 200, found {status}")));
        collector.wait_for(body.expected.parts_min(), ARRIVAL_DEADLINE).await?;
    }
    ingress.stop().await?;
    let found = collector.end(bus, &topology).await?;
    bus.close(CLOSE_TIMEOUT).await;

    let mut count = Count::default();
    for ((body, found), refused) in bodies.iter().zip(found).zip(refused) {
        let differences: Vec<String> =
            refused.into_iter().chain(body.expected.differences(&body.bytes, &found)).collect();
        count += if differences.is_empty() { Count { passed: 1, failed: 0 } } else { Count::FAILURE };
        for difference in differences {
            println!("{name}: {}: {difference}", body.name);
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{name}: {} of {} bodies as expected ({seconds:.1} s)", count.passed, bodies.len());
    Ok(count)
}

/// A real front door, on a port of its own.
struct RunningIngress {
    client: WebhookClient,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<waypost_ingress::Drained>,
}

impl RunningIngress {
    async fn start(bus: Arc<dyn Bus>) -> anyhow::Result<Self> {
        let config = IngressConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            path: PATH.to_owned(),
            provider: Provider::Meta,
            app_secrets: vec![SecretSource::Inline(APP_SECRET.into())],
            verify_token: SecretSource::Inline(VERIFY_TOKEN.into()),
            carriers: vec![],
            tls: None,
            limits: Limits::default(),
        };
        let shutdown = CancellationToken::new();
        let ingress = Ingress::bind(config, bus, LAYOUT, &Health::new(shutdown.clone())).await?;
        let client = WebhookClient::new(format!("http://{}{PATH}", ingress.local_addr()), APP_SECRET)?;
        let task = tokio::spawn(ingress.run(shutdown.clone()));
        Ok(Self { client, shutdown, task })
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        let drained = self.task.await?;
        if drained.connections_cut > 0 {
            bail!("the ingress cut {} connections", drained.connections_cut);
        }
        Ok(())
    }
}
