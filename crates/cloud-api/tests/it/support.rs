//! One line of text for each event, so that cases are data. Absent fields are left out.

use waypost_cloud_api::webhook::{ContactChange, Content, Quarantined, WebhookEvent, split};
use waypost_domain::{AliasSet, InboundMessage, Status};

/// Splits `body` and compares everything that came out with `want`: events in order, then quarantined parts.
pub(crate) fn check(name: &str, body: &str, want: &[&str]) {
    let got = split(body.as_bytes());
    let mut lines: Vec<String> = got.events.iter().map(event).collect();
    lines.extend(got.quarantined.iter().map(quarantined));
    assert_eq!(lines, want, "{name}");
}

/// A message with these members besides its id, beside these contacts.
pub(crate) fn check_message(message: &str, contacts: &str, want: &str) {
    let body = messages(&format!(r#""contacts":[{contacts}],"messages":[{{"id":"m",{message}}}]"#));
    check(message, &body, &[&format!("message m {want}")]);
}

/// A body with one change of field `messages`, whose value has these members.
pub(crate) fn messages(members: &str) -> String {
    change(&format!(r#""field":"messages","value":{{{members}}}"#))
}

/// A body with one change that has these members.
pub(crate) fn change(members: &str) -> String {
    format!(r#"{{"object":"whatsapp_business_account","entry":[{{"id":"W","changes":[{{{members}}}]}}]}}"#)
}

pub(crate) fn event(event: &WebhookEvent<'_>) -> String {
    match &event.content {
        Content::Message(content) => format!("message {}{}", event.key, message(content)),
        Content::StandbyMessage(content) => format!("standby {}{}", event.key, message(content)),
        Content::Echo(content) => format!("echo {}{}", event.key, message(content)),
        Content::Status(content) => format!("status {}{}", event.key, status(content)),
        Content::ContactChange(content) => format!("contact {}{}", event.field, contact_change(content)),
        Content::AccountChange => format!("account {}", event.field),
    }
}

fn message(message: &InboundMessage) -> String {
    let kind = message.kind.as_str();
    let mut line = format!(" {}", if kind.is_empty() { "?" } else { kind });
    line += &aliases(&message.contact);
    line += &shown("name", message.profile_name.as_ref());
    line += &shown("username", message.username.as_ref());
    line += &shown("at", message.timestamp.map(|at| at.as_millis()).as_ref());
    line += &shown("text", message.text.as_ref());
    if let Some(tap) = &message.tap {
        line += &format!(" {:?}={}", tap.source, tap.id);
    }
    line += &shown("media", message.media.as_ref().map(|media| &media.id));
    line += &shown("quoted", message.quoted.as_ref().map(|quoted| &quoted.id));
    line += &shown("ad", message.referral.as_ref().and_then(|referral| referral.source_id.as_ref()));
    line += &shown("group", message.group_id.as_ref());
    if let Some(rotation) = &message.rotation {
        line += &format!(" was{} is{}", aliases(&rotation.previous), aliases(&rotation.current));
    }
    line + &errors(&message.errors.iter().map(|error| error.code).collect::<Vec<_>>())
}

fn status(status: &Status) -> String {
    let mut line = format!(" {}{}", status.state.as_str(), aliases(&status.recipient));
    line += &shown("at", status.timestamp.map(|at| at.as_millis()).as_ref());
    line += &shown("mark", status.callback_data.as_ref());
    if let Some(pricing) = &status.pricing {
        line += &shown("category", pricing.category.as_ref());
        line += &shown("type", pricing.kind.as_ref());
        line += &shown("model", pricing.model.as_ref());
        line += &shown("billed", pricing.is_billed().as_ref());
    }
    if let Some(conversation) = &status.conversation {
        line += &shown("conversation", conversation.id.as_ref());
        line += &shown("origin", conversation.origin.as_ref());
        line += &shown("until", conversation.expires_at.map(|at| at.as_millis()).as_ref());
    }
    line + &errors(&status.error_codes())
}

pub(crate) fn contact_change(change: &ContactChange) -> String {
    let mut line = aliases(&change.aliases);
    for rotation in &change.rotations {
        line += &format!(" was{} is{}", aliases(&rotation.previous), aliases(&rotation.current));
    }
    match change.handover {
        Some(handover) => line + &format!(" {handover:?}"),
        None => line,
    }
}

pub(crate) fn quarantined(part: &Quarantined<'_>) -> String {
    let position = match part.position {
        Some(at) => format!("{}.{}.{}", at.entry, at.change, at.item),
        None => "whole".to_owned(),
    };
    format!("quarantined {} {position} {}", part.reason.as_str(), String::from_utf8_lossy(part.bytes))
}

pub(crate) fn aliases(aliases: &AliasSet) -> String {
    shown("phone", aliases.phone.as_ref())
        + &shown("bsuid", aliases.bsuid.as_ref())
        + &shown("parent", aliases.parent_bsuid.as_ref())
}

fn errors(codes: &[i64]) -> String {
    if codes.is_empty() { String::new() } else { format!(" errors={codes:?}") }
}

fn shown<T: std::fmt::Display>(name: &str, value: Option<&T>) -> String {
    value.map_or_else(String::new, |value| format!(" {name}={value}"))
}
