//! `waypost doctor` against WhatsApp's stand-in: all is well, and then each thing is not. Whatever it finds, it tells neither a
//! secret nor a phone number.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, ensure};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use waypost_sandbox::{Control, Hindrance, Rating, Standing};
use waypost_tests::WaypostProcess;
use waypost_tests::ports::free_port;
use waypost_tests::webhook::http_client;

use crate::cli::{expect, stdout};
use crate::deployment::{APP_SECRET, Backend, Deployment, RULES};
use crate::outbound::{NUMBER_ID, Outbound};

const APP_TOKEN: &str = "700000000000001|app-hush";
const TOKEN: &str = "test-token";
const VERIFY_TOKEN: &str = "verify-hush";
const ACCOUNT: &str = "accounts/102290129340398";
const NUMBER: &str = "numbers/main";
/// None of it is ever told; the number in the forms in which it is written.
const HUSH: [&str; 6] = [APP_TOKEN, TOKEN, VERIFY_TOKEN, APP_SECRET, "15550783881", "0783881"];

/// What is not ok: how bad, of what, which check.
type Lines = Vec<(String, String, String)>;

/// A program that runs, its number named, everything well.
struct Scene {
    outbound: Outbound,
    _waypost: WaypostProcess,
}

impl Scene {
    async fn new(backend: Backend) -> anyhow::Result<Self> {
        let deployment = Deployment::new(backend, RULES)?;
        let (url, app_token) = (deployment.webhook_url(), deployment.folder.path().join("app-token"));
        std::fs::write(&app_token, APP_TOKEN)?;
        let deployment = deployment
            .set("ingress.public_url", &url)
            .set("ingress.verify_token", VERIFY_TOKEN)
            .set("graph.app_token_file", &app_token.display().to_string())
            .set("numbers.main", NUMBER_ID);
        let outbound = Outbound::on(deployment, |_| ()).await?;
        outbound.platform.control().add_token(&SecretString::from(APP_TOKEN));
        let waypost = outbound.start(&[]).await?;
        let scene = Self { outbound, _waypost: waypost };
        let profile = json!({"messaging_product": "whatsapp", "about": "Open", "description": "A shop"});
        scene.post(&format!("{NUMBER_ID}/whatsapp_business_profile"), &profile).await?;
        Ok(scene)
    }

    fn control(&self) -> Control {
        self.outbound.platform.control()
    }

    /// Does something at the platform as whoever holds the token can.
    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        self.ask(reqwest::Method::POST, path, body).await
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: &Value) -> anyhow::Result<()> {
        let url = format!("{}/v26.0/{path}", self.outbound.platform.url());
        let request = http_client()?.request(method, url).bearer_auth(TOKEN).body(body.to_string());
        ensure!(request.send().await?.status().is_success(), "{path}");
        Ok(())
    }

    fn run(&self, more: &[&str], code: i32) -> anyhow::Result<Output> {
        let mut command = self.outbound.deployment.command(&["doctor"])?;
        command.args(more);
        let output = expect(command, code)?;
        let told = format!("{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr));
        for hush in HUSH {
            ensure!(!told.contains(hush), "{hush} is told: {told}");
        }
        Ok(output)
    }

    /// Every finding; the exit code goes by the worst.
    fn findings(&self, more: &[&str], code: i32) -> anyhow::Result<Vec<Value>> {
        let output = self.run(&[more, &["--json"]].concat(), code)?;
        let all: Value = serde_json::from_slice(&output.stdout).with_context(|| stdout(&output))?;
        let findings = all["findings"].as_array().context("findings")?.clone();
        for level in ["ok", "warn", "bad"] {
            let count = findings.iter().filter(|finding| finding["level"] == level).count();
            ensure!(all[level] == count, "{level}: {all}");
        }
        for finding in &findings {
            ensure!(finding["remedy"].is_null() == (finding["level"] == "ok"), "{finding}");
        }
        Ok(findings)
    }

    /// What is not ok. How old the program's own policy data are is another matter, which gets worse by itself.
    fn not_ok(&self, more: &[&str], code: i32) -> anyhow::Result<Lines> {
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        let findings = self.findings(more, code)?;
        let found = findings.iter().filter(|finding| finding["level"] != "ok" && finding["check"] != "policy-data");
        Ok(found.map(|one| (text(one, "level"), text(one, "subject"), text(one, "check"))).collect())
    }

    fn check(&self, what: &str, more: &[&str], want: &[(&str, &str, &str)]) -> anyhow::Result<()> {
        let code = i32::from(want.iter().any(|(level, _, _)| *level == "bad"));
        let found = self.not_ok(more, code).with_context(|| what.to_owned())?;
        let want = lines(want);
        ensure!(found == want, "{what}: {found:#?}\nwanted: {want:#?}");
        Ok(())
    }
}

fn lines(all: &[(&str, &str, &str)]) -> Lines {
    let line = |(level, subject, check): &(&str, &str, &str)| ((*level).into(), (*subject).into(), (*check).into());
    all.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_is_well_on_files_and_then_they_are_gone() -> anyhow::Result<()> {
    all_is_well_and_then_servers_are_gone(Backend::Embedded).await
}

#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_is_well_on_servers_and_then_they_are_gone() -> anyhow::Result<()> {
    all_is_well_and_then_servers_are_gone(Backend::Servers).await
}

async fn all_is_well_and_then_servers_are_gone(backend: Backend) -> anyhow::Result<()> {
    let scene = Scene::new(backend).await?;
    scene.check("all is well", &[], &[])?;
    let told = stdout(&scene.run(&[], 0)?);
    for line in ["ok    waypost", "ok    meta", "ok    app", "ok    accounts/", "ok    numbers/main", "0 bad, "] {
        ensure!(told.contains(line), "{line}: {told}");
    }
    ensure!(told.contains("which is ours") && told.contains("our address answers it"), "{told}");

    let away: Vec<String> = match backend {
        Backend::Embedded => {
            let elsewhere = scene.outbound.deployment.folder.path().join("nothing-here");
            vec!["--data-dir".to_owned(), elsewhere.display().to_string()]
        }
        #[cfg(feature = "servers")]
        Backend::Servers => {
            let gone = format!("u:{VERIFY_TOKEN}@127.0.0.1:{}", free_port());
            let set = |text: String| ["--set".to_owned(), text];
            [set(format!("bus.url=amqp://{gone}/v")), set(format!("store.url=postgres://{gone}/d"))].concat()
        }
    };
    let away: Vec<&str> = away.iter().map(String::as_str).collect();
    scene.check("no store, no bus", &away, &[("bad", "waypost", "store"), ("bad", "waypost", "bus")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_meta_says_of_numbers_and_accounts_is_judged() -> anyhow::Result<()> {
    let scene = Scene::new(Backend::Embedded).await?;
    let control = scene.control();
    control.set_standing(Standing {
        number_status: "RESTRICTED".to_owned(),
        name_status: "DECLINED".to_owned(),
        code_verification_status: "NOT_VERIFIED".to_owned(),
        account_mode: "SANDBOX".to_owned(),
        host_platform: "ON_PREMISE".to_owned(),
        account_review_status: "REJECTED".to_owned(),
        business_verification_status: "not_verified".to_owned(),
        hindrances: ["PHONE_NUMBER", "BUSINESS", "APP"].map(hindrance).to_vec(),
        ..Standing::default()
    });
    let rated = [("bad", NUMBER, "quality"), ("warn", NUMBER, "limits")];
    let spoilt = [
        ("bad", ACCOUNT, "health"),
        ("bad", ACCOUNT, "health"),
        ("bad", ACCOUNT, "review"),
        ("warn", ACCOUNT, "verification"),
        ("bad", NUMBER, "status"),
        ("bad", NUMBER, "health"),
        rated[0],
        rated[1],
        ("warn", NUMBER, "mode"),
        ("bad", NUMBER, "mode"),
        ("bad", NUMBER, "display-name"),
        ("warn", NUMBER, "verification"),
        ("warn", NUMBER, "profile"),
    ];
    control.rate_number(NUMBER_ID, Rating::Red)?;
    control.limit_messaging(Some(250));
    scene.post(&format!("{NUMBER_ID}/whatsapp_business_profile"), &json!({"about": ""})).await?;
    scene.check("every word", &[], &spoilt)?;

    control.set_standing(Standing::default());
    control.rate_number(NUMBER_ID, Rating::Green)?;
    control.limit_messaging(Some(10_000));
    scene.post(&format!("{NUMBER_ID}/whatsapp_business_profile"), &json!({"about": "Open"})).await?;
    control.set_payment(false);
    control.set_restricted(Some(368));
    let want = [("bad", ACCOUNT, "health"), ("bad", ACCOUNT, "health"), ("warn", ACCOUNT, "payment")];
    scene.check("no payment, and a restriction", &[], &want)?;
    control.set_payment(true);
    control.set_restricted(None);

    scene.post(&format!("{NUMBER_ID}/deregister"), &Value::Null).await?;
    let want = [("bad", NUMBER, "status"), ("bad", NUMBER, "health")];
    scene.check("a number that is not registered", &[], &want)?;
    scene.post(&format!("{NUMBER_ID}/register"), &json!({"pin": "000000"})).await?;
    let unknown = ["--set", "numbers.shop=424242"];
    scene.check("a number that Meta does not know", &unknown, &[("bad", "numbers/shop", "known")])
}

fn hindrance(entity: &str) -> Hindrance {
    Hindrance {
        entity: entity.to_owned(),
        can_send_message: "BLOCKED".to_owned(),
        error_code: 141_006,
        error_description: "+1 555-0783881 has no way to pay".to_owned(),
        possible_solution: "Add a payment method to +15550783881".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_webhooks_go_and_of_what_is_judged() -> anyhow::Result<()> {
    let scene = Scene::new(Backend::Embedded).await?;
    let control = scene.control();
    let ours = scene.outbound.deployment.webhook_url();
    let elsewhere = "https://elsewhere.example/hook";
    let apps = "102290129340398/subscribed_apps";

    scene.post(apps, &json!({"override_callback_uri": elsewhere, "verify_token": "x"})).await?;
    let want = [("bad", ACCOUNT, "callback"), ("bad", NUMBER, "callback")];
    scene.check("an override of the account", &[], &want)?;
    scene.post(NUMBER_ID, &json!({"webhook_configuration": {"override_callback_uri": ours}})).await?;
    scene.check("an override of the number that is ours", &[], &want[..1])?;
    scene.post(apps, &json!({})).await?;
    scene.post(NUMBER_ID, &json!({"webhook_configuration": {"override_callback_uri": elsewhere}})).await?;
    scene.check("an override of the number", &[], &[("bad", NUMBER, "callback")])?;
    scene.post(NUMBER_ID, &json!({"webhook_configuration": {"override_callback_uri": ""}})).await?;

    control.set_webhook_url(Some(elsewhere))?;
    scene.check("the app's own", &[], &[("bad", "app", "callback")])?;
    control.set_webhook_url(None)?;
    scene.check("none", &[], &[("bad", "app", "callback")])?;
    control.set_webhook_url(Some(&ours))?;

    scene.ask(reqwest::Method::DELETE, apps, &Value::Null).await?;
    scene.check("the account is not subscribed to", &[], &[("bad", ACCOUNT, "subscription")])?;
    scene.post(apps, &json!({})).await?;

    let fields = ["account_update", "template_category_update"].map(str::to_owned).to_vec();
    control.set_standing(Standing { subscribed_fields: fields, ..Standing::default() });
    let mut want = vec![("bad", "app", "fields")];
    want.extend([("warn", "app", "fields"); 9]);
    scene.check("few fields", &[], &want)?;
    control.set_standing(Standing { subscription_active: false, ..Standing::default() });
    scene.check("switched off", &[], &[("bad", "app", "callback")])?;
    control.set_standing(Standing::default());

    let nobody = format!("http://127.0.0.1:{}/webhook", free_port());
    let want = [("bad", "waypost", "handshake"), ("bad", "app", "callback")];
    scene.check("another address, where nobody is", &["--callback", &nobody], &want)?;
    let wrong_path = format!("{ours}s");
    scene.check("another path", &["--callback", &wrong_path], &want)?;
    scene.check("no TLS", &["--callback", "http://wa.example/webhook"], &want)?;
    let other = ["--set", "ingress.verify_token=another"];
    scene.check("another verify token", &other, &[("bad", "waypost", "handshake")])?;
    let none = ["--set", "ingress.verify_token_file=/nowhere"];
    scene.check("no verify token", &none, &want[..1])?;
    expect(scene.outbound.deployment.command(&["doctor", "--callback", "wa.example"])?, 2)?;
    scene.run(&["--set", "ingress.public_url=wa.example"], 3).map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_version_and_clock_are_judged() -> anyhow::Result<()> {
    let scene = Scene::new(Backend::Embedded).await?;
    let control = scene.control();
    let day_ms = 24 * 60 * 60 * 1_000;
    let token = SecretString::from(TOKEN);

    control.end_token(&token, control.now_ms() + 5 * day_ms);
    scene.check("a token that ends soon", &[], &[("warn", "app", "token")])?;
    control.add_token(&token);
    control.set_standing(Standing {
        scopes: vec!["whatsapp_business_messaging".to_owned()],
        token_targets: Some(vec!["1".to_owned()]),
        ..Standing::default()
    });
    let want = [("bad", "app", "scopes"), ("bad", "app", "scopes")];
    scene.check("a token that may not, and reaches another account", &[], &want)?;
    control.set_standing(Standing::default());

    scene.check("a version that has ended", &["--set", "graph.version=v19.0"], &[("bad", "meta", "api-version")])?;
    control.set_standing(Standing { oldest_version: "v27.0".to_owned(), ..Standing::default() });
    scene.check("another version answers", &[], &[("bad", "meta", "api-version")])?;
    control.set_standing(Standing::default());

    let without = ["--set", "graph.app_token_file=/nowhere"];
    // The token is looked at with the app's.
    let found = scene.not_ok(&without, 1)?;
    ensure!(found.contains(&lines(&[("bad", "app", "token")])[0]), "{found:?}");

    control.advance(Duration::from_secs(10));
    scene.check("the clock", &[], &[("warn", "meta", "clock")])?;
    control.advance(Duration::from_secs(120));
    scene.check("the clock", &[], &[("bad", "meta", "clock")])?;

    control.end_token(&token, 0);
    let found = scene.not_ok(&[], 1)?;
    for line in lines(&[("bad", "app", "token"), ("bad", NUMBER, "known")]) {
        ensure!(found.contains(&line), "{line:?}: {found:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn meta_that_does_not_answer_is_one_line_in_time() -> anyhow::Result<()> {
    let scene = Scene::new(Backend::Embedded).await?;
    let gone = [("bad", "meta", "reached")];
    let nobody = format!("graph.base_url=http://127.0.0.1:{}", free_port());
    scene.check("nobody", &["--set", &nobody], &gone)?;
    scene.check("no token", &["--set", "graph.token_file=/nowhere"], &gone)?;
    scene.check("a version that is none", &["--set", "graph.version=latest"], &gone)?;

    // Takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let base_url = format!("graph.base_url=http://{}", silent.local_addr()?);
    let begun = std::time::Instant::now();
    scene.check("silence", &["--set", &base_url, "--set", "graph.answer_timeout_ms=500"], &gone)?;
    ensure!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());

    let other = Deployment::new(Backend::Embedded, RULES)?;
    let mut without = other.command(&["doctor", "--json"])?;
    without.args(["--set", "ingress.provider=360dialog", "--data-dir"]).arg(scene.outbound.deployment.data_folder());
    let all: Value = serde_json::from_slice(&expect(without, 0)?.stdout)?;
    let findings = all["findings"].as_array().context("findings")?;
    let line = findings.iter().find(|finding| finding["check"] == "reached").context("what cannot be asked")?;
    let found = line["found"].as_str().unwrap_or_default();
    ensure!(line["level"] == "warn" && found.contains("360dialog") && found.contains("scopes"), "{line}");
    Ok(())
}
