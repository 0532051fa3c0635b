//! `waypost send`: a message to a customer, by the flags or as JSON.

mod content;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{ArgGroup, Args, ValueEnum};
use uuid::Uuid;
use waypost_proto::gateway_v1 as v1;
use waypost_proto::gateway_v1::message_service_client::MessageServiceClient;
use waypost_proto::sends::parse_json;
use waypost_proto::sends_v1 as sends;

use self::content::ContentArgs;
pub(crate) use self::content::{ValueArgs, button_of, pair};
use crate::failure::Failure;
use crate::messages::{print_message, waited_for};
use crate::named::{conversation, number, recipient};
use crate::piped;
use crate::server::{ServerArgs, connect};
use crate::times::span;

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("what").required(true).args(["text", "template", "image", "document", "request"]),
    after_help = "Examples:
  waypost send 'Your parcel is here' --to '+34 600 000 107' --number support-es
  waypost send --template order_update --value 17 --value tomorrow --event orders/17 \\
    --to ES.13491208655302741918 --number support-es --validate-only
  waypost send --request request.json --wait

Whether a message may go is decided when it is its turn; --validate-only tells how that would end
now, with what the customer would read of a template, and keeps nothing. The same --id again is the
same message, however often it is sent."
)]
pub struct SendArgs {
    #[command(flatten)]
    content: ContentArgs,
    /// The whole request as JSON (proto/send-request.schema.json); - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "to", "number", "id", "conversation", "event", "asked", "category", "expires", "urgent", "last_seen",
        "reply_to", "force", "strict_order", "shorten", "take_thread", "bot",
    ])]
    request: Option<PathBuf>,
    /// To whom: a number with its country code, a business-scoped user id, or contacts/ID
    #[arg(long, value_name = "CONTACT", required_unless_present = "request")]
    to: Option<String>,
    /// From which of the business's numbers: support-es, or numbers/support-es
    #[arg(long, value_name = "NUMBER", required_unless_present = "request")]
    number: Option<String>,
    /// An id of your own for it: the same id is the same message; made up where left out
    #[arg(long, value_name = "SEND_ID")]
    id: Option<String>,
    /// In this conversation: conversations/ID; the open one where left out
    #[arg(long, value_name = "CONVERSATION", default_value = "")]
    conversation: String,
    /// What happened that it tells of, by an id that says nothing about a person; without it, it is a reply
    #[arg(long, value_name = "ID", default_value = "")]
    event: String,
    /// The customer asked for just this, e.g. for a code
    #[arg(long, conflicts_with = "event")]
    asked: bool,
    /// What it is taken for; a template is judged by the stricter of this and its own
    #[arg(long, value_enum)]
    category: Option<CategoryName>,
    /// Of no use any more after so long, e.g. 10m, 2h or 3d
    #[arg(long, value_name = "TIME", value_parser = span)]
    expires: Option<Duration>,
    /// Before whatever is normal
    #[arg(long)]
    urgent: bool,
    /// The customer's last message that you have read, by its id (wamid): refused if there are newer ones
    #[arg(long, value_name = "WAMID", default_value = "")]
    last_seen: String,
    /// The message of this chat that it is shown as an answer to, by its id (wamid)
    #[arg(long, value_name = "WAMID", default_value = "")]
    reply_to: String,
    /// Send it although the customer has written since
    #[arg(long)]
    force: bool,
    /// Only after the message before it was delivered, which is waited for a minute at most
    #[arg(long)]
    strict_order: bool,
    /// Cut labels and texts that are too long
    #[arg(long)]
    shorten: bool,
    /// Take the thread from another app that holds it
    #[arg(long)]
    take_thread: bool,
    /// A program writes it, and no person
    #[arg(long)]
    bot: bool,
    /// Say what would become of it, and keep nothing
    #[arg(long)]
    validate_only: bool,
    /// Wait until it is delivered, or ended otherwise, which fails
    #[arg(long, conflicts_with = "validate_only")]
    wait: bool,
    /// How long --wait waits, e.g. 10m or 2h
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "2m")]
    wait_timeout: Duration,
    #[command(flatten)]
    server: ServerArgs,
}

/// What consent knows, and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CategoryName {
    Service,
    Authentication,
    Utility,
    Marketing,
}

impl CategoryName {
    pub(crate) const fn to_wire(self) -> sends::Category {
        match self {
            Self::Service => sends::Category::Service,
            Self::Authentication => sends::Category::Authentication,
            Self::Utility => sends::Category::Utility,
            Self::Marketing => sends::Category::Marketing,
        }
    }
}

pub(crate) async fn run(args: SendArgs) -> Result<(), Failure> {
    let (validate_only, wait, timeout) = (args.validate_only, args.wait, args.wait_timeout);
    let server = args.server.clone();
    let message = request(args)?;
    let client = MessageServiceClient::new(connect(&server).await?);
    let asked = v1::SendMessageRequest { message: Some(message), validate_only };
    let mut message = client.send_message(asked).await?.into_inner().message.unwrap_or_default();
    if wait {
        message = waited_for(&client, message, timeout).await?;
    }
    print_message(server.json, &message)?;
    ended(&message, validate_only, wait)
}

fn request(args: SendArgs) -> Result<sends::SendRequest, Failure> {
    if let Some(file) = &args.request {
        return of_file(file);
    }
    let cause = match (&args.event, args.asked) {
        (_, true) => sends::Cause::CustomerAsked,
        (event, false) if event.is_empty() => sends::Cause::Reply,
        _ => sends::Cause::Event,
    };
    let expires = args.expires.map(|expires| SystemTime::now() + expires);
    let priority = if args.urgent { sends::Priority::Urgent } else { sends::Priority::Normal };
    Ok(sends::SendRequest {
        send_id: args.id.unwrap_or_else(|| Uuid::now_v7().to_string()),
        number: number(&args.number.unwrap_or_default()),
        to: Some(recipient(&args.to.unwrap_or_default())),
        conversation: conversation(&args.conversation),
        content: Some(args.content.content()?),
        cause: cause.into(),
        event: args.event,
        bot: args.bot,
        category: args.category.map(CategoryName::to_wire).unwrap_or_default().into(),
        substitute: None,
        priority: priority.into(),
        expire_time: expires.map(Into::into),
        last_seen: args.last_seen,
        reply_to: args.reply_to,
        force: args.force,
        strict_order: args.strict_order,
        shorten: args.shorten,
        take_thread: args.take_thread,
    })
}

fn of_file(file: &Path) -> Result<sends::SendRequest, Failure> {
    let body = piped::read(file, "a request", "--request FILE")?;
    parse_json(&body).map_err(|violations| Failure::config(format!("{}: {violations}", file.display())))
}

/// What was looked at is not well where it does not go.
fn ended(message: &v1::Message, validate_only: bool, wait: bool) -> Result<(), Failure> {
    let outcome = message.verdict.as_ref().map(sends::Verdict::outcome).unwrap_or_default();
    let is_refused = matches!(outcome, sends::Outcome::Refused | sends::Outcome::Expired);
    if validate_only && is_refused {
        return Err(Failure::Differ);
    }
    match message.state() {
        v1::MessageState::Delivered | v1::MessageState::Read | v1::MessageState::Played => Ok(()),
        state if wait => {
            let word = state.as_str_name().trim_start_matches("MESSAGE_STATE_").to_lowercase();
            Err(Failure::failed(format!("{} is {word}", message.name)))
        }
        _ => Ok(()),
    }
}
