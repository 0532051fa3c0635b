//! Answers of the Graph API: the fields that were asked for, and pages of lists.

use serde_json::{Map, Value, json};

use super::Ask;

const PAGE_DEFAULT: usize = 25;
const PAGE_MAX: usize = 1_000;

/// What `fields` names of `all`, and always the id; without `fields`, what `defaults` name.
pub(super) fn chosen(ask: &Ask<'_>, all: Value, defaults: &[&str]) -> Value {
    let Value::Object(all) = all else { return all };
    let names: Vec<&str> = match ask.parameter("fields") {
        // What stands in parentheses or braces chooses within a field; it is given whole.
        Some(fields) => {
            fields.split(',').filter_map(|field| field.split(['.', '{', '(']).next()).map(str::trim).collect()
        }
        None => defaults.to_vec(),
    };
    let wanted = |name: &str| name == "id" || names.contains(&name);
    let chosen: Map<String, Value> = all.into_iter().filter(|(name, _)| wanted(name)).collect();
    Value::Object(chosen)
}

/// How many elements of a list are asked for.
pub(super) fn limit(ask: &Ask<'_>) -> usize {
    let limit = ask.parameter("limit").and_then(|limit| limit.parse().ok());
    limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
}

/// A page. `last` is the cursor of its last element, where there are more behind it.
pub(super) fn page(
    ask: &Ask<'_>,
    data: Vec<Value>,
    first: Option<String>,
    last: Option<String>,
    has_more: bool,
) -> Value {
    let (Some(first), Some(last)) = (first, last) else { return json!({"data": data}) };
    let mut paging = json!({"cursors": {"before": first, "after": last}});
    if has_more {
        let mut next = format!("{}{}?after={last}", ask.base, ask.request.path);
        for (name, value) in ask.query.iter().filter(|(name, _)| !matches!(name.as_str(), "after" | "access_token")) {
            next.push_str(&format!("&{name}={}", escaped(value)));
        }
        paging["next"] = json!(next);
    }
    json!({"data": data, "paging": paging})
}

/// For a query.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b',') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
