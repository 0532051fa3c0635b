//! What messages cost: each is counted once, when it has arrived and Meta has told its price, by the price list of that day; and what
//! follows when the month's budget is nearly spent, or is. All of it is in the transaction that takes the status in.

use std::collections::BTreeMap;

use waypost_domain::{AliasSet, Timestamp, country};
use waypost_policy::PolicyData;
use waypost_policy::calendar::{Month, day_of};
use waypost_policy::spend::{Amount, Budget, SpendData};
use waypost_store::{BarOrigin, BarScope, BarWhat, MonthSpend, PricedSend, RecordTx, Result, SendBar, SpendRow};

use crate::metrics;
use crate::outcome::Alert;

/// WhatsApp delivers a message within 30 days or never; clocks differ.
const ON_ITS_WAY_MS: i64 = 32 * 24 * 60 * 60 * 1000;

/// Whether something may not be sent any more.
pub(crate) async fn count(
    tx: &mut RecordTx,
    policy: &PolicyData,
    priced: &[PricedSend],
    now: Timestamp,
) -> Result<bool> {
    if priced.is_empty() {
        return Ok(false);
    }
    let data = policy.spend.as_ref();
    let rows = rows(data, priced, now);
    tx.add_spend(&rows).await?;
    let Some(data) = data else { return Ok(false) };
    let month = Month::of(day_of(now));
    let mut sums: BTreeMap<Month, u64> = BTreeMap::new();
    for row in &rows {
        *sums.entry(Month::of(row.day)).or_default() += row.micros;
    }
    let mut spent = None;
    for (of, micros) in sums {
        let sum = tx.add_to_month(&of.to_string(), &data.currency, micros).await?;
        if of == month {
            spent = Some(sum);
        }
    }
    // What is told late of a month that is over stops nothing of this one.
    let (Some(budget), Some(spent)) = (&data.budget, spent) else { return Ok(false) };
    let acted = follow(budget, spent);
    if acted == spent {
        return Ok(false);
    }
    tx.acted_upon_budget(&month.to_string(), &data.currency, acted).await?;
    let about = |part: &str, of: Amount| format!("{part} of {of} {} for {month} is spent", data.currency);
    if acted.warned_micros != spent.warned_micros {
        let why = about(&format!("{} % of the budget", budget.warn_percent), budget.monthly);
        alert(tx, Alert::BudgetWarning, &why, now).await?;
    }
    if acted.stopped_micros == spent.stopped_micros {
        return Ok(false);
    }
    let why = about("the budget", budget.monthly);
    alert(tx, Alert::BudgetSpent, &why, now).await?;
    for category in &budget.stops {
        let bar = SendBar {
            scope: BarScope::App,
            name: String::new(),
            what: BarWhat::Category(*category),
            since: now,
            until: Some(month.next().begins_at()),
            until_token: false,
            step: 0,
            why: why.clone(),
            origin: BarOrigin::Budget,
        };
        tx.bar_sends(&bar).await?;
    }
    Ok(!budget.stops.is_empty())
}

/// What was acted upon, after it is acted upon whatever this sum has reached: each amount once, and another one anew.
fn follow(budget: &Budget, spent: MonthSpend) -> MonthSpend {
    let reached = |amount: Amount, before: Option<u64>| {
        if spent.micros >= amount.micros() { Some(amount.micros()) } else { before }
    };
    MonthSpend {
        micros: spent.micros,
        warned_micros: reached(budget.warning(), spent.warned_micros),
        stopped_micros: reached(budget.monthly, spent.stopped_micros),
    }
}

async fn alert(tx: &mut RecordTx, alert: Alert, why: &str, now: Timestamp) -> Result<()> {
    let kind = alert.kind();
    if tx.raise_alert(BarScope::App, "", &kind, why, now).await? {
        metrics::alert(BarScope::App, "", &kind);
    }
    Ok(())
}

/// A row for each day, number, category and country.
fn rows(data: Option<&SpendData>, priced: &[PricedSend], now: Timestamp) -> Vec<SpendRow> {
    let mut rows: BTreeMap<_, SpendRow> = BTreeMap::new();
    for send in priced {
        let category = send.price.category.clone().unwrap_or_default();
        let country = country_of(&send.recipient).unwrap_or_default().to_owned();
        // Nobody's clock says more than that: a message is not on its way for longer.
        let day = day_of(send.at.clamp(now.plus_millis(-ON_ITS_WAY_MS), now));
        let key = (day, send.number.clone(), category.clone(), country.clone());
        let row = rows.entry(key).or_insert_with(|| SpendRow {
            day,
            number: send.number.clone(),
            category,
            country,
            currency: data.map(|data| data.currency.clone()).unwrap_or_default(),
            billed: 0,
            free: 0,
            unpriced: 0,
            micros: 0,
        });
        // Where Meta leaves it open, it may have to be paid.
        if send.price.billed == Some(false) {
            row.free += 1;
            continue;
        }
        row.billed += 1;
        let country = Some(row.country.as_str()).filter(|code| !code.is_empty());
        match data.and_then(|data| data.price(&row.category, country, day)) {
            Some(price) => row.micros += price.micros(),
            None => row.unpriced += 1,
        }
    }
    rows.into_values().collect()
}

/// Of the number, by which Meta charges; of the BSUID where no number is shown.
fn country_of(recipient: &AliasSet) -> Option<&str> {
    let of_phone = recipient.phone.as_deref().and_then(country::of_phone);
    of_phone.or_else(|| recipient.bsuid.as_deref().and_then(country::of_bsuid))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLION: u64 = 1_000_000;

    /// Each amount is acted upon once, whoever lifts what it had stopped; a lower budget is seen at the next price, a higher one
    /// when it is reached.
    #[test]
    fn each_amount_of_a_budget_is_acted_upon_once() {
        let budget = |monthly: u64| Budget {
            monthly: Amount::from_micros(monthly * MILLION),
            warn_percent: 80,
            stops: Vec::new(),
        };
        let mut spent = MonthSpend::default();
        let table = [
            (79, 100, None, None),
            (80, 100, Some(80), None),
            (99, 100, Some(80), None),
            (100, 100, Some(80), Some(100)),
            (150, 100, Some(80), Some(100)),
            (150, 200, Some(80), Some(100)),
            (160, 200, Some(160), Some(100)),
            (200, 200, Some(160), Some(200)),
            (200, 50, Some(40), Some(50)),
        ];
        for (units, monthly, warned, stopped) in table {
            spent = follow(&budget(monthly), MonthSpend { micros: units * MILLION, ..spent });
            let found = (spent.warned_micros.map(|at| at / MILLION), spent.stopped_micros.map(|at| at / MILLION));
            assert_eq!(found, (warned, stopped), "{units} of {monthly}");
        }
    }
}
