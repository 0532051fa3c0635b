//! One channel in confirm mode and its owner. Publications go out in batches: everything that waits is sent at once, and
//! the next batch starts when the broker has confirmed, returned or refused all of the last.
//!
//! Batches never overlap on a channel, because lapin attaches a returned message to whichever confirm of the channel
//! completes next, which need not be its own: with a batch as the unit, a return is looked up by its message id among
//! all it can belong to, and an unroutable message is never taken for a confirmed one. Given A (unroutable) and B in one
//! batch, lapin may hand A's return to whoever awaits B's confirm; then A is found by its id and B stays confirmed, else
//! A would count as stored and be lost.
//!
//! Must never start a batch while frames of an earlier one may still be on their way.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm};
use metrics::counter;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use waypost_bus::topology::Stream;
use waypost_bus::{Outcome, Publication};
use waypost_fault as fault;

use crate::failure::{Failure, reason};
use crate::link::{Link, LinkState, OwnChannel};
use crate::metrics::CHANNELS_LOST;
use crate::wire;

/// A batch takes no further request when it has this many publications.
const BATCH_MAX: usize = 512;
/// To open or close a channel.
const CHANNEL_TIMEOUT: Duration = Duration::from_secs(2);
/// After an alarm is over, for the confirms of what was sent before it.
const UNBLOCKED_GRACE: Duration = Duration::from_secs(10);
/// A channel that had a publication refused is replaced so much later. RabbitMQ 3.10 asks a quorum queue's leader, as it
/// was known when the channel first published there, whether the queue takes anything: where that was a node that had
/// just died, the channel is refused for ever.
const REFUSED_RENEW_AFTER: Duration = Duration::from_secs(1);
/// A refusal by the broker repeats with every attempt, its log line does not.
const LOG_REFUSAL_EVERY: Duration = Duration::from_secs(10);

/// Publications of one call.
pub(crate) struct PublishRequest {
    pub(crate) publications: Vec<Publication>,
    pub(crate) deadline: Instant,
    pub(crate) reply: oneshot::Sender<Vec<Outcome>>,
    pub(crate) in_flight: InFlight,
}

/// Held while publications are in flight.
pub(crate) struct InFlight {
    _count: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl InFlight {
    pub(crate) const fn new(count: OwnedSemaphorePermit, bytes: OwnedSemaphorePermit) -> Self {
        Self { _count: count, _bytes: bytes }
    }
}

pub(crate) struct PublishChannel {
    state: watch::Receiver<LinkState>,
    inbox: mpsc::Receiver<PublishRequest>,
    channel: Option<(Arc<Link>, OwnChannel)>,
    refusal_logged_at: Option<Instant>,
    /// Since when the channel has had publications refused.
    refused_since: Option<Instant>,
}

impl PublishChannel {
    pub(crate) const fn new(state: watch::Receiver<LinkState>, inbox: mpsc::Receiver<PublishRequest>) -> Self {
        Self { state, inbox, channel: None, refusal_logged_at: None, refused_since: None }
    }

    /// Until `stop`; what waits then is in doubt for its callers.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while let Some(Some(first)) = stop.run_until_cancelled(self.inbox.recv()).await {
            let mut number = first.publications.len();
            let mut requests = vec![first];
            while number < BATCH_MAX {
                let Ok(request) = self.inbox.try_recv() else { break };
                number += request.publications.len();
                requests.push(request);
            }
            self.publish(requests).await;
        }
    }

    async fn publish(&mut self, requests: Vec<PublishRequest>) {
        let now = Instant::now();
        let (late, requests): (Vec<PublishRequest>, Vec<PublishRequest>) =
            requests.into_iter().partition(|request| request.deadline <= now);
        late.into_iter().for_each(never_sent);
        let Some(deadline) = requests.iter().map(|request| request.deadline).max() else { return };
        let Some((link, channel)) = self.open().await else {
            return requests.into_iter().for_each(never_sent);
        };
        let mut replies = Vec::with_capacity(requests.len());
        let (mut outgoing, mut properties) = (Vec::new(), Vec::new());
        for request in requests {
            replies.push((request.publications.len(), request.reply, request.in_flight));
            for publication in request.publications {
                let (one, its_properties) = encode(publication, link.user());
                outgoing.push(one);
                properties.push(its_properties);
            }
        }
        let mut batch = ConfirmBatch::send(&channel, &outgoing, properties);
        fault::point(fault::BUS_BEFORE_CONFIRM);
        if timeout_at(deadline, batch.await_confirms()).await.is_err() {
            self.confirms_overdue(&link, &channel, &mut batch).await;
        }
        let (mut outcomes, failure) = batch.outcomes();
        if let Some(failure) = failure {
            self.failed(&failure, &outgoing, &mut outcomes);
        }
        if channel.status().connected() {
            self.keep(link, channel, &outcomes);
        } else {
            counter!(CHANNELS_LOST).increment(1);
        }
        let mut outcomes = outcomes.into_iter();
        for (number, reply, in_flight) in replies {
            drop(in_flight);
            // A caller that went away does not need to know.
            reply.send(outcomes.by_ref().take(number).collect()).ok();
        }
    }

    /// For the next batch, unless it has been refused for too long: dropped then, with nothing on its way.
    fn keep(&mut self, link: Arc<Link>, channel: OwnChannel, outcomes: &[Outcome]) {
        if self.refused_since.is_some_and(|since| since.elapsed() > REFUSED_RENEW_AFTER) {
            self.refused_since = None;
            return;
        }
        if outcomes.contains(&Outcome::Nacked) {
            self.refused_since.get_or_insert_with(Instant::now);
        }
        self.channel = Some((link, channel));
    }

    /// The channel, on the connection of now. `None`: publishing is not possible now.
    async fn open(&mut self) -> Option<(Arc<Link>, OwnChannel)> {
        let LinkState::Up(link) = self.state.borrow().clone() else { return None };
        if let Some((used, channel)) = self.channel.take()
            && Arc::ptr_eq(&used, &link)
            && channel.status().connected()
        {
            return Some((link, channel));
        }
        self.refused_since = None;
        let opened = timeout(CHANNEL_TIMEOUT, async {
            let channel = link.channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok::<OwnChannel, lapin::Error>(channel)
        });
        match opened.await {
            Ok(Ok(channel)) => Some((link, channel)),
            Ok(Err(error)) => {
                warn!(reason = reason(&error), "cannot open a publishing channel");
                None
            }
            Err(_) => {
                link.kill("the broker does not open a channel");
                None
            }
        }
    }

    /// Confirms are missing. The channel must not be used while frames of this batch may still be on their way: they
    /// would overtake or repeat what comes later.
    async fn confirms_overdue(&self, link: &Link, channel: &OwnChannel, batch: &mut ConfirmBatch<'_>) {
        let mut state = self.state.clone();
        while matches!(&*state.borrow_and_update(), LinkState::Blocked(..)) {
            // Nothing is written now. What lapin holds is sent, in order, when the alarm is over.
            let changed = tokio::select! {
                () = batch.await_confirms() => return,
                changed = state.changed() => changed,
            };
            if changed.is_err() || timeout(UNBLOCKED_GRACE, batch.await_confirms()).await.is_ok() {
                return;
            }
        }
        warn!("publishing channel abandoned: confirms are overdue");
        if !channel.close(CHANNEL_TIMEOUT).await {
            link.kill("confirms are overdue and the broker does not answer");
        }
    }

    /// The channel broke during the batch. Where the broker said why, that is worth more than "unknown".
    fn failed(&mut self, failure: &lapin::Error, outgoing: &[Outgoing], outcomes: &mut [Outcome]) {
        let text = reason(failure);
        let named = match Failure::of(failure) {
            Failure::NotFound => Outcome::Returned,
            Failure::Refused => Outcome::Refused,
            Failure::Mismatch | Failure::Lost => Outcome::Unknown,
        };
        if named != Outcome::Unknown && self.refusal_logged_at.is_none_or(|at| at.elapsed() > LOG_REFUSAL_EVERY) {
            self.refusal_logged_at = Some(Instant::now());
            error!(reason = text, "the broker refuses publications");
        }
        for (one, outcome) in outgoing.iter().zip(outcomes) {
            if *outcome == Outcome::Unknown && text.contains(&format!("'{}'", exchange_as_told(one.stream))) {
                *outcome = named;
            }
        }
    }
}

/// What the broker's own words call an exchange.
const fn exchange_as_told(stream: Stream) -> &'static str {
    match stream {
        Stream::Replies => "amq.default",
        named @ (Stream::Events
        | Stream::Send
        | Stream::Teams
        | Stream::Activity
        | Stream::Unrouted
        | Stream::DeadLetters) => named.name(),
    }
}

fn never_sent(request: PublishRequest) {
    let outcomes = vec![Outcome::Unavailable; request.publications.len()];
    request.reply.send(outcomes).ok();
}

/// A publication, to be sent and to be known again.
struct Outgoing {
    stream: Stream,
    key: ShortString,
    id: String,
    body: Bytes,
}

/// Without properties, AMQP cannot carry it.
fn encode(publication: Publication, user: &str) -> (Outgoing, Option<BasicProperties>) {
    let Publication { address, message } = publication;
    let (id, body) = (message.id.clone(), message.body.clone());
    let key = ShortString::try_new(address.key);
    let properties = key.is_ok().then(|| wire::properties(message, user)).flatten();
    (Outgoing { stream: address.stream, key: key.unwrap_or_default(), id, body }, properties)
}

impl Outgoing {
    fn is(&self, returned: &BasicReturnMessage) -> bool {
        let id = returned.delivery.properties.message_id().as_ref().map_or("", ShortString::as_str);
        self.id == id
            && self.key == returned.delivery.routing_key
            && self.stream.name() == returned.delivery.exchange.as_str()
    }
}

type Sending<'a> = Pin<Box<dyn Future<Output = lapin::Result<PublisherConfirm>> + Send + 'a>>;

enum Progress<'a> {
    Sending(Sending<'a>),
    Sent(PublisherConfirm),
    Done(Outcome),
}

/// Publications on their way over one channel.
struct ConfirmBatch<'a> {
    outgoing: &'a [Outgoing],
    progress: Vec<Progress<'a>>,
    returns: Vec<BasicReturnMessage>,
    failure: Option<lapin::Error>,
}

impl<'a> ConfirmBatch<'a> {
    /// Hands everything to lapin before waiting for anything.
    fn send(channel: &'a Channel, outgoing: &'a [Outgoing], properties: Vec<Option<BasicProperties>>) -> Self {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let progress = outgoing.iter().zip(properties).map(|(one, properties)| {
            // What AMQP cannot carry, no broker would store.
            let Some(properties) = properties else { return Progress::Done(Outcome::Nacked) };
            let (exchange, key) = (one.stream.name().into(), one.key.clone());
            let mut sending: Sending<'a> =
                Box::pin(channel.basic_publish(exchange, key, options, &one.body, properties));
            // The first poll queues the frames. Nobody needs to be woken: each is polled again when its turn comes,
            // and tells then if it has failed already.
            match sending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(confirm)) => Progress::Sent(confirm),
                Poll::Ready(Err(error)) => Progress::Sending(Box::pin(ready(Err(error)))),
                Poll::Pending => Progress::Sending(sending),
            }
        });
        Self { progress: progress.collect(), outgoing, returns: Vec::new(), failure: None }
    }

    /// Waits for every answer. Cancel-safe: what was answered is kept. One by one, because the wait is over when the
    /// last has come, and a set of futures would be polled over and over.
    async fn await_confirms(&mut self) {
        for progress in &mut self.progress {
            if let Progress::Sending(sending) = progress {
                *progress = match sending.await {
                    Ok(confirm) => Progress::Sent(confirm),
                    Err(error) => Progress::Done(failed(&mut self.failure, error)),
                };
            }
            if let Progress::Sent(confirm) = progress {
                *progress = Progress::Done(match confirm.await {
                    Ok(Confirmation::Ack(returned)) => {
                        self.returns.extend(returned);
                        Outcome::Confirmed
                    }
                    Ok(Confirmation::Nack(returned)) => {
                        self.returns.extend(returned);
                        Outcome::Nacked
                    }
                    // The channel confirms, or it would not have been opened.
                    Ok(Confirmation::NotRequested) => Outcome::Unknown,
                    Err(error) => failed(&mut self.failure, error),
                });
            }
        }
    }

    /// What became of each, and the channel's failure if it had one.
    fn outcomes(self) -> (Vec<Outcome>, Option<lapin::Error>) {
        let outcome = |progress| match progress {
            Progress::Sending(_) | Progress::Sent(_) => Outcome::Unknown,
            Progress::Done(outcome) => outcome,
        };
        let mut outcomes: Vec<Outcome> = self.progress.into_iter().map(outcome).collect();
        attribute_returns(&self.returns, self.outgoing, &mut outcomes);
        (outcomes, self.failure)
    }
}

/// Keeps the broker's own words rather than lapin's "channel closed".
fn failed(known: &mut Option<lapin::Error>, error: lapin::Error) -> Outcome {
    if known.as_ref().is_none_or(|known| Failure::of(known) == Failure::Lost) {
        *known = Some(error);
    }
    Outcome::Unknown
}

/// A returned message may come with another one's confirm.
fn attribute_returns(returns: &[BasicReturnMessage], outgoing: &[Outgoing], outcomes: &mut [Outcome]) {
    for returned in returns {
        let own = |index: &usize| outgoing[*index].is(returned) && outcomes[*index] != Outcome::Returned;
        match (0..outgoing.len()).find(own) {
            Some(index) => outcomes[index] = Outcome::Returned,
            None => {
                // Some publication of this batch is not stored, and we cannot tell which.
                error!("the broker returned a message that was not sent");
                outcomes.iter_mut().filter(|outcome| **outcome == Outcome::Confirmed).for_each(|outcome| {
                    *outcome = Outcome::Unknown;
                });
            }
        }
    }
}
