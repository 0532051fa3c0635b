//! `waypost rules diff`: what one rules file, or one version, says otherwise than another.

use std::path::Path;

use clap::Args;
use serde_json::json;
use waypost_proto::admin_v1 as v1;
use waypost_rules::diff::Difference;
use waypost_rules::{Document, toml_form};

use super::read_text;
use super::versions::{client, is_version, name};
use crate::failure::Failure;
use crate::output;
use crate::server::ServerArgs;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rules diff old.toml new.toml      # two files, no server
  waypost rules diff 3 4                    # two versions on the server

A number, or ruleSets/N, is a version; anything else is a file (./4 for a file of that name).")]
pub struct DiffArgs {
    /// As it was: a rules file, or a version
    #[arg(value_name = "OLD")]
    old: String,
    /// As it is to be
    #[arg(value_name = "NEW")]
    new: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: DiffArgs) -> Result<(), Failure> {
    let difference = match (is_version(&args.old), is_version(&args.new)) {
        (true, true) => on_server(&args).await?,
        (false, false) => Difference::between(&read_document(&args.old)?, &read_document(&args.new)?).into(),
        (old_is_version, _) => {
            let (version, file) = if old_is_version { (&args.old, &args.new) } else { (&args.new, &args.old) };
            let number = version.trim_start_matches("ruleSets/");
            return Err(Failure::config(format!(
                "{version} is a version and {file} a file: give two of one kind, e.g. after \
                 `waypost rules get {number} --text > version-{number}.toml`"
            )));
        }
    };
    print_difference(&difference, args.server.json)?;
    if difference == v1::DiffRuleSetsResponse::default() { Ok(()) } else { Err(Failure::Differ) }
}

async fn on_server(args: &DiffArgs) -> Result<v1::DiffRuleSetsResponse, Failure> {
    let request = v1::DiffRuleSetsRequest { base: name(&args.old), name: name(&args.new) };
    Ok(client(&args.server).await?.diff_rule_sets(request).await?.into_inner())
}

fn read_document(file: &str) -> Result<Document, Failure> {
    let refused = |errors| Failure::config(format!("{file} is refused:\n{errors}"));
    toml_form::read(&read_text(Path::new(file))?).map_err(refused)
}

fn print_difference(difference: &v1::DiffRuleSetsResponse, json: bool) -> Result<(), Failure> {
    let v1::DiffRuleSetsResponse { added, removed, changed, other, changes } = difference;
    if json {
        let changed = changed.iter().map(|change| json!({ "rule": change.rule, "parts": change.parts }));
        let changed: Vec<_> = changed.collect();
        let changes = changes.iter().map(|one| json!({ "part": one.part, "before": one.before, "after": one.after }));
        let changes: Vec<_> = changes.collect();
        let document =
            json!({ "added": added, "removed": removed, "changed": changed, "other": other, "changes": changes });
        return output::line(&document.to_string());
    }
    for v1::PartChange { part, before, after } in changes {
        let named = match part.strip_prefix("rules.") {
            Some(id) if added.iter().any(|one| one == id) => format!("+ rule {id}"),
            Some(id) if removed.iter().any(|one| one == id) => format!("- rule {id}"),
            Some(id) => format!("~ rule {id}"),
            None => format!("~ {part}"),
        };
        output::line(&named)?;
        for (sign, lines) in [('-', before), ('+', after)] {
            lines.lines().try_for_each(|line| output::line(&format!("    {sign} {line}")))?;
        }
    }
    Ok(())
}
