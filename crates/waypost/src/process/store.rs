//! The store of this process: its configuration and its connections.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use futures_util::FutureExt;
use tracing::{debug, warn};
use waypost_domain::{NumberName, PhoneNumberId};
use waypost_ops::{Health, State};
use waypost_store::{Store, StoreError, StoreOptions, StoreUrl};

use super::Config;
use super::config::EMBEDDED;
use super::config::value::Secret;
use super::section::{Problems, section};
use waypost_cli::Failure;

pub(crate) const STORE_FILE: &str = "store.db";

section! {
    /// The store of everything that lasts: a file of this process, or PostgreSQL.
    StoreSection = "store" {
        /// `embedded`, or `postgres://user:password@host:5432/database`. `sslmode`, `sslrootcert`, `sslcert` and `sslkey` are
        /// libpq's: a root certificate that is named is the only authority, also in the mode `require`.
        url: Secret = Secret::new(EMBEDDED),
        /// The file that holds it.
        #[serde(skip_serializing_if = "Option::is_none")]
        url_file: Option<PathBuf> = None,
        /// Connections of this process; PostgreSQL: at most two more for lists and counts. Behind a pooler, in session
        /// mode only.
        connections_max: u32 = 16,
        /// Whether a starting process brings the schema up to date; the embedded store always does.
        migrate: bool = false,
    }
}

impl StoreSection {
    pub(crate) fn is_embedded(&self) -> bool {
        self.url.expose() == EMBEDDED
    }

    pub(crate) fn check(&self, problems: &mut Problems) {
        let url = self.url.expose();
        let is_url = self.is_embedded() || url.starts_with("postgres://") || url.starts_with("postgresql://");
        problems.require(is_url, "store.url", "must be \"embedded\" or postgres://…");
        problems.require(self.connections_max > 0, "store.connections_max", "must be above 0");
        if is_url
            && !self.is_embedded()
            && let Err(error) = StoreUrl::parse(url)
        {
            problems.add("store.url", error);
        }
    }
}

impl Config {
    fn number_names(&self) -> Vec<(NumberName, PhoneNumberId)> {
        let name = |(name, id): (&String, &String)| {
            Some((NumberName::new(name.clone()).ok()?, PhoneNumberId::new(id.clone())))
        };
        self.numbers.iter().filter_map(name).collect()
    }
}

pub(crate) async fn open_store(config: &Config) -> Result<Store, Failure> {
    let options = StoreOptions {
        max_connections: config.store.connections_max,
        inbox_component: Some(waypost_router::ROUTER),
        ..StoreOptions::default()
    };
    let url = if config.store.is_embedded() {
        create_data_dir(config)?;
        StoreUrl::sqlite_file(config.data_dir.join(STORE_FILE))
    } else {
        StoreUrl::parse(config.store.url.expose()).map_err(|error| Failure::config(format!("store.url: {error}")))?
    };
    Store::open(&url, options).await.map_err(|error| Failure::unavailable(format!("store: {error}")))
}

/// The store, ready to work: schema checked or migrated, partition count fixed, numbers named.
pub(crate) async fn ready_store(config: &Config) -> Result<Store, Failure> {
    let store = open_store(config).await?;
    if config.store.is_embedded() || config.store.migrate {
        store.migrate().await.map_err(|error| Failure::failed(format!("store: {error}")))?;
    }
    store.require_schema().await.map_err(|error| Failure::failed(format!("store: {error}; run `waypost migrate`")))?;
    let unusable = |error: StoreError| Failure::config(format!("store: {error}"));
    store.fix_layout(config.layout().partitions).await.map_err(unusable)?;
    for number in store.name_numbers(&config.number_names()).await.map_err(unusable)? {
        warn!(%number, "numbers.<name> is passed over: the name, or Meta's id, was changed by the administration");
    }
    Ok(store)
}

/// On embedded bus and store, whoever has the bus open has the folder's lock: who held a lease before is dead.
pub(super) async fn take_over(config: &Config, store: &Store) -> Result<(), Failure> {
    if !(config.bus.is_embedded() && config.store.is_embedded()) {
        return Ok(());
    }
    store.release_leases_of_the_dead().await.map_err(|error| Failure::failed(format!("store: {error}")))
}

/// Where the embedded bus and store keep their files: for its owner alone, where it is made here. What it lies in is not.
pub(super) fn create_data_dir(config: &Config) -> Result<(), Failure> {
    let parent = config.data_dir.parent().map_or(Ok(()), std::fs::create_dir_all);
    parent
        .and_then(|()| DirBuilder::new().recursive(true).mode(0o700).create(&config.data_dir))
        .map_err(|error| Failure::config(format!("data_dir: {}: {error}", config.data_dir.display())))
}

/// The store answers.
pub(crate) fn register(health: &Health, store: &Store) {
    let store = store.clone();
    health.register("store", "", move || {
        let store = store.clone();
        async move {
            match store.ping().await {
                Ok(()) => State::Ready,
                Err(error) => {
                    // Not for everybody: it may name servers and users.
                    debug!(%error, "store does not answer");
                    State::NotReady("does not answer".to_owned())
                }
            }
        }
        .boxed()
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use waypost_domain::{PartitionId, Timestamp};
    use waypost_router::ROUTER;
    use waypost_store::{EventKey, InboxRow, Sequence};

    use super::*;

    /// Reports and the janitor go by the marks of the leases that the router takes.
    #[tokio::test]
    async fn what_the_router_published_shows() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let store = ready_store(&config).await.unwrap();
        let ttl = Duration::from_secs(3600);
        let lease = store.acquire_lease(ROUTER, PartitionId(0), "one", ttl, Sequence::OfInbox).await.unwrap().unwrap();
        let event = EventKey { number: PhoneNumberId::new("1"), key: "a".to_owned() };
        let row = InboxRow {
            decision_id: event.decision_id(),
            number: event.number.clone(),
            key: event.key.clone(),
            seq: 1,
            kind: "message",
            contact: None,
            conversation: None,
            received_at: Timestamp::from_millis(1),
            recorded_at: Timestamp::from_millis(1),
            before_published_at: None,
            outcome: None,
            held_event: None,
            held_for: None,
        };
        let mut batch = store.begin_batch(&lease.fence(0, None)).await.unwrap();
        batch.record(&[row], &[]).await.unwrap();
        batch.commit().await.unwrap();
        store.mark_published(&lease.fence(1, None)).await.unwrap();
        assert!(store.decision(&event).await.unwrap().unwrap().published);
        store.close().await;
    }
}
