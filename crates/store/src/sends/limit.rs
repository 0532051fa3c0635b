//! The messaging limit: whom a portfolio wrote to outside of windows within a day. A contact is counted with their first send
//! and until a day is over; when the last of these sends has failed, their place is free again
//! (<https://developers.facebook.com/docs/whatsapp/messaging-limits>).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use waypost_domain::{ContactId, Timestamp};

use super::tx::SendTx;
use crate::changes::RecordTx;
use crate::core::{Sql, Statement, params};
use crate::{Result, Store};

/// For how long a place is taken.
pub(super) const PERIOD_MS: i64 = 24 * 60 * 60 * 1000;

/// How much of a portfolio's limit is used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PortfolioUse {
    /// Meta's word for the limit; `None` while it has not told.
    pub tier: Option<String>,
    pub used: u32,
    /// When the next place is free.
    pub next_free_at: Option<Timestamp>,
}

/// Who takes places waits for whoever does so at the same moment.
static LOCK: Sql = Sql::both(
    "INSERT INTO portfolio (name, told_at) VALUES ($1, 0)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name
    RETURNING tier",
);

static TIER: Sql = Sql::both("SELECT tier FROM portfolio WHERE name = $1");

static USED: Sql =
    Sql::both("SELECT count(*) AS used, min(since) AS first_since FROM limit_use WHERE portfolio = $1 AND since > $2");

/// Given a row of before the last day, then its time begins anew.
static TAKE: LazyLock<Sql> = LazyLock::new(|| {
    let counted = format!("limit_use.since > excluded.since - {PERIOD_MS}");
    let with = |rows: &str| {
        format!(
            "INSERT INTO limit_use (portfolio, contact_id, since, sends) {rows}
            ON CONFLICT (portfolio, contact_id) DO UPDATE SET
                sends = CASE WHEN {counted} THEN limit_use.sends ELSE 0 END + excluded.sends,
                since = CASE WHEN {counted} THEN limit_use.since ELSE excluded.since END"
        )
    };
    Sql::made_each(
        with("VALUES ($1, $2, $3, $4)"),
        with(
            "SELECT r.portfolio, r.contact_id, r.since, r.sends
            FROM unnest($1::TEXT[], $2::UUID[], $3::BIGINT[], $4::BIGINT[]) AS r(portfolio, contact_id, since, sends)",
        ),
    )
});

static TELL: Sql = Sql::both(
    "INSERT INTO portfolio (name, tier, told_at) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET tier = excluded.tier, told_at = excluded.told_at
    WHERE portfolio.told_at <= excluded.told_at",
);

fn used(answers: &[crate::core::Answer]) -> Result<PortfolioUse> {
    let [tier, used] = answers else { return Ok(PortfolioUse::default()) };
    let tier = tier.rows.first().map_or(Ok(None), |row| row.of("portfolio").get("tier"))?;
    let Some(row) = used.rows.first() else { return Ok(PortfolioUse { tier, ..PortfolioUse::default() }) };
    let row = row.of("limit_use");
    let first: Option<Timestamp> = row.get("first_since")?;
    Ok(PortfolioUse { tier, used: row.get("used")?, next_free_at: first.map(|at| at.plus_millis(PERIOD_MS)) })
}

/// The statements that count contacts for these sends.
pub(super) fn taking<'a>(taken: &[(i64, ContactId)], portfolio: &'a str, now: Timestamp) -> Option<Statement<'a>> {
    let mut sends: BTreeMap<ContactId, i64> = BTreeMap::new();
    for (_, contact) in taken {
        *sends.entry(*contact).or_default() += 1;
    }
    let row = |(contact, sends): (ContactId, i64)| params![portfolio, contact, now, sends];
    let rows: Vec<_> = sends.into_iter().map(row).collect();
    (!rows.is_empty()).then(|| Statement::rows(&TAKE, rows))
}

impl SendTx {
    /// How much is used, while nobody else takes a place: the last lock that a step takes.
    pub async fn portfolio(&mut self, name: &str, now: Timestamp) -> Result<PortfolioUse> {
        let since = now.plus_millis(-PERIOD_MS);
        let statements = vec![Statement::new(&LOCK, params![name]), Statement::new(&USED, params![name, since])];
        used(&self.fenced.tx.run(statements).await?)
    }
}

impl Store {
    /// How much of a portfolio's limit is used at `now`.
    pub async fn portfolio_use(&self, name: &str, now: Timestamp) -> Result<PortfolioUse> {
        let mut tx = self.begin().await?;
        let since = now.plus_millis(-PERIOD_MS);
        let statements = vec![Statement::new(&TIER, params![name]), Statement::new(&USED, params![name, since])];
        used(&tx.run(statements).await?)
    }

    /// Meta's word for a portfolio's limit; `None` while it has not told.
    pub async fn portfolio_tier(&self, name: &str) -> Result<Option<String>> {
        let rows = self.read(&TIER, params![name]).await?;
        rows.first().map_or(Ok(None), |row| row.of("portfolio").get("tier"))
    }

    /// Meta told of another limit. What was told earlier changes nothing.
    pub async fn tell_tier(&self, portfolio: &str, tier: &str, told_at: Timestamp) -> Result<()> {
        self.write(&TELL, params![portfolio, tier, told_at]).await.map(drop)
    }
}

impl RecordTx {
    /// As [`Store::tell_tier`].
    pub async fn tell_tier(&mut self, portfolio: &str, tier: &str, told_at: Timestamp) -> Result<()> {
        self.fenced.tx.execute(&TELL, params![portfolio, tier, told_at]).await.map(drop)
    }
}
