//! `waypost consent`: what customers agreed to, and took back.

use std::time::SystemTime;

use clap::{Args, Subcommand, ValueEnum};
use waypost_proto::admin::to_json;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::consent_service_client::ConsentServiceClient;
use waypost_proto::sends_v1 as sends;

use crate::failure::Failure;
use crate::named::recipient;
use crate::output;
use crate::send::CategoryName;
use crate::server::{ListArgs, ServerArgs, connect, pages, print_list};
use crate::times::since;

#[derive(Debug, Subcommand)]
pub enum ConsentCommand {
    /// Keep that a customer agreed, with what proves it
    Grant(ConsentGrantArgs),
    /// Keep that a customer took consent back, or said stop
    Withdraw(ConsentWithdrawArgs),
    /// Keep that what looked like a stop was none: somebody looked
    Dismiss(ConsentDismissArgs),
    /// List what was kept of a customer's consent, the newest first
    History(ConsentHistoryArgs),
    /// Show what holds now
    Show(ConsentShowArgs),
    /// List who may be written to now, and why
    Audience(ConsentAudienceArgs),
}

/// Of both that keep an entry.
#[derive(Debug, Args)]
pub(crate) struct EntryArgs {
    /// Who said it: a number with its country code, a business-scoped user id, or contacts/ID
    contact: String,
    /// To which brand of the business, where it has several
    #[arg(long, value_name = "NAME", default_value = "")]
    brand: String,
    /// Where it was collected, or how it came: checkout, 'phone call', the address of a page
    #[arg(long, value_name = "TEXT", default_value = "")]
    source: String,
    /// Who collected it
    #[arg(long, value_name = "TEXT", default_value = "")]
    collector: String,
    /// When they said it: a time, or how long ago, e.g. 2h; now where left out
    #[arg(long, value_name = "TIME", value_parser = since)]
    at: Option<SystemTime>,
    /// The message that it was said in, by its id (wamid), or another system's own id of it
    #[arg(long, value_name = "ID", default_value = "")]
    source_id: String,
    /// Check everything, keep nothing
    #[arg(long)]
    validate_only: bool,
    /// A UUID: the same call under the same id, within a day, is carried out once
    #[arg(long, value_name = "UUID", default_value = "")]
    request_id: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost consent grant '+34 600 000 107' --category marketing --source checkout \\
    --wording 'Send me offers by WhatsApp' --wording-version 3 --language en

Only what the customer said after a stop lifts it. Consent needs the wording and where it was
collected: an auditor asks for both.")]
pub struct ConsentGrantArgs {
    /// To what; once for each
    #[arg(long = "category", value_enum, required = true)]
    categories: Vec<CategoryName>,
    /// Why the business may write
    #[arg(long, value_enum, default_value = "consent")]
    basis: BasisName,
    /// What they were shown when they agreed, word for word
    #[arg(long, value_name = "TEXT", default_value = "")]
    wording: String,
    /// Which version of it
    #[arg(long, value_name = "TEXT", default_value = "")]
    wording_version: String,
    /// Its language, e.g. es
    #[arg(long, value_name = "TAG", default_value = "")]
    language: String,
    /// The business that it named
    #[arg(long, value_name = "TEXT", default_value = "")]
    business: String,
    #[command(flatten)]
    entry: EntryArgs,
}

/// The bases as people write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BasisName {
    Consent,
    ExistingCustomer,
    Contract,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost consent withdraw '+34 600 000 107' --source 'phone call'

Without --category it is a stop: it covers all that the brand begins, whatever was granted. People may
finish the conversation in which it was said; programs answer once the customer has written again.")]
pub struct ConsentWithdrawArgs {
    /// Only of this; once for each
    #[arg(long = "category", value_enum)]
    categories: Vec<CategoryName>,
    #[command(flatten)]
    entry: EntryArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost consent dismiss contacts/0192f0a0-0000-7000-8000-000000000001 --source 'read the message'

Marketing to a customer waits while something that they wrote looks like a stop (waypost alerts list).
Where it was one, keep that: waypost consent withdraw.")]
pub struct ConsentDismissArgs {
    /// Who wrote it: a number with its country code, a business-scoped user id, or contacts/ID
    contact: String,
    /// To which brand of the business, where it has several
    #[arg(long, value_name = "NAME", default_value = "")]
    brand: String,
    /// How it is known: 'read the message', 'phone call'
    #[arg(long, value_name = "TEXT", default_value = "")]
    source: String,
    /// The message, by its id (wamid)
    #[arg(long, value_name = "ID", default_value = "")]
    source_id: String,
    /// Check everything, keep nothing
    #[arg(long)]
    validate_only: bool,
    /// A UUID: the same call under the same id, within a day, is carried out once
    #[arg(long, value_name = "UUID", default_value = "")]
    request_id: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub struct ConsentHistoryArgs {
    /// Whose: a number with its country code, a business-scoped user id, or contacts/ID
    contact: String,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
pub struct ConsentShowArgs {
    /// Whose: a number with its country code, a business-scoped user id, or contacts/ID
    contact: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost consent audience --category marketing

For all that consent says. Whether a message goes is asked at each attempt besides: country, hours, caps and limits.")]
pub struct ConsentAudienceArgs {
    /// In which category
    #[arg(long, value_enum)]
    category: CategoryName,
    /// Of which brand of the business, where it has several
    #[arg(long, value_name = "NAME", default_value = "")]
    brand: String,
    #[command(flatten)]
    list: ListArgs,
}

/// What is shown of an entry.
const ENTRY_COLUMNS: [&str; 8] = ["create_time", "said_time", "change", "category", "basis", "brand", "how", "creator"];

pub(crate) async fn run(command: ConsentCommand) -> Result<(), Failure> {
    match command {
        ConsentCommand::Grant(args) => grant(args).await,
        ConsentCommand::Withdraw(args) => withdraw(args).await,
        ConsentCommand::Dismiss(args) => dismiss(args).await,
        ConsentCommand::History(args) => history(args).await,
        ConsentCommand::Show(args) => show(args).await,
        ConsentCommand::Audience(args) => audience(args).await,
    }
}

async fn client(args: &ServerArgs) -> Result<ConsentServiceClient, Failure> {
    Ok(ConsentServiceClient::new(connect(args).await?))
}

fn wire(categories: &[CategoryName]) -> Vec<i32> {
    categories.iter().map(|category| category.to_wire().into()).collect()
}

async fn grant(args: ConsentGrantArgs) -> Result<(), Failure> {
    let basis = match args.basis {
        BasisName::Consent => sends::ConsentBasis::Consent,
        BasisName::ExistingCustomer => sends::ConsentBasis::ExistingCustomer,
        BasisName::Contract => sends::ConsentBasis::Contract,
    };
    let ConsentGrantArgs { wording, wording_version, language, business, entry, .. } = args;
    let EntryArgs { source, collector, .. } = entry;
    let evidence = v1::ConsentEvidence { wording, wording_version, language, source, collector, business };
    let request = v1::GrantConsentRequest {
        contact: Some(recipient(&entry.contact)),
        brand: entry.brand,
        categories: wire(&args.categories),
        basis: basis.into(),
        evidence: Some(evidence),
        said_time: entry.at.map(Into::into),
        source_id: entry.source_id,
        validate_only: entry.validate_only,
        request_id: entry.request_id,
    };
    let answer = client(&entry.server).await?.grant_consent(request).await?.into_inner();
    if entry.server.json {
        return output::line(&to_json(&answer, true).to_string());
    }
    print_holds(&answer.consents)
}

async fn withdraw(args: ConsentWithdrawArgs) -> Result<(), Failure> {
    let ConsentWithdrawArgs { categories, entry } = args;
    let evidence =
        v1::ConsentEvidence { source: entry.source, collector: entry.collector, ..v1::ConsentEvidence::default() };
    let request = v1::WithdrawConsentRequest {
        contact: Some(recipient(&entry.contact)),
        brand: entry.brand,
        categories: wire(&categories),
        evidence: Some(evidence),
        said_time: entry.at.map(Into::into),
        source_id: entry.source_id,
        validate_only: entry.validate_only,
        request_id: entry.request_id,
    };
    let answer = client(&entry.server).await?.withdraw_consent(request).await?.into_inner();
    if entry.server.json {
        return output::line(&to_json(&answer, true).to_string());
    }
    print_holds(&answer.consents)
}

async fn dismiss(args: ConsentDismissArgs) -> Result<(), Failure> {
    let evidence = v1::ConsentEvidence { source: args.source, ..v1::ConsentEvidence::default() };
    let request = v1::DismissStopRequest {
        contact: Some(recipient(&args.contact)),
        brand: args.brand,
        evidence: Some(evidence),
        source_id: args.source_id,
        validate_only: args.validate_only,
        request_id: args.request_id,
    };
    let answer = client(&args.server).await?.dismiss_stop(request).await?.into_inner();
    if args.server.json {
        return output::line(&to_json(&answer, true).to_string());
    }
    print_holds(&answer.consents)
}

fn print_holds(consents: &[v1::Consent]) -> Result<(), Failure> {
    print_list(false, consents, &["category", "state", "brand", "grant.basis", "grant.entry"])
}

async fn audience(args: ConsentAudienceArgs) -> Result<(), Failure> {
    let client = client(&args.list.server).await?;
    let (brand, category) = (args.brand, args.category.to_wire().into());
    let members = pages(args.list.limit, |page_size, page_token| {
        let (client, brand) = (client.clone(), brand.clone());
        let request = v1::ListAudienceRequest { brand, category, page_size, page_token };
        async move {
            let page = client.list_audience(request).await?.into_inner();
            Ok((page.members, page.next_page_token))
        }
    });
    print_list(args.list.server.json, &members.await?, &["contact", "grant.basis", "grant.entry", "said_time", "how"])
}

async fn history(args: ConsentHistoryArgs) -> Result<(), Failure> {
    let client = client(&args.list.server).await?;
    let contact = recipient(&args.contact);
    let entries = pages(args.list.limit, |page_size, page_token| {
        let client = client.clone();
        let request = v1::ListConsentEntriesRequest { contact: Some(contact.clone()), page_size, page_token };
        async move {
            let page = client.list_consent_entries(request).await?.into_inner();
            Ok((page.consent_entries, page.next_page_token))
        }
    });
    print_list(args.list.server.json, &entries.await?, &ENTRY_COLUMNS)
}

async fn show(args: ConsentShowArgs) -> Result<(), Failure> {
    let request = v1::GetConsentRequest { contact: Some(recipient(&args.contact)) };
    let answer = client(&args.server).await?.get_consent(request).await?.into_inner();
    if args.server.json {
        return output::line(&to_json(&answer, true).to_string());
    }
    print_holds(&answer.consents)?;
    for stop in &answer.stops {
        let of = if stop.brand.is_empty() { String::new() } else { format!(" of {}", stop.brand) };
        output::note(&format!("note: they said stop{of}: nothing goes that the business begins"));
    }
    Ok(())
}
