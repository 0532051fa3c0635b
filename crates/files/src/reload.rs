//! A value made of files, which follows them.
//!
//! A new content is taken only when two looks in a row have found it the same (nobody is writing any more) and only
//! whole; one that does not work is refused with an error in the log, and the old one stays.

use std::error::Error;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::{error, info};

use crate::FileError;

/// More than any secret or certificate chain needs.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Makes the value of the files' contents, in their order.
type Build<T, E> = Box<dyn Fn(&[Vec<u8>]) -> Result<T, E> + Send>;

/// A value made of the contents of some files (of none, when it is given inline).
pub struct Reloadable<T, E = FileError> {
    /// What it is, for the log.
    what: &'static str,
    files: Vec<PathBuf>,
    build: Build<T, E>,
    current: Arc<ArcSwap<T>>,
    hasher: RandomState,
    /// Of the contents that were last built from, or refused.
    settled: u64,
    /// Of other contents, seen once.
    candidate: Option<u64>,
    unreadable: bool,
}

/// What became of a new content, for whoever counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// It is in force.
    Loaded,
    /// The old one stays.
    Rejected,
}

impl<T, E: Error + From<FileError> + 'static> Reloadable<T, E> {
    /// Reads the files and builds the value. `what` is told in the log of every change.
    pub fn load(
        what: &'static str,
        files: Vec<PathBuf>,
        build: impl Fn(&[Vec<u8>]) -> Result<T, E> + Send + 'static,
    ) -> Result<Self, E> {
        let contents = read_all(&files)?;
        let current = Arc::new(ArcSwap::from_pointee(build(&contents)?));
        let hasher = RandomState::new();
        let settled = hasher.hash_one(&contents);
        let build = Box::new(build);
        Ok(Self { what, files, build, current, hasher, settled, candidate: None, unreadable: false })
    }

    /// Where the value in force is always found.
    pub fn current(&self) -> Arc<ArcSwap<T>> {
        self.current.clone()
    }

    /// Looks at the files once; says what became of a content that is new.
    pub async fn refresh(&mut self) -> Option<Reload> {
        if self.files.is_empty() {
            return None;
        }
        let files = self.files.clone();
        // An error: the runtime is going down.
        let read = tokio::task::spawn_blocking(move || read_all(&files)).await.ok()?;
        match read {
            Ok(contents) => {
                self.unreadable = false;
                self.take(&contents)
            }
            Err(problem) => {
                if std::mem::replace(&mut self.unreadable, true) {
                    return None;
                }
                error!(what = self.what, error = &problem as &dyn Error, "kept the old content");
                Some(Reload::Rejected)
            }
        }
    }

    fn take(&mut self, contents: &[Vec<u8>]) -> Option<Reload> {
        let seen = self.hasher.hash_one(contents);
        if seen == self.settled {
            self.candidate = None;
            return None;
        }
        if self.candidate.replace(seen) != Some(seen) {
            return None;
        }
        self.settled = seen;
        self.candidate = None;
        match (self.build)(contents) {
            Ok(value) => {
                self.current.store(Arc::new(value));
                info!(what = self.what, "took the new content");
                Some(Reload::Loaded)
            }
            Err(problem) => {
                error!(what = self.what, error = &problem as &dyn Error, "kept the old content");
                Some(Reload::Rejected)
            }
        }
    }
}

fn read_all(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, FileError> {
    files.iter().map(|file| read(file)).collect()
}

/// Reads a file that holds a secret or a certificate: at most 1 MiB.
pub fn read(file: &Path) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::Read { file: file.to_owned(), source };
    let mut content = Vec::new();
    File::open(file).and_then(|opened| opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)).map_err(failed)?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB")));
    }
    Ok(content)
}
