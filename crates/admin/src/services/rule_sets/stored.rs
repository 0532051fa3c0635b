//! The stored decisions, looked at again: of every partition the newest first, a piece at a time.

use waypost_domain::Timestamp;
use waypost_grpc::{Result, blocking};
use waypost_store::{DecidedBy, Store};

/// Decisions that are in memory at once.
const PIECE: u32 = 2_000;

/// What to look at.
pub(super) struct Look {
    /// Decisions at most, about an equal part of each partition's.
    pub(super) messages: u32,
    /// None from before.
    pub(super) since: Option<Timestamp>,
    pub(super) with_input: bool,
}

/// How far back it was looked.
#[derive(Default)]
pub(super) struct Reach {
    oldest: Option<Timestamp>,
    /// Of the partitions that hold more, the latest time that one was looked at since.
    cut_at: Option<Timestamp>,
}

impl Reach {
    /// Since when all of them were looked at; nothing where there were none.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.cut_at.or(self.oldest)
    }

    /// Whether that is all there is.
    pub(super) const fn is_complete(&self) -> bool {
        self.cut_at.is_none()
    }

    fn extend(&mut self, oldest: Timestamp, is_cut: bool) {
        self.oldest = Some(self.oldest.map_or(oldest, |before| before.min(oldest)));
        if is_cut {
            self.cut_at = self.cut_at.max(Some(oldest));
        }
    }
}

/// Adds piece after piece to `state`, beside the calls.
pub(super) async fn fold<S: Send + 'static>(
    store: &Store,
    look: &Look,
    mut state: S,
    add: fn(S, &[DecidedBy]) -> S,
) -> Result<(S, Reach)> {
    let mut reach = Reach::default();
    let partitions = store.layout().await?;
    let share = partitions.map_or(0, |count| look.messages.div_ceil(u32::from(count.get())));
    let is_wanted = |at: Timestamp| look.since.is_none_or(|since| at >= since);
    for partition in partitions.into_iter().flat_map(|count| count.all()) {
        let (mut left, mut before) = (share, i64::MAX);
        while left > 0 {
            let limit = left.min(PIECE);
            let mut piece = store.decisions_below(partition, before, limit, look.with_input).await?;
            left -= limit;
            let Some(oldest) = piece.last() else { break };
            let is_last = piece.len() < limit as usize || !is_wanted(oldest.received_at);
            before = oldest.seq;
            piece.retain(|decided| is_wanted(decided.received_at));
            if let Some(oldest) = piece.last() {
                reach.extend(oldest.received_at, !is_last && left == 0);
            }
            state = blocking(move || Ok(add(state, &piece))).await?;
            if is_last {
                break;
            }
        }
    }
    Ok((state, reach))
}
