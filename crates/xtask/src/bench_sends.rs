//! `cargo xtask bench-sends`: the whole way out, with three statuses of each message coming back: a sender, an ingress, a
//! sandbox for WhatsApp, a broker and a database, each a process of its own, so that each one's share is seen.

mod many;
mod scene;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::process::{Child, Command};
use waypost_domain::ContactId;
use waypost_domain::send::{SendId, SendState};
use waypost_domain::team::Priority;
use waypost_store::{SendFilter, Store};
use waypost_tests::postgres::PostgresServer;
use waypost_tests::rabbitmq::RabbitNode;

use crate::bench::cpu::{own_time, tree_time};
use crate::steps::cargo;

const SECRET: &str = "bench-secret";
const TOKEN: &str = "bench-token";
const WABA: &str = "102290129340398";
const NUMBER_ID: &str = "106540352242922";
const STEP_MAX: Duration = Duration::from_secs(600);
const POLL_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BenchSendsArgs {
    /// Messages at full speed
    #[arg(long, default_value_t = 20_000)]
    messages: usize,
    /// Customers that they go to, in turn
    #[arg(long, default_value_t = 5_000)]
    customers: usize,
    /// Rounds at full speed; medians are printed
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds at 80 messages a second
    #[arg(long, default_value_t = 60)]
    paced_seconds: usize,
    /// Normal messages that are queued when an urgent one comes
    #[arg(long, default_value_t = 100_000)]
    queued: usize,
    /// Messages that have ended, beside which the sender idles; 0 leaves that out
    #[arg(long, default_value_t = 0)]
    ended: usize,
}

pub(crate) async fn run(args: BenchSendsArgs) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        return run_in_release(&args).await;
    }
    let servers = Servers { broker: RabbitNode::start()?, database: PostgresServer::start()? };
    let bench = Bench::set_up(args, servers).await?;
    bench.measure().await
}

/// A benchmark of a debug build says nothing.
async fn run_in_release(args: &BenchSendsArgs) -> anyhow::Result<()> {
    let BenchSendsArgs { messages, customers, rounds, paced_seconds, queued, ended } = *args;
    let figures = [messages, customers, rounds, paced_seconds, queued, ended].map(|n| n.to_string());
    let names = ["--messages", "--customers", "--rounds", "--paced-seconds", "--queued", "--ended"];
    let build = ["build", "--release", "--quiet", "--package", "waypost", "--package", "waypost-xtask"];
    let mut line = vec!["run", "--release", "--quiet", "--package", "waypost-xtask", "--", "bench-sends"];
    line.extend(names.iter().zip(&figures).flat_map(|(name, figure)| [*name, figure.as_str()]));
    for arguments in [&build[..], &line] {
        let status = cargo(arguments).kill_on_drop(true).status().await?;
        ensure!(status.success(), "cargo {} failed: {status}", arguments.join(" "));
    }
    Ok(())
}

struct Servers {
    broker: RabbitNode,
    database: PostgresServer,
}

struct Bench {
    args: BenchSendsArgs,
    servers: Servers,
    binary: PathBuf,
    folder: tempfile::TempDir,
    /// Its URL.
    database: String,
    store: Store,
    customers: Vec<ContactId>,
    sandbox: SocketAddr,
    ingress: SocketAddr,
    http: reqwest::Client,
    sandbox_process: Option<Child>,
}

/// Processor time of each process, in the order of [`PARTS`].
type Times = [Duration; PARTS.len()];
const PARTS: [&str; 5] = ["sender", "ingress", "sandbox", "broker", "database"];

impl Bench {
    async fn measure(mut self) -> anyhow::Result<()> {
        let sandbox = Command::new(&self.binary)
            .args(["sandbox", "--anyone", "--no-limits", "--delay-ms", "20"])
            .args(["--listen", &self.sandbox.to_string(), "--token", TOKEN, "--app-secret", SECRET])
            .args(["--webhook-url", &format!("http://{}/webhook", self.ingress), "--waba-id", WABA])
            .args(["--phone-number-id", NUMBER_ID])
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        self.sandbox_process = Some(sandbox);
        let (ingress, ops) = self.component("fast", "ingress")?;
        self.ready(ops).await?;
        println!("{:<34} {:>10}", "", "median");
        self.full_speed(&ingress).await?;
        self.idle().await?;
        self.paced().await?;
        self.urgent().await?;
        self.once_each().await
    }

    /// At full speed, pacing lifted.
    async fn full_speed(&self, ingress: &Child) -> anyhow::Result<()> {
        let (mut rates, mut shares) = (Vec::new(), Vec::new());
        for round in 0..self.args.rounds {
            self.say(&format!("full speed, round {} of {}", round + 1, self.args.rounds));
            let messages = self.args.messages;
            self.ask(&format!("fast{round}"), messages, Priority::Normal).await?;
            let before = self.accepted().await?;
            let (sender, ops) = self.component("fast", "sender")?;
            let times = self.times(&sender, ingress);
            let elapsed = self.time_of(before, messages).await?;
            // What the statuses cost belongs to it.
            self.until_told(before + messages).await?;
            let after = self.times(&sender, ingress);
            self.ready(ops).await?;
            rates.push(as_f64(messages) / elapsed.as_secs_f64());
            shares.push(per_message(times, after, messages));
            stop(sender).await?;
        }
        rates.sort_by(f64::total_cmp);
        println!(
            "{:<34} {:>10.0}  ({:.0} to {:.0})",
            "sends/s",
            rates[rates.len() / 2],
            rates[0],
            rates[rates.len() - 1]
        );
        for (place, part) in PARTS.iter().enumerate() {
            let mut of: Vec<f64> = shares.iter().map(|share| share[place]).collect();
            of.sort_by(f64::total_cmp);
            println!("{:<34} {:>10.0}", format!("{part}, processor µs a send"), of[of.len() / 2]);
        }
        Ok(())
    }

    /// Eighty a second.
    async fn paced(&self) -> anyhow::Result<()> {
        let seconds = self.args.paced_seconds;
        self.say(&format!("{seconds} s at 80 a second"));
        self.ask("paced", 80 * (seconds + 10), Priority::Normal).await?;
        let (sender, ops) = self.component("paced", "sender")?;
        self.ready(ops).await?;
        let started = self.accepted().await?;
        while self.accepted().await? < started + 80 {
            tokio::time::sleep(POLL_EVERY).await;
        }
        let (before, begun) = (self.accepted().await?, Instant::now());
        tokio::time::sleep(Duration::from_secs(u64::try_from(seconds)?)).await;
        let (after, elapsed) = (self.accepted().await?, begun.elapsed());
        println!("{:<34} {:>10.2}", "sends/s at a pace of 80", as_f64(after - before) / elapsed.as_secs_f64());
        let (all, begun) = (started + 80 * (seconds + 10), Instant::now());
        while self.accepted().await? < all && begun.elapsed() < STEP_MAX {
            tokio::time::sleep(POLL_EVERY).await;
        }
        stop(sender).await
    }

    /// How long an urgent one takes behind so many others, and what the sender holds in memory.
    async fn urgent(&self) -> anyhow::Result<()> {
        self.say(&format!("{} queued", self.args.queued));
        self.ask("queued", self.args.queued, Priority::Normal).await?;
        let (sender, ops) = self.component("paced", "sender")?;
        self.ready(ops).await?;
        let before = self.accepted().await?;
        while self.accepted().await? < before + 160 {
            tokio::time::sleep(POLL_EVERY).await;
        }
        let mut waits = Vec::new();
        for n in 0..9 {
            let id = format!("urgent-{n}");
            let contact = self.customers[self.customers.len() - 1 - n];
            let begun = Instant::now();
            let now = self.store.now().await?;
            self.store.keep_sends(&[self.request(&id, contact, Priority::Urgent, now)?]).await?;
            let id = SendId::new(id)?;
            loop {
                let row = self.store.send(&id).await?.context("it is stored")?;
                if row.progress.accepted_at.is_some() {
                    break;
                }
                ensure!(begun.elapsed() < STEP_MAX, "an urgent send is {}", row.state());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            waits.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        waits.sort_by(f64::total_cmp);
        let name = format!("urgent behind {}, ms", self.args.queued);
        println!("{name:<34} {:>10.0}  ({:.0} to {:.0})", waits[waits.len() / 2], waits[0], waits[waits.len() - 1]);
        println!("{:<34} {:>10.1}", "sender's resident memory, MiB", resident_mib(sender.id())?);
        stop(sender).await
    }

    /// Nothing that the sandbox accepted was sent twice, and nothing that the store calls accepted is missing there.
    async fn once_each(&self) -> anyhow::Result<()> {
        self.forget_ended()?;
        let (mut before, mut accepted, mut unknown) = (None, 0_usize, 0_usize);
        loop {
            let rows = self.store.sends(&SendFilter::default(), before, 1_000).await?;
            let Some(last) = rows.last() else { break };
            before = Some(last.place);
            for row in &rows {
                accepted += usize::from(row.progress.accepted_at.is_some());
                unknown += usize::from(matches!(row.state(), SendState::Attempting | SendState::Uncertain));
            }
        }
        let sandbox = self.accepted().await?;
        println!("{:<34} {accepted:>10}  by the sandbox's count {sandbox}, unknown {unknown}", "accepted");
        ensure!(accepted + unknown >= sandbox && accepted <= sandbox, "lost or doubled");
        Ok(())
    }

    async fn counts(&self) -> anyhow::Result<serde_json::Value> {
        let answer = self.http.get(format!("http://{}/_sandbox", self.sandbox)).send().await?;
        Ok(serde_json::from_slice(&answer.error_for_status()?.bytes().await?)?)
    }

    /// How many the sandbox has accepted.
    async fn accepted(&self) -> anyhow::Result<usize> {
        let begun = Instant::now();
        loop {
            match self.counts().await {
                Ok(counts) => return Ok(usize::try_from(counts["counts"]["accepted"].as_u64().context("accepted")?)?),
                Err(error) if begun.elapsed() > STEP_MAX => return Err(error),
                Err(_) => tokio::time::sleep(POLL_EVERY).await,
            }
        }
    }

    async fn time_of(&self, before: usize, messages: usize) -> anyhow::Result<Duration> {
        crate::bench::processes::time_of(messages, async || self.accepted().await.map_or(0, |now| now - before)).await
    }

    /// Until three statuses of each are told.
    async fn until_told(&self, messages: usize) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.counts().await?["counts"]["hooks_pending"].as_u64() != Some(0) {
            ensure!(begun.elapsed() < STEP_MAX, "the statuses of {messages} sends are not told in time");
            tokio::time::sleep(POLL_EVERY).await;
        }
        Ok(())
    }

    fn times(&self, sender: &Child, ingress: &Child) -> Times {
        let of = |pid: Option<u32>| pid.map_or(Duration::ZERO, tree_time);
        let sandbox = self.sandbox_process.as_ref().and_then(Child::id);
        [sender.id(), ingress.id(), sandbox, self.servers.broker.pid(), self.servers.database.pid()].map(of)
    }

    async fn ready(&self, ops: SocketAddr) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let answer = self.http.get(format!("http://{ops}/readyz")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(begun.elapsed() < Duration::from_secs(60), "it does not become ready");
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    fn say(&self, what: &str) {
        eprintln!("bench: {what} ({:.0} s of our own)", own_time().as_secs_f64());
    }
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn per_message(before: Times, after: Times, messages: usize) -> [f64; PARTS.len()] {
    std::array::from_fn(|place| after[place].saturating_sub(before[place]).as_secs_f64() * 1e6 / as_f64(messages))
}

fn resident_mib(pid: Option<u32>) -> anyhow::Result<f64> {
    let pid = pid.context("it runs")?;
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

async fn stop(child: Child) -> anyhow::Result<()> {
    crate::bench::processes::stop(child).await
}
