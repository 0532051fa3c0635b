//! How fast a number and a pair may send. Local to whoever holds the number's lease: nobody else sends from it.
//!
//! Meta's figures: 80 messages a second from a number (its page on throughput), and to one customer one in six seconds, of
//! which up to 45 may go at once and are paid back afterwards (its page on the platform, "pair rate limits").

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use waypost_domain::ContactId;

/// To one customer: so many at once, and one more each time this has passed.
const PAIR_BURST: u32 = 45;
const PAIR_EVERY: Duration = Duration::from_secs(6);
/// Pairs that are remembered; past this, those whose burst is whole again are forgotten.
const PAIRS_MAX: usize = 20_000;
/// How much a number may make up for at once, after a pause, in parts of a second.
const BURST_SECONDS: f64 = 0.25;
/// After Meta said "too fast", the rate is halved, and grows back by a tenth each minute.
const SLOWEST: f64 = 1.0 / 64.0;
const RECOVERY_EVERY: Duration = Duration::from_secs(60);
/// So many in a row of which nothing was heard, and the number is left alone for a while.
const SILENCE_MAX: u32 = 5;
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The pace of one of our numbers.
#[derive(Debug)]
pub struct Pace {
    rate: Option<f64>,
    slow: f64,
    slowed_at: Instant,
    tokens: f64,
    filled_at: Instant,
    paused_until: Option<Instant>,
    silent: u32,
    pairs: HashMap<ContactId, Pair>,
    keep_pair_pace: bool,
}

/// What went to one customer.
#[derive(Debug, Clone, Copy)]
struct Pair {
    /// When the last of what was borrowed is paid back.
    paid_at: Instant,
    blocked_until: Option<Instant>,
}

impl Pace {
    /// `rate`: messages a second; `None` for no limit of ours.
    pub fn new(rate: Option<f64>, keep_pair_pace: bool, now: Instant) -> Self {
        let tokens = rate.map_or(0.0, |rate| (rate * BURST_SECONDS).max(1.0));
        Self {
            rate,
            slow: 1.0,
            slowed_at: now,
            tokens,
            filled_at: now,
            paused_until: None,
            silent: 0,
            pairs: HashMap::new(),
            keep_pair_pace,
        }
    }

    fn rate(&self) -> Option<f64> {
        match self.rate {
            Some(rate) => Some(rate * self.slow),
            None if self.slow < 1.0 => Some(1_000.0 * self.slow),
            None => None,
        }
    }

    /// How many may go now, of at most `max`.
    pub fn room(&mut self, max: u32, now: Instant) -> u32 {
        if self.paused_until.is_some_and(|until| now < until) {
            return 0;
        }
        // After a pause, one is tried first.
        let max = if self.silent >= SILENCE_MAX { max.min(1) } else { max };
        while self.slow < 1.0 && now.duration_since(self.slowed_at) >= RECOVERY_EVERY {
            self.slowed_at += RECOVERY_EVERY;
            self.slow = (self.slow * 1.1).min(1.0);
        }
        let Some(rate) = self.rate() else { return max };
        let capacity = (rate * BURST_SECONDS).max(1.0);
        let elapsed = now.duration_since(self.filled_at).as_secs_f64();
        self.tokens = rate.mul_add(elapsed, self.tokens).min(capacity);
        self.filled_at = now;
        // Truncated on purpose: a part of a message cannot go.
        max.min(self.tokens as u32)
    }

    /// So many go.
    pub fn take(&mut self, count: u32) {
        if self.rate().is_some() {
            self.tokens -= f64::from(count);
        }
    }

    /// When to look again, where there was no room.
    pub fn next_room(&self, now: Instant) -> Instant {
        let paused = self.paused_until.filter(|until| *until > now).unwrap_or(now);
        let Some(rate) = self.rate() else { return paused };
        // A few at once are cheaper than one by one.
        let wanted = (rate * 0.05).clamp(1.0, 16.0);
        let wait = ((wanted - self.tokens) / rate).clamp(0.0, 60.0);
        paused.max(now + Duration::from_secs_f64(wait))
    }

    /// Meta says that the number sends too fast: everything waits so long, and goes at half the rate afterwards.
    pub fn slow_down(&mut self, wait: Duration, now: Instant) {
        self.slow = (self.slow / 2.0).max(SLOWEST);
        self.slowed_at = now;
        self.tokens = 0.0;
        self.pause(wait, now);
    }

    /// Nothing goes for so long.
    pub fn pause(&mut self, wait: Duration, now: Instant) {
        self.paused_until = self.paused_until.max(Some(now + wait));
    }

    /// An answer came, whatever it says: somebody is there.
    pub const fn heard(&mut self) {
        self.silent = 0;
    }

    /// Nobody answered. From the fifth time in a row on, the number is left alone for a while that grows, and one message is
    /// tried after it.
    pub fn unheard(&mut self, now: Instant) {
        self.silent = self.silent.saturating_add(1);
        if let Some(over) = self.silent.checked_sub(SILENCE_MAX) {
            let wait = PAUSE_MIN.saturating_mul(1_u32.checked_shl(over.min(6)).unwrap_or(u32::MAX));
            self.pause(wait.min(PAUSE_MAX), now);
        }
    }

    /// Whether nobody has answered for a while.
    pub const fn is_silent(&self) -> bool {
        self.silent >= SILENCE_MAX
    }

    /// From when on one more may go to this customer; `None`: now.
    pub fn pair_free_at(&self, contact: ContactId, now: Instant) -> Option<Instant> {
        let pair = self.pairs.get(&contact)?;
        let blocked = pair.blocked_until.filter(|until| *until > now);
        let borrowed = pair.paid_at.checked_sub(PAIR_EVERY * (PAIR_BURST - 1)).filter(|at| *at > now);
        blocked.max(borrowed.filter(|_| self.keep_pair_pace))
    }

    /// One goes to this customer.
    pub fn pair_take(&mut self, contact: ContactId, now: Instant) {
        if self.pairs.len() >= PAIRS_MAX {
            self.pairs.retain(|_, pair| pair.paid_at > now || pair.blocked_until.is_some_and(|until| until > now));
        }
        let pair = self.pairs.entry(contact).or_insert(Pair { paid_at: now, blocked_until: None });
        pair.paid_at = pair.paid_at.max(now) + PAIR_EVERY;
    }

    /// Meta says that this customer gets too many: nothing goes to them for so long.
    pub fn block_pair(&mut self, contact: ContactId, wait: Duration, now: Instant) {
        let pair = self.pairs.entry(contact).or_insert(Pair { paid_at: now, blocked_until: None });
        pair.blocked_until = pair.blocked_until.max(Some(now + wait));
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn contact(id: u128) -> ContactId {
        ContactId::from_uuid(Uuid::from_u128(id))
    }

    /// Whoever takes all that there is room for, at every look, over so many seconds.
    fn sent(pace: &mut Pace, from: Instant, seconds: u32, every: Duration) -> u32 {
        let mut sent = 0;
        let mut now = from;
        while now < from + Duration::from_secs(seconds.into()) {
            let room = pace.room(64, now);
            pace.take(room);
            sent += room;
            now += every;
        }
        sent
    }

    #[test]
    fn a_minute_at_eighty_is_eighty_a_second() {
        for every in [5, 40, 100].map(Duration::from_millis) {
            let now = Instant::now();
            let mut pace = Pace::new(Some(80.0), true, now);
            let sent = sent(&mut pace, now, 60, every);
            let share = f64::from(sent) / 4_800.0;
            assert!((0.98..=1.02).contains(&share), "{sent} in a minute, looking every {every:?}");
        }
    }

    #[test]
    fn without_a_rate_there_is_room_until_meta_objects() {
        let now = Instant::now();
        let mut pace = Pace::new(None, true, now);
        assert_eq!(pace.room(64, now), 64);
        pace.slow_down(Duration::from_secs(1), now);
        assert_eq!(pace.room(64, now + Duration::from_millis(999)), 0, "it waits");
        let later = now + Duration::from_secs(2);
        assert_eq!(pace.room(64, later), 64, "and goes at 500 a second");
        pace.take(125);
        assert_eq!(pace.room(64, later + Duration::from_millis(20)), 10);
    }

    #[test]
    fn what_was_slowed_down_recovers() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(80.0), true, now);
        pace.slow_down(Duration::ZERO, now);
        let second = |from: u64| now + Duration::from_secs(from);
        sent(&mut pace, second(1), 1, Duration::from_millis(10));
        let half = sent(&mut pace, second(2), 1, Duration::from_millis(10));
        assert!((38..=42).contains(&half), "{half}");
        let hours_later = now + Duration::from_secs(3_600);
        sent(&mut pace, hours_later, 1, Duration::from_millis(10));
        let whole = sent(&mut pace, hours_later + Duration::from_secs(1), 1, Duration::from_millis(10));
        assert!((78..=82).contains(&whole), "{whole}");
    }

    #[test]
    fn silence_leaves_a_number_alone_and_one_is_tried() {
        let now = Instant::now();
        let mut pace = Pace::new(None, true, now);
        (0..4).for_each(|_| pace.unheard(now));
        assert_eq!((pace.room(9, now), pace.is_silent()), (9, false));
        pace.unheard(now);
        assert_eq!((pace.room(9, now), pace.is_silent()), (0, true));
        let second = Duration::from_secs(1);
        assert_eq!(pace.next_room(now), now + second);
        assert_eq!(pace.room(9, now + second), 1, "one is tried");
        pace.unheard(now + second);
        assert_eq!(pace.room(9, now + second * 2), 0, "twice as long");
        assert_eq!(pace.room(9, now + second * 3), 1);
        (0..20).for_each(|_| pace.unheard(now));
        assert_eq!(pace.next_room(now), now + PAUSE_MAX);
        pace.heard();
        assert_eq!(pace.room(9, now + PAUSE_MAX), 9);
    }

    #[test]
    fn a_customer_gets_forty_five_at_once_and_then_one_in_six_seconds() {
        let now = Instant::now();
        let mut pace = Pace::new(None, true, now);
        for _ in 0..45 {
            assert_eq!(pace.pair_free_at(contact(1), now), None);
            pace.pair_take(contact(1), now);
        }
        assert_eq!(pace.pair_free_at(contact(1), now), Some(now + PAIR_EVERY));
        assert_eq!(pace.pair_free_at(contact(2), now), None, "others go on");
        let later = now + PAIR_EVERY;
        assert_eq!(pace.pair_free_at(contact(1), later), None);
        pace.pair_take(contact(1), later);
        assert_eq!(pace.pair_free_at(contact(1), later), Some(later + PAIR_EVERY));
        assert_eq!(pace.pair_free_at(contact(1), now + PAIR_EVERY * 46), None, "all is paid back");
    }

    #[test]
    fn a_blocked_pair_waits_even_where_our_own_pace_is_lifted() {
        let now = Instant::now();
        let mut pace = Pace::new(None, false, now);
        (0..100).for_each(|_| pace.pair_take(contact(1), now));
        assert_eq!(pace.pair_free_at(contact(1), now), None);
        pace.block_pair(contact(1), Duration::from_secs(4), now);
        pace.block_pair(contact(1), Duration::from_secs(1), now);
        assert_eq!(pace.pair_free_at(contact(1), now), Some(now + Duration::from_secs(4)));
    }
}
