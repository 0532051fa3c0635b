//! Versions of the rules: kept, checked, compared, put in force.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use waypost_domain::{DecisionId, NumberName};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::rule_set_service_server::RuleSetService;
use waypost_proto::route::decode_route_input;
use waypost_proto::rule_set::FieldViolations;
use waypost_proto::rules_v1::RuleSetDocument;
use waypost_rules::check::check_text;
use waypost_rules::diff::{Difference, DryRun};
use waypost_rules::model::Document;
use waypost_rules::{RouteInput, RuleSet, Severity};
use waypost_store::{DecidedInput, InForce, RuleSetRow, TrialRow};

mod coverage;
pub(super) mod wire;

use super::audit_entry;
use super::versions::{self, COLLECTION, Draft, Kept, apart, number_of, read_document, rule_set_entry};
use crate::errors::{self, Violations, check_etag, invalid, not_found, precondition};
use crate::fields::{id_of, team_name, uuid_of};
use crate::gate::Caller;
use crate::{Shared, page};

/// What `GetActivation` is asked about.
const ACTIVATION: &str = "activation";
const MESSAGES_DEFAULT: u32 = 10_000;
const MESSAGES_MAX: u32 = 100_000;
const COVERAGE_DAYS: (u32, u32) = (30, 3_650);
const COVERAGE_MESSAGES: (u32, u32) = (100_000, 500_000);

pub(crate) struct RuleSets {
    pub(crate) shared: Shared,
}

#[tonic::async_trait]
impl RuleSetService for RuleSets {
    async fn get_rule_set(
        &self,
        request: Request<v1::GetRuleSetRequest>,
    ) -> Result<Response<v1::GetRuleSetResponse>, Status> {
        let request = request.get_ref();
        let view = v1::RuleSetView::try_from(request.view).map_err(|_| invalid("view", "is no view"))?;
        let row = self.row("name", &request.name).await?;
        let rule_set = match view {
            v1::RuleSetView::Unspecified => wire::rule_set(row),
            v1::RuleSetView::Basic => wire::rule_set(RuleSetRow { text: String::new(), ..row }),
            v1::RuleSetView::Full => apart(move || with_document(row)).await??,
        };
        Ok(Response::new(v1::GetRuleSetResponse { rule_set: Some(rule_set) }))
    }

    async fn list_rule_sets(
        &self,
        request: Request<v1::ListRuleSetsRequest>,
    ) -> Result<Response<v1::ListRuleSetsResponse>, Status> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let before = number_place(COLLECTION, &request.page_token)?;
        let mut rows = self.shared.store.rule_sets(before, size + 1).await.map_err(errors::store)?;
        let next = page::cut(&mut rows, size, |row| row.number.to_string());
        let rule_sets = rows.into_iter().map(|row| wire::rule_set(RuleSetRow { text: String::new(), ..row })).collect();
        let next_page_token = next.map(|place| page::token(COLLECTION, &place)).unwrap_or_default();
        Ok(Response::new(v1::ListRuleSetsResponse { rule_sets, next_page_token }))
    }

    async fn create_rule_set(
        &self,
        request: Request<v1::CreateRuleSetRequest>,
    ) -> Result<Response<v1::CreateRuleSetResponse>, Status> {
        let (asked, request) = versions::Request::read(request)?;
        let rules = request.rules.ok_or_else(|| invalid("text", "give the rules as text, or as document"))?;
        let draft = apart(move || draft(rules)).await??;
        let answer = versions::keep(&self.shared, asked, draft, |Kept { rule_set, findings }| {
            (v1::CreateRuleSetResponse { rule_set: Some(rule_set), findings }, None)
        });
        Ok(Response::new(answer.await?))
    }

    async fn check_rule_set(
        &self,
        request: Request<v1::CheckRuleSetRequest>,
    ) -> Result<Response<v1::CheckRuleSetResponse>, Status> {
        let caller = Caller::of(&request)?;
        let mut row = self.row("name", &request.get_ref().name).await?;
        let text = row.text.clone();
        let findings = apart(move || check_text(&text)).await?;
        let is_good = findings.iter().all(|finding| finding.severity != Severity::Error);
        if is_good && row.checked_at.is_none() {
            let before = wire::rule_set(row.clone());
            let mut change = self.shared.store.begin_change().await.map_err(errors::store)?;
            change.mark_rule_set_checked(row.number).await.map_err(errors::store)?;
            row.checked_at = Some(change.now());
            let entry =
                rule_set_entry(&caller, "RuleSetService/CheckRuleSet", Some(&before), &wire::rule_set(row.clone()));
            change.commit(&[entry]).await.map_err(errors::store)?;
        }
        let findings = wire::findings(&findings);
        Ok(Response::new(v1::CheckRuleSetResponse { rule_set: Some(wire::rule_set(row)), findings }))
    }

    async fn diff_rule_sets(
        &self,
        request: Request<v1::DiffRuleSetsRequest>,
    ) -> Result<Response<v1::DiffRuleSetsResponse>, Status> {
        let request = request.get_ref();
        let (old, new) = (self.row("base", &request.base).await?, self.row("name", &request.name).await?);
        let difference = apart(move || {
            let (old, new) = (read_document(&old)?, read_document(&new)?);
            Ok::<_, Status>(Difference::between(&old, &new))
        })
        .await??;
        let changed = difference.changed.into_iter().map(|change| v1::RuleChange {
            rule: change.rule,
            parts: change.parts.into_iter().map(str::to_owned).collect(),
        });
        Ok(Response::new(v1::DiffRuleSetsResponse {
            added: difference.added,
            removed: difference.removed,
            changed: changed.collect(),
            other: difference.other,
        }))
    }

    async fn explain_rule_set(
        &self,
        request: Request<v1::ExplainRuleSetRequest>,
    ) -> Result<Response<v1::ExplainRuleSetResponse>, Status> {
        let request = request.into_inner();
        let (input, decided_by) = match &request.message {
            None => return Err(invalid("message", "give a decision or a text")),
            Some(v1::explain_rule_set_request::Message::Text(text)) => {
                let message_type = "text".to_owned();
                let at = Some(self.shared.store.now().await.map_err(errors::store)?);
                (RouteInput { text: Some(text.clone()), message_type, received_at: at, ..RouteInput::default() }, None)
            }
            Some(v1::explain_rule_set_request::Message::Decision(name)) => self.stored_input(name).await?,
        };
        let row = match (&request.name, decided_by) {
            (name, _) if !name.is_empty() => self.row("name", name).await?,
            (_, Some(hash)) => {
                let found = self.shared.store.rule_set_by_hash(&hash).await.map_err(errors::store)?;
                let gone =
                    || precondition("NO_SUCH_VERSION", &hash, format!("{hash} was never pushed; name a version"));
                found.ok_or_else(gone)?
            }
            (_, None) => self.active_row().await?,
        };
        let asked = request.rules;
        let (version, explanation) = apart(move || {
            let rules = compile(&row)?;
            let unknown = |id: &&String| !rules.definition().rules.iter().any(|rule| *rule.id == ***id);
            if let Some(id) = asked.iter().find(unknown) {
                return Err(invalid("rules", format!("{id:?} is no rule of this version")));
            }
            let all = rules.definition().rules.iter().map(|rule| &*rule.id);
            let asked: Vec<&str> =
                if asked.is_empty() { all.collect() } else { asked.iter().map(String::as_str).collect() };
            Ok((row.hash, rules.explain(&input, &asked)))
        })
        .await??;
        Ok(Response::new(wire::explanation(version, explanation)))
    }

    async fn dry_run_rule_set(
        &self,
        request: Request<v1::DryRunRuleSetRequest>,
    ) -> Result<Response<v1::DryRunRuleSetResponse>, Status> {
        let request = request.get_ref();
        let new = self.row("name", &request.name).await?;
        let old = if request.base.is_empty() { None } else { Some(self.row("base", &request.base).await?) };
        let limit = if request.messages == 0 { MESSAGES_DEFAULT } else { request.messages };
        if limit > MESSAGES_MAX {
            return Err(invalid("messages", format!("must be at most {MESSAGES_MAX}")));
        }
        let decided = self.shared.store.decided_last(limit).await.map_err(errors::store)?;
        let answer = apart(move || dry_run(&new, old.as_ref(), decided)).await??;
        Ok(Response::new(answer))
    }

    async fn get_coverage(
        &self,
        request: Request<v1::GetCoverageRequest>,
    ) -> Result<Response<v1::GetCoverageResponse>, Status> {
        let request = request.get_ref();
        let mut violations = Violations::default();
        let days = at_most(&mut violations, "days", request.days, COVERAGE_DAYS);
        let messages = at_most(&mut violations, "messages", request.messages, COVERAGE_MESSAGES);
        violations.check()?;
        let row =
            if request.name.is_empty() { self.active_row().await? } else { self.row("name", &request.name).await? };
        coverage::survey(&self.shared.store, row, days, messages).await.map(Response::new)
    }

    async fn get_activation(
        &self,
        _request: Request<v1::GetActivationRequest>,
    ) -> Result<Response<v1::GetActivationResponse>, Status> {
        let activation = self.shared.store.activation().await.map_err(errors::store)?;
        let activation = activation.ok_or_else(|| not_found(ACTIVATION))?;
        Ok(Response::new(v1::GetActivationResponse { activation: Some(wire::activation(&activation)) }))
    }

    async fn list_activations(
        &self,
        request: Request<v1::ListActivationsRequest>,
    ) -> Result<Response<v1::ListActivationsResponse>, Status> {
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let before = number_place("activations", &request.page_token)?;
        let mut rows = self.shared.store.activations(before, size + 1).await.map_err(errors::store)?;
        let next = page::cut(&mut rows, size, |row| row.revision.to_string());
        let next_page_token = next.map(|place| page::token("activations", &place)).unwrap_or_default();
        let activations = rows.iter().map(wire::activation).collect();
        Ok(Response::new(v1::ListActivationsResponse { activations, next_page_token }))
    }

    async fn activate_rule_set(
        &self,
        request: Request<v1::ActivateRuleSetRequest>,
    ) -> Result<Response<v1::ActivateRuleSetResponse>, Status> {
        let (asked, request) = versions::Request::read(request)?;
        let in_force = read_activation(request.activation.as_ref())?;
        let mut change = self.shared.store.begin_change().await.map_err(errors::store)?;
        if let Some(answer) = asked.once.answer::<v1::ActivateRuleSetResponse>(&mut change).await? {
            return Ok(Response::new(answer));
        }
        let before = change.activation().await.map_err(errors::store)?.map(|before| wire::activation(&before));
        let current = before.as_ref().map_or_else(|| "0".to_owned(), |before| before.etag.clone());
        check_etag(ACTIVATION, &request.etag, &current)?;
        self.check_versions(&in_force).await?;
        let after = change.activate(&in_force, &asked.caller.actor, &asked.reason).await.map_err(errors::store)?;
        let after = wire::activation(&after);
        let answer = v1::ActivateRuleSetResponse { activation: Some(after.clone()) };
        if asked.validate_only {
            return Ok(Response::new(answer));
        }
        asked.once.remember(&mut change, &answer).await?;
        let entry = audit_entry(&asked.caller, asked.method, ACTIVATION, before.as_ref(), Some(&after));
        change.commit(&[entry]).await.map_err(errors::store)?;
        Ok(Response::new(answer))
    }
}

impl RuleSets {
    async fn row(&self, field: &str, name: &str) -> Result<RuleSetRow, Status> {
        versions::version(&self.shared, field, name).await
    }

    async fn active_row(&self) -> Result<RuleSetRow, Status> {
        let activation = self.shared.store.activation().await.map_err(errors::store)?;
        let nothing = || precondition("NOTHING_ACTIVE", ACTIVATION, "no version is active; name one".to_owned());
        let active = activation.ok_or_else(nothing)?.in_force.active;
        self.row("name", &wire::name(active)).await
    }

    /// What was known when the message was decided, and the version that decided it.
    async fn stored_input(&self, name: &str) -> Result<(RouteInput, Option<String>), Status> {
        let id = DecisionId::from_uuid(uuid_of("decision", "decisions", name)?);
        let known = self.shared.store.decision_by_id(id).await.map_err(errors::store)?;
        let outcome = known.and_then(|known| known.outcome).ok_or_else(|| not_found(name))?;
        if outcome.input.is_empty() {
            return Err(precondition("INPUT_ERASED", name, format!("the input of {name} was erased")));
        }
        let input = decode_route_input(&outcome.input).map_err(|error| Status::internal(error.to_string()))?;
        Ok((input, Some(outcome.rule_set)))
    }

    /// Versions that can be activated, with numbers that exist; says of each what is wrong.
    async fn check_versions(&self, in_force: &InForce) -> Result<(), Status> {
        for number in in_force.numbers() {
            let name = wire::name(number);
            let row = self.row("activation", &name).await?;
            if row.checked_at.is_none() {
                return Err(precondition("NOT_CHECKED", &name, format!("{name} is a draft: check it first")));
            }
        }
        let Some(trial) = &in_force.trial else { return Ok(()) };
        let known = self.shared.store.numbers().await.map_err(errors::store)?;
        let mut violations = Violations::default();
        for number in &trial.numbers {
            let exists = known.iter().any(|row| row.name == *number);
            violations.require(exists, "activation.trial.numbers", &format!("numbers/{number} does not exist"));
        }
        violations.check()
    }
}

/// What was given, within what may be; 0 is the default.
fn at_most(violations: &mut Violations, field: &str, given: u32, (default, max): (u32, u32)) -> u32 {
    violations.require(given <= max, field, &format!("must be at most {max}"));
    if given == 0 { default } else { given }
}

fn draft(rules: v1::create_rule_set_request::Rules) -> Result<Draft, Status> {
    match rules {
        v1::create_rule_set_request::Rules::Text(text) => Draft::of_text(text),
        v1::create_rule_set_request::Rules::Document(document) => {
            let document = Document::try_from(document).map_err(|FieldViolations(mut violations)| {
                for violation in &mut violations {
                    violation.field.insert_str(0, "document.");
                }
                versions::wrong(FieldViolations(violations))
            })?;
            Draft::of_document(&document, "document")
        }
    }
}

fn with_document(row: RuleSetRow) -> Result<v1::RuleSet, Status> {
    let document = RuleSetDocument::from(&read_document(&row)?);
    Ok(v1::RuleSet { document: Some(document), ..wire::rule_set(row) })
}

fn compile(row: &RuleSetRow) -> Result<Arc<RuleSet>, Status> {
    RuleSet::parse(&row.text).map(Arc::new).map_err(|errors| versions::unreadable(row, &errors))
}

fn dry_run(
    new: &RuleSetRow,
    old: Option<&RuleSetRow>,
    decided: Vec<DecidedInput>,
) -> Result<v1::DryRunRuleSetResponse, Status> {
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
    Ok(v1::DryRunRuleSetResponse { messages: run.inputs, moved: run.moved, moves: moves.collect() })
}

fn read_activation(given: Option<&v1::Activation>) -> Result<InForce, Status> {
    let given = given.ok_or_else(|| invalid("activation", "is missing"))?;
    let active = number_of("activation.active", &given.active)?;
    let shadow = (!given.shadow.is_empty()).then(|| number_of("activation.shadow", &given.shadow)).transpose()?;
    let trial = given.trial.as_ref().map(read_trial).transpose()?;
    Ok(InForce { active, trial, shadow })
}

fn read_trial(given: &v1::Trial) -> Result<TrialRow, Status> {
    let rule_set = number_of("activation.trial.rule_set", &given.rule_set)?;
    let mut violations = Violations::default();
    let percent = u8::try_from(given.percent).ok().filter(|percent| *percent <= 100);
    violations.require(percent.is_some(), "activation.trial.percent", "must be 0 to 100");
    let is_empty = given.percent == 0 && given.numbers.is_empty();
    violations.require(!is_empty, "activation.trial", "needs a percentage or numbers, or nobody is in it");
    let mut numbers = Vec::with_capacity(given.numbers.len());
    for name in &given.numbers {
        let number = id_of("activation.trial.numbers", "numbers", name).ok().map(|id| NumberName::new(id.to_owned()));
        match number {
            Some(Ok(number)) => numbers.push(number),
            Some(Err(_)) | None => {
                violations.add("activation.trial.numbers", format!("{name:?} is not numbers/{{number}}"))
            }
        }
    }
    violations.check()?;
    Ok(TrialRow { rule_set, percent: percent.unwrap_or_default(), numbers })
}

/// The place behind which a page begins.
fn number_place(list: &str, token: &str) -> Result<Option<i64>, Status> {
    page::place(list, token)?.map(|place| place.parse().map_err(|_| page::bad_token())).transpose()
}
