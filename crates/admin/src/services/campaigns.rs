//! Campaigns: drafts and their recipients. What starts and stops them is in the file beside; who is sent to, and at which pace, is
//! the sender's. No audit record has anything of a recipient.

mod moves;
mod recipients;
mod texts;
mod wire;

use std::collections::BTreeMap;

use tonic::Request;
use waypost_domain::send::{TemplateRequest, Values};
use waypost_domain::{CampaignName, CampaignState, NumberName, Template, Timestamp};
use waypost_grpc::error::{Violations, already_exists, check_etag, invalid, not_found, precondition};
use waypost_grpc::fields::{from_wire_time, id_of};
use waypost_grpc::{CallError, Mutation, Result, Tx, change, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::campaign_service_server::CampaignService;
use waypost_proto::reasons::NUMBER_UNKNOWN;
use waypost_proto::sends::read_template_name;
use waypost_store::{Campaign, Store};

use self::wire::{etag, name, wire, wire_progress, wire_recipient};
use super::titles::add_titles;
use crate::Shared;

const COLLECTION: &str = "campaigns";
/// A thousand a second: more than any number of Meta's takes.
const PACE_MAX: u32 = 60_000;

pub(crate) struct Campaigns {
    pub(crate) shared: Shared,
}

serve! { CampaignService for Campaigns {
    get_campaign: v1::GetCampaignRequest => v1::GetCampaignResponse,
    list_campaigns: v1::ListCampaignsRequest => v1::ListCampaignsResponse,
    create_campaign: v1::CreateCampaignRequest => v1::CreateCampaignResponse,
    add_campaign_recipients: v1::AddCampaignRecipientsRequest => v1::AddCampaignRecipientsResponse,
    list_campaign_recipients: v1::ListCampaignRecipientsRequest => v1::ListCampaignRecipientsResponse,
    start_campaign: v1::StartCampaignRequest => v1::StartCampaignResponse,
    pause_campaign: v1::PauseCampaignRequest => v1::PauseCampaignResponse,
    resume_campaign: v1::ResumeCampaignRequest => v1::ResumeCampaignResponse,
    cancel_campaign: v1::CancelCampaignRequest => v1::CancelCampaignResponse,
    delete_campaign: v1::DeleteCampaignRequest => v1::DeleteCampaignResponse,
}}

impl Campaigns {
    async fn get_campaign(&self, request: Request<v1::GetCampaignRequest>) -> Result<v1::GetCampaignResponse> {
        let id = named("name", &request.get_ref().name)?;
        let store = &self.shared.store;
        let found = store.campaign(&id).await?.ok_or_else(|| not_found(name(&id)))?;
        let progress = wire_progress(&store.campaign_figures(&id).await?);
        let campaign = v1::Campaign { progress: Some(progress), ..self.shown(vec![found]).await?.remove(0) };
        Ok(v1::GetCampaignResponse { campaign: Some(campaign) })
    }

    async fn list_campaigns(&self, request: Request<v1::ListCampaignsRequest>) -> Result<v1::ListCampaignsResponse> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let state = match request.state() {
            v1::CampaignState::Unspecified => None,
            state => Some(wire::state_of(state).ok_or_else(unknown_state)?),
        };
        let list = format!("{COLLECTION} {}", request.state);
        let after = page::place(&list, &request.page_token, read_place)?;
        let mut rows = self.shared.store.campaigns(state, after.as_ref(), size + 1).await?;
        let place = |row: &Campaign| format!("{} {}", row.created_at.as_millis(), row.id);
        let next_page_token = page::cut(&list, &mut rows, size, place);
        Ok(v1::ListCampaignsResponse { campaigns: self.shown(rows).await?, next_page_token })
    }

    async fn create_campaign(&self, request: Request<v1::CreateCampaignRequest>) -> Result<v1::CreateCampaignResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let campaign = self.draft(&mutation, request).await?;
        let created = change(&self.shared.store, mutation, move |tx| Box::pin(create(tx, campaign))).await?;
        Ok(created.into_answer())
    }

    async fn list_campaign_recipients(
        &self,
        request: Request<v1::ListCampaignRecipientsRequest>,
    ) -> Result<v1::ListCampaignRecipientsResponse> {
        let request = request.get_ref();
        let (size, id) = (page::size(request.page_size)?, named("parent", &request.parent)?);
        let state = match request.state() {
            v1::CampaignRecipientState::Unspecified => None,
            state => Some(wire::recipient_state_of(state).ok_or_else(unknown_state)?),
        };
        let list = format!("recipients {id} {}", request.state);
        let after = page::place(&list, &request.page_token, |place| place.parse().ok())?;
        let store = &self.shared.store;
        store.campaign(&id).await?.ok_or_else(|| not_found(name(&id)))?;
        let mut rows = store.campaign_recipients(&id, state, after.unwrap_or_default(), size + 1).await?;
        let next_page_token = page::cut(&list, &mut rows, size, |row| row.place.to_string());
        let recipients = rows.into_iter().map(|row| wire_recipient(&id, row)).collect();
        Ok(v1::ListCampaignRecipientsResponse { recipients, next_page_token })
    }

    async fn delete_campaign(&self, request: Request<v1::DeleteCampaignRequest>) -> Result<v1::DeleteCampaignResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let id = named("name", &request.name)?;
        let deleted = change(&self.shared.store, mutation, move |tx| Box::pin(delete(tx, id, request.etag))).await?;
        Ok(deleted.into_answer())
    }

    /// As they are shown, with the categories of their templates.
    async fn shown(&self, rows: Vec<Campaign>) -> Result<Vec<v1::Campaign>> {
        let mut shown = Vec::with_capacity(rows.len());
        let mut templates: BTreeMap<NumberName, Vec<Template>> = BTreeMap::new();
        for row in rows {
            if !templates.contains_key(&row.number) {
                let found = templates_of(&self.shared.store, &row.number).await?.unwrap_or_default();
                templates.insert(row.number.clone(), found);
            }
            let of_number = templates.get(&row.number).map_or(&[][..], Vec::as_slice);
            let languages = of_number.iter().filter(|template| template.name == row.template.name);
            let category = languages.map(|template| template.category).max();
            shown.push(wire(&row, category));
        }
        add_titles(&self.shared.store, &mut shown).await?;
        Ok(shown)
    }

    /// What somebody wants to make; every mistake is named.
    async fn draft(&self, mutation: &Mutation, request: v1::CreateCampaignRequest) -> Result<Campaign> {
        let given = request.campaign.ok_or_else(|| invalid("campaign", "is missing"))?;
        let store = &self.shared.store;
        let now = store.now().await?;
        let id = CampaignName::new(request.campaign_id).map_err(|error| invalid("campaign_id", error.to_string()))?;
        let number = number_of(&given.number)?;
        let expires_at = given.expire_time.as_ref().map(from_wire_time);
        let mut violations = Violations::default();
        violations.require(given.pace_per_minute <= PACE_MAX, "campaign.pace_per_minute", "must be at most 60,000");
        violations.require(expires_at.is_none_or(|end| end > now), "campaign.expire_time", "must lie ahead");
        violations.check()?;
        let template = read_template_name(given.template.unwrap_or_default(), "campaign.template")?;
        let unknown = || not_found(format!("numbers/{number}")).because(NUMBER_UNKNOWN);
        let templates = templates_of(store, &number).await?.ok_or_else(unknown)?;
        if !templates.iter().any(|known| known.name == template.name) {
            return Err(invalid("campaign.template.name", "is no template of the number's account"));
        }
        Ok(Campaign {
            id,
            number,
            template: TemplateRequest { values: Values::default(), ..template },
            pace_per_minute: given.pace_per_minute,
            state: CampaignState::Draft,
            start_at: None,
            expires_at,
            ended_at: None,
            created_at: now,
            created_by: mutation.caller().actor.clone(),
            recipients: 0,
            note: String::new(),
            version: 1,
        })
    }
}

async fn create(tx: &mut Tx, campaign: Campaign) -> Result<v1::CreateCampaignResponse> {
    if tx.campaign(&campaign.id).await?.is_some() {
        return Err(already_exists(name(&campaign.id)));
    }
    if tx.was_campaign(&campaign.id).await? {
        return Err(invalid("campaign_id", "was the name of a campaign that is deleted by now: choose another"));
    }
    tx.create_campaign(&campaign).await?;
    let created = wire(&campaign, None);
    tx.record(&created.name, None, Some(&created));
    Ok(v1::CreateCampaignResponse { campaign: Some(created) })
}

async fn delete(tx: &mut Tx, id: CampaignName, given: String) -> Result<v1::DeleteCampaignResponse> {
    let campaign = locked(tx, &id, &given).await?;
    require_draft(&campaign, "deleted")?;
    tx.delete_campaign(&id).await?;
    tx.record(&name(&id), Some(&wire(&campaign, None)), None);
    Ok(v1::DeleteCampaignResponse {})
}

/// The campaign, which nobody changes before this change is over.
async fn locked(tx: &mut Tx, id: &CampaignName, given: &str) -> Result<Campaign> {
    let campaign = tx.campaign(id).await?.ok_or_else(|| not_found(name(id)))?;
    check_etag(&name(id), given, &etag(&campaign))?;
    Ok(campaign)
}

/// Writes it, and what was changed. As it is now.
async fn keep(tx: &mut Tx, campaign: &mut Campaign, before: &v1::Campaign) -> Result<v1::Campaign> {
    tx.update_campaign(campaign).await?;
    let after = wire(campaign, None);
    tx.record(&after.name, Some(before), Some(&after));
    Ok(after)
}

fn require_draft(campaign: &Campaign, done: &str) -> Result<()> {
    if campaign.state == CampaignState::Draft {
        return Ok(());
    }
    Err(wrong_state(campaign, &format!("only drafts can be {done}")))
}

fn unknown_state() -> CallError {
    invalid("state", "is not known to this release")
}

fn wrong_state(campaign: &Campaign, rule: &str) -> CallError {
    precondition("CAMPAIGN_STATE", name(&campaign.id), format!("the campaign is {}: {rule}", campaign.state))
}

fn named(field: &str, text: &str) -> Result<CampaignName> {
    let id = id_of(field, COLLECTION, text)?;
    CampaignName::new(id).map_err(|error| invalid(field, format!("the part after {COLLECTION}/ {error}")))
}

fn number_of(text: &str) -> Result<NumberName> {
    let id = id_of("campaign.number", "numbers", text)?;
    NumberName::new(id).map_err(|_| invalid("campaign.number", "must be numbers/{number}"))
}

fn read_place(text: &str) -> Option<(Timestamp, CampaignName)> {
    let (created_at, id) = text.split_once(' ')?;
    Some((Timestamp::from_millis(created_at.parse().ok()?), CampaignName::new(id).ok()?))
}

/// The templates of the number's account; `None` where there is no such number.
async fn templates_of(store: &Store, number: &NumberName) -> Result<Option<Vec<Template>>> {
    // The id that got the name last has it.
    let rows = store.numbers().await?;
    let Some(row) = rows.iter().rfind(|row| row.name == *number && !row.id.is_empty()) else { return Ok(None) };
    let templates = store.templates(Some(&row.waba)).await?;
    Ok(Some(templates.into_iter().map(|row| row.template).collect()))
}
