//! Several partitions at once: whatever the interleaving, the outcome is one that could have come about one after the
//! other. On PostgreSQL the transactions really overlap; SQLite lines them up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use waypost_domain::{ContactId, Conversation};

use super::{
    ATTEMPTS_MAX, aliases, begin, contact_of, conversation, event, merge, name, number, observe, owner, owner_of, row,
    seen,
};
use crate::{EventKey, InboxRow, Lease, Result, Store, StoreError};

const PARTITIONS: u16 = 4;
const ROUNDS: usize = 12;
const PEOPLE: usize = 6;

/// One event: who wrote, under which aliases, with which key.
#[derive(Clone)]
struct Arrival {
    key: EventKey,
    seen: String,
    person: usize,
}

/// What a router does, in small: known → contacts → conversations → record → commit, again until it fits.
async fn route(store: &Store, lease: &Lease, next_seq: &mut i64, arrivals: &[Arrival]) -> Result<()> {
    for _ in 0..ATTEMPTS_MAX {
        match try_route(store, lease, *next_seq, arrivals).await {
            Ok(seq) => {
                *next_seq = seq;
                return Ok(());
            }
            Err(StoreError::MergeFirst(merges)) => merge(store, &merges).await?,
            Err(StoreError::Retry { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    panic!("no end of retries");
}

async fn try_route(store: &Store, lease: &Lease, mut seq: i64, arrivals: &[Arrival]) -> Result<i64> {
    let mut batch = begin(store, lease).await?;
    let keys: Vec<EventKey> = arrivals.iter().map(|arrival| arrival.key.clone()).collect();
    let known = batch.known(&keys).await?;
    let fresh: Vec<&Arrival> =
        arrivals.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(arrival, _)| arrival).collect();
    let observations: Vec<_> = fresh.iter().map(|arrival| seen(&arrival.seen)).collect();
    let contacts = batch.contacts(&observations).await?;
    let contacts: Vec<ContactId> = contacts.into_iter().flatten().map(|contact| contact.id).collect();
    let pairs: Vec<_> = contacts.iter().map(|contact| (*contact, name("support"))).collect();
    let mut talks: BTreeMap<ContactId, Conversation> =
        batch.conversations(&pairs).await?.into_values().map(|talk| (talk.contact, talk)).collect();
    let mut rows = vec![];
    for (arrival, contact) in fresh.iter().zip(&contacts) {
        seq += 1;
        let talk = talks.entry(*contact).or_insert_with(|| conversation(*contact, "support", seq));
        talk.active_at = talk.active_at.plus_millis(1);
        let row = InboxRow { contact: Some(*contact), conversation: Some(talk.id), ..row(&arrival.key.key, seq) };
        rows.push(row);
    }
    let talks: Vec<Conversation> = talks.into_values().collect();
    batch.record(&rows, &talks).await?;
    batch.commit().await?;
    Ok(seq)
}

/// Every partition gets every event, in another order: each must be recorded once, and each person be one contact.
pub async fn partitions_meet_the_same_contacts(store: &Store) -> Result<()> {
    store.migrate().await?;
    store.name_numbers(&[(name("support"), number())]).await?;
    let arrivals: Vec<Vec<Arrival>> = (0..ROUNDS)
        .map(|round| {
            let arrival = |person: usize| Arrival {
                key: event(&format!("{round}.{person}")),
                // Always the BSUID, and every other time the phone, so that aliases are met apart and together.
                seen: if round % 2 == 0 { format!("b:{person}") } else { format!("b:{person} p:{person}") },
                person,
            };
            (0..PEOPLE).map(arrival).collect()
        })
        .collect();
    let barrier = Arc::new(Barrier::new(usize::from(PARTITIONS)));
    let mut tasks = JoinSet::new();
    for partition in 0..PARTITIONS {
        let (store, barrier, arrivals) = (store.clone(), barrier.clone(), arrivals.clone());
        tasks.spawn(async move {
            let lease = owner_of(&store, partition).await?;
            let mut seq = 0;
            for mut round in arrivals {
                round.rotate_left(usize::from(partition) % PEOPLE);
                if partition % 2 == 1 {
                    round.reverse();
                }
                barrier.wait().await;
                route(&store, &lease, &mut seq, &round).await?;
            }
            Ok::<_, StoreError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no task panics")?;
    }
    let mut owners: BTreeMap<usize, BTreeSet<ContactId>> = BTreeMap::new();
    for arrival in arrivals.iter().flatten() {
        let stored = store.decision(&arrival.key).await?.expect("it was recorded");
        owners.entry(arrival.person).or_default().extend(stored.contact);
    }
    let counts = store.counts().await?;
    assert_eq!(counts.events, (ROUNDS * PEOPLE) as u64);
    assert_eq!(counts.contacts, PEOPLE as u64);
    for (person, contacts) in owners {
        assert_eq!(contacts.len(), 1, "person {person}");
        let found = store.find_contact(&aliases(&format!("p:{person}"))).await?.expect("it is known");
        assert_eq!((found.aliases.len(), contacts.contains(&found.contact.id)), (2, true), "person {person}");
    }
    Ok(())
}

/// Phone and BSUID are met apart by some partitions, together by others: merges happen while batches run.
pub async fn merges_race_with_batches(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    store.name_numbers(&[(name("support"), number())]).await?;
    for round in 0..ROUNDS {
        let texts = [format!("p:{round}"), format!("b:{round}"), format!("p:{round} b:{round}"), format!("b:{round}")];
        if round % 2 == 0 {
            // Both halves are stored: the third partition has to merge what the others are working on.
            observe(store, &lease, &[seen(&texts[0]), seen(&texts[1])]).await?;
        }
        let barrier = Arc::new(Barrier::new(texts.len()));
        let mut tasks = JoinSet::new();
        for (index, text) in texts.into_iter().enumerate() {
            let (store, barrier) = (store.clone(), barrier.clone());
            tasks.spawn(async move {
                let partition = u16::try_from(index + 1).expect("few partitions");
                let lease = owner_of(&store, partition).await?;
                let mut seq = lease.last_seq;
                barrier.wait().await;
                let arrival = Arrival { key: event(&format!("{round}.{index}")), seen: text, person: round };
                route(&store, &lease, &mut seq, &[arrival]).await
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("no task panics")?;
        }
        // Whoever came last may have split what nobody had joined yet; one look at both settles it.
        let id = contact_of(store, &lease, &format!("p:{round} b:{round}")).await?;
        for one in [format!("p:{round}"), format!("b:{round}")] {
            let found = store.find_contact(&aliases(&one)).await?.expect("it is known");
            assert_eq!((found.contact.id, found.aliases.len()), (id, 2), "round {round}");
        }
        let mut batch = begin(store, &lease).await?;
        assert_eq!(batch.conversations(&[(id, name("support"))]).await?.len(), 1, "round {round}");
    }
    assert_eq!(store.counts().await?.contacts, ROUNDS as u64, "the others were merged");
    Ok(())
}
