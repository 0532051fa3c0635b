//! What Meta says of the app, the token, the account and its numbers when it is asked, beside what follows from everything else:
//! words of Meta's that are as one likes, so that whoever reads them can be shown each.
//!
//! What is said here changes nothing about what is taken or refused.

use serde::{Deserialize, Serialize};

/// All of it; at first as of a business with which everything is well. What is said of numbers is said of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Standing {
    /// `status` of a number that is registered.
    pub number_status: String,
    pub name_status: String,
    pub code_verification_status: String,
    pub account_mode: String,
    pub host_platform: String,
    pub account_review_status: String,
    pub business_verification_status: String,
    /// What stands in the way besides, in `health_status`.
    pub hindrances: Vec<Hindrance>,
    /// The fields that the app gets webhooks of.
    pub subscribed_fields: Vec<String>,
    /// Whether the app's subscription is switched on.
    pub subscription_active: bool,
    /// What the token may do.
    pub scopes: Vec<String>,
    /// The accounts that it reaches; `None`: ours.
    pub token_targets: Option<Vec<String>>,
    /// What is asked of an older version is answered by this one: `v21.0`.
    pub oldest_version: String,
}

/// One thing that stands in the way of messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hindrance {
    /// Of what: `PHONE_NUMBER`, `WABA`, `BUSINESS` or `APP`.
    pub entity: String,
    /// `LIMITED` or `BLOCKED`.
    pub can_send_message: String,
    pub error_code: i64,
    pub error_description: String,
    pub possible_solution: String,
}

/// The fields of the app `whatsapp_business_account` that concern messages.
const FIELDS: [&str; 20] = [
    "messages",
    "message_template_status_update",
    "message_template_quality_update",
    "message_template_components_update",
    "message_template_category_update",
    "template_category_update",
    "account_update",
    "account_alerts",
    "account_review_update",
    "phone_number_quality_update",
    "phone_number_name_update",
    "business_capability_update",
    "security",
    "user_preferences",
    "messaging_handovers",
    "standby",
    "smb_message_echoes",
    "calls",
    "user_id_update",
    "history",
];

const SCOPES: [&str; 3] = ["whatsapp_business_management", "whatsapp_business_messaging", "business_management"];

impl Default for Standing {
    fn default() -> Self {
        let words = |all: &[&str]| all.iter().map(|&word| word.to_owned()).collect();
        Self {
            number_status: "CONNECTED".to_owned(),
            name_status: "APPROVED".to_owned(),
            code_verification_status: "VERIFIED".to_owned(),
            account_mode: "LIVE".to_owned(),
            host_platform: "CLOUD_API".to_owned(),
            account_review_status: "APPROVED".to_owned(),
            business_verification_status: "verified".to_owned(),
            hindrances: Vec::new(),
            subscribed_fields: words(&FIELDS),
            subscription_active: true,
            scopes: words(&SCOPES),
            token_targets: None,
            oldest_version: "v21.0".to_owned(),
        }
    }
}

impl Standing {
    /// With these keys as they are given, and the others as they are.
    pub(crate) fn with(&self, change: serde_json::Value) -> Result<Self, serde_json::Error> {
        let serde_json::Value::Object(change) = change else {
            return Err(serde::de::Error::custom("must be an object"));
        };
        let mut whole = serde_json::to_value(self)?;
        if let Some(whole) = whole.as_object_mut() {
            whole.extend(change);
        }
        serde_json::from_value(whole)
    }

    /// The version that answers what is asked of this one.
    pub(crate) fn answering(&self, asked: &str) -> String {
        let number = |version: &str| version.trim_start_matches('v').split('.').next()?.parse::<u32>().ok();
        if number(asked) < number(&self.oldest_version) { self.oldest_version.clone() } else { asked.to_owned() }
    }
}
