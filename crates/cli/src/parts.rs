//! What the verbs share that look at one part of a version of the rules or change it, be it a rule or a calendar: the
//! version to begin with, and the one that came of it.

use std::path::Path;

use clap::Args;
use prost::Name;
use tonic::Code;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::rule_set_service_client::RuleSetServiceClient;
use waypost_rules::RuleErrors;

use crate::failure::Failure;
use crate::output;
use crate::server::{Server, ServerArgs, print_one};

/// What all reading verbs have.
#[derive(Debug, Args)]
pub struct BaseArgs {
    /// The version: 3, or ruleSets/3; the active one where left out
    #[arg(long, value_name = "N")]
    pub(crate) base: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// What the verbs have that show one part of a version.
#[derive(Debug, Args)]
pub(crate) struct PartShowArgs {
    /// Print it as it stands in a rules file, and nothing else
    #[arg(long, conflicts_with = "json")]
    pub(crate) text: bool,
    #[command(flatten)]
    pub(crate) of: BaseArgs,
}

/// What all verbs have that make a version.
#[derive(Debug, Args)]
pub(crate) struct DraftArgs {
    #[command(flatten)]
    pub(crate) of: BaseArgs,
    /// Why; for whoever asks later
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Check everything, keep nothing
    #[arg(long)]
    pub(crate) validate_only: bool,
    /// A UUID: the same request under the same id is carried out once
    #[arg(long, value_name = "UUID", default_value = "")]
    pub(crate) request_id: String,
}

/// What all verbs have that change or delete a part of a version.
#[derive(Debug, Args)]
pub(crate) struct PartChangeArgs {
    /// Only if what is changed still shows this etag
    #[arg(long, default_value = "")]
    pub(crate) etag: String,
    #[command(flatten)]
    pub(crate) draft: DraftArgs,
}

/// The version that was named, else the active one, else the newest; which one it is, is told.
pub(crate) async fn base(server: &Server, args: &BaseArgs) -> Result<String, Failure> {
    if let Some(given) = &args.base {
        return Ok(if given.contains('/') { given.clone() } else { format!("ruleSets/{given}") });
    }
    let client = RuleSetServiceClient::new(server.clone());
    let request = v1::ListRuleSetsRequest { page_size: 1, page_token: String::new() };
    let newest = client.list_rule_sets(request).await?.into_inner().rule_sets.into_iter().next();
    let newest = newest.ok_or_else(|| Failure::failed("there is no version yet: push a rules file first"))?.name;
    let active = match client.get_activation(v1::GetActivationRequest {}).await {
        // Where a file decides, no version does.
        Ok(found) => Some(found.into_inner()).filter(|found| found.rules_file.is_empty()),
        Err(status) if status.code() == Code::NotFound => None,
        Err(status) => return Err(status.into()),
    };
    let active = active.and_then(|found| found.activation).map(|activation| activation.active);
    output::note(&begun_with(active.as_deref(), &newest));
    Ok(active.unwrap_or(newest))
}

fn begun_with(active: Option<&str>, newest: &str) -> String {
    match active {
        None => format!("from {newest}, the newest; none is active"),
        Some(active) if active == newest => format!("from {active}, the active version"),
        Some(active) => {
            let number = newest.rsplit('/').next().unwrap_or(newest);
            format!("from {active}, the active version; {newest} is newer, and --base {number} begins with that")
        }
    }
}

/// The answer to a change of a part of a version.
pub(crate) trait Answer: Name {
    /// The version that was made.
    fn rule_set(&self) -> Option<&v1::RuleSet>;
    /// What is wrong with it.
    fn findings(&self) -> &[v1::Finding];
    fn put_checked(&mut self, checked: v1::CheckRuleSetResponse);
    /// The part as it is from now on.
    fn print_part(&self) -> Result<(), Failure>;
}

macro_rules! answers {
    ($($message:ident { $($part:ident)? },)*) => {$(
        impl Answer for v1::$message {
            fn rule_set(&self) -> Option<&v1::RuleSet> {
                self.rule_set.as_ref()
            }

            fn findings(&self) -> &[v1::Finding] {
                &self.findings
            }

            fn put_checked(&mut self, checked: v1::CheckRuleSetResponse) {
                self.rule_set = checked.rule_set.map(|rule_set| v1::RuleSet { text: String::new(), ..rule_set });
                self.findings = checked.findings;
            }

            fn print_part(&self) -> Result<(), Failure> {
                $(if let Some(part) = &self.$part {
                    print_one(false, part)?;
                })?
                Ok(())
            }
        }
    )*};
}

// What is deleted leaves nothing to print, and an import lists the days itself.
answers! {
    CreateCalendarResponse { calendar },
    CreateRuleResponse { rule },
    DeleteCalendarResponse {},
    DeleteRuleResponse {},
    ImportHolidaysResponse {},
    UpdateCalendarResponse { calendar },
    UpdateRuleResponse { rule },
}

/// Checks the version that was made, and prints the answer. `begun_with`: the version, or the name of a part of it.
pub(crate) async fn finish(
    server: &Server,
    args: &DraftArgs,
    begun_with: &str,
    mut answer: impl Answer,
) -> Result<(), Failure> {
    check(server, args, &mut answer).await?;
    print(args, begun_with, &answer)
}

/// Checks a version that was kept, so that it can be activated.
pub(crate) async fn check(server: &Server, args: &DraftArgs, answer: &mut impl Answer) -> Result<(), Failure> {
    let name = answer.rule_set().map(|rule_set| rule_set.name.clone()).unwrap_or_default();
    if args.validate_only || name.is_empty() {
        return Ok(());
    }
    let request = v1::CheckRuleSetRequest { name, ..Default::default() };
    let checked = RuleSetServiceClient::new(server.clone()).check_rule_set(request).await?.into_inner();
    answer.put_checked(checked);
    Ok(())
}

/// Prints the whole answer as JSON, or the findings and the part that was changed. Fails when the version has errors.
pub(crate) fn print(args: &DraftArgs, begun_with: &str, answer: &impl Answer) -> Result<(), Failure> {
    let findings = answer.findings();
    let errors = findings.iter().filter(|finding| finding.severity() == v1::Severity::Error).count();
    if args.of.server.json {
        print_one(true, answer)?;
    } else {
        for finding in findings {
            let word = severity(finding.severity());
            let field = if finding.field.is_empty() { String::new() } else { format!("{}: ", finding.field) };
            output::line(&format!("{word}: {field}{}", finding.problem))?;
        }
        answer.print_part()?;
        let version = answer.rule_set().map(|rule_set| rule_set.name.as_str()).filter(|name| !name.is_empty());
        match version {
            Some(name) if errors > 0 => {
                output::line(&format!("{name} has the change, and errors: it cannot be activated"))?
            }
            Some(name) if is_of(begun_with, name) => {
                output::line(&format!("nothing changed: {name} says so already, and no version was made"))?
            }
            Some(name) => output::line(&format!("{name} has the change; waypost rules activate puts it in force"))?,
            None => output::line("nothing was kept")?,
        }
    }
    if errors == 0 { Ok(()) } else { Err(Failure::failed(format!("{errors} errors"))) }
}

/// Whether it is the version, or the name of a part of it.
fn is_of(name: &str, version: &str) -> bool {
    name.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The word for it; a severity of a later release is a warning.
pub(crate) const fn severity(severity: v1::Severity) -> &'static str {
    match severity {
        v1::Severity::Error => "error",
        v1::Severity::Warning | v1::Severity::Unspecified => "warning",
        v1::Severity::Note => "note",
    }
}

/// The one item of a file that has a list of them.
pub(crate) fn only_item<T>(
    file: &Path,
    list: &str,
    read: impl Fn(&str) -> Result<Vec<T>, RuleErrors>,
) -> Result<T, Failure> {
    let refused = |problem: String| Failure::config(format!("{}: {problem}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
    let mut items = read(&text).map_err(|errors| refused(errors.to_string()))?;
    match (items.pop(), items.len()) {
        (Some(item), 0) => Ok(item),
        (None, _) => Err(refused(format!("has no [[{list}]]"))),
        (Some(_), more) => Err(refused(format!("has {} [[{list}]]; give one", more + 1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_of_its_version() {
        for (name, is) in
            [("ruleSets/7", true), ("ruleSets/7/rules/a", true), ("ruleSets/70", false), ("ruleSets/6/rules/a", false)]
        {
            assert_eq!(is_of(name, "ruleSets/7"), is, "{name}");
        }
    }
}
