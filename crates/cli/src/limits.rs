//! `waypost limits`: how much may be sent, what waits, what may not be sent for now, and what was spent.

use clap::{Args, Subcommand};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::limit_service_client::LimitServiceClient;

use crate::failure::Failure;
use crate::named;
use crate::output;
use crate::server::{EditArgs, ListArgs, ServerArgs, connect, pages, print_list, print_one};

#[derive(Debug, Subcommand)]
pub enum LimitsCommand {
    /// Show the messaging limit and how much of it is used, and what waits on each number
    Show(LimitShowArgs),
    /// List what may not be sent for now, and why
    Bars(LimitBarsArgs),
    /// Let it be sent again before its time; where Meta refuses again, the bar is back
    Lift(LimitLiftArgs),
    /// Show what messages of a month cost, and how much of the budget that is
    Spend(LimitSpendArgs),
}

#[derive(Debug, Args)]
pub struct LimitShowArgs {
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub struct LimitBarsArgs {
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost limits lift bars/number/support-es/templates/answer

What the bar had put off is due at once, or within five minutes where it had no end.")]
pub struct LimitLiftArgs {
    /// The bar, as the list shows it: bars/SCOPE/OF/WHAT/ORIGIN
    bar: String,
    /// A UUID: the same call under the same id, within a day, is carried out once
    #[arg(long, value_name = "UUID", default_value = "")]
    request_id: String,
    #[command(flatten)]
    edit: EditArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost limits spend --month 2026-11

Messages are valued when they have arrived, by the price list of that day in the policy data (`waypost policy show`).
It is no invoice.")]
pub struct LimitSpendArgs {
    /// The current one where it is not named; months are those of UTC
    #[arg(long, value_name = "YYYY-MM", default_value = "")]
    month: String,
    #[command(flatten)]
    server: ServerArgs,
}

const NUMBERS: [&str; 7] = ["number", "quality", "standing", "urgent_sends", "normal_sends", "next_due_time", "bars"];
const BARS: [&str; 5] = ["name", "start_time", "end_time", "repetitions", "reason"];
const SPEND: [&str; 8] =
    ["number", "category", "country", "billed_messages", "free_messages", "unpriced_messages", "amount", "currency"];

pub(crate) async fn run(command: LimitsCommand) -> Result<(), Failure> {
    match command {
        LimitsCommand::Show(args) => show(&args.server).await,
        LimitsCommand::Bars(args) => bars(args.list).await,
        LimitsCommand::Lift(args) => lift(args).await,
        LimitsCommand::Spend(args) => spend(args).await,
    }
}

async fn client(args: &ServerArgs) -> Result<LimitServiceClient, Failure> {
    Ok(LimitServiceClient::new(connect(args).await?))
}

async fn show(server: &ServerArgs) -> Result<(), Failure> {
    let answer = client(server).await?.get_limits(v1::GetLimitsRequest {}).await?.into_inner();
    let limits = answer.limits.unwrap_or_default();
    if server.json {
        return print_one(true, &limits);
    }
    output::line(&messaging_limit(&limits))?;
    print_list(false, &limits.numbers, &NUMBERS)
}

/// A line about it.
fn messaging_limit(limits: &v1::Limits) -> String {
    let used = limits.used_places;
    let tier = if limits.tier.is_empty() { "Meta has not told the tier" } else { &limits.tier };
    match limits.places {
        0 => format!("customers within 24 hours: {used}, without a limit ({tier})"),
        places => {
            format!(
                "customers within 24 hours: {used} of {places} ({tier}), {} kept for urgent sends",
                limits.reserved_places
            )
        }
    }
}

async fn bars(args: ListArgs) -> Result<(), Failure> {
    let client = client(&args.server).await?;
    let bars = pages(args.limit, |page_size, page_token| {
        let client = client.clone();
        async move {
            let page = client.list_bars(v1::ListBarsRequest { page_size, page_token }).await?.into_inner();
            Ok((page.bars, page.next_page_token))
        }
    });
    print_list(args.server.json, &bars.await?, &BARS)
}

async fn lift(args: LimitLiftArgs) -> Result<(), Failure> {
    let EditArgs { etag, validate_only, server } = args.edit;
    let request = v1::LiftBarRequest { name: named::bar(&args.bar), etag, validate_only, request_id: args.request_id };
    let bar = client(&server).await?.lift_bar(request).await?.into_inner().bar;
    print_one(server.json, &bar.unwrap_or_default())
}

async fn spend(args: LimitSpendArgs) -> Result<(), Failure> {
    let LimitSpendArgs { month, server } = args;
    let answer = client(&server).await?.get_spend(v1::GetSpendRequest { month }).await?.into_inner();
    let spend = answer.spend.unwrap_or_default();
    if server.json {
        return print_one(true, &spend);
    }
    output::line(&spent(&spend))?;
    print_list(false, &spend.items, &SPEND)
}

/// A line about it.
fn spent(spend: &v1::Spend) -> String {
    let v1::Spend { month, currency, amount, budget, budget_percent, items: _ } = spend;
    match (currency.as_str(), budget.as_str()) {
        ("", _) => format!("{month}: nothing is valued; the policy data has no prices"),
        (_, "") => format!("{month}: {amount} {currency}, without a budget"),
        _ => format!("{month}: {amount} of {budget} {currency} ({budget_percent} %)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_said_in_a_line() {
        let limits = v1::Limits {
            tier: "TIER_2K".to_owned(),
            places: 2_000,
            reserved_places: 100,
            used_places: 7,
            ..v1::Limits::default()
        };
        assert_eq!(
            messaging_limit(&limits),
            "customers within 24 hours: 7 of 2000 (TIER_2K), 100 kept for urgent sends"
        );
        let unlimited = v1::Limits { places: 0, tier: "TIER_UNLIMITED".to_owned(), ..limits };
        assert_eq!(messaging_limit(&unlimited), "customers within 24 hours: 7, without a limit (TIER_UNLIMITED)");
    }

    #[test]
    fn the_spending_is_said_in_a_line() {
        let spend = v1::Spend {
            month: "2026-11".to_owned(),
            currency: "EUR".to_owned(),
            amount: "412.50".to_owned(),
            budget: "500.00".to_owned(),
            budget_percent: 82,
            items: Vec::new(),
        };
        assert_eq!(spent(&spend), "2026-11: 412.50 of 500.00 EUR (82 %)");
        let without = v1::Spend { budget: String::new(), ..spend.clone() };
        assert_eq!(spent(&without), "2026-11: 412.50 EUR, without a budget");
        let unvalued = v1::Spend { currency: String::new(), ..spend };
        assert_eq!(spent(&unvalued), "2026-11: nothing is valued; the policy data has no prices");
    }
}
