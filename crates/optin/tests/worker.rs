//! The worker over a bus and a store: what comes off its queue, and what is in the ledger then.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waypost_bus::{Bus, Layout, Message, Outcome, Publication, Topology};
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_domain::consent::{Basis, ConsentEntry, Evidence, How, Said};
use waypost_domain::send::{Cause, SendContent, SendId};
use waypost_domain::team::Priority;
use waypost_domain::{
    AliasSet, Category, ConsentEntryId, ContactId, NumberName, PartitionCount, PartitionId, PhoneNumberId, WabaId,
};
use waypost_live::SendingLive;
use waypost_optin::{Optin, OptinConfig};
use waypost_policy::PolicyData;
use waypost_proto::event::encode_bundle;
use waypost_proto::route::encode_route_input;
use waypost_proto::{EVENT_KIND, encode_event, v1};
use waypost_rules::RouteInput;
use waypost_store::{
    EventKey, InboxRow, InboxWrites, PolicyDataRow, Sequence, Store, StoreOptions, StoreUrl, StoredDecision,
};
use waypost_worker::WorkerConfig;

const PATIENCE: Duration = Duration::from_secs(20);
const ANN: &str = "4915100000001";

struct Rig {
    store: Store,
    bus: std::sync::Arc<EmbeddedBus>,
    layout: Layout,
    _folders: [tempfile::TempDir; 2],
}

impl Rig {
    async fn new() -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let url = StoreUrl::sqlite_file(folders[0].path().join("store.db"));
        let store = Store::open(&url, StoreOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        let name = NumberName::new("support").unwrap();
        store.name_numbers(&[(name, PhoneNumberId::new("1"))]).await.unwrap();
        store.ensure_number(&PhoneNumberId::new("1"), "+49 30 111", &WabaId::new("9")).await.unwrap();
        let layout = Layout::new(PartitionCount::ONE);
        let bus = EmbeddedBus::open(folders[1].path(), Options::default()).unwrap();
        bus.declare(&Topology::new(layout, &BTreeSet::new(), false)).await.unwrap();
        Self { store, bus, layout, _folders: folders }
    }

    async fn contact(&self, phone: &str) -> ContactId {
        let aliases = AliasSet { phone: Some(phone.to_owned()), ..AliasSet::default() };
        self.store.upsert_contact(&aliases, &Default::default(), Some("de")).await.unwrap()
    }

    /// They agreed a while ago.
    async fn agrees(&self, contact: ContactId) {
        let now = self.store.now().await.unwrap();
        let entry = ConsentEntry {
            id: ConsentEntryId::from_uuid(Uuid::now_v7()),
            contact,
            brand: String::new(),
            category: Some(Category::Marketing),
            said: Said::Granted(Basis::Consent),
            at: Some(now.plus_millis(-1_000_000)),
            recorded_at: now,
            how: How::Api,
            source: None,
            recorded_by: "a test".to_owned(),
            evidence: Evidence { wording: "Yes!".to_owned(), ..Evidence::default() },
        };
        let mut change = self.store.begin_change().await.unwrap();
        change.append_consent(&[entry]).await.unwrap();
        change.commit(&[]).await.unwrap();
    }

    /// One message of the bus, with an event for each text, one second after the other.
    async fn publish(&self, id: &str, from: &str, texts: &[(&str, i64)]) {
        let now_s = self.store.now().await.unwrap().as_millis() / 1000;
        let event = |(key, (text, ago_s)): (usize, &(&str, i64))| {
            let at = now_s - ago_s;
            let key = format!("wamid.{id}.{key}");
            let json = format!(
                r#"{{"from":"{from}","id":"{key}","timestamp":"{at}","type":"text","text":{{"body":"{text}"}}}}"#
            );
            encode_event(v1::Event {
                kind: v1::EventKind::Message.into(),
                key,
                field: "messages".to_owned(),
                phone_number_id: "1".to_owned(),
                waba_id: "9".to_owned(),
                display_phone_number: "+49 30 111".to_owned(),
                contact: Some(v1::Aliases { phone: from.to_owned(), ..v1::Aliases::default() }),
                received_at_ms: now_s * 1000,
                json: json.into(),
                ..v1::Event::default()
            })
        };
        let body = encode_bundle(texts.iter().enumerate().map(event).collect());
        let message = Message { id: id.to_owned(), kind: EVENT_KIND.to_owned(), body, ..Message::default() };
        let publication = Publication { address: self.layout.consent(PartitionId(0)), message };
        assert_eq!(self.bus.publish(vec![publication], PATIENCE).await, [Outcome::Confirmed]);
    }

    /// Works off what there is, until nothing is left.
    async fn work(&self) {
        self.work_until(async || {
            let depth = self.bus.depth("wa.optin.p00").await.unwrap().unwrap();
            depth.ready + depth.unacknowledged.unwrap_or(0) == 0
        })
        .await;
    }

    async fn work_until(&self, is_done: impl AsyncFn() -> bool) {
        let sending = SendingLive::open(self.store.clone()).await.unwrap();
        let config = OptinConfig { claim_after: Duration::from_secs(3600) };
        let optin = Optin { config, layout: self.layout, bus: self.bus.clone(), store: self.store.clone(), sending };
        let stop = CancellationToken::new();
        let leases = |component, partitions| WorkerConfig {
            lease_ttl: Duration::from_secs(2),
            lease_renew_every: Duration::from_millis(50),
            ..WorkerConfig::new(component, "a", partitions)
        };
        let running = tokio::spawn(optin.run(leases, stop.clone()));
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !is_done().await {
            assert!(tokio::time::Instant::now() < deadline, "it takes too long");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
        running.await.unwrap();
    }

    /// `marketing withdrawn keyword wamid.A`: what the worker wrote of somebody.
    async fn written(&self, contact: ContactId) -> Vec<String> {
        let entries = self.store.consent_entries(&[contact]).await.unwrap();
        let ours = entries.into_iter().filter(|entry| entry.recorded_by == "optin");
        let mut ours: Vec<ConsentEntry> = ours.collect();
        ours.sort_by_key(|entry| entry.at);
        let shown = |entry: &ConsentEntry| {
            let about = entry.category.map_or("all", Category::as_str);
            let source = entry.source.as_deref().unwrap_or("nothing");
            format!("{about} {} {} {source}", entry.said.as_str(), entry.how.as_str())
        };
        ours.iter().map(shown).collect()
    }

    /// The confirmation that follows from the one stop of this contact.
    async fn confirmation(&self, contact: ContactId) -> Option<(String, Cause)> {
        let entries = self.store.consent_entries(&[contact]).await.unwrap();
        let mut found = Vec::new();
        for stop in entries.iter().filter(|entry| entry.said == Said::Withdrawn) {
            let id = SendId::new(format!("stop-{}", stop.id)).unwrap();
            let Some(row) = self.store.send(&id).await.unwrap() else { continue };
            let SendContent::FreeForm(text) = &row.request.content else { panic!("free-form") };
            found.push((format!("{text:?}"), row.request.cause));
        }
        assert!(found.len() <= 1, "once: {found:?}");
        found.pop()
    }
}

/// Case 20: a stop is withdrawn and confirmed once; the same word in a sentence is nothing. Told twice, and said thrice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_is_kept_with_its_source_and_confirmed_once() {
    let rig = Rig::new().await;
    let ann = rig.contact(ANN).await;
    rig.agrees(ann).await;
    rig.publish("a", ANN, &[("stop, he is not coming", 50), ("Stop.", 40), ("STOP STOP", 30)]).await;
    rig.publish("a", ANN, &[("stop, he is not coming", 50), ("Stop.", 40), ("STOP STOP", 30)]).await;
    rig.work().await;
    rig.publish("b", ANN, &[("please stop 🙏", 20)]).await;
    rig.work().await;
    let want =
        ["all withdrawn keyword wamid.a.1", "all withdrawn keyword wamid.a.2", "all withdrawn keyword wamid.b.0"];
    assert_eq!(rig.written(ann).await, want);
    let (text, cause) = rig.confirmation(ann).await.expect("one");
    assert!(text.contains("Sie erhalten keine weiteren Nachrichten"), "in the customer's language: {text}");
    assert_eq!(cause, Cause::StopConfirmation);
}

/// Case 22: an ordinary message re-subscribes nothing; START restores what was proven.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_start_restores() {
    let rig = Rig::new().await;
    let ann = rig.contact(ANN).await;
    rig.agrees(ann).await;
    rig.publish("a", ANN, &[("STOP", 50), ("where is my order?", 40)]).await;
    rig.work().await;
    assert_eq!(rig.written(ann).await, ["all withdrawn keyword wamid.a.0"]);
    rig.publish("b", ANN, &[("START", 30)]).await;
    rig.work().await;
    assert_eq!(rig.written(ann).await[1..], ["marketing granted keyword wamid.b.0"]);
    let entries = rig.store.consent_entries(&[ann]).await.unwrap();
    assert!(
        entries.iter().any(|entry| entry.recorded_by == "optin" && entry.evidence.wording == "Yes!"),
        "with its proof"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_s_stop_is_theirs_from_then_on() {
    let rig = Rig::new().await;
    rig.publish("a", "4915100000002", &[("abmelden", 5)]).await;
    rig.work().await;
    let stranger = rig.contact("4915100000002").await;
    assert_eq!(rig.written(stranger).await, ["all withdrawn keyword wamid.a.0"]);
    let (text, _) = rig.confirmation(stranger).await.expect("one");
    assert!(text.contains("Sie erhalten"), "in the language of the word: {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_looks_like_a_stop_asks_a_person() {
    let rig = Rig::new().await;
    let ann = rig.contact(ANN).await;
    rig.publish("a", ANN, &[("please stop writing to me", 50), ("I want no more messages", 40), ("cancel", 30)]).await;
    rig.work().await;
    assert_eq!(rig.written(ann).await, ["all suspected keyword wamid.a.0"], "once");
    assert_eq!(rig.confirmation(ann).await, None);
    let alerts = rig.store.open_alerts().await.unwrap();
    let [alert] = &alerts[..] else { panic!("one alert, not {}", alerts.len()) };
    assert_eq!(alert.to_string(), "number/support/suspected_stop");
    assert!(alert.why.contains(&format!("contacts/{ann}")) && !alert.why.contains(ANN), "{}", alert.why);
}

/// Everyday words are a stop where they are switched on, and in the United States.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyday_words_count_where_they_are_to() {
    let rig = Rig::new().await;
    let (ann, joe) = (rig.contact(ANN).await, rig.contact("16505551234").await);
    rig.publish("a", "16505551234", &[("Cancel", 5)]).await;
    rig.work().await;
    assert_eq!(rig.written(joe).await, ["all withdrawn keyword wamid.a.0"]);
    let text = PolicyData::DEFAULT_TEXT.replacen("version = 1", "version = 2", 1).replacen(
        "everyday_numbers = []",
        "everyday_numbers = [\"support\"]",
        1,
    );
    let row = PolicyDataRow {
        version: PolicyData::from_toml(&text).unwrap().version,
        created_at: rig.store.now().await.unwrap(),
        created_by: "a test".to_owned(),
        note: String::new(),
        text,
    };
    let mut change = rig.store.begin_change().await.unwrap();
    change.push_policy_data(&row).await.unwrap();
    change.commit(&[]).await.unwrap();
    rig.publish("b", ANN, &[("Parar por favor", 5)]).await;
    rig.work().await;
    assert_eq!(rig.written(ann).await, ["all withdrawn keyword wamid.b.0"]);
}

/// Backlog: the stop counts from when it was said, and nobody is told of it a day later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_late_is_kept_and_not_confirmed() {
    let rig = Rig::new().await;
    let ann = rig.contact(ANN).await;
    rig.publish("a", ANN, &[("STOP", 24 * 60 * 60)]).await;
    rig.work().await;
    assert_eq!(rig.written(ann).await, ["all withdrawn keyword wamid.a.0"]);
    assert_eq!(rig.confirmation(ann).await, None);
}

/// A stop that the release before has taken: its decision's input is all that is left of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_before_is_looked_through_once() {
    let rig = Rig::new().await;
    rig.store.fix_layout(PartitionCount::ONE).await.unwrap();
    let ann = rig.contact(ANN).await;
    rig.agrees(ann).await;
    let now = rig.store.now().await.unwrap();
    let texts = [("wamid.1", "STOP", 30), ("wamid.2", "stop, he is not coming", 20), ("wamid.3", "START", 10)];
    let lease =
        rig.store.acquire_lease("router", PartitionId(0), "r", PATIENCE, Sequence::OfInbox).await.unwrap().unwrap();
    let row = |(seq, (key, text, ago_s)): (usize, (&str, &str, i64))| {
        let event = EventKey { number: PhoneNumberId::new("1"), key: key.to_owned() };
        let input = RouteInput { number: "support".to_owned(), text: Some(text.to_owned()), ..RouteInput::default() };
        InboxRow {
            decision_id: event.decision_id(),
            number: event.number,
            key: event.key,
            seq: i64::try_from(seq).unwrap() + 1,
            kind: "message",
            contact: Some(ann),
            conversation: None,
            received_at: now.plus_millis(-ago_s * 1000),
            recorded_at: now,
            before_published_at: None,
            outcome: Some(StoredDecision {
                rule_set: "sha256:1".into(),
                rule: "r1".into(),
                phase: "route".into(),
                team: None,
                priority: Priority::Normal,
                why: String::new(),
                input: encode_route_input(&input),
                extras: vec![],
            }),
            held_event: None,
            held_for: None,
        }
    };
    let rows: Vec<InboxRow> = texts.into_iter().enumerate().map(row).collect();
    let tx = rig.store.begin_batch(&lease.fence(0, None)).await.unwrap();
    tx.finish(&InboxWrites { rows: &rows, ..InboxWrites::default() }).await.unwrap();
    let want = ["all withdrawn keyword wamid.1", "marketing granted keyword wamid.3"];
    for _ in 0..2 {
        rig.work_until(async || {
            let leases = rig.store.leases("optin-backfill").await.unwrap();
            leases.first().is_some_and(|lease| lease.published_seq == 1)
        })
        .await;
        assert_eq!(rig.written(ann).await, want);
    }
}

/// What cannot be read is a dead letter of its own, and stops nobody behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_event_is_parked_alone() {
    let rig = Rig::new().await;
    let ann = rig.contact(ANN).await;
    let message = Message {
        id: "bad".to_owned(),
        kind: EVENT_KIND.to_owned(),
        body: encode_bundle(vec![vec![0xff].into()]),
        ..Message::default()
    };
    let publication = Publication { address: rig.layout.consent(PartitionId(0)), message };
    rig.bus.publish(vec![publication], PATIENCE).await;
    rig.publish("a", ANN, &[("STOP", 5)]).await;
    rig.work().await;
    assert_eq!(rig.written(ann).await, ["all withdrawn keyword wamid.a.0"]);
    assert_eq!(rig.bus.depth("wa.dead-letters").await.unwrap().unwrap().ready, 1);
}
