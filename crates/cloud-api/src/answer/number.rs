//! What Meta tells of one of the business's numbers.
//!
//! Words of states stay Meta's: it adds some.

use super::{AnswerError, Health, Page};
use crate::json::{Json, fields_of, object, string};

object! {
    NumberObject {
        id: "id",
        display_phone_number: "display_phone_number",
        verified_name: "verified_name",
        status: "status",
        quality_rating: "quality_rating",
        name_status: "name_status",
        throughput: "throughput",
        code_verification_status: "code_verification_status",
        account_mode: "account_mode",
        host_platform: "host_platform",
        platform_type: "platform_type",
        health_status: "health_status",
        messaging_limit: "whatsapp_business_manager_messaging_limit",
        webhook_configuration: "webhook_configuration",
    }
}

/// One of the business's numbers. What was not asked for is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Meta's id.
    pub id: String,
    /// As people write it.
    pub display_phone_number: Option<String>,
    /// What customers see.
    pub verified_name: Option<String>,
    /// `CONNECTED`, or why it cannot send.
    pub status: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN` or `NA`.
    pub quality_rating: Option<String>,
    /// Of the verified name.
    pub name_status: Option<String>,
    /// `STANDARD` or `HIGH`.
    pub throughput: Option<String>,
    /// Whether the number was shown to be ours.
    pub code_verification_status: Option<String>,
    /// `LIVE` or `SANDBOX`.
    pub account_mode: Option<String>,
    /// `CLOUD_API`, or where else it lives.
    pub platform: Option<String>,
    /// Whether it can send.
    pub health: Option<Health>,
    /// `TIER_2K` and its like: of the whole portfolio.
    pub messaging_limit: Option<String>,
    /// Where its webhooks go.
    pub webhooks: WebhookAddresses,
}

/// Where webhooks of a number go: the first that is there counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookAddresses {
    /// Of the number alone.
    pub of_number: Option<String>,
    /// Of the account.
    pub of_account: Option<String>,
    /// Of the app.
    pub of_app: Option<String>,
}

impl Number {
    /// The answer to GET `/{phone_number_id}`.
    pub fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let text = std::str::from_utf8(body).map_err(|_| AnswerError::NotAnObject)?;
        let (object, _) = NumberObject::read(text).ok_or(AnswerError::NotAnObject)?;
        Self::of_object(&object).ok_or(AnswerError::Missing("id"))
    }

    /// The answer to GET `/{waba_id}/phone_numbers`.
    pub fn read_page(body: &[u8]) -> Result<Page<Self>, AnswerError> {
        Page::read_with(body, Self::of)
    }

    fn of(element: Json<'_>) -> Option<Self> {
        let (object, _) = NumberObject::read(element?.get())?;
        Self::of_object(&object)
    }

    fn of_object(object: &NumberObject<'_>) -> Option<Self> {
        let [level] = fields_of(object.throughput, &["level"]);
        let [of_number, of_account, of_app] =
            fields_of(object.webhook_configuration, &["phone_number", "whatsapp_business_account", "application"]);
        Some(Self {
            id: string(object.id)?,
            display_phone_number: string(object.display_phone_number),
            verified_name: string(object.verified_name),
            status: string(object.status),
            quality_rating: string(object.quality_rating),
            name_status: string(object.name_status),
            throughput: string(level.or(object.throughput)),
            code_verification_status: string(object.code_verification_status),
            account_mode: string(object.account_mode),
            platform: string(object.host_platform).or_else(|| string(object.platform_type)),
            health: Health::of(object.health_status),
            messaging_limit: string(object.messaging_limit),
            webhooks: WebhookAddresses {
                of_number: string(of_number),
                of_account: string(of_account),
                of_app: string(of_app),
            },
        })
    }
}
