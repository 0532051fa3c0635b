//! How many customers write how much, how fast and how untidily.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use waypost_cloud_api::signature::Provider;

use crate::error::SandboxError;

#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where to post; `http` or `https`.
    pub webhook_url: String,
    pub app_secret: SecretString,
    pub provider: Provider,
    /// The business's number that they write to.
    pub phone_number_id: String,
    pub display_phone_number: String,
    pub waba_id: String,
    /// Distinct messages of customers; repetitions, statuses, echoes and changes come on top.
    pub messages: u64,
    pub customers: u32,
    /// Distinct messages per second, on a fixed timetable that does not wait for answers (as far as `concurrency`
    /// allows). `None`: as fast as the answers come.
    pub rate_per_second: Option<f64>,
    /// Messages in one POST at most; each POST holds a random number of them. Meta's own limit is 1000.
    pub batch_max: u32,
    /// How many of 100 POSTs are sent a second time: half of those while the first is still under way, half later.
    pub duplicate_percent: u8,
    /// Of 100 POSTs, how many are followed by one with the statuses of an answer: sent, delivered and read, or failed.
    pub status_percent: u8,
    /// Of 100 POSTs, how many are followed by the echo of an answer given in the phone app.
    pub echo_percent: u8,
    /// Of 100 POSTs, how many are followed by a change: a customer's preference, somebody's new id, news of the account.
    pub change_percent: u8,
    /// Whether POSTs overtake each other.
    pub shuffle: bool,
    /// POSTs under way at most.
    pub concurrency: usize,
    /// The same seed (and `clock_seconds`) gives the same bodies in the same order.
    pub seed: u64,
    /// What messages carry as their time: seconds since the epoch.
    pub clock_seconds: i64,
    /// How often a POST that was not answered 200 is sent again.
    pub retry_max: u32,
    /// Before the first repetition; doubled before each further one, up to `retry_backoff_max`.
    pub retry_backoff: Duration,
    pub retry_backoff_max: Duration,
    /// How long an answer may take.
    pub answer_timeout: Duration,
}

impl SandboxConfig {
    /// 200 messages of 40 customers, one in a POST, as fast as the answers come.
    pub fn new(webhook_url: impl Into<String>, app_secret: impl Into<String>) -> Self {
        Self {
            webhook_url: webhook_url.into(),
            app_secret: SecretString::from(app_secret.into()),
            provider: Provider::Meta,
            phone_number_id: "106540352242922".to_owned(),
            display_phone_number: "15550783881".to_owned(),
            waba_id: "102290129340398".to_owned(),
            messages: 200,
            customers: 40,
            rate_per_second: None,
            batch_max: 1,
            duplicate_percent: 0,
            status_percent: 0,
            echo_percent: 0,
            change_percent: 0,
            shuffle: false,
            concurrency: 32,
            seed: 1,
            clock_seconds: now_seconds(),
            retry_max: 10,
            retry_backoff: Duration::from_millis(200),
            retry_backoff_max: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(20),
        }
    }

    pub(crate) fn check(&self) -> Result<(), SandboxError> {
        let rules = [
            ("customers", self.customers > 0, "must be above zero"),
            ("batch_max", (1..=1000).contains(&self.batch_max), "must be 1 to 1000"),
            ("duplicate_percent", self.duplicate_percent <= 100, "must be at most 100"),
            ("status_percent", self.status_percent <= 100, "must be at most 100"),
            ("echo_percent", self.echo_percent <= 100, "must be at most 100"),
            ("change_percent", self.change_percent <= 100, "must be at most 100"),
            ("concurrency", (1..=100_000).contains(&self.concurrency), "must be 1 to 100000"),
            ("rate_per_second", self.rate_per_second.is_none_or(|rate| rate > 0.0), "must be above zero"),
            ("app_secret", !self.app_secret.expose_secret().is_empty(), "must not be empty"),
        ];
        for (field, holds, problem) in rules {
            if !holds {
                return Err(SandboxError::Config { field, problem });
            }
        }
        Ok(())
    }

    pub(crate) fn url(&self) -> Result<Url, SandboxError> {
        parse_url(&self.webhook_url)
    }
}

fn now_seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

pub(crate) fn parse_url(text: &str) -> Result<Url, SandboxError> {
    let invalid = |problem| SandboxError::Config { field: "webhook_url", problem };
    let url = Url::parse(text).map_err(|_| invalid("is not a URL"))?;
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(invalid("must be http or https")) }
}
