//! What Meta tells of a WhatsApp Business Account.

use super::{AnswerError, Health, fields};
use crate::json::string;

/// An account. What was not asked for is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Meta's id.
    pub id: String,
    /// What it is called.
    pub name: Option<String>,
    /// `APPROVED` and its like.
    pub review_status: Option<String>,
    /// What it pays in.
    pub currency: Option<String>,
    /// The way in which it pays: absent where there is none, and nothing that costs can be sent then.
    pub primary_funding_id: Option<String>,
    /// `verified` and its like: of the business that owns it.
    pub business_verification: Option<String>,
    /// Whether it can send.
    pub health: Option<Health>,
}

impl Account {
    /// The answer to GET `/{waba_id}`.
    pub fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let names = &[
            "id",
            "name",
            "account_review_status",
            "currency",
            "primary_funding_id",
            "business_verification_status",
            "health_status",
        ];
        let [id, name, review_status, currency, funding, verification, health] = fields(body, names)?;
        Ok(Self {
            id: string(id).ok_or(AnswerError::Missing("id"))?,
            name: string(name),
            review_status: string(review_status),
            currency: string(currency),
            primary_funding_id: string(funding),
            business_verification: string(verification),
            health: Health::of(health),
        })
    }
}
