//! A verdict as it is kept with the send, so that somebody can ask later why it went or not: when it was given, and by which
//! policy data.

use serde::{Deserialize, Serialize};
use waypost_domain::Timestamp;
use waypost_domain::calendar::Date;

use crate::asked::{Asked, OptInState};
use crate::verdict::Verdict;

/// What is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Of this form. A reader that knows only older ones must leave it alone.
    pub format: u32,
    pub judged_at: Timestamp,
    pub data_version: u32,
    pub data_as_of: Date,
    /// Whether the customer's own words had been looked through for a stop.
    pub opt_in: OptInState,
    pub verdict: Verdict,
}

impl Record {
    /// The form of this release.
    pub const FORMAT: u32 = 1;

    /// Of the verdict that was given on `asked`.
    pub const fn new(asked: &Asked<'_>, verdict: Verdict) -> Self {
        Self {
            format: Self::FORMAT,
            judged_at: asked.now,
            data_version: asked.data.version,
            data_as_of: asked.data.as_of,
            opt_in: asked.opt_in,
            verdict,
        }
    }
}
