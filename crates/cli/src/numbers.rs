//! `waypost numbers`.

use clap::{Args, Subcommand};
use prost_types::FieldMask;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::number_service_client::NumberServiceClient;

use crate::failure::Failure;
use crate::named::number as number_name;
use crate::server::{EditArgs, ServerArgs, connect, pages, print_list, print_one};

#[derive(Debug, Subcommand)]
pub enum NumbersCommand {
    /// List all numbers
    List(ServerArgs),
    /// Show one number
    Get(NumberGetArgs),
    /// Give one of Meta's ids a name of ours, or a name a new id
    Set(NumberSetArgs),
}

#[derive(Debug, Args)]
pub struct NumberGetArgs {
    /// The number: support-es, or numbers/support-es
    number: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost numbers set support-es 106540352242922 --language es

The id that had the name before keeps it too, for its history. Every process follows within two seconds, and the
section [numbers] of the configuration changes neither this name nor this id any more.")]
pub struct NumberSetArgs {
    /// Our name: support-es, or numbers/support-es
    number: String,
    /// Meta's id of the number (phone_number_id)
    phone_number_id: String,
    /// The language that is usual on it: that of customers of whom nobody knows another ("" for none)
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    #[command(flatten)]
    edit: EditArgs,
}

pub(crate) async fn run(command: NumbersCommand) -> Result<(), Failure> {
    match command {
        NumbersCommand::List(args) => list(args).await,
        NumbersCommand::Get(args) => get(args).await,
        NumbersCommand::Set(args) => set(args).await,
    }
}

async fn client(args: &ServerArgs) -> Result<NumberServiceClient, Failure> {
    Ok(NumberServiceClient::new(connect(args).await?))
}

async fn list(args: ServerArgs) -> Result<(), Failure> {
    let client = client(&args).await?;
    let numbers = pages(usize::MAX, |page_size, page_token| {
        let client = client.clone();
        async move {
            let page = client.list_numbers(v1::ListNumbersRequest { page_size, page_token }).await?.into_inner();
            Ok((page.numbers, page.next_page_token))
        }
    });
    print_list(args.json, &numbers.await?, &["name", "phone_number_id", "display_number", "since_time", "update_time"])
}

async fn get(args: NumberGetArgs) -> Result<(), Failure> {
    let request = v1::GetNumberRequest { name: number_name(&args.number) };
    let number = client(&args.server).await?.get_number(request).await?.into_inner().number;
    print_one(args.server.json, &number.unwrap_or_default())
}

async fn set(args: NumberSetArgs) -> Result<(), Failure> {
    let EditArgs { etag, validate_only, server } = args.edit;
    let mut paths = vec!["phone_number_id".to_owned()];
    paths.extend(args.language.is_some().then(|| "language".to_owned()));
    let number = v1::Number {
        name: number_name(&args.number),
        phone_number_id: args.phone_number_id,
        language: args.language.unwrap_or_default(),
        etag,
        ..v1::Number::default()
    };
    let request = v1::UpdateNumberRequest {
        number: Some(number),
        update_mask: Some(FieldMask { paths }),
        allow_missing: true,
        validate_only,
    };
    let number = client(&server).await?.update_number(request).await?.into_inner().number;
    print_one(server.json, &number.unwrap_or_default())
}
