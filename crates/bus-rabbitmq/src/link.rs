//! One supervised connection: established, watched, and established again for as long as the bus lives.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::ConfirmSelectOptions;
use lapin::tcp::OwnedTLSConfig;
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use waypost_bus::{BusError, Health};

use crate::config::RabbitConfig;
use crate::failure::{Failure, reason};
use crate::metrics;

const BACKOFF_MIN: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How long a goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection's state, as everybody sees it.
#[derive(Clone)]
pub(crate) enum State {
    Up(Arc<Session>),
    Down(String),
    /// Closed for good.
    Closed,
}

/// What one establishment of the connection gave us. Another establishment is another session.
pub(crate) struct Session {
    pub(crate) connection: Connection,
    /// In confirm mode; replaced one by one when they break.
    pub(crate) channels: Vec<std::sync::RwLock<Channel>>,
}

/// A handle on the supervised connection.
#[derive(Clone)]
pub(crate) struct Link {
    state: watch::Receiver<State>,
    /// The broker's reason for refusing publications, while it does.
    blocked: watch::Receiver<Option<String>>,
    give_up: Arc<Notify>,
}

struct Supervisor {
    config: Arc<RabbitConfig>,
    purpose: &'static str,
    confirm_channels: usize,
    state: watch::Sender<State>,
    blocked: watch::Sender<Option<String>>,
    give_up: Arc<Notify>,
    stop: CancellationToken,
}

impl Link {
    /// Connects once, then hands over to a supervisor that ends with `stop`.
    pub(crate) async fn open(
        config: Arc<RabbitConfig>,
        purpose: &'static str,
        confirm_channels: usize,
        stop: CancellationToken,
    ) -> Result<Self, BusError> {
        let (state, state_seen) = watch::channel(State::Down("connecting".to_owned()));
        let (blocked, blocked_seen) = watch::channel(None);
        let give_up = Arc::new(Notify::new());
        let link = Self { state: state_seen, blocked: blocked_seen, give_up: give_up.clone() };
        let supervisor = Supervisor { config, purpose, confirm_channels, state, blocked, give_up, stop };
        let first = supervisor.connect().await?;
        supervisor.announce(&first);
        tokio::spawn(supervisor.run(first));
        Ok(link)
    }

    pub(crate) fn session(&self) -> Result<Arc<Session>, BusError> {
        match &*self.state.borrow() {
            State::Up(session) => Ok(session.clone()),
            State::Down(reason) => Err(BusError::Unavailable(reason.clone())),
            State::Closed => Err(BusError::Unavailable("closed".to_owned())),
        }
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.borrow().is_some()
    }

    pub(crate) fn health(&self) -> Health {
        match &*self.state.borrow() {
            State::Up(_) => match &*self.blocked.borrow() {
                Some(reason) => Health::Blocked(reason.clone()),
                None => Health::Up,
            },
            State::Down(reason) => Health::Down(reason.clone()),
            State::Closed => Health::Down("closed".to_owned()),
        }
    }

    /// Returns when this session is over.
    pub(crate) async fn lost(&self, session: &Arc<Session>) {
        let mut state = self.state.clone();
        let over = |state: &State| !matches!(state, State::Up(current) if Arc::ptr_eq(current, session));
        // An error means that the supervisor is gone, and the session with it.
        drop(state.wait_for(over).await);
    }

    /// Returns when the broker refuses publications.
    pub(crate) async fn blocked(&self) {
        let mut blocked = self.blocked.clone();
        if blocked.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The session does not answer any more: throw it away and connect anew.
    pub(crate) fn give_up(&self) {
        self.give_up.notify_one();
    }

    /// Returns when the supervisor has ended.
    pub(crate) async fn closed(&self) {
        let mut state = self.state.clone();
        drop(state.wait_for(|state| matches!(state, State::Closed)).await);
    }
}

impl Supervisor {
    async fn run(self, first: Arc<Session>) {
        let mut session = first;
        loop {
            let reason = self.watch(&session).await;
            let stopped = self.stop.is_cancelled();
            self.blocked.send_replace(None);
            let next = if stopped { State::Closed } else { State::Down(reason.clone()) };
            if !stopped {
                warn!(purpose = self.purpose, reason, "broker connection lost");
                self.state.send_replace(next);
                self.gauge(0.0);
                // In the background: a peer that is silent would hold up the next connection.
                tokio::spawn(close(session));
            } else {
                self.gauge(0.0);
                close(session).await;
                self.state.send_replace(next);
                return;
            }
            match self.reconnect().await {
                Some(connected) => session = connected,
                None => {
                    self.state.send_replace(State::Closed);
                    return;
                }
            }
            self.announce(&session);
        }
    }

    /// Returns why the session is over.
    async fn watch(&self, session: &Session) -> String {
        let mut events = Box::pin(session.connection.events_listener());
        if !session.connection.status().connected() {
            return "closed".to_owned();
        }
        loop {
            let event = tokio::select! {
                () = self.stop.cancelled() => return "stopped".to_owned(),
                () = self.give_up.notified() => return "the broker does not answer".to_owned(),
                event = events.next() => event,
            };
            match event {
                Some(Event::ConnectionBlocked(reason)) => {
                    warn!(purpose = self.purpose, reason, "broker refuses publications");
                    ::metrics::gauge!(metrics::BLOCKED).set(1.0);
                    self.blocked.send_replace(Some(reason));
                }
                Some(Event::ConnectionUnblocked) => {
                    info!(purpose = self.purpose, "broker takes publications again");
                    ::metrics::gauge!(metrics::BLOCKED).set(0.0);
                    self.blocked.send_replace(None);
                }
                Some(Event::Error(error)) => return reason(&error),
                // lapin's enum is open: what else it reports changes nothing here.
                Some(_) => {}
                None => return "closed".to_owned(),
            }
        }
    }

    /// `None`: stopped meanwhile.
    async fn reconnect(&self) -> Option<Arc<Session>> {
        let mut backoff = BACKOFF_MIN;
        loop {
            // Half fixed, half random: clients that were cut off together do not come back together.
            let wait = backoff.mul_f64(0.5 + fastrand::f64() / 2.0);
            backoff = (backoff * 2).min(BACKOFF_MAX);
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(wait) => {}
            }
            let connected = tokio::select! {
                () = self.stop.cancelled() => return None,
                connected = self.connect() => connected,
            };
            match connected {
                Ok(session) => return Some(session),
                Err(error) => {
                    self.state.send_replace(State::Down(error.to_string()));
                    info!(purpose = self.purpose, %error, "broker not reached yet");
                }
            }
        }
    }

    async fn connect(&self) -> Result<Arc<Session>, BusError> {
        let timeout = self.config.connect_timeout;
        match tokio::time::timeout(timeout, self.establish()).await {
            Ok(Ok(session)) => Ok(Arc::new(session)),
            Ok(Err(ConnectError::Amqp(error))) => Err(match Failure::of(&error) {
                Failure::Refused => BusError::Refused(reason(&error)),
                Failure::NotFound | Failure::Mismatch | Failure::Lost => BusError::Unavailable(reason(&error)),
            }),
            Ok(Err(ConnectError::Bus(error))) => Err(error),
            Err(_) => Err(BusError::Unavailable(format!("no answer within {timeout:?}"))),
        }
    }

    async fn establish(&self) -> Result<Session, ConnectError> {
        let name = format!("{} ({})", self.config.connection_name, self.purpose);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let mut tls = OwnedTLSConfig::default();
        if let Some(file) = &self.config.ca_file {
            let text = tokio::fs::read_to_string(file).await.map_err(|error| {
                ConnectError::Bus(BusError::Refused(format!("ca file {}: {error}", file.display())))
            })?;
            tls.cert_chain = Some(text);
        }
        let runtime = lapin::runtime::default_runtime()
            .map_err(|error| ConnectError::Bus(BusError::Refused(format!("no runtime: {error}"))))?;
        let uri = self.config.uri().map_err(ConnectError::Bus)?;
        let connection = Connection::connect_uri_with_config(uri, properties, tls, runtime).await?;
        let mut channels = Vec::with_capacity(self.confirm_channels);
        for _ in 0..self.confirm_channels {
            channels.push(std::sync::RwLock::new(confirm_channel(&connection).await?));
        }
        Ok(Session { connection, channels })
    }

    fn announce(&self, session: &Arc<Session>) {
        ::metrics::counter!(metrics::CONNECTS, "purpose" => self.purpose).increment(1);
        self.gauge(1.0);
        info!(purpose = self.purpose, "connected to the broker");
        self.state.send_replace(State::Up(session.clone()));
    }

    fn gauge(&self, value: f64) {
        ::metrics::gauge!(metrics::CONNECTED, "purpose" => self.purpose).set(value);
    }
}

pub(crate) async fn confirm_channel(connection: &Connection) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

async fn close(session: Arc<Session>) {
    let goodbye = session.connection.close(200, "bye".into());
    // Without an answer the broker notices by the missing heartbeat.
    drop(tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await);
}

enum ConnectError {
    Amqp(lapin::Error),
    Bus(BusError),
}

impl From<lapin::Error> for ConnectError {
    fn from(error: lapin::Error) -> Self {
        Self::Amqp(error)
    }
}
