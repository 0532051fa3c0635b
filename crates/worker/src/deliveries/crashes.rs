//! Which event kills whoever handles it.
//!
//! A broker's delivery count cannot say: a crash counts against everything that was in hand, in every partition of the
//! process, and so does every kill from outside. So after crashes a partition's events are handled alone, in order, and
//! before each one the store is told which: who finds that record later knows that its writer crashed with this event in
//! hand, or was cut off from the store. The count goes up only for the same event, without any other having been handled
//! in between; an event that was handled is innocent, and so is one whose handling ended in any way that the process
//! lived to see.
//!
//! Given a bundle of four whose third (place 2) kills: the first owner writes (message, 0, 1), (message, 1, 1),
//! (message, 2, 1) and crashes. The next finds (message, 2, 1): what stands before place 2 was published or parked and
//! is skipped; it writes (message, 2, 2) and crashes in turn. The one that finds the count at its limit parks place 2
//! and goes on with (message, 3, 1). Else the first two would be done again at each crash, and what was parked of them
//! parked again.
//!
//! What remains is a process that is killed from outside so often in a row, each time at the same event of a partition. It
//! is parked wrongly then, with its reason, in the place of one crash too many. The limit is high because of that: high
//! enough that kills at random do not come so far.
//!
//! Must never condemn by anything but what the store holds, and costs nothing while nothing crashes.

use std::time::Duration;

use waypost_store::{Lease, Store, Suspect};

use crate::bounded::{CallError, bounded};

/// What the store says of one partition, and what is true.
pub(crate) struct CrashRecord {
    /// What the next owner finds, should we crash now.
    stored: Option<Suspect>,
    /// How far handling alone has come, with the crashes that are none of ours: we live.
    known: Option<Suspect>,
}

impl CrashRecord {
    pub(crate) fn found_with(lease: &Lease) -> Self {
        Self { stored: lease.suspect.clone(), known: lease.suspect.clone() }
    }

    /// How many processes in a row crashed with this event in hand.
    pub(crate) fn crashes(&self, message_id: &str, place: u32) -> u32 {
        self.of(message_id).filter(|suspect| suspect.place == place).map_or(0, |suspect| suspect.deaths)
    }

    /// How many events of this message are published or parked.
    pub(crate) fn done_before(&self, message_id: &str) -> u32 {
        self.of(message_id).map_or(0, |suspect| suspect.place)
    }

    /// The event is handled from now on, alone. Once this has returned, our crash counts.
    pub(crate) async fn begin(
        &mut self,
        store: &Store,
        lease: &Lease,
        limit: Duration,
        (message_id, place): (&str, u32),
    ) -> Result<(), CallError> {
        let crashes = self.crashes(message_id, place);
        let suspect = |deaths| Suspect { message_id: named(message_id), place, deaths };
        self.write(store, lease, limit, Some(suspect(crashes.saturating_add(1)))).await?;
        self.known = Some(suspect(crashes)).filter(|suspect| suspect.deaths > 0 || suspect.place > 0);
        Ok(())
    }

    /// The event in hand was handled or parked; the next of the same message stands at `place`.
    pub(crate) fn go_on(&mut self, message_id: &str, place: u32) {
        self.known = Some(Suspect { message_id: named(message_id), place, deaths: 0 });
    }

    /// The whole message was handled, or it is gone. The store need not know until something else is handled, see
    /// [`Self::settle`].
    pub(crate) fn clear(&mut self) {
        self.known = None;
    }

    /// Nothing is in hand that our crash would speak against.
    pub(crate) async fn settle(&mut self, store: &Store, lease: &Lease, limit: Duration) -> Result<(), CallError> {
        self.write(store, lease, limit, self.known.clone()).await
    }

    async fn write(
        &mut self,
        store: &Store,
        lease: &Lease,
        limit: Duration,
        suspect: Option<Suspect>,
    ) -> Result<(), CallError> {
        if self.stored != suspect {
            bounded(limit, store.mark_suspect(lease, suspect.as_ref())).await?;
            self.stored = suspect;
        }
        Ok(())
    }

    fn of(&self, message_id: &str) -> Option<&Suspect> {
        self.known.as_ref().filter(|suspect| suspect.message_id == named(message_id))
    }
}

/// PostgreSQL keeps no text with a NUL in it, and AMQP would carry one.
fn named(message_id: &str) -> String {
    message_id.replace('\0', "")
}

#[cfg(test)]
mod tests {
    use waypost_domain::PartitionId;
    use waypost_store::{Sequence, StoreOptions, StoreUrl};

    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    /// A process that starts where another may have crashed.
    async fn start(store: &Store) -> (Lease, CrashRecord) {
        let lease =
            store.acquire_lease("router", PartitionId(0), "one", TTL, Sequence::OfInbox).await.unwrap().unwrap();
        let record = CrashRecord::found_with(&lease);
        (lease, record)
    }

    async fn crashes_of(store: &Store, message_id: &str) -> u32 {
        start(store).await.1.crashes(message_id, 0)
    }

    async fn open() -> Store {
        let store = Store::open(&StoreUrl::sqlite_memory(), StoreOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        store
    }

    #[tokio::test]
    async fn only_a_crash_with_the_same_message_in_hand_counts() {
        let store = open().await;
        for crashes in 0..3 {
            let (lease, mut record) = start(&store).await;
            assert_eq!((record.crashes("a", 0), record.crashes("b", 0)), (crashes, 0));
            record.begin(&store, &lease, TTL, ("a", 0)).await.unwrap();
            assert_eq!(record.crashes("a", 0), crashes, "we live");
            record.begin(&store, &lease, TTL, ("a", 0)).await.unwrap();
        }
        start(&store).await;
        assert_eq!(crashes_of(&store, "a").await, 3, "this one crashed before it had anything in hand");

        // It lives to see the end of its subscription, whatever had become of the message.
        let (lease, mut record) = start(&store).await;
        record.begin(&store, &lease, TTL, ("a", 0)).await.unwrap();
        record.settle(&store, &lease, TTL).await.unwrap();
        assert_eq!(crashes_of(&store, "a").await, 3);

        // It handles the message, and crashes with the next one.
        let (lease, mut record) = start(&store).await;
        record.begin(&store, &lease, TTL, ("a", 0)).await.unwrap();
        record.clear();
        record.begin(&store, &lease, TTL, ("b\0", 0)).await.unwrap();
        assert_eq!((crashes_of(&store, "a").await, crashes_of(&store, "b\0").await), (0, 1));

        let (lease, mut record) = start(&store).await;
        record.clear();
        record.settle(&store, &lease, TTL).await.unwrap();
        assert_eq!(crashes_of(&store, "b\0").await, 0);
    }

    #[tokio::test]
    async fn what_stands_before_the_place_is_done() {
        let store = open().await;
        let (lease, mut record) = start(&store).await;
        for place in 0..3 {
            record.begin(&store, &lease, TTL, ("a", place)).await.unwrap();
            if place < 2 {
                record.go_on("a", place + 1);
            }
        }
        let (lease, mut record) = start(&store).await;
        assert_eq!((record.done_before("a"), record.done_before("b")), (2, 0));
        let crashes: Vec<u32> = (0..4).map(|place| record.crashes("a", place)).collect();
        assert_eq!(crashes, [0, 0, 1, 0]);

        // An end in good order in the middle: the place is kept, the crash is not held against what comes.
        record.begin(&store, &lease, TTL, ("a", 2)).await.unwrap();
        record.go_on("a", 3);
        record.settle(&store, &lease, TTL).await.unwrap();
        let (lease, mut record) = start(&store).await;
        assert_eq!((record.done_before("a"), record.crashes("a", 3)), (3, 0));

        // The same with the next one in hand.
        record.begin(&store, &lease, TTL, ("a", 3)).await.unwrap();
        record.settle(&store, &lease, TTL).await.unwrap();
        let (_, record) = start(&store).await;
        assert_eq!((record.done_before("a"), record.crashes("a", 3)), (3, 0));
    }
}
