//! The JSON of each kind of message, and what each kind cannot say.

use serde_json::{Value, json};
use waypost_cloud_api::send::{FieldError, JsonBody};
use waypost_domain::send::content::{
    Buttons, CardPhone, ContactCard, CtaUrl, Flow, Header, List, Media, MediaKind, MediaSource, Place, ProductSection,
    Products, Reaction, ReplyButton, Row, Section,
};
use waypost_domain::send::{
    ButtonParameter, ButtonValue, FreeForm, HeaderValue, Parameter, ParameterValue, TemplateMessage, Values,
};
use waypost_graph_client::{Line, to_wire};
use waypost_policy::verdict::{Address, Message};

use crate::support::{Letter, line};

fn written(message: Message) -> Result<Value, FieldError> {
    to_wire::message(&line(), &Letter::new(message).outgoing()).map(|message| message.to_value())
}

/// The field named `kind` is `want`.
fn check(content: FreeForm, kind: &str, want: Value) {
    let message = written(Message::FreeForm(content)).unwrap();
    assert_eq!((&message["type"], &message[kind]), (&json!(kind), &want));
}

fn check_interactive(content: FreeForm, want: Value) {
    check(content, "interactive", want);
}

fn refused(message: Message, want: &str) {
    assert_eq!(written(message).unwrap_err().to_string(), want);
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn media(kind: MediaKind) -> Media {
    let source = MediaSource::Id("17".to_owned());
    let filename = text("bill.pdf");
    Media { kind, source, mime_type: None, size_bytes: None, caption: None, filename, voice: true }
}

#[test]
fn a_message_is_addressed_marked_and_answers_another() {
    let mut letter = Letter::text("hello");
    let line = Line { messaging_account_id: text("99"), ..line() };
    let outgoing = waypost_graph_client::Outgoing { reply_to: Some("wamid.Q"), ..letter.outgoing() };
    let message = to_wire::message(&line, &outgoing).unwrap().to_value();
    let want = json!({
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+15550100001", "type": "text",
        "text": {"body": "hello", "preview_url": false}, "context": {"message_id": "wamid.Q"},
        "biz_opaque_callback_data": "wp1/order-17/2", "messaging_account_id": "99",
    });
    assert_eq!(message, want);
    letter.address = Address::Bsuid("US.13491208655302741918".to_owned());
    let message = to_wire::message(&line, &letter.outgoing()).unwrap().to_value();
    assert_eq!((&message["recipient"], message.get("to")), (&json!("US.13491208655302741918"), None));
    letter.address = Address::Bsuid("13491208655302741918".to_owned());
    let error = to_wire::message(&line, &letter.outgoing()).unwrap_err().to_string();
    assert_eq!(error, "address.bsuid must be a business-scoped user id");
}

#[test]
fn media_say_what_their_kind_can_show() {
    let of = |media: Media| FreeForm::Media(media);
    let captioned = |kind| Media { caption: text("look"), ..media(kind) };
    check(of(captioned(MediaKind::Image)), "image", json!({"id": "17", "caption": "look"}));
    check(of(captioned(MediaKind::Video)), "video", json!({"id": "17", "caption": "look"}));
    let document = json!({"id": "17", "caption": "look", "filename": "bill.pdf"});
    check(of(captioned(MediaKind::Document)), "document", document);
    check(of(media(MediaKind::Audio)), "audio", json!({"id": "17", "voice": true}));
    check(of(Media { voice: false, ..media(MediaKind::Audio) }), "audio", json!({"id": "17"}));
    let link = MediaSource::Link("https://shop.example/a.webp".to_owned());
    let sticker = Media { source: link, ..media(MediaKind::Sticker) };
    check(of(sticker), "sticker", json!({"link": "https://shop.example/a.webp"}));
    for kind in [MediaKind::Audio, MediaKind::Sticker] {
        refused(Message::FreeForm(of(captioned(kind))), "caption must be absent: this kind of media has none");
    }
}

#[test]
fn places_people_and_emojis_are_written() {
    let place =
        |latitude, longitude| FreeForm::Location(Place { latitude, longitude, name: text("Shop"), address: None });
    let want = json!({"latitude": "-0.0000001", "longitude": "13.405", "name": "Shop"});
    check(place(-0.000_000_1, 13.405), "location", want);
    refused(Message::FreeForm(place(90.1, 0.0)), "latitude must be degrees, at most 90");
    refused(Message::FreeForm(place(0.0, f64::NAN)), "longitude must be degrees, at most 180");
    let card = ContactCard {
        formatted_name: "Ada Lovelace".to_owned(),
        first_name: text("Ada"),
        last_name: text("Lovelace"),
        organization: text("Engines"),
        phones: vec![CardPhone { phone: "+1 555 0100".to_owned(), wa_id: text("15550100") }],
        emails: vec!["ada@engines.example".to_owned()],
    };
    let want = json!([{
        "name": {"formatted_name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace"},
        "org": {"company": "Engines"},
        "phones": [{"phone": "+1 555 0100", "wa_id": "15550100"}],
        "emails": [{"email": "ada@engines.example"}],
    }]);
    check(FreeForm::Contacts(vec![card]), "contacts", want);
    refused(Message::FreeForm(FreeForm::Contacts(Vec::new())), "contacts must be a list of at least one");
    for emoji in ["👍", ""] {
        let reaction = Reaction { message_id: "wamid.Q".to_owned(), emoji: emoji.to_owned(), message_at: None };
        check(FreeForm::Reaction(reaction), "reaction", json!({"message_id": "wamid.Q", "emoji": emoji}));
    }
}

#[test]
fn buttons_and_lists_are_written() {
    let buttons = |header, buttons| {
        FreeForm::Buttons(Buttons { header, body: "When?".to_owned(), footer: text("foot"), buttons })
    };
    let button = || vec![ReplyButton { id: "a".to_owned(), title: "Today".to_owned() }];
    let want = |header: Value| {
        json!({"type": "button", "header": header, "body": {"text": "When?"}, "footer": {"text": "foot"},
            "action": {"buttons": [{"type": "reply", "reply": {"id": "a", "title": "Today"}}]}})
    };
    let id = || MediaSource::Id("17".to_owned());
    for (header, written) in [
        (Header::Text("Hi".to_owned()), json!({"type": "text", "text": "Hi"})),
        (Header::Image(id()), json!({"type": "image", "image": {"id": "17"}})),
        (Header::Video(id()), json!({"type": "video", "video": {"id": "17"}})),
        (
            Header::Document { source: id(), filename: text("a.pdf") },
            json!({"type": "document", "document": {"id": "17", "filename": "a.pdf"}}),
        ),
    ] {
        check_interactive(buttons(Some(header), button()), want(written));
    }
    refused(Message::FreeForm(buttons(None, Vec::new())), "buttons must be a list of at least one");
    let list = |sections| {
        let (body, button) = ("Which?".to_owned(), "Choose".to_owned());
        FreeForm::List(List { header: text("Hi"), body, footer: None, button, sections })
    };
    let row = Row { id: "r1".to_owned(), title: "One".to_owned(), description: text("the first") };
    let want = json!({"type": "list", "header": {"type": "text", "text": "Hi"}, "body": {"text": "Which?"},
        "action": {"button": "Choose", "sections": [
            {"title": "All", "rows": [{"id": "r1", "title": "One", "description": "the first"}]}]}});
    check_interactive(list(vec![Section { title: text("All"), rows: vec![row] }]), want);
    let empty = list(vec![Section { title: None, rows: Vec::new() }]);
    refused(Message::FreeForm(empty), "sections[0].rows must be a list of at least one");
    refused(Message::FreeForm(list(Vec::new())), "sections must be a list of at least one");
}

#[test]
fn links_forms_and_questions_are_written() {
    let link = CtaUrl {
        header: None,
        body: "See".to_owned(),
        footer: None,
        display_text: "Open".to_owned(),
        url: "https://shop.example".to_owned(),
    };
    let want = json!({"type": "cta_url", "body": {"text": "See"},
        "action": {"name": "cta_url", "parameters": {"display_text": "Open", "url": "https://shop.example"}}});
    check_interactive(FreeForm::CtaUrl(link), want);
    let flow = |screen: Option<&str>, data: Option<&str>| {
        FreeForm::Flow(Flow {
            header: None,
            body: "Fill in".to_owned(),
            footer: None,
            flow_id: "7".to_owned(),
            button: "Open".to_owned(),
            token: "t".to_owned(),
            screen: screen.map(str::to_owned),
            data: data.map(str::to_owned),
        })
    };
    let want = |rest: Value| {
        let mut parameters =
            json!({"flow_message_version": "3", "flow_id": "7", "flow_cta": "Open", "flow_token": "t"});
        parameters.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let action = json!({"name": "flow", "parameters": parameters});
        json!({"type": "flow", "body": {"text": "Fill in"}, "action": action})
    };
    check_interactive(flow(None, None), want(json!({"flow_action": "data_exchange"})));
    let filled = json!({"flow_action": "navigate", "flow_action_payload": {"screen": "A", "data": {"x": 1}}});
    check_interactive(flow(Some("A"), Some(r#"{"x":1}"#)), want(filled));
    let bare = json!({"flow_action": "navigate", "flow_action_payload": {"screen": "A"}});
    check_interactive(flow(Some("A"), Some("{}")), want(bare));
    refused(Message::FreeForm(flow(Some("A"), Some("[1]"))), "data must be an object of JSON");
    refused(Message::FreeForm(flow(None, Some(r#"{"x":1}"#))), "data must be absent where there is no screen");
    let question = |kind: &str, name: &str| json!({"type": kind, "body": {"text": "Where?"}, "action": {"name": name}});
    let body = || "Where?".to_owned();
    let want = question("location_request_message", "send_location");
    check_interactive(FreeForm::LocationRequest { body: body() }, want);
    let want = question("request_contact_info", "request_contact_info");
    check_interactive(FreeForm::ContactRequest { body: body() }, want);
}

#[test]
fn products_are_written() {
    let catalog = FreeForm::Catalog { body: "All".to_owned(), footer: None, thumbnail_product: text("p1") };
    let parameters = json!({"thumbnail_product_retailer_id": "p1"});
    let want = json!({"type": "catalog_message", "body": {"text": "All"},
        "action": {"name": "catalog_message", "parameters": parameters}});
    check_interactive(catalog, want);
    let product =
        FreeForm::Product { catalog: "c".to_owned(), product: "p1".to_owned(), body: None, footer: text("foot") };
    let want = json!({"type": "product", "footer": {"text": "foot"},
        "action": {"catalog_id": "c", "product_retailer_id": "p1"}});
    check_interactive(product, want);
    let products = |products: Vec<String>| {
        let sections = vec![ProductSection { title: text("New"), products }];
        let (header, body, catalog) = ("Shop".to_owned(), "Look".to_owned(), "c".to_owned());
        FreeForm::Products(Products { header, body, footer: None, catalog, sections })
    };
    let want = json!({"type": "product_list", "header": {"type": "text", "text": "Shop"}, "body": {"text": "Look"},
        "action": {"catalog_id": "c", "sections": [
            {"title": "New", "product_items": [{"product_retailer_id": "p1"}]}]}});
    check_interactive(products(vec!["p1".to_owned()]), want);
    refused(Message::FreeForm(products(Vec::new())), "sections[0].products must be a list of at least one");
}

fn template(values: Values) -> Message {
    Message::Template(TemplateMessage { name: "order".to_owned(), language: "en_US".to_owned(), values })
}

fn check_components(values: Values, want: Value) {
    let message = written(template(values)).unwrap();
    let want = json!({"name": "order", "language": {"code": "en_US"}, "components": want});
    assert_eq!((&message["type"], &message["template"]), (&json!("template"), &want));
}

#[test]
fn values_of_a_template_go_where_meta_looks_for_them() {
    let message = written(template(Values::default())).unwrap();
    assert_eq!(message["template"], json!({"name": "order", "language": {"code": "en_US"}}));
    let money = ParameterValue::Currency { fallback: "5 €".to_owned(), code: "EUR".to_owned(), amount_1000: 5_000 };
    let date = ParameterValue::DateTime { fallback: "1 May".to_owned() };
    let unnamed = |value| Parameter { name: None, value };
    let body = vec![Parameter::positional("17"), unnamed(money), unnamed(date)];
    let want = json!([{"type": "body", "parameters": [
        {"type": "text", "text": "17"},
        {"type": "currency", "currency": {"fallback_value": "5 €", "code": "EUR", "amount_1000": 5000}},
        {"type": "date_time", "date_time": {"fallback_value": "1 May"}}]}]);
    check_components(Values { body, ..Values::default() }, want);
    let body = vec![Parameter::named("code", "7"), Parameter::named("customer_name", "Ada")];
    let want = json!([{"type": "body", "parameters": [
        {"type": "text", "parameter_name": "code", "text": "7"},
        {"type": "text", "parameter_name": "customer_name", "text": "Ada"}]}]);
    check_components(Values { body, ..Values::default() }, want);
    let mixed = vec![Parameter::named("code", "7"), Parameter::positional("Ada")];
    let want = "body[1] must be named or not, as the others are";
    refused(template(Values { body: mixed, ..Values::default() }), want);
    let twice = vec![Parameter::named("code", "7"), Parameter::named("code", "8")];
    let want = "body must be a list in which each name is there once";
    refused(template(Values { body: twice, ..Values::default() }), want);
}

#[test]
fn headers_of_a_template_are_written() {
    let link = || MediaSource::Link("https://shop.example/a".to_owned());
    let place = |latitude| HeaderValue::Location {
        latitude,
        longitude: 2.5,
        name: "Shop".to_owned(),
        address: "Main street".to_owned(),
    };
    let cases = [
        (
            HeaderValue::Text(Parameter::named("who", "Ada")),
            json!({"type": "text", "parameter_name": "who", "text": "Ada"}),
        ),
        (HeaderValue::Image(link()), json!({"type": "image", "image": {"link": "https://shop.example/a"}})),
        (HeaderValue::Video(link()), json!({"type": "video", "video": {"link": "https://shop.example/a"}})),
        (
            HeaderValue::Document { source: link(), filename: text("a.pdf") },
            json!({"type": "document", "document": {"link": "https://shop.example/a", "filename": "a.pdf"}}),
        ),
        (
            place(1.0),
            json!({"type": "location", "location": {"latitude": "1", "longitude": "2.5", "name": "Shop",
                "address": "Main street"}}),
        ),
    ];
    for (header, want) in cases {
        let values = Values { header: Some(header), ..Values::default() };
        check_components(values, json!([{"type": "header", "parameters": [want]}]));
    }
    let values = Values { header: Some(place(91.0)), ..Values::default() };
    refused(template(values), "header.latitude must be degrees, at most 90");
}

#[test]
fn buttons_of_a_template_keep_their_place() {
    let button = |index, value| ButtonParameter { index, value };
    let word = |word: &str| word.to_owned();
    let buttons = vec![
        button(0, ButtonValue::Payload(word("yes"))),
        button(2, ButtonValue::UrlSuffix(word("17?a=b"))),
        button(3, ButtonValue::CouponCode(word("MAY"))),
        button(4, ButtonValue::FlowToken(word("t"))),
        button(5, ButtonValue::OneTimeCode(word("123456"))),
    ];
    let written = |kind: &str, index: &str, parameter: Value| json!({"type": "button", "sub_type": kind, "index": index, "parameters": [parameter]});
    let want = json!([
        written("quick_reply", "0", json!({"type": "payload", "payload": "yes"})),
        written("url", "2", json!({"type": "text", "text": "17?a=b"})),
        written("copy_code", "3", json!({"type": "coupon_code", "coupon_code": "MAY"})),
        written("flow", "4", json!({"type": "action", "action": {"flow_token": "t"}})),
        written("url", "5", json!({"type": "text", "text": "123456"})),
    ]);
    check_components(Values { buttons, ..Values::default() }, want);
    let far = vec![button(256, ButtonValue::Payload(word("yes")))];
    refused(template(Values { buttons: far, ..Values::default() }), "buttons[256] must be one of 256");
}

#[test]
fn offers_and_cards_of_a_template_are_written() {
    let card = |picture: &str| Values {
        header: Some(HeaderValue::Image(MediaSource::Id(picture.to_owned()))),
        body: vec![Parameter::positional("20 %")],
        buttons: vec![ButtonParameter { index: 0, value: ButtonValue::Payload("more".to_owned()) }],
        ..Values::default()
    };
    let values =
        Values { cards: vec![card("1"), card("2")], offer_ends_at_ms: Some(1_795_874_400_000), ..Values::default() };
    let written = |index: u8, picture: &str| {
        json!({"card_index": index, "components": [
            {"type": "header", "parameters": [{"type": "image", "image": {"id": picture}}]},
            {"type": "body", "parameters": [{"type": "text", "text": "20 %"}]},
            {"type": "button", "sub_type": "quick_reply", "index": "0",
                "parameters": [{"type": "payload", "payload": "more"}]}]})
    };
    let offer = json!({"expiration_time_ms": 1_795_874_400_000_i64});
    let want = json!([
        {"type": "limited_time_offer", "parameters": [{"type": "limited_time_offer", "limited_time_offer": offer}]},
        {"type": "carousel", "cards": [written(0, "1"), written(1, "2")]},
    ]);
    check_components(values, want);
    let of_cards = |card: Values| template(Values { cards: vec![Values::default(), card], ..Values::default() });
    let nested = Values { cards: vec![Values::default()], ..Values::default() };
    refused(of_cards(nested), "cards[1].cards must be absent: cards have no cards");
    let offer = Values { offer_ends_at_ms: Some(1), ..Values::default() };
    refused(of_cards(offer), "cards[1].offer_ends_at_ms must be absent: cards have no offer");
    let far = Values {
        header: Some(HeaderValue::Location {
            latitude: 0.0,
            longitude: 181.0,
            name: String::new(),
            address: String::new(),
        }),
        ..Values::default()
    };
    refused(of_cards(far), "cards[1].header.longitude must be degrees, at most 180");
}
