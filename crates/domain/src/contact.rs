//! Who a contact is: a set of aliases, any of which may be missing, appear later or vanish.
//!
//! The phone number is not a key: numbers are recycled, and since 2026 a user may show only a business-scoped user
//! id (BSUID, <https://developers.facebook.com/docs/whatsapp/business-scoped-user-ids>). This module decides, from
//! what was observed and who owns those aliases today, what has to happen; the store carries it out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::ContactId;
use crate::phone;

/// What is known of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRecord {
    pub id: ContactId,
    pub attributes: BTreeMap<String, String>,
    pub profile_name: Option<String>,
    pub username: Option<String>,
    pub language: Option<String>,
    /// Never met before what asked for it.
    pub is_new: bool,
}

impl ContactRecord {
    /// A contact of whom nothing is known but that there is one.
    pub const fn empty(id: ContactId) -> Self {
        let attributes = BTreeMap::new();
        Self { id, attributes, profile_name: None, username: None, language: None, is_new: false }
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
}

impl Alias {
    /// The word that stands for the kind of alias in the store.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Phone(_) => "phone",
            Self::Bsuid(_) => "bsuid",
            Self::ParentBsuid(_) => "parent_bsuid",
        }
    }

    pub fn value(&self) -> &str {
        match self {
            Self::Phone(value) | Self::Bsuid(value) | Self::ParentBsuid(value) => value,
        }
    }

    pub fn from_parts(kind: &str, value: String) -> Option<Self> {
        match kind {
            "phone" => Some(Self::Phone(value)),
            "bsuid" => Some(Self::Bsuid(value)),
            "parent_bsuid" => Some(Self::ParentBsuid(value)),
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
}

impl Resolution {
    /// Whether the store already says all of this.
    pub const fn is_settled(&self) -> bool {
        self.contact.is_some() && self.merge.is_empty() && self.attach.is_empty() && self.detach.is_empty()
    }
}

/// An ordinary message or status showed `observed`, in canonical form.
///
/// BSUID outranks parent BSUID outranks phone. Two contacts are merged only when one of them has no BSUID; otherwise
/// the weaker alias moves, because a recycled phone number must not merge two people.
pub fn resolve(observed: &AliasSet, owners: &Owners) -> Resolution {
    let primary = primary_owner(observed, owners);
    let mut resolution =
        Resolution { contact: primary.map(|owner| owner.contact), merge: vec![], attach: vec![], detach: vec![] };
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
    let mut resolution =
        Resolution { contact: primary.map(|owner| owner.contact), merge: vec![], attach: vec![], detach: vec![] };
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
    /// Makes `alias`, owned by `owner`, an alias of the contact. `guarded`: the contact has a BSUID, so an owner that
    /// has one too is another person and only loses the alias.
    fn adopt(&mut self, alias: Alias, owner: Option<Owner>, guarded: bool) {
        let Some(owner) = owner else {
            self.attach.push(alias);
            return;
        };
        if Some(owner.contact) == self.contact || self.merge.contains(&owner.contact) {
            return;
        }
        if self.contact.is_none() || (guarded && owner.has_bsuid) {
            self.attach.push(alias);
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
    // A new BSUID with a phone that belongs to somebody with another BSUID: a recycled number, a new person.
    owners.of_number().filter(|owner| observed.bsuid.is_none() || !owner.has_bsuid)
}

#[cfg(test)]
mod tests;
