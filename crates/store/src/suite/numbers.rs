//! One number, one person: numbers that are spelt in several ways, today and by releases that knew no canonical form.

use std::collections::BTreeMap;

use waypost_domain::{Alias, ContactId};

use super::{aliases, contact_of, observe, owner, seen};
use crate::core::{Sql, params};
use crate::{Merge, Result, Store};

/// A person's numbers as they are written in webhooks, imports and look-ups.
const SPELLINGS: [&[&str]; 5] = [
    &["5511987650001", "551187650001", "+55(11)98765-0001", "0055-11-8765-0001"],
    &["525512340001", "5215512340001"],
    &["5491112340001", "541112340001", "54-11-15-1234-0001", "5491115.12340001"],
    &["2290197123456", "22997123456"],
    &["34600000001", "+34600000001", "0034600000001"],
];

fn spelt(number: &str) -> String {
    format!("p:{number}")
}

pub async fn one_number_is_one_contact_however_it_is_spelt(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    for (index, numbers) in SPELLINGS.iter().enumerate() {
        let tier = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
        let first = numbers[index % numbers.len()];
        let imported = store.upsert_contact(&aliases(&spelt(first)), &tier, None).await?;
        for number in *numbers {
            let seen = observe(store, &lease, &[seen(&spelt(number))]).await?;
            let contact = seen[0].as_ref().expect("it names somebody");
            assert_eq!((contact.id, contact.is_new), (imported, false), "{number}");
            assert_eq!(contact.attributes.get("tier").map(String::as_str), Some("gold"), "{number}");
            let found = store.find_contact(&aliases(&spelt(number))).await?.expect("it is known");
            assert_eq!(found.contact.id, imported, "{number}");
            assert!(found.aliases.contains_key(&Alias::Phone(numbers[0].to_owned())), "{number}");
        }
    }
    assert_eq!(store.counts().await?.contacts, SPELLINGS.len() as u64);
    Ok(())
}

pub async fn spellings_meet_in_one_batch(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let all = ["p:551187650001", "p:552187650002", "p:5511987650001 b:a", "p:5521987650002"];
    let contacts = observe(store, &lease, &all.map(seen)).await?;
    let ids: Vec<ContactId> = contacts.iter().flatten().map(|contact| contact.id).collect();
    assert_eq!((ids.len(), ids[0] == ids[2], ids[1] == ids[3], ids[0] == ids[1]), (4, true, true, false));
    assert_eq!(store.counts().await?.contacts, 2);
    // The number that was given up names nobody, whichever way it is written.
    let rotation =
        waypost_domain::message::Rotation { previous: aliases("p:551187650001"), current: aliases("p:551187659999") };
    let rotated = crate::Observation { rotations: vec![rotation], ..seen("p:551187650001") };
    assert_eq!(observe(store, &lease, &[rotated]).await?[0].as_ref().map(|contact| contact.id), Some(ids[0]));
    assert_eq!(store.find_contact(&aliases("p:551187650001")).await?, None);
    assert_eq!(store.find_contact(&aliases("p:5511987650001")).await?, None);
    assert_eq!(contact_of(store, &lease, "p:5511987659999").await?, ids[0]);
    Ok(())
}

static STORE_AS_BEFORE: Sql = Sql::both("UPDATE alias SET id = $1, value = $2 WHERE id = $3");

/// A contact whose number is stored as a release without canonical forms did.
async fn contact_of_before(store: &Store, lease: &crate::Lease, text: &str, spelling: &str) -> Result<ContactId> {
    let id = contact_of(store, lease, text).await?;
    let number = aliases(text).canonical().phone.map(Alias::Phone).expect("a number");
    let before = Alias::Phone(spelling.to_owned());
    let ids = [&before, &number].map(crate::contacts::alias_id);
    store.write(&STORE_AS_BEFORE, params![ids[0], spelling, ids[1]]).await?;
    Ok(id)
}

pub async fn what_was_stored_under_another_spelling_is_found(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    // Alone: it gets its canonical form with the next message, and keeps the old one.
    let alone = contact_of_before(store, &lease, "p:551187650001", "551187650001").await?;
    assert_eq!(store.find_contact(&aliases("p:5511987650001")).await?.map(|found| found.contact.id), Some(alone));
    assert_eq!(contact_of(store, &lease, "p:5511987650001").await?, alone);
    let found = store.find_contact(&aliases("p:551187650001")).await?.expect("it is known");
    let both = ["551187650001", "5511987650001"].map(|number| Alias::Phone(number.to_owned()));
    assert_eq!((found.contact.id, found.aliases.into_keys().collect::<Vec<_>>()), (alone, both.to_vec()));
    // Two contacts of one number, neither with a BSUID: they are merged.
    let long = contact_of(store, &lease, "p:525512340002").await?;
    let short = contact_of_before(store, &lease, "p:34600000002", "5215512340002").await?;
    assert_ne!(long, short);
    assert_eq!(contact_of(store, &lease, "p:5215512340002").await?, Merge::of(short, long).winner);
    assert_eq!(store.find_contact(&aliases("p:525512340002")).await?.map(|found| found.aliases.len()), Some(2));
    // Two people with a BSUID each: the number moves to who shows it, in all its spellings.
    let before = contact_of_before(store, &lease, "p:34600000003 b:former", "551187650004").await?;
    let now = contact_of(store, &lease, "p:5511987650004 b:now").await?;
    assert_ne!(before, now);
    for number in ["p:551187650004", "p:5511987650004"] {
        assert_eq!(contact_of(store, &lease, number).await?, now, "{number}");
    }
    assert_eq!(contact_of(store, &lease, "b:former").await?, before);
    Ok(())
}
