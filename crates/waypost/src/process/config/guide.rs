//! Holds `deploy/guides/configuration.md` to the sections' own tables; `WAYPOST_REGENERATE=1` writes it anew instead.

use std::fmt::Write as _;
use std::path::Path;

use crate::process::section::Key;
use crate::process::*;

const HEAD: &str = "\
# Configuration

Generated from the sections of `crates/waypost/src/process`; not to be edited.

Defaults < TOML file < environment (`WAYPOST__SECTION__KEY`) < `--set section.key=value`. Durations and sizes have their
unit in the name. Secrets can be files: `url_file`, `app_secrets_file`, `verify_token_file`. `waypost config show` prints
what is in force, secrets redacted. `waypost config check` names every mistake by its key, in values and in the files that
are named, for the components that are configured or for those of `--component`; `--connect` tries broker and database. A
key's former name works until 1.0, with a warning: `admin.listen` is `ops.listen`.
";

/// The keys that stand in no section.
const OWN_KEYS: &[Key] = &[
    Key { name: "data_dir", meaning: "Where the embedded bus and store keep their files." },
    Key {
        name: "instance",
        meaning: "Names this process among its replicas; its host name and process id where absent.",
    },
    Key { name: "partitions", meaning: "How many partitions, 1 to 99; fixed at first start." },
    Key {
        name: "numbers.<name>",
        meaning: "Our name for a number: `support-es = \"106540352242922\"`. What the administration sets goes before it.",
    },
];

#[test]
fn the_guide_is_current() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/guides/configuration.md");
    let made = guide();
    if std::env::var_os("WAYPOST_REGENERATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &made).unwrap();
    }
    let have = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(have == made, "the guide is stale: run WAYPOST_REGENERATE=1 cargo test -p waypost the_guide_is_current");
}

/// Each section: its name, what it is for, its keys.
fn sections() -> Vec<(&'static str, &'static str, &'static [Key])> {
    macro_rules! rows {
        ($($name:literal $section:ident),+) => { vec![$(($name, $section::ABOUT, $section::KEYS)),+] };
    }
    rows![
        "log" LogSection, "bus" BusSection, "store" StoreSection, "ingress" IngressSection, "ops" OpsSection,
        "grpc" GrpcSection, "rules" RulesSection, "router" RouterSection, "sender" SenderSection, "graph" GraphSection,
        "twilio" TwilioSection, "bird" BirdSection,
        "worker" WorkerSection,
        "retention" RetentionSection, "media" MediaSection, "masking" MaskingSection
    ]
}

fn guide() -> String {
    let defaults: toml::Table = toml::from_str(&toml::to_string(&Config::default()).unwrap()).unwrap();
    let mut text = HEAD.to_owned();
    write_table(&mut text, OWN_KEYS, &defaults);
    let sections = sections();
    for (name, about, keys) in &sections {
        write!(text, "\n## {name}\n\n{}\n", about.trim()).unwrap();
        write_table(&mut text, keys, &defaults);
    }
    // A section that the table does not know has no keys in the guide.
    let known = |name: &str| name == "numbers" || sections.iter().any(|(section, _, _)| *section == name);
    let unknown: Vec<_> = defaults.iter().filter(|(name, value)| value.is_table() && !known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    text
}

fn write_table(text: &mut String, keys: &[Key], defaults: &toml::Table) {
    text.push_str("\n| key | default | |\n|---|---|---|\n");
    for key in keys {
        let meaning = key.meaning.trim().replace('|', "\\|");
        writeln!(text, "| `{}` | {} | {meaning} |", key.name, default_of(key.name, defaults)).unwrap();
    }
}

fn default_of(key: &str, defaults: &toml::Table) -> String {
    let value = match key.split_once('.') {
        Some((section, key)) => defaults.get(section).and_then(|section| section.get(key)),
        None => defaults.get(key),
    };
    match value {
        Some(toml::Value::Array(list)) if list.is_empty() => "–".to_owned(),
        Some(toml::Value::Table(table)) if table.is_empty() => "–".to_owned(),
        Some(toml::Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
        None => "–".to_owned(),
    }
}
