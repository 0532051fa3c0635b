//! One batch, one transaction: what is new is decided and stored with its input; what was decided before and perhaps
//! never published gets its *stored* decision again; what was published is a duplicate.
//!
//! Nothing is published here. What comes back has to be, in its order, after the commit.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tracing::{debug, field};
use waypost_cloud_api::webhook::ContactChange;
use waypost_domain::conversation::{Conversation, ConversationEvent, ConversationState};
use waypost_domain::{
    ContactId, ConversationId, DecisionId, IdSource, InboundMessage, MessageKind, NumberName, TeamName, Timestamp,
};
use waypost_fault::{self as fault, Sabotage};
use waypost_live::RulesInForce;
use waypost_proto::team_message::{About, EarlierNotice};
use waypost_proto::v1::{ActivityKind, ActivityRecord};
use waypost_rules::{Scratch, TeamQueues};
use waypost_store::{
    ChangeRow, ChangeScope, ContactRecord, HeldRelease, InboxRow, InboxTx, InboxWrites, KnownEvent, NoticeShown,
    Observation, StoreError, StoredDecision, TranscriptKind, TranscriptRow, WantedFile,
};
use waypost_worker::Claim;

use crate::about::{Originals, Taps};
use crate::config::RouterConfig;
use crate::inbound::{Content, Inbound};

mod held;
mod notice;
mod place;
mod stored;
mod transcript;

pub(crate) use notice::NOTICE;
use notice::told_to;
use place::pair_of;

/// An event and our name of the number that it came in on.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub inbound: Arc<Inbound>,
    pub number: NumberName,
    /// What is usual on that number.
    pub language: Option<Arc<str>>,
    /// Whether answers to customers are seen on this number at all.
    pub answers_seen: bool,
}

/// A decision to publish.
#[derive(Debug)]
pub struct Outgoing {
    pub id: DecisionId,
    pub inbound: Arc<Inbound>,
    pub number: NumberName,
    pub contact: Option<ContactRecord>,
    pub conversation: Option<Conversation>,
    /// The one that it was decided for, which `conversation` need not be any more.
    pub conversation_id: Option<ConversationId>,
    pub previous_team: Option<TeamName>,
    pub decision: StoredDecision,
    /// What we hold of the message that it is about.
    pub about: Option<About>,
    /// What was kept until somebody reads this.
    pub earlier: Vec<EarlierNotice>,
    /// Whether it was decided in an earlier attempt.
    pub again: bool,
}

/// What is stored of a batch's events, in their order, and of the messages that they are about, as it was `read_at`; what of
/// ours they are taps on; what the events show of who somebody is; and what is stored with their decisions of the queues that rules ask about.
#[derive(Debug)]
pub struct Stored<'a> {
    pub read_at: Timestamp,
    pub known: Vec<Option<KnownEvent>>,
    pub originals: Originals,
    pub taps: &'a Taps,
    pub observations: &'a [Observation],
    pub queues: &'a TeamQueues,
}

/// What a committed batch leaves to do and to count.
#[derive(Debug, Default)]
pub struct Decided {
    pub outgoing: Vec<Outgoing>,
    pub activity: Vec<ActivityRecord>,
    pub duplicates: u64,
    pub held: u64,
}

type Pair = (ContactId, NumberName);

/// The batch while its transaction is open.
struct Work<'a> {
    rules: &'a RulesInForce,
    config: &'a RouterConfig,
    ids: &'a dyn IdSource,
    claim: &'a mut Claim,
    tx: InboxTx,
    /// When what is new counts as recorded.
    now: Timestamp,
    originals: Originals,
    taps: &'a Taps,
    queues: &'a TeamQueues,
    conversations: HashMap<Pair, Conversation>,
    /// The conversations before, of pairs that had no open one when the batch began.
    last_resolved: HashMap<Pair, Conversation>,
    changed: HashSet<Pair>,
    /// Conversations that this batch found to be over.
    ended: Vec<Conversation>,
    newcomers: HashSet<ContactId>,
    rows: Vec<InboxRow>,
    /// Where in `rows` each event is.
    places: HashMap<DecisionId, usize>,
    /// Standby messages kept by this very batch.
    held_here: HashMap<Pair, Vec<Arc<Inbound>>>,
    /// Notices that nobody was shown yet, those kept by this very batch included.
    kept: HashMap<Pair, Vec<Arc<Inbound>>>,
    releases: Vec<HeldRelease>,
    shown: Vec<NoticeShown>,
    /// What `releases` and `shown` hold: until the commit, the store still takes it for waiting.
    released: HashSet<DecisionId>,
    changes: Vec<ChangeRow>,
    transcript: Vec<TranscriptRow>,
    files: Vec<WantedFile>,
    scratch: Scratch,
    decided: Decided,
}

/// Decides `arrivals`, which hold no key twice. `tx` was begun with the claim's fence, and `known` tells what is known of
/// each of them. On an error nothing is stored.
pub async fn decide_batch(
    rules: &RulesInForce,
    config: &RouterConfig,
    ids: &dyn IdSource,
    claim: &mut Claim,
    mut tx: InboxTx,
    arrivals: &[Arrival],
    stored: Stored<'_>,
) -> Result<Decided, StoreError> {
    let Stored { read_at, known, originals, taps, observations, queues } = stored;
    let (open, observed) = unpublished(claim, arrivals, known, observations);
    let duplicates = (arrivals.len() - open.len()) as u64;
    let decided = Decided { duplicates, ..Decided::default() };
    if open.is_empty() {
        tx.commit().await?;
        return Ok(decided);
    }
    let contacts = tx.contacts(&observed).await?;
    let pairs: HashSet<Pair> =
        open.iter().zip(&contacts).filter_map(|((arrival, _), contact)| pair_of(arrival, contact.as_ref())).collect();
    let pairs: Vec<_> = pairs.into_iter().collect();
    let conversations = tx.conversations(&pairs).await?;
    let without: Vec<_> = pairs.into_iter().filter(|pair| !conversations.contains_key(pair)).collect();
    let last_resolved = tx.last_resolved(&without).await?;
    let fresh = open.iter().zip(&contacts).filter(|((_, known), _)| known.is_none());
    let fresh = fresh.map(|((arrival, _), contact)| (*arrival, contact.as_ref()));
    let kept = notice::kept(&mut tx, rules, config, fresh, &conversations).await?;
    let mut work = Work {
        rules,
        config,
        ids,
        claim,
        tx,
        now: read_at,
        originals,
        taps,
        queues,
        conversations,
        last_resolved,
        changed: HashSet::new(),
        ended: Vec::new(),
        newcomers: HashSet::new(),
        rows: Vec::new(),
        places: HashMap::new(),
        held_here: HashMap::new(),
        kept,
        releases: Vec::new(),
        shown: Vec::new(),
        released: HashSet::new(),
        changes: Vec::new(),
        transcript: Vec::new(),
        files: Vec::new(),
        scratch: Scratch::default(),
        decided,
    };
    for ((arrival, known), contact) in open.into_iter().zip(contacts) {
        match known {
            Some(known) => work.again(arrival, known, contact).await?,
            None => work.fresh(arrival, contact).await?,
        }
    }
    work.commit().await
}

/// An event, and what is known of it.
type Open<'a> = (&'a Arrival, Option<KnownEvent>);

/// The events that were not published yet, or are to be again, and what they show of people.
fn unpublished<'a>(
    claim: &Claim,
    arrivals: &'a [Arrival],
    known: Vec<Option<KnownEvent>>,
    observations: &'a [Observation],
) -> (Vec<Open<'a>>, Cow<'a, [Observation]>) {
    let published = |known: &KnownEvent| {
        let dropped = fault::sabotaged(Sabotage::DropStoredDecision);
        dropped || known.published || claim.has_published(known.partition, known.seq)
    };
    let is_open = |((arrival, known), _): &((&Arrival, Option<KnownEvent>), &Observation)| {
        arrival.inbound.replay || !known.as_ref().is_some_and(published)
    };
    let all = arrivals.iter().zip(known).zip(observations);
    let (open, observed): (Vec<_>, Vec<&Observation>) = all.filter(is_open).unzip();
    let observed = match observed.len() == observations.len() {
        true => observations.into(),
        false => observed.into_iter().cloned().collect(),
    };
    (open, observed)
}

impl Work<'_> {
    /// An event that no transaction has seen.
    async fn fresh(&mut self, arrival: &Arrival, contact: Option<ContactRecord>) -> Result<(), StoreError> {
        match &arrival.inbound.content {
            Content::Message(message) | Content::Standby(message) if message.is_notice() => {
                self.notice(arrival, contact)
            }
            Content::Message(message) => self.message(arrival, message, contact).await?,
            Content::Standby(message) => self.standby(arrival, message, contact),
            Content::Echo(message) => self.echo(arrival, message, contact),
            Content::Change(change) => self.change(arrival, change, contact).await?,
        }
        Ok(())
    }

    async fn message(
        &mut self,
        arrival: &Arrival,
        message: &InboundMessage,
        contact: Option<ContactRecord>,
    ) -> Result<(), StoreError> {
        // Before what was kept is released: as long as no team was told of the conversation, notices were kept, too.
        let pair = pair_of(arrival, contact.as_ref());
        let before = pair.as_ref().and_then(|pair| self.conversations.get(pair));
        let was_nobodys = before.and_then(|open| told_to(self.rules, self.config, open, arrival)).is_none();
        if let (Some(contact), Some(pair)) = (&contact, &pair) {
            let pending = |open: &Conversation| open.state == ConversationState::Pending;
            if self.conversations.get(pair).is_some_and(pending) {
                // It came to us, so the thread is ours: Meta announces a release in no other way.
                self.release_held(arrival, pair, contact.clone()).await?;
            }
        }
        let is_call = message.kind == MessageKind::Call;
        if is_call && pair.as_ref().is_some_and(|pair| self.follows_a_call(arrival, pair)) {
            self.notice(arrival, contact);
            return Ok(());
        }
        let mut routed = self.route(arrival, message, contact, true);
        if is_call && let Some(open) = pair.as_ref().and_then(|pair| self.conversations.get_mut(pair)) {
            open.last_call_at = open.last_call_at.max(Some(arrival.inbound.received_at));
        }
        if let Some(pair) = pair.filter(|_| was_nobodys) {
            routed.earlier = self.earlier(&pair, routed.id);
        }
        let mut row = self.row(arrival, "message", routed.contact.as_ref());
        row.conversation = routed.conversation_id;
        row.outcome = Some(routed.decision.clone());
        self.record_activity(ActivityKind::Routed, &row, routed.decision.team.as_ref(), &routed.decision.rule);
        self.record(row);
        self.keep_routed(&routed);
        self.decided.outgoing.push(routed);
        Ok(())
    }

    fn echo(&mut self, arrival: &Arrival, message: &InboundMessage, contact: Option<ContactRecord>) {
        let mut row = self.row(arrival, "echo", contact.as_ref());
        if let Some(pair) = pair_of(arrival, contact.as_ref())
            && let Some(conversation) = self.conversations.get(&pair).cloned()
        {
            row.conversation = Some(conversation.id);
            self.keep_said(TranscriptKind::Echo, &arrival.inbound, contact.as_ref(), &conversation);
            let at = message.timestamp.unwrap_or(arrival.inbound.received_at);
            self.apply(&pair, ConversationEvent::Answered { at });
        }
        self.record_activity(ActivityKind::AnsweredElsewhere, &row, None, "");
        self.record(row);
    }

    async fn change(
        &mut self,
        arrival: &Arrival,
        change: &ContactChange,
        contact: Option<ContactRecord>,
    ) -> Result<(), StoreError> {
        let row = self.row(arrival, "change", contact.as_ref());
        let inbound = &arrival.inbound;
        self.changes.push(ChangeRow {
            scope: ChangeScope::Contact,
            number: inbound.key.number.clone(),
            waba: inbound.waba.clone(),
            field: inbound.field.clone(),
            key: inbound.key.key.clone(),
            json: inbound.json.to_vec(),
            received_at: inbound.received_at,
            entry_time: inbound.entry_time,
        });
        if !change.rotations.is_empty() {
            self.record_activity(ActivityKind::IdentityChanged, &row, None, "");
        }
        if let (Some(handover), Some(contact)) = (change.handover, contact) {
            self.record_activity(ActivityKind::ControlChanged, &row, None, "");
            self.handover(arrival, handover, contact).await?;
        }
        self.record(row);
        Ok(())
    }

    /// Brings the conversation of `pair`, where there is one, up to date.
    fn apply(&mut self, pair: &Pair, event: ConversationEvent) {
        if let Some(conversation) = self.conversations.get_mut(pair) {
            conversation.apply(event);
            self.changed.insert(pair.clone());
        }
    }

    /// One row more, which later messages of the batch may be about.
    fn record(&mut self, row: InboxRow) {
        self.places.insert(row.decision_id, self.rows.len());
        self.rows.push(row);
    }

    fn row(&mut self, arrival: &Arrival, kind: &'static str, contact: Option<&ContactRecord>) -> InboxRow {
        let key = arrival.inbound.key.clone();
        InboxRow {
            decision_id: arrival.inbound.decision_id,
            number: key.number,
            key: key.key,
            seq: self.claim.next_seq(),
            kind,
            contact: contact.map(|contact| contact.id),
            conversation: None,
            received_at: arrival.inbound.received_at,
            recorded_at: self.now,
            before_published_at: self.claim.published_at(),
            outcome: None,
            held_event: None,
            held_for: None,
        }
    }

    fn record_activity(&mut self, kind: ActivityKind, row: &InboxRow, team: Option<&TeamName>, rule: &str) {
        if !self.config.activity {
            return;
        }
        self.decided.activity.push(ActivityRecord {
            seq: row.seq,
            kind: kind.into(),
            decision_id: row.decision_id.to_string(),
            conversation_id: row.conversation.map(|id| id.to_string()).unwrap_or_default(),
            contact_id: row.contact.map(|id| id.to_string()).unwrap_or_default(),
            phone_number_id: row.number.as_str().to_owned(),
            team: team.map(|team| team.as_str().to_owned()).unwrap_or_default(),
            rule: rule.to_owned(),
            at_ms: row.received_at.as_millis(),
        });
    }

    async fn commit(self) -> Result<Decided, StoreError> {
        let mut conversations = self.ended;
        conversations.extend(self.changed.iter().filter_map(|pair| self.conversations.get(pair).cloned()));
        fault::point(fault::ROUTER_IN_TRANSACTION);
        let (rows, releases, shown, changes) = (&self.rows, &self.releases, &self.shown, &self.changes);
        let (conversations, transcript, files) = (&conversations[..], &self.transcript[..], &self.files[..]);
        self.tx.finish(&InboxWrites { rows, conversations, releases, shown, changes, transcript, files }).await?;
        for row in rows {
            tell(row);
        }
        Ok(self.decided)
    }
}

/// The log's line about an event: ids only, and not the message's, which has the customer's number in it.
fn tell(row: &InboxRow) {
    let outcome = row.outcome.as_ref();
    debug!(
        decision = %row.decision_id,
        kind = row.kind,
        seq = row.seq,
        contact = row.contact.map(field::display),
        conversation = row.conversation.map(field::display),
        rule_set = outcome.map(|outcome| &*outcome.rule_set),
        rule = outcome.map(|outcome| &*outcome.rule),
        team = outcome.and_then(|outcome| outcome.team.as_ref()).map(field::display),
        "recorded"
    );
}
