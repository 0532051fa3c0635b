//! What two versions make of the same messages: of those that came while one was tried, or looked on, beside the other.
//!
//! The stored inputs are decided again by both when somebody asks, so nothing is counted on a message's way. What a
//! conversation's earlier messages led to is part of an input: it is what really happened, for both.

use tonic::Request;
use waypost_domain::{DecisionId, Timestamp};
use waypost_grpc::error::{Violations, precondition};
use waypost_grpc::fields::{team_name, wire_time};
use waypost_grpc::{Result, blocking};
use waypost_proto::admin_v1 as v1;
use waypost_proto::route::decode_route_input;
use waypost_rules::compare::{Comparison, Counts, Example, Move};
use waypost_store::{Activation, DecidedBy, RuleSetRow};

use super::stored::{self, Look};
use super::trial_runs::compile;
use super::wire::ACTIVATION;
use super::{ACTIVATIONS_MAX, RuleSets, at_most, wire};

const MESSAGES: (u32, u32) = (100_000, 500_000);
/// Moves in one answer; the largest of thousands say enough.
const MOVES_MAX: usize = 200;

/// What was counted so far.
struct Tally {
    comparison: Comparison<DecisionId>,
    base: String,
    version: String,
    decided_by_base: u64,
    decided_by_version: u64,
    without_input: u64,
}

impl RuleSets {
    pub(super) async fn compare_rule_sets(
        &self,
        request: Request<v1::CompareRuleSetsRequest>,
    ) -> Result<v1::CompareRuleSetsResponse> {
        let request = request.get_ref();
        let mut violations = Violations::default();
        let messages = at_most(&mut violations, "messages", request.messages, MESSAGES);
        violations.check()?;
        let activations = self.shared.store.activations(None, ACTIVATIONS_MAX).await?;
        let base =
            if request.base.is_empty() { self.active_row().await? } else { self.row("base", &request.base).await? };
        let version = match (request.name.as_str(), activations.first()) {
            ("", Some(current)) => self.row("name", &beside(current)?).await?,
            ("", None) => return Err(nothing_beside()),
            (name, _) => self.row("name", name).await?,
        };
        let since = side_by_side_since(&activations, base.number, version.number);
        let names = (wire::name(base.number), wire::name(version.number));
        let tally = blocking(move || Tally::new(base, version)).await?;
        let look = Look { messages, since, with_input: true };
        let (tally, reach) = stored::fold(&self.shared.store, &look, tally, Tally::add).await?;
        let since = if reach.is_complete() { since.or(reach.since()) } else { reach.since() };
        let comparison = &tally.comparison;
        Ok(v1::CompareRuleSetsResponse {
            base: names.0,
            name: names.1,
            since_time: since.map(wire_time),
            complete: reach.is_complete(),
            messages: comparison.inputs,
            moved: comparison.moved,
            without_input_messages: tally.without_input,
            binding_unknown: comparison.binding_unknown,
            queues_unknown: comparison.queues_unknown,
            decided_by_base: tally.decided_by_base,
            decided_by_name: tally.decided_by_version,
            teams: comparison.teams().map(|(team, counts)| counted(team_name(team), counts)).collect(),
            rules: comparison.rules().map(|(rule, counts)| counted(rule.to_owned(), counts)).collect(),
            moves: moves(comparison),
            rule_moves: comparison.rule_moves().into_iter().take(MOVES_MAX).map(rule_move).collect(),
        })
    }
}

/// The version that is tried, else the one in the shadow.
fn beside(current: &Activation) -> Result<String> {
    let in_force = &current.in_force;
    let number = in_force.trial.as_ref().map(|trial| trial.rule_set).or(in_force.shadow);
    number.map(wire::name).ok_or_else(nothing_beside)
}

fn nothing_beside() -> waypost_grpc::error::CallError {
    let message = "no version is on trial or in the shadow: name one, which is compared over what is stored";
    precondition("NOTHING_BESIDE", ACTIVATION, message)
}

/// Since when both have been in force as they are now, one active and the other on trial or in the shadow. The newest
/// activation is the first.
fn side_by_side_since(activations: &[Activation], base: i64, version: i64) -> Option<Timestamp> {
    let together = |activation: &&Activation| {
        let in_force = &activation.in_force;
        let is_tried = in_force.trial.as_ref().is_some_and(|trial| trial.rule_set == version);
        in_force.active == base && (is_tried || in_force.shadow == Some(version))
    };
    activations.iter().take_while(together).last().map(|activation| activation.at)
}

impl Tally {
    fn new(base: RuleSetRow, version: RuleSetRow) -> Result<Self> {
        Ok(Self {
            comparison: Comparison::new(compile(&version)?, Some(compile(&base)?)),
            base: base.hash,
            version: version.hash,
            decided_by_base: 0,
            decided_by_version: 0,
            without_input: 0,
        })
    }

    fn add(mut self, decisions: &[DecidedBy]) -> Self {
        for decided in decisions {
            self.decided_by_base += u64::from(decided.rule_set == self.base);
            self.decided_by_version += u64::from(decided.rule_set == self.version);
            let input = Some(&decided.input).filter(|input| !input.is_empty());
            match input.and_then(|input| decode_route_input(input).ok()) {
                Some(input) => self.comparison.add(decided.decision_id, &input, None),
                None => self.without_input += 1,
            }
        }
        self
    }
}

fn counted(name: String, counts: Counts) -> v1::ComparedCount {
    v1::ComparedCount { name, base_messages: counts.old, messages: counts.new }
}

/// What goes to another team.
pub(super) fn moves(comparison: &Comparison<DecisionId>) -> Vec<v1::Move> {
    let one = |one: Move<_, _>| v1::Move {
        from: team_name(&one.from),
        to: team_name(&one.to),
        messages: one.count,
        examples: one.examples.iter().map(|example| decision_name(example.input)).collect(),
        cases: one.examples.into_iter().map(case).collect(),
    };
    comparison.team_moves().into_iter().take(MOVES_MAX).map(one).collect()
}

fn rule_move(one: Move<String, DecisionId>) -> v1::RuleMove {
    let cases = one.examples.into_iter().map(case).collect();
    v1::RuleMove { from: one.from, to: one.to, messages: one.count, cases }
}

fn case(example: Example<DecisionId>) -> v1::MoveCase {
    v1::MoveCase {
        decision: decision_name(example.input),
        base_rule: example.old.rule,
        base_why: example.old.why,
        rule: example.new.rule,
        why: example.new.why,
    }
}

fn decision_name(id: DecisionId) -> String {
    format!("decisions/{id}")
}

#[cfg(test)]
mod tests {
    use waypost_store::{InForce, TrialRow};

    use super::*;

    #[test]
    fn two_versions_are_side_by_side_since_the_first_activation_in_a_row() {
        let trial = |rule_set| Some(TrialRow { rule_set, percent: 10, numbers: vec![] });
        let in_force = |active, trial, shadow| InForce { active, trial, shadow };
        // The newest first.
        let rows = [
            in_force(3, trial(4), None),
            in_force(3, None, Some(4)),
            in_force(3, trial(5), Some(4)),
            in_force(3, None, None),
            in_force(3, trial(4), None),
        ];
        let activation = |(place, in_force): (usize, InForce)| Activation {
            revision: 5 - place as i64,
            in_force,
            at: Timestamp::from_millis(5 - place as i64),
            by: String::new(),
            reason: String::new(),
            rolled_back_to: None,
        };
        let all: Vec<Activation> = rows.into_iter().enumerate().map(activation).collect();
        let since =
            |from: usize, base, version| side_by_side_since(&all[from..], base, version).map(Timestamp::as_millis);
        assert_eq!((since(0, 3, 4), since(1, 3, 4), since(4, 3, 4)), (Some(3), Some(3), Some(1)));
        assert_eq!((since(0, 3, 5), since(0, 2, 4), since(3, 3, 4)), (None, None, None));
    }
}
