//! Card numbers however they are written, what is none, and every part of a message.

use super::super::{Card, Edit, Form, Location, Media, Order, Part, Tap, TapSource};
use super::*;
use crate::MessageKind;

#[test]
fn a_card_number_is_hidden_however_it_is_written() {
    let mask = Mask::cards();
    for (text, want) in [
        ("4111111111111111", "••••••••••••1111"),
        ("my card is 4111 1111 1111 1111, thanks", "my card is •••• •••• •••• 1111, thanks"),
        ("4111-1111-1111-1111", "••••-••••-••••-1111"),
        ("4111\u{a0}1111\u{2011}1111 - 1111", "••••\u{a0}••••\u{2011}•••• - 1111"),
        ("3782 822463 10005", "•••• •••••• •0005"),
        ("4222222222222 (13)", "•••••••••2222 (13)"),
        ("6304000000000000000", "•••••••••••••••0000"),
        ("order 12 4111 1111 1111 1111", "order 12 •••• •••• •••• 1111"),
        ("4111111111111111 5500005555555559", "••••••••••••1111 ••••••••••••5559"),
        ("٤١١١١١١١١١١١١١١١", "••••••••••••١١١١"),
        ("๔๑๑๑ ๑๑๑๑ ๑๑๑๑ ๑๑๑๑", "•••• •••• •••• ๑๑๑๑"),
        ("４１１１１１１１１１１１１１１１", "••••••••••••１１１１"),
        ("+4111111111111111", "+••••••••••••1111"),
        ("exp 12/27\n4111111111111111", "exp 12/27\n••••••••••••1111"),
    ] {
        assert_eq!(mask.text(text), want);
        assert_eq!(mask.text(want), want, "once is enough");
    }
}

#[test]
fn what_is_no_card_number_stays() {
    let mask = Mask::cards();
    for text in [
        "",
        "hola",
        "4111111111111112",
        "411111111111",
        "41111111111111111111",
        "0000000000000000",
        "4111 1111\n1111 1111",
        "4111.1111.1111.1111",
        "4111    1111 1111 1111",
        "+49 1511 0000 0016",
        "12 34",
    ] {
        assert!(matches!(mask.text(text), Cow::Borrowed(same) if same == text), "{text}");
    }
}

#[test]
fn what_a_pattern_finds_is_hidden() {
    let mut mask = Mask::cards();
    mask.add(r"\bES\d{22}\b").unwrap();
    mask.add("(?i)passw[o0]rd:? *\\S+").unwrap();
    assert_eq!(mask.text("IBAN ES9121000418450200051332 and Password: geheim"), "IBAN ••• and •••");
    assert!(matches!(mask.add("("), Err(MaskError::Pattern(_))));
    assert!(matches!(mask.add("x*"), Err(MaskError::FitsEverything)));
}

#[test]
fn no_part_of_a_message_shows_it() {
    let secret = || Some("4111111111111111".to_owned());
    let text = || "4111111111111111".to_owned();
    let field = |name: &str| FormField { name: name.to_owned(), value: text() };
    let contents = [
        MessageContent::Plain,
        MessageContent::Location(Location { name: secret(), address: secret(), ..Location::default() }),
        MessageContent::Cards(vec![Card { name: secret(), company: secret(), ..Card::default() }]),
        MessageContent::Order(Order { text: secret(), ..Order::default() }),
        MessageContent::Form(Form { fields: vec![field("card")], unreadable: secret(), ..Form::default() }),
    ];
    let mut parts = std::collections::BTreeSet::new();
    for content in contents {
        for kind in [MessageKind::Text, MessageKind::Document, MessageKind::Interactive] {
            let tap = Tap { source: TapSource::List, id: text(), title: secret(), description: secret() };
            let media = Media { id: text(), mime_type: None, sha256: None, filename: secret(), is_voice: false };
            let inner = InboundMessage {
                kind: kind.clone(),
                text: secret(),
                tap: Some(tap),
                media: Some(media),
                content: content.clone(),
                ..InboundMessage::default()
            };
            let edit = Edit { original: None, message: Box::new(inner.clone()) };
            let edited = InboundMessage {
                kind: MessageKind::Edit,
                content: MessageContent::Edit(edit),
                ..InboundMessage::default()
            };
            for mut message in [inner, edited] {
                parts.extend(message.words().iter().map(|words| words.part));
                assert!(Mask::cards().message(&mut message));
                let shown = message.words().into_iter().find(|words| words.text.contains("4111"));
                assert_eq!(shown, None, "{message:?}");
                assert!(!message.summary(None).contains("4111"), "{}", message.summary(None));
                let tap = message.as_it_is_now().tap.as_ref().unwrap();
                assert_eq!(tap.id, text(), "what we gave it comes back as it was");
                assert!(!Mask::cards().message(&mut message), "nothing is left to hide");
            }
        }
    }
    let every_part = Part::ALL.into_iter().filter(|part| *part != Part::Forwarded);
    assert!(every_part.clone().all(|part| parts.contains(&part)), "{parts:?}");
}
