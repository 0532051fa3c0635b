//! What other systems call conversations and contacts: noted, replaced, forgotten.

use waypost_domain::{ContactId, ConversationId};
use waypost_grpc::change::{Mutation, change};
use waypost_grpc::error::{invalid, not_found, precondition};
use waypost_grpc::fields::uuid_of;
use waypost_grpc::{CallError, Result};
use waypost_proto::gateway_v1 as v1;
use waypost_store::{ExternalRefs, RefsOf};

use super::Conversations;

const CONTACTS: &str = "contacts";
const CONNECTOR_CHARS_MAX: usize = 64;
const ID_CHARS_MAX: usize = 256;
/// Of one conversation or contact.
const REFS_MAX: usize = 16;

/// What is to become of the id that a connector has.
pub(super) struct Change {
    connector: String,
    /// `None`: it is forgotten.
    id: Option<String>,
}

impl Change {
    pub(super) fn set(external_ref: v1::ExternalRef) -> Result<Self> {
        let v1::ExternalRef { connector, id } = external_ref;
        check_connector("external_ref.connector", &connector)?;
        let is_seen = !id.is_empty() && id.chars().all(|c| c.is_ascii_graphic());
        if !is_seen || id.len() > ID_CHARS_MAX {
            return Err(invalid("external_ref.id", "must be 1 to 256 characters that can be seen, of ASCII"));
        }
        Ok(Self { connector, id: Some(id) })
    }

    pub(super) fn delete(connector: String) -> Result<Self> {
        check_connector("connector", &connector)?;
        Ok(Self { connector, id: None })
    }
}

fn check_connector(field: &str, connector: &str) -> Result<()> {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_short = (1..=CONNECTOR_CHARS_MAX).contains(&connector.len());
    if is_short && connector.chars().all(is_good) {
        Ok(())
    } else {
        Err(invalid(field, "must be 1 to 64 of a-z, 0-9 and -"))
    }
}

impl Conversations {
    /// Changes one, and returns all that are known then.
    pub(super) async fn change_refs(&self, mutation: Mutation, name: &str, asked: Change) -> Result<ExternalRefs> {
        let of = self.called(&mutation, name).await?;
        let resource = name.to_owned();
        let changed = change(&self.shared.store, mutation, move |tx| {
            Box::pin(async move {
                let mut refs = tx.external_refs(of).await?.ok_or_else(|| not_found(&resource))?;
                let Change { connector, id } = asked;
                let external_ref = |id: &String| v1::ExternalRef { connector: connector.clone(), id: id.clone() };
                let before = refs.get(&connector).map(external_ref);
                let after = id.as_ref().map(external_ref);
                match id {
                    Some(id) => drop(refs.insert(connector, id)),
                    None => drop(refs.remove(&connector)),
                }
                if refs.len() > REFS_MAX {
                    return Err(too_many(resource));
                }
                if before != after {
                    tx.put_external_refs(of, &refs).await?;
                    tx.record(&resource, before.as_ref(), after.as_ref());
                }
                Ok(v1::SetExternalRefResponse { external_refs: wire(Some(refs)) })
            })
        });
        let refs = changed.await?.into_answer().external_refs;
        Ok(refs.into_iter().map(|one| (one.connector, one.id)).collect())
    }

    /// What is named, where the caller may change it.
    async fn called(&self, mutation: &Mutation, name: &str) -> Result<RefsOf> {
        let caller = mutation.caller();
        if name.starts_with(CONTACTS) {
            let id = ContactId::from_uuid(uuid_of("name", CONTACTS, name)?);
            let survivor = self.shared.store.surviving_contact(id).await?.filter(|_| caller.bound_to.is_none());
            return survivor.map(RefsOf::Contact).ok_or_else(|| not_found(name));
        }
        let conversation: ConversationId = self.of_name(caller, "name", name).await?.id;
        Ok(RefsOf::Conversation(conversation))
    }
}

fn too_many(resource: String) -> CallError {
    precondition("TOO_MANY_REFS", resource, format!("it has ids in {REFS_MAX} other systems already"))
}

/// By connector.
pub(super) fn wire(refs: Option<ExternalRefs>) -> Vec<v1::ExternalRef> {
    refs.unwrap_or_default().into_iter().map(|(connector, id)| v1::ExternalRef { connector, id }).collect()
}
