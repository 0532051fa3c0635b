//! Scripted agents, one for each team: they take what their team's queues got from customers of the platform, and answer over
//! gRPC, as any team's tool does. They know what a team's message says and what the API tells, and must never look anywhere
//! else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use waypost_bus::Delivery;
use waypost_cli::{Failure, Server};
use waypost_proto::admin_v1::consent_service_client::ConsentServiceClient;
use waypost_proto::gateway_v1::message_service_client::MessageServiceClient;
use waypost_proto::{admin_v1, gateway_v1 as v1, sends_v1 as sends, team_message};

use super::answers::{Answered, Told, has_ended, is_substituted};
use super::residents::{Part, Residents, Unanswered};
use super::script::{ANSWER_WAITS, Lines, OFFER, TEMPLATE_LANGUAGE};

/// Messages that wait for an agent.
const INBOX_MAX: usize = 64;
/// Customers whom an agent serves at once.
const AT_ONCE: usize = 16;
/// How often is looked what became of an answer.
const LOOK_MIN: Duration = Duration::from_millis(40);
const LOOK_MAX: Duration = Duration::from_millis(400);
/// By then an answer has come to its end, or it is told as it is.
const PATIENCE: Duration = Duration::from_secs(30);

/// A message that somebody has to answer.
struct Asked {
    team: String,
    /// Of the team's message: the same for each of its deliveries.
    id: String,
    /// `contacts/{contact}`
    contact: String,
    /// `numbers/{number}` that was written to.
    number: String,
    part: Part,
    lines: &'static Lines,
    _unanswered: Unanswered,
    /// It is under way as long as this lives.
    _token: TaskTrackerToken,
}

/// Where the queues' readers hand over what agents have to answer.
#[derive(Clone)]
pub(super) struct Desk {
    residents: Arc<Residents>,
    inboxes: Arc<BTreeMap<String, mpsc::Sender<Asked>>>,
    under_way: TaskTracker,
}

impl Desk {
    /// Starts an agent for each of the teams, until `stop`.
    pub(super) fn open(
        server: &Server,
        residents: Arc<Residents>,
        teams: impl Iterator<Item = String>,
        told: &mpsc::Sender<Told>,
        stop: &CancellationToken,
    ) -> Self {
        let mut inboxes = BTreeMap::new();
        for team in teams {
            let (sender, inbox) = mpsc::channel(INBOX_MAX);
            inboxes.insert(team, sender);
            let agent = Agent {
                messages: MessageServiceClient::new(server.clone()),
                consent: ConsentServiceClient::new(server.clone()),
                told: told.clone(),
            };
            tokio::spawn(stop.clone().run_until_cancelled_owned(agent.work(inbox, stop.clone())));
        }
        Self { residents, inboxes: Arc::new(inboxes), under_way: TaskTracker::new() }
    }

    /// Gives a message to its team's agent, where a customer of the platform wrote it.
    pub(super) async fn take(&self, team: &str, delivery: &Delivery) {
        let document: Value = serde_json::from_slice(&delivery.message.body).unwrap_or_default();
        if document["type"] != team_message::EVENT_TYPE {
            return;
        }
        let text = |path: &str| document["data"].pointer(path).and_then(Value::as_str).unwrap_or_default();
        let Some(resident) = self.residents.find(text("/contact/phone")) else { return };
        let unanswered = self.residents.unanswered();
        let Some(inbox) = self.inboxes.get(team) else { return };
        let asked = Asked {
            team: team.to_owned(),
            id: delivery.message.id.clone(),
            contact: format!("contacts/{}", text("/contact/id")),
            number: format!("numbers/{}", text("/number")),
            part: resident.part,
            lines: resident.lines,
            _unanswered: unanswered,
            _token: self.under_way.token(),
        };
        // Agents end when the demo does.
        drop(inbox.send(asked).await);
    }

    /// Has a token for each message whose answer has not come to its end.
    pub(super) const fn under_way(&self) -> &TaskTracker {
        &self.under_way
    }
}

#[derive(Clone)]
struct Agent {
    messages: MessageServiceClient,
    consent: ConsentServiceClient,
    told: mpsc::Sender<Told>,
}

impl Agent {
    async fn work(self, mut inbox: mpsc::Receiver<Asked>, stop: CancellationToken) {
        let hands = Arc::new(Semaphore::new(AT_ONCE));
        while let Some(asked) = inbox.recv().await {
            let Ok(hand) = hands.clone().acquire_owned().await else { break };
            let agent = self.clone();
            tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
                if let Err(failure) = agent.serve(&asked).await {
                    let problem = failure.message().unwrap_or_default().to_owned();
                    agent.tell(Told::Broken(format!("an answer was not given: {problem}"))).await;
                }
                drop(hand);
            }));
        }
    }

    async fn serve(&self, asked: &Asked) -> Result<(), Failure> {
        match asked.part {
            Part::Talks => self.answer(asked, "answer").await.map(drop),
            Part::Withdraws => {
                self.answer(asked, "answer").await?;
                self.withdraw(asked).await?;
                self.offer(asked).await
            }
            Part::WindowClosed => {
                self.grant(asked, sends::Category::Utility, "You may tell me by WhatsApp how my order goes").await?;
                let first = self.answer(asked, "answer").await?;
                if first.as_ref().is_some_and(|message| message.state() != v1::MessageState::Failed) {
                    self.tell(Told::Broken("what WhatsApp refused did not fail".to_owned())).await;
                }
                // The same once more: by now the window is known to be closed, so its substitute goes.
                let again = self.answer(asked, "again").await?;
                if again.as_ref().is_some_and(|message| !is_substituted(message)) {
                    self.tell(Told::Broken("no template went in the place of an answer".to_owned())).await;
                }
                Ok(())
            }
        }
    }

    /// Answers, and says what became of it; `None` where that was done before.
    async fn answer(&self, asked: &Asked, what: &str) -> Result<Option<v1::Message>, Failure> {
        let text = sends::Text { body: asked.lines.answer.to_owned(), preview_url: false };
        let request = sends::SendRequest {
            cause: sends::Cause::Reply.into(),
            content: Some(sends::Content { kind: Some(sends::content::Kind::Text(text)) }),
            substitute: Some(template(ANSWER_WAITS)),
            ..request(asked, what)
        };
        self.send(asked, request).await
    }

    /// The customer had agreed to offers, and calls to take that back.
    async fn withdraw(&self, asked: &Asked) -> Result<(), Failure> {
        self.grant(asked, sends::Category::Marketing, "Send me offers by WhatsApp").await?;
        let evidence = admin_v1::ConsentEvidence { source: "phone call".to_owned(), ..Default::default() };
        let request = admin_v1::WithdrawConsentRequest {
            contact: contact(asked),
            categories: vec![sends::Category::Marketing.into()],
            evidence: Some(evidence),
            ..Default::default()
        };
        let withdrawn = self.consent.withdraw_consent(request).await;
        withdrawn.map_err(|status| Failure::failed(status.message()))?;
        let (team, language) = (asked.team.clone(), asked.lines.language);
        self.tell(Told::Withdrawn { team, language }).await;
        Ok(())
    }

    /// Nobody has told the one who makes offers.
    async fn offer(&self, asked: &Asked) -> Result<(), Failure> {
        let request = sends::SendRequest {
            cause: sends::Cause::Event.into(),
            event: OFFER.to_owned(),
            content: Some(sends::Content { kind: Some(sends::content::Kind::Template(template(OFFER))) }),
            ..request(asked, "offer")
        };
        let ended = self.send(asked, request).await?;
        if ended.is_some_and(|message| message.state() != v1::MessageState::Refused) {
            self.tell(Told::Broken("an offer was not refused to a customer who had withdrawn".to_owned())).await;
        }
        Ok(())
    }

    async fn grant(&self, asked: &Asked, category: sends::Category, wording: &str) -> Result<(), Failure> {
        let evidence = admin_v1::ConsentEvidence {
            wording: wording.to_owned(),
            language: TEMPLATE_LANGUAGE.to_owned(),
            source: "checkout".to_owned(),
            ..Default::default()
        };
        let request = admin_v1::GrantConsentRequest {
            contact: contact(asked),
            categories: vec![category.into()],
            evidence: Some(evidence),
            ..Default::default()
        };
        let granted = self.consent.grant_consent(request).await;
        granted.map_err(|status| Failure::failed(status.message())).map(drop)
    }

    /// Asks for it once, and says what became of it.
    async fn send(&self, asked: &Asked, request: sends::SendRequest) -> Result<Option<v1::Message>, Failure> {
        let request = v1::SendMessageRequest { message: Some(request), validate_only: false };
        let taken = self.messages.send_message(request).await;
        let taken = taken.map_err(|status| Failure::failed(status.message()))?.into_inner();
        let Some(message) = taken.message.filter(|_| !taken.existed) else { return Ok(None) };
        let message = self.end_of(message.name).await?;
        let answered = Answered { team: asked.team.clone(), language: asked.lines.language, message: message.clone() };
        self.tell(Told::Answered(Box::new(answered))).await;
        Ok(Some(message))
    }

    async fn end_of(&self, name: String) -> Result<v1::Message, Failure> {
        let began_at = Instant::now();
        let mut wait = LOOK_MIN;
        loop {
            let request = v1::GetMessageRequest { name: name.clone() };
            let got = self.messages.get_message(request).await;
            let message = got.map_err(|status| Failure::failed(status.message()))?.into_inner().message;
            let message = message.unwrap_or_default();
            if has_ended(message.state()) || began_at.elapsed() > PATIENCE {
                return Ok(message);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 3 / 2).min(LOOK_MAX);
        }
    }

    async fn tell(&self, told: Told) {
        // Whoever listens ends with the demo.
        drop(self.told.send(told).await);
    }
}

fn request(asked: &Asked, what: &str) -> sends::SendRequest {
    sends::SendRequest {
        send_id: format!("{what}/{}", asked.id),
        number: asked.number.clone(),
        to: contact(asked),
        ..sends::SendRequest::default()
    }
}

fn contact(asked: &Asked) -> Option<sends::Recipient> {
    Some(sends::Recipient { by: Some(sends::recipient::By::Contact(asked.contact.clone())) })
}

fn template(name: &str) -> sends::Template {
    sends::Template { name: name.to_owned(), language: TEMPLATE_LANGUAGE.to_owned(), ..Default::default() }
}
