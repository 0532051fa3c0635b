//! `waypost audit`.

use clap::{Args, Subcommand};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::audit_service_client::AuditServiceClient;

use crate::failure::Failure;
use crate::server::{ListArgs, ServerArgs, connect, pages, print_list, print_one};

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List what was changed, newest first
    List(AuditListArgs),
    /// Check the chain of records from end to end; exit code 1 when one was altered or is missing
    Verify(ServerArgs),
}

#[derive(Debug, Args)]
pub struct AuditListArgs {
    /// Only the resource of this name, e.g. teams/billing
    #[arg(long, default_value = "")]
    resource: String,
    #[command(flatten)]
    list: ListArgs,
}

pub(crate) async fn run(command: AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::List(args) => list(args).await,
        AuditCommand::Verify(args) => verify(args).await,
    }
}

async fn list(args: AuditListArgs) -> Result<(), Failure> {
    let client = AuditServiceClient::new(connect(&args.list.server).await?);
    let records = pages(args.list.limit, |page_size, page_token| {
        let client = client.clone();
        let request = v1::ListAuditRecordsRequest { page_size, page_token, resource: args.resource.clone() };
        async move {
            let page = client.list_audit_records(request).await?.into_inner();
            Ok((page.audit_records, page.next_page_token))
        }
    });
    print_list(args.list.server.json, &records.await?, &["name", "time", "actor", "method", "resource"])
}

async fn verify(args: ServerArgs) -> Result<(), Failure> {
    let client = AuditServiceClient::new(connect(&args).await?);
    let mut whole = v1::VerifyAuditChainResponse { next_seq: 1, ..Default::default() };
    while whole.next_seq > 0 {
        let request = v1::VerifyAuditChainRequest { from_seq: whole.next_seq };
        let part = client.verify_audit_chain(request).await?.into_inner();
        whole = v1::VerifyAuditChainResponse { verified: whole.verified + part.verified, ..part };
    }
    print_one(args.json, &whole)?;
    if whole.valid {
        return Ok(());
    }
    Err(Failure::failed(format!("{}: {}", whole.broken_record, whole.problem)))
}
