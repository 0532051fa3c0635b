//! Where a message belongs: the conversation that it goes on with, opens again or begins; and what its decision makes of that.

use waypost_domain::conversation::{Conversation, ConversationEvent, ConversationState};
use waypost_domain::{ContactId, ConversationId, InboundMessage, TeamName};
use waypost_proto::conversation_changed::ChangeKind;
use waypost_proto::extras::add_told;
use waypost_proto::v1::ConversationChange;
use waypost_rules::PreviousTeam;
use waypost_rules::closing::closes;
use waypost_rules::input::RATING_PREFIX;
use waypost_store::ContactRecord;

use super::{Arrival, Outgoing, Pair, Work};
use crate::about::about;
use crate::config::RouterConfig;
use crate::decide::{Effects, Known, decide};

/// Where a message belongs.
struct Place {
    /// As it was before the message.
    conversation: Conversation,
    /// Who had the one before, where the message begins a new one.
    previous_team: Option<PreviousTeam>,
    /// Whether the customer only closes it.
    closes: bool,
}

impl Work<'_> {
    /// Decides a message and brings its conversation up to date. `wrote`: the customer wrote it to us just now.
    pub(super) fn route(
        &mut self,
        arrival: &Arrival,
        message: &InboundMessage,
        mut contact: Option<ContactRecord>,
        wrote: bool,
    ) -> Outgoing {
        if let Some(contact) = &mut contact {
            contact.is_new &= self.newcomers.insert(contact.id);
        }
        let pair = pair_of(arrival, contact.as_ref());
        let place = pair.as_ref().map(|pair| self.place(pair, arrival, message));
        let closes = place.as_ref().is_some_and(|place| place.closes);
        let before = place.as_ref().and_then(|place| place.previous_team.clone());
        let original = self.original(&arrival.inbound);
        let edited = original.as_ref().filter(|_| message.original().is_some());
        let known = Known {
            number: &arrival.number,
            received_at: arrival.inbound.received_at,
            number_language: arrival.language.as_deref(),
            contact: contact.as_ref(),
            open: place.as_ref().map(|place| &place.conversation),
            previous_team: before.clone(),
            closes,
            edited: edited.and_then(|original| original.team.as_ref()),
            tapped: self.taps.on(&arrival.inbound),
            queues: self.queues,
        };
        let (mut decision, effects) = decide(self.rules, message, known, &mut self.scratch);
        let mut previous_team = before.map(|before| before.team);
        let conversation = pair.and_then(|pair| {
            if wrote {
                let (arrived_at, written_at) = (arrival.inbound.received_at, message.timestamp);
                self.apply(
                    &pair,
                    match closes {
                        true => ConversationEvent::CustomerClosed { arrived_at, written_at },
                        false => ConversationEvent::CustomerWrote { arrived_at, written_at },
                    },
                );
            }
            let conversation = self.conversations.get_mut(&pair)?;
            let mut changes = effects.changes(decision.team.as_ref());
            if conversation.team != decision.team {
                let loser = conversation.team.take();
                changes.extend(loser.as_ref().map(|team| change(ChangeKind::Moved, team)));
                previous_team = loser.or(previous_team.take());
                conversation.team.clone_from(&decision.team);
            }
            conversation.priority = decision.priority;
            conversation.binding = effects.binding.or(conversation.binding);
            conversation.seq += 1;
            add_told(&mut decision.extras, conversation.seq, changes);
            self.changed.insert(pair);
            Some(conversation.clone())
        });
        Outgoing {
            id: arrival.inbound.decision_id,
            inbound: arrival.inbound.clone(),
            number: arrival.number.clone(),
            contact,
            conversation_id: conversation.as_ref().map(|conversation| conversation.id),
            conversation,
            previous_team,
            decision,
            about: about(&arrival.inbound, original.as_ref()),
            earlier: Vec::new(),
            again: false,
        }
    }

    fn place(&mut self, pair: &Pair, arrival: &Arrival, message: &InboundMessage) -> Place {
        let says_bye = || message.is_plain_text && message.text.as_deref().is_some_and(closes);
        let rates = message.tap.as_ref().is_some_and(|tap| tap.id.starts_with(RATING_PREFIX));
        // Given thanks within a day after a person resolved the conversation, or a rating at any time, then the team reads
        // them and it stays resolved; else every goodbye would come back as work.
        if let Some(over) = self.over(pair).filter(|over| over.team.is_some())
            && (rates || (self.may_reopen(&over, arrival) && says_bye()))
        {
            self.conversations.insert(pair.clone(), over.clone());
            return Place { conversation: over, previous_team: None, closes: true };
        }
        let (conversation, previous_team) = self.conversation(pair, arrival);
        let answered = conversation.last_outbound_at.is_some() && !conversation.waits();
        let closes = conversation.team.is_some() && (rates || (answered && says_bye()));
        Place { conversation, previous_team, closes }
    }

    /// The open conversation, or one that goes on, or a new one where there is none or it fell silent; and the team of the
    /// one before.
    pub(super) fn conversation(&mut self, pair: &Pair, arrival: &Arrival) -> (Conversation, Option<PreviousTeam>) {
        let at = arrival.inbound.received_at;
        if let Some(open) = self.conversations.get(pair)
            && open.state != ConversationState::Resolved
        {
            if !is_silent(self.config, open, arrival) {
                return (open.clone(), None);
            }
            let mut over = open.clone();
            over.apply(ConversationEvent::Resolved { at: over.active_at });
            self.conversations.insert(pair.clone(), over);
        }
        let over = self.over(pair);
        if let Some(mut over) = over.clone().filter(|over| self.may_reopen(over, arrival)) {
            over.apply(ConversationEvent::Reopened);
            self.conversations.insert(pair.clone(), over.clone());
            self.changed.insert(pair.clone());
            return (over, None);
        }
        let previous_team = over.as_ref().and_then(|over| {
            let age_s = at.millis_since(over.active_at).max(0) / 1000;
            over.team.clone().map(|team| PreviousTeam { team, age_s })
        });
        let id = ConversationId::from_uuid(self.ids.next_id());
        let fresh =
            Conversation { previous: over.map(|over| over.id), ..Conversation::new(id, pair.0, pair.1.clone(), at) };
        self.changed.insert(pair.clone());
        // What this batch found to be over, or closed once more, has to be written too.
        self.ended.extend(self.conversations.insert(pair.clone(), fresh.clone()));
        (fresh, previous_team)
    }

    /// The conversation that is over, where none is open.
    fn over(&self, pair: &Pair) -> Option<Conversation> {
        match self.conversations.get(pair) {
            Some(here) => (here.state == ConversationState::Resolved).then(|| here.clone()),
            None => self.last_resolved.get(pair).cloned(),
        }
    }

    fn may_reopen(&self, over: &Conversation, arrival: &Arrival) -> bool {
        let Some(team) = &over.team else { return false };
        let of_team = self.rules.team(team).and_then(|team| team.reopen_within_hours);
        let within_ms = match of_team {
            Some(hours) => i64::from(hours) * 60 * 60 * 1000,
            None => i64::try_from(self.config.reopen_within.as_millis()).unwrap_or(i64::MAX),
        };
        over.may_reopen(arrival.inbound.received_at, within_ms)
    }
}

/// Whether an open conversation is over by the time of `arrival`, because nothing happened for so long.
///
/// Given a customer who waits for an answer where answers are seen, then silence ends nothing: it is ours.
pub(super) fn is_silent(config: &RouterConfig, open: &Conversation, arrival: &Arrival) -> bool {
    let idle_ms = i64::try_from(config.conversation_idle.as_millis()).unwrap_or(i64::MAX);
    open.is_idle(arrival.inbound.received_at, idle_ms) && !(arrival.answers_seen && open.waits())
}

/// Whom the conversation of an event is with: the group that it was written in, else its writer. `None` where the webhook
/// named nobody.
///
/// Given a member of a group who also writes to us alone, then the two are two conversations: what the group talks of is
/// no secret of theirs, and what they write alone is none of the group's.
pub(super) fn pair_of(arrival: &Arrival, contact: Option<&ContactRecord>) -> Option<Pair> {
    let party = match arrival.inbound.content.group_id() {
        Some(group_id) => ContactId::of_group(group_id),
        None => contact?.id,
    };
    Some((party, arrival.number.clone()))
}

impl Effects {
    /// What teams are told beside the message. `team`: who has the conversation.
    fn changes(&self, team: Option<&TeamName>) -> Vec<ConversationChange> {
        let asks = team.filter(|_| self.asks_for_person).map(|team| change(ChangeKind::AsksForPerson, team));
        let suggested = self.suggested_team.as_ref().map(|team| change(ChangeKind::SuggestedTeam, team));
        asks.into_iter().chain(suggested).collect()
    }
}

fn change(kind: ChangeKind, team: &TeamName) -> ConversationChange {
    ConversationChange { kind: kind.as_str().to_owned(), team: team.to_string() }
}
