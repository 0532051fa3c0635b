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
use crate::core::{Columns, Param, Row, Sql, Statement, params};
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

/// All of a message.
static WHOLE: LazyLock<String> = LazyLock::new(|| format!("{}, length(body) AS body_bytes", PARKED.list("")));

/// What [`ParkedFilter::params`] binds, as $1 to $4; ids have their place in `{ids}`.
const FITS: &str = "parking = $1
        AND (CAST($2 AS TEXT) IS NULL OR reason = CAST($2 AS TEXT))
        AND {ids}
        AND (CAST($4 AS BIGINT) IS NULL OR parked_at < CAST($4 AS BIGINT))";

/// A statement for any messages and one for those of some ids, which finds these by an index.
pub(crate) struct Filtered {
    any: Sql,
    by_id: Sql,
}

impl Filtered {
    /// `text` with the filter in place of `{fits}`.
    fn new(text: &str) -> Self {
        let with = |ids: &str| text.replace("{fits}", &FITS.replace("{ids}", ids));
        Self {
            any: Sql::made_each(with("CAST($3 AS TEXT) IS NULL"), with("$3::TEXT[] IS NULL")),
            by_id: Sql::made_each(
                with("message_id IN (SELECT value FROM json_each($3))"),
                with("message_id = ANY($3::TEXT[])"),
            ),
        }
    }

    const fn of(&self, filter: &ParkedFilter) -> &Sql {
        if filter.message_ids.is_empty() { &self.any } else { &self.by_id }
    }
}

/// What is there already was moved before, and not acknowledged.
static PARK: LazyLock<Sql> = LazyLock::new(|| PARKED.insert("ON CONFLICT DO NOTHING"));

static LIST: LazyLock<Filtered> = LazyLock::new(|| page_of(SHOWN));

static LIST_WHOLE: LazyLock<Filtered> = LazyLock::new(|| page_of(&WHOLE));

/// A page of those that fit. [`page`] has what it binds.
fn page_of(columns: &str) -> Filtered {
    Filtered::new(&format!(
        "SELECT {columns}
    FROM parked
    WHERE {{fits}} AND (parked_at, place, id) > ($5, $6, $7)
    ORDER BY parked_at, place, id
    LIMIT $8"
    ))
}

static GROUPS: LazyLock<Filtered> = LazyLock::new(|| {
    Filtered::new(
        "SELECT reason, origin, kind, count(*) AS count, min(parked_at) AS first_at, max(parked_at) AS last_at
    FROM parked
    WHERE {fits}
    GROUP BY reason, origin, kind
    ORDER BY count(*) DESC, reason, origin, kind
    LIMIT $5",
    )
});

static COUNTS: Sql =
    Sql::both("SELECT parking, count(parking) AS count, min(parked_at) AS oldest_at FROM parked GROUP BY parking");

/// Whoever follows a message reads no more.
const OF_MESSAGES_MAX: u32 = 100;
/// What is parked has few reasons and places, unless a stranger names them.
const GROUPS_MAX: u32 = 500;

static OF_MESSAGES: LazyLock<Sql> = LazyLock::new(|| {
    Sql::made_each(
        format!(
            "SELECT {SHOWN} FROM parked WHERE message_id IN (SELECT value FROM json_each($1))
            ORDER BY parked_at, place, id LIMIT $2"
        ),
        format!("SELECT {SHOWN} FROM parked WHERE message_id = ANY($1::TEXT[]) ORDER BY parked_at, place, id LIMIT $2"),
    )
});

/// Whoever follows a message by its bytes looks at no more rows, and reads no more of those that hold it.
const SEARCHED_MAX: u32 = 10_000;
const HOLDING_MAX: u32 = 20;

static HOLDING: LazyLock<Sql> = LazyLock::new(|| {
    let with = |holds: &str| {
        format!(
            "SELECT {}, length(body) AS body_bytes FROM parked
            WHERE id IN (SELECT id FROM parked ORDER BY parked_at DESC LIMIT $2) AND {holds}
            ORDER BY parked_at, place, id LIMIT $3",
            PARKED.list("")
        )
    };
    Sql::made_each(with("instr(body, $1) > 0"), with("position($1::BYTEA IN body) > 0"))
});

static IDS_THERE: LazyLock<Filtered> = LazyLock::new(|| {
    Filtered::new(
        "SELECT message_id, max(CASE WHEN job IS NULL THEN 0 ELSE 1 END) AS in_hand
    FROM parked
    WHERE {fits}
    GROUP BY message_id
    ORDER BY message_id",
    )
});

static IN_HANDS: LazyLock<Filtered> =
    LazyLock::new(|| Filtered::new("SELECT count(*) AS count FROM parked WHERE {fits} AND job IS NOT NULL"));

static FITTING: LazyLock<Filtered> =
    LazyLock::new(|| Filtered::new("SELECT count(*) AS count FROM parked WHERE {fits}"));

static FREE: LazyLock<Filtered> =
    LazyLock::new(|| Filtered::new("SELECT count(*) AS count FROM parked WHERE {fits} AND job IS NULL"));

/// A replay that has one in hand comes first.
static DISCARD: LazyLock<Filtered> = LazyLock::new(|| {
    Filtered::new(
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

/// What [`page_of`] binds.
fn page(filter: &ParkedFilter, after: Option<ParkedPlace>, limit: u32) -> Vec<Param<'_>> {
    let (at, place, id) = after.unwrap_or((Timestamp::from_millis(i64::MIN), 0, Uuid::nil()));
    let mut params = filter.params();
    params.extend(params![at, place, id, limit]);
    params
}

/// What a page has, each with where the next page begins behind it.
fn placed<T>(rows: &[Row], read: impl Fn(&Columns<'_>) -> Result<T>) -> Result<Vec<(ParkedPlace, T)>> {
    let placed = rows.iter().map(|row| {
        let row = row.of(PARKED.name);
        Ok(((row.get("parked_at")?, row.get("place")?, row.get("id")?), read(&row)?))
    });
    placed.collect()
}

impl RecordTx {
    /// Keeps parked messages, in this order; those that are kept already are passed over. Returns how many are new.
    pub async fn park(&mut self, messages: &[ParkedMessage]) -> Result<u64> {
        self.park_from(0, messages).await
    }

    /// The same for some of those that were moved at once; the first of them has this place.
    pub async fn park_from(&mut self, first: usize, messages: &[ParkedMessage]) -> Result<u64> {
        if messages.is_empty() {
            return Ok(0);
        }
        // One order of keys for all, so that two batches cannot wait for each other.
        let mut by_id: BTreeMap<Uuid, (usize, &ParkedMessage)> = BTreeMap::new();
        for (place, message) in (first..).zip(messages) {
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
        let rows = self.report(LIST.of(filter), page(filter, after, limit)).await?;
        placed(&rows, ParkedRow::from_row)
    }

    /// The same with their bytes, for whoever judges a run.
    pub async fn parked_messages(
        &self,
        filter: &ParkedFilter,
        after: Option<ParkedPlace>,
        limit: u32,
    ) -> Result<Vec<(ParkedPlace, ParkedMessage)>> {
        let rows = self.report(LIST_WHOLE.of(filter), page(filter, after, limit)).await?;
        placed(&rows, ParkedMessage::from_row)
    }

    /// The same by what they have in common, the largest groups first; no more than 500 of them.
    pub async fn parked_groups(&self, filter: &ParkedFilter) -> Result<Vec<ParkedGroup>> {
        let mut params = filter.params();
        params.extend(params![GROUPS_MAX]);
        let rows = self.report(GROUPS.of(filter), params).await?;
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

    /// How many fit.
    pub async fn parked_count(&self, filter: &ParkedFilter) -> Result<u64> {
        let rows = self.report(FITTING.of(filter), filter.params()).await?;
        rows.first().map_or(Ok(0), |row| row.of(PARKED.name).get("count"))
    }

    /// The first hundred that are parked under these ids of messages, wherever; what has no id is not among them.
    pub async fn parked_of(&self, message_ids: &[String]) -> Result<Vec<ParkedRow>> {
        let ids: Param<'_> = message_ids.iter().filter(|id| !id.is_empty()).map(|id| key(id)).collect();
        let rows = self.read(&OF_MESSAGES, params![ids, OF_MESSAGES_MAX]).await?;
        rows.iter().map(|row| ParkedRow::from_row(&row.of(PARKED.name))).collect()
    }

    /// The first twenty whose bytes hold this text somewhere, of the 10,000 that were parked last; what cannot be read is not
    /// among them. They may hold it in any place: who asks looks what it is there.
    pub async fn parked_holding(&self, text: &str) -> Result<Vec<ParkedMessage>> {
        let rows = self.report(&HOLDING, params![text.as_bytes(), SEARCHED_MAX, HOLDING_MAX]).await?;
        Ok(rows.iter().filter_map(|row| ParkedMessage::from_row(&row.of(PARKED.name)).ok()).collect())
    }
}

impl AuditedTx {
    /// The ids of the messages that fit, and whether a replay has one in hand: for a filter that names ids.
    pub async fn parked_ids(&mut self, filter: &ParkedFilter) -> Result<BTreeMap<String, bool>> {
        let rows = self.tx.query(IDS_THERE.of(filter), filter.params()).await?;
        let id = |row: &Columns<'_>| Ok((row.get("message_id")?, row.get("in_hand")?));
        rows.iter().map(|row| id(&row.of(PARKED.name))).collect()
    }

    /// How many that fit a replay has in hand.
    pub async fn parked_in_hand(&mut self, filter: &ParkedFilter) -> Result<u64> {
        let rows = self.tx.query(IN_HANDS.of(filter), filter.params()).await?;
        rows.first().map_or(Ok(0), |row| row.of(PARKED.name).get("count"))
    }

    /// How many that fit no replay has in hand.
    pub async fn parked_free(&mut self, filter: &ParkedFilter) -> Result<u64> {
        let rows = self.tx.query(FREE.of(filter), filter.params()).await?;
        rows.first().map_or(Ok(0), |row| row.of(PARKED.name).get("count"))
    }

    /// Throws away the first `limit` that fit and that no replay has in hand. Returns the ids of the messages.
    pub async fn discard_parked(&mut self, filter: &ParkedFilter, limit: u32) -> Result<Vec<String>> {
        let mut params = filter.params();
        params.extend(params![limit]);
        let rows = self.tx.query(DISCARD.of(filter), params).await?;
        rows.iter().map(|row| row.of(PARKED.name).get("message_id")).collect()
    }
}
