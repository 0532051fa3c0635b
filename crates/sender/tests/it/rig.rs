//! A store and a sender, with customers, templates and consent at hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waypost_domain::consent::{Basis, ConsentEntry, Evidence, How, Said};
use waypost_domain::send::content::FreeForm;
use waypost_domain::send::{
    Author, Cause, Parameter, ParameterValue, SendContent, SendId, SendRequest, SendState, TemplateRequest, Values,
};
use waypost_domain::template::{Layout, ParameterFormat, Quality, TemplateStatus};
use waypost_domain::{
    AliasSet, Category, ConsentEntryId, ContactId, NumberName, PartitionCount, PartitionId, PhoneNumberId, Status,
    StatusState, Template, Timestamp, WabaId,
};
use waypost_live::SendingLive;
use waypost_policy::{PolicyData, Record};
use waypost_sender::{SENDER, Sender, SenderConfig, Wake};
use waypost_store::{NewSend, PolicyDataRow, SendBar, SendRow, Sequence, Store, StoreOptions, StoreUrl, TemplateRow};
use waypost_worker::WorkerConfig;

use crate::platform::Platform;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const WABA: &str = "102290129340398";
/// Long enough for a day on either side.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) platform: Arc<Platform>,
    sending: Arc<SendingLive>,
    running: Mutex<Vec<(CancellationToken, JoinHandle<()>)>>,
    wake: Wake,
    _folder: tempfile::TempDir,
}

pub(crate) fn config() -> SenderConfig {
    SenderConfig {
        rate_per_second: None,
        poll_every: Duration::from_millis(10),
        uncertain_wait: Duration::from_millis(200),
        ..SenderConfig::default()
    }
}

pub(crate) fn name(text: &str) -> NumberName {
    NumberName::new(text).unwrap()
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = StoreUrl::sqlite_file(folder.path().join("store.db"));
        let store = Store::open(&url, StoreOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        for (number, id, display) in [("support", "1", "+49 30 111"), ("sales", "2", "+49 30 112")] {
            store.name_numbers(&[(name(number), PhoneNumberId::new(id))]).await.unwrap();
            store.ensure_number(&PhoneNumberId::new(id), display, &WabaId::new(WABA)).await.unwrap();
        }
        let sending = SendingLive::open(store.clone()).await.unwrap();
        let running = Mutex::default();
        Self { store, platform: Platform::new(), sending, running, wake: Wake::default(), _folder: folder }
    }

    /// Starts a sender under this name.
    pub(crate) fn start(&self, instance: &str) {
        self.start_with(instance, config());
    }

    pub(crate) fn start_with(&self, instance: &str, config: SenderConfig) {
        let worker = WorkerConfig {
            lease_ttl: Duration::from_secs(2),
            lease_renew_every: Duration::from_millis(50),
            drain_timeout: Duration::from_secs(5),
            ..WorkerConfig::new(SENDER, instance, PartitionCount::DEFAULT)
        };
        let sender = Sender {
            config,
            store: self.store.clone(),
            messenger: self.platform.clone(),
            sending: self.sending.clone(),
            wake: self.wake.clone(),
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(sender.run(&worker, stop.clone()));
        self.running.lock().unwrap().push((stop, task));
    }

    pub(crate) async fn stop(&self) {
        let running = std::mem::take(&mut *self.running.lock().unwrap());
        for (stop, task) in running {
            stop.cancel();
            tokio::time::timeout(PATIENCE, task).await.expect("it ends").unwrap();
        }
    }

    /// As a process that dies: nothing is given back.
    pub(crate) fn kill(&self) {
        self.running.lock().unwrap().drain(..).for_each(|(_, task)| task.abort());
    }

    pub(crate) async fn now(&self) -> Timestamp {
        self.store.now().await.unwrap()
    }

    /// Somebody with this number whose window is open for an hour on both numbers.
    pub(crate) async fn customer(&self, phone: &str) -> ContactId {
        let contact = self.stranger(phone).await;
        self.set_window(contact, "support", 3_600_000).await;
        self.set_window(contact, "sales", 3_600_000).await;
        contact
    }

    /// Somebody who never wrote.
    pub(crate) async fn stranger(&self, phone: &str) -> ContactId {
        let aliases = AliasSet { phone: Some(phone.to_owned()), ..AliasSet::default() };
        self.store.upsert_contact(&aliases, &BTreeMap::new(), None).await.unwrap()
    }

    /// Open for so long from now.
    pub(crate) async fn set_window(&self, contact: ContactId, number: &str, millis: i64) {
        let (id, now) = (Uuid::now_v7().simple().to_string(), self.now().await.as_millis());
        let contact = contact.as_uuid().simple().to_string();
        let sql = format!(
            "DELETE FROM conversation WHERE contact_id = x'{contact}' AND number = '{number}';
            INSERT INTO conversation (id, contact_id, number, state, priority, opened_at, active_at, last_inbound_at,
                window_ends_at)
            VALUES (x'{id}', x'{contact}', '{number}', 'open', 'normal', {now}, {now}, {now}, {ends})",
            ends = now + millis
        );
        self.store.script(&sql).await.unwrap();
    }

    pub(crate) async fn window_ends_at(&self, contact: ContactId) -> Option<Timestamp> {
        let reach = waypost_live::sending::reach(&self.sending.current(), self.now().await);
        self.store.send_facts(contact, &name("support"), reach).await.unwrap()?.window_ends_at
    }

    pub(crate) async fn says(&self, contact: ContactId, category: Option<Category>, said: Said) {
        let now = self.now().await;
        let entry = ConsentEntry {
            id: ConsentEntryId::from_uuid(Uuid::now_v7()),
            contact,
            brand: String::new(),
            category,
            said,
            at: Some(now),
            recorded_at: now,
            how: How::Api,
            source: None,
            recorded_by: "a test".to_owned(),
            evidence: Evidence::default(),
        };
        let mut change = self.store.begin_change().await.unwrap();
        change.append_consent(&[entry]).await.unwrap();
        change.commit(&[]).await.unwrap();
    }

    pub(crate) async fn agrees(&self, contact: ContactId) {
        self.says(contact, None, Said::Granted(Basis::Consent)).await;
    }

    pub(crate) async fn template(&self, name: &str, category: Category, status: TemplateStatus) {
        let template = Template {
            name: name.to_owned(),
            language: "de".to_owned(),
            status,
            category,
            announced_category: None,
            parameter_format: ParameterFormat::Positional,
            quality: Quality::Green,
            ttl_s: None,
            paused_until: None,
            layout: Layout { body: "Hallo {{1}}!".to_owned(), ..Layout::default() },
            cards: vec![],
            has_offer_end: false,
        };
        let row =
            TemplateRow { waba: WabaId::new(WABA), meta_id: String::new(), template, updated_at: self.now().await };
        self.store.keep_templates(&[row]).await.unwrap();
        self.sending.refresh().await.unwrap();
    }

    pub(crate) async fn text(&self, id: &str, contact: ContactId) -> SendRequest {
        SendRequest::plain(
            SendId::new(id).unwrap(),
            name("support"),
            contact,
            Author::Agent("kim".to_owned()),
            Cause::Reply,
            SendContent::FreeForm(FreeForm::Text { body: id.to_owned(), preview_url: false }),
            self.now().await,
        )
    }

    pub(crate) async fn offer(&self, id: &str, contact: ContactId, template: &str) -> SendRequest {
        SendRequest {
            content: SendContent::Template(with_name(template)),
            cause: Cause::Event("winter".to_owned()),
            author: Author::Campaign("winter".to_owned()),
            ..self.text(id, contact).await
        }
    }

    pub(crate) async fn ask(&self, requests: impl IntoIterator<Item = SendRequest>) {
        self.ask_until(requests, DAY_MS).await;
    }

    /// Of no use after so long.
    pub(crate) async fn ask_until(&self, requests: impl IntoIterator<Item = SendRequest>, millis: i64) {
        let ends_at = self.now().await.plus_millis(millis);
        let sends: Vec<NewSend> =
            requests.into_iter().map(|request| NewSend { request, ends_at, resend_of: None, team: None }).collect();
        self.store.keep_sends(&sends).await.unwrap();
        self.wake.now();
    }

    pub(crate) async fn row(&self, id: &str) -> SendRow {
        self.store.send(&SendId::new(id).unwrap()).await.unwrap().unwrap()
    }

    /// Once it is in this state.
    pub(crate) async fn until(&self, id: &str, state: SendState) -> SendRow {
        self.until_row(id, |row| row.state() == state).await
    }

    pub(crate) async fn until_row(&self, id: &str, holds: impl Fn(&SendRow) -> bool) -> SendRow {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let row = self.row(id).await;
            if holds(&row) {
                return row;
            }
            assert!(tokio::time::Instant::now() < deadline, "{id} is {} and not in time", row.state());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// By which rule it did not go.
    pub(crate) async fn rule(&self, id: &str) -> String {
        let verdict = self.row(id).await.verdict.unwrap();
        let record: Record = serde_json::from_slice(&verdict).unwrap();
        record.verdict.finding().map(|finding| finding.rule.name().to_owned()).unwrap_or_default()
    }

    /// A webhook's statuses, by somebody who reads them beside the sender.
    pub(crate) async fn tell(&self, statuses: &[Status]) {
        let shard = PartitionId(99);
        let owner = "a test";
        let lease = self.store.acquire_lease("told", shard, owner, PATIENCE, Sequence::None).await.unwrap().unwrap();
        let mut tx = self.store.begin_record(&lease.fence(0, None)).await.unwrap();
        tx.fold_statuses(statuses, self.now().await).await.unwrap();
        tx.commit().await.unwrap();
        self.store.release_lease(&lease).await.unwrap();
    }

    pub(crate) async fn sending(&self) -> Arc<SendingLive> {
        self.refresh().await;
        self.sending.clone()
    }

    /// A person lifts it.
    pub(crate) async fn lift(&self, bar: &SendBar) {
        let mut change = self.store.begin_change().await.unwrap();
        change.lift_bar(&bar.key()).await.unwrap();
        change.commit(&[]).await.unwrap();
        self.refresh().await;
    }

    /// Puts a version of the data of the rules in force.
    pub(crate) async fn policy(&self, text: String) {
        let row = PolicyDataRow {
            version: PolicyData::from_toml(&text).unwrap().version,
            created_at: self.now().await,
            created_by: "a test".to_owned(),
            note: String::new(),
            text,
        };
        let mut change = self.store.begin_change().await.unwrap();
        change.push_policy_data(&row).await.unwrap();
        change.commit(&[]).await.unwrap();
        self.refresh().await;
    }

    pub(crate) async fn refresh(&self) {
        self.sending.refresh().await.unwrap();
    }
}

pub(crate) fn status(id: &str, attempt: u32, state: &str) -> Status {
    let mark = format!("wp1/{id}/{attempt}");
    Status {
        id: format!("wamid.{mark}"),
        state: StatusState::parse(state),
        timestamp: None,
        recipient: AliasSet::default(),
        participant: None,
        callback_data: Some(mark),
        errors: vec![],
        pricing: None,
        conversation: None,
    }
}

pub(crate) fn with_name(template: &str) -> TemplateRequest {
    let body = vec![Parameter { name: None, value: ParameterValue::Text("Ann".to_owned()) }];
    TemplateRequest {
        name: template.to_owned(),
        language: Some("de".to_owned()),
        language_fallback: None,
        values: Values { body, ..Values::default() },
    }
}
