//! What can be set about the router.

use std::time::Duration;

use waypost_domain::message::Mask;

use crate::janitor::JanitorConfig;

#[derive(Debug, Clone)]
pub struct RouterConfig {
    /// After this long without a word from either side, a conversation counts as resolved.
    pub conversation_idle: Duration,
    /// A message that comes so soon after a person resolved its conversation goes on with it.
    pub reopen_within: Duration,
    /// After this long without a word of theirs, who is known by a number alone is not taken for whoever shows a
    /// business-scoped user id on that number: it may be somebody else's by then.
    pub claim_after: Duration,
    /// How long one flight of publications may take.
    pub publish_timeout: Duration,
    /// How long a full team queue is tried before the overflow team gets the message.
    pub full_queue_patience: Duration,
    /// Whether somebody reads `wa.activity`.
    pub activity: bool,
    /// What of messages must not be readable, neither in the store nor by teams.
    pub mask: Mask,
    /// Whether copies of files that customers send are kept.
    pub copies_files: bool,
    pub janitor: JanitorConfig,
}

impl Default for RouterConfig {
    fn default() -> Self {
        Self {
            conversation_idle: Duration::from_secs(24 * 60 * 60),
            reopen_within: Duration::from_secs(24 * 60 * 60),
            claim_after: Duration::from_secs(45 * 24 * 60 * 60),
            publish_timeout: Duration::from_secs(5),
            full_queue_patience: Duration::from_secs(2),
            activity: false,
            mask: Mask::cards(),
            copies_files: false,
            janitor: JanitorConfig::default(),
        }
    }
}
