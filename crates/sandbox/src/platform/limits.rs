//! Meta's limits: throughput of a number, pace of a pair, customers of a portfolio, marketing to a customer. Plain state,
//! given the time.

use std::collections::{HashMap, VecDeque};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// What one message to a customer costs of the pair's time.
const PAIR_MS: i64 = 6_000;
/// Messages in one burst to a customer.
const PAIR_BURST: u32 = 45;

/// Messages per second, with one second's worth at once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Throughput {
    /// When the number has caught up, in microseconds.
    free_at_us: i64,
}

impl Throughput {
    /// Whether one more goes now.
    pub(crate) fn take(&mut self, now_ms: i64, per_second: u32) -> bool {
        let now_us = now_ms * 1_000;
        let free_at_us = self.free_at_us.max(now_us);
        let cost_us = 1_000_000 / i64::from(per_second.max(1));
        if free_at_us + cost_us > now_us + 1_000_000 {
            return false;
        }
        self.free_at_us = free_at_us + cost_us;
        true
    }
}

/// One number and one customer. A burst is on credit: after it nothing goes until it is paid for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PairPace {
    began_ms: i64,
    count: u32,
    paid_at_ms: i64,
}

impl PairPace {
    pub(crate) fn take(&mut self, now_ms: i64) -> bool {
        if now_ms >= self.paid_at_ms {
            *self = Self { began_ms: now_ms, count: 1, paid_at_ms: now_ms + PAIR_MS };
            return true;
        }
        if now_ms - self.began_ms > PAIR_MS || self.count >= PAIR_BURST {
            return false;
        }
        self.count += 1;
        self.paid_at_ms += PAIR_MS;
        true
    }
}

/// The customers who were written to outside of windows in the last 24 h.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// When each was written to last, and when before that.
    last_ms: HashMap<u32, (i64, Option<i64>)>,
    /// The same in order; an entry that is no customer's last is passed over.
    order: VecDeque<(i64, u32)>,
}

impl Reached {
    /// Whether this customer may be one of `max`, and is from now on.
    pub(crate) fn take(&mut self, customer: u32, now_ms: i64, max: u32) -> bool {
        while let Some(&(at_ms, other)) = self.order.front() {
            if now_ms - at_ms < DAY_MS {
                break;
            }
            self.order.pop_front();
            if self.last_ms.get(&other).is_some_and(|(last_ms, _)| *last_ms == at_ms) {
                self.last_ms.remove(&other);
            }
        }
        let before_ms = self.last_ms.get(&customer).map(|(last_ms, _)| *last_ms);
        if before_ms.is_none() && self.last_ms.len() >= usize::try_from(max).unwrap_or(usize::MAX) {
            return false;
        }
        self.last_ms.insert(customer, (now_ms, before_ms));
        self.order.push_back((now_ms, customer));
        true
    }

    /// A failed message gives its place back.
    pub(crate) fn give_back(&mut self, customer: u32, taken_ms: i64) {
        match self.last_ms.get(&customer) {
            // Of two messages in one day the first may have been delivered.
            Some((last_ms, Some(before_ms))) if *last_ms == taken_ms && taken_ms - before_ms < DAY_MS => {
                let before_ms = *before_ms;
                self.last_ms.insert(customer, (before_ms, None));
            }
            Some((last_ms, _)) if *last_ms == taken_ms => {
                self.last_ms.remove(&customer);
            }
            Some(_) | None => {}
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.last_ms.len()
    }
}

/// Marketing to one customer.
#[derive(Debug, Default)]
pub(crate) struct MarketingCap {
    sent_ms: VecDeque<i64>,
}

impl MarketingCap {
    pub(crate) fn take(&mut self, now_ms: i64, max: u32) -> bool {
        while self.sent_ms.front().is_some_and(|sent_ms| now_ms - sent_ms >= DAY_MS) {
            self.sent_ms.pop_front();
        }
        let is_free = self.sent_ms.len() < usize::try_from(max).unwrap_or(usize::MAX);
        if is_free {
            self.sent_ms.push_back(now_ms);
        }
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_sends_a_seconds_worth_at_once_and_then_at_its_pace() {
        let mut throughput = Throughput::default();
        let at_once = (0..200).filter(|_| throughput.take(1_000, 80)).count();
        assert_eq!(at_once, 80);
        let later = (1_000..2_000).filter(|now| throughput.take(*now, 80)).count();
        assert!((79..=80).contains(&later), "{later}");
    }

    #[test]
    fn a_burst_to_one_customer_is_on_credit() {
        let mut pace = PairPace::default();
        assert_eq!((0..60).filter(|_| pace.take(0)).count(), 45);
        assert!(!pace.take(100_000));
        assert!(!pace.take(45 * PAIR_MS - 1));
        assert!(pace.take(45 * PAIR_MS));
        let mut steady = PairPace::default();
        assert!((0..100).all(|turn| steady.take(turn * PAIR_MS)));
        let mut burst_of_20 = PairPace::default();
        assert!((0..20).all(|_| burst_of_20.take(0)));
        assert!(!burst_of_20.take(119_999));
        assert!(burst_of_20.take(120_000));
    }

    #[test]
    fn customers_count_once_for_a_day_and_a_failed_message_frees_its_place() {
        let mut reached = Reached::default();
        assert!(reached.take(1, 0, 2) && reached.take(2, 10, 2) && reached.take(1, 20, 2));
        assert!(!reached.take(3, 30, 2));
        reached.give_back(2, 10);
        assert!(reached.take(3, 40, 2));
        // The first customer was written to again at 20, and counts from there.
        assert!(!reached.take(4, DAY_MS + 19, 2));
        assert!(reached.take(4, DAY_MS + 20, 2));
        assert_eq!(reached.count(), 2);
        reached.give_back(4, DAY_MS + 20);
        assert!(reached.take(4, DAY_MS + 21, 2) && reached.take(4, DAY_MS + 22, 2));
        reached.give_back(4, DAY_MS + 22);
        assert_eq!(reached.count(), 2, "the first of its messages was delivered");
    }

    #[test]
    fn marketing_to_a_customer_is_capped_for_a_day() {
        let mut cap = MarketingCap::default();
        assert!(cap.take(0, 2) && cap.take(1, 2));
        assert!(!cap.take(DAY_MS - 1, 2));
        assert!(cap.take(DAY_MS, 2));
    }
}
