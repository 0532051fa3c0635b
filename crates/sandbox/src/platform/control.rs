//! The handle by which a test, or the control API, plays: customers, faults, templates, account, clock, and what was sent.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;
use waypost_domain::Category;

use super::actor::{ActorError, Said, Tap};
use super::error::ApiError;
use super::fault::Fault;
use super::log::{AcceptedMessage, PostedStatus, ReadMessage, RefusedMessage, SaidMessage};
use super::news::Rating;
use super::people::CustomerSpec;
use super::shared::Shared;
use super::standing::Standing;
use super::state::{Holder, State};
use crate::config::parse_url;
use crate::error::SandboxError;

/// How much of everything there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PlatformCounts {
    /// Messages.
    pub accepted: u64,
    /// Requests for messages.
    pub refused: u64,
    /// Read receipts.
    pub reads: u64,
    /// Statuses, messages and changes that wait for their time, or for a 200.
    pub hooks_pending: usize,
    /// Those that were answered 200.
    pub hooks_told: u64,
    /// Those that never were, and those that were too many.
    pub hooks_lost: u64,
    /// POSTs of webhooks.
    pub posts: u64,
    /// Customers outside of windows in the last 24 h.
    pub reached: usize,
}

/// Plays the platform's part, from any thread.
#[derive(Clone)]
pub struct Control {
    pub(crate) shared: Arc<Shared>,
}

impl Control {
    /// Introduces somebody; whoever is known stays as they are.
    pub fn add_customer(&self, spec: CustomerSpec) {
        self.shared.with(|state, _| state.people.add(spec));
    }

    /// A group of a number of the business and up to eight customers; its id.
    pub fn add_group(&self, phone_number_id: &str, members: &[&str]) -> Result<String, ActorError> {
        self.shared.with(|state, _| {
            let number = state.number_place(phone_number_id).ok_or(ActorError::NoNumber)?;
            let members = members.iter().map(|who| state.people.find(who).ok_or(ActorError::NoCustomer));
            let members = members.collect::<Result<Vec<u32>, _>>()?;
            state.add_group(number, members)
        })
    }

    /// `who`, here and below: a number in any spelling, or a business-scoped id. The wamid.
    pub fn say(&self, who: &str, phone_number_id: &str, said: &Said) -> Result<String, ActorError> {
        self.between(who, phone_number_id, |state, now_ms, customer, number| {
            state.say(now_ms, customer, number, said).ok_or(ActorError::NoNumber)
        })
    }

    /// What they said so long ago, and the business is told only now: a webhook may come days later.
    pub fn say_late(&self, who: &str, phone_number_id: &str, said: &Said, ago: Duration) -> Result<String, ActorError> {
        self.between(who, phone_number_id, |state, now_ms, customer, number| {
            let at_ms = now_ms.saturating_sub(millis(ago));
            state.say(at_ms, customer, number, said).ok_or(ActorError::NoNumber)
        })
    }

    /// A text of theirs.
    pub fn write(&self, who: &str, phone_number_id: &str, text: &str) -> Result<String, ActorError> {
        self.say(who, phone_number_id, &Said::text(text))
    }

    /// A tap on the last message from there that can be tapped.
    pub fn tap(&self, who: &str, phone_number_id: &str, tap: &Tap) -> Result<String, ActorError> {
        self.between(who, phone_number_id, |state, now_ms, customer, number| state.tap(now_ms, customer, number, tap))
    }

    /// They read what they have not read; how much that was.
    pub fn read(&self, who: &str) -> Result<usize, ActorError> {
        self.shared.with(|state, now_ms| {
            let (customer, _) = state.customer_mut(who)?;
            Ok(state.read_all(now_ms, customer))
        })
    }

    /// Whether they read at once from now on.
    pub fn set_reads(&self, who: &str, reads: bool) -> Result<(), ActorError> {
        self.shared.with(|state, _| state.customer_mut(who).map(|(_, customer)| customer.reads = Some(reads)))
    }

    /// What they answer every message with; `None`: no more.
    pub fn set_auto_reply(&self, who: &str, text: Option<&str>) -> Result<(), ActorError> {
        let text = text.map(Arc::from);
        self.shared.with(|state, _| state.customer_mut(who).map(|(_, customer)| customer.auto_reply = text))
    }

    /// They block the business, or let it in again.
    pub fn set_blocked(&self, who: &str, has_blocked: bool) -> Result<(), ActorError> {
        self.shared.with(|state, _| state.customer_mut(who).map(|(_, customer)| customer.has_blocked = has_blocked))
    }

    /// They stop marketing, or take it again; told at this number.
    pub fn set_marketing_stopped(&self, who: &str, phone_number_id: &str, stops: bool) -> Result<(), ActorError> {
        self.between(who, phone_number_id, |state, now_ms, customer, number| {
            state.prefer(now_ms, customer, number, stops)
        })
    }

    /// Their phone is off, or on again.
    pub fn set_offline(&self, who: &str, is_offline: bool) -> Result<(), ActorError> {
        self.shared.with(|state, now_ms| {
            let (customer, _) = state.customer_mut(who)?;
            state.set_offline(now_ms, customer, is_offline);
            Ok(())
        })
    }

    /// Its id; `None` where there are too many, or it strikes never.
    pub fn add_fault(&self, fault: Fault) -> Option<u64> {
        self.shared.with(|state, _| state.faults.add(fault))
    }

    /// One of them, or all; how many there were.
    pub fn clear_faults(&self, id: Option<u64>) -> usize {
        self.shared.with(|state, _| state.faults.clear(id))
    }

    /// With their ids.
    pub fn faults(&self) -> Vec<(u64, Fault)> {
        self.shared.with(|state, _| state.faults.iter().map(|(id, fault)| (id, fault.clone())).collect())
    }

    /// Approves a template that nobody asked Meta for.
    pub fn add_template(&self, definition: &Value) -> Result<u64, ActorError> {
        self.shared.with(|state, _| {
            let id = state.templates.create(definition).map_err(|_: ApiError| ActorError::NoTemplate)?;
            state.templates.set_status(id, "APPROVED");
            Ok(id)
        })
    }

    /// Meta decides on a template, and says so: `APPROVED`, `REJECTED`, `PAUSED`, `DISABLED` and their like.
    pub fn decide_template(
        &self,
        name: &str,
        language: &str,
        event: &str,
        reason: Option<&str>,
    ) -> Result<(), ActorError> {
        self.shared.with(|state, now_ms| state.decide_template(now_ms, name, language, event, reason))
    }

    /// Meta rates a number, and says so.
    pub fn rate_number(&self, phone_number_id: &str, rating: Rating) -> Result<(), ActorError> {
        self.shared.with(|state, now_ms| {
            let number = state.number_place(phone_number_id).ok_or(ActorError::NoNumber)?;
            state.rate_number(now_ms, number, rating)
        })
    }

    /// Meta rates a template, and says so.
    pub fn rate_template(&self, name: &str, language: &str, rating: Rating) -> Result<(), ActorError> {
        self.shared.with(|state, now_ms| state.rate_template(now_ms, name, language, rating))
    }

    /// Meta files a template under another category: says that it will, or, `is_done`, that it has.
    pub fn refile_template(
        &self,
        name: &str,
        language: &str,
        category: Category,
        is_done: bool,
    ) -> Result<(), ActorError> {
        self.shared.with(|state, now_ms| state.refile_template(now_ms, name, language, category, is_done))
    }

    /// Another messaging limit of the portfolio, and the news of it.
    pub fn limit_messaging(&self, limit: Option<u32>) {
        self.shared.with(|state, now_ms| state.limit_messaging(now_ms, limit));
    }

    /// A customer's number, and their business-scoped id with it, is another now.
    pub fn change_phone(&self, who: &str, phone: &str) -> Result<(), ActorError> {
        self.shared.with(|state, now_ms| {
            let (customer, _) = state.customer_mut(who)?;
            state.change_phone(now_ms, customer, phone)
        })
    }

    /// Whether messages of a template are held from now on, as pacing does.
    pub fn set_template_held(&self, name: &str, language: &str, is_held: bool) -> Result<(), ActorError> {
        self.shared.with(|state, _| {
            let template = state.templates.find_mut(name, language).ok_or(ActorError::NoTemplate)?;
            template.is_held = is_held;
            Ok(())
        })
    }

    /// What was held is delivered, or dropped (132015); how much that was.
    pub fn release_held(&self, name: &str, language: &str, delivers: bool) -> Result<usize, ActorError> {
        self.shared.with(|state, now_ms| state.release_held(now_ms, name, language, delivers))
    }

    /// Restricts the account (`code` is 368 or 131031), or lifts it; the business is told.
    pub fn set_restricted(&self, code: Option<i64>) {
        self.shared.with(|state, now_ms| state.restrict(now_ms, code));
    }

    /// Whether the account can pay.
    pub fn set_payment(&self, has_payment: bool) {
        self.shared.with(|state, _| state.account.has_payment = has_payment);
    }

    /// What Meta says of the app, the token, the account and its numbers when it is asked.
    pub fn standing(&self) -> Standing {
        self.shared.look(|state| state.standing.clone())
    }

    /// What it says from now on.
    pub fn set_standing(&self, standing: Standing) {
        self.shared.with(|state, _| state.standing = standing);
    }

    /// Another app takes a customer's thread, keeps it from then on, or gives it to the business; the business is told.
    pub fn set_holder(&self, who: &str, phone_number_id: &str, holder: Holder) -> Result<(), ActorError> {
        self.between(who, phone_number_id, |state, now_ms, customer, number| {
            state.hand_over(now_ms, customer, number, holder)
        })
    }

    /// A file that a customer can send; its media id.
    pub fn add_media(&self, mime_type: &str, bytes: impl Into<Bytes>) -> Result<u64, ActorError> {
        let bytes = bytes.into();
        self.shared.with(|state, now_ms| {
            state.media.receive(now_ms, mime_type, bytes).map_err(|_: ApiError| ActorError::NoRoom)
        })
    }

    /// Where webhooks go from now on; `None`: nowhere.
    pub fn set_webhook_url(&self, url: Option<&str>) -> Result<(), SandboxError> {
        url.map(parse_url).transpose()?;
        self.shared.with(|state, _| state.addresses.of_app = url.map(Arc::from));
        Ok(())
    }

    /// A further token. All that there are can be ended with [`expire_tokens`](Self::expire_tokens).
    pub fn add_token(&self, token: &SecretString) {
        use secrecy::ExposeSecret as _;
        self.shared.with(|state, _| state.tokens.insert(token.expose_secret().to_owned(), i64::MAX));
    }

    /// A further token, or one that there is, that ends then, by the platform's clock.
    pub fn end_token(&self, token: &SecretString, ends_ms: i64) {
        use secrecy::ExposeSecret as _;
        self.shared.with(|state, _| state.tokens.insert(token.expose_secret().to_owned(), ends_ms));
    }

    /// Every token has ended.
    pub fn expire_tokens(&self) {
        self.shared.with(|state, now_ms| state.tokens.values_mut().for_each(|ends_ms| *ends_ms = now_ms));
    }

    /// Moves the platform's clock: windows end, limits are forgotten, what is due comes.
    pub fn advance(&self, by: Duration) {
        self.move_clock(millis(by));
    }

    /// Moves the platform's clock back: what it says from then on it says with earlier times.
    pub fn turn_back(&self, by: Duration) {
        self.move_clock(-millis(by));
    }

    fn move_clock(&self, by_ms: i64) {
        self.shared.clock.advance(by_ms);
        self.shared.with(|state, _| state.outbox.touch_all());
    }

    /// The platform's clock, in milliseconds since the epoch.
    pub fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms()
    }

    /// Everything that was accepted, in order, as far as it is remembered.
    pub fn accepted(&self) -> Vec<AcceptedMessage> {
        self.shared.with(|state, _| state.accepted.iter().cloned().collect())
    }

    /// What was accepted for one customer, in order.
    pub fn accepted_for(&self, who: &str) -> Vec<AcceptedMessage> {
        self.shared.with(|state, _| {
            let of = |message: &&AcceptedMessage| state.people.is_same(who, &message.customer);
            state.accepted.iter().filter(of).cloned().collect()
        })
    }

    /// Every request for a message that was refused, in order, as far as it is remembered.
    pub fn refused(&self) -> Vec<RefusedMessage> {
        self.shared.with(|state, _| state.refused.iter().cloned().collect())
    }

    /// Every read receipt, in order, as far as it is remembered.
    pub fn reads(&self) -> Vec<ReadMessage> {
        self.shared.with(|state, _| state.reads.iter().cloned().collect())
    }

    /// Everything that customers said, in order, as far as it is remembered.
    pub fn said(&self) -> Vec<SaidMessage> {
        self.shared.with(|state, _| state.said.iter().cloned().collect())
    }

    /// Every status in every POST, in order, as far as it is remembered.
    pub fn posted_statuses(&self) -> Vec<PostedStatus> {
        self.shared.with(|state, _| state.statuses.iter().cloned().collect())
    }

    pub fn counts(&self) -> PlatformCounts {
        self.shared.with(|state, _| counts(state))
    }

    /// Waits until the counts are as wanted; `false` when they never were in this time.
    pub async fn wait_until(&self, timeout: Duration, is_wanted: impl Fn(&PlatformCounts) -> bool) -> bool {
        let mut changed = self.shared.changed();
        let waited = async {
            loop {
                if is_wanted(&self.shared.look(counts)) {
                    return;
                }
                // The sender lives as long as we do.
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(timeout, waited).await.is_ok()
    }

    fn between<T>(
        &self,
        who: &str,
        phone_number_id: &str,
        act: impl FnOnce(&mut State, i64, u32, u32) -> Result<T, ActorError>,
    ) -> Result<T, ActorError> {
        self.shared.with(|state, now_ms| {
            let (customer, _) = state.customer_mut(who)?;
            let number = state.number_place(phone_number_id).ok_or(ActorError::NoNumber)?;
            act(state, now_ms, customer, number)
        })
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn counts(state: &State) -> PlatformCounts {
    PlatformCounts {
        accepted: state.accepted.count,
        refused: state.refused.count,
        reads: state.reads.count,
        hooks_pending: state.outbox.pending(),
        hooks_told: state.hooks.told,
        hooks_lost: state.hooks.given_up + state.outbox.dropped,
        posts: state.hooks.posts,
        reached: state.reached.count(),
    }
}
