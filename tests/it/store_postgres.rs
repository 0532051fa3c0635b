//! The store's suite on PostgreSQL, and what only PostgreSQL can get wrong: transactions that overlap, stepped through
//! their interleavings, and sessions that end underneath. Each test has a database of its own.

use std::error::Error;
use std::time::{Duration, Instant};

use waypost_domain::message::Rotation;
use waypost_domain::{
    AliasSet, ContactId, Conversation, ConversationId, DecisionId, NumberName, PartitionId, PhoneNumberId, Timestamp,
};
use waypost_store::suite::COMPONENT;
use waypost_store::{
    EventKey, InboxRow, InboxTx, Lease, Merge, Observation, Renewal, Sequence, Store, StoreError, StoreOptions,
    StoreUrl,
};
use waypost_tests::eventually;
use waypost_tests::postgres::PostgresHandle;

const TTL: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(1);

async fn open() -> (Database, Store) {
    let database = Database::create();
    let store = database.open(options()).await;
    (database, store)
}

waypost_store::store_suite!(open);

/// Few connections for each, because many tests share the server.
fn options() -> StoreOptions {
    StoreOptions { max_connections: 6, inbox_component: Some(COMPONENT), ..StoreOptions::default() }
}

pub(crate) struct Database {
    pub(crate) handle: PostgresHandle,
    pub(crate) url: String,
}

impl Database {
    pub(crate) fn create() -> Self {
        let handle = PostgresHandle::attach_from_env().expect("a PostgreSQL server");
        let url = handle.create_database().expect("a database");
        Self { handle, url }
    }

    pub(crate) async fn open(&self, options: StoreOptions) -> Store {
        Store::open(&StoreUrl::parse(&self.url).expect("a valid url"), options).await.expect("the store opens")
    }

    pub(crate) fn name(&self) -> &str {
        self.url.rsplit('/').next().expect("a url ends with a database")
    }

    pub(crate) fn port(&self) -> u16 {
        let end = self.url.rsplit(':').next().and_then(|end| end.split('/').next());
        end.and_then(|port| port.parse().ok()).expect("a url has a port")
    }

    /// Sessions of this database for which `condition` holds.
    fn sessions(&self, condition: &str) -> u32 {
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND {condition}", self.name());
        self.handle.sql(&sql).expect("the server answers").trim().parse().expect("a count")
    }

    /// Returns once as many sessions as that wait for a lock.
    async fn until_waiting(&self, count: u32) {
        let all_wait = async || (self.sessions("wait_event_type = 'Lock'") == count).then_some(());
        eventually("the other transaction waits for a lock", PATIENCE, all_wait).await;
    }
}

/// Two partitions with an owner each, over separate connections.
struct Two {
    database: Database,
    store: Store,
    one: Lease,
    other: Lease,
}

impl Two {
    async fn start() -> Self {
        Self::with(options()).await
    }

    async fn with(options: StoreOptions) -> Self {
        let database = Database::create();
        let store = database.open(options).await;
        store.migrate().await.expect("the store answers");
        store.name_numbers(&[(name("support"), number())]).await.expect("the store answers");
        let one = lease(&store, 0, "one", TTL).await.expect("it is free");
        let other = lease(&store, 1, "other", TTL).await.expect("it is free");
        Self { database, store, one, other }
    }

    async fn batch_of_one(&self) -> InboxTx {
        self.store.begin_batch(&self.one.fence(0, None)).await.expect("the store answers")
    }

    async fn batch_of_other(&self) -> InboxTx {
        self.store.begin_batch(&self.other.fence(0, None)).await.expect("the store answers")
    }

    async fn known(&self, text: &str) -> ContactId {
        let mut batch = self.batch_of_one().await;
        let id = observed(&mut batch, text).await.expect("the store answers");
        batch.commit().await.expect("the store answers");
        id
    }

    async fn owner(&self, text: &str) -> Option<ContactId> {
        self.store.find_contact(&aliases(text)).await.expect("the store answers").map(|found| found.contact.id)
    }
}

pub(crate) async fn lease(store: &Store, partition: u16, instance: &str, ttl: Duration) -> Option<Lease> {
    let taking = store.acquire_lease(COMPONENT, PartitionId(partition), instance, ttl, Sequence::OfInbox);
    taking.await.expect("the store answers")
}

pub(crate) fn number() -> PhoneNumberId {
    PhoneNumberId::new("1")
}

pub(crate) fn name(text: &str) -> NumberName {
    NumberName::new(text).expect("a valid name")
}

/// `"p:1 b:a"`: phone and BSUID.
pub(crate) fn aliases(text: &str) -> AliasSet {
    let of = |kind: &str| text.split_whitespace().find_map(|word| word.strip_prefix(kind)).map(str::to_owned);
    AliasSet { phone: of("p:"), bsuid: of("b:"), parent_bsuid: None }
}

pub(crate) fn seen(text: &str) -> Observation {
    let at = Timestamp::from_millis(1);
    Observation { aliases: aliases(text), rotations: vec![], profile_name: None, username: None, at }
}

async fn observed(batch: &mut InboxTx, text: &str) -> Result<ContactId, StoreError> {
    let contacts = batch.contacts(&[seen(text)]).await?;
    Ok(contacts[0].as_ref().expect("it names somebody").id)
}

pub(crate) fn row(key: &str, seq: i64) -> InboxRow {
    let event = EventKey { number: number(), key: key.to_owned() };
    InboxRow {
        number: event.number.clone(),
        key: event.key.clone(),
        seq,
        kind: "message",
        decision_id: event.decision_id(),
        contact: None,
        conversation: None,
        received_at: Timestamp::from_millis(1),
        outcome: None,
        held_event: None,
    }
}

/// Every `id` is another conversation.
pub(crate) fn conversation(id: &str, contact: ContactId) -> Conversation {
    let id = ConversationId::from_uuid(DecisionId::of_event(&number(), id).as_uuid());
    Conversation::new(id, contact, name("support"), Timestamp::from_millis(1))
}

/// Writes what needs the contact's row locked: a conversation that begins.
async fn begin_talk(batch: &mut InboxTx, id: &str, contact: ContactId) -> Result<(), StoreError> {
    batch.record(&[], &[conversation(id, contact)]).await
}

fn is_retry<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Retry { .. }))
}

/// Two partitions meet a stranger at once: the second waits for the first, and if that commits, looks again.
#[tokio::test]
async fn two_batches_create_the_same_contact() {
    for first_commits in [true, false] {
        let two = Two::start().await;
        let mut first = two.batch_of_one().await;
        let created = observed(&mut first, "p:1 b:a").await.unwrap();
        let mut second = two.batch_of_other().await;
        let waits = tokio::spawn(async move {
            let outcome = observed(&mut second, "p:1 b:a").await;
            if outcome.is_ok() {
                second.commit().await.unwrap();
            }
            outcome
        });
        two.database.until_waiting(1).await;
        if first_commits {
            first.commit().await.unwrap();
            assert!(is_retry(&waits.await.unwrap()));
            let mut again = two.batch_of_other().await;
            assert_eq!(observed(&mut again, "p:1 b:a").await.unwrap(), created);
        } else {
            drop(first);
            let id = waits.await.unwrap().expect("the other one rolled back");
            assert_eq!(two.owner("p:1").await, Some(id));
        }
    }
}

/// A number moves away from a contact while another batch, which read that it was there, waits for the contact.
#[tokio::test]
async fn an_alias_moves_while_another_batch_waits_for_its_contact() {
    let moves: [(&str, Observation); 2] = [
        ("a recycled phone", seen("p:1 b:b")),
        (
            "a phone given up",
            Observation {
                rotations: vec![Rotation { previous: aliases("p:1 b:a"), current: aliases("p:2 b:c") }],
                ..seen("p:1 b:a")
            },
        ),
    ];
    for (what, observation) in moves {
        let two = Two::start().await;
        let before = two.known("p:1 b:a").await;
        let mut first = two.batch_of_one().await;
        first.contacts(&[observation]).await.unwrap();
        let mut second = two.batch_of_other().await;
        let read = observed(&mut second, "p:1").await.unwrap();
        assert_eq!(read, before, "{what}");
        let waits = tokio::spawn(async move { begin_talk(&mut second, "talk", read).await });
        two.database.until_waiting(1).await;
        first.commit().await.unwrap();
        assert!(is_retry(&waits.await.unwrap()), "{what}");
        let mut again = two.batch_of_other().await;
        assert_ne!(observed(&mut again, "p:1").await.unwrap(), before, "{what}");
    }
}

/// A contact gains an alias while another batch waits for it: what that one read is still right.
#[tokio::test]
async fn an_alias_is_added_while_another_batch_waits_for_its_contact() {
    let two = Two::start().await;
    let contact = two.known("b:a").await;
    let mut first = two.batch_of_one().await;
    observed(&mut first, "p:1 b:a").await.unwrap();
    let mut second = two.batch_of_other().await;
    assert_eq!(observed(&mut second, "b:a").await.unwrap(), contact);
    let waits = tokio::spawn(async move {
        begin_talk(&mut second, "talk", contact).await?;
        second.commit().await
    });
    two.database.until_waiting(1).await;
    first.commit().await.unwrap();
    waits.await.unwrap().unwrap();
}

/// The merge waits for the batch that has the loser in hand, and takes over what that batch wrote.
#[tokio::test]
async fn a_merge_waits_for_a_batch_and_a_batch_for_a_merge() {
    let two = Two::start().await;
    let winner = two.known("p:1").await;
    let loser = two.known("b:a").await;
    let mut first = two.batch_of_one().await;
    observed(&mut first, "b:a").await.unwrap();
    let talk = conversation("talk", loser);
    first.record(&[InboxRow { contact: Some(loser), ..row("a", 1) }], std::slice::from_ref(&talk)).await.unwrap();
    let store = two.store.clone();
    let merge = tokio::spawn(async move { store.merge(&[Merge::of(winner, loser)]).await });
    two.database.until_waiting(1).await;
    // The winner's row is the merge's by now: whoever needs it waits, and then looks again.
    let mut second = two.batch_of_other().await;
    assert_eq!(observed(&mut second, "p:1").await.unwrap(), winner);
    let waits = tokio::spawn(async move { begin_talk(&mut second, "other", winner).await });
    two.database.until_waiting(2).await;
    first.commit().await.unwrap();
    merge.await.unwrap().unwrap();
    assert!(is_retry(&waits.await.unwrap()));
    let mut again = two.batch_of_other().await;
    for text in ["p:1", "b:a"] {
        assert_eq!(observed(&mut again, text).await.unwrap(), winner);
    }
    let open = again.conversations(&[(winner, name("support"))]).await.unwrap();
    assert_eq!(open.into_values().map(|open| open.id).collect::<Vec<_>>(), [talk.id]);
}

/// The same event in two partitions: whoever is second waits, and takes the first one's decision if there is one.
#[tokio::test]
async fn two_partitions_record_the_same_event() {
    for first_commits in [true, false] {
        let two = Two::start().await;
        let key = EventKey { number: number(), key: "a".into() };
        let mut first = two.batch_of_one().await;
        let mut second = two.batch_of_other().await;
        for batch in [&mut first, &mut second] {
            assert_eq!(batch.known(std::slice::from_ref(&key)).await.unwrap(), [None]);
        }
        first.record(&[row("a", 1)], &[]).await.unwrap();
        let waits = tokio::spawn(async move {
            let outcome = second.record(&[row("a", 1), row("b", 2)], &[]).await;
            if outcome.is_ok() {
                second.commit().await.unwrap();
            }
            outcome
        });
        two.database.until_waiting(1).await;
        if first_commits {
            first.commit().await.unwrap();
        } else {
            drop(first);
        }
        let outcome = waits.await.unwrap();
        assert_eq!(is_retry(&outcome), first_commits, "{outcome:?}");
        let stored = two.store.decision(&key).await.unwrap().expect("one of them recorded it");
        assert_eq!(stored.partition, if first_commits { two.one.partition } else { two.other.partition });
    }
}

/// A lease runs out while its owner's transaction is open: nobody waits for it, and nothing that it commits is missed.
#[tokio::test]
async fn a_takeover_sees_what_the_former_owner_committed() {
    let two = Two::start().await;
    let former = lease(&two.store, 2, "one", SHORT).await.expect("it is free");
    let mut open = two.store.begin_batch(&former.fence(0, None)).await.unwrap();
    open.record(&[row("a", 1)], &[]).await.unwrap();
    until_expired(&two.store).await;
    let begin = Instant::now();
    assert_eq!(lease(&two.store, 2, "other", TTL).await, None, "its owner is in the middle of something");
    assert!(begin.elapsed() < Duration::from_secs(5), "asking does not wait");
    open.commit().await.unwrap();
    let taken = lease(&two.store, 2, "other", TTL).await.expect("nothing holds it any more");
    assert_eq!((taken.epoch, taken.last_seq), (former.epoch + 1, 1));
    let lost = two.store.begin_batch(&former.fence(1, None)).await.map(drop);
    assert!(matches!(lost, Err(StoreError::LeaseLost { .. })), "{lost:?}");
}

/// The former owner comes back to a row that the new one's batch holds: it learns that the lease is lost, and neither
/// it nor the new owner's renewal waits for that batch.
#[tokio::test]
async fn a_former_owner_whose_row_is_held_learns_that_it_is_lost() {
    let two = Two::start().await;
    let former = lease(&two.store, 2, "one", SHORT).await.expect("it is free");
    until_expired(&two.store).await;
    let taken = lease(&two.store, 2, "other", TTL).await.expect("it ran out");
    let held = two.store.begin_batch(&taken.fence(0, None)).await.unwrap();
    let lost = two.store.begin_batch(&former.fence(0, None)).await.map(drop);
    assert!(matches!(lost, Err(StoreError::LeaseLost { .. })), "{lost:?}");
    // Whose lease it is does not wait to know it: the row is as safe as it is long.
    let renewal = Renewal { partition: taken.partition, epoch: taken.epoch, extended: false };
    assert!(two.store.renew_leases(COMPONENT, "other", TTL).await.unwrap().contains(&renewal));
    held.commit().await.unwrap();
    let renewal = Renewal { extended: true, ..renewal };
    assert!(two.store.renew_leases(COMPONENT, "other", TTL).await.unwrap().contains(&renewal));
}

/// A process that froze in the middle of a batch: the server ends its transaction, and the partition is free.
#[tokio::test]
async fn a_frozen_owner_is_cut_off() {
    let frozen_for = Duration::from_millis(300);
    let two = Two::with(StoreOptions { idle_in_transaction_timeout: frozen_for, ..options() }).await;
    let former = lease(&two.store, 2, "one", SHORT).await.expect("it is free");
    let mut frozen = two.store.begin_batch(&former.fence(0, None)).await.unwrap();
    frozen.record(&[row("a", 1)], &[]).await.unwrap();
    until_expired(&two.store).await;
    let taken = eventually("the partition is free", PATIENCE, async || lease(&two.store, 2, "other", TTL).await).await;
    assert_eq!((taken.epoch, taken.last_seq), (former.epoch + 1, 0), "what was not committed is gone");
    // It thaws: every statement fails, and beginning again says why.
    let outcome = frozen.record(&[row("b", 2)], &[]).await;
    assert!(outcome.as_ref().is_err_and(StoreError::is_transient), "{outcome:?}");
    assert!(frozen.commit().await.is_err());
    let lost = two.store.begin_batch(&former.fence(0, None)).await.map(drop);
    assert!(matches!(lost, Err(StoreError::LeaseLost { .. })), "{lost:?}");
    assert_eq!(two.store.counts().await.unwrap().events, 0);
}

/// Two batches that take contacts in several steps, against each other: one of them is told to begin again.
#[tokio::test]
async fn a_deadlock_ends_in_a_retry() {
    let two = Two::start().await;
    let (a, b) = (two.known("b:a").await, two.known("b:b").await);
    let (mut first, mut second) = (two.batch_of_one().await, two.batch_of_other().await);
    for batch in [&mut first, &mut second] {
        batch.contacts(&[seen("b:a"), seen("b:b")]).await.unwrap();
    }
    begin_talk(&mut first, "one's with a", a).await.unwrap();
    begin_talk(&mut second, "other's with b", b).await.unwrap();
    let crosses = tokio::spawn(async move { begin_talk(&mut first, "one's with b", b).await });
    two.database.until_waiting(1).await;
    let outcomes = [begin_talk(&mut second, "other's with a", a).await, {
        drop(second);
        crosses.await.unwrap()
    }];
    assert_eq!(outcomes.iter().filter(|outcome| is_retry(outcome)).count(), 1, "{outcomes:?}");
}

#[tokio::test]
async fn a_row_that_is_never_let_go_ends_in_a_retry() {
    let two = Two::with(StoreOptions { lock_timeout: Duration::from_millis(100), ..options() }).await;
    let contact = two.known("b:a").await;
    let (mut first, mut second) = (two.batch_of_one().await, two.batch_of_other().await);
    for batch in [&mut first, &mut second] {
        observed(batch, "b:a").await.unwrap();
    }
    begin_talk(&mut first, "one", contact).await.unwrap();
    assert!(is_retry(&begin_talk(&mut second, "other", contact).await));
    drop(second);
    first.commit().await.unwrap();
}

/// The server restarts, or an administrator ends our sessions: an error that says to wait, then everything as before.
#[tokio::test]
async fn sessions_that_end_are_replaced() {
    let two = Two::start().await;
    let mut batch = two.batch_of_one().await;
    batch.record(&[row("a", 1)], &[]).await.unwrap();
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{}'",
        two.database.name()
    );
    two.database.handle.sql(&sql).unwrap();
    let outcome = batch.commit().await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    let again = async || {
        let mut batch = two.store.begin_batch(&two.one.fence(0, None)).await.ok()?;
        batch.record(&[row("a", 1)], &[]).await.ok()?;
        batch.commit().await.ok()
    };
    eventually("the store works again", PATIENCE, again).await;
    assert_eq!(two.store.counts().await.unwrap().events, 1);
}

#[tokio::test]
async fn two_processes_migrate_at_once() {
    let database = Database::create();
    let (one, other) = (database.open(options()).await, database.open(options()).await);
    let (first, second) = tokio::join!(one.migrate(), other.migrate());
    first.unwrap();
    second.unwrap();
    assert!(one.schema_is_current().await.unwrap());
}

#[tokio::test]
async fn a_database_that_cannot_store_every_text_is_refused() {
    let database = Database::create();
    let ascii = format!("{}_ascii", database.name());
    let sql = format!("CREATE DATABASE {ascii} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'");
    database.handle.sql(&sql).unwrap();
    let url = StoreUrl::parse(&database.handle.url(&ascii)).unwrap();
    let refused = Store::open(&url, options()).await.map(drop);
    assert!(matches!(&refused, Err(StoreError::Invalid(text)) if text.contains("UTF8")), "{refused:?}");
}

/// Rows that a person wrote must not show in an error: not by its text, not by its debug form.
#[tokio::test]
async fn errors_do_not_quote_rows() {
    let two = Two::start().await;
    let contact = two.known("p:15550001111 b:a").await;
    let mut batch = two.batch_of_one().await;
    let talks = ["one", "other"].map(|id| conversation(id, contact));
    let error = batch.record(&[], &talks).await.unwrap_err();
    let mut shown = format!("{error} {error:?}");
    if let Some(source) = error.source() {
        shown += &format!("{source} {source:?}");
    }
    assert!(shown.contains("23505"), "it is the database's own error: {shown}");
    for value in ["support", &contact.to_string()] {
        assert!(!shown.contains(value), "{shown}");
    }
}

pub(crate) async fn until_expired(store: &Store) {
    let now = store.now().await.expect("the store answers");
    let is_later = async || (store.now().await.expect("the store answers") > now.plus_millis(1)).then_some(());
    eventually("the clock moves on", PATIENCE, is_later).await;
}
