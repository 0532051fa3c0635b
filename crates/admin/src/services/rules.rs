//! The rules of a version, one by one. Each change is a new version.

use std::collections::BTreeSet;

use tonic::{Request, Response, Status};
use waypost_domain::TeamName;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::rule_service_server::RuleService;
use waypost_proto::{resources, rules_v1};
use waypost_rules::model::{Document, Outcome, Target};
use waypost_rules::{Phase, Rule};
use waypost_store::AuditEntry;

use super::audit_entry;
use super::versions::{self, Draft, apart, check_reason, part_name, part_of, read_document, version};
use crate::errors::{Violations, already_exists, check_etag, invalid, not_found};
use crate::fields::{check_title, content_etag, masked, request_id, team_of};
use crate::gate::Caller;
use crate::once::Once;
use crate::{Shared, page};

const COLLECTION: &str = "rules";
const ID_BYTES_MAX: usize = 100;
/// What an update may name.
const CAN_CHANGE: [&str; 17] = [
    "title",
    "phase",
    "priority",
    "disabled",
    "valid_from",
    "valid_until",
    "when",
    "on_unknown",
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

#[tonic::async_trait]
impl RuleService for Rules {
    async fn get_rule(&self, request: Request<v1::GetRuleRequest>) -> Result<Response<v1::GetRuleResponse>, Status> {
        let name = request.into_inner().name;
        let (parent, _) = part_of("name", COLLECTION, &name)?;
        let row = version(&self.shared, "name", parent).await?;
        let rule = apart(move || {
            let document = read_document(&row)?;
            let place = place_of(&document, &name)?;
            Ok::<_, Status>(shown(name, &document.definition.rules[place]))
        });
        Ok(Response::new(v1::GetRuleResponse { rule: Some(rule.await??) }))
    }

    async fn list_rules(
        &self,
        request: Request<v1::ListRulesRequest>,
    ) -> Result<Response<v1::ListRulesResponse>, Status> {
        let request = request.into_inner();
        let size = page::size(request.page_size)?;
        let phase = phase_of("phase", request.phase)?;
        let team = (!request.team.is_empty()).then(|| team_of("team", &request.team)).transpose()?;
        let question = format!("{}/{COLLECTION} {} {}", request.parent, request.phase, request.team);
        // A version never changes, so a place in it stays what it is.
        let after = page::place(&question, &request.page_token)?.map(|place| place.parse());
        let after: Option<usize> = after.transpose().map_err(|_| page::bad_token())?;
        let row = version(&self.shared, "parent", &request.parent).await?;
        let document = apart(move || read_document(&row)).await??;
        let is_wanted = |rule: &Rule| {
            phase.is_none_or(|phase| rule.phase == phase) && team.as_ref().is_none_or(|team| names(rule, team))
        };
        let rules = document.definition.rules.iter().enumerate();
        let wanted = rules.skip(after.map_or(0, |place| place.saturating_add(1))).filter(|(_, rule)| is_wanted(rule));
        let mut found: Vec<_> = wanted.take(usize::try_from(size).unwrap_or(usize::MAX) + 1).collect();
        let next = page::cut(&mut found, size, |(place, _)| place.to_string());
        let rules = found.into_iter().map(|(_, rule)| shown(part_name(&request.parent, COLLECTION, &rule.id), rule));
        let next_page_token = next.map(|place| page::token(&question, &place)).unwrap_or_default();
        Ok(Response::new(v1::ListRulesResponse { rules: rules.collect(), next_page_token }))
    }

    async fn create_rule(
        &self,
        request: Request<v1::CreateRuleRequest>,
    ) -> Result<Response<v1::CreateRuleResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let once = Once::new(request_id(&request.request_id)?, &caller, &request);
        check_reason(&request.reason)?;
        let id = request.rule_id;
        let is_id = (1..=ID_BYTES_MAX).contains(&id.len()) && !id.chars().any(char::is_control);
        if !is_id {
            return Err(invalid("rule_id", "must be 1 to 100 bytes without control characters"));
        }
        let rule = read(request.rule.ok_or_else(|| invalid("rule", "is missing"))?, &id)?;
        let row = version(&self.shared, "parent", &request.parent).await?;
        let name = part_name(&request.parent, COLLECTION, &id);
        let made = rule.clone();
        let draft = apart(move || {
            let mut document = read_document(&row)?;
            if document.definition.rules.iter().any(|other| other.id == made.id) {
                return Err(already_exists(&name));
            }
            document.definition.rules.push(made);
            Draft::of_document(&document, "rule")
        });
        let asked = versions::Request {
            method: "RuleService/CreateRule",
            caller: &caller,
            once,
            reason: request.reason,
            validate_only: request.validate_only,
        };
        let answer = versions::keep(&self.shared, asked, draft.await??, |kept| {
            let rule = shown(part_name(&kept.rule_set.name, COLLECTION, &id), &rule);
            let entry = entry(&caller, "RuleService/CreateRule", None, Some(&rule));
            let (rule_set, findings) = kept.without_text();
            (v1::CreateRuleResponse { rule: Some(rule), rule_set, findings }, Some(entry))
        });
        Ok(Response::new(answer.await?))
    }

    async fn update_rule(
        &self,
        request: Request<v1::UpdateRuleRequest>,
    ) -> Result<Response<v1::UpdateRuleResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let once = Once::new(request_id(&request.request_id)?, &caller, &request);
        check_reason(&request.reason)?;
        let given = request.rule.ok_or_else(|| invalid("rule", "is missing"))?;
        let name = given.name.clone();
        let (parent, id) = part_of("rule.name", COLLECTION, &name)?;
        let fields = masked(request.update_mask.as_ref(), &CAN_CHANGE)?;
        let etag = given.etag.clone();
        let given = read(given, id)?;
        let row = version(&self.shared, "rule.name", parent).await?;
        let of = name.clone();
        let (draft, before, after) = apart(move || {
            let mut document = read_document(&row)?;
            let place = place_of(&document, &of)?;
            let before = document.definition.rules[place].clone();
            check_etag(&of, &etag, &etag_of(&before))?;
            let after = merged(before.clone(), given, &fields)?;
            document.definition.rules[place] = after.clone();
            Ok::<_, Status>((Draft::of_document(&document, "rule")?, before, after))
        })
        .await??;
        let asked = versions::Request {
            method: "RuleService/UpdateRule",
            caller: &caller,
            once,
            reason: request.reason,
            validate_only: request.validate_only,
        };
        let answer = versions::keep(&self.shared, asked, draft, |kept| {
            let rule = shown(part_name(&kept.rule_set.name, COLLECTION, &after.id), &after);
            let entry = entry(&caller, "RuleService/UpdateRule", Some(&shown(name.clone(), &before)), Some(&rule));
            let (rule_set, findings) = kept.without_text();
            (v1::UpdateRuleResponse { rule: Some(rule), rule_set, findings }, Some(entry))
        });
        Ok(Response::new(answer.await?))
    }

    async fn delete_rule(
        &self,
        request: Request<v1::DeleteRuleRequest>,
    ) -> Result<Response<v1::DeleteRuleResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let once = Once::new(request_id(&request.request_id)?, &caller, &request);
        check_reason(&request.reason)?;
        let name = request.name;
        let (parent, _) = part_of("name", COLLECTION, &name)?;
        let row = version(&self.shared, "name", parent).await?;
        let (of, etag) = (name.clone(), request.etag);
        let (draft, before) = apart(move || {
            let mut document = read_document(&row)?;
            let place = place_of(&document, &of)?;
            let before = document.definition.rules.remove(place);
            check_etag(&of, &etag, &etag_of(&before))?;
            Ok::<_, Status>((Draft::of_document(&document, "name")?, before))
        })
        .await??;
        let asked = versions::Request {
            method: "RuleService/DeleteRule",
            caller: &caller,
            once,
            reason: request.reason,
            validate_only: request.validate_only,
        };
        let answer = versions::keep(&self.shared, asked, draft, |kept| {
            let entry = entry(&caller, "RuleService/DeleteRule", Some(&shown(name.clone(), &before)), None);
            let (rule_set, findings) = kept.without_text();
            (v1::DeleteRuleResponse { rule_set, findings }, Some(entry))
        });
        Ok(Response::new(answer.await?))
    }
}

fn place_of(document: &Document, name: &str) -> Result<usize, Status> {
    let (_, id) = part_of("name", COLLECTION, name)?;
    let place = document.definition.rules.iter().position(|rule| *rule.id == *id);
    place.ok_or_else(|| not_found(name))
}

fn read(given: v1::Rule, id: &str) -> Result<Rule, Status> {
    let mut violations = Violations::default();
    check_title(&mut violations, "rule.title", &given.title);
    violations.check()?;
    resources::rule_of(given, id, "rule").map_err(versions::wrong)
}

/// `None` for unspecified.
fn phase_of(field: &str, phase: i32) -> Result<Option<Phase>, Status> {
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

/// `rule` with these fields of `given`.
fn merged(mut rule: Rule, given: Rule, fields: &BTreeSet<&str>) -> Result<Rule, Status> {
    let mut violations = Violations::default();
    let Rule { name, phase, priority, enabled, valid_from, valid_until, when, on_unknown, outcome, samples, .. } =
        given;
    let Outcome { target, urgency, tags, skills, escalation } = outcome;
    // The whole covers its parts.
    let has = |field: &str| fields.contains(field) || field.starts_with("outcome.") && fields.contains("outcome");
    if has("title") {
        rule.name = name;
    }
    if has("phase") {
        rule.phase = phase;
    }
    if has("priority") {
        rule.priority = priority;
    }
    if has("disabled") {
        rule.enabled = enabled;
    }
    if has("valid_from") {
        rule.valid_from = valid_from;
    }
    if has("valid_until") {
        rule.valid_until = valid_until;
    }
    if has("when") {
        rule.when = when;
    }
    if has("on_unknown") {
        rule.on_unknown = on_unknown;
    }
    if fields.contains("outcome") {
        rule.outcome.target = target;
    } else if let Some(kind) = TARGETS.into_iter().find(|kind| fields.contains(kind)) {
        let is_one = target.as_ref().is_none_or(|target| fields.contains(kind_of(target)));
        violations.require(is_one, &format!("rule.{kind}"), "is named by the mask, and another is given");
        rule.outcome.target = target;
    }
    if has("outcome.urgency") {
        rule.outcome.urgency = urgency;
    }
    if has("outcome.tags") {
        rule.outcome.tags = tags;
    }
    if has("outcome.skills") {
        rule.outcome.skills = skills;
    }
    if has("outcome.escalation") {
        rule.outcome.escalation = escalation;
    }
    if has("samples") {
        rule.samples = samples;
    }
    violations.check()?;
    Ok(rule)
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

fn etag_of(rule: &Rule) -> String {
    content_etag(&rules_v1::Rule::from(rule))
}

fn shown(name: String, rule: &Rule) -> v1::Rule {
    v1::Rule { etag: etag_of(rule), ..resources::rule(name, rule) }
}

fn entry(caller: &Caller, method: &str, before: Option<&v1::Rule>, after: Option<&v1::Rule>) -> AuditEntry {
    let resource = after.or(before).map(|rule| rule.name.clone()).unwrap_or_default();
    audit_entry(caller, method, &resource, before, after)
}
