//! The queues of teams: looked at, created where this process may; else a person is told how.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tracing::warn;
use waypost_bus::{BusError, Layout, Topology};
use waypost_domain::TeamName;
use waypost_live::{AskedTeams, FoundQueues, queues_of};

use crate::Shared;

/// How long the broker may take to answer for a team.
const LOOK_WITHIN: Duration = Duration::from_secs(1);
/// Teams that the broker is asked about at a time.
const LOOKS_AT_ONCE: usize = 8;

/// How the queues of a new team come to be, and whether they are read here.
#[derive(Debug, Clone, Default)]
pub struct TeamQueues {
    /// Whether this process may create them.
    pub declare: bool,
    /// Messages that each holds at most; the bus' own limit where absent.
    pub messages_max: Option<u64>,
    /// Where callers take a team's messages here, because the bus has no protocol of its own for it: the layout of what is
    /// still to be routed.
    pub serves: Option<Layout>,
    /// Keeps whose messages callers ask for.
    pub asked: Arc<AskedTeams>,
}

impl Shared {
    /// The team's queues as the broker has them; `None` where it does not say.
    pub(crate) async fn look(&self, team: &TeamName) -> Option<FoundQueues> {
        let found = tokio::time::timeout(LOOK_WITHIN, queues_of(&*self.bus, team)).await;
        let found = found.unwrap_or_else(|_| Err(BusError::Unavailable("no answer in time".to_owned())));
        found.inspect_err(|error| warn!(%team, %error, "queues not looked at")).ok()
    }

    /// The same, after having tried to create what is missing, where this process may.
    pub(crate) async fn look_and_create(&self, team: &TeamName) -> Option<FoundQueues> {
        let found = self.look(team).await?;
        if found.missing.is_empty() || !self.team_queues.declare {
            return Some(found);
        }
        let mut topology = Topology::of_teams(&BTreeSet::from([team.clone()]));
        for queue in &mut topology.queues {
            queue.messages_max = self.team_queues.messages_max;
        }
        if let Err(error) = self.bus.declare(&topology).await {
            // A person must act; or the bus must come back, and then this is tried again.
            warn!(%team, %error, "queues not created");
            return Some(found);
        }
        self.look(team).await
    }

    /// What the broker says of each of these teams' queues.
    pub(crate) async fn look_at_all(
        &self,
        teams: Vec<TeamName>,
        create: bool,
    ) -> BTreeMap<TeamName, Option<FoundQueues>> {
        let looks = teams.into_iter().map(|team| async move {
            let found = if create { self.look_and_create(&team).await } else { self.look(&team).await };
            (team, found)
        });
        stream::iter(looks).buffered(LOOKS_AT_ONCE).collect().await
    }
}

/// What a person runs where this process may not create queues.
pub(crate) fn command<'a>(teams: impl IntoIterator<Item = &'a TeamName>) -> String {
    let teams: String = teams.into_iter().map(|team| format!(" --team {team}")).collect();
    format!("waypost topology declare{teams} --config FILE --set bus.url=amqp://ADMIN:PASSWORD@HOST:5672/VHOST")
}
