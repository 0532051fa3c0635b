//! The component `sender` in this process: its configuration, its lease names, and its start. Statuses and account events are
//! taken in whether anything is sent or not; to send there must be a token.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::info;
use waypost_domain::{PartitionCount, WabaId};
use waypost_graph_client::{GraphApi, GraphConfig, HttpConfig, ProxyUrl};
use waypost_live::SendingLive;
use waypost_live::overview::Work;
use waypost_sender::{
    ACCOUNT, CAMPAIGNS, Campaigns, CampaignsConfig, REGISTRY, Recorder, Registry, RegistryConfig, SENDER, STATUSES,
    Sender, SenderConfig,
};
use waypost_store::Store;
use waypost_worker::WorkerConfig;

use super::config::value::Secret;
use super::ending::Tasks;
use super::section::{Problems, millis, section};
use super::{Config, Process, optin, worker};
use waypost_cli::Failure;

section! {
    /// The component `sender`: answers and notifications to customers, and what becomes of them.
    SenderSection = "sender" {
        /// Messages a second from one number, until Meta says less; 0 for as many as Meta takes.
        rate_per_second: f64 = SenderConfig::default().rate_per_second.unwrap_or_default(),
        /// Requests of one number that are under way at once.
        in_flight_max: usize = SenderConfig::default().in_flight_max,
        /// Sends in a transaction at most.
        batch_max: u32 = SenderConfig::default().batch_max,
        /// How often is looked for what is due.
        poll_ms: u64 = millis(SenderConfig::default().poll_every),
        /// How long a send that may have gone waits for news before anything is done about it.
        uncertain_wait_s: u64 = SenderConfig::default().uncertain_wait.as_secs(),
        /// How old what is known of Meta's templates may become before they are listed again.
        templates_every_s: u64 = RegistryConfig::default().every.as_secs(),
        /// Whether to keep to Meta's pace for one number and one customer before Meta says so.
        pair_pace: bool = SenderConfig::default().keep_pair_pace,
    }
}

section! {
    /// Meta's Graph API, by which is sent. Without a token nothing is sent from numbers at Meta.
    GraphSection = "graph" {
        /// What every address begins with; without TLS only on this machine, unless `graph.plain_http`.
        base_url: String = GraphConfig::new("").http.base_url,
        /// Which version of the API.
        version: String = GraphConfig::new("").version,
        /// The token of the system user, in a file that is read again when it changes.
        #[serde(skip_serializing_if = "Option::is_none")]
        token_file: Option<PathBuf> = None,
        /// The app's token (`app id|app secret`), for what only the app may ask.
        #[serde(skip_serializing_if = "Option::is_none")]
        app_token_file: Option<PathBuf> = None,
        /// Whether the token may go over a network without TLS: for a sandbox.
        plain_http: bool = false,
        /// `http://host:port` of a proxy, with a password if it has one; none is taken from the environment.
        proxy: Secret = Secret::new(""),
        /// For name, TCP and TLS together.
        connect_timeout_ms: u64 = millis(HttpConfig::new("").connect_timeout),
        /// For the first bytes of an answer.
        answer_timeout_ms: u64 = millis(HttpConfig::new("").answer_timeout),
    }
}

impl SenderSection {
    pub(crate) fn check(&self, problems: &mut Problems) {
        let is_rate = self.rate_per_second.is_finite() && self.rate_per_second >= 0.0;
        problems.require(is_rate, "sender.rate_per_second", "must be 0 or above");
        problems.require(self.in_flight_max > 0, "sender.in_flight_max", "must be above 0");
        problems.require((1..=128).contains(&self.batch_max), "sender.batch_max", "must be 1 to 128");
        problems.require(self.poll_ms > 0, "sender.poll_ms", "must be above 0");
        problems.require(self.templates_every_s > 0, "sender.templates_every_s", "must be above 0");
        problems.require(self.uncertain_wait_s > 0, "sender.uncertain_wait_s", "must be above 0");
    }
}

impl Config {
    pub(crate) fn sender_config(&self) -> SenderConfig {
        let section = &self.sender;
        SenderConfig {
            rate_per_second: (section.rate_per_second > 0.0).then_some(section.rate_per_second),
            in_flight_max: section.in_flight_max,
            batch_max: section.batch_max,
            poll_every: Duration::from_millis(section.poll_ms),
            uncertain_wait: Duration::from_secs(section.uncertain_wait_s),
            keep_pair_pace: section.pair_pace,
            ..SenderConfig::default()
        }
    }

    /// `None`: there is no token for it.
    pub(crate) fn graph_config(&self) -> Option<GraphConfig> {
        let section = &self.graph;
        let config = GraphConfig::new(section.token_file.clone()?);
        let http = self.carrier_http(HttpConfig::new(section.base_url.clone()), section.plain_http);
        let (version, app_token_file) = (section.version.clone(), section.app_token_file.clone());
        Some(GraphConfig { http, version, app_token_file, ..config })
    }

    /// How a carrier is reached: with one proxy and one patience for all of them.
    pub(super) fn carrier_http(&self, http: HttpConfig, allow_plain_http: bool) -> HttpConfig {
        let section = &self.graph;
        let (connect, answer) = (section.connect_timeout_ms, section.answer_timeout_ms);
        let proxy = Some(section.proxy.expose()).filter(|proxy| !proxy.is_empty());
        HttpConfig {
            allow_plain_http,
            proxy: proxy.map(|proxy| ProxyUrl(proxy.to_owned())),
            connect_timeout: Duration::from_millis(connect),
            answer_timeout: Duration::from_millis(answer),
            total_timeout: http.total_timeout.max(Duration::from_millis(connect.saturating_add(answer))),
            ..http
        }
    }

    /// Accounts that Meta does not list.
    fn apart(&self) -> BTreeSet<WabaId> {
        let (twilio, bird) = (&self.twilio, &self.bird);
        let accounts = [
            (twilio.is_used() && twilio.waba_id.is_empty(), &twilio.account_sid),
            (bird.is_used() && bird.waba_id.is_empty(), &bird.workspace_id),
        ];
        accounts
            .into_iter()
            .filter(|(is_apart, _)| *is_apart)
            .map(|(_, account)| WabaId::new(account.clone()))
            .collect()
    }

    pub(crate) fn check_graph(&self, problems: &mut Problems) {
        if let Some(config) = self.graph_config()
            && let Err(error) = GraphApi::new(config)
        {
            let key = match error.key {
                "allow_plain_http" => "plain_http",
                "connect_timeout" => "connect_timeout_ms",
                "answer_timeout" => "answer_timeout_ms",
                key => key,
            };
            problems.add(&format!("graph.{key}"), error.problem);
        }
    }

    /// What it works off.
    pub(super) fn sender_work(&self) -> [Work; 2] {
        let layout = self.layout();
        let statuses = layout.partitions.all().map(|partition| layout.statuses_queue(partition)).collect();
        [Work::new(STATUSES, statuses), Work::new(ACCOUNT, vec![layout.account_queue()])]
    }
}

/// Starts it in a process.
pub(super) async fn start(process: &Process<'_>, store: &Store, tasks: &mut Tasks) -> Result<(), Failure> {
    let Process { config, bus, health, shutdown, ending, .. } = process;
    let opened = SendingLive::open(store.clone()).await;
    let sending = opened.map_err(|error| Failure::failed(format!("sender: {error}")))?;
    optin::start(process, store, &sending, tasks);
    let (follows, stop) = (sending.clone(), shutdown.clone());
    let following = async move {
        follows.follow(stop).await;
        Ok(())
    };
    let recorder =
        Recorder { layout: config.layout(), bus: bus.clone(), store: store.clone(), sending: sending.clone() };
    let leases = |component, partitions| {
        let worker = config.worker_config(component, partitions);
        worker::register(health, &worker);
        worker
    };
    let recording = recorder.run(leases, shutdown.clone());
    let sending = sending_of(process, store, sending, &leases)?;
    let running = async move {
        let sending = async {
            if let Some(sending) = sending {
                sending.await;
            }
        };
        tokio::join!(recording, sending, following).2
    };
    ending.spawn(tasks, SENDER, Box::pin(running));
    Ok(())
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What sends, where there is a carrier to send by, and what lists templates, where Meta may be asked.
fn sending_of(
    process: &Process<'_>,
    store: &Store,
    sending: Arc<SendingLive>,
    leases: &dyn Fn(&'static str, PartitionCount) -> WorkerConfig,
) -> Result<Option<Running>, Failure> {
    let Process { config, shutdown, wake, .. } = process;
    let graph = config.graph()?;
    let Some(messenger) = config.messenger(graph.clone())? else {
        info!("nothing is sent: there is none of graph.token_file, twilio.auth_token_file and bird.access_key_file");
        return Ok(None);
    };
    let sender = Sender {
        config: config.sender_config(),
        store: store.clone(),
        messenger,
        sending: sending.clone(),
        wake: wake.clone(),
    };
    let campaigns = Campaigns {
        config: CampaignsConfig::default(),
        store: store.clone(),
        sending: sending.clone(),
        wake: wake.clone(),
    };
    // One account, and one campaign, after the other, by one process.
    let one = PartitionCount::ONE;
    let registry = graph.map(|templates| {
        let every = Duration::from_secs(config.sender.templates_every_s);
        let registry = RegistryConfig { every, apart: config.apart(), ..RegistryConfig::default() };
        let registry = Registry { config: registry, store: store.clone(), templates, sending };
        registry.run(&leases(REGISTRY, one), shutdown.clone())
    });
    let sender = sender.run(&leases(SENDER, config.layout().partitions), shutdown.clone());
    let campaigns = campaigns.run(&leases(CAMPAIGNS, one), shutdown.clone());
    info!("sender starts");
    Ok(Some(Box::pin(async move {
        let listing = async {
            if let Some(registry) = registry {
                registry.await;
            }
        };
        tokio::join!(sender, listing, campaigns);
    })))
}
