//! Statuses and other changes, under their unique keys: kept here for the components that act on them.

use waypost_domain::{PhoneNumberId, StatusState, Timestamp, WabaId};

use crate::database::{Tx, on_tx};
use crate::records::{clean, clean_option, key};
use crate::{Batch, Result};

/// Whom a change concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeScope {
    Contact,
    /// The account, a number or a template.
    Account,
}

/// A change of a webhook, with its own JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    pub scope: ChangeScope,
    pub number: PhoneNumberId,
    pub waba: WabaId,
    pub field: String,
    /// Unique under account and number.
    pub key: String,
    pub json: Vec<u8>,
    pub received_at: Timestamp,
    /// `entry.time`, in seconds.
    pub entry_time: Option<i64>,
}

/// A status of a sent message. Unique by message, state and, in groups, participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRow {
    pub number: PhoneNumberId,
    pub wamid: String,
    pub state: StatusState,
    pub participant: Option<String>,
    pub at: Option<Timestamp>,
    pub received_at: Timestamp,
    pub callback_data: Option<String>,
    pub error_codes: Vec<i64>,
    pub json: Vec<u8>,
}

const CHANGE: &str = "INSERT INTO change (scope, waba_id, number, key, field, json, received_at, entry_time) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
const STATUS_SQLITE: &str = "INSERT INTO status (number, wamid, state, participant, at, received_at, callback_data, \
     error_codes, json) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
const STATUS_POSTGRES: &str = "INSERT INTO status (number, wamid, state, participant, at, received_at, callback_data, \
     error_codes, json) SELECT * FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::BIGINT[], $6::BIGINT[], \
     $7::TEXT[], $8::TEXT[], $9::BYTEA[]) ON CONFLICT DO NOTHING";

impl Batch {
    /// Keeps changes; those that are kept already are passed over. Returns how many are new.
    pub async fn keep_changes(&mut self, changes: &[ChangeRow]) -> Result<u64> {
        let mut new = 0;
        for change in changes {
            let scope = match change.scope {
                ChangeScope::Contact => "contact",
                ChangeScope::Account => "account",
            };
            new += on_tx!(&mut self.tx, |db| {
                let query = sqlx::query(CHANGE)
                    .bind(scope)
                    .bind(key(change.waba.as_str()))
                    .bind(key(change.number.as_str()))
                    .bind(key(&change.key))
                    .bind(clean(&change.field))
                    .bind(change.json.as_slice())
                    .bind(change.received_at.as_millis())
                    .bind(change.entry_time);
                query.execute(&mut *db).await?.rows_affected()
            });
        }
        Ok(new)
    }

    /// Records statuses in whatever order they come; those that are recorded already are passed over. Returns how many
    /// are new.
    pub async fn record_statuses(&mut self, statuses: &[StatusRow]) -> Result<u64> {
        if statuses.is_empty() {
            return Ok(0);
        }
        // One order of keys for all, so that two batches cannot wait for each other.
        let mut rows: Vec<&StatusRow> = statuses.iter().collect();
        rows.sort_unstable_by_key(|row| (row.wamid.as_str(), row.state.as_str(), row.participant.as_deref()));
        let codes = |row: &StatusRow| serde_json::json!(row.error_codes).to_string();
        Ok(match &mut self.tx {
            Tx::Sqlite(tx) => {
                let mut new = 0;
                for row in rows {
                    let query = sqlx::query(STATUS_SQLITE)
                        .bind(key(row.number.as_str()))
                        .bind(key(&row.wamid))
                        .bind(key(row.state.as_str()))
                        .bind(key(row.participant.as_deref().unwrap_or_default()))
                        .bind(row.at.map(Timestamp::as_millis))
                        .bind(row.received_at.as_millis())
                        .bind(clean_option(row.callback_data.as_deref()))
                        .bind(codes(row))
                        .bind(row.json.as_slice());
                    new += query.execute(&mut **tx).await?.rows_affected();
                }
                new
            }
            Tx::Postgres(tx) => sqlx::query(STATUS_POSTGRES)
                .bind(rows.iter().map(|row| key(row.number.as_str())).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| key(&row.wamid)).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| key(row.state.as_str())).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| key(row.participant.as_deref().unwrap_or_default())).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.at.map(Timestamp::as_millis)).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.received_at.as_millis()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| clean_option(row.callback_data.as_deref())).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| codes(row)).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.json.as_slice()).collect::<Vec<_>>())
                .execute(&mut **tx)
                .await?
                .rows_affected(),
        })
    }
}
