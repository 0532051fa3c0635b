//! Which versions are in force: looked at, and changed.

use tonic::Request;
use waypost_domain::NumberName;
use waypost_grpc::error::{Violations, check_etag, invalid, not_found, precondition};
use waypost_grpc::fields::id_of;
use waypost_grpc::{Result, Tx, change, page};
use waypost_proto::admin_v1 as v1;
use waypost_store::{InForce, TrialRow};

use super::super::versions::{VersionChange, number_of, version};
use super::team_queues::TeamsLook;
use super::wire::ACTIVATION;
use super::{RuleSets, wire};
use crate::Shared;

const ACTIVATIONS: &str = "activations";

impl RuleSets {
    pub(super) async fn get_activation(
        &self,
        _request: Request<v1::GetActivationRequest>,
    ) -> Result<v1::GetActivationResponse> {
        let activation = self.shared.store.activation().await?;
        let activation = activation.ok_or_else(|| not_found(ACTIVATION))?;
        Ok(v1::GetActivationResponse { activation: Some(wire::activation(&activation)) })
    }

    pub(super) async fn list_activations(
        &self,
        request: Request<v1::ListActivationsRequest>,
    ) -> Result<v1::ListActivationsResponse> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let before = page::place(ACTIVATIONS, &request.page_token, |place| place.parse().ok())?;
        let mut rows = self.shared.store.activations(before, size + 1).await?;
        let next_page_token = page::cut(ACTIVATIONS, &mut rows, size, |row| row.revision.to_string());
        let activations = rows.iter().map(wire::activation).collect();
        Ok(v1::ListActivationsResponse { activations, next_page_token })
    }

    pub(super) async fn activate_rule_set(
        &self,
        request: Request<v1::ActivateRuleSetRequest>,
    ) -> Result<v1::ActivateRuleSetResponse> {
        let (VersionChange { mutation, reason }, request) = VersionChange::read(request)?;
        let in_force = read_activation(request.activation.as_ref())?;
        let before = self.shared.store.activation().await?.map(|before| before.in_force);
        let teams = TeamsLook::at(&self.shared, before.as_ref(), &in_force, !mutation.validate_only()).await?;
        let (shared, v1::ActivateRuleSetRequest { etag, force, .. }) = (self.shared.clone(), request);
        let wanted = Wanted { in_force, reason, etag, force, teams };
        let activation = change(&self.shared.store, mutation, move |tx| Box::pin(activate(tx, shared, wanted)));
        Ok(activation.await?.into_answer())
    }
}

/// What is to be put in force, and what was seen before that.
struct Wanted {
    in_force: InForce,
    reason: String,
    /// Of what must still be in force; empty for whatever is.
    etag: String,
    /// Even where teams have no queues.
    force: bool,
    teams: TeamsLook,
}

async fn activate(tx: &mut Tx, shared: Shared, wanted: Wanted) -> Result<v1::ActivateRuleSetResponse> {
    let before = tx.activation().await?.map(|before| wire::activation(&before));
    let current = before.as_ref().map_or("0", |before| &before.etag);
    check_etag(ACTIVATION, &wanted.etag, current)?;
    check_versions(&shared, &wanted.in_force).await?;
    let warnings = wanted.teams.warnings(tx, wanted.force).await?;
    let actor = tx.caller().actor.clone();
    let after = wire::activation(&tx.activate(&wanted.in_force, &actor, &wanted.reason).await?);
    tx.record(ACTIVATION, before.as_ref(), Some(&after));
    Ok(v1::ActivateRuleSetResponse { activation: Some(after), warnings })
}

/// Versions that can be activated, with numbers that exist; says of each what does not fit.
async fn check_versions(shared: &Shared, in_force: &InForce) -> Result<()> {
    for number in in_force.numbers() {
        let name = wire::name(number);
        let row = version(shared, "activation", &name).await?;
        if row.checked_at.is_none() {
            return Err(precondition("NOT_CHECKED", &name, format!("{name} is a draft: check it first")));
        }
    }
    let Some(trial) = &in_force.trial else { return Ok(()) };
    let known = shared.store.numbers().await?;
    let mut violations = Violations::default();
    for number in &trial.numbers {
        let exists = known.iter().any(|row| row.name == *number);
        violations.require(exists, "activation.trial.numbers", &format!("numbers/{number} does not exist"));
    }
    violations.check()
}

fn read_activation(given: Option<&v1::Activation>) -> Result<InForce> {
    let given = given.ok_or_else(|| invalid("activation", "is missing"))?;
    let active = number_of("activation.active", &given.active)?;
    let shadow = (!given.shadow.is_empty()).then(|| number_of("activation.shadow", &given.shadow)).transpose()?;
    let trial = given.trial.as_ref().map(read_trial).transpose()?;
    Ok(InForce { active, trial, shadow })
}

fn read_trial(given: &v1::Trial) -> Result<TrialRow> {
    let rule_set = number_of("activation.trial.rule_set", &given.rule_set)?;
    let mut violations = Violations::default();
    let percent = u8::try_from(given.percent).ok().filter(|percent| *percent <= 100);
    violations.require(percent.is_some(), "activation.trial.percent", "must be 0 to 100");
    let is_empty = given.percent == 0 && given.numbers.is_empty();
    violations.require(!is_empty, "activation.trial", "needs a percentage or numbers, or nobody is in it");
    let mut numbers = Vec::with_capacity(given.numbers.len());
    for name in &given.numbers {
        let number = id_of("activation.trial.numbers", "numbers", name).ok().map(|id| NumberName::new(id.to_owned()));
        match number {
            Some(Ok(number)) => numbers.push(number),
            Some(Err(_)) | None => {
                violations.add("activation.trial.numbers", format!("{name:?} is not numbers/{{number}}"))
            }
        }
    }
    violations.check()?;
    Ok(TrialRow { rule_set, percent: percent.unwrap_or_default(), numbers })
}
