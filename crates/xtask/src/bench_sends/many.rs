//! What many messages that have ended cost a sender that has nothing to do.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{Bench, resident_mib, stop};
use crate::bench::cpu::tree_time;

/// For the first looks, at a start.
const SETTLING: Duration = Duration::from_secs(10);
const LOOKED_AT: Duration = Duration::from_secs(30);
/// Messages of which the others are copies.
const ORIGINALS: usize = 1_000;
/// How the copies' ids begin.
const COPY: &str = "ended-";

impl Bench {
    /// The processor time of an idle sender: with what there is, and with so many more that have ended.
    pub(super) async fn idle(&self) -> anyhow::Result<()> {
        if self.args.ended == 0 {
            return Ok(());
        }
        self.idle_with("idle sender, processor ms a second").await?;
        self.say(&format!("{} that have ended", self.args.ended));
        self.copy_ended()?;
        self.idle_with(&format!("beside {} ended ones", self.args.ended)).await
    }

    async fn idle_with(&self, name: &str) -> anyhow::Result<()> {
        let (sender, ops) = self.component("paced", "sender")?;
        self.ready(ops).await?;
        tokio::time::sleep(SETTLING).await;
        let of = |pid: Option<u32>| pid.map_or(Duration::ZERO, tree_time);
        let times = || [of(sender.id()), of(self.servers.database.pid())];
        let (before, begun) = (times(), Instant::now());
        tokio::time::sleep(LOOKED_AT).await;
        let (after, elapsed) = (times(), begun.elapsed().as_secs_f64());
        let per_second = |place: usize| after[place].saturating_sub(before[place]).as_secs_f64() * 1e3 / elapsed;
        let memory = resident_mib(sender.id())?;
        println!("{name:<34} {:>10.2}  (database {:.2}; {memory:.0} MiB)", per_second(0), per_second(1));
        stop(sender).await
    }

    /// Copies of what has come to its end, so many in all, under ids of their own.
    fn copy_ended(&self) -> anyhow::Result<()> {
        let times = self.args.ended.div_ceil(ORIGINALS);
        let copied = format!(
            "DO $$ DECLARE columns TEXT; copied TEXT; BEGIN
                SELECT string_agg(quote_ident(column_name), ', '),
                    string_agg(CASE column_name WHEN 'id' THEN '''{COPY}'' || s.id || ''-'' || g'
                        WHEN 'wamid' THEN '''{COPY}'' || s.wamid || ''-'' || g'
                        ELSE 's.' || quote_ident(column_name) END, ', ')
                INTO columns, copied FROM information_schema.columns
                WHERE table_name = 'send' AND is_generated = 'NEVER' AND is_identity = 'NO';
                EXECUTE format('INSERT INTO send (%s) SELECT %s FROM
                    (SELECT * FROM send WHERE state = ''read'' ORDER BY place LIMIT {ORIGINALS}) s,
                    generate_series(1, {times}) g', columns, copied);
            END $$; ANALYZE send"
        );
        let database = self.servers.database.handle();
        database.sql_on(&self.database, &copied)?;
        let count = format!("SELECT count(*) FROM send WHERE id LIKE '{COPY}%'");
        let found: usize = database.sql_on(&self.database, &count)?.trim().parse()?;
        ensure!(found == times * ORIGINALS, "{found} copies, not {}", times * ORIGINALS);
        Ok(())
    }

    /// They are no messages that anybody was sent.
    pub(super) fn forget_ended(&self) -> anyhow::Result<()> {
        let delete = format!("DELETE FROM send WHERE id LIKE '{COPY}%'");
        self.servers.database.handle().sql_on(&self.database, &delete).map(drop)
    }
}
