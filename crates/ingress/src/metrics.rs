//! The names of what is counted here, and the handles to count with. No label ever names a person.

use metrics::{Counter, Gauge, Histogram};
use waypost_bus::DeadLetterReason;
use waypost_proto::v1::EventKind;

waypost_domain::metric_table! {
    /// POSTs to the webhook, by `outcome`.
    counters POSTS = "waypost_ingress_posts_total";
    /// Events confirmed by the bus, by `kind`. What Meta sends twice counts twice.
    counters EVENTS = "waypost_ingress_events_total";
    /// Bodies, or parts of them, put aside as dead letters, by `reason`.
    counters QUARANTINED = "waypost_ingress_quarantined_total";
    /// Seconds from the publish call to the last confirmation.
    histogram PUBLISH_SECONDS = "waypost_ingress_publish_seconds";
    /// POSTs whose events are being published now.
    gauge IN_FLIGHT = "waypost_ingress_in_flight";
    /// Open connections.
    gauge CONNECTIONS = "waypost_ingress_connections";
    /// Connections closed by us, by `reason`.
    counters CONNECTIONS_CLOSED = "waypost_ingress_connections_closed_total";
    /// Secret or certificate files that changed, by `result`: `loaded`, or `rejected` and the old content kept.
    counter RELOADS by "result" in ["loaded", "rejected"] = "waypost_ingress_reloads_total";
}

/// What became of a POST to the webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PostOutcome {
    /// 200: everything in it is confirmed.
    Accepted,
    /// 401
    BadSignature,
    /// 413
    TooLarge,
    /// 408
    TooSlow,
    /// The client went away in the middle of the body.
    Aborted,
    /// 503: too much in flight.
    Shed,
    /// 503: the bus did not confirm everything.
    Unconfirmed,
}

impl PostOutcome {
    const ALL: [Self; 7] = [
        Self::Accepted,
        Self::BadSignature,
        Self::TooLarge,
        Self::TooSlow,
        Self::Aborted,
        Self::Shed,
        Self::Unconfirmed,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::BadSignature => "bad_signature",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Aborted => "aborted",
            Self::Shed => "shed",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// Why we closed a connection that its client had left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseReason {
    HeaderTimeout,
    IdleTimeout,
    /// It had to make room for a newer one.
    Evicted,
    /// There was no room, and nobody to evict.
    Refused,
    Tls,
}

impl CloseReason {
    const ALL: [Self; 5] = [Self::HeaderTimeout, Self::IdleTimeout, Self::Evicted, Self::Refused, Self::Tls];

    const fn label(self) -> &'static str {
        match self {
            Self::HeaderTimeout => "header_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::Evicted => "evicted",
            Self::Refused => "refused",
            Self::Tls => "tls",
        }
    }
}

const KINDS: [(EventKind, &str); 6] = [
    (EventKind::Message, "message"),
    (EventKind::StandbyMessage, "standby_message"),
    (EventKind::Echo, "echo"),
    (EventKind::Status, "status"),
    (EventKind::ContactChange, "contact_change"),
    (EventKind::AccountChange, "account_change"),
];

/// Handles made once, because looking one up by name for every request would cost as much as parsing it.
pub(crate) struct Metrics {
    posts: [Counter; PostOutcome::ALL.len()],
    events: [Counter; KINDS.len()],
    quarantined: [Counter; DeadLetterReason::ALL.len()],
    closed: [Counter; CloseReason::ALL.len()],
    pub(crate) publish_seconds: Histogram,
    pub(crate) in_flight: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) reloads_loaded: Counter,
    pub(crate) reloads_rejected: Counter,
}

impl Metrics {
    /// The recorder must be installed before.
    pub(crate) fn new() -> Self {
        describe();
        Self {
            posts: PostOutcome::ALL.map(|outcome| metrics::counter!(POSTS, "outcome" => outcome.label())),
            events: KINDS.map(|(_, label)| metrics::counter!(EVENTS, "kind" => label)),
            quarantined: DeadLetterReason::ALL.map(|reason| metrics::counter!(QUARANTINED, "reason" => reason.code())),
            closed: CloseReason::ALL.map(|reason| metrics::counter!(CONNECTIONS_CLOSED, "reason" => reason.label())),
            publish_seconds: metrics::histogram!(PUBLISH_SECONDS),
            in_flight: metrics::gauge!(IN_FLIGHT),
            connections: metrics::gauge!(CONNECTIONS),
            reloads_loaded: metrics::counter!(RELOADS, "result" => "loaded"),
            reloads_rejected: metrics::counter!(RELOADS, "result" => "rejected"),
        }
    }

    pub(crate) fn post(&self, outcome: PostOutcome) {
        self.posts[outcome as usize].increment(1);
    }

    /// Everything in `tally` is confirmed.
    pub(crate) fn confirmed(&self, tally: &Tally) {
        let events = self.events.iter().zip(tally.events);
        let quarantined = self.quarantined.iter().zip(tally.quarantined);
        for (counter, count) in events.chain(quarantined) {
            if count > 0 {
                counter.increment(count);
            }
        }
    }

    pub(crate) fn closed(&self, reason: CloseReason) {
        self.closed[reason as usize].increment(1);
    }
}

/// Counts one thing for as long as it lives.
pub(crate) struct Counted(Gauge);

impl Counted {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.increment(1);
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// What one POST holds, to be counted once it is confirmed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    events: [u64; KINDS.len()],
    quarantined: [u64; DeadLetterReason::ALL.len()],
}

impl Tally {
    pub(crate) fn add_event(&mut self, kind: EventKind) {
        if let Some(index) = KINDS.iter().position(|(known, _)| *known == kind) {
            self.events[index] += 1;
        }
    }

    pub(crate) fn add_quarantined(&mut self, reason: DeadLetterReason) {
        if let Some(index) = DeadLetterReason::ALL.iter().position(|known| *known == reason) {
            self.quarantined[index] += 1;
        }
    }
}
