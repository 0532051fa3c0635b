//! The doors for carriers with forms of their own: what one of them signed is told in Meta's words, and goes the way of
//! every webhook. What is not of WhatsApp, or of a number that is not configured, is kept apart as it came.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tracing::{debug, warn};
use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_cloud_api::carrier::signature::{SignatureError, SigningKeys};
use waypost_cloud_api::carrier::{NotOurs, OurNumbers};
use waypost_cloud_api::twilio::fields::Form;
use waypost_cloud_api::{bird, twilio};
use waypost_domain::Timestamp;

use crate::config::{Carrier, CarrierConfig};
use crate::metrics::PostOutcome;
use crate::webhook::{JSON, Signed, Webhook, with_values};

/// Twilio would send what stands in the answer to the customer: nothing.
const NO_ANSWER: &str = "<Response/>";
const TWILIO_SIGNATURE: HeaderName = HeaderName::from_static(twilio::signature::HEADER_NAME);
const BIRD_SIGNATURE: HeaderName = HeaderName::from_static(bird::signature::HEADER_NAME);
const BIRD_TIME: HeaderName = HeaderName::from_static(bird::signature::TIME_HEADER_NAME);

pub(crate) struct CarrierDoor {
    webhook: Arc<Webhook>,
    carrier: Carrier,
    address: PublicAddress,
    keys: Arc<ArcSwap<SigningKeys>>,
    numbers: OurNumbers,
}

/// What a carrier has posted and signed.
struct Believed {
    told: Result<String, NotOurs>,
    /// As it came.
    content_type: &'static str,
}

/// A webhook of the carrier's.
pub(crate) async fn post(State(door): State<Arc<CarrierDoor>>, request: Request) -> Response {
    let webhook = &door.webhook;
    let outcome = webhook.take(request, |head, body| door.believe(head, body)).await;
    webhook.metrics.post(outcome);
    match (outcome, door.carrier) {
        (PostOutcome::Accepted, Carrier::Twilio) => {
            (StatusCode::OK, [(header::CONTENT_TYPE, "text/xml")], NO_ANSWER).into_response()
        }
        _ => webhook.answer(outcome),
    }
}

impl CarrierDoor {
    pub(crate) fn new(webhook: Arc<Webhook>, config: CarrierConfig, keys: Arc<ArcSwap<SigningKeys>>) -> Self {
        let CarrierConfig { carrier, address, numbers, .. } = config;
        Self { webhook, carrier, address, keys, numbers }
    }

    fn believe(&self, head: &Parts, body: Bytes) -> Option<Signed> {
        let believed = match self.carrier {
            Carrier::Twilio => self.twilio(head, &body),
            Carrier::Bird { age_max } => self.bird(head, &body, age_max),
        };
        let carrier = self.carrier.name();
        match believed {
            Ok(Believed { told: Ok(told), .. }) => Some(Signed { body: told.into(), content_type: JSON, aside: None }),
            Ok(Believed { told: Err(reason), content_type }) => {
                Some(Signed { body, content_type, aside: Some(reason.to_string()) })
            }
            // Rightly signed: a clock is wrong, or the carrier repeats what was signed long ago.
            Err(error @ SignatureError::Stale { .. }) => {
                warn!(carrier, %error, "a webhook is refused for its age");
                None
            }
            Err(error) => {
                debug!(carrier, %error, "webhook refused");
                None
            }
        }
    }

    fn twilio(&self, head: &Parts, body: &[u8]) -> Result<Believed, SignatureError> {
        let form = Form::of(head.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes));
        let query = head.uri.query();
        let fields = with_values(&head.headers, &TWILIO_SIGNATURE, |header_values| {
            let request = twilio::signature::Request { header_values, query, form, body };
            twilio::signature::verify(&request, &self.address, &self.keys.load())
        })?;
        let told = twilio::hook::webhook(&fields, query, &self.numbers);
        Ok(Believed { told, content_type: form.content_type() })
    }

    fn bird(&self, head: &Parts, body: &[u8], age_max: Duration) -> Result<Believed, SignatureError> {
        let now = Timestamp::from_system_time(SystemTime::now());
        with_values(&head.headers, &BIRD_SIGNATURE, |signatures| {
            with_values(&head.headers, &BIRD_TIME, |times| {
                let request = bird::signature::Request { signatures, times, body };
                bird::signature::verify(&request, &self.address, &self.keys.load(), now, age_max)
            })
        })?;
        Ok(Believed { told: bird::hook::webhook(body, &self.numbers), content_type: JSON })
    }
}
