//! Any request that the domain can have, as far as its wire form tells what it says: an empty text is none there.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;
use waypost_domain::send::content::{
    Buttons, CardPhone, ContactCard, CtaUrl, Flow, Header, List, Media, MediaKind, MediaSource, Place, ProductSection,
    Products, Reaction, ReplyButton, Row, Section,
};
use waypost_domain::send::{
    Author, ButtonParameter, ButtonValue, Cause, FreeForm, HeaderValue, Parameter, ParameterValue, SendContent, SendId,
    SendRequest, TemplateRequest, Values,
};
use waypost_domain::team::Priority;
use waypost_domain::{Category, ContactId, ConversationId, NumberName, Timestamp};

fn text() -> BoxedStrategy<String> {
    "[ -~é👍\n]{0,12}".boxed()
}

fn some_text() -> BoxedStrategy<Option<String>> {
    option::of("[a-zé👍 ]{1,12}").boxed()
}

fn time() -> BoxedStrategy<Timestamp> {
    (0_i64..253_402_300_800_000).prop_map(Timestamp::from_millis).boxed()
}

/// No more digits than a map has: the last of sixteen differs by who reads it.
fn degrees() -> BoxedStrategy<f64> {
    (-18_000_000..18_000_000).prop_map(|ten_thousandths| f64::from(ten_thousandths) / 100_000.0).boxed()
}

fn source() -> BoxedStrategy<MediaSource> {
    prop_oneof![text().prop_map(MediaSource::Id), text().prop_map(MediaSource::Link)].boxed()
}

fn media() -> BoxedStrategy<FreeForm> {
    let kinds = [MediaKind::Image, MediaKind::Video, MediaKind::Audio, MediaKind::Document, MediaKind::Sticker];
    let size = option::of(1_u64..);
    (proptest::sample::select(kinds.to_vec()), source(), some_text(), size, some_text(), some_text(), any::<bool>())
        .prop_map(|(kind, source, mime_type, size_bytes, caption, filename, voice)| {
            FreeForm::Media(Media { kind, source, mime_type, size_bytes, caption, filename, voice })
        })
        .boxed()
}

fn card() -> BoxedStrategy<ContactCard> {
    let phone = (text(), some_text()).prop_map(|(phone, wa_id)| CardPhone { phone, wa_id });
    (text(), some_text(), some_text(), some_text(), vec(phone, 0..3), vec(text(), 0..3))
        .prop_map(|(formatted_name, first_name, last_name, organization, phones, emails)| ContactCard {
            formatted_name,
            first_name,
            last_name,
            organization,
            phones,
            emails,
        })
        .boxed()
}

fn header() -> BoxedStrategy<Option<Header>> {
    option::of(prop_oneof![
        text().prop_map(Header::Text),
        source().prop_map(Header::Image),
        source().prop_map(Header::Video),
        (source(), some_text()).prop_map(|(source, filename)| Header::Document { source, filename }),
    ])
    .boxed()
}

fn interactive() -> BoxedStrategy<FreeForm> {
    let button = (text(), text()).prop_map(|(id, title)| ReplyButton { id, title });
    let buttons = (header(), text(), some_text(), vec(button, 0..4))
        .prop_map(|(header, body, footer, buttons)| FreeForm::Buttons(Buttons { header, body, footer, buttons }));
    let row = (text(), text(), some_text()).prop_map(|(id, title, description)| Row { id, title, description });
    let section = (some_text(), vec(row, 0..3)).prop_map(|(title, rows)| Section { title, rows });
    let list = (some_text(), text(), some_text(), text(), vec(section, 0..3)).prop_map(
        |(header, body, footer, button, sections)| FreeForm::List(List { header, body, footer, button, sections }),
    );
    let link = (header(), text(), some_text(), text(), text()).prop_map(|(header, body, footer, display_text, url)| {
        FreeForm::CtaUrl(CtaUrl { header, body, footer, display_text, url })
    });
    let flow = ((header(), text(), some_text()), text(), text(), text(), some_text(), some_text()).prop_map(
        |((header, body, footer), flow_id, button, token, screen, data)| {
            FreeForm::Flow(Flow { header, body, footer, flow_id, button, token, screen, data })
        },
    );
    let section = (some_text(), vec(text(), 0..3)).prop_map(|(title, products)| ProductSection { title, products });
    let products = (text(), text(), some_text(), text(), vec(section, 0..3)).prop_map(
        |(header, body, footer, catalog, sections)| {
            FreeForm::Products(Products { header, body, footer, catalog, sections })
        },
    );
    prop_oneof![buttons, list, link, flow, products].boxed()
}

fn free_form() -> BoxedStrategy<FreeForm> {
    let place = (degrees(), degrees(), some_text(), some_text())
        .prop_map(|(latitude, longitude, name, address)| Place { latitude, longitude, name, address });
    let reaction = (text(), text(), option::of(time()))
        .prop_map(|(message_id, emoji, message_at)| FreeForm::Reaction(Reaction { message_id, emoji, message_at }));
    let catalog = (text(), some_text(), some_text()).prop_map(|(body, footer, thumbnail_product)| FreeForm::Catalog {
        body,
        footer,
        thumbnail_product,
    });
    let product = (text(), text(), some_text(), some_text())
        .prop_map(|(catalog, product, body, footer)| FreeForm::Product { catalog, product, body, footer });
    prop_oneof![
        (text(), any::<bool>()).prop_map(|(body, preview_url)| FreeForm::Text { body, preview_url }),
        media(),
        place.prop_map(FreeForm::Location),
        vec(card(), 0..3).prop_map(FreeForm::Contacts),
        reaction,
        interactive(),
        text().prop_map(|body| FreeForm::LocationRequest { body }),
        text().prop_map(|body| FreeForm::ContactRequest { body }),
        catalog,
        product,
    ]
    .boxed()
}

fn parameter() -> BoxedStrategy<Parameter> {
    let currency = (text(), text(), any::<i64>()).prop_map(|(fallback, code, amount_1000)| ParameterValue::Currency {
        fallback,
        code,
        amount_1000,
    });
    let value = prop_oneof![
        text().prop_map(ParameterValue::Text),
        currency,
        text().prop_map(|fallback| ParameterValue::DateTime { fallback }),
    ];
    (some_text(), value).prop_map(|(name, value)| Parameter { name, value }).boxed()
}

fn values() -> BoxedStrategy<Values> {
    let header = prop_oneof![
        parameter().prop_map(HeaderValue::Text),
        source().prop_map(HeaderValue::Image),
        source().prop_map(HeaderValue::Video),
        (source(), some_text()).prop_map(|(source, filename)| HeaderValue::Document { source, filename }),
        (degrees(), degrees(), text(), text()).prop_map(|(latitude, longitude, name, address)| {
            HeaderValue::Location { latitude, longitude, name, address }
        }),
    ];
    let value = prop_oneof![
        text().prop_map(ButtonValue::Payload),
        text().prop_map(ButtonValue::UrlSuffix),
        text().prop_map(ButtonValue::OneTimeCode),
        text().prop_map(ButtonValue::CouponCode),
        text().prop_map(ButtonValue::FlowToken),
    ];
    let button = (0_usize..20, value).prop_map(|(index, value)| ButtonParameter { index, value });
    let end = option::of(time().prop_map(Timestamp::as_millis));
    let flat = (option::of(header), vec(parameter(), 0..3), vec(button, 0..3), end)
        .prop_map(|(header, body, buttons, offer_ends_at_ms)| Values {
            header,
            body,
            buttons,
            cards: Vec::new(),
            offer_ends_at_ms,
        })
        .boxed();
    (flat.clone(), vec(flat, 0..3)).prop_map(|(values, cards)| Values { cards, ..values }).boxed()
}

fn template() -> BoxedStrategy<TemplateRequest> {
    ("[a-z_]{1,12}", some_text(), option::of(vec("[a-z_A-Z]{1,5}", 0..3)), values())
        .prop_map(|(name, language, language_fallback, values)| TemplateRequest {
            name,
            language,
            language_fallback,
            values,
        })
        .boxed()
}

fn content() -> BoxedStrategy<SendContent> {
    prop_oneof![
        4 => free_form().prop_map(SendContent::FreeForm),
        1 => template().prop_map(SendContent::Template),
    ]
    .boxed()
}

pub(crate) fn request() -> BoxedStrategy<SendRequest> {
    let author = prop_oneof![
        text().prop_map(Author::Agent),
        text().prop_map(Author::Bot),
        text().prop_map(Author::Automation),
        text().prop_map(Author::Campaign),
    ];
    let cause = prop_oneof![
        Just(Cause::Reply),
        Just(Cause::CustomerAsked),
        Just(Cause::StopConfirmation),
        "[a-z/-]{1,12}".prop_map(Cause::Event),
    ];
    let names = ("[!-~]{1,128}", "[a-z é-]{0,20}[a-z]", any::<u128>(), option::of(any::<u128>()));
    let judged = (author, cause, option::of(proptest::sample::select(Category::ALL.to_vec())));
    let said = (some_text(), some_text());
    let times = (time(), option::of(time()), said, proptest::sample::select(Priority::ALL.to_vec()));
    (names, judged, content(), option::of(template()), times, any::<[bool; 4]>())
        .prop_map(|((id, number, contact, conversation), judged, content, substitute, times, flags)| {
            let (author, cause, category) = judged;
            let (created_at, expires_at, (last_seen, reply_to), priority) = times;
            let is_reaction = matches!(content, SendContent::FreeForm(FreeForm::Reaction(_)));
            let reply_to = reply_to.filter(|_| !is_reaction);
            let [force, strict_order, shorten, take_thread] = flags;
            SendRequest {
                id: SendId::new(id).unwrap(),
                number: NumberName::new(number.trim_start()).unwrap(),
                contact: ContactId::from_uuid(Uuid::from_u128(contact)),
                conversation: conversation.map(|id| ConversationId::from_uuid(Uuid::from_u128(id))),
                author,
                cause,
                content,
                category,
                substitute,
                priority,
                created_at,
                expires_at,
                last_seen,
                reply_to,
                force,
                strict_order,
                shorten,
                take_thread,
            }
        })
        .boxed()
}
