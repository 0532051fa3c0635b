//! Every distinct event is decided once.

use waypost_domain::{DecisionId, PhoneNumberId};

use super::{begin, decision, event, owner, owner_of, row};
use crate::{EventKey, InboxRow, Lease, Result, Store, StoreError, StoredDecision};

pub async fn an_event_is_recorded_once(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let keys = [event("a"), event("b")];
    let mut batch = begin(store, &lease).await?;
    assert_eq!(batch.known(&[]).await?, []);
    assert_eq!(batch.known(&keys).await?, [None, None]);
    batch.record(&[row("b", 1)], &[]).await?;
    batch.commit().await?;
    let mut batch = begin(store, &lease).await?;
    let known = batch.known(&keys).await?;
    assert_eq!(known[0], None);
    let b = known[1].as_ref().expect("it was recorded");
    assert_eq!((&b.event, b.partition, b.seq, b.published), (&keys[1], lease.partition, 1, false));
    // The same wamid on another number is another event.
    let other = EventKey { number: PhoneNumberId::new("2"), key: "b".into() };
    assert_eq!(batch.known(std::slice::from_ref(&other)).await?, [None]);
    let twin = InboxRow { number: other.number.clone(), decision_id: other.decision_id(), ..row("b", 2) };
    batch.record(&[twin], &[]).await?;
    batch.commit().await?;
    assert_eq!(store.counts().await?.events, 2);
    Ok(())
}

pub async fn a_dropped_batch_leaves_nothing(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let mut batch = begin(store, &lease).await?;
    batch.record(&[row("a", 1)], &[]).await?;
    drop(batch);
    let mut batch = begin(store, &lease).await?;
    assert_eq!(batch.known(&[event("a")]).await?, [None]);
    Ok(())
}

pub async fn two_partitions_cannot_both_record_an_event(store: &Store) -> Result<()> {
    let (one, other) = (owner(store).await?, owner_of(store, 1).await?);
    let mut batch = begin(store, &one).await?;
    batch.record(&[row("a", 1)], &[]).await?;
    batch.commit().await?;
    let mut batch = begin(store, &other).await?;
    // It did not ask, or asked too early.
    let outcome = batch.record(&[row("b", 1), row("a", 2)], &[]).await;
    assert!(matches!(outcome, Err(StoreError::Retry { .. })), "{outcome:?}");
    drop(batch);
    let mut batch = begin(store, &other).await?;
    let known = batch.known(&[event("a"), event("b")]).await?;
    let a = known[0].as_ref().expect("the other partition recorded it");
    assert_eq!((a.partition, a.seq, &known[1]), (one.partition, 1, &None));
    Ok(())
}

pub async fn what_was_published_is_a_duplicate(store: &Store) -> Result<()> {
    let (one, other) = (owner(store).await?, owner_of(store, 1).await?);
    let mut batch = begin(store, &one).await?;
    batch.record(&[row("a", 1), row("b", 2)], &[]).await?;
    batch.commit().await?;
    let published = async |asked: &Lease| -> Result<Vec<bool>> {
        let mut batch = begin(store, asked).await?;
        let known = batch.known(&[event("a"), event("b")]).await?;
        Ok(known.into_iter().map(|known| known.expect("both were recorded").published).collect())
    };
    assert_eq!(published(&one).await?, [false, false]);
    // Another partition's mark says nothing about this one.
    store.mark_published(&other.fence(9, None)).await?;
    assert_eq!(published(&one).await?, [false, false]);
    store.mark_published(&one.fence(1, None)).await?;
    assert_eq!(published(&one).await?, [true, false]);
    assert_eq!(published(&other).await?, [true, false], "the row's own partition counts, whoever asks");
    // A batch reads what its own first statement marks.
    let (batch, known) = store.begin_batch_of(&one.fence(2, None), &[event("b"), event("c")]).await?;
    assert!(known[0].as_ref().expect("it was recorded").published && known[1].is_none());
    drop(batch);
    let mut batch = store.begin_batch(&one.fence(2, None)).await?;
    assert_eq!(batch.known(&[event("b"), event("c")]).await?, known);
    Ok(())
}

pub async fn a_decision_reads_as_it_was_written(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let unrouted = StoredDecision { team: None, input: vec![], ..decision("billing") };
    let large = StoredDecision {
        input: vec![7; 100_000],
        why: "a\0b äöå 🙂".into(),
        extras: vec![0, 255],
        ..decision("sales")
    };
    let long = "w".repeat(5_000);
    let rows = [
        row("routed", 1),
        InboxRow { outcome: Some(unrouted), ..row("unrouted", 2) },
        InboxRow { outcome: None, kind: "echo", ..row("echo", 3) },
        InboxRow { outcome: Some(large), ..row("large", 4) },
        row(&long, 5),
        row("nul\0", 6),
    ];
    let mut batch = begin(store, &lease).await?;
    batch.record(&rows, &[]).await?;
    batch.commit().await?;
    for row in rows {
        let key = EventKey { number: row.number.clone(), key: row.key.clone() };
        let stored = store.decision(&key).await?.expect("it was recorded");
        let mut want = row.outcome;
        if let Some(want) = &mut want {
            want.why = want.why.replace('\0', "\u{fffd}");
        }
        assert_eq!((stored.outcome, stored.kind.as_str(), stored.seq), (want, row.kind, row.seq));
        assert_eq!((stored.decision_id, stored.received_at), (row.decision_id, row.received_at));
    }
    assert_eq!(store.decision(&event("never")).await?, None);
    let teams = store.counts().await?.teams;
    let teams: Vec<_> =
        teams.iter().map(|one| (one.team.as_ref().map_or("", |team| team.as_str()), one.decisions)).collect();
    let mut sorted = teams.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [("", 1), ("billing", 3), ("sales", 1)]);
    Ok(())
}

pub async fn an_id_that_is_not_derived_is_refused(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let mut batch = begin(store, &lease).await?;
    let forged = InboxRow { decision_id: DecisionId::of_event(&super::number(), "b"), ..row("a", 1) };
    assert!(matches!(batch.record(&[forged], &[]).await, Err(StoreError::Invalid(_))));
    Ok(())
}
