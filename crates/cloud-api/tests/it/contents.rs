//! What there is to read in a message of each type, and which calls and errors are a message's.

use waypost_cloud_api::webhook::{Sender, decode_message, split};
use waypost_domain::message::MessageContent;

use crate::support::{change, check as check_events, messages};

/// Each part and its words; then the summary.
fn check(json: &str, words: &[(&str, &str)], summary: &str) {
    let message = decode_message(json, &Sender::default()).expect("it is an object");
    let got: Vec<(&str, &str)> = message.words().iter().map(|words| (words.part.as_str(), words.text)).collect();
    assert_eq!(got, words, "{json}");
    assert_eq!(message.summary(None), summary, "{json}");
}

#[test]
fn words_are_all_that_the_customer_says() {
    check(r#"{"type":"text","text":{"body":"hi\nthere"}}"#, &[("text", "hi\nthere")], "hi there");
    check(
        r#"{"type":"interactive","interactive":{"list_reply":{"id":"b","title":"Option 2","description":"By post"}}}"#,
        &[("title", "Option 2"), ("description", "By post")],
        "☑ Option 2 (By post)",
    );
    check(
        r#"{"type":"document","document":{"id":"1","filename":"a.pdf","caption":"look"}}"#,
        &[("caption", "look"), ("file", "a.pdf")],
        "📄 a.pdf look",
    );
    check(
        r#"{"type":"location","location":{"latitude":1.5,"longitude":-2,"name":"Here","address":"Street 1"}}"#,
        &[("place", "Here"), ("place", "Street 1")],
        "📍 Here, Street 1",
    );
    check(r#"{"type":"location","location":{"latitude":1.5,"longitude":-2}}"#, &[], "📍 1.5, -2");
    check(
        r#"{"type":"contacts","contacts":[{"name":{"first_name":"Kim","last_name":"C"},"org":{"company":"Co"},
            "phones":[{"wa_id":"34600"}]}]}"#,
        &[("card", "Kim C"), ("card", "Co")],
        "👤 Kim C (Co) 34600",
    );
    check(
        r#"{"type":"order","order":{"text":"soon","product_items":[{"product_retailer_id":"A","quantity":"2",
            "item_price":"1.5","currency":"EUR"}]}}"#,
        &[("order", "soon")],
        "🛒 2 × A = 3.00 EUR “soon”",
    );
    check(
        r#"{"type":"edit","edit":{"original_message_id":"x","message":{"type":"image","image":{"id":"1","caption":"new"}}}}"#,
        &[("caption", "new")],
        "✏ 🖼 new",
    );
    check(r#"{"type":"text","text":{"body":"win"},"context":{"forwarded":true}}"#, &[("forwarded", "win")], "↪ win");
}

#[test]
fn forms_are_read_and_broken_ones_are_told() {
    let form = |answers: &str| {
        let answers = serde_json::to_string(answers).unwrap();
        format!(r#"{{"type":"interactive","interactive":{{"nfm_reply":{{"response_json":{answers}}}}}}}"#)
    };
    check(
        &form(r#"{"flow_token":"t","a":"x","n":7,"yes":true,"none":null,"list":["p","q"],"in":{"deep":"z"}}"#),
        &[("form", "x"), ("form", "7"), ("form", "true"), ("form", "p, q"), ("form", "z")],
        "📋 a: x, n: 7, yes: true, list: p, q, in.deep: z",
    );
    for broken in ["{\"a\": ", "[1]", "", "\"text\"", "{\"a\":1} more"] {
        let message = decode_message(&form(broken), &Sender::default()).unwrap();
        let MessageContent::Form(read) = &message.content else { panic!("{:?}", message.content) };
        assert_eq!((read.fields.len(), read.unreadable.as_deref()), (0, Some(broken)));
        assert!(message.words().is_empty() && !message.summary(None).is_empty(), "{broken}");
    }
    let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let message = decode_message(&form(&deep), &Sender::default()).unwrap();
    assert!(message.words().is_empty(), "what lies so deep is not read");
}

#[test]
fn a_call_that_nobody_took_is_a_message_and_any_other_is_none() {
    let call = |more: &str| {
        change(&format!(
            r#""field":"calls","value":{{"contacts":[{{"wa_id":"1"}}],"calls":[{{"id":"c","from":"1",{more}}}]}}"#
        ))
    };
    for (more, want) in [
        (r#""event":"terminate","direction":"USER_INITIATED","status":"FAILED""#, "message c call phone=1"),
        (r#""event":"terminate","direction":"USER_INITIATED","status":["FAILED"]"#, "message c call phone=1"),
        (
            r#""event":"terminate","direction":"USER_INITIATED","status":"COMPLETED","duration":3"#,
            "contact calls phone=1",
        ),
        (r#""event":"terminate","direction":"BUSINESS_INITIATED","status":"FAILED""#, "contact calls phone=1"),
        (r#""event":"connect","direction":"USER_INITIATED""#, "contact calls phone=1"),
    ] {
        check_events(more, &call(more), &[want]);
    }
}

#[test]
fn errors_beside_messages_belong_to_those_that_say_nothing() {
    let body = messages(
        r#""messages":[{"id":"a","type":"text","text":{"body":"hi"}},{"id":"b","type":"unsupported"}],
            "errors":[{"code":131051,"title":"Unknown","error_data":{"details":"why"}}]"#,
    );
    check_events("two", &body, &["message a text text=hi", "message b unsupported errors=[131051]"]);
    let alone = messages(r#""messages":[{"id":"a","type":"text","text":{"body":"hi"}}],"errors":[{"code":1}]"#);
    check_events("alone", &alone, &["message a text text=hi errors=[1]"]);
    let events = split(body.as_bytes()).events;
    let waypost_cloud_api::webhook::Content::Message(message) = &events[1].content else { panic!("{events:?}") };
    let told = &message.errors[0];
    assert_eq!((told.title.as_deref(), told.details.as_deref()), (Some("Unknown"), Some("why")));
}
