//! Customers that write on a timetable, whatever becomes of the system, and send again what is not answered 200. Every
//! attempt is recorded for the ledger.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use waypost_sandbox::{Customers, PostRecord, SandboxConfig};
use waypost_tests::ledger::{self, Answer, Item, ItemKind};

use crate::deployment::APP_SECRET;

const SENDERS: u64 = 8;
const CUSTOMERS_EACH: u32 = 40;
/// Never reached: the load is stopped.
const MESSAGES_MAX: u64 = 100_000_000;
const CONCURRENCY_EACH: usize = 4;
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// Distinct messages per second, of all senders together.
pub(crate) const RATE: f64 = 120.0;

pub(crate) struct Load {
    begun_at: Instant,
    begun_at_ms: i64,
    posts: Arc<Mutex<Vec<PostRecord>>>,
    senders: JoinSet<()>,
    stop: CancellationToken,
}

impl Load {
    pub(crate) fn start(webhook_url: &str, rate: f64) -> anyhow::Result<Self> {
        Self::start_from(1, webhook_url, rate, CONCURRENCY_EACH)
    }

    /// Two loads at once need senders of their own, who are counted from `first`. Each of them waits for so many
    /// answers at most; what is due meanwhile is sent when there is room again.
    pub(crate) fn start_from(first: u64, webhook_url: &str, rate: f64, concurrency: usize) -> anyhow::Result<Self> {
        waypost_tests::webhook::http_client()?; // installs the TLS provider
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut load = Self {
            begun_at: Instant::now(),
            begun_at_ms: i64::try_from(since_epoch.as_millis())?,
            posts: Arc::default(),
            senders: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        for seed in first..first + SENDERS {
            load.send(webhook_url, seed, rate / SENDERS as f64, concurrency)?;
        }
        Ok(load)
    }

    /// Customers of a number of their own.
    fn send(&mut self, webhook_url: &str, seed: u64, rate: f64, concurrency: usize) -> anyhow::Result<()> {
        let config = SandboxConfig {
            phone_number_id: number(seed),
            messages: MESSAGES_MAX,
            customers: CUSTOMERS_EACH,
            batch_max: 4,
            rate_per_second: Some(rate),
            duplicate_percent: 5,
            concurrency,
            seed,
            retry_max: 100_000,
            retry_backoff: Duration::from_millis(50),
            retry_backoff_max: Duration::from_millis(500),
            ..SandboxConfig::new(webhook_url, APP_SECRET)
        };
        let posts = Arc::clone(&self.posts);
        let customers = Customers::new(config)?.on_post(move |post| lock(&posts).push(post.clone()));
        let stop = self.stop.clone();
        self.senders.spawn(async move {
            customers.run(stop).await;
        });
        Ok(())
    }

    /// Sends nothing more, and waits for what is under way.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        let ended = async { while self.senders.join_next().await.is_some() {} };
        Ok(tokio::time::timeout(STOP_TIMEOUT, ended).await?)
    }

    /// Attempts so far, and what was answered.
    pub(crate) fn posts(&self) -> Vec<PostRecord> {
        lock(&self.posts).clone()
    }

    /// Messages in POSTs that were answered 200 after `since`; repetitions count again.
    pub(crate) fn accepted_since(&self, since: Instant) -> usize {
        let posts = lock(&self.posts);
        posts
            .iter()
            .rev()
            .filter(|post| is_accepted(post) && post.answered_at > since)
            .map(|post| post.messages.len())
            .sum()
    }

    pub(crate) fn first_accepted_since(&self, since: Instant) -> Option<Instant> {
        // What began before a fault may be answered late, and says nothing about its end.
        lock(&self.posts)
            .iter()
            .filter(|post| is_accepted(post) && post.sent_at > since)
            .map(|post| post.answered_at)
            .min()
    }

    /// The longest time between two answers of 200.
    pub(crate) fn longest_pause(&self) -> Duration {
        let mut answered: Vec<Instant> =
            lock(&self.posts).iter().filter(|post| is_accepted(post)).map(|post| post.answered_at).collect();
        answered.sort_unstable();
        answered.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    /// As the ledger wants them.
    pub(crate) fn records(&self) -> Vec<ledger::PostRecord> {
        let records = lock(&self.posts);
        records.iter().zip(1..).map(|(post, number)| self.record(post, number)).collect()
    }

    fn record(&self, post: &PostRecord, number: u64) -> ledger::PostRecord {
        let since = |at: Instant| at.saturating_duration_since(self.begun_at);
        let ns = |at| u64::try_from(since(at).as_nanos()).unwrap_or(u64::MAX);
        let items = post.messages.iter().map(|sent| Item {
            phone_number_id: number_of(&sent.wamid),
            key: sent.wamid.clone(),
            contact: sent.customer.to_string(),
            ordinal: u64::from(sent.ordinal),
            kind: ItemKind::Message,
        });
        ledger::PostRecord {
            number,
            started_ns: ns(post.sent_at),
            answered_ns: ns(post.answered_at),
            started_at_ms: self.begun_at_ms + i64::try_from(since(post.sent_at).as_millis()).unwrap_or_default(),
            answer: post.status.map_or_else(|| Answer::None("no answer".to_owned()), Answer::Status),
            signed: true,
            items: items.collect(),
        }
    }
}

pub(crate) fn is_accepted(post: &PostRecord) -> bool {
    post.status == Some(200)
}

fn lock(posts: &Mutex<Vec<PostRecord>>) -> std::sync::MutexGuard<'_, Vec<PostRecord>> {
    posts.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number(seed: u64) -> String {
    format!("10654035224{seed:04}")
}

/// The sandbox's wamids name the sender's seed.
fn number_of(wamid: &str) -> String {
    let seed = wamid.split('.').nth(2).and_then(|seed| u64::from_str_radix(seed, 16).ok());
    number(seed.unwrap_or_default())
}
