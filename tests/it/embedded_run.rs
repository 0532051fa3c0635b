//! `waypost run` on the embedded default, as an operator meets it: it gets ready, believes only signatures, survives a
//! kill and ends when told. Needs no server.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use waypost_cloud_api::samples::{SampleKind, SampleParams, envelope, sample};
use waypost_tests::ports::free_port;
use waypost_tests::{WaypostProcess, WaypostSettings, WebhookClient};

const APP_SECRET: &str = "test_app_secret";
const DRAIN_DEADLINE: Duration = Duration::from_secs(30);

const RULES: &str = waypost_tests::two_teams!();

/// All components in one process, its files under `folder`. Gives the settings and the webhook's URL.
fn settings(folder: &Path) -> anyhow::Result<(WaypostSettings, String)> {
    let rules = folder.join("rules.toml");
    std::fs::write(&rules, RULES)?;
    let (webhook_port, admin_port) = (free_port(), free_port());
    let config = format!(
        "data_dir = {data:?}\n\
         [ingress]\nlisten = \"127.0.0.1:{webhook_port}\"\napp_secrets = [\"{APP_SECRET}\"]\nverify_token = \"v\"\n\
         [ops]\nlisten = \"127.0.0.1:{admin_port}\"\n\
         [rules]\nfile = {rules:?}\n",
        data = folder.join("data"),
    );
    let ready_url = format!("http://127.0.0.1:{admin_port}/readyz");
    let settings = WaypostSettings { config, ready_url, ..WaypostSettings::default() };
    Ok((settings, format!("http://127.0.0.1:{webhook_port}/webhook")))
}

#[tokio::test]
async fn it_gets_ready_believes_signatures_and_outlives_a_kill() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (settings, url) = settings(folder.path())?;
    let client = WebhookClient::new(url, APP_SECRET)?;
    let body = envelope([sample(SampleKind::Text, &SampleParams::default())]).to_string();
    let body = body.as_bytes();

    let mut waypost = WaypostProcess::start(&settings).await?;
    assert_eq!(client.post(body).await?, 200, "signed");
    assert_eq!(client.post_with(body, &[]).await?, 401, "unsigned");
    waypost.kill()?;

    let mut waypost = WaypostProcess::start(&settings).await?;
    assert_eq!(client.post(body).await?, 200, "the same again, after a kill");
    let status = waypost.terminate(DRAIN_DEADLINE).await?;
    ensure!(status.success(), "{status} after SIGTERM\n{}", waypost.output());
    assert!(client.post(body).await.is_err(), "nobody listens any more");
    Ok(())
}

/// What customers write, the token of this machine's commands, whatever the umask lets others do.
#[tokio::test]
async fn its_files_are_for_their_owner_alone() -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir()?;
    let (settings, _) = settings(folder.path())?;
    let _waypost = WaypostProcess::start(&settings).await?;
    let data = folder.path().join("data");
    let mode = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o777);
    assert_eq!(mode(&data)?, 0o700);
    let mut names = Vec::new();
    for file in std::fs::read_dir(&data)? {
        let file = file?;
        assert_eq!(mode(&file.path())?, 0o600, "{file:?}");
        names.push(file.file_name().into_string().unwrap_or_default());
    }
    ensure!(["store.db", "bus.db"].iter().all(|name| names.iter().any(|found| found == name)), "{names:?}");
    Ok(())
}

#[tokio::test]
async fn a_mistake_in_the_configuration_is_told_by_its_field() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (settings, _) = settings(folder.path())?;
    let variables = vec![("WAYPOST__INGRESS__LISTEN".to_owned(), "nonsense".to_owned())];
    let Err(error) = WaypostProcess::start(&WaypostSettings { variables, ..settings }).await else {
        anyhow::bail!("it started")
    };
    let told = error.to_string();
    ensure!(told.contains("exit status: 3") && told.contains("ingress.listen"), "{told}");
    Ok(())
}
