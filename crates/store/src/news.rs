//! What Meta told last about our accounts, numbers and templates, and when: webhooks come in any order and several times, and
//! what is older than what is known must change nothing.

use std::collections::BTreeMap;

use waypost_domain::Timestamp;

use crate::changes::{ChangeRow, RecordTx};
use crate::core::{Param, Row, Sql, params};
use crate::records::key;
use crate::sends::BarScope;
use crate::{Result, Store};

/// The topic of how an account or a number stands.
pub const STANDING: &str = "standing";
/// The topic of what customers make of a number.
pub const QUALITY: &str = "quality";

/// Something that Meta told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News<'a> {
    pub scope: BarScope,
    /// As of a [`SendBar`](crate::SendBar).
    pub name: &'a str,
    /// What of it: each topic has an order of its own.
    pub topic: &'static str,
    /// What was told.
    pub word: &'a str,
    pub at: ToldAt,
}

/// When something was told. Meta's clock has seconds only: within one, what was received first is the older.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToldAt {
    pub told_at: Timestamp,
    pub received_at: Timestamp,
}

/// What to make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It was told before, or something newer was.
    Old,
    /// It counts from now on; `before`: what was told before it.
    New { before: Option<String> },
}

static BEFORE: Sql = Sql::each(
    "SELECT word FROM news WHERE scope = $1 AND name = $2 AND topic = $3",
    "SELECT word FROM news WHERE scope = $1 AND name = $2 AND topic = $3 FOR UPDATE",
);

pub(crate) static HEAR: Sql = Sql::both(
    "INSERT INTO news (scope, name, topic, word, told_at, received_at) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (scope, name, topic) DO UPDATE SET
        word = excluded.word, told_at = excluded.told_at, received_at = excluded.received_at
    WHERE news.told_at < excluded.told_at
        OR news.told_at = excluded.told_at AND news.received_at < excluded.received_at",
);

static FIRST_RECEIVED: Sql =
    Sql::both("SELECT received_at FROM change WHERE waba_id = $1 AND number = $2 AND key = $3");

pub(crate) fn hearing<'a>(news: &News<'a>) -> Vec<Param<'a>> {
    let ToldAt { told_at, received_at } = news.at;
    params![news.scope.as_str(), key(news.name), news.topic, key(news.word), told_at, received_at]
}

static LAST: Sql = Sql::both("SELECT name, word FROM news WHERE scope = $1 AND topic = $2 ORDER BY name");

impl Store {
    /// What Meta told last on a topic: the word, by what it was told of.
    pub async fn told(&self, scope: BarScope, topic: &str) -> Result<BTreeMap<String, String>> {
        let rows = self.read(&LAST, params![scope.as_str(), topic]).await?;
        let pair = |row: &Row| {
            let row = row.of("news");
            Ok((row.get("name")?, row.get("word")?))
        };
        rows.iter().map(pair).collect()
    }
}

impl RecordTx {
    /// Whether it is news, and what it replaces.
    pub async fn hear(&mut self, news: &News<'_>) -> Result<Heard> {
        let tx = &mut self.fenced.tx;
        let rows = tx.query(&BEFORE, params![news.scope.as_str(), key(news.name), news.topic]).await?;
        let before = rows.first().map(|row| row.of("news").get("word")).transpose()?;
        let is_news = tx.execute(&HEAR, hearing(news)).await? > 0;
        Ok(if is_news { Heard::New { before } } else { Heard::Old })
    }

    /// When a change that is kept was received for the first time.
    pub async fn first_received(&mut self, change: &ChangeRow) -> Result<Timestamp> {
        let params = params![key(change.waba.as_str()), key(change.number.as_str()), key(&change.key)];
        let rows = self.fenced.tx.query(&FIRST_RECEIVED, params).await?;
        rows.first().map_or(Ok(change.received_at), |row| row.of("change").get("received_at"))
    }
}
