//! Messages that were written while another app held the thread: kept whole, and given a decision when control comes.

use uuid::Uuid;
use waypost_domain::{ContactId, DecisionId, NumberName, PhoneNumberId, team::TeamName};

use crate::database::{Tx, on_tx};
use crate::inbox::{KnownRecord, known_columns};
use crate::records::{clean, key};
use crate::{Batch, InboxRow, ReleasedMessage, Result, StoreError, StoredDecision};

/// A message that waits for control of its thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldMessage {
    pub number: PhoneNumberId,
    pub key: String,
    /// The whole event, as it was kept.
    pub event: Vec<u8>,
}

/// A decision for a held message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRelease {
    pub number: PhoneNumberId,
    pub key: String,
    /// The event that gave us control; whoever repeats that event repeats this release.
    pub released_by: DecisionId,
    pub decision: StoredDecision,
}

#[derive(sqlx::FromRow)]
struct ReleasedRow {
    #[sqlx(flatten)]
    known: KnownRecord,
    event: Vec<u8>,
}

const HELD: &str = "SELECT h.number, h.key, h.event FROM held h JOIN inbox i ON i.decision_id = h.decision_id \
     WHERE h.contact_id = $1 AND h.released_by IS NULL \
     AND h.number IN (SELECT phone_number_id FROM number WHERE name = $2) ORDER BY h.received_at, i.seq";
const RELEASED: &str = concat!(
    "SELECT ",
    known_columns!(),
    ", h.event FROM held h JOIN inbox i ON i.decision_id = h.decision_id \
     LEFT JOIN lease l ON l.component = $1 AND l.partition = i.partition \
     WHERE h.released_by = $2 ORDER BY h.received_at, i.seq"
);

const RELEASE_HELD: &str = "UPDATE held SET released_by = $2 WHERE decision_id = $1 AND released_by IS NULL";
const RELEASE_INBOX: &str = "UPDATE inbox SET rule_set = $2, rule = $3, phase = $4, team = $5, priority = $6, why = $7, \
     input = $8, extras = $9 WHERE decision_id = $1";
const INSERT_SQLITE: &str = "INSERT INTO held (decision_id, contact_id, number, key, event, received_at) \
     VALUES ($1, $2, $3, $4, $5, $6)";
const INSERT_POSTGRES: &str = "INSERT INTO held (decision_id, contact_id, number, key, event, received_at) \
     SELECT * FROM unnest($1::UUID[], $2::UUID[], $3::TEXT[], $4::TEXT[], $5::BYTEA[], $6::BIGINT[])";

impl Batch {
    /// What waits for control of this contact's thread on this number, oldest first.
    pub async fn held(&mut self, contact: ContactId, number: &NumberName) -> Result<Vec<HeldMessage>> {
        let rows: Vec<(String, String, Vec<u8>)> = on_tx!(&mut self.tx, |db| {
            let query = sqlx::query_as(HELD).bind(contact.as_uuid()).bind(number.as_str());
            query.fetch_all(&mut *db).await?
        });
        let held = |(number, key, event): (String, String, Vec<u8>)| HeldMessage {
            number: PhoneNumberId::new(number),
            key,
            event,
        };
        Ok(rows.into_iter().map(held).collect())
    }

    /// What this event released, in the order it was released.
    pub async fn released_by(&mut self, releaser: DecisionId) -> Result<Vec<ReleasedMessage>> {
        let component = self.fence.component.clone();
        let rows: Vec<ReleasedRow> = on_tx!(&mut self.tx, |db| {
            let query = sqlx::query_as(RELEASED).bind(component).bind(releaser.as_uuid());
            query.fetch_all(&mut *db).await?
        });
        rows.into_iter().map(|row| Ok(ReleasedMessage { known: row.known.into_known()?, event: row.event })).collect()
    }

    /// Gives held messages their decisions. [`StoreError::Retry`] when one was released meanwhile.
    pub async fn release(&mut self, releases: &[HeldRelease]) -> Result<()> {
        let mut sorted: Vec<(Uuid, &HeldRelease)> = releases
            .iter()
            .map(|release| (DecisionId::of_event(&release.number, &release.key).as_uuid(), release))
            .collect();
        sorted.sort_unstable_by_key(|(id, _)| *id);
        for (id, release) in sorted {
            let decision = &release.decision;
            let released = on_tx!(&mut self.tx, |db| {
                let query = sqlx::query(RELEASE_HELD).bind(id).bind(release.released_by.as_uuid());
                let released = query.execute(&mut *db).await?.rows_affected();
                let query = sqlx::query(RELEASE_INBOX)
                    .bind(id)
                    .bind(clean(&decision.rule_set))
                    .bind(clean(&decision.rule))
                    .bind(clean(&decision.phase))
                    .bind(decision.team.as_ref().map(TeamName::as_str))
                    .bind(decision.priority.as_str())
                    .bind(clean(&decision.why))
                    .bind(decision.input.as_slice())
                    .bind(decision.some_extras());
                query.execute(&mut *db).await.map(drop)?;
                released
            });
            if released != 1 {
                return Err(StoreError::retry("a held message was released meanwhile"));
            }
        }
        Ok(())
    }

    /// `rows` in the order of their ids.
    pub(crate) async fn insert_held(&mut self, rows: &[&InboxRow]) -> Result<()> {
        let rows: Vec<(&InboxRow, &[u8])> =
            rows.iter().filter_map(|row| Some((*row, row.held_event.as_deref()?))).collect();
        if rows.is_empty() {
            return Ok(());
        }
        match &mut self.tx {
            Tx::Sqlite(tx) => {
                for (row, event) in rows {
                    let query = sqlx::query(INSERT_SQLITE)
                        .bind(row.decision_id.as_uuid())
                        .bind(row.contact.map(ContactId::as_uuid))
                        .bind(key(row.number.as_str()))
                        .bind(clean(&row.key))
                        .bind(event)
                        .bind(row.received_at.as_millis());
                    query.execute(&mut **tx).await?;
                }
            }
            Tx::Postgres(tx) => {
                sqlx::query(INSERT_POSTGRES)
                    .bind(rows.iter().map(|(row, _)| row.decision_id.as_uuid()).collect::<Vec<_>>())
                    .bind(rows.iter().map(|(row, _)| row.contact.map(ContactId::as_uuid)).collect::<Vec<_>>())
                    .bind(rows.iter().map(|(row, _)| key(row.number.as_str())).collect::<Vec<_>>())
                    .bind(rows.iter().map(|(row, _)| clean(&row.key)).collect::<Vec<_>>())
                    .bind(rows.iter().map(|(_, event)| *event).collect::<Vec<_>>())
                    .bind(rows.iter().map(|(row, _)| row.received_at.as_millis()).collect::<Vec<_>>())
                    .execute(&mut **tx)
                    .await?;
            }
        }
        Ok(())
    }
}
