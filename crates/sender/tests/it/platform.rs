//! A platform that does as a test tells it, and remembers what reached it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::watch;
use waypost_cloud_api::answer::{GraphError, MessageStatus};
use waypost_domain::send::content::FreeForm;
use waypost_graph_client::{Accepted, CallError, Line, Messenger, Outgoing, Refusal, Sent, Unknown};
use waypost_policy::verdict::{Address, Message};

use crate::rig::PATIENCE;

/// What the platform does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    Accept,
    Hold,
    Refuse(u16, i64),
    /// It takes it, and the answer is lost.
    TakeAndReset,
    /// The same, and it does not take it.
    Reset,
    /// It answers when the test says so.
    Wait,
}

/// What reached it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Posted {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) what: String,
    pub(crate) mark: String,
    pub(crate) taken: bool,
}

#[derive(Default)]
struct Script {
    next: VecDeque<Does>,
    always: Option<Does>,
    of_number: BTreeMap<String, Does>,
}

pub(crate) struct Platform {
    script: Mutex<Script>,
    pub(crate) posted: watch::Sender<Vec<Posted>>,
    gate: watch::Sender<bool>,
    token: watch::Sender<u64>,
    /// It may be silent about a message that it has.
    pub(crate) may_be_silent: AtomicBool,
}

impl Platform {
    pub(crate) fn new() -> Arc<Self> {
        let (posted, gate, token) = (watch::Sender::default(), watch::Sender::new(false), watch::Sender::new(1));
        Arc::new(Self { script: Mutex::default(), posted, gate, token, may_be_silent: AtomicBool::new(false) })
    }

    /// For the next requests, one after the other.
    pub(crate) fn next(&self, does: impl IntoIterator<Item = Does>) {
        self.script.lock().unwrap().next.extend(does);
    }

    pub(crate) fn always(&self, does: Does) {
        self.script.lock().unwrap().always = Some(does);
    }

    pub(crate) fn of_number(&self, id: &str, does: Does) {
        self.script.lock().unwrap().of_number.insert(id.to_owned(), does);
    }

    pub(crate) fn open_gate(&self) {
        self.gate.send_replace(true);
    }

    pub(crate) fn new_token(&self) {
        self.token.send_modify(|version| *version += 1);
    }

    pub(crate) fn whats(&self) -> Vec<String> {
        self.posted.borrow().iter().map(|posted| posted.what.clone()).collect()
    }

    pub(crate) async fn until(&self, done: impl Fn(&[Posted]) -> bool) {
        let mut posted = self.posted.subscribe();
        let waiting = posted.wait_for(|posted| done(posted));
        tokio::time::timeout(PATIENCE, waiting).await.expect("in time").unwrap();
    }
}

#[async_trait]
impl Messenger for Platform {
    async fn send(&self, from: &Line, message: &Outgoing<'_>) -> Sent {
        let does = {
            let mut script = self.script.lock().unwrap();
            let of_number = script.of_number.get(&from.phone_number_id).cloned();
            of_number.or_else(|| script.next.pop_front()).or_else(|| script.always.clone()).unwrap_or(Does::Accept)
        };
        let what = match message.message {
            Message::FreeForm(FreeForm::Text { body, .. }) => body.clone(),
            Message::FreeForm(_) => "other".to_owned(),
            Message::Template(template) => format!("{}/{}", template.name, template.language),
        };
        let to = match message.address {
            Address::Phone(digits) => digits.clone(),
            Address::Bsuid(id) => id.clone(),
        };
        let taken = matches!(does, Does::Accept | Does::Hold | Does::TakeAndReset | Does::Wait);
        let mark = message.mark.to_string();
        let wamid = format!("wamid.{mark}");
        self.posted.send_modify(|posted| {
            posted.push(Posted { from: from.phone_number_id.clone(), to, what, mark, taken });
        });
        let accepted = |status| Sent::Accepted(Accepted { wamid: wamid.clone(), status, wa_id: None, user_id: None });
        match does {
            Does::Accept => accepted(None),
            Does::Hold => accepted(Some(MessageStatus::HeldForQualityAssessment)),
            Does::Refuse(http_status, code) => {
                let body = format!(r#"{{"error":{{"message":"(#{code}) no","code":{code}}}}}"#);
                let error = GraphError::read(body.as_bytes()).map(Box::new);
                Sent::Refused(Refusal { http_status, error, retry_after: None })
            }
            Does::TakeAndReset | Does::Reset => Sent::Unknown(Unknown::Broken),
            Does::Wait => {
                self.gate.subscribe().wait_for(|open| *open).await.unwrap();
                accepted(None)
            }
        }
    }

    async fn mark_read(&self, _: &Line, _: &str, _: bool) -> Result<(), CallError> {
        Ok(())
    }

    async fn credentials_version(&self) -> u64 {
        *self.token.borrow()
    }

    fn silence_is_news(&self, _: &Line) -> bool {
        !self.may_be_silent.load(Ordering::Relaxed)
    }
}
