//! What is told and asks for nothing: reactions, deletions, news of the platform. Told to the team of the open
//! conversation; where none is open, kept and shown with the next message. Must never open, bind or move a conversation,
//! nor its window.

use waypost_domain::conversation::{Conversation, ConversationState};
use waypost_domain::{DecisionId, TeamName, Timestamp};
use waypost_proto::extras::add_told;
use waypost_proto::team_message::EarlierNotice;
use waypost_proto::v1::ActivityKind;
use waypost_store::{ContactRecord, EventKey, HeldKind, NoticeShown, ReleasedMessage, StoreError, StoredDecision};

use super::held::{keep, read_kept};
use super::{Arrival, Outgoing, Pair, Work, pair_of};
use crate::about::{Original, about, keys};
use crate::inbound::Inbound;

/// The rule and the phase of what no rule decided.
pub(crate) const NOTICE: &str = "notice";
/// Calls that follow each other so soon are one piece of work.
const CALLS_APART_MS: i64 = 60 * 1000;
/// No message is shown with more of them.
const SHOWN_MAX: usize = 20;

impl Work<'_> {
    pub(super) fn notice(&mut self, arrival: &Arrival, contact: Option<ContactRecord>) {
        let pair = pair_of(arrival, contact.as_ref());
        let open = pair.as_ref().and_then(|pair| self.open(pair, arrival.inbound.received_at)).cloned();
        let mut row = self.row(arrival, HeldKind::Notice.as_str(), contact.as_ref());
        let is_there = |team: &TeamName| self.rules.team(team).is_some();
        let told = open.and_then(|open| Some((open.team.clone().filter(is_there)?, open)));
        let Some((team, mut conversation)) = told else {
            keep(&mut row, arrival);
            if let Some(pair) = pair {
                self.kept_here.entry(pair).or_default().push(arrival.inbound.clone());
            }
            self.rows.push(row);
            return;
        };
        // One thing more is told to its team, and nothing else changes.
        conversation.seq += 1;
        if let Some(pair) = pair {
            self.conversations.insert(pair.clone(), conversation.clone());
            self.changed.insert(pair);
        }
        row.conversation = Some(conversation.id);
        let set = self.rules.for_message(&arrival.number, contact.as_ref().map(|contact| contact.id));
        let mut decision = StoredDecision {
            rule_set: set.version.clone(),
            rule: NOTICE.to_owned(),
            phase: NOTICE.to_owned(),
            why: format!("the conversation is open with {team}"),
            team: Some(team),
            priority: conversation.priority,
            // No rule looked at it: there is nothing to decide again.
            input: Vec::new(),
            extras: Vec::new(),
        };
        add_told(&mut decision.extras, conversation.seq, Vec::new());
        row.outcome = Some(decision.clone());
        self.record_activity(ActivityKind::Noticed, &row, decision.team.as_ref(), NOTICE);
        self.rows.push(row);
        let original = self.original(&arrival.inbound);
        self.decided.outgoing.push(Outgoing {
            id: arrival.inbound.decision_id,
            inbound: arrival.inbound.clone(),
            number: arrival.number.clone(),
            contact,
            conversation_id: Some(conversation.id),
            conversation: Some(conversation),
            previous_team: None,
            decision,
            about: about(&arrival.inbound, original.as_ref()),
            earlier: Vec::new(),
            again: false,
        });
    }

    /// The conversation that is open, and has not fallen silent.
    pub(super) fn open(&self, pair: &Pair, at: Timestamp) -> Option<&Conversation> {
        let idle_ms = i64::try_from(self.config.conversation_idle.as_millis()).unwrap_or(i64::MAX);
        let open = self.conversations.get(pair)?;
        (open.state != ConversationState::Resolved && !open.is_idle(at, idle_ms)).then_some(open)
    }

    /// Whether a call belongs to one that somebody is asked to answer already.
    pub(super) async fn follows_a_call(&mut self, arrival: &Arrival, pair: &Pair) -> Result<bool, StoreError> {
        let at = arrival.inbound.received_at;
        if self.open(pair, at).is_none() {
            return Ok(false);
        }
        let is_soon = |before: Timestamp| (0..=CALLS_APART_MS).contains(&at.millis_since(before));
        let here = |row: &waypost_store::InboxRow| {
            row.kind == HeldKind::Call.as_str() && row.contact == Some(pair.0) && is_soon(row.received_at)
        };
        if self.rows.iter().any(here) {
            return Ok(true);
        }
        let calls = self.tx.held(pair.0, &pair.1, HeldKind::Call).await?;
        Ok(calls.iter().any(|call| is_soon(call.received_at)))
    }

    /// What was kept while no conversation was open, for the message that is the next to be read. Not asked for somebody
    /// who was never heard of, nor while one is open.
    pub(super) async fn earlier(
        &mut self,
        pair: &Pair,
        contact: &ContactRecord,
        shown_with: DecisionId,
    ) -> Result<Vec<EarlierNotice>, StoreError> {
        let mut kept = Vec::new();
        let is_of_group = pair.0 != contact.id;
        if is_of_group || !contact.is_new {
            for held in self.tx.held(pair.0, &pair.1, HeldKind::Notice).await? {
                let event = EventKey { number: held.number, key: held.key };
                kept.extend(read_kept(event.decision_id(), &held.event));
            }
        }
        kept.extend(self.kept_here.remove(pair).unwrap_or_default());
        kept.retain(|inbound| self.released.insert(inbound.decision_id));
        self.shown.extend(kept.iter().map(|inbound| NoticeShown { notice: inbound.decision_id, shown_with }));
        Ok(kept.iter().rev().take(SHOWN_MAX).rev().filter_map(|inbound| earlier(inbound)).collect())
    }

    /// What is stored, or was decided in this batch, of the message that this one is about.
    pub(super) fn original(&self, inbound: &Inbound) -> Option<Original> {
        let stored = self.originals.of(inbound);
        stored.or_else(|| {
            let ids: Vec<DecisionId> = keys(inbound).iter().map(EventKey::decision_id).collect();
            self.rows.iter().find(|row| ids.contains(&row.decision_id)).map(Original::of_row)
        })
    }
}

/// Shown again with the message that it was shown with.
pub(super) fn shown_before(released: &ReleasedMessage) -> Option<EarlierNotice> {
    earlier(&*read_kept(released.known.decision_id, &released.event)?)
}

fn earlier(inbound: &Inbound) -> Option<EarlierNotice> {
    let message = inbound.content.message()?;
    Some(EarlierNotice {
        kind: message.kind.as_str().to_owned(),
        summary: message.summary(None),
        received_at: inbound.received_at,
    })
}
