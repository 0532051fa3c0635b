//! Messages as people look at them: what it is, to whom, how far it has come, and why it does not go.

use serde_json::Value;
use waypost_proto::admin::to_json;
use waypost_proto::gateway_v1 as v1;
use waypost_proto::sends_v1 as sends;

use crate::cell;
use crate::failure::Failure;
use crate::output;
use crate::show::{Screen, Table};

/// Fields of the answer that stand on lines of their own, in this order.
const FIELDS: [&str; 15] = [
    "name",
    "state",
    "create_time",
    "due_time",
    "expire_time",
    "accept_time",
    "sent_time",
    "deliver_time",
    "read_time",
    "play_time",
    "fail_time",
    "error_code",
    "attempts",
    "message_id",
    "resend_of",
];

/// Prints one message: as a JSON object, or what matters of it.
pub(crate) fn print_message(json: bool, message: &v1::Message) -> Result<(), Failure> {
    if json {
        return output::line(&to_json(message, true).to_string());
    }
    let item = to_json(message, false);
    let mut lines: Vec<(&str, String)> = Vec::new();
    for field in FIELDS {
        lines.push((field, cell::of_item(&item, field)));
    }
    lines.push(("to", to(message)));
    lines.push(("number", request(message).number));
    lines.push(("conversation", request(message).conversation));
    lines.push(("author", author(message)));
    lines.push(("content", kind(message)));
    lines.extend(verdict(message));
    lines.retain(|(_, text)| !text.is_empty());
    let width = lines.iter().map(|(field, _)| field.len()).max().unwrap_or_default();
    for (field, text) in lines {
        output::line(&format!("{field:width$}  {text}"))?;
    }
    Ok(())
}

/// Prints a list: as a JSON array, or as a table.
pub(super) fn print_messages(json: bool, messages: &[v1::Message]) -> Result<(), Failure> {
    if json {
        let rows: Vec<Value> = messages.iter().map(|message| to_json(message, true)).collect();
        return output::line(&Value::from(rows).to_string());
    }
    let mut table = Table::new(&["NAME", "CREATE_TIME", "STATE", "NUMBER", "CONTENT", "AUTHOR", "WHY"]);
    for message in messages {
        let item = to_json(message, false);
        let [name, created, state] = ["name", "create_time", "state"].map(|field| cell::of_item(&item, field));
        let why = why(message);
        table.add_row([name, created, state, request(message).number, kind(message), author(message), why]);
    }
    output::line(&table.on(&Screen::stdout()))
}

fn request(message: &v1::Message) -> sends::SendRequest {
    message.request.clone().unwrap_or_default()
}

fn to(message: &v1::Message) -> String {
    use sends::recipient::By;
    match request(message).to.and_then(|to| to.by) {
        Some(By::Contact(text) | By::Phone(text) | By::Bsuid(text)) => text,
        None => String::new(),
    }
}

/// Whoever has a title is shown by that.
fn author(message: &v1::Message) -> String {
    let author = message.author.clone().unwrap_or_default();
    if author.title.is_empty() { author.name } else { author.title }
}

/// Of which kind it is; of a template, which.
fn kind(message: &v1::Message) -> String {
    let Some(content) = request(message).content else { return String::new() };
    if let Some(sends::content::Kind::Template(template)) = &content.kind {
        return format!("template {}", template.name);
    }
    let json = to_json(&content, false);
    json.as_object().and_then(|kinds| kinds.keys().next()).cloned().unwrap_or_default()
}

/// By which rule it does not go, or by which of Meta's codes it failed.
fn why(message: &v1::Message) -> String {
    let finding = message.verdict.as_ref().and_then(|verdict| verdict.finding.as_ref());
    match finding {
        Some(finding) => finding.rule.clone(),
        None if message.error_code != 0 => message.error_code.to_string(),
        None => String::new(),
    }
}

fn verdict(message: &v1::Message) -> Vec<(&'static str, String)> {
    let Some(verdict) = &message.verdict else { return Vec::new() };
    let outcome = verdict.outcome().as_str_name().trim_start_matches("OUTCOME_").to_lowercase();
    let mut lines = vec![("verdict", outcome)];
    if let Some(finding) = &verdict.finding {
        let detail = if finding.detail.is_empty() { String::new() } else { format!(" ({})", finding.detail) };
        let field = if finding.field.is_empty() { String::new() } else { format!("{}: ", finding.field) };
        lines.push(("rule", finding.rule.clone()));
        lines.push(("because", format!("{field}{}{detail}", finding.sentence)));
        lines.push(("remedy", finding.remedy.clone()));
    }
    if let Some(allowed) = &verdict.allowed {
        lines.push(("category", allowed.category().as_str_name().trim_start_matches("CATEGORY_").to_lowercase()));
        lines.extend(allowed.preview.iter().flat_map(preview_lines));
        lines.extend(allowed.warnings.iter().map(|warning| ("warning", warning.text.clone())));
    }
    lines
}

/// What the customer reads, a part a line.
pub(crate) fn preview_lines(preview: &sends::Preview) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("header", preview.header.clone()),
        ("body", preview.body.replace('\n', " ")),
        ("footer", preview.footer.clone()),
    ];
    lines.extend(preview.buttons.iter().map(|label| ("button", label.clone())));
    lines.extend(preview.cards.iter().flat_map(preview_lines));
    lines
}
