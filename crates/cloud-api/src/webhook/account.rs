//! What Meta tells of our accounts, numbers and templates: the changes that concern nobody in particular
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components>).
//!
//! What a change is about is read from what it holds as far as that tells; Meta's pages disagree about names, and numbers come as
//! numbers and as texts. What follows from it is not said here. Texts of Meta's for people are not read: no decision hangs on
//! them, and they are translated.

mod moment;
mod standing;
mod template;

use crate::json::{Json, fields, fields_of, integer, string, text};

pub use standing::{AccountEvent, AccountUpdate, BanState, Restriction};
pub use template::{Pause, TemplateChange, TemplateNews};

/// What one change says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountNews {
    Template(TemplateNews),
    Number(NumberNews),
    /// `business_capability_update`: the messaging limit of the whole portfolio, as `TIER_2K`; `None` where it names another
    /// limit only.
    Limit(Option<String>),
    Account(AccountUpdate),
    Alert(AccountAlert),
    /// What became of a name that customers are to see.
    NumberName(Decided),
    Security(SecurityNews),
    /// Of the whole account.
    Review(Decided),
}

/// `phone_number_quality_update`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberNews {
    /// As people write it.
    pub display_phone_number: Option<String>,
    /// `FLAGGED`, `ONBOARDING`, `THROUGHPUT_UPGRADE` and their like; empty where there is none.
    pub event: String,
    /// The messaging limit, as `TIER_2K`: by now of the portfolio.
    pub tier: Option<String>,
}

/// `account_alerts`. Its text is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountAlert {
    /// `BUSINESS`, `WABA`, `PHONE_NUMBER`.
    pub entity_kind: Option<String>,
    pub entity_id: Option<String>,
    /// `CRITICAL`, `WARNING`, `INFORMATIONAL`.
    pub severity: Option<String>,
    pub status: Option<String>,
    pub kind: Option<String>,
}

/// What Meta decided about something of a number, or of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Whose, as people write it.
    pub display_phone_number: Option<String>,
    /// `APPROVED`, `REJECTED`, `DEFERRED`; empty where there is none.
    pub decision: String,
}

/// `security`: somebody changed or asked to change the PIN of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityNews {
    /// As people write it.
    pub display_phone_number: Option<String>,
    /// `PIN_CHANGED` and its like; empty where there is none.
    pub event: String,
}

impl AccountNews {
    /// The fields of which [`read`](Self::read) makes something.
    pub const FIELDS: [&str; 12] = [
        "message_template_status_update",
        "message_template_quality_update",
        "message_template_components_update",
        "message_template_category_update",
        "template_category_update",
        "phone_number_quality_update",
        "business_capability_update",
        "account_update",
        "account_alerts",
        "phone_number_name_update",
        "security",
        "account_review_update",
    ];

    /// Of a change of this field, with this value. `None`: of another field, or not an object.
    pub fn read(field: &str, value_json: &str) -> Option<Self> {
        match field {
            "message_template_status_update"
            | "message_template_quality_update"
            | "message_template_components_update"
            | "message_template_category_update"
            | "template_category_update" => TemplateNews::read(value_json).map(Self::Template),
            "phone_number_quality_update" => NumberNews::read(value_json).map(Self::Number),
            "business_capability_update" => limit(value_json).map(Self::Limit),
            "account_update" => AccountUpdate::read(value_json).map(Self::Account),
            "account_alerts" => AccountAlert::read(value_json).map(Self::Alert),
            "phone_number_name_update" => Decided::read(value_json).map(Self::NumberName),
            "security" => SecurityNews::read(value_json).map(Self::Security),
            "account_review_update" => Decided::read(value_json).map(Self::Review),
            _ => None,
        }
    }
}

impl NumberNews {
    fn read(value: &str) -> Option<Self> {
        let [display, event, limit, old_limit] =
            fields(value, &["display_phone_number", "event", "max_daily_conversations_per_business", "current_limit"])?
                .values;
        Some(Self {
            display_phone_number: string(display),
            event: word(event),
            tier: tier(limit).or_else(|| tier(old_limit)),
        })
    }
}

impl AccountAlert {
    /// What it says stands in the value itself, or in an object in it.
    fn read(value: &str) -> Option<Self> {
        let [kind, id, severity, status, alert, nested] =
            fields(value, &["entity_type", "entity_id", "alert_severity", "alert_status", "alert_type", "alert_info"])?
                .values;
        let [of_severity, of_status, of_alert] = fields_of(nested, &["alert_severity", "alert_status", "alert_type"]);
        Some(Self {
            entity_kind: word_of(kind),
            entity_id: string(id),
            severity: word_of(severity.or(of_severity)),
            status: word_of(status.or(of_status)),
            kind: word_of(alert.or(of_alert)),
        })
    }
}

impl Decided {
    fn read(value: &str) -> Option<Self> {
        let [display, decision] = fields(value, &["display_phone_number", "decision"])?.values;
        Some(Self { display_phone_number: string(display), decision: word(decision) })
    }
}

impl SecurityNews {
    fn read(value: &str) -> Option<Self> {
        let [display, event] = fields(value, &["display_phone_number", "event"])?.values;
        Some(Self { display_phone_number: string(display), event: word(event) })
    }
}

/// Meta's table has a number where its example has a word; a field of years ago is of one number.
fn limit(value: &str) -> Option<Option<String>> {
    let [of_business, of_phone, of_phone_too] = fields(
        value,
        &[
            "max_daily_conversations_per_business",
            "max_daily_conversation_per_phone",
            "max_daily_conversations_per_phone",
        ],
    )?
    .values;
    Some(tier(of_business).or_else(|| tier(of_phone)).or_else(|| tier(of_phone_too)))
}

/// A messaging limit as Meta's word for it, whether it writes the word or how many customers a day.
fn tier(json: Json<'_>) -> Option<String> {
    match integer(json) {
        Some(-1) => Some("TIER_UNLIMITED".to_owned()),
        Some(count) if count > 0 && count % 1000 == 0 => Some(format!("TIER_{}K", count / 1000)),
        Some(count) if count > 0 => Some(format!("TIER_{count}")),
        Some(_) => None,
        None => word_of(json).filter(|word| word != "TIER_NOT_SET"),
    }
}

/// A word of Meta's, in capitals; empty where there is none.
fn word(json: Json<'_>) -> String {
    word_of(json).unwrap_or_default()
}

/// Words are short: a text for people that stands in the place of one is none.
fn word_of(json: Json<'_>) -> Option<String> {
    const WORD_BYTES_MAX: usize = 64;
    let word = text(json)?;
    let is_word =
        word.len() <= WORD_BYTES_MAX && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    is_word.then(|| word.to_ascii_uppercase())
}
