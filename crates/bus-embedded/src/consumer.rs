//! A subscription in a consumer's hands. Dropping it gives back what it holds; that is a message to the writer, so it
//! works from any thread and never blocks.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use waypost_bus::{BusError, ConsumeEnded, Consumer, Delivery, Message};

use crate::inbox::{Assigned, Inbox};
use crate::mailbox::{Command, Mailbox, Subscription, Work};
use crate::reader::Request;

#[derive(Debug)]
pub(crate) struct EmbeddedConsumer {
    name: Arc<str>,
    /// The queue's key in the file.
    queue: i64,
    id: u64,
    inbox: Arc<Inbox>,
    mailbox: Arc<Mailbox>,
    reader: mpsc::Sender<Request>,
    /// Handed to us, not read yet.
    assigned: VecDeque<Assigned>,
    /// The reading under way: of the first of `assigned`. Kept here, so that a dropped wait is taken up again.
    reading: Option<oneshot::Receiver<rusqlite::Result<Vec<Message>>>>,
    /// Read, and not taken by the caller yet.
    loaded: VecDeque<Delivery>,
    /// The writer was told already.
    left: bool,
}

impl EmbeddedConsumer {
    pub(crate) async fn subscribe(
        name: &str,
        id: u64,
        prefetch: u16,
        mailbox: &Arc<Mailbox>,
        reader: mpsc::Sender<Request>,
    ) -> Result<Self, BusError> {
        // Made before the writer knows of it: if this future is dropped, the drop unsubscribes.
        let mut consumer = Self {
            name: name.into(),
            queue: 0,
            id,
            inbox: Arc::default(),
            mailbox: Arc::clone(mailbox),
            reader,
            assigned: VecDeque::new(),
            reading: None,
            loaded: VecDeque::new(),
            left: false,
        };
        let (reply, answer) = oneshot::channel();
        let subscription =
            Subscription { consumer: id, prefetch: usize::from(prefetch.max(1)), inbox: Arc::clone(&consumer.inbox) };
        let work = Work::Subscribe { queue: Arc::clone(&consumer.name), subscription, reply };
        if !mailbox.offer(Command::Work(work), 0) {
            return Err(BusError::Unavailable("closed, or too much is waiting".to_owned()));
        }
        consumer.queue = answer.await.map_err(|_| BusError::Unavailable("the bus stopped".to_owned()))??;
        Ok(consumer)
    }

    /// Starts or continues reading what is assigned.
    async fn load(&mut self) -> Result<(), ConsumeEnded> {
        let reading = match &mut self.reading {
            Some(reading) => reading,
            None => {
                let permit = self.reader.reserve().await.map_err(|_| stopped())?;
                let (reply, answer) = oneshot::channel();
                let wanted = self.assigned.iter().copied().collect();
                permit.send(Request::Fetch { queue: self.queue, wanted, reply });
                self.reading.insert(answer)
            }
        };
        let answer = reading.await;
        self.reading = None;
        let messages = answer
            .map_err(|_| stopped())?
            .map_err(|error| ConsumeEnded(format!("the file cannot be read: {error}")))?;
        if messages.is_empty() {
            return Err(ConsumeEnded("a message is gone from the file, or its queue was deleted".to_owned()));
        }
        let read = self.assigned.drain(..messages.len());
        for (message, Assigned { seq, delivery_count }) in messages.into_iter().zip(read) {
            self.loaded.push_back(Delivery::new(message, delivery_count, delivery_count > 0, seq));
        }
        Ok(())
    }
}

#[async_trait]
impl Consumer for EmbeddedConsumer {
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Delivery>, ConsumeEnded> {
        let max = max.max(1);
        loop {
            if let Some(reason) = self.inbox.ended() {
                return Err(ConsumeEnded(reason));
            }
            if !self.loaded.is_empty() {
                let count = max.min(self.loaded.len());
                return Ok(self.loaded.drain(..count).collect());
            }
            if self.assigned.is_empty() {
                self.assigned.extend(self.inbox.take(max));
            }
            if self.assigned.is_empty() {
                self.inbox.changed().await;
                continue;
            }
            if let Err(ended) = self.load().await {
                self.inbox.end(&ended.0);
            }
        }
    }

    async fn ack(&mut self, deliveries: Vec<Delivery>) -> Result<(), ConsumeEnded> {
        if let Some(reason) = self.inbox.ended() {
            return Err(ConsumeEnded(reason));
        }
        if deliveries.is_empty() {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        let seqs = deliveries.iter().map(Delivery::tag).collect();
        self.mailbox.push(Work::Acknowledge { queue: Arc::clone(&self.name), consumer: self.id, seqs, reply });
        match answer.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(ConsumeEnded(self.inbox.ended().unwrap_or_else(|| stopped().0))),
        }
    }

    async fn close(mut self: Box<Self>) -> bool {
        let (reply, answer) = oneshot::channel();
        self.mailbox.push(Work::Leave { queue: Arc::clone(&self.name), consumer: self.id, reply: Some(reply) });
        self.left = true;
        // No answer means that the bus stopped: then all is given back, too.
        drop(answer.await);
        true
    }
}

impl Drop for EmbeddedConsumer {
    fn drop(&mut self) {
        if !self.left {
            self.mailbox.push(Work::Leave { queue: Arc::clone(&self.name), consumer: self.id, reply: None });
        }
    }
}

fn stopped() -> ConsumeEnded {
    ConsumeEnded("the bus stopped".to_owned())
}
