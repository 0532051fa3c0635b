//! The verdict. Every problem says what is wrong, since when where that is known, and what to do.

use std::collections::BTreeSet;

use waypost_bus::topology::{DEAD_LETTERS_QUEUE, UNROUTED_QUEUE};
use waypost_domain::Timestamp;
use waypost_store::{Alert, BarWhat, Parking, SendBar};

use super::{Facts, Overview, ParkedOverview, Problem, QueueState, ShardOverview, TeamOverview, Work, teams};

/// How long what is parked may be on its way from its queue to the store.
const QUEUED_MAX_MS: i64 = 10_000;

impl Overview {
    /// Puts the facts together, and judges them.
    pub fn of(facts: Facts) -> Self {
        let (shards, teams, parked) = (shards(&facts), teams(&facts), parked(&facts));
        let waits = |queue: &str| facts.queues.as_ref()?.get(queue).copied().flatten()?.oldest_at;
        let queued = facts.watched.work.iter().flat_map(|work| &work.queues).filter_map(|queue| waits(queue));
        let oldest_at = shards.iter().filter_map(|shard| shard.oldest_at).chain(queued).min();
        let mut problems = facts.problems.clone();
        problems.extend(of_shards(&facts, &shards));
        problems.extend(of_optional(&facts, &shards));
        problems.extend(of_queues(&facts, &teams));
        problems.extend(parked.iter().flat_map(|place| of_parked(place, facts.now)));
        problems.extend(of_unread(&facts));
        problems.extend(of_alerts(&facts));
        problems.extend(of_bars(&facts));
        problems.extend(teams.iter().filter_map(of_team));
        problems.extend(of_age(oldest_at, &facts));
        let numbers_without_answers = facts.stored.map(|stored| stored.numbers_without_answers).unwrap_or_default();
        let queues = facts.queues.unwrap_or_default();
        Self { read_at: facts.now, problems, shards, queues, teams, parked, numbers_without_answers, oldest_at }
    }

    pub const fn is_healthy(&self) -> bool {
        self.problems.is_empty()
    }
}

fn problem(what: String, since: Option<Timestamp>, remedy: impl Into<String>) -> Problem {
    Problem { what, since, remedy: remedy.into() }
}

/// Only those that were ever owned.
fn shards(facts: &Facts) -> Vec<ShardOverview> {
    let Some(stored) = &facts.stored else { return Vec::new() };
    let queue_of = |component: &str, shard: u16| {
        let work = facts.watched.work.iter().find(|work| work.component == component)?;
        work.queues.get(usize::from(shard)).cloned()
    };
    let shard = |(component, lease): &(&'static str, waypost_store::LeaseRow)| {
        // What an earlier configuration had more of is nobody's.
        let queue = queue_of(component, lease.partition.0)?;
        let consumers = facts.queues.as_ref().and_then(|queues| queues.get(&queue).copied().flatten()?.consumers);
        let holder = lease.owner.clone().filter(|_| lease.expires_at > stored.now);
        let (owner, gone) = if consumers == Some(0) { (None, holder) } else { (holder, None) };
        Some(ShardOverview {
            component,
            shard: lease.partition.0,
            queue,
            owner,
            gone,
            epoch: lease.epoch,
            expires_at: lease.expires_at,
            oldest_at: lease.oldest_at,
        })
    };
    stored.leases.iter().filter_map(shard).collect()
}

const START: &str = "start `waypost run`, with the components router and sender";
const START_GATEWAY: &str = "start `waypost run`, with the component gateway";
const START_WITHOUT_RULES: &str =
    "a router takes them once there are rules; where none runs, start `waypost run`, with the component router";

/// One problem for all shards that the same is wrong with.
fn of_shards(facts: &Facts, shards: &[ShardOverview]) -> Vec<Problem> {
    let start = if facts.no_rules { START_WITHOUT_RULES } else { START };
    let Some(stored) = &facts.stored else { return Vec::new() };
    let work: Vec<&Work> = facts.watched.work.iter().filter(|work| !work.is_missed_only_when_waiting).collect();
    let is_of = |shard: &&ShardOverview| work.iter().any(|work| work.component == shard.component);
    let shards: Vec<&ShardOverview> = shards.iter().filter(is_of).collect();
    let all: usize = work.iter().map(|work| work.queues.len()).sum();
    let named = |shards: &[&ShardOverview]| {
        let of = |work: &&Work| shards.iter().any(|shard| shard.component == work.component);
        work.iter().copied().filter(of).map(|work| work.component).collect::<Vec<_>>().join(", ")
    };
    let mut problems = Vec::new();
    for owner in shards.iter().filter_map(|shard| shard.gone.as_ref()).collect::<BTreeSet<_>>() {
        let lost: Vec<_> = shards.iter().copied().filter(|shard| shard.gone.as_ref() == Some(owner)).collect();
        let end = lost.iter().map(|shard| shard.expires_at).max().unwrap_or(stored.now);
        let what = format!("{owner} is gone: nobody works on its {} partitions of {}", lost.len(), named(&lost));
        let wait_s = end.millis_since(stored.now) / 1_000 + 1;
        let remedy = format!("another process takes over within {wait_s} s; else {start}");
        problems.push(problem(what, None, remedy));
    }
    let idle: Vec<_> = shards.iter().copied().filter(|shard| shard.owner.is_none() && shard.gone.is_none()).collect();
    if !idle.is_empty() {
        // A lease that was given back has no end.
        let since = idle.iter().map(|shard| shard.expires_at).filter(|end| end.as_millis() > 0).min();
        let what = format!("nobody owns {} of {all} partitions of {}", idle.len(), named(&idle));
        problems.push(problem(what, since, start));
    }
    let never = all.saturating_sub(shards.len());
    if never > 0 {
        problems.push(problem(format!("{never} of {all} partitions were never owned"), None, start));
    }
    problems
}

/// Of components that not every deployment runs, those queues that somebody waits at.
fn of_optional(facts: &Facts, shards: &[ShardOverview]) -> Vec<Problem> {
    let owned = |queue: &str| shards.iter().any(|shard| shard.queue == queue && shard.owner.is_some());
    let waits = |queue: &str| facts.queues.as_ref()?.get(queue).copied().flatten().filter(|state| state.messages > 0);
    let optional = facts.watched.work.iter().filter(|work| work.is_missed_only_when_waiting);
    let left = optional.flat_map(|work| &work.queues).filter(|queue| facts.stored.is_some() && !owned(queue));
    let told = |queue: &String| {
        let QueueState { messages, oldest_at, .. } = waits(queue)?;
        Some(problem(format!("nobody takes the {messages} messages of {queue}"), oldest_at, START_GATEWAY))
    };
    left.filter_map(told).collect()
}

/// Those that are there for everybody, and those of teams that messages still come to.
fn of_queues(facts: &Facts, teams: &[TeamOverview]) -> Option<Problem> {
    let queues = facts.queues.as_ref()?;
    let unused: BTreeSet<&String> =
        teams.iter().filter(|team| team.is_left_out).flat_map(|team| &team.missing_queues).collect();
    let missing: Vec<&String> =
        queues.iter().filter(|(name, state)| state.is_none() && !unused.contains(name)).map(|(name, _)| name).collect();
    let what = match missing[..] {
        [] => return None,
        [one] => format!("queue {one} does not exist"),
        [first, ..] => format!("{} queues do not exist: {first} and others (--queues)", missing.len()),
    };
    Some(problem(what, None, "`waypost topology declare`"))
}

fn parked(facts: &Facts) -> Vec<ParkedOverview> {
    let state = |queue: &str| facts.queues.as_ref()?.get(queue).copied().flatten();
    let place = |(parking, queue): (Parking, &str)| {
        let rows = facts
            .stored
            .iter()
            .flat_map(|stored| stored.parked.iter().flatten())
            .find(|count| count.parking == parking);
        let QueueState { messages: queued, oldest_at: queued_since, .. } = state(queue).unwrap_or_default();
        let messages = queued + rows.map_or(0, |rows| rows.count);
        let oldest_at = rows.map(|rows| rows.oldest_at).into_iter().chain(queued_since).min();
        let place = || ParkedOverview { place: queue.to_owned(), messages, queued, oldest_at, queued_since };
        (messages > 0).then(place)
    };
    [(Parking::DeadLetters, DEAD_LETTERS_QUEUE), (Parking::Unrouted, UNROUTED_QUEUE)]
        .into_iter()
        .filter_map(place)
        .collect()
}

/// What is in the store is told at once; what is in a queue, when whoever moves it has had the time, whatever the store has.
/// Where the bus does not tell ages, what is there is told at once too.
fn of_parked(place: &ParkedOverview, now: Timestamp) -> Vec<Problem> {
    let ParkedOverview { place, messages, queued, oldest_at, queued_since } = place;
    let is_moved = messages > queued;
    let is_new = queued_since.is_some_and(|at| now.millis_since(at) <= QUEUED_MAX_MS);
    let (kind, from) =
        if place == UNROUTED_QUEUE { ("no team takes", " --from unrouted") } else { ("could not be handled", "") };
    let told = |count: u64| format!("{place}: {count} {}", if count == 1 { "message" } else { "messages" });
    let list = format!("`waypost dead-letters list{from}`");
    let mut problems = Vec::new();
    if is_moved {
        let what = format!("{} that {kind}", told(*messages));
        problems.push(problem(what, *oldest_at, format!("{list} says why; then replay or discard")));
    }
    if *queued > 0 && !is_new {
        let what = match is_moved {
            true => format!("{} not moved to the store", told(*queued)),
            false => format!("{} that {kind}", told(*queued)),
        };
        let remedy = format!("a router moves them to where {list} says why: start one, or see its log");
        problems.push(problem(what, *queued_since, remedy));
    }
    problems
}

/// Whatever there is, nobody would know.
fn of_unread(facts: &Facts) -> Vec<Problem> {
    let Some(stored) = &facts.stored else { return Vec::new() };
    let unread = [
        (stored.parked.is_none(), "what is parked in the store cannot be counted"),
        (stored.alerts.is_none(), "alerts in the store cannot be read"),
        (stored.bars.is_none(), "what may not be sent cannot be read in the store"),
    ];
    let remedy = "`waypost store grants` prints the right that is missing: run it after `waypost migrate`";
    unread.into_iter().filter(|(is, _)| *is).map(|(_, what)| problem(what.to_owned(), None, remedy)).collect()
}

/// What Meta did or told, until somebody says that they know.
fn of_alerts(facts: &Facts) -> Vec<Problem> {
    let alerts = facts.stored.iter().flat_map(|stored| stored.alerts.iter().flatten());
    let told = |alert: &Alert| {
        let what = format!("{} {}: {} ({})", alert.scope.as_str(), alert.name, alert.why, alert.kind);
        problem(what, Some(alert.since), format!("when you know it, `waypost alerts acknowledge {alert}`"))
    };
    alerts.map(told).collect()
}

/// What may not be sent until somebody does something, also when they know it.
fn of_bars(facts: &Facts) -> Vec<Problem> {
    let bars = facts.stored.iter().flat_map(|stored| stored.bars.iter().flatten());
    let told = |bar: &SendBar| {
        let of = format!("{} {}", bar.scope.as_str(), bar.name);
        let what = match bar.what {
            BarWhat::Everything => "sends nothing".to_owned(),
            what => format!("does not send: {}", what.as_str()),
        };
        let remedy = match bar.until_token {
            true => "put a new token into graph.token_file: it goes on by itself".to_owned(),
            false => format!("once the reason is gone: `waypost limits lift {}`", bar.key()),
        };
        problem(format!("{} {what}: {}", of.trim_end(), bar.why), Some(bar.since), remedy)
    };
    bars.map(told).collect()
}

fn of_team(team: &TeamOverview) -> Option<Problem> {
    if !team.is_left_out || team.waiting == 0 {
        return None;
    }
    let TeamOverview { team, waiting, oldest_at, .. } = team;
    let what = format!("team {team} is not in the rules, and has {waiting} waiting");
    Some(problem(what, *oldest_at, format!("`waypost tail {team} --ack` takes them; or name the team in the rules")))
}

fn of_age(oldest_at: Option<Timestamp>, facts: &Facts) -> Option<Problem> {
    let oldest_at = oldest_at?;
    let age_ms = facts.now.millis_since(oldest_at);
    let is_old = u128::try_from(age_ms).is_ok_and(|age| age > facts.max_age.as_millis());
    let what = format!("the oldest waiting message is {} s old", age_ms / 1_000);
    let remedy = if facts.no_rules {
        "it is routed once there are rules"
    } else {
        "routers are too few, or stuck: their logs say; add processes, up to the partitions"
    };
    is_old.then(|| problem(what, Some(oldest_at), remedy))
}
