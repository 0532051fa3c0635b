//! The queues of one team: created where this process may; else a person is told how.

use std::collections::BTreeSet;

use waypost_bus::topology::team_queue;
use waypost_bus::{BusError, Topology};
use waypost_domain::TeamName;
use waypost_domain::team::Priority;
use waypost_grpc::Result;

use crate::Shared;

/// How the queues of a new team come to be.
#[derive(Debug, Clone, Default)]
pub struct TeamQueues {
    /// Whether this process may create them.
    pub declare: bool,
    /// Messages that each holds at most; the bus' own limit where absent.
    pub messages_max: Option<u64>,
}

impl Shared {
    /// Whether the team's queues are there, after having tried to create them where this process may.
    pub(crate) async fn have_queues(&self, team: &TeamName) -> Result<bool> {
        if self.team_queues.declare {
            let mut topology = Topology::of_teams(&BTreeSet::from([team.clone()]));
            for queue in &mut topology.queues {
                queue.messages_max = self.team_queues.messages_max;
            }
            return match self.bus.declare(&topology).await {
                Ok(()) => Ok(true),
                // A person must act; or the bus must come back, and then this is tried again.
                Err(BusError::Refused(_) | BusError::Unavailable(_) | BusError::TopologyMismatch { .. }) => Ok(false),
                Err(error @ (BusError::NoSuchQueue(_) | BusError::Unsupported(_))) => Err(error.into()),
            };
        }
        for priority in Priority::ALL {
            match self.bus.depth(&team_queue(team, priority)).await {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Messages in the team's queues, those included that a tool has in hand.
    pub(crate) async fn waiting(&self, team: &TeamName) -> Result<u64> {
        let mut waiting = 0;
        for priority in Priority::ALL {
            let depth = self.bus.depth(&team_queue(team, priority)).await?.unwrap_or_default();
            waiting += depth.ready + depth.unacknowledged.unwrap_or_default();
        }
        Ok(waiting)
    }
}

/// What a person runs where this process may not create queues.
pub(crate) fn command(team: &TeamName) -> String {
    format!("waypost topology declare --team {team} --config FILE --set bus.url=amqp://ADMIN:PASSWORD@HOST:5672/VHOST")
}
