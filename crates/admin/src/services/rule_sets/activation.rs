//! Which versions are in force: looked at, and changed.

use std::slice;

use prost::Message;
use tonic::Request;
use waypost_domain::NumberName;
use waypost_grpc::error::{CallError, Violations, check_etag, invalid, not_found, precondition};
use waypost_grpc::fields::id_of;
use waypost_grpc::{Mutation, Result, Tx, change, page};
use waypost_proto::admin_v1 as v1;
use waypost_proto::reasons::NO_ACTIVATION;
use waypost_store::{Activation, InForce, TrialRow};

use super::super::titles::add_titles;
use super::super::versions::{VersionChange, number_of};
use super::looked::{VersionsLook, file_decides};
use super::team_queues::TeamsLook;
use super::wire::ACTIVATION;
use super::{RuleSets, ladder, wire};
use crate::Shared;

const ACTIVATIONS: &str = "activations";

impl RuleSets {
    pub(super) async fn get_activation(
        &self,
        _request: Request<v1::GetActivationRequest>,
    ) -> Result<v1::GetActivationResponse> {
        let rules_file = self.shared.watched.rules_file.as_ref().map(|file| file.display().to_string());
        let Some(activation) = self.shared.store.activation().await? else {
            let rules_file = rules_file.ok_or_else(|| not_found(ACTIVATION).because(NO_ACTIVATION))?;
            return Ok(v1::GetActivationResponse { activation: None, rules_file });
        };
        let mut activation = wire::activation(&activation);
        add_titles(&self.shared.store, slice::from_mut(&mut activation)).await?;
        Ok(v1::GetActivationResponse { activation: Some(activation), rules_file: rules_file.unwrap_or_default() })
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
        let mut activations: Vec<v1::Activation> = rows.iter().map(wire::activation).collect();
        add_titles(&self.shared.store, &mut activations).await?;
        Ok(v1::ListActivationsResponse { activations, next_page_token })
    }

    pub(super) async fn activate_rule_set(
        &self,
        request: Request<v1::ActivateRuleSetRequest>,
    ) -> Result<v1::ActivateRuleSetResponse> {
        let (VersionChange { mutation, reason }, request) = VersionChange::read(request)?;
        let next = Next::only(read_activation(request.activation.as_ref())?);
        let before = self.shared.store.activation().await?;
        let how = How { reason, etags: [request.etag, String::new()], force: request.force };
        let answer = |Put { activation, previous, warnings }| v1::ActivateRuleSetResponse {
            activation: Some(activation),
            previous,
            warnings,
        };
        let mut put = self.put_in_force(mutation, before.as_ref(), Ok(next), how, answer).await?;
        self.name_people(&mut put.activation, &mut put.previous).await?;
        Ok(put)
    }

    pub(super) async fn roll_back_activation(
        &self,
        request: Request<v1::RollBackActivationRequest>,
    ) -> Result<v1::RollBackActivationResponse> {
        let (VersionChange { mutation, reason }, request) = VersionChange::read(request)?;
        let before = self.shared.store.activation().await?;
        let target = ladder::target(&self.shared.store, before.as_ref(), request.to_revision).await;
        let reason = match &target {
            Ok(target) if reason.is_empty() => format!("back to revision {}", ladder::place(target)),
            Ok(_) | Err(_) => reason,
        };
        let next =
            target.map(|target| Next { rolled_back_to: Some(ladder::place(&target)), in_force: target.in_force });
        let how = How { reason, etags: [request.etag, seen(before.as_ref())], force: request.force };
        let answer = |Put { activation, previous, warnings }| v1::RollBackActivationResponse {
            activation: Some(activation),
            previous,
            warnings,
        };
        let mut put = self.put_in_force(mutation, before.as_ref(), next, how, answer).await?;
        self.name_people(&mut put.activation, &mut put.previous).await?;
        Ok(put)
    }

    pub(super) async fn end_trial(&self, request: Request<v1::EndTrialRequest>) -> Result<v1::EndTrialResponse> {
        let (VersionChange { mutation, reason }, request) = VersionChange::read(request)?;
        let before = self.shared.store.activation().await?;
        let in_force = before.as_ref().map(|before| &before.in_force).filter(|in_force| in_force.trial.is_some());
        let next = in_force.map(|in_force| Next::only(InForce { trial: None, ..in_force.clone() }));
        let nothing = || nothing_to_end(&self.shared, "NO_TRIAL", "there is no trial to end");
        let next = next.ok_or_else(nothing);
        // What goes on decides already.
        let how = How { reason, etags: [request.etag, seen(before.as_ref())], force: true };
        let answer = |Put { activation, previous, warnings }| v1::EndTrialResponse {
            activation: Some(activation),
            previous,
            warnings,
        };
        let mut put = self.put_in_force(mutation, before.as_ref(), next, how, answer).await?;
        self.name_people(&mut put.activation, &mut put.previous).await?;
        Ok(put)
    }

    pub(super) async fn end_shadow(&self, request: Request<v1::EndShadowRequest>) -> Result<v1::EndShadowResponse> {
        let (VersionChange { mutation, reason }, request) = VersionChange::read(request)?;
        let before = self.shared.store.activation().await?;
        let in_force = before.as_ref().map(|before| &before.in_force).filter(|in_force| in_force.shadow.is_some());
        let next = in_force.map(|in_force| Next::only(InForce { shadow: None, ..in_force.clone() }));
        let nothing = || nothing_to_end(&self.shared, "NO_SHADOW", "no version decides in the shadow");
        let next = next.ok_or_else(nothing);
        // What goes on decides already.
        let how = How { reason, etags: [request.etag, seen(before.as_ref())], force: true };
        let answer = |Put { activation, previous, warnings }| v1::EndShadowResponse {
            activation: Some(activation),
            previous,
            warnings,
        };
        let mut put = self.put_in_force(mutation, before.as_ref(), next, how, answer).await?;
        self.name_people(&mut put.activation, &mut put.previous).await?;
        Ok(put)
    }

    /// Whoever put it in force, and what was before.
    async fn name_people(&self, is: &mut Option<v1::Activation>, was: &mut Option<v1::Activation>) -> Result<()> {
        add_titles(&self.shared.store, is.iter_mut().chain(was)).await
    }

    /// Puts `next` in force, after what is in force `before`. A refusal that is found before the transaction is only given
    /// in it: the same request may have been answered already.
    async fn put_in_force<A: Message + Default>(
        &self,
        mutation: Mutation,
        before: Option<&Activation>,
        next: Result<Next>,
        how: How,
        answer: impl FnOnce(Put) -> A + Send + 'static,
    ) -> Result<A> {
        let create = !mutation.validate_only();
        let next = match next {
            Ok(next) => {
                let before = before.map(|before| &before.in_force);
                let goes_back = next.rolled_back_to.is_some();
                let versions = VersionsLook::at(&self.shared, before, &next.in_force, goes_back).await?;
                let teams = TeamsLook::at(&self.shared, before, &next.in_force, create).await?;
                Ok((next, (versions, teams)))
            }
            Err(refusal) => Err(refusal),
        };
        let activation = change(&self.shared.store, mutation, move |tx| {
            Box::pin(async move {
                let (next, looks) = next?;
                put(tx, next, looks, how).await.map(answer)
            })
        });
        Ok(activation.await?.into_answer())
    }
}

/// What is to be put in force.
struct Next {
    in_force: InForce,
    /// Where it goes back: the revision.
    rolled_back_to: Option<i64>,
}

impl Next {
    const fn only(in_force: InForce) -> Self {
        Self { in_force, rolled_back_to: None }
    }
}

/// How somebody wants it put in force.
struct How {
    reason: String,
    /// Of what must still be in force: what the caller gave, and what the change was worked out of. Empty for whatever is.
    etags: [String; 2],
    /// Even where teams have no queues, samples fail, or a rules file decides.
    force: bool,
}

/// What became of it.
struct Put {
    activation: v1::Activation,
    previous: Option<v1::Activation>,
    warnings: Vec<String>,
}

fn nothing_to_end(shared: &Shared, reason: &'static str, what: &str) -> CallError {
    let by_file = file_decides(shared).map(|decides| format!("; {decides}")).unwrap_or_default();
    precondition(reason, ACTIVATION, format!("{what}{by_file}"))
}

fn seen(before: Option<&Activation>) -> String {
    before.map(wire::etag).unwrap_or_default()
}

async fn put(tx: &mut Tx, next: Next, (versions, teams): (VersionsLook, TeamsLook), how: How) -> Result<Put> {
    let previous = tx.activation().await?.map(|before| wire::activation(&before));
    let current = previous.as_ref().map_or("0", |before| &before.etag);
    for etag in &how.etags {
        check_etag(ACTIVATION, etag, current)?;
    }
    check_versions(tx, &next.in_force, &versions).await?;
    let mut warnings = versions.warnings(how.force)?;
    warnings.extend(teams.warnings(tx, how.force).await?);
    warnings.extend(trial_goes_on(&next));
    let actor = tx.caller().actor.clone();
    let after = tx.activate(&next.in_force, &actor, &how.reason, next.rolled_back_to).await?;
    let activation = wire::activation(&after);
    tx.record(ACTIVATION, previous.as_ref(), Some(&activation));
    Ok(Put { activation, previous, warnings })
}

/// Who goes back may have meant to leave the trial that is in force again then.
fn trial_goes_on(next: &Next) -> Option<String> {
    let trial = next.in_force.trial.as_ref().filter(|_| next.rolled_back_to.is_some())?;
    let numbers = trial.numbers.iter().map(|number| format!("numbers/{number}"));
    let percent = (trial.percent > 0).then(|| format!("{} %", trial.percent));
    let whom = percent.into_iter().chain(numbers).collect::<Vec<_>>().join(", ");
    let name = wire::name(trial.rule_set);
    Some(format!("{name} still decides for {whom}: `waypost rules rollback` again, or `waypost rules trial end`"))
}

/// Versions that can be activated, with numbers that exist; says of each what does not fit.
async fn check_versions(tx: &mut Tx, in_force: &InForce, versions: &VersionsLook) -> Result<()> {
    for number in in_force.numbers() {
        let row = tx.rule_set(number).await?.ok_or_else(|| not_found(wire::name(number)))?;
        if row.checked_at.is_none() {
            return Err(versions.refused_draft(number));
        }
    }
    let Some(trial) = &in_force.trial else { return Ok(()) };
    let known = tx.numbers().await?;
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
