//! Copies of files that customers sent: wanted in the transaction that decides their message, fetched by whoever has a way to
//! WhatsApp, and kept for a time of their own. Must never look into them.

use std::sync::LazyLock;

use waypost_domain::{ConversationId, DecisionId, PhoneNumberId, Timestamp};

use crate::core::{Columns, Param, Sql, Statement, Table, params};
use crate::records::{clean, key};
use crate::{Result, Store};

/// A file of which a copy is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedFile {
    /// Of the message that it came with.
    pub decision: DecisionId,
    pub conversation: ConversationId,
    /// Ours, to which it was sent.
    pub number: PhoneNumberId,
    /// Meta's id.
    pub media_id: String,
    pub wanted_at: Timestamp,
}

/// One that is to be fetched now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueFile {
    pub file: WantedFile,
    /// How often it was tried before.
    pub tries: u32,
}

/// One of which there is a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    pub size_bytes: u64,
    /// In hex.
    pub sha256: String,
}

static COPY: Table = Table {
    name: "media_copy",
    columns: &[
        ("wanted_at", "BIGINT"),
        ("due_at", "BIGINT"),
        ("decision_id", "UUID"),
        ("conversation_id", "UUID"),
        ("state", "TEXT"),
        ("number", "TEXT"),
        ("media_id", "TEXT"),
    ],
};

static PART: Table =
    Table { name: "media_part", columns: &[("part", "BIGINT"), ("decision_id", "UUID"), ("bytes", "BYTEA")] };

/// Given a message that is decided once more, then the copy that there is stays.
static WANT: LazyLock<Sql> = LazyLock::new(|| COPY.insert("ON CONFLICT DO NOTHING"));

static DUE: Sql = Sql::both(
    "SELECT decision_id, conversation_id, number, media_id, wanted_at, tries FROM media_copy
    WHERE state = 'wanted' AND due_at <= $1
    ORDER BY due_at
    LIMIT $2",
);

static FORGET_PARTS: Sql = Sql::both("DELETE FROM media_part WHERE decision_id = $1");

static KEEP_PART: LazyLock<Sql> = LazyLock::new(|| PART.insert(""));

static KEPT: Sql = Sql::both(
    "UPDATE media_copy SET state = 'kept', size_bytes = $2, sha256 = $3, why = NULL
    WHERE decision_id = $1 AND state = 'wanted'",
);

static PUT_OFF: Sql = Sql::both(
    "UPDATE media_copy SET due_at = $2, tries = tries + 1, why = $3 WHERE decision_id = $1 AND state = 'wanted'",
);

static FAILED: Sql =
    Sql::both("UPDATE media_copy SET state = 'failed', why = $2 WHERE decision_id = $1 AND state = 'wanted'");

static OF_MESSAGE: Sql =
    Sql::both("SELECT size_bytes, sha256 FROM media_copy WHERE decision_id = $1 AND state = 'kept'");

static CONVERSATION: Sql = Sql::both("SELECT conversation_id FROM media_copy WHERE decision_id = $1");

static ONE_PART: Sql = Sql::both("SELECT bytes FROM media_part WHERE decision_id = $1 AND part = $2");

/// Who fetches gives up by itself what is wanted for a week; where nobody fetches, it is forgotten a day later.
static FORGET_OLD: Sql = Sql::both(
    "DELETE FROM media_copy
    WHERE decision_id IN (
        SELECT decision_id FROM media_copy
        WHERE wanted_at < $1 AND (state <> 'wanted' OR wanted_at < $2)
        ORDER BY wanted_at
        LIMIT $3)
    RETURNING decision_id",
);

static FORGET_PARTS_OF: Sql = Sql::each(
    "DELETE FROM media_part WHERE decision_id IN (SELECT unhex(value) FROM json_each($1))",
    "DELETE FROM media_part WHERE decision_id = ANY($1::UUID[])",
);

/// Of a file, in one row.
const PART_BYTES: usize = 512 << 10;
/// So many files are deleted at once: a hundred large ones would hold up whoever answers customers.
const FORGOTTEN_AT_ONCE: u32 = 32;
/// When nobody fetches any more what is still wanted.
const WANTED_MS_MAX: i64 = 8 * 24 * 60 * 60 * 1000;

/// What wants copies of `files`; `None` for none.
pub(crate) fn wanting(files: &[WantedFile]) -> Option<Statement<'_>> {
    let row = |file: &WantedFile| -> Vec<Param<'_>> {
        let (number, media_id) = (key(file.number.as_str()), key(&file.media_id));
        params![
            file.wanted_at,
            file.wanted_at,
            file.decision,
            file.conversation,
            "wanted",
            number.into_owned(),
            media_id.into_owned()
        ]
    };
    let rows: Vec<_> = files.iter().map(row).collect();
    (!rows.is_empty()).then(|| Statement::rows(&WANT, rows))
}

fn due(row: &Columns<'_>) -> Result<DueFile> {
    let file = WantedFile {
        decision: row.get("decision_id")?,
        conversation: row.get("conversation_id")?,
        number: row.get("number")?,
        media_id: row.get("media_id")?,
        wanted_at: row.get("wanted_at")?,
    };
    Ok(DueFile { file, tries: row.get("tries")? })
}

impl Store {
    /// Forgets up to `limit` copies that were wanted before `before`, each with its bytes. How many.
    pub(crate) async fn sweep_files(&self, before: Timestamp, limit: u32) -> Result<u64> {
        let stale = self.now().await?.plus_millis(-WANTED_MS_MAX);
        let mut forgotten = 0;
        while forgotten < u64::from(limit) {
            let mut tx = self.begin().await?;
            let rows = tx.query(&FORGET_OLD, params![before, stale, FORGOTTEN_AT_ONCE.min(limit)]).await?;
            let ids: Vec<DecisionId> =
                rows.iter().map(|row| row.of(COPY.name).get("decision_id")).collect::<Result<_>>()?;
            if ids.is_empty() {
                break;
            }
            tx.execute(&FORGET_PARTS_OF, params![ids.iter().copied().collect::<Param<'_>>()]).await?;
            tx.commit().await?;
            forgotten += ids.len() as u64;
        }
        Ok(forgotten)
    }

    /// Up to `limit` files that are to be fetched, the longest due first.
    pub async fn due_files(&self, now: Timestamp, limit: u32) -> Result<Vec<DueFile>> {
        let rows = self.read(&DUE, params![now, limit]).await?;
        rows.iter().map(|row| due(&row.of(COPY.name))).collect()
    }

    /// Keeps a file whole, in the place of what there was of it. Whether it was still wanted.
    pub async fn keep_file(&self, decision: DecisionId, bytes: &[u8], file: &KeptFile) -> Result<bool> {
        let size = i64::try_from(file.size_bytes).unwrap_or(i64::MAX);
        let rows: Vec<_> =
            (0_i64..).zip(bytes.chunks(PART_BYTES)).map(|(part, bytes)| params![part, decision, bytes]).collect();
        let mut statements = vec![
            Statement::new(&KEPT, params![decision, size, clean(&file.sha256)]),
            Statement::new(&FORGET_PARTS, params![decision]),
        ];
        if !rows.is_empty() {
            statements.push(Statement::rows(&KEEP_PART, rows));
        }
        let mut tx = self.begin().await?;
        let answers = tx.run(statements).await?;
        let is_wanted = answers.first().is_some_and(|answer| answer.affected > 0);
        if is_wanted {
            tx.commit().await?;
        }
        Ok(is_wanted)
    }

    /// It could not be fetched now.
    pub async fn put_off_file(&self, decision: DecisionId, due_at: Timestamp, why: &str) -> Result<()> {
        self.write(&PUT_OFF, params![decision, due_at, clean(why)]).await.map(drop)
    }

    /// It cannot be fetched at all.
    pub async fn give_up_file(&self, decision: DecisionId, why: &str) -> Result<()> {
        self.write(&FAILED, params![decision, clean(why)]).await.map(drop)
    }

    /// The copy of the file that came with this message, if there is one.
    pub async fn kept_file(&self, decision: DecisionId) -> Result<Option<KeptFile>> {
        let rows = self.read(&OF_MESSAGE, params![decision]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let row = row.of(COPY.name);
        Ok(Some(KeptFile { size_bytes: row.get("size_bytes")?, sha256: row.get("sha256")? }))
    }

    /// The conversation of a message of which a copy was wanted: known for longer than its decision.
    pub async fn conversation_of_file(&self, decision: DecisionId) -> Result<Option<ConversationId>> {
        let rows = self.read(&CONVERSATION, params![decision]).await?;
        rows.first().map(|row| row.of(COPY.name).get("conversation_id")).transpose()
    }

    /// This part of its bytes, counted from 0; `None` behind the last one.
    pub async fn file_part(&self, decision: DecisionId, part: u32) -> Result<Option<Vec<u8>>> {
        let rows = self.read(&ONE_PART, params![decision, part]).await?;
        rows.first().map(|row| row.of(PART.name).get("bytes")).transpose()
    }
}
