//! What goes elsewhere by other rules, as people read it.

use std::collections::BTreeSet;

use waypost_proto::admin_v1 as v1;

use crate::failure::Failure;
use crate::output;
use crate::show::short_id;

/// Messages whose reasons were told.
pub(super) type Told = BTreeSet<String>;

/// How many go from one team to another, and of a few what decides them by the old rules and by the new.
pub(super) fn team_move(one: &v1::Move, told: &mut Told) -> Vec<String> {
    let team = |name: &'_ str| name.strip_prefix("teams/").unwrap_or(name).to_owned();
    lines(&team(&one.from), &team(&one.to), one.messages, &one.cases, told)
}

pub(super) fn rule_move(one: &v1::RuleMove, told: &mut Told) -> Vec<String> {
    lines(&one.from, &one.to, one.messages, &one.cases, told)
}

/// Examples of what goes to another team are examples of what another rule decides, too: each is told once.
fn lines(from: &str, to: &str, messages: u64, cases: &[v1::MoveCase], told: &mut Told) -> Vec<String> {
    let mut lines = vec![format!("  {from} → {to}: {messages}")];
    for case in cases.iter().filter(|case| told.insert(case.decision.clone())) {
        let id = case.decision.strip_prefix("decisions/").map_or(&*case.decision, short_id);
        lines.push(format!("    {id}"));
        for (which, rule, why) in [("old", &case.base_rule, &case.base_why), ("new", &case.rule, &case.why)] {
            lines.push(format!("      {which}  {rule}: {why}"));
        }
    }
    lines
}

pub(super) fn print(lines: Vec<String>) -> Result<(), Failure> {
    lines.iter().try_for_each(|line| output::line(line))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_told_once_and_by_its_short_id() {
        let case = |decision: &str| v1::MoveCase {
            decision: decision.to_owned(),
            base_rule: "default".to_owned(),
            base_why: "no rule matched".to_owned(),
            rule: "invoices".to_owned(),
            why: "the word \"invoice\"".to_owned(),
        };
        let cases = vec![case("decisions/24f07525-119d-59fd-92a8-eb1a552abc3d"), case("input 7")];
        let (from, to) = ("teams/frontdesk".to_owned(), "teams/billing".to_owned());
        let by_team = v1::Move { from, to, messages: 2, cases: cases.clone(), examples: vec![] };
        let (from, to) = ("default".to_owned(), "invoices".to_owned());
        let by_rule = v1::RuleMove { from, to, messages: 2, cases };
        let mut told = Told::new();
        let lines = team_move(&by_team, &mut told);
        assert_eq!((&*lines[0], &*lines[1], &*lines[4]), ("  frontdesk → billing: 2", "    24f07525", "    input 7"));
        assert_eq!(lines[2..4], ["      old  default: no rule matched", "      new  invoices: the word \"invoice\""]);
        assert_eq!(rule_move(&by_rule, &mut told), ["  default → invoices: 2"]);
        assert_eq!(rule_move(&by_rule, &mut Told::new()).len(), 7, "alone, it has its examples");
    }
}
