//! Reading a request's body: never more of it, never longer, and never more of all bodies together than allowed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::config::Limits;

/// After a body turned out to be too large, this many times the limit is still read and thrown away: a client that is
/// cut off while sending never sees the answer, and sends it all again.
const DISCARD_FACTOR: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    TooSlow,
    /// All bodies together are at their limit.
    NoRoom,
    /// The client went away, or sent something that is not HTTP.
    Aborted,
}

pub(crate) struct Bodies {
    bytes_max: usize,
    all_bytes_max: usize,
    timeout: Duration,
    held_bytes: AtomicUsize,
}

impl Bodies {
    pub(crate) const fn new(limits: &Limits) -> Self {
        Self {
            bytes_max: limits.body_bytes_max,
            all_bytes_max: limits.bodies_bytes_max,
            timeout: limits.body_timeout,
            held_bytes: AtomicUsize::new(0),
        }
    }

    /// The whole body. It counts as held until the guard is dropped.
    pub(crate) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<(Bytes, Held<'_>), BodyError> {
        let announced: Option<usize> =
            headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length| length > self.bytes_max) && headers.contains_key(header::EXPECT) {
            return Err(BodyError::TooLarge); // The client waits for permission to send it.
        }
        let reading = self.collect(announced, body.into_data_stream());
        timeout(self.timeout, reading).await.unwrap_or(Err(BodyError::TooSlow))
    }

    async fn collect(
        &self,
        announced: Option<usize>,
        mut chunks: BodyDataStream,
    ) -> Result<(Bytes, Held<'_>), BodyError> {
        let mut held = Held { bodies: self, bytes: 0 };
        if announced.is_some_and(|length| length > self.bytes_max) {
            return Err(discard(chunks, self.bytes_max).await);
        }
        let Some(first) = next(&mut chunks).await? else {
            return Ok((Bytes::new(), held));
        };
        held.take(first.len())?;
        if announced == Some(first.len()) {
            return Ok((first, held)); // The usual case: all there, and nothing copied.
        }
        let mut whole = BytesMut::from(first);
        while let Some(chunk) = next(&mut chunks).await? {
            if whole.len() + chunk.len() > self.bytes_max {
                drop(whole);
                return Err(discard(chunks, self.bytes_max).await);
            }
            held.take(chunk.len())?;
            whole.extend_from_slice(&chunk);
        }
        Ok((whole.freeze(), held))
    }
}

async fn next(chunks: &mut BodyDataStream) -> Result<Option<Bytes>, BodyError> {
    chunks.next().await.transpose().map_err(|_| BodyError::Aborted)
}

async fn discard(mut chunks: BodyDataStream, bytes_max: usize) -> BodyError {
    let mut left = bytes_max.saturating_mul(DISCARD_FACTOR);
    loop {
        match next(&mut chunks).await {
            Ok(Some(chunk)) if chunk.len() <= left => left -= chunk.len(),
            Ok(Some(_) | None) => return BodyError::TooLarge,
            Err(error) => return error,
        }
    }
}

/// A share of the memory for bodies; given back when dropped.
pub(crate) struct Held<'a> {
    bodies: &'a Bodies,
    bytes: usize,
}

impl Held<'_> {
    fn take(&mut self, bytes: usize) -> Result<(), BodyError> {
        let before = self.bodies.held_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if before + bytes > self.bodies.all_bytes_max { Err(BodyError::NoRoom) } else { Ok(()) }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.bodies.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
