//! What a caller may see: agents what belongs to conversations of their teams. What they may not see does not exist for them.

use waypost_domain::{ConversationId, NumberName};
use waypost_grpc::error::{invalid, not_found, precondition};
use waypost_grpc::fields::id_of;
use waypost_grpc::{CallError, Caller, Result};
use waypost_proto::reasons::MESSAGE_UNKNOWN;
use waypost_store::{EventKey, KnownEvent, NumberRow};

use crate::Shared;

const ID_CHARS_MAX: usize = 256;

impl Shared {
    /// Whether what belongs to a conversation, or to none, may be shown to them.
    pub(crate) async fn may_see(&self, caller: &Caller, conversation: Option<ConversationId>) -> Result<bool> {
        if caller.bound_to.is_none() {
            return Ok(true);
        }
        let Some(id) = conversation else { return Ok(false) };
        let owned = self.store.owned_conversation(id).await?;
        Ok(owned.and_then(|owned| owned.team).is_some_and(|team| caller.may_see(&team)))
    }

    /// The message of a customer's with this `message_id` (wamid) on a number, under whichever of its ids it came.
    pub(crate) async fn inbound(
        &self,
        caller: &Caller,
        number: &NumberName,
        wamid: &str,
    ) -> Result<(NumberRow, KnownEvent)> {
        if wamid.is_empty() || wamid.chars().count() > ID_CHARS_MAX {
            return Err(invalid("message_id", "must be the id of a message (wamid)"));
        }
        let unknown = || not_found("the message").because(MESSAGE_UNKNOWN);
        for row in self.ids_of(number).await? {
            let key = EventKey { number: row.id.clone(), key: wamid.to_owned() };
            if let Some(event) = self.store.decision(&key).await? {
                let is_seen = self.may_see(caller, event.conversation).await?;
                return if is_seen { Ok((row, event)) } else { Err(unknown()) };
            }
        }
        Err(unknown())
    }

    /// Each id that a number has had, the present one first; none of one that is not known.
    pub(crate) async fn ids_of(&self, number: &NumberName) -> Result<Vec<NumberRow>> {
        let mut rows = self.store.numbers().await?;
        rows.retain(|row| row.name == *number);
        rows.sort_by_key(|row| std::cmp::Reverse(row.since));
        Ok(rows)
    }
}

pub(crate) fn sending_off(number: &NumberName) -> CallError {
    let message = "this server has no way to WhatsApp: ask one that runs the sender";
    precondition("SENDING_OFF", format!("numbers/{number}"), message)
}

pub(crate) fn number_of(field: &str, name: &str) -> Result<NumberName> {
    NumberName::new(id_of(field, "numbers", name)?).map_err(|_| invalid(field, "must be numbers/{number}"))
}
