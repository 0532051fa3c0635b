//! What is kept of statuses and changes, in pages: for whoever compares it with what was sent.

use waypost_domain::{PhoneNumberId, WabaId};

use crate::core::{Columns, Sql, params};
use crate::records::unreadable;
use crate::{ChangeScope, Result, Store};

/// A status that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptStatus {
    pub wamid: String,
    pub state: String,
    /// Empty outside of groups.
    pub participant: String,
    pub number: PhoneNumberId,
}

/// A change that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptChange {
    pub scope: ChangeScope,
    pub waba: WabaId,
    pub number: PhoneNumberId,
    /// Unique under account and number.
    pub key: String,
    pub field: String,
    /// The change's own.
    pub json: Vec<u8>,
}

static STATUSES_AFTER: Sql = Sql::both(
    "SELECT wamid, state, participant, number
    FROM status
    WHERE (wamid, state, participant) > ($1, $2, $3)
    ORDER BY wamid, state, participant
    LIMIT $4",
);

static CHANGES_AFTER: Sql = Sql::both(
    "SELECT scope, waba_id, number, key, field, json
    FROM change
    WHERE (waba_id, number, key) > ($1, $2, $3)
    ORDER BY waba_id, number, key
    LIMIT $4",
);

impl Store {
    /// Up to `limit` kept statuses, by their key, above `after`.
    pub async fn statuses_after(&self, after: Option<&KeptStatus>, limit: u32) -> Result<Vec<KeptStatus>> {
        let (wamid, state, participant) = after
            .map_or(("", "", ""), |after| (after.wamid.as_str(), after.state.as_str(), after.participant.as_str()));
        let rows = self.report(&STATUSES_AFTER, params![wamid, state, participant, limit]).await?;
        rows.iter().map(|row| KeptStatus::from_row(&row.of("status"))).collect()
    }

    /// Up to `limit` kept changes, by account, number and key, above `after`.
    pub async fn changes_after(&self, after: Option<&KeptChange>, limit: u32) -> Result<Vec<KeptChange>> {
        let (waba, number, key) =
            after.map_or(("", "", ""), |after| (after.waba.as_str(), after.number.as_str(), after.key.as_str()));
        let rows = self.report(&CHANGES_AFTER, params![waba, number, key, limit]).await?;
        rows.iter().map(|row| KeptChange::from_row(&row.of("change"))).collect()
    }
}

impl KeptStatus {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            wamid: row.get("wamid")?,
            state: row.get("state")?,
            participant: row.get("participant")?,
            number: row.get("number")?,
        })
    }
}

impl KeptChange {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        let scope: String = row.get("scope")?;
        let scope = match scope.as_str() {
            "contact" => ChangeScope::Contact,
            "account" => ChangeScope::Account,
            _ => return Err(unreadable("change", "scope")),
        };
        Ok(Self {
            scope,
            waba: row.get("waba_id")?,
            number: row.get("number")?,
            key: row.get("key")?,
            field: row.get("field")?,
            json: row.get("json")?,
        })
    }
}
