//! The workspace as the tidy tests see it: its packages, and where they lie. Reads manifests only; never resolves or
//! downloads.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

/// The checkout's root.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in the workspace").to_owned()
}

/// The members, with the dependencies that they declare.
pub(crate) fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata reads the workspace")
}

/// Every file under `folders` whose name ends in `extension`, sorted, relative to the root.
pub(crate) fn files(folders: &[&str], extension: &str) -> Vec<PathBuf> {
    let root = root();
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is readable") {
            let path = entry.expect("the entry is readable").path();
            if path.is_dir() && path.ends_with("target") {
                // What a build has left there is not ours.
                continue;
            } else if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path.strip_prefix(&root).expect("it lies in the workspace").to_owned());
            }
        }
    }
    found.sort();
    found
}
