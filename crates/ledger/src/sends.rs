//! What is recorded of messages to customers: what was asked for, what the platform took, what customers wrote and agreed to, and
//! how the store saw each send go on. All but the store's part is written down by whoever did it, and never by the program.

use serde::{Deserialize, Serialize};
use waypost_domain::consent::Said;
use waypost_domain::send::{SendId, SendState};
use waypost_policy::Record;
use waypost_store::{SendFilter, SendRow, Store};

use crate::Entry;

/// Each may hold a whole request and its verdict.
const PAGE_ROWS: u32 = 500;

/// Everything about sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sends {
    pub asked: Vec<AskedRecord>,
    pub taken: Vec<TakenRecord>,
    pub written: Vec<WrittenRecord>,
    pub consents: Vec<ConsentRecord>,
    /// What the store holds at the end.
    pub rows: Vec<SendFact>,
    /// What it went through, where the run has noted that: without it nobody knows what held at each attempt.
    pub steps: Vec<StepFact>,
    pub entries: Vec<ConsentFact>,
}

/// One call that asks for a send. The same send asked for again is another record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedRecord {
    pub send: String,
    pub phone_number_id: String,
    /// Any name that is the same for all that is for one customer, and is the platform's name of them.
    pub customer: String,
    /// Order holds among those of one customer, number and line: answers do not wait for what the business begins.
    pub line: String,
    /// Nanoseconds of the requester's monotonic clock, as of a [`PostRecord`](crate::PostRecord).
    pub started_ns: u64,
    pub answered_ns: u64,
    pub answer: AskAnswer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskAnswer {
    /// It is kept: it comes to one end, or says why not.
    Kept,
    /// It is not: nothing of it goes.
    Refused,
    /// Nobody knows.
    None,
}

/// A message that the platform took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenRecord {
    /// Counted up in the order in which it took them.
    pub position: u64,
    /// By the platform's clock, milliseconds since the epoch.
    pub at_ms: i64,
    pub phone_number_id: String,
    pub customer: String,
    pub wamid: String,
    /// What it bears for us.
    pub mark: Option<String>,
    /// `None`: free-form.
    pub template: Option<String>,
    /// The platform's own, at this time.
    pub category: String,
    /// The code with which its `failed` status comes.
    pub fails_with: Option<i64>,
}

/// Something that a customer wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenRecord {
    /// By the platform's clock, milliseconds since the epoch.
    pub at_ms: i64,
    pub phone_number_id: String,
    pub customer: String,
    /// Whether free-form messages may go for a day from then on.
    pub opens_window: bool,
}

/// A call that wrote down what a customer agreed to or took back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentRecord {
    pub customer: String,
    /// `None`: everything that the business begins.
    pub category: Option<String>,
    pub allows: bool,
    pub started_ns: u64,
    pub answered_ns: u64,
}

/// A send as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendFact {
    pub send: String,
    pub contact: String,
    pub state: SendState,
    pub wamid: Option<String>,
    pub attempts: u32,
    /// It says that the customer may have it twice.
    pub maybe_duplicate: bool,
    /// By which rule it does not go, or not yet.
    pub rule: Option<String>,
    /// Nothing was heard of it in time, and it is left to a person.
    pub is_given_up: bool,
}

/// A change of a send's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFact {
    /// One count for steps and entries of consent; within a contact, the order in which they were made.
    pub order: i64,
    pub send: String,
    pub contact: String,
    pub attempt: u32,
    pub from: SendState,
    pub to: SendState,
}

/// An entry of the ledger of consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentFact {
    pub order: i64,
    pub contact: String,
    /// `None`: everything that the business begins.
    pub category: Option<String>,
    /// The store's word.
    pub said: String,
}

impl ConsentFact {
    /// Whether it allows or forbids; `None`: neither.
    pub(crate) fn allows(&self) -> Option<bool> {
        match self.said.as_str() {
            "granted" => Some(true),
            word if word == Said::Withdrawn.as_str() => Some(false),
            _ => None,
        }
    }
}

impl Sends {
    /// Whether there is nothing to judge.
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.taken.is_empty()
    }

    /// Reads what the store holds anew, in pages.
    pub async fn read_rows(&mut self, store: &Store) -> anyhow::Result<()> {
        self.rows.clear();
        let mut before = None;
        loop {
            let page = store.sends(&SendFilter::default(), before, PAGE_ROWS).await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Some(last.place);
            self.rows.extend(page.iter().map(SendFact::new));
        }
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let asked = self.asked.iter().cloned().map(Entry::Asked);
        let taken = self.taken.iter().cloned().map(Entry::Taken);
        let written = self.written.iter().cloned().map(Entry::Written);
        let consents = self.consents.iter().cloned().map(Entry::Consent);
        let rows = self.rows.iter().cloned().map(Entry::Send);
        let steps = self.steps.iter().cloned().map(Entry::SendStep);
        let entries = self.entries.iter().cloned().map(Entry::ConsentEntry);
        asked.chain(taken).chain(written).chain(consents).chain(rows).chain(steps).chain(entries)
    }
}

impl SendFact {
    /// Whether it goes on by itself, or nothing says why it does not.
    pub fn is_open(&self) -> bool {
        match self.state {
            SendState::Queued => self.rule.is_none(),
            SendState::Attempting => true,
            SendState::Uncertain => !self.is_given_up,
            _ => false,
        }
    }

    fn new(row: &SendRow) -> Self {
        let record = row.verdict.as_ref().and_then(|json| serde_json::from_slice::<Record>(json).ok());
        let rule = record.and_then(|record| Some(record.verdict.finding()?.rule.name().to_owned()));
        Self {
            send: SendId::to_string(&row.request.id),
            contact: row.request.contact.to_string(),
            state: row.state(),
            wamid: row.wamid.clone(),
            attempts: row.attempt,
            maybe_duplicate: row.maybe_duplicate,
            rule,
            is_given_up: row.is_given_up(),
        }
    }
}
