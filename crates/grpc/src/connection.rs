//! Connections as they come in: each takes up room for as long as it is open, and begins with a handshake where there is
//! TLS, beside all others.

use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::{Stream, StreamExt, stream};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::{Connected, TcpConnectInfo};
use tracing::{debug, warn};

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What comes in, while there is room; beyond that it waits in the kernel's queue.
pub(crate) fn connections(
    listener: TcpListener,
    connections_max: usize,
) -> impl Stream<Item = io::Result<Connection>> + Send {
    let room = Arc::new(Semaphore::new(connections_max));
    stream::unfold((listener, room), |(listener, room)| async {
        let permit = Arc::clone(&room).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return Some((Ok(Connection { stream, _permit: permit }), (listener, room))),
                // A connection that is gone again, or no file descriptor left: the next may do better.
                Err(error) => {
                    warn!(%error, "grpc: a connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })
}

/// Those of `connections` that agree on TLS, as it is in force when they begin.
pub(crate) fn handshakes(
    connections: impl Stream<Item = io::Result<Connection>> + Send,
    tls: Arc<ArcSwap<ServerConfig>>,
    connections_max: usize,
) -> impl Stream<Item = io::Result<TlsStream<Connection>>> + Send {
    let shake = move |connection: io::Result<Connection>| {
        let acceptor = TlsAcceptor::from(tls.load_full());
        async move {
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(connection?)).await {
                Ok(accepted) => accepted,
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            }
        }
    };
    connections.map(shake).buffer_unordered(connections_max.max(1)).filter(|accepted| {
        if let Err(error) = accepted {
            debug!(%error, "grpc: TLS handshake failed");
        }
        ready(accepted.is_ok())
    })
}

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) _permit: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
