//! Free-form content, a kind at a time.

use serde_json::{Map, Value};
use waypost_cloud_api::send as wire;
use waypost_cloud_api::send::{Body, FieldError, HeaderMedia, Interactive, InteractiveHeader};
use waypost_domain::send::content::{
    Buttons, ContactCard, CtaUrl, Flow, FreeForm, Header, List, Media, MediaKind, MediaSource, Place, Products, Section,
};

use super::{must_be, some};

pub(super) fn body(content: &FreeForm) -> Result<Body, FieldError> {
    let interactive = match content {
        FreeForm::Text { body, preview_url } => {
            return Ok(Body::Text(wire::Text { body: body.clone(), preview_url: *preview_url }));
        }
        FreeForm::Media(media) => return self::media(media).map(Body::Media),
        FreeForm::Location(place) => return location("", place).map(Body::Location),
        FreeForm::Contacts(cards) => {
            return some("contacts", cards.iter().map(card).collect()).map(Body::Contacts);
        }
        FreeForm::Reaction(reaction) => {
            let emoji = Some(reaction.emoji.clone()).filter(|emoji| !emoji.is_empty());
            return Ok(Body::Reaction(wire::Reaction { message_id: reaction.message_id.clone(), emoji }));
        }
        FreeForm::Buttons(message) => Interactive::Buttons(buttons(message)?),
        FreeForm::List(message) => Interactive::List(list(message)?),
        FreeForm::CtaUrl(message) => Interactive::CtaUrl(cta_url(message)),
        FreeForm::Flow(message) => Interactive::Flow(flow(message)?),
        FreeForm::LocationRequest { body } => Interactive::LocationRequest { body: body.clone() },
        FreeForm::ContactRequest { body } => Interactive::ContactRequest { body: body.clone() },
        FreeForm::Catalog { body, footer, thumbnail_product } => {
            Interactive::Catalog { body: body.clone(), footer: footer.clone(), thumbnail: thumbnail_product.clone() }
        }
        FreeForm::Product { catalog, product, body, footer } => Interactive::Product(wire::Product {
            body: body.clone(),
            footer: footer.clone(),
            catalog_id: catalog.clone(),
            product_retailer_id: product.clone(),
        }),
        FreeForm::Products(message) => Interactive::ProductList(products(message)?),
    };
    Ok(Body::Interactive(interactive))
}

pub(super) fn source(source: &MediaSource) -> wire::MediaSource {
    match source {
        MediaSource::Id(id) => wire::MediaSource::Id(id.clone()),
        MediaSource::Link(link) => wire::MediaSource::Link(link.clone()),
    }
}

/// `prefix` stands before the field's name in an error.
pub(super) fn location(prefix: &str, place: &Place) -> Result<wire::Location, FieldError> {
    let Place { latitude, longitude, name, address } = place;
    // Written without an exponent, with the digits that read back as the same number.
    let north = wire::Degrees::latitude(latitude.to_string());
    let east = wire::Degrees::longitude(longitude.to_string());
    Ok(wire::Location {
        latitude: north.map_err(|_| must_be(format!("{prefix}latitude"), "degrees, at most 90"))?,
        longitude: east.map_err(|_| must_be(format!("{prefix}longitude"), "degrees, at most 180"))?,
        name: name.clone(),
        address: address.clone(),
    })
}

/// What a kind cannot show is left out, unless it is words that the customer would miss.
fn media(media: &Media) -> Result<wire::Media, FieldError> {
    let (source, caption) = (source(&media.source), media.caption.clone());
    Ok(match media.kind {
        MediaKind::Image => wire::Media::Image { source, caption },
        MediaKind::Video => wire::Media::Video { source, caption },
        MediaKind::Document => wire::Media::Document { source, caption, filename: media.filename.clone() },
        MediaKind::Audio | MediaKind::Sticker if caption.is_some() => {
            return Err(must_be("caption", "absent: this kind of media has none"));
        }
        MediaKind::Audio => wire::Media::Audio { source, voice: media.voice },
        MediaKind::Sticker => wire::Media::Sticker { source },
    })
}

fn card(card: &ContactCard) -> wire::Card {
    let phone = |phone: &waypost_domain::send::content::CardPhone| wire::CardPhone {
        phone: Some(phone.phone.clone()),
        wa_id: phone.wa_id.clone(),
        kind: None,
    };
    let email = |email: &String| wire::CardEmail { email: Some(email.clone()), kind: None };
    let company = |name: &String| wire::CardOrganisation { company: Some(name.clone()), ..Default::default() };
    wire::Card {
        formatted_name: card.formatted_name.clone(),
        name: wire::NameParts { first: card.first_name.clone(), last: card.last_name.clone(), ..Default::default() },
        organisation: card.organization.as_ref().map(company),
        phones: card.phones.iter().map(phone).collect(),
        emails: card.emails.iter().map(email).collect(),
        ..wire::Card::default()
    }
}

fn header(header: &Header) -> InteractiveHeader {
    match header {
        Header::Text(text) => InteractiveHeader::Text(text.clone()),
        Header::Image(image) => InteractiveHeader::Media(HeaderMedia::Image(source(image))),
        Header::Video(video) => InteractiveHeader::Media(HeaderMedia::Video(source(video))),
        Header::Document { source: document, filename } => {
            InteractiveHeader::Media(HeaderMedia::Document { source: source(document), filename: filename.clone() })
        }
    }
}

fn buttons(message: &Buttons) -> Result<wire::ReplyButtons, FieldError> {
    let button = |button: &waypost_domain::send::content::ReplyButton| wire::ReplyButton {
        id: button.id.clone(),
        title: button.title.clone(),
    };
    Ok(wire::ReplyButtons {
        header: message.header.as_ref().map(header),
        body: message.body.clone(),
        footer: message.footer.clone(),
        buttons: some("buttons", message.buttons.iter().map(button).collect())?,
    })
}

fn list(message: &List) -> Result<wire::List, FieldError> {
    let row = |row: &waypost_domain::send::content::Row| wire::Row {
        id: row.id.clone(),
        title: row.title.clone(),
        description: row.description.clone(),
    };
    let section = |(at, Section { title, rows }): (usize, &Section)| {
        let rows = some(format!("sections[{at}].rows"), rows.iter().map(row).collect())?;
        Ok(wire::Section { title: title.clone(), rows })
    };
    Ok(wire::List {
        header: message.header.clone(),
        body: message.body.clone(),
        footer: message.footer.clone(),
        button: message.button.clone(),
        sections: some("sections", message.sections.iter().enumerate().map(section).collect::<Result<_, _>>()?)?,
    })
}

fn cta_url(message: &CtaUrl) -> wire::CtaUrl {
    wire::CtaUrl {
        header: message.header.as_ref().map(header),
        body: message.body.clone(),
        footer: message.footer.clone(),
        display_text: message.display_text.clone(),
        url: message.url.clone(),
    }
}

fn flow(message: &Flow) -> Result<wire::Flow, FieldError> {
    let opens = match (&message.screen, flow_data(message.data.as_deref())?) {
        (Some(screen), data) => wire::FlowOpens::Screen { screen: screen.clone(), data },
        (None, None) => wire::FlowOpens::AskServer,
        (None, Some(_)) => return Err(must_be("data", "absent where there is no screen")),
    };
    Ok(wire::Flow {
        header: message.header.as_ref().map(header),
        body: message.body.clone(),
        footer: message.footer.clone(),
        id: wire::FlowId::Id(message.flow_id.clone()),
        call_to_action: message.button.clone(),
        token: Some(message.token.clone()),
        opens,
        is_draft: false,
    })
}

/// Meta refuses an object of nothing.
fn flow_data(data: Option<&str>) -> Result<Option<Map<String, Value>>, FieldError> {
    let Some(data) = data else { return Ok(None) };
    let object: Map<String, Value> = serde_json::from_str(data).map_err(|_| must_be("data", "an object of JSON"))?;
    Ok(Some(object).filter(|object| !object.is_empty()))
}

fn products(message: &Products) -> Result<wire::ProductList, FieldError> {
    let section = |(at, section): (usize, &waypost_domain::send::content::ProductSection)| {
        let products = some(format!("sections[{at}].products"), section.products.clone())?;
        Ok(wire::ProductSection { title: section.title.clone(), products })
    };
    Ok(wire::ProductList {
        header: message.header.clone(),
        body: message.body.clone(),
        footer: message.footer.clone(),
        catalog_id: message.catalog.clone(),
        sections: some("sections", message.sections.iter().enumerate().map(section).collect::<Result<_, _>>()?)?,
    })
}
