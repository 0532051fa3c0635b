//! `waypost tail TEAM`: a team's queue in the terminal. Here are its arguments, what it prints, and its run over a server;
//! the run on the bus itself is the binary's.

use std::time::{Duration, Instant};

use clap::Args;
use prost_types::Duration as WireDuration;
use tonic::{Code, Status};
use waypost_domain::TeamName;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::team_queue_service_client::TeamQueueServiceClient;

use self::line::line;
use crate::failure::Failure;
use crate::output;
use crate::server::{Server, ServerArgs};
use crate::show::Screen;

mod line;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost tail support --config waypost.toml                  # look, and follow
  waypost tail support --config waypost.toml --ack --json     # take the messages from the queue, as tools get them
  waypost tail support --server https://waypost.example.com:9465 --token-file token --ack

Without --ack nothing is consumed. On the embedded bus both go through the running waypost, and through the files of the
data folder where none runs; whoever may read the folder needs no token. With --ack a message is taken from the queue when
it is printed; what is in hand when this command or waypost is killed goes back to its place, within a minute.
RabbitMQ cannot show a queue's messages without consuming them: there --ack is needed.")]
pub struct TailArgs {
    /// The team whose queues to read
    #[arg(value_parser = |name: &str| TeamName::new(name))]
    pub team: TeamName,
    #[command(flatten)]
    pub server: ServerArgs,
    /// Take the messages from the queue
    #[arg(long)]
    pub ack: bool,
    /// End after this many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub messages: Option<u64>,
    /// End when nothing is left, instead of waiting for more
    #[arg(long)]
    pub no_follow: bool,
}

/// How often a queue that is only looked at is looked at.
pub const LOOK_EVERY: Duration = Duration::from_millis(300);
/// With --no-follow: a queue that gives nothing for this long is empty.
pub const EMPTY_AFTER: Duration = Duration::from_millis(500);
/// With --no-follow: what was accepted and is not routed yet is waited for, as long as this.
pub const COMING_WITHIN: Duration = Duration::from_secs(5);
/// How long the server holds the call while nothing comes.
const WAIT: Duration = Duration::from_secs(10);
/// A pager may hold up what is printed.
const LEASE: Duration = Duration::from_secs(60);
const TAKEN_AT_ONCE: i32 = 20;
const LOOKED_AT_ONCE: i32 = 100;

/// Looks at the queues of a team over a server, or takes from them.
pub async fn run(server: Server, args: &TailArgs) -> Result<(), Failure> {
    let client = TeamQueueServiceClient::new(server);
    let mut printer = Printer::new(args);
    if args.ack { take(&client, args, &mut printer).await } else { look(&client, args, &mut printer).await }
}

async fn look(client: &TeamQueueServiceClient, args: &TailArgs, printer: &mut Printer) -> Result<(), Failure> {
    let mut request = v1::PeekMessagesRequest {
        team: format!("teams/{}", args.team),
        page_size: LOOKED_AT_ONCE,
        ..v1::PeekMessagesRequest::default()
    };
    let started = Instant::now();
    loop {
        let peeked = client.peek_messages(request.clone()).await.map_err(told)?.into_inner();
        for message in &peeked.messages {
            let after = if message.priority == URGENT { &mut request.after_urgent } else { &mut request.after_normal };
            *after = message.place;
            if !printer.print(&message.priority, &message.body)? {
                return Ok(());
            }
        }
        if peeked.messages.is_empty() {
            if args.no_follow && !(peeked.more_expected && started.elapsed() < COMING_WITHIN) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

async fn take(client: &TeamQueueServiceClient, args: &TailArgs, printer: &mut Printer) -> Result<(), Failure> {
    let wire = |duration: Duration| WireDuration::try_from(duration).ok();
    let started = Instant::now();
    loop {
        let request = v1::TakeMessagesRequest {
            team: format!("teams/{}", args.team),
            max_messages: printer
                .left
                .map_or(TAKEN_AT_ONCE, |left| i32::try_from(left).unwrap_or(TAKEN_AT_ONCE))
                .min(TAKEN_AT_ONCE),
            wait: wire(if args.no_follow { EMPTY_AFTER } else { WAIT }),
            lease: wire(LEASE),
        };
        let taken = client.take_messages(request).await.map_err(told)?.into_inner();
        if taken.messages.is_empty() {
            if args.no_follow && !(taken.more_expected && started.elapsed() < COMING_WITHIN) {
                return Ok(());
            }
            continue;
        }
        let (mut message_ids, mut more) = (Vec::new(), Ok(true));
        for message in taken.messages {
            more = printer.print(&message.priority, &message.body);
            if more.is_ok() {
                message_ids.push(message.message_id);
            }
            if !matches!(more, Ok(true)) {
                break;
            }
        }
        // What was not printed goes back at once.
        let request = v1::AcknowledgeMessagesRequest { lease_id: taken.lease_id, message_ids };
        client.acknowledge_messages(request).await.map_err(|status| match status.code() {
            Code::NotFound => {
                Failure::failed("printing took longer than a minute: the last messages went back to the queue")
            }
            _ => Failure::from(status),
        })?;
        if !more? {
            return Ok(());
        }
    }
}

fn told(status: Status) -> Failure {
    match status.code() {
        Code::NotFound => no_queue(status.message()),
        _ => status.into(),
    }
}

/// `what` does not exist.
pub fn no_queue(what: impl std::fmt::Display) -> Failure {
    Failure::config(format!("{what}: is the team in the rules, and did waypost run with them?"))
}

const URGENT: &str = "urgent";

/// Prints messages as they come, up to a number.
pub struct Printer {
    json: bool,
    screen: Screen,
    /// Messages still to print; `None` for no end.
    left: Option<u64>,
}

impl Printer {
    /// As the arguments say.
    pub fn new(args: &TailArgs) -> Self {
        Self { json: args.server.json, screen: Screen::stdout(), left: args.messages }
    }

    /// `priority` is the queue's, `urgent` or `normal`; `body` the document. `false` when enough was printed.
    pub fn print(&mut self, priority: &str, body: &[u8]) -> Result<bool, Failure> {
        let body = String::from_utf8_lossy(body);
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
