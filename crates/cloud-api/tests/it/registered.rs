//! Templates of Meta's list, as the registry keeps them: every component and kind of button.

#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use waypost_cloud_api::answer::TemplateListed;
use waypost_domain::template::{Layout, ParameterFormat, Quality, TemplateButton, TemplateHeader, TemplateStatus};
use waypost_domain::{Category, Template};

fn registered(more: Value) -> Template {
    let mut template =
        json!({"id": "1", "name": "order", "language": "en_US", "status": "APPROVED", "category": "UTILITY"});
    template.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    TemplateListed::read(template.to_string().as_bytes()).unwrap().registered()
}

fn with(components: Value) -> Template {
    registered(json!({ "components": components }))
}

#[test]
fn what_is_said_of_the_whole_is_kept() {
    let template = registered(json!({"parameter_format": "NAMED", "correct_category": "MARKETING",
        "quality_score": {"score": "YELLOW"}, "message_send_ttl_seconds": "600",
        "components": [{"type": "BODY", "text": "Hi {{name}}"}]}));
    let want = Template {
        name: "order".to_owned(),
        language: "en_US".to_owned(),
        status: TemplateStatus::Approved,
        category: Category::Utility,
        announced_category: Some(Category::Marketing),
        parameter_format: ParameterFormat::Named,
        quality: Quality::Yellow,
        ttl_s: Some(600),
        paused_until: None,
        layout: Layout { body: "Hi {{name}}".to_owned(), ..Layout::default() },
        cards: vec![],
        has_offer_end: false,
    };
    assert_eq!(template, want);
    let bare = registered(
        json!({"parameter_format": "POSITIONAL", "correct_category": "UTILITY", "message_send_ttl_seconds": -1}),
    );
    assert_eq!((bare.parameter_format, bare.announced_category, bare.ttl_s), (ParameterFormat::Positional, None, None));
    for category in [json!("BRAND_NEW"), json!(null)] {
        assert_eq!(registered(json!({ "category": category })).category, Category::Marketing, "the strictest");
    }
    for status in ["PAUSED", "REJECTED", "BRAND_NEW"] {
        assert_eq!(registered(json!({ "status": status })).status, TemplateStatus::parse(status));
    }
}

#[test]
fn headers_of_every_kind_are_kept_and_new_ones_are_not_sent() {
    let text = with(json!([{"type": "HEADER", "format": "TEXT", "text": "Order {{1}}"}]));
    assert_eq!(text.layout.header, Some(TemplateHeader::Text("Order {{1}}".to_owned())));
    for (format, want) in [
        ("IMAGE", TemplateHeader::Image),
        ("VIDEO", TemplateHeader::Video),
        ("DOCUMENT", TemplateHeader::Document),
        ("location", TemplateHeader::Location),
    ] {
        let template = with(json!([{"type": "header", "format": format, "example": {"header_handle": ["x"]}}]));
        assert_eq!((template.layout.header, template.status), (Some(want), TemplateStatus::Approved));
    }
    let gif = with(json!([{"type": "HEADER", "format": "GIF"}]));
    assert_eq!((gif.layout.header, gif.status), (None, TemplateStatus::Other("header_gif".to_owned())));
    let card = json!([{"type": "HEADER", "format": "PRODUCT"}]);
    let carousel = with(json!([{"type": "CAROUSEL", "cards": [{"components": card}]}]));
    assert_eq!(carousel.status, TemplateStatus::Other("header_product".to_owned()));
    let paused = registered(json!({"status": "PAUSED", "components": [{"type": "HEADER", "format": "GIF"}]}));
    assert_eq!(paused.status, TemplateStatus::Paused);
}

#[test]
fn buttons_of_every_kind_keep_their_places() {
    let template = with(json!([{"type": "BUTTONS", "buttons": [
        {"type": "QUICK_REPLY", "text": "Yes"},
        {"type": "URL", "text": "Track", "url": "https://x.example/{{1}}"},
        {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+15550001111"},
        {"type": "COPY_CODE", "text": "Copy"},
        {"type": "FLOW", "text": "Book", "flow_id": 7},
        {"type": "OTP", "text": "Copy code", "otp_type": "COPY_CODE"},
        {"type": "CATALOG", "text": "See"},
        7,
        {"type": "URL", "text": "No address"}]}]));
    let label = |text: &str| text.to_owned();
    let want = vec![
        TemplateButton::QuickReply { label: label("Yes") },
        TemplateButton::Url { label: label("Track"), url: "https://x.example/{{1}}".to_owned() },
        TemplateButton::Phone { label: label("Call") },
        TemplateButton::CopyCode { label: label("Copy") },
        TemplateButton::Flow { label: label("Book") },
        TemplateButton::OneTimeCode { label: label("Copy code") },
        TemplateButton::Other { label: label("See") },
        TemplateButton::Other { label: label("") },
        TemplateButton::Other { label: label("No address") },
    ];
    assert_eq!(template.layout.buttons, want);
}

/// Meta's list reads the button of a one-time code back as an address, and the text may be left out.
#[test]
fn a_one_time_code_goes_into_text_and_button() {
    let buttons = json!({"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Copy code",
        "url": "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}"}]});
    let template = registered(json!({"category": "AUTHENTICATION", "components": [
        {"type": "BODY", "add_security_recommendation": true},
        {"type": "FOOTER", "code_expiration_minutes": 5}, buttons]}));
    assert_eq!(template.layout.body, "{{1}}");
    assert_eq!(template.layout.footer, None);
    assert_eq!(template.layout.buttons, [TemplateButton::OneTimeCode { label: "Copy code".to_owned() }]);
}

#[test]
fn offers_and_cards_are_kept() {
    let offer = with(json!([{"type": "BODY", "text": "Sale"}, {"type": "FOOTER", "text": "Bye"},
        {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Ends soon", "has_expiration": true}}]));
    assert!(offer.has_offer_end);
    assert_eq!((offer.layout.body.as_str(), offer.layout.footer.as_deref()), ("Sale", Some("Bye")));
    let endless = with(json!([{"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Ends never"}}]));
    assert!(!endless.has_offer_end);
    let card = |text: &str| {
        json!({"components": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": text},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Buy"}]}]})
    };
    let carousel =
        with(json!([{"type": "BODY", "text": "New"}, {"type": "CAROUSEL", "cards": [card("A"), card("B {{1}}")]}]));
    let bodies: Vec<&str> = carousel.cards.iter().map(|card| card.body.as_str()).collect();
    assert_eq!((carousel.layout.body.as_str(), bodies), ("New", vec!["A", "B {{1}}"]));
    assert_eq!(carousel.cards[1].header, Some(TemplateHeader::Image));
    assert_eq!(carousel.cards[0].buttons, [TemplateButton::QuickReply { label: "Buy".to_owned() }]);
}
