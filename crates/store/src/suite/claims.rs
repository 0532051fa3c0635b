//! Numbers that may be somebody else's by now, numbers that somebody says are theirs, and what people say of them.

use std::collections::BTreeMap;

use waypost_domain::{Alias, ContactId, LanguageEvidence, LanguageSource};

use super::{aliases, at, begin, contact_of, conversation, name, number, observe, owner, seen};
use crate::{ClaimOn, ContactDetails, Lease, Observation, Result, Store, StoreError, Wrote};

/// Whoever wrote nothing since this is silent.
const SILENT_BEFORE: i64 = 1_000_000;

/// A message that they wrote.
fn wrote(text: &str) -> Observation {
    let wrote = Wrote { silent_before: at(SILENT_BEFORE), language: None, own_number: None };
    Observation { wrote: Some(wrote), at: at(SILENT_BEFORE + 1_000), ..seen(text) }
}

fn card(text: &str, own_number: &str) -> Observation {
    let mut observation = wrote(text);
    if let Some(wrote) = &mut observation.wrote {
        wrote.own_number = Some(own_number.to_owned());
    }
    observation
}

async fn of(store: &Store, lease: &Lease, observation: Observation) -> Result<ContactId> {
    let contacts = observe(store, lease, &[observation]).await?;
    Ok(contacts[0].as_ref().expect("it names somebody").id)
}

async fn details(store: &Store, text: &str) -> Result<ContactDetails> {
    Ok(store.find_contact(&aliases(text)).await?.expect("it is known"))
}

fn claims(details: &ContactDetails) -> Vec<(ClaimOn, &str)> {
    details.claims.iter().map(|claim| (claim.on.clone(), claim.reason.as_str())).collect()
}

/// A contact who wrote last at `heard`; `None`: never.
async fn heard(store: &Store, lease: &Lease, text: &str, heard: Option<i64>) -> Result<ContactId> {
    store.name_numbers(&[(name("support"), number())]).await?;
    let id = contact_of(store, lease, text).await?;
    let mut batch = begin(store, lease).await?;
    let mut talk = conversation(id, "support", 1_000);
    talk.last_inbound_at = heard.map(at);
    batch.record(&[], &[talk]).await?;
    batch.commit().await?;
    Ok(id)
}

pub async fn who_was_silent_is_claimed_and_not_adopted(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    // (who had the number, when they wrote last, whether whoever shows a BSUID on it now is them)
    let cases = [
        ("p:1", Some(SILENT_BEFORE - 1), false),
        ("p:2", Some(SILENT_BEFORE), true),
        ("p:3", None, true),
        ("p:4 b:own", Some(1), true),
    ];
    for (index, (number, last, is_them)) in cases.into_iter().enumerate() {
        let before = heard(store, &lease, number, last).await?;
        let phone = number.split(' ').next().unwrap_or_default();
        let bsuid = if number.contains("b:own") { "b:own".to_owned() } else { format!("b:new{index}") };
        let now = of(store, &lease, wrote(&format!("{phone} {bsuid}"))).await?;
        assert_eq!(now == before, is_them, "{number}");
        let found = details(store, &bsuid).await?;
        assert_eq!(found.contact.id, now, "{number}");
        assert_eq!(of(store, &lease, wrote(phone)).await?, now, "the number is theirs: {number}");
        let want = if is_them { vec![] } else { vec![(ClaimOn::Contact(before), "silent")] };
        assert_eq!(claims(&found), want, "{number}");
    }
    // Somebody known gets the number of somebody silent.
    let known = contact_of(store, &lease, "b:known").await?;
    let silent = heard(store, &lease, "p:5", Some(1)).await?;
    assert_eq!(of(store, &lease, wrote("p:5 b:known")).await?, known);
    assert_eq!(claims(&details(store, "b:known").await?), [(ClaimOn::Contact(silent), "silent")]);
    // Who wrote in the same batch is not silent any more.
    let again = heard(store, &lease, "p:6", Some(1)).await?;
    let both = observe(store, &lease, &[wrote("p:6"), wrote("p:6 b:six")]).await?;
    assert!(both.iter().flatten().all(|contact| contact.id == again));
    // An import vouches for the number.
    let imported = heard(store, &lease, "p:7", Some(1)).await?;
    assert_eq!(store.upsert_contact(&aliases("p:7 b:seven"), &BTreeMap::new(), None).await?, imported);
    Ok(())
}

/// Given A, whom B claims to be: what B and A turn out to be besides, the claim stays.
pub async fn a_claim_goes_along_with_a_merge(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let claimed = heard(store, &lease, "p:1", Some(1)).await?;
    let claimant = of(store, &lease, wrote("p:1 b:one")).await?;
    let (other_half, twin) = (contact_of(store, &lease, "b:half").await?, contact_of(store, &lease, "p:2").await?);
    store.merge(&[crate::Merge::of(claimant, other_half), crate::Merge::of(claimed, twin)]).await?;
    let found = details(store, "b:one").await?;
    assert_eq!(claims(&found), [(ClaimOn::Contact(claimed.min(twin)), "silent")]);
    let mut change = store.begin_change().await?;
    let told = change.confirm_contact(found.contact.id, None).await?.expect("it is known");
    change.commit(&[]).await?;
    assert_eq!(details(store, "p:2").await?.contact.id, told.id);
    assert_eq!(details(store, "b:half").await?.contact.id, told.id);
    Ok(())
}

/// Given somebody who claims to be two that turn out to be one, or two that are one and claim the same: that is one claim.
pub async fn claims_that_a_merge_makes_equal_are_one(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let one = heard(store, &lease, "p:1", Some(1)).await?;
    let other = heard(store, &lease, "p:2", Some(1)).await?;
    let both = async |alias: &str| {
        of(store, &lease, wrote(&format!("p:1 {alias}"))).await?;
        of(store, &lease, wrote(&format!("p:2 {alias}"))).await
    };
    let first = both("b:one").await?;
    assert_eq!(claims(&details(store, "b:one").await?).len(), 2);
    store.merge(&[crate::Merge::of(one, other)]).await?;
    let claimed = (ClaimOn::Contact(one.min(other)), "silent");
    assert_eq!(claims(&details(store, "b:one").await?), [claimed]);
    let mut change = store.begin_change().await?;
    let told = change.confirm_contact(first, None).await?.expect("it is known");
    change.commit(&[]).await?;
    assert_eq!(told.merged, Some(first.max(one.min(other))));
    Ok(())
}

/// Given A, who has two numbers, and B, who shows one of them and is not A: nor do they claim it with the other number.
pub async fn a_claim_that_is_refused_does_not_come_back(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let (one, twin) = (heard(store, &lease, "p:1", Some(1)).await?, contact_of(store, &lease, "p:2").await?);
    store.merge(&[crate::Merge::of(one, twin)]).await?;
    let (claimed, claimant) = (one.min(twin), of(store, &lease, wrote("p:1 b:one")).await?);
    of(store, &lease, card("b:one", "+55 11 8765-0001")).await?;
    let card = ClaimOn::Number("5511987650001".to_owned());
    assert_eq!(claims(&details(store, "b:one").await?).len(), 2);
    let mut change = store.begin_change().await?;
    for on in [None, Some(ClaimOn::Contact(claimant)), Some(ClaimOn::Number("1".to_owned()))] {
        assert!(matches!(change.refuse_claim(claimant, on).await, Err(StoreError::Invalid(_))));
    }
    assert_eq!(change.refuse_claim(ContactId::from_uuid(uuid::Uuid::nil()), None).await?, None);
    let on = ClaimOn::Contact(claimed);
    assert_eq!(change.refuse_claim(claimant, Some(on.clone())).await?, Some(on));
    change.commit(&[]).await?;
    assert_eq!(claims(&details(store, "b:one").await?), [(card.clone(), "card")]);
    assert_eq!(of(store, &lease, wrote("p:2 b:one")).await?, claimant);
    assert_eq!(claims(&details(store, "b:one").await?).len(), 1);
    assert_eq!(store.contact(claimed).await?.expect("it is a contact still").aliases.len(), 0);
    // The only one that is left; whoever writes from that number is somebody else.
    let mut change = store.begin_change().await?;
    assert_eq!(change.refuse_claim(claimant, None).await?, Some(card));
    change.commit(&[]).await?;
    assert_eq!(claims(&details(store, "b:one").await?), []);
    assert_ne!(of(store, &lease, wrote("p:551187650001")).await?, claimant);
    Ok(())
}

pub async fn an_identity_change_is_a_doubt_until_somebody_confirms(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let changed = |text: &str| Observation { identity_changed: true, ..seen(text) };
    let (doubted, confirmed) = (contact_of(store, &lease, "p:1").await?, contact_of(store, &lease, "p:2").await?);
    observe(store, &lease, &[changed("p:1"), changed("p:2")]).await?;
    assert_eq!(details(store, "p:1").await?.identity_changed_at, Some(at(1_000)));
    let mut change = store.begin_change().await?;
    let told = change.confirm_contact(confirmed, None).await?.expect("it is known");
    change.commit(&[]).await?;
    assert_eq!((told.id, told.merged), (confirmed, None));
    assert_eq!(details(store, "p:2").await?.identity_changed_at, None);
    assert_eq!(of(store, &lease, wrote("p:2 b:two")).await?, confirmed);

    let other = of(store, &lease, wrote("p:1 b:one")).await?;
    assert_ne!(other, doubted);
    assert_eq!(claims(&details(store, "b:one").await?), [(ClaimOn::Contact(doubted), "identity_changed")]);
    // A person knows that it is them.
    let mut change = store.begin_change().await?;
    let wrong = change.confirm_contact(other, Some(confirmed)).await;
    assert!(matches!(wrong, Err(StoreError::Invalid(_))));
    let told = change.confirm_contact(other, Some(doubted)).await?.expect("it is known");
    assert_eq!(change.confirm_contact(ContactId::from_uuid(uuid::Uuid::nil()), None).await?, None);
    change.commit(&[]).await?;
    assert_eq!((told.id, told.merged), (doubted.min(other), Some(doubted.max(other))));
    let found = details(store, "b:one").await?;
    assert_eq!((found.contact.id, found.claims.len(), found.identity_changed_at), (told.id, 0, None));
    assert_eq!(of(store, &lease, wrote("p:1")).await?, told.id);
    Ok(())
}

pub async fn a_number_on_a_card_is_theirs_once_it_writes(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let claimant = of(store, &lease, card("b:a", "+55 11 8765-0001")).await?;
    let number = "5511987650001".to_owned();
    assert_eq!(claims(&details(store, "b:a").await?), [(ClaimOn::Number(number.clone()), "card")]);
    assert_eq!(store.find_contact(&aliases("p:5511987650001")).await?, None, "it names nobody yet");
    // Neither an import nor what we wrote confirms it.
    let imported = store.upsert_contact(&aliases("p:551187650001"), &BTreeMap::new(), None).await?;
    assert_eq!(contact_of(store, &lease, "p:5511987650001").await?, imported);
    assert_ne!(imported, claimant);
    // The number itself does: whom the import knows is them.
    let now = of(store, &lease, wrote("p:551187650001")).await?;
    assert_eq!(now, claimant.min(imported));
    let found = details(store, "b:a").await?;
    assert_eq!((found.contact.id, found.claims.len()), (now, 0));
    assert!(found.aliases.contains_key(&Alias::Phone(number)));

    // In one batch; and of somebody who is nobody yet.
    let both = observe(store, &lease, &[card("b:b", "2"), wrote("p:2")]).await?;
    assert_eq!(both[0].as_ref().map(|contact| contact.id), both[1].as_ref().map(|contact| contact.id));
    // Somebody else with a BSUID has the number, or shows one on it: it never was theirs.
    let (has, claims_it) = (contact_of(store, &lease, "p:3 b:c").await?, of(store, &lease, card("b:d", "3")).await?);
    assert_eq!(of(store, &lease, wrote("p:3")).await?, has);
    assert_ne!(has, claims_it);
    assert!(claims(&details(store, "b:d").await?).is_empty());
    // The last to claim it is whom it is of; one's own number is no claim.
    of(store, &lease, card("b:e", "4")).await?;
    let last = of(store, &lease, card("b:f", "4")).await?;
    assert_eq!(of(store, &lease, wrote("p:4")).await?, last);
    of(store, &lease, card("p:5 b:g", "5")).await?;
    assert!(claims(&details(store, "b:g").await?).is_empty());
    Ok(())
}

pub async fn a_merge_can_be_undone(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    store.name_numbers(&[(name("support"), number())]).await?;
    let of_crm = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
    let phone_only = store.upsert_contact(&aliases("p:1"), &of_crm, Some("es")).await?;
    let named = |text: &str, name: &str| Observation { profile_name: Some(name.to_owned()), ..wrote(text) };
    let with_bsuid = of(store, &lease, named("b:a", "Ada")).await?;
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], &[conversation(phone_only, "support", 1_000)]).await?;
    batch.commit().await?;
    let now = of(store, &lease, wrote("p:1 b:a")).await?;
    assert_eq!(now, phone_only.min(with_bsuid));
    let merged = phone_only.max(with_bsuid);
    let found = details(store, "b:a").await?;
    assert_eq!((found.merged.len(), found.merged[0].id), (1, merged));
    assert_eq!((found.contact.attributes.len(), found.contact.language.tag()), (1, Some("es")));

    let mut change = store.begin_change().await?;
    assert_eq!(change.split_contact(now, Some(now)).await?, None, "nobody was merged into themselves");
    let split = change.split_contact(now, None).await?.expect("it is known");
    assert_eq!(change.split_contact(now, None).await?, None, "once");
    change.commit(&[]).await?;
    assert_eq!((split.split.id, split.before.id, split.after.id), (merged, now, now));

    let (one, other) = (details(store, "p:1").await?, details(store, "b:a").await?);
    assert_eq!((one.contact.id, other.contact.id), (phone_only, with_bsuid));
    assert_eq!((one.contact.attributes, one.contact.language.tag()), (of_crm, Some("es")));
    assert_eq!((other.contact.attributes.len(), other.contact.language.tag()), (0, None));
    assert_eq!((one.contact.profile_name, other.contact.profile_name.as_deref()), (None, Some("Ada")));
    let mut batch = begin(store, &lease).await?;
    let pairs = [phone_only, with_bsuid].map(|contact| (contact, name("support")));
    let open = batch.conversations(&pairs).await?;
    assert!(open.contains_key(&pairs[0]) && !open.contains_key(&pairs[1]));
    drop(batch);

    // They stay two: the number goes to who shows it, and nobody claims anything.
    assert_eq!(of(store, &lease, wrote("p:1 b:a")).await?, with_bsuid);
    assert_eq!(of(store, &lease, wrote("p:1")).await?, with_bsuid);
    assert!(claims(&details(store, "b:a").await?).is_empty());
    let left = store.contact(phone_only).await?.expect("it is known by its id");
    assert!(left.aliases.is_empty());
    Ok(())
}

/// Given merges of one instant, then the one that is shown first is the one that is undone.
pub async fn the_last_merge_is_the_one_that_is_shown_first(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let mut ids = Vec::new();
    for alias in ["p:1", "p:2", "p:3"] {
        ids.push(contact_of(store, &lease, alias).await?);
    }
    store.merge(&[crate::Merge::of(ids[0], ids[1]), crate::Merge::of(ids[0], ids[2])]).await?;
    store.script("UPDATE contact_merge SET at = 5").await?;
    let found = details(store, "p:1").await?;
    let mut change = store.begin_change().await?;
    let split = change.split_contact(found.contact.id, None).await?.expect("it is known");
    assert_eq!((found.merged.len(), found.merged[0].id), (2, split.split.id));
    Ok(())
}

/// Given A, into whom B was merged, into whom C had been: taking B out takes C along, and C can be taken out of B then.
pub async fn merges_are_undone_in_any_order(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let mut ids = Vec::new();
    for alias in ["p:1", "p:2", "b:c"] {
        ids.push(contact_of(store, &lease, alias).await?);
    }
    let [a, b, c] = ids[..] else { panic!("three") };
    store.merge(&[crate::Merge::of(b, c), crate::Merge::of(a, b)]).await?;
    let merged: Vec<ContactId> = details(store, "p:1").await?.merged.iter().map(|merged| merged.id).collect();
    assert_eq!((merged.len(), merged.contains(&b), merged.contains(&c)), (2, true, true));
    let mut change = store.begin_change().await?;
    change.split_contact(a, Some(b)).await?.expect("it was merged");
    change.commit(&[]).await?;
    assert_eq!(details(store, "p:1").await?.contact.id, a);
    assert_eq!((details(store, "p:2").await?.contact.id, details(store, "b:c").await?.contact.id), (b, b));
    let mut change = store.begin_change().await?;
    change.split_contact(b, Some(c)).await?.expect("it goes on being merged into B");
    change.commit(&[]).await?;
    assert_eq!((details(store, "p:2").await?.contact.id, details(store, "b:c").await?.contact.id), (b, c));
    Ok(())
}

pub async fn how_whatsapp_writes_a_number_is_kept(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let imported = store.upsert_contact(&aliases("p:+55(11)98765-0001"), &BTreeMap::new(), None).await?;
    let wa_id = async || Ok::<_, StoreError>(details(store, "p:5511987650001").await?.contact.wa_id);
    assert_eq!(wa_id().await?, None);
    for (written, want) in
        [("551187650001", Some("551187650001")), ("551187650001", Some("551187650001")), ("5511987650001", None)]
    {
        assert_eq!(of(store, &lease, wrote(&format!("p:{written}"))).await?, imported);
        assert_eq!(wa_id().await?.as_deref(), want, "{written}");
    }
    let kept = details(store, "p:5511987650001").await?.aliases;
    assert_eq!(kept.keys().map(Alias::value).collect::<Vec<_>>(), ["551187650001", "5511987650001"]);
    assert_eq!(kept.values().flatten().count(), 2, "since when");
    Ok(())
}

pub async fn a_language_is_learnt_and_kept(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let says = |text: &str, evidence: LanguageEvidence| {
        let mut observation = wrote(text);
        if let Some(wrote) = &mut observation.wrote {
            wrote.language = Some(evidence);
        }
        observation
    };
    let words = |text: &str, words: &str| says(text, LanguageEvidence::Words(words.to_owned()));
    let known = async |text: &str| {
        let known = details(store, text).await?.contact.language.known;
        Ok::<_, StoreError>(known.map(|known| (known.tag, known.source)))
    };
    // Too few letters at first; two messages together are enough.
    observe(store, &lease, &[words("p:1", "guten tag")]).await?;
    assert_eq!(known("p:1").await?, None);
    observe(store, &lease, &[words("p:1", "ich habe eine frage zu meiner rechnung")]).await?;
    assert_eq!(known("p:1").await?, Some(("de".to_owned(), LanguageSource::Guess)));
    observe(store, &lease, &[says("p:1", LanguageEvidence::Choice("pt-BR".to_owned()))]).await?;
    assert_eq!(known("p:1").await?, Some(("pt-BR".to_owned(), LanguageSource::Choice)));
    store.upsert_contact(&aliases("p:1"), &BTreeMap::new(), Some("es")).await?;
    observe(store, &lease, &[says("p:1", LanguageEvidence::Choice("en".to_owned()))]).await?;
    assert_eq!(known("p:1").await?, Some(("es".to_owned(), LanguageSource::Crm)));
    // A merge keeps the word with more authority.
    observe(store, &lease, &[words("b:a", "guten tag, ich habe eine frage zu meiner rechnung")]).await?;
    observe(store, &lease, &[wrote("p:1 b:a")]).await?;
    assert_eq!(known("b:a").await?, Some(("es".to_owned(), LanguageSource::Crm)));
    // What was stored before there were sources is the CRM's.
    store.script("UPDATE contact SET language_source = NULL, language_confidence = NULL").await?;
    let before = details(store, "p:1").await?.contact.language.known.expect("it is known");
    assert_eq!((before.tag.as_str(), before.source, before.confidence), ("es", LanguageSource::Crm, 100));
    Ok(())
}
