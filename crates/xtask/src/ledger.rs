//! `cargo xtask ledger`: judges a run of any deployment. `load` writes to its webhook and notes every POST and answer,
//! `collect` notes what its teams receive, `check` compares both with its store and its rules.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use waypost_bus::Layout;
use waypost_domain::PartitionCount;
use waypost_ledger::{
    BusUrl, IN_HAND_MAX, InFlight, InterruptionRecord, Ledger, LedgerWriter, StoreFacts, activated_rule_sets, collect,
    collected_queues, parked,
};
use waypost_rules::RuleSet;
use waypost_store::{Store, StoreOptions, StoreUrl};
use waypost_tests::load::{Load, LoadConfig};

use crate::count::Count;

const POSTS_FILE: &str = "posts.jsonl";
const DELIVERIES_FILE: &str = "deliveries.jsonl";

#[derive(Subcommand)]
pub(crate) enum LedgerCommand {
    /// Write to a webhook as customers do, and note every POST and its answer in FOLDER/posts.jsonl
    ///
    /// What is not answered 200 is sent again, as Meta does, until it is; so start this first, break what you like
    /// meanwhile, and it ends when everything was accepted. Let it end: of a POST that is interrupted nobody knows the
    /// answer. The same --first-sender gives the same messages again: use
    /// another one for a second run against the same store.
    #[command(after_help = LOAD_EXAMPLE)]
    Load(LoadArgs),
    /// Receive what comes out of a deployment, and note it in FOLDER/deliveries.jsonl
    ///
    /// Reads every team's queues, wa.unrouted and wa.dead-letters, until nothing has come for a while. What a router has
    /// moved from these two to the store, `check` reads there. RabbitMQ: the
    /// messages are taken from the queues, so no team's tool may read them at the same time. Embedded bus: the messages
    /// are looked at and stay where they are; waypost may run or not.
    #[command(after_help = COLLECT_EXAMPLE)]
    Collect(CollectArgs),
    /// Judge what FOLDER holds: is everything that was answered 200 decided once, delivered and in order?
    ///
    /// Reads every *.jsonl file of the folder, the decisions, statuses, changes and parked messages in the store, and the rules. Prints what was counted, and
    /// every violation with the ids concerned; fails when there is one. Without --store and --rules, what rests on them is
    /// not checked, and the verdict says so. Versions that were activated are in the store: no need for --rules.
    #[command(after_help = CHECK_EXAMPLE)]
    Check(CheckArgs),
}

const LOAD_EXAMPLE: &str = "Example:\n  cargo xtask ledger load /tmp/run --webhook http://127.0.0.1:8080/webhook \\\n    \
                            --app-secret-file app-secret --messages 10000 --rate 200 --wrongly-signed-percent 2";
const COLLECT_EXAMPLE: &str = "Examples:\n  cargo xtask ledger collect /tmp/run --bus ./data --rules rules.toml\n  \
                               cargo xtask ledger collect /tmp/run --bus amqp://guest:guest@127.0.0.1/ --rules rules.toml";
const CHECK_EXAMPLE: &str = "Examples:\n  cargo xtask ledger check /tmp/run --store sqlite://data/store.db --rules rules.toml\n  \
                             cargo xtask ledger check /tmp/run --store postgres://waypost@127.0.0.1/waypost --rules rules.toml";

#[derive(Args)]
pub(crate) struct LoadArgs {
    /// Where the ledger's files lie; created where it is missing
    folder: PathBuf,
    /// The webhook's URL
    #[arg(long, value_name = "URL")]
    webhook: String,
    /// The file that holds the app secret, without which the webhook believes nobody
    #[arg(long, value_name = "FILE")]
    app_secret_file: PathBuf,
    /// Distinct messages in all
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    messages: u64,
    /// Distinct messages per second in all; without it as fast as the answers come
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// Of 100 POSTs, how many are sent twice: half of those while the first is still under way
    #[arg(long, value_name = "P", default_value_t = 5)]
    duplicate_percent: u8,
    /// For 100 POSTs, how many more are sent with a wrong signature; none of them may get in
    #[arg(long, value_name = "P", default_value_t = 0)]
    wrongly_signed_percent: u8,
    /// How many write side by side, each for 40 customers and a business number of its own
    #[arg(long, value_name = "N", default_value_t = 8)]
    senders: u64,
    /// The number of the first sender
    #[arg(long, value_name = "N", default_value_t = 1)]
    first_sender: u64,
}

#[derive(Args)]
pub(crate) struct CollectArgs {
    /// Where the ledger's files lie; created where it is missing
    folder: PathBuf,
    /// `amqp://…` of RabbitMQ, or the data folder of the embedded bus
    #[arg(long, value_name = "URL")]
    bus: String,
    /// The rules in force: they name the teams
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,
    /// As in the deployment's configuration: whose queues must be empty in the end
    #[arg(long, value_name = "N", default_value_t = PartitionCount::DEFAULT.get())]
    partitions: u16,
    /// The end has come when nothing was received for so long
    #[arg(long, value_name = "N", default_value_t = 10)]
    idle_seconds: u64,
}

#[derive(Args)]
pub(crate) struct CheckArgs {
    /// Where the ledger's files lie
    folder: PathBuf,
    /// `postgres://…`, or `sqlite://PATH` of the embedded store
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// A rules file that was in force; repeat it for each
    #[arg(long, value_name = "FILE")]
    rules: Vec<PathBuf>,
    /// How often a router was killed, or lost its connection to the broker, its database or a lease
    ///
    /// Each time, what it had in hand may come once more under the same id; without one nothing may.
    #[arg(long, value_name = "N", default_value_t = 0)]
    interruptions: u64,
    /// The run was stopped in the middle: nothing is missed yet, but what came out must be right
    #[arg(long)]
    so_far: bool,
}

pub(crate) async fn run(command: LedgerCommand) -> anyhow::Result<Option<Count>> {
    match command {
        LedgerCommand::Load(args) => load(args).await.map(|()| None),
        LedgerCommand::Collect(args) => collect_into(args).await.map(|()| None),
        LedgerCommand::Check(args) => check(args).await.map(Some),
    }
}

async fn load(args: LoadArgs) -> anyhow::Result<()> {
    ensure!(args.senders > 0, "--senders must be above zero");
    ensure!(args.wrongly_signed_percent <= 100, "--wrongly-signed-percent must be at most 100");
    let file = create(&args.folder, POSTS_FILE)?;
    let app_secret = read(&args.app_secret_file)?.trim().to_owned();
    let config = LoadConfig {
        messages: Some(args.messages),
        rate_per_second: args.rate,
        duplicate_percent: args.duplicate_percent,
        wrongly_signed_percent: args.wrongly_signed_percent,
        senders: args.senders,
        first_sender: args.first_sender,
        ..LoadConfig::new(args.webhook, app_secret)
    };
    let mut noting = Noting { load: Load::start(&config)?, file };
    noting.load.finish().await;
    let records = noting.load.records();
    let accepted = records.iter().filter(|post| post.is_accepted()).count();
    println!("{} POSTs, {accepted} of them answered 200: {}", records.len(), noting.file.display());
    Ok(())
}

/// Writes the file in the end, or when the run is interrupted.
struct Noting {
    load: Load,
    file: PathBuf,
}

impl Drop for Noting {
    fn drop(&mut self) {
        if let Err(error) = self.load.write(&self.file) {
            eprintln!("{}: {error:#}", self.file.display());
        }
    }
}

async fn collect_into(args: CollectArgs) -> anyhow::Result<()> {
    let partitions = PartitionCount::new(args.partitions).context("--partitions")?;
    let queues = collected_queues(&rule_set(&args.rules)?);
    let file = create(&args.folder, DELIVERIES_FILE)?;
    let writer = LedgerWriter::create(&file)?;
    let idle = Duration::from_secs(args.idle_seconds);
    let count = collect(&BusUrl::parse(&args.bus), Layout::new(partitions), &queues, idle, writer).await?;
    println!("{count} messages on {} queues: {}", queues.len(), file.display());
    Ok(())
}

async fn check(args: CheckArgs) -> anyhow::Result<Count> {
    let mut ledger = Ledger::read(&args.folder)?;
    for path in &args.rules {
        ledger.rule_sets.push(read(path)?);
    }
    if let Some(url) = &args.store {
        let store = Store::open(&StoreUrl::parse(url)?, StoreOptions::default()).await?;
        store.require_schema().await?;
        ledger.store = Some(StoreFacts::read(&store).await?);
        ledger.deliveries.extend(parked(&store).await?);
        ledger.rule_sets.extend(activated_rule_sets(&store).await?);
        store.close().await;
    }
    if args.interruptions > 0 {
        let leases = ledger.store.iter().flat_map(|store| &store.leases).filter(|lease| lease.component == "router");
        let partitions = u64::try_from(leases.count())?.max(PartitionCount::DEFAULT.get().into());
        let in_flight = InFlight::AtMost(args.interruptions * partitions * IN_HAND_MAX);
        ledger.interruptions.push(InterruptionRecord { what: "--interruptions".to_owned(), in_flight });
    }
    let verdict = if args.so_far { ledger.check_so_far() } else { ledger.check() };
    println!("{verdict}");
    Ok(if verdict.is_good() { Count { passed: 1, failed: 0 } } else { Count::FAILURE })
}

fn create(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let file = folder.join(name);
    ensure!(!file.exists(), "{} is there already, of another run: name another folder", file.display());
    Ok(file)
}

fn rule_set(path: &Path) -> anyhow::Result<RuleSet> {
    RuleSet::parse(&read(path)?).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
