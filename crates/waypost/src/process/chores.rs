//! How long this process keeps what is stored: the configuration of the janitor, which the router runs under a lease.

use std::time::Duration;

use waypost_router::JanitorConfig;
use waypost_store::Retention;

use super::Config;
use super::section::{Problems, section};

const DAY_SECONDS: u64 = 24 * 60 * 60;

section! {
    /// How long what is stored is kept.
    RetentionSection = "retention" {
        /// Decisions; at least 8, since Meta sends again for 7 days.
        inbox_days: u32 = 9,
        /// What was said: transcripts, bodies of messages that are kept, the content of what was sent and has ended; and a customer's words that are too few to know the language by, after the last.
        bodies_days: u32 = 30,
        /// Copies of files that customers sent, where `media.copy` keeps any.
        media_days: u32 = 30,
        /// Statuses as Meta told them; how far a message to a customer has come stays with it.
        statuses_days: u32 = 8,
        /// Changes of accounts, numbers and templates.
        changes_days: u32 = 30,
        /// Conversations, from their end; and how long a merge of two contacts can be undone.
        conversations_days: u32 = 90,
        /// Campaigns with their recipients, from their end; what was sent to these stays, and the name is not given again.
        campaigns_days: u32 = 400,
        /// How often one process looks for what is older.
        every_s: u64 = 60,
    }
}

impl RetentionSection {
    pub(crate) fn check(&self, problems: &mut Problems) {
        let hint = "must be 8 or more: Meta sends again for 7 days";
        problems.require(self.inbox_days >= 8, "retention.inbox_days", hint);
        let is_found = self.media_days <= self.bodies_days.min(self.conversations_days);
        let hint = "must be at most retention.bodies_days and retention.conversations_days: by these a file is found";
        problems.require(is_found, "retention.media_days", hint);
        problems.require(self.campaigns_days > 0, "retention.campaigns_days", "must be above 0");
        problems.require(self.every_s > 0, "retention.every_s", "must be above 0");
    }

    fn retention(&self) -> Retention {
        let days = |days: u32| Duration::from_secs(u64::from(days) * DAY_SECONDS);
        Retention {
            inbox: days(self.inbox_days),
            bodies: days(self.bodies_days),
            media: days(self.media_days),
            statuses: days(self.statuses_days),
            changes: days(self.changes_days),
            conversations: days(self.conversations_days),
            campaigns: days(self.campaigns_days),
        }
    }
}

impl Config {
    pub(super) fn janitor_config(&self) -> JanitorConfig {
        JanitorConfig { retention: self.retention.retention(), every: Duration::from_secs(self.retention.every_s) }
    }
}
