//! How a version decides a message: one that was decided, or one that is only described.

use std::path::PathBuf;

use tonic::Request;
use waypost_grpc::error::{CallError, invalid, not_found, precondition};
use waypost_grpc::{Caller, Result, blocking};
use waypost_live::RulesError;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::explain_rule_set_request::Message;
use waypost_proto::reasons::MESSAGE_UNKNOWN;
use waypost_proto::route::decode_route_input;
use waypost_proto::rule_set::read_input;
use waypost_rules::explain::Explanation;
use waypost_rules::{RouteInput, RuleSet};

use super::super::decisions::{bound, may_see};
use super::super::reference::Reference;
use super::super::versions;
use super::{RuleSets, wire};
use crate::roles::{READ_CONTACTS, STAFF_ROLES};

const TEXT: &str = "text";

/// The text of the rules to explain by, and what to call them.
struct Rules {
    name: String,
    hash: String,
    text: String,
}

impl RuleSets {
    pub(super) async fn explain_rule_set(
        &self,
        request: Request<v1::ExplainRuleSetRequest>,
    ) -> Result<v1::ExplainRuleSetResponse> {
        let caller = Caller::of(&request)?;
        let v1::ExplainRuleSetRequest { name, message, rules: wanted } = request.into_inner();
        // Who is bound to teams asks about what was decided for these, and as it was decided.
        let is_decided = matches!(message, Some(Message::Decision(_))) && name.is_empty();
        if caller.bound_to.is_some() && !is_decided {
            let roles: Vec<&str> = STAFF_ROLES.iter().map(|role| role.as_str()).collect();
            return Err(CallError::RoleMissing { roles: roles.join(", ") });
        }
        // What somebody describes, they know already.
        let hides_customer = matches!(message, Some(Message::Decision(_))) && !caller.has_any(READ_CONTACTS);
        let (input, decided_by) = match message {
            None => return Err(invalid("message", "give a decision, a text or an input")),
            Some(Message::Text(text)) => {
                let (text, message_type, received_at) =
                    (Some(text), TEXT.to_owned(), Some(self.shared.store.now().await?));
                (RouteInput { text, message_type, received_at, ..RouteInput::default() }, None)
            }
            Some(Message::Input(input)) => {
                let mut input = read_input(input, "input").map_err(CallError::from)?;
                if input.message_type.is_empty() {
                    TEXT.clone_into(&mut input.message_type);
                }
                (input, None)
            }
            Some(Message::Decision(reference)) => self.stored_input(&caller, &reference).await?,
        };
        let rules = self.rules_of(&name, decided_by).await?;
        let explained = blocking(move || explain(&rules, &input, &wanted)).await?;
        let shown = if hides_customer { explained.without_customer() } else { explained };
        Ok(shown.into())
    }

    /// Of the version that is named, else of what decided, else of what decides.
    async fn rules_of(&self, name: &str, decided_by: Option<String>) -> Result<Rules> {
        if let (Some(file), None, true) = (&self.shared.watched.rules_file, &decided_by, name.is_empty()) {
            return in_file(file.clone()).await;
        }
        let Some(hash) = decided_by.filter(|_| name.is_empty()) else {
            let row = if name.is_empty() { self.active_row().await? } else { self.row("name", name).await? };
            return Ok(Rules { name: wire::name(row.number), hash: row.hash, text: row.text });
        };
        let text = match self.shared.store.rule_set_by_hash(&hash).await? {
            Some(row) => Some(row.text),
            None => self.shared.store.rule_text(&hash).await?.map(|kept| kept.text),
        };
        let gone = || precondition("NO_SUCH_VERSION", &hash, format!("the text of {hash} is not kept; name a version"));
        Ok(Rules { text: text.ok_or_else(gone)?, name: hash.clone(), hash })
    }

    /// What was known when the message was decided, and the version that decided it.
    async fn stored_input(&self, caller: &Caller, reference: &str) -> Result<(RouteInput, Option<String>)> {
        let reference = Reference { field: "decision", text: reference, phone_number_id: "" };
        let found = reference.message(&self.shared.store, bound(caller)).await?;
        // What was given may hold a number, and the answer may be logged.
        let known = found
            .filter(|event| may_see(caller, event))
            .ok_or_else(|| not_found("the decision").because(MESSAGE_UNKNOWN))?;
        let name = &format!("decisions/{}", known.decision_id);
        let outcome = known.outcome.ok_or_else(|| not_found(name))?;
        if outcome.input.is_empty() {
            return Err(precondition("INPUT_ERASED", name, format!("the input of {name} was erased")));
        }
        let input =
            decode_route_input(&outcome.input).map_err(|error| CallError::Internal(format!("{name}: {error}")))?;
        Ok((input, Some(outcome.rule_set)))
    }
}

/// The rules file that decides.
async fn in_file(file: PathBuf) -> Result<Rules> {
    blocking(move || {
        let name = file.display().to_string();
        let refused = |error: RulesError| precondition("RULES_FILE_UNREADABLE", &name, error.to_string());
        let rules = waypost_live::Rules::open_file(&file).map_err(refused)?.current();
        let (hash, text) = (rules.active().version.clone(), rules.active().text());
        Ok(Rules { name, hash, text })
    })
    .await
}

/// `wanted`: ids of rules; all where it is empty.
fn explain(rules: &Rules, input: &RouteInput, wanted: &[String]) -> Result<Explanation> {
    let Rules { name, hash, text } = rules;
    let rules = RuleSet::restore(text, hash).map_err(|errors| versions::unreadable(name, &errors))?;
    let all = || rules.definition().rules.iter().map(|rule| &*rule.id);
    if let Some(id) = wanted.iter().find(|id| !all().any(|known| known == id.as_str())) {
        return Err(invalid("rules", format!("{id:?} is no rule of this version")));
    }
    let wanted: Vec<&str> =
        if wanted.is_empty() { all().collect() } else { wanted.iter().map(String::as_str).collect() };
    Ok(rules.explain(input, &wanted))
}
