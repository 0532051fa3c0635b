//! What a handler says of work that it could not do: each variant is what the worker does next.
//!
//! Must never turn a cause into text: the log shows the whole chain, and only the log.

use std::error::Error;
use std::fmt;

use waypost_bus::DeadLetterReason;
use waypost_store::StoreError;

/// Why, as it was found.
pub type Cause = Box<dyn Error + Send + Sync>;

/// What the worker does next.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// Somebody else owns the shard: drop the subscription at once.
    #[error("the lease is lost")]
    LeaseLost,
    /// The same work again after a back-off, while the lease lasts.
    #[error("cannot be handled yet")]
    Retry { source: Cause },
    /// No repetition helps, and one event is to blame: find it, make it a dead letter, go on with the others.
    #[error("cannot be handled ({reason})")]
    Park { reason: DeadLetterReason, source: Cause },
    /// Only a person or a newer release can help: stop consuming this shard, keep everything.
    #[error("must not be handled by this release")]
    Stop { source: Cause },
}

impl HandleError {
    pub fn retry(source: impl Into<Cause>) -> Self {
        Self::Retry { source: source.into() }
    }

    pub fn park(reason: DeadLetterReason, source: impl Into<Cause>) -> Self {
        Self::Park { reason, source: source.into() }
    }

    pub fn stop(source: impl Into<Cause>) -> Self {
        Self::Stop { source: source.into() }
    }
}

impl From<StoreError> for HandleError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LeaseLost { .. } => Self::LeaseLost,
            StoreError::Unreadable { .. } => Self::park(DeadLetterReason::UnreadableRow, error),
            StoreError::Invalid(_) => Self::park(DeadLetterReason::Unstorable, error),
            // A refused statement may be a defect, but also a right that was taken away: nothing of the event's doing.
            StoreError::MergeFirst(_)
            | StoreError::Retry { .. }
            | StoreError::Unavailable(_)
            | StoreError::Database(_) => Self::retry(error),
            StoreError::SchemaTooNew { .. }
            | StoreError::SchemaMissing { .. }
            | StoreError::PartitionCountDiffers { .. } => Self::stop(error),
        }
    }
}

/// Shows an error with everything that caused it, in one line.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_store_error_says_what_to_do() {
        let of = |error: StoreError| HandleError::from(error);
        assert!(matches!(of(StoreError::LeaseLost { component: "x".into(), partition: 0 }), HandleError::LeaseLost));
        let retry = StoreError::Retry { reason: "deadlock", source: None };
        assert!(matches!(of(retry), HandleError::Retry { .. }));
        let unreadable = of(StoreError::Unreadable { table: "inbox", column: "priority" });
        assert!(matches!(unreadable, HandleError::Park { reason: DeadLetterReason::UnreadableRow, .. }));
        let invalid = of(StoreError::Invalid("too long".into()));
        assert!(matches!(invalid, HandleError::Park { reason: DeadLetterReason::Unstorable, .. }));
        assert!(matches!(of(StoreError::SchemaMissing { found: None, known: 1 }), HandleError::Stop { .. }));
        assert_eq!(
            Chain(&HandleError::stop(std::io::Error::other("deep"))).to_string(),
            "must not be handled by this release: deep"
        );
    }
}
