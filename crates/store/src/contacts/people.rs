//! The contacts of one transaction, in memory: as the store has them, as each observation changes them, and what has to
//! be written in the end. Does no I/O; `waypost_domain::contact` decides who is who.

use std::collections::{BTreeSet, HashMap};

use waypost_domain::contact::{Doubt, Owner, Owners, Resolution, resolve, resolve_rotation};
use waypost_domain::{Alias, AliasSet, ContactId, IdSource, Timestamp, phone};

use super::ContactRecord;
use super::observation::{Observation, claim_on, other_spellings, storable};
use super::person::Person;
use super::rows::{Changes, Owned};
use crate::Merge;
use crate::records::clean;

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
    /// (claimed, claimant, why it is not sure)
    claims: Vec<(ContactId, ContactId, Doubt)>,
    merges: Vec<Merge>,
    /// When the last observation was made.
    at: Timestamp,
}

impl<'s> People<'s> {
    /// Every alias that `observations` name, the other spellings of their numbers, and claims on them.
    pub(crate) fn aliases(observations: &[Observation]) -> BTreeSet<Alias> {
        let mut wanted = BTreeSet::new();
        for observation in observations {
            let rotated = observation.rotations.iter().flat_map(|rotation| [&rotation.previous, &rotation.current]);
            for aliases in std::iter::once(&observation.aliases).chain(rotated) {
                let aliases = storable(aliases);
                wanted.extend(aliases.iter());
                wanted.extend(other_spellings(&aliases));
                wanted.extend(claim_on(&aliases).filter(|_| observation.wrote.is_some()));
            }
            let own = observation.own_number();
            wanted.extend(own.into_iter().flat_map(|own| [Alias::Phone(own.clone()), Alias::PhoneClaim(own)]));
        }
        wanted
    }

    /// From what the store says of those aliases.
    pub(super) fn new(owned: Owned, ids: &'s dyn IdSource) -> Self {
        let stored: HashMap<Alias, ContactId> = owned.aliases.into_iter().collect();
        Self {
            ids,
            known: owned.contacts.into_iter().map(|contact| (contact.person.record.id, contact.person)).collect(),
            owners: stored.clone(),
            stored,
            same_as: HashMap::new(),
            touched: BTreeSet::new(),
            claims: Vec::new(),
            merges: Vec::new(),
            at: Timestamp::default(),
        }
    }

    /// Brings the picture up to date; `None` when the observation names nobody.
    pub(super) fn observe(&mut self, observation: &Observation) -> Option<ContactId> {
        self.at = observation.at;
        for rotation in &observation.rotations {
            let (previous, current) = (storable(&rotation.previous), storable(&rotation.current));
            let (before, after) = (self.owners_of(&previous, observation), self.owners_of(&current, observation));
            let resolution = resolve_rotation(&previous, &before, &current, &after);
            // A stranger of whom nothing remains to be known.
            if resolution.contact.is_some() || !resolution.attach.is_empty() {
                self.apply(resolution);
            }
        }
        let aliases = storable(&observation.aliases);
        if aliases.is_empty() {
            return None;
        }
        let resolution = match self.rotated(&aliases, observation) {
            Some(contact) => Resolution::settled(contact),
            None => resolve(&aliases, &self.owners_of(&aliases, observation)),
        };
        let id = self.apply(resolution);
        self.learn(id, observation);
        self.spelling(id, &aliases, observation);
        if let Some(number) = observation.own_number() {
            self.claim_number(id, number);
        }
        Some(id)
    }

    /// What is known of the person beside who they are.
    fn learn(&mut self, id: ContactId, observation: &Observation) {
        let Some(person) = self.known.get_mut(&id) else { return };
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
        if observation.identity_changed && person.identity_changed_at.is_none() {
            person.identity_changed_at = Some(observation.at);
            person.changed = true;
        }
        let Some(wrote) = &observation.wrote else { return };
        person.heard_at = person.heard_at.max(Some(observation.at));
        if let Some(evidence) = &wrote.language {
            person.changed |= person.record.language.learn(evidence);
        }
    }

    /// How WhatsApp writes the number of whoever wrote: kept with the contact, and as an alias.
    fn spelling(&mut self, id: ContactId, aliases: &AliasSet, observation: &Observation) {
        let (Some(number), Some(person)) = (&aliases.phone, self.known.get_mut(&id)) else { return };
        let Some(written) = observation.wrote.as_ref().and(observation.aliases.phone.as_deref()) else { return };
        let written = phone::digits(written).filter(|written| *written != number.as_str());
        if person.record.wa_id.as_deref() != written.as_deref() {
            person.record.wa_id = written.as_deref().map(str::to_owned);
            person.changed = true;
        }
        let alias = written.map(|written| Alias::Phone(written.into_owned()));
        if let Some(alias) = alias.filter(|alias| !self.owners.contains_key(alias)) {
            self.point(alias, id);
        }
    }

    /// They showed a card with a number of their own: it is theirs once it wrote.
    fn claim_number(&mut self, id: ContactId, number: String) {
        let owner = |people: &Self, alias: &Alias| people.owners.get(alias).map(|owner| people.current(*owner));
        let claim = Alias::PhoneClaim(number.clone());
        if owner(self, &Alias::Phone(number)) != Some(id) && owner(self, &claim) != Some(id) {
            self.point(claim, id);
        }
    }

    /// Pairs of stored contacts that are one person. While there are any, nothing may be written.
    pub(super) fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// Whether the store already says all of this.
    pub(super) fn are_settled(&self) -> bool {
        let is_settled = |person: &Person| !(person.record.is_new || person.changed || person.lost_alias);
        self.merges.is_empty()
            && self.touched.is_empty()
            && self.claims.is_empty()
            && self.known.values().all(is_settled)
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
        let (attached, moved, detached, at) = (vec![], vec![], vec![], self.at);
        let claims = self.claims.iter().map(|(claimed, by, why)| (*claimed, self.current(*by), *why)).collect();
        let mut changes = Changes { new, changed, attached, moved, detached, claims, at };
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
            let owners = self.owners_of(aliases, observation);
            let by_number = owners.of_number();
            [owners.bsuid, owners.parent_bsuid, by_number].into_iter().flatten().next().map(|owner| owner.contact)
        };
        first_owner(aliases).or_else(|| first_owner(&storable(&last.current)))
    }

    /// As far as `observation` may ask: only what they wrote themselves confirms a claim.
    fn owners_of(&self, aliases: &AliasSet, observation: &Observation) -> Owners {
        let owner = |alias: Option<Alias>| {
            let contact = self.current(*self.owners.get(&alias?)?);
            let person = self.known.get(&contact);
            let doubt = person.and_then(|person| person.doubt(observation));
            Some(Owner { contact, has_bsuid: person.is_some_and(|person| person.has_bsuid), doubt })
        };
        let spelt = |spelling: Alias| Some((spelling.clone(), owner(Some(spelling))?));
        let claim = claim_on(aliases).filter(|_| observation.wrote.is_some());
        Owners {
            phone: owner(aliases.phone.clone().map(Alias::Phone)),
            bsuid: owner(aliases.bsuid.clone().map(Alias::Bsuid)),
            parent_bsuid: owner(aliases.parent_bsuid.clone().map(Alias::ParentBsuid)),
            spellings: other_spellings(aliases).into_iter().filter_map(spelt).collect(),
            claimant: owner(claim),
        }
    }

    fn current(&self, id: ContactId) -> ContactId {
        self.same_as.get(&id).copied().unwrap_or(id)
    }

    fn apply(&mut self, resolution: Resolution) -> ContactId {
        let mut id = resolution.contact.unwrap_or_else(|| self.create());
        for other in resolution.merge {
            id = self.unite(id, other);
        }
        for alias in resolution.attach {
            self.point(alias, id);
        }
        for alias in resolution.detach {
            let former = self.owners.remove(&alias).map(|former| self.current(former));
            self.loses(former);
            self.touched.insert(alias);
        }
        self.claims.extend(resolution.claims.into_iter().map(|(claimed, why)| (claimed, id, why)));
        id
    }

    fn point(&mut self, alias: Alias, id: ContactId) {
        let former = self.owners.insert(alias.clone(), id).map(|former| self.current(former));
        self.loses(former.filter(|former| *former != id));
        if let Some(person) = self.known.get_mut(&id)
            && matches!(alias, Alias::Bsuid(_))
            && !person.has_bsuid
        {
            person.has_bsuid = true;
            person.changed = true;
        }
        self.touched.insert(alias);
    }

    fn loses(&mut self, former: Option<ContactId>) {
        if let Some(person) = former.and_then(|former| self.known.get_mut(&former)) {
            person.lost_alias = true;
        }
    }

    fn create(&mut self) -> ContactId {
        let id = ContactId::from_uuid(self.ids.next_id());
        let record = ContactRecord { is_new: true, ..ContactRecord::empty(id) };
        self.known.insert(id, Person { created_at: self.at, ..Person::of(record) });
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
            person.record.wa_id = person.record.wa_id.take().or(dropped.record.wa_id);
            person.record.language.outrank(dropped.record.language);
            person.heard_at = person.heard_at.max(dropped.heard_at);
        }
        keep
    }
}
