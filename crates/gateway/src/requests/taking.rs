//! A batch of requests: read, each for its own author; kept, all in one transaction; answered. What cannot be taken is parked,
//! and holds up nothing that came with it.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use waypost_bus::dead_letter::PARKED_AT_HEADER;
use waypost_bus::{Bus, DeadLetterReason, Message, Publication};
use waypost_domain::Timestamp;
use waypost_domain::send::{SendId, SendState};
use waypost_domain::team::Priority;
use waypost_fault as fault;
use waypost_grpc::CallError;
use waypost_proto::sends::{parse_json, read_send};
use waypost_proto::sends_v1 as wire;
use waypost_store::{NewSend, StoredSend};
use waypost_worker::{ClaimedBatch, HandleError, Handler};

use super::answer::{answer, give, reply_to};
use super::author::author;
use super::refusal::{Problem, Refusal};
use crate::messages::Messages;
use crate::metrics;

/// The handler of one of the queues.
pub(super) struct Taking {
    pub(super) messages: Messages,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) bus_has_users: bool,
    /// The queue's.
    pub(super) priority: Priority,
}

/// What became of a request that no outage stood in the way of.
type Taken = Result<(SendId, StoredSend), Refusal>;

#[async_trait]
impl Handler for Taking {
    async fn handle(&mut self, work: &mut [ClaimedBatch<'_>]) -> Result<(), HandleError> {
        for batch in work {
            if let Err(error) = self.take(batch).await {
                batch.leave(error);
            }
        }
        Ok(())
    }
}

impl Taking {
    async fn take(&self, batch: &mut ClaimedBatch<'_>) -> Result<(), HandleError> {
        let messages: Vec<&Message> = batch.events().map(|event| event.carrier()).collect();
        let mut read = Vec::with_capacity(messages.len());
        for one in join_all(messages.iter().map(|message| self.read(message))).await {
            read.push(refused_or_failed(one)?);
        }
        let taken = self.keep(read).await?;
        fault::point(fault::GATEWAY_AFTER_COMMIT);
        let mut answers = Vec::new();
        for (message, taken) in messages.iter().zip(&taken) {
            answers.extend(self.answer(message, taken).await?);
        }
        give(&*self.bus, answers).await;
        count(&taken);
        for (index, taken) in taken.into_iter().enumerate() {
            if let Err(refusal) = taken {
                batch.park(index, DeadLetterReason::BadSendRequest, refusal);
            }
        }
        Ok(())
    }

    /// The request as it is to be kept.
    async fn read(&self, message: &Message) -> Result<NewSend, Problem> {
        let author = author(message, self.bus_has_users)?;
        reply_to(message)?;
        let mut request = parse_json(&message.body).map_err(CallError::from)?;
        request.priority = self.priority_of(&request)?.into();
        let draft = read_send(request, "").map_err(CallError::from)?;
        let send = self.messages.taken_in(&author, draft).await?;
        match of_its_age(send.clone(), message) {
            Ok(send) => Ok(send),
            // Given one that was kept before, then it is that one, however old the copy.
            Err(_) if self.messages.known(&send).await?.is_some() => Ok(send),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// That of the queue, which a request need not repeat.
    fn priority_of(&self, request: &wire::SendRequest) -> Result<wire::Priority, Refusal> {
        let of_queue = match self.priority {
            Priority::Urgent => wire::Priority::Urgent,
            Priority::Normal => wire::Priority::Normal,
        };
        match request.priority() {
            said if said == of_queue || said == wire::Priority::Unspecified => Ok(of_queue),
            _ => {
                let problem = "is another than the routing key: publish it with the one that is meant";
                Err(Refusal::new("priority", "PRIORITY_DIFFERS", problem))
            }
        }
    }

    /// All that were read, at once.
    async fn keep(&self, read: Vec<Result<NewSend, Refusal>>) -> Result<Vec<Taken>, HandleError> {
        let sends: Vec<NewSend> = read.iter().filter_map(|one| one.as_ref().ok()).cloned().collect();
        let kept = self.messages.keep_all(&sends).await.map_err(|error| failed(error.into()))?;
        let mut kept = kept.into_iter();
        let mut taken = Vec::with_capacity(read.len());
        for one in read {
            taken.push(match one {
                Ok(send) => match kept.next() {
                    Some(stored @ (StoredSend::New | StoredSend::Known)) => Ok((send.request.id, stored)),
                    Some(StoredSend::Conflict) => refused_or_failed(self.known(send).await)?,
                    None => return Err(HandleError::retry("the store said nothing of a send")),
                },
                Err(refusal) => Err(refusal),
            });
        }
        Ok(taken)
    }

    /// Given a request that is repeated after its conversation has ended, then it is the same all the same.
    async fn known(&self, send: NewSend) -> Result<(SendId, StoredSend), Problem> {
        match self.messages.known(&send).await? {
            Some(_) => Ok((send.request.id, StoredSend::Known)),
            None => Err(HandleError::retry("a send that was in the way is gone").into()),
        }
    }

    async fn answer(&self, message: &Message, taken: &Taken) -> Result<Option<Publication>, HandleError> {
        let Ok(Some(queue)) = reply_to(message) else { return Ok(None) };
        Ok(Some(match taken {
            Ok((id, stored)) => {
                let state = match stored {
                    StoredSend::New => SendState::Queued,
                    StoredSend::Known | StoredSend::Conflict => {
                        let row = self.messages.row(id).await.map_err(|error| failed(error.into()))?;
                        row.map_or(SendState::Queued, |row| row.progress.state)
                    }
                };
                answer(queue, message, Some(id), Ok(state))
            }
            Err(refusal) => answer(queue, message, id_of(&message.body).as_ref(), Err(refusal)),
        }))
    }
}

/// Given a request without an end of its own that was parked yesterday and is replayed, then it is of use for as long as if it had
/// been taken then; what is of none any more is not sent as an answer to what the customer says by now.
fn of_its_age(send: NewSend, message: &Message) -> Result<NewSend, Refusal> {
    let parked_at = message.headers.get(PARKED_AT_HEADER).and_then(|at| at.parse().ok()).map(Timestamp::from_millis);
    let (Some(parked_at), None) = (parked_at, send.request.expires_at) else { return Ok(send) };
    let now = send.request.created_at;
    let age_ms = now.millis_since(parked_at).max(0);
    let ends_at = send.ends_at.plus_millis(-age_ms);
    if ends_at <= now {
        let problem = "is missing, and the request was parked too long ago to be of use: ask anew for what is to be said now, \
                       or say until when it is of use";
        return Err(Refusal::new("expire_time", "TOO_OLD", problem));
    }
    Ok(NewSend { ends_at, ..send })
}

/// What is refused is refused alone; whatever else went wrong speaks of all.
fn refused_or_failed<T>(result: Result<T, Problem>) -> Result<Result<T, Refusal>, HandleError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Problem::Refused(refusal)) => Ok(Err(refusal)),
        Err(Problem::Failed(error)) => Err(error),
    }
}

fn failed(problem: Problem) -> HandleError {
    match problem {
        Problem::Failed(error) => error,
        Problem::Refused(refusal) => HandleError::retry(refusal),
    }
}

/// The id of a request that cannot be read as a whole.
fn id_of(body: &[u8]) -> Option<SendId> {
    let json: serde_json::Value = serde_json::from_slice(body).ok()?;
    SendId::new(json.get("send_id")?.as_str()?).ok()
}

fn count(taken: &[Taken]) {
    let of = |wanted: StoredSend| taken.iter().flatten().filter(|(_, stored)| *stored == wanted).count();
    metrics::requests("kept", of(StoredSend::New));
    metrics::requests("known", of(StoredSend::Known));
    metrics::requests("refused", taken.iter().filter(|one| one.is_err()).count());
}
