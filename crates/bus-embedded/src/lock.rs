//! The lock of a data folder: one process works on it at a time.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::OpenError;

/// How often a lock is tried that somebody may hold only to see whether it is free, and what lies between.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// Held until the file is closed. The kernel lets go of it when the process dies, however it dies. Blocks for a moment.
pub(crate) fn take(folder: &Path) -> Result<File, OpenError> {
    let path = path_in(folder);
    let io = |source| OpenError::Io { path: path.clone(), source };
    let file = File::options().create(true).write(true).truncate(false).mode(0o600).open(&path).map_err(io)?;
    let mut tried = 1;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if tried < TRIES => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { folder: folder.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        tried += 1;
    }
}

/// Whether somebody has it. Asks for it as others may have it too, and gives it back at once.
pub(crate) fn is_taken(folder: &Path) -> Result<bool, OpenError> {
    let path = path_in(folder);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(OpenError::Io { path, source }),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}

fn path_in(folder: &Path) -> PathBuf {
    folder.join("bus.lock")
}
