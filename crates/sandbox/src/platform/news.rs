//! News of the account that change what may be sent: quality, limits, categories. What is told is true from then on.

use serde_json::json;
use waypost_domain::Category;

use super::actor::ActorError;
use super::state::State;

/// Meta's rating of a number or a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Rating {
    Green,
    Yellow,
    Red,
}

impl Rating {
    const fn word(self) -> &'static str {
        match self {
            Self::Green => "GREEN",
            Self::Yellow => "YELLOW",
            Self::Red => "RED",
        }
    }
}

/// Meta's word for a messaging limit.
pub(crate) fn tier(limit: Option<u32>) -> String {
    match limit {
        None => "TIER_UNLIMITED".to_owned(),
        Some(limit) if limit >= 1_000 => format!("TIER_{}K", limit / 1_000),
        Some(limit) => format!("TIER_{limit}"),
    }
}

impl State {
    pub(crate) fn rate_number(&mut self, now_ms: i64, place: u32, rating: Rating) -> Result<(), ActorError> {
        let tier = tier(self.config.limits.messaging);
        let number = self.number_mut(place).ok_or(ActorError::NoNumber)?;
        number.quality = rating.word();
        let value = json!({
            "display_phone_number": number.name.display_phone_number,
            "event": if rating == Rating::Red { "FLAGGED" } else { "UNFLAGGED" },
            "max_daily_conversations_per_business": tier,
        });
        self.tell_account(now_ms, "phone_number_quality_update", value);
        Ok(())
    }

    /// Of the whole portfolio.
    pub(crate) fn limit_messaging(&mut self, now_ms: i64, limit: Option<u32>) {
        self.config.limits.messaging = limit;
        let value = json!({"max_daily_conversations_per_business": tier(limit), "max_phone_numbers_per_business": 25});
        self.tell_account(now_ms, "business_capability_update", value);
    }

    pub(crate) fn rate_template(
        &mut self,
        now_ms: i64,
        name: &str,
        language: &str,
        rating: Rating,
    ) -> Result<(), ActorError> {
        let template = self.templates.find_mut(name, language).ok_or(ActorError::NoTemplate)?;
        let before = std::mem::replace(&mut template.quality, rating.word());
        let value = json!({
            "message_template_id": template.id,
            "message_template_name": template.name,
            "message_template_language": template.language,
            "previous_quality_score": before,
            "new_quality_score": template.quality,
        });
        self.tell_account(now_ms, "message_template_quality_update", value);
        Ok(())
    }

    /// Meta files a template under another category: announced first (`is_done` is false), then done.
    pub(crate) fn refile_template(
        &mut self,
        now_ms: i64,
        name: &str,
        language: &str,
        category: Category,
        is_done: bool,
    ) -> Result<(), ActorError> {
        let template = self.templates.find_mut(name, language).ok_or(ActorError::NoTemplate)?;
        let word = |category: Category| category.as_str().to_ascii_uppercase();
        let mut value = json!({
            "message_template_id": template.id,
            "message_template_name": template.name,
            "message_template_language": template.language,
        });
        if is_done {
            let before = std::mem::replace(&mut template.category, category);
            template.correct_category = None;
            value["previous_category"] = json!(word(before));
            value["new_category"] = json!(word(category));
        } else {
            template.correct_category = Some(category);
            value["new_category"] = json!(word(template.category));
            value["correct_category"] = json!(word(category));
        }
        self.tell_account(now_ms, "template_category_update", value);
        Ok(())
    }
}
