//! What the benchmark says: a table for people, JSON for programs, and how both are read off what was measured.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use waypost_cloud_api::webhook::split;
use waypost_proto::{encode_event, v1};

/// One phase of one round, or the medians of all.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Row {
    pub(crate) per_second: f64,
    /// Processor microseconds per message.
    pub(crate) client_us: f64,
    pub(crate) broker_us: f64,
    pub(crate) database_us: f64,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Round {
    pub(crate) publish: Row,
    /// Durable publishes to the embedded bus, in this process.
    pub(crate) embedded: Row,
    pub(crate) forward: Row,
    pub(crate) noop: Row,
    pub(crate) ingress: Row,
    pub(crate) router: Row,
}

/// A figure of each round: the median, and how far they lie apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// What all rounds come to.
pub(crate) struct Figures {
    /// Of each phase: its medians, and how its speeds lie apart.
    rows: [(&'static str, Row, Spread); 6],
    router_vs_forward: Spread,
    ingress_vs_publish: Spread,
    embedded_vs_publish: Spread,
    /// Median, in messages per second.
    pub(crate) forward: f64,
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

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        Self { median: at(values.len() / 2), min: at(0), max: at(values.len().saturating_sub(1)) }
    }
}

impl Round {
    fn phases(&self) -> [(&'static str, Row); 6] {
        [
            ("publish", self.publish),
            ("embedded", self.embedded),
            ("noop_handler", self.noop),
            ("ingress", self.ingress),
            ("forward", self.forward),
            ("router", self.router),
        ]
    }
}

impl Figures {
    /// Ratios are taken within a round, so that a slow one slows both of their sides.
    pub(crate) fn of(rounds: &[Round]) -> Self {
        let all = |value: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(value).collect());
        let names = Round::default().phases();
        let rows = std::array::from_fn(|phase| {
            let of = |value: fn(&Row) -> f64| all(&|round: &Round| value(&round.phases()[phase].1));
            let per_second = of(|row| row.per_second);
            let row = Row {
                per_second: per_second.median,
                client_us: of(|row| row.client_us).median,
                broker_us: of(|row| row.broker_us).median,
                database_us: of(|row| row.database_us).median,
            };
            (names[phase].0, row, per_second)
        });
        // Against whichever floor is the lower one.
        let floor = |round: &Round| round.publish.per_second.min(round.noop.per_second);
        Self {
            rows,
            router_vs_forward: all(&|round| round.router.per_second / round.forward.per_second),
            ingress_vs_publish: all(&|round| round.ingress.per_second / floor(round)),
            embedded_vs_publish: all(&|round| round.embedded.per_second / round.publish.per_second),
            forward: all(&|round| round.forward.per_second).median,
        }
    }

    fn ratios(&self) -> [(&'static str, Spread); 3] {
        [
            ("router_vs_forward", self.router_vs_forward),
            ("ingress_vs_publish", self.ingress_vs_publish),
            ("embedded_vs_publish", self.embedded_vs_publish),
        ]
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
        let rows = self.figures.rows.iter().map(|(name, row, speed)| {
            let figures = json!({
                "messages_per_second": row.per_second,
                "messages_per_second_range": [speed.min, speed.max],
                "client_cpu_us": row.client_us,
                "broker_cpu_us": row.broker_us,
                "database_cpu_us": row.database_us,
            });
            ((*name).to_owned(), figures)
        });
        let ratios = self.figures.ratios().into_iter().flat_map(|(name, ratio)| {
            [(name.to_owned(), json!(ratio.median)), (format!("{name}_range"), json!([ratio.min, ratio.max]))]
        });
        let quiet = ("quiet_p50_vs_forward".to_owned(), json!(self.quiet_p50_vs_forward()));
        let ratios: serde_json::Map<_, _> = ratios.chain([quiet]).collect();
        let latency = |of: &[(&'static str, Latency)]| {
            let entry = |(name, latency): &(&str, Latency)| {
                ((*name).to_owned(), json!({"p50": latency.p50, "p99": latency.p99}))
            };
            of.iter().map(entry).collect::<serde_json::Map<_, _>>()
        };
        json!({
            "ratios": ratios,
            "phases": rows.collect::<serde_json::Map<_, _>>(),
            "latency_ms": latency(&self.latency),
            "latency_at_per_second": self.rate,
            "quiet_latency_ms": latency(&self.quiet),
            "quiet_latency_at_per_second": self.quiet_rate,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = ["messages/s", "min", "max", "client µs", "broker µs", "database µs"];
        let [speed, min, max, client, broker, database] = title;
        writeln!(f, "{:<14} {speed:>11} {min:>8} {max:>8} {client:>12} {broker:>12} {database:>12}", "")?;
        for (name, row, Spread { min, max, .. }) in &self.figures.rows {
            let Row { per_second, client_us, broker_us, database_us } = row;
            write!(f, "{name:<14} {per_second:>11.0} {min:>8.0} {max:>8.0} ")?;
            writeln!(f, "{client_us:>12.1} {broker_us:>12.1} {database_us:>12.1}")?;
        }
        for (rate, latency) in [(self.rate, &self.latency), (self.quiet_rate, &self.quiet)] {
            let title = format!("latency at {rate:.0} messages/s");
            writeln!(f, "\n{title:<26} {:>10} {:>10}", "p50 ms", "p99 ms")?;
            for (name, latency) in latency {
                writeln!(f, "{name:<26} {:>10.2} {:>10.2}", latency.p50, latency.p99)?;
            }
        }
        writeln!(f)?;
        for (name, Spread { median, min, max }) in self.figures.ratios() {
            writeln!(f, "{name:<20} {median:>6.3}  ({min:.3} to {max:.3})")?;
        }
        writeln!(f, "{:<20} {:>6.3}", "quiet_p50_vs_forward", self.quiet_p50_vs_forward())?;
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
