//! That a message was read is shown to the customer at once, and not kept: nobody is helped by it later.

use waypost_domain::NumberName;
use waypost_graph_client::Line;
use waypost_grpc::error::{invalid, not_found, precondition};
use waypost_grpc::{Caller, Result};
use waypost_proto::reasons::MESSAGE_UNKNOWN;
use waypost_store::EventKey;

use super::Messages;

const ID_CHARS_MAX: usize = 256;

impl Messages {
    pub(super) async fn mark(&self, caller: &Caller, number: &NumberName, wamid: &str, typing: bool) -> Result<()> {
        if wamid.is_empty() || wamid.chars().count() > ID_CHARS_MAX {
            return Err(invalid("message_id", "must be the id of a message (wamid)"));
        }
        let store = &self.shared.store;
        // Under each id that the number has had.
        let mut rows = store.numbers().await?;
        rows.retain(|row| row.name == *number);
        rows.sort_by_key(|row| std::cmp::Reverse(row.since));
        let mut found = None;
        for row in rows {
            let key = EventKey { number: row.id.clone(), key: wamid.to_owned() };
            if let Some(event) = store.decision(&key).await? {
                found = Some((row, event));
                break;
            }
        }
        let unknown = || not_found("the message").because(MESSAGE_UNKNOWN);
        let (row, event) = found.ok_or_else(unknown)?;
        if !self.may_see(caller, event.conversation).await? {
            return Err(unknown());
        }
        let Some(messenger) = &self.shared.messenger else {
            let message = "this server has no way to WhatsApp: ask one that runs the sender";
            return Err(precondition("SENDING_OFF", format!("numbers/{number}"), message));
        };
        let marked = messenger.mark_read(&Line::new(row.id.as_str()), wamid, typing).await;
        // Says nothing of whom it is about.
        marked.map_err(|error| precondition("NOT_MARKED", format!("numbers/{number}"), error.to_string()))
    }
}
