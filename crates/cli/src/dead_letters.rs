//! `waypost dead-letters`.

use clap::{Args, Subcommand, ValueEnum};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::dead_letter_service_client::DeadLetterServiceClient;

use crate::failure::Failure;
use crate::server::{ListArgs, ServerArgs, connect, pages, print_list, print_one};

#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// List parked messages (embedded bus only: RabbitMQ cannot show a queue)
    List(DeadLettersListArgs),
    /// Count them by reason (embedded bus only)
    Summary(DeadLettersSummaryArgs),
    /// Put them back where they came from
    Replay(DeadLettersReplayArgs),
    /// Throw them away
    Discard(DeadLettersDiscardArgs),
}

/// Which queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Parked {
    /// What could not be handled
    DeadLetters,
    /// What no team's queue takes
    Unrouted,
}

#[derive(Debug, Args)]
pub struct DeadLettersListArgs {
    /// Which queue
    #[arg(long, value_enum, default_value = "dead-letters")]
    from: Parked,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
pub struct DeadLettersSummaryArgs {
    /// Which queue
    #[arg(long, value_enum, default_value = "dead-letters")]
    from: Parked,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Chosen {
    /// Which queue
    #[arg(long, value_enum, default_value = "dead-letters")]
    from: Parked,
    /// Only those with this reason
    #[arg(long, default_value = "")]
    reason: String,
    /// Only this message, by the last part of its name; may be given several times
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<String>,
    /// How many from the front of the queue to look at; those not meant go to its end
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=500))]
    examine: i32,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost dead-letters replay --reason delivered-too-often
  waypost dead-letters replay --from unrouted

Exit code 1, with the reasons, when something that was meant could not be replayed.")]
pub struct DeadLettersReplayArgs {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost dead-letters discard --reason unparseable-body --justification 'a scan of 3 May, not Meta'

Exit code 1 when an --id was not found among those looked at.")]
pub struct DeadLettersDiscardArgs {
    #[command(flatten)]
    chosen: Chosen,
    /// Why, for the audit log; nothing that names a customer
    #[arg(long)]
    justification: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(command: DeadLettersCommand) -> Result<(), Failure> {
    match command {
        DeadLettersCommand::List(args) => list(args).await,
        DeadLettersCommand::Summary(args) => summary(args).await,
        DeadLettersCommand::Replay(args) => replay(args).await,
        DeadLettersCommand::Discard(args) => discard(args).await,
    }
}

async fn client(args: &ServerArgs) -> Result<DeadLetterServiceClient, Failure> {
    Ok(DeadLetterServiceClient::new(connect(args).await?))
}

fn parking(parked: Parked) -> i32 {
    match parked {
        Parked::DeadLetters => v1::Parking::DeadLetters,
        Parked::Unrouted => v1::Parking::Unrouted,
    }
    .into()
}

async fn list(args: DeadLettersListArgs) -> Result<(), Failure> {
    let client = client(&args.list.server).await?;
    let letters = pages(args.list.limit, |page_size, page_token| {
        let client = client.clone();
        let request = v1::ListDeadLettersRequest { parking: parking(args.from), page_size, page_token };
        async move {
            let page = client.list_dead_letters(request).await?.into_inner();
            Ok((page.dead_letters, page.next_page_token))
        }
    });
    print_list(args.list.server.json, &letters.await?, &["name", "reason", "origin", "attempts", "detail"])
}

async fn summary(args: DeadLettersSummaryArgs) -> Result<(), Failure> {
    let request = v1::SummarizeDeadLettersRequest { parking: parking(args.from) };
    let answer = client(&args.server).await?.summarize_dead_letters(request).await?.into_inner();
    if args.server.json { print_one(true, &answer) } else { print_list(false, &answer.reasons, &["reason", "count"]) }
}

async fn replay(args: DeadLettersReplayArgs) -> Result<(), Failure> {
    let request = v1::ReplayDeadLettersRequest {
        parking: parking(args.chosen.from),
        reason: args.chosen.reason,
        message_ids: args.chosen.ids,
        examine_max: args.chosen.examine,
    };
    let answer = client(&args.server).await?.replay_dead_letters(request).await?.into_inner();
    print_one(args.server.json, &answer)?;
    all_done("replayed", &answer.left_because)
}

async fn discard(args: DeadLettersDiscardArgs) -> Result<(), Failure> {
    let request = v1::DiscardDeadLettersRequest {
        parking: parking(args.chosen.from),
        reason: args.chosen.reason,
        message_ids: args.chosen.ids,
        examine_max: args.chosen.examine,
        justification: args.justification,
    };
    let answer = client(&args.server).await?.discard_dead_letters(request).await?.into_inner();
    print_one(args.server.json, &answer)?;
    all_done("discarded", &answer.left_because)
}

/// A failure where something was meant and not done.
fn all_done(done: &str, left: &[v1::ReasonCount]) -> Result<(), Failure> {
    if left.is_empty() {
        return Ok(());
    }
    let count: i64 = left.iter().map(|one| one.count).sum();
    let why: Vec<String> = left.iter().map(|one| format!("{} {}", one.count, one.reason)).collect();
    Err(Failure::failed(format!("{count} not {done}: {}", why.join(", "))))
}
