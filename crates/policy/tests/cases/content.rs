//! Limits of every field, by characters: one at the limit goes, one more is refused by its name.

use waypost_domain::send::FreeForm;
use waypost_domain::send::content::{
    Buttons, ContactCard, CtaUrl, Flow, Header, List, Media, MediaKind, MediaSource, Place, ProductSection, Products,
    Reaction, ReplyButton, Row, Section,
};
use waypost_policy::Warning;
use waypost_policy::verdict::Message;

use crate::scene::{HOUR_MS, Scene, check_scene, text};

/// Two bytes a character.
fn chars(length: usize) -> String {
    "ñ".repeat(length)
}

fn check(content: FreeForm, want: &str) {
    check_scene(&Scene::answer().with(|s| s.say(content)), want);
}

/// `content` makes content with a text of the length in the field.
fn check_max(field: &str, max: usize, content: impl Fn(String) -> FreeForm) {
    check(content(chars(max)), "allowed");
    check(content(chars(max + 1)), &format!("refused content_too_long {field}"));
    check(content("  ".to_owned()), &format!("refused content_missing {field}"));
}

fn buttons() -> Buttons {
    let button = |id: &str| ReplyButton { id: id.to_owned(), title: format!("Sí {id}") };
    Buttons { header: None, body: "¿Sí?".to_owned(), footer: None, buttons: vec![button("1"), button("2")] }
}

fn row(id: usize) -> Row {
    Row { id: id.to_string(), title: "Factura".to_owned(), description: None }
}

fn list() -> List {
    let section = |from: usize| Section { title: Some("Temas".to_owned()), rows: (from..from + 5).map(row).collect() };
    let (body, button) = ("Elige".to_owned(), "Ver".to_owned());
    List { header: None, body, footer: None, button, sections: vec![section(0), section(5)] }
}

fn media(kind: MediaKind) -> Media {
    let source = MediaSource::Id("17".to_owned());
    Media { kind, source, mime_type: None, size_bytes: None, caption: None, filename: None, voice: false }
}

/// The message with one change.
fn of<T>(mut message: T, wrap: impl Fn(T) -> FreeForm, change: impl FnOnce(&mut T)) -> FreeForm {
    change(&mut message);
    wrap(message)
}

#[test]
fn texts_and_captions() {
    check_max("body", 4096, |text| FreeForm::Text { body: text, preview_url: true });
    check_max("caption", 1024, |text| of(media(MediaKind::Image), FreeForm::Media, |m| m.caption = Some(text)));
    let captioned = |kind| of(media(kind), FreeForm::Media, |m| m.caption = Some("x".to_owned()));
    check(captioned(MediaKind::Video), "allowed");
    check(captioned(MediaKind::Audio), "refused content_invalid caption");
    check(captioned(MediaKind::Sticker), "refused content_invalid caption");
    check_max("body", 1024, |body| FreeForm::LocationRequest { body });
    check_max("body", 1024, |body| FreeForm::ContactRequest { body });
}

#[test]
fn reply_buttons() {
    let with = |change: &dyn Fn(&mut Buttons)| of(buttons(), FreeForm::Buttons, change);
    check_max("buttons[1].title", 20, |text| with(&|m| m.buttons[1].title.clone_from(&text)));
    check_max("buttons[0].id", 256, |text| with(&|m| m.buttons[0].id.clone_from(&text)));
    check_max("body", 1024, |text| with(&|m| m.body.clone_from(&text)));
    check_max("footer", 60, |text| with(&|m| m.footer = Some(text.clone())));
    check_max("header", 60, |text| with(&|m| m.header = Some(Header::Text(text.clone()))));
    let link = |link: &str| Some(Header::Image(MediaSource::Link(link.to_owned())));
    check(with(&|m| m.header = link("https://shop.example/a.png")), "allowed");
    check(with(&|m| m.header = link("shop.example/a.png")), "refused content_invalid header.link");
    check(with(&|m| m.buttons.clear()), "refused content_missing buttons");
    let more = |m: &mut Buttons, id: &str| m.buttons.push(ReplyButton { id: id.to_owned(), title: id.to_owned() });
    check(with(&|m| more(m, "3")), "allowed");
    let four = with(&|m| {
        more(m, "3");
        more(m, "4");
    });
    check(four, "refused content_too_many buttons");
    check(with(&|m| m.buttons[1].id = "1".to_owned()), "refused content_invalid buttons[1].id");
    check(with(&|m| m.buttons[1].title = "Sí 1".to_owned()), "refused content_invalid buttons[1].title");
}

#[test]
fn lists() {
    let with = |change: &dyn Fn(&mut List)| of(list(), FreeForm::List, change);
    check_max("button", 20, |text| with(&|m| m.button.clone_from(&text)));
    check_max("body", 4096, |text| with(&|m| m.body.clone_from(&text)));
    check_max("sections[1].title", 24, |text| with(&|m| m.sections[1].title = Some(text.clone())));
    check_max("sections[1].rows[4].title", 24, |text| with(&|m| m.sections[1].rows[4].title.clone_from(&text)));
    check_max("sections[0].rows[0].description", 72, |text| {
        with(&|m| m.sections[0].rows[0].description = Some(text.clone()))
    });
    check_max("sections[0].rows[0].id", 200, |text| with(&|m| m.sections[0].rows[0].id.clone_from(&text)));
    check(with(&|m| m.sections[1].rows.push(row(10))), "refused content_too_many sections.rows");
    check(with(&|m| m.sections[1].rows[0] = row(0)), "refused content_invalid sections.rows[5].id");
    check(with(&|m| m.sections[0].title = None), "refused content_missing sections[0].title");
    let one = with(&|m| {
        m.sections.truncate(1);
        m.sections[0].title = None;
    });
    check(one, "allowed");
    check(with(&|m| m.sections.clear()), "refused content_missing sections");
    let empty = Section { title: Some("Más".to_owned()), rows: vec![] };
    check(with(&|m| m.sections.resize(10, empty.clone())), "allowed");
    check(with(&|m| m.sections.resize(11, empty.clone())), "refused content_too_many sections");
}

#[test]
fn other_interactive_messages() {
    let text = |text: &str| text.to_owned();
    let cta = |change: &dyn Fn(&mut CtaUrl)| {
        let (body, display_text, url) = (text("Mira"), text("Abrir"), text("https://shop.example"));
        of(CtaUrl { header: None, body, footer: None, display_text, url }, FreeForm::CtaUrl, change)
    };
    check_max("display_text", 20, |text| cta(&|m| m.display_text.clone_from(&text)));
    check(cta(&|m| m.url = "javascript:alert(1)".to_owned()), "refused content_invalid url");
    check(cta(&|m| m.url = "https://".to_owned()), "refused content_invalid url");
    check(cta(&|m| m.url = format!("https://{}", "a".repeat(1_993))), "refused content_too_long url");
    let flow = |change: &dyn Fn(&mut Flow)| {
        let (flow_id, button, token) = (text("1"), text("Abrir"), text("t"));
        let (screen, data) = (None, None);
        let flow = Flow { header: None, body: text("Datos"), footer: None, flow_id, button, token, screen, data };
        of(flow, FreeForm::Flow, change)
    };
    check_max("button", 20, |text| flow(&|m| m.button.clone_from(&text)));
    check_max("body", 1024, |text| flow(&|m| m.body.clone_from(&text)));
    let products = |count: usize| {
        let sections = vec![ProductSection { title: None, products: vec![text("p"); count] }];
        let (header, body, catalog) = (text("Ofertas"), text("Mira"), text("1"));
        FreeForm::Products(Products { header, body, footer: None, catalog, sections })
    };
    check(products(30), "allowed");
    check(products(31), "refused content_too_many sections.products");
    check(products(0), "refused content_missing sections.products");
    check_max("footer", 60, |footer| FreeForm::Catalog {
        body: text("x"),
        footer: Some(footer),
        thumbnail_product: None,
    });
    check_max("product", 256, |product| FreeForm::Product { catalog: text("1"), product, body: None, footer: None });
}

#[test]
fn places_cards_and_reactions() {
    let place = |latitude, longitude| FreeForm::Location(Place { latitude, longitude, name: None, address: None });
    check(place(-90.0, 180.0), "allowed");
    check(place(90.1, 0.0), "refused content_invalid latitude");
    check(place(0.0, -180.1), "refused content_invalid longitude");
    check(place(0.0, f64::NAN), "refused content_invalid longitude");
    let card = |name: &str, first: Option<&str>| ContactCard {
        formatted_name: name.to_owned(),
        first_name: first.map(str::to_owned),
        last_name: None,
        organization: None,
        phones: vec![],
        emails: vec![],
    };
    check(FreeForm::Contacts(vec![card("Kim", Some("Kim"))]), "allowed");
    check(FreeForm::Contacts(vec![card("", Some("Kim"))]), "refused content_missing contacts[0].formatted_name");
    check(FreeForm::Contacts(vec![card("Kim", None)]), "refused content_missing contacts[0].first_name");
    check(FreeForm::Contacts(vec![]), "refused content_missing contacts");
    let reaction = |emoji: &str, days: i64| {
        let message_at = Some(Scene::answer().now.plus_millis(-days * 24 * HOUR_MS));
        FreeForm::Reaction(Reaction { message_id: "wamid.1".to_owned(), emoji: emoji.to_owned(), message_at })
    };
    check(reaction("👍🏽", 30), "allowed");
    check(reaction("", 1), "allowed");
    check(reaction("👍👍", 1), "refused content_invalid emoji");
    check(reaction("👍", 31), "refused reaction_too_old message_id");
}

#[test]
fn media_types_and_sizes() {
    let of_type = |kind, mime: &str, voice| {
        of(media(kind), FreeForm::Media, |m| (m.mime_type, m.voice) = (Some(mime.to_owned()), voice))
    };
    check(of_type(MediaKind::Audio, "audio/ogg; codecs=opus", true), "allowed");
    check(of_type(MediaKind::Audio, "audio/mpeg", false), "allowed");
    check(of_type(MediaKind::Audio, "audio/mpeg", true), "refused media_type mime_type");
    check(of_type(MediaKind::Image, "image/webp", false), "refused media_type mime_type");
    check(of_type(MediaKind::Sticker, "image/webp", false), "allowed");
    let of_size = |kind, size| of(media(kind), FreeForm::Media, |m| m.size_bytes = Some(size));
    check(of_size(MediaKind::Image, 5 << 20), "allowed");
    check(of_size(MediaKind::Image, (5 << 20) + 1), "refused media_size size_bytes");
    check(of_size(MediaKind::Document, 100 << 20), "allowed");
    check(of_size(MediaKind::Audio, 0), "refused content_missing size_bytes");
}

#[test]
fn what_may_be_cut_is_cut_and_said() {
    let long = of(buttons(), FreeForm::Buttons, |m| m.buttons[1].title = chars(21));
    let scene = Scene::answer().with(|s| {
        s.say(long);
        s.request.shorten = true;
    });
    let allowed = scene.allowed();
    assert_eq!(allowed.warnings, [Warning::Shortened { field: "buttons[1].title".to_owned() }]);
    let Message::FreeForm(FreeForm::Buttons(sent)) = &allowed.message else { panic!("{allowed:?}") };
    assert_eq!(sent.buttons[1].title, chars(20));
    // An id comes back to us: never cut. And two that are cut to the same are no choice.
    let shortened = |content| Scene::answer().with(|s| (s.say(content), s.request.shorten = true).1);
    let long_id = of(buttons(), FreeForm::Buttons, |m| m.buttons[1].id = chars(257));
    check_scene(&shortened(long_id), "refused content_too_long buttons[1].id");
    let alike = of(buttons(), FreeForm::Buttons, |m| {
        m.buttons[0].title = format!("{}a", chars(20));
        m.buttons[1].title = format!("{}b", chars(20));
    });
    check_scene(&shortened(alike), "refused content_invalid buttons[1].title");
    check_scene(&shortened(text(" ")), "refused content_missing body");
}
