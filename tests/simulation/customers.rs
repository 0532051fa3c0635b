//! Customers and the front door: POSTs of several messages, each sent again until it is answered 200, sometimes once
//! more after that. What the ingress promises is played here: 200 only when every publication is confirmed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use waypost_bus::{Bus, Layout, Message, Outcome, Publication};
use waypost_domain::{AliasSet, DecisionId, PhoneNumberId};
use waypost_proto::event::CONTENT_TYPE;
use waypost_proto::{EVENT_KIND, encode_event, v1};
use waypost_tests::ledger::{Answer, Item, ItemKind, PostRecord};

use crate::bus::ProcessBus;
use crate::process::Process;
use crate::replica::POISON;
use crate::time::{now_ms, now_ns, sleep_until, wall_clock};
use crate::world::World;

const PUBLISH_TIMEOUT: Duration = Duration::from_millis(300);
const NUMBERS: [&str; 2] = ["106540352240001", "106540352240002"];
const TEXTS: [&str; 5] = ["hello", "my invoice please", "is anybody there", "an agent now", "thanks"];

/// The POSTs of all senders.
#[derive(Default)]
pub(crate) struct Posts(Mutex<Vec<PostRecord>>);

impl Posts {
    fn add(&self, mut post: PostRecord) {
        let mut posts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        post.number = u64::try_from(posts.len()).unwrap_or(u64::MAX) + 1;
        posts.push(post);
    }

    pub(crate) fn all(&self) -> Vec<PostRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Sends one POST after the other, for customers that nobody else writes for.
pub(crate) struct Sender {
    pub(crate) world: Arc<World>,
    pub(crate) layout: Layout,
    pub(crate) posts: Arc<Posts>,
    pub(crate) index: u64,
    pub(crate) customers: u64,
    pub(crate) messages: u64,
}

/// What is published for one POST.
#[derive(Clone)]
struct Body {
    items: Vec<Item>,
    publications: Vec<Publication>,
}

impl Sender {
    pub(crate) async fn run(self) {
        let process = Process::new(format!("ingress{}", self.index), self.world.clone());
        let door = Arc::new(Door { bus: ProcessBus(process), world: self.world.clone(), posts: self.posts.clone() });
        let mut ordinal = 0;
        while ordinal < self.messages {
            let size = self.world.state().rng.u64(1..=4).min(self.messages - ordinal);
            let body = self.body(ordinal, size);
            ordinal += size;
            while !door.post(&body).await {
                sleep_until(self.world.slot(10, 200)).await;
            }
            let (again, at_once) = {
                let mut state = self.world.state();
                (state.chance(80), state.rng.bool())
            };
            if again {
                let (door, wait) = (door.clone(), self.world.slot(1, if at_once { 20 } else { 1_500 }));
                tokio::spawn(async move {
                    sleep_until(wait).await;
                    door.post(&body).await;
                });
            }
            sleep_until(self.world.slot(1, 150)).await;
        }
    }

    fn body(&self, first: u64, size: u64) -> Body {
        let mut body = Body { items: Vec::new(), publications: Vec::new() };
        for ordinal in first..first + size {
            let (customer, number, text, kind) = {
                let mut state = self.world.state();
                let customer = state.rng.u64(0..self.customers);
                let number = NUMBERS[state.rng.usize(0..NUMBERS.len())];
                let text = TEXTS[state.rng.usize(0..TEXTS.len())];
                let kind = match state.rng.u32(0..100) {
                    0 => "poison",
                    1 => "damaged",
                    _ => "text",
                };
                (customer, number, text, kind)
            };
            let contact = format!("1555{:04}{customer:03}", self.index);
            let key = format!("wamid.{}.{ordinal}", self.index);
            body.publications.push(self.publication(number, &key, &contact, text, kind));
            body.items.push(Item {
                phone_number_id: number.to_owned(),
                key,
                contact,
                ordinal,
                kind: ItemKind::Message,
            });
        }
        body
    }

    fn publication(&self, number: &str, key: &str, phone: &str, text: &str, kind: &str) -> Publication {
        let aliases = AliasSet { phone: Some(phone.to_owned()), ..AliasSet::default() };
        let partition = self.layout.partitions.of_contact(&aliases, key);
        let json = format!(r#"{{"from":"{phone}","id":"{key}","type":"text","text":{{"body":"{text}"}}}}"#);
        let event = v1::Event {
            kind: v1::EventKind::Message.into(),
            phone_number_id: number.to_owned(),
            waba_id: "1".to_owned(),
            field: "messages".to_owned(),
            key: key.to_owned(),
            contact: Some(aliases.into()),
            json: json.into(),
            received_at_ms: wall_clock().as_millis(),
            ..v1::Event::default()
        };
        let mut message = Message {
            id: DecisionId::of_event(&PhoneNumberId::new(number), key).to_string(),
            kind: EVENT_KIND.to_owned(),
            content_type: CONTENT_TYPE.to_owned(),
            body: if kind == "damaged" { Bytes::from_static(b"\xff") } else { encode_event(event) },
            ..Message::default()
        };
        if kind == "poison" {
            message.headers.insert(POISON.to_owned(), String::new());
        }
        Publication { address: self.layout.inbound(partition), message }
    }
}

struct Door {
    bus: ProcessBus,
    world: Arc<World>,
    posts: Arc<Posts>,
}

impl Door {
    /// Whether it was answered 200.
    async fn post(&self, body: &Body) -> bool {
        let (started_ns, started_at_ms) = (now_ns(), wall_clock().as_millis());
        let outcomes = self.bus.publish(body.publications.clone(), PUBLISH_TIMEOUT).await;
        let is_accepted = outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed);
        let is_told = !self.world.state().chance(10);
        let answer = match (is_told, is_accepted) {
            (false, _) => Answer::None("reset".to_owned()),
            (true, true) => Answer::Status(200),
            (true, false) => Answer::Status(503),
        };
        let keys: Vec<&str> = body.items.iter().map(|item| item.key.as_str()).collect();
        self.world.log("sender", format_args!("POST {keys:?} since {}: {answer:?}", started_ns / 1_000_000));
        let accepted = answer == Answer::Status(200);
        // Every answer has an instant of its own: what begins then came after it.
        self.posts.add(PostRecord {
            number: 0,
            started_ns,
            answered_ns: now_ms() * 1_000_000,
            started_at_ms,
            answer,
            signed: true,
            items: body.items.clone(),
        });
        accepted
    }
}
