//! Publishing what was decided: to the team's queue, else its overflow team's, else `wa.unrouted`.
//!
//! A missing queue (`Returned`) is left at once. A full one (`Nacked`) is tried for a while, and while it is known to be
//! full only the first message for it is tried: that keeps the order of the rest, and a full team costs the others one
//! round trip, not one per message. A bus in trouble, or one that refuses us (no permission), diverts nothing: the batch
//! waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use waypost_bus::dead_letter::DIVERTED_HEADER;
use waypost_bus::{Address, Bus, Message, Outcome, Publication};
use waypost_domain::team::Priority;
use waypost_domain::{TeamName, Timestamp};
use waypost_live::{RulesInForce, TeamDirectory};
use waypost_worker::HandleError;

use crate::ROUTER;
use crate::config::RouterConfig;
use crate::metrics;

const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// How long a flight may go on before the worker is asked to start it over.
const FLIGHT_MAX: Duration = Duration::from_secs(5);
/// How long notices may keep a partition waiting.
const TELL_MAX: Duration = Duration::from_secs(30);

/// A message on its way to a person.
#[derive(Debug, Clone)]
pub struct Routed {
    pub message: Message,
    /// `None`: no team was decided; straight to `wa.unrouted`.
    pub team: Option<TeamName>,
    pub priority: Priority,
    pub phase: String,
    pub received_at: Timestamp,
    /// Only tells something: no customer waits for it, so it goes to its team or nowhere.
    pub is_notice: bool,
}

/// A message that another queue got than its team's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diverted {
    /// The message's.
    pub id: String,
    pub from: TeamName,
    /// `None`: the unrouted queue.
    pub to: Option<TeamName>,
    /// What was wrong with the queue.
    pub why: &'static str,
}

/// Where a message is tried now.
#[derive(Debug, Clone)]
enum Target {
    Team(TeamName),
    Overflow(TeamName),
    Unrouted,
}

struct Pending {
    routed: Routed,
    target: Target,
    /// Why it is not its team's queue any more.
    diverted: Option<&'static str>,
}

pub struct Deliverer {
    bus: Arc<dyn Bus>,
    config: RouterConfig,
    teams: Arc<TeamDirectory>,
    /// Since when a queue refuses.
    full_since: DashMap<Address, Instant>,
}

impl Deliverer {
    pub fn new(bus: Arc<dyn Bus>, config: RouterConfig, teams: Arc<TeamDirectory>) -> Self {
        Self { bus, config, teams, full_since: DashMap::new() }
    }

    /// Returns when every message is confirmed on a queue that somebody reads, and which of them went to another queue than
    /// their team's.
    /// Notices that their team's queue does not take are left out. `activity` goes along once, whatever becomes of it.
    pub async fn deliver(
        &self,
        rules: &RulesInForce,
        messages: Vec<Routed>,
        mut activity: Option<Publication>,
    ) -> Result<Vec<Diverted>, HandleError> {
        let started = Instant::now();
        let mut pause = PAUSE_MIN;
        let mut pending: Vec<Pending> = messages.into_iter().map(Pending::new).collect();
        let mut diverted = Vec::new();
        for item in pending.iter_mut().filter(|item| !item.routed.is_notice) {
            if item.routed.team.as_ref().is_some_and(|team| self.teams.is_over(team)) {
                item.divert(&self.teams, rules, "over its limits");
            }
        }
        while !pending.is_empty() || activity.is_some() {
            let round = self.publish_round(&pending, activity.take()).await;
            let settled = self.settle_round(rules, &mut pending, round, &mut diverted);
            if pending.is_empty() {
                break;
            }
            if settled.must_wait {
                if settled.bus_in_trouble && started.elapsed() >= FLIGHT_MAX {
                    return Err(HandleError::retry(NotConfirmed::new(pending.len(), settled.refused)));
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
        Ok(diverted)
    }

    /// The same for notices that follow messages which are published: those must not come again because a bus in trouble
    /// does not take these. What it does not take for `TELL_MAX` is left out.
    ///
    /// # Errors
    /// `stop` was cancelled first.
    pub async fn tell(
        &self,
        rules: &RulesInForce,
        notices: Vec<Routed>,
        stop: &CancellationToken,
    ) -> Result<(), HandleError> {
        let started = Instant::now();
        let mut warned_at = started;
        let mut pause = PAUSE_MIN;
        let mut pending: Vec<Pending> = notices.into_iter().map(Pending::new).collect();
        while !pending.is_empty() {
            let round = self.publish_round(&pending, None).await;
            let settled = self.settle_round(rules, &mut pending, round, &mut Vec::new());
            if !settled.must_wait {
                continue;
            }
            let problem = NotConfirmed::new(pending.len(), settled.refused);
            if started.elapsed() >= TELL_MAX {
                warn!(cause = %problem, "notices that follow diverted messages are given up");
                ::metrics::counter!(metrics::NOTICES_LOST).increment(pending.len().try_into().unwrap_or(0));
                break;
            }
            if warned_at.elapsed() >= FLIGHT_MAX {
                warned_at = Instant::now();
                warn!(cause = %problem, "notices that follow diverted messages are not published yet");
                waypost_worker::metrics::retried(ROUTER);
            }
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Err(HandleError::retry(problem));
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
        Ok(())
    }

    /// Publishes what may be tried now. Outcomes by place in `pending`; `None` where it was not tried.
    async fn publish_round(&self, pending: &[Pending], activity: Option<Publication>) -> Vec<Option<Outcome>> {
        let mut probed: BTreeSet<Address> = BTreeSet::new();
        let mut tried = Vec::with_capacity(pending.len());
        let mut batch = Vec::with_capacity(pending.len() + 1);
        for (place, item) in pending.iter().enumerate() {
            let address = item.address();
            if self.is_full(&address) && !probed.insert(address.clone()) {
                continue;
            }
            tried.push(place);
            batch.push(Publication { address, message: item.message() });
        }
        let with_activity = activity.is_some();
        batch.extend(activity);
        let mut outcomes = self.bus.publish(batch, self.config.publish_timeout).await;
        if with_activity && outcomes.pop() != Some(Outcome::Confirmed) {
            ::metrics::counter!(metrics::ACTIVITY_LOST).increment(1);
        }
        let mut round = vec![None; pending.len()];
        for (place, outcome) in tried.into_iter().zip(outcomes) {
            round[place] = Some(outcome);
        }
        round
    }

    fn settle_round(
        &self,
        rules: &RulesInForce,
        pending: &mut Vec<Pending>,
        round: Vec<Option<Outcome>>,
        diverted: &mut Vec<Diverted>,
    ) -> Settled {
        let mut settled = Settled::default();
        let mut routed: BTreeMap<(TeamName, String), u64> = BTreeMap::new();
        let mut given_up: BTreeSet<Address> = BTreeSet::new();
        let mut rest = Vec::new();
        for (mut item, outcome) in std::mem::take(pending).into_iter().zip(round) {
            let address = item.address();
            match outcome {
                Some(Outcome::Confirmed) => {
                    if !self.full_since.is_empty() {
                        self.full_since.remove(&address);
                    }
                    diverted.extend(item.diverted());
                    if let Target::Team(team) | Target::Overflow(team) = item.target
                        && !item.routed.is_notice
                    {
                        *routed.entry((team, item.routed.phase)).or_default() += 1;
                    }
                    continue;
                }
                Some(Outcome::Returned | Outcome::Nacked) if item.routed.is_notice => {
                    ::metrics::counter!(metrics::NOTICES_LOST).increment(1);
                    continue;
                }
                Some(Outcome::Returned) => settled.must_wait |= !item.divert(&self.teams, rules, "missing"),
                Some(Outcome::Nacked) => {
                    if self.patience_is_over(&address) {
                        given_up.insert(address);
                        settled.must_wait |= !item.divert(&self.teams, rules, "full");
                    } else {
                        settled.must_wait = true;
                    }
                }
                Some(trouble @ (Outcome::Unavailable | Outcome::Unknown | Outcome::Refused)) => {
                    settled.must_wait = true;
                    settled.bus_in_trouble = true;
                    settled.refused += usize::from(trouble == Outcome::Refused);
                }
                None => {
                    if given_up.contains(&address) {
                        settled.must_wait |= !item.divert(&self.teams, rules, "full");
                    }
                }
            }
            rest.push(item);
        }
        *pending = rest;
        for ((team, phase), count) in routed {
            ::metrics::counter!(metrics::ROUTED, "team" => team.to_string(), "phase" => phase).increment(count);
        }
        settled
    }

    fn is_full(&self, address: &Address) -> bool {
        !self.full_since.is_empty() && self.full_since.contains_key(address)
    }

    fn patience_is_over(&self, address: &Address) -> bool {
        let since = *self.full_since.entry(address.clone()).or_insert_with(Instant::now);
        since.elapsed() >= self.config.full_queue_patience
    }
}

/// The bus was in trouble for a whole flight. The variants tell the operator whether it may pass by itself.
#[derive(Debug, thiserror::Error)]
enum NotConfirmed {
    #[error("the bus does not confirm {messages} messages")]
    InTrouble { messages: usize },
    #[error("the bus refuses {refused} of {messages} messages for want of permission")]
    Refused { messages: usize, refused: usize },
}

impl NotConfirmed {
    fn new(messages: usize, refused: usize) -> Self {
        if refused == 0 { Self::InTrouble { messages } } else { Self::Refused { messages, refused } }
    }
}

#[derive(Default)]
struct Settled {
    must_wait: bool,
    bus_in_trouble: bool,
    /// Of those tried last, refused for want of permission.
    refused: usize,
}

impl Pending {
    fn new(routed: Routed) -> Self {
        let target = routed.team.clone().map_or(Target::Unrouted, Target::Team);
        Self { routed, target, diverted: None }
    }

    fn address(&self) -> Address {
        match &self.target {
            Target::Team(team) | Target::Overflow(team) => Address::team(team, self.routed.priority),
            Target::Unrouted => Address::unrouted(),
        }
    }

    fn message(&self) -> Message {
        self.routed.message.clone()
    }

    fn diverted(&self) -> Option<Diverted> {
        let (why, from) = (self.diverted?, self.routed.team.clone()?);
        let to = match &self.target {
            Target::Team(_) | Target::Unrouted => None,
            Target::Overflow(team) => Some(team.clone()),
        };
        Some(Diverted { id: self.routed.message.id.clone(), from, to, why })
    }

    /// On to the next target; `false` when there is none and the message must wait where it is.
    fn divert(&mut self, teams: &TeamDirectory, rules: &RulesInForce, reason: &'static str) -> bool {
        let overflow = match &self.target {
            Target::Team(team) => teams.overflow_of(rules, team),
            Target::Overflow(_) => None,
            Target::Unrouted => {
                error!(reason, "wa.unrouted does not take messages; they wait in the partition");
                return false;
            }
        };
        let Some(team) = self.routed.team.as_ref() else { return false };
        let diverted = format!("team {team}: queue {reason}");
        self.routed.message.headers.insert(DIVERTED_HEADER.to_owned(), diverted);
        self.diverted = Some(reason);
        match overflow {
            Some(overflow) => {
                ::metrics::counter!(metrics::OVERFLOWED, "team" => team.to_string()).increment(1);
                self.target = Target::Overflow(overflow);
            }
            None => {
                warn!(%team, reason, "message to wa.unrouted");
                self.target = Target::Unrouted;
                ::metrics::counter!(metrics::UNROUTED, "reason" => reason).increment(1);
            }
        }
        true
    }
}
