//! What was decided, for people who ask and for tests that count.

use uuid::Uuid;
use waypost_domain::{DecisionId, PhoneNumberId, TeamName};

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

/// A status that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptStatus {
    pub wamid: String,
    pub state: String,
    /// Empty outside of groups.
    pub participant: String,
    pub number: PhoneNumberId,
}

/// A stored input and whom it was decided for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedInput {
    pub decision_id: DecisionId,
    /// `None`: the unrouted queue.
    pub team: Option<TeamName>,
    /// Never empty.
    pub input: Vec<u8>,
}

/// The newest of a partition, along its index.
const DECIDED_LAST: &str = "SELECT decision_id, team, input FROM inbox WHERE partition = $1 AND rule IS NOT NULL \
     ORDER BY seq DESC LIMIT $2";
const DECISION: &str =
    concat!("SELECT ", known_columns!(), " FROM inbox i", known_joins!(), "WHERE i.decision_id = $2");

const EVENTS: &str = concat!(
    "SELECT ",
    known_columns!(),
    " FROM inbox i",
    known_joins!(),
    "WHERE i.decision_id > $2 ORDER BY i.decision_id LIMIT $3"
);
const STATUSES: &str = "SELECT wamid, state, participant, number FROM status \
     WHERE (wamid, state, participant) > ($1, $2, $3) ORDER BY wamid, state, participant LIMIT $4";

impl Store {
    /// The event and its decision, if it was ever recorded.
    pub async fn decision(&self, event: &EventKey) -> Result<Option<KnownEvent>> {
        self.decision_of(event.decision_id()).await
    }

    pub async fn decision_of(&self, id: DecisionId) -> Result<Option<KnownEvent>> {
        let id = id.as_uuid();
        let row: Option<KnownRecord> = on_reader!(self, |db| {
            sqlx::query_as(DECISION).bind(INBOX_COMPONENT).bind(id).fetch_optional(db).await?
        });
        row.map(KnownRecord::into_known).transpose()
    }

    /// The decision with this id, if it was ever recorded.
    pub async fn decision_by_id(&self, id: DecisionId) -> Result<Option<KnownEvent>> {
        let row: Option<KnownRecord> = on_reader!(self, |db| {
            sqlx::query_as(DECISION).bind(INBOX_COMPONENT).bind(id.as_uuid()).fetch_optional(db).await?
        });
        row.map(KnownRecord::into_known).transpose()
    }

    /// About the last `limit` decisions, an equal part of each partition's, whose inputs were not erased.
    pub async fn decided_last(&self, limit: u32) -> Result<Vec<DecidedInput>> {
        let Some(partitions) = self.layout().await? else { return Ok(vec![]) };
        let share = limit.div_ceil(u32::from(partitions.get()));
        let mut all = Vec::new();
        for partition in partitions.all() {
            let number = i64::from(partition.0);
            let rows: Vec<(Uuid, Option<String>, Option<Vec<u8>>)> = on_reader!(self, |db| {
                sqlx::query_as(DECIDED_LAST).bind(number).bind(i64::from(share)).fetch_all(db).await?
            });
            for (id, team, input) in rows {
                let input = input.unwrap_or_default();
                if !input.is_empty() {
                    let decision_id = DecisionId::from_uuid(id);
                    all.push(DecidedInput { decision_id, team: records::team(team, "inbox", "team")?, input });
                }
            }
        }
        Ok(all)
    }

    /// Up to `limit` recorded events with their decisions, by decision id, above `after`.
    pub async fn events_after(&self, after: Option<DecisionId>, limit: u32) -> Result<Vec<KnownEvent>> {
        let after = after.map_or(Uuid::nil(), DecisionId::as_uuid);
        let rows: Vec<KnownRecord> = on_reader!(self, |db| {
            sqlx::query_as(EVENTS).bind(INBOX_COMPONENT).bind(after).bind(i64::from(limit)).fetch_all(db).await?
        });
        rows.into_iter().map(KnownRecord::into_known).collect()
    }

    /// Up to `limit` kept statuses, by their key, above `after`.
    pub async fn statuses_after(&self, after: Option<&KeptStatus>, limit: u32) -> Result<Vec<KeptStatus>> {
        let (wamid, state, participant) =
            after.map_or(("", "", ""), |after| (&after.wamid, &after.state, &after.participant));
        let rows: Vec<(String, String, String, String)> = on_reader!(self, |db| {
            let query = sqlx::query_as(STATUSES).bind(wamid).bind(state).bind(participant);
            query.bind(i64::from(limit)).fetch_all(db).await?
        });
        let kept = |(wamid, state, participant, number)| {
            let number = PhoneNumberId::new(number);
            KeptStatus { wamid, state, participant, number }
        };
        Ok(rows.into_iter().map(kept).collect())
    }

    pub async fn counts(&self) -> Result<StoreCounts> {
        let sql = "SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM contact WHERE merged_into IS NULL), \
             (SELECT count(*) FROM status), (SELECT count(*) FROM change), \
             (SELECT count(*) FROM held WHERE released_by IS NULL)";
        let totals: (i64, i64, i64, i64, i64) = on_reader!(self, |db| sqlx::query_as(sql).fetch_one(db).await?);
        let sql = "SELECT team, count(*) FROM inbox WHERE rule IS NOT NULL GROUP BY team ORDER BY team";
        let teams: Vec<(Option<String>, i64)> = on_reader!(self, |db| sqlx::query_as(sql).fetch_all(db).await?);
        let count = |stored: i64| u64::try_from(stored).unwrap_or_default();
        let team = |(team, decisions)| {
            Ok(TeamCount { team: records::team(team, "inbox", "team")?, decisions: count(decisions) })
        };
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
