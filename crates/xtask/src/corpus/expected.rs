//! What must come out of a webhook body, and how what came out differs from it. Pure.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

/// `expected.json`: by file name, relative to its folder.
pub(super) type Expectations = BTreeMap<String, Expected>;

/// What must come out of one body.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    /// Whether it is JSON at all.
    #[serde(default = "yes")]
    json: bool,
    /// Whether it is a webhook's envelope. What is not both is quarantined whole.
    #[serde(default = "yes")]
    envelope: bool,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    statuses: Vec<Status>,
    /// `field` of each change that yields neither a message nor a status.
    #[serde(default)]
    other_changes: Vec<String>,
}

/// A message; `None` is a field that must not be there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    pub(super) id: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) from: Option<String>,
    pub(super) from_user_id: Option<String>,
    pub(super) text: Option<String>,
    pub(super) reply_id: Option<String>,
    pub(super) button_payload: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    pub(super) id: Option<String>,
    pub(super) status: Option<String>,
}

/// What came out of one body, in the order of the body.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) messages: Vec<Message>,
    pub(super) statuses: Vec<Status>,
    pub(super) other_changes: Vec<String>,
    /// Dead letters.
    pub(super) quarantined: Vec<Vec<u8>>,
    /// What should not have been on the bus at all, in words.
    pub(super) strange: Vec<String>,
}

const fn yes() -> bool {
    true
}

pub(super) fn parse(text: &str) -> anyhow::Result<Expectations> {
    serde_json::from_str(text).context("expected.json")
}

impl Expected {
    /// How many messages on the bus that is, at least.
    pub(super) fn parts_min(&self) -> usize {
        let parts = self.messages.len() + self.statuses.len() + self.other_changes.len();
        if self.is_quarantined() { 1 } else { parts }
    }

    fn is_quarantined(&self) -> bool {
        !(self.json && self.envelope)
    }

    /// The differences, one line each: where, what was expected, what was found.
    pub(super) fn differences(&self, body: &[u8], found: &Found) -> Vec<String> {
        let mut differences = found.strange.clone();
        if self.is_quarantined() {
            if found.quarantined != [body] {
                let sizes: Vec<usize> = found.quarantined.iter().map(Vec::len).collect();
                differences.push(format!(
                    "quarantined: expected the whole body ({} bytes), found dead letters of {sizes:?} bytes",
                    body.len()
                ));
            }
        } else if !found.quarantined.is_empty() {
            differences.push(format!("quarantined: expected nothing, found {} dead letters", found.quarantined.len()));
        }
        compare_lists("messages", &self.messages, &found.messages, &mut differences, compare_message);
        compare_lists("statuses", &self.statuses, &found.statuses, &mut differences, |expected, found| {
            let fields = [("id", &expected.id, &found.id), ("status", &expected.status, &found.status)];
            compare_fields(&fields)
        });
        compare_lists(
            "other_changes",
            &self.other_changes,
            &found.other_changes,
            &mut differences,
            |expected, found| {
                if expected == found { Vec::new() } else { vec![format!(": expected {expected:?}, found {found:?}")] }
            },
        );
        differences
    }
}

fn compare_message(expected: &Message, found: &Message) -> Vec<String> {
    compare_fields(&[
        ("id", &expected.id, &found.id),
        ("type", &expected.kind, &found.kind),
        ("from", &expected.from, &found.from),
        ("from_user_id", &expected.from_user_id, &found.from_user_id),
        ("text", &expected.text, &found.text),
        ("reply_id", &expected.reply_id, &found.reply_id),
        ("button_payload", &expected.button_payload, &found.button_payload),
    ])
}

fn compare_fields(fields: &[(&str, &Option<String>, &Option<String>)]) -> Vec<String> {
    let differing = fields.iter().filter(|(_, expected, found)| expected != found);
    differing
        .map(|(name, expected, found)| format!(".{name}: expected {}, found {}", shown(expected), shown(found)))
        .collect()
}

fn shown(value: &Option<String>) -> String {
    value.as_ref().map_or_else(|| "nothing".to_owned(), |text| format!("{text:?}"))
}

fn compare_lists<T>(
    name: &str,
    expected: &[T],
    found: &[T],
    differences: &mut Vec<String>,
    compare: impl Fn(&T, &T) -> Vec<String>,
) {
    if expected.len() != found.len() {
        differences.push(format!("{name}: expected {}, found {}", expected.len(), found.len()));
    }
    for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
        differences.extend(compare(expected, found).into_iter().map(|line| format!("{name}[{index}]{line}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(json: &str) -> Expected {
        serde_json::from_str(json).unwrap()
    }

    fn message(id: &str, text: Option<&str>) -> Message {
        Message { id: Some(id.to_owned()), text: text.map(str::to_owned), ..Message::default() }
    }

    #[test]
    fn differences_are_named() {
        let one =
            r#"{"envelope":true,"json":true,"messages":[{"id":"a","text":"hi"}],"statuses":[],"other_changes":[]}"#;
        let found = |messages: Vec<Message>| Found { messages, ..Found::default() };
        let cases: Vec<(&str, Found, &[&str])> = vec![
            (one, found(vec![message("a", Some("hi"))]), &[]),
            (one, found(vec![message("a", None)]), &[r#"messages[0].text: expected "hi", found nothing"#]),
            (one, found(vec![]), &["messages: expected 1, found 0"]),
            (
                one,
                Found { other_changes: vec!["x".into()], ..found(vec![message("a", Some("hi"))]) },
                &["other_changes: expected 0, found 1"],
            ),
            (r#"{"json":false}"#, Found { quarantined: vec![b"body".to_vec()], ..Found::default() }, &[]),
            (
                r#"{"json":true,"envelope":false}"#,
                Found { quarantined: vec![b"part".to_vec(), b"x".to_vec()], ..Found::default() },
                &["quarantined: expected the whole body (4 bytes), found dead letters of [4, 1] bytes"],
            ),
            (
                r#"{"other_changes":["a"]}"#,
                Found { other_changes: vec!["b".into()], ..Found::default() },
                &[r#"other_changes[0]: expected "a", found "b""#],
            ),
        ];
        for (json, found, differences) in cases {
            assert_eq!(expected(json).differences(b"body", &found), differences, "{json}");
        }
    }

    #[test]
    fn a_quarantined_body_is_one_part() {
        assert_eq!(expected(r#"{"json":false}"#).parts_min(), 1);
        assert_eq!(expected(r#"{"messages":[{}],"statuses":[{}],"other_changes":["x"]}"#).parts_min(), 3);
        assert_eq!(expected("{}").parts_min(), 0);
    }
}
