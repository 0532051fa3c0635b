//! What may not be sent for now, and until when: written down, so that a restart does not try at once what Meta has just
//! forbidden.

use std::fmt;
use std::sync::LazyLock;

use waypost_domain::{Category, Timestamp};

use crate::admin::AuditedTx;
use crate::changes::RecordTx;
use crate::core::{Columns, Param, Sql, Table, params};
use crate::records::clean;
use crate::{Result, Store};

/// Whom a bar is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BarScope {
    /// Every number.
    App,
    /// The numbers of an account, by its id at Meta.
    Account,
    /// A number of ours, by its name.
    Number,
    /// One template of an account, as `account/name/language`.
    Template,
    /// Everybody of a country, by its code.
    Country,
}

/// What may not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BarWhat {
    Everything,
    /// What the business begins.
    Templates,
    /// What has to be paid for.
    Paid,
    Category(Category),
}

/// Something that may not be sent for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendBar {
    pub scope: BarScope,
    pub name: String,
    pub what: BarWhat,
    pub since: Timestamp,
    /// `None`: until it is lifted.
    pub until: Option<Timestamp>,
    /// A new token lifts it.
    pub until_token: bool,
    /// How often in a row it was set, for waits that grow.
    pub step: u32,
    /// For people, without anything about a customer.
    pub why: String,
    pub origin: BarOrigin,
}

/// What a bar follows from. Bars of each are kept beside each other, so that neither shortens nor lifts the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BarOrigin {
    /// An answer to one of our requests.
    Answer,
    /// What Meta told by itself, or when asked how things stand.
    News,
    /// What may be spent in a month is spent.
    Budget,
}

/// Which bars good news lifts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lift {
    /// Those that news has set.
    News,
    /// The same, but for those on everything.
    NewsOnPart,
    /// Those on everything, whatever has set them; but for those that wait for a token.
    Everything,
}

impl BarScope {
    const ALL: [Self; 5] = [Self::App, Self::Account, Self::Number, Self::Template, Self::Country];

    /// Its word, in the store and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Account => "account",
            Self::Number => "number",
            Self::Template => "template",
            Self::Country => "country",
        }
    }

    /// What such a word means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}

impl BarWhat {
    /// Its word, in the store and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Templates => "templates",
            Self::Paid => "paid",
            Self::Category(category) => category.as_str(),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word {
            "everything" => Some(Self::Everything),
            "templates" => Some(Self::Templates),
            "paid" => Some(Self::Paid),
            category => Category::parse(category).map(Self::Category),
        }
    }
}

impl BarOrigin {
    const ALL: [Self; 3] = [Self::Answer, Self::News, Self::Budget];

    /// Its word, in the store and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::News => "news",
            Self::Budget => "budget",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == word)
    }
}

static BAR: Table = Table {
    name: "send_bar",
    columns: &[
        ("scope", "TEXT"),
        ("name", "TEXT"),
        ("what", "TEXT"),
        ("since", "BIGINT"),
        ("until", "BIGINT"),
        ("until_token", "BIGINT"),
        ("step", "BIGINT"),
        ("why", "TEXT"),
        ("origin", "TEXT"),
    ],
};

static ALL: LazyLock<Sql> = LazyLock::new(|| BAR.select("ORDER BY scope, name, what, origin"));

/// What is older than what is known changes nothing. Neither does a refusal that was under way when the bar was set: given five of
/// one moment, of which each would last for an hour, then whatever is put off waits for one and the same end, by which it is found
/// when the bar is lifted.
static SET: Sql = Sql::both(
    "INSERT INTO send_bar (scope, name, what, since, until, until_token, step, why, origin)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (scope, name, what, origin) DO UPDATE SET
        since = excluded.since, until = excluded.until, until_token = excluded.until_token, step = excluded.step,
        why = excluded.why
    WHERE send_bar.since <= excluded.since
        AND (excluded.origin = 'answer' AND send_bar.step = excluded.step AND send_bar.until > excluded.since
            AND send_bar.until - send_bar.since = excluded.until - excluded.since) IS NOT TRUE",
);

static ONE: LazyLock<Sql> =
    LazyLock::new(|| BAR.select("WHERE scope = $1 AND name = $2 AND what = $3 AND origin = $4"));

static LIFT: Sql = Sql::both("DELETE FROM send_bar WHERE scope = $1 AND name = $2 AND what = $3 AND origin = $4");

static LIFT_OF_TOKEN: Sql = Sql::both("DELETE FROM send_bar WHERE until_token = 1");

static LIFT_NEWS: Sql =
    Sql::both("DELETE FROM send_bar WHERE scope = $1 AND name = $2 AND since <= $3 AND origin = 'news'");

static LIFT_NEWS_ON_PART: Sql = Sql::both(
    "DELETE FROM send_bar
    WHERE scope = $1 AND name = $2 AND since <= $3 AND origin = 'news' AND what <> 'everything'",
);

static LIFT_EVERYTHING: Sql = Sql::both(
    "DELETE FROM send_bar
    WHERE scope = $1 AND name = $2 AND since <= $3 AND what = 'everything' AND until_token = 0",
);

fn bar(row: &Columns<'_>) -> Result<SendBar> {
    Ok(SendBar {
        scope: row.parse("scope", BarScope::parse)?.ok_or(row.unreadable("scope"))?,
        name: row.get("name")?,
        what: row.parse("what", BarWhat::parse)?.ok_or(row.unreadable("what"))?,
        since: row.get("since")?,
        until: row.get("until")?,
        until_token: row.get("until_token")?,
        step: row.get("step")?,
        why: row.get("why")?,
        origin: row.parse("origin", BarOrigin::parse)?.ok_or(row.unreadable("origin"))?,
    })
}

/// In the order of [`SET`].
fn setting(bar: &SendBar) -> Vec<Param<'_>> {
    params![
        bar.scope.as_str(),
        clean(&bar.name),
        bar.what.as_str(),
        bar.since,
        bar.until,
        bar.until_token,
        bar.step,
        clean(&bar.why),
        bar.origin.as_str(),
    ]
}

impl Store {
    /// All that are written down, also those whose time is over.
    pub async fn send_bars(&self) -> Result<Vec<SendBar>> {
        let rows = self.read(&ALL, vec![]).await?;
        rows.iter().map(|row| bar(&row.of(BAR.name))).collect()
    }

    /// Sets a bar, in the place of one of the same scope, name, kind and origin that is not newer.
    pub async fn bar_sends(&self, bar: &SendBar) -> Result<()> {
        self.write(&SET, setting(bar)).await.map(drop)
    }

    /// There is a new token. How many had waited for it.
    pub async fn lift_bars_of_token(&self) -> Result<u64> {
        Ok(self.write(&LIFT_OF_TOKEN, vec![]).await?.affected)
    }
}

/// Which bar is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BarKey {
    pub scope: BarScope,
    pub name: String,
    pub what: BarWhat,
    pub origin: BarOrigin,
}

impl SendBar {
    /// Whether its time is not over at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// What tells it from every other.
    pub fn key(&self) -> BarKey {
        BarKey { scope: self.scope, name: self.name.clone(), what: self.what, origin: self.origin }
    }
}

/// What the app-wide bar is of.
const NOTHING: &str = "-";

/// As people see it: `number/support-es/templates/answer`.
impl fmt::Display for BarKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, name, what, origin } = self;
        let of = if name.is_empty() { NOTHING } else { name };
        write!(f, "{}/{of}/{}/{}", scope.as_str(), what.as_str(), origin.as_str())
    }
}

impl BarKey {
    /// What is shown so.
    pub fn parse(text: &str) -> Option<Self> {
        let (scope, rest) = text.split_once('/')?;
        let (rest, origin) = rest.rsplit_once('/')?;
        let (of, what) = rest.rsplit_once('/')?;
        let name = if of == NOTHING { String::new() } else { of.to_owned() };
        Some(Self {
            scope: BarScope::parse(scope)?,
            name,
            what: BarWhat::parse(what)?,
            origin: BarOrigin::parse(origin)?,
        })
    }

    fn params(&self) -> Vec<Param<'_>> {
        params![self.scope.as_str(), clean(&self.name), self.what.as_str(), self.origin.as_str()]
    }
}

impl AuditedTx {
    /// One that is written down, also when its time is over.
    pub async fn send_bar(&mut self, of: &BarKey) -> Result<Option<SendBar>> {
        let rows = self.tx.query(&ONE, of.params()).await?;
        rows.first().map(|row| bar(&row.of(BAR.name))).transpose()
    }

    /// A person lifts it.
    pub async fn lift_bar(&mut self, of: &BarKey) -> Result<()> {
        self.tx.execute(&LIFT, of.params()).await.map(drop)
    }
}

impl RecordTx {
    /// As [`Store::bar_sends`].
    pub async fn bar_sends(&mut self, bar: &SendBar) -> Result<()> {
        self.fenced.tx.execute(&SET, setting(bar)).await.map(drop)
    }

    /// Lifts what was set at `told_at` or before. How many.
    pub async fn lift_bars(&mut self, scope: BarScope, name: &str, which: Lift, told_at: Timestamp) -> Result<u64> {
        let sql = match which {
            Lift::News => &LIFT_NEWS,
            Lift::NewsOnPart => &LIFT_NEWS_ON_PART,
            Lift::Everything => &LIFT_EVERYTHING,
        };
        self.fenced.tx.execute(sql, params![scope.as_str(), clean(name), told_at]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_shown() {
        for (scope, of) in [(BarScope::App, ""), (BarScope::Number, "support-es"), (BarScope::Template, "1/parcel/es")]
        {
            for origin in BarOrigin::ALL {
                let key = BarKey { scope, name: of.to_owned(), what: BarWhat::Templates, origin };
                assert_eq!(BarKey::parse(&key.to_string()), Some(key));
            }
        }
        for text in ["", "x", "number/a/everything", "number/a/all/news", "team/a/everything/news"] {
            assert_eq!(BarKey::parse(text), None, "{text}");
        }
    }
}
