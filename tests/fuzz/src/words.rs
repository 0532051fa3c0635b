//! What a message says: its words, its summary and what is stored of it keep their bounds, whatever Meta, or somebody
//! in Meta's name, puts into it.

use waypost_cloud_api::samples::{SampleKind, SampleParams, sample};
use waypost_cloud_api::webhook::{Sender, decode_message};
use waypost_domain::message::WORDS_BYTES_MAX;
use waypost_proto::route::{INPUT_BYTES_MAX, decode_route_input, encode_route_input, fit_route_input};
use waypost_rules::RouteInput;

/// A summary names a handful of things, each of at most 200 characters.
const SUMMARY_BYTES_MAX: usize = 64 * 1024;

pub const WORDS: &[&str] = &[
    "\"type\":",
    "\"text\":{\"body\":",
    "\"interactive\":{\"nfm_reply\":{\"response_json\":",
    "\"{\\\"a\\\":[1,{\\\"b\\\":null}]}\"",
    "\"list_reply\":{\"id\":\"1\",\"title\":",
    "\"edit\":{\"original_message_id\":\"x\",\"message\":{",
    "\"order\":{\"text\":",
    "\"product_items\":[{\"item_price\":",
    "\"location\":{\"name\":",
    "\"contacts\":[{\"name\":{\"formatted_name\":",
    "\"document\":{\"id\":\"1\",\"filename\":",
    "\"context\":{\"forwarded\":true",
    "\"errors\":[{\"code\":1,\"title\":",
    "\\ud83d",
    "\\u0000",
    "{\"a\":{\"a\":{\"a\":",
];

/// `bytes`: the JSON of one message.
pub fn check(bytes: &[u8]) {
    let Ok(json) = std::str::from_utf8(bytes) else { return };
    let Ok(message) = decode_message(json, &Sender::default()) else { return };
    let words: usize = message.words().iter().map(|words| words.text.len()).sum();
    assert!(words <= WORDS_BYTES_MAX, "{words} bytes of words");
    let summary = message.summary(Some("about"));
    assert!(!summary.trim().is_empty() && summary.len() <= SUMMARY_BYTES_MAX, "{} bytes", summary.len());
    assert!(!summary.contains(char::is_control), "{summary:?} is not one line");
    let input = fit_route_input(RouteInput::of_message(&message), |_| false);
    let stored = encode_route_input(&input);
    assert!(stored.len() <= INPUT_BYTES_MAX, "{} bytes are stored", stored.len());
    assert_eq!(decode_route_input(&stored).as_ref(), Ok(&input), "what was stored reads back");
}

/// The message of each sample that is one.
pub fn seeds() -> Vec<Vec<u8>> {
    let messages = SampleKind::ALL.iter().filter_map(|kind| {
        let body = sample(*kind, &SampleParams::default());
        Some(body.pointer("/entry/0/changes/0/value/messages/0")?.to_string().into_bytes())
    });
    messages.collect()
}
