//! Instants, as milliseconds since the Unix epoch. No clock is read here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Meta's timestamps: seconds, but at least one provider has been seen to send milliseconds. Anything past
    /// the year 5138 in seconds is taken for milliseconds.
    pub const fn from_wire(value: i64) -> Self {
        const SECONDS_MAX: i64 = 100_000_000_000;
        if value >= SECONDS_MAX { Self(value) } else { Self(value.saturating_mul(1000)) }
    }

    /// For whoever reads a clock: what it showed. An instant before 1970 counts as 1970.
    pub fn from_system_time(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// So much later.
    #[must_use]
    pub fn plus(self, wait: Duration) -> Self {
        self.plus_millis(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
    }

    /// `self - earlier` in milliseconds; negative when `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_s_instant_is_taken_as_it_is() {
        let at = |seconds| Timestamp::from_system_time(UNIX_EPOCH + std::time::Duration::from_millis(seconds));
        assert_eq!(at(1_749_854_575_123).as_millis(), 1_749_854_575_123);
        let before = UNIX_EPOCH - std::time::Duration::from_secs(1);
        assert_eq!(Timestamp::from_system_time(before).as_millis(), 0);
    }

    #[test]
    fn seconds_and_milliseconds_are_told_apart() {
        assert_eq!(Timestamp::from_wire(1_749_854_575).as_millis(), 1_749_854_575_000);
        assert_eq!(Timestamp::from_wire(1_749_854_575_123).as_millis(), 1_749_854_575_123);
        assert_eq!(Timestamp::from_wire(i64::MAX).as_millis(), i64::MAX);
    }
}
