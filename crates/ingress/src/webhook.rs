//! A request to the webhook: believed only if signed, and answered 200 only when all of it is stored.
//!
//! The order matters: limits, signature over the raw bytes, and only then a look at what the bytes say. It must never
//! log what a body holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tracing::{Level, debug, enabled, error, warn};
use uuid::Uuid;
use waypost_bus::{Bus, Layout, Outcome};
use waypost_cloud_api::signature::{self, AppSecrets, Provider, SignatureError};
use waypost_cloud_api::webhook::{QuarantineReason, Quarantined, Split, split};
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
pub(crate) const JSON: &str = "application/json";

pub(crate) struct Webhook {
    pub(crate) provider: Provider,
    pub(crate) signature_header: HeaderName,
    /// `None`: nobody is believed.
    pub(crate) app_secrets: Option<Arc<ArcSwap<AppSecrets>>>,
    pub(crate) verify_tokens: Option<Arc<ArcSwap<Vec<String>>>>,
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
    let tokens = webhook.verify_tokens.as_ref().map(|tokens| tokens.load_full()).unwrap_or_default();
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
    let outcome = webhook.take(request, |head, body| match webhook.verify(&head.headers, &body) {
        Ok(()) => Some(Signed { body, content_type: JSON, aside: None }),
        Err(error) => {
            debug!(%error, "webhook refused");
            None
        }
    });
    let outcome = outcome.await;
    webhook.metrics.post(outcome);
    webhook.answer(outcome)
}

/// What somebody whom we believe has posted.
pub(crate) struct Signed {
    /// A webhook in Meta's words, unless it is put aside.
    pub(crate) body: Bytes,
    pub(crate) content_type: &'static str,
    /// Why it is kept as it came, for a person to look at.
    pub(crate) aside: Option<String>,
}

impl Signed {
    fn parts(&self) -> Split<'_> {
        let Some(detail) = &self.aside else { return split(&self.body) };
        let (reason, detail) = (QuarantineReason::UnparseableBody, detail.clone());
        Split { events: vec![], quarantined: vec![Quarantined { reason, position: None, bytes: &self.body, detail }] }
    }
}

impl Webhook {
    /// `believe`: `None` where nobody whom we know has signed it.
    pub(crate) async fn take(
        &self,
        request: Request,
        believe: impl FnOnce(&Parts, Bytes) -> Option<Signed> + Send,
    ) -> PostOutcome {
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
        match believe(&head, body) {
            Some(signed) => self.publish(&signed).await,
            None => PostOutcome::BadSignature,
        }
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), SignatureError> {
        let Some(secrets) = &self.app_secrets else { return Err(SignatureError::Mismatch) };
        with_values(headers, &self.signature_header, |values| {
            signature::verify(self.provider, values, body, &secrets.load())
        })
    }

    /// Everything in it goes to the bus in one call.
    async fn publish(&self, signed: &Signed) -> PostOutcome {
        let Signed { body, content_type, .. } = signed;
        let parts = signed.parts();
        let tally = tally(&parts);
        let received_at = Timestamp::from_system_time(SystemTime::now());
        let post = Post { body, content_type, id: Uuid::now_v7(), received_at_ms: received_at.as_millis() };
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

    pub(crate) fn answer(&self, outcome: PostOutcome) -> Response {
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

/// Calls `verify` with the header's values: none, one, or the first two, which is one too many.
pub(crate) fn with_values<T>(headers: &HeaderMap, name: &HeaderName, verify: impl FnOnce(&[&[u8]]) -> T) -> T {
    let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    match (values.next(), values.next()) {
        (None, _) => verify(&[]),
        (Some(only), None) => verify(&[only]),
        (Some(first), Some(second)) => verify(&[first, second]),
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
