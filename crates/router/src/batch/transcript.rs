//! What of a batch is read with its conversation later: what was routed, told or answered elsewhere, as far as it belongs to a
//! conversation. It was masked when it was read; nothing here may go back to what came in.

use waypost_domain::Conversation;
use waypost_proto::transcript::encode_transcript;
use waypost_store::{ContactRecord, TranscriptKind, TranscriptRow, WantedFile};

use super::{Outgoing, Work};
use crate::inbound::{Content, Inbound};

impl Work<'_> {
    /// A message that was decided.
    pub(super) fn keep_routed(&mut self, routed: &Outgoing) {
        if let Some(conversation) = &routed.conversation {
            self.keep_said(TranscriptKind::Message, &routed.inbound, routed.contact.as_ref(), conversation);
        }
    }

    /// `contact`: who wrote it. `conversation`: as it is with it, so its team is who is to answer.
    pub(super) fn keep_said(
        &mut self,
        kind: TranscriptKind,
        inbound: &Inbound,
        contact: Option<&ContactRecord>,
        conversation: &Conversation,
    ) {
        let message = match &inbound.content {
            Content::Message(message) | Content::Standby(message) | Content::Echo(message) => message,
            Content::Change(_) => return,
        };
        // An echo's is the business's own.
        let is_wanted = self.config.copies_files && kind != TranscriptKind::Echo;
        if let Some(media) = message.media.as_ref().filter(|media| is_wanted && !media.id.is_empty()) {
            self.files.push(WantedFile {
                conversation: conversation.id,
                decision: inbound.decision_id,
                number: inbound.key.number.clone(),
                media_id: media.id.clone(),
                wanted_at: inbound.received_at,
            });
        }
        self.transcript.push(TranscriptRow {
            at: inbound.received_at,
            conversation: conversation.id,
            decision: inbound.decision_id,
            writer: contact.filter(|_| inbound.content.group_id().is_some()).map(|contact| contact.id),
            kind,
            team: conversation.team.clone(),
            content: encode_transcript(message),
        });
    }
}
