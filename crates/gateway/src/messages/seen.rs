//! Which messages a caller may see: agents those in conversations of their teams.

use waypost_domain::ConversationId;
use waypost_grpc::{Caller, Result};

use super::Messages;

impl Messages {
    /// Whether what belongs to a conversation, or to none, may be shown to them.
    pub(super) async fn may_see(&self, caller: &Caller, conversation: Option<ConversationId>) -> Result<bool> {
        if caller.bound_to.is_none() {
            return Ok(true);
        }
        let Some(id) = conversation else { return Ok(false) };
        let owned = self.shared.store.owned_conversation(id).await?;
        Ok(owned.and_then(|owned| owned.team).is_some_and(|team| caller.may_see(&team)))
    }
}
