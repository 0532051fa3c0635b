//! `waypost decisions`.

use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::decision_service_client::DecisionServiceClient;

use super::remote::{connect, pages, print_list, print_one};
use crate::cli::{DecisionGetArgs, DecisionsCommand, ListArgs};
use crate::exit::Failure;

pub(crate) async fn run(command: DecisionsCommand) -> Result<(), Failure> {
    match command {
        DecisionsCommand::List(args) => list(args).await,
        DecisionsCommand::Get(args) => get(args).await,
    }
}

async fn list(args: ListArgs) -> Result<(), Failure> {
    let client = DecisionServiceClient::new(connect(&args.server).await?);
    let decisions = pages(args.limit, |page_size, page_token| {
        let mut client = client.clone();
        async move {
            let page = client.list_decisions(v1::ListDecisionsRequest { page_size, page_token }).await?.into_inner();
            Ok((page.decisions, page.next_page_token))
        }
    });
    print_list(args.server.json, &decisions.await?, &["name", "receive_time", "kind", "team", "rule", "why"])
}

async fn get(args: DecisionGetArgs) -> Result<(), Failure> {
    let mut client = DecisionServiceClient::new(connect(&args.server).await?);
    let is_name = args.message.starts_with("decisions/");
    let (name, message_id) = if is_name { (args.message, String::new()) } else { (String::new(), args.message) };
    let request = v1::GetDecisionRequest { name, message_id, phone_number_id: args.phone_number_id };
    let decision = client.get_decision(request).await?.into_inner().decision;
    print_one(args.server.json, &decision.unwrap_or_default())
}
