//! One request and its answer over HTTP/1.1, within times and sizes that are set, and with the truth about what was written.
//!
//! Nothing follows a redirection, nothing is unpacked, and no proxy is taken from the environment. hyper tries a request
//! again only while not a byte of it was written, when a connection that was kept turns out to be closed.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, Proxy, Request, Response, redirect};
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::{ConfigError, HttpConfig, ProxyUrl};
use crate::fault::{CallError, Disconnected, NotSent, Unknown};

/// Nobody is made to wait longer by a header.
const RETRY_AFTER_MAX_S: u64 = 24 * 60 * 60;

/// A client of one service. The process must have installed a TLS provider.
pub(crate) struct Http {
    client: Client,
    /// From the start of a request to the beginning of its answer.
    begin_timeout: Duration,
    total_timeout: Duration,
    bytes_per_second_min: u64,
    answer_bytes_max: usize,
}

/// An answer of any status.
pub(crate) struct Answer {
    pub status: u16,
    pub retry_after: Option<Duration>,
    /// `Date`
    pub date: Option<String>,
    /// Which version of the API answered: Meta's own header.
    pub api_version: Option<String>,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    NotSent(NotSent),
    Unknown(Unknown),
}

impl From<NotSent> for Fault {
    fn from(reason: NotSent) -> Self {
        Self::NotSent(reason)
    }
}

impl From<Unknown> for Fault {
    fn from(reason: Unknown) -> Self {
        Self::Unknown(reason)
    }
}

impl From<Fault> for CallError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotSent(reason) => Self::NotSent(reason),
            Fault::Unknown(reason) => Self::Unknown(reason),
        }
    }
}

impl Http {
    pub(crate) fn new(config: &HttpConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let mut builder = Client::builder()
            .http1_only()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(config.connect_timeout)
            .pool_max_idle_per_host(config.idle_connections_max)
            .pool_idle_timeout(config.idle_timeout)
            .user_agent(concat!("waypost/", env!("CARGO_PKG_VERSION")));
        if let Some(ProxyUrl(proxy)) = &config.proxy {
            let proxy = Proxy::all(proxy).map_err(|_| ConfigError { key: "proxy", problem: "is no URL of a proxy" })?;
            builder = builder.proxy(proxy);
        }
        let problem = "has no client: the certificates of this machine cannot be used";
        Ok(Self {
            client: builder.build().map_err(|_| ConfigError { key: "base_url", problem })?,
            begin_timeout: config.connect_timeout + config.answer_timeout,
            total_timeout: config.total_timeout,
            bytes_per_second_min: config.bytes_per_second_min,
            answer_bytes_max: config.answer_bytes_max,
        })
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// A request with a body of `length` bytes, and its whole answer.
    pub(crate) async fn exchange(&self, request: Request, length: u64) -> Result<Answer, Fault> {
        let writing = Duration::from_secs(length / self.bytes_per_second_min);
        let end = Instant::now() + self.total_timeout + writing;
        let response = self.begin(request, self.begin_timeout + writing).await?;
        match timeout_at(end, self.read(response)).await {
            Ok(read) => read.map_err(Fault::Unknown),
            Err(_) => Err(Fault::Unknown(Unknown::AnswerTooSlow)),
        }
    }

    /// A request without a body up to the head of its answer, which [`chunk`](Self::chunk) goes on with.
    pub(crate) async fn open(&self, request: Request) -> Result<Response, Fault> {
        self.begin(request, self.begin_timeout).await
    }

    /// Some more of an answer; `None` at its end.
    pub(crate) async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, Unknown> {
        match timeout(self.total_timeout, response.chunk()).await {
            Ok(chunk) => chunk.map_err(|_| Unknown::Broken),
            Err(_) => Err(Unknown::AnswerTooSlow),
        }
    }

    /// The rest of an answer that [`open`](Self::open) gave.
    pub(crate) async fn rest(&self, response: Response) -> Result<Answer, Unknown> {
        timeout(self.total_timeout, self.read(response)).await.unwrap_or(Err(Unknown::AnswerTooSlow))
    }

    /// `within` must be longer than the time for the connection.
    async fn begin(&self, request: Request, within: Duration) -> Result<Response, Fault> {
        match timeout(within, self.client.execute(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(fault_of(&error)),
            Err(_) => Err(Fault::Unknown(Unknown::NoAnswerInTime)),
        }
    }

    async fn read(&self, mut response: Response) -> Result<Answer, Unknown> {
        let too_large = |length: usize| length > self.answer_bytes_max;
        if response.content_length().is_some_and(|length| usize::try_from(length).map_or(true, too_large)) {
            return Err(Unknown::AnswerTooLarge);
        }
        let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
        let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (date, api_version) = (header("date"), header("facebook-api-version"));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| Unknown::Broken)? {
            if too_large(body.len() + chunk.len()) {
                return Err(Unknown::AnswerTooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, retry_after, date, api_version, body })
    }
}

/// In seconds; the other form, a date, is passed over.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds: u64 = response.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(RETRY_AFTER_MAX_S)))
}

/// What is surely unwritten, and everything else. The error itself goes no further: it holds the URL.
fn fault_of(error: &reqwest::Error) -> Fault {
    if error.is_builder() {
        return NotSent::NotHttp.into();
    }
    if error.is_connect() {
        let is_refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        return NotSent::NotConnected(match cause::<io::Error>(error) {
            _ if error.is_timeout() => Disconnected::TimedOut,
            Some(error) if is_refused(error) => Disconnected::Refused,
            Some(_) | None => Disconnected::Other,
        })
        .into();
    }
    // "Cancelled" is hyper's word for a request that never left its queue.
    if cause::<hyper::Error>(error).is_some_and(hyper::Error::is_canceled) {
        return NotSent::Cancelled.into();
    }
    Fault::Unknown(Unknown::Broken)
}

/// The first cause of this type.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
