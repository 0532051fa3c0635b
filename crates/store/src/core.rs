//! The two drivers behind one small interface: statements with parameters go in, rows come out. Nothing outside this
//! crate may see a connection, and nothing here may know what a table means.
//!
//! # How a room is written
//!
//! A room (a file or folder beside this one) owns its tables and the words for them. It holds
//!
//! 1. its SQL as plain statements, `static X: Sql = Sql::both("SELECT …")`, or `Sql::each { sqlite: …, postgres: … }`
//!    where the dialects differ; multi-line string literals, so that they can be pasted into psql. Parameters are `$1`,
//!    `$2` in both (SQLite takes them for names, and they are bound by name). A column list that several statements
//!    share stands once: see [`Table`];
//! 2. one description of each table, `static T: LazyLock<Table>`, from which inserts of whole rows come for both
//!    databases ([`Table::insert`], [`Statement::rows`]);
//! 3. functions on [`Store`](crate::Store) (one statement) or on a view over a transaction ([`Tx`]) that hand over
//!    `params![…]` and read the rows: `let row = row.of("lease"); row.get("epoch")?`. A value that does not fit is
//!    [`StoreError::Unreadable`](crate::StoreError::Unreadable) with the table's and the column's name. Types of the
//!    domain are read and bound directly: see [`FromField`] and the `From` implementations of [`Param`].
//!
//! Of the calls on `Store`: [`Store::read`](crate::Store) is a look-up by key, `report` is a list or a count (on
//! PostgreSQL a pool of its own with the planner's defaults), `write` is one statement that commits by itself, `begin`
//! opens a [`Tx`]. Lists are passed as one array, `Param::from_iter(ids)`: PostgreSQL reads `unnest($1::UUID[])` or
//! `ANY($1)`, SQLite the same list as JSON, `json_each($1)`, where an id is hexadecimal: `unhex(value)`. Booleans are
//! stored as 0 and 1, so `true` binds as 1; where a statement needs a condition write `$4 <> 0`.
//!
//! Several statements that need no answer of each other go out together ([`Tx::run`]): one round trip on PostgreSQL,
//! one hop to the thread on SQLite. `lease` is the example to follow.
//!
//! For a migration: `Tx::Sqlite(tx)` has `script`, and [`postgres::Postgres::plain`] gives a connection without limits
//! (`long_script`, `fly`). For tests there is `Store::script`.
//!
//! Mind on PostgreSQL: a parameter whose type cannot be told from its place needs a cast (`$1::BIGINT`), and every `$n`
//! must be used in the statement. On SQLite an unused one is passed over.

mod param;
mod pg_connection;
mod pg_pool;
mod postgres;
mod row;
mod sql;
mod sqlite;
mod store;
mod tls;
mod tx;
mod url;

#[cfg(test)]
mod tests;

pub(crate) use param::{Param, params};
pub(crate) use row::{Columns, FromField, Row};
pub(crate) use sql::{Answer, Sql, Statement, Table};
pub(crate) use store::Database;
pub use store::{Clock, Store, StoreOptions};
pub(crate) use tx::Tx;
pub use url::StoreUrl;

use std::pin::Pin;

/// What every call into a driver returns: boxed here, so that whoever awaits it does not compile the drivers again.
pub(crate) type Pending<'a, T> = Pin<Box<dyn Future<Output = crate::Result<T>> + Send + 'a>>;
