//! Events that an earlier transaction decided: what is stored is published again, nothing is decided anew. Must never
//! ask the rules for an event that has a decision.

use waypost_domain::{ConversationId, TeamName};
use waypost_proto::conversation_changed::ChangeKind;
use waypost_proto::extras::decode_extras;
use waypost_proto::route::decode_route_input;
use waypost_proto::team_message::EarlierNotice;
use waypost_store::{ContactRecord, HeldKind, KnownEvent, StoreError, StoredDecision};

use super::held::release;
use super::notice::{SHOWN_MAX, shown_before};
use super::{Arrival, Outgoing, Work, pair_of};
use crate::about::about;
use crate::inbound::Content;

impl Work<'_> {
    /// An event that was decided before, in a batch that was perhaps never published.
    ///
    /// Given a message whose batch was committed and whose process died before it published, then the *stored* decision
    /// goes out under the same id, whatever the rules say by now; else it would be routed twice, and differently.
    pub(super) async fn again(
        &mut self,
        arrival: &Arrival,
        known: KnownEvent,
        contact: Option<ContactRecord>,
    ) -> Result<(), StoreError> {
        if known.partition == self.claim.partition() {
            self.claim.covers(known.seq);
        }
        let mut earlier = Vec::new();
        if matches!(arrival.inbound.content, Content::Message(_) | Content::Change(_)) {
            // Given a message that released two held ones in a batch that died after the commit, then those two go out
            // before it, as they did then; else the customer's first words would come behind the last.
            for held in self.tx.released_by(known.decision_id).await? {
                if held.known.kind == HeldKind::Notice.as_str() {
                    earlier.extend(shown_before(self.config, &held));
                } else if held.known.decision_id != known.decision_id {
                    self.publish_held_again(arrival, contact.clone(), held).await?;
                }
            }
        }
        earlier.drain(..earlier.len().saturating_sub(SHOWN_MAX));
        match (&arrival.inbound.content, known.outcome) {
            (Content::Message(_) | Content::Standby(_), Some(decision)) => {
                // Given a standby message that came again after a handover released it, then the handover publishes it,
                // behind what was held before it; else it would come a second time, out of its order.
                if known.released_by.is_none_or(|releaser| releaser == known.decision_id) {
                    self.publish_again(arrival, contact, known.conversation, decision, earlier);
                }
            }
            // It waits to be shown, or was.
            (Content::Message(_) | Content::Standby(_), None) if known.kind == HeldKind::Notice.as_str() => {}
            // Given a message that was kept as standby and that Meta sends again as ours, then it is routed now and
            // releases itself; else it would wait for a handover that nobody announces.
            (Content::Message(message), None) => {
                if self.released.insert(known.decision_id) {
                    let routed = self.route(arrival, message, contact, true);
                    self.releases.push(release(&routed, routed.id));
                    self.keep_routed(&routed);
                    self.decided.outgoing.push(routed);
                }
            }
            (Content::Standby(_), None) | (Content::Echo(_) | Content::Change(_), _) => {}
        }
        Ok(())
    }

    /// Publishes the decision as it is stored, with the conversation as it is by now.
    pub(super) fn publish_again(
        &mut self,
        arrival: &Arrival,
        contact: Option<ContactRecord>,
        conversation_id: Option<ConversationId>,
        decision: StoredDecision,
        earlier: Vec<EarlierNotice>,
    ) {
        let about = about(&arrival.inbound, self.original(&arrival.inbound).as_ref());
        let pair = pair_of(arrival, contact.as_ref());
        let conversation = pair.and_then(|pair| self.conversations.get(&pair).cloned());
        self.decided.outgoing.push(Outgoing {
            id: arrival.inbound.decision_id,
            inbound: arrival.inbound.clone(),
            number: arrival.number.clone(),
            contact,
            conversation,
            conversation_id,
            previous_team: previous_team(&decision),
            decision,
            about,
            earlier,
            again: true,
        });
    }
}

/// Who lost the conversation by this decision, or else had the one before: as it was told the first time.
fn previous_team(decision: &StoredDecision) -> Option<TeamName> {
    let changes = decode_extras(&decision.extras).ok()?.changes;
    let moved = changes.into_iter().find(|change| change.kind == ChangeKind::Moved.as_str());
    match moved {
        Some(change) => TeamName::new(change.team).ok(),
        None => decode_route_input(&decision.input).ok()?.previous_team.map(|before| before.team),
    }
}
