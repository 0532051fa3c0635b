//! The business's numbers: our stable names for Meta's ids.

use waypost_domain::{NumberName, PhoneNumberId, Timestamp, WabaId};

use crate::database::{on_reader, on_writer};
use crate::records::{clean, unreadable};
use crate::{Result, Store};

/// A number, as known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRow {
    pub id: PhoneNumberId,
    pub name: NumberName,
    pub display: String,
    pub waba: WabaId,
    /// Since when the id goes by that name.
    pub since: Timestamp,
}

/// What a number is called that the webhook did not name.
const UNKNOWN: &str = "unknown";

impl Store {
    /// The name of a number; one that nobody named gets `number-<phone_number_id>`, for good.
    pub async fn ensure_number(&self, id: &PhoneNumberId, display: &str, waba: &WabaId) -> Result<NumberName> {
        let select = "SELECT name FROM number WHERE phone_number_id = $1";
        let key = clean(id.as_str());
        let name: Option<String> =
            on_reader!(self, |db| sqlx::query_scalar(select).bind(key.as_ref()).fetch_optional(db).await?);
        if let Some(name) = name {
            return NumberName::new(name).map_err(|_| unreadable("number name"));
        }
        let insert = "INSERT INTO number (phone_number_id, name, display, waba_id, since) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING";
        let since = self.now().await?.as_millis();
        let name = auto_name(id);
        let stored: String = on_writer!(self, |db| {
            let query = sqlx::query(insert)
                .bind(key.as_ref())
                .bind(name.as_str())
                .bind(clean(display))
                .bind(clean(waba.as_str()))
                .bind(since);
            query.execute(db).await.map(drop)?;
            sqlx::query_scalar(select).bind(key.as_ref()).fetch_one(db).await?
        });
        NumberName::new(stored).map_err(|_| unreadable("number name"))
    }

    /// Names numbers as configured. A name may move to a new id of Meta's; the old id keeps it too, for its history.
    pub async fn name_numbers(&self, numbers: &[(NumberName, PhoneNumberId)]) -> Result<()> {
        let since = self.now().await?.as_millis();
        let sql = "INSERT INTO number (phone_number_id, name, since) VALUES ($1, $2, $3) \
             ON CONFLICT (phone_number_id) DO UPDATE SET name = excluded.name, since = excluded.since \
             WHERE number.name <> excluded.name";
        for (name, id) in numbers {
            on_writer!(self, |db| {
                let query = sqlx::query(sql).bind(clean(id.as_str())).bind(name.as_str()).bind(since);
                query.execute(db).await.map(drop)?;
            });
        }
        Ok(())
    }

    pub async fn numbers(&self) -> Result<Vec<NumberRow>> {
        let sql = "SELECT phone_number_id, name, display, waba_id, since FROM number ORDER BY name, since";
        let rows: Vec<(String, String, String, String, i64)> =
            on_reader!(self, |db| sqlx::query_as(sql).fetch_all(db).await?);
        let row = |(id, name, display, waba, since): (String, String, String, String, i64)| {
            Ok(NumberRow {
                id: PhoneNumberId::new(id),
                name: NumberName::new(name).map_err(|_| unreadable("number name"))?,
                display,
                waba: WabaId::new(waba),
                since: Timestamp::from_millis(since),
            })
        };
        rows.into_iter().map(row).collect()
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
