//! Copies of files that customers send: what is kept of them, by configuration. The router wants them, the gateway fetches them.

use super::Config;
use super::section::{Problems, section};

/// Meta's own limit for the largest kind of file.
const MIB_MAX: u32 = 100;

section! {
    /// Files that customers send. Without copies, a file is there for as long as WhatsApp keeps it: 7 days.
    MediaSection = "media" {
        /// Whether a copy of each is kept in the store, for `retention.media_days`. The gateway fetches it.
        copy: bool = false,
        /// Larger files are not copied, 1 to 100 MiB; each is in memory for a moment.
        copy_max_mib: u32 = 16,
    }
}

impl MediaSection {
    pub(crate) fn check(&self, problems: &mut Problems) {
        let is_good = (1..=MIB_MAX).contains(&self.copy_max_mib);
        problems.require(is_good, "media.copy_max_mib", "must be 1 to 100");
    }
}

impl Config {
    /// Of a file that is copied, at most.
    pub(super) fn copy_bytes_max(&self) -> usize {
        usize::try_from(self.media.copy_max_mib).unwrap_or(usize::MAX).saturating_mul(1 << 20)
    }
}
