//! What was accepted and what was refused, in order, for whoever judges a run. Plain state.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;
use waypost_domain::Category;

/// A message that the platform took.
#[derive(Debug, Clone, Serialize)]
pub struct AcceptedMessage {
    pub wamid: String,
    /// The platform's clock, in milliseconds since the epoch.
    pub at_ms: i64,
    /// As it was asked for: `to` or `recipient`.
    pub to: String,
    /// Who that is: digits, or a business-scoped id of who shows no number.
    pub customer: String,
    pub phone_number_id: String,
    /// `biz_opaque_callback_data`
    pub callback_data: Option<String>,
    /// Meta's `type`.
    pub kind: &'static str,
    /// What it counts as: a template's own at that time.
    pub category: Category,
    /// The code with which its `failed` status comes.
    pub fails_with: Option<i64>,
    /// The whole request.
    #[serde(serialize_with = "as_it_is")]
    pub body: Arc<Value>,
}

fn as_it_is<S: Serializer>(body: &Arc<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    body.serialize(serializer)
}

/// A request for a message that the platform did not take.
#[derive(Debug, Clone, Serialize)]
pub struct RefusedMessage {
    pub at_ms: i64,
    /// `None` where it could not be read.
    pub to: Option<String>,
    pub phone_number_id: String,
    pub callback_data: Option<String>,
    /// Of Meta's; `None` for a fault that has none.
    pub code: Option<i64>,
    pub http_status: Option<u16>,
    /// What Meta says is wrong.
    pub details: String,
}

/// A customer's message that the business has read.
#[derive(Debug, Clone, Serialize)]
pub struct ReadMessage {
    pub at_ms: i64,
    /// Of the customer's message.
    pub wamid: String,
    pub typing: bool,
}

/// Something that a customer said to a number.
#[derive(Debug, Clone, Serialize)]
pub struct SaidMessage {
    /// When they said it, which may be long before the business is told.
    pub at_ms: i64,
    pub wamid: String,
    /// As an [`AcceptedMessage`] has them.
    pub customer: String,
    pub phone_number_id: String,
    /// Whether it opens the customer service window.
    pub opens_window: bool,
}

/// A status in a webhook that was posted. What was not answered 200 comes again.
#[derive(Debug, Clone, Serialize)]
pub struct PostedStatus {
    /// When it was answered, or was not.
    pub at_ms: i64,
    pub wamid: String,
    pub phone_number_id: String,
    pub state: &'static str,
    /// Whether it was answered 200.
    pub is_taken: bool,
}

/// The last so many.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    last: VecDeque<T>,
    max: usize,
    /// Of all, those forgotten included.
    pub(crate) count: u64,
}

impl<T> Ring<T> {
    pub(crate) fn new(max: usize) -> Self {
        Self { last: VecDeque::new(), max, count: 0 }
    }

    pub(crate) fn push(&mut self, one: T) {
        self.count += 1;
        if self.last.len() >= self.max {
            self.last.pop_front();
        }
        if self.max > 0 {
            self.last.push_back(one);
        }
    }

    /// In order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.last.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_counted() {
        let mut ring = Ring::new(2);
        (1..=3).for_each(|one| ring.push(one));
        assert_eq!(ring.iter().copied().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(ring.count, 3);
    }
}
