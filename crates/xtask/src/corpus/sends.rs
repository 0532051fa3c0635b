//! Recorded requests to Meta and recorded answers of Meta's, which lie beside the webhooks: folders whose names end with
//! `-send-requests` and `-responses`. Pure but for reading the files.
//!
//! A request is read and written again, and must be the same to Meta. Of an answer every field that we have a word for is
//! read, and must be what the file says.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;
use waypost_cloud_api::answer::{
    AnswerError, BlockAnswer, GraphError, MediaUrl, Number, SendAnswer, SendOutcome, TemplateCreated, TemplateListed,
    Uploaded, is_success,
};
use waypost_cloud_api::send::{JsonBody, Pin, Request};

use crate::count::Count;

const REQUESTS: &str = "-send-requests";
const ANSWERS: &str = "-responses";

/// Where what was read differs from what the file says, one line each.
type Differences = Vec<String>;

/// Reads every recorded request and answer below `folder`; says what differs, and how many were as expected.
pub(super) fn run(folder: &Path) -> anyhow::Result<Count> {
    let mut count = Count::default();
    count += all(folder, "send requests", REQUESTS, request)?;
    count += all(folder, "answers", ANSWERS, answer)?;
    Ok(count)
}

fn all(folder: &Path, what: &str, suffix: &str, differences: fn(&[u8]) -> Differences) -> anyhow::Result<Count> {
    let mut count = Count::default();
    for path in files(folder, suffix)? {
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let found = differences(&bytes);
        count += if found.is_empty() { Count { passed: 1, failed: 0 } } else { Count::FAILURE };
        for difference in found {
            println!("{what}: {}: {difference}", path.strip_prefix(folder).unwrap_or(&path).display());
        }
    }
    println!("{what}: {} of {} as expected", count.passed, count.passed + count.failed);
    Ok(count)
}

/// In order of their names.
fn files(folder: &Path, suffix: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = |folder: &Path| -> anyhow::Result<Vec<PathBuf>> {
        let list = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut paths = list.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
        paths.sort();
        Ok(paths)
    };
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() && path.to_string_lossy().ends_with(suffix) {
            files.extend(entries(&path)?);
        }
    }
    Ok(files)
}

/// A request is read, and written the same.
fn request(bytes: &[u8]) -> Differences {
    let Ok(recorded) = serde_json::from_slice::<Value>(bytes) else { return vec!["not JSON".to_owned()] };
    let written = match recorded.get("pin") {
        Some(_) => Pin::from_value(&recorded).map(|pin| pin.to_value()),
        None => Request::from_value(&recorded).map(|request| request.to_value()),
    };
    match written {
        Err(error) => vec![error.to_string()],
        Ok(written) => {
            let mut differences = Vec::new();
            compare("", &recorded, &written, &mut differences);
            differences
        }
    }
}

/// What Meta reads alike is alike: a number and its text, and the words of types in capitals and in small letters.
fn compare(path: &str, recorded: &Value, written: &Value, differences: &mut Differences) {
    match (recorded, written) {
        (Value::Object(recorded), Value::Object(written)) => {
            for (name, value) in recorded {
                match written.get(name) {
                    Some(other) => compare(&format!("{path}.{name}"), value, other, differences),
                    None => differences.push(format!("{path}.{name} is not written")),
                }
            }
            let added = written.keys().filter(|name| !recorded.contains_key(*name));
            differences.extend(added.map(|name| format!("{path}.{name} is written and was not there")));
        }
        (Value::Array(recorded), Value::Array(written)) if recorded.len() == written.len() => {
            for (place, (value, other)) in recorded.iter().zip(written).enumerate() {
                compare(&format!("{path}[{place}]"), value, other, differences);
            }
        }
        _ if recorded == written => {}
        _ => {
            let is_type = path.ends_with(".type") || path.ends_with(".sub_type");
            let alike = match (word(recorded), word(written)) {
                (Some(recorded), Some(written)) if is_type => recorded.eq_ignore_ascii_case(&written),
                (recorded, written) => recorded.is_some() && recorded == written,
            };
            if !alike {
                differences.push(format!("{path}: expected {recorded}, found {written}"));
            }
        }
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An answer is read for what it is by its fields.
fn answer(bytes: &[u8]) -> Differences {
    let Ok(recorded) = serde_json::from_slice::<Value>(bytes) else {
        // A machine on the way: it must be taken for nothing.
        let is_nothing = GraphError::read(bytes).is_none() && SendOutcome::read(502, bytes) == SendOutcome::Unclear;
        return if is_nothing { vec![] } else { vec!["read, and is no JSON".to_owned()] };
    };
    let has = |name: &str| recorded.get(name).is_some();
    let read = if has("error") {
        error(bytes, &recorded)
    } else if has("messages") {
        sent(bytes, &recorded)
    } else if has("data") {
        page(bytes, &recorded)
    } else if has("url") {
        media(bytes, &recorded)
    } else if has("display_phone_number") {
        Number::read(bytes).map(|number| number_differences(&number, &recorded))
    } else if has("category") {
        TemplateCreated::read(bytes).map(|created| {
            let read = [("id", Some(created.id)), ("status", created.status), ("category", created.category)];
            field_differences(&recorded, &read)
        })
    } else if has("success") {
        is_success(bytes).map(|success| equal("success", &recorded["success"], &Value::from(success)))
    } else {
        Uploaded::read(bytes).map(|uploaded| field_differences(&recorded, &[("id", Some(uploaded.id))]))
    };
    read.unwrap_or_else(|error| vec![error.to_string()])
}

fn error(bytes: &[u8], recorded: &Value) -> Result<Differences, AnswerError> {
    let Some(error) = GraphError::read(bytes) else { return Ok(vec!["the error is not read".to_owned()]) };
    let inner = &recorded["error"];
    if inner.is_string() {
        return Ok(equal("error", inner, &Value::from(error.message)));
    }
    let mut differences = field_differences(
        inner,
        &[
            ("code", error.code.map(|code| code.to_string())),
            ("error_subcode", error.subcode.map(|code| code.to_string())),
            ("type", error.kind),
            ("message", error.message),
            ("error_user_title", error.user_title),
            ("error_user_msg", error.user_message),
            ("fbtrace_id", error.fbtrace_id),
        ],
    );
    differences.extend(equal("error_data.details", &inner["error_data"]["details"], &Value::from(error.details)));
    if recorded.get("block_users").is_some() {
        let answer = BlockAnswer::read(bytes)?;
        for (name, read) in [("added_users", answer.added.len()), ("failed_users", answer.failed.len())] {
            let listed = recorded["block_users"][name].as_array().map_or(0, Vec::len);
            differences.extend(equal(name, &Value::from(listed), &Value::from(read)));
        }
    }
    Ok(differences)
}

fn sent(bytes: &[u8], recorded: &Value) -> Result<Differences, AnswerError> {
    let answer = SendAnswer::read(bytes)?;
    let mut differences = Vec::new();
    for (place, message) in answer.messages.into_iter().enumerate() {
        differences.extend(field_differences(&recorded["messages"][place], &[("id", Some(message.id))]));
    }
    for (place, contact) in answer.contacts.into_iter().enumerate() {
        let read = [("input", contact.input), ("wa_id", contact.wa_id), ("user_id", contact.user_id)];
        differences.extend(field_differences(&recorded["contacts"][place], &read));
    }
    Ok(differences)
}

fn page(bytes: &[u8], recorded: &Value) -> Result<Differences, AnswerError> {
    let listed = recorded["data"].as_array().map_or(&[][..], Vec::as_slice);
    let mut differences = Vec::new();
    let read = if listed.iter().any(|element| element.get("components").is_some()) {
        let page = TemplateListed::read_page(bytes)?;
        for (template, element) in page.items.iter().zip(listed) {
            let read = [
                ("id", template.id.clone()),
                ("name", Some(template.name.clone())),
                ("language", Some(template.language.clone())),
                ("status", Some(template.status.clone())),
                ("category", template.category.clone()),
                ("previous_category", template.previous_category.clone()),
            ];
            differences.extend(field_differences(element, &read));
            let parts = element["components"].as_array().map_or(0, Vec::len);
            differences.extend(equal("components", &Value::from(parts), &Value::from(template.components.len())));
        }
        page.items.len()
    } else {
        let page = Number::read_page(bytes)?;
        for (number, element) in page.items.iter().zip(listed) {
            differences.extend(number_differences(number, element));
        }
        page.items.len()
    };
    differences.extend(equal("data", &Value::from(listed.len()), &Value::from(read)));
    Ok(differences)
}

fn media(bytes: &[u8], recorded: &Value) -> Result<Differences, AnswerError> {
    let media = MediaUrl::read(bytes)?;
    let read = [
        ("url", Some(media.url)),
        ("mime_type", media.mime_type),
        ("sha256", media.sha256),
        ("file_size", media.file_size.map(|size| size.to_string())),
        ("id", media.id),
    ];
    Ok(field_differences(recorded, &read))
}

fn number_differences(number: &Number, recorded: &Value) -> Differences {
    let read = [
        ("id", Some(number.id.clone())),
        ("display_phone_number", number.display_phone_number.clone()),
        ("verified_name", number.verified_name.clone()),
        ("quality_rating", number.quality_rating.clone()),
        ("code_verification_status", number.code_verification_status.clone()),
    ];
    let mut differences = field_differences(recorded, &read);
    let level = Value::from(number.throughput.clone());
    differences.extend(equal("throughput.level", &recorded["throughput"]["level"], &level));
    differences
}

/// Each field of `recorded` against what was read of it.
fn field_differences(recorded: &Value, read: &[(&str, Option<String>)]) -> Differences {
    let compare = |(name, read): &(&str, Option<String>)| equal(name, &recorded[*name], &Value::from(read.clone()));
    read.iter().flat_map(compare).collect()
}

/// Nothing when both are the same, a number and its text among them; space around a text is nobody's word.
fn equal(name: &str, recorded: &Value, read: &Value) -> Differences {
    let same = |value: &Value| word(value).map(|text| text.trim().to_owned());
    if recorded == read || (same(recorded).is_some() && same(recorded) == same(read)) {
        return Vec::new();
    }
    vec![format!("{name}: expected {recorded}, found {read}")]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differences_of(check: fn(&[u8]) -> Differences, value: &Value) -> Differences {
        check(value.to_string().as_bytes())
    }

    #[test]
    fn a_request_that_is_written_otherwise_is_named() {
        let text = |body: Value| {
            json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "123456789",
                "type": "TEXT", "text": body})
        };
        let cases = [
            (text(json!({"body": 7, "preview_url": false})), vec![]),
            (text(json!({"body": "a"})), vec![".text.preview_url is written and was not there"]),
            (text(json!({"body": "a", "preview_url": false, "new": 1})), vec![".text.new is not written"]),
            (text(json!({})), vec!["text.body is missing"]),
            (json!({"pin": "123456"}), vec![]),
            (json!({"pin": "1"}), vec!["pin must be six digits"]),
        ];
        for (value, want) in cases {
            assert_eq!(differences_of(request, &value), want, "{value}");
        }
        assert_eq!(request(b"<html>"), ["not JSON"]);
        let mut differences = Vec::new();
        compare(".to", &json!("Ada"), &json!("ada"), &mut differences);
        assert_eq!(differences, [r#".to: expected "Ada", found "ada""#], "only types may be written in capitals");
    }

    #[test]
    fn an_answer_that_is_not_read_is_named() {
        let cases = [
            (json!({"error": {"code": 190, "message": "m", "error_data": {"details": "d"}}}), vec![]),
            (json!({"error": "m"}), vec![]),
            (json!({"error": {"code": "x"}}), vec![r#"code: expected "x", found null"#]),
            (json!({"messages": [{"id": "m"}], "contacts": [{"input": "1", "wa_id": "1 "}]}), vec![]),
            (json!({"messages": []}), vec!["the answer has no messages[0].id"]),
            (json!({"data": [{"id": "1", "display_phone_number": "1"}]}), vec![]),
            (json!({"data": [{"display_phone_number": "1"}]}), vec!["data: expected 1, found 0"]),
            (json!({"data": [{"name": "n", "language": "l", "status": "s", "components": [{}]}]}), vec![]),
            (json!({"url": "u", "file_size": 7}), vec![]),
            (json!({"success": true}), vec![]),
            (json!({"id": "1", "category": "UTILITY"}), vec![]),
            (json!({"id": "1"}), vec![]),
            (json!({}), vec!["the answer has no id"]),
        ];
        for (value, want) in cases {
            assert_eq!(differences_of(answer, &value), want, "{value}");
        }
        assert_eq!(answer(b"<html>Bad Gateway</html>"), Differences::new());
    }
}
