//! Campaigns and their rows as they are shown.

use waypost_domain::send::Values;
use waypost_domain::{CampaignName, CampaignState, Category};
use waypost_grpc::fields::wire_time;
use waypost_proto::admin_v1 as v1;
use waypost_proto::sends::{wire_category, wire_template};
use waypost_store::{Campaign, CampaignFigures, Recipient, RecipientProblem, RecipientState};

pub(super) fn name(id: &CampaignName) -> String {
    format!("campaigns/{id}")
}

pub(super) fn etag(campaign: &Campaign) -> String {
    campaign.version.to_string()
}

/// Without the title of a token, and without its progress.
pub(super) fn wire(campaign: &Campaign, category: Option<Category>) -> v1::Campaign {
    let mut template = wire_template(&campaign.template);
    if campaign.template.values == Values::default() {
        template.values = None;
    }
    v1::Campaign {
        name: name(&campaign.id),
        number: format!("numbers/{}", campaign.number),
        template: Some(template),
        pace_per_minute: campaign.pace_per_minute,
        expire_time: campaign.expires_at.map(wire_time),
        state: state(campaign.state).into(),
        start_time: campaign.start_at.map(wire_time),
        end_time: campaign.ended_at.map(wire_time),
        create_time: Some(wire_time(campaign.created_at)),
        creator: campaign.created_by.clone(),
        creator_title: String::new(),
        recipient_count: campaign.recipients,
        category: category.map(wire_category).unwrap_or_default().into(),
        reason: campaign.note.clone(),
        etag: etag(campaign),
        progress: None,
    }
}

const fn state(state: CampaignState) -> v1::CampaignState {
    match state {
        CampaignState::Draft => v1::CampaignState::Draft,
        CampaignState::Scheduled => v1::CampaignState::Scheduled,
        CampaignState::Running => v1::CampaignState::Running,
        CampaignState::Paused => v1::CampaignState::Paused,
        CampaignState::Completed => v1::CampaignState::Completed,
        CampaignState::Cancelled => v1::CampaignState::Cancelled,
    }
}

/// `None`: unspecified.
pub(super) fn state_of(wanted: v1::CampaignState) -> Option<CampaignState> {
    CampaignState::ALL.into_iter().find(|known| state(*known) == wanted)
}

pub(super) fn wire_progress(figures: &CampaignFigures) -> v1::CampaignProgress {
    let failures = figures.failed.iter();
    let refusals = figures.refused.iter();
    v1::CampaignProgress {
        rejected: figures.rejected,
        planned: figures.planned,
        queued: figures.queued,
        attempting: figures.attempting,
        uncertain: figures.uncertain,
        accepted: figures.accepted,
        delivered: figures.delivered,
        read: figures.read,
        failed: failures
            .map(|one| v1::CampaignFailures { code: one.code.unwrap_or_default(), count: one.count })
            .collect(),
        failed_after_acceptance: figures.failed_after_acceptance,
        refused: refusals.map(|one| v1::CampaignRefusals { rule: one.rule.clone(), count: one.count }).collect(),
        expired: figures.expired,
        cancelled: figures.cancelled,
    }
}

/// `None`: unspecified.
pub(super) fn recipient_state_of(wanted: v1::CampaignRecipientState) -> Option<RecipientState> {
    RecipientState::ALL.into_iter().find(|known| recipient_state(*known) == wanted)
}

const fn recipient_state(state: RecipientState) -> v1::CampaignRecipientState {
    match state {
        RecipientState::Planned => v1::CampaignRecipientState::Planned,
        RecipientState::Queued => v1::CampaignRecipientState::Queued,
        RecipientState::Rejected => v1::CampaignRecipientState::Rejected,
        RecipientState::Expired => v1::CampaignRecipientState::Expired,
        RecipientState::Cancelled => v1::CampaignRecipientState::Cancelled,
    }
}

pub(super) fn wire_problem(row: u32, index: u32, problem: RecipientProblem) -> v1::CampaignRecipientProblem {
    v1::CampaignRecipientProblem { row, field: problem.field, description: problem.problem, index }
}

pub(super) fn wire_recipient(campaign: &CampaignName, row: Recipient) -> v1::CampaignRecipient {
    let is_queued = row.state == RecipientState::Queued;
    let message = row.contact.filter(|_| is_queued).and_then(|contact| campaign.send_id(contact).ok());
    v1::CampaignRecipient {
        name: format!("{}/recipients/{}", name(campaign), row.place),
        row: row.place,
        contact: row.contact.map(|contact| format!("contacts/{contact}")).unwrap_or_default(),
        state: recipient_state(row.state).into(),
        message: message.map(|id| format!("messages/{id}")).unwrap_or_default(),
        problem: row.problem.map(|problem| wire_problem(row.place, 0, problem)),
    }
}
