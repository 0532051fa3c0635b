//! Holds the edges between our crates, and who may use which library, to the tables below. A new row or a new entry
//! is a design change: the commit says why.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Metadata};

use crate::workspace;

/// The layers, from the purest outwards. What each may know is [`may_know`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    /// No I/O, no clock, no async, no randomness.
    Pure,
    /// Formats of the outside world and of our own messages.
    Wire,
    /// What we ask of a broker and of a database.
    Port,
    /// What fulfils a port. Only the binary and tests choose one.
    Adapter,
    /// Calls somebody else's service; components use it as it is.
    Client,
    /// What every consuming component runs.
    Kit,
    Component,
    Bin,
    /// The WhatsApp platform on the desk.
    Sandbox,
    /// Chores and tests.
    Dev,
}

const CRATES: &[(&str, Layer)] = &[
    ("waypost-domain", Layer::Pure),
    ("waypost-rules", Layer::Pure),
    ("waypost-policy", Layer::Pure),
    ("waypost-cloud-api", Layer::Wire),
    ("waypost-proto", Layer::Wire),
    ("waypost-fault", Layer::Port),
    ("waypost-bus", Layer::Port),
    ("waypost-store", Layer::Port),
    ("waypost-bus-embedded", Layer::Adapter),
    ("waypost-bus-rabbitmq", Layer::Adapter),
    ("waypost-graph-client", Layer::Client),
    ("waypost-files", Layer::Kit),
    ("waypost-grpc", Layer::Kit),
    ("waypost-worker", Layer::Kit),
    ("waypost-live", Layer::Kit),
    ("waypost-ops", Layer::Kit),
    ("waypost-ingress", Layer::Component),
    ("waypost-router", Layer::Component),
    ("waypost-sender", Layer::Component),
    ("waypost-optin", Layer::Component),
    ("waypost-admin", Layer::Component),
    ("waypost-gateway", Layer::Component),
    ("waypost-cli", Layer::Bin),
    ("waypost", Layer::Bin),
    ("waypost-sandbox", Layer::Sandbox),
    ("waypost-ledger", Layer::Dev),
    ("waypost-xtask", Layer::Dev),
    ("waypost-tests", Layer::Dev),
];

/// The layers whose crates a crate of `layer` may depend on.
fn may_know(layer: Layer) -> &'static [Layer] {
    match layer {
        Layer::Pure => &[],
        Layer::Wire | Layer::Port => &[Layer::Pure],
        Layer::Adapter | Layer::Kit => &[Layer::Pure, Layer::Wire, Layer::Port],
        // Never an adapter, never another component.
        Layer::Component => &[Layer::Pure, Layer::Wire, Layer::Port, Layer::Client, Layer::Kit],
        Layer::Bin => &[
            Layer::Pure,
            Layer::Wire,
            Layer::Port,
            Layer::Adapter,
            Layer::Client,
            Layer::Kit,
            Layer::Component,
            Layer::Sandbox,
        ],
        Layer::Client | Layer::Sandbox => &[Layer::Pure, Layer::Wire],
        Layer::Dev => &[
            Layer::Pure,
            Layer::Wire,
            Layer::Port,
            Layer::Adapter,
            Layer::Client,
            Layer::Kit,
            Layer::Component,
            Layer::Bin,
            Layer::Sandbox,
        ],
    }
}

/// Edges within a layer.
const SAME_LAYER: &[(&str, &str)] = &[
    ("waypost-rules", "waypost-domain"),
    ("waypost-policy", "waypost-domain"),
    // What the fault suite breaks lies in both ports' ways.
    ("waypost-bus", "waypost-fault"),
    ("waypost-store", "waypost-fault"),
    // Its certificate is followed as the front door's is.
    ("waypost-grpc", "waypost-files"),
    ("waypost", "waypost-cli"),
    ("waypost-tests", "waypost-ledger"),
    ("waypost-xtask", "waypost-ledger"),
    ("waypost-xtask", "waypost-tests"),
];

/// Crates that may know less than their layer: the client reaches everything over the administration.
const KNOWS_ONLY: &[(&str, &[&str])] =
    &[("waypost-cli", &["waypost-domain", "waypost-rules", "waypost-cloud-api", "waypost-proto"])];

/// What a crate's own tests may use beyond that: the embedded bus, which needs no server, to test against the port.
const TESTS_ONLY: &[(&str, &str)] = &[
    ("waypost-worker", "waypost-bus-embedded"),
    ("waypost-ingress", "waypost-bus-embedded"),
    ("waypost-router", "waypost-bus-embedded"),
    ("waypost-sender", "waypost-bus-embedded"),
    ("waypost-optin", "waypost-bus-embedded"),
    ("waypost-admin", "waypost-bus-embedded"),
    ("waypost-gateway", "waypost-bus-embedded"),
];

/// Libraries that belong to one place each, tests and benches apart.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("lapin", &["waypost-bus-rabbitmq", "waypost-xtask", "waypost-tests"]),
    ("rusqlite", &["waypost-bus-embedded", "waypost-store", "waypost-tests"]),
    ("tokio-postgres", &["waypost-store", "waypost-tests"]),
    ("axum", &["waypost-ingress", "waypost-xtask"]),
    ("tonic", &["waypost-proto", "waypost-grpc", "waypost-admin", "waypost-gateway", "waypost-cli", "waypost-tests"]),
    ("clap", &["waypost-cli", "waypost", "waypost-xtask"]),
    ("figment", &["waypost"]),
    ("anyhow", &["waypost", "waypost-ledger", "waypost-xtask", "waypost-tests"]),
    ("metrics-exporter-prometheus", &["waypost-ops", "waypost-xtask"]),
    ("tracing-subscriber", &["waypost-ops", "waypost-xtask", "waypost-tests"]),
];

/// Clocks, sockets, executors and dice: nothing a pure crate may have.
const NOT_PURE: &[&str] = &[
    "tokio",
    "tokio-util",
    "futures-util",
    "async-trait",
    "fastrand",
    "rand",
    "reqwest",
    "hyper",
    "axum",
    "tonic",
    "tracing",
    "metrics",
    "tempfile",
];

/// Not even in `Cargo.lock`: each needs something installed by hand, or is a second TLS stack.
const NOT_IN_THE_TREE: &[&str] = &["openssl-sys", "aws-lc-sys", "aws-lc-rs", "cmake", "native-tls", "protobuf-src"];

#[test]
fn every_crate_has_a_layer() {
    let members: BTreeSet<String> = workspace::metadata().packages.iter().map(|p| p.name.to_string()).collect();
    let listed: BTreeSet<String> = CRATES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(members, listed, "the workspace's members and the table of layers");
}

#[test]
fn crates_know_only_the_layers_above_them() {
    check(&forbidden_edges(&workspace::metadata()));
}

#[test]
fn libraries_stay_in_their_place() {
    let mut found = Vec::new();
    for package in workspace::metadata().packages {
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            let allowed = LIBRARIES.iter().find(|(name, _)| *name == dependency.name).map(|(_, allowed)| *allowed);
            if allowed.is_some_and(|allowed| !allowed.contains(&package.name.as_str())) {
                found.push(format!("{} uses {}", package.name, dependency.name));
            }
            if layer(&package.name) == Some(Layer::Pure) && NOT_PURE.contains(&dependency.name.as_str()) {
                found.push(format!("{} is pure and uses {}", package.name, dependency.name));
            }
        }
    }
    check(&found);
}

#[test]
fn the_tree_needs_nothing_installed_by_hand() {
    let lock = std::fs::read_to_string(workspace::root().join("Cargo.lock")).expect("Cargo.lock is committed");
    let found: Vec<String> = NOT_IN_THE_TREE
        .iter()
        .filter(|name| lock.contains(&format!("\nname = \"{name}\"\n")))
        .map(|name| format!("{name} is in Cargo.lock (cargo tree -i {name})"))
        .collect();
    check(&found);
}

fn check(found: &[String]) {
    assert!(found.is_empty(), "against the design:\n{}", found.join("\n"));
}

fn forbidden_edges(metadata: &Metadata) -> Vec<String> {
    let mut found = Vec::new();
    for package in &metadata.packages {
        let from = package.name.as_str();
        for dependency in &package.dependencies {
            let to = dependency.name.as_str();
            if layer(to).is_none() || from == to {
                continue;
            }
            let tests_only = dependency.kind == DependencyKind::Development && TESTS_ONLY.contains(&(from, to));
            if !allowed(from, to) && !tests_only {
                found.push(format!("{from} knows {to} ({} dependency)", dependency.kind));
            }
        }
    }
    found
}

fn allowed(from: &str, to: &str) -> bool {
    let by_layer = match (layer(from), layer(to)) {
        (Some(from), Some(to)) => may_know(from).contains(&to),
        (None, _) | (_, None) => false,
    };
    let not_narrowed = KNOWS_ONLY.iter().all(|(name, known)| *name != from || known.contains(&to));
    (by_layer && not_narrowed) || SAME_LAYER.contains(&(from, to))
}

fn layer(package: &str) -> Option<Layer> {
    CRATES.iter().find(|(name, _)| *name == package).map(|(_, layer)| *layer)
}

#[test]
fn the_rule_itself() {
    let cases = [
        ("waypost-router", "waypost-bus", true),
        ("waypost-router", "waypost-worker", true),
        ("waypost-router", "waypost-bus-rabbitmq", false),
        ("waypost-router", "waypost-ingress", false),
        ("waypost-domain", "waypost-rules", false),
        ("waypost-rules", "waypost-domain", true),
        ("waypost-policy", "waypost-domain", true),
        ("waypost-policy", "waypost-rules", false),
        ("waypost-bus", "waypost-cloud-api", false),
        ("waypost-bus-embedded", "waypost-bus-rabbitmq", false),
        ("waypost-worker", "waypost-cloud-api", true),
        ("waypost-bus", "waypost-fault", true),
        ("waypost-fault", "waypost-bus", false),
        ("waypost-ledger", "waypost-tests", false),
        ("waypost-router", "waypost-ledger", false),
        ("waypost-grpc", "waypost-proto", true),
        ("waypost-grpc", "waypost-admin", false),
        ("waypost-graph-client", "waypost-cloud-api", true),
        ("waypost-graph-client", "waypost-policy", true),
        ("waypost-graph-client", "waypost-files", false),
        ("waypost-router", "waypost-graph-client", true),
        ("waypost-sandbox", "waypost-graph-client", false),
        ("waypost-sandbox", "waypost-cloud-api", true),
        ("waypost-sandbox", "waypost-bus", false),
        ("waypost", "waypost-sandbox", true),
        ("waypost", "waypost-cli", true),
        ("waypost-cli", "waypost-proto", true),
        ("waypost-cli", "waypost-store", false),
        ("waypost-cli", "waypost-admin", false),
        ("waypost-ingress", "waypost-xtask", false),
    ];
    for (from, to, expected) in cases {
        assert_eq!(allowed(from, to), expected, "{from} -> {to}");
    }
}
