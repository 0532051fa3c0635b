//! Decisions, as they were stored. Must never show what a customer wrote.

mod carried;
mod trace;

use tonic::Request;
use tracing::error;
use waypost_domain::{DecisionId, PartitionId, TeamName};
use waypost_grpc::error::{Violations, invalid, not_found};
use waypost_grpc::fields::{from_wire_time, team_name, team_of, uuid_of, wire_time};
use waypost_grpc::{Caller, Result, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::decision_service_server::DecisionService;
use waypost_proto::extras::decode_extras;
use waypost_proto::reasons::{CONTACT_UNKNOWN, MESSAGE_UNKNOWN};
use waypost_proto::v1::DecisionEscalationStep;
use waypost_store::{DecisionFilter, DecisionPlaces, Diversion, KnownEvent};

use super::reference::{Meant, Reference, last_of, of_message};
use crate::Shared;

const TRACES_DEFAULT: u32 = 10;
const TRACES_MAX: u32 = 100;

pub(crate) struct Decisions {
    pub(crate) shared: Shared,
}

serve! { DecisionService for Decisions {
    get_decision: v1::GetDecisionRequest => v1::GetDecisionResponse,
    list_decisions: v1::ListDecisionsRequest => v1::ListDecisionsResponse,
    get_trace: v1::GetTraceRequest => v1::GetTraceResponse,
}}

impl Decisions {
    async fn get_decision(&self, request: Request<v1::GetDecisionRequest>) -> Result<v1::GetDecisionResponse> {
        let caller = Caller::of(&request)?;
        let v1::GetDecisionRequest { name, message_id, phone_number_id, reference } = request.get_ref();
        let given = [name, message_id, reference].iter().filter(|text| !text.is_empty()).count();
        let mut violations = Violations::default();
        violations.require(given == 1, "name", "give exactly one of name, message_id and reference");
        let is_alone = phone_number_id.is_empty() || name.is_empty();
        violations.require(is_alone, "phone_number_id", "goes with message_id or reference");
        violations.check()?;
        let store = &self.shared.store;
        let found = if !name.is_empty() {
            store.decision_of(DecisionId::from_uuid(uuid_of("name", "decisions", name)?)).await?
        } else if !message_id.is_empty() {
            of_message(store, message_id, phone_number_id).await?
        } else {
            let reference = Reference { field: "reference", text: reference, phone_number_id };
            reference.message(store, bound(&caller)).await?
        };
        // What was given may hold a number, and the answer may be logged.
        let event = found
            .filter(|event| may_see(&caller, event))
            .ok_or_else(|| not_found("the decision").because(MESSAGE_UNKNOWN))?;
        Ok(v1::GetDecisionResponse { decision: Some(wire(event)) })
    }

    async fn list_decisions(&self, request: Request<v1::ListDecisionsRequest>) -> Result<v1::ListDecisionsResponse> {
        let caller = Caller::of(&request)?;
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let filter = self.filter(&caller, request).await?;
        let list = format!("decisions {filter:?}");
        let places = page::place(&list, &request.page_token, read_places)?;
        let found = self.shared.store.newest_decisions(&filter, places, size).await?;
        let next_page_token = found.next.map(|places| page::token(&list, &write_places(&places))).unwrap_or_default();
        let decisions = found.events.into_iter().map(wire).collect();
        Ok(v1::ListDecisionsResponse { decisions, next_page_token })
    }

    async fn get_trace(&self, request: Request<v1::GetTraceRequest>) -> Result<v1::GetTraceResponse> {
        let caller = Caller::of(&request)?;
        let v1::GetTraceRequest { reference, phone_number_id, limit } = request.get_ref();
        let limit = match u32::try_from(*limit) {
            Ok(0) => TRACES_DEFAULT,
            Ok(limit) if limit <= TRACES_MAX => limit,
            Ok(_) | Err(_) => return Err(invalid("limit", format!("must be 0 to {TRACES_MAX}"))),
        };
        let store = &self.shared.store;
        let events = match (Reference { field: "reference", text: reference, phone_number_id }).meant(store).await? {
            Some(Meant::Message(event)) if may_see(&caller, &event) => vec![*event],
            Some(Meant::Contact(id)) => last_of(store, id, bound(&caller), limit).await?,
            Some(Meant::Message(_)) | None => Vec::new(),
        };
        let mut traces = Vec::with_capacity(events.len());
        // Who is bound to teams sees what was decided for them.
        if events.is_empty() && caller.bound_to.is_none() {
            traces.extend(trace::undecided(store, reference, phone_number_id).await?);
        }
        for event in events {
            traces.push(trace::trace(store, event).await?);
        }
        if traces.is_empty() {
            return Err(not_found("a message of this reference").because(MESSAGE_UNKNOWN));
        }
        Ok(v1::GetTraceResponse { traces })
    }

    async fn filter(&self, caller: &Caller, request: &v1::ListDecisionsRequest) -> Result<DecisionFilter> {
        let mut filter = bound(caller);
        filter.since = request.since_time.as_ref().map(from_wire_time);
        filter.rule = (!request.rule.is_empty()).then(|| request.rule.clone());
        if !request.team.is_empty() {
            let team = team_of("team", &request.team)?;
            filter.teams = Some(if caller.may_see(&team) { vec![team] } else { Vec::new() });
        }
        if !request.contact.is_empty() {
            let reference = Reference { field: "contact", text: &request.contact, phone_number_id: "" };
            let contact = reference
                .contact(&self.shared.store)
                .await?
                .ok_or_else(|| not_found("the contact").because(CONTACT_UNKNOWN))?;
            filter.contacts = Some(self.shared.store.parts_of_contact(contact).await?);
        }
        Ok(filter)
    }
}

/// Who is bound to teams sees what was decided for them.
pub(super) fn bound(caller: &Caller) -> DecisionFilter {
    DecisionFilter { teams: caller.bound_to.clone(), ..DecisionFilter::default() }
}

fn write_places(places: &DecisionPlaces) -> String {
    let places: Vec<String> = places.iter().map(|(partition, below)| format!("{}:{below}", partition.0)).collect();
    places.join(",")
}

fn read_places(text: &str) -> Option<DecisionPlaces> {
    let place = |text: &str| {
        let (partition, below) = text.split_once(':')?;
        Some((PartitionId(partition.parse().ok()?), below.parse().ok()?))
    };
    text.split(',').map(place).collect()
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
        record_time: event.recorded_at.map(wire_time),
        diversion: event.diversion.map(diversion),
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

fn diversion(diversion: Diversion) -> v1::Diversion {
    let team = diversion.to.as_ref().map(team_name).unwrap_or_default();
    v1::Diversion { team, why: diversion.why, time: Some(wire_time(diversion.at)) }
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
