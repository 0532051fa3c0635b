//! One connection to PostgreSQL: sends statements without waiting for the answers of those before, and knows whether
//! the session can be used again. Never decides what to send.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, SimpleQueryMessage};

use super::sql::Expected;
use super::tls::Tls;
use super::{Answer, Param, Row, Statement};
use crate::error::{of_check, of_connecting, unavailable};
use crate::{Result, StoreError};

/// How much longer than the server we wait: it has to say so, and the word has to travel.
const MARGIN: Duration = Duration::from_secs(3);

/// How connections of one kind are made.
pub(super) struct Connector {
    pub(super) config: Config,
    pub(super) tls: Tls,
    /// For all of it: TCP, TLS and login, over every host.
    pub(super) connect_timeout: Duration,
    /// `SET …; SET …`: what the session goes by.
    pub(super) settings: String,
    /// When the server ends a statement.
    pub(super) statement_timeout: Duration,
}

pub(super) struct Link {
    client: Client,
    task: JoinHandle<()>,
    /// Prepared in this session, by their text.
    prepared: HashMap<&'static str, tokio_postgres::Statement>,
    pub(super) state: State,
    pub(super) idle_since: Instant,
    patience: Duration,
}

/// What the session is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Idle,
    InTransaction,
    /// Something was sent and its answer not read: the caller gave up, or the answer did not come in time. Nobody knows
    /// what the session is in the middle of, so it is closed.
    Unknown,
}

/// What goes around the statements of one flight.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Frame {
    pub(super) begins: bool,
    pub(super) commits: bool,
}

impl Connector {
    pub(super) async fn connect(&self) -> Result<Link> {
        let connecting = tokio::time::timeout(self.connect_timeout, self.config.connect(self.tls.clone()));
        let Ok(connected) = connecting.await else { return Err(unavailable("no connection was made in time")) };
        let (client, connection) = connected.map_err(of_connecting)?;
        let task = tokio::spawn(async move {
            // Whoever uses the client learns what it ended with.
            drop(connection.await);
        });
        let patience = self.statement_timeout + MARGIN;
        let (state, idle_since) = (State::Idle, Instant::now());
        let mut link = Link { client, task, prepared: HashMap::new(), state, idle_since, patience };
        link.script(&self.settings).await?;
        Ok(link)
    }
}

impl Link {
    /// Sends all of it at once and reads every answer. The first that is an error is the error: those behind it only
    /// say that the transaction is aborted.
    pub(super) async fn fly(&mut self, statements: Vec<Statement<'_>>, frame: Frame) -> Result<Vec<Answer>> {
        let before = self.state;
        self.state = State::Unknown;
        let patience = self.patience;
        let outcomes = tokio::time::timeout(patience, self.send(statements, frame)).await;
        let Ok(outcomes) = outcomes else { return Err(unavailable("the server did not answer in time")) };
        let Sent { outcomes, whole } = match outcomes {
            Ok(sent) => sent,
            Err(error) => {
                // What was open is open still, and aborted: whoever drops it rolls back.
                if !self.client.is_closed() {
                    self.state = before;
                }
                return Err(error);
            }
        };
        if !self.client.is_closed() {
            // After a commit the transaction is over either way: the server makes a ROLLBACK of it where one failed.
            let commits = frame.commits && whole;
            let is_open = !commits && (frame.begins || before == State::InTransaction);
            self.state = if is_open { State::InTransaction } else { State::Idle };
        }
        outcomes.into_iter().collect()
    }

    /// Texts without parameters, several with `;` between.
    pub(super) async fn script(&mut self, text: &str) -> Result<()> {
        let before = self.state;
        self.state = State::Unknown;
        let answered = tokio::time::timeout(self.patience, self.client.batch_execute(text)).await;
        let Ok(answered) = answered else { return Err(unavailable("the server did not answer in time")) };
        if !self.client.is_closed() {
            self.state = before;
        }
        answered.map_err(StoreError::from)
    }

    /// A text of one value, asked without preparing anything, and so understood by whatever is between.
    pub(super) async fn ask(&mut self, text: &str) -> Result<Option<String>> {
        let before = self.state;
        self.state = State::Unknown;
        let answered = tokio::time::timeout(self.patience, self.client.simple_query(text)).await;
        let Ok(answered) = answered else { return Err(unavailable("the server did not answer in time")) };
        if !self.client.is_closed() {
            self.state = before;
        }
        let value = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        Ok(answered.map_err(StoreError::from)?.iter().find_map(value))
    }

    /// `Err` when nothing was sent, the COMMIT neither: a statement could not be prepared.
    async fn send(&mut self, statements: Vec<Statement<'_>>, frame: Frame) -> Result<Sent> {
        let mut ready = Vec::with_capacity(statements.len());
        for statement in statements {
            let expected = statement.expected;
            let (text, params) = statement.into_postgres();
            let prepared = match self.prepared.get(text) {
                Some(prepared) => prepared.clone(),
                None => match self.client.prepare(text).await {
                    Ok(prepared) => {
                        self.prepared.insert(text, prepared.clone());
                        prepared
                    }
                    Err(error) => return Err(error.into()),
                },
            };
            ready.push((prepared, params, expected));
        }
        let client = &self.client;
        let mut flight: Vec<InFlight<'_>> = Vec::with_capacity(ready.len() + 2);
        if frame.begins {
            flight.push(Box::pin(word(client, "BEGIN")));
        }
        flight.extend(ready.into_iter().map(|(prepared, params, expected)| -> InFlight<'_> {
            Box::pin(execute(client, prepared, params, expected))
        }));
        if frame.commits {
            flight.push(Box::pin(word(client, "COMMIT")));
        }
        let Sent { mut outcomes, whole } = in_order(flight).await;
        if frame.commits && whole && outcomes.last().is_some_and(Result::is_ok) {
            outcomes.pop();
        }
        if frame.begins && outcomes.first().is_some_and(Result::is_ok) {
            drop(outcomes.remove(0));
        }
        Ok(Sent { outcomes, whole })
    }

    /// Has the transaction rolled back without waiting: whatever is sent next comes behind it.
    pub(super) fn roll_back(&mut self) {
        let mut rollback = Box::pin(self.client.batch_execute("ROLLBACK"));
        // The first poll sends it; the answer is thrown away when it comes.
        let sent = rollback.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(sent);
        drop(rollback);
        self.state = State::Idle;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Ends the session as it should be; returns when the socket is closed.
    pub(super) async fn close(self) {
        drop(self.client);
        drop(tokio::time::timeout(MARGIN, self.task).await);
    }

    /// Closes the socket now, whatever is under way.
    pub(super) fn sever(self) {
        self.task.abort();
    }
}

type InFlight<'a> = Pin<Box<dyn Future<Output = Result<Answer>> + Send + 'a>>;

async fn execute(
    client: &Client,
    prepared: tokio_postgres::Statement,
    params: Vec<Param<'_>>,
    expected: Option<Expected>,
) -> Result<Answer> {
    let of = |error: tokio_postgres::Error| match expected {
        Some(expected) => of_check(error, expected.reason),
        None => error.into(),
    };
    let mut stream = Box::pin(client.query_raw(&prepared, params).await.map_err(of)?);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await.map_err(of)? {
        rows.push(Row::Postgres(row));
    }
    let affected = stream.rows_affected().unwrap_or_default();
    Ok(Answer { rows, affected })
}

async fn word(client: &Client, text: &'static str) -> Result<Answer> {
    client.batch_execute(text).await?;
    Ok(Answer { rows: vec![], affected: 0 })
}

/// What came of a flight.
struct Sent {
    outcomes: Vec<Result<Answer>>,
    /// Whether all of it was sent.
    whole: bool,
}

/// Polls them all, the first one first: a statement is sent when it is polled for the first time.
///
/// Given one that fails before it is sent (a value that does not fit its parameter), then nothing behind it is sent, the
/// COMMIT neither; else the transaction would be durable without it.
async fn in_order(mut flight: Vec<InFlight<'_>>) -> Sent {
    let mut outcomes: Vec<Option<Result<Answer>>> = flight.iter().map(|_| None).collect();
    let (mut begun, mut whole) = (0, true);
    poll_fn(|context| {
        let mut is_pending = false;
        for (index, (future, outcome)) in flight.iter_mut().zip(&mut outcomes).enumerate() {
            if outcome.is_some() || (!whole && index >= begun) {
                continue;
            }
            match future.as_mut().poll(context) {
                Poll::Ready(done) => {
                    whole &= index < begun || done.is_ok();
                    *outcome = Some(done);
                }
                Poll::Pending => is_pending = true,
            }
            begun = begun.max(index + 1);
        }
        if is_pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    Sent { outcomes: outcomes.into_iter().flatten().collect(), whole }
}

/// What a pool makes its connections with.
pub(super) type Making = Arc<Connector>;
