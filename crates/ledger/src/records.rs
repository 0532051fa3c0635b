//! What is recorded. One JSON object per line on disk; a reader must know every field of its own release only.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use waypost_bus::dead_letter::{DIVERTED_HEADER, origin};
use waypost_bus::topology::DEAD_LETTERS_QUEUE;
use waypost_bus::{DeadLetterReason, Message};
use waypost_domain::{DecisionId, PhoneNumberId};
use waypost_proto::conversation_changed;
use waypost_proto::v1::EventKind;
use waypost_proto::{EVENT_KIND, decode_event};

use crate::StoreFacts;
use crate::sends::{AskedRecord, ConsentFact, ConsentRecord, SendFact, StepFact, TakenRecord, WrittenRecord};

/// The component whose leases number the inbox, and say what of it was published.
pub(crate) const ROUTER: &str = "router";
pub(crate) const REPLAY_HEADER: &str = "wp-replay";
/// What is kept of a quarantined body: enough to find a generator's key in it.
const QUARANTINED_BYTES_MAX: usize = 64 << 10;

/// A line of a ledger file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", content = "of", rename_all = "snake_case")]
pub enum Entry {
    Post(PostRecord),
    Delivery(DeliveryRecord),
    Decision(DecisionFact),
    Status(StatusFact),
    Change(ChangeFact),
    Lease(LeaseFact),
    Activation(ActivationFact),
    Interruption(InterruptionRecord),
    Depth(QueueDepth),
    Text(TextRecord),
    Marker(String),
    /// The text of a rules file.
    RuleSet(String),
    Asked(AskedRecord),
    Taken(TakenRecord),
    Written(WrittenRecord),
    Consent(ConsentRecord),
    Send(SendFact),
    SendStep(StepFact),
    ConsentEntry(ConsentFact),
}

/// One attempt at a POST. A body that is sent again is another record with the same items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostRecord {
    /// Unique in the run.
    pub number: u64,
    /// Nanoseconds of the generator's monotonic clock: before the first byte was written.
    pub started_ns: u64,
    /// After the answer was read, or was given up.
    pub answered_ns: u64,
    /// Milliseconds since the epoch, to compare with logs.
    pub started_at_ms: i64,
    pub answer: Answer,
    /// Whether the signature was right.
    pub signed: bool,
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Status(u16),
    /// Transport error or time-out.
    None(String),
}

impl PostRecord {
    /// Whether what it holds is promised to be routed.
    pub fn is_accepted(&self) -> bool {
        self.answer == Answer::Status(200)
    }
}

/// A message, or something else that a POST held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub phone_number_id: String,
    /// A message's wamid; of a status the wamid it speaks of; of a change a text that is a value in it, and in no other;
    /// of a malformed part a word that is in it.
    pub key: String,
    /// Whose message it is: any name that is the same for all messages of one customer. Order holds per customer and
    /// number.
    pub contact: String,
    /// Which of the customer's messages it is; for people who read a violation.
    pub ordinal: u64,
    pub kind: ItemKind,
}

impl Item {
    /// The id under which it is routed, whoever does it.
    pub fn decision_id(&self) -> String {
        DecisionId::of_event(&PhoneNumberId::new(self.phone_number_id.as_str()), &self.key).to_string()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// Must be decided and delivered.
    Message,
    /// Written while another app holds the thread: must be kept, and is delivered only when control comes to us.
    Standby,
    /// Somebody answered outside of Waypost: must be kept.
    Echo,
    /// `status.state`, e.g. `delivered`, of one recipient: must be kept once.
    Status { state: String },
    /// A change of a contact, of a contact's preferences or of the control of a thread: must be kept once.
    ContactChange,
    /// A change of the account, a number or a template: must be kept once.
    AccountChange,
    /// Signed, but not what its place asks for: must be a dead letter.
    Malformed,
}

/// A message that a consumer received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    pub queue: String,
    /// Counted up in the order of receipt in this queue.
    pub position: u64,
    pub message_id: String,
    /// From the body; `None` where it says nothing of the kind.
    pub phone_number_id: Option<String>,
    pub key: Option<String>,
    /// Of a team message: what was decided.
    pub routing: Option<RoutingNote>,
    /// Why it is not where it was decided to go.
    pub diverted: Option<String>,
    /// Whether it tells of a conversation, and holds no message.
    #[serde(default)]
    pub is_of_conversation: bool,
    /// On `wa.dead-letters`.
    pub dead_letter: Option<DeadLetterNote>,
    /// Whether somebody had it routed again.
    pub replay: bool,
    pub received_ns: u64,
    pub received_at_ms: i64,
}

/// The `routing` part of a team message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingNote {
    pub rule_set: String,
    pub rule: String,
    pub phase: String,
    /// `None`: decided for nobody.
    pub team: Option<String>,
    pub priority: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterNote {
    /// A code of `DeadLetterReason`; empty where neither we nor the broker say why.
    pub reason: String,
    pub origin: String,
    /// The beginning of quarantined bytes; `None` for an event.
    pub quarantined: Option<String>,
    /// What a change says that is parked; `None` for everything else.
    pub change: Option<String>,
}

impl DeliveryRecord {
    /// Reads what a consumer received. `position` counts the messages of `queue`.
    pub fn new(queue: &str, position: u64, message: &Message, received_ns: u64, received_at_ms: i64) -> Self {
        let header = |name: &str| message.headers.get(name).cloned();
        let mut record = Self {
            queue: queue.to_owned(),
            position,
            message_id: message.id.clone(),
            phone_number_id: None,
            key: None,
            routing: None,
            diverted: header(DIVERTED_HEADER),
            is_of_conversation: message.kind == conversation_changed::KIND,
            dead_letter: None,
            replay: message.headers.contains_key(REPLAY_HEADER),
            received_ns,
            received_at_ms,
        };
        let mut change = None;
        if message.kind == EVENT_KIND {
            if let Ok(event) = decode_event(message.body.clone()) {
                let is_change = matches!(event.kind(), EventKind::ContactChange | EventKind::AccountChange);
                change = is_change.then(|| String::from_utf8_lossy(&event.json).into_owned());
                record.phone_number_id = Some(event.phone_number_id);
                record.key = Some(event.key);
            }
        } else if queue != DEAD_LETTERS_QUEUE && !record.is_of_conversation {
            record.read_team_message(&message.body);
        }
        if queue == DEAD_LETTERS_QUEUE {
            let beginning = &message.body[..message.body.len().min(QUARANTINED_BYTES_MAX)];
            record.dead_letter = Some(DeadLetterNote {
                reason: DeadLetterReason::of(message).map(|reason| reason.code().to_owned()).unwrap_or_default(),
                origin: origin(message).unwrap_or_default().to_owned(),
                quarantined: (message.kind != EVENT_KIND).then(|| String::from_utf8_lossy(beginning).into_owned()),
                change,
            });
        }
        record
    }

    fn read_team_message(&mut self, body: &[u8]) {
        let document: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |pointer: &str| document["data"].pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        self.phone_number_id = text("/phone_number_id");
        self.key = text("/message/wamid");
        self.routing = text("/routing/rule_set").map(|rule_set| RoutingNote {
            rule_set,
            rule: text("/routing/rule").unwrap_or_default(),
            phase: text("/routing/phase").unwrap_or_default(),
            team: text("/routing/team"),
            priority: text("/routing/priority").unwrap_or_default(),
        });
    }
}

/// A row of the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionFact {
    pub phone_number_id: String,
    pub key: String,
    pub decision_id: String,
    pub partition: u16,
    pub seq: i64,
    /// The router's word for what it was: `message`, `call`, `notice`, `standby`, `echo`, `change`.
    pub kind: String,
    /// At or below its partition's published mark.
    pub published: bool,
    /// `None`: nothing was routed.
    pub outcome: Option<OutcomeFact>,
    /// Where the run has recorded it.
    pub made: Option<MadeFact>,
}

/// When a decision was made, and what tells which version had to make it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFact {
    /// By the store's clock, milliseconds since the epoch.
    pub at_ms: i64,
    /// The same for all decisions of one batch, and for no other.
    pub transaction: String,
    /// Our name of the number that was written to.
    pub number: String,
    /// `None`: of nobody.
    pub contact: Option<String>,
}

/// A change of the versions in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationFact {
    pub revision: i64,
    /// By the store's clock, milliseconds since the epoch, before it was committed.
    pub at_ms: i64,
    /// From then on nobody decides by what was in force before.
    pub alone_from_ms: i64,
    pub active: String,
    pub trial: Option<TrialFact>,
}

/// A version that decides for some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialFact {
    pub version: String,
    pub percent: u8,
    /// By their names.
    pub numbers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeFact {
    pub rule_set: String,
    pub rule: String,
    pub phase: String,
    /// `None`: the unrouted queue.
    pub team: Option<String>,
    pub priority: String,
    /// The stored input, hexadecimal; empty when it was erased.
    pub input: String,
}

/// A status that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusFact {
    pub phone_number_id: String,
    pub wamid: String,
    pub state: String,
}

/// A change that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeFact {
    /// Of a contact, not of the account.
    pub is_of_contact: bool,
    pub field: String,
    pub json: String,
}

/// Something broke off what a router had in hand. What it had published by then, or perhaps published, and did not
/// know to be, comes again under the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterruptionRecord {
    /// E.g. `killed`.
    pub what: String,
    pub in_flight: InFlight,
}

/// What a router has in hand of one partition at most: a batch that is published and not marked, and the two that are
/// prefetched. The batches are the default's.
pub const IN_HAND_MAX: u64 = 3 * 128;

/// What may come once more for one interruption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InFlight {
    /// The messages with these ids.
    Ids(Vec<String>),
    /// So many messages, and nobody could tell which.
    AtMost(u64),
}

impl InterruptionRecord {
    /// A router was killed, and `store` was read before the next one began: in flight was what it had decided and not
    /// marked as published. Not told is what another event has released from a standby thread.
    pub fn killed(store: &StoreFacts) -> Self {
        let unmarked = store.decisions.iter().filter(|decision| decision.outcome.is_some() && !decision.published);
        let ids = unmarked.map(|decision| decision.decision_id.clone()).collect();
        Self { what: "killed".to_owned(), in_flight: InFlight::Ids(ids) }
    }

    /// The leases that living routers have lost, on a machine that is too slow for them; `logs`: all that each has said.
    ///
    /// Given a router that was killed before it had taken a partition, and another that has lost it by itself, then the
    /// lease was taken as often as if each had held it once: only the routers themselves can tell.
    pub fn leases_lost<'a>(logs: impl IntoIterator<Item = &'a str>) -> Self {
        let component = format!("\"{ROUTER}\"");
        let is_lost = |line: &&str| line.contains("lease lost") && line.contains(&component);
        let lost = logs.into_iter().flat_map(str::lines).filter(is_lost).fold(0, |lost, _| lost + 1);
        Self { what: "leases lost".to_owned(), in_flight: InFlight::AtMost(lost * IN_HAND_MAX) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseFact {
    pub component: String,
    pub partition: u16,
    pub owner: Option<String>,
    pub epoch: i64,
    pub published_seq: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDepth {
    pub queue: String,
    pub ready: u64,
    /// `None` where the bus does not tell.
    pub unacknowledged: Option<u64>,
}

/// Something that the program has said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextRecord {
    /// E.g. `log of router-1`, `metrics of router-1`.
    pub source: String,
    pub text: String,
}
