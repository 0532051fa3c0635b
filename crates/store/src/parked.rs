//! Parked messages: what could not be handled, and what no team's queue takes. Moved here off their queues, and kept until
//! somebody replays or discards them; nothing else ever deletes one. Their bytes are customers' words: they leave this room
//! only on their way back to the bus, and for whoever judges a run.

mod jobs;
mod rows;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use uuid::Uuid;
use waypost_domain::Timestamp;

use crate::admin::AuditedTx;
use crate::changes::RecordTx;
use crate::core::{Columns, Param, Sql, Statement, params};
use crate::records::key;
use crate::{Result, Store};

pub use jobs::{ReplayJob, ReplayStep};
pub(crate) use rows::PARKED;
pub use rows::{ParkedContent, ParkedMessage, ParkedRow, Parking};

/// Some of the parked messages: those that fit all that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedFilter {
    pub parking: Parking,
    /// With this reason.
    pub reason: Option<String>,
    /// With one of these ids; all where empty.
    pub message_ids: Vec<String>,
    /// Parked earlier than this.
    pub before: Option<Timestamp>,
}

/// Parked messages that have everything in common that is named here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedGroup {
    pub reason: String,
    pub origin: String,
    pub kind: String,
    pub count: u64,
    /// When the first and the last of them were parked.
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// How many are parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParkedCount {
    pub parking: Parking,
    pub count: u64,
    /// When the first of them was parked.
    pub oldest_at: Timestamp,
}

/// Where a page of parked messages begins: behind this one, in the order in which they were parked.
pub type ParkedPlace = (Timestamp, i64, Uuid);

/// All but what only the bus may see.
const SHOWN: &str = "place, id, parking, message_id, reason, origin, kind, detail, attempts, replays, parked_at, \
                     length(body) AS body_bytes";

/// What [`ParkedFilter::params`] binds, as $1 to $4.
const FITS_SQLITE: &str = "parking = $1
        AND (CAST($2 AS TEXT) IS NULL OR reason = CAST($2 AS TEXT))
        AND (CAST($3 AS TEXT) IS NULL OR message_id IN (SELECT value FROM json_each($3)))
        AND (CAST($4 AS BIGINT) IS NULL OR parked_at < CAST($4 AS BIGINT))";
const FITS_POSTGRES: &str = "parking = $1
        AND (CAST($2 AS TEXT) IS NULL OR reason = CAST($2 AS TEXT))
        AND ($3::TEXT[] IS NULL OR message_id = ANY($3::TEXT[]))
        AND (CAST($4 AS BIGINT) IS NULL OR parked_at < CAST($4 AS BIGINT))";

/// `text` for both databases, with the filter in place of `{fits}`.
pub(crate) fn filtered(text: &str) -> Sql {
    Sql::made_each(text.replace("{fits}", FITS_SQLITE), text.replace("{fits}", FITS_POSTGRES))
}

/// What is there already was moved before, and not acknowledged.
static PARK: LazyLock<Sql> = LazyLock::new(|| PARKED.insert("ON CONFLICT DO NOTHING"));

static LIST: LazyLock<Sql> = LazyLock::new(|| {
    filtered(&format!(
        "SELECT {SHOWN}
    FROM parked
    WHERE {{fits}} AND (parked_at, place, id) > ($5, $6, $7)
    ORDER BY parked_at, place, id
    LIMIT $8"
    ))
});

static WHOLE: LazyLock<Sql> = LazyLock::new(|| {
    filtered(&format!(
        "SELECT {}, length(body) AS body_bytes
    FROM parked
    WHERE {{fits}} AND (parked_at, place, id) > ($5, $6, $7)
    ORDER BY parked_at, place, id
    LIMIT $8",
        PARKED.list("")
    ))
});

static GROUPS: LazyLock<Sql> = LazyLock::new(|| {
    filtered(
        "SELECT reason, origin, kind, count(*) AS count, min(parked_at) AS first_at, max(parked_at) AS last_at
    FROM parked
    WHERE {fits}
    GROUP BY reason, origin, kind
    ORDER BY count(*) DESC, reason, origin, kind",
    )
});

static COUNTS: Sql =
    Sql::both("SELECT parking, count(parking) AS count, min(parked_at) AS oldest_at FROM parked GROUP BY parking");

static OF_MESSAGES: LazyLock<Sql> = LazyLock::new(|| {
    Sql::made_each(
        format!(
            "SELECT {SHOWN} FROM parked WHERE message_id IN (SELECT value FROM json_each($1)) ORDER BY parked_at, place, id"
        ),
        format!("SELECT {SHOWN} FROM parked WHERE message_id = ANY($1::TEXT[]) ORDER BY parked_at, place, id"),
    )
});

static IDS_THERE: LazyLock<Sql> = LazyLock::new(|| {
    filtered(
        "SELECT message_id, max(CASE WHEN job IS NULL THEN 0 ELSE 1 END) AS in_hand
    FROM parked
    WHERE {fits}
    GROUP BY message_id
    ORDER BY message_id",
    )
});

/// A replay that has one in hand comes first.
static DISCARD: LazyLock<Sql> = LazyLock::new(|| {
    filtered(
        "DELETE FROM parked
    WHERE id IN (SELECT id FROM parked WHERE {fits} AND job IS NULL ORDER BY parked_at, place, id LIMIT $5)
    RETURNING message_id",
    )
});

impl ParkedFilter {
    /// Everything.
    pub const fn all(parking: Parking) -> Self {
        Self { parking, reason: None, message_ids: Vec::new(), before: None }
    }

    pub(crate) fn params(&self) -> Vec<Param<'_>> {
        let ids =
            (!self.message_ids.is_empty()).then(|| self.message_ids.iter().map(|id| key(id)).collect::<Param<'_>>());
        params![self.parking.as_str(), self.reason.as_deref(), ids.unwrap_or(Param::Null), self.before]
    }
}

/// What [`LIST`] and [`WHOLE`] bind.
fn page(filter: &ParkedFilter, after: Option<ParkedPlace>, limit: u32) -> Vec<Param<'_>> {
    let (at, place, id) = after.unwrap_or((Timestamp::from_millis(i64::MIN), 0, Uuid::nil()));
    let mut params = filter.params();
    params.extend(params![at, place, id, limit]);
    params
}

impl RecordTx {
    /// Keeps parked messages, in this order; those that are kept already are passed over. Returns how many are new.
    pub async fn park(&mut self, messages: &[ParkedMessage]) -> Result<u64> {
        if messages.is_empty() {
            return Ok(0);
        }
        // One order of keys for all, so that two batches cannot wait for each other.
        let mut by_id: BTreeMap<Uuid, (usize, &ParkedMessage)> = BTreeMap::new();
        for (place, message) in messages.iter().enumerate() {
            by_id.entry(message.id()).or_insert((place, message));
        }
        let rows = by_id.into_iter().map(|(id, (place, message))| message.params(place, id)).collect();
        let answers = self.fenced.tx.run(vec![Statement::rows(&PARK, rows)]).await?;
        Ok(answers.iter().map(|answer| answer.affected).sum())
    }
}

impl Store {
    /// Parked messages in the order in which they were parked, with where the next page begins behind each.
    pub async fn parked(
        &self,
        filter: &ParkedFilter,
        after: Option<ParkedPlace>,
        limit: u32,
    ) -> Result<Vec<(ParkedPlace, ParkedRow)>> {
        let rows = self.report(&LIST, page(filter, after, limit)).await?;
        let read = rows.iter().map(|row| {
            let row = row.of(PARKED.name);
            let shown = ParkedRow::from_row(&row)?;
            Ok(((shown.parked_at, row.get("place")?, row.get("id")?), shown))
        });
        read.collect()
    }

    /// The same with their bytes, for whoever judges a run.
    pub async fn parked_messages(
        &self,
        filter: &ParkedFilter,
        after: Option<ParkedPlace>,
        limit: u32,
    ) -> Result<Vec<(ParkedPlace, ParkedMessage)>> {
        let rows = self.report(&WHOLE, page(filter, after, limit)).await?;
        let read = rows.iter().map(|row| {
            let row = row.of(PARKED.name);
            let message = ParkedMessage::from_row(&row)?;
            Ok(((message.row.parked_at, row.get("place")?, row.get("id")?), message))
        });
        read.collect()
    }

    /// The same by what they have in common, the largest group first.
    pub async fn parked_groups(&self, filter: &ParkedFilter) -> Result<Vec<ParkedGroup>> {
        let rows = self.report(&GROUPS, filter.params()).await?;
        let group = |row: &Columns<'_>| {
            Ok(ParkedGroup {
                reason: row.get("reason")?,
                origin: row.get("origin")?,
                kind: row.get("kind")?,
                count: row.get("count")?,
                first_at: row.get("first_at")?,
                last_at: row.get("last_at")?,
            })
        };
        rows.iter().map(|row| group(&row.of(PARKED.name))).collect()
    }

    /// How many there are; nothing for a place that holds none. Reads no more of a row than where and when it was parked.
    pub async fn parked_counts(&self) -> Result<Vec<ParkedCount>> {
        let rows = self.report(&COUNTS, vec![]).await?;
        let count = |row: &Columns<'_>| {
            Ok(ParkedCount {
                parking: row.parse("parking", Parking::parse)?.ok_or(row.unreadable("parking"))?,
                count: row.get("count")?,
                oldest_at: row.get("oldest_at")?,
            })
        };
        rows.iter().map(|row| count(&row.of(PARKED.name))).collect()
    }

    /// What is parked under these ids of messages, wherever.
    pub async fn parked_of(&self, message_ids: &[String]) -> Result<Vec<ParkedRow>> {
        let ids: Param<'_> = message_ids.iter().map(|id| key(id)).collect();
        let rows = self.read(&OF_MESSAGES, params![ids]).await?;
        rows.iter().map(|row| ParkedRow::from_row(&row.of(PARKED.name))).collect()
    }
}

impl AuditedTx {
    /// The ids of the messages that fit, and whether a replay has one in hand: for a filter that names ids.
    pub async fn parked_ids(&mut self, filter: &ParkedFilter) -> Result<BTreeMap<String, bool>> {
        let rows = self.tx.query(&IDS_THERE, filter.params()).await?;
        let id = |row: &Columns<'_>| Ok((row.get("message_id")?, row.get("in_hand")?));
        rows.iter().map(|row| id(&row.of(PARKED.name))).collect()
    }

    /// Throws away the first `limit` that fit and that no replay has in hand. Returns the ids of the messages.
    pub async fn discard_parked(&mut self, filter: &ParkedFilter, limit: u32) -> Result<Vec<String>> {
        let mut params = filter.params();
        params.extend(params![limit]);
        let rows = self.tx.query(&DISCARD, params).await?;
        rows.iter().map(|row| row.of(PARKED.name).get("message_id")).collect()
    }
}
