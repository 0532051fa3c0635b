//! The router's handler: one batch from deliveries to confirmed team queues.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tracing::{error, warn};
use waypost_bus::{DeadLetterReason, Message};
use waypost_domain::{DecisionId, IdSource, Timestamp};
use waypost_fault as fault;
use waypost_live::{KnownNumber, Numbers, Rules, RulesInForce, TeamDirectory};
use waypost_proto::extras::decode_extras;
use waypost_proto::team_message::{self, KnownContact, Routing, TeamMessage};
use waypost_proto::v1::DecisionExtras;
use waypost_store::{Diversion, DivertedMessage, Rebind, Store, StoreError, StoredDecision};
use waypost_worker::{Claim, ClaimedBatch, HandleError, Handler};

use crate::about::{self, Originals, Taps};
use crate::activity;
use crate::batch::{Arrival, Decided, NOTICE, Outgoing, Stored, decide_batch};
use crate::config::RouterConfig;
use crate::deliver::{Deliverer, Diverted, Routed};
use crate::inbound::{Content, Inbound};
use crate::metrics;
use crate::observation::observations;
use crate::told;
use crate::{ROUTER, Router};

/// Times a transaction is begun again at once: two partitions that met the same contact settle in one or two.
const ATTEMPTS_MAX: u32 = 8;
/// Between two attempts to write down what is published already.
const FOLLOW_PAUSE_MIN: Duration = Duration::from_millis(50);
const FOLLOW_PAUSE_MAX: Duration = Duration::from_secs(1);

/// What the handlers of all partitions share.
pub(crate) struct Shared {
    config: RouterConfig,
    store: Store,
    ids: Arc<dyn IdSource>,
    rules: Arc<Rules>,
    numbers: Arc<Numbers>,
    teams: Arc<TeamDirectory>,
    deliverer: Deliverer,
}

impl Shared {
    pub(crate) fn new(router: &Router, teams: Arc<TeamDirectory>, numbers: Arc<Numbers>) -> Arc<Self> {
        let Router { config, layout: _, bus, store, ids, rules, asked_teams: _ } = router;
        Arc::new(Self {
            config: config.clone(),
            store: store.clone(),
            ids: ids.clone(),
            rules: rules.clone(),
            numbers,
            teams: Arc::clone(&teams),
            deliverer: Deliverer::new(bus.clone(), config.clone(), teams),
        })
    }
}

pub struct RouteHandler {
    shared: Arc<Shared>,
}

impl RouteHandler {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[async_trait]
impl Handler for RouteHandler {
    async fn handle(&mut self, work: &mut [ClaimedBatch<'_>]) -> Result<(), HandleError> {
        for batch in work {
            if let Err(error) = self.handle_batch(batch).await {
                batch.leave(error);
            }
        }
        Ok(())
    }
}

impl RouteHandler {
    async fn handle_batch(&self, batch: &mut ClaimedBatch<'_>) -> Result<(), HandleError> {
        let arrivals = self.read(batch).await?;
        if arrivals.is_empty() {
            return Ok(());
        }
        let rules = self.shared.rules.current();
        let decided = self.decide(&rules, batch.claim, &arrivals).await?;
        fault::point(fault::ROUTER_AFTER_COMMIT);
        self.publish(&rules, batch.claim, decided).await?;
        fault::point(fault::ROUTER_AFTER_PUBLISH);
        Ok(())
    }

    /// Decodes; collapses what comes twice in the batch; parks what is not an event.
    async fn read(&self, batch: &mut ClaimedBatch<'_>) -> Result<Vec<Arrival>, HandleError> {
        let events = batch.events();
        let mut arrivals: Vec<Arrival> = Vec::with_capacity(events.len());
        let mut seen = HashSet::new();
        for (index, event) in events.enumerate() {
            let inbound = match Inbound::from_event(&event, &self.shared.config.mask) {
                Ok(inbound) => inbound,
                Err(problem) if problem.is_of_a_later_release() => return Err(HandleError::stop(problem)),
                Err(problem) => {
                    ::metrics::counter!(metrics::UNDECODABLE).increment(1);
                    batch.park(index, DeadLetterReason::UndecodableEvent, problem);
                    continue;
                }
            };
            fault::poison(&inbound.key.key);
            if !seen.insert(inbound.key.clone()) {
                ::metrics::counter!(metrics::DUPLICATES).increment(1);
                continue;
            }
            let names = &self.shared.numbers;
            let known = names.number(&inbound.key.number, &inbound.display_number, &inbound.waba).await?;
            let KnownNumber { name: number, language } = known;
            if matches!(inbound.content, Content::Echo(_)) {
                names.answer_seen(&number, inbound.received_at).await?;
            }
            let answers_seen = names.sees_answers(&number).await?;
            arrivals.push(Arrival { inbound: Arc::new(inbound), number, language, answers_seen });
        }
        Ok(arrivals)
    }

    async fn decide(
        &self,
        rules: &RulesInForce,
        claim: &mut Claim,
        arrivals: &[Arrival],
    ) -> Result<Decided, HandleError> {
        let mut keys: Vec<_> = arrivals.iter().map(|arrival| arrival.inbound.key.clone()).collect();
        keys.extend(arrivals.iter().flat_map(|arrival| about::keys(&arrival.inbound)));
        let observations = observations(arrivals, &self.shared.config, rules.look_at_language());
        // Nothing is known, and nothing stored, where no rule asks.
        let queues = self.shared.teams.queues_at(&rules.look_at_queues_of(), now());
        let taps = Taps::of(&self.shared.store, arrivals.iter().map(|arrival| &*arrival.inbound)).await?;
        let oldest_at = arrivals.iter().map(|arrival| arrival.inbound.received_at).min();
        let position = claim.position();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let Shared { config, ids, store, .. } = &*self.shared;
            let (tx, mut known) = store.begin_batch_with(&claim.fence(oldest_at), &keys, &observations).await?;
            let originals = Originals::new(&keys[arrivals.len()..], known.split_off(arrivals.len()));
            let stored =
                Stored { read_at: now(), known, originals, taps: &taps, observations: &observations, queues: &queues };
            let error = match decide_batch(rules, config, &**ids, claim, tx, arrivals, stored).await {
                Ok(decided) => return Ok(decided),
                Err(error) => error,
            };
            claim.rewind(position);
            match error {
                StoreError::MergeFirst(merges) => self.shared.store.merge(&merges).await?,
                StoreError::Retry { .. } if attempt < ATTEMPTS_MAX => {}
                other => return Err(other.into()),
            }
            if attempt >= ATTEMPTS_MAX {
                return Err(HandleError::retry(KeepsChanging { attempts: attempt }));
            }
        }
    }

    async fn publish(&self, rules: &RulesInForce, claim: &Claim, decided: Decided) -> Result<(), HandleError> {
        if decided.duplicates > 0 {
            ::metrics::counter!(metrics::DUPLICATES).increment(decided.duplicates);
        }
        if decided.held > 0 {
            ::metrics::counter!(metrics::HELD).increment(decided.held);
        }
        let again = decided.outgoing.iter().filter(|outgoing| outgoing.again).count();
        if again > 0 {
            ::metrics::counter!(metrics::REPUBLISHED).increment(u64::try_from(again).unwrap_or(0));
        }
        let mut messages = Vec::with_capacity(decided.outgoing.len());
        for outgoing in &decided.outgoing {
            let extras = extras(outgoing.id, &outgoing.decision);
            messages.extend(routed(outgoing, &extras));
            messages.extend(told::changes(outgoing, &extras));
        }
        let activity = activity::publication(claim.partition(), decided.activity);
        let diverted = self.shared.deliverer.deliver(rules, messages, activity).await?;
        if !diverted.is_empty() {
            self.follow_diverted(rules, claim, &decided.outgoing, &diverted).await?;
        }
        let now = now();
        for outgoing in &decided.outgoing {
            let at = outgoing.inbound.received_at;
            let seconds = Duration::from_millis(u64::try_from(now.millis_since(at)).unwrap_or(0)).as_secs_f64();
            ::metrics::histogram!(metrics::ROUTE_SECONDS).record(seconds);
        }
        Ok(())
    }

    /// Binds the conversations of diverted messages to the teams that got them, and tells the others; writes down where each
    /// message went.
    ///
    /// Given a process that dies before this, then the messages come again, are diverted again, and this is done then.
    async fn follow_diverted(
        &self,
        rules: &RulesInForce,
        claim: &Claim,
        outgoing: &[Outgoing],
        diverted: &[Diverted],
    ) -> Result<(), HandleError> {
        let by_id: HashMap<String, &Outgoing> = outgoing.iter().map(|one| (one.id.to_string(), one)).collect();
        let of = |diverted: &Diverted| Some((*by_id.get(&diverted.id)?, diverted.clone()));
        let known: Vec<(&Outgoing, Diverted)> = diverted.iter().filter_map(of).collect();
        let rebinds: BTreeSet<Rebind> = known
            .iter()
            // A notice binds nothing, wherever it went.
            .filter(|(outgoing, _)| outgoing.decision.phase != NOTICE)
            .filter_map(|(outgoing, Diverted { from, to, .. })| {
                Some(Rebind { conversation: outgoing.conversation_id?, from: from.clone(), to: to.clone()? })
            })
            .collect();
        let at = now();
        let written = known.iter().map(|(outgoing, Diverted { to, why, .. })| {
            let diversion = Diversion { to: to.clone(), why: format!("queue {why}"), at };
            DivertedMessage { decision: outgoing.id, diversion }
        });
        self.write_diverted(claim, &written.collect::<Vec<_>>(), &rebinds).await?;
        let notices = known.iter().filter_map(|(outgoing, diverted)| {
            let extras = extras(outgoing.id, &outgoing.decision);
            told::diverted(outgoing, &extras, diverted)
        });
        self.shared.deliverer.tell(rules, notices.collect(), claim.stop()).await
    }

    /// Tries until the store takes it, the partition is to be given back, or the lease is lost and this is dropped. Given a
    /// store that is gone for a moment, or that refuses, then what is published stays published once; begun anew, the batch
    /// would be published again each time.
    async fn write_diverted(
        &self,
        claim: &Claim,
        diverted: &[DivertedMessage],
        rebinds: &BTreeSet<Rebind>,
    ) -> Result<(), HandleError> {
        let mut pause = FOLLOW_PAUSE_MIN;
        loop {
            let error = match self.shared.store.divert(diverted, rebinds).await.map_err(HandleError::from) {
                Ok(_) => return Ok(()),
                Err(HandleError::Retry { source }) => source,
                Err(other) => return Err(other),
            };
            warn!(cause = %error, "where diverted messages went is not written down yet");
            waypost_worker::metrics::retried(ROUTER);
            if claim.stop().run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Err(HandleError::retry(error));
            }
            pause = (pause * 2).min(FOLLOW_PAUSE_MAX);
        }
    }
}

fn routed(outgoing: &Outgoing, extras: &DecisionExtras) -> Option<Routed> {
    let message = outgoing.inbound.content.message()?;
    let Outgoing { id, inbound, decision, .. } = outgoing;
    let team_message = TeamMessage {
        id: *id,
        post_id: &inbound.post_id,
        received_at: inbound.received_at,
        phone_number_id: &inbound.key.number,
        number: &outgoing.number,
        message,
        json: &inbound.json,
        from_standby: matches!(inbound.content, Content::Standby(_)),
        is_notice: decision.phase == NOTICE,
        about: outgoing.about.as_ref(),
        earlier_notices: &outgoing.earlier,
        contact: outgoing
            .contact
            .as_ref()
            .map(|contact| KnownContact { id: contact.id, attributes: &contact.attributes }),
        conversation: outgoing.conversation.as_ref(),
        previous_team: outgoing.previous_team.as_ref(),
        routing: Routing {
            rule_set: &decision.rule_set,
            rule: &decision.rule,
            phase: &decision.phase,
            team: decision.team.as_ref(),
            priority: decision.priority,
            why: &decision.why,
            extras,
        },
    };
    Some(Routed {
        message: Message {
            id: id.to_string(),
            kind: team_message::KIND.to_owned(),
            content_type: team_message::CONTENT_TYPE.to_owned(),
            body: team_message.encode(),
            ..Message::default()
        },
        team: outgoing.decision.team.clone(),
        priority: outgoing.decision.priority,
        phase: outgoing.decision.phase.clone(),
        received_at: outgoing.inbound.received_at,
        is_notice: false,
    })
}

/// Contacts were merged, or others changed them, at every attempt.
#[derive(Debug, thiserror::Error)]
#[error("contacts kept changing underneath, {attempts} times")]
struct KeepsChanging {
    attempts: u32,
}

/// Read from what is stored, whether it was stored just now or by a process that is gone.
fn extras(id: DecisionId, decision: &StoredDecision) -> DecisionExtras {
    decode_extras(&decision.extras).unwrap_or_else(|error| {
        error!(decision_id = %id, %error, "tags, person, skills and escalation left out of the team message");
        DecisionExtras::default()
    })
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_system_time(SystemTime::now())
}
