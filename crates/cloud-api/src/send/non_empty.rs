//! A list of at least one.

use serde_json::Value;

/// At least one of something: what Meta refuses when it is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonEmpty<T>(Vec<T>);

impl<T> NonEmpty<T> {
    /// `None` when there is nothing in it.
    pub fn new(list: Vec<T>) -> Option<Self> {
        (!list.is_empty()).then_some(Self(list))
    }

    /// One.
    pub fn one(only: T) -> Self {
        Self(vec![only])
    }

    /// All of them.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    pub(super) fn to_values(&self, write: impl Fn(&T) -> Value) -> Value {
        self.0.iter().map(write).collect()
    }
}

impl<T> From<NonEmpty<T>> for Vec<T> {
    fn from(list: NonEmpty<T>) -> Self {
        list.0
    }
}
