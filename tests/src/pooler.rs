//! A connection pooler that lends its server's connections by the transaction, as PgBouncer does with `pool_mode =
//! transaction`: just enough of it to find out whether a client notices. Knows the server's protocol only as far as it
//! must (<https://www.postgresql.org/docs/15/protocol-message-formats.html>), and accepts every password.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const SSL_REQUEST: u32 = 80_877_103;
const MESSAGE_BYTES_MAX: u32 = 1 << 20;

/// Listens on 127.0.0.1 until dropped.
#[derive(Debug)]
pub struct TransactionPooler {
    address: SocketAddr,
    _accepting: JoinSet<()>,
}

/// What the clients share.
#[derive(Default)]
struct Shared {
    /// Server connections that nobody uses. The one that came back last is lent first.
    free: Mutex<Vec<TcpStream>>,
    /// What the server said to the first client, and we say to the others.
    greeting: Mutex<Option<Vec<u8>>>,
}

impl TransactionPooler {
    pub async fn start(server: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("the pooler cannot listen")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let shared = shared.clone();
                clients.spawn(async move { drop(serve(client, server, &shared).await) });
            }
        });
        Ok(Self { address, _accepting: accepting })
    }

    pub const fn port(&self) -> u16 {
        self.address.port()
    }
}

async fn serve(mut client: TcpStream, server: SocketAddr, shared: &Shared) -> anyhow::Result<()> {
    let mut startup = packet(&mut client).await?;
    if startup[4..8] == SSL_REQUEST.to_be_bytes() {
        client.write_all(b"N").await?;
        startup = packet(&mut client).await?;
    }
    let known = shared.greeting.lock().expect("nobody panics with it").clone();
    let greeting = match known {
        Some(greeting) => greeting,
        None => {
            let (connection, greeting) = connect(server, &startup).await?;
            shared.free.lock().expect("nobody panics with it").push(connection);
            *shared.greeting.lock().expect("nobody panics with it") = Some(greeting.clone());
            greeting
        }
    };
    client.write_all(&greeting).await?;
    loop {
        let (first, mut asked) = requests(&mut client).await?;
        let taken = shared.free.lock().expect("nobody panics with it").pop();
        let mut lent = match taken {
            Some(lent) => lent,
            None => connect(server, &startup).await?.0,
        };
        asked.splice(0..0, first);
        lent.write_all(&asked).await?;
        while !answers(&mut lent, &mut client).await? {
            let (first, rest) = requests(&mut client).await?;
            lent.write_all(&[first, rest].concat()).await?;
        }
        shared.free.lock().expect("nobody panics with it").push(lent);
    }
}

async fn connect(server: SocketAddr, startup: &[u8]) -> anyhow::Result<(TcpStream, Vec<u8>)> {
    let mut connection = TcpStream::connect(server).await?;
    connection.write_all(startup).await?;
    let mut greeting = Vec::new();
    loop {
        let message = message(&mut connection).await?;
        greeting.extend_from_slice(&message);
        if message[0] == b'Z' {
            return Ok((connection, greeting));
        }
    }
}

/// Messages up to one that the server answers with "ready".
async fn requests(client: &mut TcpStream) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let first = message(client).await?;
    let mut rest = Vec::new();
    let mut last = first[0];
    while last != b'Q' && last != b'S' {
        ensure!(last != b'X', "the client has left");
        let next = message(client).await?;
        last = next[0];
        rest.extend(next);
    }
    Ok((first, rest))
}

/// Passes on all up to "ready". Gives whether no transaction is open.
async fn answers(server: &mut TcpStream, client: &mut TcpStream) -> anyhow::Result<bool> {
    loop {
        let message = message(server).await?;
        client.write_all(&message).await?;
        if message[0] == b'Z' {
            return Ok(message[5] == b'I');
        }
    }
}

/// One with a letter in front.
async fn message(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let letter = stream.read_u8().await?;
    let mut message = vec![letter];
    message.extend(packet(stream).await?);
    Ok(message)
}

async fn packet(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    ensure!((4..=MESSAGE_BYTES_MAX).contains(&length), "a message of {length} bytes");
    let mut packet = vec![0; usize::try_from(length)?];
    packet[..4].copy_from_slice(&length.to_be_bytes());
    stream.read_exact(&mut packet[4..]).await?;
    Ok(packet)
}
