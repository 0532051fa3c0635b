//! Queues, read as a team's tool would: off the broker, or looked at in the embedded bus's file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;
#[cfg(feature = "servers")]
use tokio::sync::mpsc;
#[cfg(feature = "servers")]
use tokio::task::JoinSet;
use waypost_bus::Message;
use waypost_bus_embedded::BusFile;
use waypost_proto::conversation_changed;
use waypost_tests::eventually;

use super::{MESSAGES_MAX, ROUTED_DEADLINE};

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
    read: Vec<Found>,
}

impl Reader {
    pub(super) const fn new(source: Source) -> Self {
        Self { source, read: Vec::new() }
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
