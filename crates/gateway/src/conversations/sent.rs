//! A message to the customer as it stands in a transcript: what they read of it, masked, and how far it has come.

use waypost_domain::message::Mask;
use waypost_domain::send::content::{Header, Media, MediaSource};
use waypost_domain::send::{FreeForm, SendContent};
use waypost_policy::Record;
use waypost_policy::verdict::{Message, Preview};
use waypost_proto::gateway_v1 as v1;
use waypost_proto::sends::{wire_message, wire_preview};
use waypost_store::SendRow;

const TEMPLATE: &str = "template";

/// What went, or is to go.
pub(super) fn sent(row: &SendRow, mask: &Mask) -> v1::SentMessage {
    let shown = Shown::of(row);
    let message = wire_message(&row.request, &row.progress);
    v1::SentMessage {
        name: message.name,
        author: message.author,
        state: message.state,
        content_type: shown.content_type.to_owned(),
        template: shown.template,
        preview: shown.preview.map(|preview| wire_preview(&masked(preview, mask))),
        media: shown
            .media
            .map(|media| v1::MediaReference { filename: mask.text(&media.filename).into_owned(), ..media }),
        accept_time: message.accept_time,
        sent_time: message.sent_time,
        deliver_time: message.deliver_time,
        read_time: message.read_time,
        play_time: message.play_time,
        fail_time: message.fail_time,
        error_code: message.error_code,
        message_id: row.wamid.clone().unwrap_or_default(),
    }
}

#[derive(Default)]
struct Shown {
    content_type: &'static str,
    template: String,
    preview: Option<Preview>,
    media: Option<v1::MediaReference>,
}

impl Shown {
    /// What was allowed to go, else what was asked for.
    fn of(row: &SendRow) -> Self {
        let record = row.verdict.as_deref().and_then(|json| serde_json::from_slice::<Record>(json).ok());
        let record = record.filter(|record| record.format <= Record::FORMAT);
        match record.as_ref().and_then(|record| record.verdict.allowed()) {
            Some(allowed) => match &allowed.message {
                Message::FreeForm(content) => Self::of_content(content),
                Message::Template(template) => Self::of_template(&template.name, allowed.preview.clone()),
            },
            None => match &row.request.content {
                SendContent::FreeForm(content) => Self::of_content(content),
                SendContent::Template(template) => Self::of_template(&template.name, None),
            },
        }
    }

    fn of_template(name: &str, preview: Option<Preview>) -> Self {
        Self { content_type: TEMPLATE, template: name.to_owned(), preview, media: None }
    }

    fn of_content(content: &FreeForm) -> Self {
        Self {
            content_type: content.as_str(),
            template: String::new(),
            preview: Some(preview(content)),
            media: media(content),
        }
    }
}

/// What the customer reads of content without a template.
fn preview(content: &FreeForm) -> Preview {
    let text = |header: Option<&String>, body: &str, footer: &Option<String>, buttons: Vec<String>| Preview {
        header: header.cloned(),
        body: body.to_owned(),
        footer: footer.clone(),
        buttons,
        cards: Vec::new(),
    };
    let body = |body: &str| text(None, body, &None, Vec::new());
    match content {
        FreeForm::Text { body: said, .. } => body(said),
        FreeForm::Media(media) => body(media.caption.as_deref().unwrap_or_default()),
        FreeForm::Location(place) => {
            let named = [&place.name, &place.address].into_iter().flatten().cloned().collect::<Vec<_>>();
            body(&named.join(", "))
        }
        FreeForm::Contacts(cards) => {
            let names: Vec<&str> = cards.iter().map(|card| card.formatted_name.as_str()).collect();
            body(&names.join(", "))
        }
        FreeForm::Reaction(reaction) => body(&reaction.emoji),
        FreeForm::Buttons(message) => {
            let labels = message.buttons.iter().map(|button| button.title.clone()).collect();
            text(header(&message.header), &message.body, &message.footer, labels)
        }
        FreeForm::List(message) => {
            let rows = message.sections.iter().flat_map(|section| &section.rows).map(|row| row.title.clone());
            let labels = [message.button.clone()].into_iter().chain(rows).collect();
            text(message.header.as_ref(), &message.body, &message.footer, labels)
        }
        FreeForm::CtaUrl(message) => {
            text(header(&message.header), &message.body, &message.footer, vec![message.display_text.clone()])
        }
        FreeForm::Flow(message) => {
            text(header(&message.header), &message.body, &message.footer, vec![message.button.clone()])
        }
        FreeForm::LocationRequest { body: said } | FreeForm::ContactRequest { body: said } => body(said),
        FreeForm::Catalog { body, footer, .. } => text(None, body, footer, Vec::new()),
        FreeForm::Product { body, footer, .. } => text(None, body.as_deref().unwrap_or_default(), footer, Vec::new()),
        FreeForm::Products(message) => text(Some(&message.header), &message.body, &message.footer, Vec::new()),
    }
}

const fn header(header: &Option<Header>) -> Option<&String> {
    match header {
        Some(Header::Text(text)) => Some(text),
        Some(Header::Image(_) | Header::Video(_) | Header::Document { .. }) | None => None,
    }
}

fn media(content: &FreeForm) -> Option<v1::MediaReference> {
    let header = match content {
        FreeForm::Media(media) => return Some(of_media(media)),
        FreeForm::Buttons(message) => message.header.as_ref(),
        FreeForm::CtaUrl(message) => message.header.as_ref(),
        FreeForm::Flow(message) => message.header.as_ref(),
        FreeForm::Text { .. } | FreeForm::Location(_) | FreeForm::Contacts(_) | FreeForm::Reaction(_) => None,
        FreeForm::List(_) | FreeForm::LocationRequest { .. } | FreeForm::ContactRequest { .. } => None,
        FreeForm::Catalog { .. } | FreeForm::Product { .. } | FreeForm::Products(_) => None,
    };
    match header? {
        Header::Text(_) => None,
        Header::Image(source) | Header::Video(source) => Some(of_source(source)),
        Header::Document { source, filename } => {
            Some(v1::MediaReference { filename: filename.clone().unwrap_or_default(), ..of_source(source) })
        }
    }
}

fn of_media(media: &Media) -> v1::MediaReference {
    v1::MediaReference {
        mime_type: media.mime_type.clone().unwrap_or_default(),
        filename: media.filename.clone().unwrap_or_default(),
        voice: media.voice,
        ..of_source(&media.source)
    }
}

fn of_source(source: &MediaSource) -> v1::MediaReference {
    let (id, link) = match source {
        MediaSource::Id(id) => (id.clone(), String::new()),
        MediaSource::Link(link) => (String::new(), link.clone()),
    };
    v1::MediaReference { id, link, ..v1::MediaReference::default() }
}

fn masked(preview: Preview, mask: &Mask) -> Preview {
    let text = |text: String| mask.text(&text).into_owned();
    Preview {
        header: preview.header.map(text),
        body: text(preview.body),
        footer: preview.footer.map(text),
        buttons: preview.buttons.into_iter().map(text).collect(),
        cards: preview.cards.into_iter().map(|card| masked(card, mask)).collect(),
    }
}
