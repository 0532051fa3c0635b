//! Requests off a bus in a file: kept once, for their authors; parked with the field, answered where they ask for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use waypost_bus::dead_letter::{DETAIL_HEADER, PARKED_AT_HEADER, reason_code, replay};
use waypost_bus::topology::DEAD_LETTERS_QUEUE;
use waypost_bus::{
    Address, CORRELATION_HEADER, Layout, Message, Outcome, Publication, Queue, QueueKind, REPLY_TO_HEADER, Stream,
    Topology, USER_HEADER,
};
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_domain::send::{Author, SendId};
use waypost_store::{SendFilter, SendRow, Store};

use super::*;
use crate::messages::tests::{PHONE, shared};

const WITHIN: Duration = Duration::from_secs(20);
const ANSWERS: &str = "answers";

struct Scene {
    bus: Arc<EmbeddedBus>,
    store: Store,
    stop: CancellationToken,
    running: JoinHandle<()>,
    _folder: TempDir,
}

impl Scene {
    async fn new(bus_has_users: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (shared, _) = shared(&folder).await;
        let store = shared.store.clone();
        let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
        let mut topology = Topology::new(Layout::new(PartitionCount::DEFAULT), &BTreeSet::new(), false);
        let address = Address { stream: Stream::Activity, key: ANSWERS.to_owned() };
        topology.queues.push(Queue { name: ANSWERS.to_owned(), address, kind: QueueKind::Work, messages_max: None });
        bus.declare(&topology).await.unwrap();
        let stop = CancellationToken::new();
        let requests = Requests { bus: bus.clone(), bus_has_users, shared };
        let worker = |component, shards| WorkerConfig::new(component, "one", shards);
        let running = tokio::spawn(requests.run(worker, stop.clone()));
        Self { bus, store, stop, running, _folder: folder }
    }

    async fn publish(&self, message: Message, priority: Priority) {
        let publication = Publication { address: Address::send(priority), message };
        assert_eq!(self.bus.publish(vec![publication], WITHIN).await, [Outcome::Confirmed]);
    }

    /// So many messages of a queue, acknowledged.
    async fn take(&self, queue: &str, count: usize) -> Vec<Message> {
        let mut taken = Vec::new();
        let taking = async {
            let mut consumer = self.bus.consume(queue, 16).await.unwrap();
            while taken.len() < count {
                let batch = consumer.next_batch(count - taken.len()).await.unwrap();
                taken.extend(batch.iter().map(|delivery| delivery.message.clone()));
                consumer.ack(batch).await.unwrap();
            }
            consumer.close().await;
        };
        tokio::time::timeout(WITHIN, taking).await.unwrap_or_else(|_| panic!("{queue} has not {count} messages"));
        taken
    }

    async fn answers(&self, count: usize) -> Vec<Value> {
        let taken = self.take(ANSWERS, count).await;
        taken.iter().map(|answer| serde_json::from_slice(&answer.body).unwrap()).collect()
    }

    async fn kept(&self) -> Vec<SendRow> {
        self.store.sends(&SendFilter::default(), None, 10).await.unwrap()
    }

    /// Everything is worked off and acknowledged.
    async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(WITHIN, self.running).await.expect("it ends").unwrap();
        for queue in queues() {
            let depth = self.bus.depth(&queue).await.unwrap().unwrap();
            assert_eq!((depth.ready, depth.unacknowledged.unwrap_or_default()), (0, 0), "{queue}");
        }
    }
}

fn request(send_id: &str) -> Value {
    json!({
        "send_id": send_id, "number": "numbers/number-1", "to": {"phone": format!("+{PHONE}")},
        "content": {"text": {"body": "Hello"}},
    })
}

fn message(body: &Value, headers: &[(&str, &str)]) -> Message {
    let headers: BTreeMap<String, String> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Message { id: "m".to_owned(), headers, body: body.to_string().into(), ..Message::default() }
}

/// One that asks for an answer.
fn asking(body: &Value, correlation: &str) -> Message {
    message(body, &[(REPLY_TO_HEADER, ANSWERS), (CORRELATION_HEADER, correlation)])
}

#[tokio::test]
async fn a_request_is_kept_once_and_answered_as_often_as_it_comes() {
    let scene = Scene::new(false).await;
    scene.publish(asking(&request("a/1"), "one"), Priority::Normal).await;
    let first = scene.take(ANSWERS, 1).await;
    assert_eq!(serde_json::from_slice::<Value>(&first[0].body).unwrap(), json!({"send_id": "a/1", "state": "queued"}));
    assert_eq!((&*first[0].headers[CORRELATION_HEADER], &*first[0].id), ("one", "one"));
    assert_eq!((&*first[0].kind, &*first[0].content_type), ("waypost.send-answer.v1", "application/json"));

    let mut tx = scene.store.begin_change().await.unwrap();
    tx.cancel_send(&SendId::new("a/1").unwrap()).await.unwrap();
    tx.commit(&[]).await.unwrap();
    scene.publish(asking(&request("a/1"), "two"), Priority::Normal).await;
    assert_eq!(scene.answers(1).await, [json!({"send_id": "a/1", "state": "cancelled"})], "how far it has come by now");
    let mut other = request("a/1");
    other["content"]["text"]["body"] = json!("Good bye");
    scene.publish(asking(&other, "three"), Priority::Normal).await;
    assert_eq!(scene.answers(1).await[0]["error"]["field"], "send_id");
    assert_eq!(scene.kept().await.len(), 1);
    scene.end().await;
}

/// Where the bus knows no users, whoever may write its files speaks.
#[tokio::test]
async fn the_queue_says_what_is_urgent() {
    let scene = Scene::new(false).await;
    scene.publish(message(&request("a"), &[]), Priority::Urgent).await;
    let mut contradicts = request("b");
    contradicts["priority"] = json!("urgent");
    scene.publish(asking(&contradicts, "b"), Priority::Normal).await;
    assert_eq!(scene.answers(1).await[0]["error"]["field"], "priority");
    let kept = async || scene.kept().await.pop();
    let row = loop {
        match kept().await {
            Some(row) => break row,
            None => tokio::task::yield_now().await,
        }
    };
    assert_eq!((row.request.priority, row.request.author), (Priority::Urgent, Author::Agent("local".to_owned())));
    scene.end().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_parked_with_its_field_and_answered() {
    let scene = Scene::new(true).await;
    let team = "team-billing";
    let mut slip = request("a");
    slip["expires"] = json!("2030-01-01T00:00:00Z");
    let mut empty = request("a");
    empty["content"] = json!({});
    let mut nobody = request("a");
    nobody["to"] = json!({"phone": "+34600000009"});
    let mut elsewhere = request("a");
    elsewhere["number"] = json!("numbers/other");
    let cases = [
        (Some(team), slip, "expires", "INVALID_ARGUMENT"),
        (Some(team), empty, "content", "INVALID_ARGUMENT"),
        (Some(team), json!("no object"), "body", "INVALID_ARGUMENT"),
        (Some(team), nobody, "to", "CONTACT_UNKNOWN"),
        (Some(team), elsewhere, "number", "NUMBER_UNKNOWN"),
        (Some(team), request("a"), "conversation", "NO_CONVERSATION"),
        (None, request("a"), "user-id", "USER_MISSING"),
        (Some("waypost-admin"), request("a"), "user-id", "USER_NOT_ALLOWED"),
        (Some("somebody"), request("a"), "user-id", "USER_NOT_ALLOWED"),
    ];
    for (user, body, field, reason) in cases {
        let mut asked = asking(&body, field);
        asked.headers.extend(user.map(|user| (USER_HEADER.to_owned(), user.to_owned())));
        scene.publish(asked.clone(), Priority::Normal).await;
        let error = &scene.answers(1).await[0]["error"];
        assert_eq!((&error["field"], &error["reason"]), (&json!(field), &json!(reason)), "{error}");
        let letter = scene.take(DEAD_LETTERS_QUEUE, 1).await.remove(0);
        let (code, detail) = (reason_code(&letter).to_owned(), letter.headers[DETAIL_HEADER].clone());
        assert_eq!(code, "bad-send-request", "{detail}");
        assert_eq!(detail, format!("{field}: {}", error["message"].as_str().unwrap()));
        assert!(!detail.contains("34600000009") && !detail.contains("Hello"), "{detail}");
        // Mended, it comes back as it was: from the same user, to the same queue, with the same wish for an answer.
        let again = replay(letter).unwrap();
        assert_eq!(again.address, Address::send(Priority::Normal));
        assert!(asked.headers.iter().all(|(name, value)| again.message.headers.get(name) == Some(value)));
    }
    assert_eq!(scene.kept().await, []);
    scene.end().await;
}

/// Fault 29: what was parked long ago is as old as that, and not as when somebody replays it.
#[tokio::test]
async fn what_is_replayed_is_as_old_as_when_it_was_parked() {
    const HOUR_MS: i64 = 60 * 60 * 1000;
    let scene = Scene::new(false).await;
    let now = scene.store.now().await.unwrap();
    let parked = async |body: &Value, id: &str, hours: i64| {
        let mut body = body.clone();
        body["send_id"] = json!(id);
        let mut asked = asking(&body, id);
        let at = now.plus_millis(-hours * HOUR_MS).as_millis().to_string();
        asked.headers.insert(PARKED_AT_HEADER.to_owned(), at);
        scene.publish(asked, Priority::Normal).await;
        let error = scene.answers(1).await[0]["error"].take();
        let row = scene.store.send(&SendId::new(id).unwrap()).await.unwrap();
        (error["reason"].as_str().unwrap_or_default().to_owned(), row.map(|row| row.ends_at.millis_since(now)))
    };
    let answer = request("");
    assert_eq!(parked(&answer, "old", 25).await, ("TOO_OLD".to_owned(), None));
    let (error, left) = parked(&answer, "late", 23).await;
    assert_eq!((&*error, left.map(|left| left / HOUR_MS)), ("", Some(1)), "an hour is left of its day");
    // What was kept before is that, however old the copy: nobody is told to ask for it anew.
    assert_eq!(parked(&answer, "late", 25).await.0, "");
    // Whoever says it was parked in the future gains nothing.
    let (_, left) = parked(&answer, "ahead", -9).await;
    assert_eq!(left.map(|left| left / HOUR_MS), Some(24));
    let begun = json!({"cause": "event", "event": "a parcel left"});
    let begun: Value = [&answer, &begun].into_iter().flat_map(|one| one.as_object().unwrap().clone()).collect();
    assert_eq!(parked(&begun, "notice", 71).await.1.map(|left| left / HOUR_MS), Some(1), "it is of use for three days");
    assert_eq!(parked(&begun, "old-notice", 73).await.0, "TOO_OLD");
    // Who said until when it is of use meant that.
    let mut ends = answer.clone();
    ends["expire_time"] = json!("2100-01-01T00:00:00Z");
    assert_eq!(parked(&ends, "ends", 1_000).await.0, "");
    scene.take(DEAD_LETTERS_QUEUE, 2).await;
    scene.end().await;
}

/// It may come with a good one, in one batch.
#[tokio::test]
async fn an_answer_that_nobody_can_get_holds_nothing_up() {
    let scene = Scene::new(false).await;
    let nowhere = message(&request("a"), &[(REPLY_TO_HEADER, "nobody.waits")]);
    // Whoever reads there would take it for something else.
    let ours = message(&request("b"), &[(REPLY_TO_HEADER, "wa.send.urgent")]);
    for one in [nowhere, ours, asking(&request("c"), "c")] {
        scene.publish(one, Priority::Normal).await;
    }
    assert_eq!(scene.answers(1).await, [json!({"send_id": "c", "state": "queued"})]);
    let letter = scene.take(DEAD_LETTERS_QUEUE, 1).await.remove(0);
    assert!(letter.headers[DETAIL_HEADER].starts_with("reply-to: "), "{letter:?}");
    let kept: Vec<String> = scene.kept().await.iter().map(|row| row.request.id.to_string()).collect();
    assert_eq!(kept, ["c", "a"]);
    scene.end().await;
}
