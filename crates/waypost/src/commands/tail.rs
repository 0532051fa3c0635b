//! `waypost tail TEAM` on the bus itself: over AMQP, or on the files of a data folder. Where a process works on these, it is
//! asked, as any server is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use waypost_bus::topology::team_queue;
use waypost_bus::{Bus, BusError};
use waypost_bus_embedded::BusFile;
use waypost_cli::tail::{COMING_WITHIN, EMPTY_AFTER, LOOK_EVERY, Printer, TailArgs};
use waypost_domain::TeamName;
use waypost_domain::team::Priority;

use crate::process::Config;
use crate::process::bus::open_bus;
use crate::process::local::{Reached, reach};
use crate::process::signals::stop_on_signals;
use waypost_cli::{Failure, tail};

const LOOK_AT_MOST: usize = 100;

pub(crate) async fn run(args: TailArgs) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone())?;
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        ended = Box::pin(read(&args)) => ended,
    }
}

async fn read(args: &TailArgs) -> Result<(), Failure> {
    let config = match reach(&args.server).await? {
        Reached::Server(server) => return tail::run(server, args).await,
        Reached::Here(config) => config,
    };
    let (mut printer, follow) = (Printer::new(args), !args.no_follow);
    if args.ack {
        consume(&config, &args.team, &mut printer, follow).await
    } else {
        look(&config, &args.team, &mut printer, follow).await
    }
}

/// Reads the data folder without consuming, also while another process works in it.
async fn look(config: &Config, team: &TeamName, printer: &mut Printer, follow: bool) -> Result<(), Failure> {
    if !config.bus.is_embedded() {
        return Err(Failure::failed(
            "RabbitMQ cannot show a queue's messages without consuming them; add --ack to take them from the queue",
        ));
    }
    let file = BusFile::open_read_only(&config.data_dir).map_err(Failure::config)?;
    let mut places: [Option<u64>; 2] = [None, None];
    let started = Instant::now();
    loop {
        // Asked before the team's queues are: what leaves the one queue in between is found on the other.
        let more = follow || (is_coming(&file, config)? && started.elapsed() < COMING_WITHIN);
        let mut seen = 0;
        for (priority, place) in Priority::ALL.into_iter().zip(&mut places) {
            let queue = team_queue(team, priority);
            let messages = file.peek(&queue, *place, LOOK_AT_MOST).map_err(Failure::failed)?;
            let Some(messages) = messages else { return Err(tail::no_queue(format!("queue {queue} does not exist"))) };
            for (at, message) in messages {
                *place = Some(at);
                seen += 1;
                if !printer.print(priority.as_str(), &message.body)? {
                    return Ok(());
                }
            }
        }
        if seen == 0 {
            if !more {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Whether something that was accepted is not routed yet.
fn is_coming(file: &BusFile, config: &Config) -> Result<bool, Failure> {
    let layout = config.layout();
    let inbound: Vec<String> = layout.partitions.all().map(|partition| layout.inbound_queue(partition)).collect();
    let queues = file.queues().map_err(Failure::failed)?;
    Ok(queues.iter().any(|queue| queue.messages > 0 && inbound.contains(&queue.name)))
}

/// The same, of a bus that another process may be working on.
async fn is_coming_on(bus: &dyn Bus, config: &Config) -> Result<bool, Failure> {
    let layout = config.layout();
    for partition in layout.partitions.all() {
        let depth = bus.depth(&layout.inbound_queue(partition)).await.map_err(Failure::unavailable)?;
        if depth.is_some_and(|depth| depth.ready + depth.unacknowledged.unwrap_or(0) > 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes messages from both queues: urgent ones first when both have some.
async fn consume(config: &Config, team: &TeamName, printer: &mut Printer, follow: bool) -> Result<(), Failure> {
    let bus: Arc<dyn Bus> = open_bus(config).await.map_err(|failure| match failure {
        Failure::Unavailable(problem) if config.bus.is_embedded() => {
            let hint = "it has grpc.local off, or does not answer; stop it first, or look without --ack";
            Failure::Unavailable(format!("{problem}\n{hint}"))
        }
        other => other,
    })?;
    let mut consumers = Vec::new();
    for priority in Priority::ALL {
        let queue = team_queue(team, priority);
        let consumer = bus.consume(&queue, 1).await.map_err(|error| match error {
            missing @ BusError::NoSuchQueue(_) => tail::no_queue(missing),
            other => Failure::unavailable(other),
        })?;
        consumers.push(consumer);
    }
    let started = Instant::now();
    // On files nothing is routed while we have them. Elsewhere it is asked when the queues give nothing: not for each
    // message, for that asks every partition's queue.
    let is_alone = config.bus.is_embedded();
    let mut is_over = is_alone;
    let [urgent, normal] = &mut consumers[..] else { return Err(Failure::failed("two queues were asked for")) };
    let outcome = loop {
        let next = async {
            tokio::select! {
                biased;
                batch = urgent.next_batch(1) => (Priority::Urgent, batch),
                batch = normal.next_batch(1) => (Priority::Normal, batch),
            }
        };
        let next = if follow { Some(next.await) } else { tokio::time::timeout(EMPTY_AFTER, next).await.ok() };
        let Some((priority, batch)) = next else {
            // What came in between is taken by the next look.
            if is_over || started.elapsed() >= COMING_WITHIN {
                break Ok(());
            }
            is_over = !is_coming_on(&*bus, config).await?;
            continue;
        };
        is_over = is_alone;
        let batch = batch.map_err(Failure::unavailable)?;
        let mut more = true;
        for delivery in &batch {
            more = printer.print(priority.as_str(), &delivery.message.body)?;
        }
        let acked = match priority {
            Priority::Urgent => urgent.ack(batch).await,
            Priority::Normal => normal.ack(batch).await,
        };
        acked.map_err(Failure::unavailable)?;
        if !more {
            break Ok(());
        }
    };
    for consumer in consumers {
        consumer.close().await;
    }
    bus.close(Duration::from_secs(5)).await;
    outcome
}
