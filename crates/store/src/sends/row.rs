//! One send, as it is stored.

use serde::{Deserialize, Serialize};
use waypost_domain::send::{Author, Cause, FreeForm, Progress, SendClass, SendContent, SendId, SendRequest, SendState};
use waypost_domain::team::Priority;
use waypost_domain::{CampaignName, Category, TeamName, Timestamp};

use crate::Result;
use crate::core::{Columns, Param, Table, params};

/// A send and how far it has come.
#[derive(Debug, Clone, PartialEq)]
pub struct SendRow {
    /// The order in which they were stored.
    pub place: i64,
    pub request: SendRequest,
    pub progress: Progress,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// Of a queued one: when it is looked at next. Of one that may have gone: when it is settled.
    pub due_at: Timestamp,
    /// From when on it is of no use.
    pub ends_at: Timestamp,
    /// It is queued behind the one before it.
    pub waits: bool,
    /// How often it was attempted.
    pub attempt: u32,
    /// How often in a row Meta has put it off.
    pub retries: u32,
    /// Under which lease it was attempted last.
    pub epoch: i64,
    pub attempted_at: Option<Timestamp>,
    /// It was sent again without knowing what had become of it.
    pub maybe_duplicate: bool,
    /// What it was judged as.
    pub category: Option<Category>,
    /// The template that went.
    pub template: Option<String>,
    /// Meta's id.
    pub wamid: Option<String>,
    pub resend_of: Option<SendId>,
    /// Of which it is one.
    pub campaign: Option<CampaignName>,
    /// JSON of the last verdict (`waypost_policy::Record`).
    pub verdict: Option<Vec<u8>>,
    pub price: Option<SendPrice>,
    /// Who had the conversation when it was asked for.
    pub team: Option<TeamName>,
    /// What it said is forgotten: its request has none of it.
    pub is_forgotten: bool,
}

/// What Meta said that it costs: its own words, of the first status that had any.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SendPrice {
    pub billed: Option<bool>,
    pub kind: Option<String>,
    pub category: Option<String>,
}

pub(crate) static SEND: Table = Table {
    name: "send",
    columns: &[
        ("created_at", "BIGINT"),
        ("due_at", "BIGINT"),
        ("ends_at", "BIGINT"),
        ("since", "BIGINT"),
        ("rank", "BIGINT"),
        ("line", "BIGINT"),
        ("urgent", "BIGINT"),
        ("automatic", "BIGINT"),
        ("contact_id", "UUID"),
        ("conversation_id", "UUID"),
        ("id", "TEXT"),
        ("number", "TEXT"),
        ("state", "TEXT"),
        ("author", "TEXT"),
        ("cause", "TEXT"),
        ("resend_of", "TEXT"),
        ("campaign", "TEXT"),
        ("fingerprint", "BYTEA"),
        ("request", "BYTEA"),
        ("team", "TEXT"),
    ],
};

/// What [`SendRow::from_row`] reads of `send s`.
pub(crate) const COLUMNS: &str = "s.place, s.due_at, s.ends_at, s.since, s.state, s.attempt, s.retries, s.epoch, s.waits, \
    s.attempted_at, s.accepted_at, s.sent_at, s.delivered_at, s.read_at, s.played_at, s.failed_at, s.error_code, \
    s.maybe_duplicate, s.category, s.template, s.wamid, s.resend_of, s.campaign, s.request, s.verdict, s.price, \
    s.contact_id, s.team, s.id, s.number, s.conversation_id, s.author, s.cause, s.created_at, s.urgent";

/// When a send is settled that nobody will hear of: never.
pub(crate) const GIVEN_UP: i64 = i64::MAX;

/// Who wrote it, as lists are filtered by it: `agent:kim`.
pub(super) fn author_word(author: &Author) -> String {
    let (kind, name) = match author {
        Author::Agent(name) => ("agent", name),
        Author::Bot(name) => ("bot", name),
        Author::Automation(name) => ("automation", name),
        Author::Campaign(name) => ("campaign", name),
    };
    format!("{kind}:{name}")
}

fn author_of_word(word: &str) -> Option<Author> {
    let (kind, name) = word.split_once(':')?;
    let name = name.to_owned();
    match kind {
        "agent" => Some(Author::Agent(name)),
        "bot" => Some(Author::Bot(name)),
        "automation" => Some(Author::Automation(name)),
        "campaign" => Some(Author::Campaign(name)),
        _ => None,
    }
}

/// The word of each cause; events keep their id in the request.
pub(super) const fn cause_word(cause: &Cause) -> &'static str {
    match cause {
        Cause::Reply => "reply",
        Cause::CustomerAsked => "customer_asked",
        Cause::StopConfirmation => STOP_CONFIRMATION,
        Cause::Event(_) => "event",
    }
}

fn cause_of_word(word: &str) -> Cause {
    match word {
        "reply" => Cause::Reply,
        "customer_asked" => Cause::CustomerAsked,
        STOP_CONFIRMATION => Cause::StopConfirmation,
        // Which event it was is forgotten, too.
        _ => Cause::Event(String::new()),
    }
}

pub(super) const STOP_CONFIRMATION: &str = "stop_confirmation";

/// What is urgent waits for nothing that is not: a code to sign in must not stand behind an offer.
pub(super) const fn line(class: SendClass, priority: Priority) -> i64 {
    match (class, priority) {
        (SendClass::Answer, Priority::Normal) => 0,
        (SendClass::BusinessStarted, Priority::Normal) => 1,
        (SendClass::Answer, Priority::Urgent) => 2,
        (SendClass::BusinessStarted, Priority::Urgent) => 3,
    }
}

pub(super) fn progress(row: &Columns<'_>) -> Result<Progress> {
    let failed_at: Option<Timestamp> = row.get("failed_at")?;
    let code: Option<i64> = row.get("error_code")?;
    Ok(Progress {
        state: row.get("state")?,
        accepted_at: row.get("accepted_at")?,
        sent_at: row.get("sent_at")?,
        delivered_at: row.get("delivered_at")?,
        read_at: row.get("read_at")?,
        played_at: row.get("played_at")?,
        failed: failed_at.map(|at| (at, code)),
    })
}

impl SendRow {
    pub(crate) fn from_row(row: &Columns<'_>) -> Result<Self> {
        let request: Vec<u8> = row.get("request")?;
        let is_forgotten = request.is_empty();
        let mut request: SendRequest = match is_forgotten {
            true => forgotten(row)?,
            false => serde_json::from_slice(&request).map_err(|_| row.unreadable("request"))?,
        };
        // Who it was sent to, where contacts were merged since it was stored.
        request.contact = row.get("contact_id")?;
        let price: Option<Vec<u8>> = row.get("price")?;
        let price = price.map(|json| serde_json::from_slice(&json)).transpose();
        Ok(Self {
            place: row.get("place")?,
            due_at: row.get("due_at")?,
            ends_at: row.get("ends_at")?,
            since: row.get("since")?,
            attempt: row.get("attempt")?,
            retries: row.get("retries")?,
            epoch: row.get("epoch")?,
            waits: row.get("waits")?,
            attempted_at: row.get("attempted_at")?,
            progress: progress(row)?,
            maybe_duplicate: row.get("maybe_duplicate")?,
            category: row.get("category")?,
            template: row.get("template")?,
            wamid: row.get("wamid")?,
            resend_of: row.get("resend_of")?,
            campaign: row.get("campaign")?,
            verdict: row.get("verdict")?,
            price: price.map_err(|_| row.unreadable("price"))?,
            team: row.get("team")?,
            is_forgotten,
            request,
        })
    }

    /// The state that it is in.
    pub const fn state(&self) -> SendState {
        self.progress.state
    }

    /// Whether nothing was heard of it in time, and it is left to a person.
    pub fn is_given_up(&self) -> bool {
        self.state() == SendState::Uncertain && self.due_at.as_millis() == GIVEN_UP
    }
}

/// What is still known of a request whose content is forgotten.
fn forgotten(row: &Columns<'_>) -> Result<SendRequest> {
    Ok(SendRequest {
        conversation: row.get("conversation_id")?,
        category: row.get("category")?,
        priority: if row.get("urgent")? { Priority::Urgent } else { Priority::Normal },
        ..SendRequest::plain(
            row.get("id")?,
            row.get("number")?,
            row.get("contact_id")?,
            row.parse("author", author_of_word)?.ok_or_else(|| row.unreadable("author"))?,
            row.parse("cause", |word| Some(cause_of_word(word)))?.ok_or_else(|| row.unreadable("cause"))?,
            SendContent::FreeForm(FreeForm::Text { body: String::new(), preview_url: false }),
            row.get("created_at")?,
        )
    })
}

/// A list of places, for one parameter.
pub(crate) fn places(places: &[i64]) -> Param<'static> {
    places.iter().copied().collect()
}

/// Columns of a new row, in the order of [`SEND`].
pub(super) struct NewRow<'a> {
    pub(super) request: &'a SendRequest,
    pub(super) ends_at: Timestamp,
    pub(super) resend_of: Option<&'a SendId>,
    pub(super) campaign: Option<&'a CampaignName>,
    pub(super) fingerprint: Vec<u8>,
    pub(super) json: Vec<u8>,
    pub(super) team: Option<&'a TeamName>,
}

impl<'a> NewRow<'a> {
    pub(super) fn params(self) -> Vec<Param<'a>> {
        let request = self.request;
        params![
            request.created_at,
            request.created_at,
            self.ends_at,
            request.created_at,
            i64::from(SendState::Queued.rank()),
            line(request.cause.class(), request.priority),
            request.priority == Priority::Urgent,
            request.author.is_automatic(),
            request.contact,
            request.conversation,
            &request.id,
            &request.number,
            SendState::Queued,
            author_word(&request.author),
            cause_word(&request.cause),
            self.resend_of,
            self.campaign,
            self.fingerprint,
            self.json,
            self.team,
        ]
    }
}
