//! Customers and the front door: POSTs of several messages, each sent again until it is answered 200, sometimes once
//! more after that. What the ingress promises is played here: 200 only when every publication is confirmed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use waypost_bus::{Bus, Layout, Message, Outcome, Publication};
use waypost_domain::{AliasSet, DecisionId, PhoneNumberId};
use waypost_ledger::{Answer, Item, ItemKind, PostRecord};
use waypost_proto::event::CONTENT_TYPE;
use waypost_proto::{EVENT_KIND, encode_event, v1};

use crate::bus::ProcessBus;
use crate::process::Process;
use crate::replica::{DEADLY, POISON};
use crate::time::{now_ns, wall_clock};
use crate::world::{World, chance};

const PUBLISH_TIMEOUT: Duration = Duration::from_millis(300);
const NUMBERS: [&str; 2] = ["106540352240001", "106540352240002"];
/// Of a message that we have not sent.
const STATES: [&str; 4] = ["sent", "delivered", "read", "failed"];
const TEXTS: [&str; 5] = ["hello", "my invoice please", "is anybody there", "an agent now", "thanks"];

/// The POSTs of all senders.
#[derive(Default)]
pub(crate) struct Posts(Mutex<Vec<PostRecord>>);

impl Posts {
    /// A POST under way; its place.
    fn begin(&self, items: Vec<Item>) -> usize {
        let mut posts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = posts.len();
        posts.push(PostRecord {
            number: u64::try_from(place).unwrap_or(u64::MAX) + 1,
            started_ns: now_ns(),
            answered_ns: u64::MAX,
            started_at_ms: wall_clock().as_millis(),
            answer: Answer::None("under way".to_owned()),
            signed: true,
            items,
        });
        place
    }

    fn answer(&self, place: usize, answer: Answer) {
        let mut posts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (posts[place].answered_ns, posts[place].answer) = (now_ns(), answer);
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Text(&'static str),
    /// Its handler panics.
    Poison,
    /// The process that handles it dies.
    Deadly,
    /// Does not decode.
    Damaged,
    Standby,
    Echo,
    /// Control of the thread changes hands.
    Control(&'static str),
    Status(&'static str),
    /// The customer does not want to be written to.
    Preference,
    /// News of the account.
    Account,
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
        let name = format!("sender{}", self.index);
        let mut ordinal = 0;
        while ordinal < self.messages {
            let mut rng = self.world.turn(format!("{name} writes"), 1..=150).await;
            let size = rng.u64(1..=4).min(self.messages - ordinal);
            let body = self.body(&mut rng, ordinal, size);
            ordinal += size;
            while !door.post(&body).await {
                self.world.turn(format!("{name} tries again"), 10..=200).await;
            }
            if chance(&mut rng, 80) {
                let (door, key) = (door.clone(), format!("{name} repeats {ordinal}"));
                let delay = if rng.bool() { 1..=20 } else { 1..=1_500 };
                tokio::spawn(async move {
                    door.world.turn(key, delay).await;
                    door.post(&body).await;
                });
            }
        }
        let last = self.last_words();
        while !door.post(&last).await {
            self.world.turn(format!("{name} tries again"), 10..=200).await;
        }
    }

    fn body(&self, rng: &mut Rng, first: u64, size: u64) -> Body {
        let mut body = Body { items: Vec::new(), publications: Vec::new() };
        for ordinal in first..first + size {
            let customer = rng.u64(0..self.customers);
            let number = NUMBERS[rng.usize(0..NUMBERS.len())];
            let what = match rng.u32(0..200) {
                0 => What::Deadly,
                1 | 2 => What::Poison,
                3 => What::Damaged,
                4..=19 => What::Standby,
                20..=25 => What::Echo,
                26 | 27 => What::Control("control_passed"),
                28 | 29 => What::Control("control_taken"),
                30..=45 => What::Status(STATES[rng.usize(0..STATES.len())]),
                46..=49 => What::Preference,
                50..=53 => What::Account,
                _ => What::Text(TEXTS[rng.usize(0..TEXTS.len())]),
            };
            self.add(&mut body, number, customer, ordinal, what);
        }
        body
    }

    /// Control of every thread comes to us, so that everything that was held becomes work.
    fn last_words(&self) -> Body {
        let mut body = Body { items: Vec::new(), publications: Vec::new() };
        for customer in 0..self.customers {
            for (number, place) in NUMBERS.iter().zip(1..) {
                let ordinal = self.messages + customer * 2 + place;
                self.add(&mut body, number, customer, ordinal, What::Control("control_passed"));
            }
        }
        body
    }

    fn add(&self, body: &mut Body, number: &str, customer: u64, ordinal: u64, what: What) {
        let contact = format!("1555{:04}{customer:03}", self.index);
        let key = match what {
            // Several of one message, which may be the same again. A message has been sent from one number.
            What::Status(_) => format!("wamid.{number}.{}.{}", self.index, ordinal / 8),
            _ => format!("wamid.{}.{ordinal}", self.index),
        };
        let kind = match what {
            What::Text(_) | What::Poison | What::Deadly | What::Damaged => ItemKind::Message,
            What::Standby => ItemKind::Standby,
            What::Echo => ItemKind::Echo,
            What::Control(_) | What::Preference => ItemKind::ContactChange,
            What::Status(state) => ItemKind::Status { state: state.to_owned() },
            What::Account => ItemKind::AccountChange,
        };
        body.publications.push(self.publication(number, &key, &contact, what));
        body.items.push(Item { phone_number_id: number.to_owned(), key, contact, ordinal, kind });
    }

    /// As the ingress publishes it.
    fn publication(&self, number: &str, key: &str, phone: &str, what: What) -> Publication {
        let aliases = AliasSet { phone: Some(phone.to_owned()), ..AliasSet::default() };
        let partitions = self.layout.partitions;
        let (address, event_key) = match what {
            What::Status(state) => (self.layout.statuses(partitions.of_key(key)), format!("{key}:{state}")),
            What::Account => (self.layout.account(), key.to_owned()),
            _ => (self.layout.inbound(partitions.of_contact(&aliases, key)), key.to_owned()),
        };
        let (kind, field, json) = content(what, key, phone);
        let event = v1::Event {
            kind: kind.into(),
            phone_number_id: number.to_owned(),
            waba_id: "1".to_owned(),
            field: field.to_owned(),
            key: event_key.clone(),
            contact: Some(aliases.into()),
            json: json.into(),
            received_at_ms: wall_clock().as_millis(),
            ..v1::Event::default()
        };
        let mut message = Message {
            id: DecisionId::of_event(&PhoneNumberId::new(number), &event_key).to_string(),
            kind: EVENT_KIND.to_owned(),
            content_type: CONTENT_TYPE.to_owned(),
            body: if what == What::Damaged { Bytes::from_static(b"\xff") } else { encode_event(event) },
            ..Message::default()
        };
        let mark = match what {
            What::Poison => Some(POISON),
            What::Deadly => Some(DEADLY),
            _ => None,
        };
        message.headers.extend(mark.map(|mark| (mark.to_owned(), String::new())));
        Publication { address, message }
    }
}

/// The event's kind, the webhook's field, and what Meta says. The key of a change is a value in it.
fn content(what: What, key: &str, phone: &str) -> (v1::EventKind, &'static str, String) {
    let text = |text| format!(r#"{{"from":"{phone}","id":"{key}","type":"text","text":{{"body":"{text}"}}}}"#);
    match what {
        What::Text(said) => (v1::EventKind::Message, "messages", text(said)),
        What::Poison | What::Deadly | What::Damaged => (v1::EventKind::Message, "messages", text("hello")),
        What::Standby => (v1::EventKind::StandbyMessage, "standby", text("hello")),
        What::Echo => (v1::EventKind::Echo, "message_echoes", text("hello")),
        What::Control(how) => {
            let json = format!(r#"{{"messaging_handovers":[{{"wa_id":"{phone}","detail":"{key}","{how}":{{}}}}]}}"#);
            (v1::EventKind::ContactChange, "messaging_handovers", json)
        }
        What::Preference => {
            let json = format!(r#"{{"user_preferences":[{{"wa_id":"{phone}","value":"stop","detail":"{key}"}}]}}"#);
            (v1::EventKind::ContactChange, "user_preferences", json)
        }
        What::Status(state) => {
            let errors = if state == "failed" { r#","errors":[{"code":131047}]"# } else { "" };
            let json = format!(r#"{{"id":"{key}","status":"{state}","recipient_id":"{phone}"{errors}}}"#);
            (v1::EventKind::Status, "messages", json)
        }
        What::Account => {
            (v1::EventKind::AccountChange, "account_alerts", format!(r#"{{"alert_description":"{key}"}}"#))
        }
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
        let place = self.posts.begin(body.items.clone());
        let outcomes = self.bus.publish(body.publications.clone(), PUBLISH_TIMEOUT).await;
        let is_accepted = outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed);
        // Every answer has an instant of its own: what begins later came after it.
        let mut rng = self.world.turn(format!("answer to {:?}", body.items[0].key), 0..=5).await;
        let is_told = !chance(&mut rng, 10);
        let answer = match (is_told, is_accepted) {
            (false, _) => Answer::None("reset".to_owned()),
            (true, true) => Answer::Status(200),
            (true, false) => Answer::Status(503),
        };
        let keys: Vec<&str> = body.items.iter().map(|item| item.key.as_str()).collect();
        self.world.log("sender", format_args!("POST {} {keys:?}: {answer:?}", place + 1));
        let is_accepted = answer == Answer::Status(200);
        self.posts.answer(place, answer);
        is_accepted
    }
}
