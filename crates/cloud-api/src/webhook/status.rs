//! One element of `statuses[]`, as a domain status
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages/status>).
//!
//! It must never refuse a status for a word or a field that is new.

use waypost_domain::{PricedConversation, Pricing, Status, StatusState, Timestamp};

use super::DecodeError;
use super::person::Ids;
use crate::error_object::errors;
use crate::json::{Json, fields_of, integer, object, string, text};

object! {
    StatusObject {
        id: "id",
        status: "status",
        timestamp: "timestamp",
        recipient_id: "recipient_id",
        recipient_user_id: "recipient_user_id",
        // Meta's pages disagree about the order of these words.
        recipient_parent_user_id: "recipient_parent_user_id",
        parent_recipient_user_id: "parent_recipient_user_id",
        recipient_type: "recipient_type",
        recipient_participant_id: "recipient_participant_id",
        participant_recipient_id: "participant_recipient_id",
        recipient_participant_user_id: "recipient_participant_user_id",
        participant_recipient_user_id: "participant_recipient_user_id",
        recipient_participant_parent_user_id: "recipient_participant_parent_user_id",
        participant_recipient_parent_user_id: "participant_recipient_parent_user_id",
        callback_data: "biz_opaque_callback_data",
        conversation: "conversation",
        pricing: "pricing",
        errors: "errors",
    }
}

/// Reads one item of `statuses`; the error says what it lacks.
pub fn decode_status(json: &str) -> Result<Status, DecodeError> {
    let (status, _) = StatusObject::read(json).ok_or(DecodeError::NotAnObject)?;
    let participant = Ids::read(
        status.recipient_participant_id.or(status.participant_recipient_id),
        status.recipient_participant_user_id.or(status.participant_recipient_user_id),
        status.recipient_participant_parent_user_id.or(status.participant_recipient_parent_user_id),
    );
    // In a group the recipient is the group, which is nobody's alias.
    let is_group = text(status.recipient_type).as_deref() == Some("group");
    let recipient = Ids::read(
        status.recipient_id.filter(|_| !is_group),
        status.recipient_user_id,
        status.recipient_parent_user_id.or(status.parent_recipient_user_id),
    );
    let participant = participant.aliases();
    let recipient = if participant.is_empty() { recipient.aliases() } else { participant.clone() };
    let [nested_pricing] = fields_of(status.conversation, &["pricing"]);
    Ok(Status {
        id: string(status.id).unwrap_or_default(),
        state: StatusState::parse(&text(status.status).unwrap_or_default()),
        timestamp: integer(status.timestamp).map(Timestamp::from_wire),
        recipient,
        participant: participant.phone.or(participant.bsuid).or(participant.parent_bsuid),
        callback_data: string(status.callback_data),
        errors: errors(status.errors),
        pricing: pricing(status.pricing.or(nested_pricing)),
        conversation: conversation(status.conversation),
    })
}

/// Of groups it stands inside of `conversation`.
fn pricing(pricing: Json<'_>) -> Option<Pricing> {
    let [billable, model, kind, category] = fields_of(pricing, &["billable", "pricing_model", "type", "category"]);
    let pricing = Pricing {
        billable: billable.and_then(|billable| billable.get().parse().ok()),
        model: string(model),
        kind: string(kind),
        category: string(category),
    };
    (pricing != Pricing::default()).then_some(pricing)
}

fn conversation(conversation: Json<'_>) -> Option<PricedConversation> {
    let [id, origin, expires_at] = fields_of(conversation, &["id", "origin", "expiration_timestamp"]);
    let [kind] = fields_of(origin, &["type"]);
    let conversation = PricedConversation {
        id: string(id),
        origin: string(kind),
        expires_at: integer(expires_at).map(Timestamp::from_wire),
    };
    (conversation != PricedConversation::default()).then_some(conversation)
}
