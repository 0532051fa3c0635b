//! A request is kept once, whoever asks how often.

use waypost_domain::send::SendRequest;
use waypost_grpc::error::precondition;
use waypost_grpc::{CallError, Result};
use waypost_proto::reasons::SEND_ID_TAKEN;
use waypost_store::{NewSend, SendRow, StoredSend};

use super::{COLLECTION, Messages};

impl Messages {
    /// Keeps it; or finds it kept before.
    pub(super) async fn keep(&self, send: NewSend) -> Result<(SendRow, bool)> {
        let outcomes = self.keep_all(std::slice::from_ref(&send)).await?;
        let id = &send.request.id;
        let existed = match outcomes.first() {
            Some(StoredSend::New) => false,
            Some(StoredSend::Known) => true,
            Some(StoredSend::Conflict) => {
                let row = self.known(&send).await?;
                return row.map(|row| (row, true)).ok_or_else(|| CallError::Internal(format!("{id} has no row")));
            }
            None => return Err(CallError::Internal("the store said nothing of a send".to_owned())),
        };
        // The janitor takes nothing that has just been kept.
        let row = self.row(id).await?.ok_or_else(|| CallError::Internal(format!("{id} is not kept")))?;
        Ok((row, existed))
    }

    /// Keeps all of them or none, and says what became of each.
    pub(crate) async fn keep_all(&self, sends: &[NewSend]) -> Result<Vec<StoredSend>> {
        let outcomes = self.shared.store.keep_sends(sends).await?;
        if outcomes.contains(&StoredSend::New) {
            (self.shared.on_kept)();
        }
        Ok(outcomes)
    }

    /// The same request, as it was kept before; refused where another one has its id.
    ///
    /// Given a request that is repeated after its contact became part of another one, or after their conversation ended, then
    /// it is the same all the same: neither was said by whoever asks.
    pub(crate) async fn known(&self, send: &NewSend) -> Result<Option<SendRow>> {
        let Some(row) = self.row(&send.request.id).await? else { return Ok(None) };
        let stored = &row.request;
        let is_contact = self.shared.store.surviving_contact(stored.contact).await? == Some(send.request.contact);
        let asked = SendRequest {
            contact: stored.contact,
            conversation: stored.conversation,
            created_at: stored.created_at,
            expires_at: same_end(stored, &send.request),
            ..send.request.clone()
        };
        if is_contact && asked == *stored && row.resend_of == send.resend_of {
            return Ok(Some(row));
        }
        let message = "another request was kept under this send_id: give this one an id of its own";
        Err(precondition(SEND_ID_TAKEN, format!("{COLLECTION}/{}", stored.id), message))
    }
}

/// A resend has the end of its original, as long as that lies ahead.
fn same_end(stored: &SendRequest, asked: &SendRequest) -> Option<waypost_domain::Timestamp> {
    match (stored.expires_at, asked.expires_at) {
        (Some(end), None) if end <= asked.created_at => Some(end),
        (_, asked) => asked,
    }
}
