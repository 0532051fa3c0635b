//! What somebody wants sent: stored once under its own id, attempted by whoever holds the lease on its number, and followed to
//! its end. This room carries out; whether something may be sent is judged by whoever attempts it, with the facts that
//! [`SendTx`] reads in the same transaction.
//!
//! Locks are taken in one order, as everywhere: lease, contacts by id, sends by place (the one before, then the one that waits
//! for it), portfolio, month of spending.

mod answers;
mod bars;
mod due;
mod facts;
mod intake;
mod limit;
mod lists;
mod received;
mod row;
mod spend;
mod tapped;
mod told;
mod tx;
mod write;

pub use answers::{SendAnswer, SendAnswered};
pub use bars::{BarKey, BarOrigin, BarScope, BarWhat, Lift, SendBar};
pub use due::{DueSend, PutOff, QueuedSends};
pub use facts::{Reach, RecentSend, SendFacts};
pub(crate) use facts::{asking_survivors, family_both, survivors};
pub(crate) use intake::storing;
pub use intake::{NewSend, StoredSend};
pub use limit::PortfolioUse;
pub use lists::SendFilter;
pub(crate) use row::{COLUMNS as SEND_COLUMNS, GIVEN_UP, SEND, places};
pub use row::{SendPrice, SendRow};
pub use spend::{MonthSpend, PricedSend, SpendRow};
pub use tapped::TappedSend;
pub use told::{FailedSend, FoldedStatuses};
pub use tx::{Attempt, ClaimedSend, SendTx, Verdict};
pub(crate) use write::{WAKE, waking};
