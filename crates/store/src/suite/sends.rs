//! Sends: stored once, claimed in order with what is known, followed by news in any order.

mod news;
mod waiting;

use waypost_domain::send::{Author, Cause, FreeForm, SendContent, SendId, SendRequest, SendState};
use waypost_domain::team::Priority;
use waypost_domain::{Category, ContactId, PartitionId, Status, StatusState, Timestamp};

use super::{TTL, aliases, at, begin, cancel, conversation, event, name, number, owner, row, seen};
use crate::{
    Attempt, ClaimedSend, InboxRow, Lease, NewSend, QueuedSends, Reach, Result, SendAnswer, SendAnswered, SendFilter,
    SendTx, Sequence, Store, StoreError, StoredSend, Verdict,
};

const PORTFOLIO: &str = "portfolio";
/// Later than everything that is stored here, and earlier than its end.
const NOW: i64 = 1_000_000;

fn now() -> Timestamp {
    at(NOW)
}

pub(super) fn reach() -> Reach<'static> {
    Reach {
        recent_since: at(0),
        verdicts_since: at(NOW - 10),
        portfolio: PORTFOLIO,
        places_since: at(NOW - 86_400_000),
    }
}

fn id(text: &str) -> SendId {
    SendId::new(text).expect("a valid id")
}

pub(super) fn request(text: &str, contact: ContactId) -> SendRequest {
    SendRequest::plain(
        id(text),
        name("support"),
        contact,
        Author::Agent("kim".to_owned()),
        Cause::Reply,
        SendContent::FreeForm(FreeForm::Text { body: format!("{text} ü"), preview_url: false }),
        at(NOW - 1_000),
    )
}

pub(super) fn new(request: SendRequest) -> NewSend {
    NewSend { request, ends_at: at(NOW * 100), resend_of: None, team: None }
}

pub(super) async fn person(store: &Store, text: &str) -> Result<ContactId> {
    store.upsert_contact(&aliases(text), &Default::default(), None).await
}

/// The holder of the shard of all numbers here.
pub(super) async fn sender(store: &Store, instance: &str) -> Result<Lease> {
    store.migrate().await?;
    let lease = store.acquire_lease("sender", PartitionId(0), instance, TTL, Sequence::None).await?;
    Ok(lease.expect("the shard is free"))
}

pub(super) async fn step(store: &Store, lease: &Lease) -> Result<SendTx> {
    store.begin_sends(&lease.fence(0, None)).await
}

/// What is due, claimed in an open step.
pub(super) async fn claim(store: &Store, lease: &Lease, urgent: bool) -> Result<(SendTx, Vec<ClaimedSend>)> {
    let due = store.due_sends(&[(name("support"), 10), (name("sales"), 10)], urgent, now()).await?;
    let due: Vec<_> = due.iter().map(|due| (due.place, due.contact)).collect();
    let mut tx = step(store, lease).await?;
    let claimed = tx.claim(&due, now(), reach()).await?;
    Ok((tx, claimed))
}

pub(super) fn attempt() -> Attempt {
    let verdict = b"{}".to_vec();
    Attempt { verdict, category: Category::Service, template: None, conversation: None, place_of: None }
}

/// Attempts everything that is due; its places.
pub(super) async fn attempt_all(store: &Store, lease: &Lease) -> Result<Vec<i64>> {
    let (mut tx, claimed) = claim(store, lease, false).await?;
    let places: Vec<i64> = claimed.iter().map(|one| one.row.place).collect();
    places.iter().for_each(|place| tx.decide(*place, Verdict::Attempt(attempt())));
    tx.commit(now(), PORTFOLIO).await?;
    Ok(places)
}

pub(super) async fn answer(store: &Store, lease: &Lease, place: i64, answer: SendAnswer) -> Result<()> {
    let mut tx = step(store, lease).await?;
    tx.answered(&[SendAnswered { place, attempt: 1, answer }], now()).await?;
    tx.commit(now(), PORTFOLIO).await
}

pub(super) fn accepted(wamid: &str) -> SendAnswer {
    SendAnswer::Accepted { wamid: wamid.to_owned(), held: false }
}

pub(super) fn status(wamid: &str, state: &str, mark: Option<&str>) -> Status {
    Status {
        id: wamid.to_owned(),
        state: StatusState::parse(state),
        timestamp: Some(at(NOW + 5)),
        recipient: Default::default(),
        participant: None,
        callback_data: mark.map(str::to_owned),
        errors: vec![],
        pricing: None,
        conversation: None,
    }
}

async fn tell(store: &Store, lease: &Lease, statuses: &[Status]) -> Result<crate::FoldedStatuses> {
    let mut tx = store.begin_record(&lease.fence(0, None)).await?;
    let folded = tx.fold_statuses(statuses, now()).await?;
    tx.commit().await?;
    Ok(folded)
}

async fn state(store: &Store, of: &str) -> Result<SendState> {
    Ok(store.send(&id(of)).await?.expect("it is stored").state())
}

pub use news::*;
pub use waiting::*;

pub async fn a_request_is_stored_once(store: &Store) -> Result<()> {
    store.migrate().await?;
    let ann = person(store, "p:4930901820").await?;
    let one = new(request("one", ann));
    let asked_again = new(SendRequest { created_at: at(NOW), ..one.request.clone() });
    let other = new(SendRequest { strict_order: true, ..one.request.clone() });
    let (new_one, known, conflict) = (StoredSend::New, StoredSend::Known, StoredSend::Conflict);
    assert_eq!(store.keep_sends(&[]).await?, []);
    assert_eq!(store.keep_sends(&[one.clone(), asked_again.clone(), other.clone()]).await?, [new_one, known, conflict]);
    let two = new(request("two", ann));
    assert_eq!(store.keep_sends(&[other, two.clone(), asked_again]).await?, [conflict, new_one, known]);
    let row = store.send(&id("one")).await?.expect("it is stored");
    assert_eq!((&row.request, row.state(), row.attempt), (&one.request, SendState::Queued, 0));
    assert_eq!((row.due_at, row.ends_at, row.wamid, row.verdict), (at(NOW - 1_000), one.ends_at, None, None));
    assert_eq!(store.send(&id("three")).await?, None);

    let resent = NewSend { resend_of: Some(id("one")), ..new(request("again", ann)) };
    store.keep_sends(&[resent]).await?;
    assert_eq!(store.send(&id("again")).await?.and_then(|row| row.resend_of), Some(id("one")));
    Ok(())
}

pub async fn sends_are_listed_and_taken_back(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let (ann, bob) = (person(store, "p:4930901820").await?, person(store, "p:4930901821").await?);
    let bot = SendRequest { author: Author::Bot("kim".to_owned()), ..request("c", bob) };
    let sends = [new(request("a", ann)), new(request("b", ann)), new(bot)];
    store.keep_sends(&sends).await?;
    let listed = async |filter: &SendFilter, before| {
        let rows = store.sends(filter, before, 2).await?;
        let ids: Vec<String> = rows.iter().map(|row| row.request.id.to_string()).collect();
        Ok::<_, StoreError>((ids, rows.last().map(|row| row.place)))
    };
    let (first, place) = listed(&SendFilter::default(), None).await?;
    assert_eq!(first, ["c", "b"], "the newest first");
    assert_eq!(listed(&SendFilter::default(), place).await?.0, ["a"]);
    let of = |filter: SendFilter| filter;
    for (filter, want) in [
        (of(SendFilter { contacts: vec![ann], ..SendFilter::default() }), &["b", "a"][..]),
        (of(SendFilter { number: Some(name("sales")), ..SendFilter::default() }), &[]),
        (of(SendFilter { author: Some(Author::Bot("kim".to_owned())), ..SendFilter::default() }), &["c"]),
        (of(SendFilter { state: Some(SendState::Sent), ..SendFilter::default() }), &[]),
        (of(SendFilter { conversation: Some(conversation(ann, "support", 1).id), ..SendFilter::default() }), &[]),
    ] {
        assert_eq!(listed(&filter, None).await?.0, want, "{filter:?}");
    }
    assert_eq!(cancel(store, &id("b")).await?, Some(SendState::Cancelled));
    assert_eq!(cancel(store, &id("b")).await?, Some(SendState::Cancelled), "it stays");
    assert_eq!(cancel(store, &id("x")).await?, None);
    attempt_all(store, &lease).await?;
    assert_eq!(cancel(store, &id("a")).await?, Some(SendState::Attempting), "too late");
    assert_eq!(state(store, "b").await?, SendState::Cancelled);
    Ok(())
}

/// Who is urgent, and which of a number, is asked for apart; what is not due is not told.
pub async fn what_is_due_is_found_by_number(store: &Store) -> Result<()> {
    store.migrate().await?;
    let ann = person(store, "p:4930901820").await?;
    let on = |text: &str, number: &str, priority, created_at| {
        new(SendRequest { number: name(number), priority, created_at: at(created_at), ..request(text, ann) })
    };
    let (normal, urgent) = (Priority::Normal, Priority::Urgent);
    let sends = [
        on("later", "support", normal, NOW + 1),
        on("second", "support", normal, NOW),
        on("first", "support", normal, NOW - 9),
        on("third", "support", normal, NOW),
        on("elsewhere", "sales", normal, NOW - 9),
        on("now", "support", urgent, NOW),
    ];
    store.keep_sends(&sends).await?;
    let due = async |wanted: &[(waypost_domain::NumberName, u32)], urgent| {
        let due = store.due_sends(wanted, urgent, now()).await?;
        let mut ids = Vec::new();
        for one in due {
            let rows = store.sends(&SendFilter::default(), Some(one.place + 1), 1).await?;
            assert_eq!((one.is_urgent, &one.number), (urgent, &rows[0].request.number));
            ids.push(rows[0].request.id.to_string());
        }
        Ok::<_, StoreError>(ids)
    };
    assert_eq!(due(&[(name("support"), 2)], false).await?, ["first", "second"]);
    assert_eq!(
        due(&[(name("sales"), 9), (name("support"), 9)], false).await?,
        ["elsewhere", "first", "second", "third"]
    );
    assert_eq!(due(&[(name("support"), 9)], true).await?, ["now"]);
    assert_eq!(due(&[(name("support"), 0)], false).await?, [""; 0]);
    assert_eq!(due(&[], false).await?, [""; 0]);
    assert_eq!(store.next_due_send(&[name("support")]).await?, Some(at(NOW - 9)));
    assert_eq!(store.next_due_send(&[name("nobody's")]).await?, None);
    let queued = store.queued_sends().await?;
    let of = |one: &QueuedSends| (one.number.to_string(), one.is_urgent, one.sends, one.due_at);
    let support = "support".to_owned();
    let wanted = [
        ("sales".to_owned(), false, 1, at(NOW - 9)),
        (support.clone(), false, 4, at(NOW - 9)),
        (support, true, 1, now()),
    ];
    assert_eq!(queued.iter().map(of).collect::<Vec<_>>(), wanted);
    Ok(())
}

/// The window and the last word are of the contact and of all who became part of it.
pub async fn a_claim_knows_the_contact(store: &Store) -> Result<()> {
    let inbox = owner(store).await?;
    store.name_numbers(&[(name("support"), number())]).await?;
    let mut batch = begin(store, &inbox).await?;
    let ann = batch.contacts(&[seen("p:4930901820")]).await?.remove(0).expect("she is known").id;
    let mut talk = conversation(ann, "support", 10);
    (talk.window_ends_at, talk.last_inbound_at) = (Some(at(NOW * 2)), Some(at(20)));
    let message = InboxRow { contact: Some(ann), conversation: Some(talk.id), ..row("w", 1) };
    batch.record(&[message], std::slice::from_ref(&talk)).await?;
    batch.commit().await?;
    let lease = sender(store, "a").await?;
    store
        .keep_sends(&[new(request("one", ann)), new(SendRequest { number: name("sales"), ..request("two", ann) })])
        .await?;
    let (tx, claimed) = claim(store, &lease, false).await?;
    drop(tx);
    let [one, two] = &claimed[..] else { panic!("two, not {}", claimed.len()) };
    let (one, two) = (one.facts.as_ref().expect("she is there"), two.facts.as_ref().expect("she is there"));
    assert_eq!((one.contact.id, one.conversation, one.window_ends_at), (ann, Some(talk.id), talk.window_ends_at));
    assert_eq!((one.last_inbound_at, one.has_place, one.other_app_holds_thread), (Some(at(20)), false, false));
    assert_eq!(one.aliases.iter().map(|alias| alias.value()).collect::<Vec<_>>(), ["4930901820"]);
    assert_eq!((two.conversation, two.window_ends_at), (None, None), "each number has its own");
    let without = store.send_facts(ann, &name("support"), reach()).await?;
    assert_eq!(without.as_ref(), Some(one), "the same for whoever only asks");
    let received = store.received_at(&[event("w").decision_id(), event("x").decision_id()]).await?;
    assert_eq!(received.into_iter().collect::<Vec<_>>(), [(event("w").decision_id(), at(1_001))]);

    // Somebody who shows the number and a BSUID is she: her history is part of theirs.
    let bea = person(store, "b:DE.1").await?;
    person(store, "b:DE.1 p:4930901820").await?;
    let facts = store.send_facts(ann, &name("support"), reach()).await?.expect("she is part of somebody");
    assert_eq!(facts.contact.id, ann.min(bea));
    assert_eq!(facts.window_ends_at, talk.window_ends_at);
    assert!(facts.merged_at.is_some());
    let (_, claimed) = claim(store, &lease, false).await?;
    assert!(claimed.iter().all(|one| one.facts.as_ref().is_some_and(|facts| facts.contact.id == ann.min(bea))));
    Ok(())
}

/// A place of the messaging limit is taken by the first send of a day, and given back when the last of them failed.
pub async fn places_of_the_limit_are_taken_and_given_back(store: &Store) -> Result<()> {
    let lease = sender(store, "a").await?;
    let (ann, bob) = (person(store, "p:4930901820").await?, person(store, "p:4930901821").await?);
    store.tell_tier(PORTFOLIO, "TIER_2K", at(5)).await?;
    store.tell_tier(PORTFOLIO, "TIER_250", at(4)).await?;
    store
        .keep_sends(&[
            new(request("a", ann)),
            new(request("x", bob)),
            new(SendRequest { number: name("sales"), ..request("b", ann) }),
        ])
        .await?;
    let (mut tx, claimed) = claim(store, &lease, false).await?;
    let before = tx.portfolio(PORTFOLIO, now()).await?;
    assert_eq!((before.tier.as_deref(), before.used, before.next_free_at), (Some("TIER_2K"), 0, None));
    for one in &claimed {
        let place_of = one.facts.as_ref().map(|facts| facts.contact.id);
        tx.decide(one.row.place, Verdict::Attempt(Attempt { place_of, ..attempt() }));
    }
    tx.commit(now(), PORTFOLIO).await?;
    let used = async || Ok::<_, StoreError>(store.portfolio_use(PORTFOLIO, now()).await?.used);
    assert_eq!(used().await?, 2, "two customers, three sends");
    assert_eq!(store.portfolio_use(PORTFOLIO, at(NOW + 86_400_000)).await?.used, 0, "a day later they are free");
    assert_eq!(store.portfolio_use(PORTFOLIO, now()).await?.next_free_at, Some(at(NOW + 86_400_000)));
    assert!(store.send_facts(ann, &name("support"), reach()).await?.is_some_and(|facts| facts.has_place));
    let [a, b, x] = ["a", "b", "x"];
    for (send, left) in [(a, 2), (x, 1), (b, 0)] {
        let place = store.send(&id(send)).await?.expect("it is stored").place;
        answer(store, &lease, place, SendAnswer::Failed { code: Some(131_026) }).await?;
        answer(store, &lease, place, SendAnswer::Failed { code: Some(131_026) }).await?;
        assert_eq!(used().await?, left, "{send}");
    }
    Ok(())
}

/// 131047 outranks our clock; a message of the customer opens the window again.
pub async fn meta_closes_a_window(store: &Store) -> Result<()> {
    let inbox = owner(store).await?;
    let mut batch = begin(store, &inbox).await?;
    let ann = batch.contacts(&[seen("p:4930901820")]).await?.remove(0).expect("she is known").id;
    let mut talk = conversation(ann, "support", 10);
    talk.window_ends_at = Some(at(NOW * 2));
    let message = InboxRow { contact: Some(ann), conversation: Some(talk.id), ..row("w", 1) };
    batch.record(&[message], std::slice::from_ref(&talk)).await?;
    batch.commit().await?;
    let lease = sender(store, "a").await?;
    let window = async || {
        let facts = store.send_facts(ann, &name("support"), reach()).await?;
        Ok::<_, StoreError>(facts.and_then(|facts| facts.window_ends_at))
    };
    let close = async |number: &str, when: i64| {
        let mut tx = store.begin_record(&lease.fence(0, None)).await?;
        tx.close_window(ann, &name(number), at(when)).await?;
        tx.commit().await
    };
    close("sales", NOW).await?;
    assert_eq!(window().await?, Some(at(NOW * 2)), "another number's");
    close("support", NOW).await?;
    assert_eq!(window().await?, Some(now()));
    close("support", NOW + 1).await?;
    assert_eq!(window().await?, Some(now()), "it was closed before");
    Ok(())
}
