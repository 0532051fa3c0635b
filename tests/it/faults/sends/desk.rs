//! One fault's run of the way out: customers who wrote and agreed, and whoever asks for sends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::future::join_all;
use secrecy::SecretString;
use serde_json::json;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use waypost_domain::AliasSet;
use waypost_ledger::{AskAnswer, AskedRecord, ConsentRecord, Ledger};
use waypost_proto::admin_v1::consent_service_client::ConsentServiceClient;
use waypost_proto::admin_v1::{ConsentEvidence, WithdrawConsentRequest};
use waypost_proto::gateway_v1::SendMessageRequest;
use waypost_proto::gateway_v1::message_service_client::MessageServiceClient;
use waypost_proto::sends_v1 as sends;
use waypost_sandbox::{Control, CustomerSpec, NumberConfig, PlatformConfig};
use waypost_store::{Store, StoreOptions, StoreUrl};
use waypost_tests::{WaypostProcess, eventually};

use super::journal::Journal;
use crate::deployment::{Backend, Deployment, RULES};
use crate::outbound::{NUMBER_ID, Outbound};

/// A second number of the platform.
pub(super) const OTHER_NUMBER_ID: &str = "106540352242923";
pub(super) const WITHIN: Duration = Duration::from_secs(60);
/// In words of every customer, and nowhere else.
pub(super) const SAID: &str = "zebulon";

/// A customer of a run.
pub(super) fn phone(n: usize) -> String {
    format!("49151{n:08}")
}

fn recipient(phone: &str) -> sends::Recipient {
    sends::Recipient { by: Some(sends::recipient::By::Phone(format!("+{phone}"))) }
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
            to: Some(recipient(&self.phone)),
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
    pub(super) fault: &'static str,
    pub(super) scene: Outbound,
    pub(super) journal: Journal,
    pub(super) store: Store,
    pub(super) ledger: Ledger,
    pub(super) recovered_in: Duration,
    messages: MessageServiceClient,
    consents: ConsentServiceClient,
    pub(super) customers: usize,
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
        let server = InterceptedService::new(channel, token);
        let began = Instant::now();
        let desk = Self {
            fault,
            scene,
            journal,
            store,
            ledger: Ledger::default(),
            _process: process,
            recovered_in: Duration::ZERO,
            messages: MessageServiceClient::new(server.clone()),
            consents: ConsentServiceClient::new(server),
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

    /// Asks, and says what was answered.
    async fn ask(&self, asking: &Asking) -> AskedRecord {
        let request = SendMessageRequest { message: Some(asking.to_wire()), validate_only: false };
        let started_ns = self.now_ns();
        let answered = tokio::time::timeout(WITHIN, self.messages.send_message(request)).await;
        let answer = match answered.map_err(|_| Code::DeadlineExceeded).map(|answer| answer.map_err(|no| no.code())) {
            Ok(Ok(_)) => AskAnswer::Kept,
            Ok(Err(Code::InvalidArgument | Code::FailedPrecondition)) => AskAnswer::Refused,
            Ok(Err(_)) | Err(_) => AskAnswer::None,
        };
        AskedRecord {
            send: asking.id.clone(),
            phone_number_id: asking.number.to_owned(),
            customer: asking.phone.clone(),
            line: if asking.what == What::Template { "started" } else { "answer" }.to_owned(),
            started_ns,
            answered_ns: self.now_ns(),
            answer,
        }
    }

    fn note(&mut self, asked: AskedRecord) -> anyhow::Result<()> {
        ensure!(asked.answer == AskAnswer::Kept, "{}: {:?}", asked.send, asked.answer);
        self.ledger.sends.asked.push(asked);
        Ok(())
    }

    /// Asks one after the other; all are kept.
    pub(super) async fn ask_all(&mut self, askings: impl IntoIterator<Item = Asking>) -> anyhow::Result<()> {
        for asking in askings {
            let asked = self.ask(&asking).await;
            self.note(asked)?;
        }
        Ok(())
    }

    /// Asks for all of them together, so that they wait for their turn; all are kept.
    pub(super) async fn ask_at_once(&mut self, askings: impl IntoIterator<Item = Asking>) -> anyhow::Result<()> {
        let askings: Vec<Asking> = askings.into_iter().collect();
        let asked = join_all(askings.iter().map(|asking| self.ask(asking))).await;
        asked.into_iter().try_for_each(|asked| self.note(asked))
    }

    /// The customer takes everything back, and whoever was told so writes it down.
    pub(super) async fn withdraw(&mut self, n: usize) -> anyhow::Result<()> {
        let started_ns = self.now_ns();
        let evidence = ConsentEvidence { source: "a call".to_owned(), ..ConsentEvidence::default() };
        let request = WithdrawConsentRequest {
            contact: Some(recipient(&phone(n))),
            evidence: Some(evidence),
            ..WithdrawConsentRequest::default()
        };
        self.consents.withdraw_consent(request).await?;
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
}
