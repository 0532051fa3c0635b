//! `waypost rules active`, `activate`, `trial`, `shadow`, `rollback` and `history`: what is in force, and since when.

use clap::{Args, Subcommand};
use waypost_proto::admin::to_json;
use waypost_proto::admin_v1 as v1;

use super::versions::{Client, VersionArgs, client, in_collection, name};
use crate::failure::Failure;
use crate::output;
use crate::server::{ServerArgs, pages, print_list, print_one};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rules activate 4 --reason 'new opening hours'
  waypost rules activate 3 --trial 4 --percent 10 --number support-es

Every process follows within two seconds. A trial's customers stay the same while its percentage grows. Refused where
teams have no queues and Waypost may not create them, with the command for whoever may; where samples of the rules fail;
and where a rules file decides (rules.file of the configuration). Repeats the warnings of the check, and warns of teams
that are not in the rules any more and still have messages waiting or open conversations.")]
pub struct ActivateArgs {
    #[command(flatten)]
    of: VersionArgs,
    /// A version that decides instead, for some
    #[arg(long, value_name = "N")]
    trial: Option<String>,
    /// How many of a hundred contacts the trial decides for
    #[arg(long, value_name = "P", requires = "trial", default_value_t = 0)]
    percent: u32,
    /// A number of ours whose messages the trial decides; may be given several times
    #[arg(long, value_name = "NAME", requires = "trial")]
    number: Vec<String>,
    /// Even where teams have no queues, samples fail, or a rules file decides still
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Subcommand)]
pub enum TrialCommand {
    /// End the trial: the active version decides for all
    End(TrialEndArgs),
}

#[derive(Debug, Args)]
pub struct TrialEndArgs {
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rules shadow 4
  waypost rules shadow end")]
pub struct ShadowArgs {
    #[command(flatten)]
    of: VersionArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rules rollback
  waypost rules rollback --to 3 --reason 'the old hours again'

Repeated, it goes further back, past what was gone back from. After a trial and an activation for all, the first step is
the trial again, which is said. Revisions are in `waypost rules history`.")]
pub struct RollbackArgs {
    /// Go back to what this revision put in force
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    to: i64,
    /// Even where teams have no queues, or a rules file decides still
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Why; for whoever asks later
    #[arg(long, default_value = "")]
    reason: String,
    /// Only if what is in force still shows this etag
    #[arg(long, default_value = "")]
    etag: String,
    /// Check everything, change nothing
    #[arg(long)]
    validate_only: bool,
}

pub(super) async fn active(args: ServerArgs) -> Result<(), Failure> {
    let v1::GetActivationResponse { activation, rules_file } =
        client(&args).await?.get_activation(v1::GetActivationRequest {}).await?.into_inner();
    if args.json {
        let mut shown = to_json(&activation.unwrap_or_default(), true);
        shown["rules_file"] = rules_file.into();
        return output::line(&shown.to_string());
    }
    if !rules_file.is_empty() {
        output::line(&format!("{rules_file} decides (rules.file of the configuration), not what is activated"))?;
    }
    match activation {
        Some(activation) => print_one(false, &activation),
        None => Ok(()),
    }
}

/// A version that decides for all cannot be tried on some.
fn check_trial(active: &str, trial: &str) -> Result<(), Failure> {
    if name(active) != name(trial) {
        return Ok(());
    }
    Err(Failure::config(format!("--trial: {trial} would decide for all already; give the version that is to be tried")))
}

pub(super) async fn activate(args: ActivateArgs) -> Result<(), Failure> {
    if let Some(trial) = &args.trial {
        check_trial(&args.of.rule_set, trial)?;
    }
    let trial = args.trial.map(|version| v1::Trial {
        rule_set: name(&version),
        percent: args.percent,
        numbers: args.number.iter().map(|number| in_collection("numbers", number)).collect(),
    });
    let activation = v1::Activation { active: name(&args.of.rule_set), trial, ..v1::Activation::default() };
    let server = &args.of.server;
    put_in_force(&client(server).await?, server.json, activation, args.change, args.force).await
}

pub(super) async fn trial(command: TrialCommand) -> Result<(), Failure> {
    let TrialCommand::End(TrialEndArgs { change, server }) = command;
    let ChangeArgs { reason, etag, validate_only } = change;
    let request = v1::EndTrialRequest { reason, etag, validate_only, request_id: String::new() };
    let ended = client(&server).await?.end_trial(request).await?.into_inner();
    print_change(server.json, ended.previous, ended.activation, &ended.warnings)
}

pub(super) async fn shadow(args: ShadowArgs) -> Result<(), Failure> {
    let server = &args.of.server;
    let client = client(server).await?;
    let ChangeArgs { reason, etag, validate_only } = args.change;
    // "none": as the release before had it.
    if ["end", "none"].contains(&args.of.rule_set.as_str()) {
        let request = v1::EndShadowRequest { reason, etag, validate_only, request_id: String::new() };
        let ended = client.end_shadow(request).await?.into_inner();
        return print_change(server.json, ended.previous, ended.activation, &ended.warnings);
    }
    let current = in_force(&client).await?;
    // Unless told otherwise, only what was just read is changed.
    let etag = if etag.is_empty() { current.etag.clone() } else { etag };
    let activation = v1::Activation { shadow: name(&args.of.rule_set), ..current };
    // What decides decides already; only who looks on is new.
    put_in_force(&client, server.json, activation, ChangeArgs { reason, etag, validate_only }, true).await
}

pub(super) async fn rollback(args: RollbackArgs) -> Result<(), Failure> {
    let ChangeArgs { reason, etag, validate_only } = args.change;
    let request = v1::RollBackActivationRequest {
        to_revision: args.to,
        reason,
        etag,
        validate_only,
        request_id: String::new(),
        force: args.force,
    };
    let back = client(&args.server).await?.roll_back_activation(request).await?.into_inner();
    print_change(args.server.json, back.previous, back.activation, &back.warnings)
}

pub(super) async fn history(args: ServerArgs) -> Result<(), Failure> {
    let client = client(&args).await?;
    let changes = pages(usize::MAX, |page_size, page_token| {
        let client = client.clone();
        async move {
            let page =
                client.list_activations(v1::ListActivationsRequest { page_size, page_token }).await?.into_inner();
            Ok((page.activations, page.next_page_token))
        }
    });
    let fields = ["revision", "active", "trial", "shadow", "create_time", "creator", "reason"];
    print_list(args.json, &changes.await?, &fields)
}

async fn in_force(client: &Client) -> Result<v1::Activation, Failure> {
    let found = client.get_activation(v1::GetActivationRequest {}).await?.into_inner();
    let file = found.rules_file;
    let by_file =
        || Failure::failed(format!("{file} decides (rules.file of the configuration), and no version is active"));
    found.activation.ok_or_else(by_file)
}

async fn put_in_force(
    client: &Client,
    json: bool,
    activation: v1::Activation,
    change: ChangeArgs,
    force: bool,
) -> Result<(), Failure> {
    let request = v1::ActivateRuleSetRequest {
        activation: Some(activation),
        reason: change.reason,
        etag: change.etag,
        validate_only: change.validate_only,
        request_id: String::new(),
        force,
    };
    let activated = client.activate_rule_set(request).await?.into_inner();
    print_change(json, activated.previous, activated.activation, &activated.warnings)
}

/// What was in force and what is, a line each; as JSON only what is.
fn print_change(
    json: bool,
    was: Option<v1::Activation>,
    is: Option<v1::Activation>,
    warnings: &[String],
) -> Result<(), Failure> {
    for warning in warnings {
        output::note(&format!("warning: {warning}"));
    }
    let (was, is) = (was.unwrap_or_default(), is.unwrap_or_default());
    if json {
        return print_one(true, &is);
    }
    let revision = |activation: &v1::Activation| match activation.revision {
        0 => String::new(),
        revision => revision.to_string(),
    };
    let lines = [
        ("active", was.active.clone(), is.active.clone()),
        ("trial", trial_text(&was), trial_text(&is)),
        ("shadow", was.shadow.clone(), is.shadow.clone()),
        ("revision", revision(&was), revision(&is)),
        ("reason", is.reason.clone(), is.reason.clone()),
    ];
    for (what, was, is) in lines.iter().filter(|(_, was, is)| !was.is_empty() || !is.is_empty()) {
        let or_none = |text: &String| if text.is_empty() { "none".to_owned() } else { text.clone() };
        let change = if was == is { is.clone() } else { format!("{} → {}", or_none(was), or_none(is)) };
        output::line(&format!("{what:8}  {change}"))?;
    }
    Ok(())
}

fn trial_text(activation: &v1::Activation) -> String {
    let Some(trial) = &activation.trial else { return String::new() };
    let decides = format!("{} for {} %", trial.rule_set, trial.percent);
    [vec![decides], trial.numbers.clone()].concat().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_of_another_version() {
        assert!(check_trial("3", "4").is_ok() && check_trial("3", "ruleSets/13").is_ok());
        for (active, trial) in [("3", "3"), ("3", "ruleSets/3"), ("ruleSets/3", "3")] {
            let told = check_trial(active, trial).expect_err("it is one version");
            assert!(told.message().is_some_and(|told| told.starts_with("--trial: ")), "{active} {trial}: {told:?}");
        }
    }
}
