//! What a reader can take in: files and functions of a size that is read in one sitting, and files of a crate that do
//! not need each other in a circle. Reads text, as rustfmt writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{RUST_FOLDERS, is_generated};
use crate::workspace;

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn files_are_read_in_one_sitting() {
    let mut found = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            found.push(format!("{path}: {lines} lines"));
        }
    }
    assert!(found.is_empty(), "over {FILE_LINES_MAX} lines:\n{}", found.join("\n"));
}

#[test]
fn functions_are_read_on_one_screen() {
    let mut found = Vec::new();
    for (path, text) in sources() {
        for (name, lines) in functions(&text) {
            if lines > FUNCTION_LINES_MAX {
                found.push(format!("{path}: {name} has {lines} lines"));
            }
        }
    }
    assert!(found.is_empty(), "over {FUNCTION_LINES_MAX} lines:\n{}", found.join("\n"));
}

#[test]
fn files_of_a_crate_do_not_go_in_circles() {
    let mut crates: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (path, text) in sources() {
        if let Some((package, module)) = module(&path) {
            crates.entry(package).or_default().insert(module, text);
        }
    }
    let mut found = Vec::new();
    for (package, modules) in &crates {
        for circle in circles(&needs(modules)) {
            found.push(format!("{package}: {circle:?}"));
        }
    }
    assert!(found.is_empty(), "these files need each other:\n{}", found.join("\n"));
}

/// Everything that somebody wrote, by its path.
fn sources() -> impl Iterator<Item = (String, String)> {
    let root = workspace::root();
    workspace::files(RUST_FOLDERS, "rs").into_iter().filter_map(move |path| {
        let text = std::fs::read_to_string(root.join(&path)).expect("the file is readable");
        let is_ours = !is_generated(&text) && !path.iter().any(|part| part == "generated");
        is_ours.then(|| (path.display().to_string(), text))
    })
}

/// Each function with its number of lines. It ends at the brace that stands as far in as the function does.
fn functions(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let at_indent = |line: &str| line.len() - line.trim_start().len() == indent;
        let is_end = |line: &&&str| at_indent(line) && (line.trim() == "}" || line.ends_with(';'));
        if !line.ends_with(['}', ';'])
            && let Some(more) = lines[at + 1..].iter().position(|line| is_end(&line))
        {
            found.push((name, more + 2));
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    while let Some((word, after)) = rest.split_once(' ') {
        match word {
            // In a macro, whose body has no shape of its own.
            "fn" if after.starts_with('$') => return None,
            "fn" => return after.split(['(', '<']).next(),
            "const" | "async" => rest = after,
            _ if word.starts_with("pub") => rest = after,
            _ => return None,
        }
    }
    None
}

/// Crate and module of a path below `crates/*/src`; `None` for a crate's root, which only names its modules.
fn module(path: &str) -> Option<(String, String)> {
    let (package, file) = path.strip_prefix("crates/")?.split_once("/src/")?;
    let file = Path::new(file).with_extension("").display().to_string();
    let module = file.strip_suffix("/mod").unwrap_or(&file).replace('/', "::");
    (module != "lib" && module != "main").then(|| (package.to_owned(), module))
}

/// Which modules each one names by a path, from the crate's root or from a folder above (`use super::…`). A folder's file and those within it count as one idea:
/// what they name of each other is left out.
fn needs(modules: &BTreeMap<String, String>) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, text) in modules {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let from_root = |line: &str| line.split("crate::").skip(1).map(str::to_owned).collect::<Vec<_>>();
        for path in lines.flat_map(|line| from_root(line).into_iter().chain(from_above(module, line))) {
            let path: String = path.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect();
            let parts: Vec<&str> = path.split("::").collect();
            let longest = (1..=parts.len()).rev().find_map(|n| modules.get_key_value(&parts[..n].join("::")));
            let Some((needed, _)) = longest else { continue };
            let within = |one: &str, other: &str| one == other || one.starts_with(&format!("{other}::"));
            if !within(module, needed) && !within(needed, module) {
                needs.entry(module).or_default().insert(needed);
            }
        }
    }
    needs
}

/// What a line `use super::…` in `module` names, by its path from the crate's root.
fn from_above(module: &str, line: &str) -> Option<String> {
    let path = line.strip_prefix("use super::")?;
    let above = 1 + path.matches("super::").count();
    let folders: Vec<&str> = module.split("::").collect();
    let mut parts = folders.get(..folders.len().checked_sub(above)?)?.to_vec();
    parts.push(path.trim_start_matches("super::"));
    Some(parts.join("::"))
}

/// The groups of modules each of which reaches itself through the others.
fn circles<'a>(needs: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<BTreeSet<&'a str>> {
    let reached = |from: &'a str| {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = needs.get(from).into_iter().flatten().copied().collect();
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(needs.get(next).into_iter().flatten());
            }
        }
        reached
    };
    let all: BTreeMap<&str, BTreeSet<&str>> = needs.keys().map(|module| (*module, reached(module))).collect();
    let reaches = |from: &str, to: &str| all.get(from).is_some_and(|reached| reached.contains(to));
    let in_circle = all.keys().filter(|module| reaches(module, module));
    in_circle.map(|one| all[one].iter().filter(|other| reaches(other, one)).copied().collect()).collect()
}

#[test]
fn the_rules_themselves() {
    let long =
        format!("impl A {{\n    pub(crate) async fn long(\n        self,\n    ) {{\n{}    }}\n}}\n", "\n".repeat(70));
    assert_eq!(functions(&long), [("long", 74)]);
    assert_eq!(functions("fn one() {}\n\ntrait T {\n    fn told(\n        &self,\n    );\n}\n"), [("told", 3)]);
    let modules = [
        ("a", "use crate::b::c::D;"),
        ("b::c", "use crate::e;"),
        ("e", "crate::a::f()"),
        ("g", "use crate::a;"),
        ("h::x", "use super::y::Z;"),
        ("h::y", "use super::{self, z};\nuse super::x::W;"),
    ];
    let modules = modules.map(|(module, text)| (module.to_owned(), text.to_owned())).into();
    let expected = [BTreeSet::from(["a", "b::c", "e"]), BTreeSet::from(["h::x", "h::y"])];
    assert_eq!(circles(&needs(&modules)), expected.into());
    assert_eq!(module("crates/rules/src/index/mod.rs"), Some(("rules".to_owned(), "index".to_owned())));
    assert_eq!(module("crates/rules/src/lib.rs"), None);
}
