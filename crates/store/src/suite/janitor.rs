//! What may be deleted, and what must not.

use std::time::Duration;

use uuid::{Builder, Uuid};
use waypost_domain::conversation::ConversationEvent;
use waypost_domain::{Conversation, ConversationId, ConversationState, PhoneNumberId, StatusState, Timestamp, WabaId};

use super::{TTL, aliases, begin, contact_of, conversation, decision, event, name, number, owner, owner_of, row};
use crate::{
    ChangeRow, ChangeScope, EventKey, HeldKind, HeldRelease, InboxRow, JanitorReport, Lease, Merge, Result, Retention,
    StatusRow, Store, StoreError,
};

const DAY: i64 = 24 * 3600 * 1000;
const IDLE: Duration = Duration::from_secs(24 * 3600);
const NOTHING: JanitorReport = JanitorReport {
    conversations_resolved: 0,
    inbox: 0,
    held: 0,
    statuses: 0,
    changes: 0,
    conversations: 0,
    members: 0,
    merges: 0,
    samples: 0,
    transcript: 0,
    sent: 0,
    files: 0,
    campaign_recipients: 0,
    campaigns: 0,
};

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 3600)
}

fn retention() -> Retention {
    Retention {
        inbox: days(9),
        bodies: days(30),
        media: days(30),
        statuses: days(8),
        changes: days(30),
        conversations: days(90),
        campaigns: days(400),
    }
}

/// Everything for as long.
pub(super) fn all_for(time: Duration) -> Retention {
    Retention {
        inbox: time,
        bodies: time,
        media: time,
        statuses: time,
        changes: time,
        conversations: time,
        campaigns: time,
    }
}

async fn days_ago(store: &Store, days: i64) -> Result<Timestamp> {
    Ok(store.now().await?.plus_millis(-days * DAY))
}

async fn record(store: &Store, lease: &Lease, rows: &[InboxRow]) -> Result<()> {
    let mut batch = begin(store, lease).await?;
    batch.record(rows, &[]).await?;
    batch.commit().await
}

async fn is_kept(store: &Store, key: &str) -> Result<bool> {
    Ok(store.decision(&EventKey { number: number(), key: key.to_owned() }).await?.is_some())
}

/// A conversation with the id that it would have got then.
async fn old_conversation(store: &Store, lease: &Lease, who: &str, opened: i64, active: i64) -> Result<Conversation> {
    let contact = contact_of(store, lease, who).await?;
    let opened_at = days_ago(store, opened).await?;
    let millis = u64::try_from(opened_at.as_millis()).unwrap_or_default();
    // The last bytes of a fresh id are random.
    let mut random = [0; 10];
    random.copy_from_slice(&Uuid::now_v7().as_bytes()[6..]);
    let id = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    let active_at = days_ago(store, active).await?;
    let fresh = conversation(contact, "support", opened_at.as_millis());
    Ok(Conversation { id: ConversationId::from_uuid(id), active_at, ..fresh })
}

pub async fn idle_conversations_are_resolved(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let idle = old_conversation(store, &lease, "b:idle", 5, 2).await?;
    let busy = old_conversation(store, &lease, "b:busy", 5, 0).await?;
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], &[idle.clone(), busy.clone()]).await?;
    batch.commit().await?;
    let report = store.janitor_pass(&retention(), IDLE, 100).await?;
    assert_eq!(report, JanitorReport { conversations_resolved: 1, ..NOTHING });
    let mut batch = begin(store, &lease).await?;
    let pairs = [(idle.contact, name("support")), (busy.contact, name("support"))];
    assert_eq!(batch.conversations(&pairs).await?.into_values().collect::<Vec<_>>(), [busy]);
    drop(batch);
    assert_eq!(store.janitor_pass(&retention(), IDLE, 100).await?, NOTHING);
    Ok(())
}

pub async fn the_janitor_deletes_what_is_old_in_steps(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let (old, young) = (days_ago(store, 40).await?, days_ago(store, 1).await?);
    let aged = |key: &str, seq: i64, received_at: Timestamp| InboxRow { received_at, ..row(key, seq) };
    record(store, &lease, &[aged("a", 1, old), aged("b", 2, old), aged("c", 3, old), aged("d", 4, young)]).await?;
    let mut over = vec![];
    for (who, opened, active) in [("b:1", 200, 100), ("b:2", 200, 100), ("b:3", 200, 5), ("b:4", 5, 5)] {
        let talk = old_conversation(store, &lease, who, opened, active).await?;
        over.push(Conversation { state: ConversationState::Resolved, ..talk });
    }
    let status = |wamid: &str, received_at| StatusRow {
        number: number(),
        wamid: wamid.to_owned(),
        state: StatusState::Sent,
        participant: None,
        at: None,
        received_at,
        callback_data: None,
        error_codes: vec![],
        json: vec![],
    };
    let change = |key: &str, received_at| ChangeRow {
        scope: ChangeScope::Account,
        number: PhoneNumberId::default(),
        waba: WabaId::default(),
        field: "security".into(),
        key: key.to_owned(),
        json: vec![],
        received_at,
        entry_time: None,
    };
    let mut batch = store.begin_batch(&lease.fence(4, None)).await?;
    batch.record(&[], &over).await?;
    batch.commit().await?;
    let mut batch = store.begin_record(&lease.fence(4, None)).await?;
    batch.record_statuses(&[status("a", old), status("b", old), status("c", old), status("d", young)]).await?;
    batch.keep_changes(&[change("a", old), change("b", old), change("c", old), change("d", young)]).await?;
    batch.commit().await?;
    store.join("router", "alive", TTL).await?;
    store.join("router", "dead", Duration::ZERO).await?;
    let joined_at = store.now().await?;
    while store.now().await? <= joined_at {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let first = store.janitor_pass(&retention(), IDLE, 2).await?;
    let two = JanitorReport { inbox: 2, statuses: 2, changes: 2, conversations: 2, members: 1, ..NOTHING };
    assert_eq!(first, two, "no more than the limit of each");
    let second = store.janitor_pass(&retention(), IDLE, 2).await?;
    assert_eq!(second, JanitorReport { inbox: 1, statuses: 1, changes: 1, ..NOTHING });
    assert_eq!(store.janitor_pass(&retention(), IDLE, 2).await?, NOTHING);
    assert!(is_kept(store, "d").await?);
    let counts = store.counts().await?;
    assert_eq!((counts.events, counts.statuses, counts.changes), (1, 1, 1));
    assert_eq!(store.join("router", "alive", TTL).await?, 1);
    Ok(())
}

pub async fn the_janitor_spares_what_is_not_published(store: &Store) -> Result<()> {
    let (one, other) = (owner(store).await?, owner_of(store, 1).await?);
    let old = days_ago(store, 40).await?;
    let aged = |key: &str, seq: i64| InboxRow { received_at: old, ..row(key, seq) };
    record(store, &one, &[aged("a", 1), aged("b", 2)]).await?;
    record(store, &other, &[aged("c", 1)]).await?;
    store.mark_published(&one.fence(1, None)).await?;
    assert_eq!(store.janitor_pass(&retention(), IDLE, 100).await?, JanitorReport { inbox: 1, ..NOTHING });
    assert_eq!(
        [is_kept(store, "a").await?, is_kept(store, "b").await?, is_kept(store, "c").await?],
        [false, true, true]
    );
    // The sequence does not start again because rows are gone.
    store.mark_published(&one.fence(2, None)).await?;
    assert_eq!(store.janitor_pass(&retention(), IDLE, 100).await?.inbox, 1);
    assert_eq!(owner_of(store, 0).await?.last_seq, 2);
    Ok(())
}

pub async fn the_janitor_spares_held_messages(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    store.name_numbers(&[(name("support"), number())]).await?;
    let contact = contact_of(store, &lease, "b:a").await?;
    let (old, ancient) = (days_ago(store, 20).await?, days_ago(store, 40).await?);
    let held = |key: &str, seq: i64, received_at: Timestamp| InboxRow {
        received_at,
        outcome: None,
        contact: Some(contact),
        held_event: Some(vec![1]),
        ..row(key, seq)
    };
    let plain = InboxRow { received_at: old, ..row("plain", 4) };
    record(store, &lease, &[held("a", 1, old), held("b", 2, old), held("x", 3, ancient), plain]).await?;
    let mut batch = store.begin_batch(&lease.fence(4, None)).await?;
    let by = event("control").decision_id();
    let release = HeldRelease { number: number(), key: "b".into(), released_by: by, decision: decision("sales") };
    batch.release(&[release]).await?;
    batch.commit().await?;
    // A limit below the number of those that wait: they must not hide what lies behind them.
    let report = store.janitor_pass(&retention(), IDLE, 1).await?;
    assert_eq!(report, JanitorReport { inbox: 1, held: 1, ..NOTHING });
    assert!(!is_kept(store, "b").await?, "released: an event like any other");
    for _ in 0..2 {
        assert_eq!(store.janitor_pass(&retention(), IDLE, 1).await?.inbox, 1);
    }
    assert_eq!(store.janitor_pass(&retention(), IDLE, 1).await?, NOTHING);
    let mut batch = begin(store, &lease).await?;
    let waiting = batch.held(&[(contact, name("support"))], HeldKind::Standby).await?;
    assert_eq!(waiting.iter().map(|held| held.key.as_str()).collect::<Vec<_>>(), ["a"], "only the ancient one expired");
    Ok(())
}

/// Where answers are seen, whoever waits for one keeps the conversation.
pub async fn silence_ends_what_does_not_wait(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let long_ago = days_ago(store, 2).await?;
    // Webhooks may be late: written and answered some minutes before they arrived.
    let before = |minutes: i64| long_ago.plus_millis(-minutes * 60_000);
    let wrote = ConversationEvent::CustomerWrote { arrived_at: long_ago, written_at: Some(before(15)) };
    let name = store.ensure_number(&number(), "", &WabaId::new("1")).await?;
    let other = store.ensure_number(&PhoneNumberId::new("other"), "", &WabaId::new("1")).await?;
    let mut all = Vec::new();
    let cases = [
        ("b:a", &name, Some(before(16))),
        ("b:b", &name, Some(long_ago)),
        ("b:c", &other, None),
        ("b:d", &name, Some(before(10))),
        ("b:e", &name, None),
    ];
    for (key, number, answered) in cases {
        let contact = contact_of(store, &lease, key).await?;
        let mut talk = conversation(contact, number.as_str(), long_ago.as_millis());
        talk.apply(wrote);
        if let Some(at) = answered {
            talk.apply(ConversationEvent::Answered { at });
        }
        all.push(talk);
    }
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], &all).await?;
    batch.commit().await?;
    assert!(store.answered_numbers().await?.is_empty());
    store.answer_seen(&name, days_ago(store, 29).await?).await?;
    store.answer_seen(&other, days_ago(store, 31).await?).await?;
    assert_eq!(store.answered_numbers().await?.into_iter().collect::<Vec<_>>(), std::slice::from_ref(&name));
    assert_eq!(store.janitor_pass(&retention(), IDLE, 100).await?.conversations_resolved, 3);
    let pairs: Vec<_> = all.iter().map(|talk| (talk.contact, talk.number.clone())).collect();
    let open = begin(store, &lease).await?.conversations(&pairs).await?;
    let open: std::collections::HashSet<_> = open.into_keys().collect();
    assert_eq!(open, [pairs[0].clone(), pairs[4].clone()].into());
    Ok(())
}

/// A merge keeps what its survivor was called before; and of somebody whose language is not known, what they wrote.
pub async fn nothing_of_a_person_outlives_what_it_came_from(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    for who in ["p:1", "p:2", "p:3", "p:4"] {
        contact_of(store, &lease, who).await?;
    }
    let id = async |who: &str| Ok::<_, StoreError>(store.find_contact(&aliases(who)).await?.expect(who).contact.id);
    let ids = [id("p:1").await?, id("p:2").await?, id("p:3").await?, id("p:4").await?];
    store.merge(&[Merge::of(ids[0], ids[1])]).await?;
    store.merge(&[Merge::of(ids[0], ids[2])]).await?;
    let merged = async || Ok::<_, StoreError>(store.contact(ids[0]).await?.expect("it survives").merged.len());
    assert_eq!((store.janitor_pass(&retention(), IDLE, 100).await?, merged().await?), (NOTHING, 2), "both are young");
    let old = days_ago(store, 100).await?.as_millis();
    let last = "(SELECT loser_id FROM contact_merge ORDER BY loser_id LIMIT 1)";
    store.script(&format!("UPDATE contact_merge SET at = {old} WHERE loser_id = {last}")).await?;
    let report = store.janitor_pass(&retention(), IDLE, 100).await?;
    assert_eq!((report, merged().await?), (JanitorReport { merges: 1, ..NOTHING }, 1));

    // Of four who wrote too little for a guess, one came lately, and one has written again.
    let lately = days_ago(store, 1).await?.as_millis();
    store.script(&format!("UPDATE contact SET language_sample = 'hm', created_at = {lately}")).await?;
    let talk = old_conversation(store, &lease, "p:4", 5, 0).await?;
    let mut batch = begin(store, &lease).await?;
    batch.record(&[], &[talk]).await?;
    batch.commit().await?;
    assert_eq!(store.janitor_pass(&retention(), IDLE, 100).await?, NOTHING, "all are new");
    let others = "id NOT IN (SELECT loser_id FROM contact_merge)";
    store.script(&format!("UPDATE contact SET created_at = {old} WHERE {others}")).await?;
    let report = store.janitor_pass(&retention(), IDLE, 100).await?;
    assert_eq!(report, JanitorReport { samples: 2, ..NOTHING });
    assert_eq!(store.janitor_pass(&retention(), IDLE, 100).await?, NOTHING);
    Ok(())
}
