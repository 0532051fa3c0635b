//! The verbs of `waypost` that ask a running server, or nothing but a file: each verb's arguments and its run stand in one
//! file. Knows the rules, WhatsApp's and our own formats, and the administration's client. Must never open the store or
//! the bus of this machine: the verbs that do are the binary's.

mod alerts;
mod audit;
mod calendars;
mod campaigns;
mod cell;
pub mod completions;
mod config_args;
mod consent;
mod contacts;
mod conversations;
mod dead_letters;
mod decisions;
mod failure;
mod inspect;
mod limits;
pub mod man;
mod media;
mod messages;
mod named;
mod numbers;
pub mod output;
mod parts;
mod piped;
mod policy;
mod rows;
mod rules;
pub mod secret_file;
mod send;
mod server;
pub mod show;
pub mod status;
pub mod tail;
mod teams;
mod templates;
mod times;
pub mod token;
mod trace;

use std::pin::Pin;

use clap::Subcommand;

use self::alerts::AlertsCommand;
use self::audit::AuditCommand;
use self::calendars::CalendarsCommand;
use self::campaigns::CampaignsCommand;
pub use self::config_args::{Beside, ConfigArgs};
use self::consent::ConsentCommand;
use self::contacts::ContactsCommand;
use self::conversations::ConversationsCommand;
use self::dead_letters::DeadLettersCommand;
use self::decisions::DecisionsCommand;
pub use self::failure::{EXIT_CODES, Failure, HUNG};
use self::inspect::InspectArgs;
use self::limits::LimitsCommand;
use self::media::MediaCommand;
use self::messages::MessagesCommand;
use self::numbers::NumbersCommand;
use self::policy::PolicyCommand;
use self::rules::{FormerRuleCommand, RulesCommand};
use self::send::SendArgs;
pub use self::server::{Finder, Found, Server, ServerArgs, connect, local_server};
use self::teams::TeamsCommand;
use self::templates::TemplatesCommand;
use self::trace::TraceArgs;

/// The verbs that are whole here: the binary adds them to its own.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Read a webhook body and print its events, one JSON line each; no network
    Inspect(InspectArgs),
    /// Check, try, explain and compare routing rules: files without a server, versions on it; activate them
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Look at teams and change them, through the running administration
    #[command(subcommand)]
    Teams(TeamsCommand),
    /// Names of ours for the business's numbers
    #[command(subcommand)]
    Numbers(NumbersCommand),
    /// Look at a contact, or take over contacts from a CRM
    #[command(subcommand)]
    Contacts(ContactsCommand),
    /// Send a message to a customer, or ask what would become of it
    Send(SendArgs),
    /// Messages to customers: list, look at, take back, send again
    #[command(subcommand)]
    Messages(MessagesCommand),
    /// Conversations with customers, and what was said in them
    #[command(subcommand)]
    Conversations(ConversationsCommand),
    /// Files that customers sent, and files for them
    #[command(subcommand)]
    Media(MediaCommand),
    /// One template to many contacts: plan it, start and stop it, see how far it is
    #[command(subcommand)]
    Campaigns(CampaignsCommand),
    /// What customers agreed to: keep it, look at it
    #[command(subcommand)]
    Consent(ConsentCommand),
    /// Meta's templates: list, look at, read anew, try with values
    #[command(subcommand)]
    Templates(TemplatesCommand),
    /// The data of the rules for sending: countries, limits, caps, quiet hours
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// The former name of `waypost rules list-rules` and its like, until 1.0
    #[command(subcommand, hide = true)]
    Rule(FormerRuleCommand),
    /// Opening hours and holidays of a version of the rules, through the running administration
    #[command(subcommand)]
    Calendars(CalendarsCommand),
    /// Which team got a message, by which rule, and why
    #[command(subcommand)]
    Decisions(DecisionsCommand),
    /// What happened to a message: received, decided, published, told to whom, and when
    Trace(TraceArgs),
    /// Look at parked messages, have them handled again, or throw them away
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// How much may be sent, what waits, and what may not be sent for now
    #[command(subcommand)]
    Limits(LimitsCommand),
    /// What Meta stopped, restricted or warned of: list it, say that it is known
    #[command(subcommand)]
    Alerts(AlertsCommand),
    /// Who changed what; and whether the record of it is whole
    #[command(subcommand)]
    Audit(AuditCommand),
}

/// Runs a verb to its end. The process must have installed a TLS provider. `finder` leads to the process of this machine.
///
/// Boxed, so that it is compiled here and not in whoever calls it.
pub fn run(command: ClientCommand, finder: Finder) -> Pin<Box<dyn Future<Output = Result<(), Failure>>>> {
    Box::pin(server::scope(finder, verb(command)))
}

fn verb(command: ClientCommand) -> Pin<Box<dyn Future<Output = Result<(), Failure>>>> {
    match command {
        ClientCommand::Inspect(args) => Box::pin(async move { inspect::run(&args) }),
        ClientCommand::Rules(command) => Box::pin(rules::run(command)),
        ClientCommand::Teams(command) => Box::pin(teams::run(command)),
        ClientCommand::Numbers(command) => Box::pin(numbers::run(command)),
        ClientCommand::Contacts(command) => Box::pin(contacts::run(command)),
        ClientCommand::Send(args) => Box::pin(send::run(args)),
        ClientCommand::Messages(command) => Box::pin(messages::run(command)),
        ClientCommand::Conversations(command) => Box::pin(conversations::run(command)),
        ClientCommand::Media(command) => Box::pin(media::run(command)),
        ClientCommand::Campaigns(command) => Box::pin(campaigns::run(command)),
        ClientCommand::Consent(command) => Box::pin(consent::run(command)),
        ClientCommand::Templates(command) => Box::pin(templates::run(command)),
        ClientCommand::Policy(command) => Box::pin(policy::run(command)),
        ClientCommand::Rule(command) => Box::pin(rules::run_former(command)),
        ClientCommand::Calendars(command) => Box::pin(calendars::run(command)),
        ClientCommand::Decisions(command) => Box::pin(decisions::run(command)),
        ClientCommand::Trace(args) => Box::pin(trace::run(args)),
        ClientCommand::DeadLetters(command) => Box::pin(dead_letters::run(command)),
        ClientCommand::Limits(command) => Box::pin(limits::run(command)),
        ClientCommand::Alerts(command) => Box::pin(alerts::run(command)),
        ClientCommand::Audit(command) => Box::pin(audit::run(command)),
    }
}
