//! Faults at the front door: the same webhook again and again, a burst, bodies that nobody can read, forged signatures,
//! clients that never finish. 11, 14, 25, 26 and 27.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use waypost_ledger::ItemKind;
use waypost_tests::eventually;
use waypost_tests::load::{Load, LoadConfig};

use super::run::{RATE, RULES, Run, load_config, own_item};
use super::{Scale, last};
use crate::database;
use crate::deployment::{Backend, Deployment, text};
use crate::refusals::{assert_forged_are_refused, resident_kib};

const DEADLINE: Duration = Duration::from_secs(60);
const FROM: &str = "15550001111";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const RSS_GROWTH_MAX_KIB: u64 = 150 << 10;

#[tokio::test]
async fn fault_11_duplicates_overlapping_and_days_later() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let deployment = Deployment::new(Backend::Servers, RULES)?.set("retention.every_s", "1");
    let waypost = deployment.start().await?;
    let mut run = Run::start("11 duplicates", &deployment)?;
    let wamids: Vec<String> = (0..scale.pick(20, 200)).map(|number| format!("wamid.OWN{number}")).collect();
    let from = |number: usize| format!("1555000{number:04}");
    for (number, wamid) in wamids.iter().enumerate() {
        let (client, body) = (deployment.client()?, text(wamid, &from(number), "hello").to_string());
        let five = (0..5).map(|_| client.post(body.as_bytes()));
        for status in futures_util::future::join_all(five).await {
            run.add_post(own_item(wamid, &from(number), ItemKind::Message), status?, true);
        }
    }
    run.accepted(200).await;
    // Six days pass, and whoever tidies up has been there.
    let postgres_url = &deployment.servers().context("servers")?.postgres_url;
    let age = "UPDATE inbox SET received_at = received_at - $1";
    let aged = database::session(postgres_url).await?.execute(age, &[&(6 * DAY_MS)]).await?;
    ensure!(aged > 0, "nothing was decided");
    let passes =
        || waypost.stdout_lines().iter().chain(&waypost.stderr_lines()).filter(|l| l.contains("tidied up")).count();
    let before = passes();
    eventually("the janitor has passed", DEADLINE, async || (passes() > before + 1).then_some(())).await;
    for (number, wamid) in wamids.iter().enumerate() {
        ensure!(run.post(wamid, &from(number), "hello").await? == 200, "{wamid}");
    }
    run.accepted(100).await;
    let (_, ledger) = run.finish().await?;
    for wamid in &wamids {
        let copies = ledger.deliveries.iter().filter(|one| one.key.as_ref() == Some(wamid)).count();
        ensure!(copies == 1, "{copies} copies of {wamid}");
    }
    Ok(())
}

#[tokio::test]
async fn fault_14_burst() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    // Few places, so that the burst is more than it takes on any machine.
    let deployment = Deployment::new(Backend::Servers, RULES)?.set("ingress.in_flight_max", "8");
    let _waypost = deployment.start().await?;
    let mut run = Run::start("14 burst", &deployment)?;
    run.accepted(200).await;
    let mut burst = Load::start(&LoadConfig {
        first_sender: 1_000,
        concurrency_each: 64,
        ..load_config(&deployment, RATE * 10.0)
    })?;
    last(scale.seconds(4, 60)).await;
    burst.stop().await?;
    run.healed().await?;
    let mut seconds: Vec<f64> =
        burst.posts().iter().map(|post| (post.answered_at - post.sent_at).as_secs_f64()).collect();
    seconds.sort_by(f64::total_cmp);
    let p99 = seconds[seconds.len() * 99 / 100];
    ensure!(p99 < 2.0, "99 of 100 answers within {p99:.2} s");
    let shed = burst.posts().iter().filter(|post| post.status == Some(503)).count();
    ensure!(shed > 0, "the burst was no burst");
    run.ledger.posts.extend(burst.records());
    run.accepted(200).await;
    run.finish().await?;
    Ok(())
}

#[tokio::test]
async fn fault_25_bodies_that_nobody_can_read() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let deployment = Deployment::new(Backend::Servers, RULES)?;
    let waypost = deployment.start().await?;
    let mut run = Run::start("25 unreadable bodies", &deployment)?;
    run.accepted(100).await;
    let client = deployment.client()?;
    let before = resident_kib(&waypost)?;
    for round in 0..scale.pick(1, 20) {
        for (number, text) in ["{\"entry\": [ KEY", "KEY", "[\"KEY\"]", "\u{1}KEY{}"].into_iter().enumerate() {
            let key = format!("MALFORMED-{round}-{number}-END");
            let status = client.post(text.replace("KEY", &key).as_bytes()).await?;
            ensure!(status == 200, "{key}: {status}");
            run.add_post(own_item(&key, FROM, ItemKind::Malformed), status, true);
        }
        let half = 1_500_000;
        for bomb in
            ["[".repeat(half * 2), format!("{}{}", "[".repeat(half), "]".repeat(half)), "{\"entry\":".repeat(half / 4)]
        {
            ensure!(client.post(bomb.as_bytes()).await? == 200, "a bomb is kept");
        }
        let large = |wamid: &str, bytes: usize| (wamid.to_owned(), "x".repeat(bytes));
        for ((wamid, said), expected) in
            [(large(&format!("wamid.3MB{round}"), 3 << 20), 200), (large("wamid.5MB", 5 << 20), 413)]
        {
            let status = run.post(&wamid, FROM, &said).await?;
            ensure!(status == expected, "{wamid}: {status}");
        }
    }
    let grown = resident_kib(&waypost)?.saturating_sub(before);
    ensure!(grown < RSS_GROWTH_MAX_KIB, "resident memory grew by {grown} KiB");
    run.accepted(100).await;
    run.finish().await?;
    Ok(())
}

#[tokio::test]
async fn fault_26_forged_signatures() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let deployment = Deployment::new(Backend::Servers, RULES)?;
    let _waypost = deployment.start().await?;
    let mut run = Run::start("26 forged signatures", &deployment)?;
    for round in 0..scale.pick(1, 50) {
        let wamid = format!("wamid.FORGED{round}");
        assert_forged_are_refused(&deployment.client()?, &wamid).await?;
        run.add_post(own_item(&wamid, FROM, ItemKind::Message), 401, false);
    }
    run.accepted(200).await;
    run.finish().await?;
    Ok(())
}

#[tokio::test]
async fn fault_27_clients_that_never_finish() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let (idle, dripping) = scale.pick((300, 50), (5_000, 500));
    more_files()?;
    let deployment = Deployment::new(Backend::Servers, RULES)?.set("ingress.header_timeout_ms", "2000");
    let _waypost = deployment.start().await?;
    let mut run = Run::start("27 clients never finish", &deployment)?;
    run.accepted(100).await;
    let address: std::net::SocketAddr =
        deployment.webhook_url().trim_start_matches("http://").trim_end_matches("/webhook").parse()?;
    let mut open = Vec::new();
    for _ in 0..idle {
        open.push(TcpStream::connect(address).await?);
    }
    let mut dripped = JoinSet::new();
    for _ in 0..dripping {
        dripped.spawn(drip(address));
    }
    let began_at = Instant::now();
    run.accepted(300).await;
    while let Some(ended) = dripped.join_next().await {
        ended?.context("a client that drips was not thrown out")?;
    }
    last(scale.seconds(0, 60).saturating_sub(began_at.elapsed())).await;
    run.healed().await?;
    drop(open);
    run.accepted(100).await;
    let pause = run.load.longest_pause();
    ensure!(pause < Duration::from_secs(5), "nothing was accepted for {pause:?}");
    run.finish().await?;
    Ok(())
}

/// Writes a request's head byte by byte until it is thrown out.
async fn drip(address: std::net::SocketAddr) -> anyhow::Result<()> {
    let mut socket = TcpStream::connect(address).await?;
    let mut answer = [0; 64];
    for byte in b"POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\nx-slow: ".iter().chain(&[b'a'; 400]) {
        if socket.write_all(&[*byte]).await.is_err() {
            return Ok(());
        }
        let read = tokio::time::timeout(Duration::from_millis(100), socket.read(&mut answer)).await;
        if read.is_ok() {
            return Ok(());
        }
    }
    anyhow::bail!("it took every byte")
}

/// Both ends of thousands of connections; what we start inherits it.
fn more_files() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}
