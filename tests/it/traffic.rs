//! Many customers writing at once, and the ledger of what became of their messages: each accepted one routed, under
//! one id, in order, and each status and change kept. Knows what was sent, what came out and what the store holds, nothing
//! of the program between.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use waypost_ledger::{Answer, DeliveryRecord, InterruptionRecord, Ledger, PostRecord, StoreFacts};
use waypost_sandbox::{Customers, SandboxConfig, SandboxReport};
use waypost_store::{Store, StoreOptions};
use waypost_tests::load::items;

use crate::database::store_url;
use crate::deployment::{APP_SECRET, Deployment, Found};

pub(crate) const RULES: &str = include_str!("../../deploy/rules.toml");
const TEAMS: [&str; 5] = ["frontdesk", "people", "billing", "support", "vip"];
/// Each sends one POST after the other, so that the order of its customers' messages is known.
const SENDERS: u64 = 8;
const SENDING_DEADLINE: Duration = Duration::from_secs(240);
/// Shorter than the reader's own patience.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(50);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Customers that send again whatever is not answered 200.
pub(crate) struct Traffic {
    senders: JoinSet<SandboxReport>,
    record: Arc<Record>,
    messages: u64,
    interruptions: Vec<InterruptionRecord>,
}

/// Every POST, and what was answered 200 so far.
struct Record {
    began_at: Instant,
    posts: Mutex<Posts>,
}

#[derive(Default)]
struct Posts {
    all: Vec<PostRecord>,
    /// By wamid.
    accepted: BTreeSet<String>,
}

impl Record {
    fn posts(&self) -> MutexGuard<'_, Posts> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, number: &str, post: &waypost_sandbox::PostRecord) {
        let ns =
            |at: Instant| u64::try_from(at.saturating_duration_since(self.began_at).as_nanos()).unwrap_or(u64::MAX);
        let mut posts = self.posts();
        if post.status == Some(200) {
            posts.accepted.extend(post.messages.iter().map(|sent| sent.wamid.clone()));
        }
        let place = posts.all.len();
        posts.all.push(PostRecord {
            number: u64::try_from(place).unwrap_or(u64::MAX) + 1,
            started_ns: ns(post.sent_at),
            answered_ns: ns(post.answered_at),
            started_at_ms: 0,
            answer: post.status.map_or_else(|| Answer::None("no answer".to_owned()), Answer::Status),
            signed: true,
            items: items(post, |_| number.to_owned()),
        });
    }
}

impl Traffic {
    /// `messages_each`: of each of eight senders; with `rate_each`, so many in a second.
    pub(crate) fn start(deployment: &Deployment, messages_each: u64, rate_each: Option<f64>) -> anyhow::Result<Self> {
        waypost_tests::webhook::http_client()?; // installs the TLS provider
        let record = Arc::new(Record { began_at: Instant::now(), posts: Mutex::default() });
        let mut senders = JoinSet::new();
        for seed in 1..=SENDERS {
            // Customers of one sender only: a contact is a number and a customer.
            let number = format!("10654035224{seed:04}");
            let config = SandboxConfig {
                phone_number_id: number.clone(),
                messages: messages_each,
                customers: 50,
                batch_max: 12,
                rate_per_second: rate_each,
                duplicate_percent: 5,
                status_percent: 10,
                change_percent: 10,
                concurrency: 1,
                seed,
                retry_max: 10_000,
                retry_backoff: Duration::from_millis(50),
                retry_backoff_max: Duration::from_millis(500),
                ..SandboxConfig::new(deployment.webhook_url(), APP_SECRET)
            };
            let record = Arc::clone(&record);
            let customers = Customers::new(config)?.on_post(move |post| record.add(&number, post));
            senders.spawn(customers.run(CancellationToken::new()));
        }
        Ok(Self { senders, record, messages: SENDERS * messages_each, interruptions: Vec::new() })
    }

    /// Waits until so many messages are accepted.
    pub(crate) async fn accepted(&self, count: usize) {
        let what = format!("{count} messages are accepted");
        let accepted = async || (self.record.posts().accepted.len() >= count).then_some(());
        waypost_tests::eventually(&what, SENDING_DEADLINE, accepted).await;
    }

    /// The one process of the deployment was killed, and no other has begun.
    pub(crate) async fn killed(&mut self, deployment: &Deployment) -> anyhow::Result<()> {
        let store = open_store(deployment).await?;
        self.interruptions.push(InterruptionRecord::killed(&StoreFacts::read(&store).await?));
        store.close().await;
        Ok(())
    }

    /// Waits until everything is accepted, routed and kept, and holds the ledger to be good.
    pub(crate) async fn check(mut self, deployment: &Deployment) -> anyhow::Result<()> {
        let senders = &mut self.senders;
        let sending = async {
            while let Some(report) = senders.join_next().await {
                let report = report?;
                ensure!(report.refused == 0, "{report:?}");
            }
            Ok(())
        };
        tokio::time::timeout(SENDING_DEADLINE, sending).await??;
        let Posts { all, accepted } = std::mem::take(&mut *self.record.posts());
        ensure!(accepted.len() as u64 == self.messages, "{} accepted", accepted.len());

        let of = |team: &&str| ["urgent", "normal"].map(|priority| format!("team.{team}.{priority}"));
        let queues: Vec<String> = TEAMS.iter().flat_map(of).collect();
        let mut names: Vec<&str> = queues.iter().map(String::as_str).collect();
        names.extend(["wa.unrouted", "wa.dead-letters"]);
        let mut reader = deployment.reader(&names).await?;
        let interruptions = std::mem::take(&mut self.interruptions);
        let rule_sets = vec![RULES.to_owned()];
        let mut ledger = Ledger { posts: all, interruptions, rule_sets, ..Ledger::default() };
        let mut routed = BTreeSet::new();
        let all_routed = reader.wait_until("every accepted message is on a team's queue", |found| {
            for found in &found[ledger.deliveries.len()..] {
                let delivery = delivery(found, ledger.deliveries.len());
                routed.extend(delivery.key.clone());
                ledger.deliveries.push(delivery);
            }
            routed.len() >= accepted.len()
        });
        // When the time is over, the check says what is missing.
        if let Ok(found) = tokio::time::timeout(DRAIN_TIMEOUT, all_routed).await {
            found?;
        }
        read_store(deployment, &mut ledger).await?;
        let logs = deployment.logs()?;
        ledger.interruptions.push(InterruptionRecord::leases_lost(logs.iter().map(String::as_str)));
        let verdict = ledger.check();
        ensure!(verdict.counts.kept > 0, "neither statuses nor changes: {verdict}");
        ensure!(verdict.counts.parked == 0 && verdict.counts.diverted == 0, "not on a team's queue: {verdict}");
        let warned = deployment.warned()?;
        verdict.into_result().with_context(|| format!("the processes warned:\n{warned}"))
    }
}

async fn open_store(deployment: &Deployment) -> anyhow::Result<Store> {
    Ok(Store::open(&store_url(deployment)?, StoreOptions::default()).await?)
}

/// Waits until what is kept is in the store. When the time is over, the check says what is missing.
async fn read_store(deployment: &Deployment, ledger: &mut Ledger) -> anyhow::Result<()> {
    let store = open_store(deployment).await?;
    let mut facts = StoreFacts::read(&store).await?;
    let began_at = Instant::now();
    loop {
        ledger.store = Some(facts.clone());
        if ledger.not_kept() == 0 || began_at.elapsed() > DRAIN_TIMEOUT {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        facts.read_kept(&store).await?;
    }
    store.close().await;
    Ok(())
}

/// `place`: among all that was found, which is in each queue's order.
fn delivery(found: &Found, place: usize) -> DeliveryRecord {
    DeliveryRecord::new(&found.queue, u64::try_from(place).unwrap_or(u64::MAX), &found.message, 0, 0)
}
