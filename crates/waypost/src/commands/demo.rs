//! `waypost demo`: the whole of it in one process, with the sandbox as the world. Customers write, and those who live on the
//! sandbox's platform are answered there.

mod agents;
mod answers;
mod residents;
mod script;
mod stage;
mod tally;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use waypost_bus::Bus;
use waypost_bus::topology::{UNROUTED_QUEUE, team_queue};
use waypost_cloud_api::signature::Provider;
use waypost_domain::team::Priority;
use waypost_ingress::{Ingress, IngressConfig, Limits, SecretSource};
use waypost_live::Rules;
use waypost_ops::Health;
use waypost_rules::RuleSet;
use waypost_sandbox::{Control, Customers, SandboxConfig, SandboxReport};
use waypost_store::Store;

use crate::cli::DemoArgs;
use crate::output;
use crate::process::Config;
use crate::process::answering::Answering;
use crate::process::bus::open_bus;
use crate::process::local::running;
use crate::process::ops::Operators;
use crate::process::router::Routing;
use crate::process::rules::adopt_rules;
use crate::process::signals::stop_on_signals;
use crate::process::store::ready_store;
use crate::process::{bus, store};
use agents::Desk;
use answers::Told;
use residents::{PARTS, Residents, Writing};
use stage::Stage;
use tally::{Arrived, SentAt, Tally};
use waypost_cli::Failure;

const SAMPLE_RULES: &str = include_str!("../../../../deploy/rules.toml");
const NUMBER: (&str, &str) = ("support", "100000000000001");
/// How long the last messages may take after the customers fell silent.
const SETTLE_MAX: Duration = Duration::from_secs(30);
/// Between two looks at the queues, once the customers fell silent.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const PROGRESS_EVERY: Duration = Duration::from_secs(2);
/// Messages a consumer may be ahead of the printer.
const PRINT_AHEAD_MAX: usize = 256;

pub(crate) async fn run(args: DemoArgs) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(|error| Failure::failed(format!("no temporary folder: {error}")))?;
    let rules = match &args.rules {
        Some(file) => Rules::open_file(file).map_err(Failure::config)?,
        None => Rules::fixed(RuleSet::parse(SAMPLE_RULES).map_err(Failure::failed)?),
    };
    let config = demo_config(folder.path());
    let shutdown = CancellationToken::new();
    stop_on_signals(shutdown.clone())?;
    let operators = Operators::start(&config, shutdown.clone()).await?;
    let bus = open_bus(&config).await?;
    let store = ready_store(&config).await?;
    let rules = Arc::new(rules);
    adopt_rules(&config, &*bus, &store, &rules.current(), None).await?;
    bus::register(&operators.health, &bus);
    store::register(&operators.health, &store);
    let world = World { args, config, bus, store, rules, health: operators.health.clone(), shutdown };
    let played = world.play().await;
    operators.close().await;
    played
}

fn demo_config(folder: &std::path::Path) -> Config {
    let mut config = Config { data_dir: folder.to_owned(), ..Config::default() };
    config.numbers.insert(NUMBER.0.to_owned(), NUMBER.1.to_owned());
    config.ingress.listen.set_port(0);
    config.ops.listen.set_port(0);
    config
}

fn demo_ingress(config: &Config, secret: &str) -> IngressConfig {
    let secret = || SecretSource::Inline(SecretString::from(secret.to_owned()));
    IngressConfig {
        listen: config.ingress.listen,
        path: config.ingress.path.clone(),
        provider: Provider::Meta,
        app_secrets: vec![secret()],
        verify_token: secret(),
        carriers: vec![],
        tls: None,
        limits: Limits::default(),
    }
}

/// Who writes, and who answers.
struct Scene {
    customers: SandboxConfig,
    residents: Arc<Residents>,
    control: Control,
    desk: Desk,
}

struct World {
    args: DemoArgs,
    config: Config,
    bus: Arc<dyn Bus>,
    store: Store,
    rules: Arc<Rules>,
    health: Arc<Health>,
    shutdown: CancellationToken,
}

/// How much comes from whom.
struct Share {
    messages: Option<u64>,
    /// `None`: as fast as it goes.
    rate_per_second: Option<f64>,
}

impl World {
    async fn play(self) -> Result<(), Failure> {
        let secret = format!("demo-{}", uuid::Uuid::now_v7().simple());
        let ingress_config = demo_ingress(&self.config, &secret);
        let ingress = Ingress::bind(ingress_config, self.bus.clone(), self.config.layout(), &self.health)
            .await
            .map_err(|error| Failure::failed(format!("ingress: {error}")))?;
        let url = format!("http://{}{}", ingress.local_addr(), self.config.ingress.path);
        let customers = self.sandbox_config(url.clone(), secret);
        self.seed_contacts(&customers).await?;
        let Stage { platform, config } = Stage::open(&self.config, &self.store, &customers).await?;
        if !self.args.json {
            let folder = self.config.data_dir.display();
            output::line(&format!("webhook {url}   data {folder}   rules {}", self.rules.current().active().version))?;
            output::line(&format!("platform {}", platform.url()))?;
        }
        // The parts outlive the customers: they are stopped once everything has arrived.
        let stop_parts = CancellationToken::new();
        let parts = tokio::spawn({
            let (config, bus, store) = (self.config.clone(), self.bus.clone(), self.store.clone());
            let routing = Routing::with_rules(config, bus, store, self.health.clone(), self.rules.clone());
            let stop = stop_parts.clone();
            async move { tokio::join!(ingress.run(stop.clone()), Box::pin(routing.run(stop))).1 }
        });
        let answering = Answering::start(&config, &self.bus, &self.store, &self.health, stop_parts.clone()).await?;
        let server = running(&config).await.ok_or_else(|| Failure::failed("the administration does not answer"))?;
        let residents = Arc::new(Residents::new());
        residents.introduce(&platform.control());
        let (told, hears) = mpsc::channel(PRINT_AHEAD_MAX);
        let teams = self.rules.current().team_names().into_iter().map(|team| team.to_string());
        let desk = Desk::open(&server, residents.clone(), teams, &told, &stop_parts);
        let (arrivals, arrived) = mpsc::channel(PRINT_AHEAD_MAX);
        let readers = self.spawn_readers(&stop_parts, arrivals, &desk).await?;
        let scene = Scene { customers, residents, control: platform.control(), desk };
        let outcome = self.watch(scene, arrived, hears).await;
        stop_parts.cancel();
        drop(parts.await);
        for reader in readers {
            drop(reader.await);
        }
        let answered = answering.ended().await;
        platform.shutdown().await;
        self.store.close().await;
        self.bus.close(Duration::from_secs(5)).await;
        outcome.and(answered)
    }

    /// Customers that the business knows something about.
    async fn seed_contacts(&self, sandbox: &SandboxConfig) -> Result<(), Failure> {
        for (index, aliases) in sandbox.customer_aliases().into_iter().step_by(3).enumerate() {
            let tier = if index % 2 == 0 { "gold" } else { "silver" };
            let attributes = BTreeMap::from([("tier".to_owned(), tier.to_owned())]);
            self.store
                .upsert_contact(&aliases, &attributes, None)
                .await
                .map_err(|error| Failure::failed(format!("store: {error}")))?;
        }
        Ok(())
    }

    async fn spawn_readers(
        &self,
        stop: &CancellationToken,
        arrivals: mpsc::Sender<Arrived>,
        desk: &Desk,
    ) -> Result<Vec<tokio::task::JoinHandle<()>>, Failure> {
        let mut readers = Vec::new();
        for (team, queue) in self.team_queues() {
            let mut consumer = self.bus.consume(&queue, 64).await.map_err(Failure::failed)?;
            let (arrivals, desk, stop) = (arrivals.clone(), desk.clone(), stop.clone());
            readers.push(tokio::spawn(async move {
                loop {
                    let batch = tokio::select! {
                        () = stop.cancelled() => break,
                        batch = consumer.next_batch(64) => batch,
                    };
                    let Ok(batch) = batch else { break };
                    for delivery in &batch {
                        if arrivals.send(Arrived::new(&team, delivery)).await.is_err() {
                            return;
                        }
                        desk.take(&team, delivery).await;
                    }
                    if consumer.ack(batch).await.is_err() {
                        break;
                    }
                }
                consumer.close().await;
            }));
        }
        Ok(readers)
    }

    /// Lets the customers write and shows what arrives and what is answered, until all of it has come to its end or we are told
    /// to stop.
    async fn watch(
        &self,
        scene: Scene,
        mut arrived: mpsc::Receiver<Arrived>,
        mut hears: mpsc::Receiver<Told>,
    ) -> Result<(), Failure> {
        let sent_at: SentAt = Arc::default();
        let (control, answers) = (scene.control.clone(), scene.desk.under_way().clone());
        let mut playing = tokio::spawn(self.writing(scene, sent_at.clone())?);
        let mut tally = Tally::new(self.args.json, sent_at)?;
        let mut report: Option<SandboxReport> = None;
        let mut settle_until: Option<tokio::time::Instant> = None;
        let mut progress = tokio::time::interval(PROGRESS_EVERY);
        progress.tick().await;
        loop {
            // What comes twice comes after the first, so it is not over until the queues are empty.
            let has_arrived = report.as_ref().is_some_and(|report| tally.routed() >= report.accepted);
            if has_arrived && self.is_drained().await? && answers.is_empty() {
                break;
            }
            let settled = async {
                match settle_until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(message) = arrived.recv() => tally.count(message)?,
                Some(told) = hears.recv() => tally.told(told)?,
                ended = &mut playing, if report.is_none() => {
                    report = Some(ended.map_err(|error| Failure::failed(format!("sandbox: {error}")))??);
                    settle_until = Some(tokio::time::Instant::now() + SETTLE_MAX);
                }
                _ = progress.tick() => tally.progress(),
                () = tokio::time::sleep(LOOK_EVERY), if report.is_some() => {}
                () = settled => break,
            }
        }
        while let Ok(message) = arrived.try_recv() {
            tally.count(message)?;
        }
        while let Ok(told) = hears.try_recv() {
            tally.told(told)?;
        }
        tally.finish(&report.unwrap_or_default(), &control.accepted(), answers.len())
    }

    /// All customers together, and what became of what they wrote.
    fn writing(
        &self,
        scene: Scene,
        sent_at: SentAt,
    ) -> Result<impl Future<Output = Result<SandboxReport, Failure>> + Send + 'static, Failure> {
        let Scene { customers, residents, control, .. } = scene;
        let share = self.share_of_residents();
        let writing = Writing {
            residents,
            control,
            number: NUMBER.1,
            messages: share.messages.unwrap_or(u64::MAX),
            rate_per_second: share.rate_per_second,
            sent_at: sent_at.clone(),
        };
        let elsewhere = with_times(customers, sent_at)?;
        let (stop, stop_too) = (self.shutdown.child_token(), self.shutdown.child_token());
        Ok(async move {
            let (report, written) = tokio::join!(elsewhere.run(stop), writing.run(stop_too));
            let written = written?;
            // The platform tells of each until it is answered 200.
            let (messages, accepted) = (report.messages + written, report.accepted + written);
            Ok(SandboxReport { messages, accepted, ..report })
        })
    }

    /// A third, and at least those who have a part of their own.
    fn share_of_residents(&self) -> Share {
        let messages = self.args.messages.map(|messages| (messages / 3).max(PARTS.len() as u64).min(messages));
        Share { messages, rate_per_second: self.rate().map(|rate| rate / 3.0) }
    }

    fn rate(&self) -> Option<f64> {
        (self.args.rate > 0.0).then_some(self.args.rate)
    }

    /// Whether nothing is on its way to a team, or in the hands of one that has not told us yet.
    async fn is_drained(&self) -> Result<bool, Failure> {
        let layout = self.config.layout();
        let work = layout.partitions.all().map(|partition| layout.inbound_queue(partition));
        let queues = work.chain(self.team_queues().into_iter().map(|(_, queue)| queue));
        for queue in queues {
            let depth = self.bus.depth(&queue).await.map_err(Failure::failed)?.unwrap_or_default();
            if depth.ready + depth.unacknowledged.unwrap_or_default() > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// With whom each belongs to.
    fn team_queues(&self) -> Vec<(String, String)> {
        let mut queues = vec![("(unrouted)".to_owned(), UNROUTED_QUEUE.to_owned())];
        for team in self.rules.current().team_names() {
            queues.extend(Priority::ALL.map(|priority| (team.to_string(), team_queue(&team, priority))));
        }
        queues
    }

    fn sandbox_config(&self, url: String, secret: String) -> SandboxConfig {
        let residents = self.share_of_residents();
        SandboxConfig {
            phone_number_id: NUMBER.1.to_owned(),
            messages: self.args.messages.map_or(u64::MAX, |messages| messages - residents.messages.unwrap_or_default()),
            rate_per_second: self.rate().map(|rate| rate - residents.rate_per_second.unwrap_or_default()),
            batch_max: 3,
            duplicate_percent: 10,
            status_percent: 20,
            change_percent: 5,
            shuffle: true,
            seed: self.args.seed,
            ..SandboxConfig::new(url, secret)
        }
    }
}

fn with_times(config: SandboxConfig, sent_at: SentAt) -> Result<Customers, Failure> {
    let customers = Customers::new(config).map_err(Failure::failed)?;
    Ok(customers.on_post(move |post| {
        let mut sent_at = sent_at.lock().unwrap_or_else(PoisonError::into_inner);
        for message in &*post.messages {
            sent_at.entry(message.wamid.clone()).or_insert(post.sent_at);
        }
    }))
}
