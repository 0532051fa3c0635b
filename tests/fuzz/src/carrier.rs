//! What must hold for whatever a carrier's form was told as.

use std::collections::BTreeSet;

use waypost_cloud_api::webhook::{Content, split};

/// Messages and statuses of our number, each known by a key of its own, and nothing that is put aside. At most
/// `events_max`.
pub(crate) fn is_told_well(told: &str, events_max: usize) {
    let split = split(told.as_bytes());
    assert!(split.quarantined.is_empty() && (1..=events_max).contains(&split.events.len()), "{split:?}");
    let keys: BTreeSet<&str> = split.events.iter().map(|event| event.key.as_str()).collect();
    assert_eq!(keys.len(), split.events.len(), "two of one key");
    for event in &split.events {
        assert_eq!(event.number.as_str(), "ours");
        assert!(matches!(event.content, Content::Message(_) | Content::Status(_)), "{event:?}");
    }
}
