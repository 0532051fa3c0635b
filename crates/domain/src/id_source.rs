//! Where the ids of new things come from. Logic that makes something new asks the source that it was given, so that a
//! simulation which gives a seeded one replays to the same ids. No source that reads a clock or draws at random may
//! live here.

use std::fmt;

use uuid::Uuid;

/// Gives ids for new contacts, conversations and the like.
pub trait IdSource: fmt::Debug + Send + Sync {
    /// An id that was never given before, here or elsewhere. Later ones sort behind earlier ones, as far as clocks
    /// allow: tables keyed by them grow at their end.
    fn next_id(&self) -> Uuid;
}
