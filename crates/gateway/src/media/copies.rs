//! Copies of files that customers sent, fetched soon after they came: WhatsApp keeps a file for 7 days, and its address for
//! minutes. One process fetches; whoever serves a download gives the copy where there is one.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::io::AsyncWrite;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use waypost_domain::Timestamp;
use waypost_graph_client::{CallError, DownloadError, Line, MediaStore, NotSent};
use waypost_store::{DueFile, KeptFile, Sequence, Store, StoreError};
use waypost_worker::{Due, DueConfig, DueSource, HandleError, Held, Pass, Shard, WorkerConfig};

use crate::metrics;

/// The lease name of who fetches.
pub const COPIES: &str = "media-copies";
/// How often is looked for files that came.
const EVERY: Duration = Duration::from_secs(1);
/// Files in a pass; so many are in memory at once as are fetched beside each other.
const FILES_MAX: u32 = 16;
const AT_ONCE: usize = 2;
/// For one file.
const FETCH_TIME: Duration = Duration::from_secs(120);
/// For a pass: all of its files, each as slow as it may be.
const PASS_TIME: Duration = Duration::from_secs(1_200);
/// How long WhatsApp keeps a file that was sent to us.
const KEPT_AT_META: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LAST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Fetches copies.
pub struct Copies {
    pub store: Store,
    pub media: Arc<dyn MediaStore>,
    /// Larger files are not copied.
    pub bytes_max: usize,
}

impl Copies {
    /// Runs until `shutdown`, then drains under the worker's deadline.
    pub fn run(self, worker: &WorkerConfig, shutdown: CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        metrics::describe();
        let config = DueConfig {
            shards: worker.shards(Sequence::None),
            every: EVERY,
            rows_max: FILES_MAX,
            pass_timeout: PASS_TIME,
        };
        // One for the whole store.
        let due = Due::new(config, self.store.clone(), [Shard(0)], Arc::new(self));
        Box::pin(due.run(shutdown))
    }

    /// Fetches what is due, at most so many. Twice does no harm: the second one puts the same bytes in the place of the first, or
    /// finds that nobody wants them any more.
    pub(super) async fn look(&self, files_max: u32) -> Result<Pass, StoreError> {
        let now = self.store.now().await?;
        let due = self.store.due_files(now, files_max).await?;
        let is_all = due.len() < usize::try_from(files_max).unwrap_or(usize::MAX);
        let fetch = |due: DueFile| async move { self.fetch(&due, now).await };
        let mut fetched = stream::iter(due).map(fetch).buffer_unordered(AT_ONCE);
        let mut failed = None;
        while let Some(done) = fetched.next().await {
            failed = failed.or(done.err());
        }
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(if is_all { Pass::NothingMore } else { Pass::MoreIsDue })
    }

    async fn fetch(&self, due: &DueFile, now: Timestamp) -> Result<(), StoreError> {
        let line = Line::new(due.file.number.as_str());
        let mut sink = Bounded { bytes: Vec::new(), bytes_max: self.bytes_max };
        let fetched = timeout(FETCH_TIME, self.media.download(&line, &due.file.media_id, &mut sink)).await;
        let decision = due.file.decision;
        let (error, is_over) = match fetched {
            Ok(Ok(file)) => {
                let file = KeptFile { size_bytes: file.size_bytes, sha256: file.sha256 };
                match self.store.keep_file(decision, &sink.bytes, &file).await {
                    Ok(is_kept) => {
                        if is_kept {
                            metrics::copy("kept");
                        }
                        return Ok(());
                    }
                    // One that the store does not take must not keep those behind it waiting.
                    Err(error) => (format!("not stored: {error}"), false),
                }
            }
            Ok(Err(error)) => {
                let is_over = is_for_ever(&error);
                (error.to_string(), is_over)
            }
            Err(_) => ("it did not come in two minutes".to_owned(), false),
        };
        let due_at = now.plus(wait(due.tries));
        if is_over || due_at > due.file.wanted_at.plus(KEPT_AT_META) {
            metrics::copy("failed");
            return self.store.give_up_file(decision, &error).await;
        }
        metrics::copy("put_off");
        self.store.put_off_file(decision, due_at, &error).await
    }
}

/// Whether it will never be there for us. What WhatsApp calls gone may be what this token may not have, which can be mended.
fn is_for_ever(error: &DownloadError) -> bool {
    match error {
        DownloadError::Sink(error) => error.kind() == io::ErrorKind::FileTooLarge,
        DownloadError::TooLarge { .. } | DownloadError::Call(CallError::NotSent(NotSent::Request(_))) => true,
        DownloadError::Gone | DownloadError::Call(_) | DownloadError::Address | DownloadError::Damaged(_) => false,
    }
}

/// After so many tries before.
fn wait(tries: u32) -> Duration {
    FIRST_WAIT.saturating_mul(2_u32.saturating_pow(tries)).min(LAST_WAIT)
}

#[async_trait]
impl DueSource for Copies {
    async fn pass(&self, _: &Held, rows_max: u32) -> Result<Pass, HandleError> {
        Ok(self.look(rows_max).await?)
    }
}

/// What comes; refuses what is more than may come.
struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.bytes.len() + bytes.len() > self.bytes_max {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        self.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod unit {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn what_comes_is_kept_and_too_much_is_refused() {
        let mut sink = Bounded { bytes: Vec::new(), bytes_max: 10 };
        for piece in [&[1_u8; 3][..], &[], &[2; 7]] {
            sink.write_all(piece).await.unwrap();
        }
        assert_eq!(sink.bytes, [1, 1, 1, 2, 2, 2, 2, 2, 2, 2]);
        let refused = sink.write_all(&[7]).await.unwrap_err();
        assert!(is_for_ever(&DownloadError::Sink(refused)));
        assert!(!is_for_ever(&DownloadError::Sink(io::ErrorKind::BrokenPipe.into())));
    }

    #[test]
    fn waits_grow_to_an_hour() {
        assert_eq!([0, 1, 8, 9, 40].map(wait), [10, 20, 2_560, 3_600, 3_600].map(Duration::from_secs));
    }
}
