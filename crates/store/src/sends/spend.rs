//! What messages cost: counted once a message, by day, number, category and country, and summed up by month.

use std::sync::LazyLock;

use waypost_domain::calendar::Date;
use waypost_domain::{AliasSet, NumberName, Timestamp};

use super::row::SendPrice;
use crate::changes::RecordTx;
use crate::core::{Columns, Sql, Statement, Table, params};
use crate::records::key;
use crate::{Result, Store};

/// A message that arrived and has a price: told of once, when both are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedSend {
    pub number: NumberName,
    /// As the status names them.
    pub recipient: AliasSet,
    pub price: SendPrice,
    /// When it arrived.
    pub at: Timestamp,
}

/// What was sent on a day, for one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendRow {
    pub day: Date,
    pub number: NumberName,
    /// Meta's word.
    pub category: String,
    /// ISO 3166 alpha-2; empty where it is not known.
    pub country: String,
    /// ISO 4217; empty where nothing is valued.
    pub currency: String,
    /// Messages that are charged for.
    pub billed: u64,
    /// Messages that are not.
    pub free: u64,
    /// Those of the billed ones that no list had a price for.
    pub unpriced: u64,
    /// Millionths of the currency's unit.
    pub micros: u64,
}

/// The sum of a month, and how far the budget was acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MonthSpend {
    /// Millionths of the currency's unit.
    pub micros: u64,
    /// Of which amount a person was told last.
    pub warned_micros: Option<u64>,
    /// At which amount it was stopped last.
    pub stopped_micros: Option<u64>,
}

static SPEND: Table = Table {
    name: "spend",
    columns: &[
        ("day", "TEXT"),
        ("number", "TEXT"),
        ("category", "TEXT"),
        ("country", "TEXT"),
        ("currency", "TEXT"),
        ("billed", "BIGINT"),
        ("free", "BIGINT"),
        ("unpriced", "BIGINT"),
        ("micros", "BIGINT"),
    ],
};

static ADD: Sql = Sql::both(
    "INSERT INTO spend (day, number, category, country, currency, billed, free, unpriced, micros)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (day, number, category, country, currency) DO UPDATE SET
        billed = spend.billed + excluded.billed, free = spend.free + excluded.free,
        unpriced = spend.unpriced + excluded.unpriced, micros = spend.micros + excluded.micros",
);

/// Whoever adds to a month waits for whoever does so at the same moment.
static ADD_TO_MONTH: Sql = Sql::both(
    "INSERT INTO spend_month (month, currency, micros) VALUES ($1, $2, $3)
    ON CONFLICT (month, currency) DO UPDATE SET micros = spend_month.micros + excluded.micros
    RETURNING micros, warned_micros, stopped_micros",
);

static ACTED: Sql =
    Sql::both("UPDATE spend_month SET warned_micros = $3, stopped_micros = $4 WHERE month = $1 AND currency = $2");

static OF_MONTH: Sql =
    Sql::both("SELECT micros, warned_micros, stopped_micros FROM spend_month WHERE month = $1 AND currency = $2");

static BETWEEN: LazyLock<Sql> =
    LazyLock::new(|| SPEND.select("WHERE day >= $1 AND day < $2 ORDER BY day, number, category, country, currency"));

/// No sum comes near its end.
fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn row(row: &Columns<'_>) -> Result<SpendRow> {
    Ok(SpendRow {
        day: row.parse("day", Date::parse)?.ok_or(row.unreadable("day"))?,
        number: row.get("number")?,
        category: row.get("category")?,
        country: row.get("country")?,
        currency: row.get("currency")?,
        billed: row.get("billed")?,
        free: row.get("free")?,
        unpriced: row.get("unpriced")?,
        micros: row.get("micros")?,
    })
}

fn adding(row: &SpendRow) -> Statement<'_> {
    Statement::new(
        &ADD,
        params![
            row.day.to_string(),
            &row.number,
            key(&row.category),
            key(&row.country),
            &row.currency,
            int(row.billed),
            int(row.free),
            int(row.unpriced),
            int(row.micros),
        ],
    )
}

fn month(row: &Columns<'_>) -> Result<MonthSpend> {
    Ok(MonthSpend {
        micros: row.get("micros")?,
        warned_micros: row.get("warned_micros")?,
        stopped_micros: row.get("stopped_micros")?,
    })
}

impl RecordTx {
    /// Counts them: each key once, by their keys' order.
    pub async fn add_spend(&mut self, rows: &[SpendRow]) -> Result<()> {
        self.fenced.tx.run(rows.iter().map(adding).collect()).await.map(drop)
    }

    /// Adds to a month's sum, and gives it as it is then, while nobody else adds to it: the last lock that is taken, of several
    /// months in their order.
    pub async fn add_to_month(&mut self, month_name: &str, currency: &str, micros: u64) -> Result<MonthSpend> {
        let rows = self.fenced.tx.query(&ADD_TO_MONTH, params![month_name, currency, int(micros)]).await?;
        rows.first().map_or_else(|| Ok(MonthSpend::default()), |row| month(&row.of("spend_month")))
    }

    /// Remembers which amounts of the budget were acted upon.
    pub async fn acted_upon_budget(&mut self, month_name: &str, currency: &str, spent: MonthSpend) -> Result<()> {
        let params = params![month_name, currency, spent.warned_micros.map(int), spent.stopped_micros.map(int)];
        self.fenced.tx.execute(&ACTED, params).await.map(drop)
    }
}

impl Store {
    /// What was spent from one day to another, which is not among them.
    pub async fn spend(&self, from: Date, to: Date) -> Result<Vec<SpendRow>> {
        let rows = self.report(&BETWEEN, params![from.to_string(), to.to_string()]).await?;
        rows.iter().map(|found| row(&found.of(SPEND.name))).collect()
    }

    /// The sum of a month.
    pub async fn month_spend(&self, month_name: &str, currency: &str) -> Result<MonthSpend> {
        let rows = self.report(&OF_MONTH, params![month_name, currency]).await?;
        rows.first().map_or_else(|| Ok(MonthSpend::default()), |row| month(&row.of("spend_month")))
    }
}
