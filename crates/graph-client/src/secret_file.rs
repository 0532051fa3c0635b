//! A token in a file, which is followed: a small reader beside `waypost-files`, which a client must not know.
//!
//! A content is taken when two looks, a second apart, find the file unchanged since (nobody is writing any more), or at once
//! when the platform has just refused the old one. What cannot be read leaves the old one in force. No content is ever
//! logged, nor part of an error.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{error, info};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Meta's tokens have some 200.
const SECRET_BYTES_MAX: u64 = 8 << 10;

/// What is wrong with the file of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Name the file in the configuration.
    #[error("no file is configured for it")]
    NotConfigured,
    /// Create the file, or allow this user to read it.
    #[error("cannot read {}: {kind}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        kind: io::ErrorKind,
    },
    /// Write the token into it, and nothing else.
    #[error("{}: {problem}", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// Never with a part of the content.
        problem: &'static str,
    },
}

/// A file that holds one secret.
pub(crate) struct SecretFile {
    path: PathBuf,
    state: Mutex<State>,
}

/// A secret in force.
#[derive(Clone)]
pub(crate) struct Secret {
    /// From 1, another one for every other text.
    pub version: u64,
    text: Arc<SecretString>,
}

#[derive(Default)]
struct State {
    current: Option<Secret>,
    looked_at: Option<Instant>,
    /// Of the file that was last read.
    settled: Option<Stamp>,
    /// Of a file that has changed, seen once.
    candidate: Option<Stamp>,
    problem: Option<SecretError>,
}

/// By which a changed file is known without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// Whether a changed file is read before it has stayed as it is for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    WhenSettled,
    AtOnce,
}

impl Secret {
    /// To be sent, and never to be shown.
    pub(crate) fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

impl SecretFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, state: Mutex::default() }
    }

    /// The secret in force. Looks at the file at most once a second.
    pub(crate) async fn current(&self) -> Result<Secret, SecretError> {
        let mut state = self.state.lock().await;
        if state.looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            state.look(&self.path, Haste::WhenSettled).await;
        }
        state.in_force(&self.path)
    }

    /// The secret that the file holds now: for when the one in force was refused.
    pub(crate) async fn read_again(&self) -> Result<Secret, SecretError> {
        let mut state = self.state.lock().await;
        state.look(&self.path, Haste::AtOnce).await;
        state.in_force(&self.path)
    }

    /// 0 when there is none.
    pub(crate) async fn version(&self) -> u64 {
        self.current().await.map_or(0, |secret| secret.version)
    }
}

impl State {
    fn in_force(&self, path: &Path) -> Result<Secret, SecretError> {
        let missing = || SecretError::Read { file: path.to_owned(), kind: io::ErrorKind::NotFound };
        self.current.clone().ok_or_else(|| self.problem.clone().unwrap_or_else(missing))
    }

    async fn look(&mut self, path: &Path, haste: Haste) {
        self.looked_at = Some(Instant::now());
        // With nothing in force there is nothing to lose by taking a file that is still being written.
        let at_once = haste == Haste::AtOnce || self.current.is_none();
        let (path, settled, candidate) = (path.to_owned(), self.settled, self.candidate);
        let look = move || look_at(&path, |stamp| at_once || (Some(stamp) != settled && Some(stamp) == candidate));
        // An error: the runtime is going down.
        let Ok(seen) = tokio::task::spawn_blocking(look).await else { return };
        match seen {
            Ok((stamp, None)) => self.candidate = Some(stamp).filter(|_| Some(stamp) != settled),
            Ok((stamp, Some(text))) => self.take(stamp, text),
            Err(problem) => {
                if self.problem.as_ref() != Some(&problem) {
                    error!(error = &problem as &dyn std::error::Error, "the token stays as it was");
                }
                self.problem = Some(problem);
            }
        }
    }

    fn take(&mut self, stamp: Stamp, text: SecretString) {
        (self.settled, self.candidate, self.problem) = (Some(stamp), None, None);
        let version = self.current.as_ref().map_or(0, |secret| secret.version);
        if self.current.as_ref().is_some_and(|secret| secret.expose() == text.expose_secret()) {
            return;
        }
        if version > 0 {
            info!("took a new token");
        }
        self.current = Some(Secret { version: version + 1, text: Arc::new(text) });
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self { modified: metadata.modified().ok(), length: metadata.len(), inode: metadata.ino() }
    }
}

/// The file's stamp, and its content where `is_wanted`.
fn look_at(path: &Path, is_wanted: impl FnOnce(Stamp) -> bool) -> Result<(Stamp, Option<SecretString>), SecretError> {
    let failed = |error: io::Error| SecretError::Read { file: path.to_owned(), kind: error.kind() };
    let invalid = |problem| SecretError::Content { file: path.to_owned(), problem };
    let file = File::open(path).map_err(failed)?;
    let stamp = Stamp::from(&file.metadata().map_err(failed)?);
    if !is_wanted(stamp) {
        return Ok((stamp, None));
    }
    let mut content = Vec::new();
    file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > SECRET_BYTES_MAX {
        return Err(invalid("is larger than any token"));
    }
    let text = std::str::from_utf8(&content).map_err(|_| invalid("is no text"))?.trim();
    match text {
        "" => Err(invalid("is empty")),
        text if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok((stamp, Some(SecretString::from(text)))),
        _ => Err(invalid("holds more than one token")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn second() {
        tokio::time::advance(LOOK_EVERY).await;
    }

    async fn text(file: &SecretFile) -> String {
        file.current().await.unwrap().expose().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_token_is_taken_when_the_file_has_come_to_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let file = SecretFile::new(path.clone());
        assert_eq!(file.version().await, 0);
        fs::write(&path, "first\n").unwrap();
        assert!(file.current().await.is_err(), "nobody has looked again");
        second().await;
        assert_eq!((text(&file).await.as_str(), file.version().await), ("first", 1));
        fs::write(&path, "half of the").unwrap();
        second().await;
        assert_eq!(text(&file).await, "first", "it is seen for the first time");
        fs::write(&path, "second").unwrap();
        second().await;
        assert_eq!(text(&file).await, "first", "it has changed since");
        second().await;
        assert_eq!((text(&file).await.as_str(), file.version().await), ("second", 2));
        fs::write(&path, "second\n").unwrap();
        second().await;
        second().await;
        assert_eq!(file.version().await, 2, "the same token is no new one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_read_again_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "first").unwrap();
        let file = SecretFile::new(path.clone());
        assert_eq!(text(&file).await, "first");
        fs::write(&path, "second").unwrap();
        assert_eq!(file.read_again().await.unwrap().expose(), "second");
        fs::remove_file(&path).unwrap();
        assert_eq!(file.read_again().await.unwrap().expose(), "second", "the old one stays");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_token_is_said_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let long = "x".repeat(9_000);
        let cases: [(&[u8], &str); 4] = [
            (b" \n", "is empty"),
            (b"two words", "holds more than one token"),
            (b"\xff", "is no text"),
            (long.as_bytes(), "is larger than any token"),
        ];
        for (content, want) in cases {
            fs::write(&path, content).unwrap();
            let error = SecretFile::new(path.clone()).current().await.err().unwrap();
            assert_eq!(error.to_string(), format!("{}: {want}", path.display()));
        }
    }
}
