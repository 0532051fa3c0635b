//! The contact that a request names: by an id of ours, a phone number or a user's id of Meta's.

use waypost_domain::{AliasSet, ContactId};
use waypost_proto::reasons::CONTACT_UNKNOWN;
use waypost_proto::sends::Recipient;
use waypost_store::Store;

use crate::Result;
use crate::error::not_found;

/// The contact that is meant, as they are known by now. An alias is not repeated in the answer, which may be logged.
pub async fn contact(store: &Store, recipient: Recipient) -> Result<ContactId> {
    let none = AliasSet { phone: None, bsuid: None, parent_bsuid: None };
    let aliases = match recipient {
        Recipient::Contact(id) => {
            let survivor = store.surviving_contact(id).await?;
            return survivor.ok_or_else(|| not_found("the contact").because(CONTACT_UNKNOWN));
        }
        Recipient::Phone(phone) => AliasSet { phone: Some(phone), ..none },
        Recipient::Bsuid(bsuid) => AliasSet { bsuid: Some(bsuid), ..none },
    };
    let found = store.find_contact(&aliases).await?;
    found.map(|found| found.contact.id).ok_or_else(|| not_found("the contact").because(CONTACT_UNKNOWN))
}
