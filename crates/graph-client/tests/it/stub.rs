//! A server that does to each request what its script says, on raw TCP, so that every byte and every reset is the test's.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// One that arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// `POST /v26.0/1/messages`
    pub line: String,
    /// By their names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Which connection it came over, from 0.
    pub connection: usize,
}

/// What is done to a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// An answer with its length; the connection stays open.
    Answer { status: u16, headers: &'static str, body: Vec<u8> },
    /// The same, and then the connection is closed without a word of it.
    AnswerAndClose { status: u16, body: Vec<u8> },
    /// These bytes, whatever they are; the connection stays open and silent.
    Raw(Vec<u8>),
    /// The request was read, and the connection is torn down.
    Reset,
    /// The request was read, and nothing comes.
    Silence,
}

type Script = dyn Fn(usize, &Request) -> Reply + Send + Sync;

/// The server, on a free port. It ends with the test's runtime.
pub(crate) struct Stub {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    /// Connections that have ended, on either side.
    closed: watch::Receiver<usize>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: "content-type: application/json\r\n", body: body.into() }
    }
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Stub {
    /// Given the number of the request, from 0, and the request: what is done to it.
    pub(crate) async fn start(script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (script, requests): (Arc<Script>, Arc<Mutex<Vec<Request>>>) = (Arc::new(script), Arc::default());
        let (ended, closed) = watch::channel(0);
        let taken = requests.clone();
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let (script, taken, ended) = (script.clone(), taken.clone(), ended.clone());
                tokio::spawn(async move {
                    serve(stream, connection, &*script, &taken).await;
                    ended.send_modify(|count| *count += 1);
                });
                connection += 1;
            }
        });
        Self { address, requests, closed }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The only one.
    pub(crate) fn request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1);
        requests.into_iter().next().unwrap()
    }

    /// Waits until so many connections have ended on both sides.
    pub(crate) async fn closed(&self, count: usize) {
        let mut closed = self.closed.clone();
        let waited = tokio::time::timeout(Duration::from_secs(10), closed.wait_for(|ended| *ended >= count)).await;
        waited.unwrap().unwrap();
    }
}

async fn serve(mut stream: TcpStream, connection: usize, script: &Script, taken: &Mutex<Vec<Request>>) {
    while let Some(request) = read(&mut stream, connection).await {
        let number = {
            let mut taken = taken.lock().unwrap();
            taken.push(request.clone());
            taken.len() - 1
        };
        match script(number, &request) {
            Reply::Answer { status, headers, body } => write(&mut stream, status, headers, &body).await,
            Reply::AnswerAndClose { status, body } => {
                write(&mut stream, status, "", &body).await;
                stream.shutdown().await.unwrap_or_default();
                // Until the client has seen it, and closes too.
                while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
                return;
            }
            Reply::Raw(bytes) => stream.write_all(&bytes).await.unwrap_or_default(),
            Reply::Reset => {
                SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                return;
            }
            Reply::Silence => {}
        }
    }
}

async fn write(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
    // The client may have had enough of it.
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap_or_default();
}

/// `None` at the end of the connection.
async fn read(stream: &mut TcpStream, connection: usize) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_length = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, &mut bytes).await?;
    };
    let head = String::from_utf8(bytes[..head_length].to_vec()).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let request = Request { line, headers: lines.filter_map(header).collect(), body: Vec::new(), connection };
    let body = if request.header("transfer-encoding") == "chunked" {
        chunked(stream, bytes.split_off(head_length)).await?
    } else {
        let length: usize = request.header("content-length").parse().unwrap_or(0);
        while bytes.len() < head_length + length {
            more(stream, &mut bytes).await?;
        }
        bytes.split_off(head_length)
    };
    Some(Request { body, ..request })
}

async fn chunked(stream: &mut TcpStream, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else {
            more(stream, &mut bytes).await?;
            continue;
        };
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        while bytes.len() < end + 2 + size + 2 {
            more(stream, &mut bytes).await?;
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes.drain(..end + 2 + size + 2);
        if size == 0 {
            return Some(body);
        }
    }
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    stream.read_buf(bytes).await.ok().filter(|read| *read > 0).map(drop)
}
