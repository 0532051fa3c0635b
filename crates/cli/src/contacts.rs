//! `waypost contacts`: one contact, or a file of them.

mod erase;
mod export;
mod import;
mod rows;

use clap::{Args, Subcommand};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::contact_service_client::ContactServiceClient;

pub(crate) use self::erase::ContactsEraseArgs;
pub(crate) use self::export::ContactsExportArgs;
pub(crate) use self::import::ContactsImportArgs;
use crate::failure::Failure;
use crate::server::{ServerArgs, connect, print_one};

#[derive(Debug, Subcommand)]
pub enum ContactsCommand {
    /// Show what is known of a contact
    Get(ContactGetArgs),
    /// Create and update contacts from a file
    Import(ContactsImportArgs),
    /// Undo a merge: two contacts are not one person
    Split(ContactSplitArgs),
    /// Say that a contact is who it claims to be
    Confirm(ContactConfirmArgs),
    /// Say that a contact is not who it claims to be
    Refuse(ContactRefuseArgs),
    /// Write down everything that is held of a person
    Export(ContactsExportArgs),
    /// Forget a person, for good
    Erase(ContactsEraseArgs),
}

#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("which").required(true).args(["reference", "phone", "bsuid"]),
    after_help = "Examples:
  waypost contacts get '+34 600 000 107'
  waypost contacts get contacts/0192f0a0-0000-7000-8000-000000000001
  waypost contacts get wamid.HBgL…              # who wrote it"
)]
pub struct ContactGetArgs {
    /// A number, a business-scoped user id, contacts/ID or its id alone; or a message of theirs, by its id
    reference: Option<String>,
    /// By phone number, with its country code
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// By Meta's business-scoped user id
    #[arg(long, value_name = "ID")]
    bsuid: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Aliases, open conversations and messages on hold that came from the other contact go back to it, unless
somebody else has them by now. From then on a phone number alone does not make the two one again.

`waypost contacts get` shows who was merged into a contact (merged_contacts)."
)]
pub struct ContactSplitArgs {
    /// The contact that is left: contacts/ID
    name: String,
    /// Who was merged into it: contacts/ID; the last one if none is given
    #[arg(long, value_name = "NAME")]
    merged: Option<String>,
    /// Check it, change nothing
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Whoever shows a new user id on the number of somebody who was silent for long, or whose identity changed,
only claims to be them (claims in `waypost contacts get`). Confirmed, both are one contact, with the transcript of both."
)]
pub struct ContactConfirmArgs {
    /// The contact that claims to be another: contacts/ID
    name: String,
    /// Whom it claims to be: contacts/ID; needed where there are several
    #[arg(long, value_name = "NAME")]
    claimed: Option<String>,
    /// Check it, change nothing
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The claim is gone, and from then on a phone number alone does not make the two contacts one. `waypost contacts
get` shows what a contact claims (claims)."
)]
pub struct ContactRefuseArgs {
    /// The contact whose claim it is: contacts/ID
    name: String,
    /// Whom it claims to be: contacts/ID; needed where it has several claims
    #[arg(long, value_name = "NAME", conflicts_with = "phone")]
    claimed: Option<String>,
    /// The number of a card that is not theirs
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// Check it, change nothing
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(command: ContactsCommand) -> Result<(), Failure> {
    match command {
        ContactsCommand::Get(args) => get(args).await,
        ContactsCommand::Import(args) => import::run(args).await,
        ContactsCommand::Split(args) => split(args).await,
        ContactsCommand::Confirm(args) => confirm(args).await,
        ContactsCommand::Refuse(args) => refuse(args).await,
        ContactsCommand::Export(args) => export::run(args).await,
        ContactsCommand::Erase(args) => erase::run(args).await,
    }
}

async fn get(args: ContactGetArgs) -> Result<(), Failure> {
    let client = ContactServiceClient::new(connect(&args.server).await?);
    let request = v1::GetContactRequest {
        reference: args.reference.unwrap_or_default(),
        name: String::new(),
        phone: args.phone.unwrap_or_default(),
        bsuid: args.bsuid.unwrap_or_default(),
    };
    let contact = client.get_contact(request).await?.into_inner().contact;
    print_one(args.server.json, &contact.unwrap_or_default())
}

async fn split(args: ContactSplitArgs) -> Result<(), Failure> {
    let client = ContactServiceClient::new(connect(&args.server).await?);
    let (merged_contact, validate_only) = (args.merged.unwrap_or_default(), args.validate_only);
    let request = v1::SplitContactRequest { name: args.name, merged_contact, validate_only };
    print_one(args.server.json, &client.split_contact(request).await?.into_inner())
}

async fn confirm(args: ContactConfirmArgs) -> Result<(), Failure> {
    let client = ContactServiceClient::new(connect(&args.server).await?);
    let (claimed_contact, validate_only) = (args.claimed.unwrap_or_default(), args.validate_only);
    let request = v1::ConfirmContactRequest { name: args.name, claimed_contact, validate_only };
    print_one(args.server.json, &client.confirm_contact(request).await?.into_inner())
}

async fn refuse(args: ContactRefuseArgs) -> Result<(), Failure> {
    let client = ContactServiceClient::new(connect(&args.server).await?);
    let request = v1::RefuseClaimRequest {
        name: args.name,
        claimed_contact: args.claimed.unwrap_or_default(),
        claimed_phone: args.phone.unwrap_or_default(),
        validate_only: args.validate_only,
    };
    print_one(args.server.json, &client.refuse_claim(request).await?.into_inner())
}
