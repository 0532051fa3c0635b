//! `cargo xtask bench-sends`: the whole way out, with three statuses of each message coming back: a sender, an ingress, a
//! sandbox for WhatsApp, a broker and a database, each a process of its own, so that each one's share is seen.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::process::{Child, Command};
use uuid::Uuid;
use waypost_domain::consent::{Basis, ConsentEntry, Evidence, How, Said};
use waypost_domain::send::{Author, Cause, SendContent, SendId, SendRequest, SendState, TemplateRequest, Values};
use waypost_domain::team::Priority;
use waypost_domain::template::{Layout, ParameterFormat, Quality, TemplateStatus};
use waypost_domain::{
    AliasSet, Category, ConsentEntryId, ContactId, NumberName, PhoneNumberId, Template, Timestamp, WabaId,
};
use waypost_store::{NewSend, SendFilter, Store, StoreOptions, StoreUrl, TemplateRow};
use waypost_tests::ports::free_port;
use waypost_tests::postgres::PostgresServer;
use waypost_tests::rabbitmq::RabbitNode;

use crate::bench::cpu::{own_time, tree_time};
use crate::steps::{cargo, root};

const SECRET: &str = "bench-secret";
const TOKEN: &str = "bench-token";
const WABA: &str = "102290129340398";
const NUMBER_ID: &str = "106540352242922";
const NUMBER: &str = "support";
const TEMPLATE: &str = "hello_world";
const STEP_MAX: Duration = Duration::from_secs(600);
const POLL_EVERY: Duration = Duration::from_millis(50);
/// What a send carries at most: stored in one transaction.
const INTAKE: usize = 500;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

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
    let figures = [args.messages, args.customers, args.rounds, args.paced_seconds, args.queued].map(|n| n.to_string());
    let names = ["--messages", "--customers", "--rounds", "--paced-seconds", "--queued"];
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
    async fn set_up(args: BenchSendsArgs, servers: Servers) -> anyhow::Result<Self> {
        let binary = std::env::current_exe()?.with_file_name("waypost");
        let folder = tempfile::tempdir()?;
        let address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (sandbox, ingress) = (address(), address());
        std::fs::write(folder.path().join("token"), TOKEN)?;
        let database = servers.database.create_database()?;
        let broker = servers.broker.amqp_url(&servers.broker.create_vhost()?);
        let rules = root().join("deploy/rules.toml");
        for (name, rate) in [("fast", 0.0), ("paced", 80.0)] {
            let text = format!(
                "[bus]\nurl = {broker:?}\n[store]\nurl = {database:?}\nmigrate = true\n[ingress]\nlisten = \"{ingress}\"\n\
                 app_secrets = [{SECRET:?}]\nverify_token = \"t\"\n[rules]\nfile = {rules:?}\n\
                 [graph]\nbase_url = \"http://{sandbox}\"\ntoken_file = {:?}\n\
                 [sender]\nrate_per_second = {rate:?}\npair_pace = false\n[log]\nlevel = \"warn\"\n",
                folder.path().join("token"),
            );
            std::fs::write(folder.path().join(format!("{name}.toml")), text)?;
        }
        let store = Store::open(&StoreUrl::parse(&database)?, StoreOptions::default()).await?;
        let http = waypost_tests::webhook::http_client()?;
        let customers = Vec::new();
        let mut bench =
            Self { args, servers, binary, folder, store, customers, sandbox, ingress, http, sandbox_process: None };
        for arguments in [&["migrate"][..], &["topology", "declare"]] {
            let done = bench.waypost("fast", arguments).stdout(Stdio::null()).status().await?;
            ensure!(done.success(), "{arguments:?} failed: {done}");
        }
        bench.say("customers, consent and a template");
        bench.fill().await?;
        Ok(bench)
    }

    fn waypost(&self, config: &str, arguments: &[&str]) -> Command {
        let file = self.folder.path().join(format!("{config}.toml"));
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--config").arg(file).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// The first address is the operators'.
    fn component(&self, config: &str, name: &str) -> anyhow::Result<(Child, SocketAddr)> {
        let ops = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = self.waypost(config, &["run", "--component", name]);
        command.arg("--set").arg(format!("ops.listen={ops}"));
        Ok((command.spawn()?, ops))
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        let store = &self.store;
        let number = NumberName::new(NUMBER)?;
        store.name_numbers(&[(number, PhoneNumberId::new(NUMBER_ID))]).await?;
        store.ensure_number(&PhoneNumberId::new(NUMBER_ID), "+1 555 078 3881", &WabaId::new(WABA)).await?;
        store.tell_tier("business", "TIER_UNLIMITED", store.now().await?).await?;
        let template = Template {
            name: TEMPLATE.to_owned(),
            language: "en_US".to_owned(),
            status: TemplateStatus::Approved,
            category: Category::Utility,
            announced_category: None,
            parameter_format: ParameterFormat::Positional,
            quality: Quality::Green,
            ttl_s: None,
            paused_until: None,
            layout: Layout { body: "Welcome and congratulations!!".to_owned(), ..Layout::default() },
            cards: vec![],
            has_offer_end: false,
        };
        let now = store.now().await?;
        let row = TemplateRow { waba: WabaId::new(WABA), meta_id: String::new(), template, updated_at: now };
        store.keep_templates(&[row]).await?;
        let mut entries = Vec::new();
        for n in 0..self.args.customers {
            let phone = format!("49301{n:07}");
            let aliases = AliasSet { phone: Some(phone), ..AliasSet::default() };
            let contact = store.upsert_contact(&aliases, &Default::default(), None).await?;
            entries.push(grant(contact, now));
            self.customers.push(contact);
        }
        for some in entries.chunks(INTAKE) {
            let mut change = store.begin_change().await?;
            change.append_consent(some).await?;
            change.commit(&[]).await?;
        }
        Ok(())
    }

    /// Stores so many requests, as a gateway does.
    async fn ask(&self, name: &str, count: usize, priority: Priority) -> anyhow::Result<()> {
        let now = self.store.now().await?;
        let all: Vec<usize> = (0..count).collect();
        for some in all.chunks(INTAKE) {
            let sends: Vec<NewSend> = some
                .iter()
                .map(|n| self.request(&format!("{name}-{n}"), self.customers[n % self.customers.len()], priority, now))
                .collect::<anyhow::Result<_>>()?;
            self.store.keep_sends(&sends).await?;
        }
        Ok(())
    }

    fn request(&self, id: &str, contact: ContactId, priority: Priority, now: Timestamp) -> anyhow::Result<NewSend> {
        let template = TemplateRequest {
            name: TEMPLATE.to_owned(),
            language: Some("en_US".to_owned()),
            language_fallback: None,
            values: Values::default(),
        };
        let request = SendRequest {
            id: SendId::new(id)?,
            number: NumberName::new(NUMBER)?,
            contact,
            conversation: None,
            author: Author::Agent("bench".to_owned()),
            cause: Cause::Event(id.to_owned()),
            content: SendContent::Template(template),
            category: None,
            substitute: None,
            priority,
            created_at: now,
            expires_at: None,
            last_seen: None,
            force: false,
            strict_order: false,
            shorten: false,
            take_thread: false,
        };
        Ok(NewSend { request, ends_at: now.plus_millis(DAY_MS), resend_of: None })
    }

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

fn grant(contact: ContactId, now: Timestamp) -> ConsentEntry {
    ConsentEntry {
        id: ConsentEntryId::from_uuid(Uuid::now_v7()),
        contact,
        brand: String::new(),
        category: None,
        said: Said::Granted(Basis::Consent),
        at: Some(now),
        recorded_at: now,
        how: How::Import,
        source: None,
        recorded_by: "bench".to_owned(),
        evidence: Evidence::default(),
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
