//! What statuses and messages say of a customer.

use waypost_domain::country;

/// What statuses and messages say of a customer.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) phone: Option<String>,
    pub(crate) user_id: String,
    pub(crate) username: Option<String>,
    pub(crate) name: String,
}

impl Person {
    /// ISO 3166 alpha-2.
    pub(crate) fn country(&self) -> Option<&str> {
        let by_phone = self.phone.as_deref().and_then(country::of_phone);
        by_phone.or_else(|| country::of_bsuid(&self.user_id))
    }

    /// By what they are called where both are known.
    pub(crate) fn id(&self) -> &str {
        self.phone.as_deref().unwrap_or(&self.user_id)
    }
}
