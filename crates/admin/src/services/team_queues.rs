//! Teams' messages for callers, on a bus that has no protocol of its own for it. Taking is a subscription that lasts as long
//! as the lease: so the bus itself sees to it that nobody else gets the messages, and that they go back in their places.

mod leases;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::Request;
use uuid::Uuid;
use waypost_bus::topology::team_queue;
use waypost_bus::{BusError, ConsumeEnded, Layout, Message};
use waypost_domain::team::Priority;
use waypost_domain::{TeamName, Timestamp};
use waypost_grpc::error::{CallError, Violations, invalid, not_found};
use waypost_grpc::fields::{seconds, team_name, team_of, wire_time};
use waypost_grpc::{Caller, Result, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::team_queue_service_server::TeamQueueService;

use crate::Shared;
use leases::Hand;
pub(crate) use leases::Leases;

const TAKEN_MAX: i32 = 100;
const WAIT_MAX: Duration = Duration::from_secs(20);
const LEASE: Duration = Duration::from_secs(60);
const LEASE_MAX: Duration = Duration::from_secs(600);
/// How long a queue that says that it holds messages may take to hand over the first, unless somebody else gets them all.
const FIRST_WITHIN: Duration = Duration::from_secs(2);
/// The rest is read from the same place at once, in pieces where it is large.
const REST_WITHIN: Duration = Duration::from_millis(100);

pub(crate) struct TeamQueues {
    pub(crate) shared: Shared,
}

/// What a caller wants of a team's queues.
struct Take {
    team: TeamName,
    messages_max: u16,
    wait: Duration,
    lease: Duration,
}

impl Take {
    fn read(request: &v1::TakeMessagesRequest, caller: &Caller) -> Result<Self> {
        let team = visible(&request.team, caller)?;
        let mut violations = Violations::default();
        let messages_max = u16::try_from(request.max_messages).ok();
        let messages_max = messages_max.filter(|_| (1..=TAKEN_MAX).contains(&request.max_messages));
        violations.require(messages_max.is_some(), "max_messages", "must be 1 to 100");
        let wait = request.wait.as_ref().map_or(Ok(Duration::ZERO), |&wait| Duration::try_from(wait));
        let wait = wait.ok().filter(|wait| *wait <= WAIT_MAX);
        violations.require(wait.is_some(), "wait", "must be 0 to 20 s");
        let lease = match seconds(&mut violations, "lease", request.lease.as_ref()) {
            0 => LEASE,
            seconds => Duration::from_secs(seconds.into()),
        };
        violations.require(lease <= LEASE_MAX, "lease", "must be 1 s to 10 min");
        violations.check()?;
        Ok(Self { team, messages_max: messages_max.unwrap_or_default(), wait: wait.unwrap_or_default(), lease })
    }
}

serve! { TeamQueueService for TeamQueues {
    peek_messages: v1::PeekMessagesRequest => v1::PeekMessagesResponse,
    take_messages: v1::TakeMessagesRequest => v1::TakeMessagesResponse,
    acknowledge_messages: v1::AcknowledgeMessagesRequest => v1::AcknowledgeMessagesResponse,
}}

impl TeamQueues {
    async fn peek_messages(&self, request: Request<v1::PeekMessagesRequest>) -> Result<v1::PeekMessagesResponse> {
        let caller = Caller::of(&request)?;
        let layout = self.layout()?;
        let request = request.get_ref();
        let team = visible(&request.team, &caller)?;
        let limit = usize::try_from(page::size(request.page_size)?).unwrap_or(usize::MAX);
        let mut messages = Vec::new();
        for (priority, field, after) in [
            (Priority::Urgent, "after_urgent", request.after_urgent),
            (Priority::Normal, "after_normal", request.after_normal),
        ] {
            let after = u64::try_from(after).map_err(|_| invalid(field, "must be 0 or a place"))?;
            let peeked = self.shared.bus.peek(&team_queue(&team, priority), Some(after), limit).await;
            for (place, message) in peeked.map_err(no_queue)? {
                let place = i64::try_from(place).unwrap_or(i64::MAX);
                messages.push(v1::TeamMessage { place, ..wire(priority, &message) });
            }
        }
        let more_expected = messages.is_empty() && self.is_more_expected(layout).await?;
        Ok(v1::PeekMessagesResponse { messages, more_expected })
    }

    async fn take_messages(&self, request: Request<v1::TakeMessagesRequest>) -> Result<v1::TakeMessagesResponse> {
        let caller = Caller::of(&request)?;
        let layout = self.layout()?;
        let take = Take::read(request.get_ref(), &caller)?;
        let leases = &self.shared.leases;
        let room = leases.room()?;
        let hands = tokio::select! {
            hands = self.take(&take) => hands?,
            () = leases.ending() => Vec::new(),
        };
        self.shared.team_queues.asked.note(&take.team, Timestamp::from_system_time(SystemTime::now()));
        if hands.is_empty() {
            let more_expected = self.is_more_expected(layout).await?;
            return Ok(v1::TakeMessagesResponse { more_expected, ..v1::TakeMessagesResponse::default() });
        }
        let messages = hands.iter().flat_map(|hand| {
            hand.deliveries.iter().map(|delivery| v1::TeamMessage {
                returned: delivery.delivery_count,
                ..wire(hand.priority, &delivery.message)
            })
        });
        let messages = messages.collect();
        let end = Timestamp::from_system_time(SystemTime::now() + take.lease);
        Ok(v1::TakeMessagesResponse {
            lease_id: leases.hold(take.team, hands, take.lease, room).to_string(),
            expire_time: Some(wire_time(end)),
            messages,
            more_expected: false,
        })
    }

    async fn acknowledge_messages(
        &self,
        request: Request<v1::AcknowledgeMessagesRequest>,
    ) -> Result<v1::AcknowledgeMessagesResponse> {
        let caller = Caller::of(&request)?;
        self.layout()?;
        let request = request.into_inner();
        let id = Uuid::try_parse(&request.lease_id)
            .map_err(|_| invalid("lease_id", "must be what TakeMessages answered"))?;
        let removed = self.shared.leases.settle(id, request.message_ids, &caller).await?;
        Ok(v1::AcknowledgeMessagesResponse { acknowledged: i32::try_from(removed).unwrap_or(i32::MAX) })
    }

    /// The layout of what is still to be routed, where messages are handed out.
    fn layout(&self) -> Result<Layout> {
        self.shared
            .team_queues
            .serves
            .ok_or(CallError::Bus(BusError::Unsupported("on RabbitMQ a team's tools consume its queues over AMQP")))
    }

    /// Nothing, where nothing came in time. It is exactly what was asked for that leaves its place, since a message that
    /// comes back is counted.
    async fn take(&self, take: &Take) -> Result<Vec<Hand>> {
        let deadline = Instant::now() + take.wait;
        for priority in Priority::ALL {
            if let Some(hand) = self.take_waiting(&take.team, priority, take.messages_max).await? {
                return Ok(vec![hand]);
            }
        }
        if take.wait.is_zero() { Ok(Vec::new()) } else { self.take_first(take, deadline).await }
    }

    /// What waits in a queue now.
    async fn take_waiting(&self, team: &TeamName, priority: Priority, messages_max: u16) -> Result<Option<Hand>> {
        let queue = team_queue(team, priority);
        let depth =
            self.shared.bus.depth(&queue).await?.ok_or_else(|| no_queue(BusError::NoSuchQueue(queue.clone())))?;
        let prefetch = messages_max.min(u16::try_from(depth.ready).unwrap_or(u16::MAX));
        if prefetch == 0 {
            return Ok(None);
        }
        let mut hand = self.subscribe(team, priority, prefetch).await?;
        let wanted = usize::from(prefetch);
        let mut within = FIRST_WITHIN;
        while hand.deliveries.len() < wanted {
            let missing = wanted - hand.deliveries.len();
            let Ok(batch) = timeout(within, hand.consumer.next_batch(missing)).await else { break };
            hand.deliveries.extend(batch.map_err(ended)?);
            within = REST_WITHIN;
        }
        Ok((!hand.deliveries.is_empty()).then_some(hand))
    }

    /// The next that comes, on either queue.
    async fn take_first(&self, take: &Take, deadline: Instant) -> Result<Vec<Hand>> {
        let mut urgent = self.subscribe(&take.team, Priority::Urgent, 1).await?;
        let mut normal = self.subscribe(&take.team, Priority::Normal, 1).await?;
        let first = async {
            tokio::select! {
                biased;
                batch = urgent.consumer.next_batch(1) => (true, batch),
                batch = normal.consumer.next_batch(1) => (false, batch),
            }
        };
        let Ok((is_urgent, batch)) = timeout_at(deadline, first).await else { return Ok(Vec::new()) };
        let (first, other) = if is_urgent { (&mut urgent, &mut normal) } else { (&mut normal, &mut urgent) };
        first.deliveries = batch.map_err(ended)?;
        // The other queue may have handed one over in the same moment.
        if take.messages_max > 1
            && let Some(batch) = other.consumer.next_batch(1).now_or_never()
        {
            other.deliveries = batch.map_err(ended)?;
        }
        Ok([urgent, normal].into_iter().filter(|hand| !hand.deliveries.is_empty()).collect())
    }

    async fn subscribe(&self, team: &TeamName, priority: Priority, prefetch: u16) -> Result<Hand> {
        let consumer = self.shared.bus.consume(&team_queue(team, priority), prefetch).await.map_err(no_queue)?;
        Ok(Hand { priority, consumer, deliveries: Vec::new() })
    }

    /// Whether something that was accepted is not routed yet.
    async fn is_more_expected(&self, layout: Layout) -> Result<bool> {
        for partition in layout.partitions.all() {
            let depth = self.shared.bus.depth(&layout.inbound_queue(partition)).await?;
            if depth.is_some_and(|depth| depth.ready + depth.unacknowledged.unwrap_or_default() > 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The team, if it is the caller's to see.
fn visible(name: &str, caller: &Caller) -> Result<TeamName> {
    let team = team_of("team", name)?;
    if caller.may_see(&team) { Ok(team) } else { Err(not_found(team_name(&team))) }
}

fn wire(priority: Priority, message: &Message) -> v1::TeamMessage {
    v1::TeamMessage {
        message_id: message.id.clone(),
        priority: priority.as_str().to_owned(),
        body: message.body.to_vec(),
        ..v1::TeamMessage::default()
    }
}

fn no_queue(error: BusError) -> CallError {
    match error {
        BusError::NoSuchQueue(queue) => not_found(format!("queue {queue}")),
        other => other.into(),
    }
}

fn ended(error: ConsumeEnded) -> CallError {
    BusError::Unavailable(error.to_string()).into()
}
