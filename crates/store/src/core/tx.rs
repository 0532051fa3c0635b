//! A transaction on either database. Dropped without a commit, it rolls back.

use super::postgres::PgTx;
use super::sqlite::SqliteTx;
use super::{Answer, Param, Pending, Row, Sql, Statement};
use crate::Result;

pub(crate) enum Tx {
    Sqlite(SqliteTx),
    Postgres(Box<PgTx>),
}

impl Tx {
    /// Whether rows must be locked before they are changed: SQLite has one writer.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Sends all of these at once; their answers in the same order. The first that fails is the error, and then the
    /// transaction can only be dropped.
    pub(crate) fn run<'a>(&'a mut self, statements: Vec<Statement<'a>>) -> Pending<'a, Vec<Answer>> {
        match self {
            Self::Sqlite(tx) => Box::pin(tx.run(statements)),
            Self::Postgres(tx) => Box::pin(tx.run(statements)),
        }
    }

    /// A text of several statements, as it is: a migration.
    pub(crate) fn script(&mut self, text: &'static str) -> Pending<'_, ()> {
        match self {
            Self::Sqlite(tx) => Box::pin(tx.script(text)),
            Self::Postgres(tx) => Box::pin(tx.script(text)),
        }
    }

    pub(crate) async fn query(&mut self, sql: &'static Sql, params: Vec<Param<'_>>) -> Result<Vec<Row>> {
        let answers = self.run(vec![Statement::new(sql, params)]).await?;
        Ok(answers.into_iter().next().map(|answer| answer.rows).unwrap_or_default())
    }

    /// How many rows were changed.
    pub(crate) async fn execute(&mut self, sql: &'static Sql, params: Vec<Param<'_>>) -> Result<u64> {
        let answers = self.run(vec![Statement::new(sql, params)]).await?;
        Ok(answers.into_iter().next().map_or(0, |answer| answer.affected))
    }

    pub(crate) async fn commit(self) -> Result<()> {
        self.commit_with(vec![]).await
    }

    /// Sends the last statements and the commit at once. It is durable only if every answer was read and is good; an
    /// error may also mean that it is durable and nobody could tell us.
    pub(crate) fn commit_with<'a>(self, statements: Vec<Statement<'a>>) -> Pending<'a, ()> {
        match self {
            Self::Sqlite(tx) => Box::pin(tx.commit_with(statements)),
            Self::Postgres(tx) => Box::pin(tx.commit_with(statements)),
        }
    }
}
