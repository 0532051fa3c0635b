//! `waypost decisions`.

use clap::{Args, Subcommand};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::decision_service_client::DecisionServiceClient;

use crate::failure::Failure;
use crate::server::{ListArgs, ServerArgs, connect, pages, print_list, print_one};

#[derive(Debug, Subcommand)]
pub enum DecisionsCommand {
    /// List decisions, in no order of time
    List(ListArgs),
    /// Show one decision and why it was taken
    Get(DecisionGetArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost decisions get wamid.HBgL…
  waypost decisions get decisions/24f07525-119d-59fd-92a8-eb1a552abc3d")]
pub struct DecisionGetArgs {
    /// The message's id (wamid), or decisions/ID
    message: String,
    /// Meta's id of the number that was written to; all are tried where left out
    #[arg(long, default_value = "")]
    phone_number_id: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(command: DecisionsCommand) -> Result<(), Failure> {
    match command {
        DecisionsCommand::List(args) => list(args).await,
        DecisionsCommand::Get(args) => get(args).await,
    }
}

async fn list(args: ListArgs) -> Result<(), Failure> {
    let client = DecisionServiceClient::new(connect(&args.server).await?);
    let decisions = pages(args.limit, |page_size, page_token| {
        let client = client.clone();
        async move {
            let page = client.list_decisions(v1::ListDecisionsRequest { page_size, page_token }).await?.into_inner();
            Ok((page.decisions, page.next_page_token))
        }
    });
    print_list(args.server.json, &decisions.await?, &["name", "receive_time", "kind", "team", "rule", "why"])
}

async fn get(args: DecisionGetArgs) -> Result<(), Failure> {
    let client = DecisionServiceClient::new(connect(&args.server).await?);
    let is_name = args.message.starts_with("decisions/");
    let (name, message_id) = if is_name { (args.message, String::new()) } else { (String::new(), args.message) };
    let request = v1::GetDecisionRequest { name, message_id, phone_number_id: args.phone_number_id };
    let decision = client.get_decision(request).await?.into_inner().decision;
    print_one(args.server.json, &decision.unwrap_or_default())
}
