//! Customers that write on a timetable, whatever becomes of the system, and send again what is not answered 200. Every
//! attempt is recorded for the ledger.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use waypost_cloud_api::samples::{SampleKind, SampleParams, sample};
use waypost_cloud_api::signature;
use waypost_ledger::{Answer, Entry, Item, ItemKind, LedgerWriter};
use waypost_sandbox::{Customers, PostRecord, SandboxConfig, SentOther};

use crate::webhook::{WebhookClient, http_client};

/// Without an end: such a load is stopped.
const ENDLESS: u64 = 100_000_000;
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// Wrongly signed POSTs that may wait for their turn; what is more is not sent.
const FORGERIES_MAX: usize = 256;
const FORGED_NUMBER: &str = "106540352249999";

/// Who writes, where to, how much and how untidily.
#[derive(Debug, Clone)]
pub struct LoadConfig {
    pub webhook_url: String,
    pub app_secret: String,
    /// Distinct messages per second, of all senders together; `None`: as fast as the answers come.
    pub rate_per_second: Option<f64>,
    /// Distinct messages, of all senders together; `None`: until it is stopped.
    pub messages: Option<u64>,
    /// Each has customers and a business number of its own, and is one seed.
    pub senders: u64,
    /// Two loads at once need senders of their own, who are counted from here.
    pub first_sender: u64,
    pub customers_each: u32,
    /// How many answers a sender waits for at most; what is due meanwhile is sent when there is room again.
    pub concurrency_each: usize,
    /// Messages in one POST at most.
    pub batch_max: u32,
    /// Of 100 POSTs, how many are sent a second time.
    pub duplicate_percent: u8,
    /// Of 100 POSTs, how many are followed by one of statuses.
    pub status_percent: u8,
    /// Of 100 POSTs, how many are followed by one of a change.
    pub change_percent: u8,
    /// For 100 POSTs, how many more are sent with a wrong signature.
    pub wrongly_signed_percent: u8,
}

impl LoadConfig {
    /// Eight senders, until they are stopped, with a few repetitions, statuses and changes.
    pub fn new(webhook_url: impl Into<String>, app_secret: impl Into<String>) -> Self {
        Self {
            webhook_url: webhook_url.into(),
            app_secret: app_secret.into(),
            rate_per_second: None,
            messages: None,
            senders: 8,
            first_sender: 1,
            customers_each: 40,
            concurrency_each: 4,
            batch_max: 4,
            duplicate_percent: 5,
            status_percent: 8,
            change_percent: 4,
            wrongly_signed_percent: 0,
        }
    }
}

pub struct Load {
    clock: Clock,
    posts: Arc<Mutex<Vec<PostRecord>>>,
    forged: Arc<Mutex<Vec<waypost_ledger::PostRecord>>>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    /// What the customers show and say that is theirs.
    personal_data: BTreeSet<String>,
}

impl Load {
    pub fn start(config: &LoadConfig) -> anyhow::Result<Self> {
        http_client()?; // installs the TLS provider
        let mut load = Self {
            clock: Clock::start()?,
            posts: Arc::default(),
            forged: Arc::default(),
            tasks: JoinSet::new(),
            stop: CancellationToken::new(),
            personal_data: BTreeSet::new(),
        };
        let (forge, forgeries) = mpsc::channel(FORGERIES_MAX);
        for sender in 0..config.senders {
            load.send(config, sender, forge.clone())?;
        }
        // Ends with the last sender.
        load.forge(config, forgeries)?;
        Ok(load)
    }

    /// What must be in no log, metric or header.
    pub const fn personal_data(&self) -> &BTreeSet<String> {
        &self.personal_data
    }

    /// Customers of a number of their own.
    fn send(&mut self, config: &LoadConfig, sender: u64, forge: mpsc::Sender<()>) -> anyhow::Result<()> {
        let seed = config.first_sender + sender;
        let share = |all: u64| all / config.senders + u64::from(sender < all % config.senders);
        let sandbox = SandboxConfig {
            phone_number_id: number(seed),
            messages: config.messages.map_or(ENDLESS, share),
            customers: config.customers_each,
            batch_max: config.batch_max,
            rate_per_second: config.rate_per_second.map(|rate| rate / config.senders as f64),
            duplicate_percent: config.duplicate_percent,
            status_percent: config.status_percent,
            change_percent: config.change_percent,
            concurrency: config.concurrency_each,
            seed,
            retry_max: 100_000,
            retry_backoff: Duration::from_millis(50),
            retry_backoff_max: Duration::from_millis(500),
            ..SandboxConfig::new(&config.webhook_url, config.app_secret.as_str())
        };
        self.personal_data.extend(sandbox.personal_data());
        let posts = Arc::clone(&self.posts);
        let dice = Mutex::new(Rng::with_seed(seed));
        let forged_percent = config.wrongly_signed_percent;
        let customers = Customers::new(sandbox)?.on_post(move |post| {
            lock(&posts).push(post.clone());
            if lock(&dice).u8(..100) < forged_percent {
                forge.try_send(()).ok();
            }
        });
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            customers.run(stop).await;
        });
        Ok(())
    }

    /// Somebody who does not know the app secret, whenever it is their turn.
    fn forge(&mut self, config: &LoadConfig, mut turns: mpsc::Receiver<()>) -> anyhow::Result<()> {
        let client = WebhookClient::new(&config.webhook_url, &config.app_secret)?;
        let wrong_secret = format!("not {}", config.app_secret);
        let (clock, forged, first) = (self.clock, Arc::clone(&self.forged), config.first_sender);
        self.tasks.spawn(async move {
            let mut ordinal = 0;
            while turns.recv().await.is_some() {
                ordinal += 1;
                let wamid = format!("wamid.FORGED.{first:X}.{ordinal:X}");
                let phone_number_id = FORGED_NUMBER.to_owned();
                let params = SampleParams { wamid: wamid.clone(), phone_number_id, ..SampleParams::default() };
                let body = sample(SampleKind::Text, &params).to_string().into_bytes();
                let began_at = Instant::now();
                let outcome = client.post_with(&body, &[&signature::sign(&wrong_secret, &body)]).await;
                let answer = outcome.map_or_else(|error| Answer::None(format!("{error:#}")), Answer::Status);
                let item = Item {
                    phone_number_id: params.phone_number_id,
                    key: wamid,
                    contact: "forger".to_owned(),
                    ordinal,
                    kind: ItemKind::Message,
                };
                lock(&forged).push(clock.record(began_at, Instant::now(), answer, false, vec![item]));
            }
        });
        Ok(())
    }

    /// Waits until all that is to be sent was answered 200.
    pub async fn finish(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Sends nothing more, and waits for what is under way.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(tokio::time::timeout(STOP_TIMEOUT, self.finish()).await?)
    }

    /// Attempts so far, and what was answered.
    pub fn posts(&self) -> Vec<PostRecord> {
        lock(&self.posts).clone()
    }

    /// Messages in POSTs that were answered 200 after `since`; repetitions count again.
    pub fn accepted_since(&self, since: Instant) -> usize {
        let posts = lock(&self.posts);
        posts
            .iter()
            .rev()
            .filter(|post| is_accepted(post) && post.answered_at > since)
            .map(|post| post.messages.len())
            .sum()
    }

    pub fn first_accepted_since(&self, since: Instant) -> Option<Instant> {
        // What began before a fault may be answered late, and says nothing about its end.
        lock(&self.posts)
            .iter()
            .filter(|post| is_accepted(post) && post.sent_at > since)
            .map(|post| post.answered_at)
            .min()
    }

    /// The longest time between two answers of 200.
    pub fn longest_pause(&self) -> Duration {
        let mut answered: Vec<Instant> =
            lock(&self.posts).iter().filter(|post| is_accepted(post)).map(|post| post.answered_at).collect();
        answered.sort_unstable();
        answered.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    /// As the ledger wants them.
    pub fn records(&self) -> Vec<waypost_ledger::PostRecord> {
        let posts = lock(&self.posts);
        let forged = lock(&self.forged);
        let mut records: Vec<_> = posts.iter().map(|post| self.record(post)).chain(forged.iter().cloned()).collect();
        for (record, number) in records.iter_mut().zip(1..) {
            record.number = number;
        }
        records
    }

    /// Writes every POST and its answer.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut writer = LedgerWriter::create(path)?;
        for record in self.records() {
            writer.write(&Entry::Post(record))?;
        }
        writer.finish()
    }

    fn record(&self, post: &PostRecord) -> waypost_ledger::PostRecord {
        let answer = post.status.map_or_else(|| Answer::None("no answer".to_owned()), Answer::Status);
        self.clock.record(post.sent_at, post.answered_at, answer, true, items(post, number_of))
    }
}

/// What a POST of the sandbox held, for the ledger. `number_of` tells from a wamid which number it is of.
pub fn items(post: &PostRecord, number_of: impl Fn(&str) -> String) -> Vec<Item> {
    let messages = post.messages.iter().map(|sent| Item {
        phone_number_id: number_of(&sent.wamid),
        key: sent.wamid.clone(),
        contact: sent.customer.to_string(),
        ordinal: u64::from(sent.ordinal),
        kind: ItemKind::Message,
    });
    let others = post.others.iter().map(|sent| {
        let (key, kind) = match sent {
            SentOther::Status { wamid, state } => (wamid, ItemKind::Status { state: (*state).to_owned() }),
            SentOther::Echo { wamid } => (wamid, ItemKind::Echo),
            SentOther::ContactChange { text } => (text, ItemKind::ContactChange),
            SentOther::AccountChange { text } => (text, ItemKind::AccountChange),
        };
        Item { phone_number_id: number_of(key), key: key.clone(), contact: String::new(), ordinal: 0, kind }
    });
    messages.chain(others).collect()
}

/// When the load began, by both clocks.
#[derive(Debug, Clone, Copy)]
struct Clock {
    begun_at: Instant,
    begun_at_ms: i64,
}

impl Clock {
    fn start() -> anyhow::Result<Self> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH)?;
        Ok(Self { begun_at: Instant::now(), begun_at_ms: i64::try_from(since_epoch.as_millis())? })
    }

    /// Numbered later.
    fn record(
        self,
        sent_at: Instant,
        answered_at: Instant,
        answer: Answer,
        signed: bool,
        items: Vec<Item>,
    ) -> waypost_ledger::PostRecord {
        let since = |at: Instant| at.saturating_duration_since(self.begun_at);
        let ns = |at| u64::try_from(since(at).as_nanos()).unwrap_or(u64::MAX);
        waypost_ledger::PostRecord {
            number: 0,
            started_ns: ns(sent_at),
            answered_ns: ns(answered_at),
            started_at_ms: self.begun_at_ms + i64::try_from(since(sent_at).as_millis()).unwrap_or_default(),
            answer,
            signed,
            items,
        }
    }
}

pub fn is_accepted(post: &PostRecord) -> bool {
    post.status == Some(200)
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number(seed: u64) -> String {
    format!("10654035224{seed:04}")
}

/// The sandbox's wamids name the sender's seed.
fn number_of(wamid: &str) -> String {
    let seed = wamid.split('.').nth(2).and_then(|seed| u64::from_str_radix(seed, 16).ok());
    number(seed.unwrap_or_default())
}
