//! Parked messages: the rows that the router moves them to. What is done with them here is recorded with what it was done to,
//! and a replay is a job of [`replays`]. Their bytes are shown to nobody.

pub(crate) mod replays;

mod left;
mod selection;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use tonic::Request;
use uuid::Uuid;
use waypost_domain::Timestamp;
use waypost_grpc::error::{Violations, invalid, not_found};
use waypost_grpc::fields::{check_title, uuid_of, wire_time};
use waypost_grpc::{Mutation, Result, change, page, serve};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::dead_letter_service_server::DeadLetterService;
use waypost_store::{ParkedFilter, ParkedGroup, ParkedPlace, ParkedRow, ReplayJob};

use super::titles::add_titles;
use crate::Shared;

use left::{Left, add, tell, wire, wire_count};
use replays::Replays;
use selection::{examine_max, filter, not_there, wire_parking};

pub(crate) use selection::collection;

/// Messages of one job.
const JOB_MESSAGES_MAX: u32 = 100_000;
/// What a call waits for its replay: less than a call may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);
/// Ids that a record in the audit log holds of a job's messages.
const RECORDED_IDS_MAX: u32 = 500;

pub(crate) struct DeadLetters {
    pub(crate) shared: Shared,
    pub(crate) replays: Replays,
}

serve! { DeadLetterService for DeadLetters {
    list_dead_letters: v1::ListDeadLettersRequest => v1::ListDeadLettersResponse,
    summarize_dead_letters: v1::SummarizeDeadLettersRequest => v1::SummarizeDeadLettersResponse,
    replay_dead_letters: v1::ReplayDeadLettersRequest => v1::ReplayDeadLettersResponse,
    start_replay: v1::StartReplayRequest => v1::StartReplayResponse,
    get_replay: v1::GetReplayRequest => v1::GetReplayResponse,
    list_replays: v1::ListReplaysRequest => v1::ListReplaysResponse,
    stop_replay: v1::StopReplayRequest => v1::StopReplayResponse,
    discard_dead_letters: v1::DiscardDeadLettersRequest => v1::DiscardDeadLettersResponse,
}}

impl DeadLetters {
    async fn list_dead_letters(
        &self,
        request: Request<v1::ListDeadLettersRequest>,
    ) -> Result<v1::ListDeadLettersResponse> {
        let request = request.get_ref();
        let filter = filter(request.parking, &request.reason, &[], request.before_time.as_ref())?;
        let size = page::size(request.page_size)?;
        let list = format!("{filter:?}");
        let after = page::place(&list, &request.page_token, read_place)?;
        let mut rows = self.shared.store.parked(&filter, after, size + 1).await?;
        let next_page_token = page::cut(&list, &mut rows, size, |(place, _)| write_place(place));
        let dead_letters = rows.into_iter().map(|(_, row)| letter(row)).collect();
        Ok(v1::ListDeadLettersResponse { dead_letters, next_page_token })
    }

    async fn summarize_dead_letters(
        &self,
        request: Request<v1::SummarizeDeadLettersRequest>,
    ) -> Result<v1::SummarizeDeadLettersResponse> {
        let request = request.get_ref();
        let filter = filter(request.parking, &request.reason, &request.message_ids, request.before_time.as_ref())?;
        let groups = self.shared.store.parked_groups(&filter).await?;
        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        for group in &groups {
            *reasons.entry(group.reason.clone()).or_default() += group.count;
        }
        Ok(v1::SummarizeDeadLettersResponse {
            examined: self.still_parked(&filter).await?,
            reasons: wire(&reasons),
            groups: groups.into_iter().map(wire_group).collect(),
        })
    }

    async fn replay_dead_letters(
        &self,
        request: Request<v1::ReplayDeadLettersRequest>,
    ) -> Result<v1::ReplayDeadLettersResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let max = examine_max(request.examine_max)?;
        let request = v1::StartReplayRequest {
            parking: request.parking,
            reason: request.reason,
            message_ids: request.message_ids,
            before_time: request.before_time,
            max_messages: request.examine_max,
            request_id: String::new(),
        };
        let filter = filter(request.parking, &request.reason, &request.message_ids, request.before_time.as_ref())?;
        let begun = self.begin(mutation, request, filter.clone(), max).await?;
        let mut left = begun.left_because;
        let mut replayed = 0;
        if let Some(job) = begun.replay {
            let id = uuid_of("name", "replays", &job.name)?;
            let within = tokio::time::timeout(ANSWERED_WITHIN, self.replays.finish(id));
            if let Ok(finished) = within.await {
                finished?;
            }
            let mut job = self.job(id).await?;
            replayed = wire_count(job.replayed);
            let unfinished = job.unfinished();
            add(&mut job.left_because, Left::InHand, unfinished);
            tell(&mut left, &job.left_because);
        }
        let still = self.still_parked(&filter).await?;
        Ok(v1::ReplayDeadLettersResponse { replayed, left: still, left_because: left })
    }

    async fn start_replay(&self, request: Request<v1::StartReplayRequest>) -> Result<v1::StartReplayResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let max = match u32::try_from(request.max_messages) {
            Ok(0) => JOB_MESSAGES_MAX,
            Ok(max) => max.min(JOB_MESSAGES_MAX),
            Err(_) => return Err(invalid("max_messages", "must not be negative")),
        };
        let filter = filter(request.parking, &request.reason, &request.message_ids, request.before_time.as_ref())?;
        let mut begun = self.begin(mutation, request, filter, max).await?;
        self.replays.begin();
        add_titles(&self.shared.store, &mut begun.replay).await?;
        Ok(begun)
    }

    /// Recorded with the ids of its messages where they are few, and with how many they are.
    async fn begin(
        &self,
        mutation: Mutation,
        request: v1::StartReplayRequest,
        filter: ParkedFilter,
        max: u32,
    ) -> Result<v1::StartReplayResponse> {
        let begun = change(&self.shared.store, mutation, move |tx| {
            Box::pin(async move {
                let mut left = not_there(tx, &filter).await?;
                let in_hand = if filter.message_ids.is_empty() { tx.parked_in_hand(&filter).await? } else { 0 };
                let by = tx.caller().actor.clone();
                let job = tx.begin_replay(&filter, max, &by).await?;
                // What would have been its next, had no other job it in hand.
                let room = u64::from(max) - job.as_ref().map_or(0, |job| job.total);
                add(&mut left, Left::InHand, in_hand.min(room));
                if request.max_messages == 0 && room == 0 {
                    add(&mut left, Left::TooMany, tx.parked_free(&filter).await?);
                }
                let left_because = wire(&left);
                let Some(job) = job else { return Ok(v1::StartReplayResponse { replay: None, left_because }) };
                let ids = tx.replay_ids(job.id, RECORDED_IDS_MAX).await?;
                let max_messages = i32::try_from(job.total).unwrap_or(i32::MAX);
                let done = v1::StartReplayRequest { message_ids: ids, max_messages, ..request };
                tx.record(collection(filter.parking), None, Some(&done));
                Ok(v1::StartReplayResponse { replay: Some(wire_job(job)), left_because })
            })
        });
        Ok(begun.await?.into_answer())
    }

    async fn get_replay(&self, request: Request<v1::GetReplayRequest>) -> Result<v1::GetReplayResponse> {
        let id = uuid_of("name", "replays", &request.get_ref().name)?;
        Ok(v1::GetReplayResponse { replay: Some(self.told(self.job(id).await?).await?) })
    }

    async fn list_replays(&self, request: Request<v1::ListReplaysRequest>) -> Result<v1::ListReplaysResponse> {
        let size = page::size(request.get_ref().page_size)?;
        let jobs = self.shared.store.replay_jobs(size).await?;
        let mut replays: Vec<v1::ReplayJob> = jobs.into_iter().map(wire_job).collect();
        add_titles(&self.shared.store, &mut replays).await?;
        Ok(v1::ListReplaysResponse { replays })
    }

    async fn stop_replay(&self, request: Request<v1::StopReplayRequest>) -> Result<v1::StopReplayResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let id = uuid_of("name", "replays", &request.name)?;
        let stopped = change(&self.shared.store, mutation, move |tx| {
            Box::pin(async move {
                let before = tx.stop_replay(id).await?.ok_or_else(|| not_found(&request.name))?;
                if before.ended_at.is_none() {
                    let now = tx.now();
                    let after = ReplayJob { ended_at: Some(now), stopped: true, ..before.clone() };
                    tx.record(&request.name, Some(&wire_job(before)), Some(&wire_job(after)));
                }
                Ok(v1::StopReplayResponse::default())
            })
        });
        stopped.await?;
        Ok(v1::StopReplayResponse { replay: Some(self.told(self.job(id).await?).await?) })
    }

    async fn discard_dead_letters(
        &self,
        request: Request<v1::DiscardDeadLettersRequest>,
    ) -> Result<v1::DiscardDeadLettersResponse> {
        let (mutation, request) = Mutation::read(request)?;
        let mut violations = Violations::default();
        violations.require(!request.justification.trim().is_empty(), "justification", "is needed");
        check_title(&mut violations, "justification", &request.justification);
        violations.check()?;
        let filter = filter(request.parking, &request.reason, &request.message_ids, request.before_time.as_ref())?;
        let (asked, max) = (filter.clone(), examine_max(request.examine_max)?);
        let discarded = change(&self.shared.store, mutation, move |tx| {
            Box::pin(async move {
                let left_because = wire(&not_there(tx, &filter).await?);
                let ids = tx.discard_parked(&filter, max).await?;
                let discarded = i64::try_from(ids.len()).unwrap_or(i64::MAX);
                if discarded > 0 {
                    let done = v1::DiscardDeadLettersRequest { message_ids: ids, ..request };
                    tx.record(collection(filter.parking), None, Some(&done));
                }
                Ok(v1::DiscardDeadLettersResponse { discarded, left: 0, left_because })
            })
        });
        let discarded = discarded.await?.into_answer();
        Ok(v1::DiscardDeadLettersResponse { left: self.still_parked(&asked).await?, ..discarded })
    }

    async fn job(&self, id: Uuid) -> Result<ReplayJob> {
        let job = self.shared.store.replay_job(id).await?;
        job.ok_or_else(|| not_found(format!("replays/{id}")))
    }

    /// How many of those that were asked for.
    async fn still_parked(&self, filter: &ParkedFilter) -> Result<i64> {
        Ok(wire_count(self.shared.store.parked_count(filter).await?))
    }

    /// As it is told: with what people call those who began it.
    async fn told(&self, job: ReplayJob) -> Result<v1::ReplayJob> {
        let mut told = wire_job(job);
        add_titles(&self.shared.store, [&mut told]).await?;
        Ok(told)
    }
}

fn write_place((at, place, id): &ParkedPlace) -> String {
    format!("{} {place} {id}", at.as_millis())
}

fn read_place(text: &str) -> Option<ParkedPlace> {
    let mut parts = text.split(' ');
    let at = Timestamp::from_millis(parts.next()?.parse().ok()?);
    Some((at, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn letter(row: ParkedRow) -> v1::DeadLetter {
    v1::DeadLetter {
        name: format!("{}/{}", collection(row.parking), row.message_id),
        reason: row.reason,
        detail: row.detail,
        origin: row.origin,
        attempts: row.attempts,
        kind: row.kind,
        body_bytes: wire_count(row.body_bytes),
        replays: row.replays,
        park_time: Some(wire_time(row.parked_at)),
    }
}

fn wire_group(group: ParkedGroup) -> v1::DeadLetterGroup {
    v1::DeadLetterGroup {
        reason: group.reason,
        origin: group.origin,
        kind: group.kind,
        count: wire_count(group.count),
        first_time: Some(wire_time(group.first_at)),
        last_time: Some(wire_time(group.last_at)),
    }
}

fn wire_job(job: ReplayJob) -> v1::ReplayJob {
    v1::ReplayJob {
        name: format!("replays/{}", job.id),
        parking: wire_parking(job.parking).into(),
        begin_time: Some(wire_time(job.begun_at)),
        actor: job.begun_by,
        total: wire_count(job.total),
        replayed: wire_count(job.replayed),
        left_because: wire(&job.left_because),
        end_time: job.ended_at.map(wire_time),
        stopped: job.stopped,
        actor_title: String::new(),
    }
}
