//! Versions of the rules, for every service that reads one or makes a new one out of it. A version never changes.
//!
//! What costs processor time (reading, checking, compiling) runs beside the calls, not among them.

use prost::Message;
use waypost_grpc::error::{CallError, Violations, invalid, not_found, precondition};
use waypost_grpc::fields::id_of;
use waypost_grpc::{Mutation, Result, Tx, change};
use waypost_proto::admin_v1 as v1;
use waypost_proto::mutating::MutatingRequest;
use waypost_proto::reasons::NO_VERSION_NAME;
use waypost_rules::check::check_text;
use waypost_rules::model::Document;
use waypost_rules::{Finding, RuleErrors, Severity, toml_form};
use waypost_store::{RuleSetRow, Store};

use super::contact_values;
use super::rule_sets::wire;
use crate::Shared;

pub(super) const COLLECTION: &str = "ruleSets";
const REASON_CHARS_MAX: usize = 500;

/// The version that `ruleSets/{number}` names.
pub(super) async fn version(shared: &Shared, field: &str, name: &str) -> Result<RuleSetRow> {
    let number = number_of(field, name)?;
    shared.store.rule_set(number).await?.ok_or_else(|| not_found(name))
}

pub(super) fn number_of(field: &str, name: &str) -> Result<i64> {
    let id = id_of(field, COLLECTION, name)?;
    let number = id.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| invalid(field, "must be ruleSets/{number}").because(NO_VERSION_NAME))
}

/// Version and id of `ruleSets/{number}/{parts}/{id}`.
pub(super) fn part_of<'a>(field: &str, parts: &str, name: &'a str) -> Result<(&'a str, &'a str)> {
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

fn check_reason(reason: &str) -> Result<()> {
    let mut violations = Violations::default();
    violations.require(reason.chars().count() <= REASON_CHARS_MAX, "reason", "must have at most 500 characters");
    violations.check()
}

pub(super) fn read_document(row: &RuleSetRow) -> Result<Document> {
    toml_form::read(&row.text).map_err(|errors| unreadable(&wire::name(row.number), &errors))
}

pub(super) fn unreadable(name: &str, errors: &RuleErrors) -> CallError {
    let first = errors.0.first().map(ToString::to_string).unwrap_or_default();
    let message = format!("{name} has {} errors, the first: {first}", errors.0.len());
    precondition("HAS_ERRORS", name, message)
}

/// A version that is not kept yet.
pub(super) struct Draft {
    hash: String,
    text: String,
    /// What a check would say.
    findings: Vec<Finding>,
}

impl Draft {
    /// A text that is no rules file is refused.
    pub(super) fn of_text(text: String) -> Result<Self> {
        let document = toml_form::read(&text).map_err(|errors| refused("text", "", &errors))?;
        Ok(Self::of(&document, text))
    }

    /// `field` is the part of the request that the document came from, or that changed it.
    pub(super) fn of_document(document: &Document, field: &str) -> Result<Self> {
        let text = toml_form::write(document);
        let kept = toml_form::read(&text).map_err(|errors| refused(field, "cannot be kept as text: ", &errors))?;
        if kept != *document {
            return Err(invalid(field, "cannot be kept as text: something in it would be lost"));
        }
        Ok(Self::of(document, text))
    }

    fn of(document: &Document, text: String) -> Self {
        let hash = waypost_rules::content_hash(&document.definition, &document.teams, &document.calendars);
        let findings = check_text(&text);
        Self { hash, text, findings }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// With what contacts have.
    async fn with_contacts(self, store: &Store) -> Result<Self> {
        let findings = contact_values::with_contacts(store, self.text.clone(), self.findings).await?;
        Ok(Self { findings, ..self })
    }

    /// Refused where a check would find errors; `field` is the part of the request that it came from.
    pub(super) fn without_errors(self, field: &str) -> Result<Self> {
        let mut violations = Violations::default();
        let errors = self.findings.iter().filter(|finding| finding.severity == Severity::Error);
        errors.take(wire::FINDINGS_MAX).for_each(|error| violations.add(field, error.to_string()));
        violations.check()?;
        Ok(self)
    }
}

fn refused(field: &str, prefix: &str, errors: &RuleErrors) -> CallError {
    let mut violations = Violations::default();
    for finding in errors.0.iter().take(wire::FINDINGS_MAX) {
        violations.add(field, format!("{prefix}{finding}"));
    }
    violations.into_error()
}

/// A request that makes a version, or puts one in force.
pub(super) trait VersionRequest: MutatingRequest {
    fn reason(&self) -> &str;
}

macro_rules! version_requests {
    ($($message:ident)*) => {$(
        impl VersionRequest for v1::$message {
            fn reason(&self) -> &str {
                &self.reason
            }
        }
    )*};
}

version_requests! {
    ActivateRuleSetRequest
    CreateCalendarRequest
    CreateRuleRequest
    CreateRuleSetRequest
    DeleteCalendarRequest
    DeleteRuleRequest
    EndShadowRequest
    EndTrialRequest
    ImportHolidaysRequest
    RollBackActivationRequest
    UpdateCalendarRequest
    UpdateRuleRequest
}

/// Who makes a version or puts one in force, and why.
pub(super) struct VersionChange {
    pub(super) mutation: Mutation,
    pub(super) reason: String,
}

impl VersionChange {
    pub(super) fn read<M: VersionRequest>(request: tonic::Request<M>) -> Result<(Self, M)> {
        let (mutation, message) = Mutation::read(request)?;
        check_reason(message.reason())?;
        Ok((Self { mutation, reason: message.reason().to_owned() }, message))
    }
}

/// A new version and what there is to say about it.
pub(super) struct Kept {
    pub(super) rule_set: v1::RuleSet,
    pub(super) findings: Vec<v1::Finding>,
    /// It says the same as one that was there.
    pub(super) existed: bool,
}

impl Kept {
    /// Without its text, which whoever changed a part of it need not get back.
    pub(super) fn without_text(self) -> (Option<v1::RuleSet>, Vec<v1::Finding>) {
        (Some(v1::RuleSet { text: String::new(), ..self.rule_set }), self.findings)
    }
}

/// Keeps `draft` as a version and answers, unless the same request was answered before or wants nothing kept. `answer`
/// tells of the version, and records what there is to record besides its creation.
pub(super) async fn keep<A: Message + Default>(
    shared: &Shared,
    request: VersionChange,
    draft: Draft,
    answer: impl FnOnce(Kept, &mut Tx) -> A + Send + 'static,
) -> Result<A> {
    let VersionChange { mutation, reason } = request;
    let draft = draft.with_contacts(&shared.store).await?;
    let creation = change(&shared.store, mutation, move |tx| {
        Box::pin(async move {
            let kept = create(tx, draft, reason).await?;
            Ok(answer(kept, tx))
        })
    });
    Ok(creation.await?.into_answer())
}

async fn create(tx: &mut Tx, draft: Draft, reason: String) -> Result<Kept> {
    let Draft { hash, text, findings } = draft;
    let created_by = tx.caller().actor.clone();
    let existed = tx.rule_set_by_hash(&hash).await?.is_some();
    let row = if tx.validate_only() {
        RuleSetRow { number: 0, hash, text, created_at: tx.now(), created_by, reason: reason.clone(), checked_at: None }
    } else {
        tx.push_rule_set(&hash, &text, &created_by, &reason).await?
    };
    let rule_set = wire::rule_set(row);
    if existed {
        // The version keeps the reason of its first time; that of this time is in the record.
        record_rule_set(tx, Some(&rule_set), &v1::RuleSet { reason, ..rule_set.clone() });
    } else {
        record_rule_set(tx, None, &rule_set);
    }
    Ok(Kept { rule_set, findings: wire::findings(&findings), existed })
}

/// Records the version as it was and is, without its text, which never changes; the hash stands for it.
pub(super) fn record_rule_set(tx: &mut Tx, before: Option<&v1::RuleSet>, after: &v1::RuleSet) {
    let shortened = |rule_set: &v1::RuleSet| v1::RuleSet { text: String::new(), ..rule_set.clone() };
    let (before, after) = (before.map(shortened), shortened(after));
    tx.record(&after.name, before.as_ref(), Some(&after));
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
            assert!(refused.to_string().starts_with("rule.name: must be ruleSets/{number}/rules/{id}"), "{refused}");
        }
    }
}
