//! What the platform is like: whose numbers, which limits, how statuses come, who has WhatsApp.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::config::parse_url;
use crate::error::SandboxError;

/// One business on the platform: one portfolio, one account, its numbers.
#[derive(Debug, Clone)]
pub struct PlatformConfig {
    /// Where the Graph API is served; port 0 for any that is free.
    pub listen: SocketAddr,
    /// Where webhooks go. `None`: nowhere, as without a subscription.
    pub webhook_url: Option<String>,
    /// What webhooks are signed with.
    pub app_secret: SecretString,
    /// The access tokens that are valid.
    pub tokens: Vec<SecretString>,
    pub waba_id: String,
    pub app_id: String,
    pub numbers: Vec<NumberConfig>,
    /// Templates that are approved from the start, as one creates them: `{name, language, category, components}`.
    pub templates: Vec<Value>,
    pub delivery: Delivery,
    pub limits: Limits,
    pub strangers: Strangers,
    pub unprefixed: Unprefixed,
    /// Codes about the customer that come as a `failed` status, after the message was accepted, and not in the answer.
    pub late_codes: BTreeSet<i64>,
    /// Which Graph version webhooks are in: before 24 they have a `conversation`.
    pub webhook_version: u32,
    /// Whether the account may send utility without a template, outside of windows.
    pub direct_send: bool,
    /// How many accepted and refused messages are remembered, each; older ones are forgotten.
    pub log_max: usize,
    /// The largest request body, in bytes: a document has 100 MB at most.
    pub body_bytes_max: usize,
    /// The same seed plays the same customers.
    pub seed: u64,
}

/// One of the business's numbers.
#[derive(Debug, Clone)]
pub struct NumberConfig {
    pub phone_number_id: String,
    /// With its country code.
    pub display_phone_number: String,
    pub verified_name: String,
}

/// How webhooks come. What `percent` is said of is decided for each message.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// From the acceptance to `sent`.
    pub sent_ms: RangeInclusive<u64>,
    /// From `sent` to `delivered`.
    pub delivered_ms: RangeInclusive<u64>,
    /// From `delivered` to `read`.
    pub read_ms: RangeInclusive<u64>,
    /// How many are read without a word of control.
    pub read_percent: u8,
    /// The statuses of a message come in any order.
    pub out_of_order_percent: u8,
    /// Each status of a message comes twice.
    pub double_percent: u8,
    /// The last status of a message comes `late` later.
    pub late_percent: u8,
    pub late: Duration,
    /// `delivered` of a message never comes.
    pub missing_percent: u8,
    /// Statuses and messages in one POST at most, when many are due. Meta's own limit is 1000.
    pub batch_max: usize,
    /// POSTs under way at most. What concerns one customer is never in two of them at once.
    pub lanes: usize,
    /// How often a POST that was not answered 200 is sent again.
    pub retry_max: u32,
    /// Before the first repetition; doubled before each further one, up to `retry_backoff_max`.
    pub retry_backoff: Duration,
    pub retry_backoff_max: Duration,
    pub answer_timeout: Duration,
    /// Webhooks that wait at most; what comes beyond is lost, and counted.
    pub pending_max: usize,
}

/// Meta's limits. `None`: lifted.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Messages per second of a number.
    pub throughput: Option<u32>,
    /// Whether pairs of number and customer are limited: one message in 6 s, 45 at once on credit.
    pub pair: bool,
    /// Customers outside of windows in 24 h, of all numbers together.
    pub messaging: Option<u32>,
    /// Marketing templates to one customer in 24 h, outside of windows.
    pub marketing: Option<u32>,
    /// Free-form messages of a number that are free in a month.
    pub free_service: u32,
    /// The HTTP status of what is too fast or too much: Meta answers with 400 or 429.
    pub http_status: u16,
}

/// Who was never introduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// Has no WhatsApp: 131026.
    Unreachable,
    /// Becomes a customer by the first message to their number.
    Join,
}

/// What a number without `+` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unprefixed {
    /// One in the sender's country, as Meta's page says: with another country's code it reaches somebody else.
    SendersCountry,
    /// The same as with `+`.
    International,
}

impl PlatformConfig {
    /// One number, Meta's limits, statuses in order within 50 ms each, on a free loopback port.
    pub fn new(app_secret: impl Into<String>, token: impl Into<String>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            webhook_url: None,
            app_secret: SecretString::from(app_secret.into()),
            tokens: vec![SecretString::from(token.into())],
            waba_id: "102290129340398".to_owned(),
            app_id: "700000000000001".to_owned(),
            numbers: vec![NumberConfig::new("106540352242922", "15550783881")],
            templates: Vec::new(),
            delivery: Delivery::default(),
            limits: Limits::default(),
            strangers: Strangers::Unreachable,
            unprefixed: Unprefixed::SendersCountry,
            late_codes: BTreeSet::from([130_472, 131_026, 131_042, 131_047, 131_048, 131_049, 131_050, 131_053]),
            webhook_version: 26,
            direct_send: false,
            log_max: 1_000_000,
            body_bytes_max: 101 << 20,
            seed: 1,
        }
    }

    pub(crate) fn check(&self) -> Result<(), SandboxError> {
        let delivery = &self.delivery;
        let percents = [
            delivery.read_percent,
            delivery.out_of_order_percent,
            delivery.double_percent,
            delivery.late_percent,
            delivery.missing_percent,
        ];
        let rules = [
            ("numbers", !self.numbers.is_empty(), "must have one"),
            ("tokens", !self.tokens.is_empty(), "must have one"),
            ("app_secret", !self.app_secret.expose_secret().is_empty(), "must not be empty"),
            ("delivery", percents.iter().all(|percent| *percent <= 100), "has a percentage above 100"),
            ("delivery.batch_max", (1..=1000).contains(&delivery.batch_max), "must be 1 to 1000"),
            ("delivery.lanes", (1..=64).contains(&delivery.lanes), "must be 1 to 64"),
            ("limits.throughput", self.limits.throughput != Some(0), "must be above zero"),
        ];
        for (field, holds, problem) in rules {
            if !holds {
                return Err(SandboxError::Config { field, problem });
            }
        }
        self.webhook_url.as_deref().map(parse_url).transpose()?;
        Ok(())
    }
}

impl NumberConfig {
    pub fn new(phone_number_id: impl Into<String>, display_phone_number: impl Into<String>) -> Self {
        Self {
            phone_number_id: phone_number_id.into(),
            display_phone_number: display_phone_number.into(),
            verified_name: "Sandbox".to_owned(),
        }
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            sent_ms: 0..=50,
            delivered_ms: 0..=50,
            read_ms: 0..=50,
            read_percent: 100,
            out_of_order_percent: 0,
            double_percent: 0,
            late_percent: 0,
            late: Duration::from_secs(5),
            missing_percent: 0,
            batch_max: 100,
            lanes: 8,
            retry_max: 10,
            retry_backoff: Duration::from_millis(200),
            retry_backoff_max: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(20),
            pending_max: 2_000_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            throughput: Some(80),
            pair: true,
            messaging: Some(250),
            marketing: Some(2),
            free_service: 1_000,
            http_status: 429,
        }
    }
}

impl Limits {
    /// As fast and as much as one likes: for benchmarks.
    pub fn lifted() -> Self {
        Self { throughput: None, pair: false, messaging: None, marketing: None, ..Self::default() }
    }
}
