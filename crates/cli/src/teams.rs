//! `waypost teams`.

use clap::{Args, Subcommand};
use prost_types::{Duration, FieldMask};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::team_service_client::TeamServiceClient;

use crate::failure::Failure;
use crate::output;
use crate::server::{EditArgs, ServerArgs, connect, pages, print_list, print_one};

#[derive(Debug, Subcommand)]
pub enum TeamsCommand {
    /// List all teams
    List(ServerArgs),
    /// Show one team
    Get(TeamNameArgs),
    /// Create a team and its queues
    Create(TeamCreateArgs),
    /// Change what is given and nothing else
    Update(TeamUpdateArgs),
    /// Delete a team that nothing waits for and nothing names
    Delete(TeamDeleteArgs),
}

#[derive(Debug, Args)]
pub struct TeamNameArgs {
    /// The team: billing, or teams/billing
    team: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TeamFields {
    /// Shown to people
    #[arg(long)]
    title: Option<String>,
    /// Whether people answer here
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set)]
    staffed: Option<bool>,
    /// The overflow team gets new messages while this many wait; 0 for no limit
    #[arg(long, value_name = "N")]
    max_waiting: Option<u32>,
    /// The same, while the oldest has waited this many seconds; 0 for no limit. RabbitMQ does not tell: no effect there
    #[arg(long, value_name = "S")]
    max_wait_s: Option<u32>,
    /// Who gets the messages that this team does not take; "" for nobody
    #[arg(long, value_name = "TEAM")]
    overflow_team: Option<String>,
    /// The team that this one is a part of; "" for none
    #[arg(long, value_name = "TEAM")]
    parent: Option<String>,
    /// Whether its content is shown to its own members alone, and to compliance
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set)]
    confidential: Option<bool>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost teams create vip --title 'VIP desk' --staffed true --token-file token --ca ca.pem
  waypost teams create night --overflow-team vip --max-waiting 50

Where Waypost may not create queues, the team is in the state pending topology and shows the command that creates them.")]
pub struct TeamCreateArgs {
    /// The new team: a-z, 0-9 and -
    team: String,
    #[command(flatten)]
    fields: TeamFields,
    /// Check everything, change nothing
    #[arg(long)]
    validate_only: bool,
    /// A UUID: the same request under the same id is carried out once
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost teams update billing --overflow-team vip --max-waiting 50 --etag 1749854575123-3

From then on the rules file does not change this team any more.")]
pub struct TeamUpdateArgs {
    /// The team: billing, or teams/billing
    team: String,
    #[command(flatten)]
    fields: TeamFields,
    #[command(flatten)]
    edit: EditArgs,
}

#[derive(Debug, Args)]
pub struct TeamDeleteArgs {
    /// The team: billing, or teams/billing
    team: String,
    #[command(flatten)]
    edit: EditArgs,
}

pub(crate) async fn run(command: TeamsCommand) -> Result<(), Failure> {
    match command {
        TeamsCommand::List(args) => list(args).await,
        TeamsCommand::Get(args) => get(args).await,
        TeamsCommand::Create(args) => create(args).await,
        TeamsCommand::Update(args) => update(args).await,
        TeamsCommand::Delete(args) => delete(args).await,
    }
}

async fn client(args: &ServerArgs) -> Result<TeamServiceClient, Failure> {
    Ok(TeamServiceClient::new(connect(args).await?))
}

async fn list(args: ServerArgs) -> Result<(), Failure> {
    let client = client(&args).await?;
    let teams = pages(usize::MAX, |page_size, page_token| {
        let client = client.clone();
        async move {
            let page = client.list_teams(v1::ListTeamsRequest { page_size, page_token }).await?.into_inner();
            Ok((page.teams, page.next_page_token))
        }
    });
    let fields = ["name", "title", "state", "waiting", "staffed", "max_waiting", "max_wait", "overflow_team", "parent"];
    print_list(args.json, &teams.await?, &fields)
}

async fn get(args: TeamNameArgs) -> Result<(), Failure> {
    let request = v1::GetTeamRequest { name: name(&args.team) };
    let team = client(&args.server).await?.get_team(request).await?.into_inner().team;
    print_one(args.server.json, &team.unwrap_or_default())
}

async fn create(args: TeamCreateArgs) -> Result<(), Failure> {
    let (team, _) = fields(&args.fields);
    let request = v1::CreateTeamRequest {
        team_id: args.team.trim_start_matches("teams/").to_owned(),
        team: Some(team),
        validate_only: args.validate_only,
        request_id: args.request_id.unwrap_or_default(),
    };
    let team = client(&args.server).await?.create_team(request).await?.into_inner().team;
    print_one(args.server.json, &team.unwrap_or_default())
}

async fn update(args: TeamUpdateArgs) -> Result<(), Failure> {
    let (team, paths) = fields(&args.fields);
    if paths.is_empty() {
        return Err(Failure::config("nothing to change: give at least one field, e.g. --title"));
    }
    let EditArgs { etag, validate_only, server } = args.edit;
    let request = v1::UpdateTeamRequest {
        team: Some(v1::Team { name: name(&args.team), etag, ..team }),
        update_mask: Some(FieldMask { paths }),
        validate_only,
    };
    let team = client(&server).await?.update_team(request).await?.into_inner().team;
    print_one(server.json, &team.unwrap_or_default())
}

async fn delete(args: TeamDeleteArgs) -> Result<(), Failure> {
    let EditArgs { etag, validate_only, server } = args.edit;
    let name = name(&args.team);
    let request = v1::DeleteTeamRequest { name: name.clone(), etag, validate_only };
    client(&server).await?.delete_team(request).await?;
    let done = if validate_only { "could be deleted" } else { "is deleted" };
    if server.json { output::line("{}") } else { output::line(&format!("{name} {done}")) }
}

/// The full name of a team that may have been given without its collection. Nothing stays nothing.
fn name(team: &str) -> String {
    if team.is_empty() || team.starts_with("teams/") { team.to_owned() } else { format!("teams/{team}") }
}

/// The fields that were given, and their names.
fn fields(given: &TeamFields) -> (v1::Team, Vec<String>) {
    let seconds = |seconds: u32| Duration { seconds: i64::from(seconds), nanos: 0 };
    let team = v1::Team {
        title: given.title.clone().unwrap_or_default(),
        staffed: given.staffed.unwrap_or_default(),
        max_waiting: given.max_waiting.unwrap_or_default(),
        max_wait: given.max_wait_s.map(seconds),
        overflow_team: given.overflow_team.as_deref().map(name).unwrap_or_default(),
        parent: given.parent.as_deref().map(name).unwrap_or_default(),
        confidential: given.confidential.unwrap_or_default(),
        ..v1::Team::default()
    };
    let present = [
        ("title", given.title.is_some()),
        ("staffed", given.staffed.is_some()),
        ("max_waiting", given.max_waiting.is_some()),
        ("max_wait", given.max_wait_s.is_some()),
        ("overflow_team", given.overflow_team.is_some()),
        ("parent", given.parent.is_some()),
        ("confidential", given.confidential.is_some()),
    ];
    (team, present.iter().filter(|(_, is_given)| *is_given).map(|(field, _)| (*field).to_owned()).collect())
}
