//! `waypost trace`: what happened to a message.

use clap::Args;
use waypost_proto::admin::to_json;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::decision_service_client::DecisionServiceClient;

use crate::failure::Failure;
use crate::output;
use crate::server::{ServerArgs, connect, print_list};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost trace wamid.HBgL…
  waypost trace '+34 600 000 107' --limit 3     # the last messages of that number
  waypost trace 24f07525-119d-59fd-92a8-eb1a552abc3d

A time is left out where it is not known: a message that a release before this one handled has few.")]
pub struct TraceArgs {
    /// A message's id (wamid) or decisions/ID; or whose messages: a number, a business-scoped user id or contacts/ID
    reference: String,
    /// Of a message's id: Meta's id of the number that was written to; all are tried where left out
    #[arg(long, value_name = "ID", default_value = "")]
    phone_number_id: String,
    /// Of a contact: at most so many messages, the newest
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..=100))]
    limit: i32,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: TraceArgs) -> Result<(), Failure> {
    let TraceArgs { reference, phone_number_id, limit, server } = args;
    let client = DecisionServiceClient::new(connect(&server).await?);
    let request = v1::GetTraceRequest { reference, phone_number_id, limit };
    let traces = client.get_trace(request).await?.into_inner().traces;
    if server.json {
        return print_list(true, &traces, &[]);
    }
    for (place, trace) in traces.iter().enumerate() {
        if place > 0 {
            output::line("")?;
        }
        print(trace)?;
    }
    Ok(())
}

/// The message, and a line for each step.
fn print(trace: &v1::Trace) -> Result<(), Failure> {
    let decision = trace.decision.clone().unwrap_or_default();
    if decision.name.is_empty() {
        output::line(&format!("no decision  {}", decision.message_id))?;
    } else {
        output::line(&format!("{}  {}", decision.name, decision.message_id))?;
        let from = if decision.contact.is_empty() { "nobody that is known" } else { &decision.contact };
        output::line(&format!("from {from}"))?;
    }
    for step in &trace.steps {
        let time = to_json(step, true)["time"].as_str().unwrap_or("-").to_owned();
        output::line(&format!("  {time:<24}  {:<9}  {}", step.kind, step.text))?;
        if step.kind == "released" {
            output::line(&format!("  {:<24}  {:<9}  by {}", "", "", step.resource))?;
        }
    }
    Ok(())
}
