//! The end of a run: everybody's account is asked for, and the ledger judges.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use waypost_bus::Bus as _;
use waypost_ledger::{
    Answer, Item, ItemKind, Ledger, PostRecord, QueueDepth, StoreFacts, TakenRecord, Verdict, WrittenRecord,
};

use super::super::run::append;
use super::desk::{Desk, SAID, WITHIN, phone};
use crate::deployment::RULES;

/// For what was asked for to come to its end, once nothing is wrong any more.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);
const QUICK_TIMEOUT: Duration = Duration::from_secs(2);

impl Desk {
    /// Waits for every send's end, holds the ledger to be good, and gives it. Writes the fault's line in any case.
    pub(super) async fn finish(mut self) -> anyhow::Result<(Verdict, Ledger)> {
        let verdict = self.judge(DRAIN_TIMEOUT).await?;
        self.report(&verdict)?;
        verdict.clone().into_result()?;
        ensure!(verdict.unchecked.is_empty(), "something was not checked: {verdict}");
        Ok((verdict, self.ledger))
    }

    /// The same without an opinion, where it is known that a promise is broken.
    pub(super) async fn judge_quickly(mut self) -> anyhow::Result<Verdict> {
        let verdict = self.judge(QUICK_TIMEOUT).await?;
        self.report(&verdict)?;
        Ok(verdict)
    }

    /// Waits until nothing goes any more by itself, and all is told.
    pub(super) async fn drained(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let open = self.journal.open().await?;
            if open.is_empty() {
                break;
            }
            ensure!(began.elapsed() < DRAIN_TIMEOUT, "{} sends are at no end: {open:?}", open.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let is_told = self.control().wait_until(DRAIN_TIMEOUT, |counts| counts.hooks_pending == 0).await;
        ensure!(is_told, "webhooks wait: {:?}", self.control().counts());
        Ok(())
    }

    /// Judges when all is drained, and what was told is taken in or the time is over.
    async fn judge(&mut self, timeout: Duration) -> anyhow::Result<Verdict> {
        self.drained().await?;
        let began = Instant::now();
        loop {
            self.collect().await?;
            let verdict = self.ledger.check();
            // What was answered 200 is on its way to the store.
            if verdict.is_good() || began.elapsed() > timeout {
                return self.with_texts().await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn with_texts(&mut self) -> anyhow::Result<Verdict> {
        self.ledger.markers = (0..self.customers).map(phone).chain([SAID.to_owned()]).collect();
        self.ledger.texts = self.scene.deployment.said().await?;
        Ok(self.ledger.check())
    }

    /// The platform's account, and the store's.
    async fn collect(&mut self) -> anyhow::Result<()> {
        let control = self.control();
        let sends = &mut self.ledger.sends;
        sends.taken = control.accepted().into_iter().zip(0..).map(taken).collect();
        let written = control.said().into_iter().map(|said| WrittenRecord {
            at_ms: said.at_ms,
            phone_number_id: said.phone_number_id,
            customer: said.customer,
            opens_window: said.opens_window,
        });
        sends.written = written.collect();
        sends.steps = self.journal.steps().await?;
        sends.entries = self.journal.consents().await?;
        sends.read_rows(&self.store).await?;
        self.ledger.posts = control.posted_statuses().into_iter().zip(0..).map(post).collect();
        let mut facts = StoreFacts::default();
        facts.read_kept(&self.store).await?;
        // Of changes no generator has written down what was in them; nor are messages judged here.
        facts.changes.clear();
        self.ledger.store = Some(facts);
        // Nobody decides in this run, by any rules.
        self.ledger.rule_sets = vec![RULES.to_owned()];
        let bus = self.scene.deployment.servers().context("servers")?.bus().await?;
        self.ledger.depths.clear();
        let statuses = (0..4).map(|id| format!("wa.st.p{id:02}"));
        for queue in statuses.chain(["wa.account", "wa.send.urgent", "wa.send.normal"].map(str::to_owned)) {
            let depth = bus.depth(&queue).await?.unwrap_or_default();
            self.ledger.depths.push(QueueDepth { queue, ready: depth.ready, unacknowledged: depth.unacknowledged });
        }
        bus.close(WITHIN).await;
        Ok(())
    }

    fn report(&self, verdict: &Verdict) -> anyhow::Result<()> {
        let counts = &verdict.counts;
        append(&json!({
            "fault": self.fault,
            "good": verdict.is_good(),
            "messages": counts.asked,
            "lost": counts.lost,
            "doubled": counts.doubled,
            "out_of_order": counts.out_of_order,
            // Taken twice, and marked so.
            "redelivered": counts.marked,
            "in_flight": counts.marked,
            "parked": 0,
            "longest_pause_ms": 0,
            "time_to_recover_ms": u64::try_from(self.recovered_in.as_millis())?,
        }))
    }
}

fn taken((message, position): (waypost_sandbox::AcceptedMessage, u64)) -> TakenRecord {
    let template = message.body.pointer("/template/name").and_then(serde_json::Value::as_str);
    TakenRecord {
        position,
        at_ms: message.at_ms,
        phone_number_id: message.phone_number_id,
        customer: message.customer,
        wamid: message.wamid,
        mark: message.callback_data,
        template: template.map(str::to_owned),
        category: message.category.as_str().to_owned(),
        fails_with: message.fails_with,
    }
}

fn post((status, number): (waypost_sandbox::PostedStatus, u64)) -> PostRecord {
    PostRecord {
        number,
        started_ns: 0,
        answered_ns: u64::MAX,
        started_at_ms: status.at_ms,
        answer: if status.is_taken { Answer::Status(200) } else { Answer::None("not taken".to_owned()) },
        signed: true,
        items: vec![Item {
            phone_number_id: status.phone_number_id,
            key: status.wamid,
            contact: String::new(),
            ordinal: 0,
            kind: ItemKind::Status { state: status.state.to_owned() },
        }],
    }
}
