//! What is told and asks for nothing: reactions, deletions, news of the platform. Told to the team of the open
//! conversation; where none is open, kept and shown with the next message. Must never open, bind or move a conversation,
//! nor its window.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use waypost_domain::conversation::{Conversation, ConversationState};
use waypost_domain::{DecisionId, TeamName};
use waypost_live::RulesInForce;
use waypost_proto::extras::add_told;
use waypost_proto::team_message::EarlierNotice;
use waypost_proto::v1::ActivityKind;
use waypost_store::{
    ContactRecord, EventKey, HeldKind, InboxTx, NoticeShown, ReleasedMessage, StoreError, StoredDecision,
    TranscriptKind,
};

use super::held::{keep, read_kept};
use super::place::is_silent;
use super::{Arrival, Outgoing, Pair, Work, pair_of};
use crate::about::{Original, about, keys};
use crate::config::RouterConfig;
use crate::inbound::{Content, Inbound};

/// The rule and the phase of what no rule decided.
pub(crate) const NOTICE: &str = "notice";
/// Calls that follow each other so soon are one piece of work.
const CALLS_APART_MS: i64 = 60 * 1000;
/// No message is shown with more of them.
pub(super) const SHOWN_MAX: usize = 20;

impl Work<'_> {
    pub(super) fn notice(&mut self, arrival: &Arrival, contact: Option<ContactRecord>) {
        let pair = pair_of(arrival, contact.as_ref());
        let open = pair.as_ref().and_then(|pair| self.conversations.get(pair)).cloned();
        let mut row = self.row(arrival, HeldKind::Notice.as_str(), contact.as_ref());
        let told = open.and_then(|open| Some((told_to(self.rules, self.config, &open, arrival)?.clone(), open)));
        let Some((team, mut conversation)) = told else {
            keep(&mut row, arrival);
            if let Some(pair) = pair {
                self.kept.entry(pair).or_default().push(arrival.inbound.clone());
            }
            self.record(row);
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
        self.record(row);
        self.keep_said(TranscriptKind::Notice, &arrival.inbound, contact.as_ref(), &conversation);
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
    pub(super) fn open(&self, pair: &Pair, arrival: &Arrival) -> Option<&Conversation> {
        let open = self.conversations.get(pair)?;
        (open.state != ConversationState::Resolved && !is_silent(self.config, open, arrival)).then_some(open)
    }

    /// Whether a call belongs to one that somebody is asked to answer already.
    pub(super) fn follows_a_call(&self, arrival: &Arrival, pair: &Pair) -> bool {
        let before = self.open(pair, arrival).and_then(|open| open.last_call_at);
        before.is_some_and(|before| (0..=CALLS_APART_MS).contains(&arrival.inbound.received_at.millis_since(before)))
    }

    /// What was kept while no conversation was open, for the message that is the next to be read.
    pub(super) fn earlier(&mut self, pair: &Pair, shown_with: DecisionId) -> Vec<EarlierNotice> {
        let mut kept = self.kept.remove(pair).unwrap_or_default();
        kept.retain(|inbound| self.released.insert(inbound.decision_id));
        self.shown.extend(kept.iter().map(|inbound| NoticeShown { notice: inbound.decision_id, shown_with }));
        kept.iter().rev().take(SHOWN_MAX).rev().filter_map(|inbound| earlier(inbound)).collect()
    }

    /// What is stored, or was decided in this batch, of the message that this one is about.
    pub(super) fn original(&self, inbound: &Inbound) -> Option<Original> {
        let stored = self.originals.of(inbound);
        stored.or_else(|| {
            let place = keys(inbound).iter().find_map(|key| self.places.get(&key.decision_id()).copied());
            self.rows.get(place?).map(Original::of_row)
        })
    }
}

/// The team that is told what happens in a conversation. Where there is none, notices are kept for the next message.
pub(super) fn told_to<'a>(
    rules: &RulesInForce,
    config: &RouterConfig,
    open: &'a Conversation,
    arrival: &Arrival,
) -> Option<&'a TeamName> {
    let is_open = open.state != ConversationState::Resolved && !is_silent(config, open, arrival);
    open.team.as_ref().filter(|team| is_open && rules.team(team).is_some())
}

/// The notices that are kept for those messages of this batch that begin something, asked for at once; of whom nothing was
/// ever heard, nothing is kept. `found`: the conversations as the batch found them.
pub(super) async fn kept(
    tx: &mut InboxTx,
    rules: &RulesInForce,
    config: &RouterConfig,
    arrivals: impl Iterator<Item = (&Arrival, Option<&ContactRecord>)>,
    found: &HashMap<Pair, Conversation>,
) -> Result<HashMap<Pair, Vec<Arc<Inbound>>>, StoreError> {
    let mut pairs = HashSet::new();
    for (arrival, contact) in arrivals {
        let Some(pair) = pair_of(arrival, contact) else { continue };
        let is_work = matches!(&arrival.inbound.content, Content::Message(message) if !message.is_notice());
        let is_heard_of = contact.is_none_or(|contact| contact.id != pair.0 || !contact.is_new);
        let told = found.get(&pair).and_then(|open| told_to(rules, config, open, arrival));
        if is_work && is_heard_of && told.is_none() {
            pairs.insert(pair);
        }
    }
    let mut kept: HashMap<Pair, Vec<Arc<Inbound>>> = HashMap::new();
    for held in tx.held(&Vec::from_iter(pairs), HeldKind::Notice).await? {
        let event = EventKey { number: held.number, key: held.key };
        kept.entry(held.pair).or_default().extend(read_kept(config, event.decision_id(), &held.event));
    }
    Ok(kept)
}

/// Shown again with the message that it was shown with.
pub(super) fn shown_before(config: &RouterConfig, released: &ReleasedMessage) -> Option<EarlierNotice> {
    earlier(&*read_kept(config, released.known.decision_id, &released.event)?)
}

fn earlier(inbound: &Inbound) -> Option<EarlierNotice> {
    let message = inbound.content.message()?;
    Some(EarlierNotice {
        kind: message.kind.as_str().to_owned(),
        summary: message.summary(None),
        received_at: inbound.received_at,
    })
}
