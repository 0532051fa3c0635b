//! What the broker says of the teams of versions: whether they have queues, and what waits for those that fall out.

use std::collections::{BTreeMap, BTreeSet};

use waypost_domain::TeamName;
use waypost_grpc::error::precondition;
use waypost_grpc::fields::team_name;
use waypost_grpc::{Result, Tx, blocking};
use waypost_proto::admin_v1 as v1;
use waypost_rules::toml_form;
use waypost_store::InForce;

use super::wire::ACTIVATION;
use crate::{Shared, queues};

/// Findings about teams' queues name this.
const FIELD: &str = "teams";

/// The teams of what is to be put in force, and of what it replaces.
#[derive(Debug, Default)]
pub(super) struct TeamsLook {
    /// Their messages would go nowhere.
    without_queues: BTreeSet<TeamName>,
    /// The broker did not say.
    unknown: BTreeSet<TeamName>,
    /// Named by what is in force now and not by what follows, with the messages that wait for them.
    fallen: BTreeMap<TeamName, u64>,
}

impl TeamsLook {
    /// Looked at before the transaction, which holds up all others: the bus may take its time.
    pub(super) async fn at(shared: &Shared, before: Option<&InForce>, after: &InForce, create: bool) -> Result<Self> {
        if before.is_some_and(|before| is_shadow_only(before, after)) {
            return Ok(Self::default());
        }
        let teams = teams_of(shared, after).await?;
        let old = match before {
            Some(before) => teams_of(shared, before).await?,
            None => BTreeSet::new(),
        };
        let mut look = Self::default();
        let left_out = old.difference(&teams).cloned().collect();
        for (team, found) in shared.look_at_all(left_out, false).await {
            if found.is_none() {
                look.unknown.insert(team.clone());
            }
            look.fallen.insert(team, found.map_or(0, |found| found.waiting()));
        }
        look.add(shared, teams, create).await;
        Ok(look)
    }

    async fn add(&mut self, shared: &Shared, teams: BTreeSet<TeamName>, create: bool) {
        for (team, found) in shared.look_at_all(teams.into_iter().collect(), create).await {
            match found {
                None => self.unknown.insert(team),
                Some(found) if found.missing.is_empty() => false,
                Some(_) => self.without_queues.insert(team),
            };
        }
        // What whoever activates creates is not missing, only not there yet.
        if !create && shared.team_queues.declare {
            self.without_queues.clear();
        }
    }

    /// Refuses teams without queues, unless that is wanted; says what else whoever activates should know.
    pub(super) async fn warnings(&self, tx: &mut Tx, force: bool) -> Result<Vec<String>> {
        let mut warnings = Vec::new();
        if let Some(problem) = self.missing() {
            if !force {
                return Err(precondition("TEAMS_WITHOUT_QUEUES", ACTIVATION, problem));
            }
            warnings.push(problem);
        }
        warnings.extend(self.not_known());
        for (team, waiting) in &self.fallen {
            let open = tx.open_conversations(team).await?;
            if *waiting > 0 || open > 0 {
                let left = format!("messages waiting: {waiting}, open conversations: {open}");
                warnings.push(format!("{} is not in the rules any more; {left}", team_name(team)));
            }
        }
        Ok(warnings)
    }

    fn missing(&self) -> Option<String> {
        if self.without_queues.is_empty() {
            return None;
        }
        let teams = &self.without_queues;
        Some(format!("no queues for {}; whoever may create them runs: {}", listed(teams), queues::command(teams)))
    }

    fn not_known(&self) -> Option<String> {
        let teams = &self.unknown;
        let problem = || format!("the broker does not say how the queues of {} are", listed(teams));
        (!teams.is_empty()).then(problem)
    }
}

/// Whether all that changes is which version decides beside the others: that one routes nothing.
fn is_shadow_only(before: &InForce, after: &InForce) -> bool {
    before.shadow != after.shadow && (before.active, &before.trial) == (after.active, &after.trial)
}

/// What a check says of the queues of a version's teams.
pub(super) async fn findings(shared: &Shared, text: String, force: bool) -> Result<Vec<v1::Finding>> {
    let mut look = TeamsLook::default();
    look.add(shared, named(text).await?, false).await;
    let finding = |severity: v1::Severity, problem| v1::Finding {
        severity: severity.into(),
        field: FIELD.to_owned(),
        problem,
        ..v1::Finding::default()
    };
    let refuses = if force { v1::Severity::Warning } else { v1::Severity::Error };
    let missing = look.missing().map(|problem| finding(refuses, problem));
    let not_known = look.not_known().map(|problem| finding(v1::Severity::Warning, problem));
    Ok(missing.into_iter().chain(not_known).collect())
}

/// The teams that messages can be routed to. A version that is missing or a draft has none: it is refused anyway.
async fn teams_of(shared: &Shared, in_force: &InForce) -> Result<BTreeSet<TeamName>> {
    let trial = in_force.trial.as_ref().map(|trial| trial.rule_set);
    let mut teams = BTreeSet::new();
    for number in [Some(in_force.active), trial].into_iter().flatten() {
        let row = shared.store.rule_set(number).await?;
        if let Some(row) = row.filter(|row| row.checked_at.is_some()) {
            teams.append(&mut named(row.text).await?);
        }
    }
    Ok(teams)
}

/// The teams of a version; none where its text cannot be read.
async fn named(text: String) -> Result<BTreeSet<TeamName>> {
    blocking(move || {
        let teams = toml_form::read(&text).map(|document| document.teams).unwrap_or_default();
        Ok(teams.into_iter().map(|team| team.name).collect())
    })
    .await
}

fn listed(teams: &BTreeSet<TeamName>) -> String {
    teams.iter().map(team_name).collect::<Vec<_>>().join(", ")
}
