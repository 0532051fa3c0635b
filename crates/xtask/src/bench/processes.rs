//! The servers and the processes of a benchmark: started, asked how far they are, stopped.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use waypost_bus::Layout;
use waypost_bus::topology::team_queue;
use waypost_domain::PartitionCount;
use waypost_domain::team::Priority;
use waypost_rules::RuleSet;
use waypost_tests::ports::free_port;
use waypost_tests::postgres::PostgresServer;
use waypost_tests::rabbitmq::RabbitNode;

use super::bare::Target;
use super::{Bench, BenchArgs, SECRET, bare, report};
use crate::steps::root;

/// The router's metrics, while it works. Rendering them costs it a little.
const POLL_EVERY: Duration = Duration::from_millis(50);
const STEP_MAX: Duration = Duration::from_secs(300);

impl Bench {
    pub(super) async fn set_up(args: BenchArgs) -> anyhow::Result<Self> {
        let broker = RabbitNode::start()?;
        let database = PostgresServer::start()?;
        let url = broker.amqp_url(&broker.create_vhost()?);
        let rules_file = root().join("deploy/rules.toml");
        let rules = RuleSet::parse(&std::fs::read_to_string(&rules_file)?)?;
        let layout = Layout::new(PartitionCount::DEFAULT);
        let target =
            |address: waypost_bus::Address| Target { exchange: address.stream.name().into(), key: address.key };
        let inbound = layout.partitions.all().map(|partition| layout.inbound_queue(partition)).collect();
        let inbound_targets = layout.partitions.all().map(|partition| target(layout.inbound(partition))).collect();
        let names = rules.team_names();
        let queues = names.iter().flat_map(|team| Priority::ALL.map(|priority| team_queue(team, priority)));
        let teams: Vec<String> = queues.collect();
        let team_targets =
            teams.iter().map(|queue| Target { exchange: "wa.teams".into(), key: queue.clone() }).collect();
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let config = tempfile::NamedTempFile::new()?;
        let text = format!(
            "[bus]\nurl = {url:?}\n[store]\nurl = {:?}\nmigrate = true\n[ingress]\nlisten = \"{listen}\"\n\
             app_secrets = [{SECRET:?}]\nverify_token = \"t\"\n[ops]\nlisten = \"{admin}\"\n[rules]\nfile = {rules_file:?}\n\
             [log]\nlevel = \"warn\"\n",
            database.create_database()?,
        );
        std::fs::write(config.path(), text)?;
        let http = waypost_tests::webhook::http_client()?;
        let bench = Self {
            args,
            broker,
            database,
            url,
            inbound,
            inbound_targets,
            teams,
            team_targets,
            config,
            listen,
            admin,
            http,
        };
        let declared = bench.waypost(&["topology", "declare"]).stdout(Stdio::null()).status().await?;
        if declared.success() { Ok(bench) } else { bail!("topology declare failed: {declared}") }
    }

    pub(super) async fn purge(&self, connection: &lapin::Connection) -> anyhow::Result<()> {
        bare::purge(connection, &self.inbound).await?;
        bare::purge(connection, &self.teams).await
    }

    fn waypost(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(root().join("target/release/waypost"));
        command.args(arguments).arg("--config").arg(self.config.path()).kill_on_drop(true);
        command
    }

    /// A process that runs these components; all where none is named.
    pub(super) fn spawn(&self, components: &[&str]) -> anyhow::Result<Child> {
        let mut arguments = vec!["run"];
        arguments.extend(components.iter().flat_map(|component| ["--component", component]));
        Ok(self.waypost(&arguments).stdin(Stdio::null()).spawn()?)
    }

    pub(super) async fn start(&self, components: &[&str]) -> anyhow::Result<Child> {
        let child = self.spawn(components)?;
        let deadline = Instant::now() + STEP_MAX;
        while self.get("/readyz").await.is_err() {
            if Instant::now() > deadline {
                bail!("{components:?} does not become ready");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(child)
    }

    pub(super) async fn start_noop(&self) -> anyhow::Result<(Child, SocketAddr)> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "--serve-noop"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().context("no output of the no-op handler")?;
        let line = BufReader::new(output).lines().next_line().await?.context("the no-op handler ended")?;
        Ok((child, line.parse()?))
    }

    /// From the first message handled to the last, by the router's own count.
    pub(super) async fn wait_until_handled(&self, messages: usize) -> anyhow::Result<Duration> {
        let deadline = Instant::now() + STEP_MAX;
        let mut started = None;
        loop {
            let handled = self.get("/metrics").await.map_or(0, |text| report::handled(&text));
            if handled > 0 && started.is_none() {
                started = Some(Instant::now());
            }
            if let Some(started) = started
                && handled >= messages
            {
                return Ok(started.elapsed());
            }
            if Instant::now() > deadline {
                bail!("the router handled {handled} of {messages} messages in {STEP_MAX:?}");
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    async fn get(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.http.get(format!("http://{}{path}", self.admin)).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }
}

pub(super) async fn stop(mut child: Child) -> anyhow::Result<()> {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw) {
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    }
    let status =
        tokio::time::timeout(Duration::from_secs(30), child.wait()).await.context("waypost does not end")??;
    if status.success() { Ok(()) } else { bail!("waypost ended with {status}") }
}
