//! What goes elsewhere by other rules, as people read it.

use waypost_proto::admin_v1 as v1;

use crate::failure::Failure;
use crate::output;

/// How many go from one team to another, and of a few what decides them by the old rules and by the new.
pub(super) fn print_move(one: &v1::Move) -> Result<(), Failure> {
    let team = |name: &'_ str| name.strip_prefix("teams/").unwrap_or(name).to_owned();
    print(&team(&one.from), &team(&one.to), one.messages, &one.cases)
}

pub(super) fn print_rule_move(one: &v1::RuleMove) -> Result<(), Failure> {
    print(&one.from, &one.to, one.messages, &one.cases)
}

fn print(from: &str, to: &str, messages: u64, cases: &[v1::MoveCase]) -> Result<(), Failure> {
    output::line(&format!("  {from} → {to}: {messages}"))?;
    for case in cases {
        output::line(&format!("    {}", case.decision))?;
        for (which, rule, why) in [("old", &case.base_rule, &case.base_why), ("new", &case.rule, &case.why)] {
            output::line(&format!("      {which}  {rule}: {why}"))?;
        }
    }
    Ok(())
}

/// What is said of inputs that were decided before bindings were known, and of those without what is asked about queues.
pub(super) fn unknown(binding: u64, queues: u64) -> String {
    let mut said = String::new();
    if binding > 0 {
        said.push_str(&format!(" (binding unknown: {binding}, by what was meant then)"));
    }
    if queues > 0 {
        said.push_str(&format!(" (teams' queues unknown: {queues}, for nobody asked about them then)"));
    }
    said
}
