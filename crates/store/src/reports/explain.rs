//! What was decided, for people who ask and for tests that count.

use std::sync::LazyLock;

use uuid::Uuid;
use waypost_domain::{DecisionId, TeamName};

use crate::core::{Columns, Sql, params};
use crate::inbox::{KNOWN_COLUMNS, KNOWN_JOINS};
use crate::records::unreadable;
use crate::{EventKey, KnownEvent, Result, Store};

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

/// A stored input and whom it was decided for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedInput {
    pub decision_id: DecisionId,
    /// `None`: the unrouted queue.
    pub team: Option<TeamName>,
    /// The rule's id, or the phase's name where no rule decided.
    pub rule: String,
    pub why: String,
    /// Never empty.
    pub input: Vec<u8>,
}

/// The newest of a partition, along its index.
static DECIDED_LAST: Sql = Sql::both(
    "SELECT decision_id, team, rule, why, input
    FROM inbox
    WHERE partition = $1 AND rule IS NOT NULL
    ORDER BY seq DESC
    LIMIT $2",
);

static DECISION: LazyLock<Sql> = LazyLock::new(|| known("WHERE i.decision_id = $2"));

static EVENTS_AFTER: LazyLock<Sql> = LazyLock::new(|| {
    known(
        "WHERE i.decision_id > $2
        ORDER BY i.decision_id
        LIMIT $3",
    )
});

static BETWEEN: LazyLock<Sql> = LazyLock::new(|| {
    known(
        "WHERE i.decision_id BETWEEN $2 AND $3
        ORDER BY i.decision_id
        LIMIT $4",
    )
});

fn known(rest: &str) -> Sql {
    let columns = &*KNOWN_COLUMNS;
    Sql::made(format!("SELECT {columns}\nFROM inbox i\n{KNOWN_JOINS}\n{rest}"))
}

static TOTALS: Sql = Sql::both(
    "SELECT
        (SELECT count(*) FROM inbox) AS events,
        (SELECT count(*) FROM contact WHERE merged_into IS NULL) AS contacts,
        (SELECT count(*) FROM status) AS statuses,
        (SELECT count(*) FROM change) AS changes,
        (SELECT count(*) FROM held h JOIN inbox i ON i.decision_id = h.decision_id
            WHERE h.released_by IS NULL AND i.kind <> 'notice') AS held",
);

static OF_TEAMS: Sql = Sql::both(
    "SELECT team, count(*) AS decisions
    FROM inbox
    WHERE rule IS NOT NULL
    GROUP BY team
    ORDER BY team",
);

impl Store {
    /// The event and its decision, if it was ever recorded.
    pub async fn decision(&self, event: &EventKey) -> Result<Option<KnownEvent>> {
        self.decision_of(event.decision_id()).await
    }

    /// The decision with this id, if it was ever recorded.
    pub async fn decision_of(&self, id: DecisionId) -> Result<Option<KnownEvent>> {
        let rows = self.read(&DECISION, params![self.inbox_component, id]).await?;
        rows.first().map(KnownEvent::from_row).transpose()
    }

    /// Up to `limit` recorded events whose decisions have ids from `first` to `last`, by that id.
    pub async fn decisions_between(&self, first: DecisionId, last: DecisionId, limit: u32) -> Result<Vec<KnownEvent>> {
        let rows = self.read(&BETWEEN, params![self.inbox_component, first, last, limit]).await?;
        rows.iter().map(KnownEvent::from_row).collect()
    }

    /// About the last `limit` decisions, an equal part of each partition's, whose inputs were not erased.
    pub async fn decided_last(&self, limit: u32) -> Result<Vec<DecidedInput>> {
        let Some(partitions) = self.layout().await? else { return Ok(vec![]) };
        let share = limit.div_ceil(u32::from(partitions.get()));
        let mut all = Vec::new();
        for partition in partitions.all() {
            for row in self.report(&DECIDED_LAST, params![partition, share]).await? {
                all.extend(DecidedInput::from_row(&row.of("inbox"))?);
            }
        }
        Ok(all)
    }

    /// Up to `limit` recorded events with their decisions, by decision id, above `after`.
    pub async fn events_after(&self, after: Option<DecisionId>, limit: u32) -> Result<Vec<KnownEvent>> {
        let after = after.map_or(Uuid::nil(), DecisionId::as_uuid);
        let rows = self.report(&EVENTS_AFTER, params![self.inbox_component, after, limit]).await?;
        rows.iter().map(KnownEvent::from_row).collect()
    }

    pub async fn counts(&self) -> Result<StoreCounts> {
        let totals = self.report(&TOTALS, vec![]).await?;
        let Some(totals) = totals.first() else { return Err(unreadable("inbox", "events")) };
        let totals = totals.of("inbox");
        let teams = self.report(&OF_TEAMS, vec![]).await?;
        Ok(StoreCounts {
            events: totals.get("events")?,
            contacts: totals.get("contacts")?,
            statuses: totals.get("statuses")?,
            changes: totals.get("changes")?,
            held: totals.get("held")?,
            teams: teams.iter().map(|row| TeamCount::from_row(&row.of("inbox"))).collect::<Result<_>>()?,
        })
    }
}

impl DecidedInput {
    /// `None` where the input was erased.
    fn from_row(row: &Columns<'_>) -> Result<Option<Self>> {
        let (decision_id, team, rule) = (row.get("decision_id")?, row.get("team")?, row.get("rule")?);
        let why = row.get::<Option<String>>("why")?.unwrap_or_default();
        let input = row.get::<Option<Vec<u8>>>("input")?.unwrap_or_default();
        Ok((!input.is_empty()).then_some(Self { decision_id, team, rule, why, input }))
    }
}

impl TeamCount {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        Ok(Self { team: row.get("team")?, decisions: row.get("decisions")? })
    }
}
