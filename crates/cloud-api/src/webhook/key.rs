//! What makes an event unique under its number. Changing any of this makes the first repetition after an upgrade
//! look like something new.

use std::cell::OnceCell;

use ring::digest::{Context, SHA256, digest};
use waypost_domain::Status;

use super::Position;
use crate::json;

/// The body of one POST, for what has no id of its own.
pub(super) struct Post<'a> {
    body: &'a [u8],
    digest: OnceCell<String>,
}

impl<'a> Post<'a> {
    pub(super) const fn new(body: &'a [u8]) -> Self {
        Self { body, digest: OnceCell::new() }
    }

    /// Of its bytes as they came; taken once, and only where it is needed.
    fn digest(&self) -> &str {
        self.digest.get_or_init(|| hex::encode(digest(&SHA256, self.body)))
    }
}

/// A message's or an echo's key: the wamid. One without is told from an equal one by the POST that it came in and by its
/// place there: whoever writes "ok" twice wrote two messages. Only Meta's repetition of the whole POST is the same again.
pub(super) fn of_message(id: Option<&str>, json: &str, post: &Post<'_>, at: Position) -> String {
    match id {
        Some(id) => id.to_owned(),
        None => hash(&[post.digest(), &format!("{}.{}.{}", at.entry, at.change, at.item)], json),
    }
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
    fn a_message_with_an_id_is_that_id() {
        let post = Post::new(b"whatever");
        assert_eq!(of_message(Some("wamid.A"), "{}", &post, Position::default()), "wamid.A");
    }

    #[test]
    fn one_without_an_id_is_known_by_its_post_and_its_place() {
        let at = |entry, change, item| Position { entry, change, item };
        let (post, again, other) = (Post::new(b"[1]"), Post::new(b"[1]"), Post::new(b"[1] "));
        let key = of_message(None, "{ }", &post, at(0, 0, 0));
        assert_eq!(of_message(None, "{}", &again, at(0, 0, 0)), key);
        for another in [
            of_message(None, "{}", &other, at(0, 0, 0)),
            of_message(None, "{}", &post, at(0, 0, 1)),
            of_message(None, "{}", &post, at(0, 1, 0)),
            of_message(None, "{}", &post, at(1, 0, 0)),
            of_message(None, "[]", &post, at(0, 0, 0)),
        ] {
            assert_ne!(another, key);
        }
        assert_eq!(key, "sha256:b4ffec794127f39f2622619e53268d05ba1ccdb9d11a27ec3915ef555c486a4d");
    }
}
