//! Whether a load balancer should send us anything: the bus is up, and every queue that we publish to is there.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tracing::{info, warn};
use waypost_bus::{Bus, Health, Layout, topology};

/// While all is well, the queues are asked for only at every tenth interval.
const CALM_INTERVALS: u32 = 10;

pub(crate) struct Readiness {
    bus: Arc<dyn Bus>,
    /// Every queue that the ingress publishes to.
    queues: Vec<String>,
    /// What is wrong with the queues; `None`: nothing.
    problem: ArcSwap<Option<String>>,
    check_timeout: Duration,
}

impl Readiness {
    /// Unready until the queues have been seen.
    pub(crate) fn new(bus: Arc<dyn Bus>, layout: Layout, check_timeout: Duration) -> Self {
        let mut queues = vec![layout.account_queue(), topology::DEAD_LETTERS_QUEUE.to_owned()];
        for partition in layout.partitions.all() {
            queues.push(layout.inbound_queue(partition));
            queues.push(layout.consent_queue(partition));
            queues.push(layout.statuses_queue(partition));
        }
        let problem = ArcSwap::from_pointee(Some("queues not checked yet".to_owned()));
        Self { bus, queues, problem, check_timeout }
    }

    /// Why not, in words for an operator, without details that are not everybody's business.
    pub(crate) fn problem(&self) -> Option<String> {
        match self.bus.health() {
            Health::Up => (**self.problem.load()).clone(),
            Health::Blocked(_) => Some("bus blocked".to_owned()),
            Health::Down(_) => Some("bus down".to_owned()),
        }
    }

    /// A publication came back. Which queue is missing, the next check finds out.
    pub(crate) fn returned(&self) {
        self.set(Some("a queue is missing or not bound".to_owned()));
    }

    /// Asks the bus now and then, until dropped.
    pub(crate) async fn watch(&self, interval: Duration) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut calm = 0;
        loop {
            ticks.tick().await;
            calm += 1;
            if self.problem.load().is_some() || calm >= CALM_INTERVALS {
                calm = 0;
                self.check().await;
            }
        }
    }

    async fn check(&self) {
        match self.bus.health() {
            // A blocked bus still answers questions; one that is down says enough by being down.
            Health::Up | Health::Blocked(_) => {}
            Health::Down(_) => return,
        }
        let found = tokio::time::timeout(self.check_timeout, self.find_problem()).await;
        self.set(found.unwrap_or_else(|_| Some("the bus does not answer".to_owned())));
    }

    async fn find_problem(&self) -> Option<String> {
        for queue in &self.queues {
            match self.bus.depth(queue).await {
                Ok(Some(_)) => {}
                Ok(None) => return Some(format!("queue {queue} does not exist")),
                Err(_) => return Some(format!("queue {queue} cannot be looked at")),
            }
        }
        None
    }

    fn set(&self, problem: Option<String>) {
        let before = self.problem.swap(Arc::new(problem.clone()));
        match (before.as_deref(), problem) {
            (None, Some(problem)) => warn!(problem, "not ready"),
            (Some(_), None) => info!("ready"),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
}
