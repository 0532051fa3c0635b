//! Reads all queues of a bus, and sorts what comes by the POST that it came in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use waypost_bus::topology::DEAD_LETTERS_QUEUE;
use waypost_bus::{Bus, Layout, Message, Topology};
use waypost_cloud_api::webhook::{Sender, decode_message, decode_status};
use waypost_domain::message::TapSource;
use waypost_proto::v1::{Event, EventKind};
use waypost_proto::{EVENT_KIND, bundled_events, decode_event};

use super::expected::{self, Found};

const PREFETCH: u16 = 128;
/// Between the consumers and us.
const ARRIVALS_MAX: usize = 256;

/// A message, and the queue that it came from.
struct Arrival {
    queue: String,
    message: Message,
}

/// Where in its POST an event stood: entry, change, item.
type Position = (u32, u32, u32);

/// What came in with one POST.
#[derive(Default)]
pub(super) struct Parts {
    events: BTreeMap<Position, Event>,
    quarantined: Vec<Vec<u8>>,
    strange: Vec<String>,
}

/// Consumes everything, in the background. Ended by [`end`](Self::end) or by dropping it.
pub(super) struct Collector {
    arrivals: mpsc::Receiver<Arrival>,
    consumers: JoinSet<anyhow::Result<()>>,
    stop: CancellationToken,
    /// One for each body, in the order of posting.
    bodies: Vec<Parts>,
    /// To which body a POST belongs, once something of it came.
    body_of_post: BTreeMap<String, usize>,
}

impl Collector {
    pub(super) async fn start(bus: &Arc<dyn Bus>, topology: &Topology) -> anyhow::Result<Self> {
        let (sender, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let mut consumers = JoinSet::new();
        let stop = CancellationToken::new();
        for queue in &topology.queues {
            let consumer = bus.consume(&queue.name, PREFETCH).await.with_context(|| queue.name.clone())?;
            consumers.spawn(consume(consumer, queue.name.clone(), sender.clone(), stop.clone()));
        }
        Ok(Self { arrivals, consumers, stop, bodies: Vec::new(), body_of_post: BTreeMap::new() })
    }

    /// The next body is about to be posted: what comes of a POST that is not known yet belongs to it.
    pub(super) fn next_body(&mut self) {
        self.bodies.push(Parts::default());
    }

    /// Waits until `parts` have come of the body posted last, or until `deadline` has passed.
    pub(super) async fn wait_for(&mut self, parts: usize, deadline: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + deadline;
        while self.bodies.last().map_or(0, Parts::count) < parts {
            let Ok(arrival) = timeout_at(until, self.arrivals.recv()).await else {
                return Ok(()); // the comparison says what is missing
            };
            let Some(arrival) = arrival else { bail!("all consumers have ended") };
            self.sort(arrival);
        }
        Ok(())
    }

    /// Takes what is still on its way, ends the consumers and gives what came of each body.
    pub(super) async fn end(mut self, bus: &Arc<dyn Bus>, topology: &Topology) -> anyhow::Result<Vec<Found>> {
        // Everything was confirmed before its POST was answered, so all of it is in the queues or here.
        for queue in &topology.queues {
            while bus.depth(&queue.name).await?.is_some_and(|depth| depth.ready > 0) {
                let pause = tokio::time::sleep(Duration::from_millis(50));
                tokio::select! {
                    () = pause => {}
                    Some(arrival) = self.arrivals.recv() => self.sort(arrival),
                }
            }
        }
        self.stop.cancel();
        while let Some(arrival) = self.arrivals.recv().await {
            self.sort(arrival);
        }
        while let Some(ended) = self.consumers.join_next().await {
            ended??;
        }
        Ok(self.bodies.into_iter().map(Parts::into_found).collect())
    }

    fn sort(&mut self, arrival: Arrival) {
        let Some(current) = self.bodies.len().checked_sub(1) else { return };
        let Arrival { queue, message } = arrival;
        if queue == DEAD_LETTERS_QUEUE {
            self.bodies[current].quarantined.push(message.body.to_vec());
            return;
        }
        if message.kind != EVENT_KIND {
            self.bodies[current].strange.push(format!("{queue}: a message of kind {:?}", message.kind));
            return;
        }
        if queue.starts_with("wa.optin.") {
            // The same events once more: each of them is looked at where the router gets it.
            if bundled_events(&message.body).is_none() {
                self.bodies[current].strange.push(format!("{queue}: a message that is no bundle"));
            }
            return;
        }
        match decode_event(message.body) {
            Ok(event) => {
                let body = *self.body_of_post.entry(event.post_id.clone()).or_insert(current);
                self.bodies[body].add(&queue, event);
            }
            Err(error) => self.bodies[current].strange.push(format!("{queue}: {error}")),
        }
    }
}

async fn consume(
    mut consumer: Box<dyn waypost_bus::Consumer>,
    queue: String,
    arrivals: mpsc::Sender<Arrival>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let deliveries = tokio::select! {
            deliveries = consumer.next_batch(usize::from(PREFETCH)) => deliveries.with_context(|| queue.clone())?,
            () = stop.cancelled() => break,
        };
        for delivery in &deliveries {
            let arrival = Arrival { queue: queue.clone(), message: delivery.message.clone() };
            if arrivals.send(arrival).await.is_err() {
                return Ok(()); // nobody collects any more
            }
        }
        consumer.ack(deliveries).await.with_context(|| queue.clone())?;
    }
    consumer.close().await;
    Ok(())
}

impl Parts {
    fn count(&self) -> usize {
        self.events.len() + self.quarantined.len()
    }

    fn add(&mut self, queue: &str, event: Event) {
        let position = (event.entry_index, event.change_index, event.item_index);
        if let Some(expected) = queue_prefix(event.kind())
            && !queue.starts_with(expected)
        {
            self.strange.push(format!("event {position:?}: expected on {expected}, found on {queue}"));
        }
        if self.events.insert(position, event).is_some() {
            self.strange.push(format!("event {position:?}: came twice"));
        }
    }

    fn into_found(self) -> Found {
        let mut found = Found { quarantined: self.quarantined, strange: self.strange, ..Found::default() };
        let mut others: BTreeMap<(u32, u32), String> = BTreeMap::new();
        let mut with_items = BTreeSet::new();
        for (position, event) in self.events {
            let change = (position.0, position.1);
            let json = String::from_utf8_lossy(&event.json);
            match event.kind() {
                EventKind::Message | EventKind::StandbyMessage => {
                    with_items.insert(change);
                    match message(&event, &json) {
                        Ok(message) => found.messages.push(message),
                        Err(error) => found.strange.push(format!("event {position:?}: {error:#}")),
                    }
                }
                EventKind::Status => {
                    with_items.insert(change);
                    match status(&json) {
                        Ok(status) => found.statuses.push(status),
                        Err(error) => found.strange.push(format!("event {position:?}: {error:#}")),
                    }
                }
                // A change with several echoes is one change.
                EventKind::Echo | EventKind::ContactChange | EventKind::AccountChange => {
                    others.insert(change, event.field);
                }
                EventKind::Unspecified => found.strange.push(format!("event {position:?}: no kind")),
            }
        }
        // What stands beside messages or statuses (an `errors` list, say) is no change of its own.
        others.retain(|change, _| !with_items.contains(change));
        found.other_changes = others.into_values().collect();
        found
    }
}

/// What the names of the queues begin with on which events of that kind belong.
fn queue_prefix(kind: EventKind) -> Option<&'static str> {
    match kind {
        EventKind::Message | EventKind::StandbyMessage | EventKind::Echo | EventKind::ContactChange => Some("wa.in."),
        EventKind::Status => Some("wa.st."),
        EventKind::AccountChange => Some("wa.account"),
        EventKind::Unspecified => None,
    }
}

/// What a reader of the bus makes of a message event.
fn message(event: &Event, json: &str) -> anyhow::Result<expected::Message> {
    let sender = Sender {
        aliases: event.aliases(),
        profile_name: present(&event.profile_name),
        username: present(&event.username),
    };
    let message = decode_message(json, &sender)?;
    if message.summary(None).trim().is_empty() {
        anyhow::bail!("the summary is empty");
    }
    // The domain keeps who it is, not where it said so; the item's own words are passed on untouched.
    let item: serde_json::Value = serde_json::from_str(json)?;
    let (reply_id, button_payload) = match message.tap {
        Some(tap) => match tap.source {
            TapSource::Button | TapSource::List => (Some(tap.id), None),
            TapSource::Template => (None, Some(tap.id)),
        },
        None => (None, None),
    };
    Ok(expected::Message {
        id: message.id,
        kind: present(message.kind.as_str()),
        from: message.from,
        from_user_id: item["from_user_id"].as_str().map(ToOwned::to_owned),
        text: message.text,
        reply_id,
        button_payload,
    })
}

fn status(json: &str) -> anyhow::Result<expected::Status> {
    let status = decode_status(json)?;
    Ok(expected::Status { id: present(&status.id), status: present(status.state.as_str()) })
}

fn present(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The queues that the ingress publishes to.
pub(super) fn topology(layout: Layout) -> Topology {
    Topology::new(layout, &BTreeSet::new(), false)
}
