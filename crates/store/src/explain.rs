//! What was decided, for people who ask and for tests that count.

use waypost_domain::TeamName;

use crate::database::on_reader;
use crate::inbox::{KnownRecord, known_columns, known_joins};
use crate::records;
use crate::{EventKey, INBOX_COMPONENT, KnownEvent, Result, Store};

/// How much the store holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreCounts {
    /// Distinct events.
    pub events: u64,
    pub contacts: u64,
    pub statuses: u64,
    pub changes: u64,
    /// Messages that wait for control of their thread.
    pub held: u64,
    pub teams: Vec<TeamCount>,
}

/// Decisions in favour of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamCount {
    /// `None`: the unrouted queue.
    pub team: Option<TeamName>,
    pub decisions: u64,
}

const DECISION: &str =
    concat!("SELECT ", known_columns!(), " FROM inbox i", known_joins!(), "WHERE i.decision_id = $2");

impl Store {
    /// The event and its decision, if it was ever recorded.
    pub async fn decision(&self, event: &EventKey) -> Result<Option<KnownEvent>> {
        let id = event.decision_id().as_uuid();
        let row: Option<KnownRecord> = on_reader!(self, |db| {
            sqlx::query_as(DECISION).bind(INBOX_COMPONENT).bind(id).fetch_optional(db).await?
        });
        row.map(KnownRecord::into_known).transpose()
    }

    pub async fn counts(&self) -> Result<StoreCounts> {
        let sql = "SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM contact WHERE merged_into IS NULL), \
             (SELECT count(*) FROM status), (SELECT count(*) FROM change), \
             (SELECT count(*) FROM held WHERE released_by IS NULL)";
        let totals: (i64, i64, i64, i64, i64) = on_reader!(self, |db| sqlx::query_as(sql).fetch_one(db).await?);
        let sql = "SELECT team, count(*) FROM inbox WHERE rule IS NOT NULL GROUP BY team ORDER BY team";
        let teams: Vec<(Option<String>, i64)> = on_reader!(self, |db| sqlx::query_as(sql).fetch_all(db).await?);
        let count = |stored: i64| u64::try_from(stored).unwrap_or_default();
        let team = |(team, decisions)| Ok(TeamCount { team: records::team(team)?, decisions: count(decisions) });
        Ok(StoreCounts {
            events: count(totals.0),
            contacts: count(totals.1),
            statuses: count(totals.2),
            changes: count(totals.3),
            held: count(totals.4),
            teams: teams.into_iter().map(team).collect::<Result<_>>()?,
        })
    }
}
