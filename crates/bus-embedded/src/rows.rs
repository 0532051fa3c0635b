//! Every statement on queues and messages. Each works inside the caller's transaction and must never begin or end one.

use std::collections::BTreeMap;

use bytes::Bytes;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use waypost_bus::{Address, Message, QueueKind, Stream};
use waypost_domain::Timestamp;

use crate::state::{Definition, Progress, SEQ_BITS, SEQ_MAX};

/// Where message `seq` of a queue is in the table.
const fn place(queue: i64, seq: u64) -> i64 {
    (queue << SEQ_BITS) | seq.cast_signed()
}

const fn seq_of(place: i64) -> u64 {
    place.cast_unsigned() & SEQ_MAX
}

const MESSAGE_COLUMNS: &str = "id, kind, content_type, headers, body";

pub(crate) fn insert_queue(connection: &Connection, queue: &Definition) -> rusqlite::Result<i64> {
    connection.query_row(
        "INSERT INTO queue (name, stream, key, kind, messages_max, last_seq, delivered_through, messages, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, 0) RETURNING id",
        params![
            queue.name,
            queue.address.stream.name(),
            queue.address.key,
            kind_code(queue.kind),
            queue.messages_max.cast_signed()
        ],
        |row| row.get(0),
    )
}

pub(crate) fn limit_queue(connection: &Connection, queue: i64, messages_max: u64) -> rusqlite::Result<()> {
    connection
        .execute("UPDATE queue SET messages_max = ?2 WHERE id = ?1", params![queue, messages_max.cast_signed()])
        .map(|_| ())
}

pub(crate) fn save_progress(connection: &Connection, queue: i64, progress: &Progress) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE queue SET last_seq = ?2, delivered_through = ?3, messages = ?4, bytes = ?5 WHERE id = ?1",
    )?;
    statement.execute(params![
        queue,
        progress.last_seq.cast_signed(),
        progress.delivered_through.cast_signed(),
        progress.messages.cast_signed(),
        progress.bytes.cast_signed()
    ])?;
    Ok(())
}

pub(crate) fn queues(connection: &Connection) -> rusqlite::Result<Vec<(Definition, Progress)>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, stream, key, kind, messages_max, last_seq, delivered_through, messages, bytes
         FROM queue ORDER BY id",
    )?;
    statement.query_map([], queue_of)?.collect()
}

pub(crate) fn queue(connection: &Connection, name: &str) -> rusqlite::Result<Option<(Definition, Progress)>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, stream, key, kind, messages_max, last_seq, delivered_through, messages, bytes
         FROM queue WHERE name = ?1",
    )?;
    statement.query_row([name], queue_of).optional()
}

pub(crate) fn delete_queue(connection: &Connection, queue: i64) -> rusqlite::Result<()> {
    connection.execute(
        "DELETE FROM message WHERE place BETWEEN ?1 AND ?2",
        params![place(queue, 0), place(queue, SEQ_MAX)],
    )?;
    connection.execute("DELETE FROM queue WHERE id = ?1", [queue])?;
    Ok(())
}

pub(crate) fn insert(
    connection: &Connection,
    queue: i64,
    seq: u64,
    message: &Message,
    stored_at: Timestamp,
) -> rusqlite::Result<()> {
    let headers = serde_json::to_string(&message.headers)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO message (place, stored_at, delivery_count, id, kind, content_type, headers, bytes, body)
         VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    statement.execute(params![
        place(queue, seq),
        stored_at.as_millis(),
        message.id,
        message.kind,
        message.content_type,
        headers,
        i64::try_from(message.body.len()).unwrap_or(i64::MAX),
        &message.body[..]
    ])?;
    Ok(())
}

/// What was deleted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deleted {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// Deletes these, which are in ascending order: neighbours at once.
pub(crate) fn delete(connection: &Connection, queue: i64, seqs: &[u64]) -> rusqlite::Result<Deleted> {
    let mut statement =
        connection.prepare_cached("DELETE FROM message WHERE place BETWEEN ?1 AND ?2 RETURNING bytes")?;
    let mut deleted = Deleted::default();
    for run in seqs.chunk_by(|a, b| a + 1 == *b) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let mut rows = statement.query(params![place(queue, *first), place(queue, *last)])?;
        while let Some(row) = rows.next()? {
            deleted.messages += 1;
            deleted.bytes += row.get::<_, i64>(0)?.cast_unsigned();
        }
    }
    Ok(deleted)
}

/// Counts one more delivery, and says how many there were before. `None`: it is gone.
pub(crate) fn count_delivery(connection: &Connection, queue: i64, seq: u64) -> rusqlite::Result<Option<u32>> {
    let mut statement = connection.prepare_cached(
        "UPDATE message SET delivery_count = delivery_count + 1 WHERE place = ?1 RETURNING delivery_count",
    )?;
    statement.query_row([place(queue, seq)], |row| row.get(0)).optional()
}

/// Those up to `through` that are still there: handed out once, and not acknowledged.
pub(crate) fn seqs_through(connection: &Connection, queue: i64, through: u64) -> rusqlite::Result<Vec<u64>> {
    let mut statement =
        connection.prepare_cached("SELECT place FROM message WHERE place BETWEEN ?1 AND ?2 ORDER BY place")?;
    let rows = statement.query_map([place(queue, 0), place(queue, through)], |row| row.get(0).map(seq_of))?;
    rows.collect()
}

pub(crate) fn read(connection: &Connection, queue: i64, seq: u64) -> rusqlite::Result<Option<Message>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {MESSAGE_COLUMNS} FROM message WHERE place = ?1"))?;
    statement.query_row([place(queue, seq)], message_of).optional()
}

/// Those behind `after`, until there are `limit` of them or their bodies pass `bytes_max`.
pub(crate) fn read_after(
    connection: &Connection,
    queue: i64,
    after: u64,
    limit: usize,
    bytes_max: usize,
) -> rusqlite::Result<Vec<(u64, Message)>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {MESSAGE_COLUMNS}, place FROM message WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT ?3"
    ))?;
    let after = after.min(SEQ_MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![place(queue, after), place(queue, SEQ_MAX), limit])?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let message = message_of(row)?;
        bytes += message.body.len();
        found.push((seq_of(row.get(5)?), message));
        if bytes >= bytes_max {
            break;
        }
    }
    Ok(found)
}

pub(crate) fn oldest_at(connection: &Connection, queue: i64) -> rusqlite::Result<Option<Timestamp>> {
    let mut statement = connection
        .prepare_cached("SELECT stored_at FROM message WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT 1")?;
    statement
        .query_row([place(queue, 0), place(queue, SEQ_MAX)], |row| row.get(0).map(Timestamp::from_millis))
        .optional()
}

fn message_of(row: &Row<'_>) -> rusqlite::Result<Message> {
    let headers: BTreeMap<String, String> = serde_json::from_str(row.get_ref(3)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(3, Type::Text, Box::new(error)))?;
    Ok(Message {
        id: row.get(0)?,
        kind: row.get(1)?,
        content_type: row.get(2)?,
        headers,
        body: Bytes::from(row.get::<_, Vec<u8>>(4)?),
    })
}

fn queue_of(row: &Row<'_>) -> rusqlite::Result<(Definition, Progress)> {
    let unknown = |column, text: String| {
        let error = format!("{text} is unknown to this version");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    };
    let stream: String = row.get(2)?;
    let kind: String = row.get(4)?;
    let definition = Definition {
        id: row.get(0)?,
        name: row.get::<_, String>(1)?.into(),
        address: Address {
            stream: Stream::ALL.into_iter().find(|s| s.name() == stream).ok_or_else(|| unknown(2, stream))?,
            key: row.get(3)?,
        },
        kind: KINDS.into_iter().find(|k| kind_code(*k) == kind).ok_or_else(|| unknown(4, kind))?,
        messages_max: row.get::<_, i64>(5)?.cast_unsigned(),
    };
    let progress = Progress {
        last_seq: row.get::<_, i64>(6)?.cast_unsigned(),
        delivered_through: row.get::<_, i64>(7)?.cast_unsigned(),
        messages: row.get::<_, i64>(8)?.cast_unsigned(),
        bytes: row.get::<_, i64>(9)?.cast_unsigned(),
    };
    Ok((definition, progress))
}

const KINDS: [QueueKind; 4] = [QueueKind::Partitioned, QueueKind::Work, QueueKind::Team, QueueKind::Parking];

pub(crate) const fn kind_code(kind: QueueKind) -> &'static str {
    match kind {
        QueueKind::Partitioned => "partitioned",
        QueueKind::Work => "work",
        QueueKind::Team => "team",
        QueueKind::Parking => "parking",
    }
}
