//! `waypost config check`: everything that is wrong, at once, each by its key.

use std::process::Output;

use anyhow::ensure;
use waypost_tests::ports::free_port;

use super::{expect, stderr, stdout, with_arguments};
use crate::deployment::{APP_SECRET, Backend, Deployment, RULES};

/// The lines that name a key, and what is said of it.
fn findings(told: &str) -> Vec<(&str, &str)> {
    told.lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(key, _)| key.contains('.') && !key.contains(' '))
        .collect()
}

#[test]
fn every_mistake_is_found_at_once() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    let pair = |name: &str| -> anyhow::Result<()> {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        std::fs::write(file(&format!("{name}.crt")), pair.cert.pem())?;
        Ok(std::fs::write(file(&format!("{name}.key")), pair.signing_key.serialize_pem())?)
    };
    pair("one")?;
    pair("two")?;
    std::fs::write(file("empty"), "\n")?;
    std::fs::write(file("rules.toml"), RULES.replace("team = \"billing\"", "team = \"biling\""))?;
    let config = "partitions = \"many\"\n\
         [bus]\nurl = \"embedded\"\nheartbeats_s = 5\n\
         [ingress]\napp_secrets_file = [\"DIR/gone\", \"DIR/empty\"]\nverify_token_file = \"DIR/gone\"\n\
         tls_certificate_file = \"DIR/one.crt\"\ntls_key_file = \"DIR/two.key\"\nin_flight_max = 0\n\
         [grpc]\nlisten = \"127.0.0.1:9465\"\nstreams_max = true\n\
         tls_certificate_file = \"DIR/rules.toml\"\ntls_key_file = \"DIR/gone\"\nclient_ca_file = \"DIR/empty\"\n\
         [rules]\nfile = \"DIR/rules.toml\"\n[worker]\nbatch_max = -1\nlease_renew_ms = 0\n";
    std::fs::write(file("waypost.toml"), config.replace("DIR", &folder.path().display().to_string()))?;
    let check = |more: &[&str], code: i32| -> anyhow::Result<String> {
        let mut command = with_arguments(&["config", "check", "--config"])?;
        command.arg(file("waypost.toml")).args(more);
        Ok(stderr(&expect(command, code)?))
    };
    let told = check(&[], 1)?;
    ensure!(told.contains("partitions: invalid type"), "{told}");
    let mut keys: Vec<&str> = findings(&told).into_iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    let expected = [
        "grpc.client_ca_file",
        "grpc.streams_max",
        "grpc.tls_certificate_file",
        "grpc.tls_key_file",
        "ingress.app_secrets_file",
        "ingress.app_secrets_file",
        "ingress.in_flight_max",
        "ingress.tls_key_file",
        "ingress.verify_token_file",
        "rules.file",
        "worker.batch_max",
        "worker.lease_renew_ms",
    ];
    let keys: Vec<&str> = keys.into_iter().filter(|key| *key != "bus.heartbeats_s").collect();
    ensure!(keys == expected && told.contains("heartbeats_s"), "{told}");
    ensure!(told.contains("two.key does not belong to the certificate in") && told.contains("one.crt"), "{told}");
    ensure!(told.contains("create it, or let the user that waypost runs as read it"), "{told}");
    // What a process does not run is none of its business.
    let told =
        check(&["--component", "router", "--set", "bus.url=amqp://h/v", "--set", "store.url=postgres://h/d"], 1)?;
    let of_others = |(key, _): &(&str, &str)| key.starts_with("ingress.") || key.starts_with("grpc.tls");
    ensure!(!findings(&told).iter().any(of_others) && told.contains("rules.file"), "{told}");
    Ok(())
}

#[test]
fn a_secret_for_everybody_is_warned_of() -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let secret = deployment.folder.path().join("app-secret");
    std::fs::write(&secret, APP_SECRET)?;
    for (mode, is_warned) in [(0o644, true), (0o640, false)] {
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode))?;
        let mut command = deployment.command(&["config", "check"])?;
        command.arg("--set").arg(format!("ingress.app_secrets_file={}", secret.display()));
        let told = stderr(&expect(command, 0)?);
        let remedy = format!("chmod o-r {}", secret.display());
        ensure!(
            told.contains("warning: ingress.app_secrets_file") == is_warned && told.contains(&remedy) == is_warned,
            "{told}"
        );
    }
    Ok(())
}

#[test]
fn servers_are_tried_where_that_is_asked_for() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("waypost.toml");
    let (broker, database) = (free_port(), free_port());
    let config = format!(
        "[bus]\nurl = \"amqp://u:hush@127.0.0.1:{broker}/v\"\n\
         [store]\nurl = \"postgres://u:hush@127.0.0.1:{database}/d\"\nmigrate = true\n"
    );
    std::fs::write(&file, config)?;
    let check = |more: &[&str], code: i32| -> anyhow::Result<Output> {
        let mut command = with_arguments(&["config", "check", "--config"])?;
        command.arg(&file).args(more);
        expect(command, code)
    };
    let good = stdout(&check(&[], 0)?);
    let unchecked = "good for router, sender; not configured and not checked: ingress, admin, gateway (`waypost run`";
    ensure!(good.contains(unchecked), "no front door is configured, nor the administration: {good}");
    let told = stderr(&check(&["--connect"], 1)?);
    let keys: Vec<&str> = findings(&told).into_iter().map(|(key, _)| key).collect();
    ensure!(keys == ["bus.url", "store.url"] && !told.contains("hush"), "{told}");
    Ok(())
}
