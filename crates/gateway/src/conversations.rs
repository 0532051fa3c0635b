//! Conversations with customers, and what was said in them.

mod entries;
mod external_refs;
mod sent;
#[cfg(test)]
pub(crate) mod tests;

use tonic::Request;
use waypost_domain::team::Priority;
use waypost_domain::{Conversation, ConversationId, ConversationState};
use waypost_grpc::error::{invalid, not_found};
use waypost_grpc::fields::{team_name, team_of, uuid_of, wire_time};
use waypost_grpc::recipients::contact;
use waypost_grpc::{Caller, Mutation, Result, page, serve};
use waypost_proto::gateway_v1 as v1;
use waypost_proto::gateway_v1::conversation_service_server::ConversationService;
use waypost_proto::sends::read_recipient;
use waypost_store::{ConversationFilter, EntryPlace, RefsOf};

use crate::Shared;

pub(crate) const COLLECTION: &str = "conversations";

pub(crate) struct Conversations {
    pub(crate) shared: Shared,
}

serve! { ConversationService for Conversations {
    get_conversation: v1::GetConversationRequest => v1::GetConversationResponse,
    list_conversations: v1::ListConversationsRequest => v1::ListConversationsResponse,
    list_entries: v1::ListEntriesRequest => v1::ListEntriesResponse,
    set_external_ref: v1::SetExternalRefRequest => v1::SetExternalRefResponse,
    delete_external_ref: v1::DeleteExternalRefRequest => v1::DeleteExternalRefResponse,
}}

impl Conversations {
    async fn get_conversation(
        &self,
        request: Request<v1::GetConversationRequest>,
    ) -> Result<v1::GetConversationResponse> {
        let caller = Caller::of(&request)?;
        let found = self.of_name(&caller, "name", &request.get_ref().name).await?;
        let store = &self.shared.store;
        let contact = store.surviving_contact(found.contact).await?.unwrap_or(found.contact);
        let (mut refs, mut contact_refs) = (
            store.external_refs(&[RefsOf::Conversation(found.id)]).await?,
            store.external_refs(&[RefsOf::Contact(contact)]).await?,
        );
        let conversation = v1::Conversation {
            external_refs: external_refs::wire(refs.remove(&found.id.as_uuid())),
            contact_external_refs: external_refs::wire(contact_refs.remove(&contact.as_uuid())),
            ..wire(&found)
        };
        Ok(v1::GetConversationResponse { conversation: Some(conversation) })
    }

    async fn list_conversations(
        &self,
        request: Request<v1::ListConversationsRequest>,
    ) -> Result<v1::ListConversationsResponse> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let size = page::size(request.page_size)?;
        let page_token = request.page_token.clone();
        let filter = self.filter(&caller, request).await?;
        let list = format!("conversations {filter:?}");
        let read = |place: &str| place.parse().ok().map(ConversationId::from_uuid);
        let before = page::place(&list, &page_token, read)?;
        let store = &self.shared.store;
        let mut rows = store.conversations(&filter, before, size.saturating_add(1)).await?;
        let next_page_token = page::cut(&list, &mut rows, size, |row| row.id.to_string());
        let all: Vec<RefsOf> = rows.iter().map(|row| RefsOf::Conversation(row.id)).collect();
        let mut refs = store.external_refs(&all).await?;
        let conversations = rows.iter().map(|row| v1::Conversation {
            external_refs: external_refs::wire(refs.remove(&row.id.as_uuid())),
            ..wire(row)
        });
        Ok(v1::ListConversationsResponse { conversations: conversations.collect(), next_page_token })
    }

    async fn list_entries(&self, request: Request<v1::ListEntriesRequest>) -> Result<v1::ListEntriesResponse> {
        let caller = Caller::of(&request)?;
        let v1::ListEntriesRequest { parent, page_size, page_token } = request.into_inner();
        let conversation = self.of_name(&caller, "parent", &parent).await?;
        let size = page::size(page_size)?;
        let list = format!("entries {}", conversation.id);
        let before = page::place(&list, &page_token, EntryPlace::parse)?;
        // Who reads without a record of it has read nothing: it is written first.
        self.shared.record_read(&caller, conversation.id).await?;
        let mut rows = self.shared.store.transcript(conversation.id, before, size.saturating_add(1)).await?;
        let next_page_token = page::cut(&list, &mut rows, size, |row| row.place().to_text());
        let entries = self.shown(&caller, &conversation, rows).await?;
        Ok(v1::ListEntriesResponse { entries, next_page_token })
    }

    async fn set_external_ref(
        &self,
        request: Request<v1::SetExternalRefRequest>,
    ) -> Result<v1::SetExternalRefResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let external_ref = request.external_ref.ok_or_else(|| invalid("external_ref", "is missing"))?;
        let refs = self.change_refs(mutation, &request.name, external_refs::Change::set(external_ref)?).await?;
        Ok(v1::SetExternalRefResponse { external_refs: external_refs::wire(Some(refs)) })
    }

    async fn delete_external_ref(
        &self,
        request: Request<v1::DeleteExternalRefRequest>,
    ) -> Result<v1::DeleteExternalRefResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let change = external_refs::Change::delete(request.connector)?;
        let refs = self.change_refs(mutation, &request.name, change).await?;
        Ok(v1::DeleteExternalRefResponse { external_refs: external_refs::wire(Some(refs)) })
    }
}

impl Conversations {
    /// The conversation of that name, where the caller may see it.
    async fn of_name(&self, caller: &Caller, field: &str, name: &str) -> Result<Conversation> {
        let id = ConversationId::from_uuid(uuid_of(field, COLLECTION, name)?);
        let found = self.shared.store.conversation(id).await?;
        let is_seen = |one: &Conversation| match &one.team {
            Some(team) => caller.may_see(team),
            None => caller.bound_to.is_none(),
        };
        found.filter(is_seen).ok_or_else(|| not_found(name))
    }

    async fn filter(&self, caller: &Caller, request: v1::ListConversationsRequest) -> Result<ConversationFilter> {
        let mut filter = ConversationFilter::default();
        if request.contact.is_some() {
            let contact = contact(&self.shared.store, read_recipient(request.contact, "contact")?).await?;
            filter.contacts = self.shared.store.parts_of_contact(contact).await?;
        }
        filter.teams = match request.team.as_str() {
            "" => caller.bound_to.clone(),
            // Another's team has nothing that they could see.
            team => Some(vec![team_of("team", team)?])
                .map(|teams| teams.into_iter().filter(|team| caller.may_see(team)).collect()),
        };
        if request.state != 0 {
            let state = ConversationState::ALL.into_iter().find(|state| i32::from(wire_state(*state)) == request.state);
            filter.state = Some(state.ok_or_else(|| invalid("state", "is not known to this release"))?);
        }
        Ok(filter)
    }
}

/// What the store has of it.
fn wire(one: &Conversation) -> v1::Conversation {
    v1::Conversation {
        name: format!("{COLLECTION}/{}", one.id),
        contact: format!("contacts/{}", one.contact),
        number: format!("numbers/{}", one.number),
        state: wire_state(one.state).into(),
        team: one.team.as_ref().map(team_name).unwrap_or_default(),
        urgent: one.priority == Priority::Urgent,
        open_time: Some(wire_time(one.opened_at)),
        active_time: Some(wire_time(one.active_at)),
        last_inbound_time: one.last_inbound_at.map(wire_time),
        last_outbound_time: one.last_outbound_at.map(wire_time),
        window_end_time: one.window_ends_at.map(wire_time),
        resolve_time: one.resolved_at.map(wire_time),
        previous_conversation: one.previous.map(|id| format!("{COLLECTION}/{id}")).unwrap_or_default(),
        external_refs: Vec::new(),
        contact_external_refs: Vec::new(),
    }
}

const fn wire_state(state: ConversationState) -> v1::ConversationState {
    match state {
        ConversationState::Open => v1::ConversationState::Open,
        ConversationState::Pending => v1::ConversationState::Pending,
        ConversationState::Snoozed => v1::ConversationState::Snoozed,
        ConversationState::Resolved => v1::ConversationState::Resolved,
    }
}
