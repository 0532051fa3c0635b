//! Reading the store's side of the account, from either database.

use waypost_domain::TeamName;
use waypost_store::{KnownEvent, Store};

use super::{DecisionFact, LeaseFact, OutcomeFact, StatusFact, StoreFacts};

/// The components whose leases are read.
const COMPONENTS: [&str; 3] = ["router", "statuses", "account"];
const PAGE_ROWS: u32 = 1_000;

impl StoreFacts {
    /// Reads everything, in pages.
    pub async fn read(store: &Store) -> anyhow::Result<Self> {
        let mut facts = Self::default();
        for component in COMPONENTS {
            for lease in store.leases(component).await? {
                facts.leases.push(LeaseFact {
                    component: component.to_owned(),
                    partition: lease.partition.0,
                    owner: lease.owner,
                    epoch: lease.epoch,
                    published_seq: lease.published_seq,
                });
            }
        }
        let mut after = None;
        loop {
            let page = store.events_after(after, PAGE_ROWS).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.decision_id);
            facts.decisions.extend(page.into_iter().map(decision_fact));
        }
        let mut after = None;
        loop {
            let page = store.statuses_after(after.as_ref(), PAGE_ROWS).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            facts.statuses.extend(page.into_iter().map(|status| StatusFact {
                phone_number_id: status.number.as_str().to_owned(),
                wamid: status.wamid,
                state: status.state,
            }));
        }
        Ok(facts)
    }
}

fn decision_fact(event: KnownEvent) -> DecisionFact {
    DecisionFact {
        phone_number_id: event.event.number.as_str().to_owned(),
        key: event.event.key,
        decision_id: event.decision_id.to_string(),
        partition: event.partition.0,
        seq: event.seq,
        kind: event.kind,
        published: event.published,
        outcome: event.outcome.map(|outcome| OutcomeFact {
            rule_set: outcome.rule_set,
            rule: outcome.rule,
            phase: outcome.phase,
            team: outcome.team.as_ref().map(TeamName::to_string),
            priority: outcome.priority.as_str().to_owned(),
            input: hex::encode(&outcome.input),
        }),
    }
}
