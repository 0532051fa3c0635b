//! One step of whoever holds a number's lease: what came of attempts is written, what is due is claimed, judged by the caller
//! with the facts of the same transaction, and written before the first byte of it is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use waypost_domain::send::{Predecessor, SendState};
use waypost_domain::{CampaignName, Category, ContactId, ConversationId, DecisionId, Timestamp};

use super::facts::{self, Known, Reach, SendFacts};
use super::received::{RECEIVED, ids, received};
use super::row::{COLUMNS, SEND, SendRow, places};
use super::write::{WAKE, by_place};
use crate::core::{Param, Row, Sql, Statement, params};
use crate::lease::{Fence, Fenced};
use crate::{Result, Store, StoreError};

/// An open step. Dropping it rolls back.
pub struct SendTx {
    pub(crate) fenced: Fenced,
    /// What was decided of claimed sends, until it is written.
    decided: Vec<(i64, Verdict)>,
    pub(super) places_taken: Vec<(i64, ContactId)>,
}

/// A queued send whose row is ours until the transaction ends.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedSend {
    pub row: SendRow,
    /// The one before it in its conversation and class.
    pub before: Option<Predecessor>,
    /// `None`: the contact is gone.
    pub facts: Option<SendFacts>,
}

/// What becomes of a claimed send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is attempted as soon as the transaction is durable.
    Attempt(Attempt),
    /// It ends here: expired, or refused; by which rule of policy, where there is one.
    End { state: SendState, verdict: Vec<u8>, rule: Option<&'static str> },
    /// It is looked at again then; by which rule of policy, where there is one.
    Defer { until: Timestamp, verdict: Option<Vec<u8>>, rule: Option<&'static str> },
    /// It is looked at again when the one before it has changed, and then at the latest.
    Wait { until: Timestamp },
}

/// What is written down before the first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub verdict: Vec<u8>,
    pub category: Category,
    pub template: Option<String>,
    pub conversation: Option<ConversationId>,
    /// The contact is counted in the messaging limit for it.
    pub place_of: Option<ContactId>,
}

/// The one before each, where one that itself waits counts as due: only who was put off has given up its turn. What ended without
/// having gone, while it waited, hides nobody who waits before it. Locked before the sends themselves, as whoever changes it and
/// wakes those behind it does.
static BEFORE: LazyLock<Sql> = LazyLock::new(|| {
    let one =
        "SELECT b.state, b.since, b.campaign, CASE b.waits WHEN 1 THEN b.since ELSE b.due_at END AS due_at FROM send b
            WHERE b.contact_id = w.contact_id AND b.number = w.number AND b.line = w.line AND b.place < w.place
                AND b.state NOT IN ('expired', 'refused', 'cancelled', 'failed')
            ORDER BY b.place DESC LIMIT 1";
    let sqlite = "SELECT w.place AS of_place, b.state, b.since, b.campaign,
            CASE b.waits WHEN 1 THEN b.since ELSE b.due_at END AS due_at
        FROM send w
        JOIN send b ON b.place = (
            SELECT max(o.place) FROM send o
            WHERE o.contact_id = w.contact_id AND o.number = w.number AND o.line = w.line AND o.place < w.place
                AND o.state NOT IN ('expired', 'refused', 'cancelled', 'failed'))
        WHERE w.place IN (SELECT value FROM json_each($1))"
        .to_owned();
    let postgres = format!(
        "SELECT w.place AS of_place, p.state, p.since, p.campaign, p.due_at
        FROM (SELECT * FROM send WHERE place = ANY($1::BIGINT[]) ORDER BY place) w
        CROSS JOIN LATERAL ({one} FOR NO KEY UPDATE) p"
    );
    Sql::made_each(sqlite, postgres)
});

static LOCK_QUEUED: LazyLock<Sql> = LazyLock::new(|| {
    Sql::made_each(
        format!(
            "SELECT {COLUMNS} FROM send s
            WHERE s.place IN (SELECT value FROM json_each($1)) AND s.state = 'queued' AND s.due_at <= $2
            ORDER BY s.place"
        ),
        format!(
            "SELECT {COLUMNS} FROM send s
            WHERE s.place = ANY($1::BIGINT[]) AND s.state = 'queued' AND s.due_at <= $2
            ORDER BY s.place FOR NO KEY UPDATE"
        ),
    )
});

/// The campaigns of these that run, and cannot be paused before the transaction ends. Locked first: whoever pauses a campaign
/// locks it and then its sends.
static RUNNING: Sql = Sql::each(
    "SELECT id FROM campaign
    WHERE state = 'running' AND id IN (
        SELECT campaign FROM send WHERE place IN (SELECT value FROM json_each($1)) AND campaign IS NOT NULL)",
    "SELECT id FROM campaign
    WHERE state = 'running' AND id IN (
        SELECT campaign FROM send WHERE place = ANY($1::BIGINT[]) AND campaign IS NOT NULL)
    ORDER BY id
    FOR KEY SHARE",
);

static PAUSED: Sql = Sql::both("SELECT id FROM campaign WHERE state = 'paused' AND ended_at IS NULL");

static ATTEMPT: LazyLock<Sql> = LazyLock::new(|| {
    by_place(
        &[
            ("rank", "BIGINT"),
            ("epoch", "BIGINT"),
            ("now", "BIGINT"),
            ("verdict", "BYTEA"),
            ("category", "TEXT"),
            ("template", "TEXT"),
            ("conversation", "UUID"),
            ("portfolio", "TEXT"),
            ("limit_contact", "UUID"),
        ],
        "state = 'attempting', rank = {rank}, epoch = {epoch}, attempt = attempt + 1, since = {now},
        attempted_at = {now}, waits = 0, verdict = {verdict}, category = {category}, template = {template},
        conversation_id = coalesce(conversation_id, {conversation}), portfolio = {portfolio},
        limit_contact = {limit_contact}, failed_at = NULL, error_code = NULL",
        "state = 'queued'",
    )
});

static END: LazyLock<Sql> = LazyLock::new(|| {
    by_place(
        &[("state", "TEXT"), ("rank", "BIGINT"), ("now", "BIGINT"), ("verdict", "BYTEA"), ("rule", "TEXT")],
        "state = {state}, rank = {rank}, since = {now}, waits = 0, verdict = {verdict}, rule = {rule}",
        "state = 'queued'",
    )
});

static DEFER: LazyLock<Sql> = LazyLock::new(|| {
    by_place(
        &[("until", "BIGINT"), ("verdict", "BYTEA"), ("rule", "TEXT"), ("waits", "BIGINT")],
        "due_at = {until}, waits = {waits}, rule = {rule}, verdict = coalesce({verdict}, verdict)",
        "state = 'queued'",
    )
});

impl Store {
    /// Begins a step for the numbers of one shard.
    pub async fn begin_sends(&self, fence: &Fence) -> Result<SendTx> {
        let (fenced, _) = self.begin_fenced(fence, vec![]).await?;
        Ok(SendTx { fenced, decided: Vec::new(), places_taken: Vec::new() })
    }
}

impl SendTx {
    /// Claims these, as far as they are queued and due, in the order of their places. `contacts`: of whom they are, as far as
    /// that was read before.
    pub async fn claim(
        &mut self,
        due: &[(i64, ContactId)],
        now: Timestamp,
        reach: Reach<'_>,
    ) -> Result<Vec<ClaimedSend>> {
        if due.is_empty() {
            return Ok(vec![]);
        }
        let contacts: BTreeSet<ContactId> = due.iter().map(|(_, contact)| *contact).collect();
        let wanted: Vec<i64> = due.iter().map(|(place, _)| *place).collect();
        let tx = &mut self.fenced.tx;
        let running = Statement::new(&RUNNING, params![places(&wanted)]);
        let answers = tx.run(vec![running, facts::asking_survivors(&contacts)]).await?;
        let [running, survivors] = &answers[..] else { return Ok(vec![]) };
        let (running, survivors) = (campaigns(&running.rows)?, facts::survivors(survivors)?);
        let alive: BTreeSet<ContactId> = survivors.values().copied().collect();
        let mut statements = facts::asking(&alive, reach, true);
        statements.push(Statement::new(&BEFORE, params![places(&wanted)]));
        statements.push(Statement::new(&LOCK_QUEUED, params![places(&wanted), now]));
        let answers = tx.run(statements).await?;
        let (known, sends) = answers.split_at(facts::STATEMENTS);
        let Some(mut known) = Known::read(known)? else {
            return Err(StoreError::retry("a contact became part of another since it was read"));
        };
        known.find_suppressed(tx).await?;
        let [before, locked] = sends else { return Ok(vec![]) };
        let locked = locked.rows.iter().map(|row| SendRow::from_row(&row.of(SEND.name))).collect::<Result<Vec<_>>>()?;
        let before = self.before(&before.rows).await?;
        // Given a campaign that was paused since the look for what is due, then nothing of it is claimed.
        let runs = |row: &SendRow| row.campaign.as_ref().is_none_or(|campaign| running.contains(campaign));
        let claimed = locked.into_iter().filter(runs).map(|row| {
            let survivor = survivors.get(&row.request.contact);
            let facts = survivor.and_then(|survivor| known.facts(*survivor, &row.request.number));
            Ok(ClaimedSend { before: before.get(&row.place).copied(), facts, row })
        });
        claimed.collect()
    }

    /// Whoever is before each. What is queued of a paused campaign is passed over: nobody waits for that, nor for what stands
    /// before it.
    async fn before(&mut self, rows: &[Row]) -> Result<BTreeMap<i64, Predecessor>> {
        let found = rows.iter().map(predecessor).collect::<Result<Vec<_>>>()?;
        let is_campaigns = found.iter().any(|(_, _, campaign)| campaign.is_some());
        let paused = if is_campaigns {
            // Asked when the rows are locked, as whoever pauses locks them before others are woken.
            campaigns(&self.fenced.tx.query(&PAUSED, vec![]).await?)?
        } else {
            BTreeSet::new()
        };
        let stands = |before: &Predecessor, campaign: &Option<CampaignName>| {
            before.state != SendState::Queued || campaign.as_ref().is_none_or(|campaign| !paused.contains(campaign))
        };
        let found = found.into_iter().filter(|(_, before, campaign)| stands(before, campaign));
        Ok(found.map(|(place, before, _)| (place, before)).collect())
    }

    /// As [`Store::received_at`](crate::Store::received_at).
    pub async fn received_at(&mut self, decisions: &[DecisionId]) -> Result<BTreeMap<DecisionId, Timestamp>> {
        match decisions {
            [] => Ok(BTreeMap::new()),
            _ => received(&self.fenced.tx.query(&RECEIVED, params![ids(decisions)]).await?),
        }
    }

    /// What becomes of a claimed send; written with the commit.
    pub fn decide(&mut self, place: i64, verdict: Verdict) {
        if let Verdict::Attempt(Attempt { place_of: Some(contact), .. }) = &verdict {
            self.places_taken.push((place, *contact));
        }
        self.decided.push((place, verdict));
    }

    /// Makes it durable. An error may also mean that it is durable and nobody could tell us: nothing that it says is attempted
    /// may be sent then, and whoever begins again finds out. `portfolio`: whose places were taken.
    pub async fn commit(self, now: Timestamp, portfolio: &str) -> Result<()> {
        let epoch = self.fenced.fence.epoch;
        let (mut attempts, mut ends, mut deferred, mut ended) = (vec![], vec![], vec![], vec![]);
        for (place, verdict) in &self.decided {
            match verdict {
                Verdict::Attempt(attempt) => attempts.push(attempt.params(*place, epoch, now, portfolio)),
                Verdict::End { state, verdict, rule } => {
                    ended.push(*place);
                    ends.push(params![*place, *state, i64::from(state.rank()), now, verdict, *rule]);
                }
                Verdict::Defer { until, verdict, rule } => {
                    deferred.push(params![*place, *until, verdict.as_deref(), *rule, false]);
                }
                Verdict::Wait { until } => deferred.push(params![*place, *until, Param::Null, Param::Null, true]),
            }
        }
        let mut statements: Vec<Statement<'_>> = [(&*ATTEMPT, attempts), (&*END, ends), (&*DEFER, deferred)]
            .into_iter()
            .filter(|(_, rows)| !rows.is_empty())
            .map(|(sql, rows)| Statement::rows(sql, rows))
            .collect();
        if !ended.is_empty() {
            statements.push(Statement::new(&WAKE, params![places(&ended), now]));
        }
        statements.extend(super::limit::taking(&self.places_taken, portfolio, now));
        self.fenced.tx.commit_with(statements).await
    }
}

impl Attempt {
    /// In the order of [`ATTEMPT`].
    fn params<'a>(&'a self, place: i64, epoch: i64, now: Timestamp, portfolio: &'a str) -> Vec<Param<'a>> {
        params![
            place,
            i64::from(SendState::Attempting.rank()),
            epoch,
            now,
            &self.verdict,
            self.category,
            self.template.as_deref(),
            self.conversation,
            self.place_of.map(|_| portfolio),
            self.place_of,
        ]
    }
}

fn predecessor(row: &Row) -> Result<(i64, Predecessor, Option<CampaignName>)> {
    let row = row.of(SEND.name);
    let (state, since, campaign) = (row.get("state")?, row.get("since")?, row.get("campaign")?);
    let before = Predecessor { state, since, due_at: row.get("due_at")? };
    Ok((row.get("of_place")?, before, campaign))
}

fn campaigns(rows: &[Row]) -> Result<BTreeSet<CampaignName>> {
    rows.iter().map(|row| row.of("campaign").get("id")).collect()
}
