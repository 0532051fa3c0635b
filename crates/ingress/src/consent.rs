//! What may speak of consent is published once more, on a path of its own: a stop that had our 200 must not wait behind a
//! router that is behind. All of one POST for a partition is one message, a bundle.
//!
//! Must never leave out what the opt-in worker would act on; what it passes over costs little.

use std::collections::BTreeMap;

use bytes::Bytes;
use uuid::Uuid;
use waypost_bus::{Layout, Message, Publication};
use waypost_cloud_api::webhook::Content;
use waypost_domain::message::{InboundMessage, MessageContent};
use waypost_domain::{MessageKind, PartitionId};
use waypost_proto::EVENT_KIND;
use waypost_proto::event::{CONTENT_TYPE, encode_bundle};

/// Whoever writes more tells something else.
pub(crate) const CHARS_MAX: usize = 160;
/// The field of WhatsApp's own switch: <https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference>.
const PREFERENCES: &str = "user_preferences";
/// Of one bundle; a larger event goes alone.
const EVENTS_MAX: usize = 64;
const BYTES_MAX: usize = 64 * 1024;

/// Namespace of the ids of bundles. Any fixed value does; changing it changes every id.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d5c_8f0e_3a4b_4d6a_9d64_77a7_9057_0008);

/// Whether a customer may say something about consent by it: short words, a tap, an answer to a request to call, a change of who
/// they are, or WhatsApp's own switch. In a group nobody speaks of what is sent to them alone.
pub(crate) fn may_speak_of_it(content: &Content, field: &str) -> bool {
    match content {
        Content::Message(message) | Content::StandbyMessage(message) => says_something(message),
        Content::ContactChange(_) => field == PREFERENCES,
        Content::Echo(_) | Content::Status(_) | Content::AccountChange => false,
    }
}

fn says_something(message: &InboundMessage) -> bool {
    if message.group_id.as_deref().is_some_and(|group| !group.is_empty()) {
        return false;
    }
    let now = message.as_it_is_now();
    let is_short = |text: &String| !text.trim().is_empty() && text.chars().nth(CHARS_MAX).is_none();
    message.kind == MessageKind::System
        || now.tap.is_some()
        || matches!(now.content, MessageContent::CallPermission { .. })
        || now.text.as_ref().is_some_and(is_short)
}

/// What was found in a POST so far, by partition.
#[derive(Default)]
pub(crate) struct Consent(BTreeMap<PartitionId, Vec<(String, Bytes)>>);

impl Consent {
    /// An event, as it is published for the router.
    pub(crate) fn add(&mut self, partition: PartitionId, event: &Message) {
        self.0.entry(partition).or_default().push((event.id.clone(), event.body.clone()));
    }

    /// Bundles, each under an id that follows from what is in it: Meta's repetition of a POST has the same ones.
    pub(crate) fn publications(self, layout: Layout) -> Vec<Publication> {
        let mut all = Vec::new();
        for (partition, events) in self.0 {
            let mut bundle: Vec<(String, Bytes)> = Vec::new();
            let mut bytes = 0;
            for (id, event) in events {
                if bundle.len() >= EVENTS_MAX || !bundle.is_empty() && bytes + event.len() > BYTES_MAX {
                    all.push(publication(layout, partition, std::mem::take(&mut bundle)));
                    bytes = 0;
                }
                bytes += event.len();
                bundle.push((id, event));
            }
            all.push(publication(layout, partition, bundle));
        }
        all
    }
}

fn publication(layout: Layout, partition: PartitionId, events: Vec<(String, Bytes)>) -> Publication {
    let (ids, events): (Vec<String>, Vec<Bytes>) = events.into_iter().unzip();
    let message = Message {
        id: Uuid::new_v5(&NAMESPACE, ids.join(" ").as_bytes()).to_string(),
        kind: EVENT_KIND.to_owned(),
        content_type: CONTENT_TYPE.to_owned(),
        headers: BTreeMap::new(),
        body: encode_bundle(events),
    };
    Publication { address: layout.consent(partition), message }
}
