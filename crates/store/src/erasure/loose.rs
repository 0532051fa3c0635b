//! What no index leads to: inbox rows, what waits or waited for a release, what was written in groups, statuses and changes as they
//! came, parked messages, and answers that are remembered. Looked for in pages, each in a transaction of its own.

use std::ops::AddAssign;
use std::sync::LazyLock;

use waypost_domain::{Alias, PartitionId};

use super::{ErasedPerson, bound, of_ids};
use crate::core::{Param, Sql, params};
use crate::{Result, Store};

/// Rows of a page. What matches is few; what is looked at costs.
const PAGE_ROWS: i64 = 5_000;

/// How much of it was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LooseErased {
    /// Inbox rows that have lost message id and input: they stay for the dedupe of webhooks.
    pub inbox: u64,
    /// What was kept until a release, and entries of transcripts of groups.
    pub transcript: u64,
    pub statuses: u64,
    pub changes: u64,
    /// Parked messages that named them. They are taken out, whole.
    pub parked: u64,
    /// Remembered answers of the administration.
    pub requests: u64,
}

impl AddAssign for LooseErased {
    fn add_assign(&mut self, more: Self) {
        self.inbox += more.inbox;
        self.transcript += more.transcript;
        self.statuses += more.statuses;
        self.changes += more.changes;
        self.parked += more.parked;
        self.requests += more.requests;
    }
}

/// A table that is looked through by the column of a time.
struct Looked {
    next: Sql,
    erase: Sql,
    by: By,
    count: fn(&mut LooseErased, u64),
}

enum By {
    Contact,
    /// What names them, as it is written in JSON or a form.
    Written,
    /// Their aliases, whatever stands beside them.
    Bytes,
}

impl Looked {
    /// `column`: what says who it is.
    fn new(table: &str, time: &str, column: &str, by: By, count: fn(&mut LooseErased, u64)) -> Self {
        // `json_each` has a column of the name `json`, too.
        let what = format!("{table}.{column}");
        let (sqlite, postgres) = match by {
            By::Contact => {
                (format!("{what} IN (SELECT unhex(value) FROM json_each($3))"), format!("{what} = ANY($3::UUID[])"))
            }
            By::Written | By::Bytes => (
                format!("EXISTS (SELECT 1 FROM json_each($3) w WHERE instr({what}, unhex(w.value)) > 0)"),
                format!("EXISTS (SELECT 1 FROM unnest($3::BYTEA[]) AS w(bytes) WHERE position(w.bytes IN {what}) > 0)"),
            ),
        };
        let erase = |fits: String| format!("DELETE FROM {table} WHERE {time} >= $1 AND {time} < $2 AND {fits}");
        Self {
            next: Sql::made(format!(
                "SELECT {time} AS at FROM {table} WHERE {time} >= $1 ORDER BY {time} LIMIT 1 OFFSET $2"
            )),
            erase: Sql::made_each(erase(sqlite), erase(postgres)),
            by,
            count,
        }
    }
}

static LOOKED: LazyLock<[Looked; 6]> = LazyLock::new(|| {
    [
        Looked::new("held", "received_at", "contact_id", By::Contact, |erased, rows| erased.transcript += rows),
        Looked::new("transcript", "at", "writer_id", By::Contact, |erased, rows| erased.transcript += rows),
        Looked::new("status", "received_at", "json", By::Written, |erased, rows| erased.statuses += rows),
        Looked::new("change", "received_at", "json", By::Written, |erased, rows| erased.changes += rows),
        Looked::new("parked", "parked_at", "body", By::Written, |erased, rows| erased.parked += rows),
        Looked::new("request", "at", "response", By::Bytes, |erased, rows| erased.requests += rows),
    ]
});

static PARTITIONS: Sql =
    Sql::both("SELECT partition, min(seq) AS first, max(seq) AS last FROM inbox GROUP BY partition");

/// The decision's id, which is made of number and message id, is what a second webhook is known by.
static FORGET_INBOX: LazyLock<Sql> = LazyLock::new(|| {
    of_ids(
        "UPDATE inbox SET key = '', input = NULL, extras = NULL
        WHERE contact_id {ids} AND partition = $2 AND seq >= $3 AND seq < $4 AND key <> ''",
    )
});

impl Store {
    /// Looks through everything. Nothing of it is undone where it breaks off; doing it again goes on.
    pub async fn erase_loose(&self, person: &ErasedPerson) -> Result<LooseErased> {
        let mut erased = LooseErased { inbox: self.erase_inputs(person).await?, ..LooseErased::default() };
        for looked in &*LOOKED {
            let sought: Param<'_> = match looked.by {
                By::Contact => bound(&person.ids),
                By::Written => person.aliases.iter().flat_map(written).collect(),
                By::Bytes => person.aliases.iter().map(|alias| alias.value().as_bytes()).collect(),
            };
            let mut from = 0;
            loop {
                let rows = self.report(&looked.next, params![from, PAGE_ROWS]).await?;
                let next: Option<i64> = rows.first().map(|row| row.of("page").get("at")).transpose()?;
                // Many of one moment are one page.
                let until = next.map_or(i64::MAX, |next| next.max(from + 1));
                let rows = self.write(&looked.erase, params![from, until, sought.clone()]).await?.affected;
                (looked.count)(&mut erased, rows);
                if next.is_none() {
                    break;
                }
                from = until;
            }
        }
        Ok(erased)
    }

    async fn erase_inputs(&self, person: &ErasedPerson) -> Result<u64> {
        let mut erased = 0;
        for row in self.report(&PARTITIONS, vec![]).await? {
            let row = row.of("inbox");
            let partition: PartitionId = row.get("partition")?;
            let (first, last): (i64, i64) = (row.get("first")?, row.get("last")?);
            let mut from = first;
            while from <= last {
                let until = from + PAGE_ROWS;
                let params = params![bound(&person.ids), partition, from, until];
                erased += self.write(&FORGET_INBOX, params).await?.affected;
                from = until;
            }
        }
        Ok(erased)
    }
}

/// Every way in which an alias stands in what Meta and other carriers post, and in requests to send. A number that somebody merely
/// wrote about is not among them.
fn written(alias: &Alias) -> Vec<Vec<u8>> {
    let value = alias.value();
    let mut ways = vec![format!("\"{value}\"")];
    if matches!(alias, Alias::Phone(_)) {
        ways.extend([format!("\"+{value}\""), format!(":+{value}\""), format!("%2B{value}")]);
    }
    ways.into_iter().map(String::into_bytes).collect()
}
