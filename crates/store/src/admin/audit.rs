//! The audit log: one chain of records, each with a hash over the one before. A record is written in the transaction
//! of the change that it tells of ([`crate::AuditedTx`]), and never changed: triggers refuse that, and
//! [`Store::verify_audit`] finds it where somebody went around them.
//!
//! `hash = SHA-256(tag ‖ hash before ‖ seq ‖ at ‖ actor ‖ method ‖ resource ‖ before ‖ after)`; the numbers are 8 bytes,
//! big-endian, and each part but the tag follows its length in that form.

use std::sync::LazyLock;

use ring::digest::{Context, SHA256};
use waypost_domain::Timestamp;

use crate::core::{Columns, Param, Row, Sql, Statement, Table, Tx, params};
use crate::records::unreadable;
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

static AUDIT: Table = Table {
    name: "audit",
    columns: &[
        ("seq", "BIGINT"),
        ("at", "BIGINT"),
        ("actor", "TEXT"),
        ("method", "TEXT"),
        ("resource", "TEXT"),
        ("before_json", "TEXT"),
        ("after_json", "TEXT"),
        ("hash", "BYTEA"),
    ],
};

impl AuditRecord {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            seq: row.get("seq")?,
            at: row.get("at")?,
            entry: AuditEntry {
                actor: row.get("actor")?,
                method: row.get("method")?,
                resource: row.get("resource")?,
                before: row.get("before_json")?,
                after: row.get("after_json")?,
            },
            hash: row.get("hash")?,
        })
    }

    /// In the order of [`AUDIT`].
    fn params(&self) -> Vec<Param<'_>> {
        let entry = &self.entry;
        params![
            self.seq,
            self.at,
            &entry.actor,
            &entry.method,
            &entry.resource,
            &entry.before,
            &entry.after,
            &self.hash,
        ]
    }
}

static INSERT: LazyLock<Sql> = LazyLock::new(|| AUDIT.insert(""));

static HEAD: Sql = Sql::both("SELECT seq, hash FROM audit_head WHERE id = 1");

static HEAD_LOCKED: Sql = Sql::each(
    "SELECT seq, hash FROM audit_head WHERE id = 1",
    "SELECT seq, hash FROM audit_head WHERE id = 1 FOR UPDATE",
);

static MOVE_HEAD: Sql = Sql::both("UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1");

static UPWARDS: LazyLock<Sql> = LazyLock::new(|| {
    AUDIT.select(
        "WHERE seq >= $1 AND seq <= $2
        ORDER BY seq
        LIMIT $3",
    )
});

static DOWNWARDS: LazyLock<Sql> = LazyLock::new(|| {
    AUDIT.select(
        "WHERE seq < $1
        ORDER BY seq DESC
        LIMIT $2",
    )
});

static OF_RESOURCE: LazyLock<Sql> = LazyLock::new(|| {
    AUDIT.select(
        "WHERE resource = $3 AND seq < $1
        ORDER BY seq DESC
        LIMIT $2",
    )
});

impl Store {
    /// Up to `limit` records below `before`, newest first; only of `resource` where given.
    pub async fn audit_records(&self, before: i64, resource: Option<&str>, limit: u32) -> Result<Vec<AuditRecord>> {
        let rows = match resource {
            Some(resource) => self.report(&OF_RESOURCE, params![before, limit, resource]).await?,
            None => self.report(&DOWNWARDS, params![before, limit]).await?,
        };
        records(&rows)
    }

    /// Looks at up to `limit` records from `from` (at least 1) on.
    pub async fn verify_audit(&self, from: i64, limit: u32) -> Result<AuditVerdict> {
        let head = head(&self.report(&HEAD, vec![]).await?)?;
        // The one before `from` has the hash to begin with.
        let first = from.max(1) - 1;
        let rows = self.report(&UPWARDS, params![first, head.seq, i64::from(limit) + 1]).await?;
        Ok(judge(first, records(&rows)?, head, limit))
    }
}

fn records(rows: &[Row]) -> Result<Vec<AuditRecord>> {
    rows.iter().map(|row| AuditRecord::from_row(&row.of(AUDIT.name))).collect()
}

fn head(rows: &[Row]) -> Result<AuditHead> {
    let Some(row) = rows.first() else { return Err(unreadable("audit_head", "seq")) };
    let row = row.of("audit_head");
    Ok(AuditHead { seq: row.get("seq")?, hash: row.get("hash")? })
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
pub(super) async fn lock_head(tx: &mut Tx) -> Result<AuditHead> {
    head(&tx.query(&HEAD_LOCKED, vec![]).await?)
}

/// The records of `entries` behind `head`.
pub(super) fn chained(head: &AuditHead, at: Timestamp, entries: &[AuditEntry]) -> Vec<AuditRecord> {
    let mut records: Vec<AuditRecord> = Vec::with_capacity(entries.len());
    for (entry, seq) in entries.iter().zip(head.seq + 1..) {
        let before = records.last().map_or(&head.hash, |record| &record.hash);
        let hash = hash_of(before, seq, at, entry);
        records.push(AuditRecord { seq, at, entry: entry.clone(), hash });
    }
    records
}

/// What appends them, the last of which becomes the new head.
pub(super) fn appending(records: &[AuditRecord]) -> Vec<Statement<'_>> {
    let Some(last) = records.last() else { return vec![] };
    vec![
        Statement::rows(&INSERT, records.iter().map(AuditRecord::params).collect()),
        Statement::new(&MOVE_HEAD, params![last.seq, &last.hash]),
    ]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(length: i64) -> (Vec<AuditRecord>, AuditHead) {
        let mut records: Vec<AuditRecord> = Vec::new();
        let mut head = AuditHead { seq: 0, hash: vec![] };
        for seq in 1..=length {
            let text = |what: &str| format!("{what} {seq}");
            let entry = AuditEntry {
                actor: text("actor"),
                method: text("method"),
                resource: text("resource"),
                before: text("before"),
                after: text("after"),
            };
            let record = chained(&head, Timestamp::from_millis(seq * 1_000), &[entry]).remove(0);
            head = AuditHead { seq, hash: record.hash.clone() };
            records.push(record);
        }
        (records, head)
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
    fn entries_of_one_change_are_chained_too() {
        let (records, head) = chain(1);
        let entries = [records[0].entry.clone(), records[0].entry.clone()];
        let more = chained(&head, records[0].at, &entries);
        let end = AuditHead { seq: 3, hash: more[1].hash.clone() };
        assert_eq!(judge(0, [records, more].concat(), end, 10).broken, None);
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
