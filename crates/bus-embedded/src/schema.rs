//! The file: its tables, its version and its settings. Must never open a file of another kind or of a newer version.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::OpenError;

/// "WAYB": tells a bus file from any other SQLite file.
const APPLICATION_ID: i64 = 0x5741_5942;
const VERSION: i64 = 1;
pub(crate) const PAGE_BYTES: u64 = 4096;
/// How long to wait for another process that holds the file.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Pages in the write-ahead log that make a commit check them into the file: 16 MiB.
const CHECKPOINT_PAGES: u32 = 4096;
/// What the log is cut down to after something large went through it.
const LOG_BYTES_MAX: u64 = 32 * 1024 * 1024;

// A message's `place` is its queue and its number there in one integer (see `rows::place`), so that a queue is a range
// of the table and no second index is written.
const TABLES: &str = "
    CREATE TABLE queue (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        stream TEXT NOT NULL,
        key TEXT NOT NULL,
        kind TEXT NOT NULL,
        messages_max INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        delivered_through INTEGER NOT NULL,
        messages INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        UNIQUE (stream, key)
    ) STRICT;
    CREATE TABLE message (
        place INTEGER PRIMARY KEY,
        stored_at INTEGER NOT NULL,
        delivery_count INTEGER NOT NULL,
        id TEXT NOT NULL,
        kind TEXT NOT NULL,
        content_type TEXT NOT NULL,
        headers TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE probe (filler BLOB NOT NULL) STRICT;
";

/// The one connection that writes; creates the file, for its owner alone whatever the umask. SQLite gives those beside it
/// the same rights.
pub(crate) fn open_writer(path: &Path, file_bytes_max: Option<u64>) -> Result<Connection, OpenError> {
    // What stands in the way is told by the opening.
    drop(File::options().write(true).create_new(true).mode(0o600).open(path));
    let sqlite = |source| not_a_database(path, source);
    let connection = Connection::open(path).map_err(sqlite)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(sqlite)?;
    if version_of(&connection, path)? == 0 {
        create(&connection).map_err(sqlite)?;
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(sqlite)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(sqlite)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX.cast_signed()).map_err(sqlite)?;
    if let Some(bytes_max) = file_bytes_max {
        let pages = (bytes_max / PAGE_BYTES).cast_signed();
        connection.pragma_update(None, "max_page_count", pages).map_err(sqlite)?;
    }
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// A connection that reads, in this process or another.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let sqlite = |source| not_a_database(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(sqlite)?;
    if version_of(&connection, path)? == 0 {
        return Err(OpenError::NotABus { path: path.to_owned() });
    }
    Ok(connection)
}

/// Writes and removes something, to learn whether the disk takes it.
pub(crate) fn probe(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "BEGIN IMMEDIATE; DELETE FROM probe; INSERT INTO probe (filler) VALUES (zeroblob(65536)); COMMIT;
         DELETE FROM probe;",
    )
}

/// 0: an empty file.
fn version_of(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let ask = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let sqlite = |source| not_a_database(path, source);
    let version = ask("user_version").map_err(sqlite)?;
    let application = ask("application_id").map_err(sqlite)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sqlite)?;
    match (application, version) {
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION_ID, 1..=VERSION) => Ok(version),
        (APPLICATION_ID, found) => Err(OpenError::Newer { path: path.to_owned(), found, known: VERSION }),
        _ => Err(OpenError::NotABus { path: path.to_owned() }),
    }
}

fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_BYTES.cast_signed())?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    // Answers the mode it chose, hence the query.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
    ))
}

fn not_a_database(path: &Path, source: rusqlite::Error) -> OpenError {
    if source.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
        return OpenError::NotABus { path: path.to_owned() };
    }
    OpenError::Sqlite { path: path.to_owned(), source }
}
