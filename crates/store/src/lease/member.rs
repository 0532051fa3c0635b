//! The replicas of a component: who is there, and until when, unless he says so again.

use std::time::Duration;

use super::millis;
use crate::core::{Sql, Statement, params};
use crate::{Result, Store};

static JOIN: Sql = Sql::both(
    "INSERT INTO member (component, instance, expires_at) VALUES ($1, $2, $3)
    ON CONFLICT (component, instance) DO UPDATE SET expires_at = excluded.expires_at",
);

static FORGET: Sql = Sql::both("DELETE FROM member WHERE component = $1 AND expires_at < $2");

static COUNT: Sql = Sql::both("SELECT count(*) AS members FROM member WHERE component = $1 AND expires_at >= $2");

static LEAVE: Sql = Sql::both("DELETE FROM member WHERE component = $1 AND instance = $2");

impl Store {
    /// A replica's heartbeat. Returns how many replicas of the component live, itself included.
    pub async fn join(&self, component: &str, instance: &str, ttl: Duration) -> Result<u32> {
        let now = self.now().await?.as_millis();
        let expires_at = now.saturating_add(millis(ttl));
        let mut tx = self.begin().await?;
        let statements = vec![
            Statement::new(&JOIN, params![component, instance, expires_at]),
            Statement::new(&FORGET, params![component, now]),
            Statement::new(&COUNT, params![component, now]),
        ];
        let answers = tx.run(statements).await?;
        tx.commit().await?;
        let count = answers.last().and_then(|answer| answer.rows.first());
        count.map_or(Ok(1), |row| row.of("member").get("members"))
    }

    pub async fn leave(&self, component: &str, instance: &str) -> Result<()> {
        self.write(&LEAVE, params![component, instance]).await.map(drop)
    }
}
