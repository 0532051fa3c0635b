//! Checks of house rules that no compiler knows. Reads files only.

use std::path::{Path, PathBuf};

use crate::workspace;

mod shape;

const RUST_FOLDERS: &[&str] = &["crates", "tests"];

/// Crates without I/O, clock and randomness; each bans them in a `clippy.toml` of its own.
const PURE_FOLDERS: &[&str] = &["crates/domain", "crates/rules", "crates/policy"];

/// What those bans name at least.
const PURE_BANS: &[&str] = &[
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "std::env::var",
    "std::env::var_os",
    "std::env::vars",
    "std::fs::read",
    "std::fs::read_to_string",
    "std::fs::write",
    "std::fs::File::open",
    "std::fs::File::create",
    "std::thread::sleep",
    "std::thread::spawn",
];

#[test]
fn every_file_says_what_it_is_for() {
    let found = offending_files(|text| !text.starts_with("//!") && !is_generated(text));
    assert!(found.is_empty(), "these files do not open with `//!`:\n{}", found.join("\n"));
}

#[test]
fn no_test_is_switched_off_and_nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let unwanted = ["ignore", "todo!", "unimplemented!", "allow(unsafe_code)"];
    let unwanted = [format!("#[{}", unwanted[0]), unwanted[1].into(), unwanted[2].into(), unwanted[3].into()];
    let this_file = Path::new("tests/it/tidy.rs");
    for word in &unwanted {
        let mut found = offending_files(|text| text.contains(word.as_str()) && !is_generated(text));
        found.retain(|path| Path::new(path) != this_file);
        assert!(found.is_empty(), "`{word}` in:\n{}", found.join("\n"));
    }
}

#[test]
fn packages_are_named_after_their_folders() {
    for package in workspace::metadata().packages {
        let folder = package.manifest_path.parent().and_then(|folder| folder.file_name()).expect("it has a folder");
        let expected = if folder == "waypost" { folder.to_owned() } else { format!("waypost-{folder}") };
        assert_eq!(package.name.as_str(), expected, "{}", package.manifest_path);
    }
}

#[test]
fn packages_share_the_workspace_settings() {
    let shared = ["version", "edition", "rust-version", "license", "publish"];
    for package in workspace::metadata().packages {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("the manifest is readable");
        for key in shared {
            assert!(manifest.contains(&format!("{key}.workspace = true")), "{}: {key}", package.manifest_path);
        }
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}: lints", package.manifest_path);
        assert!(package.description.is_some(), "{}: description", package.manifest_path);
    }
}

/// Folders whose pages people read.
const PAGE_FOLDERS: &[&str] = &["crates", "deploy", "proto", ".github"];

#[test]
fn links_between_pages_lead_somewhere() {
    let root = workspace::root();
    let mut pages = workspace::files(PAGE_FOLDERS, "md");
    pages.extend(["README.md", "CHANGELOG.md"].map(PathBuf::from));
    for page in pages {
        let text = std::fs::read_to_string(root.join(&page)).expect("the page is readable");
        let folder = root.join(&page).parent().expect("a page lies in a folder").to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or(link);
            let is_ours = !path.is_empty() && !path.contains("://");
            assert!(!is_ours || folder.join(path).exists(), "{}: no {path}", page.display());
        }
    }
}

/// A stranger has five minutes.
#[test]
fn the_readme_stays_short() {
    const WORDS_MAX: usize = 700;
    let text = std::fs::read_to_string(workspace::root().join("README.md")).expect("there is a README");
    let words = text.split_whitespace().count();
    assert!(words <= WORDS_MAX, "{words} words, more than {WORDS_MAX}: move what one reader needs into deploy/guides");
}

/// A `clippy.toml` in a crate replaces the root's: it must repeat the root's entries and add the bans.
#[test]
fn pure_crates_ban_the_outside_world() {
    let root = workspace::root();
    let everywhere = std::fs::read_to_string(root.join("clippy.toml")).expect("the root has a clippy.toml");
    for folder in PURE_FOLDERS {
        let path = root.join(folder).join("clippy.toml");
        let own = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines = everywhere.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            assert!(own.contains(line), "{} does not repeat the root's `{line}`", path.display());
        }
        for ban in PURE_BANS {
            assert!(own.contains(&format!("path = \"{ban}\"")), "{} does not ban {ban}", path.display());
        }
    }
}

fn is_generated(text: &str) -> bool {
    text.lines().next().is_some_and(|line| line.contains("@generated"))
}

fn offending_files(offends: impl Fn(&str) -> bool) -> Vec<String> {
    let root = workspace::root();
    let mut found = Vec::new();
    for path in workspace::files(RUST_FOLDERS, "rs") {
        let text = std::fs::read_to_string(root.join(&path)).expect("the file is readable");
        if offends(&text) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Faults on purpose are for a binary that somebody asks for by name, never for one that is merely built.
#[test]
fn nothing_turns_fault_injection_on() {
    const FAULTS: &str = "fault-injection";
    for package in workspace::metadata().packages {
        let turned_on = |feature: &String| feature.ends_with(FAULTS);
        for (name, features) in &package.features {
            assert!(name == FAULTS || !features.iter().any(turned_on), "{}: {name}", package.name);
        }
        for dependency in &package.dependencies {
            assert!(!dependency.features.iter().any(turned_on), "{} on {}", package.name, dependency.name);
        }
    }
}
