//! Teams, as the rules in force and the administration describe them.

use std::sync::LazyLock;

use waypost_domain::{Team, TeamName, Timestamp};

use super::AuditedTx;
use crate::core::{Columns, Param, Row, Sql, Statement, Table, params};
use crate::records::{clean_option, unreadable};
use crate::{Result, Store};

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

static TEAM: Table = Table {
    name: "team",
    columns: &[
        ("name", "TEXT"),
        ("title", "TEXT"),
        ("staffed", "BIGINT"),
        ("overflow_team", "TEXT"),
        ("parent", "TEXT"),
        ("max_waiting", "BIGINT"),
        ("max_wait_s", "BIGINT"),
        ("in_rules", "BIGINT"),
        ("pending_topology", "BIGINT"),
        ("updated_at", "BIGINT"),
        ("revision", "BIGINT"),
        ("confidential", "BIGINT"),
    ],
};

impl TeamRow {
    /// As the rules create it.
    const fn of_rules(team: Team) -> Self {
        Self {
            team,
            parent: None,
            max_waiting: 0,
            max_wait_s: 0,
            in_rules: true,
            pending_topology: false,
            updated_at: None,
            revision: 1,
        }
    }

    fn from_row(row: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            team: Team {
                name: row.get("name")?,
                title: row.get("title")?,
                staffed: row.get("staffed")?,
                overflow_team: row.get("overflow_team")?,
                confidential: row.get("confidential")?,
                hours: None,
                reopen_within_hours: None,
            },
            parent: row.get("parent")?,
            max_waiting: row.get("max_waiting")?,
            max_wait_s: row.get("max_wait_s")?,
            in_rules: row.get("in_rules")?,
            pending_topology: row.get("pending_topology")?,
            updated_at: row.get("updated_at")?,
            revision: row.get("revision")?,
        })
    }

    /// In the order of [`TEAM`].
    fn params(&self) -> Vec<Param<'_>> {
        params![
            &self.team.name,
            clean_option(self.team.title.as_deref()),
            self.team.staffed,
            self.team.overflow_team.as_ref(),
            self.parent.as_ref(),
            self.max_waiting,
            self.max_wait_s,
            self.in_rules,
            self.pending_topology,
            self.updated_at,
            self.revision,
            self.team.confidential,
        ]
    }
}

static BY_NAME: LazyLock<Sql> = LazyLock::new(|| TEAM.select("WHERE name = $1"));

static ALL: LazyLock<Sql> = LazyLock::new(|| TEAM.select("ORDER BY name"));

static AFTER: LazyLock<Sql> = LazyLock::new(|| {
    TEAM.select(
        "WHERE name > $1
        ORDER BY name
        LIMIT $2",
    )
});

static UNNAME_ALL: Sql = Sql::both("UPDATE team SET in_rules = 0 WHERE in_rules = 1");

static NAME: LazyLock<Sql> = LazyLock::new(|| TEAM.insert("ON CONFLICT (name) DO UPDATE SET in_rules = 1"));

static FOLLOW_RULES: Sql = Sql::both(
    "UPDATE team SET title = $2, staffed = $3, overflow_team = $4, confidential = $5, revision = revision + 1
    WHERE name = $1 AND updated_at IS NULL
        AND (title IS DISTINCT FROM $2 OR staffed <> $3 OR overflow_team IS DISTINCT FROM $4 OR confidential <> $5)",
);

static PUT: LazyLock<Sql> = LazyLock::new(|| {
    TEAM.insert(
        "ON CONFLICT (name) DO UPDATE SET
            title = excluded.title,
            staffed = excluded.staffed,
            overflow_team = excluded.overflow_team,
            confidential = excluded.confidential,
            parent = excluded.parent,
            max_waiting = excluded.max_waiting,
            max_wait_s = excluded.max_wait_s,
            pending_topology = excluded.pending_topology,
            updated_at = excluded.updated_at,
            revision = team.revision + 1
        RETURNING revision",
    )
});

static MARK_ACTIVE: Sql = Sql::both("UPDATE team SET pending_topology = 0 WHERE name = $1 AND pending_topology = 1");

static DELETE: Sql = Sql::both("DELETE FROM team WHERE name = $1");

static OPEN_CONVERSATIONS: Sql =
    Sql::both("SELECT count(*) AS open FROM conversation WHERE state <> 'resolved' AND team = $1");

impl Store {
    /// Creates the teams that the rules name, and updates those that only ever came from there. These are all of them,
    /// of every set that routes; of a team that several sets describe, the first description counts. A team that is
    /// not named any more stays: its queue may still hold messages.
    pub async fn upsert_teams(&self, teams: &[Team]) -> Result<()> {
        let mut rows: Vec<TeamRow> = teams.iter().cloned().map(TeamRow::of_rules).collect();
        rows.sort_by(|a, b| a.team.name.cmp(&b.team.name));
        rows.dedup_by(|later, first| later.team.name == first.team.name);
        let mut statements = vec![Statement::new(&UNNAME_ALL, vec![])];
        for row in &rows {
            statements.push(Statement::rows(&NAME, vec![row.params()]));
            let team = &row.team;
            let title = clean_option(team.title.as_deref());
            let params = params![&team.name, title, team.staffed, team.overflow_team.as_ref(), team.confidential];
            statements.push(Statement::new(&FOLLOW_RULES, params));
        }
        self.begin().await?.commit_with(statements).await
    }

    pub async fn teams(&self) -> Result<Vec<Team>> {
        let rows = self.read(&ALL, vec![]).await?;
        Ok(all(&rows)?.into_iter().map(|row| row.team).collect())
    }

    /// Up to `limit` teams by name, behind `after`.
    pub async fn team_rows(&self, after: Option<&TeamName>, limit: u32) -> Result<Vec<TeamRow>> {
        all(&self.read(&AFTER, params![after.map_or("", TeamName::as_str), limit]).await?)
    }

    pub async fn team_row(&self, name: &TeamName) -> Result<Option<TeamRow>> {
        only(&self.read(&BY_NAME, params![name]).await?)
    }

    /// Its queues are there now.
    pub async fn team_is_active(&self, name: &TeamName) -> Result<()> {
        self.write(&MARK_ACTIVE, params![name]).await.map(drop)
    }
}

impl AuditedTx {
    pub async fn team(&mut self, name: &TeamName) -> Result<Option<TeamRow>> {
        only(&self.tx.query(&BY_NAME, params![name]).await?)
    }

    /// Every team, for what must hold among them.
    pub async fn teams(&mut self) -> Result<Vec<TeamRow>> {
        all(&self.tx.query(&ALL, vec![]).await?)
    }

    /// Creates or replaces a team, and returns it as stored: changed now, one revision on.
    pub async fn put_team(&mut self, row: &TeamRow) -> Result<TeamRow> {
        let mut row = TeamRow { updated_at: Some(self.now), revision: 1, ..row.clone() };
        let answers = self.tx.run(vec![Statement::rows(&PUT, vec![row.params()])]).await?;
        let stored = answers.first().and_then(|answer| answer.rows.first());
        let revision =
            stored.map_or(Err(unreadable(TEAM.name, "revision")), |stored| stored.of(TEAM.name).get("revision"))?;
        row.revision = revision;
        Ok(row)
    }

    pub async fn delete_team(&mut self, name: &TeamName) -> Result<()> {
        self.tx.execute(&DELETE, params![name]).await.map(drop)
    }

    /// Conversations of the team that are not over.
    pub async fn open_conversations(&mut self, name: &TeamName) -> Result<u64> {
        let rows = self.tx.query(&OPEN_CONVERSATIONS, params![name]).await?;
        rows.first().map_or(Ok(0), |row| row.of("conversation").get("open"))
    }
}

fn only(rows: &[Row]) -> Result<Option<TeamRow>> {
    rows.first().map(|row| TeamRow::from_row(&row.of(TEAM.name))).transpose()
}

fn all(rows: &[Row]) -> Result<Vec<TeamRow>> {
    rows.iter().map(|row| TeamRow::from_row(&row.of(TEAM.name))).collect()
}
