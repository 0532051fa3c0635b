//! What can go wrong, by what the caller does next. Error texts carry the database's message, so that a log line says what
//! is wrong; never its details, into which PostgreSQL puts whole rows.

use std::error::Error;
use std::fmt;

use tokio_postgres::error::SqlState;
use waypost_domain::ContactId;

/// Two contacts that are one person. The winner has the smaller id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Merge {
    pub winner: ContactId,
    pub loser: ContactId,
}

impl Merge {
    pub fn of(one: ContactId, other: ContactId) -> Self {
        Self { winner: one.min(other), loser: one.max(other) }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the partition now: stop working on it, publish nothing more.
    #[error("the lease on {component} partition {partition} is lost")]
    LeaseLost { component: String, partition: u16 },
    /// Roll back, call [`Store::merge`](crate::Store::merge) with these, begin the batch again.
    #[error("{} pairs of contacts must be merged first", .0.len())]
    MergeFirst(Vec<Merge>),
    /// Somebody else was faster, or a deadlock was broken: roll back and begin again; it will pass.
    #[error("the transaction must be repeated: {reason}")]
    Retry { reason: &'static str, source: Option<SqlError> },
    /// The database cannot be reached or cannot write: wait, then try again.
    #[error("the database is unavailable: {0}")]
    Unavailable(SqlError),
    /// Upgrade this program: the schema was migrated by a release that it cannot run beside.
    #[error("the schema (version {found}) is from a later release; this one knows {known}: upgrade waypost")]
    SchemaTooNew { found: i64, known: i64 },
    /// Run `waypost migrate`.
    #[error("the schema is missing or incomplete (version {found:?}, {known} is needed): run `waypost migrate`")]
    SchemaMissing { found: Option<i64>, known: i64 },
    /// Change the configuration back, or start a new epoch.
    #[error(
        "this deployment was started with {stored} partitions, {configured} are configured. The number is fixed, \
         because it says which queue a contact's messages wait in. To change it: stop the ingress, let the router drain \
         every queue to zero, stop all components, then start a new epoch with an empty bus and an empty store (or set \
         `partitions = {stored}` again)"
    )]
    PartitionCountDiffers { stored: u16, configured: u16 },
    /// What the caller gave can never be stored: park it as a dead letter with this reason.
    #[error("invalid data: {0}")]
    Invalid(String),
    /// Stored data that cannot be read: it was damaged, or written by a defect. Nobody's input is at fault and no
    /// repetition helps: set aside what needs it, and let a person look at the row.
    #[error("a stored {table}.{column} cannot be read")]
    Unreadable { table: &'static str, column: &'static str },
    /// A defect or a broken database: a person must look.
    #[error("the database refused a statement: {0}")]
    Database(SqlError),
}

/// What a database said, without its details: PostgreSQL quotes whole rows there.
pub struct SqlError {
    text: String,
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for SqlError {}

impl StoreError {
    pub(crate) const fn retry(reason: &'static str) -> Self {
        Self::Retry { reason, source: None }
    }

    /// Whether beginning the same work again, without a change, can succeed.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Retry { .. } | Self::Unavailable(_))
    }
}

/// Nobody answers, or not in time.
pub(crate) fn unavailable(what: &str) -> StoreError {
    StoreError::Unavailable(SqlError { text: what.to_owned() })
}

/// What is stored is not what any release would have stored.
pub(crate) fn damaged(what: String) -> StoreError {
    StoreError::Database(SqlError { text: what })
}

/// Of a connection that was not made: whatever stands in the way, unless the server itself says what, may pass.
pub(crate) fn of_connecting(error: tokio_postgres::Error) -> StoreError {
    if error.as_db_error().is_some() {
        return error.into();
    }
    StoreError::Unavailable(SqlError { text: text_of(&error) })
}

/// Of a statement that raises by a division where it did not touch the expected number of rows.
pub(crate) fn of_check(error: tokio_postgres::Error, reason: &'static str) -> StoreError {
    match error.code() {
        Some(&SqlState::DIVISION_BY_ZERO) => StoreError::retry(reason),
        _ => error.into(),
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(database) = error.as_db_error() else {
            let source = SqlError { text: text_of(&error) };
            let is_gone = error.is_closed() || source_of(&error).is_some_and(<dyn Error>::is::<std::io::Error>);
            return if is_gone { Self::Unavailable(source) } else { Self::Database(source) };
        };
        let code = database.code().code();
        of_verdict(of_sqlstate(code), SqlError { text: format!("{} (code {code})", database.message()) })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let verdict = match error.sqlite_error() {
            Some(failure) => of_sqlite_code(failure.extended_code),
            None => Verdict::Defect,
        };
        let text = match error.sqlite_error() {
            Some(failure) => format!("{error} (code {})", failure.extended_code),
            None => error.to_string(),
        };
        of_verdict(verdict, SqlError { text })
    }
}

/// Of the driver's errors only those name values that our own code made, and they name types only.
fn text_of(error: &tokio_postgres::Error) -> String {
    let text = error.to_string();
    match source_of(error).map(ToString::to_string) {
        Some(source) if !text.contains(&source) => format!("{text}: {source}"),
        Some(_) | None => text,
    }
}

fn source_of(error: &tokio_postgres::Error) -> Option<&(dyn Error + 'static)> {
    error.source()
}

fn of_verdict(verdict: Verdict, source: SqlError) -> StoreError {
    match verdict {
        Verdict::Retry(reason) => StoreError::Retry { reason, source: Some(source) },
        Verdict::Unavailable => StoreError::Unavailable(source),
        Verdict::Invalid => StoreError::Invalid(source.to_string()),
        Verdict::Defect => StoreError::Database(source),
    }
}

enum Verdict {
    Retry(&'static str),
    Unavailable,
    Invalid,
    Defect,
}

/// <https://www.postgresql.org/docs/15/errcodes-appendix.html>
fn of_sqlstate(code: &str) -> Verdict {
    match code {
        "40001" => Verdict::Retry("serialization failure"),
        "40P01" => Verdict::Retry("deadlock"),
        "55P03" => Verdict::Retry("a lock was not granted in time"),
        "57014" => Verdict::Retry("a statement was cancelled"),
        "25P03" => Verdict::Retry("the transaction stood idle for too long"),
        "23505" => Verdict::Retry("another transaction inserted the same key"),
        // 42501: a role without the right; 3D000: no such database. A person must look.
        _ => match code.get(..2) {
            Some("08" | "53" | "57" | "58") => Verdict::Unavailable,
            // Data exceptions, and rows that exceed a limit of the server.
            Some("22" | "54") => Verdict::Invalid,
            _ => Verdict::Defect,
        },
    }
}

/// <https://www.sqlite.org/rescode.html>; extended codes keep the primary one in their low byte.
fn of_sqlite_code(code: i32) -> Verdict {
    match code & 0xff {
        5 | 6 => Verdict::Retry("the database file is locked"),
        // READONLY, IOERR, FULL, CANTOPEN
        8 | 10 | 13 | 14 => Verdict::Unavailable,
        // TOOBIG
        18 => Verdict::Invalid,
        // CONSTRAINT: PRIMARYKEY or UNIQUE
        19 if code >> 8 == 6 || code >> 8 == 8 => Verdict::Retry("another transaction inserted the same key"),
        _ => Verdict::Defect,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_to_do() {
        for code in ["40001", "40P01", "55P03", "25P03", "23505", "57014"] {
            assert!(matches!(of_sqlstate(code), Verdict::Retry(_)), "{code}");
        }
        for code in ["08006", "53300", "53100", "57P01", "57P03", "58030"] {
            assert!(matches!(of_sqlstate(code), Verdict::Unavailable), "{code}");
        }
        for code in ["22021", "54000"] {
            assert!(matches!(of_sqlstate(code), Verdict::Invalid), "{code}");
        }
        for code in ["42P01", "42501", ""] {
            assert!(matches!(of_sqlstate(code), Verdict::Defect), "{code}");
        }
        for (code, retry) in [(5, true), (517, true), (6, true), (2067, true), (1555, true), (1, false)] {
            assert_eq!(matches!(of_sqlite_code(code), Verdict::Retry(_)), retry, "{code}");
        }
    }

    #[test]
    fn the_layout_error_names_the_procedure() {
        let text = StoreError::PartitionCountDiffers { stored: 8, configured: 16 }.to_string();
        for word in ["8 partitions", "16 are configured", "drain", "new epoch"] {
            assert!(text.contains(word), "{text:?} lacks {word:?}");
        }
    }
}
