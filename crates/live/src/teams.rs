//! What the administration says of teams, as the store has it: read again every second, swapped whole. Where it never
//! changed a team, the rules in force are what counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use waypost_bus::topology::team_queue;
use waypost_bus::{Bus, BusError};
use waypost_domain::team::Priority;
use waypost_domain::{TeamName, Timestamp};
use waypost_rules::TeamQueues;
use waypost_store::{Store, StoreError, TeamRow};

use crate::rules::{Rules, RulesInForce};

const POLL_EVERY: Duration = Duration::from_secs(1);
/// What the broker said of a queue counts for so long; after that, nobody knows.
const KNOWN_FOR_MS: i64 = 10_000;
/// A tool that connects anew, or asks for the next messages, has not gone away.
const STAFFED_FOR_MS: i64 = 10_000;

/// A team's queues, both together, as the broker has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundQueues {
    /// The names of those that are not there.
    pub missing: Vec<String>,
    /// Messages that nobody has in hand.
    pub ready: u64,
    /// Messages that a tool has in hand, where the broker tells.
    pub unacknowledged: u64,
    /// Whoever consumes them.
    pub consumers: u64,
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
        found.consumers += depth.consumers;
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
    /// The teams whose queues rules ask about, as the broker told last.
    queues: ArcSwap<BTreeMap<TeamName, SeenQueues>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SeenQueues {
    at: Timestamp,
    waiting: u32,
    /// When somebody was seen to consume them.
    staffed_at: Option<Timestamp>,
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

    /// What is known at `now` of the queues of these teams.
    pub fn queues_at(&self, teams: &BTreeSet<TeamName>, now: Timestamp) -> TeamQueues {
        let seen = self.queues.load();
        let mut queues = TeamQueues::default();
        for team in teams {
            let Some(seen) = seen.get(team).filter(|seen| now.millis_since(seen.at) <= KNOWN_FOR_MS) else { continue };
            queues.staffed.insert(team.clone(), seen.is_staffed());
            queues.waiting.insert(team.clone(), seen.waiting);
        }
        queues
    }

    /// Keeps up with the store and the queues until `shutdown`, whether they answer or not.
    pub async fn follow(
        &self,
        store: &Store,
        bus: &dyn Bus,
        rules: &Rules,
        now: fn() -> Timestamp,
        shutdown: CancellationToken,
    ) {
        let keep_up = async {
            loop {
                if let Err(error) = self.refresh(store, bus, now()).await {
                    warn!(%error, "teams not read; they stay as they were");
                }
                self.ask_for_queues(bus, &rules.current().look_at_queues_of(), now).await;
                tokio::time::sleep(POLL_EVERY).await;
            }
        };
        shutdown.run_until_cancelled(keep_up).await;
    }

    /// Asks the broker once for the queues of these teams. What it does not tell stays as it was, and grows old.
    pub async fn ask_for_queues(&self, bus: &dyn Bus, teams: &BTreeSet<TeamName>, now: fn() -> Timestamp) {
        if teams.is_empty() && self.queues.load().is_empty() {
            return;
        }
        let before = self.queues.load_full();
        let mut queues = BTreeMap::new();
        for team in teams {
            let known = before.get(team).copied();
            let found = queues_of(bus, team).await.ok().filter(|found| found.missing.is_empty());
            let seen = match found {
                None => known,
                Some(found) => {
                    let at = now();
                    let staffed_at =
                        if found.consumers > 0 { Some(at) } else { known.and_then(|seen| seen.staffed_at) };
                    Some(SeenQueues { at, waiting: u32::try_from(found.ready).unwrap_or(u32::MAX), staffed_at })
                }
            };
            queues.extend(seen.map(|seen| (team.clone(), seen)));
        }
        self.queues.store(queues.into());
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

impl SeenQueues {
    fn is_staffed(&self) -> bool {
        self.staffed_at.is_some_and(|staffed_at| self.at.millis_since(staffed_at) <= STAFFED_FOR_MS)
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

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN_AT: Timestamp = Timestamp::from_millis(1_000_000);

    /// Of a team that was asked about at [`SEEN_AT`], and last seen to be staffed then: what is known so much later.
    fn known(staffed_ms_before: Option<i64>, later_ms: i64) -> Option<(bool, u32)> {
        let team = TeamName::new("billing").unwrap();
        let staffed_at = staffed_ms_before.map(|before| SEEN_AT.plus_millis(-before));
        let seen = SeenQueues { at: SEEN_AT, waiting: 7, staffed_at };
        let directory = TeamDirectory::default();
        directory.queues.store(BTreeMap::from([(team.clone(), seen)]).into());
        let other = TeamName::new("sales").unwrap();
        let queues = directory.queues_at(&[team.clone(), other.clone()].into(), SEEN_AT.plus_millis(later_ms));
        assert!(!queues.know(&other), "nobody asked about it");
        Some((*queues.staffed.get(&team)?, *queues.waiting.get(&team)?))
    }

    #[test]
    fn what_the_broker_said_counts_for_ten_seconds() {
        assert_eq!(known(Some(0), 0), Some((true, 7)));
        assert_eq!(known(Some(0), 10_000), Some((true, 7)));
        assert_eq!(known(Some(0), 10_001), None);
    }

    #[test]
    fn a_tool_that_comes_back_has_not_gone() {
        assert_eq!(known(Some(10_000), 0), Some((true, 7)));
        assert_eq!(known(Some(10_001), 0), Some((false, 7)));
        assert_eq!(known(None, 0), Some((false, 7)));
    }
}
