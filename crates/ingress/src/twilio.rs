//! The door for Twilio: what it signed is told in Meta's words, and goes the way of every webhook. What is not of WhatsApp, or
//! of a number that is not configured, is kept apart as it came.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tracing::debug;
use waypost_cloud_api::carrier::OurNumbers;
use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_cloud_api::carrier::signature::SigningKeys;
use waypost_cloud_api::twilio::fields::Form;
use waypost_cloud_api::twilio::hook;
use waypost_cloud_api::twilio::signature::{self, HEADER_NAME};

use crate::config::TwilioConfig;
use crate::metrics::PostOutcome;
use crate::webhook::{JSON, Signed, Webhook, with_values};

/// Twilio would send what stands in the answer to the customer: nothing.
const NO_ANSWER: &str = "<Response/>";

pub(crate) struct TwilioDoor {
    webhook: Arc<Webhook>,
    signature_header: HeaderName,
    address: PublicAddress,
    tokens: Arc<ArcSwap<SigningKeys>>,
    numbers: OurNumbers,
}

/// A webhook of Twilio's.
pub(crate) async fn post(State(door): State<Arc<TwilioDoor>>, request: Request) -> Response {
    let webhook = &door.webhook;
    let outcome = webhook.take(request, |head, body| door.believe(head, body)).await;
    webhook.metrics.post(outcome);
    match outcome {
        PostOutcome::Accepted => (StatusCode::OK, [(header::CONTENT_TYPE, "text/xml")], NO_ANSWER).into_response(),
        _ => webhook.answer(outcome),
    }
}

impl TwilioDoor {
    pub(crate) fn new(webhook: Arc<Webhook>, config: TwilioConfig, tokens: Arc<ArcSwap<SigningKeys>>) -> Self {
        let TwilioConfig { address, numbers, .. } = config;
        Self { webhook, signature_header: HeaderName::from_static(HEADER_NAME), address, tokens, numbers }
    }

    fn believe(&self, head: &Parts, body: Bytes) -> Option<Signed> {
        let form = Form::of(head.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes));
        let query = head.uri.query();
        let verified = with_values(&head.headers, &self.signature_header, |header_values| {
            let request = signature::Request { header_values, query, form, body: &body };
            signature::verify(&request, &self.address, &self.tokens.load())
        });
        let fields = match verified {
            Ok(fields) => fields,
            Err(error) => {
                debug!(%error, "Twilio's webhook refused");
                return None;
            }
        };
        match hook::webhook(&fields, query, &self.numbers) {
            Ok(told) => Some(Signed { body: told.into(), content_type: JSON, aside: None }),
            Err(reason) => {
                drop(fields);
                Some(Signed { body, content_type: form.content_type(), aside: Some(reason.to_string()) })
            }
        }
    }
}
