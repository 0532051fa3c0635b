//! `waypost rules coverage`: which rules nothing hits.

use clap::Args;
use waypost_proto::admin::to_json;
use waypost_proto::admin_v1 as v1;

use super::versions::{client, name};
use crate::failure::Failure;
use crate::output;
use crate::server::{ServerArgs, print_list, print_one};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rules coverage                    # of the active version: what nothing has hit for 30 days
  waypost rules coverage 4 --days 7 --all   # every rule, how often and when it was hit last

It looks at stored decisions, the newest first, and says since when: what came before is not seen. A rule that is
younger than the days asked about is marked; that nothing has hit it says little yet. How long decisions are stored:
retention.inbox_days of the configuration.")]
pub struct CoverageArgs {
    /// The version: 3, or ruleSets/3; by default the active one
    #[arg(value_name = "N", default_value = "")]
    rule_set: String,
    /// A rule is unused when nothing has hit it for so many days
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    days: u32,
    /// Messages to look at, at most
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    messages: u32,
    /// Show every rule, not only those that are unused
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: CoverageArgs) -> Result<(), Failure> {
    let request = v1::GetCoverageRequest { name: name(&args.rule_set), days: args.days, messages: args.messages };
    let mut coverage = client(&args.server).await?.get_coverage(request).await?.into_inner();
    if args.server.json {
        return print_one(true, &coverage);
    }
    let shown = to_json(&coverage, true);
    let since = shown["since_time"].as_str().map_or_else(String::new, |since| format!(" since {since}"));
    let reach = if coverage.complete { "all that is stored" } else { "there may be older ones: --messages" };
    output::line(&format!(
        "{} ({}): {} messages looked at{since}, {reach}",
        coverage.name, coverage.version, coverage.messages
    ))?;
    for (count, what) in [
        (coverage.unknown_version_messages, "were decided by versions that are not known here: they count for no rule"),
        (coverage.without_input_messages, "have no input any more: they count for no rule that decorates"),
    ] {
        if count > 0 {
            output::line(&format!("{count} of them {what}"))?;
        }
    }
    let young = coverage.rules.iter().filter(|rule| rule.unused && rule.young).count();
    let unused = coverage.rules.iter().filter(|rule| rule.unused).count();
    let days = args.days;
    output::line(&format!("{unused} rules were not hit for {days} days; {young} of them are younger than that"))?;
    coverage.rules.retain(|rule| args.all || rule.unused);
    if coverage.rules.is_empty() {
        return Ok(());
    }
    print_list(false, &coverage.rules, &["rule", "phase", "hits", "last_hit_time", "in_force_since_time", "young"])
}
