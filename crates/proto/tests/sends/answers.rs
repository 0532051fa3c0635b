//! What requests off the queues are answered, held to its schema.

use serde_json::{Value, json};
use waypost_domain::send::{SendId, SendState};
use waypost_proto::sends::{SendAnswer, SendError};

use crate::schema::{misfit_of, schema_of};

const SCHEMA: &str = "send-answer.schema.json";

fn encoded(answer: SendAnswer<'_>) -> Value {
    let document: Value = serde_json::from_slice(&answer.encode()).unwrap();
    assert_eq!(misfit_of(SCHEMA, &document), None, "{document}");
    document
}

#[test]
fn an_answer_says_the_state_or_what_is_wrong() {
    let id = SendId::new("a/1").unwrap();
    for state in SendState::ALL {
        let kept = encoded(SendAnswer { send_id: Some(&id), outcome: Ok(state) });
        assert_eq!(kept, json!({"send_id": "a/1", "state": state.as_str()}));
    }
    let error = SendError { field: "body", reason: "INVALID_ARGUMENT", message: "is no JSON: line 1, column 1" };
    let refused = encoded(SendAnswer { send_id: None, outcome: Err(error) });
    assert_eq!(refused, json!({"error": {"field": error.field, "reason": error.reason, "message": error.message}}));
}

#[test]
fn the_schema_knows_every_state_and_no_other_answer() {
    let words: Vec<Value> = SendState::ALL.map(|state| json!(state.as_str())).into();
    assert_eq!(schema_of(SCHEMA)["properties"]["state"]["enum"], json!(words));
    let error = json!({"field": "to", "reason": "CONTACT_UNKNOWN", "message": "the contact does not exist"});
    for wrong in [
        json!({"send_id": "a"}),
        json!({"state": "queued", "error": error}),
        json!({"state": "gone"}),
        json!({"error": {"field": "to", "reason": "CONTACT_UNKNOWN"}}),
        json!({"send_id": "a b", "state": "queued"}),
    ] {
        assert!(misfit_of(SCHEMA, &wrong).is_some(), "{wrong}");
    }
}
