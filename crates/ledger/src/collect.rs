//! Reads what came out of a running deployment: every team's queues, what was routed to nobody, the dead letters.
//!
//! On RabbitMQ the messages are consumed, as their teams would; the embedded bus belongs to the process that runs, so
//! there they are looked at. What was received is written down before it is acknowledged.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use tokio::task::JoinSet;
use waypost_bus::topology::{DEAD_LETTERS_QUEUE, UNROUTED_QUEUE, team_queue};
use waypost_bus::{Bus, Layout, Message, Topology};
use waypost_bus_embedded::BusFile;
use waypost_bus_rabbitmq::{RabbitBus, RabbitConfig};
use waypost_domain::team::Priority;
use waypost_rules::RuleSet;

use crate::{DeliveryRecord, Entry, LedgerWriter, QueueDepth};

const PREFETCH: u16 = 256;
const LOOK_EVERY: Duration = Duration::from_millis(200);
const LOOK_AT_MOST: usize = 1_000;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the bus of a deployment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusUrl {
    /// The data folder.
    Embedded(PathBuf),
    /// `amqp://…` or `amqps://…`
    RabbitMq(String),
}

impl BusUrl {
    /// A URL, or the path of a data folder.
    pub fn parse(text: &str) -> Self {
        if text.starts_with("amqp://") || text.starts_with("amqps://") {
            Self::RabbitMq(text.to_owned())
        } else {
            Self::Embedded(text.into())
        }
    }
}

/// Where messages end under these rules.
pub fn collected_queues(rules: &RuleSet) -> Vec<String> {
    let of_team = |team| Priority::ALL.map(|priority| team_queue(team, priority));
    let mut queues: Vec<String> = rules.team_names().iter().flat_map(of_team).collect();
    queues.extend([UNROUTED_QUEUE.to_owned(), DEAD_LETTERS_QUEUE.to_owned()]);
    queues
}

/// Reads `queues` until nothing has come for as long as `idle`, then asks how much the queues of `layout` still hold.
/// Gives the number of messages.
pub async fn collect(
    bus: &BusUrl,
    layout: Layout,
    queues: &[String],
    idle: Duration,
    writer: LedgerWriter,
) -> anyhow::Result<u64> {
    let book = Arc::new(Mutex::new(Book { writer, begun_at: Instant::now(), last_at: Instant::now(), messages: 0 }));
    match bus {
        BusUrl::Embedded(folder) => peek_all(folder.clone(), queues.to_vec(), idle, &book).await?,
        BusUrl::RabbitMq(url) => consume(url, layout, queues, idle, &book).await?,
    }
    let book = Arc::into_inner(book).context("nobody else writes any more")?;
    let book = book.into_inner().unwrap_or_else(PoisonError::into_inner);
    book.writer.finish()?;
    Ok(book.messages)
}

/// What was received, and when the last of it.
struct Book {
    writer: LedgerWriter,
    begun_at: Instant,
    last_at: Instant,
    messages: u64,
}

impl Book {
    fn add(&mut self, queue: &str, position: &mut u64, messages: impl Iterator<Item = Message>) -> anyhow::Result<()> {
        let now = Instant::now();
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let received_ns = u64::try_from((now - self.begun_at).as_nanos())?;
        let received_at_ms = i64::try_from(since_epoch.as_millis())?;
        for message in messages {
            *position += 1;
            let record = DeliveryRecord::new(queue, *position, &message, received_ns, received_at_ms);
            self.writer.write(&Entry::Delivery(record))?;
            self.messages += 1;
            self.last_at = now;
        }
        self.writer.flush()
    }
}

fn lock(book: &Mutex<Book>) -> std::sync::MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn peek_all(folder: PathBuf, queues: Vec<String>, idle: Duration, book: &Mutex<Book>) -> anyhow::Result<()> {
    let mut places: Vec<(Option<u64>, u64)> = vec![(None, 0); queues.len()];
    while lock(book).last_at.elapsed() < idle {
        let file = BusFile::open_read_only(&folder)?;
        for (queue, (place, position)) in queues.iter().zip(&mut places) {
            let messages = file.peek(queue, *place, LOOK_AT_MOST)?.with_context(|| no_queue(queue))?;
            let Some((last, _)) = messages.last() else { continue };
            *place = Some(*last);
            lock(book).add(queue, position, messages.into_iter().map(|(_, message)| message))?;
        }
        drop(file);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    // What was looked at is still there; everything else has to be empty.
    for queue in BusFile::open_read_only(&folder)?.queues()? {
        if !queues.contains(&queue.name) {
            let depth = QueueDepth { queue: queue.name, ready: queue.messages, unacknowledged: None };
            lock(book).writer.write(&Entry::Depth(depth))?;
        }
    }
    Ok(())
}

async fn consume(
    url: &str,
    layout: Layout,
    queues: &[String],
    idle: Duration,
    book: &Arc<Mutex<Book>>,
) -> anyhow::Result<()> {
    let bus = RabbitBus::connect(RabbitConfig::new(url)).await?;
    let mut tasks = JoinSet::new();
    for queue in queues {
        let mut consumer = bus.consume(queue, PREFETCH).await.with_context(|| no_queue(queue))?;
        let (queue, book) = (queue.clone(), Arc::clone(book));
        tasks.spawn(async move {
            let mut position = 0;
            loop {
                let batch = consumer.next_batch(PREFETCH.into()).await?;
                lock(&book).add(&queue, &mut position, batch.iter().map(|delivery| delivery.message.clone()))?;
                consumer.ack(batch).await?;
            }
        });
    }
    while lock(book).last_at.elapsed() < idle {
        tokio::select! {
            Some(ended) = tasks.join_next() => {
                let outcome: anyhow::Result<()> = ended?;
                outcome?;
            }
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    // Between two batches or within one: what is not acknowledged stays in its queue, and shows in the depths.
    tasks.shutdown().await;
    for queue in Topology::new(layout, &Default::default(), false).queues.into_iter().map(|queue| queue.name) {
        if let Some(depth) = bus.depth(&queue).await? {
            let depth = QueueDepth { queue, ready: depth.ready, unacknowledged: depth.unacknowledged };
            lock(book).writer.write(&Entry::Depth(depth))?;
        }
    }
    bus.close(CLOSE_TIMEOUT).await;
    Ok(())
}

fn no_queue(queue: &str) -> String {
    format!("no queue {queue}: are these the rules in force, and has waypost run with them?")
}
