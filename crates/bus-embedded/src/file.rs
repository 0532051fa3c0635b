//! A bus file seen from outside: by a second process, or when nothing runs. Only reads; what consumes or writes goes
//! through the running process.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use waypost_bus::{Message, QueueKind};
use waypost_domain::Timestamp;

use crate::error::OpenError;
use crate::{lock, reader, rows, schema};

/// The bus file of a data folder, open for reading. Its functions block.
#[derive(Debug)]
pub struct BusFile {
    path: PathBuf,
    connection: Connection,
}

/// A queue, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredQueue {
    pub name: String,
    pub kind: QueueKind,
    /// Waiting, or in a consumer's hands.
    pub messages: u64,
    pub bytes: u64,
    pub oldest_at: Option<Timestamp>,
}

impl BusFile {
    pub fn open_read_only(folder: &Path) -> Result<Self, OpenError> {
        let path = path_in(folder);
        if !path.exists() {
            return Err(OpenError::Missing { folder: folder.to_owned() });
        }
        let connection = schema::open_reader(&path)?;
        Ok(Self { path, connection })
    }

    /// Whether a process works on the folder.
    pub fn is_in_use(folder: &Path) -> Result<bool, OpenError> {
        lock::is_taken(folder)
    }

    /// Up to `limit` messages (at most 1,000, or 8 MiB of bodies) of the queue behind the place `after`, each with its
    /// place. `None`: no such queue.
    pub fn peek(
        &self,
        queue: &str,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Option<Vec<(u64, Message)>>, OpenError> {
        reader::peek(&self.connection, queue, after, limit).map_err(|source| self.error(source))
    }

    pub fn queues(&self) -> Result<Vec<StoredQueue>, OpenError> {
        let queues = rows::queues(&self.connection).map_err(|source| self.error(source))?;
        let mut stored = Vec::with_capacity(queues.len());
        for (definition, progress) in queues {
            let oldest_at = rows::oldest_at(&self.connection, definition.id).map_err(|source| self.error(source))?;
            stored.push(StoredQueue {
                name: definition.name.to_string(),
                kind: definition.kind,
                messages: progress.messages,
                bytes: progress.bytes,
                oldest_at,
            });
        }
        Ok(stored)
    }

    fn error(&self, source: rusqlite::Error) -> OpenError {
        OpenError::Sqlite { path: self.path.clone(), source }
    }
}

pub(crate) fn path_in(folder: &Path) -> PathBuf {
    folder.join("bus.db")
}
