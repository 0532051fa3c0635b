//! A conversation as people read it: what it is in a few lines, then what was said, the oldest first.

use serde_json::{Value, json};
use waypost_proto::admin::to_json;
use waypost_proto::gateway_v1 as v1;
use waypost_proto::sends_v1 as sends;

use crate::cell;
use crate::failure::Failure;
use crate::output;
use crate::server::print_list;
use crate::show::Screen;

/// Before what was said.
const INDENT: usize = 2;
/// Fields of the conversation, in this order.
const FIELDS: [&str; 6] = ["name", "state", "team", "number", "contact", "window_end_time"];
const WITHHELD: &str = "(content of a confidential team)";

/// Prints both: as a JSON object, as the server gave it, or for people.
pub(super) fn print_transcript(
    json: bool,
    conversation: &v1::Conversation,
    entries: &[v1::Entry],
) -> Result<(), Failure> {
    if json {
        let entries: Vec<Value> = entries.iter().map(|entry| to_json(entry, true)).collect();
        return output::line(&json!({ "conversation": to_json(conversation, true), "entries": entries }).to_string());
    }
    let screen = Screen::stdout();
    for line in head(conversation) {
        output::line(&screen.cut(&line))?;
    }
    for line in entries.iter().rev().flat_map(|entry| said(entry, &screen)) {
        output::line(&line)?;
    }
    Ok(())
}

/// Prints what other systems call it.
pub(super) fn print_refs(json: bool, refs: &[v1::ExternalRef]) -> Result<(), Failure> {
    print_list(json, refs, &["connector", "id"])
}

fn head(conversation: &v1::Conversation) -> Vec<String> {
    let item = to_json(conversation, false);
    let mut lines: Vec<(&str, String)> = FIELDS.iter().map(|field| (*field, cell::of_item(&item, field))).collect();
    let refs = conversation.external_refs.iter().chain(&conversation.contact_external_refs);
    lines.extend(refs.map(|one| ("external_ref", format!("{} {}", one.connector, one.id))));
    lines.retain(|(_, text)| !text.is_empty());
    let width = lines.iter().map(|(field, _)| field.len()).max().unwrap_or_default();
    lines.into_iter().map(|(field, text)| format!("{field:width$}  {text}")).collect()
}

/// When, by whom and how far it has come on one line; below it what was said.
fn said(entry: &v1::Entry, screen: &Screen) -> Vec<String> {
    let item = to_json(entry, false);
    let time = cell::of_item(&item, "time");
    let (who, texts) = match &entry.content {
        Some(v1::entry::Content::Received(message)) => (who_wrote(entry.kind()).to_owned(), received(message)),
        Some(v1::entry::Content::Sent(message)) => (who_sent(message), sent(message)),
        None if entry.withheld => (who_wrote(entry.kind()).to_owned(), vec![WITHHELD.to_owned()]),
        None => (who_wrote(entry.kind()).to_owned(), Vec::new()),
    };
    let who = if entry.kind() == v1::EntryKind::Message { who } else { screen.team(&who) };
    let mut lines = vec![String::new(), screen.cut(&format!("{}  {who}", second(&time))).into_owned()];
    lines.extend(texts.iter().flat_map(|text| screen.wrapped(text, INDENT)));
    lines
}

/// `2026-11-30T14:00:05.123Z` to the second.
fn second(time: &str) -> String {
    match time.get(..19) {
        Some(begin) => format!("{}Z", begin.replace('T', " ")),
        None => time.to_owned(),
    }
}

const fn who_wrote(kind: v1::EntryKind) -> &'static str {
    match kind {
        v1::EntryKind::Message => "customer",
        v1::EntryKind::Notice => "customer (notice)",
        v1::EntryKind::Echo => "answered outside of Waypost",
        v1::EntryKind::Sent => "sent",
        v1::EntryKind::Unspecified => "",
    }
}

/// The author and the state, and what failed.
fn who_sent(message: &v1::SentMessage) -> String {
    let author = message.author.clone().unwrap_or_default();
    let author = if author.title.is_empty() { author.name } else { author.title };
    let state = message.state().as_str_name().trim_start_matches("MESSAGE_STATE_").to_lowercase();
    let code = if message.error_code == 0 { String::new() } else { format!(" {}", message.error_code) };
    let template = if message.template.is_empty() { String::new() } else { format!(", template {}", message.template) };
    format!("{author} ({state}{code}{template})")
}

/// The summary, and what it does not have whole; of a text, its words alone.
fn received(message: &v1::ReceivedMessage) -> Vec<String> {
    let is_text = message.message_type == "text" && message.words.len() == 1;
    let is_left_out = |words: &&v1::Words| is_text || !message.summary.contains(&words.text);
    let more = message.words.iter().filter(is_left_out).map(|words| words.text.clone());
    Some(message.summary.clone()).filter(|_| !is_text).into_iter().chain(more).collect()
}

fn sent(message: &v1::SentMessage) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    if let Some(media) = &message.media {
        let named = [&media.filename, &media.mime_type, &media.link, &media.id];
        let name = named.into_iter().find(|name| !name.is_empty()).cloned().unwrap_or_default();
        texts.push(format!("[{}] {name}", message.content_type));
    }
    texts.extend(message.preview.iter().flat_map(read));
    if texts.is_empty() {
        texts.push(format!("[{}]", message.content_type));
    }
    texts
}

/// What the customer reads of it.
fn read(preview: &sends::Preview) -> Vec<String> {
    let texts = [&preview.header, &preview.body, &preview.footer];
    let mut lines: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).cloned().collect();
    lines.extend(preview.buttons.iter().map(|label| format!("[ {label} ]")));
    lines.extend(preview.cards.iter().flat_map(read));
    lines
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;

    fn entry(kind: v1::EntryKind, content: Option<v1::entry::Content>) -> v1::Entry {
        let time = Some(Timestamp { seconds: 1_764_511_200, nanos: 0 });
        v1::Entry { kind: kind.into(), time, withheld: content.is_none(), content, ..v1::Entry::default() }
    }

    #[test]
    fn a_transcript_is_read_in_lines_of_the_screen() {
        let words = v1::Words { part: "text".into(), text: "where is my parcel? I have waited for so long".into() };
        let message =
            v1::ReceivedMessage { message_type: "text".into(), words: vec![words], ..v1::ReceivedMessage::default() };
        let received = entry(v1::EntryKind::Message, Some(v1::entry::Content::Received(message)));
        let narrow = Screen::of_width(30);
        let want = ["", "2025-11-30 14:00:00Z  customer", "  where is my parcel? I have", "  waited for so long"];
        assert_eq!(said(&received, &narrow), want);

        let preview = sends::Preview { body: "Hello".into(), buttons: vec!["Yes".into()], ..sends::Preview::default() };
        let author = v1::Author { title: "Ana".into(), ..v1::Author::default() };
        let message = v1::SentMessage {
            author: Some(author),
            state: v1::MessageState::Read.into(),
            template: "hi".into(),
            preview: Some(preview),
            ..v1::SentMessage::default()
        };
        let sent = entry(v1::EntryKind::Sent, Some(v1::entry::Content::Sent(message)));
        let wide = Screen::of_width(80);
        assert_eq!(said(&sent, &wide), ["", "2025-11-30 14:00:00Z  Ana (read, template hi)", "  Hello", "  [ Yes ]"]);
        assert_eq!(said(&entry(v1::EntryKind::Sent, None), &wide)[2], format!("  {WITHHELD}"));
    }
}
