//! What of messages must not be readable later, beside card numbers: the configuration of the mask, which the router puts on what
//! comes in, and the gateway on what it shows of what was sent.

use waypost_domain::message::Mask;

use super::Config;
use super::section::{Problems, section};

/// More are slower than anybody wants to wait for.
const PATTERNS_MAX: usize = 32;

section! {
    /// What is hidden in messages before they are decided, stored or given to teams. Card numbers always are.
    MaskingSection = "masking" {
        /// Regular expressions, at most 32; what they find is hidden, too: `["\\bES\\d{22}\\b"]`.
        patterns: Vec<String> = Vec::new(),
    }
}

impl MaskingSection {
    pub(crate) fn check(&self, problems: &mut Problems) {
        let is_few = self.patterns.len() <= PATTERNS_MAX;
        problems.require(is_few, "masking.patterns", "must have at most 32 patterns");
        for (place, pattern) in self.patterns.iter().enumerate() {
            if let Err(error) = Mask::cards().add(pattern) {
                problems.add(&format!("masking.patterns[{place}]"), error);
            }
        }
    }
}

impl Config {
    /// The mask of a configuration that was checked.
    pub(crate) fn mask(&self) -> Mask {
        let mut mask = Mask::cards();
        for pattern in &self.masking.patterns {
            if mask.add(pattern).is_err() {
                // Refused before anything starts.
                debug_assert!(false, "a pattern that was not checked");
            }
        }
        mask
    }
}
