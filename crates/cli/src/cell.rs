//! What a field of an answer says to people: enums without their prefixes, trials in words. With --json, everything is as
//! the administration says it.

use serde_json::Value;

/// The field of that path (`outcome.team`) of an item. Whoever has a title is shown by that.
pub(crate) fn of_item(item: &Value, path: &str) -> String {
    let title = item[format!("{path}_title")].as_str().filter(|title| !title.is_empty());
    let value = path.split('.').fold(item, |value, field| &value[field]);
    title.map_or_else(|| text(last(path), value), str::to_owned)
}

/// All fields of an item; titles stand in the place of those whose they are.
pub(crate) fn fields(item: &Value) -> Vec<(&str, String)> {
    let fields = item.as_object().into_iter().flatten();
    let is_shown = |field: &str| field.strip_suffix("_title").is_none_or(|titled| item[titled].is_null());
    fields.filter(|(field, _)| is_shown(field)).map(|(field, _)| (&**field, of_item(item, field))).collect()
}

/// The name of a column for that path.
pub(crate) fn header(path: &str) -> String {
    last(path).to_uppercase()
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The value of a field of that name.
pub(crate) fn text(field: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => word(field, text).unwrap_or_else(|| text.clone()),
        Value::Object(fields) if field == "trial" && fields.contains_key("rule_set") => trial(value),
        other => other.to_string(),
    }
}

/// Who decides instead, and for whom: `ruleSets/4 for 10 %, numbers/support-es`.
fn trial(trial: &Value) -> String {
    let decides = format!("{} for {} %", text("", &trial["rule_set"]), trial["percent"].as_u64().unwrap_or_default());
    let numbers = trial["numbers"].as_array().into_iter().flatten().map(|number| text("", number));
    std::iter::once(decides).chain(numbers).collect::<Vec<_>>().join(", ")
}

/// Of an enum, which protobuf calls by its field: `RULE_SET_STATE_CHECKED` of `state` is `checked`. What is not known is
/// nothing.
fn word(field: &str, value: &str) -> Option<String> {
    let is_enum = value.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    let marker = format!("{}_", field.to_uppercase());
    let (before, word) = value.split_once(&marker).filter(|_| is_enum && !field.is_empty())?;
    if !before.is_empty() && !before.ends_with('_') {
        return None;
    }
    Some(if word == "UNSPECIFIED" { String::new() } else { word.to_lowercase().replace('_', " ") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn enums_are_words() {
        let cases = [
            ("state", "RULE_SET_STATE_CHECKED", "checked"),
            ("state", "TEAM_STATE_PENDING_TOPOLOGY", "pending topology"),
            ("state", "TEAM_STATE_UNSPECIFIED", ""),
            ("phase", "PHASE_ROUTE", "route"),
            ("urgency", "URGENCY_URGENT", "urgent"),
            ("reason", "STATE_OF_THE_ART", "STATE_OF_THE_ART"),
            ("state", "ESTATE_X", "ESTATE_X"),
            ("state", "the STATE_OF it", "the STATE_OF it"),
            ("name", "teams/billing", "teams/billing"),
        ];
        for (field, value, want) in cases {
            assert_eq!(text(field, &json!(value)), want, "{field}: {value}");
        }
    }

    #[test]
    fn a_trial_is_said_in_words() {
        let trial = json!({"rule_set": "ruleSets/4", "percent": 10, "numbers": ["numbers/support-es"]});
        assert_eq!(text("trial", &trial), "ruleSets/4 for 10 %, numbers/support-es");
        assert_eq!(
            text("trial", &json!({"rule_set": "ruleSets/4", "percent": 10, "numbers": []})),
            "ruleSets/4 for 10 %"
        );
        assert_eq!(
            (text("trial", &Value::Null), text("other", &json!({"a": 1}))),
            (String::new(), "{\"a\":1}".to_owned())
        );
    }

    #[test]
    fn a_path_leads_to_a_field() {
        let rule = json!({"outcome": {"team": "billing"}, "creator": "id", "creator_title": "Kim"});
        assert_eq!((of_item(&rule, "outcome.team"), header("outcome.team")), ("billing".to_owned(), "TEAM".to_owned()));
        assert_eq!((of_item(&rule, "creator"), of_item(&rule, "nothing.here")), ("Kim".to_owned(), String::new()));
        let version = json!({"actor": "tokens/1", "creator": "tokens/2", "creator_title": "Kim", "job_title": "smith"});
        let told = fields(&version);
        let told: Vec<(&str, &str)> = told.iter().map(|(field, text)| (*field, &**text)).collect();
        assert_eq!(told, [("actor", "tokens/1"), ("creator", "Kim"), ("job_title", "smith")]);
    }
}
