//! Holds the committed code and descriptors of the administration to `/proto/waypost/admin`; `WAYPOST_REGENERATE=1`
//! writes them anew instead.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

use prost::Message;

#[test]
fn generated_code_is_current() {
    let fresh = tempfile::tempdir().unwrap();
    generate(fresh.path());
    for made in std::fs::read_dir(fresh.path()).unwrap() {
        compare(&made.unwrap().path());
    }
}

/// The committed file of the same name must have the same bytes.
fn compare(made: &Path) {
    let name = made.file_name().unwrap();
    let want = std::fs::read(made).unwrap();
    let committed = crate_root().join("src/generated").join(name);
    if std::env::var_os("WAYPOST_REGENERATE").is_some() {
        std::fs::write(&committed, &want).unwrap();
    }
    let have = std::fs::read(&committed).unwrap_or_default();
    assert!(have == want, "{name:?} is stale: run WAYPOST_REGENERATE=1 cargo test -p waypost-proto");
}

fn generate(folder: &Path) {
    let root = crate_root().join("../../proto");
    let files = std::fs::read_dir(root.join("waypost/admin/v1")).unwrap();
    let mut sources: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    sources.sort();
    let mut descriptors = protox::compile(&sources, [&root]).unwrap();
    let mut config = prost_build::Config::new();
    // That package is generated on its own (`generated.rs`).
    config.enable_type_names().btree_map(["."]).extern_path(".waypost.rules.v1", "crate::rules_v1");
    tonic_prost_build::configure().out_dir(folder).compile_fds_with_config(descriptors.clone(), config).unwrap();
    // Places and comments take most of a descriptor set, and nobody asks the compiled-in one for them.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    std::fs::write(folder.join("waypost.admin.v1.binpb"), descriptors.encode_to_vec()).unwrap();
}

fn crate_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
