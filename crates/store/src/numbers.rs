//! The business's numbers: our stable names for Meta's ids.

use waypost_domain::{NumberName, PhoneNumberId, Timestamp, WabaId};

use crate::audit;
use crate::database::{Tx, on_reader, on_tx, on_writer};
use crate::records::{clean, key, timestamp, unreadable};
use crate::{Change, Result, Store};

/// A number, as known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRow {
    pub id: PhoneNumberId,
    pub name: NumberName,
    pub display: String,
    pub waba: WabaId,
    /// Since when the id goes by that name.
    pub since: Timestamp,
    /// When the administration last changed it. From then on the configuration does not.
    pub updated_at: Option<Timestamp>,
    /// Counts the changes.
    pub revision: i64,
}

/// What a number is called that the webhook did not name.
const UNKNOWN: &str = "unknown";

impl Store {
    /// The name of a number; one that nobody named gets `number-<phone_number_id>`, for good. Remembers what the webhook
    /// shows of it.
    pub async fn ensure_number(&self, id: &PhoneNumberId, display: &str, waba: &WabaId) -> Result<NumberName> {
        let select = "SELECT name, display, waba_id FROM number WHERE phone_number_id = $1";
        let (id_key, display, waba) = (key(id.as_str()), clean(display), key(waba.as_str()));
        let known: Option<(String, String, String)> =
            on_reader!(self, |db| sqlx::query_as(select).bind(id_key.as_ref()).fetch_optional(db).await?);
        if let Some((name, known_display, known_waba)) = known
            && (display.is_empty() || display == known_display)
            && (waba.is_empty() || waba == known_waba)
        {
            return NumberName::new(name).map_err(|_| unreadable("number", "name"));
        }
        let upsert = "INSERT INTO number (phone_number_id, name, display, waba_id, since) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (phone_number_id) DO UPDATE SET \
             display = CASE WHEN excluded.display = '' THEN number.display ELSE excluded.display END, \
             waba_id = CASE WHEN excluded.waba_id = '' THEN number.waba_id ELSE excluded.waba_id END RETURNING name";
        let since = self.now().await?.as_millis();
        let name = auto_name(id);
        let name: String = on_writer!(self, |db| {
            let query = sqlx::query_scalar(upsert)
                .bind(id_key.as_ref())
                .bind(name.as_str())
                .bind(display.as_ref())
                .bind(waba.as_ref())
                .bind(since);
            query.fetch_one(db).await?
        });
        NumberName::new(name).map_err(|_| unreadable("number", "name"))
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
        // The administration names numbers too.
        audit::lock_head(&mut tx).await?;
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

    /// Every id, by name and then by the time since when it goes by it: the last of a name is the one that has it now.
    pub async fn numbers(&self) -> Result<Vec<NumberRow>> {
        let rows: Vec<Row> = on_reader!(self, |db| sqlx::query_as(ROWS).fetch_all(db).await?);
        rows.into_iter().map(Row::into_number).collect()
    }

    /// Grows whenever an id gets another name.
    pub async fn numbers_revision(&self) -> Result<i64> {
        let sql = "SELECT CAST(coalesce(sum(revision), 0) AS BIGINT) FROM number";
        Ok(on_reader!(self, |db| sqlx::query_scalar(sql).fetch_one(db).await?))
    }
}

impl Change {
    /// As [`Store::numbers`].
    pub async fn numbers(&mut self) -> Result<Vec<NumberRow>> {
        rows(&mut self.tx).await
    }

    /// Gives `name` to `id`, whatever the name and the id were before. From then on the configuration changes neither.
    pub async fn name_number(&mut self, name: &NumberName, id: &PhoneNumberId) -> Result<()> {
        let rows = rows(&mut self.tx).await?;
        if current(&rows, name).is_none_or(|row| row.id != *id) {
            put(&mut self.tx, &rows, name, id, self.now).await?;
        }
        let sql = "UPDATE number SET updated_at = $1, revision = revision + 1 WHERE name = $2";
        let now = self.now.as_millis();
        on_tx!(&mut self.tx, |db| sqlx::query(sql).bind(now).bind(name.as_str()).execute(&mut *db).await.map(drop)?);
        Ok(())
    }
}

const ROWS: &str = "SELECT phone_number_id, name, display, waba_id, since, updated_at, revision FROM number \
     ORDER BY name, since";

async fn rows(tx: &mut Tx) -> Result<Vec<NumberRow>> {
    let rows: Vec<Row> = on_tx!(tx, |db| sqlx::query_as(ROWS).fetch_all(&mut *db).await?);
    rows.into_iter().map(Row::into_number).collect()
}

/// The one that has the name now.
fn current<'a>(rows: &'a [NumberRow], name: &NumberName) -> Option<&'a NumberRow> {
    rows.iter().filter(|row| row.name == *name).max_by_key(|row| row.since)
}

/// Gives `name` to `id`, as the last one so far.
async fn put(tx: &mut Tx, rows: &[NumberRow], name: &NumberName, id: &PhoneNumberId, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO number (phone_number_id, name, since, revision) VALUES ($1, $2, $3, 1) \
         ON CONFLICT (phone_number_id) DO UPDATE SET name = excluded.name, since = excluded.since, \
         revision = number.revision + 1";
    let since = current(rows, name).map_or(now, |row| now.max(row.since.plus_millis(1)));
    on_tx!(tx, |db| {
        let query = sqlx::query(sql).bind(key(id.as_str())).bind(name.as_str()).bind(since.as_millis());
        query.execute(&mut *db).await.map(drop)?;
    });
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    phone_number_id: String,
    name: String,
    display: String,
    waba_id: String,
    since: i64,
    updated_at: Option<i64>,
    revision: i64,
}

impl Row {
    fn into_number(self) -> Result<NumberRow> {
        Ok(NumberRow {
            id: PhoneNumberId::new(self.phone_number_id),
            name: NumberName::new(self.name).map_err(|_| unreadable("number", "name"))?,
            display: self.display,
            waba: WabaId::new(self.waba_id),
            since: Timestamp::from_millis(self.since),
            updated_at: timestamp(self.updated_at),
            revision: self.revision,
        })
    }
}

/// Ids are digits; what is not makes a name that is at least valid.
fn auto_name(id: &PhoneNumberId) -> NumberName {
    let visible: String =
        id.as_str().chars().filter(|c| c.is_ascii_graphic()).take(NumberName::LENGTH_MAX - 7).collect();
    let name = if visible.is_empty() { UNKNOWN.to_owned() } else { format!("number-{visible}") };
    // Visible characters within the length always make a valid name.
    NumberName::new(name).unwrap_or_else(|error| unreachable!("{error}"))
}
