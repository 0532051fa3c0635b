//! What Bird posts, told as Meta would: every kind of message and status, and what is not WhatsApp's; what is sent by
//! it, and what it answers.

#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use waypost_cloud_api::bird::hook::webhook;
use waypost_cloud_api::bird::message::{Content as Said, InvalidTemplate, Message, Template};
use waypost_cloud_api::bird::{NO_CODE, answer};
use waypost_cloud_api::carrier::{NotOurs, OurNumbers, SendOutcome};
use waypost_cloud_api::webhook::{Content, split};
use waypost_domain::message::{MessageContent, TapSource};
use waypost_domain::{InboundMessage, MessageKind, Status, StatusState};

const CHANNEL: &str = "614208aa-b153-4d5d-9989-2fddfc0ce4c3";

fn ours() -> OurNumbers {
    OurNumbers::by_channel([("support", "614208AA-B153-4D5D-9989-2FDDFC0CE4C3")])
        .unwrap()
        .of_account(Some("workspace-1".to_owned()))
}

fn told(event: &str, payload: &Value) -> Result<String, NotOurs> {
    let hook = json!({"service": "channels", "event": event, "payload": payload});
    webhook(hook.to_string().as_bytes(), &ours())
}

fn with(mut payload: Value, more: Value) -> Value {
    let more = more.as_object().unwrap().clone();
    payload.as_object_mut().unwrap().extend(more);
    payload
}

/// As the vendor's page has it, with the time that a hook was seen to have.
fn inbound(body: Value) -> Value {
    json!({
        "id": "m-1", "channelId": CHANNEL,
        "sender": {"contact": {"id": "c-1", "identifierKey": "phonenumber", "identifierValue": "+15550100001",
            "annotations": {"name": "A B"}}},
        "receiver": {"connector": {"id": "x", "identifierValue": ""}},
        "body": body,
        "meta": {"extraInformation": {"timestamp": "1702496037"}},
        "reference": "", "parts": [{"platformReference": "wamid.HBgM"}], "status": "delivered", "reason": "",
        "direction": "incoming", "createdAt": "2023-12-13T19:34:01.858Z",
    })
}

/// All messages of a body, with the keys of their events.
fn messages(body: Value) -> Vec<(String, InboundMessage)> {
    let told = told("whatsapp.inbound", &inbound(body)).unwrap();
    let split = split(told.as_bytes());
    assert!(split.quarantined.is_empty(), "{split:?}");
    let message = |event: waypost_cloud_api::webhook::WebhookEvent<'_>| {
        assert_eq!((event.number.as_str(), event.waba_id.as_str()), ("support", "workspace-1"));
        let Content::Message(message) = event.content else { panic!("{:?}", event.content) };
        (event.key, message)
    };
    split.events.into_iter().map(message).collect()
}

fn message(body: Value) -> InboundMessage {
    let [(key, message)] = messages(body).try_into().unwrap();
    assert_eq!((key.as_str(), message.id.as_deref()), ("m-1", Some("m-1")));
    assert_eq!(message.contact.phone.as_deref(), Some("15550100001"));
    assert_eq!(message.profile_name.as_deref(), Some("A B"));
    assert_eq!(message.timestamp.map(|at| at.as_millis()), Some(1_702_496_037_000));
    message
}

fn status(event: &str, payload: &Value) -> (String, Status) {
    let body = told(event, payload).unwrap();
    let mut events = split(body.as_bytes()).events;
    assert_eq!(events.len(), 1, "{body}");
    let event = events.remove(0);
    let Content::Status(status) = event.content else { panic!("{:?}", event.content) };
    assert_eq!((event.number.as_str(), status.id.as_str()), ("support", "m-2"));
    (event.key, status)
}

fn outbound(word: &str, more: Value) -> Value {
    let contacts = json!([{"identifierKey": "phonenumber", "identifierValue": "+15550100001"}]);
    let message = json!({"id": "m-2", "channelId": CHANNEL, "receiver": {"contacts": contacts}, "status": word,
        "reference": "wp1/one/2", "reason": "", "direction": "outgoing"});
    with(message, more)
}

#[test]
fn a_text_is_a_plain_text() {
    let text = message(json!({"type": "text", "text": {"text": "ñ & +"}}));
    assert_eq!((text.kind, text.text.as_deref(), text.is_plain_text), (MessageKind::Text, Some("ñ & +"), true));
}

#[test]
fn files_are_media_with_their_address() {
    let at = |id: &str| format!("https://media.nest.messagebird.com/workspaces/w/messages/m-1/media/{id}");
    let check = |kind: &str, body: Value, want, mime: Option<&str>| {
        let file = message(json!({"type": kind, kind: body}));
        let media = file.media.unwrap();
        assert_eq!((file.kind, media.id.as_str(), media.mime_type.as_deref()), (want, "m-1:ME1", mime), "{kind}");
    };
    check("image", json!({"images": [{"mediaUrl": at("ME1")}]}), MessageKind::Image, None);
    for (mime, want) in [
        ("application/pdf", MessageKind::Document),
        ("video/mp4", MessageKind::Video),
        ("audio/ogg", MessageKind::Audio),
        ("image/webp", MessageKind::Sticker),
    ] {
        let file = json!({"files": [{"mediaUrl": at("ME1"), "contentType": mime}]});
        check("file", file, want, Some(mime));
    }
    check("file", json!({"files": [{"mediaUrl": at("ME1")}]}), MessageKind::Document, None);
    check("video", json!({"url": at("ME1")}), MessageKind::Video, None);
    let told = told("whatsapp.inbound", &inbound(json!({"type": "video", "video": {"url": at("ME1")}}))).unwrap();
    assert!(told.contains(&at("ME1")), "its address goes with it: {told}");
    let two = json!({"images": [{"mediaUrl": at("ME1")}, {"mediaUrl": at("ME2")}], "text": "both"});
    let two = messages(json!({"type": "image", "image": two}));
    let keys: Vec<&str> = two.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["m-1", "m-1.1"]);
    assert_eq!((two[0].1.text.as_deref(), two[1].1.text.as_deref()), (Some("both"), None));
    let named = message(json!({"type": "file", "file": {"files": [{"mediaUrl": at("ME1"), "filename": "a.pdf"}]}}));
    assert_eq!(named.media.unwrap().filename.as_deref(), Some("a.pdf"));
    let many = json!({"images": vec![json!({"mediaUrl": at("ME1")}); 99]});
    assert_eq!(messages(json!({"type": "image", "image": many})).len(), 32, "no message has so many");
}

#[test]
fn taps_are_taps() {
    let body = |action: Value| json!({"type": "text", "text": {"text": "Yes", "actions": [action]}});
    let postback = json!({"type": "postback", "postback": {"text": "Yes", "payload": "order-17"}});
    let button = message(body(postback));
    let tap = button.tap.unwrap();
    assert_eq!((tap.source, tap.id.as_str(), tap.title.as_deref()), (TapSource::Template, "order-17", Some("Yes")));
    assert_eq!((button.kind, button.text.as_deref()), (MessageKind::Button, Some("Yes")));
    let reply = message(body(json!({"type": "reply", "reply": {"text": "One", "id": "row-1"}})));
    assert_eq!((reply.tap.unwrap().id.as_str(), reply.text.as_deref()), ("row-1", Some("Yes")), "no word is lost");
    let nothing = message(body(json!({"type": "postback"})));
    assert_eq!((nothing.kind, nothing.text.as_deref()), (MessageKind::Text, Some("Yes")));
}

#[test]
fn what_else_a_message_can_be() {
    let place = json!({"coordinates": {"latitude": 52.5, "longitude": -13.4},
        "location": {"label": "Office", "address": "Main St"}, "text": "here"});
    let place = message(json!({"type": "location", "location": place}));
    let MessageContent::Location(location) = &place.content else { panic!("{place:?}") };
    let said = (location.latitude.as_deref(), location.longitude.as_deref(), location.name.as_deref());
    assert_eq!(said, (Some("52.5"), Some("-13.4"), Some("Office")));
    assert_eq!((place.kind, place.text.as_deref()), (MessageKind::Location, Some("here")), "no word is lost");
    for (body, kind, words) in [
        (json!({"type": "poll", "poll": {"text": "which?"}}), "poll", Some("which?")),
        (json!({"type": "text"}), "text", None),
        (json!({"type": "image", "image": {"images": []}}), "image", None),
        (json!({}), "unknown", None),
        (json!(null), "unknown", None),
        (json!([1]), "unknown", None),
    ] {
        let new = message(body);
        let MessageContent::Unsupported { kind: of } = &new.content else { panic!("{new:?}") };
        assert_eq!((new.kind.as_str(), of.as_str(), new.text.as_deref()), ("unsupported", kind, words));
    }
    let reply = with(inbound(json!({"type": "text", "text": {"text": "yes"}})), json!({"replyTo": {"id": "m-0"}}));
    let body = told("whatsapp.inbound", &reply).unwrap();
    let Content::Message(quoting) = split(body.as_bytes()).events.remove(0).content else { panic!("{body}") };
    assert_eq!(quoting.quoted.unwrap().id, "m-0");
}

#[test]
fn who_shows_no_number_is_known_by_their_id() {
    let by = |contact: Value| {
        let payload = inbound(json!({"type": "text", "text": {"text": "x"}}));
        let body = told("whatsapp.inbound", &with(payload, json!({"sender": {"contact": contact}}))).unwrap();
        let Content::Message(message) = split(body.as_bytes()).events.remove(0).content else { panic!("{body}") };
        (message.contact.phone, message.contact.bsuid)
    };
    let (number, id) = (Some("15550100001".to_owned()), Some("US.123".to_owned()));
    assert_eq!(by(json!({"identifierKey": "x", "identifierValue": "US.123"})), (None, id.clone()));
    let identifiers = json!([{"identifierValue": "US.123"}, {"identifierValue": "ann"}]);
    let both = json!({"identifierValue": "+15550100001", "identifiers": identifiers});
    assert_eq!(by(both), (number, id));
    // Digits of another system are nobody's number, and a person's own id goes before their company's.
    let crm = json!([{"identifierKey": "externalId", "identifierValue": "4711004711"}]);
    assert_eq!(by(json!({"identifierValue": "US.123", "identifiers": crm})), (None, Some("US.123".to_owned())));
    let parent = json!([{"identifierValue": "US.123"}]);
    let parent = json!({"identifierValue": "US.ENT.9", "identifiers": parent});
    assert_eq!(by(parent), (None, Some("US.123".to_owned())));
    let named = json!({"identifierKey": "phonenumber", "identifierValue": "+15550100001"});
    assert_eq!(by(named), (Some("15550100001".to_owned()), None));
    assert_eq!(by(json!({"identifierValue": "ann"})), (Some("ann".to_owned()), None), "somebody all the same");
    assert_eq!(by(json!({})), (None, None), "and a message of nobody is one, too");
}

#[test]
fn statuses_have_our_words_and_our_mark() {
    for (word, want) in [
        ("accepted", "accepted"),
        ("scheduled", "accepted"),
        ("processing", "accepted"),
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("read", "read"),
        ("rejected", "failed"),
        ("sending_failed", "failed"),
        ("delivery_failed", "failed"),
        ("deleted", "deleted"),
        ("something_new", "something_new"),
    ] {
        let (key, status) = status("whatsapp.outbound", &outbound(word, json!({})));
        assert_eq!((status.state.as_str(), key), (want, format!("m-2:{want}")), "{word}");
        assert_eq!(status.callback_data.as_deref(), Some("wp1/one/2"));
        assert_eq!(status.recipient.phone.as_deref(), Some("15550100001"));
        assert_eq!(status.errors.is_empty(), want != "failed", "{word}");
    }
    let (key, read) =
        status("whatsapp.interaction", &json!({"id": "i-1", "type": "read", "messageId": "m-2", "channelId": CHANNEL}));
    assert_eq!((read.state, key.as_str(), read.callback_data), (StatusState::Read, "m-2:read", None));
    let clicked = json!({"type": "clicked", "messageId": "m-2", "channelId": CHANNEL});
    assert_eq!(status("whatsapp.interaction", &clicked).1.state.as_str(), "clicked");
}

/// WhatsApp's own code where Bird passes it on, else Bird's, else that there is none; the reason is never lost.
#[test]
fn a_failure_has_a_code_and_its_reason() {
    let failed = |failure: Value| {
        let more = json!({"reason": "details: no; reason: never", "failure": failure});
        let error = status("whatsapp.outbound", &outbound("delivery_failed", more)).1.errors.remove(0);
        assert_eq!(error.title.as_deref(), Some("details: no; reason: never"));
        error.code
    };
    assert_eq!(failed(json!({"code": 15_005, "source": {"name": "whatsapp", "code": "131047"}})), 131_047);
    assert_eq!(failed(json!({"code": 15_005, "source": {"name": "sms-messagebird", "code": "1"}})), 15_005);
    assert_eq!(failed(json!({"code": 14_999})), 14_999, "unknown, and kept");
    assert_eq!(failed(json!({"source": {"code": "4"}})), NO_CODE, "none of WhatsApp's of messages");
    for code in [0, 4, 190, 368, 401] {
        assert_eq!(failed(json!({"code": code})), NO_CODE, "{code} is one of Meta's, which would stop a number");
    }
    assert_eq!(failed(json!(null)), NO_CODE);
}

#[test]
fn what_is_not_ours_is_said_so() {
    let text = || inbound(json!({"type": "text", "text": {"text": "x"}}));
    assert_eq!(told("sms.inbound", &text()), Err(NotOurs::OtherChannel));
    assert_eq!(told("whatsapp.new", &text()), Err(NotOurs::OtherChannel));
    let stranger = with(text(), json!({"channelId": "00000000-0000-0000-0000-000000000000"}));
    assert_eq!(told("whatsapp.inbound", &stranger), Err(NotOurs::UnknownNumber));
    assert_eq!(told("whatsapp.inbound", &with(text(), json!({"channelId": null}))), Err(NotOurs::Unreadable));
    assert_eq!(told("whatsapp.inbound", &json!(null)), Err(NotOurs::Unreadable));
    let of_nothing = json!({"type": "read", "channelId": CHANNEL});
    assert_eq!(told("whatsapp.interaction", &of_nothing), Err(NotOurs::Unreadable));
    assert_eq!(told("whatsapp.outbound", &outbound("sent", json!({"id": ""}))), Err(NotOurs::Unreadable));
    assert_eq!(told("whatsapp.outbound", &outbound("", json!({}))), Err(NotOurs::Unreadable));
    for bytes in [&b""[..], b"[]", b"{\"a\":", b"\xff", b"{} {}", b"\"x\""] {
        assert_eq!(webhook(bytes, &ours()), Err(NotOurs::Unreadable), "{bytes:?}");
    }
    let other = json!({"service": "conversations", "event": "whatsapp.inbound", "payload": text()});
    assert_eq!(webhook(other.to_string().as_bytes(), &ours()), Err(NotOurs::OtherChannel));
    let twice =
        format!(r#"{{"service":"channels","event":"whatsapp.inbound","payload":{p},"payload":{p}}}"#, p = text());
    assert_eq!(webhook(twice.as_bytes(), &ours()), Err(NotOurs::Unreadable), "it can be read in two ways");
    for (channels, id) in [(vec![("a", "")], "a"), (vec![("a", "x/y")], "a"), (vec![("a", "1"), ("b", "1")], "b")] {
        assert_eq!(OurNumbers::by_channel(channels).unwrap_err().id, id);
    }
}

#[test]
fn a_message_is_written_as_bird_takes_it() {
    let written = |content| {
        let message = Message { to: "+15550100001".to_owned(), content, reference: "wp1/one/2".to_owned() };
        serde_json::from_slice::<Value>(&message.encode()).unwrap()
    };
    let receiver = json!({"contacts": [{"identifierKey": "phonenumber", "identifierValue": "+15550100001"}]});
    let text = json!({"type": "text", "text": {"text": "ñ \" &"}});
    let want = json!({"receiver": receiver, "reference": "wp1/one/2", "body": text});
    assert_eq!(written(Said::Text("ñ \" &".to_owned())), want);
    let template = Template::new("c9bb8f9a/latest/en-US").unwrap();
    let parameters = [("day", "Monday"), ("name", "Ann")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let keys = [("day", "Monday"), ("name", "Ann")];
    let list = keys.map(|(key, value)| json!({"type": "string", "key": key, "value": value}));
    let want = json!({"receiver": receiver, "reference": "wp1/one/2", "template":
        {"projectId": "c9bb8f9a", "version": "latest", "locale": "en-US", "parameters": list}});
    assert_eq!(written(Said::Template { template, parameters }), want);
    for text in ["", "a", "a/b", "a//c", "a/b/c/d", "a/b/", "a/b/é", "a/b c/d"] {
        assert_eq!(Template::new(text), Err(InvalidTemplate), "{text}");
    }
}

#[test]
fn answers_are_read_by_status() {
    let read = |status, body: &str| answer::read(status, body.as_bytes());
    assert_eq!(read(202, r#"{"id":"m-2","status":"accepted"}"#), SendOutcome::Accepted("m-2".to_owned()));
    let refused = |status, body: &str| match read(status, body) {
        SendOutcome::Refused(error) => (error.code, error.kind),
        other => panic!("{other:?}"),
    };
    let word = |text: &str| Some(text.to_owned());
    assert_eq!(refused(401, r#"{"code":"Unauthorized","message":"nein"}"#), (Some(401), word("Unauthorized")));
    assert_eq!(refused(403, r#"{"type":"permission_denied"}"#), (Some(403), word("permission_denied")));
    assert_eq!(refused(422, r#"{"code":"InvalidInput","message":"nein"}"#), (None, word("InvalidInput")));
    assert_eq!(refused(422, r#"{"code":10,"message":"nein"}"#).0, None, "10 is a code of Meta's");
    assert_eq!(refused(500, r#"{"message":"nein"}"#), (None, None));
    for (status, body) in [(202, "{}"), (202, r#"{"code":"x"}"#), (400, "<html>"), (502, ""), (400, r#"{"id":"m-2"}"#)]
    {
        assert_eq!(read(status, body), SendOutcome::Unclear, "{status} {body}");
    }
}
