//! Reading the store's side of the account, from either database.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use anyhow::Context;
use waypost_bus::Message;
use waypost_bus::topology::{DEAD_LETTERS_QUEUE, UNROUTED_QUEUE};
use waypost_domain::{NumberName, TeamName};
use waypost_store::{Activation, ChangeScope, KnownEvent, ParkedFilter, ParkedMessage, Parking, Store};

use crate::records::ROUTER;
use crate::{
    ActivationFact, ChangeFact, DecisionFact, DeliveryRecord, LeaseFact, OutcomeFact, StatusFact, StoreFacts, TrialFact,
};

/// The components whose leases are read.
const COMPONENTS: [&str; 4] = [ROUTER, "sender-statuses", "sender-account", "parking"];
const PAGE_ROWS: u32 = 1_000;
/// Each may be as large as a webhook's body.
const PARKED_AT_ONCE: u32 = 32;
/// Every process has new rules in force within 2 s, and ends the batch that it has begun.
const IN_FORCE_WITHIN_MS: i64 = 2_000 + 1_000;

impl StoreFacts {
    /// Reads everything, in pages.
    pub async fn read(store: &Store) -> anyhow::Result<Self> {
        let mut facts = Self::default();
        let mut marks: BTreeMap<u16, i64> = BTreeMap::new();
        for component in COMPONENTS {
            for lease in store.leases(component).await? {
                if component == ROUTER {
                    marks.insert(lease.partition.0, lease.published_seq);
                }
                facts.leases.push(LeaseFact {
                    component: component.to_owned(),
                    partition: lease.partition.0,
                    owner: lease.owner,
                    epoch: lease.epoch,
                    published_seq: lease.published_seq,
                });
            }
        }
        facts.activations = activations(store).await?;
        let mut after = None;
        loop {
            let page = store.events_after(after, PAGE_ROWS).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.decision_id);
            facts.decisions.extend(page.into_iter().map(|event| decision_fact(event, &marks)));
        }
        facts.read_kept(store).await?;
        Ok(facts)
    }

    /// Reads statuses and changes anew: they are kept beside the messages, perhaps later.
    pub async fn read_kept(&mut self, store: &Store) -> anyhow::Result<()> {
        self.statuses.clear();
        self.changes.clear();
        let mut after = None;
        loop {
            let page = store.statuses_after(after.as_ref(), PAGE_ROWS).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            self.statuses.extend(page.into_iter().map(|status| StatusFact {
                phone_number_id: status.number.as_str().to_owned(),
                wamid: status.wamid,
                state: status.state,
            }));
        }
        let mut after = None;
        loop {
            let page = store.changes_after(after.as_ref(), PAGE_ROWS).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            self.changes.extend(page.into_iter().map(|change| ChangeFact {
                is_of_contact: change.scope == ChangeScope::Contact,
                field: change.field,
                json: String::from_utf8_lossy(&change.json).into_owned(),
            }));
        }
        Ok(())
    }
}

/// What was moved to the store off the queues of parked messages, as if a consumer had received it there.
pub async fn parked(store: &Store) -> anyhow::Result<Vec<DeliveryRecord>> {
    let mut found = Vec::new();
    for (parking, queue) in [(Parking::DeadLetters, DEAD_LETTERS_QUEUE), (Parking::Unrouted, UNROUTED_QUEUE)] {
        let (mut after, mut position) = (None, 0);
        loop {
            let page = store.parked_messages(&ParkedFilter::all(parking), after, PARKED_AT_ONCE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (_, ParkedMessage { row, content }) in page {
                let message = Message {
                    id: row.message_id,
                    kind: row.kind,
                    content_type: content.content_type,
                    headers: content.headers,
                    body: content.body.into(),
                };
                position += 1;
                found.push(DeliveryRecord::new(queue, position, &message, 0, row.parked_at.as_millis()));
            }
        }
    }
    Ok(found)
}

/// The texts of the versions that ever were in force.
pub async fn activated_rule_sets(store: &Store) -> anyhow::Result<Vec<String>> {
    Ok(versions(store).await?.into_values().map(|(_, text)| text).collect())
}

/// Hash and text of each version that was activated or tried, by its number.
async fn versions(store: &Store) -> anyhow::Result<BTreeMap<i64, (String, String)>> {
    let mut versions = BTreeMap::new();
    for activation in store.activations(None, u32::MAX).await? {
        let in_force = activation.in_force;
        for number in [Some(in_force.active), in_force.trial.map(|trial| trial.rule_set)].into_iter().flatten() {
            if let Entry::Vacant(place) = versions.entry(number) {
                let row = store.rule_set(number).await?.context("a version that was activated is gone")?;
                place.insert((row.hash, row.text));
            }
        }
    }
    Ok(versions)
}

async fn activations(store: &Store) -> anyhow::Result<Vec<ActivationFact>> {
    let versions = versions(store).await?;
    let hash = |number: i64| versions.get(&number).map(|(hash, _)| hash.clone()).unwrap_or_default();
    let mut activations = store.activations(None, u32::MAX).await?;
    activations.reverse();
    let fact = |Activation { revision, in_force, at, .. }: Activation| ActivationFact {
        revision,
        at_ms: at.as_millis(),
        alone_from_ms: at.as_millis() + IN_FORCE_WITHIN_MS,
        active: hash(in_force.active),
        trial: in_force.trial.map(|trial| TrialFact {
            version: hash(trial.rule_set),
            percent: trial.percent,
            numbers: trial.numbers.iter().map(NumberName::to_string).collect(),
        }),
    };
    Ok(activations.into_iter().map(fact).collect())
}

fn decision_fact(event: KnownEvent, marks: &BTreeMap<u16, i64>) -> DecisionFact {
    DecisionFact {
        phone_number_id: event.event.number.as_str().to_owned(),
        key: event.event.key,
        decision_id: event.decision_id.to_string(),
        partition: event.partition.0,
        seq: event.seq,
        kind: event.kind,
        published: marks.get(&event.partition.0).is_some_and(|mark| event.seq <= *mark),
        outcome: event.outcome.map(|outcome| OutcomeFact {
            rule_set: outcome.rule_set,
            rule: outcome.rule,
            phase: outcome.phase,
            team: outcome.team.as_ref().map(TeamName::to_string),
            priority: outcome.priority.as_str().to_owned(),
            input: hex::encode(&outcome.input),
        }),
        made: None,
    }
}
