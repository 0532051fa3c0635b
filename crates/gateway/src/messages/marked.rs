//! That a message was read is shown to the customer at once, and not kept: nobody is helped by it later.

use waypost_domain::NumberName;
use waypost_graph_client::Line;
use waypost_grpc::error::precondition;
use waypost_grpc::{Caller, Result};

use super::Messages;
use crate::seen::sending_off;

impl Messages {
    pub(super) async fn mark(&self, caller: &Caller, number: &NumberName, wamid: &str, typing: bool) -> Result<()> {
        let (row, _) = self.shared.inbound(caller, number, wamid).await?;
        let messenger = self.shared.messenger.as_ref().ok_or_else(|| sending_off(number))?;
        let marked = messenger.mark_read(&Line::new(row.id.as_str()), wamid, typing).await;
        // Says nothing of whom it is about.
        marked.map_err(|error| precondition("NOT_MARKED", format!("numbers/{number}"), error.to_string()))
    }
}
