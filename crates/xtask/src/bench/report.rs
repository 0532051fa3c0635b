//! What the benchmark says: a table for people, JSON for programs, and how both are read off what was measured.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use waypost_cloud_api::webhook::split;
use waypost_proto::{encode_event, v1};

/// One phase of one round, or the medians of all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) per_second: f64,
    /// Processor microseconds per message.
    pub(crate) client_us: f64,
    pub(crate) broker_us: f64,
    pub(crate) database_us: f64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) publish: Row,
    /// Durable publishes to the embedded bus, in this process.
    pub(crate) embedded: Row,
    pub(crate) forward: Row,
    pub(crate) noop: Row,
    pub(crate) ingress: Row,
    pub(crate) router: Row,
}

/// Milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

pub(crate) struct Report {
    pub(crate) figures: Figures,
    pub(crate) latency: Vec<(&'static str, Latency)>,
    /// Messages per second at which latency was measured.
    pub(crate) rate: f64,
    /// The bare loop, and from a POST to a team's queue, when there is little to do.
    pub(crate) quiet: Vec<(&'static str, Latency)>,
    pub(crate) quiet_rate: f64,
}

impl Figures {
    pub(crate) fn medians(rounds: Vec<Self>) -> Self {
        let row = |of: fn(&Self) -> Row| {
            let median = |value: fn(&Row) -> f64| {
                let mut values: Vec<f64> = rounds.iter().map(|round| value(&of(round))).collect();
                values.sort_by(f64::total_cmp);
                values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
            };
            Row {
                per_second: median(|row| row.per_second),
                client_us: median(|row| row.client_us),
                broker_us: median(|row| row.broker_us),
                database_us: median(|row| row.database_us),
            }
        };
        Self {
            publish: row(|round| round.publish),
            embedded: row(|round| round.embedded),
            forward: row(|round| round.forward),
            noop: row(|round| round.noop),
            ingress: row(|round| round.ingress),
            router: row(|round| round.router),
        }
    }

    fn rows(&self) -> [(&'static str, Row); 6] {
        [
            ("publish", self.publish),
            ("embedded", self.embedded),
            ("noop_handler", self.noop),
            ("ingress", self.ingress),
            ("forward", self.forward),
            ("router", self.router),
        ]
    }

    fn embedded_vs_publish(&self) -> f64 {
        self.embedded.per_second / self.publish.per_second
    }

    fn router_vs_forward(&self) -> f64 {
        self.router.per_second / self.forward.per_second
    }

    /// Against whichever floor is the lower one.
    fn ingress_vs_publish(&self) -> f64 {
        self.ingress.per_second / self.publish.per_second.min(self.noop.per_second)
    }
}

impl Latency {
    pub(crate) fn of(micros: &Histogram<u64>) -> Self {
        let millis = |quantile| Duration::from_micros(micros.value_at_quantile(quantile)).as_secs_f64() * 1e3;
        Self { p50: millis(0.5), p99: millis(0.99) }
    }
}

impl Report {
    /// How much longer a message takes through all of ours than through a bare loop.
    fn quiet_p50_vs_forward(&self) -> f64 {
        match &self.quiet[..] {
            [(_, forward), (_, ours)] => ours.p50 / forward.p50,
            _ => f64::NAN,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let rows = self.figures.rows().map(|(name, row)| {
            let figures = json!({
                "messages_per_second": row.per_second,
                "client_cpu_us": row.client_us,
                "broker_cpu_us": row.broker_us,
                "database_cpu_us": row.database_us,
            });
            (name.to_owned(), figures)
        });
        let latency = |of: &[(&'static str, Latency)]| {
            let entry = |(name, latency): &(&str, Latency)| {
                ((*name).to_owned(), json!({"p50": latency.p50, "p99": latency.p99}))
            };
            of.iter().map(entry).collect::<serde_json::Map<_, _>>()
        };
        json!({
            "ratios": {
                "router_vs_forward": self.figures.router_vs_forward(),
                "ingress_vs_publish": self.figures.ingress_vs_publish(),
                "embedded_vs_publish": self.figures.embedded_vs_publish(),
                "quiet_p50_vs_forward": self.quiet_p50_vs_forward(),
            },
            "phases": rows.into_iter().collect::<serde_json::Map<_, _>>(),
            "latency_ms": latency(&self.latency),
            "latency_at_per_second": self.rate,
            "quiet_latency_ms": latency(&self.quiet),
            "quiet_latency_at_per_second": self.quiet_rate,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<14} {:>11} {:>12} {:>12} {:>12}", "", "messages/s", "client µs", "broker µs", "database µs")?;
        for (name, row) in self.figures.rows() {
            let (client, broker, database) = (row.client_us, row.broker_us, row.database_us);
            writeln!(f, "{name:<14} {:>11.0} {client:>12.1} {broker:>12.1} {database:>12.1}", row.per_second)?;
        }
        for (rate, latency) in [(self.rate, &self.latency), (self.quiet_rate, &self.quiet)] {
            let title = format!("latency at {rate:.0} messages/s");
            writeln!(f, "\n{title:<26} {:>10} {:>10}", "p50 ms", "p99 ms")?;
            for (name, latency) in latency {
                writeln!(f, "{name:<26} {:>10.2} {:>10.2}", latency.p50, latency.p99)?;
            }
        }
        writeln!(f)?;
        for (name, ratio) in [
            ("router_vs_forward", self.figures.router_vs_forward()),
            ("ingress_vs_publish", self.figures.ingress_vs_publish()),
            ("embedded_vs_publish", self.figures.embedded_vs_publish()),
            ("quiet_p50_vs_forward", self.quiet_p50_vs_forward()),
        ] {
            writeln!(f, "{name:<20} {ratio:>6.3}")?;
        }
        Ok(())
    }
}

/// The event that the ingress would publish for a webhook with one message.
pub(crate) fn event(body: &[u8]) -> Vec<u8> {
    let split = split(body);
    let Some(event) = split.events.into_iter().next() else { return Vec::new() };
    let waypost_cloud_api::webhook::Content::Message(message) = event.content else { return Vec::new() };
    let encoded = encode_event(v1::Event {
        kind: v1::EventKind::Message.into(),
        phone_number_id: event.number.as_str().to_owned(),
        waba_id: event.waba_id.as_str().to_owned(),
        field: event.field.into_owned(),
        key: event.key,
        contact: Some(message.contact.into()),
        profile_name: message.profile_name.unwrap_or_default(),
        json: event.json.as_bytes().to_vec().into(),
        display_phone_number: event.display_phone_number,
        ..v1::Event::default()
    });
    encoded.to_vec()
}

/// The nanoseconds that a team message's text begins with.
pub(crate) fn stamp_of(body: &[u8]) -> Option<u64> {
    let document: Value = serde_json::from_slice(body).ok()?;
    document.pointer("/data/message/text")?.as_str()?.get(..20)?.parse().ok()
}

/// The number of the webhook that a team message comes from: what its wamid ends in.
pub(crate) fn number_of(body: &[u8]) -> Option<usize> {
    let document: Value = serde_json::from_slice(body).ok()?;
    document.pointer("/data/message/wamid")?.as_str()?.rsplit('.').next()?.parse().ok()
}

/// The router's count of handled messages, out of its metrics.
pub(crate) fn handled(metrics: &str) -> usize {
    let line = metrics
        .lines()
        .find(|line| line.starts_with("waypost_worker_handled_total") && line.contains("component=\"router\""));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}
