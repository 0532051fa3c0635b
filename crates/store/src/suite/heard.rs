//! What customers say about consent, with what follows from it, in one transaction.

use waypost_domain::consent::{ConsentEntry, Evidence, How, Said};
use waypost_domain::send::Cause;
use waypost_domain::{Category, ConsentEntryId, ContactId, PartitionId};

use super::sends::{attempt, claim, new, person, request, sender};
use super::{TTL, aliases, at, name, seen};
use crate::{Attempt, Lease, Result, Sequence, Store, StoreError, Verdict};

fn stop(contact: ContactId, cause: &str) -> ConsentEntry {
    ConsentEntry {
        id: ConsentEntryId::of_cause(cause),
        contact,
        brand: String::new(),
        category: None,
        said: Said::Withdrawn,
        at: Some(at(7)),
        recorded_at: at(8),
        how: How::Keyword,
        source: Some(cause.to_owned()),
        recorded_by: "optin".to_owned(),
        evidence: Evidence::default(),
    }
}

async fn owner(store: &Store, instance: &str) -> Result<Lease> {
    store.migrate().await?;
    let lease = store.acquire_lease("optin", PartitionId(0), instance, TTL, Sequence::None).await?;
    Ok(lease.expect("the partition is free"))
}

pub async fn what_customers_say_is_kept_behind_a_fence(store: &Store) -> Result<()> {
    let lease = owner(store, "one").await?;
    let mut tx = store.begin_consent(&lease.fence(0, None)).await?;
    let contacts = tx.contacts(&[seen("p:4930901830"), seen("p:4930901830"), seen("")]).await?;
    let ann = contacts[0].as_ref().expect("a contact is made").id;
    assert_eq!(contacts.iter().flatten().map(|contact| contact.id).collect::<Vec<_>>(), [ann, ann]);
    assert_eq!(tx.ledger(ann).await?, crate::Ledger::default());
    let entry = stop(ann, "wamid.A");
    tx.append_consent(std::slice::from_ref(&entry)).await?;
    tx.append_consent(std::slice::from_ref(&entry)).await?;
    assert_eq!(tx.ledger(ann).await?.entries, std::slice::from_ref(&entry), "the same twice is one");
    let confirmation = new(request("stop-1", ann));
    tx.keep_sends(std::slice::from_ref(&confirmation)).await?;
    tx.keep_sends(&[confirmation]).await?;
    assert!(tx.raise_alert(&name("support"), "suspected_stop", "look", at(9)).await?);
    tx.commit().await?;
    assert_eq!(store.consent_entries(&[ann]).await?, [entry]);
    assert!(store.send(&request("stop-1", ann).id).await?.is_some());
    assert_eq!(store.open_alerts().await?[0].to_string(), "number/support/suspected_stop");
    assert_eq!(store.upsert_contact(&aliases("p:4930901830"), &Default::default(), None).await?, ann);

    // Two that will be one.
    let (number, user) = (person(store, "p:4930901831").await?, person(store, "b:US.831").await?);
    let mut tx = store.begin_consent(&lease.fence(0, None)).await?;
    let both = seen("p:4930901831 b:US.831");
    assert!(matches!(tx.contacts(std::slice::from_ref(&both)).await, Err(StoreError::MergeFirst(_))));
    drop(tx);
    let mut tx = store.begin_consent(&lease.fence(0, None)).await?;
    let mut everybody: Vec<ContactId> = tx.everybody(&both.aliases).await?.iter().map(|one| one.id).collect();
    everybody.sort();
    let mut want = [number, user];
    want.sort();
    assert_eq!(everybody, want);
    drop(tx);

    // Whoever lost the partition writes nothing.
    store.release_lease(&lease).await?;
    owner(store, "two").await?;
    let lost = store.begin_consent(&lease.fence(0, None)).await.err();
    assert!(matches!(lost, Some(StoreError::LeaseLost { .. })), "{lost:?}");
    Ok(())
}

pub async fn the_last_offer_is_what_the_business_began(store: &Store) -> Result<()> {
    let (lease, sends) = (owner(store, "one").await?, sender(store, "one").await?);
    let ann = person(store, "p:4930901832").await?;
    let began = |id: &str| {
        let cause = Cause::Event("winter".to_owned());
        new(waypost_domain::SendRequest { cause, ..request(id, ann) })
    };
    store.keep_sends(&[began("offer"), new(request("answer", ann))]).await?;
    let last = async |since: i64| {
        let mut tx = store.begin_consent(&lease.fence(0, None)).await?;
        tx.last_offer(ann, &name("support"), at(since)).await
    };
    assert_eq!(last(0).await?, None, "it has not gone");
    let (mut tx, claimed) = claim(store, &sends, false).await?;
    for one in &claimed {
        let (category, verdict) = match one.row.request.cause {
            Cause::Event(_) => (Category::Marketing, b"{\"offer\":1}".to_vec()),
            _ => (Category::Service, b"{}".to_vec()),
        };
        tx.decide(one.row.place, Verdict::Attempt(Attempt { category, verdict, ..attempt() }));
    }
    tx.commit(at(1_000_000), "portfolio").await?;
    let offer = last(0).await?.expect("it went");
    assert_eq!((offer.category, offer.verdict), (Some(Category::Marketing), Some(b"{\"offer\":1}".to_vec())));
    assert_eq!(last(1_000_001).await?, None, "too long ago");
    Ok(())
}
