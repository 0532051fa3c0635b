//! What the tests of the store on PostgreSQL stand on: a database of their own, two owners, and small values.

use std::time::Duration;

use waypost_domain::{
    AliasSet, ContactId, Conversation, ConversationId, DecisionId, NumberName, PartitionId, PhoneNumberId, Timestamp,
};
use waypost_store::suite::COMPONENT;
use waypost_store::{
    EventKey, InboxRow, InboxTx, Lease, Observation, Sequence, Store, StoreError, StoreOptions, StoreUrl,
};
use waypost_tests::eventually;
use waypost_tests::postgres::PostgresHandle;

pub(super) const TTL: Duration = Duration::from_secs(3600);
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
pub(super) const SHORT: Duration = Duration::from_millis(1);

/// Few connections for each, because many tests share the server.
pub(super) fn options() -> StoreOptions {
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
    pub(super) async fn until_waiting(&self, count: u32) {
        let all_wait = async || (self.sessions("wait_event_type = 'Lock'") == count).then_some(());
        eventually("the other transaction waits for a lock", PATIENCE, all_wait).await;
    }
}

/// Two partitions with an owner each, over separate connections.
pub(super) struct Two {
    pub(super) database: Database,
    pub(super) store: Store,
    pub(super) one: Lease,
    pub(super) other: Lease,
}

impl Two {
    pub(super) async fn start() -> Self {
        Self::with(options()).await
    }

    pub(super) async fn with(options: StoreOptions) -> Self {
        let database = Database::create();
        let store = database.open(options).await;
        store.migrate().await.expect("the store answers");
        store.name_numbers(&[(name("support"), number())]).await.expect("the store answers");
        let one = lease(&store, 0, "one", TTL).await.expect("it is free");
        let other = lease(&store, 1, "other", TTL).await.expect("it is free");
        Self { database, store, one, other }
    }

    pub(super) async fn batch_of_one(&self) -> InboxTx {
        self.store.begin_batch(&self.one.fence(0, None)).await.expect("the store answers")
    }

    pub(super) async fn batch_of_other(&self) -> InboxTx {
        self.store.begin_batch(&self.other.fence(0, None)).await.expect("the store answers")
    }

    pub(super) async fn known(&self, text: &str) -> ContactId {
        let mut batch = self.batch_of_one().await;
        let id = observed(&mut batch, text).await.expect("the store answers");
        batch.commit().await.expect("the store answers");
        id
    }

    pub(super) async fn owner(&self, text: &str) -> Option<ContactId> {
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
    Observation::of(aliases(text), at)
}

pub(super) async fn observed(batch: &mut InboxTx, text: &str) -> Result<ContactId, StoreError> {
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
        recorded_at: Timestamp::from_millis(1),
        before_published_at: None,
        outcome: None,
        held_event: None,
        held_for: None,
    }
}

/// Every `id` is another conversation.
pub(crate) fn conversation(id: &str, contact: ContactId) -> Conversation {
    let id = ConversationId::from_uuid(DecisionId::of_event(&number(), id).as_uuid());
    Conversation::new(id, contact, name("support"), Timestamp::from_millis(1))
}

/// Writes what needs the contact's row locked: a conversation that begins.
pub(super) async fn begin_talk(batch: &mut InboxTx, id: &str, contact: ContactId) -> Result<(), StoreError> {
    batch.record(&[], &[conversation(id, contact)]).await
}

pub(super) fn is_retry<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Retry { .. }))
}

pub(crate) async fn until_expired(store: &Store) {
    let now = store.now().await.expect("the store answers");
    let is_later = async || (store.now().await.expect("the store answers") > now.plus_millis(1)).then_some(());
    eventually("the clock moves on", PATIENCE, is_later).await;
}
