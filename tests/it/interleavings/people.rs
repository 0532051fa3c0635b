//! Contacts that two batches meet at once: whatever the order, what is stored in the end is what one of the batches
//! after the other would have left.

use tokio_postgres::{Client, Row};
use waypost_domain::message::Rotation;
use waypost_domain::{Conversation, ConversationId, Timestamp};
use waypost_store::{InboxRow, InboxTx, Observation, Store, StoreError};

use super::stepper::{Actor, Stepper};
use super::{ATTEMPTS_MAX, Fence, LONG, PARTITION, PartitionId, former_fence, key};
use crate::store_postgres::{aliases, lease, name, number, row, seen};

/// What one batch sees, one observation after the other: each is a transaction step of its own.
type Sights = Vec<Observation>;

fn plain(texts: &[&str]) -> Sights {
    texts.iter().map(|text| seen(text)).collect()
}

fn rotation(previous: &str, current: &str) -> Sights {
    let rotations = vec![Rotation { previous: aliases(previous), current: aliases(current) }];
    vec![Observation { rotations, ..seen(previous) }]
}

/// `clash`: what a script is told in some of the orders, or the scenario is none.
async fn check(what: &str, clash: &str, known: &[&str], left: Sights, right: Sights) {
    check_with(false, what, clash, known, left, right).await;
}

/// The same; `talking`: each of the known has an open conversation before.
async fn check_with(talking: bool, what: &str, clash: &str, known: &[&str], left: Sights, right: Sights) {
    let mut stepper = Stepper::start().await;
    let eyes = stepper.connect().await;
    let set_up = async |store: &Store| {
        store.name_numbers(&[(name("support"), number())]).await.expect("the store answers");
        for (partition, owner) in [(PARTITION, "left"), (PARTITION + 1, "right")] {
            lease(store, partition, owner, LONG).await.expect("it is free");
        }
        for text in known {
            let mut batch = store.begin_batch(&fence(0)).await.expect("it has the lease");
            let contacts = batch.contacts(&[seen(text)]).await.expect("the store answers");
            let contact = contacts[0].as_ref().expect("it names somebody").id;
            if talking {
                let talk = new_talk(text, contact);
                batch.record(&[], &[talk]).await.expect("the store answers");
            }
            batch.commit().await.expect("the store answers");
        }
    };
    let mut states: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    let left = async |actor: Actor| write(actor, 0, &left).await;
    let right = async |actor: Actor| write(actor, 1, &right).await;
    let orders =
        stepper.explore(set_up, left, right, async |_, run| states.push((state(&eyes).await, run.trace))).await;
    let (first, last) = (&states[0].0, &states[states.len() - 1].0);
    for (state, trace) in &states {
        assert!(
            state == first || state == last,
            "{what}: {state:#?}\nis neither {first:#?}\nnor {last:#?}\nafter {trace:#?}"
        );
    }
    let has_clash = |trace: &Vec<String>| trace.iter().any(|step| step.ends_with(clash));
    assert!(states.iter().any(|(_, trace)| has_clash(trace)), "{what}: no clash in {orders} orders");
}

fn fence(index: u16) -> Fence {
    let owner = ["left", "right"][usize::from(index)].to_owned();
    Fence { partition: PartitionId(PARTITION + index), owner, ..former_fence(0) }
}

/// What the router does: again from the start when it is told so.
async fn write(mut actor: Actor, index: u16, sights: &Sights) {
    for _ in 0..ATTEMPTS_MAX {
        match try_write(&mut actor, index, sights).await {
            Ok(()) => return,
            Err(StoreError::MergeFirst(merges)) => {
                // An error is a deadlock that was broken: the batch that asked will ask again.
                actor.step("merge", async |store| store.merge(&merges).await).await.ok();
            }
            Err(_) => {}
        }
    }
    panic!("no end of retries");
}

async fn try_write(actor: &mut Actor, index: u16, sights: &Sights) -> Result<(), StoreError> {
    let mut batch = actor.step("begin", async |store| store.begin_batch(&fence(index)).await).await?;
    let mut contact = None;
    for sight in sights {
        let found = async |store: &Store| {
            let found = batch.contacts(std::slice::from_ref(sight)).await;
            rolled_back_unless_ok(store, batch, found).await
        };
        let (again, found) = actor.step("contacts", found).await?;
        batch = again;
        contact = contact.or(found[0].as_ref().map(|contact| contact.id));
    }
    let contact = contact.expect("the first one names somebody");
    actor
        .step("commit", async |store| {
            let stored = record(&mut batch, index, contact).await;
            let (batch, ()) = rolled_back_unless_ok(store, batch, stored).await?;
            batch.commit().await
        })
        .await
}

/// A message of `contact` in its open conversation, or in a new one.
async fn record(batch: &mut InboxTx, index: u16, contact: waypost_domain::ContactId) -> Result<(), StoreError> {
    let event = ["a", "b"][usize::from(index)];
    let open = batch.conversations(&[(contact, name("support"))]).await?.into_values().next();
    let mut talk = open.unwrap_or_else(|| new_talk(event, contact));
    // Counts what was written, so that a lost update shows.
    let count = talk.last_inbound_at.map_or(0, Timestamp::as_millis);
    talk.last_inbound_at = Some(Timestamp::from_millis(count + 1));
    let row = InboxRow { contact: Some(contact), conversation: Some(talk.id), ..row(event, 1) };
    batch.record(&[row], &[talk]).await
}

/// Every `id` is another conversation.
fn new_talk(id: &str, contact: waypost_domain::ContactId) -> Conversation {
    let id = ConversationId::from_uuid(key(id).decision_id().as_uuid());
    Conversation::new(id, contact, name("support"), Timestamp::from_millis(1))
}

/// Dropping a batch rolls back in the background: this waits for it, so that a step has ended when it has ended.
async fn rolled_back_unless_ok<T>(
    store: &Store,
    batch: InboxTx,
    outcome: Result<T, StoreError>,
) -> Result<(InboxTx, T), StoreError> {
    match outcome {
        Ok(value) => Ok((batch, value)),
        Err(error) => {
            drop(batch);
            store.ping().await?;
            Err(error)
        }
    }
}

/// What is stored, with every contact named by the aliases it has.
async fn state(eyes: &Client) -> Vec<String> {
    let named = "WITH named AS (SELECT c.id, coalesce(string_agg(a.kind || ':' || a.value, ' ' ORDER BY a.kind, a.value), \
                 'nobody') AS name FROM contact c LEFT JOIN alias a ON a.contact_id = c.id \
                 WHERE c.merged_into IS NULL GROUP BY c.id), \
                 living AS (SELECT c.id, n.name FROM contact c JOIN named n ON n.id = coalesce(c.merged_into, c.id)) ";
    let lines = [
        "SELECT 'contact ' || name FROM named ORDER BY 1",
        "SELECT i.key || ' of ' || l.name FROM inbox i LEFT JOIN living l ON l.id = i.contact_id ORDER BY 1",
        "SELECT 'talk of ' || l.name || ', messages: ' || coalesce(v.last_inbound_at, 0) FROM conversation v LEFT JOIN living l ON l.id = v.contact_id \
         WHERE v.state <> 'resolved' ORDER BY 1",
    ];
    let mut state = Vec::new();
    for sql in lines {
        let rows = eyes.query(&format!("{named}{sql}"), &[]).await.expect("the server answers");
        let line = |row: &Row| row.get::<_, Option<String>>(0);
        state.extend(rows.iter().map(|row| line(row).expect("every contact lives, or was merged into one that does")));
    }
    state
}

#[tokio::test]
async fn two_batches_meet_the_same_contacts_in_both_orders() {
    check("the same order", "contacts ok", &["b:a", "b:b"], plain(&["b:a", "b:b"]), plain(&["b:a", "b:b"])).await;
    check("crosswise", "commit ok", &["b:a", "b:b"], plain(&["b:a", "b:b"]), plain(&["b:b", "b:a"])).await;
    check("strangers, crosswise", "contacts retry", &[], plain(&["b:a", "b:b"]), plain(&["b:b", "b:a"])).await;
}

#[tokio::test]
async fn two_batches_join_the_aliases_of_a_stranger() {
    check("both at once", "contacts retry", &[], plain(&["p:1 b:a"]), plain(&["p:1 b:a"])).await;
    check("half and both", "contacts retry", &[], plain(&["p:1"]), plain(&["p:1 b:a"])).await;
}

#[tokio::test]
async fn a_merge_against_a_batch_of_one_half() {
    let known = ["p:1", "b:a"];
    check("the half with the number", "contacts merge", &known, plain(&["p:1 b:a"]), plain(&["p:1"])).await;
    check("the half with the id", "contacts merge", &known, plain(&["p:1 b:a"]), plain(&["b:a"])).await;
    check("both merge", "contacts merge", &known, plain(&["p:1 b:a"]), plain(&["p:1 b:a"])).await;
}

#[tokio::test]
async fn a_rotation_against_a_plain_message() {
    let known = ["p:1 b:a"];
    check("under the old identity", "commit retry", &known, rotation("p:1 b:a", "p:2 b:c"), plain(&["p:1 b:a"])).await;
    check("under the new identity", "contacts retry", &known, rotation("p:1 b:a", "p:2 b:c"), plain(&["p:2 b:c"]))
        .await;
    check("of whom gets the number", "contacts retry", &known, rotation("p:1 b:a", "p:2 b:c"), plain(&["p:1 b:d"]))
        .await;
}

#[tokio::test]
async fn a_recycled_number_against_its_former_owner() {
    check("moves", "commit retry", &["p:1 b:a"], plain(&["p:1 b:b"]), plain(&["p:1 b:a"])).await;
}

/// Nobody locks the contact: what was read is compared where the conversation is written.
#[tokio::test]
async fn two_batches_write_to_the_same_conversation() {
    check_with(true, "plain", "commit retry", &["p:1 b:a"], plain(&["p:1 b:a"]), plain(&["b:a"])).await;
}

#[tokio::test]
async fn a_merge_against_a_batch_with_an_open_conversation() {
    let known = ["p:1", "b:a"];
    check_with(true, "of one half", "commit retry", &known, plain(&["p:1 b:a"]), plain(&["p:1"])).await;
    check_with(true, "of the other half", "commit retry", &known, plain(&["p:1 b:a"]), plain(&["b:a"])).await;
}

#[tokio::test]
async fn a_contact_that_changes_against_a_batch_with_an_open_conversation() {
    let known = ["p:1 b:a"];
    let rotated = || rotation("p:1 b:a", "p:2 b:c");
    check_with(true, "rotates", "commit retry", &known, rotated(), plain(&["p:1 b:a"])).await;
    check_with(true, "loses its number", "commit ok", &known, plain(&["p:1 b:b"]), plain(&["p:1 b:a"])).await;
}
