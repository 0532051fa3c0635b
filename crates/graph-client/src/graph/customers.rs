//! Customers of a number beside messages: who is blocked, and who answers them.

use reqwest::{Method, Url};
use waypost_cloud_api::answer::{BlockAnswer, BlockedUser};
use waypost_cloud_api::send::{BlockUsers, JsonBody, ThreadControl};

use super::{GraphApi, Listed};
use crate::api::Call;
use crate::body::Payload;
use crate::fault::CallError;
use crate::messenger::Line;

impl GraphApi {
    /// Blocks customers. Where some were and others not, the answer says of each which, and why.
    pub async fn block(&self, line: &Line, users: &BlockUsers) -> Result<BlockAnswer, CallError> {
        self.change_blocked(line, Method::POST, users).await
    }

    /// Lets customers in again.
    pub async fn unblock(&self, line: &Line, users: &BlockUsers) -> Result<BlockAnswer, CallError> {
        self.change_blocked(line, Method::DELETE, users).await
    }

    /// All who are blocked. Given a change while it is read, then the failure says to begin again.
    pub async fn blocked(&self, line: &Line) -> Result<Listed<BlockedUser>, CallError> {
        let Listed { items, unreadable } = self.list(self.block_list(line)?, BlockedUser::read_page).await?;
        Ok(Listed { items: items.into_iter().flatten().collect(), unreadable })
    }

    /// Changes who answers a customer.
    pub async fn control_thread(&self, line: &Line, control: &ThreadControl) -> Result<(), CallError> {
        let url = self.below("phone_number_id", &line.phone_number_id, &["thread_control"])?;
        self.api.command(&Call::post(url, control)).await
    }

    async fn change_blocked(&self, line: &Line, method: Method, users: &BlockUsers) -> Result<BlockAnswer, CallError> {
        let call = Call::new(method, self.block_list(line)?, Some(Payload::json(users.encode())));
        let answer = self.api.ask(&call).await?;
        // Given some of many, then Meta answers with an error that has the others beside it.
        match BlockAnswer::read(&answer.body) {
            Ok(each) if [&each.added, &each.removed, &each.failed].iter().any(|users| !users.is_empty()) => Ok(each),
            Ok(_) | Err(_) => Ok(BlockAnswer::read(&answer.done()?.body)?),
        }
    }

    fn block_list(&self, line: &Line) -> Result<Url, CallError> {
        self.below("phone_number_id", &line.phone_number_id, &["block_users"])
    }
}
