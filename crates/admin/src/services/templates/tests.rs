//! The registry over a store in a file, with a list of Meta's that the test writes.

use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use waypost_bus::Layout;
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_domain::template::{Layout as Parts, ParameterFormat, Quality, Template, TemplateStatus};
use waypost_domain::{Category, PartitionCount, PhoneNumberId, Timestamp};
use waypost_grpc::Caller;
use waypost_live::overview::Watched;
use waypost_proto::sends_v1 as sends;
use waypost_store::{Store, StoreOptions, StoreUrl};

use super::*;
use crate::{NotListed, TeamQueues, TemplateList};

#[derive(Default)]
struct Listed(Mutex<Option<TemplateList>>);

#[tonic::async_trait]
impl TemplateSource for Listed {
    async fn templates(&self, _: &WabaId) -> Result<TemplateList, NotListed> {
        self.0.lock().unwrap().clone().ok_or_else(|| NotListed("status 500".to_owned()))
    }
}

struct Scene {
    templates: Templates,
    listed: Arc<Listed>,
    _folder: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = StoreUrl::sqlite_file(folder.path().join("store.db"));
        let store = Store::open(&url, StoreOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        store.ensure_number(&PhoneNumberId::new("1"), "+34 910 000 001", &WabaId::new("7")).await.unwrap();
        let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
        let layout = Layout::new(PartitionCount::DEFAULT);
        let watched = Watched { work: vec![], layout, activity: false, rules_file: None };
        let listed = Arc::<Listed>::default();
        let shared = Shared {
            bus,
            store,
            team_queues: TeamQueues::default(),
            watched,
            templates: Some(listed.clone()),
            leases: Default::default(),
        };
        Self { templates: Templates { shared }, listed, _folder: folder }
    }

    async fn sync(&self, validate_only: bool) -> Result<v1::SyncTemplatesResponse> {
        let request = v1::SyncTemplatesRequest { account: String::new(), validate_only };
        self.templates.sync_templates(call(request)).await
    }

    async fn names(&self) -> Vec<String> {
        let listed = self.templates.list_templates(call(v1::ListTemplatesRequest::default())).await.unwrap();
        listed.templates.into_iter().map(|one| one.name).collect()
    }
}

fn call<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    let method = "TemplateService/Any".to_owned();
    request.extensions_mut().insert(Caller { actor: "tokens/1".to_owned(), method, bound_to: None, roles: vec![] });
    request
}

fn row(name: &str, status: TemplateStatus) -> TemplateRow {
    let template = Template {
        name: name.to_owned(),
        language: "en_US".to_owned(),
        status,
        category: Category::Utility,
        announced_category: None,
        parameter_format: ParameterFormat::Positional,
        quality: Quality::Green,
        ttl_s: None,
        paused_until: None,
        layout: Parts { body: "Order {{1}} is ready".to_owned(), ..Parts::default() },
        cards: vec![],
        has_offer_end: false,
    };
    TemplateRow { waba: WabaId::new("7"), meta_id: String::new(), template, updated_at: Timestamp::from_millis(0) }
}

const fn whole(rows: Vec<TemplateRow>) -> TemplateList {
    TemplateList { rows, unreadable: 0 }
}

#[tokio::test]
async fn a_list_replaces_what_was_known_and_is_counted() {
    let scene = Scene::new().await;
    assert!(scene.sync(false).await.unwrap_err().to_string().contains("status 500"), "nothing is taken for gone");
    *scene.listed.0.lock().unwrap() =
        Some(whole(vec![row("a", TemplateStatus::Approved), row("b", TemplateStatus::Paused)]));
    let counted = scene.sync(true).await.unwrap();
    assert_eq!((counted.listed, counted.added, scene.names().await), (2, 2, vec![]), "it was only counted");
    scene.sync(false).await.unwrap();
    assert_eq!(scene.names().await, ["templates/7/a/en_US", "templates/7/b/en_US"]);
    *scene.listed.0.lock().unwrap() = Some(whole(vec![row("a", TemplateStatus::Disabled)]));
    let counted = scene.sync(false).await.unwrap();
    assert_eq!((counted.listed, counted.added, counted.changed, counted.deleted), (1, 0, 1, 1));
    assert_eq!(scene.names().await, ["templates/7/a/en_US"]);
}

/// A webhook told when a pause ends, which no list says; and what a list could not be read of is not gone.
#[tokio::test]
async fn a_sync_keeps_the_end_of_a_pause_and_what_it_could_not_read() {
    let scene = Scene::new().await;
    let mut paused = row("a", TemplateStatus::Paused);
    paused.template.paused_until = Some(Timestamp::from_millis(9));
    scene.templates.shared.store.keep_templates(&[paused.clone(), row("b", TemplateStatus::Approved)]).await.unwrap();
    let rows = vec![row("a", TemplateStatus::Paused)];
    *scene.listed.0.lock().unwrap() = Some(TemplateList { rows, unreadable: 1 });
    let counted = scene.sync(false).await.unwrap();
    assert_eq!((counted.listed, counted.added, counted.changed, counted.deleted), (1, 0, 0, 0));
    let kept = scene.templates.shared.store.templates(None).await.unwrap();
    assert_eq!((kept.len(), kept[0].template.paused_until), (2, paused.template.paused_until));
}

#[tokio::test]
async fn a_preview_shows_what_is_read_or_says_what_is_missing() {
    let scene = Scene::new().await;
    *scene.listed.0.lock().unwrap() =
        Some(whole(vec![row("a", TemplateStatus::Approved), row("b", TemplateStatus::Disabled)]));
    scene.sync(false).await.unwrap();
    let preview = async |name: &str, texts: &[&str]| {
        let parameter = |text: &&str| sends::Parameter {
            name: String::new(),
            value: Some(sends::parameter::Value::Text((*text).to_owned())),
        };
        let values = sends::TemplateValues { body: texts.iter().map(parameter).collect(), ..Default::default() };
        let request = v1::PreviewTemplateRequest { name: name.to_owned(), values: Some(values) };
        scene.templates.preview_template(call(request)).await.unwrap()
    };
    // As webhooks write the language.
    let good = preview("templates/7/a/en-US", &["17"]).await;
    assert_eq!(good.preview.unwrap().body, "Order 17 is ready");
    for (name, texts, rule) in [
        ("a", &[][..], "parameter_missing"),
        ("a", &["1", "2"], "parameter_unknown"),
        ("b", &["1"], "template_disabled"),
    ] {
        let bad = preview(&format!("templates/7/{name}/en_US"), texts).await;
        assert_eq!(bad.finding.unwrap().rule, rule);
        assert!(bad.preview.is_none());
    }
}
