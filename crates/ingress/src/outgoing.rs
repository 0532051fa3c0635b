//! From the parts of a POST to the publications that carry them: pure, so that the same POST always gives the same
//! message ids and the same addresses.

use std::collections::BTreeMap;

use bytes::Bytes;
use uuid::Uuid;
use waypost_bus::dead_letter::dead_letter;
use waypost_bus::{DeadLetterReason, Layout, Message, Publication};
use waypost_cloud_api::webhook::{Content, QuarantineReason, Quarantined, Split, WebhookEvent};
use waypost_domain::message::MessageError;
use waypost_domain::{AliasSet, DecisionId, InboundMessage, PartitionId};
use waypost_proto::event::CONTENT_TYPE;
use waypost_proto::v1::{self, EventKind};
use waypost_proto::{EVENT_KIND, encode_event};

use crate::consent::{self, Consent};

/// A dead letter's `kind` when its body is a webhook body, or a part of one.
pub const QUARANTINE_KIND: &str = "waypost.webhook-part.v1";
const ORIGIN: &str = "ingress";

/// Namespace of the ids of quarantined bytes. Any fixed value does; changing it changes every id.
const QUARANTINE_NAMESPACE: Uuid = Uuid::from_u128(0x6d5c_8f0e_3a4b_4d6a_9d64_77a7_9057_0002);

/// What all parts of one POST have in common.
pub struct Post<'a> {
    pub body: &'a Bytes,
    /// Of the body.
    pub content_type: &'static str,
    pub id: Uuid,
    /// Milliseconds since the epoch.
    pub received_at_ms: i64,
}

/// One publication for each part, in the order of the POST; then what may speak of consent once more, for the opt-in worker.
pub fn publications(post: &Post<'_>, layout: Layout, split: Split<'_>) -> Vec<Publication> {
    let mut batch = Vec::with_capacity(split.events.len() + split.quarantined.len());
    let mut consent = Consent::default();
    for event in split.events {
        let may_speak_of_it = consent::may_speak_of_it(&event.content, &event.field);
        let (partition, publication) = event_publication(post, layout, event);
        if let Some(partition) = partition.filter(|_| may_speak_of_it) {
            consent.add(partition, &publication.message);
        }
        batch.push(publication);
    }
    for part in split.quarantined {
        batch.push(quarantine_publication(post, &part));
    }
    batch.extend(consent.publications(layout));
    batch
}

pub(crate) const fn event_kind(content: &Content) -> EventKind {
    match content {
        Content::Message(_) => EventKind::Message,
        Content::StandbyMessage(_) => EventKind::StandbyMessage,
        Content::Echo(_) => EventKind::Echo,
        Content::Status(_) => EventKind::Status,
        Content::ContactChange(_) => EventKind::ContactChange,
        Content::AccountChange => EventKind::AccountChange,
    }
}

pub(crate) const fn dead_letter_reason(reason: QuarantineReason) -> DeadLetterReason {
    match reason {
        QuarantineReason::UnparseableBody => DeadLetterReason::UnparseableBody,
        QuarantineReason::UnparseablePart => DeadLetterReason::UnparseablePart,
        QuarantineReason::TooDeep => DeadLetterReason::TooDeep,
    }
}

/// With the partition of whom it concerns; `None` of what concerns nobody.
fn event_publication(post: &Post<'_>, layout: Layout, event: WebhookEvent<'_>) -> (Option<PartitionId>, Publication) {
    let kind = event_kind(&event.content);
    let id = DecisionId::of_event(&event.number, &event.key);
    let of_contact = |aliases: &AliasSet| {
        let partition = layout.partitions.of_contact(aliases, &event.key);
        (Some(partition), layout.inbound(partition))
    };
    let ((partition, address), person) = match event.content {
        Content::Message(message) | Content::StandbyMessage(message) | Content::Echo(message) => {
            let InboundMessage { contact, profile_name, username, errors, .. } = message;
            (of_contact(&contact), Person { aliases: contact, profile_name, username, errors })
        }
        Content::ContactChange(change) => {
            (of_contact(&change.aliases), Person { aliases: change.aliases, ..Person::default() })
        }
        // By the message that it speaks of: that message's statuses stay in order.
        Content::Status(status) => {
            let key = if status.id.is_empty() { &event.key } else { &status.id };
            let address = layout.statuses(layout.partitions.of_key(key));
            ((None, address), Person { aliases: status.recipient, ..Person::default() })
        }
        Content::AccountChange => ((None, layout.account()), Person::default()),
    };
    let body = encode_event(v1::Event {
        version: 0, // set by `encode_event`
        kind: kind.into(),
        phone_number_id: event.number.as_str().to_owned(),
        waba_id: event.waba_id.as_str().to_owned(),
        field: event.field.into_owned(),
        key: event.key,
        contact: (!person.aliases.is_empty()).then(|| person.aliases.into()),
        profile_name: person.profile_name.unwrap_or_default(),
        username: person.username.unwrap_or_default(),
        json: part_of(post.body, event.json.as_bytes()),
        received_at_ms: post.received_at_ms,
        entry_time: event.entry_time.unwrap_or_default(),
        display_phone_number: event.display_phone_number,
        post_id: post.id.to_string(),
        entry_index: event.position.entry,
        change_index: event.position.change,
        item_index: event.position.item,
        error_codes: person.errors.iter().map(|error| error.code).collect(),
        errors: person.errors.into_iter().map(v1::MessageError::from).collect(),
    });
    let message = Message {
        id: id.to_string(),
        kind: EVENT_KIND.to_owned(),
        content_type: CONTENT_TYPE.to_owned(),
        headers: BTreeMap::new(),
        body,
    };
    (partition, Publication { address, message })
}

#[derive(Default)]
struct Person {
    aliases: AliasSet,
    profile_name: Option<String>,
    username: Option<String>,
    errors: Vec<MessageError>,
}

fn quarantine_publication(post: &Post<'_>, part: &Quarantined<'_>) -> Publication {
    let message = Message {
        // Of the bytes alone: Meta's repetitions of it are the same dead letter.
        id: Uuid::new_v5(&QUARANTINE_NAMESPACE, part.bytes).to_string(),
        kind: QUARANTINE_KIND.to_owned(),
        content_type: post.content_type.to_owned(),
        headers: BTreeMap::new(),
        body: part_of(post.body, part.bytes),
    };
    dead_letter(message, dead_letter_reason(part.reason), ORIGIN, 1, &part.detail)
}

/// `part` without a copy, because it lies within `body`.
fn part_of(body: &Bytes, part: &[u8]) -> Bytes {
    if body.as_ptr_range().start <= part.as_ptr() && part.as_ptr_range().end <= body.as_ptr_range().end {
        body.slice_ref(part)
    } else {
        Bytes::copy_from_slice(part)
    }
}
