//! What an input says of a message by itself: each thing that a message can say, and nothing that it does not.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_domain::InboundMessage;
use waypost_domain::message::{
    Edit, Form, FormField, Forwarded, Media, MessageContent, MessageKind, Part, Quoted, Referral, Tap, TapSource,
};

use waypost_rules::{PartWords, Referral as InputReferral, RouteInput};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn message(kind: MessageKind, text: &str) -> InboundMessage {
    InboundMessage { kind, text: some(text), ..InboundMessage::default() }
}

fn tap() -> Tap {
    Tap { source: TapSource::List, id: "plan:b".into(), title: some("Plan B"), description: some("30 days") }
}

fn quoted() -> Option<Quoted> {
    Some(Quoted { id: "wamid.1".into(), from: None })
}

fn form() -> MessageContent {
    let field = |name: &str, value: &str| FormField { name: name.into(), value: value.into() };
    let fields = vec![field(FormField::TOKEN, "intake-7"), field("city", "Lugo")];
    MessageContent::Form(Form { fields, ..Form::default() })
}

fn input(kind: &str, text: Option<&str>) -> RouteInput {
    RouteInput { message_type: kind.into(), text: text.map(str::to_owned), ..RouteInput::default() }
}

fn words(part: Part, text: &str) -> Vec<PartWords> {
    vec![PartWords { part, text: text.into() }]
}

type Case = (InboundMessage, RouteInput);

#[test]
fn what_a_message_says_is_in_its_input() {
    for (message, want) in texts().into_iter().chain(others()) {
        assert_eq!(RouteInput::of_message(&message), want, "{message:?}");
    }
}

fn texts() -> Vec<Case> {
    let referral = Referral {
        source_type: some("ad"),
        source_id: some("120"),
        source_url: some("https://ads.example.com"),
        ..Referral::default()
    };
    vec![
        (message(MessageKind::Text, "hi"), input("text", Some("hi"))),
        (
            InboundMessage { quoted: quoted(), ..message(MessageKind::Text, "this one") },
            RouteInput { quoted: true, ..input("text", Some("this one")) },
        ),
        (
            InboundMessage { group_id: some("G1"), ..message(MessageKind::Text, "hi") },
            RouteInput { group_id: some("G1"), ..input("text", Some("hi")) },
        ),
        (
            InboundMessage { referral: Some(referral), ..message(MessageKind::Text, "hi") },
            RouteInput {
                referral: Some(InputReferral {
                    source_type: some("ad"),
                    source_id: some("120"),
                    source_url: some("https://ads.example.com"),
                }),
                ..input("text", Some("hi"))
            },
        ),
        (
            InboundMessage { forwarded: Forwarded::Once, ..message(MessageKind::Text, "win") },
            RouteInput { forwarded: true, ..input("text", Some("win")) },
        ),
    ]
}

fn others() -> Vec<Case> {
    let file = Media { id: "1".into(), mime_type: None, sha256: None, filename: some("bill.pdf"), is_voice: false };
    let fields = [(FormField::TOKEN.to_owned(), "intake-7".to_owned()), ("city".to_owned(), "Lugo".to_owned())];
    let edit =
        |edited: InboundMessage| MessageContent::Edit(Edit { original: some("wamid.0"), message: Box::new(edited) });
    vec![
        (
            InboundMessage { media: Some(file), ..message(MessageKind::Document, "look") },
            RouteInput { words: words(Part::File, "bill.pdf"), ..input("document", Some("look")) },
        ),
        (
            InboundMessage { tap: Some(tap()), quoted: quoted(), ..message(MessageKind::Interactive, "Plan B") },
            RouteInput {
                reply_id: some("plan:b"),
                words: words(Part::Description, "30 days"),
                ..input("interactive", Some("Plan B"))
            },
        ),
        (
            InboundMessage { tap: Some(tap()), quoted: quoted(), ..message(MessageKind::Button, "Plan B") },
            RouteInput {
                reply_id: some("plan:b"),
                words: words(Part::Description, "30 days"),
                ..input("button", Some("Plan B"))
            },
        ),
        (
            InboundMessage { text: None, quoted: quoted(), content: form(), ..message(MessageKind::Interactive, "") },
            RouteInput { form: fields.clone().into(), ..input("interactive", None) },
        ),
        (
            InboundMessage {
                text: None,
                content: edit(InboundMessage { content: form(), ..message(MessageKind::Text, "my bill") }),
                ..message(MessageKind::Edit, "")
            },
            RouteInput { form: fields.into(), ..input("edit", Some("my bill")) },
        ),
    ]
}
