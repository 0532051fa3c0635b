//! What the tests share: a scripted bus, a front door to knock at, and a client that controls every byte.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waypost_bus::{Bus, BusError, Consumer, Depth, Health, Layout, Message, Outcome, Publication, Stream, Topology};
use waypost_cloud_api::signature::{Provider, sign};
use waypost_domain::PartitionCount;
use waypost_ingress::{Drained, Ingress, IngressConfig, Limits, SecretSource};
use waypost_proto::decode_event;
use waypost_proto::v1::Event;

pub(crate) const SECRET: &str = "test_app_secret";
pub(crate) const TOKEN: &str = "let me in";
/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps what is published, and answers as it was told to.
pub(crate) struct FakeBus {
    calls: Mutex<Vec<Vec<Publication>>>,
    /// What to answer for a publication whose address' key contains the word.
    answers: Mutex<Vec<(String, Outcome)>>,
    missing_queues: Mutex<BTreeSet<String>>,
    health: Mutex<Health>,
    /// While true, publishing waits.
    held: watch::Sender<bool>,
}

impl FakeBus {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            calls: Mutex::default(),
            answers: Mutex::default(),
            missing_queues: Mutex::default(),
            health: Mutex::new(Health::Up),
            held: watch::Sender::new(false),
        })
    }

    pub(crate) fn answer(&self, key_part: &str, outcome: Outcome) {
        self.answers.lock().unwrap().push((key_part.to_owned(), outcome));
    }

    pub(crate) fn answer_well(&self) {
        self.answers.lock().unwrap().clear();
    }

    pub(crate) fn delete_queue(&self, queue: &str) {
        self.missing_queues.lock().unwrap().insert(queue.to_owned());
    }

    pub(crate) fn restore_queues(&self) {
        self.missing_queues.lock().unwrap().clear();
    }

    pub(crate) fn set_health(&self, health: Health) {
        *self.health.lock().unwrap() = health;
    }

    pub(crate) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// The batches published, one for each call, without what goes to the opt-in worker.
    pub(crate) fn calls(&self) -> Vec<Vec<Publication>> {
        let others = |batch: &Vec<Publication>| batch.iter().filter(|one| !is_of_consent(one)).cloned().collect();
        self.calls.lock().unwrap().iter().map(others).collect()
    }

    /// What went to the opt-in worker.
    pub(crate) fn of_consent(&self) -> Vec<Publication> {
        self.calls.lock().unwrap().iter().flatten().filter(|one| is_of_consent(one)).cloned().collect()
    }

    pub(crate) fn published(&self) -> Vec<Publication> {
        self.calls().concat()
    }

    /// What was published, as events.
    pub(crate) fn events(&self) -> Vec<Event> {
        let event = |publication: &Publication| decode_event(publication.message.body.clone()).unwrap();
        self.published().iter().map(event).collect()
    }

    fn outcome(&self, publication: &Publication) -> Outcome {
        let address = &publication.address;
        let missing = self.missing_queues.lock().unwrap();
        if address.stream == Stream::Events && missing.contains(&format!("wa.{}", address.key)) {
            return Outcome::Returned;
        }
        let answers = self.answers.lock().unwrap();
        let answer = answers.iter().find(|(part, _)| address.key.contains(part.as_str()));
        answer.map_or(Outcome::Confirmed, |(_, outcome)| *outcome)
    }
}

fn is_of_consent(publication: &Publication) -> bool {
    publication.address.key.starts_with("optin.")
}

#[async_trait]
impl Bus for FakeBus {
    async fn publish(&self, batch: Vec<Publication>, timeout: Duration) -> Vec<Outcome> {
        self.calls.lock().unwrap().push(batch.clone());
        let mut held = self.held.subscribe();
        let released = tokio::time::timeout(timeout, held.wait_for(|held| !held)).await;
        if released.is_err() {
            return vec![Outcome::Unknown; batch.len()];
        }
        batch.iter().map(|publication| self.outcome(publication)).collect()
    }

    async fn consume(&self, _: &str, _: u16) -> Result<Box<dyn Consumer>, BusError> {
        Err(BusError::Unsupported("consuming"))
    }

    async fn declare(&self, _: &Topology) -> Result<(), BusError> {
        Err(BusError::Unsupported("declaring"))
    }

    async fn verify(&self, _: &Topology) -> Result<Vec<String>, BusError> {
        Err(BusError::Unsupported("verifying"))
    }

    async fn depth(&self, queue: &str) -> Result<Option<Depth>, BusError> {
        Ok((!self.missing_queues.lock().unwrap().contains(queue)).then(Depth::default))
    }

    async fn peek(&self, _: &str, _: Option<u64>, _: usize) -> Result<Vec<(u64, Message)>, BusError> {
        Err(BusError::Unsupported("peeking"))
    }

    fn health(&self) -> Health {
        self.health.lock().unwrap().clone()
    }

    async fn close(&self, _: Duration) {}
}

/// Two partitions, so that a test can tell them apart.
pub(crate) fn layout() -> Layout {
    Layout::new(PartitionCount::new(2).unwrap())
}

pub(crate) fn config() -> IngressConfig {
    IngressConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        path: "/webhook".to_owned(),
        provider: Provider::Meta,
        app_secrets: vec![inline(SECRET)],
        verify_token: inline(TOKEN),
        carriers: vec![],
        tls: None,
        limits: Limits {
            reload_interval: Duration::from_millis(10),
            ready_interval: Duration::from_millis(10),
            ..Limits::default()
        },
    }
}

pub(crate) fn inline(secret: &str) -> SecretSource {
    SecretSource::Inline(SecretString::from(secret))
}

/// A running ingress.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) health: Arc<waypost_ops::Health>,
    pub(crate) shutdown: CancellationToken,
    running: JoinHandle<Drained>,
}

impl Door {
    pub(crate) async fn open(config: IngressConfig, bus: &Arc<FakeBus>) -> Self {
        let shutdown = CancellationToken::new();
        let health = waypost_ops::Health::new(shutdown.clone());
        let ingress = Ingress::bind(config, bus.clone(), layout(), &health).await.unwrap();
        let address = ingress.local_addr();
        let running = tokio::spawn(ingress.run(shutdown.clone()));
        Self { address, health, shutdown, running }
    }

    pub(crate) async fn connect(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// One signed POST on a connection of its own.
    pub(crate) async fn post(&self, body: &[u8]) -> Answer {
        self.send(&signed(body)).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        let mut client = Client::new(TcpStream::connect(self.address).await.unwrap());
        client.send(format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
        client.answer().await.unwrap()
    }

    pub(crate) async fn send(&self, request: &[u8]) -> Answer {
        let mut client = self.connect().await;
        client.send(request).await;
        client.answer().await.unwrap()
    }

    pub(crate) async fn closed(self) -> Drained {
        tokio::time::timeout(PATIENCE, self.running).await.unwrap().unwrap()
    }

    pub(crate) async fn close(self) -> Drained {
        self.shutdown.cancel();
        self.closed().await
    }
}

/// A POST with these headers.
pub(crate) fn request(headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

pub(crate) fn signed(body: &[u8]) -> Vec<u8> {
    request(&[("X-Hub-Signature-256", &sign(SECRET, body))], body)
}

/// A webhook with one text message.
pub(crate) fn text_webhook(wamid: &str, from: &str, text: &str) -> Bytes {
    let body = serde_json::json!({"object": "whatsapp_business_account", "entry": [{"id": "waba", "changes": [{
        "field": "messages",
        "value": {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15550001111", "phone_number_id": "106540352242922"},
            "contacts": [{"profile": {"name": "Ana"}, "wa_id": from}],
            "messages": [{"from": from, "id": wamid, "timestamp": "1749416383", "type": "text", "text": {"body": text}}],
        },
    }]}]});
    Bytes::from(body.to_string())
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Lowercase.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// An HTTP/1.1 client that sends exactly what it is told.
pub(crate) struct Client<S> {
    stream: S,
    received: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, received: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// `false`: the server has closed the connection.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// The next answer; `None`: the server closed the connection instead.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        tokio::time::timeout(PATIENCE, self.read_answer()).await.expect("no answer")
    }

    /// Waits until the server closes the connection.
    pub(crate) async fn closed(&mut self) {
        assert_eq!(self.answer().await, None);
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let head_end = loop {
            match self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(position) => break position + 4,
                None => self.read_more().await?,
            }
        };
        let head = String::from_utf8(self.received.drain(..head_end).collect()).unwrap().to_lowercase();
        let status = head[9..12].parse().unwrap();
        let length =
            head.split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        while self.received.len() < length {
            self.read_more().await?;
        }
        let body = String::from_utf8(self.received.drain(..length).collect()).unwrap();
        Some(Answer { status, head, body })
    }

    async fn read_more(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.received).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}

/// Asks until the answer is yes.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let asking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        loop {
            ticks.tick().await;
            if ask().await {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("never: {what}"));
}
