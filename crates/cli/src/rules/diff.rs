//! `waypost rules diff`: what one rules file, or one version, says otherwise than another, of either kind.

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
  waypost rules diff 3 rules.toml           # what a push of the file would change

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
    let difference = if is_version(&args.old) && is_version(&args.new) {
        on_server(&args).await?
    } else {
        let (old, new) = (document(&args.old, &args.server).await?, document(&args.new, &args.server).await?);
        Difference::between(&old, &new).into()
    };
    print_difference(&difference, args.server.json)?;
    if difference == v1::DiffRuleSetsResponse::default() { Ok(()) } else { Err(Failure::Differ) }
}

async fn on_server(args: &DiffArgs) -> Result<v1::DiffRuleSetsResponse, Failure> {
    let request = v1::DiffRuleSetsRequest { base: name(&args.old), name: name(&args.new) };
    Ok(client(&args.server).await?.diff_rule_sets(request).await?.into_inner())
}

/// What a file or a version says.
async fn document(rules: &str, server: &ServerArgs) -> Result<Document, Failure> {
    let text = if is_version(rules) {
        let request = v1::GetRuleSetRequest { name: name(rules), ..Default::default() };
        client(server).await?.get_rule_set(request).await?.into_inner().rule_set.unwrap_or_default().text
    } else {
        read_text(Path::new(rules))?
    };
    toml_form::read(&text).map_err(|errors| Failure::config(format!("{rules} is refused:\n{errors}")))
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
