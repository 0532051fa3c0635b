//! How long to wait before the same is tried again. Pure: who uses it adds what spreads the tries.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// A kind of fault, by how soon it may be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BackOff {
    /// Too fast: 1, 4, 16, 64 … seconds, as Meta asks
    /// (<https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes>).
    Throttle,
    /// Meta is out of order for a moment: 1 to 5 minutes.
    Outage,
    /// Too many calls of the app: minutes.
    Minutes,
    /// Under suspicion: hours.
    Hours,
    /// The customer has had enough for today: a try on the same day would fail again.
    Day,
    /// A new template reaches Meta's other API within ten minutes.
    TemplateSync,
    /// A file that could not be fetched: one more try.
    Once,
    /// Something changed while we looked.
    AtOnce,
}

impl BackOff {
    /// How long to wait after the first failure (`retries` is 0), the second, and so on.
    pub const fn delay(self, retries: u32) -> Duration {
        let (first_s, factor, max_s) = match self {
            Self::Throttle => (1, 4, 1_024),
            Self::Outage => (MINUTE, 2, 5 * MINUTE),
            Self::Minutes => (2 * MINUTE, 2, HOUR),
            Self::Hours => (HOUR, 2, 12 * HOUR),
            Self::Day => (24 * HOUR, 1, 24 * HOUR),
            Self::TemplateSync => (10 * MINUTE, 1, 10 * MINUTE),
            Self::Once => (MINUTE, 1, MINUTE),
            Self::AtOnce => (0, 1, 0),
        };
        let growth = u64::saturating_pow(factor, retries);
        let delay_s = first_s.saturating_mul(growth);
        Duration::from_secs(if delay_s < max_s { delay_s } else { max_s })
    }

    /// How often it is tried again at most; `None` where only the send's own expiry ends it.
    pub const fn retries_max(self) -> Option<u32> {
        match self {
            Self::Once => Some(1),
            Self::Throttle
            | Self::Outage
            | Self::Minutes
            | Self::Hours
            | Self::Day
            | Self::TemplateSync
            | Self::AtOnce => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_end() {
        let seconds = |back_off: BackOff| [0, 1, 2, 3, 9, u32::MAX].map(|retries| back_off.delay(retries).as_secs());
        let cases = [
            (BackOff::Throttle, [1, 4, 16, 64, 1_024, 1_024]),
            (BackOff::Outage, [60, 120, 240, 300, 300, 300]),
            (BackOff::Minutes, [120, 240, 480, 960, 3_600, 3_600]),
            (BackOff::Hours, [3_600, 7_200, 14_400, 28_800, 43_200, 43_200]),
            (BackOff::Day, [86_400; 6]),
            (BackOff::TemplateSync, [600; 6]),
            (BackOff::Once, [60; 6]),
            (BackOff::AtOnce, [0; 6]),
        ];
        for (back_off, want) in cases {
            assert_eq!(seconds(back_off), want, "{back_off:?}");
        }
    }
}
