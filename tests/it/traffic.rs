//! Many customers writing at once, and the account of what became of their messages: each accepted one routed, under
//! one id, in order. Knows what was sent and what came out, nothing of the program between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use waypost_sandbox::{Customers, SandboxConfig, SandboxReport, SentMessage};

use crate::deployment::{APP_SECRET, Deployment, Found};

pub(crate) const RULES: &str = include_str!("../../deploy/rules.toml");
const TEAMS: [&str; 5] = ["frontdesk", "people", "billing", "support", "vip"];
/// Each sends one POST after the other, so that the order of its customers' messages is known.
const SENDERS: u64 = 8;
const SENDING_DEADLINE: Duration = Duration::from_secs(240);
/// Shorter than the reader's own patience.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(50);

/// Customers that send again whatever is not answered 200.
pub(crate) struct Traffic {
    senders: JoinSet<SandboxReport>,
    /// What was answered 200, by wamid.
    accepted: Arc<Mutex<BTreeMap<String, SentMessage>>>,
    messages: u64,
}

impl Traffic {
    /// `messages_each`: of each of eight senders; with `rate_each`, so many in a second.
    pub(crate) fn start(deployment: &Deployment, messages_each: u64, rate_each: Option<f64>) -> anyhow::Result<Self> {
        waypost_tests::webhook::http_client()?; // installs the TLS provider
        let accepted = Arc::<Mutex<BTreeMap<String, SentMessage>>>::default();
        let mut senders = JoinSet::new();
        for seed in 1..=SENDERS {
            let config = SandboxConfig {
                // Customers of one sender only: a contact is a number and a customer.
                phone_number_id: format!("10654035224{seed:04}"),
                messages: messages_each,
                customers: 50,
                batch_max: 12,
                rate_per_second: rate_each,
                duplicate_percent: 5,
                concurrency: 1,
                seed,
                retry_max: 10_000,
                retry_backoff: Duration::from_millis(50),
                retry_backoff_max: Duration::from_millis(500),
                ..SandboxConfig::new(deployment.webhook_url(), APP_SECRET)
            };
            let accepted = Arc::clone(&accepted);
            let customers = Customers::new(config)?.on_post(move |post| {
                if post.status == Some(200) {
                    let mut accepted = accepted.lock().unwrap_or_else(PoisonError::into_inner);
                    accepted.extend(post.messages.iter().map(|sent| (sent.wamid.clone(), sent.clone())));
                }
            });
            senders.spawn(customers.run(CancellationToken::new()));
        }
        Ok(Self { senders, accepted, messages: SENDERS * messages_each })
    }

    /// Waits until so many messages are accepted.
    pub(crate) async fn accepted(&self, count: usize) {
        let what = format!("{count} messages are accepted");
        let accepted = async || {
            let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner).len();
            (accepted >= count).then_some(())
        };
        waypost_tests::eventually(&what, SENDING_DEADLINE, accepted).await;
    }

    /// Waits until everything is accepted and routed; then `moved_max` messages at most may be out of order.
    pub(crate) async fn check(mut self, deployment: &Deployment, moved_max: usize) -> anyhow::Result<()> {
        let senders = &mut self.senders;
        let sending = async {
            while let Some(report) = senders.join_next().await {
                let report = report?;
                ensure!(report.refused == 0, "{report:?}");
            }
            Ok(())
        };
        tokio::time::timeout(SENDING_DEADLINE, sending).await??;
        let accepted = std::mem::take(&mut *self.accepted.lock().unwrap_or_else(PoisonError::into_inner));
        ensure!(accepted.len() as u64 == self.messages, "{} accepted", accepted.len());

        let of = |team: &&str| ["urgent", "normal"].map(|priority| format!("team.{team}.{priority}"));
        let queues: Vec<String> = TEAMS.iter().flat_map(of).collect();
        let mut names: Vec<&str> = queues.iter().map(String::as_str).collect();
        names.extend(["wa.unrouted", "wa.dead-letters"]);
        let mut reader = deployment.reader(&names).await?;
        let mut routed = Routed::default();
        let all_routed = reader.wait_until("every accepted message is on a team's queue", |found| {
            routed.add(found);
            routed.ids.len() >= accepted.len()
        });
        // When the time is over, the check says what is missing.
        if let Ok(found) = tokio::time::timeout(DRAIN_TIMEOUT, all_routed).await {
            found?;
        }
        routed.check(&accepted, moved_max)
    }
}

/// What came out.
#[derive(Default)]
struct Routed {
    /// How many of the found messages are in.
    added: usize,
    /// By wamid.
    ids: BTreeMap<String, BTreeSet<String>>,
    /// By queue: each wamid where it came first.
    order: BTreeMap<String, Vec<String>>,
    strange: Vec<String>,
}

impl Routed {
    fn add(&mut self, found: &[Found]) {
        for found in &found[self.added..] {
            let wamid = found.wamid();
            if !found.queue.starts_with("team.") || wamid.is_empty() {
                self.strange.push(format!("{}: {:?}", found.queue, found.message.headers));
                continue;
            }
            let ids = self.ids.entry(wamid.clone()).or_default();
            if ids.is_empty() {
                self.order.entry(found.queue.clone()).or_default().push(wamid);
            }
            ids.insert(found.message.id.clone());
        }
        self.added = found.len();
    }

    fn check(&self, accepted: &BTreeMap<String, SentMessage>, moved_max: usize) -> anyhow::Result<()> {
        ensure!(self.strange.is_empty(), "not on a team's queue: {:?}", self.strange);
        let lost: Vec<_> = accepted.keys().filter(|wamid| !self.ids.contains_key(*wamid)).collect();
        ensure!(lost.is_empty(), "{} were answered 200 and never routed: {lost:?}", lost.len());
        let doubled: Vec<_> = self.ids.iter().filter(|(_, ids)| ids.len() != 1).collect();
        ensure!(doubled.is_empty(), "routed under several ids: {doubled:?}");
        let moved = self.moved(accepted);
        ensure!(moved.len() <= moved_max, "behind later messages of the same customer: {moved:?}");
        Ok(())
    }

    fn moved<'a>(&'a self, accepted: &BTreeMap<String, SentMessage>) -> Vec<&'a str> {
        let mut moved = Vec::new();
        for wamids in self.order.values() {
            let mut newest: BTreeMap<(&str, u32), u32> = BTreeMap::new();
            for wamid in wamids {
                let Some(sent) = accepted.get(wamid) else { continue };
                let sender = wamid.rsplit_once('.').map_or("", |(sender, _)| sender);
                let newest = newest.entry((sender, sent.customer)).or_default();
                if sent.ordinal < *newest {
                    moved.push(wamid.as_str());
                }
                *newest = sent.ordinal.max(*newest);
            }
        }
        moved
    }
}
