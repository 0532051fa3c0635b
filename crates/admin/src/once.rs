//! Requests with an id of the caller's: carried out once, and answered the same when they come again.

use prost::{Message, Name};
use ring::digest::{Context, SHA256};
use tonic::Status;
use uuid::Uuid;
use waypost_store::{AnsweredRequest, Change};

use crate::errors::{self, invalid};
use crate::gate::Caller;

/// A request that may have come before.
pub(crate) struct Once {
    id: Option<Uuid>,
    fingerprint: Vec<u8>,
}

impl Once {
    pub(crate) fn new<M: Name>(id: Option<Uuid>, caller: &Caller, request: &M) -> Self {
        let mut context = Context::new(&SHA256);
        for part in [M::full_name().as_bytes(), caller.actor.as_bytes(), &request.encode_to_vec()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        Self { id, fingerprint: context.finish().as_ref().to_vec() }
    }

    /// The answer that was given before.
    pub(crate) async fn answer<M: Message + Default>(&self, change: &mut Change) -> Result<Option<M>, Status> {
        let Some(id) = self.id else { return Ok(None) };
        let Some(answered) = change.answered(id).await.map_err(errors::store)? else { return Ok(None) };
        if answered.fingerprint != self.fingerprint {
            return Err(invalid("request_id", "was used for another request"));
        }
        Ok(M::decode(&*answered.response).ok())
    }

    /// Remembers the answer that is about to be given.
    pub(crate) async fn remember(&self, change: &mut Change, answer: &impl Message) -> Result<(), Status> {
        let Some(id) = self.id else { return Ok(()) };
        let answer = AnsweredRequest { fingerprint: self.fingerprint.clone(), response: answer.encode_to_vec() };
        change.remember(id, &answer).await.map_err(errors::store)
    }
}
