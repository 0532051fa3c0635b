//! Holds the committed protobuf code to the `.proto` files; `WAYPOST_REGENERATE=1` writes it anew instead.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

const PACKAGE_FILES: [&str; 2] = ["waypost.internal.v1.rs", "waypost.rules.v1.rs"];

#[test]
fn generated_code_is_current() {
    let fresh = tempfile::tempdir().unwrap();
    generate(fresh.path());
    let committed = crate_root().join("src/generated");
    for file in PACKAGE_FILES {
        let want = std::fs::read_to_string(fresh.path().join(file)).unwrap();
        if std::env::var_os("WAYPOST_REGENERATE").is_some() {
            std::fs::write(committed.join(file), &want).unwrap();
        }
        let have = std::fs::read_to_string(committed.join(file)).unwrap_or_default();
        assert!(have == want, "{file} is stale: run WAYPOST_REGENERATE=1 cargo test -p waypost-proto");
    }
}

fn generate(folder: &Path) {
    let root = crate_root().join("../../proto");
    let sources = [
        "waypost/internal/v1/event.proto",
        "waypost/internal/v1/route.proto",
        "waypost/internal/v1/transcript.proto",
        "waypost/rules/v1/rule_set.proto",
    ];
    let descriptors = protox::compile(sources.map(|source| root.join(source)), [&root]).unwrap();
    prost_build::Config::new()
        // The webhook item's own JSON is passed on without a copy.
        .bytes(["."])
        // One encoding per value: stored inputs are compared byte by byte.
        .btree_map(["."])
        .out_dir(folder)
        .compile_fds(descriptors)
        .unwrap();
}

fn crate_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
