//! The whole at a glance: who works on which partition, what waits where, and what is wrong with it. [`Stored`] is what the
//! store says, [`QueueState`] what the bus says of a queue; [`Overview::of`] puts them together and judges. Judging does no
//! I/O, so that whoever has the facts, a process or a command that reads the files, comes to the same verdict.

mod judge;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tracing::warn;
use waypost_bus::topology::team_queue;
use waypost_bus::{Bus, BusError, Depth, Layout, Topology};
use waypost_domain::team::Priority;
use waypost_domain::{TeamName, Timestamp};
use waypost_store::{Alert, LeaseRow, ParkedCount, SendBar, Store, StoreError, TeamRow};

use crate::rules::Rules;

/// A component that works by lease, and the queue of each of its shards, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// As its leases are named.
    pub component: &'static str,
    /// The first is that of shard 0.
    pub queues: Vec<String>,
    /// Not every deployment needs it: nobody is missed while nothing waits.
    pub is_missed_only_when_waiting: bool,
}

impl Work {
    /// Of a component that every deployment runs.
    pub const fn new(component: &'static str, queues: Vec<String>) -> Self {
        Self { component, queues, is_missed_only_when_waiting: false }
    }
}

/// What the store says.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The store's clock.
    pub now: Timestamp,
    /// With their components; a shard that nobody ever owned has none.
    pub leases: Vec<(&'static str, LeaseRow)>,
    /// Those that the rules name or named, and those that the administration made.
    pub teams: Vec<TeamRow>,
    /// What is parked; `None` where the store refuses to tell.
    pub parked: Option<Vec<ParkedCount>>,
    /// What Meta did or told that nobody acknowledged; `None` where the store refuses to tell.
    pub alerts: Option<Vec<Alert>>,
    /// What may not be sent until somebody does something; `None` where the store refuses to tell.
    pub bars: Option<Vec<SendBar>>,
    /// Our numbers on which nobody was seen to answer for 30 days.
    pub numbers_without_answers: Vec<String>,
}

impl Stored {
    /// Reads it; the leases of these components.
    pub async fn read(store: &Store, work: &[Work]) -> Result<Self, StoreError> {
        store.require_schema().await?;
        let now = store.now().await?;
        let answered = store.answered_numbers().await?;
        let names: BTreeSet<_> = store.numbers().await?.into_iter().map(|number| number.name).collect();
        let mut leases = Vec::new();
        for Work { component, .. } in work {
            leases.extend(store.leases(component).await?.into_iter().map(|lease| (*component, lease)));
        }
        let parked = permitted(store.parked_counts().await, "what is parked cannot be counted")?;
        let alerts = permitted(store.open_alerts().await, "alerts cannot be read")?;
        let mut bars = permitted(store.send_bars().await, "what may not be sent cannot be read")?;
        bars.iter_mut().for_each(|bars| bars.retain(|bar| bar.until.is_none()));
        Ok(Self {
            now,
            leases,
            teams: store.team_rows(None, u32::MAX).await?,
            parked,
            alerts,
            bars,
            numbers_without_answers: names.difference(&answered).map(|name| name.as_str().to_owned()).collect(),
        })
    }
}

/// Not even reading may be allowed: that must not hide the rest.
fn permitted<T>(read: Result<T, StoreError>, otherwise: &str) -> Result<Option<T>, StoreError> {
    match read {
        Err(StoreError::Database(error)) => {
            warn!(%error, "{otherwise}");
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// What the bus says of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueState {
    /// Waiting, or in somebody's hands where the bus tells.
    pub messages: u64,
    /// `None` when empty, or where the bus does not tell.
    pub oldest_at: Option<Timestamp>,
    /// `None` where that cannot be known.
    pub consumers: Option<u64>,
}

/// Queues by their names; `None` for one that does not exist.
pub type Queues = BTreeMap<String, Option<QueueState>>;

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Watched {
    pub work: Vec<Work>,
    pub layout: Layout,
    /// Whether `wa.activity` is there.
    pub activity: bool,
    /// Where the rules are; `None` for what is activated in the store.
    pub rules_file: Option<PathBuf>,
}

/// Everything that there is to put together. What cannot be read is among the problems.
#[derive(Debug, Clone)]
pub struct Facts {
    pub watched: Watched,
    pub stored: Option<Stored>,
    /// The teams of the rules in force.
    pub in_rules: Option<BTreeSet<TeamName>>,
    pub queues: Option<Queues>,
    /// There are no rules yet, and no router takes a partition before there are.
    pub no_rules: bool,
    pub problems: Vec<Problem>,
    /// By the clock that ages are told by.
    pub now: Timestamp,
    /// How long what waits for a component of ours may have waited.
    pub max_age: Duration,
}

impl Facts {
    /// Nothing is read yet.
    pub const fn new(watched: Watched, now: Timestamp, max_age: Duration) -> Self {
        Self {
            watched,
            stored: None,
            in_rules: None,
            queues: None,
            no_rules: false,
            problems: Vec::new(),
            now,
            max_age,
        }
    }

    /// Something that cannot be read.
    pub fn unreadable(&mut self, what: impl Into<String>, remedy: &str) {
        self.problems.push(Problem { what: what.into(), since: None, remedy: remedy.to_owned() });
    }

    /// Asks the store, and where it holds the rules, for these.
    pub async fn read_store(&mut self, store: &Store) {
        match Stored::read(store, &self.watched.work).await {
            Ok(stored) => self.stored = Some(stored),
            Err(error) => return self.unreadable(format!("store: {error}"), CHECK_STORE),
        }
        if self.watched.rules_file.is_some() {
            return;
        }
        match Rules::open_store(store.clone()).await {
            Ok(Some(rules)) => self.in_rules = Some(rules.current().team_names()),
            // The routers, elsewhere, may have a file.
            Ok(None) if self.stored.iter().flat_map(|stored| &stored.teams).any(|row| row.in_rules) => {}
            Ok(None) => {
                self.no_rules = true;
                self.unreadable(NO_RULES, "`waypost rules push` and `waypost rules activate`, or set rules.file")
            }
            Err(error) => self.unreadable(format!("rules: {error}"), CHECK_STORE),
        }
    }

    /// Reads the file of the rules, where there is one.
    pub async fn read_rules_file(&mut self) {
        let Some(file) = &self.watched.rules_file else { return };
        match Rules::teams_of_file(file).await {
            Ok(teams) => self.in_rules = Some(teams),
            Err(error) => self.unreadable(error.to_string(), "`waypost rules lint` says what is wrong with the file"),
        }
    }

    /// The names of all queues that there should be, once store and rules were read.
    pub fn queue_names(&self) -> Vec<String> {
        let stored = self.stored.iter().flat_map(|stored| &stored.teams).map(|row| row.team.name.clone());
        let teams: BTreeSet<TeamName> = stored.chain(self.in_rules.iter().flatten().cloned()).collect();
        let topology = Topology::new(self.watched.layout, &teams, self.watched.activity);
        topology.queues.into_iter().map(|queue| queue.name).collect()
    }

    /// Asks the bus for these.
    pub async fn read_bus(&mut self, bus: &dyn Bus) {
        let ask = |name: String| async move {
            let depth = bus.depth(&name).await?;
            Ok::<_, BusError>((name, depth.map(QueueState::from)))
        };
        let asked = stream::iter(self.queue_names()).map(ask).buffer_unordered(ASKED_AT_ONCE);
        match asked.try_collect().await {
            Ok(queues) => self.queues = Some(queues),
            Err(error) => self.unreadable(format!("bus: {error}"), "check bus.url, and whether the broker runs"),
        }
    }
}

/// Queues that the bus is asked for at once: the answers of a far one would add up.
const ASKED_AT_ONCE: usize = 16;
const NO_RULES: &str = "no rules are active, and rules.file names none: messages wait";
const CHECK_STORE: &str =
    "check store.url and whether the database runs; `waypost migrate` brings an older schema up to date";

impl From<Depth> for QueueState {
    fn from(depth: Depth) -> Self {
        Self {
            messages: depth.ready + depth.unacknowledged.unwrap_or_default(),
            oldest_at: depth.oldest_at,
            consumers: Some(depth.consumers),
        }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// For people, with the names of what is meant.
    pub what: String,
    /// Where that is known.
    pub since: Option<Timestamp>,
    /// What to do.
    pub remedy: String,
}

/// A shard of a component's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardOverview {
    pub component: &'static str,
    pub shard: u16,
    pub queue: String,
    /// Who has the lease and is there.
    pub owner: Option<String>,
    /// Who has the lease and is not there: nobody consumes the queue.
    pub gone: Option<String>,
    pub epoch: i64,
    /// Until when the lease lasts; others can take over then.
    pub expires_at: Timestamp,
    /// Of what the owner has in hand.
    pub oldest_at: Option<Timestamp>,
}

/// A team and its two queues together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamOverview {
    pub team: TeamName,
    pub in_rules: bool,
    /// Neither the rules name it, nor is it the overflow of a team that they name: nothing new comes to it.
    pub is_left_out: bool,
    /// Those of its queues that are not there.
    pub missing_queues: Vec<String>,
    pub waiting: u64,
    pub oldest_at: Option<Timestamp>,
}

/// Messages that wait for a person, in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedOverview {
    /// The queue that they were parked on.
    pub place: String,
    /// In the store, and in the queue still.
    pub messages: u64,
    /// Of these, how many are still in the queue, where they cannot be listed.
    pub queued: u64,
    /// `None` where it is not known.
    pub oldest_at: Option<Timestamp>,
    /// Of those that are still in the queue; `None` where it is not known.
    pub queued_since: Option<Timestamp>,
}

/// The whole, and what is wrong with it: nothing, where it is healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    pub read_at: Timestamp,
    /// The most pressing first.
    pub problems: Vec<Problem>,
    pub shards: Vec<ShardOverview>,
    pub queues: Queues,
    pub teams: Vec<TeamOverview>,
    /// Only places that hold some.
    pub parked: Vec<ParkedOverview>,
    pub numbers_without_answers: Vec<String>,
    /// Of what waits for a component of ours.
    pub oldest_at: Option<Timestamp>,
}

/// Of all teams that anybody names.
fn teams(facts: &Facts) -> Vec<TeamOverview> {
    let rows = facts.stored.iter().flat_map(|stored| &stored.teams);
    let named = |team: &TeamName| facts.in_rules.as_ref().is_some_and(|teams| teams.contains(team));
    // While rules are not in force in every process yet, the store may know of others.
    let in_rules: BTreeSet<&TeamName> = rows
        .clone()
        .filter(|row| row.in_rules || named(&row.team.name))
        .map(|row| &row.team.name)
        .chain(facts.in_rules.iter().flatten())
        .collect();
    let overflow: BTreeSet<&TeamName> = rows
        .clone()
        .filter(|row| in_rules.contains(&row.team.name))
        .filter_map(|row| row.team.overflow_team.as_ref())
        .collect();
    let all: BTreeSet<&TeamName> = rows.map(|row| &row.team.name).chain(facts.in_rules.iter().flatten()).collect();
    let overview = |team: &TeamName| {
        let mut overview = TeamOverview {
            team: team.clone(),
            in_rules: in_rules.contains(team),
            is_left_out: !in_rules.contains(team) && !overflow.contains(team),
            missing_queues: Vec::new(),
            waiting: 0,
            oldest_at: None,
        };
        let Some(queues) = &facts.queues else { return overview };
        for priority in Priority::ALL {
            let queue = team_queue(team, priority);
            match queues.get(&queue).copied().flatten() {
                None => overview.missing_queues.push(queue),
                Some(state) => {
                    overview.waiting += state.messages;
                    overview.oldest_at = overview.oldest_at.into_iter().chain(state.oldest_at).min();
                }
            }
        }
        overview
    };
    all.into_iter().map(overview).collect()
}
