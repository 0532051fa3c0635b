//! What is stored reads back; what is too large is cut, always the same.

use super::*;
use std::collections::BTreeMap;

#[test]
fn what_was_stored_reads_back_the_same() {
    let input = RouteInput {
        number: "support-es".into(),
        message_type: "text".into(),
        text: Some("hola".into()),
        words: vec![PartWords { part: Part::File, text: "invoice.pdf".into() }],
        form: BTreeMap::from([("department".into(), "billing".into())]),
        forwarded: true,
        quoted: true,
        group_id: Some("g".into()),
        reply_id: None,
        attributes: BTreeMap::from([("tier".into(), "gold".into())]),
        open: Some(OpenConversation {
            team: TeamName::new("vip").unwrap(),
            priority: Priority::Urgent,
            binding: Binding::Held,
            waits: false,
        }),
        semantics: Semantics::Bindings,
        closes: true,
        first_contact: true,
        reply_template: Some("welcome".into()),
        menu_here: Some(true),
        referral: Some(Referral { source_id: Some("1".into()), source_type: None, source_url: Some("u".into()) }),
        language: Some("es".into()),
        language_source: Some(LanguageSource::Guess),
        language_confidence: Some(73),
        country: Some("MX".into()),
        received_at: Some(Timestamp::from_millis(1_700_000_000_123)),
        zone: Some("America/Mexico_City".into()),
        previous_team: Some(PreviousTeam { team: TeamName::new("billing").unwrap(), age_s: 60 }),
        window_left_s: Some(0),
        contact_key: "0198".into(),
        queues: TeamQueues {
            staffed: BTreeMap::from([(TeamName::new("billing").unwrap(), false)]),
            waiting: BTreeMap::from([(TeamName::new("billing").unwrap(), 51)]),
        },
    };
    assert_eq!(decode_route_input(&encode_route_input(&input)).unwrap(), input);
    let bare = RouteInput::default();
    assert_eq!(decode_route_input(&encode_route_input(&bare)).unwrap(), bare);
}

#[test]
fn version_1_still_reads() {
    let wire = b"\x08\x01\x12\x0asupport-es\x1a\x04text\x22\x04hola\x32\x0c\x0a\x04tier\x12\x04gold\x48\x01";
    let want = RouteInput {
        number: "support-es".into(),
        message_type: "text".into(),
        text: Some("hola".into()),
        attributes: BTreeMap::from([("tier".into(), "gold".into())]),
        first_contact: true,
        semantics: Semantics::BeforeBindings,
        ..RouteInput::default()
    };
    assert_eq!(decode_route_input(wire).unwrap(), want);
}

/// Given an input of a release that knew no bindings, then its conversation is firm by the rules of then.
#[test]
fn an_open_conversation_of_before_bindings_still_reads() {
    let wire = b"\x08\x02\x12\x01n\x3a\x03vip\x42\x06urgent";
    let open = OpenConversation::firm(TeamName::new("vip").unwrap(), Priority::Urgent);
    let want = RouteInput {
        number: "n".into(),
        open: Some(open),
        semantics: Semantics::BeforeBindings,
        ..RouteInput::default()
    };
    assert_eq!(decode_route_input(wire).unwrap(), want);
    assert_eq!(encode_route_input(&want), wire, "and is stored as it was");
}

#[test]
fn an_input_is_cut_to_size_and_keeps_what_rules_look_at() {
    let mut attributes: BTreeMap<String, String> = (0..100).map(|n| (format!("a{n:02}"), "x".repeat(50))).collect();
    attributes.insert("tier".into(), "gold".into());
    attributes.insert("huge".into(), "x".repeat(500));
    let input = RouteInput {
        text: Some("ä".repeat(4096)),
        reply_id: Some("r".repeat(1000)),
        zone: Some("z".repeat(1000)),
        attributes,
        words: vec![PartWords { part: Part::Description, text: "d".repeat(100) }],
        form: BTreeMap::from([("comment".into(), "c".repeat(60_000)), ("n".repeat(500), "x".into())]),
        ..RouteInput::default()
    };
    let fitted = fit_route_input(input, |name| name == "tier");
    assert!(encode_route_input(&fitted).len() <= INPUT_BYTES_MAX);
    assert_eq!(fitted.attributes.get("tier").map(String::as_str), Some("gold"));
    assert!(fitted.attributes.len() > 2 && !fitted.attributes.contains_key("huge"));
    assert_eq!(fit_route_input(fitted.clone(), |name| name == "tier"), fitted);
}

/// A busy team is a fact of the decision: what there is no room for is not known, and the same each time.
#[test]
fn queues_have_room_before_words() {
    let names: Vec<TeamName> = (0..16).map(|n| TeamName::new(format!("{n:02}-{}", "x".repeat(60))).unwrap()).collect();
    let queues = TeamQueues {
        staffed: names.iter().map(|team| (team.clone(), true)).collect(),
        waiting: names.iter().map(|team| (team.clone(), u32::MAX)).collect(),
    };
    let few = TeamQueues {
        staffed: BTreeMap::from([(TeamName::new("billing").unwrap(), true)]),
        waiting: BTreeMap::from([(TeamName::new("billing").unwrap(), 7)]),
    };
    let fit = |queues| {
        let text = Some("ä".repeat(4096));
        let fitted = fit_route_input(RouteInput { text, queues, ..RouteInput::default() }, |_| false);
        assert!(encode_route_input(&fitted).len() <= INPUT_BYTES_MAX);
        assert_eq!(fit_route_input(fitted.clone(), |_| false), fitted);
        fitted
    };
    assert_eq!(fit(few.clone()).queues, few);
    let fitted = fit(queues);
    let known: Vec<&TeamName> = fitted.queues.waiting.keys().collect();
    assert!(known.len() >= 3 && known.iter().copied().eq(&names[..known.len()]), "{known:?}");
    assert!(fitted.text.unwrap().len() > 900);
    // As many as rules may ask about.
    let names: Vec<TeamName> = (0..16).map(|n| TeamName::new(format!("{n:02}-{}", "x".repeat(22))).unwrap()).collect();
    let queues = TeamQueues {
        staffed: names.iter().map(|team| (team.clone(), true)).collect(),
        waiting: names.iter().map(|team| (team.clone(), u32::MAX)).collect(),
    };
    assert_eq!(fit(queues.clone()).queues, queues);
}

#[test]
fn damage_names_the_field() {
    let wire = v1::RouteInput { version: 1, open_team: "A B".into(), ..v1::RouteInput::default() };
    let error = decode_route_input(&wire.encode_to_vec()).unwrap_err();
    assert_eq!(error.field, "open_team");
    assert_eq!(decode_route_input(&[]).unwrap_err().field, "version");
}
