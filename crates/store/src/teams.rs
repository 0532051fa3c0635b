//! Teams, as the rules in force and the administration describe them.

use waypost_domain::{Team, TeamName, Timestamp};

use crate::database::{on_reader, on_tx};
use crate::records::{self, clean_option, timestamp, unreadable};
use crate::{Change, Result, Store};

/// A team with what only the administration knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamRow {
    pub team: Team,
    pub parent: Option<TeamName>,
    /// Messages that may wait before the overflow team gets the next; 0 for any number.
    pub max_waiting: u32,
    /// Seconds that the oldest may have waited before; 0 for any time.
    pub max_wait_s: u32,
    /// Whether the rules in force name it.
    pub in_rules: bool,
    /// Whether its queues were still missing when somebody last looked.
    pub pending_topology: bool,
    /// When the administration last changed it. From then on the rules file does not.
    pub updated_at: Option<Timestamp>,
    /// Counts the changes.
    pub revision: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    title: Option<String>,
    staffed: i64,
    overflow_team: Option<String>,
    parent: Option<String>,
    max_waiting: i64,
    max_wait_s: i64,
    in_rules: i64,
    pending_topology: i64,
    updated_at: Option<i64>,
    revision: i64,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT name, title, staffed, overflow_team, parent, max_waiting, max_wait_s, in_rules, \
             pending_topology, updated_at, revision FROM team ",
            $rest
        )
    };
}

impl Store {
    /// Creates the teams that the rules name, and updates those that only ever came from there. A team that is not
    /// named any more stays: its queue may still hold messages.
    pub async fn upsert_teams(&self, teams: &[Team]) -> Result<()> {
        let unnamed = "UPDATE team SET in_rules = 0 WHERE in_rules = 1";
        let named = "INSERT INTO team (name, title, staffed, overflow_team) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (name) DO UPDATE SET in_rules = 1";
        let changed = "UPDATE team SET title = $2, staffed = $3, overflow_team = $4, revision = revision + 1 \
             WHERE name = $1 AND updated_at IS NULL AND (title IS DISTINCT FROM $2 OR staffed <> $3 \
             OR overflow_team IS DISTINCT FROM $4)";
        let mut sorted: Vec<&Team> = teams.iter().collect();
        sorted.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let mut tx = self.begin().await?;
        on_tx!(&mut tx, |db| sqlx::query(unnamed).execute(&mut *db).await.map(drop)?);
        for team in sorted {
            for sql in [named, changed] {
                on_tx!(&mut tx, |db| {
                    let query = sqlx::query(sql)
                        .bind(team.name.as_str())
                        .bind(clean_option(team.title.as_deref()))
                        .bind(i64::from(team.staffed))
                        .bind(team.overflow_team.as_ref().map(TeamName::as_str));
                    query.execute(&mut *db).await.map(drop)?;
                });
            }
        }
        tx.commit().await
    }

    pub async fn teams(&self) -> Result<Vec<Team>> {
        Ok(self.team_rows(None, u32::MAX).await?.into_iter().map(|row| row.team).collect())
    }

    /// Up to `limit` teams by name, behind `after`.
    pub async fn team_rows(&self, after: Option<&TeamName>, limit: u32) -> Result<Vec<TeamRow>> {
        let sql = select!("WHERE name > $1 ORDER BY name LIMIT $2");
        let after = after.map_or("", TeamName::as_str);
        let rows: Vec<Row> =
            on_reader!(self, |db| sqlx::query_as(sql).bind(after).bind(i64::from(limit)).fetch_all(db).await?);
        rows.into_iter().map(Row::into_team).collect()
    }

    pub async fn team_row(&self, name: &TeamName) -> Result<Option<TeamRow>> {
        let sql = select!("WHERE name = $1");
        let row: Option<Row> =
            on_reader!(self, |db| sqlx::query_as(sql).bind(name.as_str()).fetch_optional(db).await?);
        row.map(Row::into_team).transpose()
    }

    /// Its queues are there now.
    pub async fn team_is_active(&self, name: &TeamName) -> Result<()> {
        let sql = "UPDATE team SET pending_topology = 0 WHERE name = $1 AND pending_topology = 1";
        let mut tx = self.begin().await?;
        on_tx!(&mut tx, |db| sqlx::query(sql).bind(name.as_str()).execute(&mut *db).await.map(drop)?);
        tx.commit().await
    }
}

impl Change {
    pub async fn team(&mut self, name: &TeamName) -> Result<Option<TeamRow>> {
        let sql = select!("WHERE name = $1");
        let row: Option<Row> =
            on_tx!(&mut self.tx, |db| sqlx::query_as(sql).bind(name.as_str()).fetch_optional(&mut *db).await?);
        row.map(Row::into_team).transpose()
    }

    /// Every team, for what must hold among them.
    pub async fn teams(&mut self) -> Result<Vec<TeamRow>> {
        let sql = select!("ORDER BY name");
        let rows: Vec<Row> = on_tx!(&mut self.tx, |db| sqlx::query_as(sql).fetch_all(&mut *db).await?);
        rows.into_iter().map(Row::into_team).collect()
    }

    /// Creates or replaces a team, and returns it as stored: changed now, one revision on.
    pub async fn put_team(&mut self, row: &TeamRow) -> Result<TeamRow> {
        let sql = "INSERT INTO team (name, title, staffed, overflow_team, parent, max_waiting, max_wait_s, in_rules, \
             pending_topology, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (name) DO UPDATE SET title = excluded.title, staffed = excluded.staffed, \
             overflow_team = excluded.overflow_team, parent = excluded.parent, max_waiting = excluded.max_waiting, \
             max_wait_s = excluded.max_wait_s, pending_topology = excluded.pending_topology, \
             updated_at = excluded.updated_at, revision = team.revision + 1 RETURNING revision";
        let now = self.now;
        let revision: i64 = on_tx!(&mut self.tx, |db| {
            let query = sqlx::query_scalar(sql)
                .bind(row.team.name.as_str())
                .bind(clean_option(row.team.title.as_deref()))
                .bind(i64::from(row.team.staffed))
                .bind(row.team.overflow_team.as_ref().map(TeamName::as_str))
                .bind(row.parent.as_ref().map(TeamName::as_str))
                .bind(i64::from(row.max_waiting))
                .bind(i64::from(row.max_wait_s))
                .bind(i64::from(row.in_rules))
                .bind(i64::from(row.pending_topology))
                .bind(now.as_millis());
            query.fetch_one(&mut *db).await?
        });
        Ok(TeamRow { updated_at: Some(now), revision, ..row.clone() })
    }

    pub async fn delete_team(&mut self, name: &TeamName) -> Result<()> {
        let sql = "DELETE FROM team WHERE name = $1";
        on_tx!(&mut self.tx, |db| sqlx::query(sql).bind(name.as_str()).execute(&mut *db).await.map(drop)?);
        Ok(())
    }

    /// Conversations of the team that are not over.
    pub async fn open_conversations(&mut self, name: &TeamName) -> Result<u64> {
        let sql = "SELECT count(*) FROM conversation WHERE state <> 'resolved' AND team = $1";
        let count: i64 =
            on_tx!(&mut self.tx, |db| sqlx::query_scalar(sql).bind(name.as_str()).fetch_one(&mut *db).await?);
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

impl Row {
    fn into_team(self) -> Result<TeamRow> {
        let number = |stored: i64, column| u32::try_from(stored).map_err(|_| unreadable("team", column));
        Ok(TeamRow {
            team: Team {
                name: TeamName::new(self.name).map_err(|_| unreadable("team", "name"))?,
                title: self.title,
                staffed: self.staffed != 0,
                overflow_team: records::team(self.overflow_team, "team", "overflow_team")?,
            },
            parent: records::team(self.parent, "team", "parent")?,
            max_waiting: number(self.max_waiting, "max_waiting")?,
            max_wait_s: number(self.max_wait_s, "max_wait_s")?,
            in_rules: self.in_rules != 0,
            pending_topology: self.pending_topology != 0,
            updated_at: timestamp(self.updated_at),
            revision: self.revision,
        })
    }
}
