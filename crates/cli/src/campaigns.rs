//! `waypost campaigns`: one template to many contacts.

mod adding;
mod arguments;
mod progress;
mod rows;

use std::time::SystemTime;

use clap::{Args, Subcommand, ValueEnum};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::campaign_service_client::CampaignServiceClient;
use waypost_proto::sends_v1 as sends;

pub(crate) use self::arguments::{CampaignAddArgs, CampaignCreateArgs};
use crate::failure::Failure;
use crate::named::{campaign, number};
use crate::server::{EditArgs, ListArgs, ServerArgs, connect, pages, print_list, print_one};
use crate::times::ahead;

#[derive(Debug, Subcommand)]
pub enum CampaignsCommand {
    /// Make a draft, and add those to it whom a file lists or a query finds
    Create(CampaignCreateArgs),
    /// Add recipients to a draft
    Add(CampaignAddArgs),
    /// List campaigns, the newest first
    List(CampaignListArgs),
    /// Show a campaign, and how far it has come
    Show(CampaignArgs),
    /// List whom a campaign is for, and who was rejected and why
    Recipients(CampaignRecipientsArgs),
    /// Start a draft, now or at a time
    Start(CampaignStartArgs),
    /// Stop a campaign for a while: nothing more of it is attempted
    Pause(CampaignStopArgs),
    /// Go on with a campaign that was paused
    Resume(CampaignEditArgs),
    /// End a campaign for good: what has not gone does not go
    Cancel(CampaignStopArgs),
    /// Delete a draft
    Delete(CampaignEditArgs),
}

#[derive(Debug, Args)]
pub struct CampaignListArgs {
    /// Only those in this state
    #[arg(long, value_enum)]
    state: Option<StateName>,
    #[command(flatten)]
    list: ListArgs,
}

/// The states as people write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateName {
    Draft,
    Scheduled,
    Running,
    Paused,
    Completed,
    Cancelled,
}

#[derive(Debug, Args)]
pub struct CampaignArgs {
    /// The campaign: winter, or campaigns/winter
    campaign: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub struct CampaignRecipientsArgs {
    /// The campaign: winter, or campaigns/winter
    campaign: String,
    /// Only those in this state
    #[arg(long, value_enum)]
    state: Option<RecipientStateName>,
    #[command(flatten)]
    list: ListArgs,
}

/// The states of rows as people write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecipientStateName {
    Planned,
    Queued,
    Rejected,
    Expired,
    Cancelled,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost campaigns start winter
  waypost campaigns start winter --at 2026-12-01T09:00:00+01:00")]
pub struct CampaignStartArgs {
    /// The draft: winter, or campaigns/winter
    campaign: String,
    /// When it begins: a time, or in how long, e.g. 2h; now where left out
    #[arg(long, value_name = "TIME", value_parser = ahead)]
    at: Option<SystemTime>,
    #[command(flatten)]
    edit: EditArgs,
}

#[derive(Debug, Args)]
pub struct CampaignStopArgs {
    /// The campaign: winter, or campaigns/winter
    campaign: String,
    /// For whoever asks later
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    edit: EditArgs,
}

#[derive(Debug, Args)]
pub struct CampaignEditArgs {
    /// The campaign: winter, or campaigns/winter
    campaign: String,
    #[command(flatten)]
    edit: EditArgs,
}

const COLUMNS: [&str; 7] = ["name", "state", "number", "template.name", "recipient_count", "start_time", "creator"];

pub(crate) async fn run(command: CampaignsCommand) -> Result<(), Failure> {
    match command {
        CampaignsCommand::Create(args) => create(args).await,
        CampaignsCommand::Add(args) => adding::add(args).await,
        CampaignsCommand::List(args) => list(args).await,
        CampaignsCommand::Show(args) => show(args).await,
        CampaignsCommand::Recipients(args) => recipients(args).await,
        CampaignsCommand::Start(args) => start(args).await,
        CampaignsCommand::Pause(args) => pause(args).await,
        CampaignsCommand::Resume(args) => resume(args).await,
        CampaignsCommand::Cancel(args) => cancel(args).await,
        CampaignsCommand::Delete(args) => delete(args).await,
    }
}

async fn client(args: &ServerArgs) -> Result<CampaignServiceClient, Failure> {
    Ok(CampaignServiceClient::new(connect(args).await?))
}

async fn create(args: CampaignCreateArgs) -> Result<(), Failure> {
    let fallback = (!args.fallback.is_empty()).then_some(sends::Languages { languages: args.fallback });
    let template =
        sends::Template { name: args.template, language: args.language, language_fallback: fallback, values: None };
    let id = args.campaign.strip_prefix("campaigns/").unwrap_or(&args.campaign).to_owned();
    let request = v1::CreateCampaignRequest {
        campaign_id: id.clone(),
        campaign: Some(v1::Campaign {
            number: number(&args.number),
            template: Some(template),
            pace_per_minute: args.pace,
            expire_time: args.expires.map(Into::into),
            ..v1::Campaign::default()
        }),
        validate_only: args.validate_only,
        request_id: String::new(),
    };
    let made = client(&args.server).await?.create_campaign(request).await?.into_inner().campaign;
    if !args.whom.says_who() {
        return changed(&args.server, made);
    }
    let (whom, server) = (args.whom, args.server);
    adding::add(CampaignAddArgs { campaign: id, whom, from_line: 1, validate_only: false, server }).await
}

async fn list(args: CampaignListArgs) -> Result<(), Failure> {
    let client = client(&args.list.server).await?;
    let state = args.state.map(StateName::to_wire).unwrap_or_default().into();
    let campaigns = pages(args.list.limit, |page_size, page_token| {
        let client = client.clone();
        let request = v1::ListCampaignsRequest { page_size, page_token, state };
        async move {
            let page = client.list_campaigns(request).await?.into_inner();
            Ok((page.campaigns, page.next_page_token))
        }
    });
    print_list(args.list.server.json, &campaigns.await?, &COLUMNS)
}

async fn show(args: CampaignArgs) -> Result<(), Failure> {
    let request = v1::GetCampaignRequest { name: campaign(&args.campaign) };
    let found = client(&args.server).await?.get_campaign(request).await?.into_inner().campaign.unwrap_or_default();
    if args.server.json {
        return print_one(true, &found);
    }
    print_one(false, &v1::Campaign { progress: None, ..found.clone() })?;
    progress::print(&found)
}

async fn recipients(args: CampaignRecipientsArgs) -> Result<(), Failure> {
    let client = client(&args.list.server).await?;
    let state = args.state.map(RecipientStateName::to_wire).unwrap_or_default().into();
    let parent = campaign(&args.campaign);
    let recipients = pages(args.list.limit, |page_size, page_token| {
        let client = client.clone();
        let request = v1::ListCampaignRecipientsRequest { parent: parent.clone(), page_size, page_token, state };
        async move {
            let page = client.list_campaign_recipients(request).await?.into_inner();
            Ok((page.recipients, page.next_page_token))
        }
    });
    let columns = ["row", "state", "contact", "message", "problem.field", "problem.description"];
    print_list(args.list.server.json, &recipients.await?, &columns)
}

async fn start(args: CampaignStartArgs) -> Result<(), Failure> {
    let request = v1::StartCampaignRequest {
        name: campaign(&args.campaign),
        start_time: args.at.map(Into::into),
        etag: args.edit.etag,
        validate_only: args.edit.validate_only,
        request_id: String::new(),
    };
    changed(&args.edit.server, client(&args.edit.server).await?.start_campaign(request).await?.into_inner().campaign)
}

async fn pause(args: CampaignStopArgs) -> Result<(), Failure> {
    let request = v1::PauseCampaignRequest {
        name: campaign(&args.campaign),
        reason: args.reason,
        etag: args.edit.etag,
        validate_only: args.edit.validate_only,
        request_id: String::new(),
    };
    changed(&args.edit.server, client(&args.edit.server).await?.pause_campaign(request).await?.into_inner().campaign)
}

async fn resume(args: CampaignEditArgs) -> Result<(), Failure> {
    let request = v1::ResumeCampaignRequest {
        name: campaign(&args.campaign),
        etag: args.edit.etag,
        validate_only: args.edit.validate_only,
        request_id: String::new(),
    };
    changed(&args.edit.server, client(&args.edit.server).await?.resume_campaign(request).await?.into_inner().campaign)
}

async fn cancel(args: CampaignStopArgs) -> Result<(), Failure> {
    let request = v1::CancelCampaignRequest {
        name: campaign(&args.campaign),
        reason: args.reason,
        etag: args.edit.etag,
        validate_only: args.edit.validate_only,
        request_id: String::new(),
    };
    changed(&args.edit.server, client(&args.edit.server).await?.cancel_campaign(request).await?.into_inner().campaign)
}

fn changed(server: &ServerArgs, campaign: Option<v1::Campaign>) -> Result<(), Failure> {
    print_one(server.json, &campaign.unwrap_or_default())
}

async fn delete(args: CampaignEditArgs) -> Result<(), Failure> {
    let request = v1::DeleteCampaignRequest {
        name: campaign(&args.campaign),
        etag: args.edit.etag,
        validate_only: args.edit.validate_only,
    };
    client(&args.edit.server).await?.delete_campaign(request).await?;
    Ok(())
}

impl StateName {
    const fn to_wire(self) -> v1::CampaignState {
        match self {
            Self::Draft => v1::CampaignState::Draft,
            Self::Scheduled => v1::CampaignState::Scheduled,
            Self::Running => v1::CampaignState::Running,
            Self::Paused => v1::CampaignState::Paused,
            Self::Completed => v1::CampaignState::Completed,
            Self::Cancelled => v1::CampaignState::Cancelled,
        }
    }
}

impl RecipientStateName {
    const fn to_wire(self) -> v1::CampaignRecipientState {
        match self {
            Self::Planned => v1::CampaignRecipientState::Planned,
            Self::Queued => v1::CampaignRecipientState::Queued,
            Self::Rejected => v1::CampaignRecipientState::Rejected,
            Self::Expired => v1::CampaignRecipientState::Expired,
            Self::Cancelled => v1::CampaignRecipientState::Cancelled,
        }
    }
}
