//! What stand-ins of carriers have in common: an API over real HTTP, and webhooks that are posted one after the other,
//! each until it is taken. Ends with the test's runtime.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::webhook::http_client;

const REQUEST_BYTES_MAX: usize = 64 << 10;
/// How long a webhook is posted again until it is taken.
const RETRY_EVERY: Duration = Duration::from_millis(100);
const RETRIES_MAX: usize = 300;
const HOOKS_MAX: usize = 1_000;

/// A webhook as it is posted.
pub(crate) struct Hook {
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// Posts webhooks in their order.
#[derive(Clone)]
pub(crate) struct Poster(mpsc::Sender<Hook>);

impl Poster {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let (hooks, to_post) = mpsc::channel(HOOKS_MAX);
        tokio::spawn(post_in_order(http_client()?, to_post));
        Ok(Self(hooks))
    }

    pub(crate) fn post(&self, hook: Hook) -> anyhow::Result<()> {
        self.0.try_send(hook).ok().context("more than can be posted")
    }
}

async fn post_in_order(client: reqwest::Client, mut hooks: mpsc::Receiver<Hook>) {
    while let Some(hook) = hooks.recv().await {
        let mut ticks = tokio::time::interval(RETRY_EVERY);
        for _ in 0..RETRIES_MAX {
            ticks.tick().await;
            if post(&client, &hook).await.is_some_and(|status| status.is_success()) {
                break;
            }
        }
    }
}

/// Once; `None`: nobody answers.
pub(crate) async fn post(client: &reqwest::Client, hook: &Hook) -> Option<reqwest::StatusCode> {
    let request = client.post(&hook.url).body(hook.body.clone());
    let request = hook.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    request.send().await.ok().map(|answer| answer.status())
}

/// What is answered to a request; `None`: the connection ends without a word.
pub(crate) type Answer = anyhow::Result<Option<Reply>>;

/// An answer with a body.
pub(crate) struct Reply {
    status: u16,
    content_type: &'static str,
    /// Where it leads.
    location: Option<String>,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: "application/json", location: None, body: body.to_string().into_bytes() }
    }

    pub(crate) const fn file(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status: 200, content_type, location: None, body }
    }

    /// To a path.
    pub(crate) const fn leads_to(path: String) -> Self {
        Self { status: 307, content_type: "text/plain", location: Some(path), body: Vec::new() }
    }
}

/// Answers every request on a free port. Returns the address.
pub(crate) async fn serve(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            // A client that goes away ends its connection.
            tokio::spawn(async move { converse(stream, &*answer).await.unwrap_or_default() });
        }
    });
    Ok(url)
}

async fn converse(mut stream: TcpStream, answer: &(impl Fn(&Request) -> Answer + Sync)) -> anyhow::Result<()> {
    while let Some(request) = Request::read(&mut stream).await? {
        let Some(Reply { status, content_type, location, body }) = answer(&request)? else { return Ok(()) };
        let location = location.map(|path| format!("location: {path}\r\n")).unwrap_or_default();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\n{location}content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).await?;
    }
    Ok(())
}

/// One that arrived.
pub(crate) struct Request {
    /// `POST /path`
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// `None` at the end of the connection.
    async fn read(stream: &mut TcpStream) -> anyhow::Result<Option<Self>> {
        let mut bytes = Vec::new();
        let head_length = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
            ensure!(bytes.len() < REQUEST_BYTES_MAX, "a head that never ends");
        };
        let mut body = bytes.split_off(head_length);
        let head = String::from_utf8(bytes)?;
        let mut lines = head.lines();
        let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let mut request = Self { line, headers: lines.filter_map(header).collect(), body: Vec::new() };
        let length: usize = request.header("content-length").parse().unwrap_or(0);
        ensure!(length < REQUEST_BYTES_MAX, "a body that no message has");
        while body.len() < length {
            ensure!(stream.read_buf(&mut body).await? > 0, "half a body");
        }
        request.body = body;
        Ok(Some(request))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}
