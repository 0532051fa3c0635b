//! `waypost policy`: what the rules for sending look things up in.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::policy_service_client::PolicyServiceClient;

use crate::failure::Failure;
use crate::named;
use crate::output;
use crate::piped;
use crate::server::{EditArgs, ListArgs, ServerArgs, connect, pages, print_list, print_one};

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show the version in force, or another one
    Show(PolicyShowArgs),
    /// Put a version in force
    Set(PolicySetArgs),
    /// List the versions that were ever in force, the newest first
    History(PolicyHistoryArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost policy show --text > policy.toml")]
pub struct PolicyShowArgs {
    /// The version: 3, or policies/3; the one in force where left out
    policy: Option<String>,
    /// Print the data and nothing else
    #[arg(long, conflicts_with = "json")]
    text: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost policy show --text > policy.toml       # then edit it, and count its version up
  waypost policy set policy.toml --reason 'new quiet hours in Brazil'

What has errors is refused, with each of them. Every process follows within two seconds.")]
pub struct PolicySetArgs {
    /// The data (TOML); its version must be above the one in force; - for standard input
    file: PathBuf,
    /// Why; for whoever asks later
    #[arg(long, default_value = "")]
    reason: String,
    /// A UUID: the same call under the same id, within a day, is carried out once
    #[arg(long, value_name = "UUID", default_value = "")]
    request_id: String,
    #[command(flatten)]
    edit: EditArgs,
}

#[derive(Debug, Args)]
pub struct PolicyHistoryArgs {
    #[command(flatten)]
    list: ListArgs,
}

/// What people look at; the text has its own flag.
const COLUMNS: [&str; 5] = ["name", "as_of", "create_time", "creator", "reason"];

pub(crate) async fn run(command: PolicyCommand) -> Result<(), Failure> {
    match command {
        PolicyCommand::Show(args) => show(args).await,
        PolicyCommand::Set(args) => set(args).await,
        PolicyCommand::History(args) => history(args.list).await,
    }
}

async fn client(args: &ServerArgs) -> Result<PolicyServiceClient, Failure> {
    Ok(PolicyServiceClient::new(connect(args).await?))
}

async fn show(args: PolicyShowArgs) -> Result<(), Failure> {
    let request = v1::GetPolicyRequest { name: args.policy.as_deref().map(named::policy).unwrap_or_default() };
    let policy = client(&args.server).await?.get_policy(request).await?.into_inner().policy.unwrap_or_default();
    if args.text {
        return output::line(policy.text.trim_end());
    }
    if args.server.json {
        return print_one(true, &policy);
    }
    print_one(false, &v1::Policy { text: String::new(), ..policy })
}

async fn set(args: PolicySetArgs) -> Result<(), Failure> {
    let bytes = piped::read(&args.file, "policy data", "FILE")?;
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::config(format!("{}: is not UTF-8", args.file.display())))?;
    let EditArgs { etag, validate_only, server } = args.edit;
    let policy = v1::Policy { text, etag, ..v1::Policy::default() };
    let request = v1::UpdatePolicyRequest {
        policy: Some(policy),
        reason: args.reason,
        validate_only,
        request_id: args.request_id,
    };
    let policy = client(&server).await?.update_policy(request).await?.into_inner().policy.unwrap_or_default();
    if server.json {
        return print_one(true, &policy);
    }
    print_one(false, &v1::Policy { text: String::new(), ..policy })
}

async fn history(args: ListArgs) -> Result<(), Failure> {
    let client = client(&args.server).await?;
    let versions = pages(args.limit, |page_size, page_token| {
        let client = client.clone();
        async move {
            let page = client.list_policy_versions(v1::ListPolicyVersionsRequest { page_size, page_token });
            let page = page.await?.into_inner();
            Ok((page.policies, page.next_page_token))
        }
    });
    print_list(args.server.json, &versions.await?, &COLUMNS)
}
