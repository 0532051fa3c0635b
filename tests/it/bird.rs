//! Numbers at Bird, whole: a customer's signed JSON comes in and is routed, the answer goes out as Bird's JSON, and
//! what becomes of it comes back; beside a number at Meta, which goes its own way.

use std::ops::Deref;

use anyhow::ensure;
use serde_json::json;
use waypost_domain::send::SendId;
use waypost_store::{SendRow, Store, StoreOptions};
use waypost_tests::bird::{BirdSettings, BirdStandIn};
use waypost_tests::eventually;

use crate::database::store_url;
use crate::deployment::{Backend, Deployment, RULES};
use crate::elsewhere::{CUSTOMER, Elsewhere, WABA, WITHIN};

const ACCESS_KEY: &str = "bird-access-key";
const SIGNING_KEY: &str = "bird-signing-key";
const STRANGER: &str = "+4915100000009";

/// A customer at Bird, one at Meta, and a program that has not started.
struct Scene {
    elsewhere: Elsewhere,
    bird: BirdStandIn,
}

impl Deref for Scene {
    type Target = Elsewhere;

    fn deref(&self) -> &Elsewhere {
        &self.elsewhere
    }
}

impl Scene {
    async fn new() -> anyhow::Result<Self> {
        let deployment = Deployment::new(Backend::Embedded, RULES)?;
        let webhook_url = format!("{}/bird", deployment.webhook_url());
        let settings = BirdSettings {
            workspace_id: "workspace-1".to_owned(),
            channel_id: "channel-1".to_owned(),
            access_key: ACCESS_KEY.to_owned(),
            signing_key: SIGNING_KEY.to_owned(),
            webhook_url: webhook_url.clone(),
        };
        let elsewhere = Elsewhere::new(deployment, "number-bd-support").await?;
        let bird = BirdStandIn::start(settings).await?;
        let access_key = elsewhere.secret_file("bird-access-key", ACCESS_KEY)?;
        let signing_keys = elsewhere.secret_file("bird-signing-keys", &format!("of-before\n{SIGNING_KEY}\n"))?;
        let elsewhere = elsewhere.set(&[
            ("bird.workspace_id", "workspace-1"),
            ("bird.access_key_file", &access_key),
            ("bird.signing_keys_file", &signing_keys),
            ("bird.webhook_url", &webhook_url),
            ("bird.base_url", &bird.url),
            ("bird.media_base_url", &bird.url),
            ("bird.waba_id", WABA),
            ("bird.channels.bd-support", "channel-1"),
            ("bird.templates.offer/en", "project-1/latest/en-US"),
        ]);
        Ok(Self { elsewhere, bird })
    }

    /// The customer has written to the number at Bird, so that they can be answered.
    async fn written(&self) -> anyhow::Result<String> {
        let id = self.bird.write(CUSTOMER, "my invoice & me: ñ?")?;
        self.is_known().await;
        Ok(id)
    }

    /// What was taken of each send, by its mark.
    fn taken(&self, id: &str) -> usize {
        let mark = format!("wp1/{id}/");
        let is_of = |message: &serde_json::Value| message["reference"].as_str().unwrap_or_default().starts_with(&mark);
        self.bird.taken().iter().filter(|message| is_of(message)).count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_routed_answered_and_told_of() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let waypost = scene.outbound.start(&[]).await?;
    let statuses = scene.bird.forge(STRANGER).await?;
    ensure!(statuses.iter().all(|status| *status == 401), "nobody else is believed: {statuses:?}");
    let id = scene.written().await?;
    let mut reader = scene.outbound.deployment.reader(&["team.billing.normal"]).await?;
    let found = reader.wait_for(1).await?;
    ensure!(found[0].wamid() == id, "{}", found[0].document());
    ensure!(found[0].document().to_string().contains("my invoice & me: ñ?"), "{}", found[0].document());

    ensure!(scene.send(&["It comes today: ñ & +"], "one")?, "they have written");
    let read = scene.until("one", "MESSAGE_STATE_READ").await;
    for time in ["accept_time", "sent_time", "deliver_time", "read_time"] {
        ensure!(read[time].is_string(), "{time}: {read}");
    }
    ensure!(read["message_id"] == "out-1" && read["attempts"] == 1, "{read}");
    let contact = json!({"identifierKey": "phonenumber", "identifierValue": CUSTOMER});
    let want = json!({"receiver": {"contacts": [contact]}, "reference": "wp1/one/1",
        "body": {"type": "text", "text": {"text": "It comes today: ñ & +"}}});
    ensure!(scene.bird.taken() == [want], "{:?}", scene.bird.taken());

    scene.metas_number_goes_its_way().await?;
    ensure!(scene.bird.taken().len() == 1, "each by its own carrier");

    drop(waypost);
    let later = scene.bird.write("+4915100000003", "an invoice, too")?;
    let _again = scene.outbound.start(&[]).await?;
    let found = reader.wait_for(2).await?;
    ensure!(found[1].wamid() == later, "{}", found[1].document());
    Ok(())
}

/// Given a template that Meta lists for the account behind the number, then it goes as the project that it is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_goes_as_birds_project() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.outbound.start(&[]).await?;
    scene.written().await?;
    scene.gets_an_offer("one").await?;
    let taken = scene.bird.taken();
    let [message] = &taken[..] else { anyhow::bail!("one message, not {}", taken.len()) };
    let template = &message["template"];
    ensure!(template["projectId"] == "project-1" && template["locale"] == "en-US", "{message}");
    ensure!(template["parameters"][0]["value"] == "Ann" && message["body"].is_null(), "{message}");
    Ok(())
}

/// There is no key against doubling: the reference settles it, where a hook repeats it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_settled_by_the_reference() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.outbound.start(&[]).await?;
    scene.written().await?;
    scene.bird.lose_answers(1);
    ensure!(scene.send(&["It comes today"], "one")?, "it is kept");
    let read = scene.until("one", "MESSAGE_STATE_READ").await;
    ensure!(read["attempts"] == 1 && read["maybe_duplicate"] != true && read["message_id"] == "out-1", "{read}");
    ensure!(scene.taken("one") == 1, "{:?}", scene.bird.taken());
    Ok(())
}

/// Given hooks that do not repeat it, then silence says nothing, and a message that may have gone is never sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_reference_nothing_goes_twice() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.outbound.start(&[]).await?;
    scene.written().await?;
    scene.bird.hide_references();
    ensure!(scene.send(&["It comes today"], "one")?, "it is kept");
    let read = scene.until("one", "MESSAGE_STATE_READ").await;
    ensure!(read["message_id"] == "out-1", "it is told of by Bird's id: {read}");
    scene.bird.lose_answers(1);
    ensure!(scene.send(&["It comes today"], "two")?, "it is kept");
    scene.until("two", "MESSAGE_STATE_UNCERTAIN").await;
    // Then Meta would be asked again.
    let store = Store::open(&store_url(&scene.outbound.deployment)?, StoreOptions::default()).await?;
    let two = SendId::new("two")?;
    let left = async || store.send(&two).await.ok().flatten().filter(SendRow::is_given_up);
    let row = eventually("it is left to a person", WITHIN, left).await;
    ensure!(row.attempt == 1 && !row.maybe_duplicate && scene.taken("two") == 1, "{:?}", scene.bird.taken());
    store.close().await;
    Ok(())
}

/// Bird takes it, and says afterwards that the window is closed, with WhatsApp's own code.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_closed_unseen_is_closed_for_us_too() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.outbound.start(&[]).await?;
    scene.written().await?;
    scene.bird.close_window(CUSTOMER);
    ensure!(scene.send(&["It comes today"], "one")?, "for us it is open");
    let failed = scene.until("one", "MESSAGE_STATE_FAILED").await;
    ensure!(failed.to_string().contains("131047"), "{failed}");
    ensure!(scene.send(&["It comes today"], "two")?, "it is kept");
    let refused = scene.until("two", "MESSAGE_STATE_REFUSED").await;
    ensure!(refused.to_string().contains("window_closed") && scene.taken("two") == 0, "{refused}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_bird_cannot_carry_is_never_sent() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.outbound.start(&[]).await?;
    scene.written().await?;
    ensure!(scene.send(&["--document", "https://x.example/of-no-type"], "untold")?, "Meta would take it");
    scene.until("untold", "MESSAGE_STATE_FAILED").await;
    ensure!(scene.send(&["It comes today"], "text")?, "it is kept");
    scene.until("text", "MESSAGE_STATE_READ").await;
    ensure!(scene.taken("untold") == 0 && scene.bird.refused().is_empty(), "{:?}", scene.bird.refused());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_come_whole_and_go_by_their_link() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.outbound.start(&[]).await?;
    let bytes: Vec<u8> = b"%PDF-1.7 ".iter().copied().chain((0..=255).cycle()).take(1 << 20).collect();
    let id = scene.bird.write_file(CUSTOMER, "application/pdf", bytes.clone())?;
    scene.is_known().await;
    let (got, shown) = scene.downloaded(&id).await?;
    ensure!(got == bytes && shown["mimeType"] == "application/pdf", "{} bytes: {shown}", got.len());
    ensure!(shown["filename"] == "invoice.pdf", "{shown}");

    let link = "https://x.example/menu.pdf";
    ensure!(scene.send(&["--document", link], "one")?, "they have written");
    scene.until("one", "MESSAGE_STATE_READ").await;
    let file = json!({"mediaUrl": link, "contentType": "application/pdf"});
    let body = json!({"type": "file", "file": {"files": [file]}});
    ensure!(scene.bird.taken().len() == 1 && scene.bird.taken()[0]["body"] == body, "{:?}", scene.bird.taken());
    ensure!(scene.send(&["--document", "4711"], "two")?, "it is kept");
    scene.until("two", "MESSAGE_STATE_FAILED").await;
    ensure!(scene.taken("two") == 0 && scene.bird.refused().is_empty(), "{:?}", scene.bird.refused());
    Ok(())
}
