//! Sends a plan: on its timetable, with bounded concurrency, each POST again until it is answered 200.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, Url};
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info};

use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::plan::{Plan, PlannedPost, SentMessage, SentOther};
use crate::post::{SignedBody, client};

/// One attempt at a POST.
#[derive(Debug, Clone)]
pub struct PostRecord {
    /// The customers' messages in it; empty for statuses, echoes and changes.
    pub messages: Arc<[SentMessage]>,
    /// Whatever else is in it.
    pub others: Arc<[SentOther]>,
    /// Counted from 1.
    pub attempt: u32,
    /// Whether it repeats a POST that is sent anyway.
    pub is_duplicate: bool,
    /// `None`: no answer.
    pub status: Option<u16>,
    /// When it should have been sent; equal to `sent_at` without a timetable, and for second attempts. Latency counts
    /// from here, or a slow webhook would hide its own slowness.
    pub due_at: Instant,
    pub sent_at: Instant,
    pub answered_at: Instant,
}

/// What became of it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SandboxReport {
    /// HTTP requests: everything below included.
    pub posts: u64,
    /// Distinct messages sent at least once.
    pub messages: u64,
    /// Distinct messages in a POST that was answered 200.
    pub accepted: u64,
    /// Distinct messages never answered 200: the retries ran out, or the run was stopped.
    pub refused: u64,
    /// Messages sent again although the first POST of them was, or may have been, taken.
    pub duplicates_sent: u64,
    /// POSTs sent again because they were not answered 200.
    pub retries: u64,
    /// POSTs of statuses, echoes and changes.
    pub other_posts: u64,
    pub elapsed: Duration,
}

type OnPost = Arc<dyn Fn(&PostRecord) + Send + Sync>;

/// The customers of one run.
pub struct Customers {
    config: SandboxConfig,
    url: Url,
    client: Client,
    on_post: Option<OnPost>,
}

impl Customers {
    /// The process must have installed a TLS provider.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        config.check()?;
        let url = config.url()?;
        let client = client(&url, config.answer_timeout, config.concurrency)?;
        Ok(Self { config, url, client, on_post: None })
    }

    /// Calls `on_post` after each attempt, from many tasks: it must be quick.
    #[must_use]
    pub fn on_post(mut self, on_post: impl Fn(&PostRecord) + Send + Sync + 'static) -> Self {
        self.on_post = Some(Arc::new(on_post));
        self
    }

    /// Writes until everything is answered, or until `shutdown`: then nothing new is sent, and what is under way is
    /// waited for.
    pub async fn run(self, shutdown: CancellationToken) -> SandboxReport {
        let began_at = Instant::now();
        let plan = Plan::new(self.config.clone());
        let slots = Arc::new(Semaphore::new(self.config.concurrency));
        let sender = Arc::new(Sender { customers: self, counts: Counts::default(), shutdown });
        let tasks = TaskTracker::new();
        let mut messages_before = 0;
        for post in plan {
            let due_at = sender.due_at(began_at, messages_before);
            if !post.is_duplicate {
                messages_before += post.messages.len() as u64;
            }
            if let Some(due_at) = due_at
                && sender.shutdown.run_until_cancelled(tokio::time::sleep_until(due_at.into())).await.is_none()
            {
                break;
            }
            let Some(Ok(slot)) = sender.shutdown.run_until_cancelled(slots.clone().acquire_owned()).await else {
                break;
            };
            let sender = sender.clone();
            tasks.spawn(async move {
                sender.send(post, due_at).await;
                drop(slot);
            });
        }
        tasks.close();
        tasks.wait().await;
        let report = sender.counts.report(began_at.elapsed());
        info!(posts = report.posts, accepted = report.accepted, refused = report.refused, "customers are done");
        report
    }
}

struct Sender {
    customers: Customers,
    counts: Counts,
    shutdown: CancellationToken,
}

impl Sender {
    /// The timetable's time for whatever comes after so many distinct messages.
    fn due_at(&self, began_at: Instant, messages_before: u64) -> Option<Instant> {
        let seconds = messages_before as f64 / self.customers.config.rate_per_second?;
        began_at.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
    }

    async fn send(&self, post: PlannedPost, due_at: Option<Instant>) {
        let config = &self.customers.config;
        self.counts.planned(&post);
        let body = SignedBody::new(config.provider, config.app_secret.expose_secret(), post.body.clone());
        let mut backoff = config.retry_backoff;
        for attempt in 1..=config.retry_max.saturating_add(1) {
            let sent_at = Instant::now();
            let answer = body.send(&self.customers.client, &self.customers.url).await;
            let status = answer.as_ref().ok().copied();
            if let Err(error) = answer {
                debug!(error = &error as &dyn std::error::Error, "no answer");
            }
            self.counts.sent(attempt);
            if status == Some(200) && !post.accepted.swap(true, Ordering::Relaxed) {
                add(&self.counts.accepted, post.messages.len() as u64);
            }
            if let Some(on_post) = &self.customers.on_post {
                on_post(&PostRecord {
                    messages: post.messages.clone(),
                    others: post.others.clone(),
                    attempt,
                    is_duplicate: post.is_duplicate,
                    status,
                    due_at: due_at.filter(|_| attempt == 1).unwrap_or(sent_at),
                    sent_at,
                    answered_at: Instant::now(),
                });
            }
            if status == Some(200) {
                return;
            }
            if self.shutdown.run_until_cancelled(tokio::time::sleep(backoff)).await.is_none() {
                return;
            }
            backoff = (backoff * 2).min(config.retry_backoff_max);
        }
    }
}

#[derive(Default)]
struct Counts {
    posts: AtomicU64,
    messages: AtomicU64,
    accepted: AtomicU64,
    duplicates_sent: AtomicU64,
    retries: AtomicU64,
    other_posts: AtomicU64,
}

impl Counts {
    fn planned(&self, post: &PlannedPost) {
        let messages = post.messages.len() as u64;
        if post.messages.is_empty() {
            add(&self.other_posts, 1);
        } else if post.is_duplicate {
            add(&self.duplicates_sent, messages);
        } else {
            add(&self.messages, messages);
        }
    }

    fn sent(&self, attempt: u32) {
        add(&self.posts, 1);
        add(&self.retries, u64::from(attempt > 1));
    }

    fn report(&self, elapsed: Duration) -> SandboxReport {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (messages, accepted) = (get(&self.messages), get(&self.accepted));
        SandboxReport {
            posts: get(&self.posts),
            messages,
            accepted,
            refused: messages.saturating_sub(accepted),
            duplicates_sent: get(&self.duplicates_sent),
            retries: get(&self.retries),
            other_posts: get(&self.other_posts),
            elapsed,
        }
    }
}

fn add(count: &AtomicU64, n: u64) {
    count.fetch_add(n, Ordering::Relaxed);
}
