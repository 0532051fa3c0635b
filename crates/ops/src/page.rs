//! The one metrics page of a process: the recorder that all crates count with, and its text for Prometheus.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::error::OpsError;

/// Gauge: 1, with what runs as its labels: those of [`Build`], `bus` and `store`.
pub const BUILD_INFO: &str = "waypost_build_info";

/// For everything that ends in `_seconds`.
const SECONDS: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0];
/// For everything that ends in `_size`, which counts things.
const SIZES: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// What `/metrics` answers with.
#[derive(Clone)]
pub struct MetricsPage(PrometheusHandle);

impl MetricsPage {
    /// Installs the recorder of the process; before anything is counted.
    ///
    /// # Errors
    /// The process has one already.
    pub fn install() -> Result<Self, OpsError> {
        let installed = with_buckets(PrometheusBuilder::new()).and_then(PrometheusBuilder::install_recorder);
        installed.map(Self).map_err(|error| OpsError::StartedBefore { what: "metrics", problem: error.to_string() })
    }

    /// All metrics, in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Brings recorded values into their buckets, so that they do not pile up where nobody scrapes.
    pub(crate) fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

fn with_buckets(builder: PrometheusBuilder) -> Result<PrometheusBuilder, BuildError> {
    builder
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &SIZES)
}

/// Of what, and by which compiler, the program was built.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    pub version: &'static str,
    pub commit: &'static str,
    pub rustc: &'static str,
}

/// Says on the metrics page what runs: the program's build, the kinds of `bus` and `store`.
pub fn describe_build(build: Build, bus: &'static str, store: &'static str) {
    let Build { version, commit, rustc } = build;
    metrics::describe_gauge!(BUILD_INFO, "1, with what runs as its labels: version, commit, rustc, bus and store");
    let labels = [("version", version), ("commit", commit), ("rustc", rustc), ("bus", bus), ("store", store)];
    metrics::gauge!(BUILD_INFO, &labels).set(1.0);
}
