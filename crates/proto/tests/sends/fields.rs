//! Every mistake is named by its field, and nothing of what stands there is repeated.

use serde_json::{Value, json};
use waypost_proto::sends::{JSON_BYTES_MAX, Recipient, read_json, read_send};
use waypost_proto::sends_v1 as wire;

use crate::schema;

fn minimal() -> Value {
    json!({
        "send_id": "order-17",
        "number": "numbers/support-es",
        "to": { "phone": "+34 600 000 001" },
        "content": { "text": { "body": "Hello" } },
    })
}

/// `minimal` with other fields; `null` takes one away.
fn with(fields: Value) -> Value {
    let mut request = minimal();
    let (Value::Object(request_fields), Value::Object(fields)) = (&mut request, fields) else { panic!() };
    for (name, value) in fields {
        if value.is_null() {
            request_fields.remove(&name)
        } else {
            request_fields.insert(name, value)
        };
    }
    request
}

fn refused(body: &[u8]) -> Vec<String> {
    let violations = read_json(body).unwrap_err().0;
    violations.into_iter().map(|violation| format!("{}: {}", violation.field, violation.problem)).collect()
}

#[track_caller]
fn check(request: &Value, fields: &[&str]) {
    let told = refused(request.to_string().as_bytes());
    let named: Vec<&str> = told.iter().map(|one| one.split_once(": ").unwrap().0).collect();
    assert_eq!(named, fields, "{told:?}");
    assert!(told.iter().all(|one| !one.contains("SECRET") && !one.contains("34600000001")), "{told:?}");
}

#[test]
fn a_short_request_is_enough() {
    let draft = read_json(minimal().to_string().as_bytes()).unwrap();
    assert_eq!(draft.to, Recipient::Phone("34600000001".to_owned()));
    assert_eq!(schema::first_misfit(&minimal()), None);
    assert!(!draft.is_bot && !draft.force && draft.expires_at.is_none());
}

#[test]
fn what_the_schema_refuses_is_refused_by_its_field() {
    for (fields, named) in [
        (json!({ "send_id": null }), &["send_id"][..]),
        (json!({ "number": null }), &["number"]),
        (json!({ "to": null }), &["to"]),
        (json!({ "content": null }), &["content"]),
        (json!({ "send_id": "a b" }), &["send_id"]),
        (json!({ "number": "support-es" }), &["number"]),
        (json!({ "expires": "2026-12-01T00:00:00Z" }), &["expires"]),
        (json!({ "expire_time": 1_764_547_200_000_i64 }), &["expire_time"]),
        (json!({ "force": "yes" }), &["force"]),
        (json!({ "priority": "URGENT" }), &["priority"]),
        (json!({ "cause": "SECRET" }), &["cause"]),
        (json!({ "to": { "phone": "+34600000001", "bsuid": "ES.1" } }), &["to.phone"]),
        (json!({ "to": {} }), &["to"]),
        (json!({ "to": "+34600000001" }), &["to"]),
        (json!({ "content": {} }), &["content"]),
        (json!({ "content": { "text": { "body": "SECRET" }, "image": {} } }), &["content.text"]),
        (json!({ "content": { "text": { "words": "SECRET" } } }), &["content.text.words"]),
        (json!({ "content": { "text": { "body": 7 } } }), &["content.text.body"]),
        (json!({ "content": { "image": { "source": { } } } }), &["content.image.source"]),
        (json!({ "content": { "template": { "values": { } } } }), &["content.template.name"]),
        (
            json!({ "content": { "buttons": { "buttons": [{ "id": "1" }, { "titles": "x" }] } } }),
            &["content.buttons.buttons[1].titles"],
        ),
        (
            json!({ "content": { "template": { "name": "t", "values": { "body": [{ "name": "x" }] } } } }),
            &["content.template.values.body[0]"],
        ),
        (
            json!({ "content": { "template": { "name": "t", "values": { "buttons": [{ "index": -1, "payload": "p" }] } } } }),
            &["content.template.values.buttons[0].index"],
        ),
    ] {
        let request = with(fields);
        assert!(schema::first_misfit(&request).is_some(), "the schema takes {request}");
        check(&request, named);
    }
}

#[test]
fn what_no_schema_can_say_is_named_as_well() {
    check(&with(json!({ "to": { "phone": "600000001" } })), &["to.phone"]);
    check(&with(json!({ "to": { "contact": "contacts/1" } })), &["to.contact"]);
    check(&with(json!({ "conversation": "conversations/1" })), &["conversation"]);
    check(&with(json!({ "cause": "event" })), &["event"]);
    check(&with(json!({ "event": "winter" })), &["event"]);
    check(&with(json!({ "expire_time": "1969-12-31T23:59:59.5Z" })), &["expire_time"]);
    check(
        &with(json!({ "number": "numbers/", "send_id": "", "expire_time": "1950-01-01T00:00:00Z" })),
        &["send_id", "number", "expire_time"],
    );
    // A name that is none may be anything.
    check(&with(json!({ "+34600000001": 1 })), &["?"]);
    let card = json!({ "cards": [{ "cards": [{}] }] });
    check(&with(json!({ "substitute": { "name": "t", "values": card } })), &["substitute.values.cards[0].cards"]);
}

#[test]
fn what_is_no_request_at_all_is_named_as_the_body() {
    for body in ["", "SECRET", "[]", "\"SECRET\"", "{\"send_id\": \"SECRET"] {
        let told = refused(body.as_bytes());
        assert!(told.len() == 1 && told[0].starts_with("body: ") && !told[0].contains("SECRET"), "{told:?}");
    }
    assert!(refused(&vec![b' '; JSON_BYTES_MAX + 1])[0].contains("bytes"));
    // Deeper than anything is read.
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(refused(deep.as_bytes())[0].starts_with("body: is no JSON"));
}

#[test]
fn fields_have_the_place_where_the_request_stands() {
    let violations = read_send(wire::SendRequest::default(), "message").unwrap_err().0;
    let fields: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["message.send_id", "message.number", "message.to", "message.content"]);
    let later = wire::SendRequest { priority: 99, cause: 99, category: 99, ..wire::SendRequest::default() };
    let told = read_send(later, "").unwrap_err().to_string();
    for field in ["priority", "cause", "category"] {
        assert!(told.contains(&format!("{field}: is not known to this release")), "{told}");
    }
}
