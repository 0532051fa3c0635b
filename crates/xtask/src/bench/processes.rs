//! The servers and the processes of a benchmark: started, asked how far they are, stopped.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
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

use super::bare::Target;
use super::sent::TEXTS;
use super::{Bench, BenchArgs, SECRET, Servers, bare, report};
use crate::steps::root;

/// How far the work is, while it goes on. The router renders its metrics for that, which costs it a little.
const POLL_EVERY: Duration = Duration::from_millis(50);
const STEP_MAX: Duration = Duration::from_secs(300);

impl Bench {
    /// With a virtual host and a database of its own.
    pub(super) async fn set_up(args: BenchArgs, binary: PathBuf, servers: Arc<Servers>) -> anyhow::Result<Self> {
        let Servers { broker, database } = &*servers;
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
        // Where our rules send what is sent here, so that both sides fill the same queues.
        let filled = TEXTS.map(|(_, queue)| Target { exchange: "wa.teams".into(), key: queue.to_owned() });
        let team_targets = filled.to_vec();
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
            binary,
            servers,
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
        let mut command = Command::new(&self.binary);
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

    /// How many messages the router has handled, by its own count.
    pub(super) async fn handled(&self) -> usize {
        self.get("/metrics").await.map_or(0, |text| report::handled(&text))
    }

    async fn get(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.http.get(format!("http://{}{path}", self.admin)).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }
}

/// How long `messages` take at the speed between the first look at which some were done and the first at which all were.
/// Both sides of a comparison are timed by this: neither is charged for how it starts and ends.
pub(crate) async fn time_of(messages: usize, done: impl AsyncFn() -> usize) -> anyhow::Result<Duration> {
    let started_at = Instant::now();
    let deadline = started_at + STEP_MAX;
    let mut first = None;
    loop {
        let (now, count) = (Instant::now(), done().await);
        match first {
            // So few that nobody saw them on their way.
            None if count >= messages => return Ok(now.duration_since(started_at)),
            None if count > 0 => first = Some((now, count)),
            Some((began_at, before)) if count >= messages && count > before => {
                let share = f64::from(u32::try_from(messages)?) / f64::from(u32::try_from(count - before)?);
                return Ok(now.duration_since(began_at).mul_f64(share));
            }
            None | Some(_) => {}
        }
        if now > deadline {
            bail!("{count} of {messages} messages were done in {STEP_MAX:?}");
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

pub(crate) async fn stop(mut child: Child) -> anyhow::Result<()> {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw) {
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    }
    let status =
        tokio::time::timeout(Duration::from_secs(30), child.wait()).await.context("waypost does not end")??;
    if status.success() { Ok(()) } else { bail!("waypost ended with {status}") }
}
