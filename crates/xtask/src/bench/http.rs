//! A load generator that costs little: HTTP/1.1 on kept connections, bodies signed before the clock starts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use waypost_cloud_api::signature::sign;

/// Whole requests, ready to be written.
pub(crate) struct Requests(Vec<Vec<u8>>);

impl Requests {
    pub(crate) fn new(path: &str, secret: &str, bodies: impl Iterator<Item = Vec<u8>>) -> Self {
        let request = |body: Vec<u8>| {
            let signature = sign(secret, &body);
            let mut request = format!(
                "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
                 x-hub-signature-256: {signature}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            )
            .into_bytes();
            request.extend_from_slice(&body);
            request
        };
        Self(bodies.map(request).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

const CONNECTED_WITHIN: Duration = Duration::from_secs(1);

/// When each request is due: an open loop, which does not wait for answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) started: Instant,
    /// Requests per second.
    pub(crate) rate: f64,
}

impl Schedule {
    /// Begins when the connections are there.
    pub(crate) fn soon(rate: f64) -> Self {
        Self { started: Instant::now() + CONNECTED_WITHIN, rate }
    }

    pub(crate) fn due(&self, number: usize) -> Instant {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.started + Duration::from_secs_f64(f64::from(number) / self.rate)
    }
}

/// How it went.
pub(crate) struct Load {
    pub(crate) elapsed: Duration,
    /// Of each answer, in microseconds.
    pub(crate) latency: Histogram<u64>,
}

/// Sends every request once, over `connections`; when it is due by `schedule`, else as fast as answers come. Every
/// answer must be 200.
pub(crate) async fn send(
    address: SocketAddr,
    requests: Arc<Requests>,
    connections: usize,
    schedule: Option<Schedule>,
) -> anyhow::Result<Load> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut sockets = Vec::new();
    for _ in 0..connections {
        let socket = TcpStream::connect(address).await.context("connect to the webhook")?;
        socket.set_nodelay(true)?;
        sockets.push(socket);
    }
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for socket in sockets {
        tasks.spawn(send_on(socket, requests.clone(), next.clone(), schedule));
    }
    let mut latency = Histogram::new_with_bounds(1, 900_000_000, 3)?;
    while let Some(done) = tasks.join_next().await {
        latency.add(done??)?;
    }
    Ok(Load { elapsed: started.elapsed(), latency })
}

async fn send_on(
    mut socket: TcpStream,
    requests: Arc<Requests>,
    next: Arc<AtomicUsize>,
    schedule: Option<Schedule>,
) -> anyhow::Result<Histogram<u64>> {
    let mut latency = Histogram::new_with_bounds(1, 900_000_000, 3)?;
    let mut answer = vec![0; 4096];
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = requests.0.get(number) else { return Ok(latency) };
        let mut due = Instant::now();
        if let Some(schedule) = schedule {
            // Measured from when it was due, so that a late start is part of the latency.
            due = schedule.due(number);
            tokio::time::sleep_until(due.into()).await;
        }
        socket.write_all(request).await?;
        read_answer(&mut socket, &mut answer).await?;
        latency.saturating_record(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
}

/// Reads one answer and insists on 200. Its body is as long as its `content-length` says.
async fn read_answer(socket: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<()> {
    let mut length = 0;
    loop {
        let read = socket.read(&mut buffer[length..]).await?;
        if read == 0 {
            bail!("the webhook closed the connection");
        }
        length += read;
        let Some(head_end) = buffer[..length].windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&buffer[..head_end])?.to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") {
            bail!("the webhook answered {}", head.lines().next().unwrap_or_default());
        }
        let body = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let body: usize = body.map_or(Ok(0), |value| value.trim().parse())?;
        if length >= head_end + 4 + body {
            return Ok(());
        }
    }
}
