//! Statements: their text for each database, what is bound, and what must be true of their outcome.

use std::borrow::Cow;

use super::{Param, Row};

/// One statement in both dialects.
#[derive(Debug)]
pub(crate) struct Sql {
    pub(super) sqlite: Cow<'static, str>,
    pub(super) postgres: Cow<'static, str>,
}

impl Sql {
    /// For statements that both databases understand alike.
    pub(crate) const fn both(text: &'static str) -> Self {
        Self { sqlite: Cow::Borrowed(text), postgres: Cow::Borrowed(text) }
    }

    pub(crate) const fn each(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite: Cow::Borrowed(sqlite), postgres: Cow::Borrowed(postgres) }
    }

    /// For a text with a column list in it, made once: `LazyLock::new(|| Sql::made(format!(…)))`.
    pub(crate) fn made(text: String) -> Self {
        Self { sqlite: Cow::Owned(text.clone()), postgres: Cow::Owned(text) }
    }

    pub(crate) fn made_each(sqlite: String, postgres: String) -> Self {
        Self { sqlite: Cow::Owned(sqlite), postgres: Cow::Owned(postgres) }
    }
}

/// A statement on its way.
pub(crate) struct Statement<'a> {
    pub(super) sql: &'static Sql,
    pub(super) values: Values<'a>,
    pub(super) expected: Option<Expected>,
}

pub(super) enum Values<'a> {
    One(Vec<Param<'a>>),
    Rows(Vec<Vec<Param<'a>>>),
}

/// How many rows it must touch.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    pub(super) rows: u64,
    /// Of the [`StoreError::Retry`](crate::StoreError::Retry) when it touches another number.
    pub(super) reason: &'static str,
}

impl<'a> Statement<'a> {
    pub(crate) const fn new(sql: &'static Sql, params: Vec<Param<'a>>) -> Self {
        Self { sql, values: Values::One(params), expected: None }
    }

    /// The same for many rows: SQLite runs the statement for each, PostgreSQL once with an array for each column.
    pub(crate) const fn rows(sql: &'static Sql, rows: Vec<Vec<Param<'a>>>) -> Self {
        Self { sql, values: Values::Rows(rows), expected: None }
    }

    /// It must touch `rows` rows in all, or the transaction is over and `reason` says why.
    ///
    /// The server itself has to raise that, because a COMMIT may already be under way behind it: PostgreSQL's text gets
    /// the number as one more, last parameter, and must fail with a division by zero where it is another. So it looks
    /// like this: `WITH done AS (UPDATE … RETURNING 1) SELECT 1 / (count(*) = $4)::INT FROM done`.
    pub(crate) const fn expecting(mut self, rows: u64, reason: &'static str) -> Self {
        self.expected = Some(Expected { rows, reason });
        self
    }

    /// As PostgreSQL takes it.
    pub(super) fn into_postgres(self) -> (&'static str, Vec<Param<'a>>) {
        let mut params = match self.values {
            Values::One(params) => params,
            Values::Rows(rows) => columns(rows),
        };
        if let Some(expected) = self.expected {
            params.push(Param::Int(i64::try_from(expected.rows).unwrap_or(i64::MAX)));
        }
        (&self.sql.postgres, params)
    }

    pub(super) fn into_owned(self) -> Statement<'static> {
        let owned = |params: Vec<Param<'a>>| params.into_iter().map(Param::into_owned).collect();
        let values = match self.values {
            Values::One(params) => Values::One(owned(params)),
            Values::Rows(rows) => Values::Rows(rows.into_iter().map(owned).collect()),
        };
        Statement { sql: self.sql, values, expected: self.expected }
    }
}

/// An array for each column.
fn columns(rows: Vec<Vec<Param<'_>>>) -> Vec<Param<'_>> {
    let width = rows.first().map_or(0, Vec::len);
    let mut columns: Vec<Vec<Param<'_>>> = (0..width).map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    columns.into_iter().map(Param::Array).collect()
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    /// Rows that were changed, or read.
    pub(crate) affected: u64,
}

/// A table's columns, in the order in which a row is written and read.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// With their types on PostgreSQL.
    pub(crate) columns: &'static [(&'static str, &'static str)],
}

impl Table {
    /// `a, b, c`; with a prefix `v` `v.a, v.b, v.c`.
    pub(crate) fn list(&self, prefix: &str) -> String {
        let dot = if prefix.is_empty() { "" } else { "." };
        let columns: Vec<String> = self.columns.iter().map(|(name, _)| format!("{prefix}{dot}{name}")).collect();
        columns.join(", ")
    }

    /// Whole rows; `rest` is what follows the table's name, such as `WHERE id = $1`.
    pub(crate) fn select(&self, rest: &str) -> Sql {
        Sql::made(format!("SELECT {}\nFROM {}\n{rest}", self.list(""), self.name))
    }

    /// An insert of whole rows, for [`Statement::rows`]; `rest` is what follows, such as `ON CONFLICT DO NOTHING`.
    pub(crate) fn insert(&self, rest: &str) -> Sql {
        let (name, list) = (self.name, self.list(""));
        let places: Vec<String> = (1..=self.columns.len()).map(|place| format!("${place}")).collect();
        let arrays: Vec<String> =
            self.columns.iter().zip(&places).map(|((_, kind), place)| format!("{place}::{kind}[]")).collect();
        Sql::made_each(
            format!("INSERT INTO {name} ({list})\nVALUES ({})\n{rest}", places.join(", ")),
            format!("INSERT INTO {name} ({list})\nSELECT * FROM unnest({})\n{rest}", arrays.join(", ")),
        )
    }

    /// The same where the number of rows must be what [`Statement::expecting`] says.
    pub(crate) fn insert_checked(&self, rest: &str) -> Sql {
        let Sql { sqlite, postgres } = self.insert(rest);
        let place = self.columns.len() + 1;
        let checked = format!("WITH done AS ({postgres} RETURNING 1)\nSELECT 1 / (count(*) = ${place})::INT FROM done");
        Sql { sqlite, postgres: Cow::Owned(checked) }
    }
}
