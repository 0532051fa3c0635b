//! Calls that end: whatever the store does, the worker goes on after a while.

use std::time::Duration;

use waypost_store::StoreError;

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It may have been carried out all the same.
    #[error("the store did not answer within {0:?}")]
    TimedOut(Duration),
}

/// Gives the store `limit` to answer. A call that takes longer is dropped.
pub(crate) async fn bounded<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, CallError> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(CallError::TimedOut(limit)),
    }
}
