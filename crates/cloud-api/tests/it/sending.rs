//! Requests to Meta, of every kind: the words as JSON and back, and what other clients write.

mod bodies;

use serde_json::{Value, json};
use waypost_cloud_api::send::{
    BlockUsers, Body, Card, ControlAction, Customer, Degrees, JsonBody, Media, MediaSource, Message, NonEmpty,
    ParameterValue, Parameters, PhoneNumber, Pin, Reaction, ReadReceipt, Recipient, Request, Template, Text,
    ThreadControl, UserId,
};

use waypost_domain::send::{Mark, SendId};

use bodies::{bodies, template};

fn message(kind: &str, body: &Value) -> Value {
    json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "+34600000105", "type": kind,
        kind: body})
}

#[test]
fn every_kind_of_message_is_read_and_written_the_same() {
    for (kind, body) in bodies() {
        let value = message(kind, &body);
        let request = Request::from_value(&value).unwrap_or_else(|error| panic!("{value}: {error}"));
        assert_eq!(request.to_value(), value);
        let Request::Message(message) = &request else { panic!("{value}: no message") };
        assert_eq!(message.body.kind(), kind);
        assert_eq!(Request::decode(&request.encode()), Ok(request));
    }
}

#[test]
fn what_stands_beside_the_body() {
    let mut value = message("text", &json!({"body": "a", "preview_url": false}));
    value["context"] = json!({"message_id": "wamid.1"});
    value["biz_opaque_callback_data"] = json!("wp1/0192d3c4/2");
    value["messaging_account_id"] = json!("200000000000001");
    let read = Message::from_value(&value).unwrap();
    let mark = Mark { send: SendId::new("0192d3c4").unwrap(), attempt: 2 };
    let want = Message {
        reply_to: Some("wamid.1".to_owned()),
        callback_data: Some(mark.to_string()),
        messaging_account_id: Some("200000000000001".to_owned()),
        ..text_to(Recipient::from(PhoneNumber::new("34600000105").unwrap()))
    };
    assert_eq!(read, want);
    assert_eq!(want.to_value(), value);
    assert_eq!(read.mark(), Some(mark));
}

fn text_to(recipient: Recipient) -> Message {
    Message::new(recipient, Body::Text(Text { body: "a".to_owned(), preview_url: false }))
}

#[test]
fn a_number_goes_out_with_its_plus() {
    for number in ["34600000105", "+34600000105", "0034600000105", "+34 600 000-105"] {
        let value = text_to(PhoneNumber::new(number).unwrap().into()).to_value();
        assert_eq!(value["to"], "+34600000105", "{number}");
        assert_eq!(value.get("recipient"), None);
    }
    for number in ["", "+", "1234", "+0600000105", "12345678901234567", "US.1349", "34 600 ext. 3"] {
        assert!(PhoneNumber::new(number).is_err(), "{number}");
    }
}

#[test]
fn a_user_id_goes_out_as_recipient() {
    let value = text_to(UserId::new("US.13491208655302741918").unwrap().into()).to_value();
    assert_eq!((value.get("to"), &value["recipient"]), (None, &json!("US.13491208655302741918")));
    assert!(UserId::new("+34600000105").is_err());
}

#[test]
fn whom_other_clients_write_to() {
    let recipient = |fields: Value| {
        let mut value = message("text", &json!({"body": "a"}));
        let object = value.as_object_mut().unwrap();
        object.remove("to");
        object.remove("recipient_type");
        object.extend(fields.as_object().unwrap().clone());
        Message::from_value(&value).map(|message| message.recipient).map_err(|error| error.to_string())
    };
    let phone = Recipient::from(PhoneNumber::new("34600000105").unwrap());
    assert_eq!(recipient(json!({"to": "+34 600 000 105"})), Ok(phone.clone()));
    // Both: the number wins.
    assert_eq!(recipient(json!({"to": "+34600000105", "recipient": "US.1"})), Ok(phone));
    let Ok(Recipient::Customer(Customer::Unprefixed(number))) = recipient(json!({"to": "600000105"})) else {
        panic!("a number without a plus is told apart");
    };
    assert_eq!(number.as_str(), "600000105");
    assert_eq!(recipient(json!({"to": "Z3JvdXA", "recipient_type": "group"})), Ok(Recipient::Group("Z3JvdXA".into())));
    let errors = [
        (json!({}), "to is missing"),
        (json!({"to": null}), "to is missing"),
        (json!({"to": "ada"}), "to must be a phone number"),
        (json!({"recipient": "ada"}), "recipient must be a business-scoped user id"),
        (json!({"to": "+34600000105", "recipient_type": "all"}), "recipient_type must be individual or group"),
    ];
    for (fields, want) in errors {
        assert_eq!(recipient(fields), Err(want.to_owned()));
    }
}

/// Meta takes capitals, numbers as text and text as numbers.
#[test]
fn what_other_clients_write_otherwise() {
    let same = [
        ("text", json!({"body": 7}), json!({"body": "7", "preview_url": false})),
        (
            "interactive",
            json!({"type": "BUTTON", "body": {"text": "b"}, "header": null,
                "action": {"buttons": [{"type": "reply", "reply": {"id": 1, "title": "t"}}]}}),
            json!({"type": "button", "body": {"text": "b"},
                "action": {"buttons": [{"type": "reply", "reply": {"id": "1", "title": "t"}}]}}),
        ),
        ("location", json!({"latitude": 1.5, "longitude": 2}), json!({"latitude": "1.5", "longitude": "2"})),
        (
            "template",
            template(json!([
                {"type": "BODY", "parameters": []},
                {"type": "header"},
                {"type": "BUTTON", "sub_type": "QUICK_REPLY", "index": 1,
                    "parameters": [{"type": "payload", "payload": "p"}]},
            ])),
            template(json!([
                {"type": "button", "sub_type": "quick_reply", "index": "1",
                    "parameters": [{"type": "payload", "payload": "p"}]},
            ])),
        ),
        // No request of ours has a category: Meta would take the message for another product's.
        ("text", json!({"body": "a", "category": "utility"}), json!({"body": "a", "preview_url": false})),
    ];
    for (kind, body, want) in same {
        let read = Message::from_value(&message(kind, &body)).unwrap_or_else(|error| panic!("{body}: {error}"));
        assert_eq!(read.to_value(), message(kind, &want));
    }
    // Without a type it is a text.
    let mut value = message("text", &json!({"body": "a"}));
    value.as_object_mut().unwrap().remove("type");
    assert_eq!(Message::from_value(&value).unwrap().body.kind(), "text");
}

#[test]
fn an_error_names_its_field() {
    let button = |reply: Value| {
        json!({"type": "button", "body": {"text": "b"}, "action": {"buttons": [
            {"type": "reply", "reply": {"id": "i", "title": "t"}}, {"type": "reply", "reply": reply}]}})
    };
    let body = |components: Value| template(components);
    let cases = [
        ("text", json!({}), "text.body is missing"),
        ("text", json!({"body": ["a"]}), "text.body must be text"),
        ("text", json!({"body": "a", "preview_url": "yes"}), "text.preview_url must be true or false"),
        ("text", json!("a"), "text must be an object"),
        ("poll", json!({}), "type must be one of Meta's message types"),
        ("image", json!({"caption": "c"}), "image.id is missing"),
        ("contacts", json!([]), "contacts must be a list of at least one"),
        ("contacts", json!([{"name": {}}]), "contacts[0].name.formatted_name is missing"),
        ("contacts", json!(["a"]), "contacts[0] must be an object"),
        ("location", json!({"latitude": "91", "longitude": "1"}), "location.latitude must be degrees, at most 90"),
        ("location", json!({"latitude": "1", "longitude": "east"}), "location.longitude must be degrees, at most 180"),
        ("interactive", button(json!({"id": "j"})), "interactive.action.buttons[1].reply.title is missing"),
        ("interactive", json!({"type": "contact_request"}), "interactive.type must be one of Meta's interactive types"),
        ("interactive", json!({"type": "list", "action": {}, "body": {"text": "b"}}), {
            "interactive.action.button is missing"
        }),
        (
            "interactive",
            json!({"type": "product_list", "body": {"text": "b"}, "action": {}}),
            "interactive.header is missing",
        ),
        ("template", json!({"name": "n"}), "template.language is missing"),
        ("template", body(json!([{"type": "body", "parameters": [{"type": "text"}]}])), {
            "template.components[0].parameters[0].text is missing"
        }),
        (
            "template",
            body(json!([{"type": "body", "parameters": [
                {"type": "text", "text": "a", "parameter_name": "n"}, {"type": "text", "text": "b"}]}])),
            "template.components[0].parameters[1].parameter_name must be there for all or for none, each once",
        ),
        (
            "template",
            body(json!([{"type": "body", "parameters": [
                {"type": "text", "text": "a", "parameter_name": "n"},
                {"type": "text", "text": "b", "parameter_name": "n"}]}])),
            "template.components[0].parameters[1].parameter_name must be there for all or for none, each once",
        ),
        (
            "template",
            body(json!([{"type": "button", "sub_type": "url", "index": "0", "parameters": []}])),
            "template.components[0].parameters is missing",
        ),
        (
            "template",
            body(json!([{"type": "button", "sub_type": "url", "index": "300"}])),
            "template.components[0].index must be a whole number in range",
        ),
        (
            "template",
            body(json!([{"type": "carousel", "cards": [{"card_index": 0, "components": [{"type": "carousel"}]}]}])),
            "template.components[0].cards[0].components[0].type must be header, body or button",
        ),
    ];
    for (kind, body, want) in cases {
        let error = Request::from_value(&message(kind, &body)).expect_err(want);
        assert_eq!(error.to_string(), want);
    }
}

#[test]
fn a_body_that_is_no_request_is_named_whole() {
    let whole = [("", "body must be JSON"), ("[]", "body must be an object"), ("{}", "messaging_product is missing")];
    for (body, want) in whole {
        assert_eq!(Request::decode(body.as_bytes()).expect_err(want).to_string(), want);
    }
    let error = Request::decode(br#"{"messaging_product":"sms"}"#).expect_err("another product");
    assert_eq!(error.to_string(), "messaging_product must be whatsapp");
}

#[test]
fn a_message_is_read_and_an_answer_typed() {
    let read = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.1"});
    let receipt = |typing| ReadReceipt { message_id: "wamid.1".to_owned(), typing };
    assert_eq!(Request::from_value(&read), Ok(Request::Read(receipt(false))));
    assert_eq!(receipt(false).to_value(), read);
    let mut typing = read.clone();
    typing["typing_indicator"] = json!({"type": "text"});
    assert_eq!(ReadReceipt::from_value(&typing), Ok(receipt(true)));
    assert_eq!(receipt(true).to_value(), typing);
    typing["typing_indicator"] = json!({"type": "audio"});
    assert_eq!(ReadReceipt::from_value(&typing).expect_err("").to_string(), "typing_indicator.type must be text");
    let other = json!({"messaging_product": "whatsapp", "status": "delivered", "message_id": "wamid.1"});
    assert_eq!(Request::from_value(&other).expect_err("").to_string(), "status must be read");
}

#[test]
fn thread_control() {
    let customer = || Customer::Phone(PhoneNumber::new("34600000105").unwrap());
    let base = json!({"messaging_product": "whatsapp", "to": "+34600000105", "action": "pass"});
    let agent = json!({"target_role": "ai_agent"});
    let cases = [
        (ControlAction::Pass, "pass", None),
        (ControlAction::PassToAgent, "pass", Some(agent)),
        (ControlAction::Release, "release", None),
        (ControlAction::Take, "take", None),
    ];
    for (action, word, pass) in cases {
        let mut value = base.clone();
        value["action"] = json!(word);
        value["metadata"] = json!("m");
        if let Some(pass) = pass {
            value["control_pass"] = pass;
        }
        let control = ThreadControl { customer: customer(), action, metadata: Some("m".to_owned()) };
        assert_eq!(control.to_value(), value);
        assert_eq!(ThreadControl::from_value(&value), Ok(control));
    }
    let mut value = base;
    value["control_pass"] = json!({"target_role": "page"});
    let error = ThreadControl::from_value(&value).expect_err("nobody else can be named");
    assert_eq!(error.to_string(), "control_pass.target_role must be ai_agent");
}

#[test]
fn block_and_pin() {
    let users = vec![
        Customer::Phone(PhoneNumber::new("34600000105").unwrap()),
        Customer::User(UserId::new("US.1349").unwrap()),
    ];
    let block = BlockUsers { users: NonEmpty::new(users).unwrap() };
    let value =
        json!({"messaging_product": "whatsapp", "block_users": [{"user": "+34600000105"}, {"user": "US.1349"}]});
    assert_eq!(block.to_value(), value);
    assert_eq!(BlockUsers::from_value(&value), Ok(block));
    let wrong = json!({"messaging_product": "whatsapp", "block_users": [{"user": "ada"}]});
    let error = BlockUsers::from_value(&wrong).expect_err("nobody");
    assert_eq!(error.to_string(), "block_users[0].user must be a phone number or a business-scoped user id");

    let pin = Pin::new("012345").unwrap();
    assert_eq!(Pin::from_value(&json!({"pin": "012345"})), Ok(pin.clone()));
    assert_eq!(pin.to_value(), json!({"pin": "012345"}));
    assert_eq!(format!("{pin:?}"), "Pin(…)");
    assert_eq!(Pin::from_value(&json!({"pin": "12345"})).expect_err("short").to_string(), "pin must be six digits");
}

#[test]
fn what_cannot_be_said_wrongly() {
    // A one-time code stands twice.
    let code = Template::one_time_code("login", "en_US", "123456");
    let message = Message::new(PhoneNumber::new("34600000105").unwrap().into(), Body::Template(code));
    let components = &message.to_value()["template"]["components"];
    assert_eq!(components[0], json!({"type": "body", "parameters": [{"type": "text", "text": "123456"}]}));
    let button = json!({"type": "button", "sub_type": "url", "index": "0",
        "parameters": [{"type": "text", "text": "123456"}]});
    assert_eq!(components[1], button);

    let text = |text: &str| ParameterValue::Text(text.to_owned());
    assert!(Parameters::named(vec![("a".into(), text("1")), ("a".into(), text("2"))]).is_err());
    assert!(Parameters::named(vec![("a".into(), text("1")), ("b".into(), text("2"))]).is_ok());
    assert!(NonEmpty::<Card>::new(vec![]).is_none());
    assert!(Degrees::latitude("90.0001").is_err());
    assert!(Degrees::longitude("NaN").is_err());
    let voice = Media::Audio { source: MediaSource::Id("7".into()), voice: true };
    assert_eq!(Body::Media(voice).kind(), "audio");
    let removed = Body::Reaction(Reaction { message_id: "wamid.1".into(), emoji: None });
    let message = Message::new(UserId::new("US.1").unwrap().into(), removed);
    assert_eq!(message.to_value()["reaction"], json!({"message_id": "wamid.1", "emoji": ""}));
}
