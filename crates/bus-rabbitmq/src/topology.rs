//! How the queues are declared on RabbitMQ: the one place with exchanges, arguments and bindings.
//!
//! Every exchange is direct, durable and has no alternate exchange: with one, `mandatory` returns nothing. Every safety
//! key is an argument of the queue, so that a mismatch is found by declaring again. Sizes are policies (see
//! [`definitions`]): they may change while a queue lives. Must never delete or change anything.

mod definitions;

use std::collections::BTreeSet;

use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use tracing::warn;
use waypost_bus::{BusError, Depth, Queue, Stream, Topology};

use crate::failure::{Failure, bus_error, mismatch, reason};
use crate::link::{Link, OwnChannel};

pub use definitions::{USERS, User, definitions, user_names};

/// An argument of a queue, as AMQP and as JSON need it.
#[derive(Debug, Clone, PartialEq)]
enum Argument {
    Text(&'static str),
    Number(i64),
    Flag(bool),
}

/// The arguments of `queue`, by name.
fn arguments(queue: &Queue) -> Vec<(&'static str, Argument)> {
    let mut arguments = vec![
        ("x-queue-type", Argument::Text("quorum")),
        // Always there: without it RabbitMQ 3 puts what comes back at the end, and RabbitMQ 4 takes 20.
        ("x-delivery-limit", Argument::Number(queue.kind.deliveries_max().into())),
        // Full means refused, never dropped. Dead-lettering at least once silently degrades without it.
        ("x-overflow", Argument::Text("reject-publish")),
    ];
    if queue.kind.dead_letters() {
        arguments.extend([
            ("x-dead-letter-exchange", Argument::Text(Stream::DeadLetters.name())),
            ("x-dead-letter-routing-key", Argument::Text(waypost_bus::topology::DEAD_LETTERS_KEY)),
            ("x-dead-letter-strategy", Argument::Text("at-least-once")),
        ]);
    }
    if queue.kind.single_active_consumer() {
        arguments.push(("x-single-active-consumer", Argument::Flag(true)));
    }
    if let Some(messages_max) = queue.messages_max {
        arguments.push(("x-max-length", Argument::Number(i64::try_from(messages_max).unwrap_or(i64::MAX))));
    }
    arguments
}

fn amqp_arguments(queue: &Queue) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments(queue) {
        let value = match value {
            Argument::Text(text) => AMQPValue::LongString(text.into()),
            Argument::Number(number) => AMQPValue::LongLongInt(number),
            Argument::Flag(flag) => AMQPValue::Boolean(flag),
        };
        table.insert(name.into(), value);
    }
    table
}

/// The exchanges that `topology` needs, that of the dead letters included.
fn streams(topology: &Topology) -> BTreeSet<Stream> {
    let mut streams: BTreeSet<Stream> = topology.queues.iter().map(|queue| queue.address.stream).collect();
    if topology.queues.iter().any(|queue| queue.kind.dead_letters()) {
        streams.insert(Stream::DeadLetters);
    }
    streams
}

/// Creates what is missing. Where we may not create, it is enough that it is there.
pub(crate) async fn declare(link: &Link, topology: &Topology) -> Result<(), BusError> {
    let mut channel = Checked::new(link);
    for stream in streams(topology) {
        if channel.exchange(stream, true).await?.is_err() {
            channel.exchange(stream, false).await?.map_err(|error| refused(stream.name(), &error))?;
        }
    }
    for queue in &topology.queues {
        match channel.queue(queue).await? {
            Ok(()) => channel.bind(queue).await?.map_err(|error| bus_error(&queue.name, &error))?,
            Err(error) if Failure::of(&error) == Failure::Refused => {
                channel.depth(&queue.name).await?.map_err(|_| refused(&queue.name, &error))?;
            }
            Err(error) => return Err(bus_error(&queue.name, &error)),
        }
    }
    Ok(())
}

/// One line per difference. AMQP cannot list bindings: a missing one shows as returned publications.
pub(crate) async fn verify(link: &Link, topology: &Topology) -> Result<Vec<String>, BusError> {
    let mut channel = Checked::new(link);
    let mut differences = Vec::new();
    for stream in streams(topology) {
        match channel.exchange(stream, true).await? {
            Ok(()) => {}
            Err(error) => differences.push(difference(&format!("exchange {}", stream.name()), &error)?),
        }
    }
    for queue in &topology.queues {
        let name = format!("queue {}", queue.name);
        if let Err(error) = channel.depth(&queue.name).await? {
            differences.push(difference(&name, &error)?);
            continue;
        }
        // It exists, so this creates nothing.
        if let Err(error) = channel.queue(queue).await? {
            differences.push(difference(&name, &error)?);
        }
    }
    Ok(differences)
}

fn difference(name: &str, error: &lapin::Error) -> Result<String, BusError> {
    match Failure::of(error) {
        Failure::NotFound => Ok(format!("{name} is missing")),
        Failure::Mismatch => Ok(format!("{name} differs: {}", mismatch(error))),
        // Only who may declare can compare.
        Failure::Refused => Ok(format!("{name} is there; its arguments: {}", reason(error))),
        Failure::Lost => Err(BusError::Unavailable(reason(error))),
    }
}

/// `None`: there is no such queue.
pub(crate) async fn depth(link: &Link, queue: &str) -> Result<Option<Depth>, BusError> {
    match Checked::new(link).depth(queue).await? {
        Ok(depth) => Ok(Some(depth)),
        Err(error) if Failure::of(&error) == Failure::NotFound => Ok(None),
        Err(error) => Err(bus_error(queue, &error)),
    }
}

/// After a reconnect: a publication to a missing exchange costs its channel, so they are put back where we may.
pub(crate) async fn restore_exchanges(link: &Link) {
    let mut channel = Checked::new(link);
    for stream in Stream::ALL {
        let restored = match channel.exchange(stream, true).await {
            Ok(Ok(())) => Ok(Ok(())),
            Ok(Err(_)) => channel.exchange(stream, false).await,
            Err(lost) => Err(lost),
        };
        match restored {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(exchange = stream.name(), reason = reason(&error), "exchange is missing"),
            // The next connection will see to it.
            Err(_) => return,
        }
    }
}

fn refused(name: &str, error: &lapin::Error) -> BusError {
    match Failure::of(error) {
        Failure::Refused => BusError::Refused(format!(
            "{name} is missing and may not be declared by this user ({}); let a user with the configure permission run \
             `waypost topology declare`",
            reason(error)
        )),
        Failure::NotFound | Failure::Mismatch | Failure::Lost => bus_error(name, error),
    }
}

/// A channel for questions. The broker answers some of them by closing it; then the next one gets a new one.
///
/// The outer error of its methods: no channel can be had. The inner one: the broker's answer.
struct Checked<'a> {
    link: &'a Link,
    channel: Option<OwnChannel>,
}

impl<'a> Checked<'a> {
    const fn new(link: &'a Link) -> Self {
        Self { link, channel: None }
    }

    async fn exchange(&mut self, stream: Stream, passive: bool) -> Result<lapin::Result<()>, BusError> {
        let options = ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
        let channel = self.open().await?;
        Ok(channel.exchange_declare(stream.name().into(), ExchangeKind::Direct, options, FieldTable::default()).await)
    }

    /// Declares it: creates it, or compares the arguments.
    async fn queue(&mut self, queue: &Queue) -> Result<lapin::Result<()>, BusError> {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let channel = self.open().await?;
        let declared = channel.queue_declare(queue.name.as_str().into(), options, amqp_arguments(queue)).await;
        Ok(declared.map(drop))
    }

    async fn bind(&mut self, queue: &Queue) -> Result<lapin::Result<()>, BusError> {
        let channel = self.open().await?;
        let (name, exchange) = (queue.name.as_str().into(), queue.address.stream.name().into());
        let key = queue.address.key.as_str().into();
        Ok(channel.queue_bind(name, exchange, key, QueueBindOptions::default(), FieldTable::default()).await)
    }

    async fn depth(&mut self, queue: &str) -> Result<lapin::Result<Depth>, BusError> {
        let name = short_name(queue)?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = self.open().await?.queue_declare(name, options, FieldTable::default()).await;
        Ok(declared.map(|queue| Depth {
            ready: queue.message_count().into(),
            unacknowledged: None,
            consumers: queue.consumer_count().into(),
            oldest_at: None,
        }))
    }

    async fn open(&mut self) -> Result<&OwnChannel, BusError> {
        let usable = self.channel.take().filter(|channel| channel.status().connected());
        let channel = match usable {
            Some(channel) => channel,
            None => self.link.channel().await.map_err(|error| BusError::Unavailable(reason(&error)))?,
        };
        Ok(self.channel.insert(channel))
    }
}

/// A queue's name as AMQP wants it; what is too long for AMQP cannot exist.
pub(crate) fn short_name(queue: &str) -> Result<lapin::types::ShortString, BusError> {
    lapin::types::ShortString::try_new(queue).map_err(|_| BusError::NoSuchQueue(queue.to_owned()))
}

#[cfg(test)]
mod tests {
    use waypost_bus::{Address, QueueKind};

    use super::*;

    const KINDS: [QueueKind; 4] = [QueueKind::Partitioned, QueueKind::Work, QueueKind::Team, QueueKind::Parking];

    fn queue(kind: QueueKind, messages_max: Option<u64>) -> Queue {
        Queue { name: "q".to_owned(), address: Address::activity(), kind, messages_max }
    }

    /// The table of the topology: a change here needs every existing queue to be drained and deleted.
    #[test]
    fn arguments_by_kind() {
        let safety = |limit| format!("x-queue-type=quorum x-delivery-limit={limit} x-overflow=reject-publish");
        let dead = "x-dead-letter-exchange=wa.dead-letters x-dead-letter-routing-key=dead x-dead-letter-strategy=at-least-once";
        let expected = [
            format!("{} {dead} x-single-active-consumer=true", safety(10_000)),
            format!("{} {dead}", safety(20)),
            format!("{} {dead}", safety(20)),
            safety(i32::MAX),
        ];
        for (kind, expected) in KINDS.into_iter().zip(expected) {
            assert_eq!(written(&queue(kind, None)), expected, "{kind:?}");
            assert_eq!(written(&queue(kind, Some(7))), format!("{expected} x-max-length=7"), "{kind:?}");
        }
    }

    fn written(queue: &Queue) -> String {
        let one = |(name, value)| match value {
            Argument::Text(text) => format!("{name}={text}"),
            Argument::Number(number) => format!("{name}={number}"),
            Argument::Flag(flag) => format!("{name}={flag}"),
        };
        arguments(queue).into_iter().map(one).collect::<Vec<String>>().join(" ")
    }
}
