//! What people give to say which message or whose messages they mean: an id in whatever form they have at hand. Must never
//! repeat in an error what may hold a number: errors may be logged.

use uuid::Uuid;
use waypost_domain::{AliasSet, ContactId, DecisionId, PhoneNumberId, phone};
use waypost_grpc::Result;
use waypost_grpc::error::invalid;
use waypost_grpc::fields::uuid_of;
use waypost_store::{DecisionFilter, DecisionPage, EventKey, KnownEvent, Store};

/// How often a search is gone on with; each time the store looks at so many rows at most.
const LOOKS_MAX: usize = 20;

/// A reference: the field of a request that has it, what it says, and on which of our numbers it was received.
pub(super) struct Reference<'a> {
    pub(super) field: &'static str,
    pub(super) text: &'a str,
    /// Of a message's id; empty: all numbers are tried.
    pub(super) phone_number_id: &'a str,
}

/// What a reference is to.
pub(super) enum Meant {
    Message(Box<KnownEvent>),
    /// Who they are by now, if they became part of another.
    Contact(ContactId),
}

impl Reference<'_> {
    /// `None`: nothing of it is known.
    pub(super) async fn meant(&self, store: &Store) -> Result<Option<Meant>> {
        let text = self.text.trim();
        if text.is_empty() {
            let forms = "must be a message's id, a decision, a contact, a phone number or a business-scoped user id";
            return Err(invalid(self.field, forms));
        }
        if let Some(short) = text.strip_prefix("decisions/").and_then(short_id) {
            return self.beginning_with(store, short).await;
        }
        if text.starts_with("decisions/") {
            return message(store, uuid_of(self.field, "decisions", text)?).await;
        }
        if text.starts_with("contacts/") {
            return contact(store, uuid_of(self.field, "contacts", text)?).await;
        }
        if let Ok(id) = Uuid::try_parse(text) {
            let message = message(store, id).await?;
            return if message.is_some() { Ok(message) } else { contact(store, id).await };
        }
        let digits = phone::digits(text).filter(|digits| digits.len() <= phone::DIGITS_MAX);
        if let Some(digits) = digits {
            let aliases = AliasSet { phone: Some(digits.into_owned()), ..AliasSet::default() };
            if let Some(found) = store.find_contact(&aliases).await? {
                return Ok(Some(Meant::Contact(found.contact.id)));
            }
        }
        if let Some(short) = short_id(text)
            && let Some(found) = self.beginning_with(store, short).await?
        {
            return Ok(Some(found));
        }
        if let Some(found) = of_message(store, text, self.phone_number_id).await? {
            return Ok(Some(Meant::Message(Box::new(found))));
        }
        let user_id = Some(text.to_owned());
        let aliases = AliasSet { phone: None, bsuid: user_id.clone(), parent_bsuid: user_id };
        Ok(store.find_contact(&aliases).await?.map(|found| Meant::Contact(found.contact.id)))
    }

    /// The only decision whose id begins so.
    async fn beginning_with(&self, store: &Store, (first, last): (Uuid, Uuid)) -> Result<Option<Meant>> {
        let mut found = store.decisions_between(DecisionId::from_uuid(first), DecisionId::from_uuid(last), 2).await?;
        if found.len() > 1 {
            return Err(invalid(self.field, "several decisions have an id that begins so: give more of it"));
        }
        Ok(found.pop().map(|found| Meant::Message(Box::new(found))))
    }

    /// The message that is meant, or the last one of whom is meant that `filter` lets pass.
    pub(super) async fn message(&self, store: &Store, filter: DecisionFilter) -> Result<Option<KnownEvent>> {
        match self.meant(store).await? {
            Some(Meant::Message(message)) => Ok(Some(*message)),
            Some(Meant::Contact(id)) => Ok(last_of(store, id, filter, 1).await?.into_iter().next()),
            None => Ok(None),
        }
    }

    /// The contact that is meant, or who wrote the message that is meant.
    pub(super) async fn contact(&self, store: &Store) -> Result<Option<ContactId>> {
        match self.meant(store).await? {
            Some(Meant::Contact(id)) => Ok(Some(id)),
            Some(Meant::Message(message)) => match message.contact {
                Some(id) => Ok(store.surviving_contact(id).await?),
                None => Ok(None),
            },
            None => Ok(None),
        }
    }
}

/// The last messages of a contact, the newest first, of those that `filter` lets pass.
pub(super) async fn last_of(
    store: &Store,
    contact: ContactId,
    filter: DecisionFilter,
    limit: u32,
) -> Result<Vec<KnownEvent>> {
    let filter = DecisionFilter { contacts: Some(store.parts_of_contact(contact).await?), ..filter };
    let (mut found, mut places) = (Vec::new(), None);
    for _ in 0..LOOKS_MAX {
        let left = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        let DecisionPage { events, next } = store.newest_decisions(&filter, places, left).await?;
        found.extend(events);
        places = next;
        if places.is_none() || found.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
            break;
        }
    }
    Ok(found)
}

/// The ids that begin like a short one, the first and the last of them: 8 hexadecimal digits or more, as lists and
/// `waypost tail` show them.
fn short_id(text: &str) -> Option<(Uuid, Uuid)> {
    let digits = text.replace('-', "");
    let is_short = (8..32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let filled =
        |with: &str| Uuid::try_parse(&format!("{digits}{}", with.repeat(32_usize.checked_sub(digits.len())?))).ok();
    if is_short { Some((filled("0")?, filled("f")?)) } else { None }
}

async fn message(store: &Store, id: Uuid) -> Result<Option<Meant>> {
    let found = store.decision_of(DecisionId::from_uuid(id)).await?;
    Ok(found.map(|found| Meant::Message(Box::new(found))))
}

async fn contact(store: &Store, id: Uuid) -> Result<Option<Meant>> {
    Ok(store.surviving_contact(ContactId::from_uuid(id)).await?.map(Meant::Contact))
}

/// The decision's id is made of both ids, so without a number each is tried.
pub(super) async fn of_message(store: &Store, id: &str, phone_number_id: &str) -> Result<Option<KnownEvent>> {
    let numbers = if phone_number_id.is_empty() {
        store.numbers().await?.into_iter().map(|number| number.id).collect()
    } else {
        vec![PhoneNumberId::new(phone_number_id)]
    };
    for number in numbers {
        let event = EventKey { number, key: id.to_owned() };
        if let Some(found) = store.decision(&event).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_id_is_the_beginning_of_one() {
        let range = |text: &str| short_id(text).map(|(first, last)| format!("{first} {last}"));
        let all = |zeros: &str, fs: &str| Some(format!("24f07525-{zeros} 24f07525-{fs}"));
        assert_eq!(range("24f07525"), all("0000-0000-0000-000000000000", "ffff-ffff-ffff-ffffffffffff"));
        assert_eq!(range("24F07525-119d-5"), all("119d-5000-0000-000000000000", "119d-5fff-ffff-ffffffffffff"));
        for other in ["24f0752", "wamid.AB", "24f07525-119d-59fd-92a8-eb1a552abc3d", "24f07525x", "+4915112345678"] {
            assert_eq!(short_id(other), None, "{other}");
        }
    }
}
