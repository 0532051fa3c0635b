//! Why a bus file cannot be opened.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Stop the other process, or only read ([`BusFile`](crate::BusFile)).
    #[error("the data folder {} is in use by another process", folder.display())]
    InUse { folder: PathBuf },
    /// Only when reading: nothing was ever stored there.
    #[error("the data folder {} holds no bus file", folder.display())]
    Missing { folder: PathBuf },
    /// Upgrade Waypost, or choose another folder.
    #[error("{} has format {found}, written by a newer Waypost; this one knows formats up to {known}", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// Choose another folder.
    #[error("{} is not a bus file", path.display())]
    NotABus { path: PathBuf },
    /// Correct the folder or its permissions.
    #[error("cannot use {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// The file is damaged, or the disk fails.
    #[error("cannot use {}: {source}", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}
