//! Meta's JSON of a message with what must not be readable masked. Ids stay as they are: by them files, messages and people are
//! found, and some are as long as a card's number.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;
use waypost_domain::message::{FormField, Mask};

/// Fields whose values are the platform's, or ours.
const IDS: [&str; 34] = [
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
    "url",
    "source_url",
    "image_url",
    "video_url",
    "thumbnail_url",
];
/// Characters of JSON that may stand for a digit, or for a space within a number, and are none.
const ESCAPES: [&str; 3] = ["\\u", "\\t", "\\f"];
/// In the place of JSON that can be read and not be taken apart.
const UNREADABLE: &str = "null";
/// JSON within JSON: what a form was filled in with. None of its fields is the platform's but the token.
const FORM: &str = "response_json";

/// The JSON with what `mask` hides hidden; `None` where there is nothing to hide.
pub fn masked_json(json: &[u8], mask: &Mask) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(json).ok()?;
    // Most messages have nothing that looks like a card number, and need not be taken apart. A pattern may look for the
    // beginning or the end of a text.
    let is_plain = !ESCAPES.iter().any(|escape| text.contains(escape));
    if !mask.has_patterns() && matches!(mask.text(text), Cow::Borrowed(_)) && is_plain {
        return None;
    }
    let Ok(mut value) = serde_json::from_str(text) else {
        // Half a character, or a number beyond all bounds: whoever hands the JSON on does not look at it as closely.
        return serde_json::from_str::<&RawValue>(text).is_ok().then(|| UNREADABLE.into());
    };
    let of_meta = Part { mask, kept: &IDS, numbers_are_ids: true };
    of_meta.hide(&mut value).then(|| value.to_string().into_bytes())
}

/// JSON of one origin.
struct Part<'a> {
    mask: &'a Mask,
    /// The fields that stay as they are.
    kept: &'a [&'a str],
    /// Meta writes what people wrote as texts, and codes as numbers.
    numbers_are_ids: bool,
}

impl Part<'_> {
    /// Whether anything was hidden.
    fn hide(&self, value: &mut Value) -> bool {
        let mut hidden = false;
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(_) if self.numbers_are_ids => {}
            Value::Number(number) => {
                if let Cow::Owned(masked) = self.mask.text(&number.to_string()) {
                    *value = Value::String(masked);
                    hidden = true;
                }
            }
            Value::String(text) => {
                if let Cow::Owned(masked) = self.mask.text(text) {
                    *text = masked;
                    hidden = true;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| hidden |= self.hide(item)),
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut().filter(|(name, _)| !self.kept.contains(&name.as_str())) {
                    hidden |= if name == FORM { hide_form(field, self.mask) } else { self.hide(field) };
                }
            }
        }
        hidden
    }
}

fn hide_form(field: &mut Value, mask: &Mask) -> bool {
    let of_customer = Part { mask, kept: &[FormField::TOKEN], numbers_are_ids: false };
    let answers = field.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(mut answers) = answers.filter(Value::is_object) else { return of_customer.hide(field) };
    let hidden = of_customer.hide(&mut answers);
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
        assert!(masked_json(br#"{"a":"4111\u00a01111\u00a01111\u00a01111"}"#, &Mask::cards()).is_some());
        let mut mask = Mask::cards();
        mask.add("^[0-9]{6}$").unwrap();
        let message = json!({ "code": 131_026, "text": { "body": "123456" } });
        let masked = masked_json(message.to_string().as_bytes(), &mask).unwrap();
        let want = json!({ "code": 131_026, "text": { "body": "•••" } });
        assert_eq!(serde_json::from_slice::<Value>(&masked).unwrap(), want);
        assert_eq!(masked_json(b"4111111111111111 no JSON", &Mask::cards()), None, "nobody is shown what is none");
    }

    #[test]
    fn whatever_stands_for_a_space_or_a_digit_hides_nothing() {
        for gap in ["\\t", "\\f", "\\u0020", "\\u00a0"] {
            let json = format!(r#"{{"caption":"4111{gap}1111{gap}1111{gap}1111"}}"#);
            let masked = masked_json(json.as_bytes(), &Mask::cards()).unwrap();
            let masked: Value = serde_json::from_slice(&masked).unwrap();
            assert!(masked["caption"].as_str().unwrap().starts_with("••••"), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_taken_apart_is_not_handed_on() {
        for json in [r#"{"caption":"4111 1111 1111 1111 \ud83d"}"#, r#"{"n":1e400,"caption":"4111 1111 1111 1111"}"#] {
            assert_eq!(masked_json(json.as_bytes(), &Mask::cards()).unwrap(), b"null", "{json}");
        }
    }

    #[test]
    fn addresses_of_meta_s_still_lead_somewhere() {
        let link = "https://example.com/?mid=4111111111111111";
        let message = json!({ "image": { "url": link }, "referral": { "source_url": link, "image_url": link } });
        assert_eq!(masked(&message), None);
    }
}
