//! Teams, as the rules in force describe them.

use waypost_domain::{Team, TeamName};

use crate::database::{on_reader, on_tx};
use crate::records::{self, clean_option, unreadable};
use crate::{Result, Store};

impl Store {
    /// Creates and updates teams. A team that is not named any more stays: its queue may still hold messages.
    pub async fn upsert_teams(&self, teams: &[Team]) -> Result<()> {
        let sql = "INSERT INTO team (name, title, staffed, overflow_team) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (name) DO UPDATE SET title = excluded.title, staffed = excluded.staffed, \
             overflow_team = excluded.overflow_team";
        let mut sorted: Vec<&Team> = teams.iter().collect();
        sorted.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let mut tx = self.begin().await?;
        for team in sorted {
            on_tx!(&mut tx, |db| {
                let query = sqlx::query(sql)
                    .bind(team.name.as_str())
                    .bind(clean_option(team.title.as_deref()))
                    .bind(i64::from(team.staffed))
                    .bind(team.overflow_team.as_ref().map(TeamName::as_str));
                query.execute(&mut *db).await.map(drop)?;
            });
        }
        tx.commit().await
    }

    pub async fn teams(&self) -> Result<Vec<Team>> {
        let sql = "SELECT name, title, staffed, overflow_team FROM team ORDER BY name";
        let rows: Vec<(String, Option<String>, i64, Option<String>)> =
            on_reader!(self, |db| sqlx::query_as(sql).fetch_all(db).await?);
        let team = |(name, title, staffed, overflow): (String, Option<String>, i64, Option<String>)| {
            Ok(Team {
                name: TeamName::new(name).map_err(|_| unreadable("team"))?,
                title,
                staffed: staffed != 0,
                overflow_team: records::team(overflow)?,
            })
        };
        rows.into_iter().map(team).collect()
    }
}
