//! An established connection, its channels, and what is known of it at a moment. Must never make one: that is the
//! [supervisor](crate::connection)'s.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::{FutureExt, Stream};
use lapin::{Channel, Connection, Event};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use waypost_bus::BusError;

use crate::socket::SocketHandle;

/// For an orderly goodbye; after that the socket is shut.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// An established connection.
#[derive(Debug)]
pub(crate) struct Link {
    connection: Connection,
    /// Whom we are connected as.
    user: String,
    socket: Arc<SocketHandle>,
    killed: CancellationToken,
    kill_reason: OnceLock<&'static str>,
}

impl Link {
    pub(crate) fn new(connection: Connection, user: String, socket: Arc<SocketHandle>) -> Self {
        Self { connection, user, socket, killed: CancellationToken::new(), kill_reason: OnceLock::new() }
    }

    pub(crate) async fn channel(&self) -> lapin::Result<OwnChannel> {
        self.connection.create_channel().await.map(OwnChannel)
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// Ends the connection at once and for good. Closing it in lapin's way would leave frames in its queue, and an
    /// ordinary close would leave them in the kernel's: they could arrive much later, behind what replaced them, when a
    /// dead network comes back.
    pub(crate) fn kill(&self, why: &'static str) {
        self.kill_reason.get_or_init(|| why);
        self.socket.shut();
        self.killed.cancel();
    }

    /// Returns when it was killed, with the reason.
    pub(crate) async fn killed(&self) -> &'static str {
        self.killed.cancelled().await;
        self.kill_reason.get().unwrap_or(&"connection lost")
    }

    /// What lapin tells of the connection from now on.
    pub(crate) fn events(&self) -> impl Stream<Item = Event> {
        self.connection.events_listener()
    }

    /// In an orderly way, if the broker answers in time.
    pub(crate) async fn close(&self) {
        let goodbye = self.connection.close(200, "OK".into());
        if !matches!(timeout(CLOSE_TIMEOUT, goodbye).await, Ok(Ok(()))) {
            self.kill("the broker did not answer the goodbye");
        }
    }
}

/// A channel that is closed when it is dropped. lapin's own way of closing dropped channels ends the whole connection
/// when anything goes wrong with it, and cancels consumers.
pub(crate) struct OwnChannel(Channel);

impl OwnChannel {
    /// True when the broker has answered: then nothing that was sent on the channel is on its way any more.
    pub(crate) async fn close(&self, limit: Duration) -> bool {
        matches!(timeout(limit, self.0.close(200, "OK".into())).await, Ok(Ok(())))
    }
}

impl Deref for OwnChannel {
    type Target = Channel;

    fn deref(&self) -> &Channel {
        &self.0
    }
}

impl Drop for OwnChannel {
    fn drop(&mut self) {
        // The first poll marks the channel as closing and queues the frame, which is all that is wanted. A result
        // means that it is closed already.
        drop(self.0.close(200, "OK".into()).now_or_never());
    }
}

#[derive(Debug, Clone)]
pub(crate) enum LinkState {
    Up(Arc<Link>),
    /// Connected, but the broker takes no publications.
    Blocked(Arc<Link>, String),
    /// `refused`: trying again will hardly help (wrong password, no such virtual host).
    Down {
        reason: String,
        refused: bool,
    },
}

impl LinkState {
    pub(crate) fn link(&self) -> Result<Arc<Link>, BusError> {
        match self {
            Self::Up(link) | Self::Blocked(link, _) => Ok(link.clone()),
            Self::Down { reason, .. } => Err(BusError::Unavailable(reason.clone())),
        }
    }
}
