//! Which queues there are, what they are called and how a publisher addresses them.
//!
//! The names are the same on every bus. How a queue is declared on a broker (arguments, policies) is the adapter's.

use std::collections::BTreeSet;

use waypost_domain::team::Priority;
use waypost_domain::{PartitionCount, PartitionId, TeamName};

/// A stream of one kind of message; on AMQP a direct exchange of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// What Meta told us.
    Events,
    /// What somebody wants sent.
    Send,
    /// Routed messages.
    Teams,
    /// What happened: routed, sent, delivered, consent changed.
    Activity,
    /// Routed to nobody that takes it.
    Unrouted,
    /// What could not be handled.
    DeadLetters,
    /// Answers to whoever asked for one: the key is the name of the queue that they go to. On AMQP the default exchange.
    Replies,
}

impl Stream {
    /// Those that queues are bound to.
    pub const ALL: [Self; 6] =
        [Self::Events, Self::Send, Self::Teams, Self::Activity, Self::Unrouted, Self::DeadLetters];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "wa.events",
            Self::Send => "wa.send",
            Self::Teams => "wa.teams",
            Self::Activity => "wa.activity",
            Self::Unrouted => "wa.unrouted",
            Self::DeadLetters => "wa.dead-letters",
            // The default exchange has no name.
            Self::Replies => "",
        }
    }
}

/// Where a publication goes: at most one queue is bound to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    pub stream: Stream,
    pub key: String,
}

impl Address {
    pub fn team(team: &TeamName, priority: Priority) -> Self {
        Self { stream: Stream::Teams, key: team_queue(team, priority) }
    }

    /// The address of a partitioned queue, the account's, one of requests to send, or a team's, by its name; `None` for any
    /// other.
    pub fn of_queue(name: &str) -> Option<Self> {
        if name.starts_with(TEAMS) {
            return Some(Self { stream: Stream::Teams, key: name.to_owned() });
        }
        let requests = Priority::ALL.into_iter().find(|priority| send_queue(*priority) == name);
        if let Some(priority) = requests {
            return Some(Self::send(priority));
        }
        let key = match name.strip_prefix(INTERNAL)? {
            "account" => "ac",
            key if ["in.", "optin.", "st."].iter().any(|kind| key.starts_with(kind)) => key,
            _ => return None,
        };
        Some(Self { stream: Stream::Events, key: key.to_owned() })
    }

    /// Of requests to send.
    pub fn send(priority: Priority) -> Self {
        Self { stream: Stream::Send, key: priority.to_string() }
    }

    /// The queue of this name, whoever made it.
    pub fn reply(queue: impl Into<String>) -> Self {
        Self { stream: Stream::Replies, key: queue.into() }
    }

    pub fn activity() -> Self {
        Self { stream: Stream::Activity, key: "activity".to_owned() }
    }

    pub fn unrouted() -> Self {
        Self { stream: Stream::Unrouted, key: "unrouted".to_owned() }
    }

    pub fn dead_letters() -> Self {
        Self { stream: Stream::DeadLetters, key: DEAD_LETTERS_KEY.to_owned() }
    }
}

/// The key under which the broker's own dead-lettering also arrives.
pub const DEAD_LETTERS_KEY: &str = "dead";
pub const ACTIVITY_QUEUE: &str = "wa.activity";
pub const UNROUTED_QUEUE: &str = "wa.unrouted";
pub const DEAD_LETTERS_QUEUE: &str = "wa.dead-letters";

/// What the names of the teams' queues begin with.
const TEAMS: &str = "team.";
/// What the names of all our other queues begin with.
const INTERNAL: &str = "wa.";

/// The name of a team's queue, which is also its key.
pub fn team_queue(team: &TeamName, priority: Priority) -> String {
    format!("{TEAMS}{team}.{priority}")
}

/// Whether a queue of this name is, or might become, one of ours.
pub fn is_ours(queue: &str) -> bool {
    [TEAMS, INTERNAL].iter().any(|ours| queue.starts_with(ours))
}

/// The users of teams' tools are called that and the team's name: who reads a team's queues, and writes requests to send.
const TEAM_USER_PREFIX: &str = "team-";

/// The broker's user of a team's tools.
pub fn team_user(team: &str) -> String {
    format!("{TEAM_USER_PREFIX}{team}")
}

/// The team whose tools this user of the broker is for.
pub fn team_of_user(user: &str) -> Option<TeamName> {
    TeamName::new(user.strip_prefix(TEAM_USER_PREFIX)?).ok()
}

/// The name of a queue of requests to send.
pub fn send_queue(priority: Priority) -> String {
    format!("wa.send.{priority}")
}

/// How the partitioned streams are laid out. A change of `partitions` is a new `epoch`: new queue names, so that the
/// old ones are drained and deleted, never renamed in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub partitions: PartitionCount,
    /// 1 at first; epochs from 2 on are part of the queues' names.
    pub epoch: u32,
}

impl Layout {
    pub const fn new(partitions: PartitionCount) -> Self {
        Self { partitions, epoch: 1 }
    }

    /// Messages, echoes and contact-scoped changes, for the router.
    pub fn inbound(&self, partition: PartitionId) -> Address {
        self.partitioned("in", partition)
    }

    /// What may say something about consent, once more, for the opt-in worker.
    pub fn consent(&self, partition: PartitionId) -> Address {
        self.partitioned("optin", partition)
    }

    /// Statuses.
    pub fn statuses(&self, partition: PartitionId) -> Address {
        self.partitioned("st", partition)
    }

    /// WABA-, number- and template-scoped changes.
    pub fn account(&self) -> Address {
        Address { stream: Stream::Events, key: "ac".to_owned() }
    }

    pub fn inbound_queue(&self, partition: PartitionId) -> String {
        format!("wa.{}", self.inbound(partition).key)
    }

    pub fn consent_queue(&self, partition: PartitionId) -> String {
        format!("wa.{}", self.consent(partition).key)
    }

    pub fn statuses_queue(&self, partition: PartitionId) -> String {
        format!("wa.{}", self.statuses(partition).key)
    }

    pub fn account_queue(&self) -> String {
        "wa.account".to_owned()
    }

    fn partitioned(&self, kind: &str, partition: PartitionId) -> Address {
        let key = match self.epoch {
            0 | 1 => format!("{kind}.{partition}"),
            epoch => format!("{kind}.e{epoch}.{partition}"),
        };
        Address { stream: Stream::Events, key }
    }
}

/// What a queue is for, from which an adapter derives its arguments and limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueKind {
    /// Read by one worker at a time, in order: single active consumer, dead-lettering, large.
    Partitioned,
    /// Read by any number of workers of ours.
    Work,
    /// Read by a team's tools: smaller limits.
    Team,
    /// The last resort (dead letters, unrouted): no dead-lettering of its own.
    Parking,
}

impl QueueKind {
    pub const fn single_active_consumer(self) -> bool {
        match self {
            Self::Partitioned => true,
            Self::Work | Self::Team | Self::Parking => false,
        }
    }

    pub const fn dead_letters(self) -> bool {
        match self {
            Self::Partitioned | Self::Work | Self::Team => true,
            Self::Parking => false,
        }
    }

    /// Deliveries without an acknowledgement after which the bus itself gives a message up. It becomes a dead letter,
    /// or, in a queue without dead-lettering, is lost.
    ///
    /// Every crash counts against all that was in hand. So where a worker of ours finds the culprit itself, the bus is
    /// only the net below it; and what parks has none below.
    pub const fn deliveries_max(self) -> u32 {
        match self {
            Self::Partitioned => 10_000,
            Self::Work | Self::Team => 20,
            // The largest number that every broker reads.
            Self::Parking => i32::MAX.cast_unsigned(),
        }
    }

    /// Messages at most, softly.
    pub const fn messages_max(self) -> u64 {
        match self {
            Self::Partitioned | Self::Work | Self::Parking => 1_000_000,
            Self::Team => 200_000,
        }
    }

    /// Bytes of bodies at most, softly.
    pub const fn bytes_max(self) -> u64 {
        match self {
            Self::Partitioned | Self::Work | Self::Parking => 2_000_000_000,
            Self::Team => 500_000_000,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    pub name: String,
    pub address: Address,
    pub kind: QueueKind,
    /// Overrides [`QueueKind::messages_max`]: a small deployment's own limit, or a test's.
    pub messages_max: Option<u64>,
}

/// All queues of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    pub queues: Vec<Queue>,
}

impl Topology {
    /// The queues that our components read and park on, and those of `teams`. `with_activity`: somebody will
    /// read `wa.activity`; no queue is declared that nobody reads.
    pub fn new(layout: Layout, teams: &BTreeSet<TeamName>, with_activity: bool) -> Self {
        let mut queues = Vec::new();
        for partition in layout.partitions.all() {
            queues.push(queue(layout.inbound_queue(partition), layout.inbound(partition), QueueKind::Partitioned));
        }
        for partition in layout.partitions.all() {
            queues.push(queue(layout.consent_queue(partition), layout.consent(partition), QueueKind::Partitioned));
        }
        for partition in layout.partitions.all() {
            queues.push(queue(layout.statuses_queue(partition), layout.statuses(partition), QueueKind::Partitioned));
        }
        queues.push(queue(layout.account_queue(), layout.account(), QueueKind::Partitioned));
        for priority in Priority::ALL {
            queues.push(queue(send_queue(priority), Address::send(priority), QueueKind::Partitioned));
        }
        if with_activity {
            queues.push(queue(ACTIVITY_QUEUE.to_owned(), Address::activity(), QueueKind::Work));
        }
        queues.push(queue(UNROUTED_QUEUE.to_owned(), Address::unrouted(), QueueKind::Parking));
        queues.push(queue(DEAD_LETTERS_QUEUE.to_owned(), Address::dead_letters(), QueueKind::Parking));
        queues.extend(Self::of_teams(teams).queues);
        Self { queues }
    }

    /// The queues of these teams alone.
    pub fn of_teams(teams: &BTreeSet<TeamName>) -> Self {
        let of_team = |team| {
            Priority::ALL
                .map(|priority| queue(team_queue(team, priority), Address::team(team, priority), QueueKind::Team))
        };
        Self { queues: teams.iter().flat_map(of_team).collect() }
    }
}

const fn queue(name: String, address: Address, kind: QueueKind) -> Queue {
    Queue { name, address, kind, messages_max: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_design() {
        let layout = Layout::new(PartitionCount::new(2).unwrap());
        let teams = BTreeSet::from([TeamName::new("billing").unwrap()]);
        let topology = Topology::new(layout, &teams, true);
        let rows: Vec<String> = topology
            .queues
            .iter()
            .map(|q| format!("{} {} {}", q.address.stream.name(), q.address.key, q.name))
            .collect();
        assert_eq!(
            rows,
            [
                "wa.events in.p00 wa.in.p00",
                "wa.events in.p01 wa.in.p01",
                "wa.events optin.p00 wa.optin.p00",
                "wa.events optin.p01 wa.optin.p01",
                "wa.events st.p00 wa.st.p00",
                "wa.events st.p01 wa.st.p01",
                "wa.events ac wa.account",
                "wa.send urgent wa.send.urgent",
                "wa.send normal wa.send.normal",
                "wa.activity activity wa.activity",
                "wa.unrouted unrouted wa.unrouted",
                "wa.dead-letters dead wa.dead-letters",
                "wa.teams team.billing.urgent team.billing.urgent",
                "wa.teams team.billing.normal team.billing.normal",
            ]
        );
    }

    #[test]
    fn a_queue_s_name_leads_to_its_address() {
        let teams = BTreeSet::from([TeamName::new("billing").unwrap()]);
        for queue in Topology::new(Layout::new(PartitionCount::DEFAULT), &teams, true).queues {
            let want = (queue.kind != QueueKind::Parking && queue.kind != QueueKind::Work).then_some(queue.address);
            assert_eq!(Address::of_queue(&queue.name), want, "{}", queue.name);
        }
    }

    #[test]
    fn a_later_epoch_has_its_own_queues() {
        let layout = Layout { epoch: 2, ..Layout::new(PartitionCount::DEFAULT) };
        assert_eq!(layout.inbound_queue(PartitionId(3)), "wa.in.e2.p03");
        assert_eq!(layout.inbound(PartitionId(3)).key, "in.e2.p03");
        assert_eq!(Address::of_queue("wa.optin.e2.p03"), Some(layout.consent(PartitionId(3))));
    }
}
