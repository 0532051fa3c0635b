//! What happened in one transaction, as one message for the analysts. Never blocks the way in: what the bus does not
//! take is counted, and can be rebuilt from the store by the gap in its sequence numbers.

use prost::Message as _;
use waypost_bus::{Address, Message, Publication};
use waypost_domain::PartitionId;
use waypost_proto::{event::CONTENT_TYPE, v1};

/// The bus message's `type`.
pub const KIND: &str = "waypost.activity.v1";
const VERSION: u32 = 1;

/// `None` where nothing happened.
pub fn publication(partition: PartitionId, records: Vec<v1::ActivityRecord>) -> Option<Publication> {
    let last = records.last()?;
    let id = format!("activity-{}-{}", partition, last.seq);
    let body = v1::Activity { version: VERSION, partition: u32::from(partition.0), records }.encode_to_vec().into();
    let message =
        Message { id, kind: KIND.to_owned(), content_type: CONTENT_TYPE.to_owned(), body, ..Message::default() };
    Some(Publication { address: Address::activity(), message })
}
