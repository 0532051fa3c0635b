//! `waypost conversations`: whom we talk with, and what was said.

mod shown;

use clap::{Args, Subcommand, ValueEnum};
use waypost_proto::gateway_v1 as v1;
use waypost_proto::gateway_v1::conversation_service_client::ConversationServiceClient;

use self::shown::{print_refs, print_transcript};
use crate::failure::Failure;
use crate::named::{conversation, recipient, team};
use crate::server::{ListArgs, ServerArgs, connect, pages, print_list};

#[derive(Debug, Subcommand)]
pub enum ConversationsCommand {
    /// List conversations, those that began last first
    List(ConversationListArgs),
    /// Show a conversation and what was said in it, the oldest first
    Show(ConversationShowArgs),
    /// Note what another system calls a conversation or a contact
    SetRef(RefSetArgs),
    /// Forget what another system calls a conversation or a contact
    DeleteRef(RefDeleteArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost conversations list --team billing --state open
  waypost conversations list --contact '+34 600 000 107'")]
pub struct ConversationListArgs {
    /// Only with this contact: a number with its country code, a business-scoped user id, or contacts/ID
    #[arg(long, value_name = "CONTACT")]
    contact: Option<String>,
    /// Only those that this team has
    #[arg(long, value_name = "TEAM", default_value = "")]
    team: String,
    /// Only in this state
    #[arg(long, value_enum)]
    state: Option<StateName>,
    #[command(flatten)]
    list: ListArgs,
}

/// The states as people write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateName {
    Open,
    Pending,
    Snoozed,
    Resolved,
}

impl StateName {
    const fn to_wire(self) -> v1::ConversationState {
        match self {
            Self::Open => v1::ConversationState::Open,
            Self::Pending => v1::ConversationState::Pending,
            Self::Snoozed => v1::ConversationState::Snoozed,
            Self::Resolved => v1::ConversationState::Resolved,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost conversations show 0192f0a0-0000-7000-8000-000000000001 --limit 200

That somebody reads a conversation is written to the audit log. What a confidential team wrote, or was written, is shown to its
own agents and to compliance alone.")]
pub struct ConversationShowArgs {
    /// The conversation: its id, or conversations/ID
    conversation: String,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost conversations set-ref conversations/0192f0a0-0000-7000-8000-000000000001 zendesk 48213")]
pub struct RefSetArgs {
    /// conversations/ID or contacts/ID; of an id alone, the conversation
    name: String,
    /// Which system: a-z, 0-9 and -
    connector: String,
    /// What it is called there
    id: String,
    /// Check it, change nothing
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub struct RefDeleteArgs {
    /// conversations/ID or contacts/ID; of an id alone, the conversation
    name: String,
    /// Which system
    connector: String,
    /// Check it, change nothing
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(command: ConversationsCommand) -> Result<(), Failure> {
    match command {
        ConversationsCommand::List(args) => list(args).await,
        ConversationsCommand::Show(args) => show(args).await,
        ConversationsCommand::SetRef(args) => set_ref(args).await,
        ConversationsCommand::DeleteRef(args) => delete_ref(args).await,
    }
}

async fn client(args: &ServerArgs) -> Result<ConversationServiceClient, Failure> {
    Ok(ConversationServiceClient::new(connect(args).await?))
}

async fn list(args: ConversationListArgs) -> Result<(), Failure> {
    let client = client(&args.list.server).await?;
    let asked = v1::ListConversationsRequest {
        contact: args.contact.as_deref().map(recipient),
        team: team(&args.team),
        state: args.state.map(StateName::to_wire).unwrap_or_default().into(),
        ..v1::ListConversationsRequest::default()
    };
    let conversations = pages(args.list.limit, |page_size, page_token| {
        let client = client.clone();
        let request = v1::ListConversationsRequest { page_size, page_token, ..asked.clone() };
        async move {
            let page = client.list_conversations(request).await?.into_inner();
            Ok((page.conversations, page.next_page_token))
        }
    });
    let fields = ["name", "state", "team", "number", "active_time", "window_end_time", "contact"];
    print_list(args.list.server.json, &conversations.await?, &fields)
}

async fn show(args: ConversationShowArgs) -> Result<(), Failure> {
    let client = client(&args.list.server).await?;
    let name = conversation(&args.conversation);
    let request = v1::GetConversationRequest { name: name.clone() };
    let found = client.get_conversation(request).await?.into_inner().conversation.unwrap_or_default();
    let entries = pages(args.list.limit, |page_size, page_token| {
        let client = client.clone();
        let request = v1::ListEntriesRequest { parent: name.clone(), page_size, page_token };
        async move {
            let page = client.list_entries(request).await?.into_inner();
            Ok((page.entries, page.next_page_token))
        }
    });
    print_transcript(args.list.server.json, &found, &entries.await?)
}

async fn set_ref(args: RefSetArgs) -> Result<(), Failure> {
    let request = v1::SetExternalRefRequest {
        name: called(&args.name),
        external_ref: Some(v1::ExternalRef { connector: args.connector, id: args.id }),
        validate_only: args.validate_only,
    };
    let refs = client(&args.server).await?.set_external_ref(request).await?.into_inner().external_refs;
    print_refs(args.server.json, &refs)
}

async fn delete_ref(args: RefDeleteArgs) -> Result<(), Failure> {
    let request = v1::DeleteExternalRefRequest {
        name: called(&args.name),
        connector: args.connector,
        validate_only: args.validate_only,
    };
    let refs = client(&args.server).await?.delete_external_ref(request).await?.into_inner().external_refs;
    print_refs(args.server.json, &refs)
}

fn called(name: &str) -> String {
    if name.starts_with("contacts/") { name.to_owned() } else { conversation(name) }
}
