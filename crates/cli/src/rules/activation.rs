//! `waypost rules active`, `activate`, `shadow`, `rollback` and `history`: what is in force, and since when.

use clap::Args;
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
teams have no queues and Waypost may not create them, with the command for whoever may. Warns of teams that are not in
the rules any more and still have messages waiting or open conversations.")]
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
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
pub struct ShadowArgs {
    #[command(flatten)]
    of: VersionArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
pub struct RollbackArgs {
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
    /// Even where teams have no queues
    #[arg(long)]
    force: bool,
}

pub(super) async fn active(args: ServerArgs) -> Result<(), Failure> {
    let activation = in_force(&client(&args).await?).await?;
    print_one(args.json, &activation)
}

pub(super) async fn activate(args: ActivateArgs) -> Result<(), Failure> {
    let trial = args.trial.map(|version| v1::Trial {
        rule_set: name(&version),
        percent: args.percent,
        numbers: args.number.iter().map(|number| in_collection("numbers", number)).collect(),
    });
    let activation = v1::Activation { active: name(&args.of.rule_set), trial, ..v1::Activation::default() };
    let server = &args.of.server;
    put_in_force(&client(server).await?, server.json, activation, args.change).await
}

pub(super) async fn shadow(args: ShadowArgs) -> Result<(), Failure> {
    let server = &args.of.server;
    let client = client(server).await?;
    let current = in_force(&client).await?;
    let shadow = if args.of.rule_set == "none" { String::new() } else { name(&args.of.rule_set) };
    // Unless told otherwise, only what was just read is changed.
    let etag = if args.change.etag.is_empty() { current.etag.clone() } else { args.change.etag.clone() };
    let change = ChangeArgs { etag, ..args.change };
    put_in_force(&client, server.json, v1::Activation { shadow, ..current }, change).await
}

pub(super) async fn rollback(args: RollbackArgs) -> Result<(), Failure> {
    let client = client(&args.server).await?;
    let request = v1::ListActivationsRequest { page_size: 2, page_token: String::new() };
    let last = client.list_activations(request).await?.into_inner().activations;
    let [current, before] = &last[..] else {
        return Err(Failure::failed("there is nothing to go back to"));
    };
    let etag = if args.change.etag.is_empty() { current.etag.clone() } else { args.change.etag.clone() };
    let reason = if args.change.reason.is_empty() {
        format!("back to revision {}", before.revision)
    } else {
        args.change.reason
    };
    let change = ChangeArgs { etag, reason, ..args.change };
    put_in_force(&client, args.server.json, before.clone(), change).await
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
    Ok(client.get_activation(v1::GetActivationRequest {}).await?.into_inner().activation.unwrap_or_default())
}

async fn put_in_force(
    client: &Client,
    json: bool,
    activation: v1::Activation,
    change: ChangeArgs,
) -> Result<(), Failure> {
    let request = v1::ActivateRuleSetRequest {
        activation: Some(activation),
        reason: change.reason,
        etag: change.etag,
        validate_only: change.validate_only,
        request_id: String::new(),
        force: change.force,
    };
    let activated = client.activate_rule_set(request).await?.into_inner();
    for warning in &activated.warnings {
        output::note(&format!("warning: {warning}"));
    }
    print_one(json, &activated.activation.unwrap_or_default())
}
