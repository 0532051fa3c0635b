//! Who a contact is: a set of aliases, any of which may be missing, appear later or vanish.
//!
//! The phone number is not a key: numbers are recycled, and since 2026 a user may show only a business-scoped user
//! id (BSUID, <https://developers.facebook.com/docs/whatsapp/business-scoped-user-ids>). This module decides, from
//! what was observed and who owns those aliases today, what has to happen; the store carries it out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::ContactId;

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
    /// `wa_id`: digits of the phone number, without `+`.
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

/// The aliases that one webhook item shows of one person.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owners {
    pub phone: Option<Owner>,
    pub bsuid: Option<Owner>,
    pub parent_bsuid: Option<Owner>,
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

/// An ordinary message or status showed `observed`.
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
    resolution
}

/// Meta said that `previous` is now `current` (`system` message or `user_id_update`): the one case in which two
/// contacts with a BSUID each are merged.
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
    // The number that was given up will be somebody else's: it must stop naming this contact.
    if let Some(phone) = &previous.phone
        && current.phone.as_ref().is_some_and(|new| new != phone)
        && previous_owners.phone.map(|owner| owner.contact) == resolution.contact
        && resolution.contact.is_some()
    {
        resolution.detach.push(Alias::Phone(phone.clone()));
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
    owners.phone.filter(|owner| observed.bsuid.is_none() || !owner.has_bsuid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn contact(n: u128) -> ContactId {
        ContactId::from_uuid(Uuid::from_u128(n))
    }
    fn with_bsuid(n: u128) -> Option<Owner> {
        Some(Owner { contact: contact(n), has_bsuid: true })
    }
    fn phone_only(n: u128) -> Option<Owner> {
        Some(Owner { contact: contact(n), has_bsuid: false })
    }
    fn seen(phone: &str, bsuid: &str, parent: &str) -> AliasSet {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        AliasSet { phone: some(phone), bsuid: some(bsuid), parent_bsuid: some(parent) }
    }

    #[test]
    fn an_alias_is_made_of_its_parts() {
        let aliases = [Alias::Phone("1".into()), Alias::Bsuid("1".into()), Alias::ParentBsuid("1".into())];
        for alias in aliases {
            let again = Alias::from_parts(alias.kind(), alias.value().to_owned());
            assert_eq!(again, Some(alias));
        }
        assert_eq!(Alias::from_parts("email", "1".to_owned()), None);
    }

    /// (name, observed, owners of phone / bsuid / parent) → (contact, merge, attach)
    #[test]
    fn ordinary_observations() {
        type Case = (&'static str, AliasSet, [Option<Owner>; 3], Option<u128>, Vec<u128>, Vec<&'static str>);
        let cases: Vec<Case> = vec![
            ("nobody knows them", seen("1", "US.a", ""), [None, None, None], None, vec![], vec!["bsuid", "phone"]),
            ("all settled", seen("1", "US.a", ""), [with_bsuid(1), with_bsuid(1), None], Some(1), vec![], vec![]),
            (
                "a phone contact shows its BSUID",
                seen("1", "US.a", ""),
                [phone_only(1), None, None],
                Some(1),
                vec![],
                vec!["bsuid"],
            ),
            (
                "a recycled number",
                seen("1", "US.b", ""),
                [with_bsuid(1), None, None],
                None,
                vec![],
                vec!["bsuid", "phone"],
            ),
            (
                "the number moves to a known person",
                seen("1", "US.b", ""),
                [with_bsuid(1), with_bsuid(2), None],
                Some(2),
                vec![],
                vec!["phone"],
            ),
            (
                "a phone contact turns out to be known",
                seen("1", "US.b", ""),
                [phone_only(1), with_bsuid(2), None],
                Some(2),
                vec![1],
                vec![],
            ),
            ("the phone vanished", seen("", "US.a", ""), [None, with_bsuid(1), None], Some(1), vec![], vec![]),
            ("the BSUID is withheld", seen("1", "", ""), [with_bsuid(1), None, None], Some(1), vec![], vec![]),
            (
                "another portfolio, same parent",
                seen("", "US.c", "US.ENT.x"),
                [None, None, with_bsuid(1)],
                Some(1),
                vec![],
                vec!["bsuid"],
            ),
            (
                "the parent moves",
                seen("", "US.a", "US.ENT.x"),
                [None, with_bsuid(1), with_bsuid(2)],
                Some(1),
                vec![],
                vec!["parent_bsuid"],
            ),
            (
                "a parent BSUID without a BSUID guards as well",
                seen("1", "", "US.ENT.x"),
                [with_bsuid(2), None, with_bsuid(1)],
                Some(1),
                vec![],
                vec!["phone"],
            ),
            ("nothing at all", seen("", "", ""), [None, None, None], None, vec![], vec![]),
        ];
        for (name, observed, [phone, bsuid, parent_bsuid], want, merge, attach) in cases {
            let got = resolve(&observed, &Owners { phone, bsuid, parent_bsuid });
            assert_eq!(got.contact, want.map(contact), "{name}");
            assert_eq!(got.merge, merge.into_iter().map(contact).collect::<Vec<_>>(), "{name}");
            assert_eq!(got.attach.iter().map(Alias::kind).collect::<Vec<_>>(), attach, "{name}");
            assert!(got.detach.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_rotation_merges_two_contacts_with_a_bsuid_each() {
        let got = resolve_rotation(
            &seen("", "US.old", ""),
            &Owners { bsuid: with_bsuid(1), ..Owners::default() },
            &seen("", "US.new", ""),
            &Owners { bsuid: with_bsuid(2), ..Owners::default() },
        );
        assert_eq!((got.contact, got.merge, got.attach), (Some(contact(1)), vec![contact(2)], vec![]));
    }

    #[test]
    fn a_changed_number_lets_go_of_the_old_one() {
        let got = resolve_rotation(
            &seen("1", "US.old", ""),
            &Owners { phone: with_bsuid(1), bsuid: with_bsuid(1), parent_bsuid: None },
            &seen("2", "US.new", ""),
            &Owners { phone: with_bsuid(9), ..Owners::default() },
        );
        assert_eq!(got.contact, Some(contact(1)));
        assert!(got.merge.is_empty(), "whoever had the new number before is another person");
        assert_eq!(got.attach, vec![Alias::Bsuid("US.new".into()), Alias::Phone("2".into())]);
        assert_eq!(got.detach, vec![Alias::Phone("1".into())]);
    }

    #[test]
    fn a_first_bsuid_keeps_its_number_from_merging_two_people() {
        let got = resolve_rotation(
            &seen("1", "", ""),
            &Owners { phone: phone_only(1), ..Owners::default() },
            &seen("2", "US.new", ""),
            &Owners { phone: with_bsuid(9), ..Owners::default() },
        );
        assert_eq!((got.contact, got.merge), (Some(contact(1)), vec![]));
        assert_eq!(got.attach, vec![Alias::Bsuid("US.new".into()), Alias::Phone("2".into())]);
    }

    #[test]
    fn a_rotation_of_a_stranger_creates_one_contact() {
        let none = Owners::default();
        let got = resolve_rotation(&seen("1", "US.old", ""), &none, &seen("2", "US.new", ""), &none);
        assert_eq!(got.contact, None);
        assert!(got.detach.is_empty() && got.merge.is_empty());
        assert_eq!(got.attach.len(), 3);
    }
}
