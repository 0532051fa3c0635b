//! Any request that can be built.

use proptest::prelude::*;
use serde_json::{Map, Value};
use waypost_cloud_api::send::{
    Body, Button, ButtonAction, Card, CardPhone, CarouselCard, CtaUrl, Currency, Customer, DateTime, Degrees, Flow,
    FlowId, FlowOpens, Header, HeaderMedia, Interactive, InteractiveHeader, List, Location, Media, MediaSource,
    Message, NameParts, NonEmpty, Parameter, ParameterValue, Parameters, PhoneNumber, Product, ProductList,
    ProductSection, Reaction, Recipient, ReplyButton, ReplyButtons, Row, Section, Template, Text, UserId,
};

pub(super) fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

pub(super) fn some_text() -> impl Strategy<Value = Option<String>> {
    prop::option::of(any::<String>())
}

pub(super) fn non_empty<T: std::fmt::Debug>(element: impl Strategy<Value = T>) -> impl Strategy<Value = NonEmpty<T>> {
    prop::collection::vec(element, 1..4).prop_map(|list| NonEmpty::new(list).expect("one at least"))
}

pub(super) fn customer() -> impl Strategy<Value = Customer> {
    prop_oneof![
        "[1-9][0-9]{6,14}".prop_map(|digits| Customer::Phone(PhoneNumber::new(&digits).expect("a number"))),
        "[A-Z]{2}\\.(ENT\\.)?[A-Za-z0-9]{1,40}".prop_map(|id| Customer::User(UserId::new(id).expect("an id"))),
    ]
}

pub(super) fn recipient() -> BoxedStrategy<Recipient> {
    prop_oneof![4 => customer().prop_map(Recipient::Customer), 1 => text().prop_map(Recipient::Group)].boxed()
}

pub(super) fn source() -> impl Strategy<Value = MediaSource> {
    prop_oneof![text().prop_map(MediaSource::Id), text().prop_map(MediaSource::Link)]
}

pub(super) fn media() -> BoxedStrategy<Media> {
    prop_oneof![
        (source(), some_text()).prop_map(|(source, caption)| Media::Image { source, caption }),
        (source(), some_text()).prop_map(|(source, caption)| Media::Video { source, caption }),
        (source(), some_text(), some_text()).prop_map(|(source, caption, filename)| Media::Document {
            source,
            caption,
            filename
        }),
        (source(), any::<bool>()).prop_map(|(source, voice)| Media::Audio { source, voice }),
        source().prop_map(|source| Media::Sticker { source }),
    ]
    .boxed()
}

pub(super) fn header_media() -> BoxedStrategy<HeaderMedia> {
    prop_oneof![
        source().prop_map(HeaderMedia::Image),
        source().prop_map(HeaderMedia::Video),
        (source(), some_text()).prop_map(|(source, filename)| HeaderMedia::Document { source, filename }),
    ]
    .boxed()
}

pub(super) fn location() -> BoxedStrategy<Location> {
    (-90.0..=90.0, -180.0..=180.0, some_text(), some_text())
        .prop_map(|(latitude, longitude, name, address): (f64, f64, _, _)| Location {
            latitude: Degrees::latitude(latitude.to_string()).expect("within"),
            longitude: Degrees::longitude(longitude.to_string()).expect("within"),
            name,
            address,
        })
        .boxed()
}

pub(super) fn card() -> BoxedStrategy<Card> {
    let phone =
        (some_text(), some_text(), some_text()).prop_map(|(phone, wa_id, kind)| CardPhone { phone, wa_id, kind });
    (text(), some_text(), some_text(), prop::collection::vec(phone, 0..3))
        .prop_map(|(formatted_name, first, birthday, phones)| Card {
            formatted_name,
            name: NameParts { first, ..NameParts::default() },
            birthday,
            phones,
            ..Card::default()
        })
        .boxed()
}

pub(super) fn parameter_value() -> BoxedStrategy<ParameterValue> {
    prop_oneof![
        4 => text().prop_map(ParameterValue::Text),
        1 => (text(), text(), any::<i64>()).prop_map(|(fallback_value, code, amount_1000)| {
            ParameterValue::Currency(Currency { fallback_value, code, amount_1000 })
        }),
        1 => (text(), some_text(), any::<Option<i32>>(), any::<Option<u8>>()).prop_map(
            |(fallback_value, calendar, year, hour)| {
                ParameterValue::DateTime(DateTime { fallback_value, calendar, year, hour, ..DateTime::default() })
            },
        ),
    ]
    .boxed()
}

pub(super) fn parameters() -> BoxedStrategy<Parameters> {
    prop_oneof![
        prop::collection::vec(parameter_value(), 0..4).prop_map(Parameters::positional),
        prop::collection::btree_map(text(), parameter_value(), 0..4)
            .prop_map(|named| Parameters::named(named.into_iter().collect()).expect("each once")),
    ]
    .boxed()
}

pub(super) fn header() -> BoxedStrategy<Header> {
    prop_oneof![
        (some_text(), parameter_value()).prop_map(|(name, value)| Header::Text(Parameter { name, value })),
        header_media().prop_map(Header::Media),
        location().prop_map(Header::Location),
        (text(), text())
            .prop_map(|(catalog_id, product_retailer_id)| Header::Product { catalog_id, product_retailer_id }),
    ]
    .boxed()
}

pub(super) fn data() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map(text(), any::<i64>().prop_map(Value::from), 0..3)
        .prop_map(|fields| fields.into_iter().collect())
}

pub(super) fn product_section() -> BoxedStrategy<ProductSection> {
    (some_text(), non_empty(text())).prop_map(|(title, products)| ProductSection { title, products }).boxed()
}

pub(super) fn button() -> BoxedStrategy<Button> {
    let action = prop_oneof![
        text().prop_map(|payload| ButtonAction::QuickReply { payload }),
        text().prop_map(|suffix| ButtonAction::Url { suffix }),
        text().prop_map(|code| ButtonAction::CopyCode { code }),
        (some_text(), prop::option::of(data())).prop_map(|(token, data)| ButtonAction::Flow { token, data }),
        some_text().prop_map(|thumbnail| ButtonAction::Catalog { thumbnail }),
        (text(), non_empty(product_section()))
            .prop_map(|(thumbnail, sections)| ButtonAction::Products { thumbnail, sections }),
    ];
    (any::<u8>(), action).prop_map(|(index, action)| Button { index, action }).boxed()
}

pub(super) fn carousel_card() -> BoxedStrategy<CarouselCard> {
    (any::<u8>(), prop::option::of(header()), parameters(), prop::collection::vec(button(), 0..2))
        .prop_map(|(index, header, body, buttons)| CarouselCard { index, header, body, buttons })
        .boxed()
}

pub(super) fn template() -> BoxedStrategy<Template> {
    (
        (text(), text()),
        prop::option::of(header()),
        parameters(),
        any::<Option<i64>>(),
        prop::collection::vec(button(), 0..4),
        prop::option::of(non_empty(carousel_card())),
    )
        .prop_map(|((name, language), header, body, offer_ends_ms, buttons, cards)| Template {
            name,
            language,
            header,
            body,
            offer_ends_ms,
            buttons,
            cards,
        })
        .boxed()
}

pub(super) fn interactive_header() -> BoxedStrategy<Option<InteractiveHeader>> {
    prop::option::of(prop_oneof![
        text().prop_map(InteractiveHeader::Text),
        header_media().prop_map(InteractiveHeader::Media),
    ])
    .boxed()
}

pub(super) fn choice() -> BoxedStrategy<Interactive> {
    let button = (text(), text()).prop_map(|(id, title)| ReplyButton { id, title });
    let row = (text(), text(), some_text()).prop_map(|(id, title, description)| Row { id, title, description });
    let section = (some_text(), non_empty(row)).prop_map(|(title, rows)| Section { title, rows });
    prop_oneof![
        (interactive_header(), text(), some_text(), non_empty(button)).prop_map(|(header, body, footer, buttons)| {
            Interactive::Buttons(ReplyButtons { header, body, footer, buttons })
        }),
        (some_text(), text(), some_text(), text(), non_empty(section)).prop_map(
            |(header, body, footer, button, sections)| {
                Interactive::List(List { header, body, footer, button, sections })
            }
        ),
    ]
    .boxed()
}

pub(super) fn flow() -> BoxedStrategy<Interactive> {
    let id = prop_oneof![text().prop_map(FlowId::Id), text().prop_map(FlowId::Name)];
    let opens = prop_oneof![
        Just(FlowOpens::First),
        (text(), prop::option::of(data())).prop_map(|(screen, data)| FlowOpens::Screen { screen, data }),
        Just(FlowOpens::AskServer),
    ];
    (interactive_header(), (text(), text()), some_text(), some_text(), id, opens, any::<bool>())
        .prop_map(|(header, (body, call_to_action), footer, token, id, opens, is_draft)| {
            Interactive::Flow(Flow { header, body, footer, id, call_to_action, token, opens, is_draft })
        })
        .boxed()
}

pub(super) fn products() -> BoxedStrategy<Interactive> {
    prop_oneof![
        (some_text(), some_text(), text(), text()).prop_map(|(body, footer, catalog_id, product_retailer_id)| {
            Interactive::Product(Product { body, footer, catalog_id, product_retailer_id })
        }),
        (text(), text(), some_text(), text(), non_empty(product_section())).prop_map(
            |(header, body, footer, catalog_id, sections)| {
                Interactive::ProductList(ProductList { header, body, footer, catalog_id, sections })
            }
        ),
        (text(), some_text(), some_text()).prop_map(|(body, footer, thumbnail)| Interactive::Catalog {
            body,
            footer,
            thumbnail
        }),
    ]
    .boxed()
}

pub(super) fn interactive() -> BoxedStrategy<Interactive> {
    prop_oneof![
        choice(),
        flow(),
        products(),
        (interactive_header(), text(), some_text(), text(), text()).prop_map(
            |(header, body, footer, display_text, url)| {
                Interactive::CtaUrl(CtaUrl { header, body, footer, display_text, url })
            }
        ),
        text().prop_map(|body| Interactive::LocationRequest { body }),
        text().prop_map(|body| Interactive::ContactRequest { body }),
    ]
    .boxed()
}

pub(super) fn body() -> BoxedStrategy<Body> {
    let emoji = prop::option::of("[a-z👍]{1,3}");
    prop_oneof![
        (text(), any::<bool>()).prop_map(|(body, preview_url)| Body::Text(Text { body, preview_url })),
        media().prop_map(Body::Media),
        template().prop_map(Body::Template),
        interactive().prop_map(Body::Interactive),
        location().prop_map(Body::Location),
        non_empty(card()).prop_map(Body::Contacts),
        (text(), emoji).prop_map(|(message_id, emoji)| Body::Reaction(Reaction { message_id, emoji })),
    ]
    .boxed()
}

pub(super) fn message() -> BoxedStrategy<Message> {
    (recipient(), body(), some_text(), some_text(), some_text())
        .prop_map(|(recipient, body, reply_to, callback_data, messaging_account_id)| Message {
            recipient,
            body,
            reply_to,
            callback_data,
            messaging_account_id,
        })
        .boxed()
}
