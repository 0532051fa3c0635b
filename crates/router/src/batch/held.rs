//! Messages that came while another app held the thread: kept, and routed in their order when the thread is ours.

use std::sync::Arc;

use bytes::Bytes;
use tracing::error;
use waypost_cloud_api::webhook::Handover;
use waypost_domain::conversation::ConversationEvent;
use waypost_domain::{ContactId, DecisionId, InboundMessage};
use waypost_proto::v1::ActivityKind;
use waypost_store::{
    ContactRecord, EventKey, HeldKind, HeldRelease, InboxRow, Observation, ReleasedMessage, StoreError,
};

use super::{Arrival, Outgoing, Pair, Work, pair_of};
use crate::config::RouterConfig;
use crate::inbound::{Content, Inbound};

impl Work<'_> {
    pub(super) fn standby(&mut self, arrival: &Arrival, message: &InboundMessage, contact: Option<ContactRecord>) {
        let mut row = self.row(arrival, HeldKind::Standby.as_str(), contact.as_ref());
        keep(&mut row, arrival);
        if let Some(pair) = pair_of(arrival, contact.as_ref()) {
            let event = ConversationEvent::CustomerWroteToOther {
                arrived_at: arrival.inbound.received_at,
                written_at: message.timestamp,
            };
            let (conversation, _) = self.conversation(&pair, arrival);
            row.conversation = Some(conversation.id);
            self.apply(&pair, event);
            self.held_here.entry(pair).or_default().push(arrival.inbound.clone());
        }
        self.record_activity(ActivityKind::Held, &row, None, "");
        self.record(row);
        self.decided.held += 1;
    }

    pub(super) async fn handover(
        &mut self,
        arrival: &Arrival,
        handover: Handover,
        contact: ContactRecord,
    ) -> Result<(), StoreError> {
        let pair = (contact.id, arrival.number.clone());
        let at = arrival.inbound.received_at;
        match handover {
            Handover::Gained => {
                self.apply(&pair, ConversationEvent::ControlGained { at });
                self.release_held(arrival, &pair, contact).await?;
            }
            Handover::Lost => self.apply(&pair, ConversationEvent::ControlLost { at }),
            Handover::Unknown => {}
        }
        Ok(())
    }

    /// The thread is ours: what the customer wrote meanwhile becomes work, in the order it was written.
    ///
    /// Given two messages that were kept in earlier batches and a third kept in this one, then all three are routed
    /// before the message that released them; else the team would read the answer before the question.
    pub(super) async fn release_held(
        &mut self,
        arrival: &Arrival,
        pair: &Pair,
        contact: ContactRecord,
    ) -> Result<(), StoreError> {
        let released_by = arrival.inbound.decision_id;
        let mut waiting = Vec::new();
        for held in self.tx.held(std::slice::from_ref(pair), HeldKind::Standby).await? {
            let event = EventKey { number: held.number, key: held.key };
            waiting.extend(read_held(self.config, event.decision_id(), &held.event));
        }
        waiting.extend(self.held_here.remove(pair).unwrap_or_default());
        for inbound in waiting {
            let Content::Standby(message) = &inbound.content else { continue };
            // Given a handover and a message of ours in one batch, then the first of them releases; the store still takes
            // what it released for waiting, and the second would publish it again.
            if !self.released.insert(inbound.decision_id) {
                continue;
            }
            let kept = Arrival { inbound: inbound.clone(), ..arrival.clone() };
            let writer = self.writer(&inbound, &contact).await?;
            let routed = self.route(&kept, message, writer, false);
            self.releases.push(release(&routed, released_by));
            self.keep_routed(&routed);
            self.decided.outgoing.push(routed);
        }
        Ok(())
    }

    pub(super) async fn publish_held_again(
        &mut self,
        arrival: &Arrival,
        contact: Option<ContactRecord>,
        held: ReleasedMessage,
    ) -> Result<(), StoreError> {
        let id = held.known.decision_id;
        let Some(inbound) = read_held(self.config, id, &held.event) else { return Ok(()) };
        let Some(decision) = held.known.outcome else {
            error!(decision_id = %id, "a message was released without a decision: nothing is published for it");
            return Ok(());
        };
        let writer = match &contact {
            Some(contact) => self.writer(&inbound, contact).await?,
            None => None,
        };
        let kept = Arrival { inbound, ..arrival.clone() };
        self.publish_again(&kept, writer, held.known.conversation, decision, Vec::new());
        Ok(())
    }

    /// Who wrote what was kept: whoever released it, but for a group, in which everybody writes.
    async fn writer(&mut self, kept: &Inbound, releaser: &ContactRecord) -> Result<Option<ContactRecord>, StoreError> {
        if kept.content.group_id().is_none() {
            return Ok(Some(releaser.clone()));
        }
        // What they wrote was learnt from when it was kept.
        let known = Observation::of(kept.content.aliases().clone(), kept.received_at);
        let mut contacts = self.tx.contacts(&[known]).await?;
        Ok(contacts.pop().flatten())
    }
}

/// The whole event is kept with its row, for the conversation that it is of.
pub(super) fn keep(row: &mut InboxRow, arrival: &Arrival) {
    row.held_event = Some(arrival.inbound.encoded.to_vec());
    row.held_for = arrival.inbound.content.group_id().map(ContactId::of_group);
}

/// A kept event; `None` when it does not decode any more, which only a damaged store can bring about. It stays there, for a
/// person to look at: nothing else can be done with it, and what was kept beside it must not wait for that person.
pub(super) fn read_kept(config: &RouterConfig, id: DecisionId, event: &[u8]) -> Option<Arc<Inbound>> {
    match Inbound::from_encoded(Bytes::copy_from_slice(event), &config.mask) {
        Ok(inbound) => Some(Arc::new(inbound)),
        Err(error) => {
            error!(decision_id = %id, %error, "a kept message does not decode any more: it stays kept, and nobody gets it");
            None
        }
    }
}

/// The same of a standby message, which it must still be.
fn read_held(config: &RouterConfig, id: DecisionId, event: &[u8]) -> Option<Arc<Inbound>> {
    let inbound = read_kept(config, id, event)?;
    if matches!(inbound.content, Content::Standby(_)) {
        return Some(inbound);
    }
    error!(decision_id = %id, "a kept message is no standby message any more: it stays kept, and nobody gets it");
    None
}

pub(super) fn release(routed: &Outgoing, released_by: DecisionId) -> HeldRelease {
    HeldRelease {
        number: routed.inbound.key.number.clone(),
        key: routed.inbound.key.key.clone(),
        released_by,
        decision: routed.decision.clone(),
    }
}
