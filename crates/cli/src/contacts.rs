//! `waypost contacts`: one contact, or a file of them.

mod import;
mod rows;

use clap::{Args, Subcommand};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::contact_service_client::ContactServiceClient;

pub(crate) use self::import::ContactsImportArgs;
use crate::failure::Failure;
use crate::server::{ServerArgs, connect, print_one};

#[derive(Debug, Subcommand)]
pub enum ContactsCommand {
    /// Show what is known of a contact
    Get(ContactGetArgs),
    /// Create and update contacts from a file
    Import(ContactsImportArgs),
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["name", "phone", "bsuid"]))]
pub struct ContactGetArgs {
    /// contacts/ID
    name: Option<String>,
    /// By phone number, with its country code
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// By Meta's business-scoped user id
    #[arg(long, value_name = "ID")]
    bsuid: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(command: ContactsCommand) -> Result<(), Failure> {
    match command {
        ContactsCommand::Get(args) => get(args).await,
        ContactsCommand::Import(args) => import::run(args).await,
    }
}

async fn get(args: ContactGetArgs) -> Result<(), Failure> {
    let client = ContactServiceClient::new(connect(&args.server).await?);
    let request = v1::GetContactRequest {
        name: args.name.unwrap_or_default(),
        phone: args.phone.unwrap_or_default(),
        bsuid: args.bsuid.unwrap_or_default(),
    };
    let contact = client.get_contact(request).await?.into_inner().contact;
    print_one(args.server.json, &contact.unwrap_or_default())
}
