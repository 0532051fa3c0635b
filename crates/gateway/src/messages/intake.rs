//! From what somebody wrote to what is kept: which contact it is, in which conversation, until when it is of use.

use waypost_domain::send::{SendClass, SendId, SendRequest};
use waypost_domain::{NumberName, Timestamp};
use waypost_grpc::error::{invalid, not_found, precondition};
use waypost_grpc::recipients::contact;
use waypost_grpc::{CallError, Caller, Result};
use waypost_proto::reasons::{NO_CONVERSATION, NUMBER_UNKNOWN};
use waypost_proto::sends::{Recipient, SendDraft};
use waypost_store::{NewSend, OwnedConversation, SendRow};

use super::{Messages, again, author};

const HOUR_MS: i64 = 60 * 60 * 1000;
/// For how long an answer is of use, where nobody says: longer than a customer service window nothing is one.
const ANSWER_MS: i64 = 24 * HOUR_MS;
/// For how long what the business begins is.
const BUSINESS_STARTED_MS: i64 = 3 * 24 * HOUR_MS;

impl Messages {
    /// The request as it is kept, by this caller and now.
    pub(crate) async fn taken_in(&self, caller: &Caller, draft: SendDraft) -> Result<NewSend> {
        let now = self.shared.store.now().await?;
        self.has_number(&draft.number).await?;
        let contact = contact(&self.shared.store, draft.to.clone()).await?;
        let author = author(caller, draft.is_bot);
        let request = draft.into_request(contact, author, now);
        self.in_conversation(caller, request, None).await
    }

    /// What was sent before, once more.
    pub(super) async fn resend_of(&self, caller: &Caller, row: SendRow, id: SendId) -> Result<NewSend> {
        let now = self.shared.store.now().await?;
        let original = row.request.id.clone();
        let author = author(caller, false);
        let contact = contact(&self.shared.store, Recipient::Contact(row.request.contact)).await?;
        let request = SendRequest { contact, ..again(row.request, id, author, now) };
        self.in_conversation(caller, request, Some(original)).await
    }

    async fn has_number(&self, name: &NumberName) -> Result<()> {
        let sending = &self.shared.sending;
        let is_known = || sending.current().numbers.contains_key(name);
        if !is_known() {
            // One that was named a moment ago is not followed yet.
            sending.refresh().await?;
        }
        if is_known() { Ok(()) } else { Err(not_found(format!("numbers/{name}")).because(NUMBER_UNKNOWN)) }
    }

    /// In the conversation that it names, else in the one that is open; agents in none but their teams'.
    async fn in_conversation(
        &self,
        caller: &Caller,
        mut request: SendRequest,
        resend_of: Option<SendId>,
    ) -> Result<NewSend> {
        let store = &self.shared.store;
        let parts = store.parts_of_contact(request.contact).await?;
        let conversation = match request.conversation {
            Some(id) => {
                let is_theirs = |one: &OwnedConversation| parts.contains(&one.contact) && one.number == request.number;
                let problem = "is none of this contact on this number";
                let found = store.owned_conversation(id).await?.filter(is_theirs);
                Some(found.ok_or_else(|| invalid("message.conversation", problem))?)
            }
            None => match store.unresolved_conversation(&parts, &request.number).await? {
                None => self.conversation_before(&request).await?,
                open => open,
            },
        };
        if caller.bound_to.is_some() {
            let team = conversation.as_ref().and_then(|conversation| conversation.team.as_ref());
            let is_theirs = team.is_some_and(|team| caller.may_see(team));
            // What was kept while they had it is the same when it comes again, whoever has it by now.
            if !is_theirs && self.kept_before(&request).await?.is_none() {
                return Err(not_theirs(conversation.as_ref()));
            }
        }
        request.conversation = conversation.as_ref().map(|conversation| conversation.id);
        let ends_at = ends_at(&request);
        let team = conversation.and_then(|conversation| conversation.team);
        Ok(NewSend { request, ends_at, resend_of, team })
    }

    /// Its author's request of this id, if there was one.
    async fn kept_before(&self, request: &SendRequest) -> Result<Option<SendRequest>> {
        let row = self.row(&request.id).await?.map(|row| row.request);
        Ok(row.filter(|row| row.author == request.author && row.number == request.number))
    }

    /// Of the same request, if it was kept before: its conversation may have ended since.
    async fn conversation_before(&self, request: &SendRequest) -> Result<Option<OwnedConversation>> {
        match self.kept_before(request).await?.and_then(|row| row.conversation) {
            Some(id) => Ok(self.shared.store.owned_conversation(id).await?),
            None => Ok(None),
        }
    }
}

fn not_theirs(conversation: Option<&OwnedConversation>) -> CallError {
    let resource = conversation.map_or_else(|| "conversations".to_owned(), |one| format!("conversations/{}", one.id));
    precondition(
        NO_CONVERSATION,
        resource,
        "agents send in conversations of their teams, and the contact has none on this number that is open: name the \
         conversation, or let somebody send who is not bound to teams",
    )
}

fn ends_at(request: &SendRequest) -> Timestamp {
    let usual = match request.cause.class() {
        SendClass::Answer => ANSWER_MS,
        SendClass::BusinessStarted => BUSINESS_STARTED_MS,
    };
    request.expires_at.unwrap_or_else(|| request.created_at.plus_millis(usual))
}
