//! A group, as it is kept. Plain state.

use std::sync::Arc;

/// A group of one of the business's numbers.
pub(crate) struct Group {
    pub(crate) id: Arc<str>,
    pub(crate) number: u32,
    pub(crate) members: Vec<u32>,
    /// Whoever of them writes opens it.
    pub(crate) window_ends_ms: i64,
}
