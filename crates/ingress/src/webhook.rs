//! A request to the webhook: believed only if signed, and answered 200 only when all of it is stored.
//!
//! The order matters: limits, signature over the raw bytes, and only then a look at what the bytes say. It must never
//! log what a body holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tracing::{Level, debug, enabled, error, warn};
use uuid::Uuid;
use waypost_bus::{Bus, Layout, Outcome};
use waypost_cloud_api::signature::{self, AppSecrets, Provider, SignatureError};
use waypost_cloud_api::webhook::{Split, split};
use waypost_cloud_api::{handshake, handshake::HandshakeError};
use waypost_domain::Timestamp;
use waypost_fault as fault;

use crate::body::{Bodies, BodyError};
use crate::config::Limits;
use crate::metrics::{Counted, Metrics, PostOutcome, Tally};
use crate::outgoing::{Post, dead_letter_reason, event_kind, publications};
use crate::ready::Readiness;

/// A bus that is down would otherwise fill the disk with one and the same line.
const WARNING_INTERVAL_MIN_MS: i64 = 10_000;

pub(crate) struct Webhook {
    pub(crate) provider: Provider,
    pub(crate) signature_header: HeaderName,
    pub(crate) app_secrets: Arc<ArcSwap<AppSecrets>>,
    pub(crate) verify_tokens: Arc<ArcSwap<Vec<String>>>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) layout: Layout,
    pub(crate) limits: Limits,
    pub(crate) retry_after: HeaderValue,
    pub(crate) bodies: Bodies,
    pub(crate) in_flight: Semaphore,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) metrics: Arc<Metrics>,
    /// When a missing confirmation was last logged, in seconds since the epoch.
    pub(crate) warned_at_ms: AtomicI64,
}

/// Meta's subscription handshake.
pub(crate) async fn get(State(webhook): State<Arc<Webhook>>, uri: Uri) -> Response {
    let tokens = webhook.verify_tokens.load();
    let mut refused = HandshakeError::WrongToken;
    for token in tokens.iter() {
        match handshake::verify(uri.query().unwrap_or_default(), token) {
            Ok(challenge) => return challenge.into_response(),
            Err(error) => refused = error,
        }
    }
    debug!(%refused, "handshake refused");
    match refused {
        HandshakeError::Malformed(_) => StatusCode::BAD_REQUEST.into_response(),
        HandshakeError::WrongToken => StatusCode::FORBIDDEN.into_response(),
    }
}

/// A webhook.
pub(crate) async fn post(State(webhook): State<Arc<Webhook>>, request: Request) -> Response {
    let outcome = webhook.take(request).await;
    webhook.metrics.post(outcome);
    webhook.answer(outcome)
}

impl Webhook {
    async fn take(&self, request: Request) -> PostOutcome {
        let (head, body) = request.into_parts();
        let (body, _held) = match self.bodies.read(&head.headers, body).await {
            Ok(read) => read,
            Err(BodyError::TooLarge) => return PostOutcome::TooLarge,
            Err(BodyError::TooSlow) => return PostOutcome::TooSlow,
            Err(BodyError::NoRoom) => return PostOutcome::Shed,
            Err(BodyError::Aborted) => return PostOutcome::Aborted,
        };
        // Only now: a client that drips its body must not hold a place that others wait for.
        let Ok(_place) = self.in_flight.try_acquire() else {
            return PostOutcome::Shed;
        };
        let _counted = Counted::new(&self.metrics.in_flight);
        if let Err(error) = self.verify(&head.headers, &body) {
            debug!(%error, "webhook refused");
            return PostOutcome::BadSignature;
        }
        self.publish(&body).await
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), SignatureError> {
        let secrets = self.app_secrets.load();
        let mut values = headers.get_all(&self.signature_header).iter().map(HeaderValue::as_bytes);
        match (values.next(), values.next()) {
            (None, _) => signature::verify(self.provider, &[], body, &secrets),
            (Some(only), None) => signature::verify(self.provider, &[only], body, &secrets),
            (Some(first), Some(second)) => signature::verify(self.provider, &[first, second], body, &secrets),
        }
    }

    /// `body` is signed. Everything in it goes to the bus in one call.
    async fn publish(&self, body: &Bytes) -> PostOutcome {
        let parts = split(body);
        let tally = tally(&parts);
        let received_at = Timestamp::from_system_time(SystemTime::now());
        let post = Post { body, id: Uuid::now_v7(), received_at_ms: received_at.as_millis() };
        let batch = publications(&post, self.layout, parts);
        if batch.is_empty() {
            return PostOutcome::Accepted;
        }
        let parts_count = batch.len();
        let is_told = enabled!(Level::DEBUG);
        let told: Vec<_> =
            batch.iter().filter(|_| is_told).map(|one| (one.message.id.clone(), one.address.key.clone())).collect();
        fault::point(fault::INGRESS_BEFORE_PUBLISH);
        let began_at = Instant::now();
        let outcomes = self.bus.publish(batch, self.limits.publish_timeout).await;
        self.metrics.publish_seconds.record(began_at.elapsed().as_secs_f64());
        if outcomes.len() == parts_count && outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed) {
            self.metrics.confirmed(&tally);
            for (event, queue) in told {
                debug!(post = %post.id, event, queue, "accepted");
            }
            fault::point(fault::INGRESS_BEFORE_ANSWER);
            return PostOutcome::Accepted;
        }
        if outcomes.contains(&Outcome::Returned) {
            self.readiness.returned();
        }
        self.warn_unconfirmed(&outcomes, received_at);
        PostOutcome::Unconfirmed
    }

    /// Now and then; the metrics count every one.
    fn warn_unconfirmed(&self, outcomes: &[Outcome], now: Timestamp) {
        let last = self.warned_at_ms.load(Ordering::Relaxed);
        if now.as_millis().saturating_sub(last) < WARNING_INTERVAL_MIN_MS {
            return;
        }
        let swapped = self.warned_at_ms.compare_exchange(last, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed);
        if swapped.is_ok() {
            if outcomes.contains(&Outcome::Refused) {
                error!("the bus refuses publications for want of permission, the webhook is refused");
            } else {
                let outcome = outcomes.iter().find(|outcome| **outcome != Outcome::Confirmed);
                warn!(?outcome, "the bus did not confirm, the webhook is refused");
            }
        }
    }

    fn answer(&self, outcome: PostOutcome) -> Response {
        match outcome {
            PostOutcome::Accepted => StatusCode::OK.into_response(),
            PostOutcome::BadSignature => StatusCode::UNAUTHORIZED.into_response(),
            PostOutcome::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            PostOutcome::TooSlow => StatusCode::REQUEST_TIMEOUT.into_response(),
            PostOutcome::Aborted => StatusCode::BAD_REQUEST.into_response(),
            PostOutcome::Shed | PostOutcome::Unconfirmed => {
                (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, self.retry_after.clone())]).into_response()
            }
        }
    }
}

/// Counts what a POST holds, and tells of what had to be put aside: how much, and why the first of it.
fn tally(parts: &Split<'_>) -> Tally {
    let mut tally = Tally::default();
    for event in &parts.events {
        tally.add_event(event_kind(&event.content));
    }
    for part in &parts.quarantined {
        tally.add_quarantined(dead_letter_reason(part.reason));
    }
    if let Some(first) = parts.quarantined.first() {
        let (reason, bytes) = (first.reason.as_str(), first.bytes.len());
        error!(parts = parts.quarantined.len(), reason, bytes, "quarantined what a signed webhook holds");
    }
    tally
}
