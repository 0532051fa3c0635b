//! The thread that reads bodies for consumers, and looks for those who only look. It must never write.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use waypost_bus::Message;
use waypost_domain::Timestamp;

use crate::error::OpenError;
use crate::inbox::Assigned;
use crate::mailbox::answer;
use crate::{rows, schema};

/// Requests that may wait; who asks beyond that waits itself.
const REQUESTS_MAX: usize = 64;
/// Bodies read at once; the first message is always read.
pub(crate) const READ_BYTES_MAX: usize = 8 * 1024 * 1024;
pub(crate) const PEEK_MAX: usize = 1000;

#[derive(Debug)]
pub(crate) enum Request {
    /// The first of `wanted`, as many as `READ_BYTES_MAX` allows. One that is not there ends the answer.
    Fetch {
        queue: i64,
        wanted: Vec<Assigned>,
        reply: oneshot::Sender<rusqlite::Result<Vec<Message>>>,
    },
    Peek {
        queue: String,
        after: Option<u64>,
        limit: usize,
        reply: oneshot::Sender<rusqlite::Result<Peeked>>,
    },
    OldestAt {
        queue: String,
        reply: oneshot::Sender<rusqlite::Result<Option<Timestamp>>>,
    },
}

/// `None`: no such queue.
pub(crate) type Peeked = Option<Vec<(u64, Message)>>;

/// Starts the thread; it ends when every sender is gone.
pub(crate) fn start(path: &Path) -> Result<mpsc::Sender<Request>, OpenError> {
    let connection = schema::open_reader(path)?;
    let (sender, receiver) = mpsc::channel(REQUESTS_MAX);
    std::thread::Builder::new()
        .name("bus-reader".to_owned())
        .spawn(move || run(&connection, receiver))
        .map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
    Ok(sender)
}

fn run(connection: &Connection, mut requests: mpsc::Receiver<Request>) {
    while let Some(request) = requests.blocking_recv() {
        match request {
            Request::Fetch { queue, wanted, reply } => answer(reply, fetch(connection, queue, &wanted)),
            Request::Peek { queue, after, limit, reply } => answer(reply, peek(connection, &queue, after, limit)),
            Request::OldestAt { queue, reply } => answer(reply, oldest_at(connection, &queue)),
        }
    }
}

fn fetch(connection: &Connection, queue: i64, wanted: &[Assigned]) -> rusqlite::Result<Vec<Message>> {
    let _one_snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let (mut messages, mut bytes) = (Vec::with_capacity(wanted.len()), 0);
    for assigned in wanted {
        let Some(message) = rows::read(connection, queue, assigned.seq)? else { break };
        bytes += message.body.len();
        messages.push(message);
        if bytes >= READ_BYTES_MAX {
            break;
        }
    }
    Ok(messages)
}

pub(crate) fn peek(connection: &Connection, queue: &str, after: Option<u64>, limit: usize) -> rusqlite::Result<Peeked> {
    let _one_snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let Some((definition, _)) = rows::queue(connection, queue)? else { return Ok(None) };
    let limit = limit.min(PEEK_MAX);
    rows::read_after(connection, definition.id, after.unwrap_or(0), limit, READ_BYTES_MAX).map(Some)
}

pub(crate) fn oldest_at(connection: &Connection, queue: &str) -> rusqlite::Result<Option<Timestamp>> {
    let _one_snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    match rows::queue(connection, queue)? {
        Some((definition, _)) => rows::oldest_at(connection, definition.id),
        None => Ok(None),
    }
}
