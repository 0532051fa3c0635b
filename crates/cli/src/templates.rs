//! `waypost templates`: what Meta approved.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use waypost_proto::admin::to_json;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::template_service_client::TemplateServiceClient;
use waypost_proto::sends::parse_values;

use crate::failure::Failure;
use crate::messages::preview_lines;
use crate::named;
use crate::output;
use crate::piped;
use crate::send::ValueArgs;
use crate::server::{ListArgs, ServerArgs, connect, pages, print_list, print_one};

#[derive(Debug, Subcommand)]
pub enum TemplatesCommand {
    /// List templates, a line for each language
    List(TemplateListArgs),
    /// Show one language of a template
    Show(TemplateArgs),
    /// Read Meta's lists anew
    Sync(TemplateSyncArgs),
    /// Show what a customer would read
    Preview(TemplatePreviewArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost templates list --status paused")]
pub struct TemplateListArgs {
    /// Only of this WhatsApp Business Account, by Meta's id
    #[arg(long, value_name = "ID", default_value = "")]
    account: String,
    /// Only of this status, e.g. approved or paused
    #[arg(long, value_name = "STATUS", default_value = "")]
    status: String,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
pub struct TemplateArgs {
    /// The template, as lists show it: templates/ACCOUNT/NAME/LANGUAGE
    template: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Meta tells of changes, and the lists are read every hour: this is for what was missed.")]
pub struct TemplateSyncArgs {
    /// Only of this WhatsApp Business Account, by Meta's id; of all that numbers belong to where left out
    #[arg(long, value_name = "ID", default_value = "")]
    account: String,
    /// Read the lists, and only count
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost templates preview templates/102290129340398/order_update/es --value 17 --value mañana

It fails where a value is missing or does not fit, and says which.")]
pub struct TemplatePreviewArgs {
    /// The template, as lists show it: templates/ACCOUNT/NAME/LANGUAGE
    template: String,
    #[command(flatten)]
    values: ValueArgs,
    /// All values as JSON, as a request has them; - for standard input
    #[arg(long = "values", value_name = "FILE", conflicts_with_all = ["values", "named"])]
    file: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(command: TemplatesCommand) -> Result<(), Failure> {
    match command {
        TemplatesCommand::List(args) => list(args).await,
        TemplatesCommand::Show(args) => show(args).await,
        TemplatesCommand::Sync(args) => sync(args).await,
        TemplatesCommand::Preview(args) => preview(args).await,
    }
}

async fn client(args: &ServerArgs) -> Result<TemplateServiceClient, Failure> {
    Ok(TemplateServiceClient::new(connect(args).await?))
}

async fn list(args: TemplateListArgs) -> Result<(), Failure> {
    let client = client(&args.list.server).await?;
    let asked =
        v1::ListTemplatesRequest { account: args.account, status: args.status, ..v1::ListTemplatesRequest::default() };
    let templates = pages(args.list.limit, |page_size, page_token| {
        let client = client.clone();
        let request = v1::ListTemplatesRequest { page_size, page_token, ..asked.clone() };
        async move {
            let page = client.list_templates(request).await?.into_inner();
            Ok((page.templates, page.next_page_token))
        }
    });
    print_list(args.list.server.json, &templates.await?, &["name", "status", "category", "quality", "update_time"])
}

async fn show(args: TemplateArgs) -> Result<(), Failure> {
    let request = v1::GetTemplateRequest { name: named::template(&args.template) };
    let template = client(&args.server).await?.get_template(request).await?.into_inner().template;
    print_one(args.server.json, &template.unwrap_or_default())
}

async fn sync(args: TemplateSyncArgs) -> Result<(), Failure> {
    let request = v1::SyncTemplatesRequest { account: args.account, validate_only: args.validate_only };
    let answer = client(&args.server).await?.sync_templates(request).await?.into_inner();
    if args.server.json {
        return output::line(&to_json(&answer, true).to_string());
    }
    let v1::SyncTemplatesResponse { listed, added, changed, deleted } = answer;
    output::line(&format!("{listed} listed, {added} added, {changed} changed, {deleted} deleted"))
}

async fn preview(args: TemplatePreviewArgs) -> Result<(), Failure> {
    let values = match &args.file {
        Some(file) => parse_values(&piped::read(file, "values", "--values FILE")?)
            .map_err(|violations| Failure::config(format!("{}: {violations}", file.display())))?,
        None => args.values.into_wire(),
    };
    let request = v1::PreviewTemplateRequest { name: named::template(&args.template), values: Some(values) };
    let answer = client(&args.server).await?.preview_template(request).await?.into_inner();
    if args.server.json {
        output::line(&to_json(&answer, true).to_string())?;
        return if answer.finding.is_some() { Err(Failure::Differ) } else { Ok(()) };
    }
    if let Some(finding) = &answer.finding {
        let detail = if finding.detail.is_empty() { String::new() } else { format!(" ({})", finding.detail) };
        let (field, sentence, remedy) = (&finding.field, &finding.sentence, &finding.remedy);
        return Err(Failure::failed(format!("{field}: {sentence}{detail} To send it: {remedy}")));
    }
    let lines = answer.preview.iter().flat_map(preview_lines);
    let warnings = answer.warnings.iter().map(|warning| ("warning", warning.text.clone()));
    for (field, text) in lines.chain(warnings).filter(|(_, text)| !text.is_empty()) {
        output::line(&format!("{field:7}  {text}"))?;
    }
    Ok(())
}
