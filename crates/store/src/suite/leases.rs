//! Who may work on which partition, and what happens to those who no longer may.

use std::time::Duration;

use waypost_domain::PartitionId;

use super::{COMPONENT, TTL, at, begin, begin_record, event, owner, owner_of, row};
use crate::{Fence, Lease, Renewal, Result, Sequence, Store, StoreError, Suspect};

const SHORT: Duration = Duration::from_millis(1);
const P0: PartitionId = PartitionId(0);

pub async fn replicas_come_and_go(store: &Store) -> Result<()> {
    store.migrate().await?;
    assert_eq!(store.join("router", "one", TTL).await?, 1);
    assert_eq!(store.join("router", "two", TTL).await?, 2);
    assert_eq!(store.join("router", "two", TTL).await?, 2, "a heartbeat is not a new replica");
    assert_eq!(store.join("sender", "one", TTL).await?, 1, "components are counted apart");
    store.leave("router", "two").await?;
    assert_eq!(store.join("router", "one", TTL).await?, 1);
    store.join("router", "dead", SHORT).await?;
    passed(store, SHORT).await?;
    assert_eq!(store.join("router", "one", TTL).await?, 1, "a replica that fell silent does not count");
    Ok(())
}

pub async fn a_lease_has_one_owner_and_a_new_epoch_each_time(store: &Store) -> Result<()> {
    let first = owner(store).await?;
    assert_eq!((first.epoch, first.published_seq, first.last_seq), (1, 0, 0));
    assert_eq!(store.acquire_lease(COMPONENT, P0, "two", TTL, Sequence::OfInbox).await?, None);
    let other =
        store.acquire_lease("sender", P0, "two", TTL, Sequence::None).await?.expect("each component has its own");
    assert_eq!(other.epoch, 1);
    let again = owner_of(store, 0).await?;
    assert_eq!(again.epoch, 2, "a process that lost its memory gets a new epoch");
    let late = owner_of(store, 3).await?;
    let renewed = store.renew_leases(COMPONENT, "one", TTL).await?;
    assert_eq!(extended(renewed), [(P0, 2), (PartitionId(3), 1)]);
    assert_eq!(store.renew_leases(COMPONENT, "two", TTL).await?, []);
    store.release_lease(&first).await?;
    let rows = store.leases(COMPONENT).await?;
    let owners: Vec<_> = rows.iter().map(|row| (row.partition.0, row.owner.as_deref(), row.epoch)).collect();
    assert_eq!(owners, [(0, Some("one"), 2), (3, Some("one"), 1)], "an old epoch releases nothing");
    store.release_lease(&late).await?;
    let taken =
        store.acquire_lease(COMPONENT, PartitionId(3), "two", TTL, Sequence::OfInbox).await?.expect("it was released");
    assert_eq!((taken.owner.as_str(), taken.epoch), ("two", 2));
    Ok(())
}

pub async fn an_expired_lease_is_free(store: &Store) -> Result<()> {
    store.migrate().await?;
    let first = store.acquire_lease(COMPONENT, P0, "one", SHORT, Sequence::OfInbox).await?.expect("it is free");
    let second = take_over(store, "two").await?;
    assert_eq!((second.owner.as_str(), second.epoch), ("two", first.epoch + 1));
    assert_eq!(store.renew_leases(COMPONENT, "one", TTL).await?, [], "what was taken over is not renewed");
    // Nobody took it: the owner may still renew, under the same epoch.
    let kept =
        store.acquire_lease(COMPONENT, PartitionId(1), "one", SHORT, Sequence::OfInbox).await?.expect("it is free");
    passed(store, SHORT).await?;
    assert_eq!(extended(store.renew_leases(COMPONENT, "one", TTL).await?), [(PartitionId(1), kept.epoch)]);
    assert_eq!(store.acquire_lease(COMPONENT, PartitionId(1), "two", TTL, Sequence::OfInbox).await?, None);
    Ok(())
}

pub async fn who_is_alone_waits_for_no_lease_of_the_dead(store: &Store) -> Result<()> {
    let dead = owner(store).await?;
    store.join(COMPONENT, &dead.owner, TTL).await?;
    store.acquire_lease("sender", P0, &dead.owner, TTL, Sequence::None).await?.expect("it is free");
    let suspect = Suspect { message_id: "in hand".to_owned(), place: 1, deaths: 1 };
    store.mark_suspect(&dead, Some(&suspect)).await?;
    store.release_leases_of_the_dead().await?;
    for component in [COMPONENT, "sender"] {
        let lease = store.acquire_lease(component, P0, "two", TTL, Sequence::None).await?.expect("it was given up");
        assert_eq!((lease.epoch, lease.suspect), (2, (component == COMPONENT).then(|| suspect.clone())), "{component}");
    }
    assert_eq!(store.join(COMPONENT, "two", TTL).await?, 1, "the dead have no share");
    assert!(is_lost(&begin(store, &dead).await), "one that lives nevertheless");
    Ok(())
}

pub async fn a_former_owner_writes_nothing(store: &Store) -> Result<()> {
    store.migrate().await?;
    let former = store.acquire_lease(COMPONENT, P0, "one", SHORT, Sequence::OfInbox).await?.expect("it is free");
    let mut batch = begin(store, &former).await?;
    batch.record(&[row("before", 1)], &[]).await?;
    batch.commit().await?;
    let current = take_over(store, "two").await?;
    assert_writes_nothing(store, &former).await;
    let thief = Lease { owner: "one".into(), ..current.clone() };
    assert!(is_lost(&begin(store, &thief).await), "the epoch alone is no proof");
    let mut batch = begin(store, &current).await?;
    batch.record(&[row("after", 2)], &[]).await?;
    batch.commit().await?;
    assert_eq!(store.leases(COMPONENT).await?[0].published_seq, 0);
    Ok(())
}

/// Given a process that takes its partition again under its own name, then its epoch is all that tells the two claims
/// apart: a batch that it began under the first one must not be written any more.
pub async fn a_former_claim_of_the_same_instance_writes_nothing(store: &Store) -> Result<()> {
    let former = owner(store).await?;
    let current = owner_of(store, 0).await?;
    assert_eq!((&current.owner, current.epoch), (&former.owner, former.epoch + 1));
    assert_writes_nothing(store, &former).await;
    assert_eq!(store.leases(COMPONENT).await?[0].published_seq, 0);
    let mut batch = begin(store, &current).await?;
    batch.record(&[row("after", 1)], &[]).await?;
    batch.commit().await
}

/// By none of the ways that lead behind the fence.
async fn assert_writes_nothing(store: &Store, former: &Lease) {
    assert!(is_lost(&begin(store, former).await), "begin_batch");
    assert!(is_lost(&begin_record(store, former).await), "begin_record");
    assert!(is_lost(&store.begin_batch_of(&Fence::of(former), &[event("before")]).await), "begin_batch_of");
    assert!(is_lost(&store.mark_published(&former.fence(7, None)).await), "mark_published");
}

fn is_lost<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(StoreError::LeaseLost { partition: 0, .. }))
}

pub async fn the_published_mark_never_goes_back(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let marks = [(5, Some(at(7)), 5), (3, None, 5), (9, None, 9)];
    for (given, oldest_at, want) in marks {
        store.mark_published(&lease.fence(given, oldest_at)).await?;
        let stored = &store.leases(COMPONENT).await?[0];
        assert_eq!((stored.published_seq, stored.oldest_at), (want, oldest_at), "after {given}");
    }
    drop(store.begin_batch(&lease.fence(11, None)).await?);
    for (given, want) in [(10, 10), (3, 10), (12, 12)] {
        let (batch, _) = store.begin_batch_of(&lease.fence(given, Some(at(given))), &[]).await?;
        batch.commit().await?;
        let stored = &store.leases(COMPONENT).await?[0];
        let got = (stored.published_seq, stored.oldest_at);
        assert_eq!(got, (want, Some(at(given))), "a dropped batch marks nothing");
    }
    Ok(())
}

pub async fn the_sequence_goes_on_after_a_takeover(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let mut batch = begin(store, &lease).await?;
    batch.record(&[row("a", 1), row("b", 2)], &[]).await?;
    batch.commit().await?;
    let next = owner_of(store, 0).await?;
    assert_eq!((next.published_seq, next.last_seq), (0, 2), "what was decided counts, published or not");
    store.mark_published(&next.fence(9, None)).await?;
    let next = owner_of(store, 0).await?;
    assert_eq!((next.published_seq, next.last_seq), (9, 9), "the inbox may have been tidied up below the mark");
    assert_eq!(owner_of(store, 1).await?.last_seq, 0, "each partition counts for itself");
    let beside = store.acquire_lease("sender", P0, "one", TTL, Sequence::None).await?.expect("it is free");
    assert_eq!(beside.last_seq, 0, "who does not number the inbox does not go on where it ends");
    Ok(())
}

pub async fn a_suspect_outlives_its_owner(store: &Store) -> Result<()> {
    let first = owner(store).await?;
    assert_eq!(first.suspect, None);
    let suspect = Suspect { message_id: "5d41402a".to_owned(), place: 7, deaths: 3 };
    store.mark_suspect(&first, Some(&suspect)).await?;
    begin(store, &first).await?.commit().await?;
    let second = owner_of(store, 0).await?;
    assert_eq!(second.suspect.as_ref(), Some(&suspect), "neither a batch nor a new owner changes it");
    let late = store.mark_suspect(&first, None).await;
    assert!(matches!(late, Err(StoreError::LeaseLost { partition: 0, .. })), "{late:?}");
    store.mark_suspect(&second, None).await?;
    store.release_lease(&second).await?;
    assert_eq!(owner_of(store, 0).await?.suspect, None);
    Ok(())
}

/// Waits until the store's clock has passed a time-out that began before.
async fn passed(store: &Store, ttl: Duration) -> Result<()> {
    let until = store.now().await?.plus_millis(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
    while store.now().await? <= until {
        tokio::time::sleep(SHORT).await;
    }
    Ok(())
}

async fn take_over(store: &Store, instance: &str) -> Result<Lease> {
    passed(store, SHORT).await?;
    let lease = store.acquire_lease(COMPONENT, P0, instance, TTL, Sequence::OfInbox).await?;
    Ok(lease.expect("the lease ran out"))
}

fn extended(renewals: Vec<Renewal>) -> Vec<(PartitionId, i64)> {
    assert!(renewals.iter().all(|renewal| renewal.extended), "{renewals:?}");
    let mut leases: Vec<_> = renewals.into_iter().map(|renewal| (renewal.partition, renewal.epoch)).collect();
    leases.sort_unstable();
    leases
}
