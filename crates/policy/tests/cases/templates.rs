//! Which template goes, and whether it is complete.

use waypost_domain::Category;
use waypost_domain::send::content::MediaSource;
use waypost_domain::send::{ButtonParameter, ButtonValue, HeaderValue, Parameter, ParameterValue, SendContent, Values};
use waypost_domain::template::{Layout, TemplateButton, TemplateHeader, TemplateStatus};
use waypost_policy::data::Whitespace;
use waypost_policy::verdict::Message;

use crate::scene::{Scene, check, check_scene};

fn utility() -> Scene {
    Scene::template(Category::Utility)
}

fn row(s: &mut Scene) -> &mut waypost_domain::Template {
    s.row(Category::Utility)
}

fn image() -> HeaderValue {
    HeaderValue::Image(MediaSource::Id("17".to_owned()))
}

#[test]
fn only_what_meta_approved_goes() {
    for (status, want) in [
        (TemplateStatus::Approved, "allowed"),
        (TemplateStatus::Flagged, "allowed"),
        (TemplateStatus::Paused, "deferred template_paused"),
        (TemplateStatus::Pending, "refused template_not_approved template"),
        (TemplateStatus::InAppeal, "refused template_not_approved template"),
        (TemplateStatus::Rejected, "refused template_not_approved template"),
        (TemplateStatus::LimitExceeded, "refused template_not_approved template"),
        (TemplateStatus::Locked, "refused template_not_approved template"),
        (TemplateStatus::PendingDeletion, "refused template_not_approved template"),
        (TemplateStatus::Deleted, "refused template_not_approved template"),
        (TemplateStatus::Other("NEW".to_owned()), "refused template_not_approved template"),
        (TemplateStatus::Disabled, "refused template_disabled template"),
        (TemplateStatus::Archived, "refused template_archived template"),
    ] {
        check(utility(), |s| row(s).status = status, want);
    }
}

#[test]
fn headers_need_what_they_show_at_every_send() {
    for (header, want) in [
        (TemplateHeader::Image, "allowed"),
        (TemplateHeader::Video, "refused header_type header"),
        (TemplateHeader::Location, "refused header_type header"),
        (TemplateHeader::Text("Pedido".to_owned()), "refused header_type header"),
    ] {
        check(
            utility(),
            |s| {
                row(s).layout.header = Some(header);
                s.values().header = Some(image());
            },
            want,
        );
    }
    for header in [TemplateHeader::Image, TemplateHeader::Video, TemplateHeader::Document, TemplateHeader::Location] {
        check(utility(), |s| row(s).layout.header = Some(header), "refused header_missing header");
    }
    let empty = HeaderValue::Image(MediaSource::Id(" ".to_owned()));
    check(
        utility(),
        |s| {
            row(s).layout.header = Some(TemplateHeader::Image);
            s.values().header = Some(empty);
        },
        "refused content_missing header.id",
    );
    check(utility(), |s| s.values().header = Some(image()), "refused parameter_unknown header");
    let text = |s: &mut Scene| row(s).layout.header = Some(TemplateHeader::Text("Pedido {{1}}".to_owned()));
    check(utility(), text, "refused parameter_missing header.1");
    let value =
        |value: String| move |s: &mut Scene| s.values().header = Some(HeaderValue::Text(Parameter::positional(value)));
    check(utility().with(text), value("x".repeat(53)), "allowed");
    check(utility().with(text), value("x".repeat(54)), "refused filled_too_long header");
    check(utility(), |s| row(s).layout.header = Some(TemplateHeader::Text("Pedido".to_owned())), "allowed");
}

#[test]
fn values_are_complete_and_not_too_many() {
    check(utility(), |s| s.values().body.truncate(1), "refused parameter_missing body.2");
    check(utility(), |s| s.values().body.push(Parameter::positional("x")), "refused parameter_unknown body.3");
    check(utility(), |s| s.values().body.clear(), "refused parameter_missing body.1");
    // By number, wherever they stand in the text.
    let turned = utility().with(|s| row(s).layout.body = "Pedido {{2}} de {{1}}: {{2}}".to_owned());
    assert_eq!(turned.allowed().preview.unwrap().body, "Pedido A-17 de Ana: A-17");
}

#[test]
fn the_filled_text_has_a_length() {
    // "Hola , tu pedido A-17 está en camino." has 37 characters.
    let long = |length: usize| move |s: &mut Scene| s.values().body[0] = Parameter::positional("ñ".repeat(length));
    check(utility(), long(1024 - 37), "allowed");
    check(utility(), long(1024 - 36), "refused filled_too_long body");
}

#[test]
fn values_have_types() {
    let amount = |code: &str, fallback: &str| {
        let (fallback, code) = (fallback.to_owned(), code.to_owned());
        let value = ParameterValue::Currency { fallback, code, amount_1000: 12_990 };
        move |s: &mut Scene| s.values().body[1] = Parameter { name: None, value }
    };
    check(utility(), amount("EUR", "12,99\u{a0}€"), "allowed");
    check(utility(), amount("euro", "12,99 €"), "refused parameter_invalid body.2");
    check(utility(), amount("EUR", ""), "refused parameter_blank body.2");
    let date = ParameterValue::DateTime { fallback: "1 de\ndiciembre".to_owned() };
    let dated = utility().with(|s| s.values().body[1] = Parameter { name: None, value: date });
    assert_eq!(dated.allowed().preview.unwrap().body, "Hola Ana, tu pedido 1 de diciembre está en camino.");
}

#[test]
fn whitespace_is_folded_or_refused_as_the_data_says() {
    let broken = |s: &mut Scene| s.values().body[0] = Parameter::positional("Ana\n\nMaría");
    check(utility(), broken, "allowed");
    check(
        utility(),
        |s| {
            broken(s);
            s.data.templates.whitespace = Whitespace::Refuse;
        },
        "refused parameter_whitespace body.1",
    );
    check(utility(), |s| s.values().body[0] = Parameter::positional("\u{200b}\n "), "refused parameter_blank body.1");
}

#[test]
fn buttons_take_what_they_are_for() {
    let value = |index, value| move |s: &mut Scene| s.values().buttons = vec![ButtonParameter { index, value }];
    let suffix = |text: &str| ButtonValue::UrlSuffix(text.to_owned());
    check(utility(), value(1, suffix("A-17?x=1")), "allowed");
    check(utility(), value(1, suffix("https://shop.example/track/A-17")), "refused button_invalid buttons[1]");
    check(utility(), value(1, suffix("A 17")), "refused button_invalid buttons[1]");
    check(utility(), value(1, suffix(" ")), "refused parameter_blank buttons[1]");
    check(utility(), value(1, suffix(&"x".repeat(1_973))), "allowed");
    check(utility(), value(1, suffix(&"x".repeat(1_974))), "refused filled_too_long buttons[1]");
    check(utility(), value(0, suffix("A-17")), "refused button_invalid buttons[0]");
    check(utility(), value(2, suffix("A-17")), "refused button_invalid buttons[2]");
    check(utility(), value(1, ButtonValue::Payload("x".to_owned())), "refused button_invalid buttons[1]");
    let twice = |s: &mut Scene| {
        let again = s.values().buttons[0].clone();
        s.values().buttons.push(again);
    };
    check(utility(), twice, "refused button_invalid buttons[1]");
    // A quick reply may have a payload, and the order in which values are given is of no matter.
    let both = utility().with(|s| {
        s.values().buttons.push(ButtonParameter { index: 0, value: ButtonValue::Payload("thanks".to_owned()) });
    });
    let Message::Template(sent) = both.allowed().message else { panic!("no template") };
    assert_eq!(sent.values.buttons.iter().map(|button| button.index).collect::<Vec<_>>(), [0, 1]);
    let coupon = |code: &str| {
        let code = code.to_owned();
        move |s: &mut Scene| {
            row(s).layout.buttons = vec![TemplateButton::CopyCode { label: "Copiar".to_owned() }];
            s.values().buttons = vec![ButtonParameter { index: 0, value: ButtonValue::CouponCode(code) }];
        }
    };
    check(utility(), coupon("WINTER-2026-XYZ"), "allowed");
    check(utility(), coupon("WINTER-2026-XYZ1"), "refused filled_too_long buttons[0]");
}

#[test]
fn the_code_goes_twice_and_is_the_same() {
    let code = |change: &dyn Fn(&mut Values)| {
        let scene = Scene::template(Category::Authentication);
        scene.with(|s| s.request.cause = waypost_domain::send::Cause::CustomerAsked).with(|s| change(s.values()))
    };
    check_scene(&code(&|_| {}), "allowed");
    check_scene(&code(&|values| values.buttons.clear()), "refused button_missing buttons[0]");
    let other = |values: &mut Values| values.buttons[0].value = ButtonValue::OneTimeCode("654321".to_owned());
    check_scene(&code(&other), "refused button_invalid buttons[0]");
    let long = |values: &mut Values| {
        values.body[0] = Parameter::positional("1".repeat(16));
        values.buttons[0].value = ButtonValue::OneTimeCode("1".repeat(16));
    };
    check_scene(&code(&long), "refused filled_too_long buttons[0]");
}

#[test]
fn carousels_go_with_all_their_cards() {
    let card = || Layout {
        header: Some(TemplateHeader::Image),
        body: "Ahora {{1}}".to_owned(),
        footer: None,
        buttons: vec![TemplateButton::Url { label: "Ver".to_owned(), url: "https://shop.example/{{1}}".to_owned() }],
    };
    let values = || Values {
        header: Some(image()),
        body: vec![Parameter::positional("12 €")],
        buttons: vec![ButtonParameter { index: 0, value: ButtonValue::UrlSuffix("a".to_owned()) }],
        ..Values::default()
    };
    let carousel = || {
        utility().with(|s| {
            row(s).cards = vec![card(), card()];
            s.values().cards = vec![values(), values()];
        })
    };
    check_scene(&carousel(), "allowed");
    assert_eq!(carousel().allowed().preview.unwrap().cards[1].body, "Ahora 12 €");
    check(carousel(), |s| s.values().cards.truncate(1), "refused card_count cards");
    check(carousel(), |s| s.values().cards.push(values()), "refused card_count cards");
    check(carousel(), |s| s.values().cards[1].header = None, "refused header_missing cards[1].header");
    check(carousel(), |s| s.values().cards[1].buttons.clear(), "refused button_missing cards[1].buttons[0]");
    let long = |s: &mut Scene| s.values().cards[0].body[0] = Parameter::positional("x".repeat(155));
    check(carousel(), long, "refused filled_too_long cards[0].body");
    check(utility(), |s| s.values().cards = vec![values()], "refused card_count cards");
}

#[test]
fn offers_say_when_they_end() {
    let offer = |ends_in_ms: Option<i64>| {
        utility().with(|s| {
            row(s).has_offer_end = true;
            s.values().offer_ends_at_ms = ends_in_ms.map(|millis| s.now.as_millis() + millis);
        })
    };
    check_scene(&offer(Some(1)), "allowed");
    check_scene(&offer(Some(0)), "refused parameter_invalid offer_ends_at_ms");
    check_scene(&offer(None), "refused parameter_missing offer_ends_at_ms");
    check(utility(), |s| s.values().offer_ends_at_ms = Some(i64::MAX), "refused parameter_unknown offer_ends_at_ms");
    // An offer's text is shorter: 37 characters of it stand in the template.
    let long = |s: &mut Scene| s.values().body[0] = Parameter::positional("x".repeat(600 - 36));
    check(offer(Some(1)), long, "refused filled_too_long body");
}

#[test]
fn a_template_of_another_name_does_not_help() {
    check(
        utility(),
        |s| {
            let SendContent::Template(template) = &mut s.request.content else { panic!("no template") };
            template.name = "order_shiped".to_owned();
        },
        "refused template_unknown template",
    );
}
