//! What must hold for every request and every answer, however strange.

mod strategies;

use proptest::prelude::*;
use serde_json::{Value, json};
use waypost_cloud_api::answer::{
    Account, AnswerContact, AnswerMessage, BlockAnswer, GraphError, MediaUrl, MessageStatus, Number, SendAnswer,
    SendOutcome, TemplateListed, TokenInfo,
};
use waypost_cloud_api::error_code::{Circumstances, Failure, decide};
use waypost_cloud_api::send::{BlockUsers, ControlAction, JsonBody, Message, Pin, ReadReceipt, Request, ThreadControl};

use strategies::{customer, message, non_empty, some_text, text};

/// Words that the readers look for, so that random JSON reaches their inner parts.
const WORDS: [&str; 44] = [
    "type",
    "text",
    "body",
    "template",
    "interactive",
    "action",
    "buttons",
    "reply",
    "id",
    "title",
    "sections",
    "rows",
    "components",
    "parameters",
    "header",
    "button",
    "sub_type",
    "index",
    "quick_reply",
    "carousel",
    "cards",
    "image",
    "link",
    "contacts",
    "name",
    "formatted_name",
    "location",
    "flow",
    "name",
    "payload",
    "parameter_name",
    "footer",
    "error",
    "code",
    "error_data",
    "details",
    "messages",
    "data",
    "paging",
    "health_status",
    "entities",
    "errors",
    "block_users",
    "failed_users",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![6 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned), 1 => any::<String>()]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// None of them may panic.
fn read_every_answer(body: &[u8]) {
    let error = GraphError::read(body);
    for http_status in [200, 400, 429, 503] {
        decide(&Failure::in_answer(http_status, error.as_ref()), Circumstances::default());
        if let SendOutcome::Accepted(answer) = SendOutcome::read(http_status, body) {
            assert!(!answer.messages.is_empty());
        }
    }
    drop((MediaUrl::read(body), Number::read(body), Number::read_page(body), TemplateListed::read(body)));
    drop((TemplateListed::read_page(body), Account::read(body), TokenInfo::read(body), BlockAnswer::read(body)));
}

proptest! {
    // Messages are large, and made slowly.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_message_is_read_as_it_was_written(message in message()) {
        prop_assert_eq!(Message::decode(&message.encode()), Ok(message.clone()));
        let request = Request::Message(Box::new(message));
        prop_assert_eq!(Request::decode(&request.encode()), Ok(request));
    }
}

proptest! {
    #[test]
    fn what_belongs_to_messages_is_read_as_it_was_written(
        message_id in text(),
        typing in any::<bool>(),
        customers in non_empty(customer()),
        action in prop::sample::select(
            &[ControlAction::Pass, ControlAction::PassToAgent, ControlAction::Release, ControlAction::Take][..],
        ),
        metadata in some_text(),
        pin in "[0-9]{6}",
    ) {
        let receipt = ReadReceipt { message_id, typing };
        prop_assert_eq!(Request::decode(&receipt.encode()), Ok(Request::Read(receipt)));
        let control = ThreadControl { customer: customers.as_slice()[0].clone(), action, metadata };
        prop_assert_eq!(ThreadControl::decode(&control.encode()), Ok(control));
        let block = BlockUsers { users: customers };
        prop_assert_eq!(BlockUsers::decode(&block.encode()), Ok(block));
        let pin = Pin::new(pin).unwrap();
        prop_assert_eq!(Pin::decode(&pin.encode()), Ok(pin));
    }

    #[test]
    fn an_answer_is_read_as_it_was_written(
        id in ".{1,40}",
        status in prop::option::of(prop::sample::select(
            &[MessageStatus::Accepted, MessageStatus::HeldForQualityAssessment, MessageStatus::Paused][..],
        )),
        wa_id in prop::option::of("[0-9]{7,15}"),
    ) {
        let contact = AnswerContact { input: Some("+1".to_owned()), wa_id, user_id: None };
        let answer = SendAnswer { contacts: vec![contact], messages: vec![AnswerMessage { id, status }] };
        prop_assert_eq!(SendAnswer::read(&answer.encode()), Ok(answer));
    }

    /// What is read is the same again when we write it.
    #[test]
    fn any_body_is_read_or_its_field_named(kind in word(), body in any_json()) {
        let value = json!({"messaging_product": "whatsapp", "to": "+34600000105", "type": &kind, kind: body});
        match Request::from_value(&value) {
            Ok(request) => prop_assert_eq!(Request::decode(&request.encode()), Ok(request)),
            Err(error) => prop_assert!(!error.path.is_empty()),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Request::decode(&bytes).is_err());
        read_every_answer(&bytes);
    }

    #[test]
    fn any_answer_is_read_or_refused(body in any_json()) {
        read_every_answer(body.to_string().as_bytes());
    }
}
