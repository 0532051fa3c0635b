//! Which rules of a version the stored decisions were taken by, and which by none.
//!
//! Rules that decide are named in the decision. Rules that decorate are not: for them the stored inputs are decided
//! again. A decision of another version counts for the rules that both have word for word.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use waypost_domain::Timestamp;
use waypost_grpc::fields::wire_time;
use waypost_grpc::{Result, blocking};
use waypost_proto::admin_v1 as v1;
use waypost_proto::route::decode_route_input;
use waypost_rules::coverage::Coverage;
use waypost_rules::{Phase, RuleSet, Scratch, toml_form};
use waypost_store::{Activation, DecidedBy, RuleSetRow, RuleTextRow, Store};

use super::stored::{self, Look};
use super::trial_runs::compile;
use super::{ACTIVATIONS_MAX, wire};

const VERSIONS_MAX: u32 = 50;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What was counted so far.
struct Survey {
    rules: Arc<RuleSet>,
    places: HashMap<Box<str>, usize>,
    /// By version, the places of the rules that it has just so.
    same: HashMap<String, BTreeSet<usize>>,
    decorates: bool,
    coverage: Coverage,
    scratch: Scratch,
    messages: u64,
    of_unknown: u64,
    without_input: u64,
}

pub(super) async fn survey(
    store: &Store,
    row: RuleSetRow,
    days: u32,
    messages: u32,
) -> Result<v1::GetCoverageResponse> {
    let now = store.now().await?;
    let activations = store.activations(None, ACTIVATIONS_MAX).await?;
    let others = versions_in_force(store, &activations, row.number).await?;
    let never_pushed = store.rule_texts(VERSIONS_MAX).await?;
    let (number, version) = (row.number, row.hash.clone());
    let (survey, same_by_number) = blocking(move || Survey::new(&row, &others, &never_pushed)).await?;
    let look = Look { messages, since: None, with_input: survey.decorates };
    let (survey, reach) = stored::fold(store, &look, survey, Survey::add).await?;
    let cutoff = now.plus_millis(-i64::from(days) * DAY_MS);
    let since = in_force_since(&activations, &same_by_number);
    Ok(v1::GetCoverageResponse {
        name: wire::name(number),
        version,
        messages: survey.messages,
        since_time: reach.since().map(wire_time),
        complete: reach.is_complete(),
        unknown_version_messages: survey.of_unknown,
        without_input_messages: survey.without_input,
        rules: survey.rules(cutoff, &since),
    })
}

/// The other versions that were in force, the latest first.
async fn versions_in_force(store: &Store, activations: &[Activation], but: i64) -> Result<Vec<RuleSetRow>> {
    let mut rows: Vec<RuleSetRow> = Vec::new();
    for number in activations.iter().flat_map(deciding) {
        if number == but || rows.iter().any(|row| row.number == number) {
            continue;
        }
        if rows.len() == VERSIONS_MAX as usize {
            break;
        }
        rows.extend(store.rule_set(number).await?);
    }
    Ok(rows)
}

/// The versions that decided, without the one in the shadow.
fn deciding(activation: &Activation) -> impl Iterator<Item = i64> {
    let in_force = &activation.in_force;
    [Some(in_force.active), in_force.trial.as_ref().map(|trial| trial.rule_set)].into_iter().flatten()
}

/// When each rule, by its place, was first in force just so.
fn in_force_since(activations: &[Activation], same: &HashMap<i64, BTreeSet<usize>>) -> HashMap<usize, Timestamp> {
    let mut since = HashMap::new();
    // The newest first, so the oldest is what stays.
    for activation in activations {
        for place in deciding(activation).filter_map(|number| same.get(&number)).flatten() {
            since.insert(*place, activation.at);
        }
    }
    since
}

impl Survey {
    /// And, by number, the places of the rules that each version has just as this one.
    fn new(
        row: &RuleSetRow,
        others: &[RuleSetRow],
        never_pushed: &[RuleTextRow],
    ) -> Result<(Self, HashMap<i64, BTreeSet<usize>>)> {
        let rules = compile(row)?;
        let own = &rules.definition().rules;
        let places: HashMap<Box<str>, usize> =
            own.iter().zip(0..).map(|(rule, place)| (rule.id.clone(), place)).collect();
        let all: BTreeSet<usize> = (0..own.len()).collect();
        let mut same = HashMap::from([(row.hash.clone(), all.clone())]);
        let mut by_number = HashMap::from([(row.number, all)]);
        let versions = others.iter().map(|other| (Some(other.number), &other.hash, &other.text));
        let texts = never_pushed.iter().map(|other| (None, &other.hash, &other.text));
        for (number, hash, text) in versions.chain(texts) {
            // One that this release cannot read any more has nothing in common with what it can.
            let Ok(document) = toml_form::read(text) else { continue };
            let place = |rule: &waypost_rules::Rule| places.get(&rule.id).copied().filter(|place| own[*place] == *rule);
            let places: BTreeSet<usize> = document.definition.rules.iter().filter_map(place).collect();
            by_number.extend(number.map(|number| (number, places.clone())));
            same.insert(hash.clone(), places);
        }
        let survey = Self {
            decorates: own.iter().any(|rule| rule.phase == Phase::Decorate && rule.enabled),
            coverage: Coverage::new(&rules),
            rules,
            places,
            same,
            scratch: Scratch::default(),
            messages: 0,
            of_unknown: 0,
            without_input: 0,
        };
        Ok((survey, by_number))
    }

    fn add(mut self, decisions: &[DecidedBy]) -> Self {
        for decided in decisions {
            self.messages += 1;
            let Some(same) = self.same.get(&decided.rule_set) else {
                self.of_unknown += 1;
                continue;
            };
            let at = Some(decided.received_at);
            if let Some(place) = self.places.get(&*decided.rule).filter(|place| same.contains(place)) {
                self.coverage.hit(*place, at);
            }
            if !self.decorates {
                continue;
            }
            let input = Some(&decided.input).filter(|input| !input.is_empty());
            let Some(input) = input.and_then(|input| decode_route_input(input).ok()) else {
                self.without_input += 1;
                continue;
            };
            let choice = self.rules.choose(&input, &mut self.scratch);
            for place in choice.decorated_by.iter().map(|place| *place as usize).filter(|place| same.contains(place)) {
                self.coverage.hit(place, at);
            }
        }
        self
    }

    fn rules(&self, cutoff: Timestamp, since: &HashMap<usize, Timestamp>) -> Vec<v1::RuleCoverage> {
        let rules = self.rules.definition().rules.iter().zip(self.coverage.hits()).enumerate();
        let rule = |(place, (rule, hits)): (usize, (&waypost_rules::Rule, &waypost_rules::coverage::Hits))| {
            let since = since.get(&place).copied();
            v1::RuleCoverage {
                rule: rule.id.to_string(),
                phase: rule.phase.to_string(),
                enabled: rule.enabled,
                hits: hits.count,
                last_hit_time: hits.last.map(wire_time),
                unused: rule.enabled && hits.last.is_none_or(|last| last < cutoff),
                in_force_since_time: since.map(wire_time),
                young: since.is_none_or(|since| since > cutoff),
            }
        };
        rules.map(rule).collect()
    }
}
