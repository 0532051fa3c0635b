//! What operators see of a running process: every need of every component by name, and a metrics page on which each
//! family is explained and begins at 0.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use waypost_tests::ports::free_port;
use waypost_tests::process::waypost;
use waypost_tests::{WaypostProcess, WaypostSettings};

use crate::deployment::{Backend, Deployment, QUEUES, RULES, on_each_backend, text};

on_each_backend!(
    every_family_is_explained_and_begins_at_0,
    readiness_names_what_each_component_needs,
    without_rules_the_router_is_not_ready_and_says_so,
);

async fn get(deployment: &Deployment, path: &str) -> anyhow::Result<(u16, String)> {
    let answer = reqwest::get(deployment.admin_url(path)).await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

/// The metrics page, taken apart.
#[derive(Default)]
struct Page {
    explained: BTreeSet<String>,
    /// Each family's type.
    types: BTreeMap<String, String>,
    /// Each series with its labels.
    values: BTreeMap<String, String>,
}

impl Page {
    async fn of(deployment: &Deployment) -> anyhow::Result<Self> {
        let (status, text) = get(deployment, "/metrics").await?;
        ensure!(status == 200, "{status}: {text}");
        let mut page = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let words = || line.splitn(4, ' ').skip(2).map(str::to_owned);
            if line.starts_with("# HELP ") {
                let [name, help] = words().collect::<Vec<_>>().try_into().ok().context("HELP name text")?;
                ensure!(help.len() > 5, "{line}");
                page.explained.insert(name);
            } else if line.starts_with("# TYPE ") {
                let [name, kind] = words().collect::<Vec<_>>().try_into().ok().context("TYPE name kind")?;
                page.types.insert(name, kind);
            } else {
                let (series, value) = line.rsplit_once(' ').context("series value")?;
                page.values.insert(series.to_owned(), value.to_owned());
            }
        }
        Ok(page)
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(self.types.len() > 20, "{:?}", self.types);
        for (name, kind) in &self.types {
            ensure!(name.starts_with("waypost_"), "{name} is not ours");
            ensure!(self.explained.contains(name), "{name} has no help text");
            ensure!(kind != "summary", "{name} has buckets of no kind: its name ends in neither _seconds nor _size");
        }
        Ok(())
    }
}

async fn every_family_is_explained_and_begins_at_0(backend: Backend) -> anyhow::Result<()> {
    let grpc = format!("127.0.0.1:{}", free_port());
    let deployment = Deployment::new(backend, RULES)?.set("grpc.listen", &grpc);
    let _waypost = deployment.start().await?;
    let page = Page::of(&deployment).await?;
    page.check()?;
    let build = page.values.keys().find(|series| series.starts_with("waypost_build_info{version=\""));
    ensure!(build.is_some_and(|series| page.values[series] == "1"), "{:?}", page.values);
    let version = String::from_utf8(waypost()?.arg("--version").output()?.stdout)?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit ")).context("a commit")?;
    let is_told = |series: &String| {
        series.contains(&format!("commit=\"{commit}\"")) && series.contains("rustc=\"1.") && commit != "unknown"
    };
    ensure!(build.is_some_and(is_told), "{build:?}, of {version}");
    let bus = match backend {
        Backend::Embedded => waypost_bus_embedded::metrics::ALL,
        #[cfg(feature = "servers")]
        Backend::Servers => waypost_bus_rabbitmq::metrics::ALL,
    };
    let tables = [waypost_ingress::metrics::ALL, waypost_router::metrics::ALL, waypost_worker::metrics::ALL, bus];
    let counters = tables.concat().into_iter().filter(|name| name.ends_with("_total"));
    for name in counters.chain(["waypost_admin_denied_total", "waypost_admin_requests_total"]) {
        // Nothing decides in the shadow; and to connect is why a bus is there at all.
        if [waypost_router::metrics::SHADOW, waypost_bus_rabbitmq::metrics::CONNECTS].contains(&name) {
            continue;
        }
        let series: Vec<_> = page.values.iter().filter(|(series, _)| series.split('{').next() == Some(name)).collect();
        ensure!(!series.is_empty(), "{name} is not there from the start");
        ensure!(series.iter().all(|(_, value)| *value == "0"), "{name} begins with {series:?}");
    }

    // What appears with the first message is explained too.
    let mut reader = deployment.reader(&QUEUES).await?;
    let body = text("wamid.ONE", "15550001111", "Hello").to_string();
    ensure!(deployment.client()?.post(body.as_bytes()).await? == 200, "not accepted");
    reader.wait_for(1).await?;
    let after = Page::of(&deployment).await?;
    after.check()?;
    ensure!(after.types.contains_key(waypost_router::metrics::ROUTE_SECONDS), "{:?}", after.types);
    Ok(())
}

async fn readiness_names_what_each_component_needs(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _waypost = deployment.start().await?;
    let (status, text) = get(&deployment, "/readyz").await?;
    // On the embedded bus it listens for the commands of its machine.
    let listener = (backend == Backend::Embedded).then_some("admin listener");
    let needs = [
        listener,
        Some("bus"),
        Some("gateway-requests leases"),
        Some("ingress queues"),
        Some("janitor leases"),
        Some("optin leases"),
        Some("optin-backfill leases"),
        Some("parking leases"),
        Some("process"),
        Some("router leases"),
        Some("router rules"),
        Some("sender-account leases"),
        Some("sender-statuses leases"),
        Some("store"),
    ];
    let expected: String = needs.iter().flatten().map(|need| format!("{need}: ready\n")).collect();
    ensure!((status, text.as_str()) == (200, format!("ready\n{expected}").as_str()), "{status} {text}");
    for path in ["/livez", "/healthz"] {
        ensure!(get(&deployment, path).await? == (200, "ok\n".to_owned()), "{path}");
    }
    Ok(())
}

/// Messages would only pile up behind it. `/livez` is good: nothing is mended by starting it again.
async fn without_rules_the_router_is_not_ready_and_says_so(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?.without_rules_file()?;
    let ready_when = Some("router rules: not ready: no rules are active".to_owned());
    let settings = WaypostSettings { ready_when, ..deployment.process_settings() };
    let _waypost = WaypostProcess::start(&settings).await?;
    let (status, text) = get(&deployment, "/readyz").await?;
    ensure!(status == 503 && text.contains("waypost rules activate"), "{status} {text}");
    ensure!(get(&deployment, "/livez").await?.0 == 200, "it lives");
    let status = deployment.command(&["status"])?.output()?;
    let told = String::from_utf8_lossy(&status.stdout);
    ensure!(status.status.code() == Some(1) && told.contains("no rules are active"), "{status:?}");
    Ok(())
}

/// Both sockets stay open and nothing comes: the one who asks must not wait as long as the store does.
#[cfg(feature = "servers")]
#[tokio::test]
async fn a_store_that_hangs_is_not_ready_within_a_second() -> anyhow::Result<()> {
    use std::time::{Duration, Instant};

    let postgres = waypost_tests::postgres::PostgresHandle::attach_from_env()?;
    let url = postgres.create_database()?;
    let parsed: reqwest::Url = url.parse()?;
    let server = parsed.socket_addrs(|| Some(5432))?.into_iter().next().context("an address")?;
    let proxy = waypost_tests::proxy::FaultProxy::start(server).await?;
    let mut through = parsed.clone();
    through.set_port(Some(proxy.port())).ok().context("a port")?;
    let deployment = Deployment::on(crate::deployment::Servers::beside(url)?, RULES)?;
    let deployment = deployment.set("store.url", through.as_str());
    let _waypost = deployment.start().await?;

    proxy.black_hole();
    let began = Instant::now();
    let (status, text) = get(&deployment, "/readyz").await?;
    ensure!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    ensure!(status == 503 && text.contains("store: not ready: no answer within 800 ms"), "{status} {text}");
    ensure!(text.contains("bus: ready") && text.contains("ingress queues: ready"), "{text}");
    ensure!(!text.contains("postgres"), "{text}");
    proxy.heal();
    waypost_tests::eventually("it is ready again", Duration::from_secs(30), async || {
        get(&deployment, "/readyz").await.ok().filter(|(status, _)| *status == 200)
    })
    .await;
    Ok(())
}
