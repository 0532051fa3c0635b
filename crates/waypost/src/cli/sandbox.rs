//! The arguments of `waypost sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;
use waypost_domain::phone::PhoneError;

/// A WhatsApp Cloud API over HTTP for any program that sends through one. It judges messages by Meta's pages, answers with
/// Meta's shapes and codes, and tells signed webhooks what becomes of them. Customers do what they are told to, and things
/// go wrong on demand: by the verbs below, or by JSON under /_sandbox. Nothing is stored, and nobody is asked for a token there:
/// keep it on this machine or in a test's network.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  waypost sandbox --webhook-url http://127.0.0.1:8080/webhook --customer 4915100000001
  waypost sandbox customer write 4915100000001 'Where is my order?'
  waypost sandbox fault --times 3 refuse 130429
  waypost sandbox accepted

It runs until Ctrl-C or SIGTERM. The verbs ask the one at their --sandbox (WAYPOST_SANDBOX)."
)]
pub(crate) struct SandboxArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SandboxCommand>,
    #[command(flatten)]
    pub(crate) run: SandboxRunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SandboxRunArgs {
    /// Where the Graph API is served; port 0 for any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8490")]
    pub(crate) listen: SocketAddr,
    /// Where webhooks go; without it none are sent
    #[arg(long, visible_alias = "forward-to", value_name = "URL")]
    pub(crate) webhook_url: Option<String>,
    /// What webhooks are signed with
    #[arg(long, value_name = "SECRET", default_value = "sandbox-secret", hide_env_values = true)]
    pub(crate) app_secret: String,
    /// The access token that is valid
    #[arg(long, value_name = "TOKEN", default_value = "sandbox-token")]
    pub(crate) token: String,
    /// The id of the WhatsApp Business account
    #[arg(long, value_name = "ID", default_value = "102290129340398")]
    pub(crate) waba_id: String,
    /// A number of the business: its id, or ID=NUMBER; may be given several times
    #[arg(long, value_name = "ID[=NUMBER]", default_value = "106540352242922=15550783881", value_parser = number)]
    pub(crate) phone_number_id: Vec<(String, String)>,
    /// Templates that are approved: JSON as one creates them, or as Meta lists them; may be given several times
    /// [default: hello_world]
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Vec<PathBuf>,
    /// The number of somebody who has WhatsApp; may be given several times
    #[arg(long, value_name = "NUMBER", value_parser = super::phone)]
    pub(crate) customer: Vec<String>,
    /// Everybody has WhatsApp: a number is a customer from the first message to it on
    #[arg(long)]
    pub(crate) anyone: bool,
    /// Take a number without + as one with its country code, and not as one of the sender's country
    #[arg(long)]
    pub(crate) any_prefix: bool,
    /// Say in the answer what Meta says of a customer by a failed status: a closed window, a number without WhatsApp
    #[arg(long)]
    pub(crate) refuse_at_once: bool,
    /// Lift Meta's limits: throughput, pairs, unique customers, marketing
    #[arg(long)]
    pub(crate) no_limits: bool,
    /// Between two statuses of a message, at most
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 50)]
    pub(crate) delay_ms: u64,
    /// Of 100 messages, how many have their statuses out of order, how many twice, and how many without `delivered`
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) untidy: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SandboxCommand {
    /// Let something go wrong
    Fault(FaultArgs),
    /// Let a customer do something
    Customer(CustomerArgs),
    /// List messages that were accepted, in order
    Accepted(ListArgs),
    /// List requests for messages that were refused, and why
    Refused(ListArgs),
    /// Let Meta decide on a template: APPROVED, REJECTED, PAUSED, DISABLED …; the webhook is told
    Template(TemplateArgs),
    /// Show or set what Meta says of app, token, account and numbers when it is asked
    Standing(StandingArgs),
    /// Move the clock on: windows end, limits are forgotten
    Clock(ClockArgs),
    /// Show numbers, templates and counts
    State(At),
}

/// The sandbox that is asked.
#[derive(Debug, Args)]
pub(crate) struct At {
    /// The sandbox's address
    #[arg(long, value_name = "URL", env = "WAYPOST_SANDBOX", default_value = "http://127.0.0.1:8490")]
    pub(crate) sandbox: String,
}

/// A fault strikes every message that it is for, until it has struck often enough or is cleared.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost sandbox fault --times 3 refuse 130429 --http-status 429 --retry-after 5
  waypost sandbox fault --customer 4915100000001 fail-later 131053
  waypost sandbox fault --times 1 reset --after-accept
  waypost sandbox fault restrict-account
  waypost sandbox fault clear")]
pub(crate) struct FaultArgs {
    #[command(flatten)]
    pub(crate) at: At,
    /// Only messages of this number
    #[arg(long, value_name = "ID")]
    pub(crate) phone_number_id: Option<String>,
    /// Only messages to this customer
    #[arg(long, value_name = "NUMBER|USER_ID")]
    pub(crate) customer: Option<String>,
    /// So many messages [default: until it is cleared]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) times: Option<u32>,
    #[command(subcommand)]
    pub(crate) kind: FaultVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FaultVerb {
    /// Answer with an error code of Meta's
    Refuse {
        /// Meta's code
        code: i64,
        /// Instead of the code's own HTTP status
        #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(400..600))]
        http_status: Option<u16>,
        /// Instead of the code's own text, e.g. one in another language
        #[arg(long)]
        message: Option<String>,
        /// Say when to try again, in seconds
        #[arg(long, value_name = "SECONDS")]
        retry_after: Option<u32>,
    },
    /// Accept the message and let it fail afterwards
    FailLater {
        /// Meta's code
        code: i64,
    },
    /// Answer with a page of HTML
    Html {
        /// The HTTP status
        #[arg(default_value_t = 502, value_parser = clap::value_parser!(u16).range(400..600))]
        http_status: u16,
    },
    /// Reset the connection
    Reset {
        /// Take the message first: it exists, and its statuses come
        #[arg(long)]
        after_accept: bool,
    },
    /// Take the message and answer late
    Slow {
        /// How late
        #[arg(value_name = "MILLISECONDS")]
        delay_ms: u64,
    },
    /// Never answer
    BlackHole {
        /// Take the message first
        #[arg(long)]
        after_accept: bool,
    },
    /// End every access token
    ExpireTokens,
    /// Restrict the account (368), or lock it (131031); the webhook is told
    RestrictAccount {
        /// 368 or 131031
        #[arg(default_value_t = 368)]
        code: i64,
    },
    /// Lift what restrict-account did
    LiftRestriction,
    /// List the faults in force
    List,
    /// Clear one fault, or all
    Clear {
        /// Its id [default: all]
        id: Option<u64>,
    },
}

/// Customers are named by their number in any spelling, or by their business-scoped id.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost sandbox customer add 4915100000001 --name Bea
  waypost sandbox customer write 4915100000001 'Hello?'
  waypost sandbox customer tap 4915100000001 --label Yes
  waypost sandbox customer stop-marketing 4915100000001")]
pub(crate) struct CustomerArgs {
    #[command(flatten)]
    pub(crate) at: At,
    /// The business's number that is meant [default: the first]
    #[arg(long, value_name = "ID")]
    pub(crate) phone_number_id: Option<String>,
    #[command(subcommand)]
    pub(crate) act: CustomerVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CustomerVerb {
    /// Somebody gets WhatsApp
    Add {
        /// Their number, with its country code
        #[arg(value_parser = super::phone)]
        number: String,
        /// What they call themselves
        #[arg(long, default_value = "Customer")]
        name: String,
        /// Their business-scoped id [default: one is made up]
        #[arg(long, value_name = "ID")]
        user_id: Option<String>,
    },
    /// List everybody who has WhatsApp
    List,
    /// They write a text, which opens the customer service window
    Write {
        /// Who
        who: String,
        /// What
        text: String,
    },
    /// They tap a button or a row of the last message that has some
    Tap {
        /// Who
        who: String,
        /// What stands on it
        #[arg(long, conflicts_with = "id")]
        label: Option<String>,
        /// What the business knows it by
        #[arg(long)]
        id: Option<String>,
    },
    /// They read what they have not read yet
    Read {
        /// Who
        who: String,
    },
    /// They read nothing by themselves from now on
    Ignore {
        /// Who
        who: String,
    },
    /// They answer every message with this text
    Answer {
        /// Who
        who: String,
        /// What [default: no more]
        text: Option<String>,
    },
    /// They block the business
    Block {
        /// Who
        who: String,
    },
    /// They let the business in again
    Unblock {
        /// Who
        who: String,
    },
    /// They stop marketing; the webhook is told
    StopMarketing {
        /// Who
        who: String,
    },
    /// They take marketing again; the webhook is told
    ResumeMarketing {
        /// Who
        who: String,
    },
    /// Their phone is off: nothing is delivered until it is on again
    Offline {
        /// Who
        who: String,
    },
    /// Their phone is on again
    Online {
        /// Who
        who: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) at: At,
    /// Only those for this customer
    #[arg(long, value_name = "NUMBER|USER_ID")]
    pub(crate) customer: Option<String>,
    /// The last so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    /// Print them whole, as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TemplateArgs {
    #[command(flatten)]
    pub(crate) at: At,
    /// Its name
    pub(crate) name: String,
    /// Its language: en_US
    pub(crate) language: String,
    /// What the webhook is told: APPROVED, REJECTED, PAUSED, DISABLED, REINSTATED …
    pub(crate) event: String,
    /// Why, of REJECTED
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost sandbox standing
  waypost sandbox standing name_status=DECLINED
  waypost sandbox standing 'scopes=[\"whatsapp_business_messaging\"]' subscription_active=false")]
pub(crate) struct StandingArgs {
    #[command(flatten)]
    pub(crate) at: At,
    /// What it says from now on: a word or JSON; without any, what it says is shown
    #[arg(value_name = "FIELD=VALUE", value_parser = field)]
    pub(crate) fields: Vec<(String, Value)>,
}

/// A value that is no JSON is a word.
fn field(text: &str) -> Result<(String, Value), &'static str> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write FIELD=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((name.to_owned(), value))
}

#[derive(Debug, Args)]
pub(crate) struct ClockArgs {
    #[command(flatten)]
    pub(crate) at: At,
    /// By how much
    #[arg(value_name = "HOURS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) hours: u32,
}

/// `ID` or `ID=NUMBER`; without a number one is made up.
fn number(text: &str) -> Result<(String, String), PhoneError> {
    match text.split_once('=') {
        Some((id, number)) => Ok((id.to_owned(), super::phone(number)?)),
        None => Ok((text.to_owned(), format!("1555{:0>7}", text.get(text.len().saturating_sub(7)..).unwrap_or(text)))),
    }
}
