//! Whatever can be asked for comes back as it was: over the wire, and over JSON.

use proptest::prelude::*;
use prost::Message;
use serde_json::Value;
use waypost_domain::SendRequest;
use waypost_domain::send::Author;
use waypost_proto::admin::to_json;
use waypost_proto::sends::{Recipient, SendDraft, read_json, read_send, wire_send};
use waypost_proto::sends_v1 as wire;

use crate::{schema, strategies};

/// The request, by whoever takes it in.
fn taken(draft: SendDraft, request: &SendRequest) -> SendRequest {
    assert_eq!(draft.is_bot, matches!(request.author, Author::Bot(_)));
    let Recipient::Contact(contact) = draft.to else { panic!("{:?}", draft.to) };
    draft.into_request(contact, request.author.clone(), request.created_at)
}

/// The canonical JSON of protobuf, with words of enums as requests have them.
pub(crate) fn json(request: &SendRequest) -> Value {
    let mut json = to_json(&wire_send(request), false);
    for (field, prefix) in [("cause", "CAUSE_"), ("category", "CATEGORY_"), ("priority", "PRIORITY_")] {
        if let Some(Value::String(word)) = json.get_mut(field) {
            *word = word.strip_prefix(prefix).unwrap().to_lowercase();
        }
    }
    json
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_request_comes_back_over_the_wire(request in strategies::request()) {
        let bytes = wire_send(&request).encode_to_vec();
        let draft = read_send(wire::SendRequest::decode(&*bytes).unwrap(), "message").unwrap();
        prop_assert_eq!(taken(draft, &request), request);
    }

    #[test]
    fn a_request_comes_back_over_json_and_fits_the_schema(request in strategies::request()) {
        let json = json(&request);
        prop_assert_eq!(schema::first_misfit(&json), None);
        let draft = read_json(json.to_string().as_bytes()).unwrap();
        prop_assert_eq!(taken(draft, &request), request);
    }
}
