//! What is seldom done to queues: declaring, comparing, measuring, deleting. Each in its own transaction.

use std::collections::BTreeSet;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use waypost_bus::{BusError, Depth, Queue, Topology};

use crate::mailbox::{Chore, answer};
use crate::rows::{self, kind_code};
use crate::state::{Definition, Progress, QueueState, State};

/// Answers the caller, or drops the answer with the error of the file.
pub(crate) fn run(connection: &Connection, state: &mut State, chore: Chore) -> rusqlite::Result<()> {
    match chore {
        Chore::Declare { topology, reply } => answer(reply, declare(connection, state, &topology)?),
        Chore::Verify { topology, reply } => answer(reply, verify(state, &topology)),
        Chore::Depth { queue, reply } => answer(reply, depth(state, &queue)),
        Chore::Delete { queue, reply } => answer(reply, delete(connection, state, &queue)?),
    }
    Ok(())
}

/// Limits are not part of what a queue is: they follow the topology that was declared last.
fn declare(connection: &Connection, state: &mut State, topology: &Topology) -> rusqlite::Result<Result<(), BusError>> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let (mut created, mut limited) = (State::default(), Vec::new());
    for queue in &topology.queues {
        let messages_max = queue.messages_max.unwrap_or(queue.kind.messages_max());
        if let Some(known) = state.queues.get(&*queue.name).or_else(|| created.queues.get(&*queue.name)) {
            if let Some(difference) = difference(&known.definition, queue) {
                return Ok(Err(BusError::TopologyMismatch { queue: queue.name.clone(), difference }));
            }
            if known.definition.messages_max != messages_max {
                rows::limit_queue(connection, known.definition.id, messages_max)?;
                limited.push((queue.name.clone(), messages_max));
            }
            continue;
        }
        if let Some(other) = state.names.get(&queue.address).or_else(|| created.names.get(&queue.address)) {
            return Ok(Err(BusError::Refused(format!("{} and {other} have the same address", queue.name))));
        }
        let mut definition = Definition {
            id: 0,
            name: queue.name.as_str().into(),
            address: queue.address.clone(),
            kind: queue.kind,
            messages_max,
        };
        definition.id = rows::insert_queue(connection, &definition)?;
        created.add(QueueState::new(definition, Progress::default(), BTreeSet::new()));
    }
    transaction.commit()?;

    for (_, queue) in created.queues {
        state.add(queue);
    }
    for (name, messages_max) in limited {
        if let Some(queue) = state.queues.get_mut(&*name) {
            queue.definition = Definition { messages_max, ..(*queue.definition).clone() }.into();
        }
    }
    Ok(Ok(()))
}

fn verify(state: &State, topology: &Topology) -> Vec<String> {
    let check = |queue: &Queue| match state.queues.get(&*queue.name) {
        None => Some(format!("queue {} is missing", queue.name)),
        Some(known) => {
            difference(&known.definition, queue).map(|difference| format!("queue {}: {difference}", queue.name))
        }
    };
    topology.queues.iter().filter_map(check).collect()
}

fn difference(known: &Definition, wanted: &Queue) -> Option<String> {
    if known.kind != wanted.kind {
        return Some(format!("it is {}, not {}", kind_code(known.kind), kind_code(wanted.kind)));
    }
    if known.address != wanted.address {
        let (found, expected) = (&known.address, &wanted.address);
        return Some(format!(
            "its address is {} {}, not {} {}",
            found.stream.name(),
            found.key,
            expected.stream.name(),
            expected.key
        ));
    }
    None
}

fn depth(state: &State, queue: &str) -> Option<Depth> {
    let queue = state.queues.get(queue)?;
    let unacknowledged = queue.unacknowledged();
    Some(Depth {
        ready: queue.progress.messages.saturating_sub(unacknowledged),
        unacknowledged: Some(unacknowledged),
        consumers: queue.subscribers.len() as u64,
        oldest_at: None,
    })
}

fn delete(connection: &Connection, state: &mut State, name: &str) -> rusqlite::Result<Result<bool, BusError>> {
    let Some(queue) = state.queues.get(name) else { return Ok(Ok(false)) };
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    rows::delete_queue(connection, queue.definition.id)?;
    transaction.commit()?;
    if let Some(queue) = state.remove(name) {
        for subscriber in queue.subscribers {
            subscriber.inbox.end("the queue was deleted");
        }
    }
    Ok(Ok(true))
}
