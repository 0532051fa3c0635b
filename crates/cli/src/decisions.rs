//! `waypost decisions`.

use std::time::SystemTime;

use clap::{Args, Subcommand};
use waypost_domain::TeamName;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::decision_service_client::DecisionServiceClient;
use waypost_proto::admin_v1::team_service_client::TeamServiceClient;

use crate::failure::Failure;
use crate::output;
use crate::server::{ListArgs, Server, ServerArgs, connect, pages, print_list, print_one};
use crate::times::since;

/// As many as one page has.
const TEAMS_MAX: i32 = 500;

#[derive(Debug, Subcommand)]
pub enum DecisionsCommand {
    /// List decisions, the newest first
    List(DecisionListArgs),
    /// Show one decision and why it was taken
    Get(DecisionGetArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost decisions list --since 2h --team billing
  waypost decisions list --contact '+34 600 000 107' --limit 10
  waypost decisions list --rule invoices --since 2026-12-01T09:00:00+01:00")]
pub struct DecisionListArgs {
    /// Only since then: a time, or how long ago, e.g. 90m, 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<SystemTime>,
    /// Only what was decided for this team
    #[arg(long, value_name = "TEAM", value_parser = |name: &str| TeamName::new(name))]
    team: Option<TeamName>,
    /// Only what this rule decided, or the phase of this name where no rule did
    #[arg(long, value_name = "ID", default_value = "")]
    rule: String,
    /// Only what this contact wrote: a number, a business-scoped user id or contacts/ID
    #[arg(long, value_name = "CONTACT", default_value = "")]
    contact: String,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost decisions get wamid.HBgL…
  waypost decisions get decisions/24f07525-119d-59fd-92a8-eb1a552abc3d
  waypost decisions get '+34 600 000 107'    # the last message of that number")]
pub struct DecisionGetArgs {
    /// The message's id (wamid) or decisions/ID; or whose last message: a number, a business-scoped user id, contacts/ID
    reference: String,
    /// Of a message's id: Meta's id of the number that was written to; all are tried where left out
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

async fn list(args: DecisionListArgs) -> Result<(), Failure> {
    let server = connect(&args.list.server).await?;
    let client = DecisionServiceClient::new(server.clone());
    let team = args.team.clone();
    let asked = v1::ListDecisionsRequest {
        since_time: args.since.map(Into::into),
        team: args.team.map(|team| format!("teams/{team}")).unwrap_or_default(),
        rule: args.rule,
        contact: args.contact,
        ..v1::ListDecisionsRequest::default()
    };
    let decisions = pages(args.list.limit, |page_size, page_token| {
        let client = client.clone();
        let request = v1::ListDecisionsRequest { page_size, page_token, ..asked.clone() };
        async move {
            let page = client.list_decisions(request).await?.into_inner();
            Ok((page.decisions, page.next_page_token))
        }
    });
    let decisions = decisions.await?;
    if let Some(team) = team.filter(|_| decisions.is_empty()) {
        check_team(&server, &team).await?;
    }
    if decisions.is_empty() && !asked.rule.is_empty() {
        let rule = &asked.rule;
        output::note(&format!(
            "note: no decision by {rule:?} is known; waypost rules list-rules has the names of rules"
        ));
    }
    let mut columns = vec!["name", "receive_time", "team", "priority", "rule", "why"];
    // Most are of messages.
    if decisions.iter().any(|decision| decision.kind != "message") {
        columns.insert(2, "kind");
    }
    print_list(args.list.server.json, &decisions, &columns)
}

/// Nothing was decided for it: perhaps there is no such team.
async fn check_team(server: &Server, team: &TeamName) -> Result<(), Failure> {
    let request = v1::ListTeamsRequest { page_size: TEAMS_MAX, ..Default::default() };
    let page = TeamServiceClient::new(server.clone()).list_teams(request).await?.into_inner();
    let names: Vec<&str> = page.teams.iter().filter_map(|team| team.name.strip_prefix("teams/")).collect();
    match unknown_team(team, &names) {
        // There may be more of them than were looked at.
        Some(problem) if page.next_page_token.is_empty() => Err(Failure::config(problem)),
        _ => Ok(()),
    }
}

fn unknown_team(team: &TeamName, names: &[&str]) -> Option<String> {
    if names.contains(&team.as_str()) {
        return None;
    }
    Some(format!("--team: {team} is none of the teams that you see: {}", names.join(", ")))
}

async fn get(args: DecisionGetArgs) -> Result<(), Failure> {
    let client = DecisionServiceClient::new(connect(&args.server).await?);
    let DecisionGetArgs { reference, phone_number_id, server } = args;
    let request = v1::GetDecisionRequest { reference, phone_number_id, ..v1::GetDecisionRequest::default() };
    let decision = client.get_decision(request).await?.into_inner().decision;
    print_one(server.json, &decision.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_team_that_there_is_not_is_named_with_those_that_there_are() {
        let team = |name| TeamName::new(name).expect("a name");
        assert_eq!(unknown_team(&team("billing"), &["billing", "vip"]), None);
        let told = unknown_team(&team("biling"), &["billing", "vip"]);
        assert_eq!(told.as_deref(), Some("--team: biling is none of the teams that you see: billing, vip"));
    }
}
