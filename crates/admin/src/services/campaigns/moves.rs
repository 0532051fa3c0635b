//! How a campaign is started, paused, gone on with and ended by a person.

use tonic::Request;
use waypost_domain::campaign::CampaignStep;
use waypost_domain::{CampaignName, CampaignState, Timestamp};
use waypost_grpc::error::{invalid, not_found, precondition};
use waypost_grpc::fields::from_wire_time;
use waypost_grpc::{Mutation, Result, Tx, change};
use waypost_policy::languages;
use waypost_proto::admin_v1 as v1;
use waypost_store::{Campaign, RecipientState, Store};

use super::wire::{name, wire};
use super::{Campaigns, keep, locked, named, templates_of, wrong_state};
use crate::services::policy::in_force;

const REASON_CHARS_MAX: usize = 500;

/// What is to be done with a campaign.
struct Move {
    id: CampaignName,
    etag: String,
    kind: Kind,
}

enum Kind {
    Start { at: Option<Timestamp> },
    Pause { reason: String },
    Resume,
    Cancel { reason: String },
}

impl Campaigns {
    pub(super) async fn start_campaign(
        &self,
        request: Request<v1::StartCampaignRequest>,
    ) -> Result<v1::StartCampaignResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let id = named("name", &request.name)?;
        let at = request.start_time.as_ref().map(from_wire_time);
        let store = &self.shared.store;
        let campaign = store.campaign(&id).await?.ok_or_else(|| not_found(name(&id)))?;
        if campaign.state == CampaignState::Draft {
            is_ready(store, &campaign).await?;
        }
        let moving = Move { id, etag: request.etag, kind: Kind::Start { at } };
        let started = change(store, mutation, move |tx| {
            Box::pin(async move { Ok(v1::StartCampaignResponse { campaign: Some(moved(tx, moving).await?) }) })
        });
        Ok(started.await?.into_answer())
    }

    pub(super) async fn pause_campaign(
        &self,
        request: Request<v1::PauseCampaignRequest>,
    ) -> Result<v1::PauseCampaignResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let (id, reason) = (named("name", &request.name)?, reason(request.reason)?);
        let moving = Move { id, etag: request.etag, kind: Kind::Pause { reason } };
        let paused = change(&self.shared.store, mutation, move |tx| {
            Box::pin(async move { Ok(v1::PauseCampaignResponse { campaign: Some(moved(tx, moving).await?) }) })
        });
        Ok(paused.await?.into_answer())
    }

    pub(super) async fn resume_campaign(
        &self,
        request: Request<v1::ResumeCampaignRequest>,
    ) -> Result<v1::ResumeCampaignResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let moving = Move { id: named("name", &request.name)?, etag: request.etag, kind: Kind::Resume };
        let resumed = change(&self.shared.store, mutation, move |tx| {
            Box::pin(async move { Ok(v1::ResumeCampaignResponse { campaign: Some(moved(tx, moving).await?) }) })
        });
        Ok(resumed.await?.into_answer())
    }

    pub(super) async fn cancel_campaign(
        &self,
        request: Request<v1::CancelCampaignRequest>,
    ) -> Result<v1::CancelCampaignResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let (id, reason) = (named("name", &request.name)?, reason(request.reason)?);
        let moving = Move { id, etag: request.etag, kind: Kind::Cancel { reason } };
        let cancelled = change(&self.shared.store, mutation, move |tx| {
            Box::pin(async move { Ok(v1::CancelCampaignResponse { campaign: Some(moved(tx, moving).await?) }) })
        });
        Ok(cancelled.await?.into_answer())
    }
}

fn reason(reason: String) -> Result<String> {
    let is_short = reason.chars().count() <= REASON_CHARS_MAX;
    if is_short { Ok(reason) } else { Err(invalid("reason", "must have at most 500 characters")) }
}

async fn moved(tx: &mut Tx, Move { id, etag, kind }: Move) -> Result<v1::Campaign> {
    let (mut campaign, now) = (locked(tx, &id, &etag).await?, tx.now());
    let before = wire(&campaign, None);
    let is_later = |at: Option<Timestamp>| at.is_some_and(|at| at > now);
    let (step, rule) = match &kind {
        Kind::Start { at } => (CampaignStep::Start { later: is_later(*at) }, "only drafts can be started"),
        Kind::Pause { .. } => (CampaignStep::Pause, "only what is running or scheduled can be paused"),
        Kind::Resume => (CampaignStep::Resume { later: is_later(campaign.start_at) }, "only what is paused can go on"),
        Kind::Cancel { .. } => (CampaignStep::Cancel, "what was not started is deleted, and what is over stays"),
    };
    campaign.state = campaign.state.step(step).ok_or_else(|| wrong_state(&campaign, rule))?;
    match kind {
        Kind::Start { at } => {
            let start_at = at.filter(|at| *at > now).unwrap_or(now);
            if campaign.expires_at.is_some_and(|end| start_at >= end) {
                return Err(invalid("start_time", "must be before the campaign expires"));
            }
            campaign.start_at = Some(start_at);
        }
        Kind::Resume => campaign.note.clear(),
        Kind::Pause { reason } | Kind::Cancel { reason } => campaign.note = reason,
    }
    let after = keep(tx, &mut campaign, &before).await?;
    if campaign.state == CampaignState::Paused {
        tx.wake_behind_campaign(&campaign.id, now).await?;
    }
    Ok(after)
}

/// There is somebody to send to, and something that may be sent.
async fn is_ready(store: &Store, campaign: &Campaign) -> Result<()> {
    let planned = store.campaign_recipients(&campaign.id, Some(RecipientState::Planned), 0, 1).await?;
    if planned.is_empty() {
        let message = "nobody can be sent to: add recipients first";
        return Err(precondition("NO_RECIPIENTS", name(&campaign.id), message));
    }
    let templates = templates_of(store, &campaign.number).await?.unwrap_or_default();
    let languages = languages(&templates, &campaign.template, &in_force(store).await?);
    if languages.iter().any(|template| template.status.may_go()) {
        return Ok(());
    }
    let message = "Meta has not approved the template, or has stopped it";
    Err(precondition("TEMPLATE_NOT_SENDABLE", name(&campaign.id), message))
}
