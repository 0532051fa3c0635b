//! Tells the program what it is built of: the commit, by `WAYPOST_COMMIT` or else by git, how, and by which compiler; and
//! the linker to keep a release small. Must never fail a build for want of any of them.

use std::env;
use std::path::Path;
use std::process::Command;

/// As many digits as tell commits apart.
const COMMIT_CHARS: &str = "--short=12";
const UNKNOWN: &str = "unknown";

/// The target for which the toolchain brings its own linker, LLD; others may not know these flags.
const TARGET_WITH_LLD: &str = "x86_64-unknown-linux-gnu";

/// Functions that came out the same are kept once (nothing here compares their addresses), and the addresses to be set at
/// the start are written as a bitmap, which needs glibc 2.36.
const SMALL: [&str; 2] = ["-Wl,--icf=all", "-Wl,-z,pack-relative-relocs"];

fn main() {
    println!("cargo:rerun-if-env-changed=WAYPOST_COMMIT");
    println!("cargo:rerun-if-changed=build.rs");
    let given = env::var("WAYPOST_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(of_git).unwrap_or_else(|| UNKNOWN.to_owned());
    let of_cargo = |name: &str| env::var(name).unwrap_or_else(|_| UNKNOWN.to_owned());
    println!("cargo:rustc-env=WAYPOST_COMMIT={commit}");
    println!("cargo:rustc-env=WAYPOST_BUILD={} for {}", of_cargo("PROFILE"), of_cargo("TARGET"));
    if of_cargo("PROFILE") == "release" && of_cargo("TARGET") == TARGET_WITH_LLD {
        for flag in SMALL {
            println!("cargo:rustc-link-arg-bins={flag}");
        }
    }
    println!("cargo:rustc-env=WAYPOST_RUSTC={}", rustc().unwrap_or_else(|| UNKNOWN.to_owned()));
}

/// The commit that is checked out; built again when another one is.
fn of_git() -> Option<String> {
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD"].into_iter().chain(branch.as_deref()) {
        let file = git(&["rev-parse", "--path-format=absolute", "--git-path", name])?;
        // One that is not there would be taken for changed every time.
        if Path::new(&file).exists() {
            println!("cargo:rerun-if-changed={file}");
        }
    }
    git(&["rev-parse", COMMIT_CHARS, "HEAD"])
}

/// The compiler's version alone: `1.95.0` of `rustc 1.95.0 (…)`.
fn rustc() -> Option<String> {
    let said = line_of(&env::var("RUSTC").ok()?, &["--version"])?;
    said.split(' ').nth(1).map(str::to_owned)
}

fn git(words: &[&str]) -> Option<String> {
    line_of("git", words)
}

/// One line of a program's output.
fn line_of(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
