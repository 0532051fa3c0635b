//! Numbers at Twilio, whole: a customer's signed form comes in and is routed, the answer goes out as Twilio's form, and what
//! becomes of it comes back; beside a number at Meta, which goes its own way.

use std::ops::Deref;

use anyhow::ensure;
use waypost_tests::twilio::{TwilioSettings, TwilioStandIn};

use crate::deployment::{Backend, Deployment, RULES};
use crate::elsewhere::{CUSTOMER, Elsewhere, WABA};

const AUTH_TOKEN: &str = "twilio-token";
/// `AC1:twilio-token`
const BASIC: &str = "QUMxOnR3aWxpby10b2tlbg==";

/// A customer at Twilio, one at Meta, and a program that has not started.
struct Scene {
    elsewhere: Elsewhere,
    twilio: TwilioStandIn,
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
        let webhook_url = format!("{}/twilio", deployment.webhook_url());
        let settings = TwilioSettings {
            account_sid: "AC1".to_owned(),
            auth_token: AUTH_TOKEN.to_owned(),
            basic: BASIC.to_owned(),
            number: "+15550199".to_owned(),
            webhook_url: webhook_url.clone(),
        };
        let elsewhere = Elsewhere::new(deployment, "number-tw-support").await?;
        let twilio = TwilioStandIn::start(settings).await?;
        let token_file = elsewhere.secret_file("twilio-token", AUTH_TOKEN)?;
        let elsewhere = elsewhere.set(&[
            ("twilio.account_sid", "AC1"),
            ("twilio.auth_token_file", &token_file),
            ("twilio.webhook_url", &format!("{webhook_url}#rc=5")),
            ("twilio.base_url", &twilio.url),
            ("twilio.waba_id", WABA),
            ("twilio.numbers.tw-support", "15550199"),
            ("twilio.templates.offer/en", "HX1"),
        ]);
        Ok(Self { elsewhere, twilio })
    }

    /// The customer has written to the number at Twilio, so that they can be answered.
    async fn written(&self) -> anyhow::Result<String> {
        let sid = self.twilio.write(CUSTOMER, "my invoice & me: ñ?")?;
        self.is_known().await;
        Ok(sid)
    }

    /// What was taken of each send, by the mark in its address.
    fn taken(&self, id: &str) -> usize {
        let mark = format!("?wp=wp1%2F{id}%2F");
        self.twilio.taken().iter().filter(|form| form["StatusCallback"].contains(&mark)).count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_routed_answered_and_told_of() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let waypost = scene.outbound.start(&[]).await?;
    let sid = scene.written().await?;
    let mut reader = scene.outbound.deployment.reader(&["team.billing.normal"]).await?;
    let found = reader.wait_for(1).await?;
    ensure!(found[0].wamid() == sid, "{}", found[0].document());
    ensure!(found[0].document().to_string().contains("my invoice & me: ñ?"), "{}", found[0].document());

    ensure!(scene.send(&["It comes today: ñ & +"], "one")?, "they have written");
    let read = scene.until("one", "MESSAGE_STATE_READ").await;
    for time in ["accept_time", "sent_time", "deliver_time", "read_time"] {
        ensure!(read[time].is_string(), "{time}: {read}");
    }
    ensure!(read["message_id"] == "SMout1" && read["attempts"] == 1, "{read}");
    let taken = scene.twilio.taken();
    let [form] = &taken[..] else { anyhow::bail!("one message, not {}", taken.len()) };
    let callback = format!("{}/twilio?wp=wp1%2Fone%2F1#rc=5", scene.outbound.deployment.webhook_url());
    let want = [
        ("To", format!("whatsapp:{CUSTOMER}")),
        ("From", "whatsapp:+15550199".to_owned()),
        ("Body", "It comes today: ñ & +".to_owned()),
        ("StatusCallback", callback),
    ];
    ensure!(want.iter().all(|(name, value)| form.get(*name) == Some(value)) && form.len() == 4, "{form:?}");

    scene.metas_number_goes_its_way().await?;
    ensure!(scene.twilio.taken().len() == 1, "each by its own carrier");

    // What comes while nobody is there is posted again, as the address asks for.
    drop(waypost);
    let later = scene.twilio.write("+4915100000003", "an invoice, too")?;
    let _again = scene.outbound.start(&[]).await?;
    let found = reader.wait_for(2).await?;
    ensure!(found[1].wamid() == later, "{}", found[1].document());
    Ok(())
}

/// There is no key against doubling: the mark in the address of the statuses settles it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_settled_by_the_mark() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.outbound.start(&[]).await?;
    scene.written().await?;
    scene.twilio.lose_answers(1);
    ensure!(scene.send(&["It comes today"], "one")?, "it is kept");
    let read = scene.until("one", "MESSAGE_STATE_READ").await;
    ensure!(read["attempts"] == 1 && read["maybe_duplicate"] != true && read["message_id"] == "SMout1", "{read}");
    ensure!(scene.taken("one") == 1, "{:?}", scene.twilio.taken());
    Ok(())
}

/// Twilio takes it, and says afterwards that the window is closed (63016).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_closed_unseen_is_closed_for_us_too() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.outbound.start(&[]).await?;
    scene.written().await?;
    scene.twilio.close_window(CUSTOMER);
    ensure!(scene.send(&["It comes today"], "one")?, "for us it is open");
    let failed = scene.until("one", "MESSAGE_STATE_FAILED").await;
    ensure!(failed.to_string().contains("63016"), "{failed}");
    ensure!(scene.send(&["It comes today"], "two")?, "it is kept");
    let refused = scene.until("two", "MESSAGE_STATE_REFUSED").await;
    ensure!(refused.to_string().contains("window_closed") && scene.taken("two") == 0, "{refused}");
    Ok(())
}

/// Given a template that Meta lists for the account behind the number, then it goes as the content that it is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_goes_as_twilios_content() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.outbound.start(&[]).await?;
    scene.written().await?;
    scene.gets_an_offer("one").await?;
    let taken = scene.twilio.taken();
    let [form] = &taken[..] else { anyhow::bail!("one message, not {}", taken.len()) };
    ensure!(form.get("ContentSid").is_some_and(|sid| sid == "HX1"), "{form:?}");
    ensure!(form.get("ContentVariables").is_some_and(|values| values == r#"{"1":"Ann"}"#), "{form:?}");
    ensure!(!form.contains_key("Body"), "{form:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_twilio_cannot_carry_is_never_sent() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.outbound.start(&[]).await?;
    scene.written().await?;
    ensure!(scene.send(&[&"x".repeat(1_601)], "long")?, "Meta would take it");
    scene.until("long", "MESSAGE_STATE_FAILED").await;
    ensure!(scene.send(&[&"x".repeat(1_600)], "short")?, "it is kept");
    scene.until("short", "MESSAGE_STATE_READ").await;
    ensure!(scene.taken("long") == 0 && scene.twilio.refused().is_empty(), "{:?}", scene.twilio.refused());
    Ok(())
}

/// Twilio shows where a file is kept to whoever has the token, and who keeps it must not see that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_come_whole_and_go_by_their_link() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.outbound.start(&[]).await?;
    let bytes: Vec<u8> = b"%PDF-1.7 ".iter().copied().chain((0..=255).cycle()).take(1 << 20).collect();
    let sid = scene.twilio.write_file(CUSTOMER, "application/pdf", bytes.clone())?;
    scene.is_known().await;
    let (got, shown) = scene.downloaded(&sid).await?;
    ensure!(got == bytes && shown["mimeType"] == "application/pdf", "{} bytes: {shown}", got.len());

    let link = "https://x.example/menu.pdf";
    ensure!(scene.send(&["--document", link], "one")?, "they have written");
    scene.until("one", "MESSAGE_STATE_READ").await;
    let taken = scene.twilio.taken();
    ensure!(taken.len() == 1 && taken[0].get("MediaUrl").is_some_and(|url| url == link), "{taken:?}");
    ensure!(scene.send(&["--document", "4711"], "two")?, "it is kept");
    scene.until("two", "MESSAGE_STATE_FAILED").await;
    ensure!(scene.taken("two") == 0 && scene.twilio.refused().is_empty(), "{:?}", scene.twilio.refused());
    Ok(())
}
