//! One fault's run: load, fault, healing, drain, judgement, and the line in the report.

use std::collections::HashSet;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use waypost_bus::Bus as _;
use waypost_bus::topology::DEAD_LETTERS_QUEUE;
use waypost_bus_rabbitmq::RabbitBus;
use waypost_domain::{DecisionId, PhoneNumberId};
use waypost_ledger::{
    Answer, DeliveryRecord, IN_HAND_MAX, InFlight, InterruptionRecord, Item, ItemKind, Ledger, PostRecord, QueueDepth,
    StoreFacts, TextRecord, Verdict, activated_rule_sets,
};
use waypost_store::{Store, StoreOptions, StoreUrl};
use waypost_tests::eventually;
use waypost_tests::load::{Load, LoadConfig};

use super::REPORT_ENV;
use super::versions::Timing;
use crate::database;
use crate::deployment::{APP_SECRET, Deployment, Found, Reader, text};
pub(crate) use crate::traffic::RULES;

/// Distinct messages per second, of all senders together.
pub(crate) const RATE: f64 = 120.0;

const TEAMS: [&str; 5] = ["frontdesk", "people", "billing", "support", "vip"];
const PARTITIONS: u16 = 4;
/// For load to be accepted, and for a healed system to work again.
const DEADLINE: Duration = Duration::from_secs(90);
/// For what was accepted to be routed, once nothing is wrong any more.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);
const QUICK_DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Run<'a> {
    fault: &'static str,
    deployment: &'a Deployment,
    pub(crate) load: Load,
    /// Looks at the queues, past every proxy.
    bus: Option<Arc<RabbitBus>>,
    pub(crate) ledger: Ledger,
    recovered_in: Duration,
    /// Where the store notes when it decided.
    pub(crate) timing: Option<Timing>,
}

impl<'a> Run<'a> {
    /// `fault`: its number and a word, e.g. `01 broker killed`. The load begins at once.
    pub(crate) fn start(fault: &'static str, deployment: &'a Deployment) -> anyhow::Result<Self> {
        Self::start_at(fault, deployment, RATE)
    }

    pub(crate) fn start_at(fault: &'static str, deployment: &'a Deployment, rate: f64) -> anyhow::Result<Self> {
        Self::start_with(fault, deployment, &load_config(deployment, rate))
    }

    pub(crate) fn start_with(
        fault: &'static str,
        deployment: &'a Deployment,
        load: &LoadConfig,
    ) -> anyhow::Result<Self> {
        let load = Load::start(load)?;
        let ledger = Ledger { rule_sets: vec![std::fs::read_to_string(deployment.rules_file())?], ..Ledger::default() };
        Ok(Self { fault, deployment, load, bus: None, ledger, recovered_in: Duration::ZERO, timing: None })
    }

    /// Waits until so many more messages are accepted.
    pub(crate) async fn accepted(&self, count: usize) {
        let since = Instant::now();
        let what = format!("{count} more messages are accepted");
        eventually(&what, DEADLINE, async || (self.load.accepted_since(since) >= count).then_some(())).await;
    }

    /// The fault is over, as far as we know: waits until something that is sent from now on is accepted, and something
    /// is routed. Gives how long that took.
    pub(crate) async fn healed(&mut self) -> anyhow::Result<Duration> {
        let healed_at = Instant::now();
        let bus = eventually("the broker can be asked", DEADLINE, async || self.bus().await.ok()).await;
        let before = routed(&bus).await;
        let accepted =
            eventually("something is accepted", DEADLINE, async || self.load.first_accepted_since(healed_at));
        let accepted_at = accepted.await;
        let grown = async || {
            let now = routed(&bus).await?;
            (now > before.unwrap_or_default()).then(Instant::now)
        };
        let routed_at = eventually("something is routed", DEADLINE, grown).await;
        let took = accepted_at.max(routed_at) - healed_at;
        self.recovered_in = self.recovered_in.max(took);
        Ok(took)
    }

    async fn bus(&mut self) -> anyhow::Result<Arc<RabbitBus>> {
        if let Some(bus) = &self.bus {
            return Ok(bus.clone());
        }
        let bus = self.deployment.servers().context("servers")?.bus().await?;
        Ok(self.bus.insert(bus).clone())
    }

    /// So many times a router loses what it has in hand, its connection, or its lease, which may be once for all
    /// partitions; each time that may come once more.
    pub(crate) fn interrupted(&mut self, what: &str, times: u64) {
        let in_flight = InFlight::AtMost(u64::from(PARTITIONS) * IN_HAND_MAX * times);
        self.ledger.interruptions.push(InterruptionRecord { what: what.to_owned(), in_flight });
    }

    /// The only router was killed, and no other has begun: the database knows what it had in hand.
    pub(crate) async fn killed(&mut self) -> anyhow::Result<()> {
        let url = &self.deployment.servers().context("servers")?.postgres_url;
        let unmarked = "SELECT i.decision_id::TEXT FROM inbox i JOIN lease l USING (partition) \
             WHERE l.component = 'router' AND i.rule IS NOT NULL AND i.seq > l.published_seq";
        let rows = database::session(url).await?.query(unmarked, &[]).await?;
        let ids = rows.iter().map(|row| row.get(0)).collect();
        self.ledger.interruptions.push(InterruptionRecord { what: "killed".to_owned(), in_flight: InFlight::Ids(ids) });
        Ok(())
    }

    /// A message of the test's own, by a customer of its own; gives the answer.
    pub(crate) async fn post(&mut self, wamid: &str, from: &str, said: &str) -> anyhow::Result<u16> {
        let status = self.deployment.client()?.post(text(wamid, from, said).to_string().as_bytes()).await?;
        self.add_post(own_item(wamid, from, ItemKind::Message), status, true);
        Ok(status)
    }

    /// Records a POST of the test's own that held one message. It says nothing about the order.
    pub(crate) fn add_post(&mut self, item: Item, status: u16, signed: bool) {
        let number = 1_000_000 + u64::try_from(self.ledger.posts.len()).unwrap_or_default();
        self.ledger.posts.push(PostRecord {
            number,
            started_ns: 0,
            answered_ns: u64::MAX,
            started_at_ms: 0,
            answer: Answer::Status(status),
            signed,
            items: vec![item],
        });
    }

    /// Ends the load, waits for the drain, and holds the ledger to be good. Writes the fault's line in any case.
    pub(crate) async fn finish(self) -> anyhow::Result<(Verdict, Ledger)> {
        self.finish_with_parked(0).await
    }

    /// The same, where up to so many messages may be dead letters. No fault but a message's own is a reason for that.
    pub(crate) async fn finish_with_parked(mut self, parked_max: u64) -> anyhow::Result<(Verdict, Ledger)> {
        let verdict = self.judge(DRAIN_TIMEOUT).await?;
        self.report(&verdict)?;
        verdict.clone().into_result()?;
        ensure!(verdict.unchecked.is_empty(), "something was not checked: {verdict}");
        ensure!(verdict.counts.parked <= parked_max, "innocent messages are parked: {verdict}");
        Ok((verdict, self.ledger))
    }

    /// The same without an opinion, where it is known that something is missing.
    pub(crate) async fn judge_quickly(self) -> anyhow::Result<(Verdict, Ledger)> {
        self.judge_within(QUICK_DRAIN_TIMEOUT).await
    }

    /// The same where something is late, and nothing is missing in the end.
    pub(crate) async fn judge_late(self) -> anyhow::Result<(Verdict, Ledger)> {
        self.judge_within(DRAIN_TIMEOUT).await
    }

    async fn judge_within(mut self, drain_timeout: Duration) -> anyhow::Result<(Verdict, Ledger)> {
        let verdict = self.judge(drain_timeout).await?;
        self.report(&verdict)?;
        Ok((verdict, self.ledger))
    }

    async fn judge(&mut self, drain_timeout: Duration) -> anyhow::Result<Verdict> {
        self.load.stop().await?;
        self.ledger.posts.extend(self.load.records());
        self.drain(drain_timeout).await?;
        let url = StoreUrl::parse(&self.deployment.servers().context("servers")?.postgres_url)?;
        let store = Store::open(&url, StoreOptions::default()).await?;
        let mut facts = self.facts(&store, drain_timeout).await?;
        // Where nobody could tell what was in flight, the leases are among what is allowed for.
        let is_told = |one: &InterruptionRecord| matches!(one.in_flight, InFlight::Ids(_));
        if self.ledger.interruptions.iter().all(is_told) {
            let logs = self.deployment.logs()?;
            self.ledger.interruptions.push(InterruptionRecord::leases_lost(logs.iter().map(String::as_str)));
        }
        if let Some(timing) = &self.timing {
            self.recovered_in = timing.note(&mut facts).await?;
        }
        self.ledger.store = Some(facts);
        self.ledger.rule_sets.extend(activated_rule_sets(&store).await?);
        self.ledger.markers = self.load.personal_data().iter().cloned().collect();
        self.ledger.texts.extend(self.deployment.said().await?);
        store.close().await;
        Ok(self.ledger.check())
    }

    /// Waits until what is kept is there, or the time is over.
    async fn facts(&mut self, store: &Store, timeout: Duration) -> anyhow::Result<StoreFacts> {
        let began_at = Instant::now();
        let mut facts = StoreFacts::read(store).await?;
        loop {
            let ledger = Ledger { store: Some(facts), ..std::mem::take(&mut self.ledger) };
            let is_complete = ledger.not_kept() == 0;
            self.ledger = ledger;
            facts = self.ledger.store.take().unwrap_or_default();
            if is_complete || began_at.elapsed() > timeout {
                return Ok(facts);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            facts.read_kept(store).await?;
        }
    }

    /// Reads every queue where a person would, until all that was promised is there or the time is over, and then
    /// looks whether any queue still holds something.
    async fn drain(&mut self, timeout: Duration) -> anyhow::Result<()> {
        let bus = self.bus().await?;
        let mut promised = promised(&self.ledger);
        let mut malformed = malformed(&self.ledger);
        let queues = read_queues();
        let names: Vec<&str> = queues.iter().map(String::as_str).collect();
        let mut reader = self.deployment.reader(&names).await?;
        let began_at = Instant::now();
        let mut added = 0;
        while began_at.elapsed() < timeout {
            let found = reader.look()?;
            for found in &found[added..] {
                promised.remove(&found.message.id);
                if found.queue == DEAD_LETTERS_QUEUE && !malformed.is_empty() {
                    let letter = DeliveryRecord::new(&found.queue, 0, &found.message, 0, 0).dead_letter;
                    let text = letter.and_then(|letter| letter.quarantined).unwrap_or_default();
                    malformed.retain(|key| !text.contains(key));
                }
            }
            added = found.len();
            // A queue without anything ready may have much on the way to us.
            let is_complete = promised.is_empty() && malformed.is_empty();
            if is_complete && self.depths(&bus).await?.iter().all(|depth| depth.ready == 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.ledger.depths = self.depths(&bus).await?;
        self.ledger.deliveries = deliveries(&mut reader)?;
        let properties =
            reader.look()?.iter().map(|found| format!("{} {:?}\n", found.message.id, found.message.headers));
        self.ledger.texts.push(TextRecord { source: "AMQP properties".to_owned(), text: properties.collect() });
        Ok(())
    }

    /// How much each queue holds that should hold nothing any more.
    async fn depths(&self, bus: &RabbitBus) -> anyhow::Result<Vec<QueueDepth>> {
        let mut found = Vec::new();
        let ours = (0..PARTITIONS).flat_map(|id| ["in", "optin", "st"].map(|kind| format!("wa.{kind}.p{id:02}")));
        for queue in ours.chain(["wa.account".to_owned()]).chain(read_queues()) {
            let depth = bus.depth(&queue).await?.unwrap_or_default();
            found.push(QueueDepth { queue, ready: depth.ready, unacknowledged: depth.unacknowledged });
        }
        Ok(found)
    }

    fn report(&self, verdict: &Verdict) -> anyhow::Result<()> {
        let counts = &verdict.counts;
        let line = json!({
            "fault": self.fault,
            "good": verdict.is_good(),
            "messages": counts.messages,
            "lost": counts.lost,
            "doubled": counts.doubled,
            "out_of_order": counts.out_of_order,
            "redelivered": counts.redelivered,
            "in_flight": counts.in_flight,
            "parked": counts.parked,
            "longest_pause_ms": u64::try_from(self.load.longest_pause().as_millis())?,
            "time_to_recover_ms": u64::try_from(self.recovered_in.as_millis())?,
        });
        append(&line)
    }
}

/// Writes a line into the report.
pub(crate) fn append(line: &serde_json::Value) -> anyhow::Result<()> {
    eprintln!("{line}");
    let Some(file) = std::env::var_os(REPORT_ENV) else { return Ok(()) };
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
    // One write: tests that run beside each other share the file.
    file.write_all(format!("{line}\n").as_bytes())?;
    Ok(())
}

pub(crate) fn load_config(deployment: &Deployment, rate: f64) -> LoadConfig {
    LoadConfig { rate_per_second: Some(rate), ..LoadConfig::new(deployment.webhook_url(), APP_SECRET) }
}

/// Ids of the messages that were answered 200.
fn promised(ledger: &Ledger) -> HashSet<String> {
    let accepted = ledger.posts.iter().filter(|post| post.is_accepted()).flat_map(|post| &post.items);
    accepted.filter(|item| item.kind == ItemKind::Message).map(decision_id).collect()
}

/// Words in what must be a dead letter.
fn malformed(ledger: &Ledger) -> Vec<String> {
    let accepted = ledger.posts.iter().filter(|post| post.is_accepted()).flat_map(|post| &post.items);
    accepted.filter(|item| item.kind == ItemKind::Malformed).map(|item| item.key.clone()).collect()
}

fn decision_id(item: &Item) -> String {
    DecisionId::of_event(&PhoneNumberId::new(item.phone_number_id.clone()), &item.key).to_string()
}

fn read_queues() -> Vec<String> {
    let of = |team: &&str| ["urgent", "normal"].map(|priority| format!("team.{team}.{priority}"));
    let mut queues: Vec<String> = TEAMS.iter().flat_map(of).collect();
    queues.extend(["wa.unrouted".to_owned(), "wa.dead-letters".to_owned()]);
    queues
}

/// How many messages have come out; `None` when the broker does not say.
async fn routed(bus: &RabbitBus) -> Option<u64> {
    let mut sum = 0;
    for queue in read_queues() {
        sum += bus.depth(&queue).await.ok()?.unwrap_or_default().ready;
    }
    Some(sum)
}

fn deliveries(reader: &mut Reader) -> anyhow::Result<Vec<DeliveryRecord>> {
    let record = |(found, position): (&Found, u64)| DeliveryRecord::new(&found.queue, position, &found.message, 0, 0);
    Ok(reader.look()?.iter().zip(0..).map(record).collect())
}

/// A message of the test's own, by a customer that the load does not have.
pub(crate) fn own_item(wamid: &str, from: &str, kind: ItemKind) -> Item {
    Item {
        phone_number_id: waypost_cloud_api::samples::SampleParams::default().phone_number_id,
        key: wamid.to_owned(),
        contact: from.to_owned(),
        ordinal: 1,
        kind,
    }
}

/// Waits until `url` answers `wanted`.
pub(crate) async fn answers(url: &str, wanted: u16) -> anyhow::Result<()> {
    let http = waypost_tests::webhook::http_client()?;
    eventually(&format!("{url} answers {wanted}"), DEADLINE, async || {
        let answer = http.get(url).timeout(Duration::from_secs(2)).send().await.ok()?;
        (answer.status().as_u16() == wanted).then_some(())
    })
    .await;
    Ok(())
}
