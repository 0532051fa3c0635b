//! `waypost dead-letters`.

use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::dead_letter_service_client::DeadLetterServiceClient;

use super::remote::{Server, connect, pages, print_list, print_one};
use crate::cli::{
    DeadLettersCommand, DeadLettersDiscardArgs, DeadLettersListArgs, DeadLettersReplayArgs, DeadLettersSummaryArgs,
    Parked, ServerArgs,
};
use crate::exit::Failure;

pub(crate) async fn run(command: DeadLettersCommand) -> Result<(), Failure> {
    match command {
        DeadLettersCommand::List(args) => list(args).await,
        DeadLettersCommand::Summary(args) => summary(args).await,
        DeadLettersCommand::Replay(args) => replay(args).await,
        DeadLettersCommand::Discard(args) => discard(args).await,
    }
}

async fn client(args: &ServerArgs) -> Result<DeadLetterServiceClient<Server>, Failure> {
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
        let mut client = client.clone();
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
    let answer = client(&args.server).await?.replay_dead_letters(request).await?;
    print_one(args.server.json, answer.get_ref())
}

async fn discard(args: DeadLettersDiscardArgs) -> Result<(), Failure> {
    let request = v1::DiscardDeadLettersRequest {
        parking: parking(args.chosen.from),
        reason: args.chosen.reason,
        message_ids: args.chosen.ids,
        examine_max: args.chosen.examine,
        justification: args.justification,
    };
    let answer = client(&args.server).await?.discard_dead_letters(request).await?;
    print_one(args.server.json, answer.get_ref())
}
