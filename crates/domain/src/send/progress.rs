//! What is known of one send, out of Meta's answer and its statuses: a fold that gives the same whatever comes twice, late or
//! in another order.

use serde::{Deserialize, Serialize};

use super::state::SendState;
use crate::status::{Status, StatusState};
use crate::time::Timestamp;

/// One piece of news from Meta: its answer, or a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// `held`, `accepted`, or what a status said.
    pub state: SendState,
    /// By Meta's clock where it gave one.
    pub at: Timestamp,
    /// Of `failed`: Meta's code, the first where there are several.
    pub error_code: Option<i64>,
}

impl Told {
    /// Of a status; `None` for words that say nothing of how far the message is (`deleted`, `warning`).
    pub fn of_status(status: &Status, arrived_at: Timestamp) -> Option<Self> {
        let state = match status.state {
            StatusState::Sent => SendState::Sent,
            StatusState::Delivered => SendState::Delivered,
            StatusState::Read => SendState::Read,
            StatusState::Played => SendState::Played,
            StatusState::Failed => SendState::Failed,
            StatusState::Other(ref word) if word == StatusState::ACCEPTED => SendState::Accepted,
            StatusState::Other(_) => return None,
        };
        let error_code = status.error_codes().first().copied().filter(|_| state == SendState::Failed);
        Some(Self { state, at: status.timestamp.unwrap_or(arrived_at), error_code })
    }
}

/// Where a send stands, and when it got there. An instant that Meta never told stays `None`: `delivered` may never come for a
/// message that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub state: SendState,
    pub accepted_at: Option<Timestamp>,
    pub sent_at: Option<Timestamp>,
    pub delivered_at: Option<Timestamp>,
    pub read_at: Option<Timestamp>,
    pub played_at: Option<Timestamp>,
    /// The first failure, with its code. It stays beside a later `delivered`.
    pub failed: Option<(Timestamp, Option<i64>)>,
}

impl Progress {
    /// Of a send that nothing is told of yet.
    pub const fn new(state: SendState) -> Self {
        let (accepted_at, sent_at, delivered_at, read_at, played_at) = (None, None, None, None, None);
        Self { state, accepted_at, sent_at, delivered_at, read_at, played_at, failed: None }
    }

    /// Takes in news.
    pub fn tell(&mut self, told: &Told) {
        self.state = self.state.after(told.state);
        let milestone = match told.state {
            SendState::Held | SendState::Accepted => &mut self.accepted_at,
            SendState::Sent => &mut self.sent_at,
            SendState::Delivered => &mut self.delivered_at,
            SendState::Read => &mut self.read_at,
            SendState::Played => &mut self.played_at,
            SendState::Failed => {
                let failure = (told.at, told.error_code);
                self.failed = Some(self.failed.map_or(failure, |first| first.min(failure)));
                return;
            }
            // Meta tells of none of these.
            SendState::Queued | SendState::Attempting | SendState::Uncertain => return,
            SendState::Expired | SendState::Refused | SendState::Cancelled => return,
        };
        *milestone = Some(milestone.map_or(told.at, |first| first.min(told.at)));
    }

    /// Whether it was on a device: Meta said so, or that it was read.
    pub const fn was_delivered(&self) -> bool {
        matches!(self.state, SendState::Delivered | SendState::Read | SendState::Played)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageError;
    use SendState::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn told(state: SendState, seconds: i64) -> Told {
        Told { state, at: at(seconds), error_code: (state == Failed).then_some(131_053) }
    }

    /// In every order, each once and each twice, the same comes out.
    fn check(news: &[(SendState, i64)], want: SendState) {
        let news: Vec<Told> = news.iter().map(|(state, seconds)| told(*state, *seconds)).collect();
        let mut outcomes = Vec::new();
        for order in orders(news.len()) {
            for times in [1, 2] {
                let mut progress = Progress::new(Attempting);
                order.iter().flat_map(|place| vec![&news[*place]; times]).for_each(|told| progress.tell(told));
                outcomes.push(progress);
            }
        }
        assert!(outcomes.iter().all(|one| *one == outcomes[0]), "{news:?}: {outcomes:?}");
        assert_eq!(outcomes[0].state, want, "{news:?}");
    }

    fn orders(length: usize) -> Vec<Vec<usize>> {
        let mut all = vec![vec![]];
        for place in 0..length {
            let grown = all.iter().flat_map(|order: &Vec<usize>| {
                (0..=order.len()).map(move |at| {
                    let mut order = order.clone();
                    order.insert(at, place);
                    order
                })
            });
            all = grown.collect();
        }
        all
    }

    #[test]
    fn statuses_in_any_order_give_one_progress() {
        check(&[(Accepted, 1), (Read, 4), (Delivered, 3), (Sent, 2)], Read);
        check(&[(Accepted, 1), (Sent, 2), (Failed, 3)], Failed);
        check(&[(Accepted, 1), (Sent, 2), (Failed, 3), (Delivered, 4)], Delivered);
        check(&[(Failed, 3), (Failed, 5), (Sent, 9)], Failed);
        check(&[(Held, 1), (Failed, 2)], Failed);
        check(&[(Read, 4), (Played, 5)], Played);
    }

    #[test]
    fn a_late_sent_erases_no_code_and_a_delivery_keeps_it() {
        let mut progress = Progress::new(Attempting);
        progress.tell(&told(Failed, 3));
        progress.tell(&told(Sent, 2));
        assert_eq!((progress.state, progress.failed), (Failed, Some((at(3), Some(131_053)))));
        progress.tell(&told(Delivered, 5));
        assert_eq!((progress.state, progress.failed), (Delivered, Some((at(3), Some(131_053)))));
        assert!(progress.was_delivered());
    }

    #[test]
    fn accepted_is_not_delivered() {
        let mut sends = [Progress::new(Attempting); 3];
        for send in &mut sends {
            send.tell(&told(Accepted, 1));
            send.tell(&told(Failed, 2));
        }
        assert_eq!(sends.iter().filter(|send| send.accepted_at.is_some()).count(), 3);
        assert_eq!(sends.iter().filter(|send| send.was_delivered()).count(), 0);
        assert_eq!(sends.iter().filter(|send| send.state == Failed).count(), 3);
    }

    #[test]
    fn words_that_are_no_progress_are_left_out() {
        let status = |state: &str| Status {
            id: "wamid.1".to_owned(),
            state: StatusState::parse(state),
            timestamp: None,
            recipient: crate::AliasSet::default(),
            participant: None,
            callback_data: None,
            errors: [131_026, 1].map(|code| MessageError { code, ..MessageError::default() }).into(),
            pricing: None,
            conversation: None,
        };
        let failed = Told { state: Failed, at: at(7), error_code: Some(131_026) };
        assert_eq!(Told::of_status(&status("failed"), at(7)), Some(failed));
        let sent = Told::of_status(&status("sent"), at(7)).unwrap();
        assert_eq!((sent.state, sent.error_code), (Sent, None));
        assert_eq!(Told::of_status(&status("deleted"), at(7)), None);
        let accepted = Told::of_status(&status("accepted"), at(7)).unwrap();
        let mut lost = Progress::new(Uncertain);
        lost.tell(&accepted);
        assert_eq!((accepted.state, lost.state, lost.accepted_at), (Accepted, Accepted, Some(at(7))));
    }
}
