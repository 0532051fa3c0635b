//! Parked messages that are not called as the message that they carry: several in one bundle, one out of a bundle, a part of
//! a webhook that could not be read, an event of a number that nothing else is known of. They are found by what they hold.
//! Must never show what that is.

use waypost_bus::DeadLetterReason;
use waypost_grpc::Result;
use waypost_proto::{EVENT_KIND, bundled_events, decode_event};
use waypost_store::{ParkedMessage, ParkedRow, Store};

/// What is parked and carries the message of this key. `phone_number_id`: where it was received; empty for anywhere.
pub(super) async fn carrying(store: &Store, key: &str, phone_number_id: &str) -> Result<Vec<ParkedRow>> {
    let holding = store.parked_holding(key).await?;
    let carries = |letter: &ParkedMessage| {
        if letter.row.kind == EVENT_KIND {
            carries_event(&letter.content.body, key, phone_number_id)
        } else {
            is_of_webhook(&letter.row.reason) && speaks_of(&letter.content.body, key)
        }
    };
    Ok(holding.into_iter().filter(carries).map(|letter| letter.row).collect())
}

fn carries_event(body: &[u8], key: &str, phone_number_id: &str) -> bool {
    let body = body.to_vec().into();
    let events = bundled_events(&body).unwrap_or_else(|| vec![body]);
    events
        .into_iter()
        .filter_map(|event| decode_event(event).ok())
        .any(|event| event.key == key && (phone_number_id.is_empty() || event.phone_number_id == phone_number_id))
}

fn is_of_webhook(reason: &str) -> bool {
    use DeadLetterReason::{TooDeep, UnparseableBody, UnparseablePart};
    [UnparseableBody, UnparseablePart, TooDeep].iter().any(|one| one.code() == reason)
}

/// Whether damaged JSON has an `id` that is this.
fn speaks_of(json: &[u8], key: &str) -> bool {
    let json = String::from_utf8_lossy(json);
    json.match_indices(&format!("\"{key}\"")).any(|(at, _)| {
        let name = json[..at].trim_end().strip_suffix(':').map(str::trim_end);
        name.is_some_and(|name| name.ends_with("\"id\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_json_speaks_of_the_ids_in_it() {
        for (json, speaks) in [
            (r#"{"from": 7, "id": "wamid.A", "#, true),
            (r#"{"id":"wamid.A"}"#, true),
            (r#"{"id":"wamid.AB"}"#, false),
            (r#"{"text":"wamid.A"}"#, false),
            (r#"wamid.A"#, false),
        ] {
            assert_eq!(speaks_of(json.as_bytes(), "wamid.A"), speaks, "{json}");
        }
    }
}
