//! What waits for the writer: bounded in count and bytes, so that a slow disk is felt at once and not as memory.
//!
//! What gives something back (acknowledging, leaving) is always taken: it is bounded by what was handed out.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use waypost_bus::{BusError, Depth, Outcome, Publication, Topology};

use crate::inbox::Inbox;

/// What shares a commit with others.
#[derive(Debug)]
pub(crate) enum Work {
    Publish {
        batch: Vec<Publication>,
        reply: oneshot::Sender<Vec<Outcome>>,
    },
    Subscribe {
        queue: Arc<str>,
        subscription: Subscription,
        reply: oneshot::Sender<Result<i64, BusError>>,
    },
    Acknowledge {
        queue: Arc<str>,
        consumer: u64,
        seqs: Vec<u64>,
        reply: oneshot::Sender<bool>,
    },
    Leave {
        queue: Arc<str>,
        consumer: u64,
        reply: Option<oneshot::Sender<()>>,
    },
    /// The writer's own: gives waiting consumers what an earlier, failed commit could not.
    HandOut {
        queue: Arc<str>,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) consumer: u64,
    pub(crate) prefetch: usize,
    pub(crate) inbox: Arc<Inbox>,
}

/// What is done by itself: seldom.
#[derive(Debug)]
pub(crate) enum Chore {
    Declare { topology: Topology, reply: oneshot::Sender<Result<(), BusError>> },
    Verify { topology: Topology, reply: oneshot::Sender<Vec<String>> },
    Depth { queue: String, reply: oneshot::Sender<Option<Depth>> },
    Delete { queue: String, reply: oneshot::Sender<Result<bool, BusError>> },
}

#[derive(Debug)]
pub(crate) enum Command {
    Work(Work),
    Chore(Chore),
}

/// What [`Mailbox::take`] found.
#[derive(Debug)]
pub(crate) enum Taken {
    Commands(Vec<Command>),
    /// Nothing came in time.
    Nothing,
    /// Closed, and all that came before is taken.
    Finished,
    /// Stop at once.
    Aborted,
}

#[derive(Debug)]
pub(crate) struct Mailbox {
    content: Mutex<Content>,
    came: Condvar,
    commands_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Content {
    commands: VecDeque<(Command, usize)>,
    bytes: usize,
    phase: Phase,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Closing,
    Aborted,
}

/// At most this much of bodies shares one commit, so that a commit stays short.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

impl Mailbox {
    pub(crate) fn new(commands_max: usize, bytes_max: usize) -> Self {
        Self { content: Mutex::default(), came: Condvar::new(), commands_max, bytes_max }
    }

    /// False when the bounds are reached or the bus is closed.
    pub(crate) fn offer(&self, command: Command, bytes: usize) -> bool {
        let mut content = self.lock();
        let fits = content.commands.len() < self.commands_max && content.bytes.saturating_add(bytes) <= self.bytes_max;
        if !fits || content.phase != Phase::Open {
            return false;
        }
        content.bytes += bytes;
        content.commands.push_back((command, bytes));
        self.came.notify_one();
        true
    }

    /// For what gives something back. Never blocks; forgotten when the bus is closed, for then all was given back.
    pub(crate) fn push(&self, work: Work) {
        let mut content = self.lock();
        if content.phase == Phase::Open {
            content.commands.push_back((Command::Work(work), 0));
            self.came.notify_one();
        }
    }

    /// What waits, as much as should share a commit; waits for the first until `deadline`.
    pub(crate) fn take(&self, deadline: Instant) -> Taken {
        let mut content = self.lock();
        loop {
            if content.phase == Phase::Aborted {
                return Taken::Aborted;
            }
            if !content.commands.is_empty() {
                return Taken::Commands(content.group());
            }
            if content.phase == Phase::Closing {
                return Taken::Finished;
            }
            let wait = deadline.saturating_duration_since(Instant::now());
            if wait == Duration::ZERO {
                return Taken::Nothing;
            }
            content = self.came.wait_timeout(content, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().commands.is_empty()
    }

    /// Nothing more is taken in; what waits is still worked off.
    pub(crate) fn close(&self) {
        let mut content = self.lock();
        if content.phase == Phase::Open {
            content.phase = Phase::Closing;
        }
        self.came.notify_one();
    }

    /// Nothing more is worked off. Whoever waits for an answer learns that none will come.
    pub(crate) fn abort(&self) {
        let mut content = self.lock();
        content.phase = Phase::Aborted;
        let dropped = std::mem::take(&mut content.commands);
        content.bytes = 0;
        self.came.notify_one();
        drop(content);
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn group(&mut self) -> Vec<Command> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some((command, size)) = self.commands.pop_front() {
            group.push(command);
            bytes += size;
            if bytes >= GROUP_BYTES_MAX {
                break;
            }
        }
        self.bytes -= bytes;
        group
    }
}

/// An answer that nobody waits for any more is no fault.
pub(crate) fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    drop(reply.send(value).err());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish() -> Command {
        Command::Work(Work::Publish { batch: Vec::new(), reply: oneshot::channel().0 })
    }

    fn leave() -> Work {
        Work::Leave { queue: "q".into(), consumer: 1, reply: None }
    }

    /// What one take finds, without waiting.
    fn take(mailbox: &Mailbox) -> String {
        match mailbox.take(Instant::now()) {
            Taken::Commands(commands) => format!("{} commands", commands.len()),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn all_that_waits_shares_a_commit_up_to_its_size() {
        let mailbox = Mailbox::new(100, 100 * GROUP_BYTES_MAX);
        assert_eq!(take(&mailbox), "Nothing");
        for _ in 0..50 {
            assert!(mailbox.offer(publish(), 1000));
        }
        mailbox.push(leave());
        assert_eq!(take(&mailbox), "51 commands");
        for _ in 0..3 {
            assert!(mailbox.offer(publish(), GROUP_BYTES_MAX / 2));
        }
        assert_eq!([take(&mailbox), take(&mailbox)], ["2 commands", "1 commands"]);
    }

    #[test]
    fn count_and_bytes_are_bounded_but_giving_back_is_not() {
        let mailbox = Mailbox::new(2, 1000);
        assert!(!mailbox.offer(publish(), 1001));
        assert!(mailbox.offer(publish(), 600));
        assert!(!mailbox.offer(publish(), 401));
        assert!(mailbox.offer(publish(), 400));
        assert!(!mailbox.offer(publish(), 0));
        mailbox.push(leave());
        assert_eq!(take(&mailbox), "3 commands");
        assert!(mailbox.offer(publish(), 1000), "what was taken counts no more");
    }

    #[test]
    fn closing_works_off_what_waits_and_aborting_does_not() {
        let mailbox = Mailbox::new(10, 1000);
        assert!(mailbox.offer(publish(), 1));
        mailbox.close();
        assert!(!mailbox.offer(publish(), 1));
        mailbox.push(leave());
        assert_eq!([take(&mailbox), take(&mailbox)], ["1 commands", "Finished"]);

        let mailbox = Mailbox::new(10, 1000);
        let (reply, mut answer) = oneshot::channel();
        assert!(mailbox.offer(Command::Work(Work::Publish { batch: Vec::new(), reply }), 1));
        mailbox.abort();
        assert_eq!(take(&mailbox), "Aborted");
        assert!(matches!(answer.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
    }
}
