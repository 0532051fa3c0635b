//! `cargo xtask bench`: the distance to the broker's own speed. Everything is measured in one run on one broker, bare
//! loops and ours in turn, so that the ratios mean something on a machine that is not quiet.

mod bare;
mod beside;
pub(crate) mod cpu;
mod embedded;
mod http;
mod noop;
pub(crate) mod processes;
mod report;
mod sent;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use hdrhistogram::Histogram;
use waypost_tests::postgres::PostgresServer;
use waypost_tests::rabbitmq::RabbitNode;

use bare::Target;
use http::{Requests, Schedule};
use processes::{stop, time_of};
use report::{Figures, Latency, Report, Round, Row};
use sent::{age_of, stamp_of_turn, webhook};

use crate::steps::cargo;

/// The router's own: a batch, and the prefetch of each queue.
const PREFETCH: u16 = 128;
const BODY_BYTES: usize = 1024;
const CONNECTIONS: usize = 256;
const SECRET: &str = "bench-secret";
const LATENCY_SECONDS: f64 = 4.0;
/// Of those, not measured: everybody takes up their places.
const WARM_UP_SECONDS: f64 = 1.5;
/// A quiet hour: what batching costs when there is nothing to batch.
const QUIET_RATE: f64 = 50.0;
const QUIET_SECONDS: f64 = 8.0;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BenchArgs {
    /// Messages per phase
    #[arg(long, default_value_t = 30_000)]
    pub(crate) messages: usize,
    /// Rounds; medians are printed
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// POSTs under way at once
    #[arg(long, default_value_t = CONNECTIONS)]
    pub(crate) connections: usize,
    /// Print JSON only
    #[arg(long)]
    pub(crate) json: bool,
    /// Measure ingress and router only, by turns with those of this other build of waypost
    #[arg(long, value_name = "BINARY")]
    pub(crate) beside: Option<PathBuf>,
    /// Only the signed no-op handler, for the benchmark's own use
    #[arg(long, hide = true)]
    pub(crate) serve_noop: bool,
}

pub(crate) async fn run(args: BenchArgs) -> anyhow::Result<()> {
    if args.serve_noop {
        return noop::serve(SECRET.to_owned()).await;
    }
    if cfg!(debug_assertions) {
        return run_in_release(&args).await;
    }
    let binary = std::env::current_exe()?.with_file_name("waypost");
    let servers = Arc::new(Servers { broker: RabbitNode::start()?, database: PostgresServer::start()? });
    if let Some(other) = args.beside.clone() {
        let ours = Bench::set_up(args.clone(), binary, servers.clone()).await?;
        let theirs = Bench::set_up(args, other, servers).await?;
        return beside::run(&ours, &theirs).await;
    }
    let bench = Bench::set_up(args, binary, servers).await?;
    let report = bench.measure().await?;
    if bench.args.json {
        println!("{}", serde_json::to_string(&report.to_json())?);
    } else {
        print!("{report}");
    }
    Ok(())
}

/// A benchmark of a debug build says nothing.
async fn run_in_release(args: &BenchArgs) -> anyhow::Result<()> {
    in_release(&["build", "--release", "--quiet", "--package", "waypost", "--package", "waypost-xtask"]).await?;
    let (messages, rounds) = (args.messages.to_string(), args.rounds.to_string());
    let connections = args.connections.to_string();
    let mut line = vec!["run", "--release", "--quiet", "--package", "waypost-xtask", "--", "bench"];
    line.extend(["--messages", &messages, "--rounds", &rounds, "--connections", &connections]);
    if args.json {
        line.push("--json");
    }
    if let Some(other) = &args.beside {
        line.extend(["--beside", other.to_str().context("the path of the other build is no UTF-8")?]);
    }
    in_release(&line).await
}

async fn in_release(arguments: &[&str]) -> anyhow::Result<()> {
    let status = cargo(arguments).kill_on_drop(true).status().await?;
    if status.success() { Ok(()) } else { bail!("cargo {} failed: {status}", arguments.join(" ")) }
}

struct Servers {
    broker: RabbitNode,
    database: PostgresServer,
}

struct Bench {
    args: BenchArgs,
    /// The one built with this program lies beside it.
    binary: PathBuf,
    servers: Arc<Servers>,
    url: String,
    inbound: Vec<String>,
    inbound_targets: Vec<Target>,
    teams: Vec<String>,
    team_targets: Vec<Target>,
    config: tempfile::NamedTempFile,
    listen: SocketAddr,
    admin: SocketAddr,
    /// One for all questions: making one costs more than what is measured.
    http: reqwest::Client,
}

impl Bench {
    async fn measure(&self) -> anyhow::Result<Report> {
        self.say("warming up");
        self.round("w", self.args.messages / 10, true).await?;
        let mut rounds = Vec::new();
        for round in 0..self.args.rounds {
            self.say(&format!("round {} of {}", round + 1, self.args.rounds));
            // Who goes first changes: what came before may have left the broker something to do.
            let bare_first = round % 2 == 0;
            rounds.push(self.round(&format!("r{round}"), self.args.messages, bare_first).await?);
        }
        let figures = Figures::of(&rounds);
        let rate = figures.forward / 8.0;
        self.say(&format!("latency at {rate:.0} messages per second"));
        let latency = self.latencies(rate).await?;
        self.say(&format!("latency at {QUIET_RATE:.0} messages per second"));
        let quiet = self.quiet_latencies().await?;
        Ok(Report { figures, latency, rate, quiet, quiet_rate: QUIET_RATE })
    }

    async fn round(&self, name: &str, messages: usize, bare_first: bool) -> anyhow::Result<Round> {
        let messages = messages / self.inbound.len() * self.inbound.len();
        let bodies = (0..messages).map(|n| webhook(name, n, ""));
        let requests = Arc::new(Requests::new("/webhook", SECRET, bodies));
        let ((publish, forward), (noop, ingress, router)) = if bare_first {
            let bare = self.bare_loops(messages).await?;
            (bare, self.components(&requests).await?)
        } else {
            let components = self.components(&requests).await?;
            (self.bare_loops(messages).await?, components)
        };
        let body = vec![b'x'; BODY_BYTES];
        let meter = self.meter(None);
        let elapsed = embedded::publish(messages, usize::from(PREFETCH), &body).await?;
        let embedded = meter.stop(self, messages, elapsed);
        Ok(Round { publish, embedded, forward, noop, ingress, router })
    }

    /// Fills the work queues, and empties them.
    async fn bare_loops(&self, messages: usize) -> anyhow::Result<(Row, Row)> {
        let consuming = bare::connect(&self.url).await?;
        let publishing = bare::connect(&self.url).await?;
        self.purge(&consuming).await?;
        let body = vec![b'x'; BODY_BYTES];
        let meter = self.meter(None);
        let elapsed = bare::publish(&publishing, &self.inbound_targets, messages, usize::from(PREFETCH), &body).await?;
        let publish = meter.stop(self, messages, elapsed);

        let meter = self.meter(None);
        let (queues, targets, done) = (&self.inbound, &self.team_targets, Arc::default());
        let (elapsed, ()) = tokio::try_join!(
            time_of(messages, async || AtomicUsize::load(&done, Ordering::Relaxed)),
            bare::forward(&consuming, &publishing, queues, targets, messages, PREFETCH, &done),
        )?;
        let forward = meter.stop(self, messages, elapsed);
        self.purge(&consuming).await?;
        Ok((publish, forward))
    }

    /// The same by our components; and the handler that does nothing, beside the ingress.
    async fn components(&self, requests: &Arc<Requests>) -> anyhow::Result<(Row, Row, Row)> {
        let (noop_process, address) = self.start_noop().await?;
        let meter = self.meter(noop_process.id());
        let load = http::send(address, requests.clone(), self.args.connections, None).await?;
        let noop = meter.stop(self, requests.len(), load.elapsed);
        drop(noop_process);

        let (ingress, router) = self.ingress_and_router(requests).await?;
        Ok((noop, ingress, router))
    }

    async fn ingress_and_router(&self, requests: &Arc<Requests>) -> anyhow::Result<(Row, Row)> {
        let ingress_process = self.start(&["ingress"]).await?;
        let meter = self.meter(ingress_process.id());
        let load = http::send(self.listen, requests.clone(), self.args.connections, None).await?;
        let ingress = meter.stop(self, requests.len(), load.elapsed);
        stop(ingress_process).await?;

        let router_process = self.spawn(&["router"])?;
        let meter = self.meter(router_process.id());
        let elapsed = time_of(requests.len(), async || self.handled().await).await?;
        let router = meter.stop(self, requests.len(), elapsed);
        stop(router_process).await?;
        self.check_spread(requests.len()).await?;
        Ok((ingress, router))
    }

    /// Both sides are to fill the same queues, or the comparison is worth less.
    async fn check_spread(&self, messages: usize) -> anyhow::Result<()> {
        let connection = bare::connect(&self.url).await?;
        let filled: Vec<String> = self.team_targets.iter().map(|target| target.key.clone()).collect();
        let depths = bare::depths(&connection, &filled).await?;
        let share = u32::try_from(messages / filled.len())?;
        if depths.iter().any(|depth| *depth < share / 2) || depths.iter().sum::<u32>() as usize != messages {
            bail!("the rules spread {messages} messages otherwise: {filled:?} hold {depths:?}");
        }
        self.purge(&connection).await
    }

    async fn latencies(&self, rate: f64) -> anyhow::Result<Vec<(&'static str, Latency)>> {
        let consuming = bare::connect(&self.url).await?;
        let publishing = bare::connect(&self.url).await?;
        self.purge(&consuming).await?;
        let (messages, unmeasured) = counts(rate, LATENCY_SECONDS)?;
        let measured = messages - unmeasured;
        let forward = self.forward_latency(rate, messages, unmeasured).await?;

        let bodies = (0..messages).map(|n| webhook("latency", n, ""));
        let requests = Arc::new(Requests::new("/webhook", SECRET, bodies));
        let ingress_process = self.start(&["ingress"]).await?;
        let load = http::send(self.listen, requests, self.args.connections, Some(Schedule::soon(rate))).await?;
        stop(ingress_process).await?;
        self.purge(&consuming).await?;

        let router_process = self.start(&["router"]).await?;
        let event = |n| report::event(&webhook("steady", n, &format!("{:020}", stamp_of_turn(n, unmeasured))));
        let age = |body: &[u8]| age_of(report::stamp_of(body)?);
        let (_, router) = tokio::try_join!(
            bare::publish_steadily(&publishing, &self.inbound_targets, rate, messages, event),
            bare::measure_latency(&consuming, &self.teams, measured, age),
        )?;
        stop(router_process).await?;
        Ok(vec![
            ("forward", Latency::of(&forward)),
            ("ingress", Latency::of(&load.latency)),
            ("router", Latency::of(&router)),
        ])
    }

    /// From a publish to a bare loop's other end.
    async fn forward_latency(&self, rate: f64, messages: usize, unmeasured: usize) -> anyhow::Result<Histogram<u64>> {
        let consuming = bare::connect(&self.url).await?;
        let publishing = bare::connect(&self.url).await?;
        let forwarding = bare::connect(&self.url).await?;
        let stamp = |n| {
            let mut body = stamp_of_turn(n, unmeasured).to_be_bytes().to_vec();
            body.resize(BODY_BYTES, b'x');
            body
        };
        let age = |body: &[u8]| age_of(u64::from_be_bytes(body.get(..8)?.try_into().ok()?));
        let done = Arc::default();
        let (_, _, latency) = tokio::try_join!(
            bare::publish_steadily(&publishing, &self.inbound_targets, rate, messages, stamp),
            bare::forward(&consuming, &forwarding, &self.inbound, &self.team_targets, messages, PREFETCH, &done),
            bare::measure_latency(&publishing, &self.teams, messages - unmeasured, age),
        )?;
        Ok(latency)
    }

    /// From a POST to a team's queue, all components in one process, beside a publish to the bare loop's other end.
    async fn quiet_latencies(&self) -> anyhow::Result<Vec<(&'static str, Latency)>> {
        let consuming = bare::connect(&self.url).await?;
        self.purge(&consuming).await?;
        let (messages, unmeasured) = counts(QUIET_RATE, QUIET_SECONDS)?;
        let forward = self.forward_latency(QUIET_RATE, messages, unmeasured).await?;
        self.purge(&consuming).await?;

        let bodies = (0..messages).map(|n| webhook("quiet", n, ""));
        let requests = Arc::new(Requests::new("/webhook", SECRET, bodies));
        let process = self.start(&[]).await?;
        let schedule = Schedule::soon(QUIET_RATE);
        let age = |body: &[u8]| {
            let number = report::number_of(body)?;
            (number >= unmeasured).then(|| schedule.due(number).elapsed())
        };
        let (_, post) = tokio::try_join!(
            http::send(self.listen, requests, usize::from(PREFETCH), Some(schedule)),
            bare::measure_latency(&consuming, &self.teams, messages - unmeasured, age),
        )?;
        stop(process).await?;
        Ok(vec![("forward", Latency::of(&forward)), ("post_to_team", Latency::of(&post))])
    }

    fn meter(&self, child: Option<u32>) -> Meter {
        Meter { child, client: client_time(child), broker: self.broker_time(), database: self.database_time() }
    }

    fn broker_time(&self) -> Duration {
        self.servers.broker.pid().map_or(Duration::ZERO, cpu::tree_time)
    }

    fn database_time(&self) -> Duration {
        self.servers.database.pid().map_or(Duration::ZERO, cpu::tree_time)
    }

    fn say(&self, what: &str) {
        eprintln!("bench: {what}");
    }
}

struct Meter {
    child: Option<u32>,
    client: Duration,
    broker: Duration,
    database: Duration,
}

impl Meter {
    fn stop(self, bench: &Bench, messages: usize, elapsed: Duration) -> Row {
        let per_message = |before: Duration, after: Duration| {
            after.saturating_sub(before).as_secs_f64() * 1e6 / f64::from(u32::try_from(messages).unwrap_or(u32::MAX))
        };
        Row {
            per_second: f64::from(u32::try_from(messages).unwrap_or(u32::MAX)) / elapsed.as_secs_f64(),
            client_us: per_message(self.client, client_time(self.child)),
            broker_us: per_message(self.broker, bench.broker_time()),
            database_us: per_message(self.database, bench.database_time()),
        }
    }
}

/// Of the process that does the work: the child, or ourselves for the bare loops.
fn client_time(child: Option<u32>) -> Duration {
    child.map_or_else(cpu::own_time, cpu::tree_time)
}

/// Messages of so many seconds, and how many of them are not measured.
fn counts(rate: f64, seconds: f64) -> anyhow::Result<(usize, usize)> {
    let count = |seconds: f64| format!("{:.0}", rate * seconds).parse::<usize>();
    Ok((count(seconds)?, count(WARM_UP_SECONDS)?))
}
