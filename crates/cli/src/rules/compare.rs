//! `waypost rules compare`: what the version that is tried, or looks on, makes of the messages that came meanwhile.

use clap::Args;
use waypost_proto::admin_v1 as v1;

use super::moves;
use super::versions::{client, name};
use crate::failure::Failure;
use crate::output;
use crate::server::{ServerArgs, print_list, print_one};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rules compare                # the trial, else the shadow, with the active version
  waypost rules compare 4 --base 3     # any two, over what is stored

Messages that came since the two are in force side by side are decided again by both, as of now: it says how many each
team and each rule gets by either, what goes elsewhere, and why. What a customer's earlier messages led to is taken as
it was.")]
pub struct CompareArgs {
    /// The version: 3, or ruleSets/3; by default the one on trial, else the one in the shadow
    #[arg(value_name = "N", default_value = "", hide_default_value = true)]
    rule_set: String,
    /// Compare with this version instead of with the active one
    #[arg(long, value_name = "N", default_value = "", hide_default_value = true)]
    base: String,
    /// Messages to look at, at most, about an equal part of each partition's
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    messages: u32,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: CompareArgs) -> Result<(), Failure> {
    let (name, base) = (name(&args.rule_set), name(&args.base));
    let request = v1::CompareRuleSetsRequest { name, base, messages: args.messages };
    let compared = client(&args.server).await?.compare_rule_sets(request).await?.into_inner();
    if args.server.json {
        return print_one(true, &compared);
    }
    print_summary(&compared)?;
    if !compared.moves.is_empty() {
        output::line("\nto another team:")?;
        compared.moves.iter().try_for_each(moves::print_move)?;
    }
    if !compared.rule_moves.is_empty() {
        output::line("\nby another rule:")?;
        compared.rule_moves.iter().try_for_each(moves::print_rule_move)?;
    }
    print_counts("team", &compared.teams)?;
    print_counts("rule", &compared.rules)
}

fn print_summary(compared: &v1::CompareRuleSetsResponse) -> Result<(), Failure> {
    let v1::CompareRuleSetsResponse { base, name, messages, moved, .. } = compared;
    let since = compared.since_time.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
    output::line(&format!("{name} beside {base}, over {messages} messages{since}"))?;
    if !compared.complete {
        output::line("older ones were not looked at: ask for more --messages")?;
    }
    let unknown = moves::unknown(compared.binding_unknown, compared.queues_unknown);
    output::line(&format!("{moved} would go to another team{unknown}"))?;
    let (by_base, by_name) = (compared.decided_by_base, compared.decided_by_name);
    output::line(&format!("in fact, {base} decided {by_base} and {name} {by_name}"))?;
    match compared.without_input_messages {
        0 => Ok(()),
        some => output::line(&format!("{some} more could not be decided again: their inputs were erased")),
    }
}

/// What differs first: those are what somebody looks for.
fn print_counts(what: &str, counts: &[v1::ComparedCount]) -> Result<(), Failure> {
    if counts.is_empty() {
        return Ok(());
    }
    output::line(&format!("\neach {what}:"))?;
    let mut counts = counts.to_vec();
    counts.sort_by_key(|one| std::cmp::Reverse(one.messages.abs_diff(one.base_messages)));
    print_list(false, &counts, &["name", "base_messages", "messages"])
}
