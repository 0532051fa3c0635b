//! Which message kills whoever handles it.
//!
//! A broker's delivery count cannot say: a crash counts against everything that was in hand, in every partition of the
//! process, and so does every kill from outside. So after crashes a partition's messages are handled alone, in order,
//! and before each one the store is told which: who finds that mark later knows that its writer died with this message
//! in hand, or was cut off from the store. The count goes up only for the same message, without any other having been
//! handled in between; a message that was handled is innocent, and so is one whose handling ended in any way that the
//! process lived to see.
//!
//! What remains is a process that is killed from outside so often in a row, each time at the same message of a
//! partition. It is parked wrongly then, with its reason, in the place of one crash too many. The limit is high because
//! of that: high enough that kills at random do not come so far.
//!
//! Must never condemn by anything but what the store holds, and costs nothing while nothing crashes.

use waypost_store::{Lease, Store, StoreError, Suspect};

/// What the store says of one partition, and what is true.
pub(crate) struct Evidence {
    /// What the next owner finds, should we die now.
    stored: Option<Suspect>,
    /// The deaths that are none of ours: we live.
    known: Option<Suspect>,
}

impl Evidence {
    pub(crate) fn found_with(lease: &Lease) -> Self {
        Self { stored: lease.suspect.clone(), known: lease.suspect.clone() }
    }

    /// How many processes in a row died with this message in hand.
    pub(crate) fn deaths(&self, message_id: &str) -> u32 {
        let suspect = self.known.as_ref().filter(|suspect| suspect.message_id == named(message_id));
        suspect.map_or(0, |suspect| suspect.deaths)
    }

    /// The message is handled from now on, alone. Once this has returned, our death counts.
    pub(crate) async fn accuse(&mut self, store: &Store, lease: &Lease, message_id: &str) -> Result<(), StoreError> {
        let deaths = self.deaths(message_id);
        let suspect = |deaths| Some(Suspect { message_id: named(message_id), deaths });
        self.write(store, lease, suspect(deaths.saturating_add(1))).await?;
        self.known = suspect(deaths).filter(|suspect| suspect.deaths > 0);
        Ok(())
    }

    /// It was handled, or it is gone. The store need not know until something else is handled, see [`Self::settle`].
    pub(crate) fn acquit(&mut self) {
        self.known = None;
    }

    /// Nothing is in hand that our death would speak against.
    pub(crate) async fn settle(&mut self, store: &Store, lease: &Lease) -> Result<(), StoreError> {
        self.write(store, lease, self.known.clone()).await
    }

    async fn write(&mut self, store: &Store, lease: &Lease, suspect: Option<Suspect>) -> Result<(), StoreError> {
        if self.stored != suspect {
            store.mark_suspect(lease, suspect.as_ref()).await?;
            self.stored = suspect;
        }
        Ok(())
    }
}

/// PostgreSQL keeps no text with a NUL in it, and AMQP would carry one.
fn named(message_id: &str) -> String {
    message_id.replace('\0', "")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use waypost_domain::PartitionId;
    use waypost_store::{StoreOptions, StoreUrl};

    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    /// A process that starts where another may have died.
    async fn start(store: &Store) -> (Lease, Evidence) {
        let lease = store.acquire_lease("router", PartitionId(0), "one", TTL).await.unwrap().unwrap();
        let evidence = Evidence::found_with(&lease);
        (lease, evidence)
    }

    async fn deaths_of(store: &Store, message_id: &str) -> u32 {
        start(store).await.1.deaths(message_id)
    }

    #[tokio::test]
    async fn only_a_death_with_the_same_message_in_hand_counts() {
        let store = Store::open(&StoreUrl::sqlite_memory(), StoreOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        for deaths in 0..3 {
            let (lease, mut evidence) = start(&store).await;
            assert_eq!((evidence.deaths("a"), evidence.deaths("b")), (deaths, 0));
            evidence.accuse(&store, &lease, "a").await.unwrap();
            assert_eq!(evidence.deaths("a"), deaths, "we live");
            evidence.accuse(&store, &lease, "a").await.unwrap();
        }
        start(&store).await;
        assert_eq!(deaths_of(&store, "a").await, 3, "this one died before it had anything in hand");

        // It lives to see the end of its subscription, whatever had become of the message.
        let (lease, mut evidence) = start(&store).await;
        evidence.accuse(&store, &lease, "a").await.unwrap();
        evidence.settle(&store, &lease).await.unwrap();
        assert_eq!(deaths_of(&store, "a").await, 3);

        // It handles the message, and dies with the next one.
        let (lease, mut evidence) = start(&store).await;
        evidence.accuse(&store, &lease, "a").await.unwrap();
        evidence.acquit();
        evidence.accuse(&store, &lease, "b\0").await.unwrap();
        assert_eq!((deaths_of(&store, "a").await, deaths_of(&store, "b\0").await), (0, 1));

        let (lease, mut evidence) = start(&store).await;
        evidence.acquit();
        evidence.settle(&store, &lease).await.unwrap();
        assert_eq!(deaths_of(&store, "b\0").await, 0);
    }
}
