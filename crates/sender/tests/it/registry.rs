//! The registry of templates against Meta's list over HTTP, page by page.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waypost_domain::send::SendState;
use waypost_domain::{CampaignState, Category, PartitionCount, PartitionId, PhoneNumberId, WabaId};
use waypost_graph_client::{GraphApi, GraphConfig, HttpConfig};
use waypost_live::SendingLive;
use waypost_sender::{REGISTRY, Registry, RegistryConfig};
use waypost_store::{BarScope, BarWhat, ChangeRow, ChangeScope, Sequence};
use waypost_worker::WorkerConfig;

use crate::campaigns::{id, running};
use crate::order::eventually;
use crate::platform::Does;
use crate::rig::{PATIENCE, Rig, WABA, name};

/// As many as Meta puts on a page by itself.
const PAGE: usize = 25;

/// What Meta lists.
#[derive(Clone, Default)]
struct Listing {
    templates: Vec<String>,
    numbers: Vec<Value>,
    fails: bool,
}

/// Meta's two lists of an account, and a registry that reads them.
struct Lists {
    listing: Arc<Mutex<Listing>>,
    /// How often the list of templates was asked for from its beginning.
    asked: watch::Receiver<usize>,
    stop: CancellationToken,
    running: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Lists {
    async fn start(rig: &Rig, listing: Listing) -> Self {
        // An error: another test was faster.
        rustls::crypto::ring::default_provider().install_default().unwrap_or_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (listing, (count, asked)) = (Arc::new(Mutex::new(listing)), watch::channel(0));
        let served = listing.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let path = serve(stream, &served).await;
                if path.contains("/message_templates") && !path.contains("after=") {
                    count.send_modify(|count| *count += 1);
                }
            }
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "token").unwrap();
        let config = GraphConfig { http: HttpConfig::new(base), ..GraphConfig::new(folder.path().join("token")) };
        let registry = Registry {
            config: RegistryConfig {
                pause: Duration::from_millis(20),
                poll_every: Duration::from_millis(10),
                ..RegistryConfig::default()
            },
            store: rig.store.clone(),
            templates: Arc::new(GraphApi::new(config).unwrap()),
            sending: SendingLive::open(rig.store.clone()).await.unwrap(),
        };
        let worker = WorkerConfig {
            lease_ttl: Duration::from_secs(2),
            lease_renew_every: Duration::from_millis(50),
            ..WorkerConfig::new(REGISTRY, "a", PartitionCount::new(1).unwrap())
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn(registry.run(&worker, stop.clone()));
        Self { listing, asked, stop, running, _folder: folder }
    }

    fn set(&self, change: impl FnOnce(&mut Listing)) {
        change(&mut self.listing.lock().unwrap());
    }

    fn asked(&self) -> usize {
        *self.asked.borrow()
    }

    async fn until_asked(&mut self, times: usize) {
        let waited = tokio::time::timeout(PATIENCE, self.asked.wait_for(|asked| *asked >= times)).await;
        waited.expect("in time").unwrap();
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.running).await.expect("it ends").unwrap();
    }
}

/// One request and its answer; the path of it.
async fn serve(mut stream: TcpStream, listing: &Mutex<Listing>) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            return String::new();
        }
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body) = listing.lock().unwrap().answer(&path);
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    // An error: whoever asked is gone.
    stream.write_all(answer.as_bytes()).await.unwrap_or_default();
    path
}

impl Listing {
    fn answer(&self, path: &str) -> (u16, String) {
        let error = json!({"error": {"message": "(#2) no", "code": 2}});
        if self.fails {
            return (500, error.to_string());
        }
        if path.contains(&format!("/{WABA}/phone_numbers")) {
            return (200, json!({"data": self.numbers}).to_string());
        }
        if !path.contains(&format!("/{WABA}/message_templates")) {
            return (404, error.to_string());
        }
        let after = path.split("after=").nth(1).and_then(|after| after.parse().ok()).unwrap_or(0);
        let page: Vec<Value> = self.templates.iter().skip(after).take(PAGE).map(|name| listed(name)).collect();
        let end = after + page.len();
        let mut answer = json!({"data": page, "paging": {"cursors": {"after": end.to_string()}}});
        if end < self.templates.len() {
            answer["paging"]["next"] = json!("https://graph.facebook.com/");
        }
        (200, answer.to_string())
    }
}

fn listed(name: &str) -> Value {
    json!({"id": format!("id-{name}"), "name": name, "language": "de", "status": "APPROVED", "category": "UTILITY",
        "quality_score": {"score": "GREEN"}, "components": [{"type": "BODY", "text": "Hallo {{1}}!"}]})
}

fn sixty() -> Listing {
    Listing { templates: (0..60).map(|n| format!("t{n:02}")).collect(), ..Listing::default() }
}

async fn count(rig: &Rig) -> usize {
    rig.store.templates(Some(&WabaId::new(WABA))).await.unwrap().len()
}

/// Outbound case 13: what stands on the third page can be sent; what is gone from Meta is refused after the list.
#[tokio::test]
async fn all_pages_are_known_and_what_is_gone_is_refused() {
    let rig = Rig::new().await;
    let (ann, bob) = (rig.stranger("4930901820").await, rig.stranger("4930901821").await);
    rig.agrees(ann).await;
    rig.agrees(bob).await;
    let lists = Lists::start(&rig, sixty()).await;
    eventually(async || count(&rig).await == 60).await;
    rig.refresh().await;
    rig.start("a");
    rig.ask([rig.offer("third", ann, "t55").await]).await;
    rig.until("third", SendState::Accepted).await;
    assert_eq!(rig.platform.whats(), ["t55/de"]);
    lists.set(|listing| listing.templates.retain(|name| name != "t55"));
    rig.store.want_templates(&WabaId::new(WABA), rig.now().await).await.unwrap();
    eventually(async || count(&rig).await == 59).await;
    rig.refresh().await;
    rig.ask([rig.offer("gone", bob, "t55").await]).await;
    rig.until("gone", SendState::Refused).await;
    assert_eq!(rig.rule("gone").await, "template_unknown");
    assert_eq!(rig.platform.whats().len(), 1);
    rig.stop().await;
    lists.stop().await;
}

/// Meta does not know the template in this language (132001): the list is asked for again.
#[tokio::test]
async fn a_refusal_that_says_that_the_list_is_old_asks_for_another() {
    let rig = Rig::new().await;
    let ann = rig.stranger("4930901820").await;
    rig.agrees(ann).await;
    let mut lists = Lists::start(&rig, sixty()).await;
    eventually(async || count(&rig).await == 60).await;
    rig.refresh().await;
    lists.set(|listing| listing.templates.truncate(10));
    let before = lists.asked();
    rig.platform.next([Does::Refuse(404, 132_001)]);
    rig.start("a");
    rig.ask([rig.offer("a", ann, "t55").await]).await;
    rig.until("a", SendState::Failed).await;
    lists.until_asked(before + 1).await;
    eventually(async || count(&rig).await == 10).await;
    rig.stop().await;
    lists.stop().await;
}

#[tokio::test]
async fn a_list_that_fails_leaves_what_is_known() {
    let rig = Rig::new().await;
    let mut lists = Lists::start(&rig, sixty()).await;
    eventually(async || count(&rig).await == 60).await;
    let listed_at = rig.store.template_lists().await.unwrap()[0].listed_at;
    lists.set(|listing| listing.fails = true);
    rig.store.want_templates(&WabaId::new(WABA), rig.now().await).await.unwrap();
    // It is tried again and again meanwhile.
    lists.until_asked(lists.asked() + 2).await;
    assert_eq!(count(&rig).await, 60);
    assert_eq!(rig.store.template_lists().await.unwrap()[0].listed_at, listed_at);
    lists.set(|listing| *listing = Listing { templates: vec!["t00".to_owned()], ..Listing::default() });
    eventually(async || count(&rig).await == 1).await;
    // What nobody asks for is not listed again within the hour.
    let asked = lists.asked();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(lists.asked(), asked);
    lists.stop().await;
}

/// A template of which Meta's list says too little: nobody knows what it is, so that nothing is taken for gone.
#[tokio::test]
async fn a_list_that_is_not_read_whole_takes_nothing_away() {
    let rig = Rig::new().await;
    rig.template("parcel", Category::Utility, waypost_domain::template::TemplateStatus::Approved).await;
    let lists =
        Lists::start(&rig, Listing { templates: vec![String::new(), "t00".to_owned()], ..Listing::default() }).await;
    eventually(async || count(&rig).await == 2).await;
    lists.stop().await;
}

/// How the numbers stand and what the limit is, where no webhook came.
#[tokio::test]
async fn numbers_and_limit_are_looked_at_with_the_list() {
    let rig = Rig::new().await;
    let number = |status: &str, quality: &str| json!({"id": "1", "status": status, "quality_rating": quality, "whatsapp_business_manager_messaging_limit": "TIER_2K"});
    let listing =
        Listing { numbers: vec![number("RESTRICTED", "RED"), json!({"id": "77", "status": "BANNED"})], ..sixty() };
    let lists = Lists::start(&rig, listing).await;
    eventually(async || !rig.store.send_bars().await.unwrap().is_empty()).await;
    let bars = rig.store.send_bars().await.unwrap();
    let told: Vec<_> = bars.iter().map(|bar| (bar.scope, bar.name.as_str(), bar.what)).collect();
    assert_eq!(told, [(BarScope::Number, "support", BarWhat::Templates)]);
    assert_eq!(rig.store.portfolio_use("business", rig.now().await).await.unwrap().tier.as_deref(), Some("TIER_2K"));
    let kinds: Vec<String> = rig.store.open_alerts().await.unwrap().into_iter().map(|alert| alert.kind).collect();
    assert_eq!(kinds, ["number_standing", "quality"]);
    lists.set(|listing| listing.numbers = vec![number("CONNECTED", "GREEN")]);
    rig.store.want_templates(&WabaId::new(WABA), rig.now().await).await.unwrap();
    eventually(async || rig.store.send_bars().await.unwrap().is_empty()).await;
    lists.stop().await;
}

/// The limit and the standing are the portfolio's.
#[tokio::test]
async fn campaigns_of_all_numbers_are_paused_when_one_number_s_quality_falls() {
    let rig = Rig::new().await;
    let person = rig.stranger("4915100000001").await;
    running(&rig, &[person], |campaign| campaign.number = name("sales")).await;
    let number = |quality: &str| json!({"id": "1", "status": "CONNECTED", "quality_rating": quality});
    let lists = Lists::start(&rig, Listing { numbers: vec![number("YELLOW")], ..sixty() }).await;
    let campaign = async || rig.store.campaign(&id()).await.unwrap().unwrap();
    eventually(async || campaign().await.state == CampaignState::Paused).await;
    let alerts = rig.store.open_alerts().await.unwrap();
    let told: Vec<_> = alerts.iter().map(|alert| (alert.to_string(), alert.why.as_str())).collect();
    let why = "the number's quality is YELLOW; campaigns that ran and were paused: 1";
    assert_eq!(told, [("number/support/quality".to_owned(), why)]);
    assert_eq!(campaign().await.note, "the number's quality is YELLOW");
    lists.stop().await;
}

/// A release before this one has kept what Meta told, and done nothing with it.
#[tokio::test]
async fn what_was_kept_before_counts_from_the_start_on() {
    let rig = Rig::new().await;
    let received_at = rig.now().await.plus_millis(-60_000);
    let change = |key: &str, json: &str, later: i64| ChangeRow {
        scope: ChangeScope::Account,
        number: PhoneNumberId::new(""),
        waba: WabaId::new(WABA),
        field: "account_update".to_owned(),
        key: key.to_owned(),
        json: json.as_bytes().to_vec(),
        received_at: received_at.plus_millis(later),
        entry_time: None,
    };
    let kept = [
        change("a", r#"{"event":"ACCOUNT_OFFBOARDED"}"#, 0),
        change("b", r#"{"event":"ACCOUNT_RECONNECTED"}"#, 1),
        change(
            "c",
            r#"{"event":"ACCOUNT_RESTRICTION","restriction_info":[{"restriction_type":"RESTRICTED_UTILITY"}]}"#,
            2,
        ),
    ];
    let lease = rig.store.acquire_lease("kept", PartitionId(97), "a test", PATIENCE, Sequence::None).await;
    let mut tx = rig.store.begin_record(&lease.unwrap().unwrap().fence(0, None)).await.unwrap();
    tx.keep_changes(&kept).await.unwrap();
    tx.commit().await.unwrap();
    let lists = Lists::start(&rig, sixty()).await;
    eventually(async || count(&rig).await == 60).await;
    let bars = rig.store.send_bars().await.unwrap();
    assert_eq!(bars.iter().map(|bar| bar.what).collect::<Vec<_>>(), [BarWhat::Category(Category::Utility)]);
    lists.stop().await;
}
