//! What Meta decides about the account and its templates, and the news of it.

use serde_json::json;

use super::actor::ActorError;
use super::error::ApiError;
use super::state::State;

impl State {
    pub(crate) fn decide_template(
        &mut self,
        now_ms: i64,
        name: &str,
        language: &str,
        event: &str,
        reason: Option<&str>,
    ) -> Result<(), ActorError> {
        let template = self.templates.find_mut(name, language).ok_or(ActorError::NoTemplate)?;
        template.status = status_after(event).to_owned();
        template.rejected_reason = reason.filter(|_| event == "REJECTED").map(str::to_owned);
        let id = template.id;
        self.tell_template(now_ms, id, event, reason);
        Ok(())
    }

    /// News of a template.
    pub(crate) fn tell_template(&mut self, now_ms: i64, id: u64, event: &str, reason: Option<&str>) {
        let Some(template) = self.templates.get(id) else { return };
        let reason = reason.unwrap_or(if event == "REJECTED" { "OTHER" } else { "NONE" });
        let mut value = json!({
            "event": event,
            "message_template_id": template.id,
            "message_template_name": template.name,
            "message_template_language": template.language,
            "message_template_category": template.category.as_str().to_ascii_uppercase(),
            "reason": reason,
        });
        if event == "PAUSED" {
            let description = "Your template was paused due to low quality";
            value["other_info"] = json!({"title": "FIRST_PAUSE", "description": description});
        }
        self.tell_account(now_ms, "message_template_status_update", value);
    }

    pub(crate) fn release_held(
        &mut self,
        now_ms: i64,
        name: &str,
        language: &str,
        delivers: bool,
    ) -> Result<usize, ActorError> {
        let id = self.templates.find(name, language).ok_or(ActorError::NoTemplate)?.id;
        let held = self.held.remove(&id).unwrap_or_default();
        for sent in &held {
            let dropped = || ApiError::new(132_015, "The template was paused while its messages were held");
            self.schedule(now_ms, sent, (!delivers).then(dropped));
        }
        Ok(held.len())
    }

    /// `code` is what sends are refused with from now on.
    pub(crate) fn restrict(&mut self, now_ms: i64, code: Option<i64>) {
        self.account.restriction = code;
        let value = match code {
            Some(131_031) => {
                let date = now_ms / 1_000;
                json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE", "waba_ban_date": date}})
            }
            Some(_) => {
                let ends = now_ms / 1_000 + 7 * 24 * 3600;
                let restriction = json!({"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": ends});
                json!({"event": "ACCOUNT_RESTRICTION", "restriction_info": [restriction]})
            }
            None => json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}),
        };
        self.tell_account(now_ms, "account_update", value);
    }
}

/// The status that a template has after this was told.
fn status_after(event: &str) -> &str {
    match event {
        "REINSTATED" | "UNARCHIVED" => "APPROVED",
        other => other,
    }
}
