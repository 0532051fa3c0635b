//! What a message can be. What is interactive is in the file beside.

mod interactive;

use waypost_domain::send::content::{CardPhone, ContactCard, Media, MediaKind, MediaSource, Place, Reaction};
use waypost_domain::send::{FreeForm, SendContent};

use super::template::{read_template, wire_template};
use super::{Problems, plain, some, time};
use crate::sends_v1 as wire;
use wire::content::Kind;
use wire::media_source::At;

/// The kinds, as they are written.
const KINDS: &str = "text, image, video, audio, document, sticker, location, contacts, reaction, buttons, list, cta_url, flow, \
                     location_request, contact_request, catalog, product, products or template";

pub(super) fn read_content(problems: &mut Problems, at: &str, content: wire::Content) -> Option<SendContent> {
    let Some(kind) = content.kind else { return problems.refuse(at, format!("must have exactly one of {KINDS}")) };
    let free_form = match kind {
        Kind::Template(template) => {
            return read_template(problems, &format!("{at}.template"), template).map(SendContent::Template);
        }
        Kind::Text(wire::Text { body, preview_url }) => FreeForm::Text { body, preview_url },
        Kind::Image(media) => read_media(problems, at, MediaKind::Image, media)?,
        Kind::Video(media) => read_media(problems, at, MediaKind::Video, media)?,
        Kind::Audio(media) => read_media(problems, at, MediaKind::Audio, media)?,
        Kind::Document(media) => read_media(problems, at, MediaKind::Document, media)?,
        Kind::Sticker(media) => read_media(problems, at, MediaKind::Sticker, media)?,
        Kind::Location(place) => FreeForm::Location(read_place(place)),
        Kind::Contacts(cards) => FreeForm::Contacts(cards.cards.into_iter().map(read_card).collect()),
        Kind::Reaction(reaction) => read_reaction(problems, at, reaction),
        Kind::Buttons(buttons) => interactive::read_buttons(problems, &format!("{at}.buttons"), buttons)?,
        Kind::List(list) => interactive::read_list(list),
        Kind::CtaUrl(button) => interactive::read_link(problems, &format!("{at}.cta_url"), button)?,
        Kind::Flow(flow) => interactive::read_flow(problems, &format!("{at}.flow"), flow)?,
        Kind::LocationRequest(question) => FreeForm::LocationRequest { body: question.body },
        Kind::ContactRequest(question) => FreeForm::ContactRequest { body: question.body },
        Kind::Catalog(wire::Catalog { body, footer, thumbnail_product }) => {
            FreeForm::Catalog { body, footer: some(footer), thumbnail_product: some(thumbnail_product) }
        }
        Kind::Product(wire::Product { catalog, product, body, footer }) => {
            FreeForm::Product { catalog, product, body: some(body), footer: some(footer) }
        }
        Kind::Products(products) => interactive::read_products(products),
    };
    Some(SendContent::FreeForm(free_form))
}

pub(super) fn wire_content(content: &SendContent) -> wire::Content {
    match content {
        SendContent::FreeForm(content) => wire_free_form(content),
        SendContent::Template(template) => wire::Content { kind: Some(Kind::Template(wire_template(template))) },
    }
}

pub(super) fn wire_free_form(content: &FreeForm) -> wire::Content {
    let question = |body: &String| wire::Question { body: body.clone() };
    let kind = match content {
        FreeForm::Text { body, preview_url } => {
            Kind::Text(wire::Text { body: body.clone(), preview_url: *preview_url })
        }
        FreeForm::Media(media) => wire_media(media),
        FreeForm::Location(place) => Kind::Location(wire_place(place)),
        FreeForm::Contacts(cards) => {
            Kind::Contacts(wire::ContactCards { cards: cards.iter().map(wire_card).collect() })
        }
        FreeForm::Reaction(reaction) => Kind::Reaction(wire::Reaction {
            message_id: reaction.message_id.clone(),
            emoji: reaction.emoji.clone(),
            message_time: reaction.message_at.map(time),
        }),
        FreeForm::Buttons(buttons) => Kind::Buttons(interactive::wire_buttons(buttons)),
        FreeForm::List(list) => Kind::List(interactive::wire_list(list)),
        FreeForm::CtaUrl(button) => Kind::CtaUrl(interactive::wire_link(button)),
        FreeForm::Flow(flow) => Kind::Flow(interactive::wire_flow(flow)),
        FreeForm::LocationRequest { body } => Kind::LocationRequest(question(body)),
        FreeForm::ContactRequest { body } => Kind::ContactRequest(question(body)),
        FreeForm::Catalog { body, footer, thumbnail_product } => Kind::Catalog(wire::Catalog {
            body: body.clone(),
            footer: plain(footer),
            thumbnail_product: plain(thumbnail_product),
        }),
        FreeForm::Product { catalog, product, body, footer } => Kind::Product(wire::Product {
            catalog: catalog.clone(),
            product: product.clone(),
            body: plain(body),
            footer: plain(footer),
        }),
        FreeForm::Products(products) => Kind::Products(interactive::wire_products(products)),
    };
    wire::Content { kind: Some(kind) }
}

fn read_media(problems: &mut Problems, at: &str, kind: MediaKind, media: wire::Media) -> Option<FreeForm> {
    let source = read_source(problems, &format!("{at}.{}.source", kind.as_str()), media.source)?;
    Some(FreeForm::Media(Media {
        kind,
        source,
        mime_type: some(media.mime_type),
        size_bytes: (media.size_bytes > 0).then_some(media.size_bytes),
        caption: some(media.caption),
        filename: some(media.filename),
        voice: media.voice,
    }))
}

fn wire_media(media: &Media) -> Kind {
    let wire = wire::Media {
        source: Some(wire_source(&media.source)),
        mime_type: plain(&media.mime_type),
        size_bytes: media.size_bytes.unwrap_or_default(),
        caption: plain(&media.caption),
        filename: plain(&media.filename),
        voice: media.voice,
    };
    match media.kind {
        MediaKind::Image => Kind::Image(wire),
        MediaKind::Video => Kind::Video(wire),
        MediaKind::Audio => Kind::Audio(wire),
        MediaKind::Document => Kind::Document(wire),
        MediaKind::Sticker => Kind::Sticker(wire),
    }
}

fn read_source(problems: &mut Problems, at: &str, source: Option<wire::MediaSource>) -> Option<MediaSource> {
    match source.and_then(|source| source.at) {
        Some(At::Id(id)) => Some(MediaSource::Id(id)),
        Some(At::Link(link)) => Some(MediaSource::Link(link)),
        None => problems.refuse(at, "must have exactly one of id and link"),
    }
}

fn wire_source(source: &MediaSource) -> wire::MediaSource {
    let at = match source {
        MediaSource::Id(id) => At::Id(id.clone()),
        MediaSource::Link(link) => At::Link(link.clone()),
    };
    wire::MediaSource { at: Some(at) }
}

fn read_place(place: wire::Place) -> Place {
    let wire::Place { latitude, longitude, name, address } = place;
    Place { latitude, longitude, name: some(name), address: some(address) }
}

fn wire_place(place: &Place) -> wire::Place {
    let Place { latitude, longitude, name, address } = place;
    wire::Place { latitude: *latitude, longitude: *longitude, name: plain(name), address: plain(address) }
}

fn read_reaction(problems: &mut Problems, at: &str, reaction: wire::Reaction) -> FreeForm {
    let message_at = problems.time(&format!("{at}.reaction.message_time"), reaction.message_time);
    FreeForm::Reaction(Reaction { message_id: reaction.message_id, emoji: reaction.emoji, message_at })
}

fn read_card(card: wire::ContactCard) -> ContactCard {
    let phone = |phone: wire::CardPhone| CardPhone { phone: phone.phone, wa_id: some(phone.wa_id) };
    ContactCard {
        formatted_name: card.formatted_name,
        first_name: some(card.first_name),
        last_name: some(card.last_name),
        organization: some(card.organization),
        phones: card.phones.into_iter().map(phone).collect(),
        emails: card.emails,
    }
}

fn wire_card(card: &ContactCard) -> wire::ContactCard {
    let phone = |phone: &CardPhone| wire::CardPhone { phone: phone.phone.clone(), wa_id: plain(&phone.wa_id) };
    wire::ContactCard {
        formatted_name: card.formatted_name.clone(),
        first_name: plain(&card.first_name),
        last_name: plain(&card.last_name),
        organization: plain(&card.organization),
        phones: card.phones.iter().map(phone).collect(),
        emails: card.emails.clone(),
    }
}
