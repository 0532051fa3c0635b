//! What a webhook item or an import shows of a person, and under which aliases the store has them.

use waypost_domain::message::{MessageContent, Rotation};
use waypost_domain::{Alias, AliasSet, InboundMessage, LanguageEvidence, MessageKind, Timestamp, phone};

use crate::records::key;

/// `system.type` of <https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages/system>.
const IDENTITY_CHANGED: &str = "customer_identity_changed";
/// `contacts[].origin` of a card that a customer shared of themselves.
const OWN_CARD: &str = "contact_request";

/// What a webhook item shows of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// As they are written there; the store makes their canonical form.
    pub aliases: AliasSet,
    /// Identities that Meta said were replaced.
    pub rotations: Vec<Rotation>,
    pub profile_name: Option<String>,
    pub username: Option<String>,
    /// WhatsApp says that somebody else may use the number now.
    pub identity_changed: bool,
    /// Where they wrote it themselves.
    pub wrote: Option<Wrote>,
    pub at: Timestamp,
}

/// What only a message tells that somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrote {
    /// Who is known by a number alone and wrote nothing since then may be somebody else.
    pub silent_before: Timestamp,
    pub language: Option<LanguageEvidence>,
    /// The number on a card of their own.
    pub own_number: Option<String>,
}

impl Observation {
    /// Nothing but the aliases.
    pub const fn of(aliases: AliasSet, at: Timestamp) -> Self {
        let rotations = Vec::new();
        Self { aliases, rotations, profile_name: None, username: None, identity_changed: false, wrote: None, at }
    }

    /// Of a message that a customer wrote. `silent_before`: who is known by a number alone and wrote nothing since then may be
    /// somebody else. `language`: what it shows of theirs.
    pub fn of_message(
        message: &InboundMessage,
        at: Timestamp,
        silent_before: Timestamp,
        language: Option<LanguageEvidence>,
    ) -> Self {
        // News of the platform are nothing that they wrote.
        let wrote = (message.kind != MessageKind::System).then(|| Wrote {
            silent_before,
            language,
            own_number: own_number(message),
        });
        let identity_changed = matches!(&message.content,
            MessageContent::System(system) if system.kind.as_deref() == Some(IDENTITY_CHANGED));
        Self { identity_changed, wrote, ..Self::of_sent(message, at) }
    }

    /// Of a message that somebody else wrote to them.
    pub fn of_sent(message: &InboundMessage, at: Timestamp) -> Self {
        Self {
            rotations: message.rotation.clone().into_iter().collect(),
            profile_name: message.profile_name.clone(),
            username: message.username.clone(),
            ..Self::of(message.contact.clone(), at)
        }
    }

    /// The number on a card of their own, as the store has it.
    pub(super) fn own_number(&self) -> Option<String> {
        let number = self.wrote.as_ref()?.own_number.as_deref()?;
        Some(key(&phone::canonical(number)).into_owned())
    }
}

/// The number on a card that they shared of themselves, and of nobody else.
fn own_number(message: &InboundMessage) -> Option<String> {
    let MessageContent::Cards(cards) = &message.content else { return None };
    let [card] = cards.as_slice() else { return None };
    let [phone] = card.phones.as_slice() else { return None };
    let number = phone.wa_id.as_ref().or(phone.phone.as_ref())?;
    let is_number = phone::digits(number).is_some();
    (card.origin.as_deref() == Some(OWN_CARD) && is_number).then(|| number.clone())
}

/// The aliases in the form in which the store has them: the number in its canonical one.
pub(super) fn storable(aliases: &AliasSet) -> AliasSet {
    let AliasSet { phone, bsuid, parent_bsuid } = aliases;
    let storable = |value: &str| key(value).into_owned();
    AliasSet {
        phone: phone.as_deref().map(|phone| storable(&phone::canonical(phone))),
        bsuid: bsuid.as_deref().map(storable),
        parent_bsuid: parent_bsuid.as_deref().map(storable),
    }
}

/// What the number of storable `aliases` may have been stored as before numbers had a canonical form.
pub(super) fn other_spellings(aliases: &AliasSet) -> Vec<Alias> {
    let phone = aliases.phone.as_deref().unwrap_or_default();
    phone::other_spellings(phone).into_iter().map(Alias::Phone).collect()
}

/// What these may be stored as, in the order of their authority.
pub(crate) fn stored_names(aliases: &AliasSet) -> Vec<Alias> {
    let aliases = storable(aliases);
    aliases.iter().chain(other_spellings(&aliases)).collect()
}

/// Under which somebody claims the number of storable `aliases`. Whoever shows a BSUID needs no claim.
pub(super) fn claim_on(aliases: &AliasSet) -> Option<Alias> {
    aliases.phone.clone().filter(|_| aliases.bsuid.is_none()).map(Alias::PhoneClaim)
}
