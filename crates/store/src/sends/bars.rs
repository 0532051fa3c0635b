//! What may not be sent for now, and until when: written down, so that a restart does not try at once what Meta has just
//! forbidden.

use std::sync::LazyLock;

use waypost_domain::{Category, Timestamp};

use crate::core::{Columns, Sql, Table, params};
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

    fn parse(word: &str) -> Option<Self> {
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
    ],
};

static ALL: LazyLock<Sql> = LazyLock::new(|| BAR.select("ORDER BY scope, name, what"));

static SET: Sql = Sql::both(
    "INSERT INTO send_bar (scope, name, what, since, until, until_token, step, why)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (scope, name, what) DO UPDATE SET
        since = excluded.since, until = excluded.until, until_token = excluded.until_token, step = excluded.step,
        why = excluded.why",
);

static LIFT: Sql = Sql::both("DELETE FROM send_bar WHERE scope = $1 AND name = $2 AND what = $3");

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
    })
}

impl Store {
    /// All that are written down, also those whose time is over.
    pub async fn send_bars(&self) -> Result<Vec<SendBar>> {
        let rows = self.read(&ALL, vec![]).await?;
        rows.iter().map(|row| bar(&row.of(BAR.name))).collect()
    }

    /// Sets a bar, in the place of one of the same scope, name and kind.
    pub async fn bar_sends(&self, bar: &SendBar) -> Result<()> {
        let params = params![
            bar.scope.as_str(),
            clean(&bar.name),
            bar.what.as_str(),
            bar.since,
            bar.until,
            bar.until_token,
            bar.step,
            clean(&bar.why),
        ];
        self.write(&SET, params).await.map(drop)
    }

    /// Whether there was one.
    pub async fn lift_bar(&self, scope: BarScope, name: &str, what: BarWhat) -> Result<bool> {
        let lifted = self.write(&LIFT, params![scope.as_str(), clean(name), what.as_str()]).await?;
        Ok(lifted.affected > 0)
    }
}
