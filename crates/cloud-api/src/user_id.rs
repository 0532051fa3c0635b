//! The form of a business-scoped user id, by which it is told from a phone number.
//!
//! A person's is `US.1349…`, that of the business portfolio's parent `US.ENT.1181…`
//! (<https://developers.facebook.com/docs/whatsapp/business-scoped-user-ids>).

const BYTES_MAX: usize = 3 + 4 + 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdForm {
    /// Or anything else that is no id.
    Phone,
    Bsuid,
    ParentBsuid,
}

impl IdForm {
    pub(crate) fn of(text: &str) -> Self {
        let Some((country, id)) = text.split_once('.') else { return Self::Phone };
        let (id, is_parent) = id.strip_prefix("ENT.").map_or((id, false), |id| (id, true));
        let is_country = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
        let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match (is_country && is_id && text.len() <= BYTES_MAX, is_parent) {
            (false, _) => Self::Phone,
            (true, false) => Self::Bsuid,
            (true, true) => Self::ParentBsuid,
        }
    }
}
