//! What must hold for whatever a carrier's form was told as.

use std::collections::BTreeSet;

use waypost_cloud_api::webhook::{Content, split};

/// Of a message that is a tap, with all the files that are looked at.
const EVENTS_MAX: usize = 33;

/// Messages and statuses of our number, each known by a key of its own, and nothing that is put aside.
pub(crate) fn is_told_well(told: &str) {
    let split = split(told.as_bytes());
    assert!(split.quarantined.is_empty() && (1..=EVENTS_MAX).contains(&split.events.len()), "{split:?}");
    let keys: BTreeSet<&str> = split.events.iter().map(|event| event.key.as_str()).collect();
    assert_eq!(keys.len(), split.events.len(), "two of one key");
    for event in &split.events {
        assert_eq!(event.number.as_str(), "ours");
        assert!(matches!(event.content, Content::Message(_) | Content::Status(_)), "{event:?}");
    }
}
