//! What the administration says of teams, as the store has it: read again every second, swapped whole. Where it never
//! changed a team, the rules in force are what counts.

use std::collections::BTreeMap;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use waypost_bus::topology::team_queue;
use waypost_bus::{Bus, BusError};
use waypost_domain::team::Priority;
use waypost_domain::{TeamName, Timestamp};
use waypost_store::{Store, StoreError, TeamRow};

use crate::rules::RulesInForce;

const POLL_EVERY: Duration = Duration::from_secs(1);

/// A team's queues, both together, as the broker has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundQueues {
    /// The names of those that are not there.
    pub missing: Vec<String>,
    /// Messages that nobody has in hand.
    pub ready: u64,
    /// Messages that a tool has in hand, where the broker tells.
    pub unacknowledged: u64,
    /// When the oldest was stored; `None` without any, or where the broker does not tell.
    pub oldest_at: Option<Timestamp>,
}

impl FoundQueues {
    /// Messages that nobody has handled yet.
    pub const fn waiting(&self) -> u64 {
        self.ready + self.unacknowledged
    }
}

/// Asks the broker for the queues of `team`.
pub async fn queues_of(bus: &dyn Bus, team: &TeamName) -> Result<FoundQueues, BusError> {
    let mut found = FoundQueues::default();
    for priority in Priority::ALL {
        let queue = team_queue(team, priority);
        let Some(depth) = bus.depth(&queue).await? else {
            found.missing.push(queue);
            continue;
        };
        found.ready += depth.ready;
        found.unacknowledged += depth.unacknowledged.unwrap_or_default();
        found.oldest_at = found.oldest_at.into_iter().chain(depth.oldest_at).min();
    }
    Ok(found)
}

/// Readers never lock.
#[derive(Debug, Default)]
pub struct TeamDirectory {
    /// The teams that the administration changed.
    teams: ArcSwap<BTreeMap<TeamName, Entry>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    overflow_team: Option<TeamName>,
    /// More wait, or for longer, than the team's limits allow.
    is_over: bool,
}

impl TeamDirectory {
    /// Who gets the messages that `team` does not take.
    pub fn overflow_of(&self, rules: &RulesInForce, team: &TeamName) -> Option<TeamName> {
        match self.teams.load().get(team) {
            Some(entry) => entry.overflow_team.clone(),
            None => rules.team(team).and_then(|team| team.overflow_team.clone()),
        }
    }

    /// Whether its limits are reached and somebody else is there.
    pub fn is_over(&self, team: &TeamName) -> bool {
        self.teams.load().get(team).is_some_and(|entry| entry.is_over && entry.overflow_team.is_some())
    }

    /// Keeps up with the store and the queues until `shutdown`, whether they answer or not.
    pub async fn follow(&self, store: &Store, bus: &dyn Bus, now: fn() -> Timestamp, shutdown: CancellationToken) {
        let keep_up = async {
            loop {
                if let Err(error) = self.refresh(store, bus, now()).await {
                    warn!(%error, "teams not read; they stay as they were");
                }
                tokio::time::sleep(POLL_EVERY).await;
            }
        };
        shutdown.run_until_cancelled(keep_up).await;
    }

    /// Looks once.
    pub async fn refresh(&self, store: &Store, bus: &dyn Bus, now: Timestamp) -> Result<(), StoreError> {
        let rows = store.team_rows(None, u32::MAX).await?;
        let mut teams = BTreeMap::new();
        for row in rows.into_iter().filter(|row| row.updated_at.is_some()) {
            let is_over = match is_over(bus, &row, now).await {
                Ok(is_over) => is_over,
                // It says nothing about the team: as before.
                Err(_) => self.is_over(&row.team.name),
            };
            teams.insert(row.team.name, Entry { overflow_team: row.team.overflow_team, is_over });
        }
        if **self.teams.load() != teams {
            self.teams.store(teams.into());
        }
        Ok(())
    }
}

async fn is_over(bus: &dyn Bus, row: &TeamRow, now: Timestamp) -> Result<bool, BusError> {
    if row.max_waiting == 0 && row.max_wait_s == 0 {
        return Ok(false);
    }
    let found = queues_of(bus, &row.team.name).await?;
    let too_many = row.max_waiting > 0 && found.ready >= u64::from(row.max_waiting);
    let wait_ms = found.oldest_at.map_or(0, |oldest| now.millis_since(oldest));
    let too_long = row.max_wait_s > 0 && wait_ms >= i64::from(row.max_wait_s) * 1_000;
    Ok(too_many || too_long)
}
