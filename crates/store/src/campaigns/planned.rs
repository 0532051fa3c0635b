//! How recipients become sends: a batch of them is read, its sends are stored and its rows marked in one transaction behind the
//! fence of whoever plans. Killed anywhere, either all of it happened or nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use waypost_domain::campaign::Paced;
use waypost_domain::send::Values;
use waypost_domain::{CampaignName, ContactId, Timestamp};

use super::changed::is_twice;
use super::{CAMPAIGN, Campaign, RECIPIENT, RecipientProblem, read};
use crate::changes::RecordTx;
use crate::core::{Param, Sql, Statement, params};
use crate::records::clean;
use crate::sends::{NewSend, asking_survivors, family_both, storing, survivors};
use crate::{Result, StoreError};

/// How many recipients a transaction may put in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    pub rows_max: u32,
    /// Sends of one campaign that are due and not attempted: above it, nothing more is put in the queue, so that others of the
    /// number do not stand behind all of a campaign.
    pub due_max: u32,
}

/// Recipients whose turn it is.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedBatch {
    pub campaign: Campaign,
    pub rows: Vec<Planned>,
    paced: Paced,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    pub place: u32,
    /// Who it is by now.
    pub contact: ContactId,
    pub values: Values,
    /// Why it is not sent after all.
    pub problem: Option<RecipientProblem>,
}

static LOCK_RUNNING: LazyLock<Sql> = LazyLock::new(|| {
    let with = |lock: &str| {
        let list = CAMPAIGN.list("");
        format!("SELECT {list}, paced_at FROM campaign WHERE id = $1 AND state = 'running' AND ended_at IS NULL{lock}")
    };
    Sql::made_each(with(""), with(" FOR NO KEY UPDATE"))
});

static DUE: Sql = Sql::both(
    "SELECT count(*) AS due FROM (
        SELECT 1 FROM send WHERE campaign = $1 AND phase = 0 AND due_at <= $2 LIMIT $3) AS found",
);

static NEXT: Sql = Sql::both(
    "SELECT place, contact_id, template_values FROM campaign_recipient
    WHERE campaign = $1 AND state = 'planned'
    ORDER BY place
    LIMIT $2",
);

/// They do not become part of anybody before the batch is durable.
static LOCK_CONTACTS: Sql = Sql::each(
    "SELECT id FROM contact WHERE id IN (SELECT unhex(value) FROM json_each($1)) AND merged_into IS NULL",
    "SELECT id FROM contact WHERE id = ANY($1::UUID[]) AND merged_into IS NULL ORDER BY id FOR NO KEY UPDATE",
);

/// The first row of each person, whoever became part of them since the rows were added.
static FIRST: LazyLock<Sql> = LazyLock::new(|| {
    family_both(
        "SELECT f.root, min(r.place) AS place FROM family f
    JOIN campaign_recipient r ON r.campaign = $2 AND r.contact_id = f.id
    GROUP BY f.root",
    )
});

/// Stored under the id of a campaign's send by somebody else.
static TAKEN: Sql = Sql::each(
    "SELECT id FROM send WHERE id IN (SELECT value FROM json_each($1)) AND coalesce(campaign, '') <> $2",
    "SELECT id FROM send WHERE id = ANY($1::TEXT[]) AND coalesce(campaign, '') <> $2",
);

static QUEUED: Sql = Sql::each(
    "UPDATE campaign_recipient SET state = 'queued', template_values = NULL
    WHERE campaign = $1 AND place IN (SELECT value FROM json_each($2))",
    "UPDATE campaign_recipient SET state = 'queued', template_values = NULL
    WHERE campaign = $1 AND place = ANY($2::BIGINT[])",
);

static REJECTED: Sql = Sql::each(
    "UPDATE campaign_recipient SET state = 'rejected', template_values = NULL, field = $3, problem = $4
    WHERE campaign = $1 AND place = $2",
    "UPDATE campaign_recipient SET state = 'rejected', template_values = NULL, field = r.field, problem = r.problem
    FROM unnest($1::TEXT[], $2::BIGINT[], $3::TEXT[], $4::TEXT[]) AS r(campaign, place, field, problem)
    WHERE campaign_recipient.campaign = r.campaign AND campaign_recipient.place = r.place",
);

static PACED: Sql = Sql::both("UPDATE campaign SET paced_at = $2 WHERE id = $1");

impl RecordTx {
    /// The recipients of a running campaign whose turn it is at `now`, by its pace and the limits. Nobody pauses it before the
    /// transaction is over. `None`: it does not run.
    pub async fn planned_recipients(
        &mut self,
        id: &CampaignName,
        now: Timestamp,
        limits: BatchLimits,
    ) -> Result<Option<PlannedBatch>> {
        let tx = &mut self.fenced.tx;
        let statements =
            vec![Statement::new(&LOCK_RUNNING, params![id]), Statement::new(&DUE, params![id, now, limits.due_max])];
        let answers = tx.run(statements).await?;
        let [campaign, due] = &answers[..] else { return Ok(None) };
        let Some(row) = campaign.rows.first() else { return Ok(None) };
        let row = row.of(CAMPAIGN.name);
        let (campaign, paced_at): (Campaign, i64) = (read(&row)?, row.get("paced_at")?);
        let due: u32 = due.rows.first().map_or(Ok(0), |row| row.of("send").get("due"))?;
        let room = limits.due_max.saturating_sub(due).min(limits.rows_max);
        let paced = Paced::new(campaign.pace_per_minute, paced_at);
        let wanted = paced.room(now, room);
        let found = if wanted == 0 { vec![] } else { tx.query(&NEXT, params![id, wanted]).await? };
        let mut rows = Vec::with_capacity(found.len());
        for row in &found {
            let row = row.of(RECIPIENT);
            let values: Vec<u8> = row.get("template_values")?;
            let values = serde_json::from_slice(&values).map_err(|_| row.unreadable("template_values"))?;
            rows.push(Planned { place: row.get("place")?, contact: row.get("contact_id")?, values, problem: None });
        }
        self.find_people(id, &mut rows).await?;
        Ok(Some(PlannedBatch { campaign, rows, paced }))
    }

    /// Who the rows are by now, and who of them has a row before.
    async fn find_people(&mut self, id: &CampaignName, rows: &mut [Planned]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let tx = &mut self.fenced.tx;
        let contacts: BTreeSet<ContactId> = rows.iter().map(|row| row.contact).collect();
        let answers = tx.run(vec![asking_survivors(&contacts)]).await?;
        let survivors = answers.first().map(survivors).transpose()?.unwrap_or_default();
        let alive: BTreeSet<ContactId> = survivors.values().copied().collect();
        let wanted = || alive.iter().copied().collect::<Param<'_>>();
        let statements =
            vec![Statement::new(&LOCK_CONTACTS, params![wanted()]), Statement::new(&FIRST, params![wanted(), id])];
        let answers = tx.run(statements).await?;
        let [locked, first] = &answers[..] else { return Ok(()) };
        if locked.rows.len() < alive.len() {
            return Err(StoreError::retry("a contact became part of another since it was read"));
        }
        let mut first_of: HashMap<ContactId, u32> = HashMap::new();
        for row in &first.rows {
            let row = row.of(RECIPIENT);
            first_of.insert(row.get("root")?, row.get("place")?);
        }
        for row in rows {
            let Some(survivor) = survivors.get(&row.contact) else {
                row.problem = Some(RecipientProblem { field: "to".to_owned(), problem: "is known no more".to_owned() });
                continue;
            };
            row.contact = *survivor;
            row.problem = first_of.get(survivor).filter(|first| **first < row.place).map(|first| is_twice(*first));
        }
        Ok(())
    }

    /// Stores the sends of a batch's rows that have no problem, in their order, and marks all of its rows.
    pub async fn queue_recipients(&mut self, batch: &PlannedBatch, sends: &[NewSend], now: Timestamp) -> Result<()> {
        let id = &batch.campaign.id;
        let tx = &mut self.fenced.tx;
        let mut taken: BTreeSet<String> = BTreeSet::new();
        if let Some(storing) = storing(sends, Some(id))? {
            let ids: Param<'_> = sends.iter().map(|send| &send.request.id).collect();
            let answers = tx.run(vec![storing, Statement::new(&TAKEN, params![ids, id])]).await?;
            for row in answers.last().map(|answer| &answer.rows[..]).unwrap_or_default() {
                taken.insert(row.of("send").get("id")?);
            }
        }
        let mut rejected: BTreeMap<u32, RecipientProblem> = BTreeMap::new();
        rejected.extend(batch.rows.iter().filter_map(|row| Some((row.place, row.problem.clone()?))));
        let good = batch.rows.iter().filter(|row| row.problem.is_none());
        for (row, _) in good.zip(sends).filter(|(_, send)| taken.contains(send.request.id.as_str())) {
            let problem = "another message was sent under the id that is this row's".to_owned();
            rejected.insert(row.place, RecipientProblem { field: "to".to_owned(), problem });
        }
        let queued: Param<'_> =
            batch.rows.iter().map(|row| row.place).filter(|place| !rejected.contains_key(place)).collect();
        let count = u32::try_from(sends.len()).unwrap_or(u32::MAX);
        let mut statements = vec![
            Statement::new(&QUEUED, params![id, queued]),
            Statement::new(&PACED, params![id, batch.paced.after(now, count)]),
        ];
        if !rejected.is_empty() {
            let row = |(place, problem): (&u32, &RecipientProblem)| {
                params![id.as_str().to_owned(), *place, clean(&problem.field).into_owned(), problem.problem.clone()]
            };
            statements.push(Statement::rows(&REJECTED, rejected.iter().map(row).collect()));
        }
        tx.run(statements).await.map(drop)
    }
}
