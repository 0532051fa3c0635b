//! The envelope of everything that a team's queue holds: a CloudEvent in the structured mode, which is the whole body.

use bytes::Bytes;
use serde::Serialize;
use waypost_domain::{ConversationId, DecisionId, PhoneNumberId, Timestamp};

/// CloudEvents' JSON format: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
const SPEC_VERSION: &str = "1.0";

/// An event before it is written.
#[derive(Debug)]
pub(crate) struct CloudEvent<'a, I, D> {
    /// The event's `type`.
    pub(crate) kind: &'static str,
    pub(crate) id: I,
    pub(crate) phone_number_id: &'a PhoneNumberId,
    /// What the event is about, where there is one: `subject`.
    pub(crate) conversation: Option<ConversationId>,
    /// When the webhook arrived: `time`.
    pub(crate) at: Timestamp,
    /// Of the POST that brought it about.
    pub(crate) post_id: &'a str,
    pub(crate) decision: DecisionId,
    pub(crate) data: D,
}

/// What the document of a text takes: a body that grows from nothing is copied three times on its way there.
const USUAL_BYTES: usize = 1024;

#[derive(Serialize)]
struct Envelope<'a, I, D> {
    specversion: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    source: String,
    id: &'a I,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<ConversationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    data: &'a D,
}

impl<I: Serialize, D: Serialize> CloudEvent<'_, I, D> {
    /// The body, of the type [`CONTENT_TYPE`]. `data` has strings and numbers under keys of ours, and nothing that JSON has
    /// no form for.
    pub(crate) fn encode(&self) -> Bytes {
        let envelope = Envelope {
            specversion: SPEC_VERSION,
            kind: self.kind,
            source: format!("/numbers/{}", self.phone_number_id),
            id: &self.id,
            time: jiff::Timestamp::from_millisecond(self.at.as_millis()).ok().map(|at| at.to_string()),
            subject: self.conversation,
            traceparent: traceparent(self.post_id, self.decision),
            data: &self.data,
        };
        let mut body = Vec::with_capacity(USUAL_BYTES);
        match serde_json::to_writer(&mut body, &envelope) {
            Ok(()) => Bytes::from(body),
            Err(_) => Bytes::new(),
        }
    }
}

/// W3C trace context: the trace is the POST, the span this decision. `None` where the POST's id is not a UUID.
fn traceparent(post_id: &str, decision_id: DecisionId) -> Option<String> {
    let trace = uuid::Uuid::try_parse(post_id).ok()?;
    let (high, _) = decision_id.as_uuid().as_u64_pair();
    Some(format!("00-{}-{high:016x}-01", trace.simple()))
}
