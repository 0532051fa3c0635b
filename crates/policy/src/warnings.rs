//! What somebody should know of a message that goes: links that lead elsewhere, a sender who speaks for another, a repeat. Looks
//! at texts by simple means, and never refuses.

use waypost_domain::phone;
use waypost_domain::send::FreeForm;
use waypost_domain::send::content::Header;

use crate::asked::{Asked, RecentContent};
use crate::going::Going;
use crate::verdict::{Message, Preview, Warning};

/// Adds them.
pub(crate) fn look(asked: &Asked<'_>, going: &mut Going<'_>) {
    let mut found = Vec::new();
    for text in texts(going) {
        for link in links(text) {
            found.extend(of_link(asked, link));
        }
        let lower = text.to_lowercase();
        if lower.contains("whatsapp") && numbers(text).any(|number| !is_ours(asked, &number)) {
            found.push(Warning::OtherWhatsAppNumber);
        }
        let phrase = asked.data.warnings.third_party.iter().find(|phrase| lower.contains(&phrase.to_lowercase()));
        found.extend(phrase.map(|phrase| Warning::ThirdPartySender { phrase: phrase.clone() }));
    }
    if asked.conversation.unseen > 0 {
        found.push(Warning::Unseen { messages: asked.conversation.unseen });
    }
    if is_repeat(asked, going) {
        found.push(Warning::LooksLikeRepeat);
    }
    for warning in found {
        if !going.warnings.contains(&warning) {
            going.warnings.push(warning);
        }
    }
}

fn is_repeat(asked: &Asked<'_>, going: &Going<'_>) -> bool {
    let within_ms = i64::from(asked.data.repeat_s) * 1000;
    let is_recent = |at| (0..=within_ms).contains(&asked.now.millis_since(at));
    let is_same = |content: RecentContent<'_>| match (&going.message, &going.preview, content) {
        (Message::FreeForm(content), _, RecentContent::FreeForm(before)) => content == before,
        (Message::Template(_), Some(preview), RecentContent::TemplateBody(before)) => preview.body == before,
        _ => false,
    };
    asked.usage.recent.iter().any(|recent| is_recent(recent.sent_at) && is_same(recent.content))
}

fn of_link(asked: &Asked<'_>, link: &str) -> Option<Warning> {
    let host = host(link)?;
    if let Some(number) = whatsapp_number(&host, link) {
        return (!is_ours(asked, &number)).then_some(Warning::OtherWhatsAppNumber);
    }
    let own = &asked.data.warnings.own_sites;
    let is_own = |site: &String| {
        let site = site.to_lowercase();
        host == site || host.strip_suffix(&site).is_some_and(|rest| rest.ends_with('.'))
    };
    (!own.is_empty() && !own.iter().any(is_own)).then_some(Warning::ForeignLink { host })
}

fn is_ours(asked: &Asked<'_>, number: &str) -> bool {
    asked.number.ours.iter().chain(&asked.number.phone).any(|ours| phone::is_same(ours, number))
}

/// Numbers with their country code: `+34 699 999 999`.
fn numbers(text: &str) -> impl Iterator<Item = String> {
    text.split('+').skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && !" -.()".contains(c)).unwrap_or(rest.len());
        phone::international(rest[..end].trim_end_matches([' ', '-', '.', '('])).ok().map(|digits| digits.into_owned())
    })
}

/// What WhatsApp makes a link of.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let trimmed = text.split_whitespace().map(|word| word.trim_matches(|c: char| "<>()[]\"'*_~.,;!?".contains(c)));
    trimmed.filter(|word| word.contains("://") || word.starts_with("www.") || word.to_lowercase().starts_with("wa.me/"))
}

fn host(link: &str) -> Option<String> {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    // `user@host:port`
    let host = authority.rsplit('@').next()?.split(':').next()?;
    (!host.is_empty()).then(|| host.to_lowercase())
}

/// The digits of a link that opens a chat.
fn whatsapp_number(host: &str, link: &str) -> Option<String> {
    let rest = match host.strip_prefix("www.").unwrap_or(host) {
        "wa.me" => link.to_lowercase().split_once("wa.me/")?.1.to_owned(),
        "api.whatsapp.com" | "send" => link.to_lowercase().split_once("phone=")?.1.to_owned(),
        _ => return None,
    };
    let digits: String = rest.trim_start_matches(['+', ' ']).chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

/// What the customer reads.
fn texts<'g>(going: &'g Going<'_>) -> Vec<&'g str> {
    match (&going.message, &going.preview) {
        (Message::FreeForm(content), _) => of_content(content),
        (Message::Template(_), Some(preview)) => of_preview(preview),
        (Message::Template(_), None) => Vec::new(),
    }
}

fn of_preview(preview: &Preview) -> Vec<&str> {
    let own = preview.header.iter().chain([&preview.body]).chain(&preview.footer).map(String::as_str);
    own.chain(preview.cards.iter().flat_map(of_preview)).collect()
}

fn of_content(content: &FreeForm) -> Vec<&str> {
    let (header, body, footer): (Option<&str>, Option<&str>, Option<&str>) = match content {
        FreeForm::Text { body, .. } => (None, Some(body), None),
        FreeForm::Media(media) => (None, media.caption.as_deref(), None),
        FreeForm::Buttons(message) => (of_header(&message.header), Some(&message.body), message.footer.as_deref()),
        FreeForm::List(message) => (message.header.as_deref(), Some(&message.body), message.footer.as_deref()),
        FreeForm::CtaUrl(message) => {
            let texts = [of_header(&message.header), Some(&message.body), message.footer.as_deref()];
            return texts.into_iter().flatten().chain([message.url.as_str()]).collect();
        }
        FreeForm::Flow(message) => (of_header(&message.header), Some(&message.body), message.footer.as_deref()),
        FreeForm::LocationRequest { body } | FreeForm::ContactRequest { body } => (None, Some(body), None),
        FreeForm::Catalog { body, footer, .. } => (None, Some(body), footer.as_deref()),
        FreeForm::Product { body, footer, .. } => (None, body.as_deref(), footer.as_deref()),
        FreeForm::Products(message) => (Some(&message.header), Some(&message.body), message.footer.as_deref()),
        FreeForm::Location(_) | FreeForm::Contacts(_) | FreeForm::Reaction(_) => (None, None, None),
    };
    [header, body, footer].into_iter().flatten().collect()
}

fn of_header(header: &Option<Header>) -> Option<&str> {
    match header {
        Some(Header::Text(text)) => Some(text),
        Some(Header::Image(_) | Header::Video(_) | Header::Document { .. }) | None => None,
    }
}
