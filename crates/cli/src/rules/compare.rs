//! `waypost rules compare`: what the version that is tried, or looks on, makes of the messages that came meanwhile.

use clap::Args;
use waypost_proto::admin_v1 as v1;

use super::moves;
use super::versions::{client, name};
use crate::failure::Failure;
use crate::output;
use crate::server::{ServerArgs, print_one};
use crate::show::{Screen, Table};

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
    let mut told = moves::Told::new();
    if !compared.moves.is_empty() {
        output::line("\nto another team:")?;
        compared.moves.iter().try_for_each(|one| moves::print(moves::team_move(one, &mut told)))?;
    }
    if !compared.rule_moves.is_empty() {
        output::line("\nby another rule:")?;
        compared.rule_moves.iter().try_for_each(|one| moves::print(moves::rule_move(one, &mut told)))?;
    }
    let (base, name) = (&*compared.base, &*compared.name);
    for (what, counts) in [("team", &compared.teams), ("rule", &compared.rules)] {
        if !counts.is_empty() {
            output::line(&format!("\neach {what}:"))?;
            output::line(&counts_table(base, name, counts).on(&Screen::stdout()))?;
        }
    }
    Ok(())
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
fn counts_table(base: &str, name: &str, counts: &[v1::ComparedCount]) -> Table {
    let by = |version: &str| format!("BY {}", version.strip_prefix("ruleSets/").unwrap_or(version));
    let mut table = Table::new(&["NAME", &by(base), &by(name)]);
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|one| std::cmp::Reverse(one.messages.abs_diff(one.base_messages)));
    table
        .add_rows(counts.iter().map(|one| [one.name.clone(), one.base_messages.to_string(), one.messages.to_string()]));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_says_whose_count_it_is() {
        let count =
            |name: &str, base_messages, messages| v1::ComparedCount { name: name.to_owned(), base_messages, messages };
        let table = counts_table("ruleSets/1", "ruleSets/3", &[count("sales", 5, 5), count("billing", 2, 9)]);
        assert_eq!(table.to_string(), "NAME     BY 1  BY 3\nbilling  2     9\nsales    5     5");
    }
}
