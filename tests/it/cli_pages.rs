//! What is made out of the command line: completions for shells, and manual pages.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::ensure;
use waypost_tests::process::waypost;

fn run(words: &[&str]) -> anyhow::Result<Output> {
    let output = waypost()?.args(words).stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "{words:?}: {output:?}");
    Ok(output)
}

#[test]
fn shells_complete_every_verb() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell])?.stdout;
        let text = String::from_utf8(script)?;
        for word in ["update-rule", "dead-letters", "--phone-number-id", "completions"] {
            assert!(text.contains(word.trim_start_matches("--")), "{shell} does not know {word}");
        }
        if shell == "bash" {
            let file = folder.path().join(shell);
            std::fs::write(&file, &text)?;
            let parsed = Command::new("bash").arg("-n").arg(&file).output()?;
            assert!(parsed.status.success() && parsed.stderr.is_empty(), "{parsed:?}");
        }
    }
    assert_eq!(waypost()?.args(["completions", "cmd"]).output()?.status.code(), Some(2));
    Ok(())
}

/// The names of the verbs that the help of `words` lists.
fn verbs_below(words: &[String]) -> anyhow::Result<Vec<String>> {
    let arguments: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
    let help = String::from_utf8(run(&arguments)?.stdout)?;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A name stands two columns in; the rest of its help further.
    let names = commands.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    Ok(names.map(str::to_owned).collect())
}

/// The words of every verb that the help shows, and of those that only lead to others; first none, of the program itself.
pub(crate) fn verbs() -> anyhow::Result<Vec<Vec<String>>> {
    let mut found = vec![Vec::new()];
    let mut next = 0;
    while let Some(words) = found.get(next).cloned() {
        next += 1;
        found.extend(verbs_below(&words)?.into_iter().map(|verb| [words.clone(), vec![verb]].concat()));
    }
    Ok(found)
}

#[test]
fn every_verb_has_its_manual_page() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let pages = folder.path().join("man/man1");
    run(&["man", &pages.display().to_string()])?;
    let mut expected = BTreeSet::new();
    for words in verbs()? {
        let name = [vec!["waypost".to_owned()], words].concat().join("-");
        let page = read(&pages.join(format!("{name}.1")))?;
        assert!(page.contains(".TH") && page.contains(".SH DESCRIPTION"), "{name}: {page}");
        expected.insert(format!("{name}.1"));
    }
    assert!(expected.len() > 50, "{expected:?}");
    let written: BTreeSet<String> = std::fs::read_dir(&pages)?
        .map(|entry| Ok(entry?.file_name().display().to_string()))
        .collect::<std::io::Result<_>>()?;
    assert_eq!(written, expected, "a page for each verb that the help shows, and for no other");
    assert!(read(&pages.join("waypost-rules-activate.1"))?.contains("percent"));
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))
}
