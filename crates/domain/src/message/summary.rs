//! A message in one line that a person understands, in no particular language: symbols, the customer's own words, and
//! Meta's where there are no others.

use super::{Card, Form, FormField, Forwarded, InboundMessage, Location, Media, MessageContent, MessageKind, Order};

/// A summary has at most so many characters of each thing that it names.
const CHARS_MAX: usize = 200;
/// And of a list so many elements.
const SHOWN_MAX: usize = 8;

impl InboundMessage {
    /// One line, never empty. `about`: what we hold of the message that this one answers, changes, deletes or reacts to.
    pub fn summary(&self, about: Option<&str>) -> String {
        let mut parts: Vec<String> = Vec::new();
        match self.how_often_forwarded() {
            Forwarded::Never => {}
            Forwarded::Once => parts.push("↪".to_owned()),
            Forwarded::Often => parts.push("↪↪".to_owned()),
        }
        if self.group_id.is_some() {
            parts.push("👥".to_owned());
        }
        let is_edit = matches!(self.content, MessageContent::Edit(_));
        if is_edit {
            parts.push("✏".to_owned());
        }
        let message = self.as_it_is_now();
        let said = said(message);
        if said.is_empty() {
            parts.push("❓".to_owned());
            parts.extend(some(message.kind.as_str()));
        }
        parts.extend(said);
        for error in self.all_errors().take(SHOWN_MAX) {
            parts.push(format!("⚠ {}", error.code));
            parts.extend(error.title.as_deref().and_then(some));
        }
        let advertised = self.referral.as_ref().and_then(|referral| referral.headline.as_deref()).and_then(some);
        parts.extend(advertised.map(|headline| format!("📣 {headline}")));
        if let Some(about) = about.and_then(some) {
            let arrow = if self.is_notice() { "→" } else { "↩" };
            parts.push(format!("{arrow} “{about}”"));
        }
        match <[String; 1]>::try_from(parts) {
            Ok([said]) => said,
            Err(parts) => parts.join(" "),
        }
    }
}

/// What the message says by itself.
fn said(message: &InboundMessage) -> Vec<String> {
    match &message.content {
        MessageContent::Location(location) => place(location),
        MessageContent::Cards(cards) => listed(cards.iter().map(card)).map(|cards| vec!["👤".into(), cards]),
        MessageContent::Order(order) => Some(bought(order)),
        MessageContent::Form(form) => Some(answers(form)),
        MessageContent::Reaction(reaction) => {
            Some(vec![reaction.emoji.as_deref().and_then(some).unwrap_or_else(|| "☺✕".to_owned())])
        }
        MessageContent::Revoke { .. } => Some(vec!["🗑".to_owned()]),
        MessageContent::Call(_) => Some(vec!["📞✕".to_owned()]),
        MessageContent::CallPermission { response } => Some(vec!["📞".to_owned(), line(response)]),
        MessageContent::System(system) => {
            let phone = |aliases: &crate::AliasSet| aliases.phone.clone();
            let moved =
                message.rotation.as_ref().and_then(|moved| Some((phone(&moved.previous)?, phone(&moved.current)?)));
            let told = system.body.as_deref().or(system.kind.as_deref()).and_then(some);
            match moved {
                Some((from, to)) => Some(vec![format!("📱 {} → {}", line(&from), line(&to))]),
                None => told.map(|told| vec!["⚙".to_owned(), told]),
            }
        }
        MessageContent::Unsupported { kind } => some(kind).map(|kind| vec!["❓".to_owned(), kind]),
        MessageContent::Plain | MessageContent::Edit(_) => None,
    }
    .unwrap_or_else(|| plain(message))
}

/// A file, a tap or a text.
fn plain(message: &InboundMessage) -> Vec<String> {
    let text = message.text.as_deref().and_then(some);
    if let Some(media) = &message.media {
        let mut parts = vec![icon(&message.kind, media).to_owned()];
        parts.extend(media.filename.as_deref().and_then(some));
        parts.extend(text);
        if parts.len() == 1 {
            parts.extend(media.mime_type.as_deref().and_then(some));
        }
        return parts;
    }
    match &message.tap {
        Some(tap) => {
            let title = text.or_else(|| some(&tap.id));
            let mut parts = vec!["☑".to_owned()];
            parts.extend(title);
            parts.extend(tap.description.as_deref().and_then(some).map(|description| format!("({description})")));
            parts
        }
        None => text.into_iter().collect(),
    }
}

fn icon(kind: &MessageKind, media: &Media) -> &'static str {
    match kind {
        MessageKind::Image => "🖼",
        MessageKind::Video => "🎬",
        MessageKind::Audio if media.is_voice => "🎤",
        MessageKind::Audio => "🔊",
        MessageKind::Sticker => "💟",
        _ => "📄",
    }
}

fn place(location: &Location) -> Option<Vec<String>> {
    let names = [&location.name, &location.address].into_iter().flatten().filter_map(|name| some(name));
    let mut named: Vec<String> = names.collect();
    if named.is_empty() {
        named.extend([&location.latitude, &location.longitude].into_iter().flatten().map(|degrees| line(degrees)));
    }
    (!named.is_empty()).then(|| vec!["📍".to_owned(), named.join(", ")])
}

fn card(card: &Card) -> String {
    let company = card.company.as_deref().and_then(some).map(|company| format!("({company})"));
    let phones = card.phones.iter().filter_map(|phone| phone.phone.as_deref().or(phone.wa_id.as_deref()));
    let emails = card.emails.iter().map(String::as_str);
    let name = card.name.as_deref().and_then(some);
    let reached = phones.chain(emails).take(SHOWN_MAX).filter_map(some);
    name.into_iter().chain(company).chain(reached).collect::<Vec<_>>().join(" ")
}

fn bought(order: &Order) -> Vec<String> {
    let item = |item: &super::Item| {
        let quantity = item.quantity.as_deref().unwrap_or("1");
        format!("{} × {}", line(quantity), line(item.product.as_deref().unwrap_or("?")))
    };
    let mut parts = vec!["🛒".to_owned()];
    parts.extend(listed(order.items.iter().map(item)));
    parts.extend(order.total().map(|(sum, currency)| format!("= {sum} {}", line(currency))));
    parts.extend(order.text.as_deref().and_then(some).map(|text| format!("“{text}”")));
    parts
}

fn answers(form: &Form) -> Vec<String> {
    if let Some(unreadable) = &form.unreadable {
        return vec!["📋⚠".to_owned(), line(unreadable)];
    }
    let fields = form.fields.iter().filter(|field| field.name != FormField::TOKEN);
    let mut parts = vec!["📋".to_owned()];
    parts.extend(listed(fields.map(|field| format!("{}: {}", line(&field.name), line(&field.value)))));
    parts
}

/// Some of a list, and how many more there are.
fn listed(items: impl Iterator<Item = String>) -> Option<String> {
    let mut items: Vec<String> = items.filter(|item| !item.is_empty()).collect();
    let more = items.len().saturating_sub(SHOWN_MAX);
    items.truncate(SHOWN_MAX);
    let more = if more > 0 { format!(", +{more}") } else { String::new() };
    (!items.is_empty()).then(|| format!("{}{more}", items.join(", ")))
}

/// `text` in one line; `None` where there is nothing to see.
fn some(text: &str) -> Option<String> {
    let line = line(text);
    (!line.is_empty()).then_some(line)
}

/// Without line breaks and control characters, and cut.
fn line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(CHARS_MAX + ' '.len_utf8() + '…'.len_utf8()));
    let (mut left, mut is_between) = (CHARS_MAX, false);
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            is_between = !line.is_empty();
            continue;
        }
        if std::mem::take(&mut is_between) && left > 0 {
            line.push(' ');
            left -= 1;
        }
        if left == 0 {
            line.push('…');
            break;
        }
        line.push(c);
        left -= 1;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::Reaction;
    use super::*;
    use crate::message::{MessageError, Tap, TapSource};

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("  a\n\tb\u{0}c  "), "a b c");
        assert_eq!(line(&"é".repeat(CHARS_MAX)), "é".repeat(CHARS_MAX));
        assert_eq!(line(&"é".repeat(CHARS_MAX + 1)), format!("{}…", "é".repeat(CHARS_MAX)));
        // Between words, too.
        let half = "é".repeat(CHARS_MAX / 2);
        for (first, second, want) in [
            (CHARS_MAX, "b", "…"),
            (CHARS_MAX - 1, "b", " …"),
            (CHARS_MAX - 2, "bc", " b…"),
            (CHARS_MAX - 2, "b", " b"),
        ] {
            let first = "é".repeat(first);
            assert_eq!(line(&format!("{first} {second}")), format!("{first}{want}"));
        }
        assert_eq!(line(&format!("{half}\n {half}")), format!("{half} {}…", "é".repeat(CHARS_MAX / 2 - 1)));
        assert_eq!(some(" \u{7} "), None);
    }

    #[test]
    fn nothing_is_said_by_a_sign() {
        let check = |message: InboundMessage, want: &str| assert_eq!(message.summary(None), want);
        check(InboundMessage::default(), "❓");
        let bare = InboundMessage { kind: MessageKind::Interactive, ..InboundMessage::default() };
        check(bare.clone(), "❓ interactive");
        let error = MessageError { code: 131_000, title: Some("Something went wrong".into()), details: None };
        check(InboundMessage { errors: vec![error], ..bare }, "❓ interactive ⚠ 131000 Something went wrong");
        let aliases = |phone: &str| crate::AliasSet { phone: Some(phone.to_owned()), ..crate::AliasSet::default() };
        let moved = super::super::Rotation { previous: aliases("1\u{0}2"), current: aliases("3") };
        let content = MessageContent::System(crate::message::System::default());
        check(InboundMessage { content, rotation: Some(moved), ..InboundMessage::default() }, "📱 1 2 → 3");
        let tap = Tap { source: TapSource::Template, id: "pay".into(), title: None, description: None };
        check(InboundMessage { tap: Some(tap), ..InboundMessage::default() }, "☑ pay");
    }

    #[test]
    fn long_lists_are_counted() {
        let field = |n: usize| FormField { name: format!("f{n}"), value: "x".into() };
        let form = Form { fields: (0..10).map(field).collect(), ..Form::default() };
        let message = InboundMessage { content: MessageContent::Form(form), ..InboundMessage::default() };
        let summary = message.summary(None);
        assert!(summary.starts_with("📋 f0: x, f1: x") && summary.ends_with("f7: x, +2"), "{summary}");
    }

    #[test]
    fn a_reaction_is_one_short_line_too() {
        let reaction = |emoji: Option<&str>| {
            let content = MessageContent::Reaction(Reaction { message_id: None, emoji: emoji.map(str::to_owned) });
            InboundMessage { kind: MessageKind::Reaction, content, ..InboundMessage::default() }.summary(None)
        };
        assert_eq!(reaction(Some("👍🏽")), "👍🏽");
        assert_eq!(reaction(None), "☺✕");
        assert_eq!(reaction(Some(" \n")), "☺✕");
        assert_eq!(reaction(Some("a\nb")), "a b");
        assert_eq!(reaction(Some(&"x".repeat(60_000))).chars().count(), CHARS_MAX + 1);
    }
}
