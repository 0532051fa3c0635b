//! Connections as they come in: each takes up room for as long as it is open, and begins with a greeting, beside all others:
//! the handshake where there is TLS, and the first bytes of HTTP/2. A greeting has a time limit, and where there is no room,
//! a newcomer takes the place of whoever has been greeting longest: who connects and says nothing keeps nobody out.

use std::collections::VecDeque;
use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::{Stream, StreamExt, stream};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::{Connected, TcpConnectInfo};
use tracing::{debug, warn};

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// From the accept to the first bytes of HTTP/2.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);

/// What a client of HTTP/2 says first (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that has not greeted yet.
pub(crate) struct Newcomer {
    connection: Connection,
    /// Its place is wanted.
    evicted: Arc<Notify>,
}

/// Those that are greeting, the oldest first; of those that have finished there is nothing left to evict.
#[derive(Default)]
struct Greeting(VecDeque<Weak<Notify>>);

impl Greeting {
    fn add(&mut self) -> Arc<Notify> {
        while self.0.front().is_some_and(|oldest| oldest.strong_count() == 0) {
            self.0.pop_front();
        }
        let evicted = Arc::default();
        self.0.push_back(Arc::downgrade(&evicted));
        evicted
    }

    /// Whoever has been greeting longest; nobody, where all places are taken by callers.
    fn evict(&mut self) {
        while let Some(oldest) = self.0.pop_front() {
            if let Some(evicted) = oldest.upgrade() {
                return evicted.notify_one();
            }
        }
    }
}

/// What comes in, while there is room; what there is no room for waits until a caller goes.
pub(crate) fn connections(listener: TcpListener, connections_max: usize) -> impl Stream<Item = Newcomer> + Send {
    let room = Arc::new(Semaphore::new(connections_max));
    stream::unfold((listener, room, Greeting::default()), |(listener, room, mut greeting)| async {
        let stream = accept(&listener).await;
        let permit = match Arc::clone(&room).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                greeting.evict();
                Arc::clone(&room).acquire_owned().await.ok()?
            }
        };
        let connection = Connection { stream, _permit: permit };
        let evicted = greeting.add();
        Some((Newcomer { connection, evicted }, (listener, room, greeting)))
    })
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // A connection that is gone again, or no file descriptor left: the next may do better.
            Err(error) => {
                warn!(%error, "grpc: a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Those of `newcomers` that speak HTTP/2.
pub(crate) fn plain(
    newcomers: impl Stream<Item = Newcomer> + Send,
    connections_max: usize,
) -> impl Stream<Item = io::Result<Greeted<Connection>>> + Send {
    greetings(newcomers, connections_max, Greeted::read)
}

/// Those of `newcomers` that agree on TLS, as it is in force when they begin, and speak HTTP/2 over it.
pub(crate) fn encrypted(
    newcomers: impl Stream<Item = Newcomer> + Send,
    connections_max: usize,
    tls: Arc<ArcSwap<ServerConfig>>,
) -> impl Stream<Item = io::Result<Greeted<TlsStream<Connection>>>> + Send {
    greetings(newcomers, connections_max, move |connection| {
        let acceptor = TlsAcceptor::from(tls.load_full());
        async move { Greeted::read(acceptor.accept(connection).await?).await }
    })
}

fn greetings<S: Send, F: Future<Output = io::Result<Greeted<S>>> + Send>(
    newcomers: impl Stream<Item = Newcomer> + Send,
    connections_max: usize,
    greet: impl Fn(Connection) -> F + Send,
) -> impl Stream<Item = io::Result<Greeted<S>>> + Send {
    let greet = move |Newcomer { connection, evicted }| {
        let greeted = tokio::time::timeout(GREETING_TIMEOUT, greet(connection));
        async move {
            tokio::select! {
                greeted = greeted => greeted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
                () = evicted.notified() => Err(io::Error::new(io::ErrorKind::TimedOut, "another needs its place")),
            }
        }
    };
    // One more than there is room for: who comes when all are greeting has to be seen to take a place.
    newcomers.map(greet).buffer_unordered(connections_max.saturating_add(1)).filter(|greeted| {
        if let Err(error) = greeted {
            debug!(%error, "grpc: a connection did not begin");
        }
        ready(greeted.is_ok())
    })
}

/// A connection that takes up room.
pub(crate) struct Connection {
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
}

/// A connection whose first bytes are read: they come once more, for whoever serves it.
pub(crate) struct Greeted<S> {
    stream: S,
    first: [u8; PREFACE.len()],
    /// Of `first`: how much was read, and how much of that came once more.
    read: usize,
    given: usize,
}

impl<S: AsyncRead + Unpin> Greeted<S> {
    /// Reads the preface, or as much as shows that it is none: the server knows what to say to that.
    async fn read(mut stream: S) -> io::Result<Self> {
        let mut first = [0; PREFACE.len()];
        let mut read = 0;
        while read < first.len() && PREFACE.starts_with(&first[..read]) {
            match stream.read(&mut first[read..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => read += more,
            }
        }
        Ok(Self { stream, first, read, given: 0 })
    }
}

impl<S: Connected> Connected for Greeted<S> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> S::ConnectInfo {
        self.stream.connect_info()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.given == self.read {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let until = self.read.min(self.given + buf.remaining());
        buf.put_slice(&self.first[self.given..until]);
        self.given = until;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
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

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);
    const ROOM: usize = 2;

    async fn knock(address: std::net::SocketAddr, says: &[u8]) -> TcpStream {
        use tokio::io::AsyncWriteExt as _;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(says).await.unwrap();
        stream
    }

    #[tokio::test]
    async fn who_says_nothing_keeps_nobody_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut greeted = pin!(plain(connections(listener, ROOM), ROOM));
        let mut silent = Vec::new();
        for says in [&b""[..], b"PRI", b"", b"PRI * HTTP/2.0\r\n"] {
            silent.push(knock(address, says).await);
        }
        // Each takes the place of the one before; the callers keep theirs.
        let mut callers = Vec::new();
        for _ in 0..ROOM {
            let _caller = knock(address, &[&PREFACE[..], b"more"].concat()).await;
            let mut caller = tokio::time::timeout(SOON, greeted.next()).await.unwrap().unwrap().unwrap();
            let mut said = [0; PREFACE.len() + 4];
            caller.read_exact(&mut said).await.unwrap();
            assert_eq!(said, *[&PREFACE[..], b"more"].concat(), "all that it said, once");
            callers.push(caller);
        }
        let _late = knock(address, PREFACE).await;
        let waits = tokio::time::timeout(Duration::from_millis(100), greeted.next()).await;
        assert!(waits.is_err(), "a caller is not cut off for another");
        drop(callers.pop());
        assert!(tokio::time::timeout(SOON, greeted.next()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_greeting_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut greeted = pin!(plain(connections(listener, ROOM), ROOM));
        let mut silent = knock(address, b"PRI").await;
        let _other = knock(address, b"GET / HTTP/1.1\r\n").await;
        assert!(greeted.next().await.unwrap().is_ok(), "who speaks something else is told so by the server");
        let closed = async { silent.read(&mut [0]).await };
        let ends = async {
            tokio::select! {
                _ = greeted.next() => panic!("it said too little"),
                closed = closed => assert_eq!(closed.unwrap(), 0),
            }
        };
        tokio::time::timeout(Duration::from_secs(11), ends).await.expect("it ends after 10 s");
    }
}
