//! The rules of a version, one by one. Each change is a new version.

use std::collections::BTreeSet;

use tonic::Request;
use waypost_domain::TeamName;
use waypost_grpc::error::{CallError, Violations, invalid};
use waypost_grpc::fields::{check_title, content_etag, masked, team_of};
use waypost_grpc::{Result, blocking, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::rule_service_server::RuleService;
use waypost_proto::{resources, rules_v1};
use waypost_rules::model::{Document, Outcome, Target};
use waypost_rules::{Phase, Rule};

use super::parts::{self, Part, PartRef};
use super::versions::{VersionChange, part_name, part_of, read_document, version};
use crate::Shared;

const COLLECTION: &str = "rules";
const ID_BYTES_MAX: usize = 100;
/// What an update may name.
const CAN_CHANGE: [&str; 18] = [
    "title",
    "phase",
    "priority",
    "disabled",
    "valid_from",
    "valid_until",
    "when",
    "on_unknown",
    "move",
    "outcome",
    "outcome.team",
    "outcome.person",
    "outcome.split",
    "outcome.urgency",
    "outcome.tags",
    "outcome.skills",
    "outcome.escalation",
    "samples",
];

pub(crate) struct Rules {
    pub(crate) shared: Shared,
}

serve! { RuleService for Rules {
    get_rule: v1::GetRuleRequest => v1::GetRuleResponse,
    list_rules: v1::ListRulesRequest => v1::ListRulesResponse,
    create_rule: v1::CreateRuleRequest => v1::CreateRuleResponse,
    update_rule: v1::UpdateRuleRequest => v1::UpdateRuleResponse,
    delete_rule: v1::DeleteRuleRequest => v1::DeleteRuleResponse,
}}

impl Rules {
    async fn get_rule(&self, request: Request<v1::GetRuleRequest>) -> Result<v1::GetRuleResponse> {
        let rule = parts::get::<Rule>(&self.shared, request.into_inner().name).await?;
        Ok(v1::GetRuleResponse { rule: Some(rule) })
    }

    async fn list_rules(&self, request: Request<v1::ListRulesRequest>) -> Result<v1::ListRulesResponse> {
        let request = request.into_inner();
        let size = page::size(request.page_size)?;
        let phase = phase_of("phase", request.phase)?;
        let team = (!request.team.is_empty()).then(|| team_of("team", &request.team)).transpose()?;
        let list = format!("{}/{COLLECTION} {} {}", request.parent, request.phase, request.team);
        // A version never changes, so a place in it stays what it is.
        let after: Option<usize> = page::place(&list, &request.page_token, |place| place.parse().ok())?;
        let row = version(&self.shared, "parent", &request.parent).await?;
        let document = blocking(move || read_document(&row)).await?;
        let is_wanted = |rule: &Rule| {
            phase.is_none_or(|phase| rule.phase == phase) && team.as_ref().is_none_or(|team| names(rule, team))
        };
        let rules = document.definition.rules.iter().enumerate();
        let wanted = rules.skip(after.map_or(0, |place| place.saturating_add(1))).filter(|(_, rule)| is_wanted(rule));
        let mut found: Vec<_> = wanted.take(usize::try_from(size).unwrap_or(usize::MAX) + 1).collect();
        let next_page_token = page::cut(&list, &mut found, size, |(place, _)| place.to_string());
        let rules = found.into_iter().map(|(_, rule)| rule.wire(part_name(&request.parent, COLLECTION, rule.id())));
        Ok(v1::ListRulesResponse { rules: rules.collect(), next_page_token })
    }

    async fn create_rule(&self, request: Request<v1::CreateRuleRequest>) -> Result<v1::CreateRuleResponse> {
        let (change, request) = VersionChange::read(request)?;
        let id = request.rule_id;
        let is_id = (1..=ID_BYTES_MAX).contains(&id.len()) && !id.chars().any(char::is_control);
        if !is_id {
            return Err(invalid("rule_id", "must be 1 to 100 bytes without control characters"));
        }
        let rule = read(request.rule.ok_or_else(|| invalid("rule", "is missing"))?, &id)?;
        let changed = parts::create(&self.shared, &request.parent, rule).await?;
        let answer = |rule, rule_set, findings| v1::CreateRuleResponse { rule, rule_set, findings };
        parts::keep(&self.shared, change, changed, answer).await
    }

    async fn update_rule(&self, request: Request<v1::UpdateRuleRequest>) -> Result<v1::UpdateRuleResponse> {
        let (change, request) = VersionChange::read(request)?;
        let given = request.rule.ok_or_else(|| invalid("rule", "is missing"))?;
        let part = PartRef { field: "rule.name", name: given.name.clone(), etag: given.etag.clone() };
        let (_, id) = part_of(part.field, COLLECTION, &part.name)?;
        let fields = masked(request.update_mask.as_ref(), &CAN_CHANGE)?;
        let given = read(given, id)?;
        let merge = move |rule: &mut Rule| merge(rule, &given, &fields);
        let (changed, ()) = parts::change(&self.shared, part, Rule::FIELD, merge).await?;
        let answer = |rule, rule_set, findings| v1::UpdateRuleResponse { rule, rule_set, findings };
        parts::keep(&self.shared, change, changed, answer).await
    }

    async fn delete_rule(&self, request: Request<v1::DeleteRuleRequest>) -> Result<v1::DeleteRuleResponse> {
        let (change, request) = VersionChange::read(request)?;
        let part = PartRef { field: "name", name: request.name, etag: request.etag };
        let changed = parts::remove::<Rule>(&self.shared, part).await?;
        let answer = |_, rule_set, findings| v1::DeleteRuleResponse { rule_set, findings };
        parts::keep(&self.shared, change, changed, answer).await
    }
}

impl Part for Rule {
    type Wire = v1::Rule;
    const COLLECTION: &'static str = COLLECTION;
    const FIELD: &'static str = "rule";

    fn all(document: &Document) -> &[Self] {
        &document.definition.rules
    }

    fn all_mut(document: &mut Document) -> &mut Vec<Self> {
        &mut document.definition.rules
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn etag(&self) -> String {
        content_etag(&rules_v1::Rule::from(self))
    }

    fn wire(&self, name: String) -> v1::Rule {
        v1::Rule { etag: self.etag(), ..resources::rule(name, self) }
    }
}

fn read(given: v1::Rule, id: &str) -> Result<Rule> {
    let mut violations = Violations::default();
    check_title(&mut violations, "rule.title", &given.title);
    violations.check()?;
    resources::rule_of(given, id, "rule").map_err(CallError::from)
}

/// `None` for unspecified.
fn phase_of(field: &str, phase: i32) -> Result<Option<Phase>> {
    match rules_v1::Phase::try_from(phase) {
        Ok(rules_v1::Phase::Unspecified) => Ok(None),
        Ok(rules_v1::Phase::Handover) => Ok(Some(Phase::Handover)),
        Ok(rules_v1::Phase::Bind) => Ok(Some(Phase::Bind)),
        Ok(rules_v1::Phase::Route) => Ok(Some(Phase::Route)),
        Ok(rules_v1::Phase::Decorate) => Ok(Some(Phase::Decorate)),
        Ok(rules_v1::Phase::Default) => Ok(Some(Phase::Default)),
        Err(_) => Err(invalid(field, "is no phase")),
    }
}

/// `rule` gets these fields of `given`.
fn merge(rule: &mut Rule, given: &Rule, fields: &BTreeSet<&str>) -> Result<()> {
    let mut violations = Violations::default();
    let Outcome { target, urgency, tags, skills, escalation } = &given.outcome;
    let named = TARGETS.into_iter().find(|kind| fields.contains(kind));
    // The whole covers its parts.
    if let Some(kind) = named.filter(|_| !fields.contains("outcome")) {
        let is_one = target.as_ref().is_none_or(|target| fields.contains(kind_of(target)));
        violations.require(is_one, &format!("rule.{kind}"), "is named by the mask, and another is given");
    }
    for field in fields {
        match *field {
            "title" => rule.name.clone_from(&given.name),
            "phase" => rule.phase = given.phase,
            "priority" => rule.priority = given.priority,
            "disabled" => rule.enabled = given.enabled,
            "valid_from" => rule.valid_from = given.valid_from,
            "valid_until" => rule.valid_until = given.valid_until,
            "when" => rule.when.clone_from(&given.when),
            "on_unknown" => rule.on_unknown = given.on_unknown,
            "move" => rule.moves = given.moves,
            "outcome" => rule.outcome.clone_from(&given.outcome),
            "outcome.team" | "outcome.person" | "outcome.split" => rule.outcome.target.clone_from(target),
            "outcome.urgency" => rule.outcome.urgency = *urgency,
            "outcome.tags" => rule.outcome.tags.clone_from(tags),
            "outcome.skills" => rule.outcome.skills.clone_from(skills),
            "outcome.escalation" => rule.outcome.escalation.clone_from(escalation),
            "samples" => rule.samples.clone_from(&given.samples),
            other => violations.add("update_mask", format!("{other:?} cannot be changed")),
        }
    }
    violations.check()
}

/// The kinds of target, of which a rule has one.
const TARGETS: [&str; 3] = ["outcome.team", "outcome.person", "outcome.split"];

const fn kind_of(target: &Target) -> &'static str {
    match target {
        Target::Team(_) => TARGETS[0],
        Target::Person(_) => TARGETS[1],
        Target::Split(_) => TARGETS[2],
    }
}

/// Whether the rule may send a message to `team`, at once or by escalation.
fn names(rule: &Rule, team: &TeamName) -> bool {
    let outcome = &rule.outcome;
    let at_once = match &outcome.target {
        None => false,
        Some(Target::Team(to)) => to == team,
        Some(Target::Person(person)) => person.team == *team || person.fallback_team.as_ref() == Some(team),
        Some(Target::Split(shares)) => shares.iter().any(|share| share.team == *team),
    };
    at_once || outcome.escalation.iter().any(|step| step.team == *team)
}
