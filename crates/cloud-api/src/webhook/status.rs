//! One element of `statuses[]`, as a domain status
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages/status>).
//!
//! It must never refuse a status for a word or a field that is new.

use waypost_domain::{Status, StatusState, Timestamp};

use super::DecodeError;
use super::content::errors;
use super::person::Ids;
use crate::json::{fields_of, integer, object, string, text};

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
    let [category, kind] = fields_of(status.pricing.or(nested_pricing), &["category", "type"]);
    Ok(Status {
        id: string(status.id).unwrap_or_default(),
        state: StatusState::parse(&text(status.status).unwrap_or_default()),
        timestamp: integer(status.timestamp).map(Timestamp::from_wire),
        recipient,
        participant: participant.phone.or(participant.bsuid).or(participant.parent_bsuid),
        callback_data: string(status.callback_data),
        error_codes: errors(status.errors).iter().map(|error| error.code).collect(),
        pricing_category: string(category),
        pricing_type: string(kind),
    })
}
