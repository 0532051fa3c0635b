//! Some of the parked messages, as a request names them.

use std::collections::BTreeSet;

use prost_types::Timestamp;
use waypost_grpc::Result;
use waypost_grpc::change::Tx;
use waypost_grpc::error::invalid;
use waypost_grpc::fields::from_wire_time;
use waypost_proto::admin_v1 as v1;
use waypost_store::{ParkedFilter, Parking};

use super::left::{self, Left, Tally};

/// Messages that one call replays or discards at most.
const AT_ONCE_MAX: u32 = 500;
const IDS_MAX: usize = 500;

pub(super) fn parking(parking: i32) -> Result<Parking> {
    match v1::Parking::try_from(parking) {
        Ok(v1::Parking::DeadLetters) => Ok(Parking::DeadLetters),
        Ok(v1::Parking::Unrouted) => Ok(Parking::Unrouted),
        Ok(v1::Parking::Unspecified) | Err(_) => Err(invalid("parking", "must be dead letters or unrouted")),
    }
}

pub(super) fn wire_parking(parking: Parking) -> v1::Parking {
    match parking {
        Parking::DeadLetters => v1::Parking::DeadLetters,
        Parking::Unrouted => v1::Parking::Unrouted,
    }
}

/// The first part of their names.
pub(crate) const fn collection(parking: Parking) -> &'static str {
    match parking {
        Parking::DeadLetters => "deadLetters",
        Parking::Unrouted => "unrouted",
    }
}

pub(super) fn filter(
    parking: i32,
    reason: &str,
    message_ids: &[String],
    before: Option<&Timestamp>,
) -> Result<ParkedFilter> {
    if message_ids.len() > IDS_MAX {
        return Err(invalid("message_ids", format!("at most {IDS_MAX}")));
    }
    Ok(ParkedFilter {
        parking: self::parking(parking)?,
        reason: (!reason.is_empty()).then(|| reason.to_owned()),
        message_ids: message_ids.to_vec(),
        before: before.map(from_wire_time),
    })
}

pub(super) fn examine_max(examine_max: i32) -> Result<u32> {
    let examine_max = u32::try_from(examine_max).ok().filter(|max| (1..=AT_ONCE_MAX).contains(max));
    examine_max.ok_or_else(|| invalid("examine_max", format!("must be 1 to {AT_ONCE_MAX}")))
}

/// What was asked for by id and cannot be had.
pub(super) async fn not_there(tx: &mut Tx, filter: &ParkedFilter) -> Result<Tally> {
    let mut tally = Tally::new();
    if filter.message_ids.is_empty() {
        return Ok(tally);
    }
    let there = tx.parked_ids(filter).await?;
    for id in filter.message_ids.iter().collect::<BTreeSet<_>>() {
        match there.get(id) {
            None => left::add(&mut tally, Left::NotFound, 1),
            Some(true) => left::add(&mut tally, Left::InHand, 1),
            Some(false) => {}
        }
    }
    Ok(tally)
}
