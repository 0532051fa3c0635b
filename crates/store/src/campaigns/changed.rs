//! What people do with campaigns, in an audited change.

use std::collections::HashMap;
use std::sync::LazyLock;

use waypost_domain::send::Values;
use waypost_domain::{CampaignName, CampaignState, ContactId, Timestamp};

use super::{CAMPAIGN, Campaign, NewRecipient, RECIPIENT, RecipientProblem, json, params, read};
use crate::Result;
use crate::admin::AuditedTx;
use crate::changes::RecordTx;
use crate::core::{Param, Sql, Statement, params as bind};
use crate::records::clean;
use crate::sends::waking;

static INSERT: LazyLock<Sql> = LazyLock::new(|| CAMPAIGN.insert(""));

/// Whoever claims sends of it, or puts more in the queue, is waited for, and sees what is done here.
static LOCK: LazyLock<Sql> = LazyLock::new(|| {
    let with = |lock: &str| format!("SELECT {} FROM campaign WHERE id = $1{lock}", CAMPAIGN.list(""));
    Sql::made_each(with(""), with(" FOR UPDATE"))
});

static UPDATE: Sql = Sql::both(
    "UPDATE campaign SET state = $2, start_at = $3, note = $4, recipients = $5, version = version + 1 WHERE id = $1",
);

static PAUSE: Sql = Sql::both(
    "UPDATE campaign SET state = 'paused', note = $2, version = version + 1 WHERE id = $1 AND state = 'running'",
);

static DELETE_RECIPIENTS: Sql = Sql::both("DELETE FROM campaign_recipient WHERE campaign = $1");

static DELETE: Sql = Sql::both("DELETE FROM campaign WHERE id = $1");

static WAS: Sql = Sql::both("SELECT 1 FROM send WHERE campaign = $1 LIMIT 1");

static THERE: Sql = Sql::each(
    "SELECT contact_id, place FROM campaign_recipient
    WHERE campaign = $1 AND contact_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT contact_id, place FROM campaign_recipient WHERE campaign = $1 AND contact_id = ANY($2::UUID[])",
);

static ADD: Sql = Sql::each(
    "INSERT INTO campaign_recipient (campaign, place, contact_id, state, field, problem, template_values)
    VALUES ($1, $2, $3, $4, $5, $6, $7)",
    "INSERT INTO campaign_recipient (campaign, place, contact_id, state, field, problem, template_values)
    SELECT * FROM unnest($1::TEXT[], $2::BIGINT[], $3::UUID[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::BYTEA[])",
);

/// What is queued of it, locked, so that nobody begins to wait behind one of these without seeing the pause.
static QUEUED: Sql = Sql::each(
    "SELECT place FROM send WHERE campaign = $1 AND phase = 0",
    "SELECT place FROM send WHERE campaign = $1 AND phase = 0 ORDER BY place FOR NO KEY UPDATE",
);

/// Whoever waits behind one of these is looked at again.
static WAKE_BEHIND: LazyLock<Sql> = LazyLock::new(|| {
    let of = "p.campaign = $1 AND p.phase = 0";
    waking(of, of)
});

/// A row as it is about to be added.
struct Row<'a> {
    place: u32,
    added: Result<(ContactId, &'a Values), RecipientProblem>,
}

impl Row<'_> {
    fn params<'p>(&'p self, campaign: &'p CampaignName) -> Result<Vec<Param<'p>>> {
        Ok(match &self.added {
            Ok((contact, values)) => {
                bind![campaign, self.place, *contact, "planned", Param::Null, Param::Null, json(values)?]
            }
            Err(RecipientProblem { field, problem }) => {
                let (field, problem) = (clean(field), clean(problem));
                bind![campaign, self.place, Param::Null, "rejected", field, problem, Param::Null]
            }
        })
    }
}

impl RecordTx {
    /// Pauses a campaign that runs, and others need not wait for what is queued of it. Whether it did run.
    pub async fn pause_campaign(&mut self, id: &CampaignName, note: &str, now: Timestamp) -> Result<bool> {
        let statements = vec![
            Statement::new(&LOCK, bind![id]),
            Statement::new(&PAUSE, bind![id, clean(note)]),
            Statement::new(&QUEUED, bind![id]),
            Statement::new(&WAKE_BEHIND, bind![id, now]),
        ];
        let answers = self.fenced.tx.run(statements).await?;
        Ok(answers.get(1).is_some_and(|paused| paused.affected > 0))
    }
}

impl AuditedTx {
    /// A campaign, which nobody changes before this change is over.
    pub async fn campaign(&mut self, id: &CampaignName) -> Result<Option<Campaign>> {
        let rows = self.tx.query(&LOCK, bind![id]).await?;
        rows.first().map(|row| read(&row.of(CAMPAIGN.name))).transpose()
    }

    /// Whether there was one of this name, which is deleted by now: what was sent bears it, and is one send each.
    pub async fn was_campaign(&mut self, id: &CampaignName) -> Result<bool> {
        Ok(!self.tx.query(&WAS, bind![id]).await?.is_empty())
    }

    /// Whoever asked has seen that there is none of this name, and was none.
    pub async fn create_campaign(&mut self, campaign: &Campaign) -> Result<()> {
        self.tx.run(vec![Statement::rows(&INSERT, vec![params(campaign)?])]).await.map(drop)
    }

    /// Writes state, start, note and the number of rows of a campaign that was read in this change.
    pub async fn update_campaign(&mut self, campaign: &mut Campaign) -> Result<()> {
        let Campaign { id, state, start_at, note, recipients, .. } = campaign;
        self.tx.execute(&UPDATE, bind![&*id, *state, *start_at, clean(note), *recipients]).await?;
        campaign.version += 1;
        Ok(())
    }

    /// Others need not wait for what is queued of a campaign that was paused in this change.
    pub async fn wake_behind_campaign(&mut self, id: &CampaignName, now: Timestamp) -> Result<()> {
        let statements = vec![Statement::new(&QUEUED, bind![id]), Statement::new(&WAKE_BEHIND, bind![id, now])];
        self.tx.run(statements).await.map(drop)
    }

    /// With all of its rows.
    pub async fn delete_campaign(&mut self, id: &CampaignName) -> Result<()> {
        let statements = vec![Statement::new(&DELETE_RECIPIENTS, bind![id]), Statement::new(&DELETE, bind![id])];
        self.tx.run(statements).await.map(drop)
    }

    /// Adds rows to a draft that was read in this change, and counts them in it. Who is there already is rejected; `skip`: is left
    /// out. Says of each its place, and why it was rejected; nothing of one that was left out.
    pub async fn add_recipients(
        &mut self,
        campaign: &mut Campaign,
        rows: &[NewRecipient],
        skip: bool,
    ) -> Result<Vec<Option<(u32, Option<RecipientProblem>)>>> {
        debug_assert_eq!(campaign.state, CampaignState::Draft);
        let contacts: Param<'_> =
            rows.iter().filter_map(|row| row.0.as_ref().ok()).map(|(contact, _)| *contact).collect();
        let mut there: HashMap<ContactId, u32> = HashMap::new();
        for row in self.tx.query(&THERE, bind![&campaign.id, contacts]).await? {
            let row = row.of(RECIPIENT);
            there.insert(row.get("contact_id")?, row.get("place")?);
        }
        let (mut added, mut outcomes) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for NewRecipient(row) in rows {
            let twice = row.as_ref().ok().and_then(|(contact, _)| there.get(contact)).copied();
            if skip && twice.is_some() {
                outcomes.push(None);
                continue;
            }
            campaign.recipients += 1;
            let place = campaign.recipients;
            let row = match (row, twice) {
                (Ok(_), Some(first)) => Err(is_twice(first)),
                (Ok((contact, values)), None) => {
                    there.insert(*contact, place);
                    Ok((*contact, values))
                }
                (Err(problem), _) => Err(problem.clone()),
            };
            outcomes.push(Some((place, row.as_ref().err().cloned())));
            added.push(Row { place, added: row });
        }
        if !added.is_empty() {
            let rows = added.iter().map(|row| row.params(&campaign.id)).collect::<Result<Vec<_>>>()?;
            self.tx.run(vec![Statement::rows(&ADD, rows)]).await?;
        }
        Ok(outcomes)
    }
}

/// The same person stands in a row before.
pub(super) fn is_twice(first: u32) -> RecipientProblem {
    RecipientProblem { field: "to".to_owned(), problem: format!("is the contact of row {first}") }
}
