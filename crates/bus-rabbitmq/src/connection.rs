//! Keeps one connection to the broker up: connects, watches, reconnects for ever. lapin's own recovery stays off: it
//! hides from consumers that what they hold was delivered again.
//!
//! Must never retry anything but connecting: what was in flight on a lost connection is the caller's to repeat.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties, Event};
use metrics::{counter, gauge};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::RabbitConfig;
use crate::failure::{Failure, reason};
use crate::link::{Link, LinkState};
use crate::metrics::{BLOCKED, CONNECTED, CONNECTS};
use crate::socket::{Attempt, SocketHandle, timed_out};
use crate::{stream, topology};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// lapin tells of a lost connection by an event, but not in every case.
const CHECK_EVERY: Duration = Duration::from_millis(500);
const RESTORE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why there are two connections: a blocked one writes nothing at all, acknowledgements included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Publish,
    Consume,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Consume => "consume",
        }
    }
}

pub(crate) struct Supervisor {
    purpose: Purpose,
    config: Arc<RabbitConfig>,
    state: watch::Sender<LinkState>,
    stop: CancellationToken,
}

impl Supervisor {
    pub(crate) fn new(
        purpose: Purpose,
        config: Arc<RabbitConfig>,
        stop: CancellationToken,
    ) -> (Self, watch::Receiver<LinkState>) {
        let (state, receiver) =
            watch::channel(LinkState::Down { reason: "not connected yet".to_owned(), refused: false });
        (Self { purpose, config, state, stop }, receiver)
    }

    /// Until `stop`: then the connection is closed in an orderly way.
    pub(crate) async fn run(self) {
        let mut pause = FIRST_PAUSE;
        let mut connected_before = false;
        loop {
            let connected = tokio::select! {
                () = self.stop.cancelled() => break,
                connected = connect(&self.config, self.purpose) => connected,
            };
            match connected {
                Ok(link) => {
                    pause = FIRST_PAUSE;
                    if !self.keep(Arc::new(link), connected_before).await {
                        break;
                    }
                    connected_before = true;
                }
                Err(error) => self.down(&error),
            }
            // Jitter, so that a fleet does not come back in step.
            let jittered = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = sleep(jittered) => pause = LONGEST_PAUSE.min(pause * 2),
            }
        }
        self.state.send_replace(LinkState::Down { reason: "closed".to_owned(), refused: false });
    }

    /// Serves one connection until it is lost (true) or to be closed (false).
    async fn keep(&self, link: Arc<Link>, connected_before: bool) -> bool {
        let purpose = self.purpose.name();
        counter!(CONNECTS, "purpose" => purpose).increment(1);
        gauge!(CONNECTED, "purpose" => purpose).set(1.0);
        info!(purpose, "connected to the broker");
        // The broker may have come back empty.
        if connected_before && self.purpose == Purpose::Publish {
            // Not vital: without them, publications are returned.
            drop(timeout(RESTORE_TIMEOUT, topology::restore_exchanges(&link)).await);
        }
        self.state.send_replace(LinkState::Up(link.clone()));
        let lost = tokio::select! {
            () = self.stop.cancelled() => None,
            lost = self.watch(&link) => Some(lost),
        };
        let state = lost.clone().unwrap_or_else(|| "closed".to_owned());
        self.state.send_replace(LinkState::Down { reason: state, refused: false });
        gauge!(CONNECTED, "purpose" => purpose).set(0.0);
        if self.purpose == Purpose::Publish {
            gauge!(BLOCKED).set(0.0);
        }
        match &lost {
            Some(reason) => {
                warn!(purpose, reason, "connection to the broker lost");
                link.kill("connection lost");
            }
            None => {
                link.close().await;
                info!(purpose, "connection to the broker closed");
            }
        }
        lost.is_some()
    }

    /// Follows the connection's events until it is lost; gives the reason.
    async fn watch(&self, link: &Arc<Link>) -> String {
        let mut events = pin!(link.events());
        let mut check = interval(CHECK_EVERY);
        let mut reason_seen = None;
        loop {
            tokio::select! {
                reason = link.killed() => return reason.to_owned(),
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => self.blocked(link, reason),
                    Some(Event::ConnectionUnblocked) => self.unblocked(link),
                    // Also sent for errors of a single channel.
                    Some(Event::Error(error)) => reason_seen = Some(reason(&error)),
                    Some(_) => {}
                    None => return "connection ended".to_owned(),
                },
                _ = check.tick() => {}
            }
            if !link.is_connected() {
                return reason_seen.unwrap_or_else(|| "connection closed".to_owned());
            }
        }
    }

    fn blocked(&self, link: &Arc<Link>, reason: String) {
        warn!(purpose = self.purpose.name(), reason, "the broker takes no publications");
        gauge!(BLOCKED).set(1.0);
        self.state.send_replace(LinkState::Blocked(link.clone(), reason));
    }

    fn unblocked(&self, link: &Arc<Link>) {
        info!(purpose = self.purpose.name(), "the broker takes publications again");
        gauge!(BLOCKED).set(0.0);
        self.state.send_replace(LinkState::Up(link.clone()));
    }

    fn down(&self, error: &lapin::Error) {
        let refused = Failure::of(error) == Failure::Refused;
        let reason = reason(error);
        warn!(purpose = self.purpose.name(), reason, "cannot connect to the broker");
        self.state.send_replace(LinkState::Down { reason, refused });
    }
}

async fn connect(config: &RabbitConfig, purpose: Purpose) -> lapin::Result<Link> {
    let uri = config.uri().map_err(std::io::Error::other)?;
    let user = uri.authority.userinfo.username.clone();
    let socket = Arc::new(SocketHandle::default());
    let attempt = Attempt::new(&socket);
    let (handle, silence_max, ca_file) = (socket.clone(), config.silence_max(), config.ca_file.clone());
    let open = async move |uri: AMQPUri, _| {
        let host = uri.authority.host.as_str();
        let socket = TcpStream::connect((host, uri.authority.port)).await?;
        socket.set_nodelay(true)?;
        handle.hold(&socket, silence_max)?;
        Ok(AsyncTcpStream::Plain(match uri.scheme {
            AMQPScheme::AMQP => stream::plain(socket),
            AMQPScheme::AMQPS => stream::encrypted(socket, host, ca_file.as_deref()).await?,
        }))
    };
    let name = format!("{} {}", config.connection_name, purpose.name());
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connecting = Connection::connector(uri, stream::runtime(), open, properties);
    let connection = timeout(config.connect_timeout, connecting).await.map_err(|_| timed_out())??;
    attempt.succeeded();
    Ok(Link::new(connection, user, socket))
}
