//! Queues, read as a team's tool would: off the broker, or looked at in the embedded bus's file. What is parked is read in
//! the store, where the router moves it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use waypost_bus::Message;
use waypost_bus::topology::{DEAD_LETTERS_QUEUE, UNROUTED_QUEUE};
use waypost_bus_embedded::BusFile;
use waypost_proto::conversation_changed;
use waypost_store::{ParkedFilter, ParkedMessage, Parking, Store, StoreOptions, StoreUrl};
use waypost_tests::eventually;

use super::{MESSAGES_MAX, ROUTED_DEADLINE};

const LOOK_EVERY: Duration = Duration::from_millis(50);
const PARKED_AT_ONCE: u32 = 32;

/// Where the messages are read.
pub(super) enum Source {
    File {
        folder: PathBuf,
        /// How far each queue was read.
        places: BTreeMap<String, Option<u64>>,
    },
    #[cfg(feature = "servers")]
    Broker {
        arrivals: mpsc::Receiver<Found>,
        _tasks: JoinSet<()>,
        _bus: std::sync::Arc<waypost_bus_rabbitmq::RabbitBus>,
    },
}

/// A message and the queue that it was on.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) queue: String,
    pub(crate) message: Message,
}

impl Found {
    /// The team message's document; null when it is none.
    pub(crate) fn document(&self) -> Value {
        serde_json::from_slice(&self.message.body).unwrap_or_default()
    }

    /// A text in the document, by its JSON pointer; empty when absent.
    pub(crate) fn text(&self, pointer: &str) -> String {
        self.document()["data"].pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(crate) fn wamid(&self) -> String {
        self.text("/message/wamid")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.message.headers.get(name).map(String::as_str)
    }
}

/// Every message of a customer's that was on some queues, in each queue's order; not what teams are told of conversations.
pub(crate) struct Reader {
    source: Source,
    parked: Parked,
    read: Vec<Found>,
}

/// What is parked, as it is moved to the store.
pub(super) struct Parked {
    arrivals: mpsc::Receiver<Found>,
    _task: JoinSet<()>,
}

impl Parked {
    /// Of those among `queues` that hold what is parked; with the other queues.
    pub(super) fn of<'a>(queues: &[&'a str], store: StoreUrl) -> (Self, Vec<&'a str>) {
        let places = [(Parking::DeadLetters, DEAD_LETTERS_QUEUE), (Parking::Unrouted, UNROUTED_QUEUE)];
        let places: Vec<_> = places.into_iter().filter(|(_, queue)| queues.contains(queue)).collect();
        let others = queues.iter().copied().filter(|name| places.iter().all(|(_, queue)| queue != name)).collect();
        let (sender, arrivals) = mpsc::channel(MESSAGES_MAX);
        let mut task = JoinSet::new();
        if !places.is_empty() {
            task.spawn(follow(store, places, sender));
        }
        (Self { arrivals, _task: task }, others)
    }
}

/// A store that is not there yet, or away for a while, is looked at again.
async fn follow(url: StoreUrl, places: Vec<(Parking, &'static str)>, sender: mpsc::Sender<Found>) {
    let mut seen = BTreeSet::new();
    let mut store = None;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        if store.is_none() {
            store = open(&url).await;
        }
        let Some(store) = &store else { continue };
        for (parking, queue) in &places {
            let mut after = None;
            while let Ok(page) = store.parked_messages(&ParkedFilter::all(*parking), after, PARKED_AT_ONCE).await {
                let Some((last, _)) = page.last() else { break };
                after = Some(*last);
                for ((.., id), message) in page {
                    let found = Found { queue: (*queue).to_owned(), message: whole(message) };
                    if seen.insert(id) && sender.send(found).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// `None` before the program has made it.
async fn open(url: &StoreUrl) -> Option<Store> {
    let store = Store::open(url, StoreOptions::default()).await.ok()?;
    store.schema_is_current().await.ok()?.then_some(store)
}

fn whole(ParkedMessage { row, content }: ParkedMessage) -> Message {
    Message {
        id: row.message_id,
        kind: row.kind,
        content_type: content.content_type,
        headers: content.headers,
        body: content.body.into(),
    }
}

impl Reader {
    pub(super) const fn new(source: Source, parked: Parked) -> Self {
        Self { source, parked, read: Vec::new() }
    }

    /// Reads on, and gives all that was read so far.
    pub(crate) fn look(&mut self) -> anyhow::Result<&[Found]> {
        match &mut self.source {
            Source::File { folder, places } => read_file(folder, places, &mut self.read)?,
            #[cfg(feature = "servers")]
            Source::Broker { arrivals, .. } => {
                while let Ok(found) = arrivals.try_recv() {
                    self.read.push(found);
                }
            }
        }
        while let Ok(found) = self.parked.arrivals.try_recv() {
            self.read.push(found);
        }
        self.read.retain(|found| found.message.kind != conversation_changed::KIND);
        Ok(&self.read)
    }

    /// Waits for `count` messages in all.
    ///
    /// # Panics
    /// When they do not come.
    pub(crate) async fn wait_for(&mut self, count: usize) -> anyhow::Result<Vec<Found>> {
        self.wait_until(&format!("{count} messages are there"), |read| read.len() >= count).await
    }

    /// # Panics
    /// When it does not become so.
    pub(crate) async fn wait_until(
        &mut self,
        what: &str,
        mut holds: impl FnMut(&[Found]) -> bool,
    ) -> anyhow::Result<Vec<Found>> {
        eventually(what, ROUTED_DEADLINE, async || match self.look() {
            Ok(read) => holds(read).then(|| Ok(read.to_vec())),
            Err(error) => Some(Err(error)),
        })
        .await
    }
}

fn read_file(folder: &Path, places: &mut BTreeMap<String, Option<u64>>, read: &mut Vec<Found>) -> anyhow::Result<()> {
    let file = BusFile::open_read_only(folder)?;
    for (queue, place) in places {
        loop {
            let messages = file.peek(queue, *place, MESSAGES_MAX)?.with_context(|| format!("no queue {queue}"))?;
            let Some((last, _)) = messages.last() else { break };
            *place = Some(*last);
            read.extend(messages.into_iter().map(|(_, message)| Found { queue: queue.clone(), message }));
        }
    }
    Ok(())
}
