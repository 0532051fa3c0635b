//! Who is who: the rules of `waypost_domain::contact`, carried out.

use std::collections::{BTreeMap, BTreeSet};

use waypost_domain::message::Rotation;
use waypost_domain::{AliasSet, ContactId, LanguageSource, PhoneNumberId, WabaId};

use super::{aliases, at, begin, contact_of, conversation, name, number, observe, owner, row, seen};
use crate::{ContactRecord, HeldKind, InboxRow, Lease, Merge, Observation, Result, Store, StoreError};

/// What is observed, in order: aliases, or `old -> new`; then who owns what (one contact per entry).
struct Case {
    name: &'static str,
    steps: &'static [&'static str],
    people: &'static [&'static str],
    /// What points at nobody.
    gone: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case { name: "all at once", steps: &["p:1 b:a P:x"], people: &["p:1 b:a P:x"], gone: &[] },
    Case { name: "the BSUID appears", steps: &["p:1", "p:1 b:a"], people: &["p:1 b:a"], gone: &[] },
    Case { name: "the phone appears", steps: &["b:a", "p:1 b:a"], people: &["p:1 b:a"], gone: &[] },
    Case { name: "the phone vanishes", steps: &["p:1 b:a", "b:a", "p:1 b:a"], people: &["p:1 b:a"], gone: &[] },
    Case { name: "the BSUID is withheld", steps: &["p:1 b:a", "p:1"], people: &["p:1 b:a"], gone: &[] },
    Case { name: "a recycled phone moves", steps: &["p:1 b:a", "p:1 b:b"], people: &["b:a", "p:1 b:b"], gone: &[] },
    Case {
        name: "a phone moves to a known person",
        steps: &["p:1 b:a", "p:2 b:b", "p:1 b:b"],
        people: &["b:a", "p:1 p:2 b:b"],
        gone: &[],
    },
    Case { name: "a phone contact was known", steps: &["p:1", "b:a", "p:1 b:a"], people: &["p:1 b:a"], gone: &[] },
    Case {
        name: "another portfolio of the same parent",
        steps: &["b:a P:x", "b:b P:x"],
        people: &["b:a b:b P:x"],
        gone: &[],
    },
    Case {
        name: "a rotation",
        steps: &["p:1 b:a", "p:1 b:a -> p:2 b:b", "p:2 b:b"],
        people: &["p:2 b:a b:b"],
        gone: &["p:1"],
    },
    Case {
        name: "a rotation that comes twice",
        steps: &["p:1 b:a", "p:1 b:a -> p:2 b:b", "p:1 b:a -> p:2 b:b"],
        people: &["p:2 b:a b:b"],
        gone: &["p:1"],
    },
    Case {
        name: "the new id came before its rotation",
        steps: &["b:a", "b:b", "b:a -> b:b"],
        people: &["b:a b:b"],
        gone: &[],
    },
    Case {
        name: "the number that was given up is somebody else's",
        steps: &["p:1 b:a", "p:1 b:a -> p:2 b:b", "p:1 b:c"],
        people: &["p:2 b:a b:b", "p:1 b:c"],
        gone: &[],
    },
    Case {
        name: "whoever had the new number is another person",
        steps: &["p:2 b:z", "p:1 b:a", "p:1 b:a -> p:2 b:b"],
        people: &["b:z", "p:2 b:a b:b"],
        gone: &["p:1"],
    },
    Case { name: "a stranger's rotation", steps: &["p:1 b:a -> p:2 b:b"], people: &["p:2 b:a b:b"], gone: &["p:1"] },
    Case { name: "a rotation of phones alone", steps: &["p:1", "p:1 -> p:2"], people: &["p:2"], gone: &["p:1"] },
    Case { name: "strangers apart", steps: &["p:1 b:a", "p:2 b:b"], people: &["p:1 b:a", "p:2 b:b"], gone: &[] },
];

pub async fn identities_resolve_as_the_table_says(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    for (index, case) in CASES.iter().enumerate() {
        for step in case.steps {
            observe(store, &lease, &[step_of(step, index)]).await?;
        }
        check(store, case, index).await?;
    }
    Ok(())
}

pub async fn identities_resolve_the_same_in_one_batch(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    // All cases in one batch: nothing of theirs is stored yet, so everything happens in memory.
    let all =
        CASES.iter().enumerate().flat_map(|(index, case)| case.steps.iter().map(move |step| step_of(step, index)));
    let all: Vec<Observation> = all.collect();
    let mut batch = begin(store, &lease).await?;
    batch.contacts(&all).await?;
    batch.commit().await?;
    for (index, case) in CASES.iter().enumerate() {
        check(store, case, index).await?;
    }
    Ok(())
}

/// Each case has people of its own: `b:a` of case 3 is `b:a.3`.
fn of_case(text: &str, case: usize) -> Vec<AliasSet> {
    text.split_whitespace().map(|word| aliases(&format!("{word}.{case}"))).collect()
}

fn joined(text: &str, case: usize) -> AliasSet {
    let words: Vec<String> = text.split_whitespace().map(|word| format!("{word}.{case}")).collect();
    aliases(&words.join(" "))
}

fn step_of(step: &str, case: usize) -> Observation {
    let Some((previous, current)) = step.split_once(" -> ") else {
        return Observation { aliases: joined(step, case), ..seen("") };
    };
    let rotation = Rotation { previous: joined(previous, case), current: joined(current, case) };
    // As a `system` message shows it: sent by the old identity.
    Observation { aliases: rotation.previous.clone(), rotations: vec![rotation], ..seen("") }
}

async fn check(store: &Store, case: &Case, index: usize) -> Result<()> {
    let mut ids = BTreeSet::new();
    for person in case.people {
        let names: Vec<AliasSet> = of_case(person, index);
        let want: BTreeSet<_> =
            names.iter().flat_map(|one| one.clone().canonical().iter().collect::<Vec<_>>()).collect();
        for one in &names {
            let found = store.find_contact(one).await?;
            let found = found.unwrap_or_else(|| panic!("{}: {one:?} points at nobody", case.name));
            assert_eq!(found.aliases.into_keys().collect::<BTreeSet<_>>(), want, "{}: {one:?}", case.name);
            ids.insert(found.contact.id);
        }
    }
    assert_eq!(ids.len(), case.people.len(), "{}: people are apart", case.name);
    for gone in case.gone {
        for one in of_case(gone, index) {
            assert_eq!(store.find_contact(&one).await?, None, "{}: {gone}", case.name);
        }
    }
    Ok(())
}

pub async fn what_is_known_of_a_contact_comes_back(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let named = |profile_name: &str, username: Option<&str>| Observation {
        profile_name: Some(profile_name.to_owned()),
        username: username.map(str::to_owned),
        ..seen("p:1 b:a")
    };
    let known = |contacts: &[Option<ContactRecord>], index: usize| contacts[index].clone().expect("it names somebody");
    let contacts = observe(store, &lease, &[named("Ana", None), seen("b:a"), seen("b:z")]).await?;
    let first = known(&contacts, 0);
    assert!(first.is_new && known(&contacts, 2).is_new);
    assert_eq!((known(&contacts, 1).id, first.profile_name.as_deref()), (first.id, Some("Ana")));
    assert_ne!(known(&contacts, 2).id, first.id);
    let contacts = observe(store, &lease, &[seen("p:1"), named("Ana\0 B", Some("ana")), seen("b:a")]).await?;
    assert!(!known(&contacts, 0).is_new);
    let last = known(&contacts, 2);
    assert_eq!((last.id, last.profile_name.as_deref()), (first.id, Some("Ana\u{fffd} B")));
    let stored = store.find_contact(&aliases("p:1")).await?.expect("it is known").contact;
    assert_eq!((stored.username.as_deref(), stored.profile_name), (Some("ana"), last.profile_name));
    assert_eq!(store.counts().await?.contacts, 2);
    Ok(())
}

pub async fn nobody_is_nobody(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let rotation = |text: &str| Rotation { previous: aliases(text), current: AliasSet::default() };
    let rotated = Observation { rotations: vec![rotation("p:9")], ..seen("") };
    let contacts = observe(store, &lease, &[seen(""), seen("p:1"), rotated]).await?;
    assert_eq!(contacts.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(store.counts().await?.contacts, 1);
    assert_eq!(store.find_contact(&AliasSet::default()).await?, None);
    Ok(())
}

pub async fn two_stored_contacts_are_merged_outside_the_batch(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let older = contact_of(store, &lease, "p:1").await?;
    let younger = contact_of(store, &lease, "b:a").await?;
    let mut batch = begin(store, &lease).await?;
    let Err(StoreError::MergeFirst(merges)) = batch.contacts(&[seen("p:1 b:a"), seen("b:new")]).await else {
        panic!("two stored contacts cannot be merged inside");
    };
    drop(batch);
    assert_eq!(merges, [Merge { winner: older, loser: younger }], "the smaller id wins");
    assert_eq!(store.find_contact(&aliases("b:new")).await?, None, "nothing was written");
    store.merge(&merges).await?;
    let mut batch = begin(store, &lease).await?;
    let contacts = batch.contacts(&[seen("p:1 b:a"), seen("b:new")]).await?;
    batch.commit().await?;
    assert_eq!(contacts[0].as_ref().map(|contact| (contact.id, contact.is_new)), Some((older, false)));
    let found = store.find_contact(&aliases("b:a")).await?.expect("it is known");
    assert_eq!((found.contact.id, found.aliases.len()), (older, 2));
    Ok(())
}

/// Two contacts about to be merged: the winner by phone `1`, the loser by BSUID `a`.
async fn pair(store: &Store, lease: &Lease) -> Result<Merge> {
    store.name_numbers(&[(name("support"), number())]).await?;
    let winner = contact_of(store, lease, "p:1").await?;
    let loser = contact_of(store, lease, "b:a").await?;
    Ok(Merge::of(winner, loser))
}

pub async fn a_merge_hands_over_what_is_open(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let merge = pair(store, &lease).await?;
    let attribute = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    store.upsert_contact(&aliases("b:a"), &attribute("tier", "gold"), Some("es")).await?;
    store.upsert_contact(&aliases("b:a"), &attribute("city", "x"), None).await?;
    store.upsert_contact(&aliases("p:1"), &attribute("city", "y"), None).await?;
    let ours = conversation(merge.winner, "support", 1_000);
    let theirs = conversation(merge.loser, "support", 2_000);
    let only_theirs = conversation(merge.loser, "sales", 3_000);
    let held = InboxRow { held_event: Some(b"kept".to_vec()), contact: Some(merge.loser), ..row("h", 1) };
    let mut batch = begin(store, &lease).await?;
    batch.record(&[held], &[ours.clone(), theirs, only_theirs.clone()]).await?;
    batch.commit().await?;
    store.merge(&[merge]).await?;
    let mut batch = begin(store, &lease).await?;
    let pairs = [(merge.winner, name("support")), (merge.winner, name("sales")), (merge.loser, name("support"))];
    let open = batch.conversations(&pairs).await?;
    let of = |index: usize| open.get(&pairs[index]).map(|conversation| conversation.id);
    assert_eq!([of(0), of(1), of(2)], [Some(ours.id), Some(only_theirs.id), None]);
    let waiting = batch.held(&[(merge.winner, name("support"))], HeldKind::Standby).await?;
    assert_eq!(waiting.iter().map(|held| held.event.as_slice()).collect::<Vec<_>>(), [b"kept"]);
    drop(batch);
    let contact = store.find_contact(&aliases("b:a")).await?.expect("it is known").contact;
    let attributes: Vec<_> = contact.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!((contact.id, contact.language.tag()), (merge.winner, Some("es")));
    assert_eq!(attributes, [("city", "y"), ("tier", "gold")], "the survivor's own word counts");
    // The survivor has a BSUID now: a phone alone does not merge it with anybody.
    let stranger = contact_of(store, &lease, "p:1 b:stranger").await?;
    assert_ne!(stranger, merge.winner);
    Ok(())
}

pub async fn a_merge_happens_once(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let merge = pair(store, &lease).await?;
    let later = contact_of(store, &lease, "b:c").await?;
    store.merge(&[merge, merge]).await?;
    // Asked for by somebody who had read before: the loser is nobody's winner any more.
    store.merge(&[Merge { winner: merge.loser, loser: later }]).await?;
    assert_eq!(contact_of(store, &lease, "b:c").await?, later);
    assert_eq!(store.counts().await?.contacts, 2);
    Ok(())
}

pub async fn an_import_updates_a_contact(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let tier = BTreeMap::from([("tier".to_owned(), "gold\0".to_owned())]);
    let imported = store.upsert_contact(&aliases("p:1"), &tier, Some("es")).await?;
    assert_eq!(store.upsert_contact(&aliases("p:1 b:a"), &BTreeMap::new(), None).await?, imported);
    let seen_later = observe(store, &lease, &[seen("b:a")]).await?;
    let contact = seen_later[0].as_ref().expect("it names somebody");
    assert_eq!((contact.id, contact.is_new, contact.language.tag()), (imported, false, Some("es")));
    assert_eq!(contact.attributes.get("tier").map(String::as_str), Some("gold\u{fffd}"));
    // An import may show that two contacts are one.
    let other = contact_of(store, &lease, "p:2").await?;
    let merged = store.upsert_contact(&aliases("p:2 b:a"), &BTreeMap::new(), None).await?;
    assert_eq!(merged, imported.min(other));
    let nameless = store.upsert_contact(&AliasSet::default(), &BTreeMap::new(), None).await;
    assert!(matches!(nameless, Err(StoreError::Invalid(_))));
    Ok(())
}

pub async fn strange_names_are_stored(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let long = "9".repeat(10_000);
    let texts = ["", "\0", "'; DROP TABLE contact; --", "[\"phone\"]", "ä\u{10ffff}", long.as_str()];
    for text in texts {
        let observed = Observation {
            aliases: AliasSet { phone: Some(text.into()), bsuid: Some(format!("b{text}")), parent_bsuid: None },
            profile_name: Some(text.into()),
            ..seen("")
        };
        let contacts = observe(store, &lease, std::slice::from_ref(&observed)).await?;
        let id = contacts[0].as_ref().map(|contact| contact.id);
        let again = observe(store, &lease, std::slice::from_ref(&observed)).await?;
        assert_eq!(again[0].as_ref().map(|contact| contact.id), id);
        assert_eq!(store.find_contact(&observed.aliases).await?.map(|found| found.contact.id), id);
        let number = PhoneNumberId::new(text);
        store.ensure_number(&number, text, &WabaId::new(text)).await?;
    }
    assert_eq!(store.counts().await?.contacts, texts.len() as u64);
    assert!(store.now().await? > at(0));
    Ok(())
}

/// The newest and the oldest, those without any left out.
pub async fn what_contacts_have_of_attributes_is_told(store: &Store) -> Result<()> {
    store.migrate().await?;
    for (phone, tier) in [("101", Some("gold")), ("102", None), ("103", Some("bronze")), ("104", Some("silver"))] {
        let aliases = AliasSet { phone: Some(format!("34600000{phone}")), ..AliasSet::default() };
        let attributes = tier.map(|tier| ("tier".to_owned(), tier.to_owned())).into_iter().collect();
        store.upsert_contact(&aliases, &attributes, None).await?;
    }
    for (limit, want) in
        [(1, &["gold", "silver"][..]), (2, &["bronze", "gold", "silver"]), (9, &["bronze", "gold", "silver"])]
    {
        let told = store.told_of_some(limit).await?;
        let mut tiers: Vec<&str> =
            told.iter().filter_map(|one| one.attributes.get("tier").map(String::as_str)).collect();
        tiers.sort_unstable();
        assert_eq!(tiers, want, "{limit}");
        assert!(told.iter().all(|one| one.language_source.is_none()), "nobody said");
    }
    let aliases = AliasSet { phone: Some("34600000105".to_owned()), ..AliasSet::default() };
    store.upsert_contact(&aliases, &BTreeMap::new(), Some("pt-BR")).await?;
    let told = store.told_of_some(1).await?;
    let sources: Vec<_> = told.iter().filter_map(|one| one.language_source).collect();
    assert_eq!(sources, [LanguageSource::Crm], "who has a language alone is among them");
    Ok(())
}

/// Contacts are found by whatever names them, many at once, as each would be alone.
pub async fn many_contacts_are_found_at_once(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let (one, other) =
        (contact_of(store, &lease, "p:5511987654321").await?, contact_of(store, &lease, "b:ES.17").await?);
    let set = |phone: Option<&str>, bsuid: Option<&str>| AliasSet {
        phone: phone.map(str::to_owned),
        bsuid: bsuid.map(str::to_owned),
        parent_bsuid: None,
    };
    let wanted = [
        set(Some("551187654321"), None),
        set(None, Some("ES.17")),
        set(Some("1"), None),
        set(Some("5511987654321"), None),
    ];
    let found: Vec<_> = store.find_contacts(&wanted).await?.into_iter().map(|found| found.map(|one| one.id)).collect();
    assert_eq!(found, [Some(one), Some(other), None, Some(one)]);
    assert_eq!(store.contacts_after(None, 1).await?.len(), 1);
    let first = one.min(other);
    assert_eq!(store.contacts_after(Some(first), 10).await?.len(), 1);
    store.merge(&[crate::Merge::of(one, other)]).await?;
    let nobody = ContactId::from_uuid(uuid::Uuid::now_v7());
    let by_now = store.contact_records(&[one, nobody, other]).await?;
    let by_now: Vec<_> = by_now.into_iter().map(|found| found.map(|one| one.id)).collect();
    assert_eq!(by_now, [Some(first), None, Some(first)]);
    assert_eq!(store.contacts_after(None, 10).await?.len(), 1, "who became part of another is nobody");
    Ok(())
}
