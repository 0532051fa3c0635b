//! A whole Waypost for one test: its own folder, ports and, on servers, virtual host and database. Runs the real
//! program, and reads queues as a team's tool would. Must know nothing of how the program works inside.

#[cfg(feature = "servers")]
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
#[cfg(feature = "servers")]
use std::sync::Mutex;
use std::time::Duration;

#[cfg(feature = "servers")]
use anyhow::Context;
use serde_json::Value;
#[cfg(feature = "servers")]
use tokio::sync::mpsc;
#[cfg(feature = "servers")]
use tokio::task::JoinSet;
use waypost_cloud_api::samples::{SampleKind, SampleParams, sample};
#[cfg(feature = "servers")]
use waypost_tests::network::Network;
use waypost_tests::ports::free_port;
#[cfg(feature = "servers")]
use waypost_tests::postgres::PostgresHandle;
use waypost_tests::process::waypost;
#[cfg(feature = "servers")]
use waypost_tests::rabbitmq::NodeHandle;
use waypost_tests::{WaypostProcess, WaypostSettings, WebhookClient};

#[cfg(feature = "servers")]
mod client;
mod reader;
mod said;

#[cfg(feature = "servers")]
pub(crate) use client::client;
pub(crate) use reader::{Found, Reader};
use reader::{Parked, Source};

pub(crate) const APP_SECRET: &str = "test_app_secret";
/// For what was accepted to be routed: on a busy machine, after a restart, with leases that must run out first.
pub(crate) const ROUTED_DEADLINE: Duration = Duration::from_secs(60);
const MESSAGES_MAX: usize = 1_000;

/// Two teams are enough for most tests.
pub(crate) const RULES: &str = r#"
[default]
team = "frontdesk"

[handover]
team = "people"
urgency = "urgent"
words.en = ["an agent"]

[[teams]]
name = "frontdesk"

[[teams]]
name = "people"

[[teams]]
name = "billing"

[[rules]]
id = "invoices"
team = "billing"
when = { keyword = ["invoice"] }
"#;
/// The queues of [`RULES`] that tests read.
pub(crate) const QUEUES: [&str; 4] =
    ["team.frontdesk.normal", "team.people.urgent", "team.billing.normal", "wa.unrouted"];

/// What bus and store run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// Files in the process' own folder.
    Embedded,
    /// RabbitMQ and PostgreSQL, the ones that the test run has started.
    #[cfg(feature = "servers")]
    Servers,
}

/// Makes a test of each `async fn(Backend) -> anyhow::Result<()>`, on every backend.
macro_rules! on_each_backend {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test]
            async fn $name() -> anyhow::Result<()> {
                Box::pin(super::$name($crate::deployment::Backend::Embedded)).await
            })+
        }

        #[cfg(feature = "servers")]
        mod servers {
            $(#[tokio::test]
            async fn $name() -> anyhow::Result<()> {
                Box::pin(super::$name($crate::deployment::Backend::Servers)).await
            })+
        }
    };
}
pub(crate) use on_each_backend;

pub(crate) struct Deployment {
    pub(crate) folder: tempfile::TempDir,
    webhook_port: u16,
    admin_port: u16,
    settings: Vec<(String, String)>,
    has_rules_file: bool,
    /// Where the process listens, and the network namespace that has the address where it is not the test's own.
    address: Ipv4Addr,
    namespace: Option<String>,
    /// Of every process that was started.
    #[cfg(feature = "servers")]
    ready_urls: Mutex<BTreeSet<String>>,
    #[cfg(feature = "servers")]
    servers: Option<Servers>,
}

#[cfg(feature = "servers")]
pub(crate) struct Servers {
    pub(crate) node: NodeHandle,
    pub(crate) vhost: String,
    pub(crate) amqp_url: String,
    pub(crate) postgres_url: String,
}

impl Deployment {
    pub(crate) fn new(backend: Backend, rules: &str) -> anyhow::Result<Self> {
        #[cfg_attr(not(feature = "servers"), expect(unused_mut, reason = "there is one backend"))]
        let mut deployment = Self {
            folder: tempfile::Builder::new().prefix("waypost-test-").tempdir()?,
            webhook_port: free_port(),
            admin_port: free_port(),
            settings: Vec::new(),
            has_rules_file: true,
            address: Ipv4Addr::LOCALHOST,
            namespace: None,
            #[cfg(feature = "servers")]
            ready_urls: Mutex::default(),
            #[cfg(feature = "servers")]
            servers: None,
        };
        std::fs::write(deployment.rules_file(), rules)?;
        match backend {
            Backend::Embedded => {}
            #[cfg(feature = "servers")]
            Backend::Servers => deployment.servers = Some(Servers::new()?),
        }
        std::fs::write(deployment.config_file(), deployment.config())?;
        Ok(deployment)
    }

    /// On servers of the test's own, which it may break.
    #[cfg(feature = "servers")]
    pub(crate) fn on(servers: Servers, rules: &str) -> anyhow::Result<Self> {
        let deployment = Self { servers: Some(servers), ..Self::new(Backend::Embedded, rules)? };
        std::fs::write(deployment.config_file(), deployment.config())?;
        Ok(deployment)
    }

    /// With another configuration key set than the tests' own, e.g. `worker.batch_max`.
    #[must_use]
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// With its processes in a network of their own.
    #[cfg(feature = "servers")]
    pub(crate) fn within(mut self, network: &Network) -> anyhow::Result<Self> {
        self.address = network.inside();
        self.namespace = Some(network.namespace().to_owned());
        std::fs::write(self.config_file(), self.config())?;
        Ok(self)
    }

    /// One that decides by what is activated.
    pub(crate) fn without_rules_file(mut self) -> anyhow::Result<Self> {
        self.has_rules_file = false;
        std::fs::write(self.config_file(), self.config())?;
        Ok(self)
    }

    fn config(&self) -> String {
        let rules = if self.has_rules_file { format!("file = {:?}\n", self.rules_file()) } else { String::new() };
        // Short leases: after a kill the next process waits for the dead one's.
        let text = format!(
            "data_dir = {data:?}\npartitions = 4\n\
             [ingress]\nlisten = \"{address}:{webhook}\"\napp_secrets = [\"{APP_SECRET}\"]\nverify_token = \"v\"\n\
             [ops]\nlisten = \"{address}:{admin}\"\n\
             [rules]\n{rules}\
             [worker]\nlease_ttl_ms = 3000\nlease_renew_ms = 1000\n",
            data = self.data_folder(),
            address = self.address,
            webhook = self.webhook_port,
            admin = self.admin_port,
        );
        #[cfg(feature = "servers")]
        if let Some(servers) = &self.servers {
            let (bus, store) = (&servers.amqp_url, &servers.postgres_url);
            return format!("{text}[bus]\nurl = \"{bus}\"\n[store]\nurl = \"{store}\"\nmigrate = true\n");
        }
        text
    }

    pub(crate) fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What all processes have written so far.
    fn log_folder(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    pub(crate) fn rules_file(&self) -> PathBuf {
        self.folder.path().join("rules.toml")
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("waypost.toml")
    }

    pub(crate) fn webhook_url(&self) -> String {
        format!("http://{}:{}/webhook", self.address, self.webhook_port)
    }

    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("http://{}:{}{path}", self.address, self.admin_port)
    }

    pub(crate) fn client(&self) -> anyhow::Result<WebhookClient> {
        WebhookClient::new(self.webhook_url(), APP_SECRET)
    }

    fn overrides(&self) -> impl Iterator<Item = String> {
        self.settings.iter().flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")])
    }

    pub(crate) fn process_settings(&self) -> WaypostSettings {
        #[cfg(feature = "servers")]
        self.note_ready_url(self.admin_url("/readyz"));
        WaypostSettings {
            config: self.config(),
            arguments: self.overrides().map(Into::into).collect(),
            variables: Vec::new(),
            ready_url: self.admin_url("/readyz"),
            ready_when: None,
            namespace: self.namespace.clone(),
            log_folder: Some(self.log_folder()),
        }
    }

    /// `waypost run`, ready.
    pub(crate) async fn start(&self) -> anyhow::Result<WaypostProcess> {
        WaypostProcess::start(&self.process_settings()).await
    }

    /// The same with variables in its environment.
    pub(crate) async fn start_with(&self, variables: &[(&str, &str)]) -> anyhow::Result<WaypostProcess> {
        WaypostProcess::start(&WaypostSettings { variables: owned(variables), ..self.process_settings() }).await
    }

    /// One component in a process of its own, ready. An ingress has the webhook's port, a gateway one of its own.
    #[cfg(feature = "servers")]
    pub(crate) async fn start_component(
        &self,
        component: &str,
        instance: &str,
        variables: &[(&str, &str)],
    ) -> anyhow::Result<WaypostProcess> {
        let admin = free_port();
        let mut settings = self.process_settings();
        let instance = format!("instance={instance}");
        let ops_listen = format!("ops.listen=127.0.0.1:{admin}");
        let grpc_listen = format!("grpc.listen=127.0.0.1:{}", free_port());
        let arguments = ["--component", component, "--set", &instance, "--set", &ops_listen, "--set", &grpc_listen];
        settings.arguments.extend(arguments[..if component == "gateway" { 8 } else { 6 }].iter().map(Into::into));
        settings.variables = owned(variables);
        settings.ready_url = format!("http://127.0.0.1:{admin}/readyz");
        self.note_ready_url(settings.ready_url.clone());
        WaypostProcess::start(&settings).await
    }

    /// Another command of the program, on this deployment: `words --config FILE …`.
    pub(crate) fn command(&self, words: &[&str]) -> anyhow::Result<Command> {
        let mut command = waypost()?;
        command.args(words).arg("--config").arg(self.config_file()).args(self.overrides());
        Ok(command)
    }

    #[cfg(feature = "servers")]
    pub(crate) fn servers(&self) -> Option<&Servers> {
        self.servers.as_ref()
    }

    /// Reads these queues, and what is parked in the store; on RabbitMQ that takes the messages from the queues.
    #[cfg_attr(not(feature = "servers"), expect(clippy::unused_async, reason = "a broker must be connected to"))]
    pub(crate) async fn reader(&self, queues: &[&str]) -> anyhow::Result<Reader> {
        let (parked, queues) = Parked::of(queues, crate::database::store_url(self)?);
        #[cfg(feature = "servers")]
        if let Some(servers) = &self.servers {
            let source = servers.consume(&queues).await?;
            return Ok(Reader::new(source, parked));
        }
        let places = queues.iter().map(|queue| ((*queue).to_owned(), None)).collect();
        Ok(Reader::new(Source::File { folder: self.data_folder(), places }, parked))
    }
}

#[cfg(feature = "servers")]
impl Servers {
    fn new() -> anyhow::Result<Self> {
        Self::beside(PostgresHandle::attach_from_env()?.create_database()?)
    }

    /// The test run's broker, and a database of the test's own.
    pub(crate) fn beside(postgres_url: String) -> anyhow::Result<Self> {
        let node = NodeHandle::attach_from_env()?;
        let vhost = node.create_vhost()?;
        Ok(Self { amqp_url: node.amqp_url(&vhost), node, vhost, postgres_url })
    }

    /// A new virtual host of a node of the test's own, and a new database.
    pub(crate) fn new_on(node: &NodeHandle, postgres_url: String) -> anyhow::Result<Self> {
        let vhost = node.create_vhost()?;
        Ok(Self { node: node.clone(), amqp_url: node.amqp_url(&vhost), vhost, postgres_url })
    }

    /// The root virtual host of a node of the test's own, and a new database.
    pub(crate) fn own(node: &NodeHandle, postgres_url: String) -> Self {
        Self { node: node.clone(), vhost: "/".to_owned(), amqp_url: node.amqp_url("/"), postgres_url }
    }

    /// The same, for everybody, through something that listens on another port.
    #[must_use]
    pub(crate) fn through(self, port: u16) -> Self {
        Self { amqp_url: self.amqp_url_through(port), ..self }
    }

    /// The broker's URL, through something that listens on another port.
    pub(crate) fn amqp_url_through(&self, port: u16) -> String {
        self.amqp_url.replace(&format!(":{}/", self.node.port()), &format!(":{port}/"))
    }

    /// rabbitmqctl, on this virtual host.
    pub(crate) fn ctl(&self, words: &[&str]) -> anyhow::Result<String> {
        let (command, rest) = words.split_first().context("a command")?;
        let mut arguments = vec![*command, "--vhost", &self.vhost];
        arguments.extend(rest);
        self.node.ctl(&arguments)
    }

    pub(crate) async fn bus(&self) -> anyhow::Result<std::sync::Arc<waypost_bus_rabbitmq::RabbitBus>> {
        let config = waypost_bus_rabbitmq::RabbitConfig::new(self.amqp_url.clone());
        Ok(waypost_bus_rabbitmq::RabbitBus::connect(config).await?)
    }

    async fn consume(&self, queues: &[&str]) -> anyhow::Result<Source> {
        use waypost_bus::Bus as _;
        let bus = self.bus().await?;
        let (sender, arrivals) = mpsc::channel(MESSAGES_MAX);
        let mut tasks = JoinSet::new();
        for queue in queues {
            let mut consumer = bus.consume(queue, 256).await.with_context(|| (*queue).to_owned())?;
            let (queue, sender) = ((*queue).to_owned(), sender.clone());
            tasks.spawn(async move {
                while let Ok(batch) = consumer.next_batch(256).await {
                    for delivery in &batch {
                        let found = Found { queue: queue.clone(), message: delivery.message.clone() };
                        if sender.send(found).await.is_err() {
                            return;
                        }
                    }
                    if consumer.ack(batch).await.is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Source::Broker { arrivals, _tasks: tasks, _bus: bus })
    }
}

#[cfg(feature = "servers")]
fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A text message of a customer.
pub(crate) fn text(wamid: &str, from: &str, text: &str) -> Value {
    let params = SampleParams {
        wamid: wamid.to_owned(),
        from: from.to_owned(),
        text: text.to_owned(),
        ..SampleParams::default()
    };
    sample(SampleKind::Text, &params)
}
