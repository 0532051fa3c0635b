//! Teams.

use tonic::{Request, Response, Status};
use waypost_domain::{Team, TeamName};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::team_service_server::TeamService;
use waypost_store::{AuditEntry, Change, TeamRow};

use super::audit_entry;
use crate::errors::{self, Violations};
use crate::errors::{already_exists, check_etag, invalid, not_found, precondition};
use crate::fields::{check_title, masked, request_id, seconds, team_name, team_of, wire_time};
use crate::gate::Caller;
use crate::once::Once;
use crate::{Shared, page, queues};

/// What an update may name.
const CAN_CHANGE: [&str; 6] = ["title", "staffed", "max_waiting", "max_wait", "overflow_team", "parent"];

pub(crate) struct Teams {
    pub(crate) shared: Shared,
}

#[tonic::async_trait]
impl TeamService for Teams {
    async fn get_team(&self, request: Request<v1::GetTeamRequest>) -> Result<Response<v1::GetTeamResponse>, Status> {
        let caller = Caller::of(&request)?;
        let name = team_of("name", &request.get_ref().name)?;
        let row = self.row(&name).await?.filter(|row| caller.may_see(&row.team.name));
        let row = row.ok_or_else(|| not_found(&team_name(&name)))?;
        Ok(Response::new(v1::GetTeamResponse { team: Some(self.shown(row).await?) }))
    }

    async fn list_teams(
        &self,
        request: Request<v1::ListTeamsRequest>,
    ) -> Result<Response<v1::ListTeamsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.get_ref();
        let size = page::size(request.page_size)?;
        let after = page::place("teams", &request.page_token)?;
        let after = after.map(TeamName::new).transpose().map_err(|_| page::bad_token())?;
        let mut rows = match &caller.bound_to {
            None => self.shared.store.team_rows(after.as_ref(), size + 1).await.map_err(errors::store)?,
            Some(teams) => self.rows_of(teams, after.as_ref()).await?,
        };
        let next = page::cut(&mut rows, size, |row| row.team.name.to_string());
        let mut teams = Vec::with_capacity(rows.len());
        for row in rows {
            teams.push(self.shown(row).await?);
        }
        let next_page_token = next.map(|place| page::token("teams", &place)).unwrap_or_default();
        Ok(Response::new(v1::ListTeamsResponse { teams, next_page_token }))
    }

    async fn create_team(
        &self,
        request: Request<v1::CreateTeamRequest>,
    ) -> Result<Response<v1::CreateTeamResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let once = Once::new(request_id(&request.request_id)?, &caller, &request);
        let given = request.team.ok_or_else(|| invalid("team", "is missing"))?;
        let name = TeamName::new(&request.team_id)
            .map_err(|_| invalid("team_id", "must be 1 to 64 of a-z, 0-9 and -, and not begin with -"))?;
        let mut change = self.shared.store.begin_change().await.map_err(errors::store)?;
        if let Some(answer) = once.answer::<v1::CreateTeamResponse>(&mut change).await? {
            return Ok(Response::new(answer));
        }
        let row = read(&given, empty(name), &CAN_CHANGE)?;
        let others = change.teams().await.map_err(errors::store)?;
        if others.iter().any(|other| other.team.name == row.team.name) {
            return Err(already_exists(&team_name(&row.team.name)));
        }
        check_others(&row, &others)?;
        if request.validate_only {
            return Ok(Response::new(v1::CreateTeamResponse { team: Some(wire(&row)) }));
        }
        let row = change.put_team(&row).await.map_err(errors::store)?;
        let team = wire(&row);
        once.remember(&mut change, &v1::CreateTeamResponse { team: Some(team.clone()) }).await?;
        let entry = entry(&caller, "TeamService/CreateTeam", None, Some(&row));
        change.commit(&[entry]).await.map_err(errors::store)?;
        // The queues come after the team: if this ends in between, whoever looks at the team next creates them.
        Ok(Response::new(v1::CreateTeamResponse { team: Some(self.shown(row).await?) }))
    }

    async fn update_team(
        &self,
        request: Request<v1::UpdateTeamRequest>,
    ) -> Result<Response<v1::UpdateTeamResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let given = request.team.ok_or_else(|| invalid("team", "is missing"))?;
        let name = team_of("team.name", &given.name)?;
        let fields = masked(request.update_mask.as_ref(), &CAN_CHANGE)?;
        let mut change = self.shared.store.begin_change().await.map_err(errors::store)?;
        let before = existing(&mut change, &name, &given.etag).await?;
        let after = read(&given, before.clone(), &fields.into_iter().collect::<Vec<_>>())?;
        check_others(&after, &change.teams().await.map_err(errors::store)?)?;
        if request.validate_only {
            return Ok(Response::new(v1::UpdateTeamResponse { team: Some(wire(&after)) }));
        }
        let after = change.put_team(&after).await.map_err(errors::store)?;
        let entry = entry(&caller, "TeamService/UpdateTeam", Some(&before), Some(&after));
        change.commit(&[entry]).await.map_err(errors::store)?;
        Ok(Response::new(v1::UpdateTeamResponse { team: Some(self.shown(after).await?) }))
    }

    async fn delete_team(
        &self,
        request: Request<v1::DeleteTeamRequest>,
    ) -> Result<Response<v1::DeleteTeamResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let name = team_of("name", &request.name)?;
        let resource = team_name(&name);
        self.row(&name).await?.ok_or_else(|| not_found(&resource))?;
        // Asked before the transaction, which holds up all others: the bus may take its time.
        let waiting = self.shared.waiting(&name).await?;
        let mut change = self.shared.store.begin_change().await.map_err(errors::store)?;
        let row = existing(&mut change, &name, &request.etag).await?;
        if waiting > 0 {
            return Err(precondition("TEAM_NOT_EMPTY", &resource, format!("{waiting} messages wait for {resource}")));
        }
        let open = change.open_conversations(&name).await.map_err(errors::store)?;
        if open > 0 {
            return Err(precondition("TEAM_NOT_EMPTY", &resource, format!("{resource} has {open} open conversations")));
        }
        if row.in_rules {
            return Err(precondition("TEAM_IN_USE", &resource, format!("the rules in force name {resource}")));
        }
        let others = change.teams().await.map_err(errors::store)?;
        let names_it = |other: &&TeamRow| [&other.team.overflow_team, &other.parent].contains(&&Some(name.clone()));
        if let Some(other) = others.iter().find(names_it) {
            let message = format!("{} names {resource}", team_name(&other.team.name));
            return Err(precondition("TEAM_IN_USE", &resource, message));
        }
        if request.validate_only {
            return Ok(Response::new(v1::DeleteTeamResponse {}));
        }
        change.delete_team(&name).await.map_err(errors::store)?;
        let entry = entry(&caller, "TeamService/DeleteTeam", Some(&row), None);
        change.commit(&[entry]).await.map_err(errors::store)?;
        Ok(Response::new(v1::DeleteTeamResponse {}))
    }
}

impl Teams {
    async fn row(&self, name: &TeamName) -> Result<Option<TeamRow>, Status> {
        self.shared.store.team_row(name).await.map_err(errors::store)
    }

    /// Of these teams, those behind `after` that exist, by name.
    async fn rows_of(&self, teams: &[TeamName], after: Option<&TeamName>) -> Result<Vec<TeamRow>, Status> {
        let mut names: Vec<&TeamName> = teams.iter().filter(|team| after.is_none_or(|after| *team > after)).collect();
        names.sort_unstable();
        names.dedup();
        let mut rows = Vec::new();
        for name in names {
            rows.extend(self.row(name).await?);
        }
        Ok(rows)
    }

    /// The team as it is shown, after another look at queues that were missing.
    async fn shown(&self, mut row: TeamRow) -> Result<v1::Team, Status> {
        if row.pending_topology && self.shared.have_queues(&row.team.name).await? {
            self.shared.store.team_is_active(&row.team.name).await.map_err(errors::store)?;
            row.pending_topology = false;
        }
        Ok(wire(&row))
    }
}

/// The team, unless it is gone or was changed since `etag`.
async fn existing(change: &mut Change, name: &TeamName, etag: &str) -> Result<TeamRow, Status> {
    let row = change.team(name).await.map_err(errors::store)?;
    let row = row.ok_or_else(|| not_found(&team_name(name)))?;
    check_etag(&team_name(name), etag, &wire_etag(&row))?;
    Ok(row)
}

const fn empty(name: TeamName) -> TeamRow {
    TeamRow {
        team: Team { name, title: None, staffed: false, overflow_team: None },
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
fn read(given: &v1::Team, mut row: TeamRow, fields: &[&str]) -> Result<TeamRow, Status> {
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
fn check_others(row: &TeamRow, others: &[TeamRow]) -> Result<(), Status> {
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

fn wire(row: &TeamRow) -> v1::Team {
    let other = |name: &Option<TeamName>| name.as_ref().map(team_name).unwrap_or_default();
    let state = if row.pending_topology { v1::TeamState::PendingTopology } else { v1::TeamState::Active };
    v1::Team {
        name: team_name(&row.team.name),
        title: row.team.title.clone().unwrap_or_default(),
        staffed: row.team.staffed,
        max_waiting: row.max_waiting,
        max_wait: (row.max_wait_s > 0).then(|| prost_types::Duration { seconds: i64::from(row.max_wait_s), nanos: 0 }),
        overflow_team: other(&row.team.overflow_team),
        parent: other(&row.parent),
        state: state.into(),
        pending_command: if row.pending_topology { queues::command(&row.team.name) } else { String::new() },
        in_rules: row.in_rules,
        update_time: row.updated_at.map(wire_time),
        etag: wire_etag(row),
    }
}

/// What a person set, without what followed from it.
fn audited(row: &TeamRow) -> v1::Team {
    let state = v1::TeamState::Unspecified.into();
    v1::Team { state, pending_command: String::new(), etag: String::new(), update_time: None, ..wire(row) }
}

fn entry(caller: &Caller, method: &str, before: Option<&TeamRow>, after: Option<&TeamRow>) -> AuditEntry {
    let resource = before.or(after).map(|row| team_name(&row.team.name)).unwrap_or_default();
    audit_entry(caller, method, &resource, before.map(audited).as_ref(), after.map(audited).as_ref())
}
