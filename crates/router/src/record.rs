//! Keeps statuses and account events under their unique keys, until the components that act on them read them there.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use waypost_bus::{Bus, Delivery};
use waypost_cloud_api::webhook::decode_status;
use waypost_domain::{PhoneNumberId, Timestamp, WabaId};
use waypost_proto::{EventError, decode_event, v1};
use waypost_store::{ChangeRow, ChangeScope, StatusRow, Store};
use waypost_worker::{Claim, HandleError, Handler};

use crate::handler::{bury, undecodable_letter};

const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

pub struct RecordHandler {
    bus: Arc<dyn Bus>,
    store: Store,
    origin: &'static str,
}

impl RecordHandler {
    pub fn new(bus: Arc<dyn Bus>, store: Store, origin: &'static str) -> Self {
        Self { bus, store, origin }
    }
}

#[async_trait]
impl Handler for RecordHandler {
    async fn handle(&mut self, batch: &[Delivery], claim: &mut Claim) -> Result<(), HandleError> {
        let mut statuses = Vec::new();
        let mut changes = Vec::new();
        let mut undecodable = Vec::new();
        let mut oldest_at: Option<Timestamp> = None;
        for delivery in batch {
            let event = match decode_event(delivery.message.body.clone()) {
                Ok(event) => event,
                Err(error @ EventError::NewerVersion { .. }) => return Err(HandleError::Stop(error.to_string())),
                Err(EventError::Undecodable(problem)) => {
                    undecodable.push(undecodable_letter(delivery, self.origin, &problem));
                    continue;
                }
            };
            let received_at = Timestamp::from_millis(event.received_at_ms);
            oldest_at = Some(oldest_at.map_or(received_at, |oldest| oldest.min(received_at)));
            match event.checked_kind() {
                Ok(v1::EventKind::Status) => match status_row(&event, received_at) {
                    Ok(row) => statuses.push(row),
                    Err(problem) => undecodable.push(undecodable_letter(delivery, self.origin, &problem)),
                },
                Ok(v1::EventKind::AccountChange) => changes.push(change_row(event, received_at)),
                Ok(other) => {
                    let problem = format!("a {} does not belong on this queue", other.as_str_name());
                    undecodable.push(undecodable_letter(delivery, self.origin, &problem));
                }
                Err(error) => undecodable.push(undecodable_letter(delivery, self.origin, &error.to_string())),
            }
        }
        bury(&*self.bus, undecodable, PUBLISH_TIMEOUT).await?;
        let mut tx = self.store.begin_batch(&claim.fence(oldest_at)).await?;
        if !statuses.is_empty() {
            tx.record_statuses(&statuses).await?;
        }
        if !changes.is_empty() {
            tx.keep_changes(&changes).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

fn status_row(event: &v1::Event, received_at: Timestamp) -> Result<StatusRow, String> {
    let json = std::str::from_utf8(&event.json).map_err(|error| error.to_string())?;
    let status = decode_status(json).map_err(|error| error.to_string())?;
    Ok(StatusRow {
        number: PhoneNumberId::new(event.phone_number_id.clone()),
        wamid: status.id,
        state: status.state,
        participant: status.participant,
        at: status.timestamp,
        received_at,
        callback_data: status.callback_data,
        error_codes: status.error_codes,
        json: event.json.to_vec(),
    })
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
