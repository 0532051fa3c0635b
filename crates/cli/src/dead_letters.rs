//! `waypost dead-letters`.

mod chosen;
mod queued;

use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand, ValueEnum};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::dead_letter_service_client::DeadLetterServiceClient;

use self::chosen::Chosen;
use crate::failure::Failure;
use crate::output;
use crate::rules::in_collection;
use crate::server::{ListArgs, ServerArgs, connect, pages, print_list, print_one};
use crate::times::since;

/// Messages that one call discards.
const DISCARDED_AT_ONCE: i32 = 500;
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A minute without progress: the bus is in trouble, or no administration works on it.
const LOOKS_IDLE_MAX: u32 = 300;
/// A line of progress for each of these, while a replay goes on.
const LOOKS_PER_LINE: u32 = 10;

#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// List parked messages, without what they say
    List(DeadLettersListArgs),
    /// Count them by what they have in common
    Summary(DeadLettersSummaryArgs),
    /// Put them back where they came from, as a job
    Replay(DeadLettersReplayArgs),
    /// List the last replays and how far they are
    Replays(ServerArgs),
    /// End a replay; what it has not put back stays parked
    Stop(DeadLettersStopArgs),
    /// Throw them away
    Discard(DeadLettersDiscardArgs),
}

/// Which ones, by the queue that they were parked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Parked {
    /// What could not be handled
    DeadLetters,
    /// What no team's queue takes
    Unrouted,
}

#[derive(Debug, Args)]
pub struct DeadLettersListArgs {
    /// Which ones
    #[arg(long, value_enum, default_value = "dead-letters")]
    from: Parked,
    /// Only those with this reason
    #[arg(long, default_value = "")]
    reason: String,
    /// Only those parked before then: a time, or how long ago, e.g. 90m, 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = since)]
    before: Option<SystemTime>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
pub struct DeadLettersSummaryArgs {
    /// Which ones
    #[arg(long, value_enum, default_value = "dead-letters")]
    from: Parked,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost dead-letters replay --id 24f07525-119d-59fd-92a8-eb1a552abc3d
  waypost dead-letters replay --first 10 --reason delivered-too-often
  waypost dead-letters replay --from unrouted --all

The replay is a job of the administration: it goes on when this command is interrupted. `dead-letters replays` shows how far
it is, and `dead-letters stop` ends it.

Exit code 1, with the reasons, when something that was meant could not be replayed: it stays parked. Also when the replay
was stopped, or does not get on for a minute: then it goes on when it can.")]
pub struct DeadLettersReplayArgs {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub struct DeadLettersStopArgs {
    /// Its name, replays/ID, or the ID alone
    name: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost dead-letters discard --reason unparseable-body --all --justification 'a scan of 3 May, not Meta'

Exit code 1 when an --id is not parked.")]
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
        DeadLettersCommand::Replays(server) => replays(server).await,
        DeadLettersCommand::Stop(args) => stop(args).await,
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
        let request = v1::ListDeadLettersRequest {
            parking: parking(args.from),
            page_size,
            page_token,
            reason: args.reason.clone(),
            before_time: args.before.map(Into::into),
        };
        async move {
            let page = client.list_dead_letters(request).await?.into_inner();
            Ok((page.dead_letters, page.next_page_token))
        }
    });
    let fields = ["name", "reason", "origin", "attempts", "replays", "park_time", "detail"];
    print_list(args.list.server.json, &letters.await?, &fields)?;
    queued::tell(connect(&args.list.server).await?, args.from).await;
    Ok(())
}

async fn summary(args: DeadLettersSummaryArgs) -> Result<(), Failure> {
    let request = v1::SummarizeDeadLettersRequest { parking: parking(args.from), ..Default::default() };
    let answer = client(&args.server).await?.summarize_dead_letters(request).await?.into_inner();
    if args.server.json {
        return print_one(true, &answer);
    }
    print_list(false, &answer.groups, &["reason", "origin", "kind", "count", "first_time", "last_time"])?;
    let grouped: i64 = answer.groups.iter().map(|group| group.count).sum();
    if grouped < answer.examined {
        output::note(&format!("{grouped} of {} are in the groups that are shown", answer.examined));
    }
    Ok(())
}

async fn replay(args: DeadLettersReplayArgs) -> Result<(), Failure> {
    let client = client(&args.server).await?;
    let max_messages = if args.chosen.is_unlimited() { 0 } else { args.chosen.first };
    let (from, ids) = args.chosen.named()?;
    let Chosen { reason, before, .. } = args.chosen;
    let asked = v1::SummarizeDeadLettersRequest {
        parking: parking(from),
        reason: reason.clone(),
        message_ids: ids.clone(),
        before_time: before.map(Into::into),
    };
    let request = v1::StartReplayRequest {
        parking: parking(from),
        reason,
        message_ids: ids,
        before_time: before.map(Into::into),
        max_messages,
        request_id: String::new(),
    };
    let begun = client.start_replay(request).await?.into_inner();
    let mut left_because = begun.left_because;
    let mut replayed = 0;
    let mut end = Ok(());
    if let Some(job) = begun.replay {
        let job = ended(&client, job).await?;
        end = through(&job);
        replayed = job.replayed;
        left_because.extend(job.left_because);
    }
    let left = client.summarize_dead_letters(asked).await?.into_inner().examined;
    print_one(args.server.json, &v1::ReplayDeadLettersResponse { replayed, left, left_because: left_because.clone() })?;
    queued::tell(connect(&args.server).await?, from).await;
    end?;
    all_done("replayed", &left_because)
}

/// Waits for its end, and says how far it is; not for ever where it does not get on.
async fn ended(client: &DeadLetterServiceClient, begun: v1::ReplayJob) -> Result<v1::ReplayJob, Failure> {
    let mut job = begun;
    let (mut looks, mut idle) = (0, 0);
    while job.end_time.is_none() {
        tokio::time::sleep(LOOK_EVERY).await;
        let request = v1::GetReplayRequest { name: job.name.clone() };
        let now = client.get_replay(request).await?.into_inner().replay.unwrap_or_default();
        looks += 1;
        idle = if now == job { idle + 1 } else { 0 };
        job = now;
        if idle >= LOOKS_IDLE_MAX && job.end_time.is_none() {
            return Err(Failure::failed(format!(
                "{} does not get on: {} of {} replayed, {} left. It is still there: `waypost dead-letters replays` shows it, \
                 `waypost dead-letters stop {}` ends it, and the administration's log says what it waits for",
                job.name,
                job.replayed,
                job.total,
                left(&job),
                job.name
            )));
        }
        if looks % LOOKS_PER_LINE == 0 {
            output::note(&format!("{}: {} of {} replayed, {} left", job.name, job.replayed, job.total, left(&job)));
        }
    }
    Ok(job)
}

/// A failure where it ended before all were replayed or left.
fn through(job: &v1::ReplayJob) -> Result<(), Failure> {
    let done = job.replayed + left(job);
    if job.stopped {
        return Err(Failure::failed(format!("{} was stopped: {done} of {} were done", job.name, job.total)));
    }
    if done != job.total {
        let problem = format!("{} has ended, and only {done} of {} are accounted for", job.name, job.total);
        return Err(Failure::failed(format!("{problem}: `waypost dead-letters list` shows what is parked")));
    }
    Ok(())
}

fn left(job: &v1::ReplayJob) -> i64 {
    job.left_because.iter().map(|one| one.count).sum()
}

async fn replays(server: ServerArgs) -> Result<(), Failure> {
    let request = v1::ListReplaysRequest::default();
    let jobs = client(&server).await?.list_replays(request).await?.into_inner().replays;
    let fields = ["name", "parking", "begin_time", "actor", "total", "replayed", "end_time", "stopped"];
    print_list(server.json, &jobs, &fields)
}

async fn stop(args: DeadLettersStopArgs) -> Result<(), Failure> {
    let request = v1::StopReplayRequest { name: in_collection("replays", &args.name) };
    let answer = client(&args.server).await?.stop_replay(request).await?.into_inner();
    print_one(args.server.json, &answer.replay.unwrap_or_default())
}

async fn discard(args: DeadLettersDiscardArgs) -> Result<(), Failure> {
    let client = client(&args.server).await?;
    let is_unlimited = args.chosen.is_unlimited();
    let (from, ids) = args.chosen.named()?;
    let Chosen { reason, before, first, .. } = args.chosen;
    let mut answer = v1::DiscardDeadLettersResponse::default();
    let mut room = if is_unlimited { i64::MAX } else { first.into() };
    while room > 0 {
        let examine_max = i32::try_from(room).unwrap_or(i32::MAX).min(DISCARDED_AT_ONCE);
        let request = v1::DiscardDeadLettersRequest {
            parking: parking(from),
            reason: reason.clone(),
            message_ids: ids.clone(),
            examine_max,
            justification: args.justification.clone(),
            before_time: before.map(Into::into),
        };
        let one = client.discard_dead_letters(request).await?.into_inner();
        room -= one.discarded;
        let is_first = answer.discarded == 0;
        answer.discarded += one.discarded;
        answer.left = one.left;
        // Of the ids, later calls do not find what the first has discarded.
        if is_first {
            answer.left_because = one.left_because;
        }
        // Each call but the last throws away as many as it may, so that there is a last one.
        if one.discarded < examine_max.into() {
            break;
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_that_did_not_do_all_is_a_failure() {
        let because = |count| vec![v1::ReasonCount { reason: "no-way-back".to_owned(), count }];
        let job = |replayed, left, stopped| v1::ReplayJob {
            name: "replays/1".to_owned(),
            total: 3,
            replayed,
            left_because: because(left),
            stopped,
            ..v1::ReplayJob::default()
        };
        assert!(through(&job(2, 1, false)).is_ok(), "what is left is told by reason");
        for (job, told) in [(job(1, 1, true), "stopped: 2 of 3"), (job(1, 1, false), "only 2 of 3")] {
            let failure = through(&job).unwrap_err();
            assert!(failure.message().is_some_and(|message| message.contains(told)), "{failure:?}");
        }
    }
}
