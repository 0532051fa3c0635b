//! `waypost rules explain`: who gets a message and why, and why a rule did not. A rules file and a server are asked the
//! same way and answer alike.

use std::path::{Path, PathBuf};

use clap::Args;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::explain_rule_set_request::Message;
use waypost_proto::admin_v1::rule_set_service_client::RuleSetServiceClient;
use waypost_proto::rules_v1::SampleInput;

use self::message::MessageArgs;
use self::shown::shown;
use super::read_rules;
use super::versions::name;
use crate::failure::Failure;
use crate::output;
use crate::server::{ServerArgs, connect, print_one};

mod message;
mod shown;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what")
    .required(true)
    .multiple(true)
    .args(["text", "reply", "webhook", "input", "decision"]))]
#[command(after_help = "Examples, by the version in force, or by a rules file:
  waypost rules explain --text 'where is my invoice?' --all
  waypost rules explain --text hi --attribute tier=gold --rule vip-billing --rule billing-words
  waypost rules explain --rules rules.toml --text 'where is my invoice?' --open-team sales --binding loose
  waypost rules explain --rules rules.toml --webhook body.json --all
Examples with a message that was decided, on the server:
  waypost rules explain --decision wamid.HBgL… --rule vip-billing     # with what was known when it was decided
  waypost rules explain --decision wamid.HBgL… --rule-set 4           # how another version would decide it

--rule names the rules to explain, condition by condition; --all takes all of them.")]
pub struct ExplainArgs {
    /// The rules file; without it, the server is asked
    #[arg(long, value_name = "FILE", conflicts_with_all = ["decision", "rule_set"])]
    rules: Option<PathBuf>,
    /// Server: the version; by default the one that decided the message, else what decides now: the server's rules file, or the
    /// active version
    #[arg(long, value_name = "N", default_value = "")]
    rule_set: String,
    /// Server: a message that was decided: its id (wamid) or decisions/ID; or whose last message: a number, a
    /// business-scoped user id, contacts/ID
    #[arg(long, value_name = "ID")]
    decision: Option<String>,
    #[command(flatten)]
    message: MessageArgs,
    /// A rule to explain; may be given several times
    #[arg(long, value_name = "ID")]
    rule: Vec<String>,
    /// Explain every rule
    #[arg(long, conflicts_with = "rule")]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: ExplainArgs) -> Result<(), Failure> {
    match &args.rules {
        Some(file) => by_file(file, &args),
        None => on_server(args).await,
    }
}

fn by_file(file: &Path, args: &ExplainArgs) -> Result<(), Failure> {
    let rules = read_rules(file)?;
    let known = |id: &&String| rules.definition().rules.iter().any(|rule| *rule.id == **id);
    if let Some(unknown) = args.rule.iter().find(|id| !known(id)) {
        return Err(Failure::config(format!("{} has no rule {unknown:?}", file.display())));
    }
    let wanted: Vec<&str> = if args.all {
        rules.definition().rules.iter().map(|rule| &*rule.id).collect()
    } else {
        args.rule.iter().map(String::as_str).collect()
    };
    for input in args.message.inputs()? {
        print(args.server.json, &rules.explain(&input, &wanted).into())?;
    }
    Ok(())
}

async fn on_server(args: ExplainArgs) -> Result<(), Failure> {
    let inputs = args.message.inputs()?;
    let server = connect(&args.server).await?;
    let messages = match args.decision {
        Some(reference) => vec![Message::Decision(reference)],
        None => inputs.iter().map(|input| Message::Input(SampleInput::from(input))).collect(),
    };
    let is_wanted = args.all || !args.rule.is_empty();
    let client = RuleSetServiceClient::new(server);
    for message in messages {
        let (name, rules) = (name(&args.rule_set), args.rule.clone());
        let request = v1::ExplainRuleSetRequest { name, message: Some(message), rules };
        let mut explained = client.explain_rule_set(request).await?.into_inner();
        if !is_wanted {
            explained.rules.clear();
        }
        print(args.server.json, &explained)?;
    }
    Ok(())
}

fn print(json: bool, explained: &v1::ExplainRuleSetResponse) -> Result<(), Failure> {
    if json { print_one(true, explained) } else { output::line(&shown(explained)) }
}
