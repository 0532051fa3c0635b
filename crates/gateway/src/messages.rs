//! Messages to customers: asked for, looked at, taken back.

mod intake;
mod judged;
mod kept;
mod marked;
mod shown;
#[cfg(test)]
pub(crate) mod tests;

use tonic::Request;
use waypost_domain::send::{Author, Progress, SendId, SendRequest, SendState};
use waypost_domain::{ConversationId, Timestamp};
use waypost_grpc::error::{invalid, not_found, precondition};
use waypost_grpc::fields::{id_of, uuid_of};
use waypost_grpc::recipients::contact;
use waypost_grpc::{Caller, Mutation, Result, change, page, serve};
use waypost_proto::gateway_v1 as v1;
use waypost_proto::gateway_v1::message_service_server::MessageService;
use waypost_proto::sends::{author_of, read_recipient, read_send, state_of, wire_message, wire_state, wire_verdict};
use waypost_store::{NewSend, SendFilter, SendRow};

use crate::Shared;
use crate::confidential::Withheld;
use crate::seen::number_of;

const COLLECTION: &str = "messages";

pub(crate) struct Messages {
    pub(crate) shared: Shared,
}

serve! { MessageService for Messages {
    send_message: v1::SendMessageRequest => v1::SendMessageResponse,
    get_message: v1::GetMessageRequest => v1::GetMessageResponse,
    list_messages: v1::ListMessagesRequest => v1::ListMessagesResponse,
    cancel_message: v1::CancelMessageRequest => v1::CancelMessageResponse,
    resend_message: v1::ResendMessageRequest => v1::ResendMessageResponse,
    mark_read: v1::MarkReadRequest => v1::MarkReadResponse,
}}

impl Messages {
    async fn send_message(&self, request: Request<v1::SendMessageRequest>) -> Result<v1::SendMessageResponse> {
        let caller = Caller::of(&request)?;
        let v1::SendMessageRequest { message, validate_only } = request.into_inner();
        let message = message.ok_or_else(|| invalid("message", "is missing"))?;
        let send = self.taken_in(&caller, read_send(message, "message")?).await?;
        let (message, existed) = self.kept(send, validate_only).await?;
        Ok(v1::SendMessageResponse { message: Some(message), existed })
    }

    async fn get_message(&self, request: Request<v1::GetMessageRequest>) -> Result<v1::GetMessageResponse> {
        let caller = Caller::of(&request)?;
        let row = self.of_name(&caller, "name", &request.get_ref().name).await?;
        let withheld = Withheld::from(&caller, &self.shared).await?;
        Ok(v1::GetMessageResponse { message: Some(self.shown(&withheld, row).await?) })
    }

    async fn list_messages(&self, request: Request<v1::ListMessagesRequest>) -> Result<v1::ListMessagesResponse> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let size = page::size(request.page_size)?;
        let page_token = request.page_token.clone();
        let filter = self.filter(&caller, request).await?;
        let list = format!("messages {filter:?}");
        let before = page::place(&list, &page_token, |place| place.parse().ok())?;
        let mut rows = self.shared.store.sends(&filter, before, size.saturating_add(1)).await?;
        let next_page_token = page::cut(&list, &mut rows, size, |row| row.place.to_string());
        let withheld = Withheld::from(&caller, &self.shared).await?;
        Ok(v1::ListMessagesResponse { messages: self.all_shown(&withheld, rows).await?, next_page_token })
    }

    async fn cancel_message(&self, request: Request<v1::CancelMessageRequest>) -> Result<v1::CancelMessageResponse> {
        let caller = Caller::of(&request)?;
        let v1::CancelMessageRequest { name, validate_only } = request.into_inner();
        let mut row = self.of_name(&caller, "name", &name).await?;
        let id = row.request.id.clone();
        let state = match row.progress.state {
            SendState::Queued if validate_only => Some(SendState::Cancelled),
            SendState::Queued => self.cancelled(&caller, &id).await?,
            state => Some(state),
        };
        match state {
            Some(SendState::Cancelled) if validate_only => row.progress.state = SendState::Cancelled,
            Some(SendState::Cancelled) => row = self.row(&id).await?.ok_or_else(|| not_found(&name))?,
            Some(state) => {
                let message = format!("it is {state}: only what waits for its turn can be taken back");
                return Err(precondition("MESSAGE_NOT_QUEUED", name, message));
            }
            None => return Err(not_found(name)),
        }
        let withheld = Withheld::from(&caller, &self.shared).await?;
        Ok(v1::CancelMessageResponse { message: Some(self.shown(&withheld, row).await?) })
    }

    async fn resend_message(&self, request: Request<v1::ResendMessageRequest>) -> Result<v1::ResendMessageResponse> {
        let caller = Caller::of(&request)?;
        let v1::ResendMessageRequest { name, send_id, force, validate_only } = request.into_inner();
        let id = SendId::new(send_id).map_err(|problem| invalid("send_id", problem.to_string()))?;
        let row = self.of_name(&caller, "name", &name).await?;
        if row.is_forgotten {
            return Err(precondition("CONTENT_FORGOTTEN", name, "what it said is not kept any more"));
        }
        if Withheld::from(&caller, &self.shared).await?.has(row.team.as_ref()) {
            return Err(precondition("CONTENT_WITHHELD", name, "what it said is a confidential team's"));
        }
        if id == row.request.id {
            return Err(invalid("send_id", "must be another than that of the message: it is a new one"));
        }
        // Given the same resend once more, when the first one has arrived, then that is no reason to refuse it.
        let is_repeat = self.row(&id).await?.is_some_and(|known| known.resend_of.as_ref() == Some(&row.request.id));
        if !is_repeat {
            may_be_resent(&name, row.progress.state, force)?;
        }
        let send = self.resend_of(&caller, row, id).await?;
        let (message, existed) = self.kept(send, validate_only).await?;
        Ok(v1::ResendMessageResponse { message: Some(message), existed })
    }

    async fn mark_read(&self, request: Request<v1::MarkReadRequest>) -> Result<v1::MarkReadResponse> {
        let caller = Caller::of(&request)?;
        let v1::MarkReadRequest { number, message_id, typing } = request.into_inner();
        self.mark(&caller, &number_of("number", &number)?, &message_id, typing).await?;
        Ok(v1::MarkReadResponse {})
    }
}

impl Messages {
    /// Keeps it, or says what would become of it.
    async fn kept(&self, send: NewSend, validate_only: bool) -> Result<(v1::Message, bool)> {
        if !validate_only {
            let (row, existed) = self.keep(send).await?;
            return Ok((self.shown(&Withheld::NOTHING, row).await?, existed));
        }
        let existed = self.known(&send).await?.is_some();
        let record = self.judged(&send).await?;
        let progress = Progress::new(SendState::Queued);
        let mut message = wire_message(&send.request, &progress);
        message.verdict = Some(wire_verdict(&record));
        // It waits for nothing.
        message.state = v1::MessageState::Unspecified.into();
        Ok((message, existed))
    }

    /// Takes it back, if it still waits, with a record of who did. The state that it is in now.
    async fn cancelled(&self, caller: &Caller, id: &SendId) -> Result<Option<SendState>> {
        let id = id.clone();
        let cancelled = change(&self.shared.store, Mutation::local(caller.clone()), move |tx| {
            Box::pin(async move {
                let state = tx.cancel_send(&id).await?;
                let of = |state| v1::Message { state: wire_state(state).into(), ..v1::Message::default() };
                if state == Some(SendState::Cancelled) {
                    let (before, after) = (of(SendState::Queued), of(SendState::Cancelled));
                    tx.record(&format!("{COLLECTION}/{id}"), Some(&before), Some(&after));
                }
                Ok(state.map(of).unwrap_or_default())
            })
        });
        Ok(state_of(cancelled.await?.into_answer().state))
    }

    pub(crate) async fn row(&self, id: &SendId) -> Result<Option<SendRow>> {
        Ok(self.shared.store.send(id).await?)
    }

    /// The message of that name, where the caller may see it.
    async fn of_name(&self, caller: &Caller, field: &str, name: &str) -> Result<SendRow> {
        let id = id_of(field, COLLECTION, name)?;
        let id = SendId::new(id).map_err(|_| invalid(field, "must be messages/{send_id}"))?;
        let row = self.row(&id).await?.ok_or_else(|| not_found(name))?;
        if self.shared.may_see(caller, row.request.conversation).await? { Ok(row) } else { Err(not_found(name)) }
    }

    async fn filter(&self, caller: &Caller, request: v1::ListMessagesRequest) -> Result<SendFilter> {
        let mut filter = SendFilter::default();
        if request.contact.is_some() {
            let recipient = read_recipient(request.contact, "contact")?;
            let contact = contact(&self.shared.store, recipient).await?;
            filter.contacts = self.shared.store.parts_of_contact(contact).await?;
        }
        if !request.conversation.is_empty() {
            let id = uuid_of("conversation", "conversations", &request.conversation)?;
            filter.conversation = Some(ConversationId::from_uuid(id));
        }
        if !request.number.is_empty() {
            filter.number = Some(number_of("number", &request.number)?);
        }
        if request.state != 0 {
            let state = state_of(request.state).ok_or_else(|| invalid("state", "is not known to this release"))?;
            filter.state = Some(state);
        }
        if let Some(author) = request.author {
            let author = author_of(author).ok_or_else(|| invalid("author.kind", "must say what the author is"))?;
            filter.author = Some(author);
        }
        if caller.bound_to.is_some() && filter.conversation.is_none() {
            return Err(invalid("conversation", "is needed: agents see the messages of their teams' conversations"));
        }
        if !self.shared.may_see(caller, filter.conversation).await? {
            return Err(not_found(request.conversation));
        }
        Ok(filter)
    }
}

/// Who speaks.
fn author(caller: &Caller, is_bot: bool) -> Author {
    let name = caller.actor.clone();
    if is_bot { Author::Bot(name) } else { Author::Agent(name) }
}

fn may_be_resent(name: &str, state: SendState, force: bool) -> Result<()> {
    match state {
        SendState::Queued | SendState::Attempting => {
            let message = format!("it is {state}: what has not gone yet is not sent again");
            Err(precondition("MESSAGE_NOT_ENDED", name, message))
        }
        SendState::Expired | SendState::Refused | SendState::Cancelled | SendState::Failed => Ok(()),
        SendState::Uncertain | SendState::Held | SendState::Accepted | SendState::Sent if force => Ok(()),
        SendState::Delivered | SendState::Read | SendState::Played if force => Ok(()),
        SendState::Uncertain | SendState::Held | SendState::Accepted | SendState::Sent => Err(may_have_it(name, state)),
        SendState::Delivered | SendState::Read | SendState::Played => Err(may_have_it(name, state)),
    }
}

fn may_have_it(name: &str, state: SendState) -> waypost_grpc::CallError {
    let message = format!("it is {state}: the customer would get it twice; force it if that is meant");
    precondition("MESSAGE_MAY_HAVE_ARRIVED", name, message)
}

/// A request of before, by somebody else and now.
fn again(request: SendRequest, id: SendId, author: Author, now: Timestamp) -> SendRequest {
    // What was to be of use until then is asked for once more by a person.
    let expires_at = request.expires_at.filter(|end| *end > now);
    SendRequest { id, author, created_at: now, expires_at, ..request }
}
