//! How fast is sent, and how long is waited.

use std::time::Duration;

use waypost_domain::send::OrderLimits;

/// What the sender goes by.
#[derive(Debug, Clone)]
pub struct SenderConfig {
    /// Messages a second from one number, as long as Meta lets it; `None`: as many as it takes.
    pub rate_per_second: Option<f64>,
    /// Requests of one number that may be under way at once.
    pub in_flight_max: usize,
    /// Sends that are claimed in one transaction.
    pub batch_max: u32,
    /// How often is looked for what is due.
    pub poll_every: Duration,
    /// How long a send that may have gone waits for news of it.
    pub uncertain_wait: Duration,
    pub order: OrderLimits,
    /// Of ten sends, how many go to normal ones while urgent ones wait.
    pub normal_share: u32,
    /// Whether Meta's pace for a number and a customer is kept to before it says so.
    pub keep_pair_pace: bool,
}

impl Default for SenderConfig {
    fn default() -> Self {
        Self {
            // Meta, "Throughput".
            rate_per_second: Some(80.0),
            in_flight_max: 256,
            batch_max: 64,
            poll_every: Duration::from_millis(100),
            uncertain_wait: Duration::from_secs(120),
            order: OrderLimits::default(),
            normal_share: 2,
            keep_pair_pace: true,
        }
    }
}
