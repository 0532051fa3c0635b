//! One fault's run of the way out: customers who wrote and agreed, whoever asks for sends, the drain, the judgement, and the line in
//! the report.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use secrecy::SecretString;
use serde_json::json;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use waypost_bus::Bus as _;
use waypost_domain::AliasSet;
use waypost_ledger::{
    Answer, AskAnswer, AskedRecord, ConsentRecord, Item, ItemKind, Ledger, PostRecord, QueueDepth, StoreFacts,
    TakenRecord, Verdict, WrittenRecord,
};
use waypost_proto::gateway_v1::SendMessageRequest;
use waypost_proto::gateway_v1::message_service_client::MessageServiceClient;
use waypost_proto::sends_v1 as sends;
use waypost_sandbox::{Control, CustomerSpec, NumberConfig, PlatformConfig};
use waypost_store::{Store, StoreOptions, StoreUrl};
use waypost_tests::{WaypostProcess, eventually};

use super::super::run::append;
use super::journal::Journal;
use crate::deployment::{Backend, Deployment, RULES};
use crate::outbound::{NUMBER_ID, Outbound};

/// A second number of the platform.
pub(super) const OTHER_NUMBER_ID: &str = "106540352242923";
/// For what was asked for to come to its end, once nothing is wrong any more.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);
const QUICK_TIMEOUT: Duration = Duration::from_secs(2);
pub(super) const WITHIN: Duration = Duration::from_secs(60);
/// In words of every customer, and nowhere else.
const SAID: &str = "zebulon";

/// A customer of a run.
pub(super) fn phone(n: usize) -> String {
    format!("49151{n:08}")
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    pub(super) id: String,
    pub(super) phone: String,
    pub(super) number: &'static str,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Free-form.
    Answer,
    /// The same, or the template where the window is closed.
    AnswerOrTemplate,
    /// The business begins.
    Template,
}

impl Asking {
    /// Of the first number.
    pub(super) fn new(id: impl Into<String>, n: usize, what: What) -> Self {
        Self { id: id.into(), phone: phone(n), number: NUMBER_ID, what }
    }

    #[must_use]
    pub(super) fn of(self, number: &'static str) -> Self {
        Self { number, ..self }
    }

    fn to_wire(&self) -> sends::SendRequest {
        let template =
            || sends::Template { name: "parcel".to_owned(), language: "en".to_owned(), ..sends::Template::default() };
        let text = sends::Text { body: format!("{SAID}, it comes today"), ..sends::Text::default() };
        let kind = match self.what {
            What::Answer | What::AnswerOrTemplate => sends::content::Kind::Text(text),
            What::Template => sends::content::Kind::Template(template()),
        };
        let cause = if self.what == What::Template { sends::Cause::Event } else { sends::Cause::Reply };
        sends::SendRequest {
            send_id: self.id.clone(),
            number: format!("numbers/number-{}", self.number),
            to: Some(sends::Recipient { by: Some(sends::recipient::By::Phone(format!("+{}", self.phone))) }),
            content: Some(sends::Content { kind: Some(kind) }),
            cause: cause.into(),
            event: if self.what == What::Template { "a parcel left".to_owned() } else { String::new() },
            substitute: (self.what == What::AnswerOrTemplate).then(template),
            ..sends::SendRequest::default()
        }
    }
}

/// Puts the token into every call.
#[derive(Clone)]
struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

pub(super) struct Desk {
    fault: &'static str,
    pub(super) scene: Outbound,
    pub(super) journal: Journal,
    pub(super) store: Store,
    pub(super) ledger: Ledger,
    pub(super) recovered_in: Duration,
    messages: MessageServiceClient,
    customers: usize,
    began: Instant,
    /// Ends with the run.
    _process: WaypostProcess,
}

impl Desk {
    /// The program runs, and knows both numbers and the template. All customers have agreed to everything.
    pub(super) async fn open(
        fault: &'static str,
        customers: usize,
        set: impl FnOnce(&mut PlatformConfig),
        with: impl FnOnce(Deployment) -> Deployment,
    ) -> anyhow::Result<Self> {
        let deployment = with(Deployment::new(Backend::Servers, RULES)?.set("instance", "one"));
        let scene = Outbound::on(deployment, |config| {
            config.numbers.push(NumberConfig::new(OTHER_NUMBER_ID, "15550783882"));
            config.templates = vec![json!({
                "name": "parcel", "language": "en", "category": "UTILITY",
                "components": [{ "type": "BODY", "text": "Your parcel is on its way." }],
            })];
            set(config);
        })
        .await?;
        let url = scene.deployment.servers().context("servers")?.postgres_url.clone();
        let store = Store::open(&StoreUrl::parse(&url)?, StoreOptions::default()).await?;
        store.migrate().await?;
        let journal = Journal::install(&url).await?;
        let process = scene.start(&[]).await?;
        let address = scene.grpc_address.clone().context("an address")?;
        let token = Bearer(format!("Bearer {}", scene.callers_token()?).parse()?);
        let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
        let began = Instant::now();
        let desk = Self {
            fault,
            scene,
            journal,
            store,
            ledger: Ledger::default(),
            _process: process,
            recovered_in: Duration::ZERO,
            messages: MessageServiceClient::new(InterceptedService::new(channel, token)),
            customers,
            began,
        };
        (0..customers).for_each(|n| desk.control().add_customer(CustomerSpec::of_phone(phone(n))));
        desk.everybody_agrees().await?;
        Ok(desk)
    }

    pub(super) fn control(&self) -> Control {
        self.scene.platform.control()
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    async fn everybody_agrees(&self) -> anyhow::Result<()> {
        let now = self.store.now().await?;
        let mut entries = Vec::new();
        for n in 0..self.customers {
            let aliases = AliasSet { phone: Some(phone(n)), ..AliasSet::default() };
            let contact = self.store.upsert_contact(&aliases, &BTreeMap::new(), Some("en")).await?;
            entries.push(crate::campaigns::agreed(contact, now));
        }
        let mut change = self.store.begin_change().await?;
        change.append_consent(&entries).await?;
        change.commit(&[]).await?;
        Ok(())
    }

    /// These customers write to these numbers; until each can be answered, and templates are known.
    pub(super) async fn they_write(
        &self,
        customers: impl Iterator<Item = usize> + Clone,
        numbers: &[&str],
    ) -> anyhow::Result<()> {
        for n in customers.clone() {
            for number in numbers {
                self.control().write(&phone(n), number, SAID)?;
            }
        }
        let wanted = i64::try_from(customers.count() * numbers.len())?;
        self.until_count(
            "their windows are open",
            "SELECT count(*) FROM conversation WHERE window_ends_at IS NOT NULL",
            wanted,
        )
        .await;
        self.until_count("the template is listed", "SELECT count(*) FROM template", 1).await;
        Ok(())
    }

    pub(super) async fn until_count(&self, what: &str, statement: &str, at_least: i64) {
        let reached = async || self.journal.count(statement).await.ok().filter(|count| *count >= at_least);
        eventually(what, WITHIN, reached).await;
    }

    /// Asks, and notes what is answered.
    pub(super) async fn ask(&mut self, asking: &Asking) -> anyhow::Result<AskAnswer> {
        let request = SendMessageRequest { message: Some(asking.to_wire()), validate_only: false };
        let started_ns = self.now_ns();
        let answered = tokio::time::timeout(WITHIN, self.messages.send_message(request)).await;
        let answer = match answered.map_err(|_| Code::DeadlineExceeded).map(|answer| answer.map_err(|no| no.code())) {
            Ok(Ok(_)) => AskAnswer::Kept,
            Ok(Err(Code::InvalidArgument | Code::FailedPrecondition)) => AskAnswer::Refused,
            Ok(Err(_)) | Err(_) => AskAnswer::None,
        };
        self.ledger.sends.asked.push(AskedRecord {
            send: asking.id.clone(),
            phone_number_id: asking.number.to_owned(),
            customer: asking.phone.clone(),
            line: if asking.what == What::Template { "started" } else { "answer" }.to_owned(),
            started_ns,
            answered_ns: self.now_ns(),
            answer,
        });
        Ok(answer)
    }

    /// Asks one after the other; all are kept.
    pub(super) async fn ask_all(&mut self, askings: impl IntoIterator<Item = Asking>) -> anyhow::Result<()> {
        for asking in askings {
            let answer = self.ask(&asking).await?;
            ensure!(answer == AskAnswer::Kept, "{}: {answer:?}", asking.id);
        }
        Ok(())
    }

    /// The customer takes everything back, by the verb of whoever is told so.
    pub(super) fn withdraw(&mut self, n: usize) -> anyhow::Result<()> {
        let started_ns = self.now_ns();
        let to = format!("+{}", phone(n));
        self.scene.json(&["consent", "withdraw", &to, "--source", "a call"])?;
        let answered_ns = self.now_ns();
        let consent = ConsentRecord { customer: phone(n), category: None, allows: false, started_ns, answered_ns };
        self.ledger.sends.consents.push(consent);
        Ok(())
    }

    /// Until so many were taken, of all numbers together.
    pub(super) async fn taken(&self, count: u64) -> anyhow::Result<()> {
        let is_there = self.control().wait_until(WITHIN, |counts| counts.accepted >= count).await;
        ensure!(is_there, "taken: {:?}", self.control().counts());
        Ok(())
    }

    /// Until there is another token than before, and it lies where the program looks for it.
    pub(super) fn new_token(&self, token: &str) -> anyhow::Result<()> {
        self.control().add_token(&SecretString::from(token));
        Ok(std::fs::write(self.scene.token_file(), token)?)
    }

    /// Waits for every send's end, holds the ledger to be good, and gives it. Writes the fault's line in any case.
    pub(super) async fn finish(mut self) -> anyhow::Result<(Verdict, Ledger)> {
        let verdict = self.judge(DRAIN_TIMEOUT).await?;
        self.report(&verdict)?;
        verdict.clone().into_result()?;
        ensure!(verdict.unchecked.is_empty(), "something was not checked: {verdict}");
        Ok((verdict, self.ledger))
    }

    /// The same without an opinion, where it is known that a promise is broken.
    pub(super) async fn judge_quickly(mut self) -> anyhow::Result<Verdict> {
        let verdict = self.judge(QUICK_TIMEOUT).await?;
        self.report(&verdict)?;
        Ok(verdict)
    }

    /// Waits until nothing goes any more by itself, and all is told.
    pub(super) async fn drained(&self) -> anyhow::Result<()> {
        let open = format!(
            "SELECT count(*) FROM send WHERE state IN ('queued', 'attempting') OR state = 'uncertain' AND due_at < {}",
            i64::MAX
        );
        let is_drained = async || (self.journal.count(&open).await.ok()? == 0).then_some(());
        eventually("every send is at its end", DRAIN_TIMEOUT, is_drained).await;
        let is_told = self.control().wait_until(DRAIN_TIMEOUT, |counts| counts.hooks_pending == 0).await;
        ensure!(is_told, "webhooks wait: {:?}", self.control().counts());
        Ok(())
    }

    /// Judges when all is drained, and what was told is taken in or the time is over.
    async fn judge(&mut self, timeout: Duration) -> anyhow::Result<Verdict> {
        self.drained().await?;
        let began = Instant::now();
        loop {
            self.collect().await?;
            let verdict = self.ledger.check();
            // What was answered 200 is on its way to the store.
            if verdict.is_good() || began.elapsed() > timeout {
                return self.with_texts().await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn with_texts(&mut self) -> anyhow::Result<Verdict> {
        self.ledger.markers = (0..self.customers).map(phone).chain([SAID.to_owned()]).collect();
        self.ledger.texts = self.scene.deployment.said().await?;
        Ok(self.ledger.check())
    }

    /// The platform's account, and the store's.
    async fn collect(&mut self) -> anyhow::Result<()> {
        let control = self.control();
        let sends = &mut self.ledger.sends;
        sends.taken = control.accepted().into_iter().zip(0..).map(taken).collect();
        let written = control.said().into_iter().map(|said| WrittenRecord {
            at_ms: said.at_ms,
            phone_number_id: said.phone_number_id,
            customer: said.customer,
            opens_window: said.opens_window,
        });
        sends.written = written.collect();
        sends.steps = self.journal.steps().await?;
        sends.entries = self.journal.consents().await?;
        sends.read_rows(&self.store).await?;
        self.ledger.posts = control.posted_statuses().into_iter().zip(0..).map(post).collect();
        let mut facts = StoreFacts::default();
        facts.read_kept(&self.store).await?;
        // Of changes no generator has written down what was in them; nor are messages judged here.
        facts.changes.clear();
        self.ledger.store = Some(facts);
        // Nobody decides in this run, by any rules.
        self.ledger.rule_sets = vec![RULES.to_owned()];
        let bus = self.scene.deployment.servers().context("servers")?.bus().await?;
        self.ledger.depths.clear();
        let statuses = (0..4).map(|id| format!("wa.st.p{id:02}"));
        for queue in statuses.chain(["wa.account", "wa.send.urgent", "wa.send.normal"].map(str::to_owned)) {
            let depth = bus.depth(&queue).await?.unwrap_or_default();
            self.ledger.depths.push(QueueDepth { queue, ready: depth.ready, unacknowledged: depth.unacknowledged });
        }
        bus.close(WITHIN).await;
        Ok(())
    }

    fn report(&self, verdict: &Verdict) -> anyhow::Result<()> {
        let counts = &verdict.counts;
        append(&json!({
            "fault": self.fault,
            "good": verdict.is_good(),
            "messages": counts.asked,
            "lost": counts.lost,
            "doubled": counts.doubled,
            "out_of_order": counts.out_of_order,
            // Taken twice, and marked so.
            "redelivered": counts.marked,
            "in_flight": counts.marked,
            "parked": 0,
            "longest_pause_ms": 0,
            "time_to_recover_ms": u64::try_from(self.recovered_in.as_millis())?,
        }))
    }
}

fn taken((message, position): (waypost_sandbox::AcceptedMessage, u64)) -> TakenRecord {
    let template = message.body.pointer("/template/name").and_then(serde_json::Value::as_str);
    TakenRecord {
        position,
        at_ms: message.at_ms,
        phone_number_id: message.phone_number_id,
        customer: message.customer,
        wamid: message.wamid,
        mark: message.callback_data,
        template: template.map(str::to_owned),
        category: message.category.as_str().to_owned(),
        fails_with: message.fails_with,
    }
}

fn post((status, number): (waypost_sandbox::PostedStatus, u64)) -> PostRecord {
    PostRecord {
        number,
        started_ns: 0,
        answered_ns: u64::MAX,
        started_at_ms: status.at_ms,
        answer: if status.is_taken { Answer::Status(200) } else { Answer::None("not taken".to_owned()) },
        signed: true,
        items: vec![Item {
            phone_number_id: status.phone_number_id,
            key: status.wamid,
            contact: String::new(),
            ordinal: 0,
            kind: ItemKind::Status { state: status.state.to_owned() },
        }],
    }
}
