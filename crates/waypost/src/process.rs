//! One process: its configuration, the components that run in it, and its way from start to end.
//!
//! A component has one file: its configuration section (keys, defaults, checks), its queues and lease names, and its
//! start. [`Process`] is what all of them are started with. The end belongs to [`ending`]: it knows what runs and gives
//! each a limit. Nothing here decides anything about a message.

pub(crate) mod admin;
pub(crate) mod answering;
pub(crate) mod bird;
pub(crate) mod bus;
pub(crate) mod carriers;
pub(crate) mod chores;
pub(crate) mod config;
pub(crate) mod ending;
pub(crate) mod gateway;
pub(crate) mod ingress;
pub(crate) mod local;
pub(crate) mod masking;
pub(crate) mod media;
pub(crate) mod ops;
pub(crate) mod optin;
pub(crate) mod router;
pub(crate) mod rules;
pub(crate) mod section;
pub(crate) mod sender;
pub(crate) mod signals;
pub(crate) mod store;
pub(crate) mod templates;
pub(crate) mod twilio;
pub(crate) mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use waypost_bus::Bus;
use waypost_domain::PartitionCount;
use waypost_live::AskedTeams;
use waypost_ops::Health;
use waypost_sender::Wake;

use admin::GrpcSection;
use bird::BirdSection;
use bus::{BusSection, open_bus};
use chores::RetentionSection;
use config::value::string_map;
use ending::{Ending, Tasks};
use ingress::IngressSection;
use masking::MaskingSection;
use media::MediaSection;
use ops::{FormerOpsSection, LogSection, Operators, OpsSection, log_to_stderr};
use router::RouterSection;
use rules::RulesSection;
use sender::{GraphSection, SenderSection};
use store::{StoreSection, ready_store};
use twilio::TwilioSection;
use waypost_cli::Failure;
use worker::WorkerSection;

/// The configuration of a process: a section for each component, and what several have in common.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where the embedded bus and store keep their files.
    pub(crate) data_dir: PathBuf,
    /// Names this process among its replicas; made up when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<String>,
    /// How many partitions; fixed at first start.
    pub(crate) partitions: u16,
    pub(crate) log: LogSection,
    pub(crate) bus: BusSection,
    pub(crate) store: StoreSection,
    pub(crate) ingress: IngressSection,
    pub(crate) ops: OpsSection,
    #[serde(skip_serializing)]
    pub(crate) admin: FormerOpsSection,
    pub(crate) grpc: GrpcSection,
    pub(crate) rules: RulesSection,
    pub(crate) router: RouterSection,
    pub(crate) sender: SenderSection,
    pub(crate) graph: GraphSection,
    pub(crate) twilio: TwilioSection,
    pub(crate) bird: BirdSection,
    pub(crate) worker: WorkerSection,
    pub(crate) retention: RetentionSection,
    pub(crate) masking: MaskingSection,
    pub(crate) media: MediaSection,
    /// Our names for the business's numbers: `support-es = "106540352242922"`.
    #[serde(deserialize_with = "string_map")]
    pub(crate) numbers: BTreeMap<String, String>,
    /// What still works and will not for ever, a line each.
    #[serde(skip)]
    pub(crate) warnings: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("waypost-data"),
            instance: None,
            partitions: PartitionCount::DEFAULT.get(),
            log: LogSection::default(),
            bus: BusSection::default(),
            store: StoreSection::default(),
            ingress: IngressSection::default(),
            ops: OpsSection::default(),
            admin: FormerOpsSection::default(),
            grpc: GrpcSection::default(),
            rules: RulesSection::default(),
            router: RouterSection::default(),
            sender: SenderSection::default(),
            graph: GraphSection::default(),
            twilio: TwilioSection::default(),
            bird: BirdSection::default(),
            worker: WorkerSection::default(),
            retention: RetentionSection::default(),
            masking: MaskingSection::default(),
            media: MediaSection::default(),
            numbers: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }
}

/// For the broker to answer a goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// A part of the system that a process can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Component {
    /// Takes webhooks and publishes them.
    Ingress,
    /// Decides and delivers to the teams' queues; tidies up.
    Router,
    /// Sends to customers, and takes in what Meta says of it and of our accounts, and what customers say of consent.
    Sender,
    /// Answers the administration over gRPC, at grpc.listen; the commands of this machine too, on the embedded bus.
    Admin,
    /// Takes messages to customers in, off the queues of wa.send and over gRPC, at grpc.listen, beside the administration where
    /// that runs too.
    Gateway,
}

impl Component {
    pub(crate) const ALL: [Self; 5] = [Self::Ingress, Self::Router, Self::Sender, Self::Admin, Self::Gateway];

    /// As `--component` takes it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Router => "router",
            Self::Sender => "sender",
            Self::Admin => "admin",
            Self::Gateway => "gateway",
        }
    }

    /// Whether it answers over gRPC.
    pub(crate) const fn answers_grpc(&self) -> bool {
        match self {
            Self::Ingress | Self::Router | Self::Sender => false,
            Self::Admin | Self::Gateway => true,
        }
    }

    /// Whether it works with the store.
    pub(crate) const fn has_store(&self) -> bool {
        match self {
            Self::Ingress => false,
            Self::Router | Self::Sender | Self::Admin | Self::Gateway => true,
        }
    }
}

/// What the components of a process are started with.
pub(super) struct Process<'a> {
    config: &'a Config,
    components: &'a [Component],
    bus: Arc<dyn Bus>,
    health: Arc<Health>,
    shutdown: CancellationToken,
    ending: Ending,
    /// Whose messages the administration was asked for, which the router takes for being there.
    asked_teams: Arc<AskedTeams>,
    /// Told of requests to send that this process stores.
    wake: Wake,
}

/// Runs these components until a signal, or until one of them ends.
pub(crate) async fn run(config: &Config, components: &[Component]) -> Result<(), Failure> {
    config.check(components)?;
    log_to_stderr(config)?;
    for warning in config.open_secrets(components) {
        warn!("configuration: {warning}");
    }
    let shutdown = CancellationToken::new();
    signals::stop_on_signals(shutdown.clone())?;
    let ending = Ending::of(shutdown.clone(), config.worker.drain_timeout());
    let operators = Operators::start(config, shutdown.clone()).await?;
    // What a start does, the next one does again: it need not be finished.
    let Some(bus) = ending.unless_stopped("start", open_bus(config)).await.transpose()? else { return Ok(()) };
    bus::register(&operators.health, &bus);
    let (health, asked_teams, wake) = (operators.health.clone(), Arc::default(), Wake::default());
    let process =
        Process { config, components, bus: bus.clone(), health, shutdown, ending: ending.clone(), asked_teams, wake };
    let ran = Box::pin(process.run_components(&operators)).await;
    // By now nothing is published any more.
    ending.close("bus", bus.close(GOODBYE_TIMEOUT)).await;
    ending.close("ops", operators.close()).await;
    info!("ended");
    ran
}

impl Process<'_> {
    fn has(&self, component: Component) -> bool {
        self.components.contains(&component)
    }

    async fn run_components(&self, operators: &Operators) -> Result<(), Failure> {
        let administers = self.has(Component::Admin) && self.config.administers();
        // Beside the administration that starts it.
        let takes_alone = self.has(Component::Gateway) && !administers;
        let works = self.has(Component::Router) || self.has(Component::Sender);
        let store = if works || administers || takes_alone {
            let opened = self.ending.unless_stopped("start", Box::pin(ready_store(self.config))).await;
            let Some(store) = opened.transpose()? else { return Ok(()) };
            store::take_over(self.config, &store).await?;
            store::register(&self.health, &store);
            Some(store)
        } else {
            None
        };
        let mut tasks = Tasks::new();
        let start = async {
            if self.has(Component::Ingress) {
                ingress::start(self, &mut tasks).await?;
            }
            if let Some(store) = store.as_ref().filter(|_| self.has(Component::Router)) {
                router::start(self, store, &mut tasks).await?;
            }
            if let Some(store) = store.as_ref().filter(|_| self.has(Component::Sender)) {
                sender::start(self, store, &mut tasks).await?;
            }
            if let Some(store) = store.as_ref().filter(|_| administers) {
                admin::start(self, store, &mut tasks).await?;
            }
            if let Some(store) = store.as_ref().filter(|_| takes_alone) {
                gateway::start(self, store, &mut tasks).await?;
            }
            operators.started();
            Ok(())
        };
        let started = self.ending.unless_stopped("start", start).await.unwrap_or(Ok(()));
        let outcome = match started {
            Ok(()) => self.ending.of_components(tasks).await,
            Err(failure) => Err(failure),
        };
        if let Some(store) = store {
            self.ending.close("store", store.close()).await;
        }
        outcome
    }
}
