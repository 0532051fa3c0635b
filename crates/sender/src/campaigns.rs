//! Campaigns: recipients are put in the queue, batch by batch, at the campaign's pace, and from there on each is a send like any
//! other, judged when it is its turn. What was cancelled or is of no use any more is ended, and a campaign of which every recipient
//! has an end is over. One of which too much was not wanted is paused, and a person told.
//!
//! One process does it, under a lease; each batch is one transaction behind its fence. Must never send, never judge, and never end
//! a campaign of which somebody is still waited for.

mod judge;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use waypost_domain::send::{Author, Cause, SendContent, SendRequest, TemplateRequest};
use waypost_domain::template::TemplateStatus;
use waypost_domain::{CampaignName, CampaignState, Timestamp};
use waypost_fault::{self as fault, CAMPAIGN_AFTER_COMMIT, CAMPAIGN_IN_TRANSACTION};
use waypost_live::{Sending, SendingLive};
use waypost_policy::data::CampaignData;
use waypost_policy::languages;
use waypost_store::{
    BarScope, BatchLimits, Campaign, NewSend, OpenCampaign, Planned, PlannedBatch, RecipientState, RecordTx, Sequence,
    Store, StoreError,
};
use waypost_worker::{Due, DueConfig, DueSource, HandleError, Held, Pass, Shard, WorkerConfig};

pub(crate) use judge::pause_all;

use crate::{Wake, metrics};

/// For how long a send is of use, where the campaign does not say: as of everything that the business begins.
const SEND_MS: i64 = 3 * 24 * 60 * 60 * 1000;
/// Sends of one campaign that are due and not attempted: more need not be in the queue.
const DUE_MAX: u32 = 500;
/// What a person is told when a campaign's template cannot be sent.
const PAUSED: &str = "campaign_paused";

/// How campaigns are worked on.
#[derive(Debug, Clone)]
pub struct CampaignsConfig {
    /// How often is looked whether anything is to be done.
    pub poll_every: Duration,
    /// Recipients of one transaction.
    pub batch_max: u32,
    /// How often is looked whether a campaign is over.
    pub settle_every: Duration,
    /// How long one look may take.
    pub pass_timeout: Duration,
}

impl Default for CampaignsConfig {
    fn default() -> Self {
        Self {
            poll_every: Duration::from_millis(200),
            batch_max: 200,
            settle_every: Duration::from_secs(2),
            pass_timeout: Duration::from_secs(60),
        }
    }
}

/// What works on campaigns.
pub struct Campaigns {
    pub config: CampaignsConfig,
    pub store: Store,
    /// Followed by whoever made it.
    pub sending: Arc<SendingLive>,
    /// Told of what was put in the queue.
    pub wake: Wake,
}

impl Campaigns {
    /// Runs until `shutdown`. `worker`: what the lease name [`CAMPAIGNS`](crate::CAMPAIGNS) is worked under.
    pub fn run(self, worker: &WorkerConfig, shutdown: CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        metrics::describe();
        let config = DueConfig {
            shards: worker.shards(Sequence::None),
            every: self.config.poll_every,
            rows_max: self.config.batch_max,
            pass_timeout: self.config.pass_timeout,
        };
        let store = self.store.clone();
        let source = Arc::new(Planner { campaigns: self, settle_at: AtomicI64::new(0) });
        Box::pin(Due::new(config, store, [Shard(0)], source).run(shutdown))
    }
}

struct Planner {
    campaigns: Campaigns,
    /// When is looked next whether any is over, in milliseconds.
    settle_at: AtomicI64,
}

#[async_trait]
impl DueSource for Planner {
    /// One transaction for each campaign that something is to be done for.
    async fn pass(&self, held: &Held, rows_max: u32) -> Result<Pass, HandleError> {
        let Campaigns { config, store, sending, wake } = &self.campaigns;
        let open = store.open_campaigns().await?;
        if open.is_empty() {
            return Ok(Pass::NothingMore);
        }
        let (now, sending) = (store.now().await?, sending.current());
        let (mut more, mut failed) = (false, None);
        for one in &open {
            match self.work_on(held, one, &sending, rows_max, now).await {
                Ok(worked) => {
                    more |= worked >= u64::from(rows_max);
                    if worked > 0 {
                        wake.now();
                    }
                }
                Err(lost @ StoreError::LeaseLost { .. }) => return Err(lost.into()),
                // The others go on.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if now.as_millis() >= self.settle_at.load(Ordering::Relaxed) {
            self.settle_at.store(now.plus(config.settle_every).as_millis(), Ordering::Relaxed);
            for one in open.iter().filter(|open| open.campaign.state == CampaignState::Running) {
                self.judge(held, &one.campaign, &sending, now).await?;
            }
            self.settle(held, &open, now).await?;
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        Ok(if more { Pass::MoreIsDue } else { Pass::NothingMore })
    }
}

impl Planner {
    async fn tx(&self, held: &Held) -> Result<RecordTx, StoreError> {
        self.campaigns.store.begin_record(&held.fence(0, None)).await
    }

    /// What is to be done for one now. How many recipients were worked on.
    async fn work_on(
        &self,
        held: &Held,
        OpenCampaign { campaign, has_planned, has_queued }: &OpenCampaign,
        sending: &Sending,
        rows_max: u32,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let is_over = campaign.expires_at.is_some_and(|end| end <= now);
        match campaign.state {
            CampaignState::Scheduled => self.begin(held, campaign, now).await,
            CampaignState::Cancelled if *has_planned || *has_queued => {
                self.end(held, campaign, RecipientState::Cancelled, rows_max, now).await
            }
            CampaignState::Running | CampaignState::Paused if is_over && *has_planned => {
                self.end(held, campaign, RecipientState::Expired, rows_max, now).await
            }
            CampaignState::Running if !is_over && (*has_planned || *has_queued) => match why_not(sending, campaign) {
                Some((template, why)) => self.pause(held, campaign, &template, why, now).await,
                None if *has_planned => self.queue(held, &campaign.id, rows_max, now).await,
                None => Ok(0),
            },
            // Those that go wait for Meta.
            CampaignState::Running | CampaignState::Cancelled => Ok(0),
            CampaignState::Draft | CampaignState::Paused | CampaignState::Completed => Ok(0),
        }
    }

    async fn begin(&self, held: &Held, campaign: &Campaign, now: Timestamp) -> Result<u64, StoreError> {
        if campaign.start_at.is_some_and(|start_at| start_at <= now) {
            let mut tx = self.tx(held).await?;
            if tx.begin_campaign(&campaign.id, now).await? {
                info!(campaign = %campaign.id, "a campaign begins");
            }
            tx.commit().await?;
        }
        Ok(0)
    }

    /// Turns recipients into sends. How many.
    async fn queue(&self, held: &Held, id: &CampaignName, rows_max: u32, now: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.tx(held).await?;
        let limits = BatchLimits { rows_max, due_max: DUE_MAX };
        let Some(batch) = tx.planned_recipients(id, now, limits).await?.filter(|batch| !batch.rows.is_empty()) else {
            return Ok(0);
        };
        let sends = sends(&batch, now)?;
        tx.queue_recipients(&batch, &sends, now).await?;
        fault::point(CAMPAIGN_IN_TRANSACTION);
        tx.commit().await?;
        fault::point(CAMPAIGN_AFTER_COMMIT);
        metrics::campaign_queued(sends.len() as u64);
        Ok(batch.rows.len() as u64)
    }

    /// Ends what has not gone. How many.
    async fn end(
        &self,
        held: &Held,
        campaign: &Campaign,
        state: RecipientState,
        rows_max: u32,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut tx = self.tx(held).await?;
        let mut ended = tx.end_planned(&campaign.id, state, rows_max).await?;
        if state == RecipientState::Cancelled {
            ended = ended.max(tx.cancel_campaign_sends(&campaign.id, now, rows_max).await?);
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Outbound errors 132015 and its like: every send would come to the same end, and a person must decide.
    async fn pause(
        &self,
        held: &Held,
        campaign: &Campaign,
        template: &str,
        why: &'static str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut tx = self.tx(held).await?;
        if tx.pause_campaign(&campaign.id, why, now).await? {
            let told = format!("campaign {} was paused: {why}", campaign.id);
            if tx.raise_alert(BarScope::Template, template, PAUSED, &told, now).await? {
                metrics::alert(BarScope::Template, template, PAUSED);
            }
            warn!(campaign = %campaign.id, why, "a campaign is paused");
        }
        tx.commit().await?;
        Ok(0)
    }

    /// By what became of its last messages.
    async fn judge(
        &self,
        held: &Held,
        campaign: &Campaign,
        sending: &Sending,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let ends = self.campaigns.store.campaign_ends(&campaign.id, CampaignData::LOOKED_AT).await?;
        let Some(verdict) = judge::judge(&sending.policy.campaigns, &ends) else { return Ok(()) };
        let mut tx = self.tx(held).await?;
        judge::pause(&mut tx, campaign, &verdict, now).await?;
        tx.commit().await
    }

    async fn settle(&self, held: &Held, open: &[OpenCampaign], now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.tx(held).await?;
        let mut ended = Vec::new();
        let begun = open.iter().map(|open| &open.campaign).filter(|one| one.state != CampaignState::Scheduled);
        for campaign in begun {
            if tx.settle_campaign(&campaign.id, now).await? {
                ended.push(&campaign.id);
            }
        }
        tx.commit().await?;
        ended.into_iter().for_each(|id| info!(campaign = %id, "every recipient of a campaign has an end"));
        Ok(())
    }
}

/// Which template of the campaign's cannot be sent, and why.
fn why_not(sending: &Sending, campaign: &Campaign) -> Option<(String, &'static str)> {
    let number = sending.numbers.get(&campaign.number)?;
    let languages = languages(sending.templates_of(number), &campaign.template, &sending.policy);
    let name = |language: &str| format!("{}/{}/{language}", number.waba, campaign.template.name);
    if let Some(paused) = languages.iter().find(|template| template.status == TemplateStatus::Paused) {
        return Some((name(&paused.language), "Meta paused its template"));
    }
    let first = languages.first()?;
    let none_is = !languages.iter().any(|template| template.status.may_go());
    none_is.then(|| (name(&first.language), "its template may not be sent any more"))
}

/// A send for each row that can be sent, in their order.
fn sends(batch: &PlannedBatch, now: Timestamp) -> Result<Vec<NewSend>, StoreError> {
    let good = batch.rows.iter().filter(|row| row.problem.is_none());
    good.map(|row| send(&batch.campaign, row, now)).collect()
}

fn send(campaign: &Campaign, row: &Planned, now: Timestamp) -> Result<NewSend, StoreError> {
    let id = campaign.id.send_id(row.contact).map_err(|error| StoreError::Invalid(error.to_string()))?;
    let request = SendRequest {
        expires_at: campaign.expires_at,
        ..SendRequest::plain(
            id,
            campaign.number.clone(),
            row.contact,
            Author::Campaign(campaign.id.to_string()),
            Cause::Event(format!("campaigns/{}", campaign.id)),
            SendContent::Template(TemplateRequest { values: row.values.clone(), ..campaign.template.clone() }),
            now,
        )
    };
    let ends_at = campaign.expires_at.unwrap_or_else(|| now.plus_millis(SEND_MS));
    Ok(NewSend { request, ends_at, resend_of: None, team: None })
}
