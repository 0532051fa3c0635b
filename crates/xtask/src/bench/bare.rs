//! The floor: what lapin and the broker do when nobody thinks. Persistent messages, quorum queues, confirms, bursts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures_util::StreamExt;
use futures_util::future::join_all;
use hdrhistogram::Histogram;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::task::JoinSet;

/// Where a message goes: exchange and key.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) exchange: String,
    pub(crate) key: String,
}

pub(crate) async fn connect(url: &str) -> anyhow::Result<Connection> {
    Connection::connect(url, ConnectionProperties::default()).await.context("connect to the broker")
}

pub(crate) async fn confirm_channel(connection: &Connection) -> anyhow::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

/// Publishes `messages` over the targets, `burst` at a time on each, one channel per target. Returns the time taken.
pub(crate) async fn publish(
    connection: &Connection,
    targets: &[Target],
    messages: usize,
    burst: usize,
    body: &[u8],
) -> anyhow::Result<Duration> {
    let mut channels = Vec::new();
    for target in targets {
        channels.push((confirm_channel(connection).await?, target.clone()));
    }
    let share = messages / targets.len();
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for (channel, target) in channels {
        let body = body.to_vec();
        tasks.spawn(async move {
            let mut left = share;
            while left > 0 {
                let count = left.min(burst);
                publish_burst(&channel, (0..count).map(|_| (&target, &body[..]))).await?;
                left -= count;
            }
            channel.close(200, "done".into()).await?;
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(started.elapsed())
}

/// Publishes all, then awaits all confirms.
pub(crate) async fn publish_burst<'a>(
    channel: &Channel,
    messages: impl Iterator<Item = (&'a Target, &'a [u8])>,
) -> anyhow::Result<()> {
    let publishes = messages.map(|(target, body)| {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default().with_delivery_mode(2);
        channel.basic_publish(target.exchange.as_str().into(), target.key.as_str().into(), options, body, properties)
    });
    let confirms = join_all(publishes).await;
    for confirm in join_all(confirms.into_iter().collect::<Result<Vec<_>, _>>()?).await {
        if !matches!(confirm?, Confirmation::Ack(None)) {
            bail!("a publish was not confirmed");
        }
    }
    Ok(())
}

/// Consumes `messages` from the queues, publishes each to one of the targets, acknowledges, and counts them in `done`.
pub(crate) async fn forward(
    consuming: &Connection,
    publishing: &Connection,
    queues: &[String],
    targets: &[Target],
    messages: usize,
    prefetch: u16,
    done: &Arc<AtomicUsize>,
) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    for queue in queues {
        let input = consuming.create_channel().await?;
        let output = confirm_channel(publishing).await?;
        let (queue, targets, done) = (queue.clone(), targets.to_vec(), done.clone());
        tasks.spawn(async move { forward_queue(input, output, &queue, &targets, &done, messages, prefetch).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn forward_queue(
    input: Channel,
    output: Channel,
    queue: &str,
    targets: &[Target],
    done: &AtomicUsize,
    messages: usize,
    prefetch: u16,
) -> anyhow::Result<()> {
    input.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let tag = format!("bench-{queue}");
    let mut consumer =
        input.basic_consume(queue.into(), tag.into(), BasicConsumeOptions::default(), FieldTable::default()).await?;
    let mut turn = 0;
    while done.load(Ordering::Relaxed) < messages {
        // The others may have taken the last ones.
        let Ok(first) = tokio::time::timeout(Duration::from_millis(200), consumer.next()).await else { continue };
        let mut batch: Vec<Delivery> = vec![first.context("the consumer ended")??];
        while batch.len() < usize::from(prefetch) {
            match futures_util::FutureExt::now_or_never(consumer.next()) {
                Some(Some(delivery)) => batch.push(delivery?),
                Some(None) => bail!("the consumer ended"),
                None => break,
            }
        }
        let routed = batch.iter().map(|delivery| {
            turn += 1;
            (&targets[turn % targets.len()], &delivery.data[..])
        });
        publish_burst(&output, routed).await?;
        if let Some(last) = batch.last() {
            input.basic_ack(last.delivery_tag, BasicAckOptions { multiple: true }).await?;
        }
        done.fetch_add(batch.len(), Ordering::Relaxed);
    }
    input.close(200, "done".into()).await?;
    output.close(200, "done".into()).await?;
    Ok(())
}

/// How many messages wait in each of the queues.
pub(crate) async fn depths(connection: &Connection, queues: &[String]) -> anyhow::Result<Vec<u32>> {
    let channel = connection.create_channel().await?;
    let mut depths = Vec::new();
    for queue in queues {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await?;
        depths.push(declared.message_count());
    }
    channel.close(200, "done".into()).await?;
    Ok(depths)
}

pub(crate) async fn purge(connection: &Connection, queues: &[String]) -> anyhow::Result<()> {
    let channel = connection.create_channel().await?;
    for queue in queues {
        channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default()).await?;
    }
    channel.close(200, "done".into()).await?;
    Ok(())
}

/// Publishes at a steady rate to the targets in turn and calls `body` for each message; never waits for a confirm
/// before the next is due (open loop).
pub(crate) async fn publish_steadily(
    connection: &Connection,
    targets: &[Target],
    rate: f64,
    messages: usize,
    body: impl Fn(usize) -> Vec<u8>,
) -> anyhow::Result<()> {
    let channel = confirm_channel(connection).await?;
    let started = Instant::now();
    let mut confirms = Vec::with_capacity(messages);
    for number in 0..messages {
        let due = Duration::from_secs_f64(f64::from(u32::try_from(number)?) / rate);
        if let Some(wait) = due.checked_sub(started.elapsed()) {
            tokio::time::sleep(wait).await;
        }
        let target = &targets[number % targets.len()];
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default().with_delivery_mode(2);
        let confirm = channel
            .basic_publish(
                target.exchange.as_str().into(),
                target.key.as_str().into(),
                options,
                &body(number),
                properties,
            )
            .await?;
        confirms.push(confirm);
    }
    for confirm in join_all(confirms).await {
        if !matches!(confirm?, Confirmation::Ack(None)) {
            bail!("a publish was not confirmed");
        }
    }
    channel.close(200, "done".into()).await?;
    Ok(())
}

/// Reads `messages` off the queues and records, in microseconds, what `sent` says of each body's age.
pub(crate) async fn measure_latency(
    connection: &Connection,
    queues: &[String],
    messages: usize,
    age: impl Fn(&[u8]) -> Option<Duration>,
) -> anyhow::Result<Histogram<u64>> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(1000, BasicQosOptions::default()).await?;
    let mut streams = Vec::new();
    for queue in queues {
        let tag = format!("latency-{queue}");
        let options = BasicConsumeOptions::default();
        streams.push(channel.basic_consume(queue.as_str().into(), tag.into(), options, FieldTable::default()).await?);
    }
    let mut merged = futures_util::stream::select_all(streams);
    let mut histogram = Histogram::new_with_bounds(1, 900_000_000, 3)?;
    let mut seen = 0;
    while seen < messages {
        let next = tokio::time::timeout(Duration::from_secs(30), merged.next()).await;
        let delivery = next.context("messages are missing")?.context("the consumer ended")??;
        if let Some(age) = age(&delivery.data) {
            histogram.saturating_record(u64::try_from(age.as_micros()).unwrap_or(u64::MAX));
            seen += 1;
        }
        delivery.ack(BasicAckOptions::default()).await?;
    }
    channel.close(200, "done".into()).await?;
    Ok(histogram)
}
