//! One parked message: what is told of it, its bytes, and its row.

use std::collections::BTreeMap;

use ring::digest::{Context, SHA256};
use uuid::{Builder, Uuid};
use waypost_domain::Timestamp;

use crate::Result;
use crate::core::{Columns, Param, Table, params};
use crate::records::{clean, key};

/// Why a message is parked, by the queue that it was parked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parking {
    /// It could not be handled.
    DeadLetters,
    /// No team's queue takes it.
    Unrouted,
}

impl Parking {
    pub const ALL: [Self; 2] = [Self::DeadLetters, Self::Unrouted];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeadLetters => "dead-letters",
            Self::Unrouted => "unrouted",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|parking| parking.as_str() == text)
    }
}

/// What is told of a parked message. Nothing of it names a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedRow {
    pub parking: Parking,
    /// The message's own; several rows may have the same.
    pub message_id: String,
    /// A code.
    pub reason: String,
    /// For people.
    pub detail: String,
    /// The queue, or the component, that gave up.
    pub origin: String,
    /// How often whoever gave up had tried.
    pub attempts: u32,
    /// How often it was replayed before.
    pub replays: u32,
    /// What the body is.
    pub kind: String,
    /// When it was moved here.
    pub parked_at: Timestamp,
    /// Bytes of the body.
    pub body_bytes: u64,
}

/// What it takes to publish it again as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedContent {
    pub content_type: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// A parked message, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedMessage {
    pub row: ParkedRow,
    pub content: ParkedContent,
}

pub(crate) static PARKED: Table = Table {
    name: "parked",
    columns: &[
        ("parked_at", "BIGINT"),
        ("place", "BIGINT"),
        ("attempts", "BIGINT"),
        ("replays", "BIGINT"),
        ("id", "UUID"),
        ("parking", "TEXT"),
        ("message_id", "TEXT"),
        ("reason", "TEXT"),
        ("origin", "TEXT"),
        ("kind", "TEXT"),
        ("content_type", "TEXT"),
        ("detail", "TEXT"),
        ("headers", "TEXT"),
        ("body", "BYTEA"),
    ],
};

impl ParkedMessage {
    /// The same for the same message out of the same place, and another one after each replay.
    pub(super) fn id(&self) -> Uuid {
        let Self { row, content } = self;
        let mut digest = Context::new(&SHA256);
        let replays = row.replays.to_string();
        let texts = [row.parking.as_str(), &row.message_id, &row.origin, &row.kind, &replays].map(str::as_bytes);
        for part in texts.into_iter().chain([&*content.body]) {
            digest.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.finish().as_ref()[..16]);
        Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// In the order of [`PARKED`].
    pub(super) fn params(&self, place: usize, id: Uuid) -> Vec<Param<'_>> {
        let Self { row, content } = self;
        let headers: serde_json::Value =
            content.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        params![
            row.parked_at,
            i64::try_from(place).unwrap_or(i64::MAX),
            row.attempts,
            row.replays,
            id,
            row.parking.as_str(),
            key(&row.message_id),
            key(&row.reason),
            key(&row.origin),
            key(&row.kind),
            clean(&content.content_type),
            clean(&row.detail),
            headers.to_string(),
            &content.body,
        ]
    }

    pub(super) fn from_row(row: &Columns<'_>) -> Result<Self> {
        let shown = ParkedRow::from_row(row)?;
        let headers = row.parse("headers", |text| serde_json::from_str(text).ok())?;
        let content = ParkedContent {
            content_type: row.get("content_type")?,
            headers: headers.unwrap_or_default(),
            body: row.get("body")?,
        };
        Ok(Self { row: shown, content })
    }
}

impl ParkedRow {
    pub(super) fn from_row(row: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            parking: row.parse("parking", Parking::parse)?.ok_or(row.unreadable("parking"))?,
            message_id: row.get("message_id")?,
            reason: row.get("reason")?,
            origin: row.get("origin")?,
            kind: row.get("kind")?,
            detail: row.get("detail")?,
            attempts: row.get("attempts")?,
            replays: row.get("replays")?,
            parked_at: row.get("parked_at")?,
            body_bytes: row.get("body_bytes")?,
        })
    }
}
