//! The business's numbers: our stable names for Meta's ids.

use waypost_domain::{NumberName, PhoneNumberId, Timestamp, WabaId};

use crate::database::{on_reader, on_writer};
use crate::records::{clean, key, unreadable};
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
            return NumberName::new(name).map_err(|_| unreadable("number name"));
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
        NumberName::new(name).map_err(|_| unreadable("number name"))
    }

    /// Names numbers as configured. A name may move to a new id of Meta's; the old id keeps it too, for its history.
    pub async fn name_numbers(&self, numbers: &[(NumberName, PhoneNumberId)]) -> Result<()> {
        let since = self.now().await?.as_millis();
        let sql = "INSERT INTO number (phone_number_id, name, since) VALUES ($1, $2, $3) \
             ON CONFLICT (phone_number_id) DO UPDATE SET name = excluded.name, since = excluded.since \
             WHERE number.name <> excluded.name";
        for (name, id) in numbers {
            on_writer!(self, |db| {
                let query = sqlx::query(sql).bind(key(id.as_str())).bind(name.as_str()).bind(since);
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
