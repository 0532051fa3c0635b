//! Campaigns and whom they are for. A campaign's recipients are rows with their values, frozen when they were added; whoever holds
//! the lease turns them into sends, a batch a transaction, and from then on each is a send like any other. A pause is a state of
//! the campaign's row alone: what is due is looked for by campaign, and only of those that run.
//!
//! Locks are taken in one order: lease, campaign, contacts by id, sends. Sends are locked by whoever claims or ends them in no order
//! that holds for all: a deadlock of two ends one of them, which begins again.

mod changed;
mod figures;
mod judged;
mod people;
mod planned;
mod settled;

use std::sync::LazyLock;

use waypost_domain::send::{TemplateRequest, Values};
use waypost_domain::{CampaignName, CampaignState, ContactId, NumberName, Timestamp};

use crate::core::{Columns, Param, Row, Sql, Table, params};
use crate::records::clean;
use crate::{Result, Store, StoreError};

pub use figures::{CampaignFigures, CodeCount, RuleCount};
pub use judged::CampaignEnds;
pub use planned::{BatchLimits, Planned, PlannedBatch};

/// A campaign, without its recipients.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    pub id: CampaignName,
    pub number: NumberName,
    /// Its name and languages; values are each recipient's own.
    pub template: TemplateRequest,
    /// Sends a minute that are put in the queue at most; 0 for no limit.
    pub pace_per_minute: u32,
    pub state: CampaignState,
    /// When it begins by itself, or began.
    pub start_at: Option<Timestamp>,
    /// From when on it is of no use.
    pub expires_at: Option<Timestamp>,
    /// When every recipient had an end.
    pub ended_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub created_by: String,
    /// Rows that were added, rejected ones too.
    pub recipients: u32,
    /// Why it was paused or cancelled.
    pub note: String,
    /// Rises with every change by a person, and when it is paused.
    pub version: i64,
}

/// A campaign that is not over, and what is left to do for it.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenCampaign {
    pub campaign: Campaign,
    /// Recipients wait for their turn.
    pub has_planned: bool,
    /// Sends of it have not gone.
    pub has_queued: bool,
}

/// How far a row of a campaign is. What became of its send, the send says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecipientState {
    /// It waits for its turn.
    Planned,
    /// There is a send of it.
    Queued,
    /// It cannot be sent; the row says why.
    Rejected,
    /// The campaign was of no use any more before its turn came.
    Expired,
    /// The campaign was cancelled before its turn came.
    Cancelled,
}

/// A row of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Within the campaign, from 1, in the order in which they were added.
    pub place: u32,
    /// `None`: nobody is known.
    pub contact: Option<ContactId>,
    pub state: RecipientState,
    pub problem: Option<RecipientProblem>,
}

/// Why a row was rejected, without anything about a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientProblem {
    pub field: String,
    pub problem: String,
}

/// A row to be added: who it is, with their values, or why not.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecipient(pub Result<(ContactId, Values), RecipientProblem>);

impl RecipientState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Planned, Self::Queued, Self::Rejected, Self::Expired, Self::Cancelled];

    /// Its word, in the store and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Queued => "queued",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// What such a word means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

static CAMPAIGN: Table = Table {
    name: "campaign",
    columns: &[
        ("id", "TEXT"),
        ("number", "TEXT"),
        ("template", "BYTEA"),
        ("pace", "BIGINT"),
        ("state", "TEXT"),
        ("start_at", "BIGINT"),
        ("expires_at", "BIGINT"),
        ("ended_at", "BIGINT"),
        ("created_at", "BIGINT"),
        ("created_by", "TEXT"),
        ("recipients", "BIGINT"),
        ("note", "TEXT"),
        ("version", "BIGINT"),
    ],
};

const RECIPIENT: &str = "campaign_recipient";

static ONE: LazyLock<Sql> = LazyLock::new(|| CAMPAIGN.select("WHERE id = $1"));

static LIST: LazyLock<Sql> = LazyLock::new(|| {
    CAMPAIGN.select(
        "WHERE (CAST($1 AS TEXT) IS NULL OR state = CAST($1 AS TEXT))
        AND (CAST($2 AS BIGINT) IS NULL OR created_at < CAST($2 AS BIGINT)
            OR (created_at = CAST($2 AS BIGINT) AND id > CAST($3 AS TEXT)))
    ORDER BY created_at DESC, id
    LIMIT $4",
    )
});

static OPEN: LazyLock<Sql> = LazyLock::new(|| {
    let is_any = |of: &str| format!("CAST(CASE WHEN EXISTS (SELECT 1 FROM {of}) THEN 1 ELSE 0 END AS BIGINT)");
    Sql::made(format!(
        "SELECT {}, {} AS has_planned, {} AS has_queued FROM campaign c WHERE ended_at IS NULL AND state <> 'draft' ORDER BY id",
        CAMPAIGN.list("c"),
        is_any("campaign_recipient r WHERE r.campaign = c.id AND r.state = 'planned'"),
        is_any("send s WHERE s.campaign = c.id AND s.phase = 0"),
    ))
});

static RECIPIENTS: Sql = Sql::both(
    "SELECT place, contact_id, state, field, problem FROM campaign_recipient
    WHERE campaign = $1 AND place > $2 AND (CAST($3 AS TEXT) IS NULL OR state = CAST($3 AS TEXT))
    ORDER BY place
    LIMIT $4",
);

fn read(row: &Columns<'_>) -> Result<Campaign> {
    let template: Vec<u8> = row.get("template")?;
    Ok(Campaign {
        id: row.get("id")?,
        number: row.get("number")?,
        template: serde_json::from_slice(&template).map_err(|_| row.unreadable("template"))?,
        pace_per_minute: row.get("pace")?,
        state: row.get("state")?,
        start_at: row.get("start_at")?,
        expires_at: row.get("expires_at")?,
        ended_at: row.get("ended_at")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
        recipients: row.get("recipients")?,
        note: row.get("note")?,
        version: row.get("version")?,
    })
}

fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| StoreError::Invalid(format!("a campaign: {error}")))
}

/// In the order of [`CAMPAIGN`].
fn params(campaign: &Campaign) -> Result<Vec<Param<'_>>> {
    Ok(params![
        &campaign.id,
        &campaign.number,
        json(&campaign.template)?,
        campaign.pace_per_minute,
        campaign.state,
        campaign.start_at,
        campaign.expires_at,
        campaign.ended_at,
        campaign.created_at,
        clean(&campaign.created_by),
        campaign.recipients,
        clean(&campaign.note),
        campaign.version,
    ])
}

impl Store {
    pub async fn campaign(&self, id: &CampaignName) -> Result<Option<Campaign>> {
        let rows = self.read(&ONE, params![id]).await?;
        rows.first().map(|row| read(&row.of(CAMPAIGN.name))).transpose()
    }

    /// The newest first, behind `after` where it is given; only those in a state where one is given.
    pub async fn campaigns(
        &self,
        state: Option<CampaignState>,
        after: Option<&(Timestamp, CampaignName)>,
        limit: u32,
    ) -> Result<Vec<Campaign>> {
        let (at, id) = (after.map(|(at, _)| *at), after.map(|(_, id)| id));
        let rows = self.report(&LIST, params![state, at, id, limit]).await?;
        rows.iter().map(|row| read(&row.of(CAMPAIGN.name))).collect()
    }

    /// Those that were started, and have recipients without an end.
    pub async fn open_campaigns(&self) -> Result<Vec<OpenCampaign>> {
        let open = |row: &Row| {
            let row = row.of(CAMPAIGN.name);
            let (has_planned, has_queued) = (row.get("has_planned")?, row.get("has_queued")?);
            Ok(OpenCampaign { campaign: read(&row)?, has_planned, has_queued })
        };
        self.read(&OPEN, vec![]).await?.iter().map(open).collect()
    }

    /// Rows of a campaign behind the place `after`, in their order.
    pub async fn campaign_recipients(
        &self,
        campaign: &CampaignName,
        state: Option<RecipientState>,
        after: u32,
        limit: u32,
    ) -> Result<Vec<Recipient>> {
        let rows = self.report(&RECIPIENTS, params![campaign, after, state.map(RecipientState::as_str), limit]).await?;
        rows.iter().map(|row| recipient(&row.of(RECIPIENT))).collect()
    }
}

fn recipient(row: &Columns<'_>) -> Result<Recipient> {
    let (field, problem): (Option<String>, Option<String>) = (row.get("field")?, row.get("problem")?);
    Ok(Recipient {
        place: row.get("place")?,
        contact: row.get("contact_id")?,
        state: row.parse("state", RecipientState::parse)?.ok_or(row.unreadable("state"))?,
        problem: problem.map(|problem| RecipientProblem { field: field.unwrap_or_default(), problem }),
    })
}
