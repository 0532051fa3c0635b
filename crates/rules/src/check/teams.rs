//! Lints about conditions on teams: one that always holds, and a rule that sends to the team it says is not there.

use waypost_domain::{Team, TeamName};

use crate::atom::Atom;
use crate::finding::{Finding, of_rule};
use crate::model::{Definition, Literal, Rule, Target};

/// Of a set without errors.
pub(super) fn warnings(definition: &Definition, teams: &[Team], findings: &mut Vec<Finding>) {
    let has_hours = |name: &TeamName| teams.iter().any(|team| team.name == *name && team.hours.is_some());
    for (at, rule) in definition.enabled() {
        let asked = rule.literals().filter_map(|literal| match &literal.atom {
            Atom::TeamOpen(teams) => Some(teams),
            _ => None,
        });
        if let Some(team) = asked.flatten().find(|team| !has_hours(team)) {
            let problem = format!("{team} has no hours, so that it is always open: give the team hours = \"…\"");
            findings.push(of_rule(at, rule, "when.team_open", problem));
        }
        let sent_to = targets(rule);
        let told = rule.literals().find_map(|literal| {
            let (field, said, team) = away(literal, &sent_to)?;
            Some((field, format!("sends to {team} when {said}; name another team, or turn the condition around")))
        });
        findings.extend(told.map(|(field, problem)| of_rule(at, rule, field, problem)));
    }
}

fn targets(rule: &Rule) -> Vec<&TeamName> {
    match &rule.outcome.target {
        None => vec![],
        Some(Target::Team(team)) => vec![team],
        Some(Target::Person(person)) => vec![&person.team],
        Some(Target::Split(shares)) => shares.iter().map(|share| &share.team).collect(),
    }
}

/// The condition that says that one of these teams is closed, is read by nobody or has too much to do; in words.
fn away<'a>(literal: &'a Literal, sent_to: &[&'a TeamName]) -> Option<(&'static str, &'static str, &'a TeamName)> {
    let among = |teams: &'a [TeamName]| teams.iter().find(|team| sent_to.contains(team));
    match (&literal.atom, literal.negated) {
        (Atom::TeamOpen(teams), true) => Some(("when.team_open", "it is closed", among(teams)?)),
        (Atom::TeamStaffed(teams), true) => Some(("when.team_staffed", "nobody reads its queue", among(teams)?)),
        // Of several, any may be the busy one.
        (Atom::TeamWaiting { teams, .. }, false) if teams.len() == 1 => {
            Some(("when.team_waiting", "more than that wait for it already", among(teams)?))
        }
        _ => None,
    }
}
