//! `waypost contacts`: one contact, or a file of them.

mod import;
mod rows;

use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::contact_service_client::ContactServiceClient;

use super::remote::{connect, print_one};
use crate::cli::{ContactGetArgs, ContactsCommand};
use crate::exit::Failure;

pub(crate) async fn run(command: ContactsCommand) -> Result<(), Failure> {
    match command {
        ContactsCommand::Get(args) => get(args).await,
        ContactsCommand::Import(args) => import::run(args).await,
    }
}

async fn get(args: ContactGetArgs) -> Result<(), Failure> {
    let mut client = ContactServiceClient::new(connect(&args.server).await?);
    let request = v1::GetContactRequest {
        name: args.name.unwrap_or_default(),
        phone: args.phone.unwrap_or_default(),
        bsuid: args.bsuid.unwrap_or_default(),
    };
    let contact = client.get_contact(request).await?.into_inner().contact;
    print_one(args.server.json, &contact.unwrap_or_default())
}
