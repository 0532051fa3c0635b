//! Tidying up: what is older than it has to be is deleted, in batches; silent conversations are resolved.
//!
//! An inbox row goes only when its event was published and Meta cannot send it again; a held message only when it was
//! released or its own, longer time is over.

use std::sync::LazyLock;
use std::time::Duration;

use uuid::Builder;
use waypost_domain::window::WINDOW_MS;
use waypost_domain::{PartitionId, Timestamp};

use crate::core::{Param, Sql, params};
use crate::lease::millis;
use crate::transcript::{FORGET_SENT, FORGET_TRANSCRIPT};
use crate::{Result, Store};

/// How long things are kept after they were received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    pub inbox: Duration,
    /// What was said: bodies of messages that are kept whole, transcripts, the content of what was sent, and words that a language
    /// is still to be guessed from.
    pub bodies: Duration,
    /// Copies of files that customers sent.
    pub media: Duration,
    pub statuses: Duration,
    pub changes: Duration,
    /// Resolved conversations, and what it takes to undo a merge.
    pub conversations: Duration,
    /// Campaigns with their recipients, from their end; what was sent stays.
    pub campaigns: Duration,
}

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JanitorReport {
    pub conversations_resolved: u64,
    pub inbox: u64,
    pub held: u64,
    pub statuses: u64,
    pub changes: u64,
    pub conversations: u64,
    pub members: u64,
    pub merges: u64,
    pub samples: u64,
    pub transcript: u64,
    /// Sends whose content was forgotten.
    pub sent: u64,
    pub files: u64,
    pub campaign_recipients: u64,
    pub campaigns: u64,
}

/// Where nobody was seen to answer for so long, nothing tells a conversation that waits from one that is over.
pub const ANSWERS_SEEN_WITHIN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A conversation that a batch has in hand is not idle. Nor is one that waits for an answer, where answers are seen.
static RESOLVE: Sql = Sql::each(
    "UPDATE conversation SET state = 'resolved'
    WHERE id IN (
        SELECT id FROM conversation
        WHERE state <> 'resolved' AND active_at < $1
            AND (min(coalesce(last_inbound_at, 0), coalesce(window_ends_at - $4, last_inbound_at, 0))
                    <= coalesce(last_outbound_at, 0)
                OR number NOT IN (SELECT name FROM number WHERE answers_seen_at >= $3))
        LIMIT $2)",
    "WITH idle AS MATERIALIZED (
        SELECT id FROM conversation
        WHERE state <> 'resolved' AND active_at < $1
            AND (least(coalesce(last_inbound_at, 0), window_ends_at - $4) <= coalesce(last_outbound_at, 0)
                OR number NOT IN (SELECT name FROM number WHERE answers_seen_at >= $3))
        LIMIT $2
        FOR UPDATE SKIP LOCKED)
    UPDATE conversation SET state = 'resolved' WHERE id IN (SELECT id FROM idle)",
);

static FORGET_HELD: Sql = Sql::both(
    "DELETE FROM held
    WHERE decision_id IN (
        SELECT decision_id FROM held WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
);

static FORGET_STATUSES: Sql = Sql::both(
    "DELETE FROM status
    WHERE (wamid, state, participant) IN (
        SELECT wamid, state, participant FROM status WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
);

static FORGET_CHANGES: Sql = Sql::both(
    "DELETE FROM change
    WHERE (waba_id, number, key) IN (
        SELECT waba_id, number, key FROM change WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
);

static FORGET_MEMBERS: Sql = Sql::both(
    "DELETE FROM member
    WHERE (component, instance) IN (
        SELECT component, instance FROM member WHERE expires_at < $1 LIMIT $2)",
);

static FORGET_CONVERSATIONS: Sql = Sql::both(
    "DELETE FROM conversation
    WHERE id IN (
        SELECT id FROM conversation
        WHERE id < $3 AND state = 'resolved' AND active_at < $1
        ORDER BY id
        LIMIT $2)",
);

/// Without it a merge stays, like one from before merges were written down.
static FORGET_MERGES: Sql = Sql::both(
    "DELETE FROM contact_merge
    WHERE loser_id IN (SELECT loser_id FROM contact_merge WHERE at < $1 ORDER BY at LIMIT $2)",
);

/// Of whom nothing was heard for so long. One that a batch has in hand has just been heard of.
static FORGET_SAMPLES: LazyLock<Sql> = LazyLock::new(|| {
    let with = |locked: &str| {
        format!(
            "UPDATE contact SET language_sample = NULL
            WHERE id IN (
                SELECT c.id FROM contact c
                WHERE c.language_sample <> '' AND c.created_at < $1 AND NOT EXISTS (
                    SELECT 1 FROM conversation k WHERE k.contact_id = c.id AND k.active_at >= $1)
                ORDER BY c.created_at
                LIMIT $2{locked})"
        )
    };
    Sql::made_each(with(""), with(" FOR NO KEY UPDATE SKIP LOCKED"))
});

/// What they were told stays with what was sent to them.
static FORGET_RECIPIENTS: Sql = Sql::both(
    "DELETE FROM campaign_recipient
    WHERE (campaign, place) IN (
        SELECT r.campaign, r.place FROM campaign c
        JOIN campaign_recipient r ON r.campaign = c.id
        WHERE c.ended_at < $1
        LIMIT $2)",
);

/// Not before its recipients, who would be nobody's.
static FORGET_CAMPAIGNS: Sql = Sql::both(
    "DELETE FROM campaign
    WHERE id IN (
        SELECT c.id FROM campaign c
        WHERE c.ended_at < $1 AND NOT EXISTS (SELECT 1 FROM campaign_recipient r WHERE r.campaign = c.id)
        LIMIT $2)",
);

static PUBLISHED: Sql = Sql::both("SELECT partition, published_seq FROM lease WHERE component = $1");

/// The inner limit comes first: see [`Store::sweep_inbox`].
static FORGET_INBOX: Sql = Sql::both(
    "DELETE FROM inbox
    WHERE decision_id IN (
        SELECT f.decision_id FROM (
            SELECT i.decision_id, i.received_at FROM inbox i
            WHERE i.partition = $1 AND i.seq <= $2
                AND (SELECT count(*) FROM held h WHERE h.decision_id = i.decision_id AND h.released_by IS NULL) = 0
            ORDER BY i.seq
            LIMIT $4) f
        WHERE f.received_at < $3)",
);

impl Store {
    /// One pass: at most `limit` rows of each kind (inbox rows: of each partition), each kind in a transaction of its own.
    pub async fn janitor_pass(&self, retention: &Retention, idle: Duration, limit: u32) -> Result<JanitorReport> {
        let now = self.now().await?.as_millis();
        let before = |age: Duration| now.saturating_sub(millis(age));
        Ok(JanitorReport {
            conversations_resolved: self
                .sweep(&RESOLVE, params![before(idle), limit, before(ANSWERS_SEEN_WITHIN), WINDOW_MS])
                .await?,
            inbox: self.sweep_inbox(before(retention.inbox), limit).await?,
            held: self.sweep(&FORGET_HELD, params![before(retention.bodies), limit]).await?,
            statuses: self.sweep(&FORGET_STATUSES, params![before(retention.statuses), limit]).await?,
            changes: self.sweep(&FORGET_CHANGES, params![before(retention.changes), limit]).await?,
            conversations: self.sweep_conversations(before(retention.conversations), limit).await?,
            members: self.sweep(&FORGET_MEMBERS, params![now, limit]).await?,
            // Not before the messages of whoever was merged: a merge says whose they are.
            merges: self
                .sweep(&FORGET_MERGES, params![before(retention.conversations.max(retention.inbox)), limit])
                .await?,
            samples: self.sweep(&FORGET_SAMPLES, params![before(retention.bodies), limit]).await?,
            // Not after their conversations, by which they are found.
            transcript: self
                .sweep(&FORGET_TRANSCRIPT, params![before(retention.bodies.min(retention.conversations)), limit])
                .await?,
            sent: self.sweep(&FORGET_SENT, params![before(retention.bodies), limit]).await?,
            files: self.sweep_files(Timestamp::from_millis(before(retention.media)), limit).await?,
            campaign_recipients: self.sweep(&FORGET_RECIPIENTS, params![before(retention.campaigns), limit]).await?,
            campaigns: self.sweep(&FORGET_CAMPAIGNS, params![before(retention.campaigns), limit]).await?,
        })
    }

    async fn sweep(&self, sql: &'static Sql, params: Vec<Param<'_>>) -> Result<u64> {
        Ok(self.write(sql, params).await?.affected)
    }

    /// Ids begin with the time at which they were made: what is younger than `before` need not be looked at.
    async fn sweep_conversations(&self, before: i64, limit: u32) -> Result<u64> {
        let since_epoch = u64::try_from(before).unwrap_or_default();
        let youngest = Builder::from_unix_timestamp_millis(since_epoch, &[0; 10]).into_uuid();
        self.sweep(&FORGET_CONVERSATIONS, params![before, limit, youngest]).await
    }

    /// By partition, the lowest sequence numbers: rows of a partition were received in about that order, so those that
    /// are young say that nothing above them is old. Rows that wait for a release are passed over.
    async fn sweep_inbox(&self, before: i64, limit: u32) -> Result<u64> {
        let mut deleted = 0;
        for row in self.read(&PUBLISHED, params![self.inbox_component]).await? {
            let row = row.of("lease");
            let (partition, published_seq): (PartitionId, i64) = (row.get("partition")?, row.get("published_seq")?);
            deleted += self.sweep(&FORGET_INBOX, params![partition, published_seq, before, limit]).await?;
        }
        Ok(deleted)
    }
}
