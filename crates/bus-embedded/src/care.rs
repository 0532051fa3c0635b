//! Care for the file while there is time: space that a backlog left behind, and the length of the log.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::mailbox::Mailbox;
use crate::{metrics, schema};

/// Free pages that are kept for the next messages: 16 MiB.
const FREE_PAGES_KEPT: i64 = 4096;
/// Pages given back to the disk in one go: 4 MiB, a few milliseconds.
const PAGES_GIVEN_BACK: i64 = 1024;
/// How long to go on giving back while nothing waits.
const GIVING_BACK_MAX: Duration = Duration::from_millis(200);
/// A log longer than this is checked in at the readers' expense.
const LOG_BYTES_ALARM: u64 = 64 * 1024 * 1024;
/// How long to wait for readers then. One that stays longer is another process's, and must not stop us.
const READERS_WAIT: Duration = Duration::from_millis(100);

/// Pages of a backlog that is gone go back to the disk beyond a reserve, as long as nobody waits.
pub(crate) fn give_space_back(connection: &Connection, mailbox: &Mailbox) -> rusqlite::Result<()> {
    let ask = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let started = Instant::now();
    let mut given_back = false;
    while mailbox.is_empty() && started.elapsed() < GIVING_BACK_MAX {
        let spare = ask("freelist_count")? - FREE_PAGES_KEPT;
        if spare <= 0 {
            break;
        }
        // One step per page: a batch would stop after the first.
        let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({})", spare.min(PAGES_GIVEN_BACK)))?;
        let mut pages = vacuum.query([])?;
        while pages.next()?.is_some() {}
        given_back = true;
    }
    if given_back {
        // The file itself becomes shorter when the log is checked in.
        connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)")?;
    }
    let bytes = ask("page_count")?.cast_unsigned() * schema::PAGE_BYTES;
    ::metrics::gauge!(metrics::FILE_BYTES).set(bytes as f64);
    Ok(())
}

/// A commit checks the log into the file, but only as far as readers let it: under load, or behind a reader that
/// stayed long, the log would grow without end.
pub(crate) fn cut_log(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    let bytes = std::fs::metadata(path.with_extension("db-wal")).map_or(0, |log| log.len());
    if bytes <= LOG_BYTES_ALARM {
        return Ok(());
    }
    connection.busy_timeout(READERS_WAIT)?;
    let cut = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    connection.busy_timeout(schema::BUSY_TIMEOUT)?;
    cut
}
