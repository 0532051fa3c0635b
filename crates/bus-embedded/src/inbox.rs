//! Where the writer puts what a consumer may fetch. Holds places, never bodies; never more than the prefetch.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A message handed to one consumer, durably counted as delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) seq: u64,
    pub(crate) delivery_count: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    content: Mutex<Content>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Content {
    assigned: VecDeque<Assigned>,
    ended: Option<String>,
}

impl Inbox {
    pub(crate) fn put(&self, assigned: Assigned) {
        self.lock().assigned.push_back(assigned);
        self.changed.notify_one();
    }

    /// The first reason stays.
    pub(crate) fn end(&self, reason: &str) {
        self.lock().ended.get_or_insert_with(|| reason.to_owned());
        self.changed.notify_one();
    }

    pub(crate) fn ended(&self) -> Option<String> {
        self.lock().ended.clone()
    }

    pub(crate) fn take(&self, max: usize) -> Vec<Assigned> {
        let mut content = self.lock();
        let count = max.min(content.assigned.len());
        content.assigned.drain(..count).collect()
    }

    /// Waits until something was put or the end came since the last wait. One waiter only.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
