//! `waypost messages`: what was asked to be sent, and what became of it.

mod shown;

use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;
use waypost_proto::gateway_v1 as v1;
use waypost_proto::gateway_v1::message_service_client::MessageServiceClient;

use self::shown::print_messages;
pub(crate) use self::shown::{preview_lines, print_message};
use crate::failure::Failure;
use crate::named::{conversation, message, number, recipient};
use crate::output;
use crate::server::{ListArgs, ServerArgs, connect, pages};

/// How often is looked whether a message has come further.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Subcommand)]
pub enum MessagesCommand {
    /// List messages to customers, the newest first
    List(MessageListArgs),
    /// Show one message, how far it has come and why
    Show(MessageArgs),
    /// Take back a message that waits for its turn
    Cancel(MessageEditArgs),
    /// Send again what did not arrive, as a new message
    Resend(MessageResendArgs),
    /// Show a customer that their message was read
    Read(MessageReadArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost messages list --contact '+34 600 000 107'
  waypost messages list --state failed --number support-es
  waypost messages list --conversation 0192f0a0-0000-7000-8000-000000000001 --limit 10")]
pub struct MessageListArgs {
    /// Only to this contact: a number with its country code, a business-scoped user id, or contacts/ID
    #[arg(long, value_name = "CONTACT")]
    contact: Option<String>,
    /// Only in this conversation
    #[arg(long, value_name = "CONVERSATION", default_value = "")]
    conversation: String,
    /// Only from this number of the business
    #[arg(long, value_name = "NUMBER", default_value = "")]
    number: String,
    /// Only in this state
    #[arg(long, value_enum)]
    state: Option<StateName>,
    /// Only by this author: agent:tokens/ID, bot:tokens/ID, automation:ID or campaign:ID
    #[arg(long, value_name = "KIND:NAME", value_parser = author)]
    author: Option<v1::Author>,
    #[command(flatten)]
    list: ListArgs,
}

/// The states as people write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateName {
    Queued,
    Attempting,
    Uncertain,
    Expired,
    Refused,
    Cancelled,
    Held,
    Accepted,
    Sent,
    Failed,
    Delivered,
    Read,
    Played,
}

impl StateName {
    const fn to_wire(self) -> v1::MessageState {
        match self {
            Self::Queued => v1::MessageState::Queued,
            Self::Attempting => v1::MessageState::Attempting,
            Self::Uncertain => v1::MessageState::Uncertain,
            Self::Expired => v1::MessageState::Expired,
            Self::Refused => v1::MessageState::Refused,
            Self::Cancelled => v1::MessageState::Cancelled,
            Self::Held => v1::MessageState::Held,
            Self::Accepted => v1::MessageState::Accepted,
            Self::Sent => v1::MessageState::Sent,
            Self::Failed => v1::MessageState::Failed,
            Self::Delivered => v1::MessageState::Delivered,
            Self::Read => v1::MessageState::Read,
            Self::Played => v1::MessageState::Played,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost messages show order-17/confirmation")]
pub struct MessageArgs {
    /// The message: the id that it was sent under, or messages/ID
    message: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "What has gone to WhatsApp, or may have, cannot be taken back.")]
pub struct MessageEditArgs {
    /// The message: the id that it was sent under, or messages/ID
    message: String,
    /// Check it, change nothing
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "It is a new message with a verdict of its own. One that the customer may have is not sent again unless
it is forced: nobody can take it back from them."
)]
pub struct MessageResendArgs {
    /// The message: the id that it was sent under, or messages/ID
    message: String,
    /// An id for the new one; made up where left out
    #[arg(long, value_name = "SEND_ID")]
    id: Option<String>,
    /// Even where the customer may have it
    #[arg(long)]
    force: bool,
    /// Say what would become of it, and keep nothing
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost messages read wamid.HBgL… --number support-es --typing")]
pub struct MessageReadArgs {
    /// The customer's message, by its id (wamid); those before it count as read too
    message_id: String,
    /// The number that it was written to
    #[arg(long, value_name = "NUMBER")]
    number: String,
    /// Show that an answer is being typed
    #[arg(long)]
    typing: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(command: MessagesCommand) -> Result<(), Failure> {
    match command {
        MessagesCommand::List(args) => list(args).await,
        MessagesCommand::Show(args) => show(args).await,
        MessagesCommand::Cancel(args) => cancel(args).await,
        MessagesCommand::Resend(args) => resend(args).await,
        MessagesCommand::Read(args) => read(args).await,
    }
}

async fn client(args: &ServerArgs) -> Result<MessageServiceClient, Failure> {
    Ok(MessageServiceClient::new(connect(args).await?))
}

async fn list(args: MessageListArgs) -> Result<(), Failure> {
    let client = client(&args.list.server).await?;
    let asked = v1::ListMessagesRequest {
        contact: args.contact.as_deref().map(recipient),
        conversation: conversation(&args.conversation),
        number: number(&args.number),
        state: args.state.map(StateName::to_wire).unwrap_or_default().into(),
        author: args.author,
        ..v1::ListMessagesRequest::default()
    };
    let messages = pages(args.list.limit, |page_size, page_token| {
        let client = client.clone();
        let request = v1::ListMessagesRequest { page_size, page_token, ..asked.clone() };
        async move {
            let page = client.list_messages(request).await?.into_inner();
            Ok((page.messages, page.next_page_token))
        }
    });
    print_messages(args.list.server.json, &messages.await?)
}

async fn show(args: MessageArgs) -> Result<(), Failure> {
    let request = v1::GetMessageRequest { name: message(&args.message) };
    let found = client(&args.server).await?.get_message(request).await?.into_inner().message;
    print_message(args.server.json, &found.unwrap_or_default())
}

async fn cancel(args: MessageEditArgs) -> Result<(), Failure> {
    let request = v1::CancelMessageRequest { name: message(&args.message), validate_only: args.validate_only };
    let found = client(&args.server).await?.cancel_message(request).await?.into_inner().message;
    print_message(args.server.json, &found.unwrap_or_default())
}

async fn resend(args: MessageResendArgs) -> Result<(), Failure> {
    let request = v1::ResendMessageRequest {
        name: message(&args.message),
        send_id: args.id.unwrap_or_else(|| Uuid::now_v7().to_string()),
        force: args.force,
        validate_only: args.validate_only,
    };
    let new = client(&args.server).await?.resend_message(request).await?.into_inner().message;
    print_message(args.server.json, &new.unwrap_or_default())
}

async fn read(args: MessageReadArgs) -> Result<(), Failure> {
    let request =
        v1::MarkReadRequest { number: number(&args.number), message_id: args.message_id, typing: args.typing };
    client(&args.server).await?.mark_read(request).await?;
    if args.server.json { output::line("{}") } else { output::line("the customer sees that it was read") }
}

/// The message once it was delivered or has ended otherwise, or as it is when the time is over.
pub(crate) async fn waited_for(
    client: &MessageServiceClient,
    mut message: v1::Message,
    timeout: Duration,
) -> Result<v1::Message, Failure> {
    let end = Instant::now() + timeout;
    while !is_over(message.state()) && Instant::now() < end {
        tokio::time::sleep(LOOK_EVERY).await;
        let request = v1::GetMessageRequest { name: message.name.clone() };
        message = client.get_message(request).await?.into_inner().message.unwrap_or_default();
    }
    Ok(message)
}

const fn is_over(state: v1::MessageState) -> bool {
    match state {
        v1::MessageState::Unspecified | v1::MessageState::Queued | v1::MessageState::Attempting => false,
        v1::MessageState::Uncertain | v1::MessageState::Held => false,
        v1::MessageState::Accepted | v1::MessageState::Sent => false,
        v1::MessageState::Expired | v1::MessageState::Refused | v1::MessageState::Cancelled => true,
        v1::MessageState::Failed | v1::MessageState::Delivered => true,
        v1::MessageState::Read | v1::MessageState::Played => true,
    }
}

fn author(text: &str) -> Result<v1::Author, &'static str> {
    const EXPECTED: &str = "expected agent, bot, automation or campaign, : and a name";
    let (kind, name) = text.split_once(':').ok_or(EXPECTED)?;
    let kind = match kind {
        "agent" => v1::AuthorKind::Agent,
        "bot" => v1::AuthorKind::Bot,
        "automation" => v1::AuthorKind::Automation,
        "campaign" => v1::AuthorKind::Campaign,
        _ => return Err(EXPECTED),
    };
    Ok(v1::Author { kind: kind.into(), name: name.to_owned(), title: String::new() })
}
