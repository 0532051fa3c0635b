//! What is kept for later: held messages, statuses, changes.

use waypost_domain::{ContactId, PhoneNumberId, StatusState, WabaId};

use super::{at, begin, begin_record, contact_of, decision, event, name, number, owner, row};
use crate::{
    ChangeRow, ChangeScope, HeldKind, HeldMessage, HeldRelease, InboxRow, KeptStatus, Lease, NoticeShown, Result,
    StatusRow, Store, StoreError,
};

fn held_row(key: &str, seq: i64, contact: ContactId) -> InboxRow {
    let event = Some(key.as_bytes().to_vec());
    InboxRow { kind: "standby", outcome: None, contact: Some(contact), held_event: event, ..row(key, seq) }
}

fn release(key: &str, by: &str) -> HeldRelease {
    let decision = decision("sales");
    HeldRelease { number: number(), key: key.to_owned(), released_by: event(by).decision_id(), decision }
}

fn keys(held: &[HeldMessage]) -> Vec<&str> {
    held.iter().map(|one| one.key.as_str()).collect()
}

/// A contact with three held messages on the number `support`.
async fn contact_with_held(store: &Store, lease: &Lease) -> Result<ContactId> {
    store.name_numbers(&[(name("support"), number()), (name("sales"), PhoneNumberId::new("2"))]).await?;
    let contact = contact_of(store, lease, "b:a").await?;
    let mut batch = begin(store, lease).await?;
    batch.record(&[held_row("c", 3, contact), held_row("a", 1, contact), held_row("b", 2, contact)], &[]).await?;
    batch.commit().await?;
    Ok(contact)
}

pub async fn held_messages_wait_in_order(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let contact = contact_with_held(store, &lease).await?;
    let other = contact_of(store, &lease, "b:b").await?;
    let mut batch = begin(store, &lease).await?;
    let pairs = [(contact, name("support")), (contact, name("sales")), (other, name("support"))];
    let waiting = batch.held(&pairs, HeldKind::Standby).await?;
    assert_eq!(keys(&waiting), ["a", "b", "c"]);
    let first = &waiting[0];
    assert_eq!((&first.pair, first.event.as_slice(), &first.number), (&pairs[0], b"a".as_slice(), &number()));
    assert_eq!(batch.held(&pairs[1..], HeldKind::Standby).await?, []);
    assert_eq!(batch.held(&[], HeldKind::Standby).await?, []);
    let known = batch.known(&[event("a")]).await?;
    let known = known[0].as_ref().expect("it was recorded");
    assert_eq!((known.outcome.as_ref(), known.released_by, known.kind.as_str()), (None, None, "standby"));
    assert_eq!(store.counts().await?.held, 3);
    Ok(())
}

pub async fn held_messages_are_released_once(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let contact = contact_with_held(store, &lease).await?;
    let mut batch = begin(store, &lease).await?;
    batch.record(&[row("control", 4)], &[]).await?;
    batch.release(&[release("b", "control"), release("a", "control")]).await?;
    assert_eq!(keys(&batch.held(&[(contact, name("support"))], HeldKind::Standby).await?), ["c"]);
    batch.commit().await?;
    let mut batch = begin(store, &lease).await?;
    let outcome = batch.release(&[release("c", "late"), release("a", "late")]).await;
    assert!(matches!(outcome, Err(StoreError::Retry { .. })), "{outcome:?}");
    drop(batch);
    let mut batch = begin(store, &lease).await?;
    assert_eq!(
        keys(&batch.held(&[(contact, name("support"))], HeldKind::Standby).await?),
        ["c"],
        "nothing of a failed release stays"
    );
    let released = batch.released_by(event("control").decision_id()).await?;
    let events: Vec<_> = released.iter().map(|one| (one.known.event.key.as_str(), one.event.as_slice())).collect();
    assert_eq!(events, [("a", b"a".as_slice()), ("b", b"b")]);
    for one in &released {
        assert_eq!(one.known.outcome, Some(decision("sales")));
        assert_eq!(one.known.released_by, Some(event("control").decision_id()));
    }
    assert_eq!(batch.released_by(event("late").decision_id()).await?, []);
    Ok(())
}

pub async fn notices_wait_to_be_shown_once(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let contact = contact_with_held(store, &lease).await?;
    let support = [(contact, name("support"))];
    let notice = |key: &str, seq| InboxRow { kind: "notice", ..held_row(key, seq, contact) };
    let mut batch = begin(store, &lease).await?;
    batch.record(&[notice("n", 4), notice("m", 5)], &[]).await?;
    batch.commit().await?;
    let mut batch = begin(store, &lease).await?;
    assert_eq!(keys(&batch.held(&support, HeldKind::Standby).await?), ["a", "b", "c"]);
    assert_eq!(keys(&batch.held(&support, HeldKind::Notice).await?), ["n", "m"]);
    assert_eq!(store.counts().await?.held, 3, "nothing waits for control but the standby messages");
    batch.record(&[row("next", 7)], &[]).await?;
    let shown = |key: &str| NoticeShown { notice: event(key).decision_id(), shown_with: event("next").decision_id() };
    batch.show(&[shown("n"), shown("m")]).await?;
    batch.commit().await?;
    let mut batch = begin(store, &lease).await?;
    assert_eq!(batch.held(&support, HeldKind::Notice).await?, []);
    let again: Vec<_> = batch.released_by(event("next").decision_id()).await?;
    assert_eq!(again.iter().map(|one| one.known.event.key.as_str()).collect::<Vec<_>>(), ["n", "m"]);
    let outcome = batch.show(&[shown("n")]).await;
    assert!(matches!(outcome, Err(StoreError::Retry { .. })), "{outcome:?}");
    Ok(())
}

fn status(wamid: &str, state: &str, participant: Option<&str>) -> StatusRow {
    StatusRow {
        number: number(),
        wamid: wamid.to_owned(),
        state: StatusState::parse(state),
        participant: participant.map(str::to_owned),
        at: Some(at(1)),
        received_at: at(2),
        callback_data: Some("wp1/x/1".into()),
        error_codes: vec![131_047, 1],
        json: b"{}".to_vec(),
    }
}

pub async fn statuses_are_unique_in_any_order(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let long = "w".repeat(5_000);
    // (what comes, how many are new)
    let batches: [(&[StatusRow], u64); 5] = [
        (&[], 0),
        (&[status("a", "read", None), status("a", "sent", None), status("a", "sent", None)], 2),
        (&[status("a", "sent", None), status("a", "delivered", None), status("b", "sent", None)], 2),
        (&[status("a", "sent", Some("p1")), status("a", "sent", Some("p2")), status("a", "warning", None)], 3),
        (&[status(&long, "sent", None), status("", "sent", None), status("\0", "x\0", Some("\0"))], 3),
    ];
    for (rows, want) in batches {
        for want in [want, 0] {
            let mut batch = begin_record(store, &lease).await?;
            assert_eq!(batch.record_statuses(rows).await?, want, "{rows:?}");
            batch.commit().await?;
        }
    }
    assert_eq!(store.counts().await?.statuses, 10);
    Ok(())
}

pub async fn everything_is_read_in_pages(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    assert_eq!((store.events_after(None, 9).await?, store.statuses_after(None, 9).await?), (vec![], vec![]));
    assert_eq!(store.changes_after(None, 9).await?, vec![]);
    let rows: Vec<InboxRow> = (1..=5).map(|seq| row(&format!("m{seq}"), seq)).collect();
    let statuses = [status("a", "read", None), status("a", "sent", Some("p1")), status("a", "sent", Some("p2"))];
    let mut batch = begin(store, &lease).await?;
    batch.record(&rows, &[]).await?;
    batch.commit().await?;
    let changes = [change("1", "k", None), change("1", "l", Some(5)), change("2", "a", None)];
    let mut batch = begin_record(store, &lease).await?;
    batch.record_statuses(&statuses).await?;
    batch.keep_changes(&changes).await?;
    batch.commit().await?;
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let page = store.events_after(after, 2).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.decision_id);
        events.extend(page);
    }
    events.sort_by_key(|event| event.seq);
    let read: Vec<_> = events.into_iter().map(|event| (event.event.key, event.outcome)).collect();
    let recorded: Vec<_> = rows.into_iter().map(|row| (row.key, row.outcome)).collect();
    assert_eq!(read, recorded);
    let first = store.statuses_after(None, 2).await?;
    let rest = store.statuses_after(first.last(), 2).await?;
    let keys = |page: &[KeptStatus]| -> Vec<String> {
        page.iter().map(|status| format!("{} {} {}", status.wamid, status.state, status.participant)).collect()
    };
    assert_eq!((keys(&first), keys(&rest)), (vec!["a read ".to_owned(), "a sent p1".into()], vec!["a sent p2".into()]));
    assert_eq!(store.statuses_after(rest.last(), 2).await?, vec![]);
    let mut kept = store.changes_after(None, 2).await?;
    let rest = store.changes_after(kept.last(), 2).await?;
    kept.extend(rest);
    let places: Vec<_> = kept.iter().map(|one| (one.waba.as_str(), one.key.as_str())).collect();
    assert_eq!(places, [("1", "k"), ("1", "l"), ("2", "a")]);
    let first = (kept[0].scope, &kept[0].number, kept[0].field.as_str(), kept[0].json.as_slice());
    assert_eq!(first, (ChangeScope::Account, &PhoneNumberId::default(), "account_update", b"{}".as_slice()));
    Ok(())
}

fn change(waba: &str, key: &str, entry_time: Option<i64>) -> ChangeRow {
    ChangeRow {
        scope: ChangeScope::Account,
        number: PhoneNumberId::default(),
        waba: WabaId::new(waba),
        field: "account_update".into(),
        key: key.to_owned(),
        json: b"{}".to_vec(),
        received_at: at(2),
        entry_time,
    }
}

pub async fn changes_are_unique(store: &Store) -> Result<()> {
    let lease = owner(store).await?;
    let contact_scoped = ChangeRow { scope: ChangeScope::Contact, number: number(), ..change("1", "k", None) };
    let long = "k".repeat(5_000);
    let changes = [change("1", "k", Some(5)), change("2", "k", None), contact_scoped, change("1", &long, None)];
    for want in [4, 0] {
        let mut batch = begin(store, &lease).await?;
        assert_eq!(batch.keep_changes(&changes).await?, want);
        batch.commit().await?;
    }
    let mut batch = begin(store, &lease).await?;
    assert_eq!(batch.keep_changes(&[change("1", "k2", None), change("1", "k2", None)]).await?, 1);
    batch.commit().await?;
    assert_eq!(store.counts().await?.changes, 5);
    Ok(())
}
