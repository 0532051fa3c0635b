//! Decisions by time, the newest first, for whoever looks for some of them; and when one was published.
//!
//! There is no index by time, team or contact: each would cost every message a write. A partition's rows have an order by
//! time, though, so the partitions are read downwards, each a piece at a time along its index, and merged.

use std::collections::{BTreeMap, VecDeque};

use waypost_domain::{ContactId, DecisionId, PartitionId, TeamName, Timestamp};

use crate::core::{Columns, Param, Sql, params};
use crate::inbox::KNOWN;
use crate::{KnownEvent, Result, Store};

/// Which decisions are looked for: those that fit all that is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DecisionFilter {
    /// Recorded then or later.
    pub since: Option<Timestamp>,
    /// For one of these teams.
    pub teams: Option<Vec<TeamName>>,
    /// By the rule of this id.
    pub rule: Option<String>,
    /// Of one of these contacts.
    pub contacts: Option<Vec<ContactId>>,
}

/// Where a search goes on: below these sequence numbers. A partition that is not in it has no more.
pub type DecisionPlaces = BTreeMap<PartitionId, i64>;

/// What was found, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionPage {
    /// Of what fits; may be fewer than asked for, and none, though there is more.
    pub events: Vec<KnownEvent>,
    /// `None`: there is no more.
    pub next: Option<DecisionPlaces>,
}

/// Rows that are read at once of a partition when few of them may fit.
const PIECE: u32 = 500;
/// Rows that one call looks at, so that it ends whatever it looks for.
const LOOKED_AT_MAX: u32 = 50_000;

static BELOW: Sql = Sql::both(
    "SELECT seq, decision_id, contact_id, coalesce(recorded_at, received_at) AS recorded_at, team, rule
    FROM inbox
    WHERE partition = $1 AND seq < $2
    ORDER BY seq DESC
    LIMIT $3",
);

/// The first row of a batch that was begun later.
static NEXT_BATCH: Sql = Sql::both(
    "SELECT before_published_at
    FROM inbox
    WHERE partition = $1 AND seq > $2 AND recorded_at > $3
    ORDER BY seq
    LIMIT 1",
);

static MARKED: Sql =
    Sql::both("SELECT published_at FROM lease WHERE component = $1 AND partition = $2 AND published_seq >= $3");

/// As much of a row as the filter asks for.
struct Candidate {
    seq: i64,
    decision: DecisionId,
    contact: Option<ContactId>,
    recorded_at: Timestamp,
    team: Option<TeamName>,
    rule: Option<String>,
}

impl Candidate {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            seq: row.get("seq")?,
            decision: row.get("decision_id")?,
            contact: row.get("contact_id")?,
            recorded_at: row.get("recorded_at")?,
            team: row.get("team")?,
            rule: row.get("rule")?,
        })
    }

    fn fits(&self, filter: &DecisionFilter) -> bool {
        let of_team = |teams: &Vec<TeamName>| self.team.as_ref().is_some_and(|team| teams.contains(team));
        let of_contact = |contacts: &Vec<ContactId>| self.contact.is_some_and(|contact| contacts.contains(&contact));
        filter.teams.as_ref().is_none_or(of_team)
            && filter.rule.as_ref().is_none_or(|rule| self.rule.as_ref() == Some(rule))
            && filter.contacts.as_ref().is_none_or(of_contact)
    }
}

/// A partition on its way down.
struct Descent {
    partition: PartitionId,
    /// What stands below this was not looked at.
    below: i64,
    /// Read, and not looked at.
    ahead: VecDeque<Candidate>,
    is_over: bool,
}

impl Store {
    /// Up to `limit` of the events that fit, from `places` downwards, or from the top.
    pub async fn newest_decisions(
        &self,
        filter: &DecisionFilter,
        places: Option<DecisionPlaces>,
        limit: u32,
    ) -> Result<DecisionPage> {
        let places = match places {
            Some(places) => places,
            None => self.layout().await?.into_iter().flat_map(|count| count.all()).map(|one| (one, i64::MAX)).collect(),
        };
        let descent = |(partition, below)| Descent { partition, below, ahead: VecDeque::new(), is_over: false };
        let mut descents: Vec<Descent> = places.into_iter().map(descent).collect();
        let fits_all = *filter == DecisionFilter { since: filter.since, ..DecisionFilter::default() };
        let piece = if fits_all { limit.min(PIECE) } else { PIECE };
        let mut found = Vec::new();
        let mut looked_at = 0;
        while looked_at < LOOKED_AT_MAX && found.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
            let Some(candidate) = self.next_candidate(&mut descents, filter.since, piece).await? else { break };
            looked_at += 1;
            if candidate.fits(filter) {
                found.push(candidate.decision);
            }
        }
        let next: DecisionPlaces =
            descents.into_iter().filter(|one| !one.is_over).map(|one| (one.partition, one.below)).collect();
        Ok(DecisionPage { events: self.events_of(&found).await?, next: (!next.is_empty()).then_some(next) })
    }

    /// The newest of what was not looked at.
    async fn next_candidate(
        &self,
        descents: &mut [Descent],
        since: Option<Timestamp>,
        piece: u32,
    ) -> Result<Option<Candidate>> {
        for descent in descents.iter_mut().filter(|one| one.ahead.is_empty() && !one.is_over) {
            for row in self.report(&BELOW, params![descent.partition, descent.below, piece]).await? {
                descent.ahead.push_back(Candidate::from_row(&row.of("inbox"))?);
            }
            let newest = descent.ahead.front().map(|candidate| candidate.recorded_at);
            descent.is_over = newest.is_none_or(|newest| since.is_some_and(|since| newest < since));
        }
        let open = descents.iter_mut().filter(|one| !one.is_over);
        let Some(newest) = open.max_by_key(|one| one.ahead.front().map(|candidate| candidate.recorded_at)) else {
            return Ok(None);
        };
        let Some(candidate) = newest.ahead.pop_front() else { return Ok(None) };
        newest.below = candidate.seq;
        let next = newest.ahead.front().map(|candidate| candidate.recorded_at);
        newest.is_over = next.is_some_and(|next| since.is_some_and(|since| next < since));
        Ok(Some(candidate))
    }

    /// The recorded events of these ids, in their order; those that are gone are left out.
    async fn events_of(&self, ids: &[DecisionId]) -> Result<Vec<KnownEvent>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let array: Param<'_> = ids.iter().copied().collect();
        let mut events = BTreeMap::new();
        for row in &self.report(&KNOWN, params![self.inbox_component, array]).await? {
            let event = KnownEvent::from_row(row)?;
            events.insert(event.decision_id, event);
        }
        Ok(ids.iter().filter_map(|id| events.remove(id)).collect())
    }

    /// When the event had been published and acknowledged. `None`: it was not, or nobody wrote down when.
    pub async fn published_at(&self, event: &KnownEvent) -> Result<Option<Timestamp>> {
        let Some(recorded_at) = event.recorded_at.filter(|_| event.published) else { return Ok(None) };
        let rows = self.read(&NEXT_BATCH, params![event.partition, event.seq, recorded_at]).await?;
        let at: Option<Timestamp> = match rows.first() {
            Some(row) => row.of("inbox").get("before_published_at")?,
            None => {
                let params = params![self.inbox_component, event.partition, event.seq];
                let marks = self.read(&MARKED, params).await?;
                marks.first().map(|row| row.of("lease").get("published_at")).transpose()?.flatten()
            }
        };
        // Who recorded the next batch may not have published this one.
        Ok(at.filter(|at| *at >= recorded_at))
    }
}
