//! How it is, as a whole.

use std::path::Path;
use std::time::{Duration, SystemTime};

use tonic::Request;
use waypost_domain::Timestamp;
use waypost_grpc::error::Violations;
use waypost_grpc::fields::{seconds, team_name, wire_time};
use waypost_grpc::{Result, serve};
use waypost_live::overview::{Facts, Overview, ParkedOverview, Problem, QueueState, ShardOverview, TeamOverview};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::status_service_server::StatusService;

use crate::Shared;

const MAX_AGE_S: u32 = 60;

pub(crate) struct Statuses {
    pub(crate) shared: Shared,
}

serve! { StatusService for Statuses {
    get_status: v1::GetStatusRequest => v1::GetStatusResponse,
}}

impl Statuses {
    async fn get_status(&self, request: Request<v1::GetStatusRequest>) -> Result<v1::GetStatusResponse> {
        let mut violations = Violations::default();
        let max_age_s = match seconds(&mut violations, "max_age", request.get_ref().max_age.as_ref()) {
            0 => MAX_AGE_S,
            seconds => seconds,
        };
        violations.check()?;
        let now = Timestamp::from_system_time(SystemTime::now());
        let max_age = Duration::from_secs(max_age_s.into());
        let mut facts = Facts::new(self.shared.watched.clone(), now, max_age);
        facts.read_store(&self.shared.store).await;
        facts.read_rules_file().await;
        facts.read_bus(&*self.shared.bus).await;
        let rules_file = facts.watched.rules_file.clone();
        Ok(v1::GetStatusResponse { status: Some(status_message(&Overview::of(facts), rules_file.as_deref())) })
    }
}

/// As it is answered, and printed. `rules_file` is the one that decides.
pub fn status_message(overview: &Overview, rules_file: Option<&Path>) -> v1::Status {
    v1::Status {
        healthy: overview.is_healthy(),
        read_time: Some(wire_time(overview.read_at)),
        problems: overview.problems.iter().map(problem).collect(),
        shards: overview.shards.iter().map(shard).collect(),
        queues: overview.queues.iter().map(|(name, state)| queue(name, *state)).collect(),
        teams: overview.teams.iter().map(team).collect(),
        parked: overview.parked.iter().map(parked).collect(),
        numbers_without_answers: overview.numbers_without_answers.clone(),
        oldest_time: overview.oldest_at.map(wire_time),
        rules_file: rules_file.map(|file| file.display().to_string()).unwrap_or_default(),
    }
}

fn problem(problem: &Problem) -> v1::Problem {
    v1::Problem { what: problem.what.clone(), since_time: problem.since.map(wire_time), remedy: problem.remedy.clone() }
}

fn shard(shard: &ShardOverview) -> v1::ShardStatus {
    v1::ShardStatus {
        component: shard.component.to_owned(),
        shard: shard.shard.into(),
        queue: shard.queue.clone(),
        owner: shard.owner.clone().unwrap_or_default(),
        gone: shard.gone.clone().unwrap_or_default(),
        epoch: shard.epoch,
        expire_time: Some(wire_time(shard.expires_at)),
        oldest_time: shard.oldest_at.map(wire_time),
    }
}

fn queue(name: &str, state: Option<QueueState>) -> v1::QueueStatus {
    v1::QueueStatus {
        name: name.to_owned(),
        missing: state.is_none(),
        messages: count(state.unwrap_or_default().messages),
        oldest_time: state.and_then(|state| state.oldest_at).map(wire_time),
    }
}

fn team(team: &TeamOverview) -> v1::TeamStatus {
    v1::TeamStatus {
        name: team_name(&team.team),
        in_rules: team.in_rules,
        missing_queues: team.missing_queues.clone(),
        waiting: count(team.waiting),
        oldest_time: team.oldest_at.map(wire_time),
    }
}

fn parked(parked: &ParkedOverview) -> v1::ParkedStatus {
    v1::ParkedStatus {
        place: parked.place.clone(),
        messages: count(parked.messages),
        queued: count(parked.queued),
        oldest_time: parked.oldest_at.map(wire_time),
    }
}

fn count(messages: u64) -> i64 {
    i64::try_from(messages).unwrap_or(i64::MAX)
}
