//! Pauses between attempts at what fails for now.
//!
//! Must never let replicas that failed together come back together.

use std::time::Duration;

/// Longer each time, until something succeeds.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    min: Duration,
    max: Duration,
}

impl Backoff {
    pub const fn new(min: Duration, max: Duration) -> Self {
        Self { next: min, min, max }
    }

    /// It worked.
    pub const fn reset(&mut self) {
        self.next = self.min;
    }

    /// How long to wait now: half fixed, half random, and twice as long the next time.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.next = (self.next * 2).min(self.max);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_limit_and_half_of_it_is_chance() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(450));
        for _ in 0..100 {
            for whole in [100, 200, 400, 450, 450].map(Duration::from_millis) {
                let pause = backoff.pause();
                assert!((whole / 2..=whole).contains(&pause), "{pause:?} of {whole:?}");
            }
            backoff.reset();
        }
    }
}
