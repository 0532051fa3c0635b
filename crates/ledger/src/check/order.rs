//! I3: when B's POST began after A's was answered 200, A comes before B. What arrived at the same time may come in
//! any order, and so may what was parked, diverted or replayed. The same of what is asked for to be sent.

use std::collections::BTreeMap;

use super::index::{Index, Message};

/// When a message was posted or asked for, and the place it came to.
pub(super) struct Placed<'a> {
    pub(super) began_ns: u64,
    pub(super) accepted_ns: u64,
    pub(super) place: i64,
    pub(super) name: &'a str,
}

/// Pairs of a late message and one that is before it and came after its 200, by place in each team's queue.
pub(super) fn late_in_queues<'a>(index: &Index<'a>) -> Vec<(&'a str, &'a str)> {
    let mut streams: BTreeMap<(&str, &str, &str), Vec<Placed<'a>>> = BTreeMap::new();
    for message in index.messages.values() {
        // Its first delivery in each queue: what comes again under the same id has no effect.
        let mut queues: Vec<&str> = Vec::new();
        for delivery in &message.delivered {
            if queues.contains(&delivery.queue.as_str()) {
                continue;
            }
            queues.push(&delivery.queue);
            let place = i64::try_from(delivery.position).unwrap_or(i64::MAX);
            if let Some((number, contact, placed)) = placed(message, place) {
                streams.entry((number, contact, &delivery.queue)).or_default().push(placed);
            }
        }
    }
    streams.into_values().flat_map(late).collect()
}

/// The same by sequence number, of messages that were decided in one partition.
pub(super) fn late_in_store<'a>(index: &Index<'a>) -> Vec<(&'a str, &'a str)> {
    let mut streams: BTreeMap<(&str, &str, u16), Vec<Placed<'a>>> = BTreeMap::new();
    for message in index.messages.values() {
        let Some(decision) = message.decision else { continue };
        if let Some((number, contact, placed)) = placed(message, decision.seq) {
            streams.entry((number, contact, decision.partition)).or_default().push(placed);
        }
    }
    streams.into_values().flat_map(late).collect()
}

fn placed<'a>(message: &Message<'a>, place: i64) -> Option<(&'a str, &'a str, Placed<'a>)> {
    let item = message.item.filter(|_| message.is_promised() && !message.is_excepted())?;
    let (began_ns, accepted_ns) = (message.began_ns?, message.accepted_ns?);
    Some((&item.phone_number_id, &item.contact, Placed { began_ns, accepted_ns, place, name: message.name() }))
}

/// Of one customer's messages in one stream, those that are behind one that began after they were accepted.
pub(super) fn late(mut messages: Vec<Placed<'_>>) -> Vec<(&str, &str)> {
    // By the time of the 200, the last first; beside them, those that began later still, of which only the foremost
    // matters.
    let mut by_began: Vec<usize> = (0..messages.len()).collect();
    messages.sort_by_key(|message| std::cmp::Reverse(message.accepted_ns));
    by_began.sort_by_key(|index| std::cmp::Reverse(messages[*index].began_ns));
    let mut began_later = by_began.into_iter().peekable();
    let mut foremost: Option<&Placed<'_>> = None;
    let mut late = Vec::new();
    for message in &messages {
        while let Some(index) = began_later.next_if(|index| messages[*index].began_ns > message.accepted_ns) {
            if foremost.is_none_or(|foremost| messages[index].place < foremost.place) {
                foremost = Some(&messages[index]);
            }
        }
        if let Some(foremost) = foremost.filter(|foremost| foremost.place < message.place) {
            late.push((message.name, foremost.name));
        }
    }
    late
}
