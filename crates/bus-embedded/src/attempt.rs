//! One transaction: some calls, and the deliveries that follow from them. Nothing is told to anybody here; when it
//! fails, file and memory are as before.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use waypost_bus::dead_letter::dead_letter;
use waypost_bus::topology::DEAD_LETTERS_QUEUE;
use waypost_bus::{Address, BusError, DeadLetterReason, Outcome, Publication};
use waypost_domain::Timestamp;

use crate::inbox::{Assigned, Inbox};
use crate::mailbox::{Subscription, Work};
use crate::rows;
use crate::state::{Next, QueueState, State, Subscriber};

/// Why nothing was committed.
#[derive(Debug)]
pub(crate) enum AttemptError {
    /// The disk, or the file's allowance, is full. Surely nothing was stored.
    Full(rusqlite::Error),
    /// Something else, before the commit. Surely nothing was stored.
    Failed(rusqlite::Error),
    /// The commit itself: nobody can say what a later reading of the file will find.
    InDoubt(rusqlite::Error),
}

/// The answer to each call, in their order.
#[derive(Debug)]
pub(crate) enum Answer {
    Published(Vec<Outcome>),
    Subscribed(Result<i64, BusError>),
    Acknowledged(bool),
    Left,
    HandedOut,
}

/// What was committed and is now to be told.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) answers: Vec<Answer>,
    pub(crate) handed_out: Vec<(Arc<Inbox>, Assigned)>,
    pub(crate) parked: u64,
}

/// Does all of `group`, or nothing.
pub(crate) fn attempt(
    connection: &Connection,
    state: &mut State,
    group: &[Work],
    now: Timestamp,
) -> Result<Done, AttemptError> {
    let mut attempt = Attempt { connection, state, before: BTreeMap::new(), handed_out: Vec::new(), parked: 0, now };
    let result = attempt.run(group);
    let Attempt { state, before, handed_out, parked, .. } = attempt;
    match result {
        Ok(answers) => Ok(Done { answers, handed_out, parked }),
        Err(error) => {
            state.queues.extend(before);
            Err(error)
        }
    }
}

struct Attempt<'a> {
    connection: &'a Connection,
    state: &'a mut State,
    /// The queues that were touched, as they were.
    before: BTreeMap<Arc<str>, QueueState>,
    handed_out: Vec<(Arc<Inbox>, Assigned)>,
    parked: u64,
    now: Timestamp,
}

impl Attempt<'_> {
    fn run(&mut self, group: &[Work]) -> Result<Vec<Answer>, AttemptError> {
        let transaction =
            Transaction::new_unchecked(self.connection, TransactionBehavior::Immediate).map_err(before_commit)?;
        let answers = self.work_off(group).map_err(before_commit)?;
        transaction.commit().map_err(at_commit)?;
        Ok(answers)
    }

    fn work_off(&mut self, group: &[Work]) -> rusqlite::Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(group.len());
        for work in group {
            answers.push(match work {
                Work::Publish { batch, .. } => Answer::Published(self.publish(batch)?),
                Work::Subscribe { queue, subscription, .. } => Answer::Subscribed(self.subscribe(queue, subscription)),
                Work::Acknowledge { queue, consumer, seqs, .. } => {
                    Answer::Acknowledged(self.acknowledge(queue, *consumer, seqs)?)
                }
                Work::Leave { queue, consumer, .. } => {
                    if let Some(left) = self.touch(queue).and_then(|queue| queue.leave(*consumer)) {
                        left.inbox.end("closed");
                    }
                    Answer::Left
                }
                Work::HandOut { queue } => {
                    self.touch(queue);
                    Answer::HandedOut
                }
            });
        }
        self.hand_out()?;
        for (name, before) in &self.before {
            if let Some(queue) = self.state.queues.get(name)
                && queue.progress != before.progress
            {
                rows::save_progress(self.connection, queue.definition.id, &queue.progress)?;
            }
        }
        Ok(answers)
    }

    fn publish(&mut self, batch: &[Publication]) -> rusqlite::Result<Vec<Outcome>> {
        batch.iter().map(|publication| self.publish_one(publication)).collect()
    }

    fn publish_one(&mut self, publication: &Publication) -> rusqlite::Result<Outcome> {
        let Some(name) = self.state.name_of(&publication.address) else { return Ok(Outcome::Returned) };
        let (connection, now) = (self.connection, self.now);
        let Some(queue) = self.touch(&name) else { return Ok(Outcome::Returned) };
        let bytes = publication.message.body.len() as u64;
        if queue.is_full_for(bytes) {
            return Ok(Outcome::Nacked);
        }
        let seq = queue.append(bytes);
        rows::insert(connection, queue.definition.id, seq, &publication.message, now)?;
        Ok(Outcome::Confirmed)
    }

    fn subscribe(&mut self, name: &str, subscription: &Subscription) -> Result<i64, BusError> {
        let queue = self.touch(name).ok_or_else(|| BusError::NoSuchQueue(name.to_owned()))?;
        queue.subscribers.push_back(Subscriber {
            id: subscription.consumer,
            prefetch: subscription.prefetch,
            unacknowledged: std::collections::BTreeSet::new(),
            inbox: Arc::clone(&subscription.inbox),
        });
        Ok(queue.definition.id)
    }

    /// False when the consumer is no more: what it held was given back before.
    fn acknowledge(&mut self, name: &str, consumer: u64, seqs: &[u64]) -> rusqlite::Result<bool> {
        let connection = self.connection;
        let Some(queue) = self.touch(name) else { return Ok(false) };
        let Some(held) = queue.acknowledge(consumer, seqs) else { return Ok(false) };
        let deleted = rows::delete(connection, queue.definition.id, &held)?;
        queue.removed(deleted.messages, deleted.bytes);
        Ok(true)
    }

    /// Gives every touched queue's consumers what they have room for. The dead letters come last, for the others may
    /// add to them.
    fn hand_out(&mut self) -> rusqlite::Result<()> {
        let touched: Vec<Arc<str>> =
            self.before.keys().filter(|name| &***name != DEAD_LETTERS_QUEUE).map(Arc::clone).collect();
        for name in touched {
            self.hand_out_of(&name)?;
        }
        if self.before.contains_key(DEAD_LETTERS_QUEUE) {
            self.hand_out_of(DEAD_LETTERS_QUEUE)?;
        }
        Ok(())
    }

    fn hand_out_of(&mut self, name: &str) -> rusqlite::Result<()> {
        while let Some(queue) = self.state.queues.get_mut(name)
            && let Some((receiver, next)) = queue.next()
        {
            let (seq, delivery_count) = match next {
                Next::New(seq) => (seq, 0),
                Next::Again(seq) => match rows::count_delivery(self.connection, queue.definition.id, seq)? {
                    Some(count) => (seq, count),
                    // Not ours to repair: somebody removed it from the file.
                    None => continue,
                },
            };
            if self.is_too_much(name, delivery_count) && self.park(name, seq, delivery_count)? {
                continue;
            }
            if let Some(inbox) = self.state.queues.get_mut(name).and_then(|queue| queue.hand_to(receiver, seq)) {
                self.handed_out.push((inbox, Assigned { seq, delivery_count }));
            }
        }
        Ok(())
    }

    fn is_too_much(&self, name: &str, delivery_count: u32) -> bool {
        let queue = self.state.queues.get(name);
        queue.is_some_and(|queue| delivery_count >= queue.definition.kind.deliveries_max())
    }

    /// Moves a message to the dead letters. False where that is not possible: then it is delivered once more, for
    /// nothing is ever thrown away.
    fn park(&mut self, name: &str, seq: u64, deliveries: u32) -> rusqlite::Result<bool> {
        let Some(definition) = self.state.queues.get(name).map(|queue| Arc::clone(&queue.definition)) else {
            return Ok(false);
        };
        if !definition.kind.dead_letters() || !self.state.names.contains_key(&Address::dead_letters()) {
            return Ok(false);
        }
        let Some(message) = rows::read(self.connection, definition.id, seq)? else { return Ok(false) };
        let reason = DeadLetterReason::DeliveredTooOften;
        let parked = dead_letter(message, reason, name, deliveries, "delivered too often without an acknowledgement");
        if self.publish_one(&parked)? != Outcome::Confirmed {
            return Ok(false);
        }
        let deleted = rows::delete(self.connection, definition.id, &[seq])?;
        if let Some(queue) = self.touch(name) {
            queue.removed(deleted.messages, deleted.bytes);
        }
        self.parked += 1;
        Ok(true)
    }

    /// The queue, to be changed; remembered as it was.
    fn touch(&mut self, name: &str) -> Option<&mut QueueState> {
        let queue = self.state.queues.get_mut(name)?;
        if !self.before.contains_key(name) {
            self.before.insert(Arc::clone(&queue.definition.name), queue.clone());
        }
        Some(queue)
    }
}

pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

fn before_commit(error: rusqlite::Error) -> AttemptError {
    if is_full(&error) { AttemptError::Full(error) } else { AttemptError::Failed(error) }
}

/// Out of space is told by the writing of the log, before the page that completes the commit.
fn at_commit(error: rusqlite::Error) -> AttemptError {
    if is_full(&error) { AttemptError::Full(error) } else { AttemptError::InDoubt(error) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bytes::Bytes;
    use tokio::sync::oneshot;
    use waypost_bus::{Message, QueueKind};

    use super::*;
    use crate::schema;
    use crate::state::{Definition, Progress};

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn publish(bytes: usize) -> Work {
        let message = Message { body: Bytes::from(vec![0; bytes]), ..Message::default() };
        let address = Address { key: "q".to_owned(), ..Address::activity() };
        Work::Publish { batch: vec![Publication { address, message }], reply: oneshot::channel().0 }
    }

    fn subscribe(consumer: u64) -> Work {
        let subscription = Subscription { consumer, prefetch: 2, inbox: Arc::default() };
        Work::Subscribe { queue: "q".into(), subscription, reply: oneshot::channel().0 }
    }

    fn acknowledge(consumer: u64, seq: u64) -> Work {
        Work::Acknowledge { queue: "q".into(), consumer, seqs: vec![seq], reply: oneshot::channel().0 }
    }

    fn leave(consumer: u64) -> Work {
        Work::Leave { queue: "q".into(), consumer, reply: None }
    }

    fn queue(connection: &Connection, kind: QueueKind) -> State {
        let address = Address { key: "q".to_owned(), ..Address::activity() };
        let mut definition = Definition { id: 0, name: "q".into(), address, kind, messages_max: 100 };
        definition.id = rows::insert_queue(connection, &definition).unwrap();
        let mut state = State::default();
        state.add(QueueState::new(definition, Progress::default(), BTreeSet::new()));
        state
    }

    /// `subscriber: held | returned`, and the progress.
    fn summary(state: &State) -> String {
        let queue = &state.queues["q"];
        let held: Vec<String> = queue.subscribers.iter().map(|s| format!("{}: {:?}", s.id, s.unacknowledged)).collect();
        format!("{} | {:?} | {:?}", held.join(" "), queue.returned, queue.progress)
    }

    #[test]
    fn a_failed_attempt_leaves_file_and_memory_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(&folder.path().join("bus.db"), Some(200_000)).unwrap();
        let mut state = queue(&connection, QueueKind::Partitioned);
        let group = [subscribe(1), publish(10), publish(10), publish(10)];
        let done = attempt(&connection, &mut state, &group, NOW).unwrap();
        assert_eq!(done.handed_out.len(), 2);
        let before = summary(&state);

        let group = [acknowledge(1, 1), subscribe(2), leave(1), publish(10), publish(500_000)];
        assert!(matches!(attempt(&connection, &mut state, &group, NOW), Err(AttemptError::Full(_))));
        assert_eq!(summary(&state), before);
        let id = state.queues["q"].definition.id;
        assert_eq!(rows::seqs_through(&connection, id, 99).unwrap(), [1, 2, 3]);

        let done = attempt(&connection, &mut state, &group[..4], NOW).unwrap();
        let handed: Vec<Assigned> = done.handed_out.into_iter().map(|(_, assigned)| assigned).collect();
        assert_eq!(handed, [Assigned { seq: 2, delivery_count: 1 }, Assigned { seq: 3, delivery_count: 0 }]);
        assert_eq!(rows::seqs_through(&connection, id, 99).unwrap(), [2, 3, 4]);
    }

    #[test]
    fn what_cannot_be_parked_is_delivered_on() {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(&folder.path().join("bus.db"), None).unwrap();
        // There are no dead letters to move it to.
        let mut state = queue(&connection, QueueKind::Work);
        attempt(&connection, &mut state, &[publish(10)], NOW).unwrap();
        for delivery in 0..QueueKind::Work.deliveries_max() + 3 {
            let done = attempt(&connection, &mut state, &[subscribe(1)], NOW).unwrap();
            assert_eq!(done.handed_out[0].1, Assigned { seq: 1, delivery_count: delivery });
            attempt(&connection, &mut state, &[leave(1)], NOW).unwrap();
        }
    }
}
