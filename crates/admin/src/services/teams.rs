//! Teams.

use tonic::Request;
use waypost_domain::{Team, TeamName};
use waypost_grpc::error::{Violations, already_exists, check_etag, invalid, not_found, precondition};
use waypost_grpc::fields::{check_title, masked, seconds, team_name, team_of, wire_time};
use waypost_grpc::{Caller, Changed, Mutation, Result, Tx, change, page, serve};
use waypost_live::{FoundQueues, queues_of};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::team_service_server::TeamService;
use waypost_store::TeamRow;

use crate::{Shared, queues};

const COLLECTION: &str = "teams";
/// What an update may name.
const CAN_CHANGE: [&str; 7] =
    ["title", "staffed", "max_waiting", "max_wait", "overflow_team", "parent", "confidential"];

pub(crate) struct Teams {
    pub(crate) shared: Shared,
}

serve! { TeamService for Teams {
    get_team: v1::GetTeamRequest => v1::GetTeamResponse,
    list_teams: v1::ListTeamsRequest => v1::ListTeamsResponse,
    create_team: v1::CreateTeamRequest => v1::CreateTeamResponse,
    update_team: v1::UpdateTeamRequest => v1::UpdateTeamResponse,
    delete_team: v1::DeleteTeamRequest => v1::DeleteTeamResponse,
}}

impl Teams {
    async fn get_team(&self, request: Request<v1::GetTeamRequest>) -> Result<v1::GetTeamResponse> {
        let caller = Caller::of(&request)?;
        let name = team_of("name", &request.get_ref().name)?;
        let row = self.shared.store.team_row(&name).await?.filter(|row| caller.may_see(&row.team.name));
        let row = row.ok_or_else(|| not_found(team_name(&name)))?;
        Ok(v1::GetTeamResponse { team: Some(self.shown(row).await?) })
    }

    async fn list_teams(&self, request: Request<v1::ListTeamsRequest>) -> Result<v1::ListTeamsResponse> {
        let caller = Caller::of(&request)?;
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let after = page::place(COLLECTION, &request.page_token, |place| TeamName::new(place).ok())?;
        let mut rows = match &caller.bound_to {
            None => self.shared.store.team_rows(after.as_ref(), size + 1).await?,
            Some(teams) => self.rows_of(teams, after.as_ref()).await?,
        };
        let next_page_token = page::cut(COLLECTION, &mut rows, size, |row| row.team.name.to_string());
        let found = self.shared.look_at_all(rows.iter().map(|row| row.team.name.clone()).collect(), false).await;
        let teams = rows
            .iter()
            .map(|row| with_queues(&row.team.name, wire(row), found.get(&row.team.name).and_then(Option::as_ref)));
        Ok(v1::ListTeamsResponse { teams: teams.collect(), next_page_token })
    }

    async fn create_team(&self, request: Request<v1::CreateTeamRequest>) -> Result<v1::CreateTeamResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let given = request.team.ok_or_else(|| invalid("team", "is missing"))?;
        let name = TeamName::new(&request.team_id)
            .map_err(|_| invalid("team_id", "must be 1 to 64 of a-z, 0-9 and -, and not begin with -"))?;
        let row = read(&given, empty(name.clone()), &CAN_CHANGE)?;
        match change(&self.shared.store, mutation, move |tx| Box::pin(create(tx, row))).await? {
            // The queues come after the team: if this ends in between, whoever gets the team next creates them.
            Changed::Now(_) => Ok(v1::CreateTeamResponse { team: Some(self.written(&name).await?) }),
            Changed::Before(answer) | Changed::Checked(answer) => {
                Ok(v1::CreateTeamResponse { team: self.as_it_is(&name, answer.team).await })
            }
        }
    }

    async fn update_team(&self, request: Request<v1::UpdateTeamRequest>) -> Result<v1::UpdateTeamResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let given = request.team.ok_or_else(|| invalid("team", "is missing"))?;
        let name = team_of("team.name", &given.name)?;
        let fields: Vec<&str> = masked(request.update_mask.as_ref(), &CAN_CHANGE)?.into_iter().collect();
        let update = {
            let name = name.clone();
            change(&self.shared.store, mutation, move |tx| Box::pin(update(tx, name, given, fields)))
        };
        match update.await? {
            Changed::Now(_) => Ok(v1::UpdateTeamResponse { team: Some(self.written(&name).await?) }),
            Changed::Before(answer) | Changed::Checked(answer) => {
                Ok(v1::UpdateTeamResponse { team: self.as_it_is(&name, answer.team).await })
            }
        }
    }

    async fn delete_team(&self, request: Request<v1::DeleteTeamRequest>) -> Result<v1::DeleteTeamResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let name = team_of("name", &request.name)?;
        self.shared.store.team_row(&name).await?.ok_or_else(|| not_found(team_name(&name)))?;
        // Counted before the transaction, which holds up all others: the bus may take its time.
        let waiting = queues_of(&*self.shared.bus, &name).await?.waiting();
        let deletion =
            change(&self.shared.store, mutation, move |tx| Box::pin(delete(tx, name, request.etag, waiting)));
        Ok(deletion.await?.into_answer())
    }

    /// Of these teams, those behind `after` that exist, by name.
    async fn rows_of(&self, teams: &[TeamName], after: Option<&TeamName>) -> Result<Vec<TeamRow>> {
        let mut names: Vec<&TeamName> = teams.iter().filter(|team| after.is_none_or(|after| *team > after)).collect();
        names.sort_unstable();
        names.dedup();
        let mut rows = Vec::new();
        for name in names {
            rows.extend(self.shared.store.team_row(name).await?);
        }
        Ok(rows)
    }

    /// The team that was just written, and its queues, which are created where they are missing.
    async fn written(&self, name: &TeamName) -> Result<v1::Team> {
        let row = self.shared.store.team_row(name).await?;
        self.shown(row.ok_or_else(|| not_found(team_name(name)))?).await
    }

    /// The team as it is shown. Queues that are still to be created, since the team was, are tried again.
    async fn shown(&self, row: TeamRow) -> Result<v1::Team> {
        let name = &row.team.name;
        if !row.pending_topology {
            return Ok(with_queues(name, wire(&row), self.shared.look(name).await.as_ref()));
        }
        let found = self.shared.look_and_create(name).await;
        if found.as_ref().is_some_and(|found| found.missing.is_empty()) {
            self.shared.store.team_is_active(name).await?;
        }
        Ok(with_queues(name, wire(&row), found.as_ref()))
    }

    /// What was answered for `name`, with its queues as they are now; nothing is created.
    async fn as_it_is(&self, name: &TeamName, team: Option<v1::Team>) -> Option<v1::Team> {
        Some(with_queues(name, team?, self.shared.look(name).await.as_ref()))
    }
}

async fn create(tx: &mut Tx, row: TeamRow) -> Result<v1::CreateTeamResponse> {
    let others = tx.teams().await?;
    if others.iter().any(|other| other.team.name == row.team.name) {
        return Err(already_exists(team_name(&row.team.name)));
    }
    check_others(&row, &others)?;
    let row = put(tx, None, row).await?;
    Ok(v1::CreateTeamResponse { team: Some(wire(&row)) })
}

async fn update(
    tx: &mut Tx,
    name: TeamName,
    given: v1::Team,
    fields: Vec<&'static str>,
) -> Result<v1::UpdateTeamResponse> {
    let before = existing(tx, &name, &given.etag).await?;
    let after = read(&given, before.clone(), &fields)?;
    check_others(&after, &tx.teams().await?)?;
    let after = put(tx, Some(&before), after).await?;
    Ok(v1::UpdateTeamResponse { team: Some(wire(&after)) })
}

/// Writes `row` and says how it is now; where it was only to be checked, it stays without a revision of its own.
async fn put(tx: &mut Tx, before: Option<&TeamRow>, row: TeamRow) -> Result<TeamRow> {
    if tx.validate_only() {
        return Ok(row);
    }
    let after = tx.put_team(&row).await?;
    record(tx, before, Some(&after));
    Ok(after)
}

async fn delete(tx: &mut Tx, name: TeamName, etag: String, waiting: u64) -> Result<v1::DeleteTeamResponse> {
    let resource = team_name(&name);
    let row = existing(tx, &name, &etag).await?;
    if waiting > 0 {
        return Err(precondition("TEAM_NOT_EMPTY", &resource, format!("{waiting} messages wait for {resource}")));
    }
    let open = tx.open_conversations(&name).await?;
    if open > 0 {
        return Err(precondition("TEAM_NOT_EMPTY", &resource, format!("{resource} has {open} open conversations")));
    }
    if row.in_rules {
        return Err(precondition("TEAM_IN_USE", &resource, format!("the rules in force name {resource}")));
    }
    if row.team.confidential {
        let message =
            format!("what was said with {resource} is withheld while it is there: make it not confidential first");
        return Err(precondition("TEAM_CONFIDENTIAL", &resource, message));
    }
    let others = tx.teams().await?;
    let names_it = |other: &&TeamRow| [&other.team.overflow_team, &other.parent].contains(&&Some(name.clone()));
    if let Some(other) = others.iter().find(names_it) {
        let message = format!("{} names {resource}", team_name(&other.team.name));
        return Err(precondition("TEAM_IN_USE", &resource, message));
    }
    tx.delete_team(&name).await?;
    record(tx, Some(&row), None);
    Ok(v1::DeleteTeamResponse {})
}

/// The team, unless it is gone or was changed since `etag`.
async fn existing(tx: &mut Tx, name: &TeamName, etag: &str) -> Result<TeamRow> {
    let row = tx.team(name).await?.ok_or_else(|| not_found(team_name(name)))?;
    check_etag(&team_name(name), etag, &wire_etag(&row))?;
    Ok(row)
}

const fn empty(name: TeamName) -> TeamRow {
    TeamRow {
        team: Team {
            name,
            title: None,
            staffed: false,
            overflow_team: None,
            confidential: false,
            hours: None,
            reopen_within_hours: None,
        },
        parent: None,
        max_waiting: 0,
        max_wait_s: 0,
        in_rules: false,
        pending_topology: true,
        updated_at: None,
        revision: 0,
    }
}

/// `row` with these fields of `given`.
fn read(given: &v1::Team, mut row: TeamRow, fields: &[&str]) -> Result<TeamRow> {
    let mut violations = Violations::default();
    let mut team = |field: &str, name: &str| {
        let read = (!name.is_empty()).then(|| team_of(field, name)).transpose();
        read.unwrap_or_else(|_| {
            violations.add(field, "must be teams/{team}, or empty");
            None
        })
    };
    let (overflow_team, parent) =
        (team("team.overflow_team", &given.overflow_team), team("team.parent", &given.parent));
    let max_wait_s = seconds(&mut violations, "team.max_wait", given.max_wait.as_ref());
    check_title(&mut violations, "team.title", &given.title);
    for field in fields {
        match *field {
            "title" => row.team.title = (!given.title.is_empty()).then(|| given.title.clone()),
            "staffed" => row.team.staffed = given.staffed,
            "max_waiting" => row.max_waiting = given.max_waiting,
            "max_wait" => row.max_wait_s = max_wait_s,
            "overflow_team" => row.team.overflow_team.clone_from(&overflow_team),
            "parent" => row.parent.clone_from(&parent),
            "confidential" => row.team.confidential = given.confidential,
            other => violations.add("update_mask", format!("{other:?} cannot be changed")),
        }
    }
    let has_limits = row.max_waiting > 0 || row.max_wait_s > 0;
    let has_overflow = row.team.overflow_team.is_some();
    violations.require(!has_limits || has_overflow, "team.overflow_team", "is needed where there are limits");
    violations.check()?;
    Ok(row)
}

/// The teams that `row` names must exist and not lead back to it.
fn check_others(row: &TeamRow, others: &[TeamRow]) -> Result<()> {
    let mut violations = Violations::default();
    let find = |name: &TeamName| others.iter().find(|other| other.team.name == *name);
    if let Some(overflow) = &row.team.overflow_team {
        violations.require(*overflow != row.team.name, "team.overflow_team", "is the team itself");
        let exists = *overflow == row.team.name || find(overflow).is_some();
        violations.require(exists, "team.overflow_team", "does not exist");
    }
    if let Some(parent) = &row.parent {
        let exists = *parent == row.team.name || find(parent).is_some();
        violations.require(exists, "team.parent", "does not exist");
        let mut ancestor = Some(parent);
        // No chain is longer than there are teams.
        for _ in 0..=others.len() {
            let Some(name) = ancestor else { break };
            if *name == row.team.name {
                violations.add("team.parent", "is the team itself, or a part of it");
                break;
            }
            ancestor = find(name).and_then(|team| team.parent.as_ref());
        }
    }
    violations.check()
}

fn wire_etag(row: &TeamRow) -> String {
    format!("{}-{}", row.updated_at.map_or(0, waypost_domain::Timestamp::as_millis), row.revision)
}

/// What the store has of it; of its queues only the broker knows.
fn wire(row: &TeamRow) -> v1::Team {
    let other = |name: &Option<TeamName>| name.as_ref().map(team_name).unwrap_or_default();
    v1::Team {
        name: team_name(&row.team.name),
        title: row.team.title.clone().unwrap_or_default(),
        staffed: row.team.staffed,
        max_waiting: row.max_waiting,
        max_wait: (row.max_wait_s > 0).then(|| prost_types::Duration { seconds: i64::from(row.max_wait_s), nanos: 0 }),
        overflow_team: other(&row.team.overflow_team),
        parent: other(&row.parent),
        confidential: row.team.confidential,
        in_rules: row.in_rules,
        update_time: row.updated_at.map(wire_time),
        etag: wire_etag(row),
        ..v1::Team::default()
    }
}

/// With its queues as the broker has them; `None` where it does not say.
fn with_queues(name: &TeamName, team: v1::Team, found: Option<&FoundQueues>) -> v1::Team {
    let Some(found) = found else {
        return v1::Team { state: v1::TeamState::Unspecified.into(), ..team };
    };
    let is_whole = found.missing.is_empty();
    let state = if is_whole { v1::TeamState::Active } else { v1::TeamState::PendingTopology };
    v1::Team {
        state: state.into(),
        pending_command: if is_whole { String::new() } else { queues::command([name]) },
        waiting: found.waiting(),
        missing_queues: found.missing.clone(),
        ..team
    }
}

/// What a person set, without what followed from it.
fn audited(row: &TeamRow) -> v1::Team {
    v1::Team { etag: String::new(), update_time: None, ..wire(row) }
}

fn record(tx: &mut Tx, before: Option<&TeamRow>, after: Option<&TeamRow>) {
    let resource = before.or(after).map(|row| team_name(&row.team.name)).unwrap_or_default();
    tx.record(&resource, before.map(audited).as_ref(), after.map(audited).as_ref());
}
