//! What is sent, between its wire form (package `waypost.sends.v1`) and the domain: one file a family. Every field that cannot
//! be read is named, all of them at once. Whether a message may be sent is for `waypost-policy`; nothing here judges.

use prost_types::Timestamp as WireTime;
use waypost_domain::Timestamp;

mod answer;
mod consent;
mod content;
mod json;
mod message;
mod registry;
mod request;
mod template;
mod verdict;

pub use answer::{ANSWER_CONTENT_TYPE, ANSWER_KIND, SendAnswer, SendError};
pub use consent::{read_basis, read_evidence, wire_consents, wire_entry, wire_evidence};
pub use json::{JSON_BYTES_MAX, parse_json, parse_recipient, parse_values, read_json, word};
pub use message::{author_of, state_of, wire_author, wire_message, wire_state};
pub use registry::{RegistryName, wire_registered};
pub use request::{Recipient, SendDraft, read_category, read_recipient, read_send, wire_category, wire_send};
pub use template::{read_template_name, read_values, wire_template, wire_values};
pub use verdict::{wire_finding, wire_grant, wire_preview, wire_verdict, wire_warning};

pub use crate::rule_set::{FieldViolation, FieldViolations};

use crate::resources::wire_time;

/// Collects what does not fit, so that whoever asked learns of everything at once.
#[derive(Debug, Default)]
struct Problems(Vec<FieldViolation>);

impl Problems {
    fn refuse<T>(&mut self, field: impl Into<String>, problem: impl Into<String>) -> Option<T> {
        self.0.push(FieldViolation { field: field.into(), problem: problem.into() });
        None
    }

    /// `value`, if nothing was refused meanwhile.
    fn finish<T>(self, value: Option<T>) -> Result<T, FieldViolations> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(FieldViolations(self.0)),
        }
    }

    /// A time between the years 1970 and 9999, to the millisecond.
    fn time(&mut self, field: &str, at: Option<WireTime>) -> Option<Timestamp> {
        /// 9999-12-31T23:59:59Z.
        const SECONDS_MAX: i64 = 253_402_300_799;
        let at = at?;
        let nanos = i64::from(at.nanos);
        if !(0..=SECONDS_MAX).contains(&at.seconds) || !(0..1_000_000_000).contains(&nanos) {
            return self.refuse(field, "must be a time between the years 1970 and 9999");
        }
        Some(Timestamp::from_millis(at.seconds * 1_000 + nanos / 1_000_000))
    }
}

fn time(at: Timestamp) -> WireTime {
    wire_time(at.as_millis())
}

/// Empty is none.
fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn plain(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}
