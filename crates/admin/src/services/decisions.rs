//! Decisions, as they were stored. Must never show what a customer wrote.

use tonic::Request;
use tracing::error;
use uuid::Uuid;
use waypost_domain::{DecisionId, PhoneNumberId, TeamName};
use waypost_grpc::error::{Violations, not_found};
use waypost_grpc::fields::{team_name, uuid_of, wire_time};
use waypost_grpc::{Caller, Result, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::decision_service_server::DecisionService;
use waypost_proto::extras::decode_extras;
use waypost_proto::v1::DecisionEscalationStep;
use waypost_store::{EventKey, KnownEvent};

use crate::Shared;

const COLLECTION: &str = "decisions";

pub(crate) struct Decisions {
    pub(crate) shared: Shared,
}

serve! { DecisionService for Decisions {
    get_decision: v1::GetDecisionRequest => v1::GetDecisionResponse,
    list_decisions: v1::ListDecisionsRequest => v1::ListDecisionsResponse,
}}

impl Decisions {
    async fn get_decision(&self, request: Request<v1::GetDecisionRequest>) -> Result<v1::GetDecisionResponse> {
        let caller = Caller::of(&request)?;
        let request = request.get_ref();
        let (by_name, by_message) = (!request.name.is_empty(), !request.message_id.is_empty());
        let mut violations = Violations::default();
        violations.require(by_name != by_message, "name", "give either this or message_id");
        let is_alone = request.phone_number_id.is_empty() || by_message;
        violations.require(is_alone, "phone_number_id", "goes with message_id");
        violations.check()?;
        let (wanted, found) = if by_name {
            let id = DecisionId::from_uuid(uuid_of("name", "decisions", &request.name)?);
            (&request.name, self.shared.store.decision_of(id).await?)
        } else {
            (&request.message_id, self.of_message(&request.message_id, &request.phone_number_id).await?)
        };
        let event = found.filter(|event| may_see(&caller, event)).ok_or_else(|| not_found(wanted))?;
        Ok(v1::GetDecisionResponse { decision: Some(wire(event)) })
    }

    async fn list_decisions(&self, request: Request<v1::ListDecisionsRequest>) -> Result<v1::ListDecisionsResponse> {
        let caller = Caller::of(&request)?;
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let id = |place: &str| Uuid::try_parse(place).map(DecisionId::from_uuid).ok();
        let after = page::place(COLLECTION, &request.page_token, id)?;
        let mut events = self.shared.store.events_after(after, size + 1).await?;
        let next_page_token = page::cut(COLLECTION, &mut events, size, |event| event.decision_id.to_string());
        let decisions = events.into_iter().filter(|event| may_see(&caller, event)).map(wire).collect();
        Ok(v1::ListDecisionsResponse { decisions, next_page_token })
    }

    /// The decision's id is made of both ids, so without a number each is tried.
    async fn of_message(&self, message_id: &str, phone_number_id: &str) -> Result<Option<KnownEvent>> {
        let numbers = if phone_number_id.is_empty() {
            self.shared.store.numbers().await?.into_iter().map(|number| number.id).collect()
        } else {
            vec![PhoneNumberId::new(phone_number_id)]
        };
        for number in numbers {
            let event = EventKey { number, key: message_id.to_owned() };
            if let Some(found) = self.shared.store.decision(&event).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// Who is bound to teams sees what was decided in their favour.
pub(super) fn may_see(caller: &Caller, event: &KnownEvent) -> bool {
    let team = event.outcome.as_ref().and_then(|outcome| outcome.team.as_ref());
    caller.bound_to.is_none() || team.is_some_and(|team| caller.may_see(team))
}

fn wire(event: KnownEvent) -> v1::Decision {
    let mut decision = v1::Decision {
        name: format!("decisions/{}", event.decision_id),
        message_id: event.event.key,
        phone_number_id: event.event.number.as_str().to_owned(),
        kind: event.kind,
        receive_time: Some(wire_time(event.received_at)),
        contact: event.contact.map(|id| format!("contacts/{id}")).unwrap_or_default(),
        conversation_id: event.conversation.map(|id| id.to_string()).unwrap_or_default(),
        published: event.published,
        ..v1::Decision::default()
    };
    if let Some(outcome) = event.outcome {
        decision.routed = true;
        decision.team = outcome.team.as_ref().map(|team: &TeamName| team_name(team)).unwrap_or_default();
        decision.rule_set = outcome.rule_set;
        decision.rule = outcome.rule;
        decision.phase = outcome.phase;
        decision.priority = outcome.priority.as_str().to_owned();
        decision.why = outcome.why;
        add_extras(&mut decision, &outcome.extras);
    }
    decision
}

/// What cannot be read is left out, and logged for whoever runs this.
fn add_extras(decision: &mut v1::Decision, stored: &[u8]) {
    let extras = match decode_extras(stored) {
        Ok(extras) => extras,
        Err(error) => return error!(decision = decision.name, %error, "stored decision cannot be read"),
    };
    let team = |name: String| if name.is_empty() { name } else { format!("teams/{name}") };
    let step = |step: DecisionEscalationStep| v1::EscalationStep {
        after_minutes: step.after_minutes.try_into().unwrap_or(i32::MAX),
        clock: step.clock,
        team: team(step.team),
    };
    decision.tags = extras.tags;
    decision.person = (!extras.person.is_empty())
        .then(|| v1::AssignedPerson { name: extras.person, fallback_team: team(extras.fallback_team) });
    decision.skills = extras.skills;
    decision.escalation = extras.escalation.into_iter().map(step).collect();
}
