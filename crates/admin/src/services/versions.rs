//! Versions of the rules, for every service that reads one or makes a new one out of it. A version never changes.
//!
//! What costs processor time (reading, checking, compiling) runs beside the calls, not among them.

use prost::{Message, Name};
use tonic::Status;
use waypost_proto::admin_v1 as v1;
use waypost_proto::rule_set::FieldViolations;
use waypost_rules::check::check_text;
use waypost_rules::model::Document;
use waypost_rules::{RuleErrors, toml_form};
use waypost_store::{AuditEntry, RuleSetRow};

use super::audit_entry;
use super::rule_sets::wire;
use crate::Shared;
use crate::errors::{self, Violations, invalid, not_found, precondition};
use crate::fields::{id_of, request_id};
use crate::gate::Caller;
use crate::once::Once;

pub(super) const COLLECTION: &str = "ruleSets";
const REASON_CHARS_MAX: usize = 500;

/// Runs `work` on a thread that may take its time.
pub(super) async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Status> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Status::internal("the work was not finished"))
}

/// The version that `ruleSets/{number}` names.
pub(super) async fn version(shared: &Shared, field: &str, name: &str) -> Result<RuleSetRow, Status> {
    let number = number_of(field, name)?;
    let row = shared.store.rule_set(number).await.map_err(errors::store)?;
    row.ok_or_else(|| not_found(name))
}

pub(super) fn number_of(field: &str, name: &str) -> Result<i64, Status> {
    let id = id_of(field, COLLECTION, name)?;
    let number = id.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| invalid(field, "must be ruleSets/{number}"))
}

/// Version and id of `ruleSets/{number}/{parts}/{id}`.
pub(super) fn part_of<'a>(field: &str, parts: &str, name: &'a str) -> Result<(&'a str, &'a str), Status> {
    let split = || {
        let numbered = name.strip_prefix(COLLECTION)?.strip_prefix('/')?;
        let (number, part) = numbered.split_once('/')?;
        let id = part.strip_prefix(parts)?.strip_prefix('/').filter(|id| !id.is_empty())?;
        number.parse().ok().filter(|number: &i64| *number > 0)?;
        Some((&name[..COLLECTION.len() + 1 + number.len()], id))
    };
    split().ok_or_else(|| invalid(field, format!("must be {COLLECTION}/{{number}}/{parts}/{{id}}")))
}

/// Nothing for a part of a version that was only tried out.
pub(super) fn part_name(version: &str, parts: &str, id: &str) -> String {
    if version.is_empty() { String::new() } else { format!("{version}/{parts}/{id}") }
}

fn check_reason(reason: &str) -> Result<(), Status> {
    let mut violations = Violations::default();
    violations.require(reason.chars().count() <= REASON_CHARS_MAX, "reason", "must have at most 500 characters");
    violations.check()
}

pub(super) fn read_document(row: &RuleSetRow) -> Result<Document, Status> {
    toml_form::read(&row.text).map_err(|errors| unreadable(row, &errors))
}

pub(super) fn unreadable(row: &RuleSetRow, errors: &RuleErrors) -> Status {
    let name = wire::name(row.number);
    let first = errors.0.first().map(ToString::to_string).unwrap_or_default();
    precondition("HAS_ERRORS", &name, format!("{name} has {} errors, the first: {first}", errors.0.len()))
}

/// Fields of the request that hold what they must not.
pub(super) fn wrong(violations: FieldViolations) -> Status {
    let mut all = Violations::default();
    for violation in violations.0.into_iter().take(wire::FINDINGS_MAX) {
        all.add(violation.field, violation.problem);
    }
    all.check().err().unwrap_or_else(|| Status::internal("no violation"))
}

/// A version that is not kept yet.
pub(super) struct Draft {
    hash: String,
    text: String,
    /// What a check would say.
    findings: Vec<v1::Finding>,
}

impl Draft {
    /// A text that is no rules file is refused.
    pub(super) fn of_text(text: String) -> Result<Self, Status> {
        let document = toml_form::read(&text).map_err(|errors| refused("text", "", &errors))?;
        Ok(Self::of(&document, text))
    }

    /// `field` is the part of the request that the document came from, or that changed it.
    pub(super) fn of_document(document: &Document, field: &str) -> Result<Self, Status> {
        let text = toml_form::write(document);
        let kept = toml_form::read(&text).map_err(|errors| refused(field, "cannot be kept as text: ", &errors))?;
        if kept != *document {
            return Err(invalid(field, "cannot be kept as text: something in it would be lost"));
        }
        Ok(Self::of(document, text))
    }

    fn of(document: &Document, text: String) -> Self {
        let hash = waypost_rules::content_hash(&document.definition, &document.teams, &document.calendars);
        let findings = wire::findings(&check_text(&text));
        Self { hash, text, findings }
    }
}

fn refused(field: &str, prefix: &str, errors: &RuleErrors) -> Status {
    let mut violations = Violations::default();
    for finding in errors.0.iter().take(wire::FINDINGS_MAX) {
        violations.add(field, format!("{prefix}{finding}"));
    }
    violations.check().err().unwrap_or_else(|| invalid(field, "cannot be read"))
}

/// A request that makes a version, or puts one in force.
pub(super) trait VersionRequest: Name {
    const METHOD: &'static str;

    fn reason(&self) -> &str;
    fn request_id(&self) -> &str;
    fn validate_only(&self) -> bool;
}

macro_rules! version_requests {
    ($($message:ident: $method:literal,)*) => {$(
        impl VersionRequest for v1::$message {
            const METHOD: &'static str = $method;

            fn reason(&self) -> &str {
                &self.reason
            }

            fn request_id(&self) -> &str {
                &self.request_id
            }

            fn validate_only(&self) -> bool {
                self.validate_only
            }
        }
    )*};
}

version_requests! {
    ActivateRuleSetRequest: "RuleSetService/ActivateRuleSet",
    CreateCalendarRequest: "CalendarService/CreateCalendar",
    CreateRuleRequest: "RuleService/CreateRule",
    CreateRuleSetRequest: "RuleSetService/CreateRuleSet",
    DeleteCalendarRequest: "CalendarService/DeleteCalendar",
    DeleteRuleRequest: "RuleService/DeleteRule",
    ImportHolidaysRequest: "CalendarService/ImportHolidays",
    UpdateCalendarRequest: "CalendarService/UpdateCalendar",
    UpdateRuleRequest: "RuleService/UpdateRule",
}

/// Who asks, and what all such requests say of how they want it done.
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) caller: Caller,
    pub(super) once: Once,
    pub(super) reason: String,
    pub(super) validate_only: bool,
}

impl Request {
    pub(super) fn read<M: VersionRequest>(request: tonic::Request<M>) -> Result<(Self, M), Status> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner();
        let once = Once::new(request_id(message.request_id())?, &caller, &message);
        let reason = message.reason().to_owned();
        check_reason(&reason)?;
        Ok((Self { method: M::METHOD, caller, once, reason, validate_only: message.validate_only() }, message))
    }
}

/// A new version and what there is to say about it.
pub(super) struct Kept {
    pub(super) rule_set: v1::RuleSet,
    pub(super) findings: Vec<v1::Finding>,
}

impl Kept {
    /// Without its text, which whoever changed a part of it need not get back.
    pub(super) fn without_text(self) -> (Option<v1::RuleSet>, Vec<v1::Finding>) {
        (Some(v1::RuleSet { text: String::new(), ..self.rule_set }), self.findings)
    }
}

/// Keeps `draft` as a version and answers, unless the same request was answered before or wants nothing kept. `answer`
/// tells of the version, and what is to be recorded besides its creation.
pub(super) async fn keep<A: Message + Default>(
    shared: &Shared,
    request: Request,
    draft: Draft,
    answer: impl FnOnce(Kept) -> (A, Option<AuditEntry>),
) -> Result<A, Status> {
    let Request { method, caller, once, reason, validate_only } = request;
    let Draft { hash, text, findings } = draft;
    if validate_only {
        let created_at = shared.store.now().await.map_err(errors::store)?;
        let created_by = caller.actor.clone();
        let row = RuleSetRow { number: 0, hash, text, created_at, created_by, reason, checked_at: None };
        return Ok(answer(Kept { rule_set: wire::rule_set(row), findings }).0);
    }
    let mut change = shared.store.begin_change().await.map_err(errors::store)?;
    if let Some(answered) = once.answer(&mut change).await? {
        return Ok(answered);
    }
    let row = change.push_rule_set(&hash, &text, &caller.actor, &reason).await.map_err(errors::store)?;
    let rule_set = wire::rule_set(row);
    // The text is in the version, which stays as it is; the hash stands for it.
    let created = rule_set_entry(&caller, method, None, &rule_set);
    let (answer, entry) = answer(Kept { rule_set, findings });
    once.remember(&mut change, &answer).await?;
    let entries: Vec<AuditEntry> = [created].into_iter().chain(entry).collect();
    change.commit(&entries).await.map_err(errors::store)?;
    Ok(answer)
}

/// The version as it was and is, without its text, which never changes.
pub(super) fn rule_set_entry(
    caller: &Caller,
    method: &str,
    before: Option<&v1::RuleSet>,
    after: &v1::RuleSet,
) -> AuditEntry {
    let shortened = |rule_set: &v1::RuleSet| v1::RuleSet { text: String::new(), ..rule_set.clone() };
    let (before, after) = (before.map(shortened), shortened(after));
    audit_entry(caller, method, &after.name, before.as_ref(), Some(&after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parts_are_read_strictly() {
        assert_eq!(part_of("name", "rules", "ruleSets/12/rules/a/b").unwrap(), ("ruleSets/12", "a/b"));
        let bad =
            ["", "ruleSets/1", "ruleSets/1/rules", "ruleSets/1/rules/", "ruleSets/0/rules/a", "ruleSets/x/rules/a"];
        for name in bad.into_iter().chain(["ruleSets/1/calendars/a", "rules/a", "ruleSets//rules/a"]) {
            let refused = part_of("rule.name", "rules", name).unwrap_err();
            assert!(refused.message().starts_with("rule.name: must be ruleSets/{number}/rules/{id}"), "{refused}");
        }
    }
}
