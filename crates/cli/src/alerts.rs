//! `waypost alerts`: what Meta did or said that a person must know.

use clap::{Args, Subcommand};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::alert_service_client::AlertServiceClient;

use crate::failure::Failure;
use crate::named;
use crate::server::{EditArgs, ListArgs, ServerArgs, connect, pages, print_list, print_one};

#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// List what nobody has acknowledged, the newest first
    List(AlertListArgs),
    /// Say that you know it; what Meta stopped stays stopped
    Acknowledge(AlertAcknowledgeArgs),
}

#[derive(Debug, Args)]
pub struct AlertListArgs {
    /// Also those that are acknowledged
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost alerts acknowledge alerts/number/support-es/code_190

It is open again when it is told anew.")]
pub struct AlertAcknowledgeArgs {
    /// The alert, as the list shows it: alerts/SCOPE/OF/KIND
    alert: String,
    /// A UUID: the same call under the same id, within a day, is carried out once
    #[arg(long, value_name = "UUID", default_value = "")]
    request_id: String,
    #[command(flatten)]
    edit: EditArgs,
}

const COLUMNS: [&str; 4] = ["name", "start_time", "update_time", "description"];

pub(crate) async fn run(command: AlertsCommand) -> Result<(), Failure> {
    match command {
        AlertsCommand::List(args) => list(args).await,
        AlertsCommand::Acknowledge(args) => acknowledge(args).await,
    }
}

async fn client(args: &ServerArgs) -> Result<AlertServiceClient, Failure> {
    Ok(AlertServiceClient::new(connect(args).await?))
}

async fn list(args: AlertListArgs) -> Result<(), Failure> {
    let AlertListArgs { all, list } = args;
    let client = client(&list.server).await?;
    let alerts = pages(list.limit, |page_size, page_token| {
        let client = client.clone();
        async move {
            let request = v1::ListAlertsRequest { page_size, page_token, show_acknowledged: all };
            let page = client.list_alerts(request).await?.into_inner();
            Ok((page.alerts, page.next_page_token))
        }
    });
    let acknowledged: &[&str] = if all { &["acknowledge_time", "acknowledger"] } else { &[] };
    print_list(list.server.json, &alerts.await?, &[&COLUMNS, acknowledged].concat())
}

async fn acknowledge(args: AlertAcknowledgeArgs) -> Result<(), Failure> {
    let EditArgs { etag, validate_only, server } = args.edit;
    let name = named::alert(&args.alert);
    let request = v1::AcknowledgeAlertRequest { name, etag, validate_only, request_id: args.request_id };
    let alert = client(&server).await?.acknowledge_alert(request).await?.into_inner().alert;
    print_one(server.json, &alert.unwrap_or_default())
}
