//! What a webhook item or an import shows of a person, and under which aliases the store has them.

use waypost_domain::message::Rotation;
use waypost_domain::{Alias, AliasSet, LanguageEvidence, Timestamp, phone};

use crate::records::key;

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

    /// The number on a card of their own, as the store has it.
    pub(super) fn own_number(&self) -> Option<String> {
        let number = self.wrote.as_ref()?.own_number.as_deref()?;
        Some(key(&phone::canonical(number)).into_owned())
    }
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
