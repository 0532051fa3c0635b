//! Who a contact is: a set of aliases, any of which may be missing, appear later or vanish.
//!
//! The phone number is not a key: numbers are recycled, and since 2026 a user may show only a business-scoped user
//! id (BSUID, <https://developers.facebook.com/docs/whatsapp/business-scoped-user-ids>). This module decides, from
//! what was observed and who owns those aliases today, what has to happen; the store carries it out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::ContactId;
use crate::language::LanguageMemory;
use crate::phone;

/// What is known of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRecord {
    pub id: ContactId,
    pub attributes: BTreeMap<String, String>,
    pub profile_name: Option<String>,
    pub username: Option<String>,
    /// The number as WhatsApp wrote it last, where that is not its canonical form.
    pub wa_id: Option<String>,
    pub language: LanguageMemory,
    /// Never met before what asked for it.
    pub is_new: bool,
}

impl ContactRecord {
    /// A contact of whom nothing is known but that there is one.
    pub const fn empty(id: ContactId) -> Self {
        let language = LanguageMemory { known: None, sample: None };
        let attributes = BTreeMap::new();
        Self { id, attributes, profile_name: None, username: None, wa_id: None, language, is_new: false }
    }
}

/// One name that points at a contact. Each alias belongs to at most one contact at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Alias {
    /// Digits of the phone number, without `+`: its canonical form, or another way in which it was seen written
    /// ([`crate::phone`]).
    Phone(String),
    /// Scoped to one business portfolio; changes when the user changes number.
    Bsuid(String),
    /// The same person across the portfolios of one parent business.
    ParentBsuid(String),
    /// A phone number, in canonical form, that somebody says is theirs: it does not name them until it writes.
    PhoneClaim(String),
}

impl Alias {
    /// The word that stands for the kind of alias in the store.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Phone(_) => "phone",
            Self::Bsuid(_) => "bsuid",
            Self::ParentBsuid(_) => "parent_bsuid",
            Self::PhoneClaim(_) => "phone_claim",
        }
    }

    pub fn value(&self) -> &str {
        match self {
            Self::Phone(value) | Self::Bsuid(value) | Self::ParentBsuid(value) | Self::PhoneClaim(value) => value,
        }
    }

    pub fn from_parts(kind: &str, value: String) -> Option<Self> {
        match kind {
            "phone" => Some(Self::Phone(value)),
            "bsuid" => Some(Self::Bsuid(value)),
            "parent_bsuid" => Some(Self::ParentBsuid(value)),
            "phone_claim" => Some(Self::PhoneClaim(value)),
            _ => None,
        }
    }
}

/// The aliases that one webhook item shows of one person, as they are written there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct AliasSet {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bsuid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_bsuid: Option<String>,
}

impl AliasSet {
    pub const fn is_empty(&self) -> bool {
        self.phone.is_none() && self.bsuid.is_none() && self.parent_bsuid.is_none()
    }

    /// With the phone number in its canonical form.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        self.phone = self.phone.map(|phone| phone::canonical(&phone).into_owned());
        self
    }

    /// In the order of their authority: BSUID, parent BSUID, phone.
    pub fn iter(&self) -> impl Iterator<Item = Alias> + '_ {
        let bsuid = self.bsuid.clone().map(Alias::Bsuid);
        let parent = self.parent_bsuid.clone().map(Alias::ParentBsuid);
        let phone = self.phone.clone().map(Alias::Phone);
        bsuid.into_iter().chain(parent).chain(phone)
    }
}

/// The contact that an alias points at today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    pub contact: ContactId,
    /// Whether that contact has any BSUID: if so, a phone number alone must not merge it with another.
    pub has_bsuid: bool,
    /// Why a number of theirs may be somebody else's by now.
    pub doubt: Option<Doubt>,
}

impl Owner {
    /// Whether their number alone does not make whoever shows a BSUID the same person.
    const fn may_be_another(self) -> bool {
        self.has_bsuid || self.doubt.is_some()
    }
}

/// Why a contact who is known by a phone number alone may not be who has that number now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// They did not write for so long that the number may have been given to somebody else.
    Silent,
    /// WhatsApp said so, and nobody confirmed who it is.
    IdentityChanged,
    /// A person said that they are not who they were taken for.
    Apart,
}

impl Doubt {
    /// Its word in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::IdentityChanged => "identity_changed",
            Self::Apart => "apart",
        }
    }
}

/// Who owns the aliases of an [`AliasSet`], each in its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owners {
    pub phone: Option<Owner>,
    pub bsuid: Option<Owner>,
    pub parent_bsuid: Option<Owner>,
    /// Aliases of the same number that are spelt otherwise, as far as somebody owns them: they were stored before numbers
    /// had a canonical form, or as WhatsApp wrote them.
    pub spellings: Vec<(Alias, Owner)>,
    /// Who said before that the number is theirs; asked only of what that number wrote itself.
    pub claimant: Option<Owner>,
}

impl Owners {
    /// Of the number, however it is spelt.
    pub fn of_number(&self) -> Option<Owner> {
        self.phone.or_else(|| self.spellings.first().map(|(_, owner)| *owner))
    }
}

/// What has to happen so that the observed aliases point at one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The contact meant; `None`: nobody yet, create one.
    pub contact: Option<ContactId>,
    /// Contacts that turned out to be the same person. Of `contact` and these, the smallest id survives.
    pub merge: Vec<ContactId>,
    /// Aliases to point at the survivor: new ones, and ones taken from another contact.
    pub attach: Vec<Alias>,
    /// Aliases that must point at nobody any more.
    pub detach: Vec<Alias>,
    /// Contacts who may be the same person, which somebody has to confirm, and why that is not sure.
    pub claims: Vec<(ContactId, Doubt)>,
}

impl Resolution {
    fn of(contact: Option<Owner>) -> Self {
        let contact = contact.map(|owner| owner.contact);
        Self { contact, merge: vec![], attach: vec![], detach: vec![], claims: vec![] }
    }

    /// Of somebody about whom nothing changes.
    pub fn settled(contact: ContactId) -> Self {
        Self { contact: Some(contact), ..Self::of(None) }
    }

    /// Whether the store already says all of this.
    pub const fn is_settled(&self) -> bool {
        self.contact.is_some() && self.merge.is_empty() && self.attach.is_empty() && self.detach.is_empty()
    }
}

/// An ordinary message or status showed `observed`, in canonical form.
///
/// BSUID outranks parent BSUID outranks phone. Two contacts are merged only when one of them has no BSUID; otherwise
/// the weaker alias moves, because a recycled phone number must not merge two people. For the same reason it moves away
/// from a contact without a BSUID whom there is a doubt about, and whoever has it now claims to be them.
///
/// A number that was only claimed becomes its claimant's with the first message from it.
pub fn resolve(observed: &AliasSet, owners: &Owners) -> Resolution {
    let primary = confirmed_claimant(observed, owners).or_else(|| primary_owner(observed, owners));
    let mut resolution = Resolution::of(primary);
    let has_bsuid = observed.bsuid.is_some() || primary.is_some_and(|owner| owner.has_bsuid);
    let seen = [
        (observed.bsuid.clone().map(Alias::Bsuid), owners.bsuid),
        (observed.parent_bsuid.clone().map(Alias::ParentBsuid), owners.parent_bsuid),
        (observed.phone.clone().map(Alias::Phone), owners.phone),
    ];
    for (alias, owner) in seen {
        let Some(alias) = alias else { continue };
        resolution.adopt(alias, owner, has_bsuid);
    }
    for (spelling, owner) in &owners.spellings {
        resolution.adopt(spelling.clone(), Some(*owner), has_bsuid);
    }
    // Confirmed, or somebody else's: either way there is nothing left to claim.
    if let Some(phone) = observed.phone.as_ref().filter(|_| owners.claimant.is_some()) {
        resolution.detach.push(Alias::PhoneClaim(phone.clone()));
    }
    resolution
}

/// Meta said that `previous` is now `current` (`system` message or `user_id_update`): the one case in which two
/// contacts with a BSUID each are merged. Both in canonical form.
pub fn resolve_rotation(
    previous: &AliasSet,
    previous_owners: &Owners,
    current: &AliasSet,
    current_owners: &Owners,
) -> Resolution {
    let before = primary_owner(previous, previous_owners);
    let after = current_owners.bsuid.or(current_owners.parent_bsuid);
    let primary = before.or(after);
    let mut resolution = Resolution::of(primary);
    let seen = [
        // The old ids stay, so that late statuses and redeliveries still find their contact.
        (previous.bsuid.clone().map(Alias::Bsuid), previous_owners.bsuid, true),
        (previous.parent_bsuid.clone().map(Alias::ParentBsuid), previous_owners.parent_bsuid, true),
        (current.bsuid.clone().map(Alias::Bsuid), current_owners.bsuid, false),
        (current.parent_bsuid.clone().map(Alias::ParentBsuid), current_owners.parent_bsuid, false),
        // Who had the new number before is not necessarily the same person: the ordinary rule holds for phones.
        (current.phone.clone().map(Alias::Phone), current_owners.phone, true),
    ];
    let has_bsuid = previous.bsuid.is_some() || current.bsuid.is_some() || primary.is_some_and(|o| o.has_bsuid);
    for (alias, owner, guarded) in seen {
        let Some(alias) = alias else { continue };
        resolution.adopt(alias, owner, guarded && has_bsuid);
    }
    for (spelling, owner) in &current_owners.spellings {
        resolution.adopt(spelling.clone(), Some(*owner), has_bsuid);
    }
    // The number that was given up will be somebody else's: it must stop naming this contact.
    let given_up = previous.phone.as_ref().filter(|phone| current.phone.as_ref().is_some_and(|new| new != *phone));
    if let Some(phone) = given_up {
        let spelt = previous_owners.spellings.iter().map(|(spelling, owner)| (spelling.clone(), Some(*owner)));
        let names = std::iter::once((Alias::Phone(phone.clone()), previous_owners.phone)).chain(spelt);
        let ours = names.filter(|(_, owner)| owner.is_some_and(|owner| Some(owner.contact) == resolution.contact));
        resolution.detach.extend(ours.map(|(alias, _)| alias));
    }
    resolution
}

impl Resolution {
    /// Makes `alias`, owned by `owner`, an alias of the contact. `guarded`: the contact has a BSUID, so an owner who has
    /// one too is another person and only loses the alias, and one whom there is a doubt about may be.
    fn adopt(&mut self, alias: Alias, owner: Option<Owner>, guarded: bool) {
        let Some(owner) = owner else {
            self.attach.push(alias);
            return;
        };
        if Some(owner.contact) == self.contact || self.merge.contains(&owner.contact) {
            return;
        }
        if self.contact.is_none() || (guarded && owner.may_be_another()) {
            self.attach.push(alias);
            let claim = owner.doubt.filter(|doubt| *doubt != Doubt::Apart && !owner.has_bsuid);
            self.claims.extend(claim.map(|doubt| (owner.contact, doubt)));
        } else {
            self.merge.push(owner.contact);
        }
    }
}

fn primary_owner(observed: &AliasSet, owners: &Owners) -> Option<Owner> {
    if owners.bsuid.is_some() {
        return owners.bsuid;
    }
    if owners.parent_bsuid.is_some() {
        return owners.parent_bsuid;
    }
    // A new BSUID with a phone that belongs to somebody with another BSUID, or is in doubt: a recycled number, a new person.
    owners.of_number().filter(|owner| observed.bsuid.is_none() || !owner.may_be_another())
}

/// Who claimed the number that wrote now by itself: theirs, unless somebody with a BSUID has it.
fn confirmed_claimant(observed: &AliasSet, owners: &Owners) -> Option<Owner> {
    let shows_more = observed.bsuid.is_some() || observed.parent_bsuid.is_some();
    owners.claimant.filter(|_| !shows_more && !owners.of_number().is_some_and(|owner| owner.has_bsuid))
}

#[cfg(test)]
mod tests;
