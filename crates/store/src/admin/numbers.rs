//! The business's numbers: our stable names for Meta's ids.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use waypost_domain::{NumberName, PhoneNumberId, Timestamp, WabaId};

use super::AuditedTx;
use crate::core::{Columns, Row, Sql, Table, Tx, params};
use crate::janitor::ANSWERS_SEEN_WITHIN;
use crate::lease::millis;
use crate::records::{clean, key, unreadable};
use crate::{Result, Store};

/// A number, as known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRow {
    pub id: PhoneNumberId,
    pub name: NumberName,
    pub display: String,
    pub waba: WabaId,
    /// The tag of the language that is usual on the number; empty where nobody said. All ids of a name have the same.
    pub language: String,
    /// To which brand of the business it speaks; empty where there is only one.
    pub brand: String,
    /// Since when the id goes by that name.
    pub since: Timestamp,
    /// When the administration last changed it. From then on the configuration does not.
    pub updated_at: Option<Timestamp>,
    /// Counts the changes.
    pub revision: i64,
}

/// What a number is called that the webhook did not name.
const UNKNOWN: &str = "unknown";

static NUMBER: Table = Table {
    name: "number",
    columns: &[
        ("phone_number_id", "TEXT"),
        ("name", "TEXT"),
        ("display", "TEXT"),
        ("waba_id", "TEXT"),
        ("language", "TEXT"),
        ("brand", "TEXT"),
        ("since", "BIGINT"),
        ("updated_at", "BIGINT"),
        ("revision", "BIGINT"),
    ],
};

impl NumberRow {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("phone_number_id")?,
            name: row.get("name")?,
            display: row.get("display")?,
            waba: row.get("waba_id")?,
            language: row.get("language")?,
            brand: row.get("brand")?,
            since: row.get("since")?,
            updated_at: row.get("updated_at")?,
            revision: row.get("revision")?,
        })
    }
}

/// By name, and then by the time since when an id goes by it.
static ALL: LazyLock<Sql> = LazyLock::new(|| NUMBER.select("ORDER BY name, since"));

/// What a webhook shows, and no more: a damaged column that nobody needs must not hold up a number's messages.
static SHOWN: Sql = Sql::both("SELECT name, display, waba_id FROM number WHERE phone_number_id = $1");

/// Of what a webhook shows.
static SHOW: Sql = Sql::both(
    "INSERT INTO number (phone_number_id, name, display, waba_id, since) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (phone_number_id) DO UPDATE SET
        display = CASE WHEN excluded.display = '' THEN number.display ELSE excluded.display END,
        waba_id = CASE WHEN excluded.waba_id = '' THEN number.waba_id ELSE excluded.waba_id END
    RETURNING name",
);

/// What begins to write a SQLite file is alone in it.
static LOCK: Sql = Sql::each("SELECT 1", "LOCK TABLE number IN SHARE ROW EXCLUSIVE MODE");

static NAME: Sql = Sql::both(
    "INSERT INTO number (phone_number_id, name, since, language, revision) VALUES ($1, $2, $3, $4, 1)
    ON CONFLICT (phone_number_id) DO UPDATE SET
        name = excluded.name,
        language = excluded.language,
        since = excluded.since,
        revision = number.revision + 1",
);

static MARK_CHANGED: Sql = Sql::both(
    "UPDATE number SET updated_at = $1, revision = revision + 1, language = coalesce($3, language) WHERE name = $2",
);

static LANGUAGE: Sql = Sql::both("SELECT language FROM number WHERE name = $1 AND language <> '' LIMIT 1");

static REVISION: Sql = Sql::both("SELECT CAST(coalesce(sum(revision), 0) AS BIGINT) AS revision FROM number");

/// Not more than once an hour.
static SEEN: Sql = Sql::both(
    "UPDATE number SET answers_seen_at = CAST($2 AS BIGINT)
    WHERE name = $1 AND coalesce(answers_seen_at, 0) <= CAST($2 AS BIGINT) - 3600000",
);

static SEEN_SINCE: Sql = Sql::both("SELECT DISTINCT name FROM number WHERE answers_seen_at >= $1");

impl Store {
    /// Somebody was seen to answer a customer on the number of this name.
    pub async fn answer_seen(&self, name: &NumberName, at: Timestamp) -> Result<()> {
        self.write(&SEEN, params![name, at]).await.map(drop)
    }

    /// The numbers on which somebody was seen to answer within [`ANSWERS_SEEN_WITHIN`].
    pub async fn answered_numbers(&self) -> Result<BTreeSet<NumberName>> {
        let since = self.now().await?.plus_millis(-millis(ANSWERS_SEEN_WITHIN));
        let rows = self.read(&SEEN_SINCE, params![since]).await?;
        rows.iter().map(|row| row.of("number").get("name")).collect()
    }

    /// The name of a number; one that nobody named gets `number-<phone_number_id>`, for good. Remembers what the webhook
    /// shows of it.
    pub async fn ensure_number(&self, id: &PhoneNumberId, display: &str, waba: &WabaId) -> Result<NumberName> {
        let waba = if waba.as_str() == WabaId::TEST { "" } else { waba.as_str() };
        let (id_key, display, waba) = (key(id.as_str()), clean(display), key(waba));
        let rows = self.read(&SHOWN, params![id_key.clone()]).await?;
        if let Some(row) = rows.first().map(|row| row.of(NUMBER.name)) {
            // What is damaged is written anew.
            let is_known =
                |column, shown: &str| shown.is_empty() || row.get::<String>(column).is_ok_and(|known| known == shown);
            if is_known("display", &display) && is_known("waba_id", &waba) {
                return row.get("name");
            }
        }
        let since = self.now().await?;
        let name = auto_name(id);
        let stored = self.write(&SHOW, params![id_key, &name, display, waba, since]).await?;
        stored.rows.first().map_or(Err(unreadable(NUMBER.name, "name")), |row| row.of(NUMBER.name).get("name"))
    }

    /// Names numbers as configured. A name may move to a new id of Meta's; the old id keeps it too, for its history.
    /// What the administration changed stays as it is; returns the names of which something else was configured.
    pub async fn name_numbers(&self, numbers: &[(NumberName, PhoneNumberId)]) -> Result<Vec<NumberName>> {
        let mut left_alone = Vec::new();
        if numbers.is_empty() {
            return Ok(left_alone);
        }
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        lock(&mut tx).await?;
        for (name, id) in numbers {
            let rows = rows(&mut tx).await?;
            if current(&rows, name).is_some_and(|row| row.id == *id) {
                continue;
            }
            if rows.iter().any(|row| (row.name == *name || row.id == *id) && row.updated_at.is_some()) {
                left_alone.push(name.clone());
                continue;
            }
            put(&mut tx, &rows, name, id, now).await?;
        }
        tx.commit().await?;
        Ok(left_alone)
    }

    /// Every id, by name and then by the time since when it goes by it: the last of a name is the one that has it now. A row
    /// that cannot be read is not among them: its messages are parked for it, which says so, and all the others go on.
    pub async fn numbers(&self) -> Result<Vec<NumberRow>> {
        Ok(all(&self.read(&ALL, vec![]).await?))
    }

    /// The tag of the language that is usual on a number.
    pub async fn number_language(&self, name: &NumberName) -> Result<Option<String>> {
        let rows = self.read(&LANGUAGE, params![name]).await?;
        rows.first().map(|row| row.of(NUMBER.name).get("language")).transpose()
    }

    /// Grows whenever an id gets another name, or a name another language.
    pub async fn numbers_revision(&self) -> Result<i64> {
        self.read_value(&REVISION, vec![], "revision").await
    }
}

impl AuditedTx {
    /// As [`Store::numbers`].
    pub async fn numbers(&mut self) -> Result<Vec<NumberRow>> {
        rows(&mut self.tx).await
    }

    /// Gives `name` to `id`, whatever the name and the id were before, and a language, if one is given (empty: none). From
    /// then on the configuration changes neither name nor id.
    pub async fn name_number(&mut self, name: &NumberName, id: &PhoneNumberId, language: Option<&str>) -> Result<()> {
        lock(&mut self.tx).await?;
        let rows = rows(&mut self.tx).await?;
        if current(&rows, name).is_none_or(|row| row.id != *id) {
            put(&mut self.tx, &rows, name, id, self.now).await?;
        }
        self.tx.execute(&MARK_CHANGED, params![self.now, name, language.map(clean)]).await.map(drop)
    }
}

/// Nobody else names one until this ends.
async fn lock(tx: &mut Tx) -> Result<()> {
    tx.execute(&LOCK, vec![]).await.map(drop)
}

async fn rows(tx: &mut Tx) -> Result<Vec<NumberRow>> {
    Ok(all(&tx.query(&ALL, vec![]).await?))
}

/// One that is damaged must not keep the others from being read, nor from being named anew.
fn all(rows: &[Row]) -> Vec<NumberRow> {
    rows.iter().filter_map(|row| NumberRow::from_row(&row.of(NUMBER.name)).ok()).collect()
}

/// The one that has the name now.
fn current<'a>(rows: &'a [NumberRow], name: &NumberName) -> Option<&'a NumberRow> {
    rows.iter().filter(|row| row.name == *name).max_by_key(|row| row.since)
}

/// Gives `name` to `id`, as the last one so far.
async fn put(tx: &mut Tx, rows: &[NumberRow], name: &NumberName, id: &PhoneNumberId, now: Timestamp) -> Result<()> {
    let before = current(rows, name);
    let since = before.map_or(now, |row| now.max(row.since.plus_millis(1)));
    let language = before.map(|row| row.language.as_str()).unwrap_or_default();
    tx.execute(&NAME, params![key(id.as_str()), name, since, language]).await.map(drop)
}

/// Ids are digits; what is not makes a name that is at least valid.
fn auto_name(id: &PhoneNumberId) -> NumberName {
    let visible: String =
        id.as_str().chars().filter(|c| c.is_ascii_graphic()).take(NumberName::LENGTH_MAX - 7).collect();
    let name = if visible.is_empty() { UNKNOWN.to_owned() } else { format!("number-{visible}") };
    // Visible characters within the length always make a valid name.
    NumberName::new(name).unwrap_or_else(|error| unreachable!("{error}"))
}
