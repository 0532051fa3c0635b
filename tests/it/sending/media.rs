//! Files: what a customer sent reaches its team without WhatsApp's token, and what a team sends reaches the customer.

use anyhow::{Context, ensure};
use serde_json::json;
use waypost_domain::{DecisionId, PhoneNumberId};
use waypost_sandbox::Said;
use waypost_store::{Store, StoreOptions};
use waypost_tests::eventually;
use waypost_tests::ports::free_port;

use super::transcript::Person;
use super::{CUSTOMERS, Scene, WITHIN};
use crate::database::store_url;
use crate::deployment::{Backend, Deployment, RULES};
use crate::outbound::{NUMBER_ID, TOKEN};

/// Commands block a thread while the stand-in, which is in this process, gives the file: each has a thread of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_come_and_go_on_the_embedded_pair() -> anyhow::Result<()> {
    files_come_and_go_without_whatsapp_s_token(Backend::Embedded).await
}

#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_come_and_go_on_servers() -> anyhow::Result<()> {
    files_come_and_go_without_whatsapp_s_token(Backend::Servers).await
}

/// More than one message of gRPC, and than what is kept of an HTTP answer.
const SIZE: usize = 5 << 20;

async fn files_come_and_go_without_whatsapp_s_token(backend: Backend) -> anyhow::Result<()> {
    let port = free_port();
    let mut scene = Scene::on(Deployment::new(backend, RULES)?).await?;
    scene.0.deployment = scene.0.deployment.set("grpc.listen", &format!("127.0.0.1:{port}"));
    let _waypost = scene.start(&[]).await?;
    let billing = Person::new(&scene, port, "billing", &["--role", "agent", "--team", "billing"])?;
    let other = Person::new(&scene, port, "other", &["--role", "agent", "--team", "frontdesk"])?;
    let (folder, number) = (scene.deployment.folder.path().to_owned(), format!("number-{NUMBER_ID}"));
    let at = |name: &str| folder.join(name).display().to_string();

    // The customer sends a document.
    let [phone, _] = CUSTOMERS;
    let control = scene.platform.control();
    let bytes: Vec<u8> = b"%PDF-1.7 ".iter().copied().chain((0..=255).cycle()).take(SIZE).collect();
    let media = control.add_media("application/pdf", bytes.clone())?;
    let content = json!({
        "id": media.to_string(), "mime_type": "application/pdf", "sha256": "c2hh", "filename": "../invoice.pdf",
        "caption": "my invoice",
    });
    let said = Said { kind: "document".to_owned(), content, context: None, group_id: None };
    let wamid = control.say(phone, NUMBER_ID, &said)?;
    let is_listed = async || billing.json(&["conversations", "list"]).ok().filter(|all| all[0]["name"].is_string());
    eventually("the team has the conversation", WITHIN, is_listed).await;

    // Its team gets the file, whole, once, and under its own name alone.
    let download =
        |output: &str| ["media", "download", &wamid, "--number", &number, "--output", output].map(str::to_owned);
    let got = download(&at("got.pdf"));
    let shown = billing.json(&got.each_ref().map(String::as_str))?;
    ensure!(std::fs::read(at("got.pdf"))? == bytes, "{shown}");
    let (hash, size) = (shown["sha256"].as_str().unwrap_or_default(), SIZE.to_string());
    ensure!(hash.len() == 64 && shown["sizeBytes"] == *size, "{shown}");
    ensure!(shown["filename"] == "invoice.pdf" && shown["mimeType"] == "application/pdf", "{shown}");
    let twice = billing.run(&got.each_ref().map(String::as_str))?;
    ensure!(twice.status.code() == Some(3), "it is there: {twice:?}");
    let piped = billing.run(&download("-").each_ref().map(String::as_str))?;
    ensure!(piped.status.success() && piped.stdout == bytes, "{:?}", piped.status);

    // Nobody else's.
    let theirs = download(&at("theirs.pdf"));
    let hidden = other.run(&theirs.each_ref().map(String::as_str))?;
    let told = String::from_utf8_lossy(&hidden.stderr).into_owned();
    ensure!(!hidden.status.success() && told.contains("does not exist"), "{told}");
    ensure!(!std::path::Path::new(&at("theirs.pdf")).exists(), "nothing is left of it");

    what_whatsapp_keeps_no_more_is_said(&scene, &billing, said).await?;

    // The team sends it back.
    std::fs::write(at("menu.pdf"), &bytes)?;
    let kept = billing.json(&["media", "upload", &at("menu.pdf"), "--number", &number])?;
    let id = kept["id"].as_str().context("an id")?;
    ensure!(kept["mime_type"] == "application/pdf" && kept["size_bytes"] == *size, "{kept}");
    let to = format!("+{phone}");
    billing.json(&["send", "--document", id, "--to", &to, "--number", &number, "--id", "one"])?;
    scene.until("one", "MESSAGE_STATE_READ").await?;
    ensure!(control.accepted()[0].body["document"]["id"] == id, "{:?}", control.accepted());
    let refused = billing.run(&["media", "upload", &at("menu.pdf"), "--number", &number, "--as", "image"])?;
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(!refused.status.success() && told.contains("image"), "{told}");
    Ok(())
}

async fn what_whatsapp_keeps_no_more_is_said(scene: &Scene, billing: &Person<'_>, said: Said) -> anyhow::Result<()> {
    let [phone, _] = CUSTOMERS;
    let (control, number) = (scene.platform.control(), format!("number-{NUMBER_ID}"));
    let gone = Said { content: json!({ "id": "999", "mime_type": "image/png" }), kind: "image".to_owned(), ..said };
    let gone = control.say(phone, NUMBER_ID, &gone)?;
    let output = scene.deployment.folder.path().join("gone.png").display().to_string();
    let words = ["media", "download", &gone, "--number", &number, "--output", &output];
    let refused = async || {
        let refused = billing.run(&words).ok()?;
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        (!refused.status.success() && !told.contains("does not exist")).then_some(told)
    };
    let told = eventually("the message is known", WITHIN, refused).await;
    ensure!(told.contains("7 days") && !told.contains("http") && !told.contains(TOKEN), "{told}");
    ensure!(!std::path::Path::new(&output).exists(), "nothing is left of it");
    Ok(())
}

/// WhatsApp forgets a file; where copies are kept, the team still gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_outlives_the_file_at_whatsapp_on_the_embedded_pair() -> anyhow::Result<()> {
    a_copy_outlives_the_file_at_whatsapp(Backend::Embedded).await
}

#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_outlives_the_file_at_whatsapp_on_servers() -> anyhow::Result<()> {
    a_copy_outlives_the_file_at_whatsapp(Backend::Servers).await
}

async fn a_copy_outlives_the_file_at_whatsapp(backend: Backend) -> anyhow::Result<()> {
    let port = free_port();
    let mut scene = Scene::on(Deployment::new(backend, RULES)?).await?;
    scene.0.deployment = scene.0.deployment.set("grpc.listen", &format!("127.0.0.1:{port}")).set("media.copy", "true");
    let _waypost = scene.start(&[]).await?;
    let billing = Person::new(&scene, port, "billing", &["--role", "agent", "--team", "billing"])?;
    let [phone, _] = CUSTOMERS;
    let control = scene.platform.control();
    let bytes: Vec<u8> = (0..=255).cycle().take(SIZE).collect();
    let media = control.add_media("application/pdf", bytes.clone())?;
    let content = json!({ "id": media.to_string(), "mime_type": "application/pdf", "caption": "my invoice" });
    let said = Said { kind: "document".to_owned(), content, context: None, group_id: None };
    let wamid = control.say(phone, NUMBER_ID, &said)?;
    let store = Store::open(&store_url(&scene.deployment)?, StoreOptions::default()).await?;
    let decision = DecisionId::of_event(&PhoneNumberId::new(NUMBER_ID), &wamid);
    eventually("a copy is kept", WITHIN, async || store.kept_file(decision).await.ok().flatten()).await;
    store.close().await;

    let url = format!("{}/v26.0/{media}", scene.platform.url());
    let http = waypost_tests::webhook::http_client()?;
    let gone = http.delete(url).header("authorization", format!("Bearer {TOKEN}")).send().await?;
    ensure!(gone.status().is_success(), "{}", gone.status());
    let number = format!("number-{NUMBER_ID}");
    let output = scene.deployment.folder.path().join("copy.pdf").display().to_string();
    let shown = billing.json(&["media", "download", &wamid, "--number", &number, "--output", &output])?;
    ensure!(std::fs::read(&output)? == bytes, "{shown}");
    Ok(())
}
