//! What customers see of a number of the business beside its name: GET `/{phone_number_id}/whatsapp_business_profile`.

use super::{AnswerError, each, fields, words};
use crate::json::{Json, fields_of, string};

/// The profile of a number. What was not asked for, and what is not filled in, is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BusinessProfile {
    /// A line below the name.
    pub about: Option<String>,
    /// Where the business is.
    pub address: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// Where it reads mail.
    pub email: Option<String>,
    /// Its trade, in Meta's word.
    pub vertical: Option<String>,
    /// At most two.
    pub websites: Vec<String>,
    /// Of the picture; it ends after a while.
    pub picture_url: Option<String>,
}

impl BusinessProfile {
    /// Meta writes a list of one.
    pub fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let [data] = fields(body, &["data"])?;
        each(data, |profile| Some(Self::of(profile))).into_iter().next().ok_or(AnswerError::Missing("data"))
    }

    fn of(profile: Json<'_>) -> Self {
        let [about, address, description, email, vertical, websites, picture_url] = fields_of(
            profile,
            &["about", "address", "description", "email", "vertical", "websites", "profile_picture_url"],
        );
        Self {
            about: string(about),
            address: string(address),
            description: string(description),
            email: string(email),
            vertical: string(vertical),
            websites: words(websites),
            picture_url: string(picture_url),
        }
    }
}
