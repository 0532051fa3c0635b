//! Whether free-form content is such as WhatsApp takes: everything that is needed is there, and nothing is too long, too
//! large or too many. Lengths are in characters, never in bytes. One field that is too long makes Meta refuse the whole message.
//!
//! Source: Meta's reference of the messages endpoint, and its pages on interactive messages.

mod media;
mod texts;

use waypost_domain::send::content::{
    Buttons, ContactCard, CtaUrl, Flow, Header, List, ProductSection, Products, Reaction, ReplyButton, Section,
};
use waypost_domain::send::{FreeForm, SendContent};

pub(crate) use self::media::source;
pub use self::media::{MediaLimits, media_limits};
use self::texts::Texts;
use crate::asked::Asked;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, Warning, refuse};

const TEXT_BODY_MAX: usize = 4096;
const INTERACTIVE_BODY_MAX: usize = 1024;
const LIST_BODY_MAX: usize = 4096;
const HEADER_MAX: usize = 60;
const FOOTER_MAX: usize = 60;
const BUTTONS_MAX: usize = 3;
/// On a button, whatever it does.
const BUTTON_MAX: usize = 20;
const BUTTON_ID_MAX: usize = 256;
const SECTIONS_MAX: usize = 10;
/// In all sections together.
const ROWS_MAX: usize = 10;
const SECTION_TITLE_MAX: usize = 24;
const ROW_TITLE_MAX: usize = 24;
const ROW_DESCRIPTION_MAX: usize = 72;
const ROW_ID_MAX: usize = 200;
const URL_MAX: usize = 2000;
/// In all sections together.
const PRODUCTS_MAX: usize = 30;
/// Of a reaction's message.
const REACTION_AGE_MAX_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// The content as it goes, with texts cut where the request allows that; `None`: it is a template.
pub(crate) fn fits(asked: &Asked<'_>) -> Answer<Option<(FreeForm, Vec<Warning>)>> {
    let SendContent::FreeForm(content) = &asked.request.content else { return Ok(None) };
    let mut content = content.clone();
    let mut texts = Texts::new(asked.request.shorten);
    match &mut content {
        FreeForm::Text { body, .. } => texts.needed("body", body, TEXT_BODY_MAX)?,
        FreeForm::Media(media) => media::fits(media, &mut texts)?,
        FreeForm::Location(place) => self::place("", place.latitude, place.longitude)?,
        FreeForm::Contacts(cards) => contacts(cards)?,
        FreeForm::Reaction(reaction) => self::reaction(reaction, asked)?,
        FreeForm::Buttons(message) => buttons(message, &mut texts)?,
        FreeForm::List(message) => list(message, &mut texts)?,
        FreeForm::CtaUrl(message) => cta_url(message, &mut texts)?,
        FreeForm::Flow(message) => flow(message, &mut texts)?,
        FreeForm::LocationRequest { body } | FreeForm::ContactRequest { body } => {
            texts.needed("body", body, INTERACTIVE_BODY_MAX)?;
        }
        FreeForm::Catalog { body, footer, .. } => {
            texts.needed("body", body, INTERACTIVE_BODY_MAX)?;
            texts.optional("footer", footer.as_mut(), FOOTER_MAX)?;
        }
        FreeForm::Product { catalog, product, body, footer } => {
            texts::id("catalog", catalog, BUTTON_ID_MAX)?;
            texts::id("product", product, BUTTON_ID_MAX)?;
            texts.optional("body", body.as_mut(), INTERACTIVE_BODY_MAX)?;
            texts.optional("footer", footer.as_mut(), FOOTER_MAX)?;
        }
        FreeForm::Products(message) => products(message, &mut texts)?,
    }
    Ok(Some((content, texts.warnings)))
}

/// Whether it is a place on this earth.
pub(crate) fn place(prefix: &str, latitude: f64, longitude: f64) -> Answer {
    for (field, value, max) in [("latitude", latitude, 90.0), ("longitude", longitude, 180.0)] {
        if !value.is_finite() || value.abs() > max {
            let finding = Finding::new(Rule::ContentInvalid).field(format!("{prefix}{field}"));
            return refuse(finding.detail(format!("must be -{max} to {max} degrees")));
        }
    }
    Ok(())
}

fn contacts(cards: &[ContactCard]) -> Answer {
    if cards.is_empty() {
        return refuse(Finding::new(Rule::ContentMissing).field("contacts"));
    }
    for (at, card) in cards.iter().enumerate() {
        texts::id(&format!("contacts[{at}].formatted_name"), &card.formatted_name, TEXT_BODY_MAX)?;
        if [&card.first_name, &card.last_name, &card.organization].iter().all(|part| part.is_none()) {
            let finding = Finding::new(Rule::ContentMissing).field(format!("contacts[{at}].first_name"));
            return refuse(finding.detail("one of first_name, last_name and organization"));
        }
    }
    Ok(())
}

fn reaction(reaction: &Reaction, asked: &Asked<'_>) -> Answer {
    texts::id("message_id", &reaction.message_id, TEXT_BODY_MAX)?;
    if texts::signs(&reaction.emoji) > 1 {
        return refuse(Finding::new(Rule::ContentInvalid).field("emoji").detail("one emoji, or none to take it back"));
    }
    if reaction.message_at.is_some_and(|at| asked.now.millis_since(at) > REACTION_AGE_MAX_MS) {
        return refuse(Finding::new(Rule::ReactionTooOld).field("message_id").detail("30 days"));
    }
    Ok(())
}

fn buttons(message: &mut Buttons, texts: &mut Texts) -> Answer {
    header(message.header.as_mut(), texts)?;
    texts.needed("body", &mut message.body, INTERACTIVE_BODY_MAX)?;
    texts.optional("footer", message.footer.as_mut(), FOOTER_MAX)?;
    texts::count("buttons", message.buttons.len(), BUTTONS_MAX)?;
    for (at, ReplyButton { id, title }) in message.buttons.iter_mut().enumerate() {
        texts::id(&format!("buttons[{at}].id"), id, BUTTON_ID_MAX)?;
        texts.needed(&format!("buttons[{at}].title"), title, BUTTON_MAX)?;
    }
    // Also where both were cut to the same.
    texts::distinct("buttons", "id", message.buttons.iter().map(|button| button.id.as_str()))?;
    texts::distinct("buttons", "title", message.buttons.iter().map(|button| button.title.as_str()))
}

fn list(message: &mut List, texts: &mut Texts) -> Answer {
    texts.optional("header", message.header.as_mut(), HEADER_MAX)?;
    texts.needed("body", &mut message.body, LIST_BODY_MAX)?;
    texts.optional("footer", message.footer.as_mut(), FOOTER_MAX)?;
    texts.needed("button", &mut message.button, BUTTON_MAX)?;
    texts::count("sections", message.sections.len(), SECTIONS_MAX)?;
    texts::count("sections.rows", message.sections.iter().map(|section| section.rows.len()).sum(), ROWS_MAX)?;
    let are_several = message.sections.len() > 1;
    for (at, Section { title, rows }) in message.sections.iter_mut().enumerate() {
        section_title(at, title.as_mut(), are_several, texts)?;
        for (row_at, row) in rows.iter_mut().enumerate() {
            let field = |name: &str| format!("sections[{at}].rows[{row_at}].{name}");
            texts::id(&field("id"), &row.id, ROW_ID_MAX)?;
            texts.needed(&field("title"), &mut row.title, ROW_TITLE_MAX)?;
            texts.optional(&field("description"), row.description.as_mut(), ROW_DESCRIPTION_MAX)?;
        }
    }
    let rows = message.sections.iter().flat_map(|section| &section.rows);
    texts::distinct("sections.rows", "id", rows.map(|row| row.id.as_str()))
}

fn section_title(at: usize, title: Option<&mut String>, is_needed: bool, texts: &mut Texts) -> Answer {
    let field = format!("sections[{at}].title");
    if is_needed && title.is_none() {
        return refuse(Finding::new(Rule::ContentMissing).field(field).detail("where there are several sections"));
    }
    texts.optional(&field, title, SECTION_TITLE_MAX)
}

fn cta_url(message: &mut CtaUrl, texts: &mut Texts) -> Answer {
    header(message.header.as_mut(), texts)?;
    texts.needed("body", &mut message.body, INTERACTIVE_BODY_MAX)?;
    texts.optional("footer", message.footer.as_mut(), FOOTER_MAX)?;
    texts.needed("display_text", &mut message.display_text, BUTTON_MAX)?;
    texts::address("url", &message.url, URL_MAX)
}

fn flow(message: &mut Flow, texts: &mut Texts) -> Answer {
    header(message.header.as_mut(), texts)?;
    texts.needed("body", &mut message.body, INTERACTIVE_BODY_MAX)?;
    texts.optional("footer", message.footer.as_mut(), FOOTER_MAX)?;
    texts.needed("button", &mut message.button, BUTTON_MAX)?;
    texts::id("flow_id", &message.flow_id, BUTTON_ID_MAX)?;
    texts::id("token", &message.token, URL_MAX)
}

fn products(message: &mut Products, texts: &mut Texts) -> Answer {
    texts.needed("header", &mut message.header, HEADER_MAX)?;
    texts.needed("body", &mut message.body, INTERACTIVE_BODY_MAX)?;
    texts.optional("footer", message.footer.as_mut(), FOOTER_MAX)?;
    texts::id("catalog", &message.catalog, BUTTON_ID_MAX)?;
    texts::count("sections", message.sections.len(), SECTIONS_MAX)?;
    texts::count(
        "sections.products",
        message.sections.iter().map(|section| section.products.len()).sum(),
        PRODUCTS_MAX,
    )?;
    let are_several = message.sections.len() > 1;
    for (at, ProductSection { title, .. }) in message.sections.iter_mut().enumerate() {
        section_title(at, title.as_mut(), are_several, texts)?;
    }
    Ok(())
}

fn header(header: Option<&mut Header>, texts: &mut Texts) -> Answer {
    match header {
        None => Ok(()),
        Some(Header::Text(text)) => texts.needed("header", text, HEADER_MAX),
        Some(Header::Image(media) | Header::Video(media) | Header::Document { source: media, .. }) => {
            source("header", media)
        }
    }
}
