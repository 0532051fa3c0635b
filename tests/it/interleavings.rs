//! What SQLite cannot show: two transactions of two replicas on PostgreSQL, in every order of their steps. After each
//! order the promise is checked that the scenario is about.

mod people;
mod sends;
mod stepper;

use std::time::Duration;

use waypost_domain::PartitionId;
use waypost_store::suite::COMPONENT;
use waypost_store::{EventKey, Fence, KnownEvent, Lease, Sequence, Store, StoreError};

use crate::store_postgres::{lease, number, row, until_expired};
use stepper::{Actor, Stepper};

const PARTITION: u16 = 2;
const LONG: Duration = Duration::from_secs(3600);
/// As often does the one who takes over ask for the lease; the last time nobody may be in its way any more.
const ASKED_MAX: usize = 2;

/// The second try may be in the way of a third.
const ATTEMPTS_MAX: u32 = 4;

fn key(text: &str) -> EventKey {
    EventKey { number: number(), key: text.to_owned() }
}

/// The former owner's lease, which has run out; its claim has not noticed.
async fn former(store: &Store) -> Lease {
    let former = lease(store, PARTITION, "left", Duration::ZERO).await.expect("it is free");
    until_expired(store).await;
    former
}

/// What the former owner is about to do was prepared by [`former`]: epoch 1, nothing published.
fn former_fence(published_seq: i64) -> Fence {
    let partition = PartitionId(PARTITION);
    let (component, owner) = (COMPONENT.to_owned(), "left".to_owned());
    Fence { component, partition, owner, epoch: 1, published_seq, published_at: None, oldest_at: None }
}

/// Takes the partition over, if nobody is in the middle of something there.
async fn take_over(actor: &mut Actor) -> Option<Lease> {
    for _ in 0..ASKED_MAX {
        let ask = async |store: &Store| {
            store.acquire_lease(COMPONENT, PartitionId(PARTITION), "right", LONG, Sequence::OfInbox).await
        };
        if let Some(taken) = actor.step("ask", ask).await.expect("asking never fails") {
            actor.note("takes over").await;
            return Some(taken);
        }
    }
    None
}

/// A batch of the old epoch: what was committed of it, if anything.
async fn old_batch(mut actor: Actor) -> Result<(), StoreError> {
    let mut batch = actor.step("begin", async |store| store.begin_batch(&former_fence(0)).await).await?;
    actor.step("record", async |_| batch.record(&[row("a", 1)], &[]).await).await?;
    actor.step("commit", async |_| batch.commit().await).await
}

/// The same event, delivered again to the new owner.
async fn new_batch(mut actor: Actor) -> Result<Option<Option<KnownEvent>>, StoreError> {
    let Some(taken) = take_over(&mut actor).await else { return Ok(None) };
    let fence = taken.fence(taken.published_seq, None);
    let begin = async |store: &Store| store.begin_batch_of(&fence, &[key("a")]).await;
    let (mut batch, mut known) = actor.step("begin", begin).await?;
    let known = known.remove(0);
    if known.is_none() {
        actor.step("record", async |_| batch.record(&[row("a", taken.last_seq + 1)], &[]).await).await?;
    }
    actor.step("commit", async |_| batch.commit().await).await?;
    Ok(Some(known))
}

/// Nothing of the old epoch is written once the partition was taken over, and nothing that was written is missed.
#[tokio::test]
async fn a_batch_of_an_old_epoch_against_a_take_over() {
    let mut stepper = Stepper::start().await;
    let set_up = async |store: &Store| drop(former(store).await);
    let (mut seen_lost, mut seen_in_the_way) = (false, false);
    let orders = stepper
        .explore(set_up, old_batch, new_batch, async |store, run| {
            let is_lost = run.position("left begin lost").is_some();
            assert_eq!(run.left.is_ok(), !is_lost, "committed or lost: {run:#?}");
            if let (Some(committed), Some(taken)) = (run.position("left commit ok"), run.position("right takes over")) {
                assert!(committed < taken, "written under an old epoch: {run:#?}");
            }
            let new = run.right.as_ref().unwrap_or_else(|_| panic!("the new owner is refused: {run:#?}"));
            if let Some(known) = new {
                assert_eq!(known.is_some(), !is_lost, "what was committed is seen: {run:#?}");
            }
            assert_eq!(store.counts().await.expect("the store answers").events, 1, "{run:#?}");
            seen_lost |= is_lost;
            seen_in_the_way |= new.is_none();
        })
        .await;
    assert!(seen_lost && seen_in_the_way, "the orders that matter were among the {orders}");
}

/// Its claim extends the lease just when another asks for it: one of them has it, and only that one writes.
#[tokio::test]
async fn a_renewal_against_a_take_over() {
    let mut stepper = Stepper::start().await;
    let set_up = async |store: &Store| drop(former(store).await);
    let renewing = async |mut actor: Actor| {
        let renew = async |store: &Store| store.renew_leases(COMPONENT, "left", LONG).await;
        let kept = actor.step("renew", renew).await?.iter().any(|one| one.epoch == 1 && one.extended);
        old_batch(actor).await.map(|()| kept)
    };
    let orders = stepper
        .explore(set_up, renewing, new_batch, async |store, run| {
            let taken = run.position("right takes over");
            match &run.left {
                Ok(kept) => {
                    assert!(*kept && taken.is_none_or(|at| run.position("left commit ok") < Some(at)), "{run:#?}")
                }
                Err(_) => assert!(taken.is_some(), "nobody has it: {run:#?}"),
            }
            assert_eq!(store.counts().await.expect("the store answers").events, 1, "{run:#?}");
        })
        .await;
    assert!(orders > 10, "{orders} orders");
}

/// Decided and not marked by the former owner: `a` and `b`.
async fn former_with_two_events(store: &Store) {
    former(store).await;
    let mut batch = store.begin_batch(&former_fence(0)).await.expect("it still has the lease");
    batch.record(&[row("a", 1), row("b", 2)], &[]).await.expect("the store answers");
    batch.commit().await.expect("the store answers");
}

/// Publishes what was decided before, and tells the store with the next batch.
async fn publish_and_go_on(mut actor: Actor) -> Result<(), StoreError> {
    actor.step("publish", async |_| Ok(())).await?;
    let mut batch = actor.step("begin", async |store| store.begin_batch(&former_fence(2)).await).await?;
    actor.step("record", async |_| batch.record(&[row("c", 3)], &[]).await).await?;
    actor.step("commit", async |_| batch.commit().await).await
}

/// The same, when nothing more comes.
async fn publish_and_rest(mut actor: Actor) -> Result<(), StoreError> {
    actor.step("publish", async |_| Ok(())).await?;
    actor.step("mark", async |store| store.mark_published(&former_fence(2)).await).await
}

/// Everything is delivered again to the new owner, which publishes what is not marked. Gives what it was told of each.
async fn publish_again(mut actor: Actor) -> Option<Vec<Option<KnownEvent>>> {
    let taken = take_over(&mut actor).await?;
    let fence = taken.fence(taken.published_seq, None);
    let begin = async |store: &Store| store.begin_batch_of(&fence, &["a", "b", "c"].map(key)).await;
    let (batch, known) = actor.step("begin", begin).await.expect("it has the lease");
    actor.step("commit", async |_| batch.commit().await).await.expect("it has the lease");
    actor.step("publish", async |_| Ok(())).await.expect("nothing can fail");
    let mark = async |store: &Store| store.mark_published(&taken.fence(taken.last_seq, None)).await;
    actor.step("mark", mark).await.expect("it has the lease");
    Some(known)
}

/// Whatever the new owner takes for published was published; what was decided is not decided again; the mark does not
/// go back.
#[tokio::test]
async fn a_mark_against_a_take_over_and_a_redelivery() {
    let mut stepper = Stepper::start().await;
    for rests in [false, true] {
        let former_owner = async |actor: Actor| match rests {
            true => publish_and_rest(actor).await,
            false => publish_and_go_on(actor).await,
        };
        let orders = stepper
            .explore(former_with_two_events, former_owner, publish_again, async |store, run| {
                let taken = run.position("right takes over");
                let is_marked = run.left.is_ok();
                let published = store.leases(COMPONENT).await.expect("the store answers")[0].published_seq;
                let Some(known) = &run.right else {
                    assert!(is_marked && published == 2, "nobody was in the way: {run:#?}");
                    return;
                };
                let marked = run.position("left commit ok").or(run.position("left mark ok"));
                assert_eq!(marked.is_some(), is_marked, "{run:#?}");
                assert!(marked.is_none() || marked < taken, "marked under an old epoch: {run:#?}");
                for event in &known[..2] {
                    let event = event.as_ref().unwrap_or_else(|| panic!("decided again: {run:#?}"));
                    assert_eq!(event.published, is_marked, "{run:#?}");
                    assert!(!event.published || run.position("left publish ok").is_some(), "lost: {run:#?}");
                }
                let last = known[2].as_ref();
                assert_eq!(last.is_some(), is_marked && !rests, "what was committed is seen: {run:#?}");
                assert!(last.is_none_or(|event| !event.published), "nobody has published it: {run:#?}");
                assert_eq!(published, if last.is_some() { 3 } else { 2 }, "{run:#?}");
            })
            .await;
        assert!(orders > 10, "{orders} orders");
    }
}

/// Decides an event unless somebody did, publishes it unless somebody has, as partition `number` does.
async fn route(mut actor: Actor, fence: Fence) -> Option<KnownEvent> {
    for _ in 0..ATTEMPTS_MAX {
        let begin = async |store: &Store| store.begin_batch_of(&fence, &[key("a")]).await;
        let (mut batch, mut known) = actor.step("begin", begin).await.expect("it has the lease");
        let known = known.remove(0);
        let written = actor
            .step("write", async |store| {
                let rows = if known.is_none() { vec![row("a", 1)] } else { vec![] };
                match batch.record(&rows, &[]).await {
                    Ok(()) => batch.commit().await,
                    Err(error) => {
                        drop(batch);
                        // Waits for the connection, and so for the rollback.
                        store.ping().await?;
                        Err(error)
                    }
                }
            })
            .await;
        if written.is_err() {
            continue;
        }
        if known.as_ref().is_none_or(|known| !known.published) {
            actor.step("publish", async |_| Ok(())).await.expect("nothing can fail");
            let covers = known.as_ref().is_none_or(|known| known.partition == fence.partition);
            let fence = Fence { published_seq: i64::from(covers), ..fence.clone() };
            actor.step("mark", async |store| store.mark_published(&fence).await).await.expect("it has the lease");
        }
        return known;
    }
    panic!("no end of retries");
}

/// Meta's repetition comes to another partition while the first is on its way: one decision, published at least once,
/// and taken for published only when it was.
#[tokio::test]
async fn two_partitions_meet_the_same_event() {
    let mut stepper = Stepper::start().await;
    let fence = |partition, owner: &str| Fence {
        partition: PartitionId(partition),
        owner: owner.to_owned(),
        ..former_fence(0)
    };
    let set_up = async |store: &Store| {
        for (partition, owner) in [(PARTITION, "left"), (PARTITION + 1, "right")] {
            lease(store, partition, owner, LONG).await.expect("it is free");
        }
    };
    let left = async |actor: Actor| route(actor, fence(PARTITION, "left")).await;
    let right = async |actor: Actor| route(actor, fence(PARTITION + 1, "right")).await;
    let mut seen_duplicate = false;
    let orders = stepper
        .explore(set_up, left, right, async |store, run| {
            let (left, right) = (&run.left, &run.right);
            assert!(left.is_none() != right.is_none(), "one of them decides: {run:#?}");
            assert_eq!(store.counts().await.expect("the store answers").events, 1, "{run:#?}");
            let first = if left.is_none() { "left publish ok" } else { "right publish ok" };
            let told = left.as_ref().or(right.as_ref()).expect("one was told");
            let teller = if left.is_none() { "right begin ok" } else { "left begin ok" };
            let read = run.trace.iter().rposition(|step| step == teller);
            assert!(!told.published || run.position(first) < read, "taken for published, and was not: {run:#?}");
            seen_duplicate |= told.published;
        })
        .await;
    assert!(seen_duplicate && orders > 10, "{orders} orders");
}
