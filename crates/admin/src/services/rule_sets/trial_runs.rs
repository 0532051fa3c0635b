//! What a version would decide of the messages that were decided last.

use std::sync::Arc;

use tonic::Request;
use waypost_grpc::error::{invalid, precondition};
use waypost_grpc::{Result, blocking};
use waypost_proto::admin_v1 as v1;
use waypost_proto::route::decode_route_input;
use waypost_rules::RuleSet;
use waypost_rules::compare::{Comparison, Decided};
use waypost_store::{DecidedInput, RuleSetRow};

use super::super::versions;
use super::wire::ACTIVATION;
use super::{RuleSets, compare, wire};

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

    /// The version that decides.
    pub(super) async fn active_row(&self) -> Result<RuleSetRow> {
        if let Some(file) = &self.shared.watched.rules_file {
            let message = format!("{} decides (rules.file), and no version: name one", file.display());
            return Err(precondition("RULES_FILE_DECIDES", ACTIVATION, message));
        }
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
    let mut comparison = Comparison::new(compile(new)?, old.map(compile).transpose()?);
    for one in decided {
        // One that a later release stored is left out.
        let Ok(input) = decode_route_input(&one.input) else { continue };
        let before = one.team.as_ref().map(|team| Decided { team, rule: &one.rule, why: &one.why });
        comparison.add(one.decision_id, &input, before);
    }
    Ok(v1::DryRunRuleSetResponse {
        messages: comparison.inputs,
        moved: comparison.moved,
        moves: compare::moves(&comparison),
        binding_unknown: comparison.binding_unknown,
        queues_unknown: comparison.queues_unknown,
    })
}
