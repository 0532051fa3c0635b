//! `waypost contacts export`: everything that is held of a person, as they may ask for it (Regulation (EU) 2016/679, articles 15 and
//! 20). Put together from what the administration and the gateway show to the role compliance; each read is audited there.

use clap::Args;
use prost::Name;
use serde_json::json;
use tonic::{Code, Status};
use waypost_proto::admin::to_json;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::consent_service_client::ConsentServiceClient;
use waypost_proto::admin_v1::contact_service_client::ContactServiceClient;
use waypost_proto::admin_v1::decision_service_client::DecisionServiceClient;
use waypost_proto::gateway_v1 as gateway;
use waypost_proto::gateway_v1::conversation_service_client::ConversationServiceClient;
use waypost_proto::gateway_v1::message_service_client::MessageServiceClient;

use crate::failure::Failure;
use crate::named::recipient;
use crate::output;
use crate::server::{ServerArgs, connect, pages};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost contacts export '+34 600 000 107' > export.jsonl

Where the gateway listens elsewhere than the administration, --gateway says where.

One JSON object a line, with one key, which says what it is: contact, consents (what holds now), consent_entry, conversation, entry
(of a conversation's transcript), message (to them), decision (who was to answer a message, and by which rule). What others wrote
in groups is not among it; files that they sent are named in their entries (`waypost media download`).")]
pub struct ContactsExportArgs {
    /// A number, a business-scoped user id, contacts/ID or its id alone; or a message of theirs, by its id
    reference: String,
    /// The gateway's address, where it is not the administration's: it has conversations and messages
    #[arg(long, value_name = "URL")]
    gateway: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: ContactsExportArgs) -> Result<(), Failure> {
    let channel = connect(&args.server).await?;
    let elsewhere = args.gateway.map(|url| args.server.at(url));
    let of_gateway = match &elsewhere {
        Some(gateway) => connect(gateway).await?,
        None => channel.clone(),
    };
    let contacts = ContactServiceClient::new(channel.clone());
    let asked = v1::GetContactRequest { reference: args.reference, ..v1::GetContactRequest::default() };
    let contact = contacts.get_contact(asked).await?.into_inner().contact.unwrap_or_default();
    let name = contact.name.clone();
    // Before anything is written: a part of an export is none.
    let talks = ConversationServiceClient::new(of_gateway.clone());
    let conversations = everything(async |page_size, page_token| {
        let contact = Some(recipient(&name));
        let request = gateway::ListConversationsRequest { page_size, page_token, contact, ..Default::default() };
        let page = talks.list_conversations(request).await.map_err(without_gateway)?.into_inner();
        Ok((page.conversations, page.next_page_token))
    })
    .await?;
    write("contact", &[contact])?;

    let consent = ConsentServiceClient::new(channel.clone());
    let asked = v1::GetConsentRequest { contact: Some(recipient(&name)) };
    write("consents", &[consent.get_consent(asked).await?.into_inner()])?;
    write(
        "consent_entry",
        &everything(async |page_size, page_token| {
            let contact = Some(recipient(&name));
            let request = v1::ListConsentEntriesRequest { page_size, page_token, contact };
            let page = consent.list_consent_entries(request).await?.into_inner();
            Ok((page.consent_entries, page.next_page_token))
        })
        .await?,
    )?;

    write_talks(&talks, &conversations).await?;
    let messages = MessageServiceClient::new(of_gateway);
    write(
        "message",
        &everything(async |page_size, page_token| {
            let contact = Some(recipient(&name));
            let request = gateway::ListMessagesRequest { page_size, page_token, contact, ..Default::default() };
            let page = messages.list_messages(request).await?.into_inner();
            Ok((page.messages, page.next_page_token))
        })
        .await?,
    )?;

    let decisions = DecisionServiceClient::new(channel);
    write(
        "decision",
        &everything(async |page_size, page_token| {
            let request =
                v1::ListDecisionsRequest { page_size, page_token, contact: name.clone(), ..Default::default() };
            let page = decisions.list_decisions(request).await?.into_inner();
            Ok((page.decisions, page.next_page_token))
        })
        .await?,
    )
}

/// Conversations, and what was said in each.
async fn write_talks(
    talks: &ConversationServiceClient,
    conversations: &[gateway::Conversation],
) -> Result<(), Failure> {
    write("conversation", conversations)?;
    for conversation in conversations {
        write(
            "entry",
            &everything(async |page_size, page_token| {
                let request = gateway::ListEntriesRequest { parent: conversation.name.clone(), page_size, page_token };
                let page = talks.list_entries(request).await?.into_inner();
                Ok((page.entries, page.next_page_token))
            })
            .await?,
        )?;
    }
    Ok(())
}

fn without_gateway(status: Status) -> Status {
    let message =
        "conversations and messages are the gateway's, which does not answer there: --gateway URL says where it does";
    if status.code() == Code::Unimplemented { Status::new(Code::Unimplemented, message) } else { status }
}

/// A whole list.
async fn everything<T>(page: impl AsyncFn(i32, String) -> Result<(Vec<T>, String), Status>) -> Result<Vec<T>, Failure> {
    pages(usize::MAX, |page_size, page_token| page(page_size, page_token)).await
}

fn write<M: Name>(kind: &str, items: &[M]) -> Result<(), Failure> {
    items.iter().try_for_each(|item| output::line(&json!({ kind: to_json(item, false) }).to_string()))
}
