//! That somebody reads a transcript: one record in the audit log for each reader, conversation and hour.

use waypost_domain::{ConversationId, Timestamp};
use waypost_grpc::change::{Mutation, change};
use waypost_grpc::fields::wire_time;
use waypost_grpc::{Caller, Result};
use waypost_proto::gateway_v1 as v1;
use waypost_store::TranscriptRead;

use crate::Shared;
use crate::conversations::COLLECTION;

const HOUR_MS: i64 = 60 * 60 * 1000;

impl Shared {
    /// Returns when the record of this hour is durable.
    pub(crate) async fn record_read(&self, caller: &Caller, conversation: ConversationId) -> Result<()> {
        let store = &self.store;
        let hour = store.now().await?.as_millis().div_euclid(HOUR_MS);
        if store.is_read_recorded(TranscriptRead { reader: &caller.actor, conversation, hour }).await? {
            return Ok(());
        }
        let resource = format!("{COLLECTION}/{conversation}");
        let recorded = change(store, Mutation::local(caller.clone()), move |tx| {
            Box::pin(async move {
                let reader = tx.caller().actor.clone();
                // Given two pages that were asked for at once, then the second one finds the record of the first.
                if tx.remember_read(TranscriptRead { reader: &reader, conversation, hour }).await? {
                    let hour = Some(wire_time(Timestamp::from_millis(hour * HOUR_MS)));
                    tx.record(&resource, None, Some(&v1::TranscriptRead { hour }));
                }
                Ok(v1::TranscriptRead::default())
            })
        });
        recorded.await.map(drop)
    }
}
