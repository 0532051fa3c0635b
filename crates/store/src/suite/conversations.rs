//! At most one unresolved conversation of a contact on a number, and none that comes back.

use std::time::Duration;

use uuid::Uuid;
use waypost_domain::conversation::ConversationEvent;
use waypost_domain::team::Priority;
use waypost_domain::{Binding, Conversation, ConversationId, ConversationState, PhoneNumberId, TeamName};

use super::janitor::all_for;
use super::{aliases, at, begin, begin_record, contact_of, conversation, name, number, owner, owner_of, seen};
use crate::{Answered, OwnedConversation, Rebind, Result, Retention, Store, StoreError};

pub async fn one_conversation_is_unresolved(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let contact = contact_of(store, &lease, "b:a").await?;
    let other = contact_of(store, &lease, "b:b").await?;
    let mut talk = conversation(contact, "support", 1_000);
    talk.team = Some(TeamName::new("billing").expect("a valid team"));
    talk.priority = Priority::Urgent;
    (talk.seq, talk.previous) = (7, Some(ConversationId::from_uuid(Uuid::from_u128(9))));
    talk.last_call_at = Some(at(1_200));
    talk.apply(ConversationEvent::CustomerWrote { arrived_at: at(2_000), written_at: Some(at(1_500)) });
    talk.apply(ConversationEvent::Answered { at: at(3_000) });
    let pairs = [(contact, name("support")), (contact, name("sales")), (other, name("support"))];
    let mut batch = begin(store, &lease).await?;
    assert!(batch.conversations(&[]).await?.is_empty());
    assert!(batch.conversations(&pairs).await?.is_empty());
    batch.record(&[], std::slice::from_ref(&talk)).await?;
    batch.commit().await?;
    let mut batch = begin(store, &lease).await?;
    let open = batch.conversations(&pairs).await?;
    assert_eq!(open.into_iter().collect::<Vec<_>>(), [(pairs[0].clone(), talk.clone())]);
    let second = conversation(contact, "support", 4_000);
    let outcome = batch.record(&[], &[second]).await;
    assert!(matches!(outcome, Err(StoreError::Retry { .. })), "{outcome:?}");
    drop(batch);
    talk.apply(ConversationEvent::ControlLost { at: at(5_000) });
    (talk.team, talk.binding, talk.seq) = (None, None, 8);
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], std::slice::from_ref(&talk)).await?;
    assert_eq!(batch.conversations(&pairs).await?.get(&pairs[0]), Some(&talk));
    batch.commit().await
}

pub async fn a_conversation_says_whose_it_is(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let contact = contact_of(store, &lease, "b:a").await?;
    let mut talk = conversation(contact, "support", 1_000);
    talk.team = Some(TeamName::new("billing").expect("a valid team"));
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], std::slice::from_ref(&talk)).await?;
    batch.commit().await?;
    let owned = OwnedConversation { id: talk.id, contact, number: name("support"), team: talk.team.clone() };
    assert_eq!(store.owned_conversation(talk.id).await?, Some(owned.clone()));
    assert_eq!(store.unresolved_conversation(&[contact], &name("support")).await?, Some(owned.clone()));
    assert_eq!(store.unresolved_conversation(&[contact], &name("sales")).await?, None);
    assert_eq!(store.unresolved_conversation(&[], &name("support")).await?, None);
    let mut batch = begin(store, &lease).await?;
    talk.state = ConversationState::Resolved;
    batch.record(&[], &[talk.clone()]).await?;
    batch.commit().await?;
    assert_eq!(store.unresolved_conversation(&[contact], &name("support")).await?, None);
    assert_eq!(store.owned_conversation(talk.id).await?, Some(owned), "it stays whose it was");
    Ok(())
}

pub async fn a_resolved_conversation_stays_resolved(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let contact = contact_of(store, &lease, "b:a").await?;
    let mut talk = conversation(contact, "support", 1_000);
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], std::slice::from_ref(&talk)).await?;
    batch.commit().await?;
    // Read here, resolved by the janitor, written back here.
    let idle = Duration::from_secs(3600);
    let report = store.janitor_pass(&retention(), idle, 100).await?;
    assert_eq!(report.conversations_resolved, 1);
    talk.apply(ConversationEvent::CustomerWrote { arrived_at: at(2_000), written_at: None });
    let mut batch = begin(store, &lease).await?;
    let outcome = batch.record(&[], std::slice::from_ref(&talk)).await;
    assert!(matches!(outcome, Err(StoreError::Retry { .. })), "{outcome:?}");
    drop(batch);
    let mut batch = begin(store, &lease).await?;
    assert!(batch.conversations(&[(contact, name("support"))]).await?.is_empty());
    // Saying that it is over is right, twice too.
    talk.state = ConversationState::Resolved;
    batch.record(&[], &[talk]).await?;
    batch.commit().await
}

/// What a person ended may go on, once: of two that read it, one begins again.
pub async fn what_a_person_resolved_may_go_on(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let contact = contact_of(store, &lease, "b:a").await?;
    let mut talk = conversation(contact, "support", 1_000);
    talk.apply(ConversationEvent::Resolved { at: at(2_000) });
    talk.resolved_at = Some(at(2_000));
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], std::slice::from_ref(&talk)).await?;
    batch.commit().await?;
    let pairs = [(contact, name("support"))];
    for read_ahead in [false, true] {
        let observations = [seen("b:a")];
        let fence = lease.fence(lease.published_seq, None);
        let (mut batch, _) = store.begin_batch_with(&fence, &[], &observations).await?;
        if read_ahead {
            batch.contacts(&observations).await?;
        }
        let mut over = batch.last_resolved(&pairs).await?.remove(&pairs[0]).expect("it is there");
        assert_eq!(over.resolved_at, Some(at(2_000)));
        over.apply(ConversationEvent::Reopened);
        batch.record(&[], std::slice::from_ref(&over)).await?;
        assert_eq!(batch.conversations(&pairs).await?.into_values().collect::<Vec<_>>(), [over]);
        drop(batch);
    }
    Ok(())
}

pub async fn a_conversation_is_bound_to_who_got_its_message(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let team = |name: &str| TeamName::new(name).expect("a valid team");
    let mut all = Vec::new();
    for (key, binding) in [("b:a", Some(Binding::Loose)), ("b:b", Some(Binding::Held)), ("b:c", None), ("b:d", None)] {
        let contact = contact_of(store, &lease, key).await?;
        let had = if key == "b:d" { "support" } else { "billing" };
        all.push(Conversation { team: Some(team(had)), binding, ..conversation(contact, "support", 1_000) });
    }
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], &all).await?;
    batch.commit().await?;
    let to = team("overflow");
    let moved = all.iter().map(|one| Rebind { conversation: one.id, from: team("billing"), to: to.clone() }).collect();
    assert_eq!(store.divert(&[], &moved).await?, 2);
    let pairs: Vec<_> = all.iter().map(|one| (one.contact, one.number.clone())).collect();
    let mut batch = begin(store, &lease).await?;
    let read = batch.conversations(&pairs).await?;
    for (place, (before, pair)) in all.iter().zip(&pairs).enumerate() {
        let bound = matches!(place, 0 | 2);
        let want = match bound {
            true => Conversation { team: Some(to.clone()), binding: Some(Binding::Firm), ..before.clone() },
            false => before.clone(),
        };
        assert_eq!(read.get(pair), Some(&want), "{place}");
    }
    Ok(())
}

pub async fn a_conversation_may_follow_another_in_one_batch(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let contact = contact_of(store, &lease, "b:a").await?;
    let mut over = conversation(contact, "support", 1_000);
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], std::slice::from_ref(&over)).await?;
    batch.commit().await?;
    over.apply(ConversationEvent::Resolved { at: at(2_000) });
    let next = conversation(contact, "support", 3_000);
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], &[next.clone(), over]).await?;
    batch.commit().await?;
    let mut batch = begin(store, &lease).await?;
    let open = batch.conversations(&[(contact, name("support"))]).await?;
    assert_eq!(open.into_values().collect::<Vec<_>>(), [next]);
    Ok(())
}

/// Read on its own, and ahead with the contacts.
pub async fn the_conversation_before_is_the_one_that_was_active_last(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let contact = contact_of(store, &lease, "b:a").await?;
    let resolved = |number: &str, active_at: i64| {
        let mut over = conversation(contact, number, 1_000);
        over.apply(ConversationEvent::CustomerWrote { arrived_at: at(active_at), written_at: None });
        over.apply(ConversationEvent::Resolved { at: at(active_at) });
        over
    };
    let (older, last) = (resolved("support", 2_000), resolved("support", 9_000));
    let (over, open) = (resolved("sales", 2_000), conversation(contact, "sales", 3_000));
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], &[last.clone(), older, over.clone(), open.clone()]).await?;
    batch.commit().await?;
    let pairs = [(contact, name("support")), (contact, name("sales")), (contact, name("press"))];
    let mut batch = begin(store, &lease).await?;
    let found = batch.last_resolved(&pairs).await?;
    assert_eq!((found.get(&pairs[0]), found.get(&pairs[1]), found.len()), (Some(&last), Some(&over), 2));
    drop(batch);
    let observations = [seen("b:a")];
    let fence = lease.fence(lease.published_seq, None);
    let (mut batch, _) = store.begin_batch_with(&fence, &[], &observations).await?;
    batch.contacts(&observations).await?;
    assert_eq!(batch.conversations(&pairs).await?.into_values().collect::<Vec<_>>(), [open]);
    assert_eq!(batch.last_resolved(&pairs[..1]).await?.into_values().collect::<Vec<_>>(), [last]);
    Ok(())
}

fn retention() -> Retention {
    all_for(Duration::from_secs(100 * 365 * 24 * 3600))
}

/// Whoever is known under none of the names has no conversation, and each name has its own.
pub async fn an_answer_is_of_the_conversation_that_is_open(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    store.name_numbers(&[(name("support"), number()), (name("sales"), PhoneNumberId::new("2"))]).await?;
    let contact = contact_of(store, &lease, "p:5511987650001 b:a").await?;
    let other = contact_of(store, &lease, "b:b").await?;
    let mut over = conversation(contact, "support", 1_000);
    over.apply(ConversationEvent::Resolved { at: at(1_000) });
    let talks = [(contact, "support"), (contact, "sales"), (other, "support")]
        .map(|(contact, number)| conversation(contact, number, 2_000));
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], &[&[over][..], &talks].concat()).await?;
    batch.commit().await?;
    let answered = |to: &str, at_ms: i64| Answered { to: aliases(to), number: name("support"), at: at(at_ms) };
    let pairs = talks.each_ref().map(|talk| (talk.contact, talk.number.clone()));
    // (who was answered and when, how many conversations that changes, until when the first one is answered and active)
    type Case<'a> = (&'a [Answered], u64, (Option<i64>, i64));
    let cases: [Case<'_>; 6] = [
        (&[], 0, (None, 2_000)),
        (&[answered("p:49", 9_000)], 0, (None, 2_000)),
        (&[answered("p:551187650001", 1_500)], 1, (Some(1_500), 2_000)),
        (&[answered("p:1 b:a", 3_000), answered("p:5511987650001", 2_500)], 1, (Some(3_000), 3_000)),
        (&[answered("b:a", 3_000)], 0, (Some(3_000), 3_000)),
        (&[answered("b:a", 4_000), answered("b:b", 4_000)], 2, (Some(4_000), 4_000)),
    ];
    for (answers, want, (last, active)) in cases {
        let mut record = begin_record(store, &lease).await?;
        assert_eq!(record.record_answers(answers).await?, want, "{answers:?}");
        record.commit().await?;
        let open = begin(store, &lease).await?.conversations(&pairs).await?;
        let first = &open[&pairs[0]];
        assert_eq!((first.last_outbound_at, first.active_at), (last.map(at), at(active)), "{answers:?}");
        assert_eq!((first.binding, &open[&pairs[1]]), (talks[0].binding, &talks[1]), "{answers:?}");
    }
    // A batch that has read it begins again.
    let mut batch = begin(store, &lease).await?;
    let read = batch.conversations(&pairs).await?;
    if store.is_shared() {
        let mut record = begin_record(store, &owner_of(store, 1).await?).await?;
        record.record_answers(&[answered("b:b", 5_000)]).await?;
        record.commit().await?;
        let outcome = batch.record(&[], std::slice::from_ref(&read[&pairs[2]])).await;
        assert!(matches!(outcome, Err(StoreError::Retry { .. })), "{outcome:?}");
    }
    Ok(())
}
