//! Who is there, and who may work on which partition. A lease that is taken always gets a new epoch; whatever is
//! written under an older epoch is refused by the fence of [`Batch`](crate::Batch).
//!
//! Instants are the database's clock, read before the statement that uses them: a statement that has to wait can only
//! make a lease shorter than asked, never longer.

use std::time::Duration;

use waypost_domain::{PartitionId, Timestamp};

use crate::database::{Database, Tx, on_reader, on_tx, on_writer};
use crate::{Fence, INBOX_COMPONENT, Result, Store, records};

/// A partition that is ours until `expires_at`, and as long as nobody else took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub component: String,
    pub partition: PartitionId,
    pub owner: String,
    pub epoch: i64,
    /// Everything up to here was decided and published.
    pub published_seq: i64,
    /// The highest sequence number given so far: the next event gets one above.
    pub last_seq: i64,
    pub expires_at: Timestamp,
    /// What the owners before us had in hand when they were last heard of.
    pub suspect: Option<Suspect>,
}

/// An event that a partition's owner handles alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The message that carries it.
    pub message_id: String,
    /// Its place in the message; what stands before it was handled or parked.
    pub place: u32,
    /// How many processes in a row ended with it in hand, if the one that wrote this did.
    pub deaths: u32,
}

impl Lease {
    pub fn fence(&self, published_seq: i64, oldest_at: Option<Timestamp>) -> Fence {
        Fence {
            component: self.component.clone(),
            partition: self.partition,
            owner: self.owner.clone(),
            epoch: self.epoch,
            published_seq,
            oldest_at,
        }
    }
}

/// A lease that is still ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    pub partition: PartitionId,
    pub epoch: i64,
    /// `false`: a batch of ours has its row locked. Nobody can take it meanwhile; it is as long as it was.
    pub extended: bool,
}

/// A lease as `status` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    pub partition: PartitionId,
    pub owner: Option<String>,
    pub epoch: i64,
    pub expires_at: Timestamp,
    pub published_seq: i64,
    /// When the oldest event was received that the owner had not finished at its last statement.
    pub oldest_at: Option<Timestamp>,
}

impl Store {
    /// A replica's heartbeat. Returns how many replicas of the component live, itself included.
    pub async fn join(&self, component: &str, instance: &str, ttl: Duration) -> Result<u32> {
        let now = self.now().await?.as_millis();
        let expires_at = now.saturating_add(millis(ttl));
        let upsert = "INSERT INTO member (component, instance, expires_at) VALUES ($1, $2, $3) \
             ON CONFLICT (component, instance) DO UPDATE SET expires_at = excluded.expires_at";
        let delete = "DELETE FROM member WHERE component = $1 AND expires_at < $2";
        let count = "SELECT count(*) FROM member WHERE component = $1 AND expires_at >= $2";
        let live: i64 = on_writer!(self, |db| {
            sqlx::query(upsert).bind(component).bind(instance).bind(expires_at).execute(db).await?;
            sqlx::query(delete).bind(component).bind(now).execute(db).await?;
            sqlx::query_scalar(count).bind(component).bind(now).fetch_one(db).await?
        });
        Ok(u32::try_from(live).unwrap_or(u32::MAX))
    }

    pub async fn leave(&self, component: &str, instance: &str) -> Result<()> {
        let sql = "DELETE FROM member WHERE component = $1 AND instance = $2";
        on_writer!(self, |db| sqlx::query(sql).bind(component).bind(instance).execute(db).await.map(drop)?);
        Ok(())
    }

    /// Every lease that was ever taken, by partition.
    pub async fn leases(&self, component: &str) -> Result<Vec<LeaseRow>> {
        let sql = "SELECT partition, owner, epoch, expires_at, published_seq, oldest_at FROM lease \
             WHERE component = $1 ORDER BY partition";
        type Row = (i64, Option<String>, i64, i64, i64, Option<i64>);
        let rows: Vec<Row> = on_reader!(self, |db| sqlx::query_as(sql).bind(component).fetch_all(db).await?);
        let lease = |(partition, owner, epoch, expires_at, published_seq, oldest_at): Row| {
            Ok(LeaseRow {
                partition: records::partition(partition, "lease")?,
                owner,
                epoch,
                expires_at: Timestamp::from_millis(expires_at),
                published_seq,
                oldest_at: records::timestamp(oldest_at),
            })
        };
        rows.into_iter().map(lease).collect()
    }

    /// Takes the partition if it is free, expired or ours already, under a new epoch. `None`: somebody has it.
    ///
    /// Never waits for a row that another transaction holds. So a frozen owner's open batch makes this `None` until
    /// the server ends that transaction (`idle_in_transaction_timeout`); ask again then.
    pub async fn acquire_lease(
        &self,
        component: &str,
        partition: PartitionId,
        instance: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>> {
        let now = self.now().await?.as_millis();
        let expires_at = now.saturating_add(millis(ttl));
        let number = i64::from(partition.0);
        let mut tx = self.begin().await?;
        // Asked first, because an insert waits for whoever is updating the row that it conflicts with.
        let exists = "SELECT count(*) FROM lease WHERE component = $1 AND partition = $2";
        let insert = "INSERT INTO lease (component, partition) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        on_tx!(&mut tx, |db| {
            let rows: i64 = sqlx::query_scalar(exists).bind(component).bind(number).fetch_one(&mut *db).await?;
            if rows == 0 {
                sqlx::query(insert).bind(component).bind(number).execute(&mut *db).await.map(drop)?;
            }
        });
        let take = match &tx {
            Tx::Sqlite(_) => {
                "UPDATE lease SET owner = $3, epoch = epoch + 1, expires_at = $4 WHERE component = $1 \
                 AND partition = $2 AND (owner IS NULL OR owner = $3 OR expires_at < $5) \
                 RETURNING epoch, published_seq, suspect, suspect_place, suspect_deaths"
            }
            Tx::Postgres(_) => {
                "UPDATE lease SET owner = $3, epoch = lease.epoch + 1, expires_at = $4 FROM \
                 (SELECT component, partition FROM lease WHERE component = $1 AND partition = $2 \
                 AND (owner IS NULL OR owner = $3 OR expires_at < $5) FOR UPDATE SKIP LOCKED) free \
                 WHERE lease.component = free.component AND lease.partition = free.partition \
                 RETURNING lease.epoch, lease.published_seq, lease.suspect, lease.suspect_place, lease.suspect_deaths"
            }
        };
        let taken: Option<(i64, i64, Option<String>, i64, i64)> = on_tx!(&mut tx, |db| {
            let query = sqlx::query_as(take).bind(component).bind(number).bind(instance).bind(expires_at).bind(now);
            query.fetch_optional(&mut *db).await?
        });
        let Some((epoch, published_seq, suspect, place, deaths)) = taken else { return Ok(None) };
        // A statement of its own, so that it sees what the former owner committed before we got the row.
        let mut last_seq = published_seq;
        if component == INBOX_COMPONENT {
            let sql = "SELECT max(seq) FROM inbox WHERE partition = $1";
            let inbox: Option<i64> =
                on_tx!(&mut tx, |db| sqlx::query_scalar(sql).bind(number).fetch_one(&mut *db).await?);
            last_seq = last_seq.max(inbox.unwrap_or_default());
        }
        tx.commit().await?;
        Ok(Some(Lease {
            component: component.to_owned(),
            partition,
            owner: instance.to_owned(),
            epoch,
            published_seq,
            last_seq,
            expires_at: Timestamp::from_millis(expires_at),
            suspect: suspect.map(|message_id| Suspect {
                message_id,
                place: u32::try_from(place).unwrap_or_default(),
                deaths: u32::try_from(deaths).unwrap_or(u32::MAX),
            }),
        }))
    }

    /// Writes down what is handled alone from now on, for whoever owns the partition after us. Only the owner may.
    pub async fn mark_suspect(&self, lease: &Lease, suspect: Option<&Suspect>) -> Result<()> {
        let sql = "UPDATE lease SET suspect = $1, suspect_deaths = $2, suspect_place = $7 \
             WHERE component = $3 AND partition = $4 AND owner = $5 AND epoch = $6";
        let partition = i64::from(lease.partition.0);
        let done = on_writer!(self, |db| {
            let query = sqlx::query(sql)
                .bind(suspect.map(|suspect| &suspect.message_id))
                .bind(suspect.map_or(0, |suspect| i64::from(suspect.deaths)))
                .bind(&lease.component)
                .bind(partition)
                .bind(&lease.owner)
                .bind(lease.epoch)
                .bind(suspect.map_or(0, |suspect| i64::from(suspect.place)));
            query.execute(db).await?.rows_affected()
        });
        Fence::of(lease).hold(done)
    }

    /// Extends every lease that `instance` still owns, and returns those. One that is missing was lost.
    ///
    /// Never waits for a batch that has a lease's row locked. Given such a batch, its lease is returned with the others
    /// as not extended: nobody can take it while the row is locked, and the next renewal extends it. Else
    /// a slow batch would let all other leases of its process run out.
    pub async fn renew_leases(&self, component: &str, instance: &str, ttl: Duration) -> Result<Vec<Renewal>> {
        let expires_at = self.now().await?.as_millis().saturating_add(millis(ttl));
        let sql = match &self.database {
            Database::Sqlite { .. } => {
                "UPDATE lease SET expires_at = $3 WHERE component = $1 AND owner = $2 \
                 RETURNING partition, epoch, 1"
            }
            Database::Postgres(_) => {
                "WITH free AS MATERIALIZED (SELECT component, partition FROM lease \
                 WHERE component = $1 AND owner = $2 ORDER BY partition FOR UPDATE SKIP LOCKED), \
                 renewed AS (UPDATE lease SET expires_at = $3 FROM free \
                 WHERE lease.component = free.component AND lease.partition = free.partition \
                 RETURNING lease.partition) \
                 SELECT l.partition, l.epoch, (CASE WHEN r.partition IS NULL THEN 0 ELSE 1 END)::BIGINT \
                 FROM lease l LEFT JOIN renewed r ON r.partition = l.partition WHERE l.component = $1 AND l.owner = $2"
            }
        };
        let rows: Vec<(i64, i64, i64)> = on_writer!(self, |db| {
            sqlx::query_as(sql).bind(component).bind(instance).bind(expires_at).fetch_all(db).await?
        });
        let renewal = |(partition, epoch, extended): (i64, i64, i64)| {
            Ok(Renewal { partition: records::partition(partition, "lease")?, epoch, extended: extended != 0 })
        };
        rows.into_iter().map(renewal).collect()
    }

    /// Gives the partition up. Whoever lost it already gives up nothing.
    pub async fn release_lease(&self, lease: &Lease) -> Result<()> {
        let sql = "UPDATE lease SET owner = NULL, expires_at = 0 \
             WHERE component = $1 AND partition = $2 AND owner = $3 AND epoch = $4";
        let partition = i64::from(lease.partition.0);
        on_writer!(self, |db| {
            let query = sqlx::query(sql).bind(&lease.component).bind(partition).bind(&lease.owner).bind(lease.epoch);
            query.execute(db).await.map(drop)?;
        });
        Ok(())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
