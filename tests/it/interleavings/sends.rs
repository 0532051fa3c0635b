//! A send that is about to be attempted against everything that may forbid it at the same moment: a stop, a merge with
//! somebody who said stop, another number's send to the same customer, the last place of the messaging limit. And who waits
//! against who is waited for.

use uuid::Uuid;
use waypost_domain::consent::{Basis, ConsentEntry, Evidence, Folding, How, Said, fold};
use waypost_domain::send::content::FreeForm;
use waypost_domain::send::{Author, Cause, SendContent, SendId, SendRequest, SendState};
use waypost_domain::{Category, ConsentEntryId, ContactId, EffectiveConsent, PartitionId, Timestamp};
use waypost_store::{
    Attempt, ClaimedSend, Fence, Merge, NewSend, Reach, SendAnswer, SendAnswered, Sequence, Store, StoreError, Verdict,
};

use super::LONG;
use super::stepper::{Actor, Stepper};
use crate::store_postgres::{aliases, name};

const PORTFOLIO: &str = "business";
const SENDER: &str = "sender";
/// Later than all that is stored, earlier than its end.
const NOW: i64 = 1_000_000;
const NUMBERS: [&str; 2] = ["support", "sales"];
const OWNERS: [&str; 2] = ["left", "right"];
const ATTEMPTS_MAX: u32 = 4;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn reach() -> Reach<'static> {
    let since = at(NOW - 86_400_000);
    Reach { recent_since: since, verdicts_since: at(NOW), portfolio: PORTFOLIO, places_since: since }
}

fn fence(index: u16) -> Fence {
    Fence {
        component: SENDER.to_owned(),
        partition: PartitionId(index),
        owner: OWNERS[usize::from(index)].to_owned(),
        epoch: 1,
        published_seq: 0,
        published_at: None,
        oldest_at: None,
    }
}

fn request(id: &str, number: &str, contact: ContactId) -> NewSend {
    let request = SendRequest::plain(
        SendId::new(id).expect("a valid id"),
        name(number),
        contact,
        Author::Campaign("winter".to_owned()),
        Cause::Event("winter".to_owned()),
        SendContent::FreeForm(FreeForm::Text { body: id.to_owned(), preview_url: false }),
        at(NOW - 10),
    );
    NewSend { request, ends_at: at(NOW * 10), resend_of: None, team: None }
}

fn entry(contact: ContactId, said: Said, millis: i64) -> ConsentEntry {
    ConsentEntry {
        id: ConsentEntryId::from_uuid(Uuid::now_v7()),
        contact,
        brand: String::new(),
        category: None,
        said,
        at: Some(at(millis)),
        recorded_at: at(millis),
        how: How::Api,
        source: None,
        recorded_by: "a test".to_owned(),
        evidence: Evidence::default(),
    }
}

async fn person(store: &Store, text: &str) -> ContactId {
    store.upsert_contact(&aliases(text), &Default::default(), None).await.expect("the store answers")
}

async fn says(store: &Store, contact: ContactId, said: Said, millis: i64) -> Result<(), StoreError> {
    let mut change = store.begin_change().await?;
    change.append_consent(&[entry(contact, said, millis)]).await?;
    change.commit(&[]).await
}

/// Both shards have their owners; what is asked for is stored.
async fn set_up(store: &Store, sends: &[NewSend]) {
    for (index, owner) in (0..).zip(OWNERS) {
        let lease = store.acquire_lease(SENDER, PartitionId(index), owner, LONG, Sequence::None).await;
        lease.expect("the store answers").expect("it is free");
    }
    store.keep_sends(sends).await.expect("the store answers");
}

/// What a sender does: claims what is due on its number, judges, writes; again from the start when it is told so. `judge`
/// gets how many places are used.
async fn send(mut actor: Actor, index: u16, judge: impl Fn(&ClaimedSend, u32) -> Verdict) -> bool {
    for _ in 0..ATTEMPTS_MAX {
        match try_send(&mut actor, index, &judge).await {
            Ok(attempted) => return attempted,
            Err(StoreError::Retry { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    panic!("no end of retries");
}

async fn try_send(
    actor: &mut Actor,
    index: u16,
    judge: &impl Fn(&ClaimedSend, u32) -> Verdict,
) -> Result<bool, StoreError> {
    let number = name(NUMBERS[usize::from(index)]);
    let look = async |store: &Store| store.due_sends(&[(number.clone(), 9)], false, at(NOW)).await;
    let due = actor.step("look", look).await?;
    let due: Vec<(i64, ContactId)> = due.iter().map(|one| (one.place, one.contact)).collect();
    let mut tx = actor.step("begin", async |store| store.begin_sends(&fence(index)).await).await?;
    let claimed = actor.step("claim", async |_| tx.claim(&due, at(NOW), reach()).await).await?;
    let used = actor.step("count", async |_| tx.portfolio(PORTFOLIO, at(NOW)).await).await?.used;
    let mut attempted = false;
    for one in &claimed {
        let verdict = judge(one, used);
        attempted |= matches!(verdict, Verdict::Attempt(_));
        tx.decide(one.row.place, verdict);
    }
    actor.step("commit", async |_| tx.commit(at(NOW), PORTFOLIO).await).await?;
    Ok(attempted)
}

fn attempt(place_of: Option<ContactId>) -> Verdict {
    let verdict = b"{}".to_vec();
    Verdict::Attempt(Attempt { verdict, category: Category::Marketing, template: None, conversation: None, place_of })
}

fn refuse() -> Verdict {
    Verdict::End { state: SendState::Refused, verdict: b"{}".to_vec(), rule: None }
}

fn with_consent(one: &ClaimedSend, _: u32) -> Verdict {
    let facts = one.facts.as_ref().expect("the contact is there");
    let folding = Folding { now: at(NOW), merged_at: facts.merged_at, reconfirm_ms: None, confirmed_at: None };
    let consents = fold(&facts.consent, "", &folding).consents;
    let granted = matches!(consents.marketing, EffectiveConsent::Granted(_)) && consents.stop.is_none();
    if granted { attempt(None) } else { refuse() }
}

/// Nothing is attempted once a stop was committed.
#[tokio::test]
async fn a_stop_against_a_send() {
    let mut stepper = Stepper::start().await;
    let set_up = async |store: &Store| {
        let ann = person(store, "p:4930901820").await;
        says(store, ann, Said::Granted(Basis::Consent), 1).await.expect("the store answers");
        set_up(store, &[request("offer", "support", ann)]).await;
    };
    let sending = async |actor: Actor| send(actor, 0, with_consent).await;
    let stopping = async |mut actor: Actor| {
        let ann = person(&actor.store, "p:4930901820").await;
        let mut change = actor.step("begin", async |store| store.begin_change().await).await?;
        actor.step("say", async |_| change.append_consent(&[entry(ann, Said::Withdrawn, 5)]).await).await?;
        actor.step("commit", async |_| change.commit(&[]).await).await
    };
    let (mut attempted, mut refused) = (0, 0);
    stepper
        .explore(set_up, sending, stopping, async |_, run| {
            run.right.as_ref().unwrap_or_else(|error| panic!("the stop is kept: {error} {:#?}", run.trace));
            if run.left {
                assert!(run.position("left commit ok") < run.position("right commit ok"), "{run:#?}");
                attempted += 1;
            } else {
                refused += 1;
            }
        })
        .await;
    assert!(attempted > 0 && refused > 0, "{attempted} attempted, {refused} refused");
}

/// Whoever becomes one with somebody who said stop has said stop, from the merge on.
#[tokio::test]
async fn a_merge_against_a_send() {
    let mut stepper = Stepper::start().await;
    let set_up = async |store: &Store| {
        let (ann, bea) = (person(store, "p:4930901820").await, person(store, "b:DE.1").await);
        says(store, ann, Said::Granted(Basis::Consent), 1).await.expect("the store answers");
        says(store, bea, Said::Withdrawn, 2).await.expect("the store answers");
        set_up(store, &[request("offer", "support", ann)]).await;
    };
    let sending = async |actor: Actor| send(actor, 0, with_consent).await;
    let merging = async |mut actor: Actor| {
        let (ann, bea) = (person(&actor.store, "p:4930901820").await, person(&actor.store, "b:DE.1").await);
        for _ in 0..ATTEMPTS_MAX {
            match actor.step("merge", async |store| store.merge(&[Merge::of(ann, bea)]).await).await {
                Err(StoreError::Retry { .. }) => {}
                other => return other,
            }
        }
        panic!("no end of retries");
    };
    let (mut attempted, mut refused) = (0, 0);
    stepper
        .explore(set_up, sending, merging, async |_, run| {
            run.right.as_ref().unwrap_or_else(|error| panic!("they are one: {error} {:#?}", run.trace));
            if run.left {
                assert!(run.position("left commit ok") < run.position("right merge ok"), "{run:#?}");
                attempted += 1;
            } else {
                refused += 1;
            }
        })
        .await;
    assert!(attempted > 0 && refused > 0, "{attempted} attempted, {refused} refused");
}

/// One message to a customer, whichever of two numbers it comes from.
#[tokio::test]
async fn a_cap_over_two_numbers() {
    let mut stepper = Stepper::start().await;
    let set_up = async |store: &Store| {
        let ann = person(store, "p:4930901820").await;
        set_up(store, &[request("one", "support", ann), request("two", "sales", ann)]).await;
    };
    let capped = |one: &ClaimedSend, _: u32| {
        let recent = &one.facts.as_ref().expect("the contact is there").recent;
        if recent.is_empty() { attempt(None) } else { Verdict::Defer { until: at(NOW * 2), verdict: None, rule: None } }
    };
    let left = async |actor: Actor| send(actor, 0, capped).await;
    let right = async |actor: Actor| send(actor, 1, capped).await;
    let mut firsts = [0, 0];
    stepper
        .explore(set_up, left, right, async |_, run| {
            assert!(run.left != run.right, "one of them goes: {run:#?}");
            firsts[usize::from(run.right)] += 1;
        })
        .await;
    assert!(firsts.iter().all(|orders| *orders > 0), "{firsts:?}");
}

/// The last place of the messaging limit is taken once.
#[tokio::test]
async fn the_last_place_of_the_limit() {
    let mut stepper = Stepper::start().await;
    let set_up = async |store: &Store| {
        let (ann, bob) = (person(store, "p:4930901820").await, person(store, "p:4930901821").await);
        set_up(store, &[request("one", "support", ann), request("two", "sales", bob)]).await;
    };
    let within = |one: &ClaimedSend, used: u32| {
        let contact = one.facts.as_ref().expect("the contact is there").contact.id;
        if used < 1 { attempt(Some(contact)) } else { Verdict::Defer { until: at(NOW * 2), verdict: None, rule: None } }
    };
    let left = async |actor: Actor| send(actor, 0, within).await;
    let right = async |actor: Actor| send(actor, 1, within).await;
    let mut firsts = [0, 0];
    stepper
        .explore(set_up, left, right, async |store, run| {
            assert!(run.left != run.right, "one of them goes: {run:#?}");
            let used = store.portfolio_use(PORTFOLIO, at(NOW)).await.expect("the store answers").used;
            assert_eq!(used, 1, "{run:#?}");
            firsts[usize::from(run.right)] += 1;
        })
        .await;
    assert!(firsts.iter().all(|orders| *orders > 0), "{firsts:?}");
}

/// Whoever goes to sleep behind a send is woken by its answer, whichever comes first.
#[tokio::test]
async fn who_waits_against_the_answer() {
    let mut stepper = Stepper::start().await;
    let set_up = async |store: &Store| {
        let ann = person(store, "p:4930901820").await;
        set_up(store, &[request("first", "support", ann)]).await;
        let due = store.due_sends(&[(name("support"), 1)], false, at(NOW)).await.expect("the store answers");
        let mut tx = store.begin_sends(&fence(0)).await.expect("it has the lease");
        tx.claim(&[(due[0].place, ann)], at(NOW), reach()).await.expect("the store answers");
        tx.decide(due[0].place, attempt(None));
        tx.commit(at(NOW), PORTFOLIO).await.expect("the store answers");
        store.keep_sends(&[request("second", "support", ann)]).await.expect("the store answers");
    };
    let behind = |one: &ClaimedSend, _: u32| match one.before.map(|before| before.state) {
        Some(SendState::Attempting) => Verdict::Wait { until: at(NOW * 9) },
        _ => attempt(None),
    };
    let waiting = async |actor: Actor| send(actor, 0, behind).await;
    // Somebody else's transaction, as one that takes in statuses.
    let telling = async |mut actor: Actor| {
        let first = actor.store.send(&SendId::new("first").expect("a valid id")).await?.expect("it is stored");
        let answer = SendAnswer::Accepted { wamid: "wamid.1".to_owned(), held: false };
        for _ in 0..ATTEMPTS_MAX {
            let told = tell(&mut actor, first.place, answer.clone()).await;
            if !matches!(told, Err(StoreError::Retry { .. })) {
                return told;
            }
        }
        panic!("no end of retries");
    };
    let mut slept = 0;
    stepper
        .explore(set_up, waiting, telling, async |store, run| {
            run.right.as_ref().unwrap_or_else(|error| panic!("the answer is kept: {error} {:#?}", run.trace));
            let second = store.send(&SendId::new("second").expect("a valid id")).await;
            let second = second.expect("the store answers").expect("it is stored");
            let is_awake = second.state() == SendState::Attempting || second.due_at <= at(NOW);
            assert!(is_awake && !second.waits, "it sleeps for ever: {run:#?}");
            slept += usize::from(!run.left);
        })
        .await;
    assert!(slept > 0, "in no order it had to wait");
}

async fn tell(actor: &mut Actor, place: i64, answer: SendAnswer) -> Result<(), StoreError> {
    let mut tx = actor.step("begin", async |store| store.begin_sends(&fence(1)).await).await?;
    let answered = [SendAnswered { place, attempt: 1, answer }];
    actor.step("tell", async |_| tx.answered(&answered, at(NOW)).await).await?;
    actor.step("commit", async |_| tx.commit(at(NOW), PORTFOLIO).await).await
}
