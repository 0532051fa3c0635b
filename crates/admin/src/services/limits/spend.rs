//! What messages of a month cost, and how much of the budget that is.

use std::collections::BTreeMap;

use waypost_grpc::Result;
use waypost_grpc::error::invalid;
use waypost_policy::calendar::{Month, day_of};
use waypost_policy::spend::{Amount, SpendData};
use waypost_proto::admin_v1 as v1;
use waypost_store::{SpendRow, Store};

/// `month`: as it is asked for; empty for the current one.
pub(super) async fn of_month(store: &Store, data: Option<&SpendData>, month: &str) -> Result<v1::Spend> {
    let month = match month {
        "" => Month::of(day_of(store.now().await?)),
        text => Month::parse(text).ok_or_else(|| invalid("month", "must be a month, such as 2026-11"))?,
    };
    let rows = store.spend(month.first(), month.next().first()).await?;
    let currency = data.map(|data| data.currency.clone()).unwrap_or_default();
    // The sum that the budget is held against.
    let micros = store.month_spend(&month.to_string(), &currency).await?.micros;
    let budget = data.and_then(|data| data.budget.as_ref()).map(|budget| budget.monthly);
    Ok(v1::Spend {
        month: month.to_string(),
        currency,
        amount: Amount::from_micros(micros).to_string(),
        budget: budget.map(|budget| budget.to_string()).unwrap_or_default(),
        budget_percent: budget.map_or(0, |budget| percent(micros, budget.micros())),
        items: items(rows),
    })
}

/// How much of `whole`, which is not 0, this is.
fn percent(part: u64, whole: u64) -> u32 {
    let percent = u128::from(part) * 100 / u128::from(whole.max(1));
    u32::try_from(percent).unwrap_or(u32::MAX)
}

/// The days of a month together.
fn items(rows: Vec<SpendRow>) -> Vec<v1::SpendItem> {
    let mut summed: BTreeMap<_, SpendRow> = BTreeMap::new();
    for row in rows {
        let key = (row.number.clone(), row.category.clone(), row.country.clone(), row.currency.clone());
        match summed.get_mut(&key) {
            None => drop(summed.insert(key, row)),
            Some(sum) => {
                sum.billed += row.billed;
                sum.free += row.free;
                sum.unpriced += row.unpriced;
                sum.micros += row.micros;
            }
        }
    }
    summed.into_values().map(item).collect()
}

fn item(row: SpendRow) -> v1::SpendItem {
    v1::SpendItem {
        number: format!("numbers/{}", row.number),
        category: row.category,
        country: row.country,
        currency: row.currency,
        billed_messages: row.billed,
        free_messages: row.free,
        unpriced_messages: row.unpriced,
        amount: Amount::from_micros(row.micros).to_string(),
    }
}
