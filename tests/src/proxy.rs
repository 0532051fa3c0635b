//! A TCP proxy that breaks connections in every way a network does: cut, silent in one direction or both, slow, half
//! closed, refused. Faults are switched while it runs and hold for open connections too.
//!
//! A silent (black-holed) direction swallows what comes and keeps both sockets open, so that neither side is told: only
//! a heartbeat or a time-out finds out. Must never connect anywhere but to the addresses it was given.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Bytes read at once, and chunks under way in one direction: a slow direction pushes back.
const CHUNK_BYTES: usize = 16 << 10;
const CHUNKS_MAX: usize = 256;
const CONNECTIONS_MAX: usize = 10_000;

/// What happens to bytes that go one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    #[default]
    Pass,
    /// Each chunk arrives so much later; the order stays.
    Delay(Duration),
    /// Read and thrown away; the sockets stay open.
    Swallow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Faults {
    to_server: Flow,
    to_client: Flow,
    refusing: bool,
    /// Counts cuts: a connection that is older than the last one ends.
    cuts: u64,
    /// Counts half-closes in the same way.
    half_closes: u64,
    /// And how often the connections of the moment fell silent.
    silences: u64,
}

/// Listens on 127.0.0.1 until dropped; then every connection is cut.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    faults: watch::Sender<Faults>,
    _accepting: JoinSet<()>,
}

impl FaultProxy {
    pub async fn start(server: SocketAddr) -> anyhow::Result<Self> {
        Self::start_before(vec![server]).await
    }

    /// Before several servers: a connection goes to the first that accepts it.
    pub async fn start_before(servers: Vec<SocketAddr>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("the proxy cannot listen")?;
        let address = listener.local_addr()?;
        let (faults, watched) = watch::channel(Faults::default());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, servers.into(), watched));
        Ok(Self { address, faults, _accepting: accepting })
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// What happens to bytes from now on, for open and new connections.
    pub fn set(&self, to_server: Flow, to_client: Flow) {
        self.faults.send_modify(|faults| (faults.to_server, faults.to_client) = (to_server, to_client));
    }

    /// Silent in both directions; new connections are taken and hear nothing.
    pub fn black_hole(&self) {
        self.set(Flow::Swallow, Flow::Swallow);
    }

    /// The connections of this moment are silent for good; new ones work.
    pub fn black_hole_open(&self) {
        self.faults.send_modify(|faults| faults.silences += 1);
    }

    /// So much later in each direction.
    pub fn delay(&self, each_way: Duration) {
        self.set(Flow::Delay(each_way), Flow::Delay(each_way));
    }

    /// Ends every open connection with a reset.
    pub fn cut(&self) {
        self.faults.send_modify(|faults| faults.cuts += 1);
    }

    /// Tells every server that its client has said all it will; the other direction stays.
    pub fn half_close(&self) {
        self.faults.send_modify(|faults| faults.half_closes += 1);
    }

    /// While refusing, a new connection is reset at once.
    pub fn refuse(&self, refusing: bool) {
        self.faults.send_modify(|faults| faults.refusing = refusing);
    }

    /// No fault any more. A connection through which bytes were swallowed is no good: it is cut.
    pub fn heal(&self) {
        self.faults.send_modify(|faults| {
            let swallowed = faults.to_server == Flow::Swallow || faults.to_client == Flow::Swallow;
            *faults = Faults {
                cuts: faults.cuts + u64::from(swallowed),
                half_closes: faults.half_closes,
                silences: faults.silences,
                ..Faults::default()
            };
        });
    }

    /// As [`heal`](Self::heal), but what was swallowed stays missing in a connection that lives on: a peer that does
    /// not notice the gap is broken.
    pub fn pass(&self) {
        self.set(Flow::Pass, Flow::Pass);
    }
}

async fn accept(listener: TcpListener, servers: Arc<[SocketAddr]>, faults: watch::Receiver<Faults>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                if faults.borrow().refusing || connections.len() >= CONNECTIONS_MAX {
                    reset(&client);
                    continue;
                }
                connections.spawn(serve(client, servers.clone(), faults.clone()));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// One connection, until both directions are closed or it is cut.
async fn serve(client: TcpStream, servers: Arc<[SocketAddr]>, mut faults: watch::Receiver<Faults>) {
    let before = *faults.borrow_and_update();
    let Ok(server) = TcpStream::connect(&*servers).await else { return reset(&client) };
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let resets = [reset_later(&client), reset_later(&server)];
    // Not `into_split`: its halves say goodbye when they are dropped.
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let up = forward(from_client, to_server, faults.clone(), |faults| faults.to_server, before.half_closes);
    let mut silences = faults.clone();
    let is_cut = |faults: &Faults| faults.cuts > before.cuts;
    let down = forward(from_server, to_client, faults.clone(), |faults| faults.to_client, u64::MAX);
    let is_silent = tokio::select! {
        _ = async { tokio::join!(up, down) } => return,
        _ = faults.wait_for(is_cut) => false,
        _ = silences.wait_for(|faults| faults.silences > before.silences) => true,
    };
    if is_silent {
        // The second handles keep both sockets open.
        drop(faults.wait_for(is_cut).await);
    }
    resets.into_iter().flatten().for_each(|socket| reset_std(&socket));
}

/// One direction: a reader that stamps each chunk with its time, and a writer that waits for it.
async fn forward(
    mut from: ReadHalf<TcpStream>,
    mut to: WriteHalf<TcpStream>,
    faults: watch::Receiver<Faults>,
    flow: fn(&Faults) -> Flow,
    half_closes: u64,
) {
    let (chunks, mut waiting) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_MAX);
    let mut watched = faults.clone();
    let read = async move {
        let mut buffer = vec![0; CHUNK_BYTES];
        while let Ok(length) = from.read(&mut buffer).await {
            if length == 0 {
                break;
            }
            let due_at = match flow(&faults.borrow()) {
                Flow::Pass => Instant::now(),
                Flow::Delay(delay) => Instant::now() + delay,
                Flow::Swallow => continue,
            };
            if chunks.send((due_at, buffer[..length].to_vec())).await.is_err() {
                break;
            }
        }
        // The end passes a black hole no more than bytes do.
        let mut faults = faults;
        drop(faults.wait_for(|faults| flow(faults) != Flow::Swallow).await);
    };
    let write = async move {
        loop {
            let chunk = tokio::select! {
                chunk = waiting.recv() => chunk,
                _ = watched.wait_for(|faults| faults.half_closes > half_closes) => None,
            };
            let Some((due_at, bytes)) = chunk else { break };
            sleep_until(due_at).await;
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
        to.shutdown().await.ok();
    };
    tokio::join!(read, write);
}

/// A second handle, since the halves cannot be reset.
fn reset_later(socket: &TcpStream) -> Option<std::net::TcpStream> {
    use std::os::fd::AsFd as _;
    socket.as_fd().try_clone_to_owned().map(Into::into).ok()
}

fn reset_std(socket: &std::net::TcpStream) {
    if let Ok(socket) = socket.try_clone().and_then(TcpStream::from_std) {
        reset(&socket);
    }
}

/// The peer gets a reset when the socket is dropped, which is at once.
fn reset(socket: &TcpStream) {
    socket.set_zero_linger().ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);
    const SILENT: Duration = Duration::from_millis(200);

    /// An echo server, a proxy before it and a client.
    async fn start() -> (JoinSet<()>, FaultProxy, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut echoes = JoinSet::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                echoes.spawn(async move {
                    let (mut read, mut write) = socket.split();
                    tokio::io::copy(&mut read, &mut write).await.ok();
                    write.write_all(b"bye").await.ok();
                });
            }
        });
        let proxy = FaultProxy::start(address).await.unwrap();
        let client = TcpStream::connect(proxy.address()).await.unwrap();
        (tasks, proxy, client)
    }

    async fn echo(client: &mut TcpStream, text: &[u8]) -> std::io::Result<()> {
        client.write_all(text).await?;
        let mut buffer = vec![0; text.len()];
        tokio::time::timeout(SOON, client.read_exact(&mut buffer)).await??;
        assert_eq!(buffer, text);
        Ok(())
    }

    async fn hears_nothing(client: &mut TcpStream) {
        let mut buffer = [0; 16];
        let heard = tokio::time::timeout(SILENT, client.read(&mut buffer)).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    #[tokio::test]
    async fn it_passes_and_it_cuts() {
        let (_server, proxy, mut client) = start().await;
        echo(&mut client, b"hello").await.unwrap();
        echo(&mut client, &[7; 300_000]).await.unwrap();
        proxy.cut();
        let mut buffer = [0; 16];
        let ended = tokio::time::timeout(SOON, client.read(&mut buffer)).await.unwrap();
        assert!(ended.is_err(), "a reset, not an end: {ended:?}");
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        echo(&mut client, b"a new one passes").await.unwrap();
    }

    #[tokio::test]
    async fn a_black_hole_tells_nobody() {
        for flows in [(Flow::Swallow, Flow::Pass), (Flow::Pass, Flow::Swallow), (Flow::Swallow, Flow::Swallow)] {
            let (_server, proxy, mut client) = start().await;
            echo(&mut client, b"hello").await.unwrap();
            proxy.set(flows.0, flows.1);
            client.write_all(b"lost").await.unwrap();
            hears_nothing(&mut client).await;
            let mut late = TcpStream::connect(proxy.address()).await.unwrap();
            late.write_all(b"lost too").await.unwrap();
            hears_nothing(&mut late).await;
            proxy.heal();
            let mut client = TcpStream::connect(proxy.address()).await.unwrap();
            echo(&mut client, b"healed").await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_black_hole_may_leave_new_connections_alone() {
        let (_server, proxy, mut client) = start().await;
        echo(&mut client, b"hello").await.unwrap();
        proxy.black_hole_open();
        client.write_all(b"lost").await.unwrap();
        hears_nothing(&mut client).await;
        let mut late = TcpStream::connect(proxy.address()).await.unwrap();
        echo(&mut late, b"hello").await.unwrap();
        proxy.cut();
        let mut buffer = [0; 16];
        let ended = tokio::time::timeout(SOON, client.read(&mut buffer)).await.unwrap();
        assert!(ended.is_err(), "a reset: {ended:?}");
    }

    #[tokio::test]
    async fn what_was_swallowed_stays_missing() {
        let (_server, proxy, mut client) = start().await;
        proxy.black_hole();
        client.write_all(b"lost").await.unwrap();
        hears_nothing(&mut client).await;
        proxy.pass();
        echo(&mut client, b"found").await.unwrap();
    }

    #[tokio::test]
    async fn a_delay_keeps_the_order() {
        let (_server, proxy, mut client) = start().await;
        proxy.delay(Duration::from_millis(50));
        let begin = Instant::now();
        echo(&mut client, b"one").await.unwrap();
        assert!(begin.elapsed() >= Duration::from_millis(100));
        proxy.pass();
        echo(&mut client, b"two").await.unwrap();
    }

    #[tokio::test]
    async fn a_half_close_leaves_the_other_direction() {
        let (_server, proxy, mut client) = start().await;
        echo(&mut client, b"hello").await.unwrap();
        proxy.half_close();
        let mut rest = Vec::new();
        tokio::time::timeout(SOON, client.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert_eq!(rest, b"bye", "the server was told, and its answer came");
    }

    #[tokio::test]
    async fn refused_while_refusing() {
        let (_server, proxy, mut open) = start().await;
        echo(&mut open, b"open").await.unwrap();
        proxy.refuse(true);
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(echo(&mut client, b"hello").await.is_err());
        echo(&mut open, b"still open").await.unwrap();
        proxy.refuse(false);
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        echo(&mut client, b"hello").await.unwrap();
    }
}
