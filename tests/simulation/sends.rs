//! Sends in simulated time: real senders over one store, killed and started again at any moment, while customers write, agree
//! and take it back, and a made-up platform takes, refuses, loses answers and tells statuses late and twice. The ledger judges.
//!
//! The troubles of a seed are always the same; what the program makes of them may differ in the order of what happens within
//! one millisecond, since it keeps some things in maps without an order.

mod platform;
mod troubles;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use waypost_domain::send::{OrderLimits, SendState};
use waypost_domain::template::{Layout, ParameterFormat, Quality, TemplateStatus};
use waypost_domain::{AliasSet, Category, ContactId, NumberName, PartitionCount, PhoneNumberId, Template, WabaId};
use waypost_ledger::{ConsentFact, Ledger, SendFact, StepFact, Verdict};
use waypost_live::SendingLive;
use waypost_sender::{SENDER, Sender, SenderConfig, Wake};
use waypost_store::{Store, StoreOptions, StoreUrl, TemplateRow};
use waypost_worker::WorkerConfig;

use crate::ids::SeededIds;
use crate::time::{now_ms, runtime, sleep, wall_clock};
use platform::Platform;

pub(crate) const NUMBERS: [(&str, &str); 2] = [("support", "1"), ("sales", "2")];
pub(crate) const WABA: &str = "102290129340398";
/// How long everything may take after the healing: an answer of which nobody knows is waited for.
const DRAIN_MS: u64 = 600_000;
const UNCERTAIN_WAIT: Duration = Duration::from_secs(3);
/// Short against the defaults, so that runs are; each lease is looked at in each third of it.
const LEASE_TTL: Duration = Duration::from_secs(3);
const ORDER: OrderLimits = OrderLimits { uncertain_ms: 6_000, delivery_ms: 5_000, held_ms: 5_000 };

/// The database's own account of each change, in the order in which they were made.
const JOURNAL: &str = "
    CREATE TABLE noted (place INTEGER PRIMARY KEY, send TEXT, contact BLOB, attempt INTEGER, was TEXT, state TEXT,
        category TEXT, said TEXT);
    CREATE TRIGGER note_step AFTER UPDATE ON send WHEN OLD.state IS NOT NEW.state BEGIN
        INSERT INTO noted (send, contact, attempt, was, state)
        VALUES (NEW.id, NEW.contact_id, NEW.attempt, OLD.state, NEW.state);
    END;
    CREATE TRIGGER note_consent AFTER INSERT ON consent_entry BEGIN
        INSERT INTO noted (contact, category, said) VALUES (NEW.contact_id, NEW.category, NEW.said);
    END;";

/// A mistake that is built in on purpose, to see that the ledger finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    None,
    /// A withdrawal is answered, and not written down.
    ForgetWithdrawals,
    /// The platform takes each request twice.
    TakeTwice,
    /// A request is answered as kept, and is not.
    ForgetRequests,
}

/// Everything that one run shares.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) sending: Arc<SendingLive>,
    pub(crate) platform: Arc<Platform>,
    pub(crate) wake: Wake,
    pub(crate) customers: Vec<(String, ContactId)>,
    pub(crate) defect: Defect,
}

/// What came of it.
pub(crate) struct Report {
    pub(crate) verdict: Verdict,
    /// How many sends came to which end.
    pub(crate) ends: BTreeMap<&'static str, usize>,
    /// What was asked, what the store went through, and what the platform took.
    pub(crate) log: String,
}

pub(crate) fn run(seed: u64, defect: Defect) -> Report {
    fastrand::seed(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("store.db");
    let store = open_store(seed, &file);
    let runtime = runtime(store.clone());
    let played = runtime.block_on(async move { tokio::spawn(play(seed, store, defect)).await }).expect("it runs");
    let mut ledger = played;
    (ledger.sends.steps, ledger.sends.entries) = journal(&file);
    let mut ends = BTreeMap::new();
    for row in &ledger.sends.rows {
        *ends.entry(row.state.as_str()).or_default() += 1;
    }
    let verdict = ledger.check();
    Report { verdict, ends, log: log(&ledger) }
}

/// Opened in real time, because connecting has a deadline.
fn open_store(seed: u64, file: &std::path::Path) -> Store {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let options =
            StoreOptions { clock: wall_clock, ids: Arc::new(SeededIds::new(!seed)), ..StoreOptions::default() };
        let store = Store::open(&StoreUrl::sqlite_file(file), options).await.expect("a store");
        store.migrate().await.expect("a schema");
        store.script(JOURNAL).await.expect("a journal");
        while store.is_busy() {
            tokio::task::yield_now().await;
        }
        store
    })
}

async fn play(seed: u64, store: Store, defect: Defect) -> Ledger {
    let mut rng = Rng::with_seed(seed);
    let world = world(store, rng.usize(1..=5), defect, rng.fork()).await;
    let stop = CancellationToken::new();
    let mut following = JoinSet::new();
    let (live, ended) = (world.sending.clone(), stop.clone());
    following.spawn(async move { live.follow(ended).await });
    following.spawn(world.platform.clone().tell(world.store.clone(), stop.clone()));
    let mut senders = JoinSet::new();
    let heal = CancellationToken::new();
    for index in 0..rng.usize(1..=2) {
        senders.spawn(lives(world.clone(), index, rng.fork(), heal.clone(), stop.clone()));
    }
    let mut ledger = Ledger::default();
    troubles::play(&world, &mut rng, &mut ledger.sends).await;

    heal.cancel();
    world.platform.heal();
    let until = now_ms() + DRAIN_MS;
    while now_ms() < until && !(is_drained(&world).await && world.platform.is_told()) {
        sleep(500).await;
    }
    stop.cancel();
    while senders.join_next().await.is_some() {}
    while following.join_next().await.is_some() {}
    ledger.sends.taken = world.platform.taken();
    ledger.posts = world.platform.told();
    ledger.sends.read_rows(&world.store).await.expect("the store answers");
    ledger
}

async fn world(store: Store, customers: usize, defect: Defect, rng: Rng) -> Arc<World> {
    for (name, id) in NUMBERS {
        let id = PhoneNumberId::new(id);
        store.name_numbers(&[(NumberName::new(name).expect("a name"), id.clone())]).await.expect("a number");
        store.ensure_number(&id, "+49 30 111", &WabaId::new(WABA)).await.expect("its account");
    }
    let template = Template {
        name: "parcel".to_owned(),
        language: "de".to_owned(),
        status: TemplateStatus::Approved,
        category: Category::Utility,
        announced_category: None,
        parameter_format: ParameterFormat::Positional,
        quality: Quality::Green,
        ttl_s: None,
        paused_until: None,
        layout: Layout { body: "Es kommt {{1}}.".to_owned(), ..Layout::default() },
        cards: vec![],
        has_offer_end: false,
    };
    let row = TemplateRow { waba: WabaId::new(WABA), meta_id: String::new(), template, updated_at: wall_clock() };
    store.keep_templates(&[row]).await.expect("a template");
    let mut known = Vec::new();
    for n in 0..customers {
        let phone = format!("49151000000{n}");
        let aliases = AliasSet { phone: Some(phone.clone()), ..AliasSet::default() };
        let contact = store.upsert_contact(&aliases, &BTreeMap::new(), None).await.expect("a contact");
        known.push((phone, contact));
    }
    let sending = SendingLive::new(store.clone());
    sending.refresh().await.expect("what is sent by");
    let platform = Platform::new(rng, defect);
    Arc::new(World { store, sending, platform, wake: Wake::default(), customers: known, defect })
}

/// One process after the other, each until it is killed or asked to end; from `heal` on only asked.
async fn lives(world: Arc<World>, index: usize, mut rng: Rng, heal: CancellationToken, stop: CancellationToken) {
    for life in 1.. {
        let worker = WorkerConfig {
            lease_ttl: LEASE_TTL,
            lease_renew_every: LEASE_TTL / 3,
            drain_timeout: Duration::from_secs(5),
            ..WorkerConfig::new(SENDER, format!("s{index}.{life}"), PartitionCount::DEFAULT)
        };
        let sender = Sender {
            config: SenderConfig {
                rate_per_second: None,
                poll_every: Duration::from_millis(200),
                uncertain_wait: UNCERTAIN_WAIT,
                order: ORDER,
                ..SenderConfig::default()
            },
            store: world.store.clone(),
            messenger: world.platform.clone(),
            sending: world.sending.clone(),
            wake: world.wake.clone(),
        };
        let asked = stop.child_token();
        let mut task = tokio::spawn(sender.run(&worker, asked.clone()));
        let (lasts, is_killed) = (rng.u64(200..6_000), rng.u32(0..3) > 0);
        tokio::select! {
            _ = &mut task => {}
            () = sleep(lasts), if !heal.is_cancelled() => {
                if is_killed {
                    task.abort();
                } else {
                    asked.cancel();
                }
                task.await.ok();
            }
        }
        if stop.is_cancelled() {
            return;
        }
        sleep(rng.u64(1..300)).await;
    }
}

/// Whether nothing goes on by itself.
async fn is_drained(world: &World) -> bool {
    let mut sends = waypost_ledger::Sends::default();
    sends.read_rows(&world.store).await.expect("the store answers");
    !sends.rows.iter().any(SendFact::is_open)
}

/// What the database noted.
fn journal(file: &std::path::Path) -> (Vec<StepFact>, Vec<ConsentFact>) {
    let database = rusqlite::Connection::open(file).expect("the store's file");
    let select =
        "SELECT place, send, lower(hex(contact)), attempt, was, state, category, said FROM noted ORDER BY place";
    let mut statement = database.prepare(select).expect("the journal");
    let mut rows = statement.query([]).expect("the journal");
    let (mut steps, mut entries) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next().expect("a row") {
        let (order, contact): (i64, String) = (row.get(0).expect("a place"), row.get(2).expect("a contact"));
        let contact = uuid::Uuid::parse_str(&contact).expect("an id").to_string();
        match row.get::<_, Option<String>>(1).expect("a send") {
            Some(send) => {
                let state = |at| SendState::parse(&row.get::<_, String>(at).expect("a state")).expect("a state");
                let attempt = row.get(3).expect("an attempt");
                steps.push(StepFact { order, send, contact, attempt, from: state(4), to: state(5) });
            }
            None => {
                let (category, said) = (row.get(6).expect("a category"), row.get(7).expect("what was said"));
                entries.push(ConsentFact { order, contact, category, said });
            }
        }
    }
    (steps, entries)
}

fn log(ledger: &Ledger) -> String {
    let sends = &ledger.sends;
    let asked = sends.asked.iter().map(|one| {
        let ms = one.started_ns / 1_000_000;
        format!("asked {ms} {} {} {} {}", one.send, one.customer, one.phone_number_id, one.line)
    });
    let steps = sends
        .steps
        .iter()
        .map(|one| format!("step {} {} {} -> {}, attempt {}", one.order, one.send, one.from, one.to, one.attempt));
    let taken = sends.taken.iter().map(|one| format!("taken {} {:?} {}", one.position, one.mark, one.customer));
    asked.chain(steps).chain(taken).collect::<Vec<_>>().join("\n")
}
