//! A subscription: one channel on the consuming connection.
//!
//! Must never send `basic.cancel`: deliveries may be on their way to us at any moment, and a cancel with something
//! unacknowledged lets the queue's next consumer overtake it. Closing the channel puts everything back in its place
//! first. lapin's `Consumer` cancels when it is dropped, unless its channel is closing: so the channel goes first.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt};
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use metrics::counter;
use tokio::task::yield_now;
use tokio::time::timeout;
use tracing::warn;
use waypost_bus::{BusError, ConsumeEnded, Consumer, Delivery};
use waypost_fault::{self as fault, Sabotage};

use crate::failure::{bus_error, consume_ended};
use crate::link::{Link, OwnChannel};
use crate::metrics::{ACKS_LOST, DELIVERIES, REDELIVERIES};
use crate::topology::short_name;
use crate::wire;

/// For the broker to confirm that the channel is closed; without that a dead connection's heartbeat will tell it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// For lapin to write acknowledgements: it waits for them only while the broker takes nothing.
const ACK_TIMEOUT: Duration = Duration::from_secs(10);

/// Only for sabotage: how long to wait for something to hold, at most.
const HOLD_TIMEOUT: Duration = Duration::from_secs(5);
/// Only for sabotage: how long to keep what is held, which is longer than another replica takes to take over.
const LINGER: Duration = Duration::from_secs(15);
/// Only for sabotage: deliveries to hold, enough for some of their customers to write again meanwhile.
const HELD: usize = 20;

pub(crate) struct RabbitConsumer {
    /// Dropped before `deliveries`, as fields are in their order: closing puts everything back, cancelling would not.
    channel: OwnChannel,
    deliveries: lapin::Consumer,
    /// Taken from the stream and not handed out: a dropped `next_batch` leaves them here.
    waiting: VecDeque<Delivery>,
    /// Delivery tags, in order, that were not acknowledged.
    unacknowledged: VecDeque<u64>,
    ended: Option<String>,
    link: Arc<Link>,
}

impl RabbitConsumer {
    pub(crate) async fn subscribe(link: Arc<Link>, queue: &str, prefetch: u16) -> Result<Self, BusError> {
        let name = short_name(queue)?;
        let channel = link.channel().await.map_err(|error| bus_error(queue, &error))?;
        // The only bound on lapin's buffer. Zero would mean no bound.
        let qos = channel.basic_qos(prefetch.max(1), BasicQosOptions::default());
        qos.await.map_err(|error| bus_error(queue, &error))?;
        let options = BasicConsumeOptions::default();
        let deliveries = channel.basic_consume(name, "".into(), options, FieldTable::default()).await;
        let deliveries = deliveries.map_err(|error| bus_error(queue, &error))?;
        Ok(Self { channel, deliveries, waiting: VecDeque::new(), unacknowledged: VecDeque::new(), ended: None, link })
    }

    fn take_in(&mut self, item: Option<lapin::Result<lapin::message::Delivery>>) {
        match item {
            Some(Ok(delivery)) => {
                let delivery = wire::decode(delivery, self.link.user());
                self.unacknowledged.push_back(delivery.tag());
                self.waiting.push_back(delivery);
            }
            Some(Err(error)) => self.ended = Some(consume_ended(&error).0),
            // The queue was deleted, or the channel closed without an error.
            None => self.ended = Some("the broker ended the subscription".to_owned()),
        }
    }

    /// Takes in what has arrived, until `max` are waiting.
    fn take_in_arrived(&mut self, max: usize) {
        while self.waiting.len() < max && self.ended.is_none() {
            let Some(item) = self.deliveries.next().now_or_never() else { return };
            self.take_in(item);
        }
    }

    fn check(&self) -> Result<(), ConsumeEnded> {
        match &self.ended {
            Some(why) => Err(ConsumeEnded(why.clone())),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Consumer for RabbitConsumer {
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Delivery>, ConsumeEnded> {
        let max = max.max(1);
        self.take_in_arrived(max);
        while self.waiting.is_empty() {
            self.check()?;
            let item = self.deliveries.next().await;
            self.take_in(item);
        }
        self.take_in_arrived(max);
        if self.waiting.len() < max {
            // Under load more is about to be there: lapin's thread hands over one delivery at a time.
            yield_now().await;
            self.take_in_arrived(max);
        }
        // What the broker has taken back must not be handled: somebody else will get it.
        self.check()?;
        let batch: Vec<Delivery> = self.waiting.drain(..max.min(self.waiting.len())).collect();
        counter!(DELIVERIES).increment(batch.len() as u64);
        let redelivered = batch.iter().filter(|delivery| delivery.redelivered).count();
        if redelivered > 0 {
            counter!(REDELIVERIES).increment(redelivered as u64);
        }
        Ok(batch)
    }

    async fn ack(&mut self, deliveries: Vec<Delivery>) -> Result<(), ConsumeEnded> {
        let mut tags: Vec<u64> = deliveries.iter().map(Delivery::tag).collect();
        tags.sort_unstable();
        let acks = acks(&mut self.unacknowledged, &tags);
        let write = async {
            for (tag, multiple) in acks {
                self.channel
                    .basic_ack(tag, BasicAckOptions { multiple })
                    .await
                    .map_err(|error| consume_ended(&error))?;
            }
            Ok(())
        };
        let written = timeout(ACK_TIMEOUT, write).await;
        let written = written.unwrap_or_else(|_| Err(ConsumeEnded("the broker takes no acknowledgements".to_owned())));
        written.inspect_err(|ended| {
            counter!(ACKS_LOST).increment(tags.len() as u64);
            self.ended = Some(ended.0.clone());
        })
    }

    async fn close(self: Box<Self>) -> bool {
        if fault::sabotaged(Sabotage::CancelWithUnacked) {
            cancel_and_linger(*self).await;
            return true;
        }
        if self.channel.status().connected() {
            return self.channel.close(CLOSE_TIMEOUT).await;
        }
        // Closed by the broker, which needs no goodbye; or gone with its connection, of which the broker may hear late.
        self.link.is_connected()
    }
}

/// Only for sabotage: holds something for certain, and the next consumer comes before it is given back.
async fn cancel_and_linger(mut consumer: RabbitConsumer) {
    let hold = async { while consumer.unacknowledged.len() < HELD && consumer.next_batch(HELD).await.is_ok() {} };
    timeout(HOLD_TIMEOUT, hold).await.ok();
    let cancelling = consumer.channel.basic_cancel(consumer.deliveries.tag(), BasicCancelOptions::default());
    if let Err(error) = cancelling.await {
        warn!(%error, "not cancelled");
    }
    tokio::spawn(async move {
        tokio::time::sleep(LINGER).await;
        drop(consumer);
    });
}

/// The acknowledgements to send for `tags`, which are sorted, as (tag, multiple). What comes first in `unacknowledged`
/// without a gap takes one; what follows a gap one each.
fn acks(unacknowledged: &mut VecDeque<u64>, tags: &[u64]) -> Vec<(u64, bool)> {
    let prefix = tags.iter().zip(unacknowledged.iter()).take_while(|(tag, first)| tag == first).count();
    unacknowledged.drain(..prefix);
    let mut acks = Vec::new();
    if let Some(last) = tags[..prefix].last() {
        acks.push((*last, prefix > 1));
    }
    for tag in &tags[prefix..] {
        // A tag that is not there was acknowledged before; the broker would end the channel for it.
        if let Ok(place) = unacknowledged.binary_search(tag) {
            unacknowledged.remove(place);
            acks.push((*tag, false));
        }
    }
    acks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_are_few_and_never_too_wide() {
        let cases = [
            (vec![1, 2, 3, 4, 5], vec![(5, true)], vec![]),
            (vec![1, 2, 3], vec![(3, true)], vec![4, 5]),
            (vec![1], vec![(1, false)], vec![2, 3, 4, 5]),
            (vec![2, 3], vec![(2, false), (3, false)], vec![1, 4, 5]),
            (vec![1, 2, 4], vec![(2, true), (4, false)], vec![3, 5]),
            (vec![], vec![], vec![1, 2, 3, 4, 5]),
            (vec![9], vec![], vec![1, 2, 3, 4, 5]),
        ];
        for (tags, expected, left) in cases {
            let mut unacknowledged = VecDeque::from([1, 2, 3, 4, 5]);
            assert_eq!(acks(&mut unacknowledged, &tags), expected, "{tags:?}");
            assert_eq!(unacknowledged, left, "{tags:?}");
        }
    }
}
