//! Parked messages. A message leaves its place only when another copy of it is confirmed elsewhere, or when the record
//! of its end is committed: whatever breaks in between leaves it parked, at worst twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tonic::Request;
use uuid::Uuid;
use waypost_bus::dead_letter::{ATTEMPTS_HEADER, DETAIL_HEADER, origin, park_again, replay};
use waypost_bus::topology::{DEAD_LETTERS_QUEUE, UNROUTED_QUEUE};
use waypost_bus::{
    Address, BusError, ConsumeEnded, Consumer, DeadLetterReason, Delivery, Message, Outcome, Publication,
};
use waypost_domain::DecisionId;
use waypost_grpc::error::{CallError, Violations, invalid};
use waypost_grpc::fields::check_title;
use waypost_grpc::{Mutation, Result, change, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::dead_letter_service_server::DeadLetterService;

use crate::Shared;

mod left;

use left::{Left, Tally};

const EXAMINED_MAX: u16 = 500;
/// Messages that a summary looks at.
const SUMMARIZED_MAX: usize = 100_000;
const PEEKED_AT_ONCE: usize = 500;
/// How long a queue that says that it holds messages may take to hand them over.
const CONSUME_TIMEOUT: Duration = Duration::from_secs(5);
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);
const DIVERTED_HEADER: &str = "wp-diverted";
/// The reason of every message on `wa.unrouted`; the detail says more.
const UNROUTED: &str = "unrouted";

pub(crate) struct DeadLetters {
    pub(crate) shared: Shared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parking {
    DeadLetters,
    Unrouted,
}

impl Parking {
    fn read(parking: i32) -> Result<Self> {
        match v1::Parking::try_from(parking) {
            Ok(v1::Parking::DeadLetters) => Ok(Self::DeadLetters),
            Ok(v1::Parking::Unrouted) => Ok(Self::Unrouted),
            Ok(v1::Parking::Unspecified) | Err(_) => Err(invalid("parking", "must be dead letters or unrouted")),
        }
    }

    const fn queue(self) -> &'static str {
        match self {
            Self::DeadLetters => DEAD_LETTERS_QUEUE,
            Self::Unrouted => UNROUTED_QUEUE,
        }
    }

    const fn collection(self) -> &'static str {
        match self {
            Self::DeadLetters => "deadLetters",
            Self::Unrouted => "unrouted",
        }
    }

    /// Puts `message` at the end of the queue that it is in.
    fn again(self, message: Message) -> Publication {
        match self {
            Self::DeadLetters => park_again(message),
            Self::Unrouted => Publication { address: Address::unrouted(), message },
        }
    }

    fn reason(self, message: &Message) -> &str {
        match self {
            Self::DeadLetters => DeadLetterReason::of(message).map_or("", DeadLetterReason::code),
            Self::Unrouted => UNROUTED,
        }
    }

    fn wire(self, message: &Message) -> v1::DeadLetter {
        let header = |name: &str| message.headers.get(name).cloned().unwrap_or_default();
        let (detail, origin) = match self {
            Self::DeadLetters => (header(DETAIL_HEADER), origin(message).unwrap_or_default().to_owned()),
            Self::Unrouted => (header(DIVERTED_HEADER), "router".to_owned()),
        };
        v1::DeadLetter {
            name: format!("{}/{}", self.collection(), message.id),
            reason: self.reason(message).to_owned(),
            detail,
            origin,
            attempts: header(ATTEMPTS_HEADER).parse().unwrap_or_default(),
            kind: message.kind.clone(),
            body_bytes: i64::try_from(message.body.len()).unwrap_or(i64::MAX),
        }
    }
}

/// Some of the parked messages.
struct Selection {
    parking: Parking,
    reason: String,
    message_ids: Vec<String>,
    examine_max: u16,
}

impl Selection {
    fn read(parking: i32, reason: String, message_ids: Vec<String>, examine_max: i32) -> Result<Self> {
        let parking = Parking::read(parking)?;
        let examine_max = u16::try_from(examine_max).ok().filter(|max| (1..=EXAMINED_MAX).contains(max));
        let examine_max = examine_max.ok_or_else(|| invalid("examine_max", "must be 1 to 500"))?;
        Ok(Self { parking, reason, message_ids, examine_max })
    }

    fn selects(&self, message: &Message) -> bool {
        let of_reason = self.reason.is_empty() || self.parking.reason(message) == self.reason;
        of_reason && (self.message_ids.is_empty() || self.message_ids.contains(&message.id))
    }

    /// What was asked for by id and is not among these.
    fn not_found(&self, deliveries: &[Delivery]) -> Tally {
        let found: BTreeSet<&str> = deliveries.iter().map(|delivery| delivery.message.id.as_str()).collect();
        let asked: BTreeSet<&str> = self.message_ids.iter().map(String::as_str).collect();
        let mut left = Tally::default();
        asked.difference(&found).for_each(|_| left.add(Left::NotFound));
        left
    }
}

serve! { DeadLetterService for DeadLetters {
    list_dead_letters: v1::ListDeadLettersRequest => v1::ListDeadLettersResponse,
    summarize_dead_letters: v1::SummarizeDeadLettersRequest => v1::SummarizeDeadLettersResponse,
    replay_dead_letters: v1::ReplayDeadLettersRequest => v1::ReplayDeadLettersResponse,
    discard_dead_letters: v1::DiscardDeadLettersRequest => v1::DiscardDeadLettersResponse,
}}

impl DeadLetters {
    async fn list_dead_letters(
        &self,
        request: Request<v1::ListDeadLettersRequest>,
    ) -> Result<v1::ListDeadLettersResponse> {
        let request = request.get_ref();
        let parking = Parking::read(request.parking)?;
        let size = page::size(request.page_size)?;
        let after = page::place(parking.collection(), &request.page_token, |place| place.parse().ok())?;
        let limit = usize::try_from(size + 1).unwrap_or(usize::MAX);
        let mut peeked = self.peek(parking, after, limit).await?;
        let next_page_token = page::cut(parking.collection(), &mut peeked, size, |(place, _)| place.to_string());
        let dead_letters = peeked.iter().map(|(_, message)| parking.wire(message)).collect();
        Ok(v1::ListDeadLettersResponse { dead_letters, next_page_token })
    }

    async fn summarize_dead_letters(
        &self,
        request: Request<v1::SummarizeDeadLettersRequest>,
    ) -> Result<v1::SummarizeDeadLettersResponse> {
        let parking = Parking::read(request.get_ref().parking)?;
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        let (mut examined, mut after) = (0, None);
        while examined < SUMMARIZED_MAX {
            let peeked = self.peek(parking, after, PEEKED_AT_ONCE).await?;
            let Some((last, _)) = peeked.last() else { break };
            after = Some(*last);
            examined += peeked.len();
            for (_, message) in &peeked {
                *counts.entry(parking.reason(message).to_owned()).or_default() += 1;
            }
        }
        let reasons = counts.into_iter().map(|(reason, count)| v1::ReasonCount { reason, count }).collect();
        let examined = i64::try_from(examined).unwrap_or(i64::MAX);
        Ok(v1::SummarizeDeadLettersResponse { reasons, examined })
    }

    async fn replay_dead_letters(
        &self,
        request: Request<v1::ReplayDeadLettersRequest>,
    ) -> Result<v1::ReplayDeadLettersResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let selection =
            Selection::read(request.parking, request.reason.clone(), request.message_ids.clone(), request.examine_max)?;
        let (mut consumer, deliveries) = self.take(&selection).await?;
        let mut left = selection.not_found(&deliveries);
        let (mut places, mut publications) = (Vec::new(), Vec::new());
        for (place, delivery) in deliveries.iter().enumerate().filter(|(_, one)| selection.selects(&one.message)) {
            match self.way_back(selection.parking, &delivery.message).await? {
                Ok(publication) => {
                    places.push(place);
                    publications.push(publication);
                }
                Err(why) => left.add(why),
            }
        }
        let outcomes = self.shared.bus.publish(publications, PUBLISH_TIMEOUT).await;
        let mut replayed = BTreeSet::new();
        for (place, outcome) in places.into_iter().zip(outcomes) {
            match Left::of(outcome) {
                None => drop(replayed.insert(place)),
                Some(why) => left.add(why),
            }
        }
        let answer = v1::ReplayDeadLettersResponse {
            replayed: i64::try_from(replayed.len()).unwrap_or(i64::MAX),
            left: i64::try_from(deliveries.len() - replayed.len()).unwrap_or(i64::MAX),
            left_because: left.wire(),
        };
        if !replayed.is_empty() {
            let done = v1::ReplayDeadLettersRequest { message_ids: ids(&deliveries, &replayed), ..request };
            self.record(mutation, selection.parking, done).await?;
        }
        self.put_back(&mut *consumer, selection.parking, deliveries, &replayed).await?;
        consumer.close().await;
        Ok(answer)
    }

    async fn discard_dead_letters(
        &self,
        request: Request<v1::DiscardDeadLettersRequest>,
    ) -> Result<v1::DiscardDeadLettersResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let mut violations = Violations::default();
        violations.require(!request.justification.trim().is_empty(), "justification", "is needed");
        check_title(&mut violations, "justification", &request.justification);
        violations.check()?;
        let selection =
            Selection::read(request.parking, request.reason.clone(), request.message_ids.clone(), request.examine_max)?;
        let (mut consumer, deliveries) = self.take(&selection).await?;
        let selected = deliveries.iter().enumerate().filter(|(_, delivery)| selection.selects(&delivery.message));
        let discarded: BTreeSet<usize> = selected.map(|(place, _)| place).collect();
        let answer = v1::DiscardDeadLettersResponse {
            discarded: i64::try_from(discarded.len()).unwrap_or(i64::MAX),
            left: i64::try_from(deliveries.len() - discarded.len()).unwrap_or(i64::MAX),
            left_because: selection.not_found(&deliveries).wire(),
        };
        if !discarded.is_empty() {
            let done = v1::DiscardDeadLettersRequest { message_ids: ids(&deliveries, &discarded), ..request };
            self.record(mutation, selection.parking, done).await?;
        }
        self.put_back(&mut *consumer, selection.parking, deliveries, &discarded).await?;
        consumer.close().await;
        Ok(answer)
    }

    async fn peek(&self, parking: Parking, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Message)>> {
        self.shared.bus.peek(parking.queue(), after, limit).await.map_err(|error| match error {
            BusError::Unsupported(_) => CallError::Bus(BusError::Unsupported(
                "RabbitMQ cannot show messages without delivering them; replaying and discarding work",
            )),
            other => other.into(),
        })
    }

    /// What is at the front of the queue, in hand: as many as wait now, and no more than are to be examined.
    async fn take(&self, selection: &Selection) -> Result<(Box<dyn Consumer>, Vec<Delivery>)> {
        let bus = &self.shared.bus;
        let queue = selection.parking.queue();
        let depth = bus.depth(queue).await?.unwrap_or_default();
        let wanted = usize::from(selection.examine_max).min(usize::try_from(depth.ready).unwrap_or(usize::MAX));
        let mut consumer = bus.consume(queue, selection.examine_max).await?;
        let deadline = Instant::now() + CONSUME_TIMEOUT;
        let mut deliveries = Vec::with_capacity(wanted);
        while deliveries.len() < wanted {
            // Somebody else may have taken the rest meanwhile.
            let Ok(batch) = timeout_at(deadline, consumer.next_batch(wanted - deliveries.len())).await else { break };
            deliveries.extend(batch.map_err(ended)?);
        }
        Ok((consumer, deliveries))
    }

    /// Where a parked message belongs, or why that is not known.
    async fn way_back(&self, parking: Parking, message: &Message) -> Result<std::result::Result<Publication, Left>> {
        match parking {
            Parking::DeadLetters => Ok(replay(message.clone()).ok_or(Left::NoWayBack)),
            Parking::Unrouted => {
                let Ok(id) = Uuid::try_parse(&message.id) else { return Ok(Err(Left::NoWayBack)) };
                let event = self.shared.store.decision_of(DecisionId::from_uuid(id)).await?;
                let Some(outcome) = event.and_then(|event| event.outcome) else { return Ok(Err(Left::DecisionGone)) };
                let Some(team) = outcome.team else { return Ok(Err(Left::NoTeam)) };
                let mut message = message.clone();
                message.headers.remove(DIVERTED_HEADER);
                Ok(Ok(Publication { address: Address::team(&team, outcome.priority), message }))
            }
        }
    }

    /// Nothing is changed in the store but its audit log; `done` is the request, with the messages that it was done with.
    async fn record<M: prost::Name + Default + 'static>(
        &self,
        mutation: Mutation,
        parking: Parking,
        done: M,
    ) -> Result<()> {
        let record = change(&self.shared.store, mutation, move |tx| {
            Box::pin(async move {
                tx.record(parking.collection(), None, Some(&done));
                Ok(done)
            })
        });
        record.await.map(drop)
    }

    /// Takes what is done with, by its place in `deliveries`, from the queue. The rest goes to its end, as a new message,
    /// and not back to its place: a broker that counts what comes back would one day throw it away.
    async fn put_back(
        &self,
        consumer: &mut dyn Consumer,
        parking: Parking,
        deliveries: Vec<Delivery>,
        done: &BTreeSet<usize>,
    ) -> Result<()> {
        let (mut settled, mut rest) = (Vec::new(), Vec::new());
        for (place, delivery) in deliveries.into_iter().enumerate() {
            if done.contains(&place) { settled.push(delivery) } else { rest.push(delivery) }
        }
        let again = rest.iter().map(|delivery| parking.again(delivery.message.clone())).collect();
        let outcomes = self.shared.bus.publish(again, PUBLISH_TIMEOUT).await;
        // What was not confirmed stays unacknowledged, and so where it is.
        let kept = rest.into_iter().zip(outcomes).filter(|(_, outcome)| *outcome == Outcome::Confirmed);
        settled.extend(kept.map(|(delivery, _)| delivery));
        consumer.ack(settled).await.map_err(ended)
    }
}

fn ended(error: ConsumeEnded) -> CallError {
    BusError::Unavailable(error.to_string()).into()
}

fn ids(deliveries: &[Delivery], places: &BTreeSet<usize>) -> Vec<String> {
    places.iter().filter_map(|place| deliveries.get(*place)).map(|delivery| delivery.message.id.clone()).collect()
}
