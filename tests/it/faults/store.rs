//! Faults of PostgreSQL and of the way to it: 7.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use waypost_tests::eventually;
use waypost_tests::postgres::PostgresServer;
use waypost_tests::proxy::FaultProxy;

use super::run::{RULES, Run};
use super::{Scale, blocking, last};
use crate::deployment::{Deployment, Servers};

const DEADLINE: Duration = Duration::from_secs(60);
/// Unlike the administrator, held to its limit of connections.
const ROLE: &str = "tenant";

#[tokio::test]
async fn fault_07_database_restarted_slow_and_full() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let mut postgres = blocking(PostgresServer::start).await?;
    let url = postgres.create_database()?;
    let database = url.rsplit('/').next().context("a database")?.to_owned();
    postgres.handle().sql(&format!("CREATE ROLE {ROLE} LOGIN"))?;
    postgres.handle().sql(&format!("ALTER DATABASE {database} OWNER TO {ROLE}"))?;
    let proxy = FaultProxy::start(([127, 0, 0, 1], postgres.port()).into()).await?;
    let through = format!("postgres://{ROLE}@{}/{database}", proxy.address());
    // One connection for everything that the process does.
    let deployment = Deployment::on(Servers::beside(url)?, RULES)?.set("store.url", &through);
    let deployment = deployment.set("store.connections_max", "1");
    let _waypost = deployment.start().await?;
    let mut run = Run::start("07 database in trouble", &deployment)?;

    for orderly in scale.pick(&[true, false][..], &[true, false, true, false][..]) {
        run.accepted(100).await;
        run.interrupted("database lost", 1);
        if *orderly { postgres.stop() } else { postgres.kill() }?;
        accepted_meanwhile(&run, scale.seconds(2, 20)).await?;
        postgres.start_again()?;
        run.healed().await?;
    }
    run.interrupted("database slow", 1);
    proxy.delay(Duration::from_millis(scale.pick(10, 100)));
    accepted_meanwhile(&run, scale.seconds(3, 30)).await?;
    proxy.heal();
    run.healed().await?;

    run.interrupted("database full", 1);
    postgres.handle().sql(&format!("ALTER ROLE {ROLE} CONNECTION LIMIT 0"))?;
    let thrown_out = format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{ROLE}'");
    postgres.handle().sql(&thrown_out)?;
    accepted_meanwhile(&run, scale.seconds(2, 20)).await?;
    postgres.handle().sql(&format!("ALTER ROLE {ROLE} CONNECTION LIMIT -1"))?;
    run.healed().await?;

    run.interrupted("database silent", 1);
    proxy.black_hole();
    accepted_meanwhile(&run, scale.seconds(4, 60)).await?;
    proxy.heal();
    run.healed().await?;
    run.accepted(200).await;
    run.finish().await?;
    Ok(())
}

/// The way in does not need the database.
async fn accepted_meanwhile(run: &Run<'_>, duration: Duration) -> anyhow::Result<()> {
    let since = Instant::now();
    last(duration).await;
    let accepted = async || Some(run.load.accepted_since(since)).filter(|count| *count > 0);
    let count = eventually("something is accepted meanwhile", DEADLINE, accepted).await;
    let refused = run.load.posts().iter().filter(|post| post.sent_at > since && post.status != Some(200)).count();
    ensure!(refused == 0, "{refused} refused beside {count} accepted");
    Ok(())
}
