//! Meta's JSON of a message with what must not be readable masked. Ids stay as they are: by them files, messages and people are
//! found, and some are as long as a card's number.

use std::borrow::Cow;

use serde_json::Value;
use waypost_domain::message::Mask;

/// Fields whose values are the platform's, or ours.
const IDS: [&str; 29] = [
    "id",
    "message_id",
    "original_message_id",
    "group_id",
    "from",
    "from_user_id",
    "from_parent_user_id",
    "to",
    "to_user_id",
    "to_parent_user_id",
    "recipient_id",
    "user_id",
    "parent_user_id",
    "username",
    "wa_id",
    "phone",
    "phone_number_id",
    "display_phone_number",
    "business_phone_number_id",
    "timestamp",
    "source_id",
    "ctwa_clid",
    "catalog_id",
    "product_retailer_id",
    "sha256",
    "mime_type",
    "payload",
    "flow_token",
    "type",
];
/// JSON within JSON: what a form was filled in with. None of its fields is the platform's but the token.
const FORM: &str = "response_json";
const FORM_TOKEN: &str = "flow_token";

/// The JSON with what `mask` hides hidden; `None` where there is nothing to hide.
pub fn masked_json(json: &[u8], mask: &Mask) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(json).ok()?;
    // Most messages have nothing that looks like it, and need not be taken apart.
    if matches!(mask.text(text), Cow::Borrowed(_)) && !text.contains("\\u") {
        return None;
    }
    let mut value = serde_json::from_str(text).ok()?;
    let hidden = hide(&mut value, mask, &IDS);
    hidden.then(|| value.to_string().into_bytes())
}

/// Whether anything was hidden.
fn hide(value: &mut Value, mask: &Mask, ids: &[&str]) -> bool {
    let mut hidden = false;
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => {
            if let Cow::Owned(masked) = mask.text(&number.to_string()) {
                *value = Value::String(masked);
                hidden = true;
            }
        }
        Value::String(text) => {
            if let Cow::Owned(masked) = mask.text(text) {
                *text = masked;
                hidden = true;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hidden |= hide(item, mask, ids)),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut().filter(|(name, _)| !ids.contains(&name.as_str())) {
                hidden |= if name == FORM { hide_form(field, mask) } else { hide(field, mask, ids) };
            }
        }
    }
    hidden
}

fn hide_form(field: &mut Value, mask: &Mask) -> bool {
    let answers = field.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(mut answers) = answers.filter(Value::is_object) else { return hide(field, mask, &[]) };
    let hidden = hide(&mut answers, mask, &[FORM_TOKEN]);
    if hidden {
        *field = Value::String(answers.to_string());
    }
    hidden
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masked(value: &Value) -> Option<Value> {
        let masked = masked_json(value.to_string().as_bytes(), &Mask::cards())?;
        Some(serde_json::from_slice(&masked).unwrap())
    }

    #[test]
    fn what_people_wrote_is_masked_wherever_it_stands_and_ids_are_not() {
        let card = "4111 1111 1111 1111";
        let digits = "4111111111111111";
        let message = json!({
            "id": digits, "from": digits, "timestamp": digits, "type": "document",
            "document": { "id": digits, "caption": card, "filename": "4111-1111-1111-1111.pdf", "sha256": digits },
            "something_new": [{ "said": card }],
        });
        let want = json!({
            "id": digits, "from": digits, "timestamp": digits, "type": "document",
            "document": {
                "id": digits, "caption": "•••• •••• •••• 1111", "filename": "••••-••••-••••-1111.pdf", "sha256": digits,
            },
            "something_new": [{ "said": "•••• •••• •••• 1111" }],
        });
        assert_eq!(masked(&message), Some(want));
    }

    #[test]
    fn what_a_form_was_filled_in_with_is_masked_and_stays_json() {
        let answers =
            json!({ "id": "4111111111111111", "card": 4_111_111_111_111_111_i64, "flow_token": "4111111111111111" });
        let message = json!({ "interactive": { "nfm_reply": { "response_json": answers.to_string() } } });
        let masked = masked(&message).unwrap();
        let text = masked["interactive"]["nfm_reply"]["response_json"].as_str().unwrap();
        let want = json!({ "id": "••••••••••••1111", "card": "••••••••••••1111", "flow_token": "4111111111111111" });
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), want);
        let broken = json!({ "response_json": "{4111111111111111" });
        assert_eq!(super::tests::masked(&broken).unwrap()["response_json"], "{••••••••••••1111");
    }

    #[test]
    fn what_has_nothing_to_hide_is_left_alone() {
        for message in [json!({ "text": { "body": "hola" } }), json!({ "id": "4111111111111111" }), json!("ñ")] {
            assert_eq!(masked(&message), None, "{message}");
        }
        assert_eq!(masked_json(br#"{"a":"4111\u00a01111\u00a01111\u00a01111"}"#, &Mask::cards()).is_some(), true);
        assert_eq!(masked_json(b"4111111111111111 no JSON", &Mask::cards()), None, "nobody is shown what is none");
    }
}
