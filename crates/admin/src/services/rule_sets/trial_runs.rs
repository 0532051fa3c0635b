//! What a version would decide of the messages that were decided last.

use std::sync::Arc;

use tonic::Request;
use waypost_grpc::error::{invalid, precondition};
use waypost_grpc::fields::team_name;
use waypost_grpc::{Result, blocking};
use waypost_proto::admin_v1 as v1;
use waypost_proto::route::decode_route_input;
use waypost_rules::RuleSet;
use waypost_rules::diff::DryRun;
use waypost_store::{DecidedInput, RuleSetRow};

use super::super::versions;
use super::wire::ACTIVATION;
use super::{RuleSets, wire};

const MESSAGES_DEFAULT: u32 = 10_000;
const MESSAGES_MAX: u32 = 100_000;

impl RuleSets {
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
        let message = "no version is active: name one, or ask with the rules file";
        let nothing = || precondition("NOTHING_ACTIVE", ACTIVATION, message);
        let active = activation.ok_or_else(nothing)?.in_force.active;
        self.row("name", &wire::name(active)).await
    }
}

pub(super) fn compile(row: &RuleSetRow) -> Result<Arc<RuleSet>> {
    let rules = RuleSet::restore(&row.text, &row.hash);
    rules.map(Arc::new).map_err(|errors| versions::unreadable(&wire::name(row.number), &errors))
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
