//! The audit log: one chain of records, each with a hash over the one before. A record is written in the transaction
//! of the change that it tells of ([`crate::Change`]), and never changed: triggers refuse that, and
//! [`Store::verify_audit`] finds it where somebody went around them.
//!
//! `hash = SHA-256(tag ‖ hash before ‖ seq ‖ at ‖ actor ‖ method ‖ resource ‖ before ‖ after)`; the numbers are 8 bytes,
//! big-endian, and each part but the tag follows its length in that form.

use ring::digest::{Context, SHA256};
use waypost_domain::Timestamp;

use crate::database::{Tx, on_reader, on_tx};
use crate::{Result, Store};

/// Begins every hashed record, so that a later form cannot be taken for this one.
const TAG: &[u8] = b"waypost-audit-1";

/// What a change writes down. Personal values must already be pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub actor: String,
    pub method: String,
    pub resource: String,
    /// JSON; empty for what was not there before.
    pub before: String,
    /// JSON; empty for what is not there any more.
    pub after: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    pub seq: i64,
    pub at: Timestamp,
    pub entry: AuditEntry,
    pub hash: Vec<u8>,
}

/// The last record's place and hash. Kept elsewhere, it proves later that nothing before it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    pub seq: i64,
    pub hash: Vec<u8>,
}

/// What a look at a part of the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditVerdict {
    /// Records that were looked at and fit.
    pub verified: u64,
    /// Where to go on; `None` at the end, or when something did not fit.
    pub next: Option<i64>,
    /// The first record that does not fit, and what is wrong.
    pub broken: Option<(i64, &'static str)>,
    pub head: AuditHead,
}

type Row = (i64, i64, String, String, String, String, String, Vec<u8>);

const HEAD: &str = "SELECT seq, hash FROM audit_head WHERE id = 1";
const HEAD_LOCKED: &str = "SELECT seq, hash FROM audit_head WHERE id = 1 FOR UPDATE";
const UPWARDS: &str = "SELECT seq, at, actor, method, resource, before_json, after_json, hash FROM audit \
     WHERE seq >= $1 AND seq <= $2 ORDER BY seq LIMIT $3";
const DOWNWARDS: &str = "SELECT seq, at, actor, method, resource, before_json, after_json, hash FROM audit \
     WHERE seq < $1 ORDER BY seq DESC LIMIT $2";
const OF_RESOURCE: &str = "SELECT seq, at, actor, method, resource, before_json, after_json, hash FROM audit \
     WHERE resource = $3 AND seq < $1 ORDER BY seq DESC LIMIT $2";

impl Store {
    /// Up to `limit` records below `before`, newest first; only of `resource` where given.
    pub async fn audit_records(&self, before: i64, resource: Option<&str>, limit: u32) -> Result<Vec<AuditRecord>> {
        let limit = i64::from(limit);
        let rows: Vec<Row> = match resource {
            Some(resource) => on_reader!(self, |db| {
                sqlx::query_as(OF_RESOURCE).bind(before).bind(limit).bind(resource).fetch_all(db).await?
            }),
            None => on_reader!(self, |db| sqlx::query_as(DOWNWARDS).bind(before).bind(limit).fetch_all(db).await?),
        };
        Ok(rows.into_iter().map(record).collect())
    }

    /// Looks at up to `limit` records from `from` (at least 1) on.
    pub async fn verify_audit(&self, from: i64, limit: u32) -> Result<AuditVerdict> {
        let head: (i64, Vec<u8>) = on_reader!(self, |db| sqlx::query_as(HEAD).fetch_one(db).await?);
        let head = AuditHead { seq: head.0, hash: head.1 };
        // The one before `from` has the hash to begin with.
        let first = from.max(1) - 1;
        let rows: Vec<Row> = on_reader!(self, |db| {
            let query = sqlx::query_as(UPWARDS).bind(first).bind(head.seq).bind(i64::from(limit).saturating_add(1));
            query.fetch_all(db).await?
        });
        Ok(judge(first, rows.into_iter().map(record).collect(), head, limit))
    }
}

fn judge(first: i64, records: Vec<AuditRecord>, head: AuditHead, limit: u32) -> AuditVerdict {
    let mut verdict = AuditVerdict { verified: 0, next: None, broken: None, head };
    let mut records = records.into_iter().peekable();
    let mut hash = Vec::new();
    if first > 0 {
        match records.next_if(|record| record.seq == first) {
            Some(record) => hash = record.hash,
            None => {
                verdict.broken = Some((first, "the record is missing"));
                return verdict;
            }
        }
    }
    let mut seq = first;
    while seq < verdict.head.seq && verdict.verified < u64::from(limit) {
        seq += 1;
        let Some(record) = records.next_if(|record| record.seq == seq) else {
            verdict.broken = Some((seq, "the record is missing"));
            return verdict;
        };
        if hash_of(&hash, record.seq, record.at, &record.entry) != record.hash {
            verdict.broken = Some((seq, "the record does not match its hash: it, or the one before, was changed"));
            return verdict;
        }
        hash = record.hash;
        verdict.verified += 1;
    }
    if seq < verdict.head.seq {
        verdict.next = Some(seq + 1);
    } else if hash != verdict.head.hash {
        verdict.broken = Some((seq, "the last record is not the one that was written last"));
    }
    verdict
}

/// The last record; no other change can append until the transaction ends.
pub(crate) async fn lock_head(tx: &mut Tx) -> Result<AuditHead> {
    let (seq, hash): (i64, Vec<u8>) = match tx {
        Tx::Sqlite(tx) => sqlx::query_as(HEAD).fetch_one(&mut **tx).await?,
        Tx::Postgres(tx) => sqlx::query_as(HEAD_LOCKED).fetch_one(&mut **tx).await?,
    };
    Ok(AuditHead { seq, hash })
}

/// Appends `entry` behind `head`, which becomes the new last one.
pub(crate) async fn append(tx: &mut Tx, head: &mut AuditHead, at: Timestamp, entry: &AuditEntry) -> Result<()> {
    let seq = head.seq + 1;
    let hash = hash_of(&head.hash, seq, at, entry);
    let insert = "INSERT INTO audit (seq, at, actor, method, resource, before_json, after_json, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let update = "UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1";
    on_tx!(tx, |db| {
        let query = sqlx::query(insert)
            .bind(seq)
            .bind(at.as_millis())
            .bind(&entry.actor)
            .bind(&entry.method)
            .bind(&entry.resource)
            .bind(&entry.before)
            .bind(&entry.after)
            .bind(&hash);
        query.execute(&mut *db).await.map(drop)?;
        sqlx::query(update).bind(seq).bind(&hash).execute(&mut *db).await.map(drop)?;
    });
    *head = AuditHead { seq, hash };
    Ok(())
}

fn hash_of(before: &[u8], seq: i64, at: Timestamp, entry: &AuditEntry) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(TAG);
    let texts = [&entry.actor, &entry.method, &entry.resource, &entry.before, &entry.after];
    let mut part = |bytes: &[u8]| {
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    part(before);
    part(&seq.to_be_bytes());
    part(&at.as_millis().to_be_bytes());
    for text in texts {
        part(text.as_bytes());
    }
    context.finish().as_ref().to_vec()
}

fn record((seq, at, actor, method, resource, before, after, hash): Row) -> AuditRecord {
    let entry = AuditEntry { actor, method, resource, before, after };
    AuditRecord { seq, at: Timestamp::from_millis(at), entry, hash }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(length: i64) -> (Vec<AuditRecord>, AuditHead) {
        let mut hash = Vec::new();
        let mut records = Vec::new();
        for seq in 1..=length {
            let text = |what: &str| format!("{what} {seq}");
            let entry = AuditEntry {
                actor: text("actor"),
                method: text("method"),
                resource: text("resource"),
                before: text("before"),
                after: text("after"),
            };
            let at = Timestamp::from_millis(seq * 1_000);
            hash = hash_of(&hash, seq, at, &entry);
            records.push(AuditRecord { seq, at, entry, hash: hash.clone() });
        }
        (records, AuditHead { seq: length, hash })
    }

    #[test]
    fn the_hash_is_the_one_of_the_first_release() {
        let (_, head) = chain(2);
        let hex: String = head.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, GOLDEN);
    }
    const GOLDEN: &str = "457535b94d18f8ce54a80b15278acea54fb6f998b884a66506354aa62b6670df";

    #[test]
    fn every_way_to_tamper_is_found_and_named() {
        type Tamper = fn(&mut Vec<AuditRecord>, &mut AuditHead);
        let cases: [(&str, Tamper, Option<i64>); 9] = [
            ("nothing", |_, _| {}, None),
            ("actor", |records, _| records[2].entry.actor.push('x'), Some(3)),
            ("before", |records, _| records[2].entry.before.clear(), Some(3)),
            ("time", |records, _| records[2].at = Timestamp::from_millis(1), Some(3)),
            (
                "text moved to the next field",
                |records, _| records[2].entry.after = records[2].entry.before.clone(),
                Some(3),
            ),
            ("removed", |records, _| drop(records.remove(2)), Some(3)),
            ("cut off", |records, _| records.truncate(3), Some(4)),
            (
                "cut off with the head",
                |records, head| {
                    records.truncate(3);
                    head.seq = 3;
                },
                Some(3),
            ),
            (
                "hashed anew",
                |records, _| {
                    records[2].entry.actor.push('x');
                    let record = &records[2];
                    let hash = hash_of(&records[1].hash, record.seq, record.at, &record.entry);
                    records[2].hash = hash;
                },
                Some(4),
            ),
        ];
        for (name, tamper, want) in cases {
            let (mut records, mut head) = chain(5);
            tamper(&mut records, &mut head);
            let verdict = judge(0, records, head, 100);
            assert_eq!(verdict.broken.map(|(seq, _)| seq), want, "{name}");
            assert_eq!(verdict.next, None, "{name}");
        }
    }

    #[test]
    fn a_long_chain_is_verified_in_parts() {
        let (records, head) = chain(5);
        let verdict = judge(0, records[..3].to_vec(), head.clone(), 2);
        assert_eq!((verdict.verified, verdict.next, verdict.broken), (2, Some(3), None));
        let verdict = judge(2, records[1..].to_vec(), head, 10);
        assert_eq!((verdict.verified, verdict.next, verdict.broken), (3, None, None));
    }
}
