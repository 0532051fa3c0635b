//! What a version would decide: one message explained, or many decided again.

use std::sync::Arc;

use tonic::Request;
use waypost_domain::DecisionId;
use waypost_grpc::error::{CallError, invalid, not_found, precondition};
use waypost_grpc::fields::{team_name, uuid_of};
use waypost_grpc::{Result, blocking};
use waypost_proto::admin_v1 as v1;
use waypost_proto::route::decode_route_input;
use waypost_rules::diff::DryRun;
use waypost_rules::{RouteInput, RuleSet};
use waypost_store::{DecidedInput, RuleSetRow};

use super::super::versions;
use super::wire::ACTIVATION;
use super::{RuleSets, wire};

const MESSAGES_DEFAULT: u32 = 10_000;
const MESSAGES_MAX: u32 = 100_000;

impl RuleSets {
    pub(super) async fn explain_rule_set(
        &self,
        request: Request<v1::ExplainRuleSetRequest>,
    ) -> Result<v1::ExplainRuleSetResponse> {
        let request = request.into_inner();
        let (input, decided_by) = match &request.message {
            None => return Err(invalid("message", "give a decision or a text")),
            Some(v1::explain_rule_set_request::Message::Text(text)) => {
                let message_type = "text".to_owned();
                let at = Some(self.shared.store.now().await?);
                (RouteInput { text: Some(text.clone()), message_type, received_at: at, ..RouteInput::default() }, None)
            }
            Some(v1::explain_rule_set_request::Message::Decision(name)) => self.stored_input(name).await?,
        };
        let row = match (&request.name, decided_by) {
            (name, _) if !name.is_empty() => self.row("name", name).await?,
            (_, Some(hash)) => {
                let found = self.shared.store.rule_set_by_hash(&hash).await?;
                let gone =
                    || precondition("NO_SUCH_VERSION", &hash, format!("{hash} was never pushed; name a version"));
                found.ok_or_else(gone)?
            }
            (_, None) => self.active_row().await?,
        };
        let wanted = request.rules;
        let (version, explanation) = blocking(move || {
            let rules = compile(&row)?;
            let unknown = |id: &&String| !rules.definition().rules.iter().any(|rule| *rule.id == ***id);
            if let Some(id) = wanted.iter().find(unknown) {
                return Err(invalid("rules", format!("{id:?} is no rule of this version")));
            }
            let all = rules.definition().rules.iter().map(|rule| &*rule.id);
            let wanted: Vec<&str> =
                if wanted.is_empty() { all.collect() } else { wanted.iter().map(String::as_str).collect() };
            Ok((row.hash, rules.explain(&input, &wanted)))
        })
        .await?;
        Ok(wire::explanation(version, explanation))
    }

    pub(super) async fn dry_run_rule_set(
        &self,
        request: Request<v1::DryRunRuleSetRequest>,
    ) -> Result<v1::DryRunRuleSetResponse> {
        let request = request.get_ref();
        let new = self.row("name", &request.name).await?;
        let old = if request.base.is_empty() { None } else { Some(self.row("base", &request.base).await?) };
        let limit = if request.messages == 0 { MESSAGES_DEFAULT } else { request.messages };
        if limit > MESSAGES_MAX {
            return Err(invalid("messages", format!("must be at most {MESSAGES_MAX}")));
        }
        let decided = self.shared.store.decided_last(limit).await?;
        blocking(move || dry_run(&new, old.as_ref(), decided)).await
    }

    pub(super) async fn active_row(&self) -> Result<RuleSetRow> {
        let activation = self.shared.store.activation().await?;
        let nothing = || precondition("NOTHING_ACTIVE", ACTIVATION, "no version is active; name one".to_owned());
        let active = activation.ok_or_else(nothing)?.in_force.active;
        self.row("name", &wire::name(active)).await
    }

    /// What was known when the message was decided, and the version that decided it.
    async fn stored_input(&self, name: &str) -> Result<(RouteInput, Option<String>)> {
        let id = DecisionId::from_uuid(uuid_of("decision", "decisions", name)?);
        let known = self.shared.store.decision_of(id).await?;
        let outcome = known.and_then(|known| known.outcome).ok_or_else(|| not_found(name))?;
        if outcome.input.is_empty() {
            return Err(precondition("INPUT_ERASED", name, format!("the input of {name} was erased")));
        }
        let input =
            decode_route_input(&outcome.input).map_err(|error| CallError::Internal(format!("{name}: {error}")))?;
        Ok((input, Some(outcome.rule_set)))
    }
}

pub(super) fn compile(row: &RuleSetRow) -> Result<Arc<RuleSet>> {
    RuleSet::restore(&row.text, &row.hash).map(Arc::new).map_err(|errors| versions::unreadable(row, &errors))
}

fn dry_run(
    new: &RuleSetRow,
    old: Option<&RuleSetRow>,
    decided: Vec<DecidedInput>,
) -> Result<v1::DryRunRuleSetResponse> {
    let new = compile(new)?;
    let old = old.map(compile).transpose()?;
    let mut inputs = Vec::with_capacity(decided.len());
    for decided in decided {
        // One that a later release stored is left out.
        if let Ok(input) = decode_route_input(&decided.input) {
            inputs.push((decided.decision_id, input, decided.team));
        }
    }
    let pairs = inputs.iter().map(|(_, input, team)| (input, team.as_ref()));
    let run = DryRun::run(&new, old.as_deref(), pairs);
    let example = |place: &u64| {
        let (id, ..) = inputs.get(usize::try_from(*place).ok()?)?;
        Some(format!("decisions/{id}"))
    };
    let moves = run.moves.iter().map(|one| v1::Move {
        from: team_name(&one.from),
        to: team_name(&one.to),
        messages: one.count,
        examples: one.examples.iter().filter_map(example).collect(),
    });
    Ok(v1::DryRunRuleSetResponse {
        messages: run.inputs,
        moved: run.moved,
        moves: moves.collect(),
        binding_unknown: run.binding_unknown,
    })
}
