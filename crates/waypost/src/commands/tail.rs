//! `waypost tail TEAM`: a team's queue in the terminal.

mod line;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use waypost_bus::topology::team_queue;
use waypost_bus::{Bus, BusError, Message};
use waypost_bus_embedded::BusFile;
use waypost_domain::TeamName;
use waypost_domain::team::Priority;

use self::line::line;
use crate::cli::TailArgs;
use crate::output;
use crate::process::Config;
use crate::process::bus::open_bus;
use crate::process::signals::stop_on_signals;
use waypost_cli::Failure;
use waypost_cli::show::Screen;

const LOOK_EVERY: Duration = Duration::from_millis(300);
const LOOK_AT_MOST: usize = 100;
/// With --no-follow: a queue that gives nothing for this long is empty.
const EMPTY_AFTER: Duration = Duration::from_millis(500);
/// With --no-follow: what was accepted and is not routed yet is waited for, as long as this.
const COMING_WITHIN: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: TailArgs) -> Result<(), Failure> {
    let config = Config::of(&args.config)?;
    let team = TeamName::new(args.team.clone()).map_err(Failure::config)?;
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone())?;
    let mut printer = Printer { json: args.json, screen: Screen::stdout(), left: args.messages };
    let follow = !args.no_follow;
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        ended = async {
            if args.ack {
                consume(&config, &team, &mut printer, follow).await
            } else {
                look(&config, &team, &mut printer, follow).await
            }
        } => ended,
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
            let Some(messages) = messages else { return Err(no_queue(&queue)) };
            for (at, message) in messages {
                *place = Some(at);
                seen += 1;
                if !printer.print(priority, &message)? {
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
            Failure::Unavailable(format!("{problem}\nstop that waypost first, or look without --ack"))
        }
        other => other,
    })?;
    let mut consumers = Vec::new();
    for priority in Priority::ALL {
        let queue = team_queue(team, priority);
        let consumer = bus.consume(&queue, 1).await.map_err(|error| match error {
            BusError::NoSuchQueue(queue) => no_queue(&queue),
            other => Failure::unavailable(other),
        })?;
        consumers.push(consumer);
    }
    let started = Instant::now();
    let [urgent, normal] = &mut consumers[..] else { return Err(Failure::failed("two queues were asked for")) };
    let outcome = loop {
        let next = async {
            tokio::select! {
                biased;
                batch = urgent.next_batch(1) => (Priority::Urgent, batch),
                batch = normal.next_batch(1) => (Priority::Normal, batch),
            }
        };
        let (priority, batch) = if follow {
            next.await
        } else {
            let is_coming =
                !config.bus.is_embedded() && is_coming_on(&*bus, config).await? && started.elapsed() < COMING_WITHIN;
            match tokio::time::timeout(EMPTY_AFTER, next).await {
                Ok(next) => next,
                Err(_) if is_coming => continue,
                Err(_) => break Ok(()),
            }
        };
        let batch = batch.map_err(Failure::unavailable)?;
        let mut more = true;
        for delivery in &batch {
            more = printer.print(priority, &delivery.message)?;
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

fn no_queue(queue: &str) -> Failure {
    Failure::config(format!(
        "queue {queue} does not exist: is the team in the rules file, and did waypost run with it?"
    ))
}

struct Printer {
    json: bool,
    screen: Screen,
    /// Messages still to print; `None` for no end.
    left: Option<u64>,
}

impl Printer {
    /// `false` when enough was printed.
    fn print(&mut self, priority: Priority, message: &Message) -> Result<bool, Failure> {
        let body = String::from_utf8_lossy(&message.body);
        if self.json {
            // A document of ours is one line as it is; what somebody else put there must not become several.
            output::line(&body.replace(['\n', '\r'], " "))?;
        } else {
            output::line(&line(&self.screen, priority, &body))?;
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
            return Ok(*left > 0);
        }
        Ok(true)
    }
}
