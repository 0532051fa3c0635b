//! `waypost contacts erase`: forgets a person, or everybody whom a file names: what is done again once a backup was restored.

use std::path::PathBuf;

use clap::Args;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::contact_service_client::ContactServiceClient;

use crate::failure::Failure;
use crate::output;
use crate::server::{ServerArgs, connect, print_one};

#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("whom").required(true).args(["reference", "file"]),
    after_help = "Examples:
  waypost contacts erase '+34 600 000 107' --validate-only     # how much it is
  waypost contacts erase '+34 600 000 107'
  waypost contacts erase --file erased.txt                     # after a backup was restored

Contact, numbers and ids, conversations and their transcripts, files, what was sent, values in campaigns, consent, parked
messages and statuses go, for good; what is queued for them is cancelled. A keyed hash of each number and id is kept: whoever
shows it again counts as stopped since, until they agree anew, and no import of before changes that. A contact with the
attribute legal_hold is refused.

Keep the name that is printed (contacts/ID), outside of the database: a backup of before still has the person, and --file,
with one name a line, erases them from it again."
)]
pub struct ContactsEraseArgs {
    /// A number, a business-scoped user id, contacts/ID or its id alone; or a message of theirs, by its id
    reference: Option<String>,
    /// Everybody who is named in this file, one a line; who is not known is passed over
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Keep what was agreed to and when, without what leads to the person
    #[arg(long)]
    keep_proof: bool,
    /// Count, change nothing
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: ContactsEraseArgs) -> Result<(), Failure> {
    let client = ContactServiceClient::new(connect(&args.server).await?);
    let request = |reference: &str| v1::EraseContactRequest {
        reference: reference.to_owned(),
        keep_proof: args.keep_proof,
        validate_only: args.validate_only,
    };
    let Some(file) = &args.file else {
        let erased = client.erase_contact(request(args.reference.as_deref().unwrap_or_default())).await?;
        return print_one(args.server.json, &erased.into_inner());
    };
    let names = std::fs::read_to_string(file)
        .map_err(|error| Failure::config(format!("cannot read {}: {error}", file.display())))?;
    let (mut erased, mut unknown) = (0_u64, 0_u64);
    for name in names.lines().map(str::trim).filter(|name| !name.is_empty()) {
        match client.erase_contact(request(name)).await {
            Ok(_) => erased += 1,
            Err(status) if status.code() == tonic::Code::NotFound => unknown += 1,
            Err(status) => return Err(status.into()),
        }
    }
    let line = match args.validate_only {
        true => format!("{erased} would be erased, {unknown} not known; nothing was changed"),
        false => format!("{erased} erased, {unknown} not known"),
    };
    output::line(&line)
}
