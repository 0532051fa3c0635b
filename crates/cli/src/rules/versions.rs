//! `waypost rules list`, `get`, `push` and `check`: the versions that a running server keeps.

use std::path::PathBuf;

use clap::Args;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::rule_set_service_client::RuleSetServiceClient;

use crate::failure::Failure;
use crate::output;
use crate::parts::severity;
use crate::server::{ServerArgs, connect, pages, print_list, print_one};

pub(super) type Client = RuleSetServiceClient;

#[derive(Debug, Args)]
pub(super) struct VersionArgs {
    /// The version: 3, or ruleSets/3
    pub(super) rule_set: String,
    #[command(flatten)]
    pub(super) server: ServerArgs,
}

#[derive(Debug, Args)]
pub struct GetArgs {
    #[command(flatten)]
    of: VersionArgs,
    /// Print the rules and nothing else
    #[arg(long, conflicts_with = "json")]
    text: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "It also asks the broker for the queues of the version's teams. Where some are missing and Waypost may not create them,
that is an error, with the command for whoever may."
)]
pub struct CheckArgs {
    #[command(flatten)]
    of: VersionArgs,
    /// Take it even where teams have no queues
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost rules push rules.toml --reason 'new opening hours'

A file with errors is refused, and nothing is kept. A file that says the same as a version that is there already is that
version, which keeps its reason; yours is in the audit log. A file whose calendar lacks holidays that were imported is
refused, with the command that prints them for it; --drop-holidays leaves them out.")]
pub struct PushArgs {
    /// The rules file (TOML)
    file: PathBuf,
    /// Why; for whoever asks later
    #[arg(long, default_value = "")]
    reason: String,
    /// Check everything, keep nothing
    #[arg(long)]
    validate_only: bool,
    /// Keep it as a draft though it has errors
    #[arg(long)]
    allow_errors: bool,
    /// Keep it though a calendar lacks holidays to come that the active or the newest version has
    #[arg(long)]
    drop_holidays: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn list(args: ServerArgs) -> Result<(), Failure> {
    let client = client(&args).await?;
    let versions = pages(usize::MAX, |page_size, page_token| {
        let client = client.clone();
        async move {
            let page = client.list_rule_sets(v1::ListRuleSetsRequest { page_size, page_token }).await?.into_inner();
            Ok((page.rule_sets, page.next_page_token))
        }
    });
    print_list(args.json, &versions.await?, &["name", "version", "state", "create_time", "creator", "reason"])
}

pub(super) async fn get(args: GetArgs) -> Result<(), Failure> {
    let server = &args.of.server;
    let request = v1::GetRuleSetRequest { name: name(&args.of.rule_set), ..Default::default() };
    let rule_set = client(server).await?.get_rule_set(request).await?.into_inner().rule_set.unwrap_or_default();
    if args.text { output::line(rule_set.text.trim_end()) } else { print_one(server.json, &rule_set) }
}

/// Keeps the file and checks it, so that it can be activated when it is good.
pub(super) async fn push(args: PushArgs) -> Result<(), Failure> {
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Failure::config(format!("{}: {error}", args.file.display())))?;
    let client = client(&args.server).await?;
    let request = v1::CreateRuleSetRequest {
        rules: Some(v1::create_rule_set_request::Rules::Text(text)),
        reason: args.reason,
        validate_only: args.validate_only,
        request_id: String::new(),
        allow_errors: args.allow_errors,
        drop_holidays: args.drop_holidays,
    };
    let pushed = client.create_rule_set(request).await?.into_inner();
    let mut rule_set = pushed.rule_set.unwrap_or_default();
    if pushed.existed && !args.validate_only {
        let what = "says the same and keeps its reason; yours is in the audit log";
        output::note(&format!("note: {} {what}", rule_set.name));
    }
    let mut findings = pushed.findings;
    if !args.validate_only {
        let request = v1::CheckRuleSetRequest { name: rule_set.name, force: false };
        let checked = client.check_rule_set(request).await?.into_inner();
        rule_set = checked.rule_set.unwrap_or_default();
        findings = checked.findings;
    }
    rule_set.text = String::new();
    print_checked(args.server.json, &rule_set, findings)
}

pub(super) async fn check(args: CheckArgs) -> Result<(), Failure> {
    let server = &args.of.server;
    let request = v1::CheckRuleSetRequest { name: name(&args.of.rule_set), force: args.force };
    let checked = client(server).await?.check_rule_set(request).await?.into_inner();
    let rule_set = v1::RuleSet { text: String::new(), ..checked.rule_set.unwrap_or_default() };
    print_checked(server.json, &rule_set, checked.findings)
}

/// The version and what there is to say about it; fails when it has errors.
fn print_checked(json: bool, rule_set: &v1::RuleSet, findings: Vec<v1::Finding>) -> Result<(), Failure> {
    let errors = findings.iter().filter(|finding| finding.severity() == v1::Severity::Error).count();
    if json {
        print_one(true, &v1::CheckRuleSetResponse { rule_set: Some(rule_set.clone()), findings })?;
    } else {
        for finding in &findings {
            let word = severity(finding.severity());
            let line = if finding.line > 0 { format!("line {}: ", finding.line) } else { String::new() };
            let field = if finding.field.is_empty() { String::new() } else { format!("{}: ", finding.field) };
            output::line(&format!("{word}: {line}{field}{}", finding.problem))?;
        }
        print_one(false, rule_set)?;
    }
    if errors == 0 { Ok(()) } else { Err(Failure::failed(format!("{errors} errors"))) }
}

pub(super) async fn client(args: &ServerArgs) -> Result<Client, Failure> {
    Ok(RuleSetServiceClient::new(connect(args).await?))
}

/// A number, or the name of a version; a file may be called anything else.
pub(super) fn is_version(text: &str) -> bool {
    let number = text.strip_prefix("ruleSets/").unwrap_or(text);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The full name of a version that may have been given by its number. Nothing stays nothing.
pub(super) fn name(version: &str) -> String {
    in_collection("ruleSets", version)
}

pub(crate) fn in_collection(collection: &str, id: &str) -> String {
    if id.is_empty() || id.contains('/') { id.to_owned() } else { format!("{collection}/{id}") }
}
