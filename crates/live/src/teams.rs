//! What the administration says of teams, as the store has it: read again every second, swapped whole. Where it never
//! changed a team, the rules in force are what counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use waypost_bus::topology::team_queue;
use waypost_bus::{Bus, BusError};
use waypost_domain::team::Priority;
use waypost_domain::{TeamName, Timestamp};
use waypost_rules::TeamQueues;
use waypost_store::{Store, StoreError, TeamRow};

use crate::asked::AskedTeams;
use crate::rules::{Rules, RulesInForce};

const POLL_EVERY: Duration = Duration::from_secs(1);
/// What the broker said of a queue counts for so long; after that, nobody knows.
const KNOWN_FOR_MS: i64 = 10_000;
/// A tool that connects anew, or asks for the next messages, has not gone away.
const STAFFED_FOR_MS: i64 = 10_000;
/// How long the broker may take to tell of a team's queues, and of how many teams it is asked at a time.
const ASK_WITHIN: Duration = Duration::from_secs(2);
const ASKED_AT_ONCE: usize = 16;

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
    /// By whom this process hands out messages to.
    asked: Arc<AskedTeams>,
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
    /// Of a process that hands out messages itself: who asked for them is there.
    pub fn new(asked: Arc<AskedTeams>) -> Self {
        Self { asked, ..Self::default() }
    }

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
            let Some(seen) = seen.get(team).filter(|seen| is_within(now, seen.at, KNOWN_FOR_MS)) else { continue };
            queues.staffed.insert(team.clone(), seen.is_staffed() || self.asked.is_recent(team, now));
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
                tokio::time::sleep(POLL_EVERY).await;
            }
        };
        // Apart: what is known of queues must not grow old because the store does not answer.
        let look = async {
            loop {
                self.ask_for_queues(bus, &rules.current().look_at_queues_of(), now).await;
                tokio::time::sleep(POLL_EVERY).await;
            }
        };
        shutdown.run_until_cancelled(async { tokio::join!(keep_up, look) }).await;
    }

    /// Asks the broker once for the queues of these teams. What it does not tell stays as it was, and grows old.
    pub async fn ask_for_queues(&self, bus: &dyn Bus, teams: &BTreeSet<TeamName>, now: fn() -> Timestamp) {
        if teams.is_empty() && self.queues.load().is_empty() {
            return;
        }
        let before = self.queues.load_full();
        let mut asked = Vec::with_capacity(teams.len());
        for team in teams {
            asked.push(async move {
                let found = tokio::time::timeout(ASK_WITHIN, queues_of(bus, team)).await;
                (team, found.ok().and_then(Result::ok).filter(|found| found.missing.is_empty()), now())
            });
        }
        let mut asked = futures_util::stream::iter(asked).buffer_unordered(ASKED_AT_ONCE);
        let mut queues = BTreeMap::new();
        while let Some((team, found, at)) = asked.next().await {
            let known = before.get(team).copied();
            let seen = match found {
                None => known,
                Some(found) => {
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
        self.staffed_at.is_some_and(|staffed_at| is_within(self.at, staffed_at, STAFFED_FOR_MS))
    }
}

/// Whether no more lies between the two. A clock that was set back makes nothing new.
const fn is_within(at: Timestamp, before: Timestamp, limit_ms: i64) -> bool {
    at.millis_since(before).unsigned_abs() <= limit_ms.unsigned_abs()
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
    use waypost_bus::Depth;

    use super::*;
    use crate::test_bus::TellingBus;

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
        // The clock was set back.
        assert_eq!(known(Some(0), -10_001), None);
        assert_eq!(known(Some(-10_001), 0), Some((false, 7)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_slow_queue_leaves_the_others_known() {
        let teams: BTreeSet<TeamName> = (0..16).map(|n| TeamName::new(format!("t{n:02}")).unwrap()).collect();
        let directory = TeamDirectory::default();
        let started = tokio::time::Instant::now();
        let bus = TellingBus::new(|queue| async move {
            if queue.contains("t00") {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            Some(Depth { ready: 1, ..Depth::default() })
        });
        directory.ask_for_queues(&bus, &teams, || SEEN_AT).await;
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
        let known = directory.queues_at(&teams, SEEN_AT);
        assert!(teams.iter().skip(1).all(|team| known.know(team)), "{known:?}");
        assert_eq!(known.waiting.len(), 15);
    }

    #[test]
    fn a_tool_that_polls_is_there() {
        let team = TeamName::new("billing").unwrap();
        let asked = Arc::new(AskedTeams::default());
        let directory = TeamDirectory::new(asked.clone());
        let is_staffed = |later_ms: i64| {
            let at = SEEN_AT.plus_millis(later_ms);
            let seen = SeenQueues { at, waiting: 7, staffed_at: None };
            directory.queues.store(BTreeMap::from([(team.clone(), seen)]).into());
            directory.queues_at(&[team.clone()].into(), at).staffed[&team]
        };
        assert!(!is_staffed(0), "nobody asked");
        asked.note(&TeamName::new("sales").unwrap(), SEEN_AT);
        assert!(!is_staffed(0), "nobody asked for its messages");
        asked.note(&team, SEEN_AT);
        assert_eq!([0, 30_000, 30_001, -30_001].map(is_staffed), [true, true, false, false]);
    }

    #[test]
    fn a_tool_that_comes_back_has_not_gone() {
        assert_eq!(known(Some(10_000), 0), Some((true, 7)));
        assert_eq!(known(Some(10_001), 0), Some((false, 7)));
        assert_eq!(known(None, 0), Some((false, 7)));
    }
}
