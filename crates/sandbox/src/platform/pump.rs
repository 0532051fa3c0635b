//! Posts what is due, lane by lane, again and again until it is answered 200 or has been tried often enough.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use waypost_cloud_api::signature::Provider;

use super::config::PlatformConfig;
use super::hook;
use super::log::PostedStatus;
use super::outbox::{Again, Item, Next, Sent, Stage};
use super::shared::Shared;
use crate::config::parse_url;
use crate::error::SandboxError;
use crate::post::{SignedBody, client};

/// How long a lane sleeps at most.
const NAP_MAX: Duration = Duration::from_secs(60);
/// The client is made for this machine where no address is set yet.
const ANY_URL: &str = "http://127.0.0.1/";

/// What all lanes have in common.
pub(crate) struct Pump {
    shared: Arc<Shared>,
    client: Client,
    app_secret: SecretString,
    waba_id: String,
    webhook_version: u32,
    retry_max: u32,
    retry_backoff: Duration,
    retry_backoff_max: Duration,
    shutdown: CancellationToken,
}

impl Pump {
    pub(crate) fn new(
        shared: Arc<Shared>,
        config: &PlatformConfig,
        shutdown: CancellationToken,
    ) -> Result<Self, SandboxError> {
        let url = parse_url(config.webhook_url.as_deref().unwrap_or(ANY_URL))?;
        let delivery = &config.delivery;
        Ok(Self {
            shared,
            client: client(&url, delivery.answer_timeout, delivery.lanes)?,
            app_secret: config.app_secret.clone(),
            waba_id: config.waba_id.clone(),
            webhook_version: config.webhook_version,
            retry_max: delivery.retry_max,
            retry_backoff: delivery.retry_backoff,
            retry_backoff_max: delivery.retry_backoff_max,
            shutdown,
        })
    }

    /// One lane, until the end. A POST under way is given up then: it may have arrived, as with Meta.
    pub(crate) async fn run(self: Arc<Self>, lane: usize) {
        self.shutdown.run_until_cancelled(self.work(lane)).await;
    }

    async fn work(&self, lane: usize) {
        loop {
            let (next, now_ms) = self.shared.with(|state, now_ms| (state.next_post(lane, now_ms), now_ms));
            let nap = match next {
                Next::Post { items, url } => {
                    let body = Bytes::from(hook::body(&self.waba_id, self.webhook_version, &items));
                    let (statuses, items) = (statuses(&items), items.len());
                    self.post(lane, Again { body, url, items, statuses, attempt: 1 }).await;
                    continue;
                }
                Next::Again(again) => {
                    self.post(lane, again).await;
                    continue;
                }
                Next::At(due_ms) => Duration::from_millis(u64::try_from(due_ms - now_ms).unwrap_or_default()),
                Next::Nothing => NAP_MAX,
            };
            // Too early is no harm: then there is another nap.
            let woken = tokio::time::timeout(nap.min(NAP_MAX), self.shared.woken(lane)).await;
            woken.unwrap_or_default();
        }
    }

    async fn post(&self, lane: usize, again: Again) {
        if again.url.is_empty() {
            return self.shared.with(|state, _| state.outbox.settled(again.items));
        }
        let is_taken = self.is_taken(&again).await;
        self.shared.with(|state, now_ms| {
            state.hooks.posts += 1;
            for (sent, stage) in &*again.statuses {
                state.statuses.push(PostedStatus {
                    at_ms: now_ms,
                    wamid: sent.wamid.clone(),
                    phone_number_id: sent.number.phone_number_id.clone(),
                    state: stage.as_str(),
                    is_taken,
                });
            }
            if is_taken {
                state.hooks.told += again.items as u64;
                state.outbox.settled(again.items);
            } else if again.attempt > self.retry_max {
                state.hooks.given_up += again.items as u64;
                state.outbox.settled(again.items);
            } else {
                let doubled = self.retry_backoff.saturating_mul(1 << (again.attempt - 1).min(20));
                let backoff = i64::try_from(doubled.min(self.retry_backoff_max).as_millis()).unwrap_or(i64::MAX);
                state.outbox.push_again(lane, now_ms + backoff, Again { attempt: again.attempt + 1, ..again });
            }
        });
    }

    async fn is_taken(&self, again: &Again) -> bool {
        // Overrides are checked where they are set.
        let Ok(url) = Url::parse(&again.url) else { return false };
        let body = SignedBody::new(Provider::Meta, self.app_secret.expose_secret(), again.body.clone());
        match body.send(&self.client, &url).await {
            Ok(status) => status == 200,
            Err(error) => {
                debug!(error = &error.without_url() as &dyn std::error::Error, "no answer from the webhook");
                false
            }
        }
    }
}

fn statuses(items: &[(i64, Item)]) -> Arc<[(Arc<Sent>, Stage)]> {
    let status = |(_, item): &(i64, Item)| match item {
        Item::Status { sent, stage, .. } => Some((sent.clone(), *stage)),
        Item::Change { .. } => None,
    };
    items.iter().filter_map(status).collect()
}
