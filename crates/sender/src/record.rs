//! What Meta tells by webhook of what was sent, and of our accounts, numbers and templates: kept under its unique keys, and
//! taken in at once. A status carries a send on; that a message left, ours or not, is news of the conversation: somebody answered
//! the customer.

use std::str::Utf8Error;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tracing::warn;
use waypost_bus::{DeadLetterReason, Message};
use waypost_cloud_api::error_code::{Circumstances, Effect as Change, Failure, Tell, decide};
use waypost_cloud_api::webhook::{DecodeError, decode_status};
use waypost_domain::{AliasSet, PhoneNumberId, Status, StatusState, Timestamp, WabaId};
use waypost_live::{Numbers, SendingLive};
use waypost_proto::event::InvalidField;
use waypost_proto::{EVENT_KIND, EventError, bundled_events, decode_event, v1};
use waypost_store::{
    Answered, BarScope, ChangeRow, ChangeScope, FailedSend, FoldedStatuses, RecordTx, SendBar, StatusRow, Store,
};
use waypost_worker::{Bundle, ClaimedBatch, HandleError, Handler};

use crate::hooks;
use crate::metrics;
use crate::outcome::{About, Alert, bars};
use crate::spend;
use crate::step::withdrawal;

/// Takes in statuses and account events.
pub struct RecordHandler {
    store: Store,
    numbers: Arc<Numbers>,
    sending: Arc<SendingLive>,
}

/// Takes a bundle apart; what is none, or is damaged, stays as it is and is looked at as one event.
pub fn split(message: &Message) -> Option<Bundle> {
    bundled_events(&message.body).map(|events| Bundle { kind: EVENT_KIND, events })
}

impl RecordHandler {
    pub const fn new(store: Store, numbers: Arc<Numbers>, sending: Arc<SendingLive>) -> Self {
        Self { store, numbers, sending }
    }

    async fn keep(&self, batch: &mut ClaimedBatch<'_>) -> Result<(), HandleError> {
        let (mut statuses, mut read) = (Vec::new(), Vec::new());
        let mut changes = Vec::new();
        let mut answers = Vec::new();
        let mut oldest_at: Option<Timestamp> = None;
        for (index, event) in batch.events().enumerate() {
            match Kept::read(event.body().clone()) {
                Ok((kept, received_at)) => {
                    oldest_at = Some(oldest_at.map_or(received_at, |oldest| oldest.min(received_at)));
                    match kept {
                        Kept::Status(row, status, sent) => {
                            if let Some(SentTo { to, at, display_number, waba }) = sent {
                                let number = self.numbers.number(&row.number, &display_number, &waba).await?.name;
                                self.numbers.answer_seen(&number, received_at).await?;
                                answers.push(Answered { to, number, at });
                            }
                            statuses.push(row);
                            read.push(*status);
                        }
                        Kept::Change(row) => changes.push(row),
                    }
                }
                Err(NotKept::Envelope(error @ EventError::NewerVersion { .. })) => {
                    return Err(HandleError::stop(error));
                }
                Err(problem) => {
                    ::metrics::counter!(metrics::UNDECODABLE).increment(1);
                    batch.park(index, DeadLetterReason::UndecodableEvent, problem);
                }
            }
        }
        // Before, not within: there may be one connection for everything.
        let now = self.store.now().await?;
        let mut tx = self.store.begin_record(&batch.claim.fence(oldest_at)).await?;
        let mut is_news = !changes.is_empty();
        let mut priced = Vec::new();
        if !statuses.is_empty() {
            tx.record_statuses(&statuses).await?;
            let folded = self.take_in(&mut tx, &read, now).await?;
            is_news |= !folded.failed.is_empty();
            priced = folded.priced;
        }
        if !answers.is_empty() {
            tx.record_answers(&answers).await?;
        }
        if !changes.is_empty() {
            tx.keep_changes(&changes).await?;
            self.take_in_changes(&mut tx, &changes, now).await?;
        }
        is_news |= spend::count(&mut tx, &self.sending.current().policy, &priced, now).await?;
        tx.commit().await?;
        if is_news && let Err(error) = self.sending.refresh().await {
            // It is looked at every second besides.
            warn!(%error, "what sending goes by is not read; it stays as it was");
        }
        Ok(())
    }

    /// What the changes mean for sending, in the transaction that keeps them.
    async fn take_in_changes(
        &self,
        tx: &mut RecordTx,
        changes: &[ChangeRow],
        now: Timestamp,
    ) -> Result<(), HandleError> {
        let sending = self.sending.current();
        for change in changes {
            hooks::take_in(tx, &sending, change, now).await?;
        }
        Ok(())
    }

    /// What the statuses say of our sends, with what follows from a failure in the same transaction.
    async fn take_in(
        &self,
        tx: &mut RecordTx,
        statuses: &[Status],
        now: Timestamp,
    ) -> Result<FoldedStatuses, HandleError> {
        let folded = tx.fold_statuses(statuses, now).await?;
        for failed in &folded.failed {
            self.follow(tx, failed, now).await?;
        }
        Ok(folded)
    }

    async fn follow(&self, tx: &mut RecordTx, failed: &FailedSend, now: Timestamp) -> Result<(), HandleError> {
        let sending = self.sending.current();
        let Some(number) = sending.numbers.get(&failed.number) else { return Ok(()) };
        let decision = decide(&Failure::in_status(failed.code), Circumstances::default());
        let about = About { number: &failed.number, waba: &number.waba, country: None };
        let bars: Vec<SendBar> = bars(&decision, about, now).map(|bar| bar.after(&sending.bars)).collect();
        for bar in &bars {
            tx.bar_sends(bar).await?;
        }
        if let (Tell::Alert, Some(code)) = (decision.tell, failed.code) {
            let of_number = (BarScope::Number, failed.number.as_str());
            let (scope, name) = bars.first().map_or(of_number, |bar| (bar.scope, bar.name.as_str()));
            let kind = Alert::Code(code).kind();
            if tx.raise_alert(scope, name, &kind, decision.meaning, now).await? {
                metrics::alert(scope, name, &kind);
            }
        }
        match decision.effect {
            Some(Change::CloseWindow) => tx.close_window(failed.contact, &failed.number, now).await?,
            Some(Change::WithdrawMarketing) => {
                let cause = format!("{}/{}", failed.code.unwrap_or_default(), failed.id);
                tx.append_consent(&[withdrawal(failed.contact, number, &cause, now)]).await?;
            }
            // Which language went is not known here: the list says what became of it.
            Some(Change::RefreshTemplates | Change::HoldTemplate | Change::DisableTemplate) => {
                tx.want_templates(&number.waba, now).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

#[async_trait]
impl Handler for RecordHandler {
    async fn handle(&mut self, work: &mut [ClaimedBatch<'_>]) -> Result<(), HandleError> {
        for batch in work {
            if let Err(error) = self.keep(batch).await {
                batch.leave(error);
            }
        }
        Ok(())
    }
}

/// What an event on one of these queues is kept as.
enum Kept {
    Status(StatusRow, Box<Status>, Option<SentTo>),
    Change(ChangeRow),
}

/// An answer to a customer, and what else is told of the number that it came from.
struct SentTo {
    to: AliasSet,
    at: Timestamp,
    display_number: String,
    waba: WabaId,
}

/// Why nothing is kept of it.
#[derive(Debug, thiserror::Error)]
enum NotKept {
    #[error(transparent)]
    Envelope(#[from] EventError),
    #[error(transparent)]
    Field(#[from] InvalidField),
    #[error("a {} does not belong on this queue", .0.as_str_name())]
    Elsewhere(v1::EventKind),
    #[error("the status is not text: {0}")]
    NotText(#[from] Utf8Error),
    #[error("the status does not decode: {0}")]
    Status(#[from] DecodeError),
}

impl Kept {
    /// With the time at which it was received.
    fn read(encoded: Bytes) -> Result<(Self, Timestamp), NotKept> {
        let event = decode_event(encoded)?;
        let received_at = Timestamp::from_millis(event.received_at_ms);
        let kept = match event.checked_kind()? {
            v1::EventKind::Status => status(&event, received_at)?,
            v1::EventKind::AccountChange => Self::Change(change_row(event, received_at)),
            kind @ (v1::EventKind::Unspecified
            | v1::EventKind::Message
            | v1::EventKind::StandbyMessage
            | v1::EventKind::Echo
            | v1::EventKind::ContactChange) => return Err(NotKept::Elsewhere(kind)),
        };
        Ok((kept, received_at))
    }
}

fn status(event: &v1::Event, received_at: Timestamp) -> Result<Kept, NotKept> {
    let status = decode_status(std::str::from_utf8(&event.json)?)?;
    let error_codes = status.error_codes();
    // When it was delivered or read says nothing of who spoke last: the customer may have written in between.
    let is_sent = status.state == StatusState::Sent && status.participant.is_none() && !status.recipient.is_empty();
    let sent = is_sent.then(|| SentTo {
        to: status.recipient.clone(),
        at: status.timestamp.unwrap_or(received_at),
        display_number: event.display_phone_number.clone(),
        waba: WabaId::new(event.waba_id.clone()),
    });
    let row = StatusRow {
        number: PhoneNumberId::new(event.phone_number_id.clone()),
        wamid: status.id.clone(),
        state: status.state.clone(),
        participant: status.participant.clone(),
        at: status.timestamp,
        received_at,
        error_codes,
        callback_data: status.callback_data.clone(),
        json: event.json.to_vec(),
    };
    Ok(Kept::Status(row, Box::new(status), sent))
}

fn change_row(event: v1::Event, received_at: Timestamp) -> ChangeRow {
    ChangeRow {
        scope: ChangeScope::Account,
        number: PhoneNumberId::new(event.phone_number_id),
        waba: WabaId::new(event.waba_id),
        field: event.field,
        key: event.key,
        json: event.json.to_vec(),
        received_at,
        entry_time: (event.entry_time != 0).then_some(event.entry_time),
    }
}
