//! Versions of the rules: kept, checked, compared.

use std::slice;

use tonic::Request;
use waypost_grpc::error::{CallError, Violations, invalid};
use waypost_grpc::{Mutation, Result, Tx, blocking, change, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::rule_set_service_server::RuleSetService;
use waypost_proto::rule_set::FieldViolations;
use waypost_proto::rules_v1::RuleSetDocument;
use waypost_rules::Severity;
use waypost_rules::check::check_text;
use waypost_rules::diff::Difference;
use waypost_rules::model::Document;
use waypost_store::RuleSetRow;

mod activation;
mod compare;
mod coverage;
mod explain;
mod holidays_kept;
mod ladder;
mod looked;
mod stored;
mod team_queues;
mod trial_runs;
pub(super) mod wire;

use super::contact_values;
use super::titles::add_titles;
use super::versions::{self, COLLECTION, Draft, Kept, VersionChange, read_document, record_rule_set};
use crate::Shared;

const COVERAGE_DAYS: (u32, u32) = (30, 3_650);
const COVERAGE_MESSAGES: (u32, u32) = (100_000, 500_000);
/// As far as what was in force before is looked for.
const ACTIVATIONS_MAX: u32 = 500;

pub(crate) struct RuleSets {
    pub(crate) shared: Shared,
}

serve! { RuleSetService for RuleSets {
    get_rule_set: v1::GetRuleSetRequest => v1::GetRuleSetResponse,
    list_rule_sets: v1::ListRuleSetsRequest => v1::ListRuleSetsResponse,
    create_rule_set: v1::CreateRuleSetRequest => v1::CreateRuleSetResponse,
    check_rule_set: v1::CheckRuleSetRequest => v1::CheckRuleSetResponse,
    diff_rule_sets: v1::DiffRuleSetsRequest => v1::DiffRuleSetsResponse,
    explain_rule_set: v1::ExplainRuleSetRequest => v1::ExplainRuleSetResponse,
    dry_run_rule_set: v1::DryRunRuleSetRequest => v1::DryRunRuleSetResponse,
    compare_rule_sets: v1::CompareRuleSetsRequest => v1::CompareRuleSetsResponse,
    get_coverage: v1::GetCoverageRequest => v1::GetCoverageResponse,
    get_activation: v1::GetActivationRequest => v1::GetActivationResponse,
    list_activations: v1::ListActivationsRequest => v1::ListActivationsResponse,
    activate_rule_set: v1::ActivateRuleSetRequest => v1::ActivateRuleSetResponse,
    roll_back_activation: v1::RollBackActivationRequest => v1::RollBackActivationResponse,
    end_trial: v1::EndTrialRequest => v1::EndTrialResponse,
    end_shadow: v1::EndShadowRequest => v1::EndShadowResponse,
}}

impl RuleSets {
    async fn get_rule_set(&self, request: Request<v1::GetRuleSetRequest>) -> Result<v1::GetRuleSetResponse> {
        let request = request.get_ref();
        let view = v1::RuleSetView::try_from(request.view).map_err(|_| invalid("view", "is no view"))?;
        let row = self.row("name", &request.name).await?;
        let mut rule_set = match view {
            v1::RuleSetView::Unspecified => wire::rule_set(row),
            v1::RuleSetView::Basic => wire::rule_set(RuleSetRow { text: String::new(), ..row }),
            v1::RuleSetView::Full => blocking(move || with_document(row)).await?,
        };
        add_titles(&self.shared.store, slice::from_mut(&mut rule_set)).await?;
        Ok(v1::GetRuleSetResponse { rule_set: Some(rule_set) })
    }

    async fn list_rule_sets(&self, request: Request<v1::ListRuleSetsRequest>) -> Result<v1::ListRuleSetsResponse> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let before = page::place(COLLECTION, &request.page_token, |place| place.parse().ok())?;
        let mut rows = self.shared.store.rule_sets(before, size + 1).await?;
        let next_page_token = page::cut(COLLECTION, &mut rows, size, |row| row.number.to_string());
        let rows = rows.into_iter().map(|row| RuleSetRow { text: String::new(), ..row });
        let mut rule_sets: Vec<v1::RuleSet> = rows.map(wire::rule_set).collect();
        add_titles(&self.shared.store, &mut rule_sets).await?;
        Ok(v1::ListRuleSetsResponse { rule_sets, next_page_token })
    }

    async fn create_rule_set(&self, request: Request<v1::CreateRuleSetRequest>) -> Result<v1::CreateRuleSetResponse> {
        let (change, request) = VersionChange::read(request)?;
        let rules = request.rules.ok_or_else(|| invalid("text", "give the rules as text, or as document"))?;
        // Who only wants it checked gets the same as findings.
        let may_have_errors = request.allow_errors || change.mutation.validate_only();
        let draft = blocking(move || draft(rules, may_have_errors)).await?;
        if !request.drop_holidays {
            holidays_kept::check(&self.shared, draft.text().to_owned()).await?;
        }
        let answer = |Kept { rule_set, findings, existed }: Kept, _: &mut Tx| v1::CreateRuleSetResponse {
            rule_set: Some(rule_set),
            findings,
            existed,
        };
        let mut kept = versions::keep(&self.shared, change, draft, answer).await?;
        add_titles(&self.shared.store, &mut kept.rule_set).await?;
        Ok(kept)
    }

    async fn check_rule_set(&self, request: Request<v1::CheckRuleSetRequest>) -> Result<v1::CheckRuleSetResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let row = self.row("name", &request.name).await?;
        let text = row.text.clone();
        let findings = blocking(move || Ok(check_text(&text))).await?;
        let findings = contact_values::with_contacts(&self.shared.store, row.text.clone(), findings).await?;
        let mut is_good = findings.iter().all(|finding| finding.severity != Severity::Error);
        let mut findings = wire::findings(&findings);
        if is_good {
            findings.extend(team_queues::findings(&self.shared, row.text.clone(), request.force).await?);
            is_good = findings.iter().all(|finding| finding.severity() != v1::Severity::Error);
        }
        let mut checked = if !is_good || row.checked_at.is_some() {
            v1::CheckRuleSetResponse { rule_set: Some(wire::rule_set(row)), findings }
        } else {
            let marked = change(&self.shared.store, mutation, move |tx| Box::pin(mark_checked(tx, row, findings)));
            marked.await?.into_answer()
        };
        add_titles(&self.shared.store, &mut checked.rule_set).await?;
        Ok(checked)
    }

    async fn diff_rule_sets(&self, request: Request<v1::DiffRuleSetsRequest>) -> Result<v1::DiffRuleSetsResponse> {
        let request = request.get_ref();
        let (old, new) = (self.row("base", &request.base).await?, self.row("name", &request.name).await?);
        let difference = blocking(move || {
            let (old, new) = (read_document(&old)?, read_document(&new)?);
            Ok(Difference::between(&old, &new))
        })
        .await?;
        Ok(difference.into())
    }

    async fn get_coverage(&self, request: Request<v1::GetCoverageRequest>) -> Result<v1::GetCoverageResponse> {
        let request = request.get_ref();
        let mut violations = Violations::default();
        let days = at_most(&mut violations, "days", request.days, COVERAGE_DAYS);
        let messages = at_most(&mut violations, "messages", request.messages, COVERAGE_MESSAGES);
        violations.check()?;
        let row =
            if request.name.is_empty() { self.active_row().await? } else { self.row("name", &request.name).await? };
        coverage::survey(&self.shared.store, row, days, messages).await
    }

    async fn row(&self, field: &str, name: &str) -> Result<RuleSetRow> {
        versions::version(&self.shared, field, name).await
    }
}

async fn mark_checked(
    tx: &mut Tx,
    mut row: RuleSetRow,
    findings: Vec<v1::Finding>,
) -> Result<v1::CheckRuleSetResponse> {
    let before = wire::rule_set(row.clone());
    tx.mark_rule_set_checked(row.number).await?;
    row.checked_at = Some(tx.now());
    let rule_set = wire::rule_set(row);
    record_rule_set(tx, Some(&before), &rule_set);
    Ok(v1::CheckRuleSetResponse { rule_set: Some(rule_set), findings })
}

/// What was given, within what may be; 0 is the default.
fn at_most(violations: &mut Violations, field: &str, given: u32, (default, max): (u32, u32)) -> u32 {
    violations.require(given <= max, field, &format!("must be at most {max}"));
    if given == 0 { default } else { given }
}

fn draft(rules: v1::create_rule_set_request::Rules, may_have_errors: bool) -> Result<Draft> {
    let (draft, field) = match rules {
        v1::create_rule_set_request::Rules::Text(text) => (Draft::of_text(text)?, "text"),
        v1::create_rule_set_request::Rules::Document(document) => {
            let document = Document::try_from(document).map_err(|FieldViolations(mut violations)| {
                for violation in &mut violations {
                    violation.field.insert_str(0, "document.");
                }
                CallError::from(FieldViolations(violations))
            })?;
            (Draft::of_document(&document, "document")?, "document")
        }
    };
    if may_have_errors { Ok(draft) } else { draft.without_errors(field) }
}

fn with_document(row: RuleSetRow) -> Result<v1::RuleSet> {
    let document = RuleSetDocument::from(&read_document(&row)?);
    Ok(v1::RuleSet { document: Some(document), ..wire::rule_set(row) })
}
