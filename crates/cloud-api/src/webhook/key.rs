//! What makes an event unique under its number. Changing any of this makes the first repetition after an upgrade
//! look like something new.

use ring::digest::{Context, SHA256};
use waypost_domain::Status;

use crate::json;

/// A message's or an echo's key: the wamid, else a hash of the message.
pub(super) fn of_message(id: Option<&str>, json: &str) -> String {
    id.map_or_else(|| hash(&[], json), str::to_owned)
}

/// One message has several statuses; in groups, each of them for every participant.
pub(super) fn of_status(status: &Status, json: &str) -> String {
    let state = status.state.as_str();
    if status.id.is_empty() || state.is_empty() {
        return hash(&[], json);
    }
    match &status.participant {
        Some(participant) => format!("{}:{state}:{participant}", status.id),
        None => format!("{}:{state}", status.id),
    }
}

/// Any other change has no id. Two equal ones a second apart are two, so the entry's time counts.
pub(super) fn of_change(waba_id: &str, entry_time: Option<i64>, field: &str, value: &str) -> String {
    let time = entry_time.map(|time| time.to_string()).unwrap_or_default();
    hash(&[waba_id, &time, field], value)
}

/// White space between values does not count. The order of keys does: Meta repeats a webhook as it was.
fn hash(parts: &[&str], json: &str) -> String {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part.as_bytes());
        context.update(&[0]);
    }
    json::for_each_significant(json, |bytes| context.update(bytes));
    let digest = hex::encode(context.finish());
    format!("sha256:{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_does_not_count_and_everything_else_does() {
        let same = ["{\"a\": [1, 2]}", "{ \"a\":\n[1,\t2] }\r\n", "{\"a\":[1,2]}"];
        assert_eq!(same.map(|json| hash(&[], json)), [hash(&[], same[2]), hash(&[], same[2]), hash(&[], same[2])]);
        let base = of_change("w", Some(1), "f", r#"{"a":"b c"}"#);
        let others = [
            of_change("v", Some(1), "f", r#"{"a":"b c"}"#),
            of_change("w", Some(2), "f", r#"{"a":"b c"}"#),
            of_change("w", None, "f", r#"{"a":"b c"}"#),
            of_change("w", Some(1), "g", r#"{"a":"b c"}"#),
            of_change("w", Some(1), "f", r#"{"a":"bc"}"#),
            of_change("w", Some(1), "f", r#"{"a":"b\" c"}"#),
        ];
        assert!(!others.contains(&base));
    }

    #[test]
    fn keys_are_those_of_the_first_release() {
        assert_eq!(of_message(Some("wamid.A"), "{}"), "wamid.A");
        let golden = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(of_message(None, "{ }"), golden);
    }
}
