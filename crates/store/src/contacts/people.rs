//! The contacts of one transaction, in memory: as the store has them, as each observation changes them, and what has to
//! be written in the end. Does no I/O; `waypost_domain::contact` decides who is who.

use std::collections::{BTreeSet, HashMap};

use waypost_domain::contact::{Owner, Owners, Resolution, resolve, resolve_rotation};
use waypost_domain::{Alias, AliasSet, ContactId, IdSource, Timestamp, phone};

use super::rows::{Changes, Owned, Person, StoredContact};
use super::{ContactRecord, Observation};
use crate::Merge;
use crate::records::{clean, key};

pub(crate) struct People<'a> {
    /// Of contacts that are met for the first time.
    ids: &'a dyn IdSource,
    known: HashMap<ContactId, Person>,
    /// Whom each alias belongs to. An id may have turned out to be another: see [`People::current`].
    owners: HashMap<Alias, ContactId>,
    /// The same, as the store has it.
    stored: HashMap<Alias, ContactId>,
    /// Contacts of this transaction that turned out to be another.
    same_as: HashMap<ContactId, ContactId>,
    /// Aliases that were attached or detached.
    touched: BTreeSet<Alias>,
    merges: Vec<Merge>,
}

impl<'s> People<'s> {
    /// Every alias that `observations` name, and the other spellings of their numbers.
    pub(crate) fn aliases(observations: &[Observation]) -> BTreeSet<Alias> {
        let mut wanted = BTreeSet::new();
        for observation in observations {
            let rotated = observation.rotations.iter().flat_map(|rotation| [&rotation.previous, &rotation.current]);
            for aliases in std::iter::once(&observation.aliases).chain(rotated) {
                let aliases = storable(aliases);
                wanted.extend(aliases.iter());
                wanted.extend(other_spellings(&aliases));
            }
        }
        wanted
    }

    /// From what the store says of those aliases.
    pub(super) fn new(owned: Owned, ids: &'s dyn IdSource) -> Self {
        let person = |StoredContact { record, has_bsuid, version: _ }: StoredContact| {
            let created_at = Timestamp::default();
            (record.id, Person { record, has_bsuid, created_at, lost_alias: false, changed: false })
        };
        let stored: HashMap<Alias, ContactId> = owned.aliases.into_iter().collect();
        Self {
            ids,
            known: owned.contacts.into_iter().map(person).collect(),
            owners: stored.clone(),
            stored,
            same_as: HashMap::new(),
            touched: BTreeSet::new(),
            merges: Vec::new(),
        }
    }

    /// Brings the picture up to date; `None` when the observation names nobody.
    pub(super) fn observe(&mut self, observation: &Observation) -> Option<ContactId> {
        for rotation in &observation.rotations {
            let (previous, current) = (storable(&rotation.previous), storable(&rotation.current));
            let resolution =
                resolve_rotation(&previous, &self.owners_of(&previous), &current, &self.owners_of(&current));
            // A stranger of whom nothing remains to be known.
            if resolution.contact.is_some() || !resolution.attach.is_empty() {
                self.apply(resolution, observation.at);
            }
        }
        let aliases = storable(&observation.aliases);
        if aliases.is_empty() {
            return None;
        }
        let resolution = match self.rotated(&aliases, observation) {
            Some(contact) => Resolution { contact: Some(contact), merge: vec![], attach: vec![], detach: vec![] },
            None => resolve(&aliases, &self.owners_of(&aliases)),
        };
        let id = self.apply(resolution, observation.at);
        let person = self.known.get_mut(&id)?;
        for (new, old) in [
            (&observation.profile_name, &mut person.record.profile_name),
            (&observation.username, &mut person.record.username),
        ] {
            let Some(new) = new else { continue };
            let new = clean(new);
            if old.as_deref() != Some(new.as_ref()) {
                *old = Some(new.into_owned());
                person.changed = true;
            }
        }
        Some(id)
    }

    /// Pairs of stored contacts that are one person. While there are any, nothing may be written.
    pub(super) fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// Whether the store already says all of this.
    pub(super) fn are_settled(&self) -> bool {
        let is_settled = |person: &Person| !(person.record.is_new || person.changed || person.lost_alias);
        self.merges.is_empty() && self.touched.is_empty() && self.known.values().all(is_settled)
    }

    pub(super) fn record(&self, id: ContactId) -> Option<ContactRecord> {
        self.known.get(&self.current(id)).map(|person| person.record.clone())
    }

    pub(super) fn changes(&self) -> Changes<'_> {
        let (mut new, mut changed): (Vec<_>, Vec<_>) = self
            .known
            .values()
            .filter(|person| person.record.is_new || person.changed || person.lost_alias)
            .partition(|person| person.record.is_new);
        new.sort_unstable_by_key(|person| person.record.id);
        changed.sort_unstable_by_key(|person| person.record.id);
        let mut changes = Changes { new, changed, attached: vec![], moved: vec![], detached: vec![] };
        for alias in &self.touched {
            let owner = self.owners.get(alias).map(|owner| self.current(*owner));
            match (self.stored.get(alias), owner) {
                (None, Some(owner)) => changes.attached.push((alias, owner)),
                (Some(former), Some(owner)) if *former != owner => changes.moved.push((alias, *former, owner)),
                (Some(_), None) => changes.detached.push(alias),
                (None, None) | (Some(_), Some(_)) => {}
            }
        }
        changes
    }

    /// Of an observation with rotations: the contact it speaks of. The rotations said all about the aliases; the rest
    /// must not undo it by attaching the old ones again.
    fn rotated(&self, aliases: &AliasSet, observation: &Observation) -> Option<ContactId> {
        let last = observation.rotations.last()?;
        let first_owner = |aliases: &AliasSet| {
            let owners = self.owners_of(aliases);
            let by_number = owners.of_number();
            [owners.bsuid, owners.parent_bsuid, by_number].into_iter().flatten().next().map(|owner| owner.contact)
        };
        first_owner(aliases).or_else(|| first_owner(&storable(&last.current)))
    }

    fn owners_of(&self, aliases: &AliasSet) -> Owners {
        let owner = |alias: Option<Alias>| {
            let contact = self.current(*self.owners.get(&alias?)?);
            Some(Owner { contact, has_bsuid: self.known.get(&contact).is_some_and(|person| person.has_bsuid) })
        };
        let spelt = |spelling: Alias| Some((spelling.clone(), owner(Some(spelling))?));
        Owners {
            phone: owner(aliases.phone.clone().map(Alias::Phone)),
            bsuid: owner(aliases.bsuid.clone().map(Alias::Bsuid)),
            parent_bsuid: owner(aliases.parent_bsuid.clone().map(Alias::ParentBsuid)),
            spellings: other_spellings(aliases).into_iter().filter_map(spelt).collect(),
        }
    }

    fn current(&self, id: ContactId) -> ContactId {
        self.same_as.get(&id).copied().unwrap_or(id)
    }

    fn apply(&mut self, resolution: Resolution, at: Timestamp) -> ContactId {
        let mut id = resolution.contact.unwrap_or_else(|| self.create(at));
        for other in resolution.merge {
            id = self.unite(id, other);
        }
        for alias in resolution.attach {
            let former = self.owners.insert(alias.clone(), id).map(|former| self.current(former));
            if let Some(person) = former.filter(|former| *former != id).and_then(|former| self.known.get_mut(&former)) {
                person.lost_alias = true;
            }
            if let Some(person) = self.known.get_mut(&id)
                && matches!(alias, Alias::Bsuid(_))
                && !person.has_bsuid
            {
                person.has_bsuid = true;
                person.changed = true;
            }
            self.touched.insert(alias);
        }
        for alias in resolution.detach {
            self.owners.remove(&alias);
            if let Some(person) = self.known.get_mut(&id) {
                person.lost_alias = true;
            }
            self.touched.insert(alias);
        }
        id
    }

    fn create(&mut self, at: Timestamp) -> ContactId {
        let id = ContactId::from_uuid(self.ids.next_id());
        let record = ContactRecord { is_new: true, ..ContactRecord::empty(id) };
        let person = Person { record, has_bsuid: false, created_at: at, lost_alias: false, changed: false };
        self.known.insert(id, person);
        id
    }

    /// Two contacts are one. One that only this transaction knows is dropped in favour of the other; two stored ones have
    /// to be merged first.
    fn unite(&mut self, one: ContactId, other: ContactId) -> ContactId {
        let is_new = |id: &ContactId| self.known.get(id).is_some_and(|person| person.record.is_new);
        let (keep, drop) = match (is_new(&one), is_new(&other)) {
            (false, false) => {
                self.merges.push(Merge::of(one, other));
                return one;
            }
            (true, false) => (other, one),
            (_, true) => (one, other),
        };
        for target in self.same_as.values_mut().filter(|target| **target == drop) {
            *target = keep;
        }
        self.same_as.insert(drop, keep);
        if let Some(dropped) = self.known.remove(&drop)
            && let Some(person) = self.known.get_mut(&keep)
        {
            person.has_bsuid |= dropped.has_bsuid;
            person.changed = true;
            person.record.profile_name = person.record.profile_name.take().or(dropped.record.profile_name);
            person.record.username = person.record.username.take().or(dropped.record.username);
        }
        keep
    }
}

/// The aliases in the form in which the store has them: the number in its canonical one.
pub(super) fn storable(aliases: &AliasSet) -> AliasSet {
    let storable = |value: Option<String>| value.map(|value| key(&value).into_owned());
    let AliasSet { phone, bsuid, parent_bsuid } = aliases.clone().canonical();
    AliasSet { phone: storable(phone), bsuid: storable(bsuid), parent_bsuid: storable(parent_bsuid) }
}

/// What the number of storable `aliases` may have been stored as before numbers had a canonical form.
pub(super) fn other_spellings(aliases: &AliasSet) -> Vec<Alias> {
    let phone = aliases.phone.as_deref().unwrap_or_default();
    phone::other_spellings(phone).into_iter().map(Alias::Phone).collect()
}
