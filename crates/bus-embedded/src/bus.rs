//! The handle of the running bus.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};
use waypost_bus::{Bus, BusError, Consumer, Depth, Health, Message, Outcome, Publication, Topology};

use crate::consumer::EmbeddedConsumer;
use crate::error::OpenError;
use crate::mailbox::{Chore, Command, Mailbox, Work};
use crate::reader::{self, Request};
use crate::writer::{Shared, Writer};
use crate::{file, lock, metrics};

/// Bounds of the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Calls that may wait for the writer; more are refused.
    pub commands_max: usize,
    /// Bytes of bodies that may wait for the writer; also the largest batch.
    pub bytes_max: usize,
    /// How large the file may grow; `None`: as large as the disk allows.
    pub file_bytes_max: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { commands_max: 1024, bytes_max: 64 * 1024 * 1024, file_bytes_max: None }
    }
}

/// A broker inside the process, in the file `bus.db` of a data folder. One handle per folder, shared by all.
///
/// Without [`Bus::close`], dropping the last handle closes in the background.
#[derive(Debug)]
pub struct EmbeddedBus {
    shared: Arc<Shared>,
    reader: mpsc::Sender<Request>,
    consumers: AtomicU64,
    /// Ends when the writer is gone and the folder is free.
    gone: watch::Receiver<()>,
}

impl EmbeddedBus {
    /// Opens the folder's bus, or makes one, and recovers what a crash left. Blocks while it reads the file; the
    /// folder stays locked until the bus is closed.
    pub fn open(folder: &Path, options: Options) -> Result<Arc<Self>, OpenError> {
        crate::metrics::describe();
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { path, source }
        };
        folder.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(io(folder))?;
        // What customers write lies there.
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io(folder))?;
        let lock = lock::take(folder)?;
        let path = file::path_in(folder);
        let shared = Arc::new(Shared::new(Mailbox::new(options.commands_max, options.bytes_max)));
        let mut writer = Writer::open(path.clone(), options.file_bytes_max, Arc::clone(&shared))?;
        let reader = reader::start(&path)?;

        let (until_gone, gone) = watch::channel(());
        let thread = move || {
            // In this order, also in a panic: the file is closed, then the folder is free, then that is told.
            let _until_gone = until_gone;
            let _lock = lock;
            writer.run();
            drop(writer);
        };
        std::thread::Builder::new().name("bus-writer".to_owned()).spawn(thread).map_err(io(&path))?;
        Ok(Arc::new(Self { shared, reader, consumers: AtomicU64::new(0), gone }))
    }

    /// Deletes a queue with all it holds; its consumers end. False: there was none.
    pub async fn delete_queue(&self, queue: &str) -> Result<bool, BusError> {
        self.chore(|reply| Chore::Delete { queue: queue.to_owned(), reply }).await?
    }

    /// Stops at once, as a SIGKILL of the process would: nothing that waits is stored or answered. For tests.
    pub async fn abort(&self) {
        self.shared.mailbox.abort();
        self.until_gone().await;
    }

    async fn chore<T>(&self, chore: impl FnOnce(oneshot::Sender<T>) -> Chore) -> Result<T, BusError> {
        let (reply, answer) = oneshot::channel();
        if !self.shared.mailbox.offer(Command::Chore(chore(reply)), 0) {
            return Err(self.unavailable());
        }
        answer.await.map_err(|_| self.unavailable())
    }

    async fn read<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<rusqlite::Result<T>>) -> Request,
    ) -> Result<T, BusError> {
        if self.gone.has_changed().is_err() {
            return Err(self.unavailable());
        }
        let (reply, answer) = oneshot::channel();
        self.reader.send(request(reply)).await.map_err(|_| self.unavailable())?;
        let read = answer.await.map_err(|_| self.unavailable())?;
        read.map_err(|error| BusError::Unavailable(format!("the bus file cannot be read: {error}")))
    }

    fn unavailable(&self) -> BusError {
        BusError::Unavailable(match self.shared.health() {
            Health::Up => "too much is waiting".to_owned(),
            Health::Blocked(reason) | Health::Down(reason) => reason,
        })
    }

    async fn until_gone(&self) {
        // Nothing is ever sent: the error is the end of the writer.
        let mut gone = self.gone.clone();
        while gone.changed().await.is_ok() {}
    }
}

#[async_trait]
impl Bus for EmbeddedBus {
    async fn publish(&self, batch: Vec<Publication>, timeout: Duration) -> Vec<Outcome> {
        let count = batch.len();
        if count == 0 {
            return Vec::new();
        }
        let bytes = batch.iter().map(|publication| publication.message.body.len()).sum();
        let (reply, answer) = oneshot::channel();
        if !self.shared.mailbox.offer(Command::Work(Work::Publish { batch, reply }), bytes) {
            ::metrics::counter!(metrics::REFUSED, "reason" => "busy").increment(count as u64);
            return vec![Outcome::Unavailable; count];
        }
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(outcomes)) => outcomes,
            // Too late, or the writer stopped before it answered.
            Err(_) | Ok(Err(_)) => vec![Outcome::Unknown; count],
        }
    }

    async fn consume(&self, queue: &str, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        let id = self.consumers.fetch_add(1, Ordering::Relaxed);
        let reader = self.reader.clone();
        let consumer = EmbeddedConsumer::subscribe(queue, id, prefetch, &self.shared.mailbox, reader).await?;
        Ok(Box::new(consumer))
    }

    async fn declare(&self, topology: &Topology) -> Result<(), BusError> {
        self.chore(|reply| Chore::Declare { topology: topology.clone(), reply }).await?
    }

    async fn verify(&self, topology: &Topology) -> Result<Vec<String>, BusError> {
        self.chore(|reply| Chore::Verify { topology: topology.clone(), reply }).await
    }

    async fn depth(&self, queue: &str) -> Result<Option<Depth>, BusError> {
        let depth = self.chore(|reply| Chore::Depth { queue: queue.to_owned(), reply }).await?;
        let Some(depth) = depth else { return Ok(None) };
        let oldest_at = self.read(|reply| Request::OldestAt { queue: queue.to_owned(), reply }).await?;
        Ok(Some(Depth { oldest_at, ..depth }))
    }

    async fn peek(&self, queue: &str, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Message)>, BusError> {
        let peeked = self.read(|reply| Request::Peek { queue: queue.to_owned(), after, limit, reply }).await?;
        peeked.ok_or_else(|| BusError::NoSuchQueue(queue.to_owned()))
    }

    fn health(&self) -> Health {
        self.shared.health()
    }

    async fn close(&self, timeout: Duration) {
        self.shared.mailbox.close();
        if tokio::time::timeout(timeout, self.until_gone()).await.is_err() {
            // Whoever still waits is left in doubt.
            self.shared.mailbox.abort();
            tracing::warn!("the bus was closed before all that waited was stored");
        }
    }
}

impl Drop for EmbeddedBus {
    fn drop(&mut self) {
        self.shared.mailbox.close();
    }
}
