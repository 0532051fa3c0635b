//! What became of a message: found again by what people know of it, with when it was published and where it went.

use std::collections::BTreeSet;

use waypost_domain::{PartitionCount, PartitionId, TeamName};

use super::{at, begin, contact_of, decision, event, merge, observe, owner, owner_of, row, seen};
use crate::{
    DecisionFilter, DecisionPlaces, Diversion, DivertedMessage, InboxRow, KnownEvent, Lease, Result, Store, StoreError,
};

async fn record(store: &Store, lease: &Lease, rows: &[InboxRow]) -> Result<()> {
    let mut batch = begin(store, lease).await?;
    batch.record(rows, &[]).await?;
    batch.commit().await
}

async fn stored(store: &Store, key: &str) -> Result<KnownEvent> {
    Ok(store.decision(&event(key)).await?.expect("it was recorded"))
}

fn keys(events: &[KnownEvent]) -> Vec<&str> {
    events.iter().map(|event| event.event.key.as_str()).collect()
}

pub async fn decisions_are_found_from_the_newest_down(store: &Store) -> Result<()> {
    let (one, other) = (owner(store).await?, owner_of(store, 1).await?);
    store.fix_layout(PartitionCount::new(2).expect("it is in bounds")).await?;
    let contact = contact_of(store, &one, "b:a").await?;
    let team = |name: &str| TeamName::new(name).expect("a valid team");
    let of = |key: &str, seq: i64, recorded: i64, team: &str| InboxRow {
        recorded_at: at(recorded),
        outcome: Some(decision(team)),
        ..row(key, seq)
    };
    let echo = InboxRow { outcome: None, kind: "echo", contact: Some(contact), ..of("a3", 3, 50, "sales") };
    record(store, &one, &[of("a1", 1, 10, "billing"), of("a2", 2, 30, "sales"), echo]).await?;
    record(store, &other, &[of("b1", 1, 20, "sales"), of("b2", 2, 40, "billing")]).await?;

    let everything = DecisionFilter::default();
    let teams = |names: &[&str]| Some(names.iter().map(|name| team(name)).collect());
    let sales = DecisionFilter { teams: teams(&["sales"]), ..DecisionFilter::default() };
    let since = DecisionFilter { since: Some(at(30)), ..DecisionFilter::default() };
    let theirs = DecisionFilter { contacts: Some(vec![contact]), ..DecisionFilter::default() };
    let by_rule = |rule: &str| DecisionFilter { rule: Some(rule.into()), ..DecisionFilter::default() };
    for (filter, want) in [
        (&everything, &["a3", "b2", "a2", "b1", "a1"][..]),
        (&sales, &["a2", "b1"]),
        (&DecisionFilter { teams: teams(&[]), ..DecisionFilter::default() }, &[]),
        (&since, &["a3", "b2", "a2"]),
        (&DecisionFilter { since: Some(at(31)), ..sales.clone() }, &[]),
        (&theirs, &["a3"]),
        (&by_rule("r1"), &["b2", "a2", "b1", "a1"]),
        (&by_rule("r"), &[]),
    ] {
        assert_eq!(keys(&store.newest_decisions(filter, None, 9).await?.events), want, "{filter:?}");
        // The same in pages, which go on below what was shown even where something new came above.
        let (mut shown, mut places) = (Vec::new(), None);
        loop {
            let page = store.newest_decisions(filter, places, 1).await?;
            shown.extend(page.events);
            places = page.next;
            if places.is_none() {
                break;
            }
        }
        assert_eq!(keys(&shown), want, "{filter:?}");
    }
    let (a1, b1) = (event("a1").decision_id(), event("b1").decision_id());
    let (first, last) = (a1.min(b1), a1.max(b1));
    let between = store.decisions_between(first, last, 9).await?;
    let ids: Vec<_> = between.iter().map(|event| event.decision_id).collect();
    assert!(ids.is_sorted() && ids.first() == Some(&first) && ids.last() == Some(&last), "{ids:?}");
    assert_eq!(store.decisions_between(first, first, 9).await?.len(), 1);
    assert_eq!(store.decisions_between(first, last, 1).await?.len(), 1);
    let end: DecisionPlaces = [(PartitionId(0), 2)].into();
    let rest = store.newest_decisions(&everything, Some(end), 9).await?;
    assert_eq!((keys(&rest.events), rest.next), (vec!["a1"], None));
    Ok(())
}

pub async fn it_is_known_when_a_message_was_published(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let recorded = |key: &str, seq: i64, recorded_at: i64, before: Option<i64>| InboxRow {
        recorded_at: at(recorded_at),
        before_published_at: before.map(at),
        ..row(key, seq)
    };
    record(store, &lease, &[recorded("a", 1, 100, None), recorded("b", 2, 100, None)]).await?;
    let published_at = async |key: &str| store.published_at(&stored(store, key).await?).await;
    assert_eq!(published_at("a").await?, None, "it was not yet");
    // The mark that stands alone, as when nothing follows.
    let marked = crate::Fence { published_at: Some(at(150)), ..lease.fence(2, None) };
    store.mark_published(&marked).await?;
    assert_eq!((published_at("a").await?, published_at("b").await?), (Some(at(150)), Some(at(150))));
    // A later mark that says nothing new is not when it was.
    store.mark_published(&crate::Fence { published_at: Some(at(170)), ..marked }).await?;
    assert_eq!(published_at("b").await?, Some(at(150)));
    // The next batch knows when the one before had been published.
    let lease = Lease { published_seq: 2, ..lease };
    record(store, &lease, &[recorded("c", 3, 200, Some(150)), recorded("d", 4, 200, Some(150))]).await?;
    store.mark_published(&crate::Fence { published_at: Some(at(250)), ..lease.fence(4, None) }).await?;
    assert_eq!((published_at("b").await?, published_at("c").await?), (Some(at(150)), Some(at(250))));
    // Its owner does not know of those before.
    record(store, &Lease { published_seq: 4, ..lease.clone() }, &[recorded("e", 5, 300, None)]).await?;
    assert_eq!(published_at("d").await?, None);
    let e = stored(store, "e").await?;
    assert_eq!((e.recorded_at, e.published), (Some(at(300)), false));
    Ok(())
}

pub async fn where_a_message_went_instead_is_written_down(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    record(store, &lease, &[row("a", 1), row("b", 2), row("c", 3)]).await?;
    let overflow = TeamName::new("overflow").expect("a valid team");
    let diverted = |key: &str, to: Option<&TeamName>, millis: i64| DivertedMessage {
        decision: event(key).decision_id(),
        diversion: Diversion { to: to.cloned(), why: "queue missing".into(), at: at(millis) },
    };
    let nobodys = BTreeSet::new();
    for diversions in [
        &[][..],
        &[diverted("b", None, 5), diverted("a", Some(&overflow), 5)],
        &[diverted("b", Some(&overflow), 6), diverted("never", None, 6)],
    ] {
        assert_eq!(store.divert(diversions, &nobodys).await?, 0);
    }
    for (key, want) in [("a", Some((Some(&overflow), 5))), ("b", Some((Some(&overflow), 6))), ("c", None)] {
        let want = want.map(|(to, millis)| diverted(key, to, millis).diversion);
        assert_eq!(stored(store, key).await?.diversion, want, "{key}");
    }
    Ok(())
}

pub async fn who_became_part_of_a_contact_is_found_with_it(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let (first, second) = (contact_of(store, &lease, "p:1").await?, contact_of(store, &lease, "b:US.2").await?);
    let alone = contact_of(store, &lease, "b:US.9").await?;
    let mut batch = begin(store, &lease).await?;
    let Err(StoreError::MergeFirst(merges)) = batch.contacts(&[seen("p:1 b:US.2")]).await else {
        panic!("they turn out to be one")
    };
    drop(batch);
    merge(store, &merges).await?;
    let survivor = observe(store, &lease, &[seen("p:1 b:US.2")]).await?[0].as_ref().expect("it names somebody").id;
    for id in [first, second] {
        assert_eq!(store.surviving_contact(id).await?, Some(survivor));
    }
    let mut parts = store.parts_of_contact(survivor).await?;
    parts.sort_unstable();
    let mut both = vec![first, second];
    both.sort_unstable();
    assert_eq!(parts, both);
    assert_eq!(
        (store.surviving_contact(alone).await?, store.parts_of_contact(alone).await?),
        (Some(alone), vec![alone])
    );
    let nobody = waypost_domain::ContactId::from_uuid(uuid::Uuid::nil());
    assert_eq!(store.surviving_contact(nobody).await?, None);
    Ok(())
}
