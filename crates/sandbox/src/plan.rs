//! Which POSTs are sent, in which order: a function of the configuration and its seed. No I/O, no clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use fastrand::Rng;

use crate::body::{
    ANSWER_FAILS, ANSWER_IS_READ, Nesting, account_body, echo_body, messages_body, preference_body, statuses_body,
    user_id_body, written,
};
use crate::config::SandboxConfig;
use crate::customer::Customer;

/// How many POSTs may overtake each other, and how much later a late repetition comes at most.
const WINDOW_POSTS: usize = 32;

/// One message of a customer, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    pub wamid: String,
    /// Who wrote it: counted from 0.
    pub customer: u32,
    /// Which of this customer's messages it is: counted from 1.
    pub ordinal: u32,
}

/// Something else than a customer's message, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentOther {
    /// Of a message that nobody sent through us.
    Status {
        wamid: String,
        state: &'static str,
    },
    Echo {
        wamid: String,
    },
    /// `text` stands in this change alone, as a value.
    ContactChange {
        text: String,
    },
    AccountChange {
        text: String,
    },
}

/// One body to be sent. A repetition shares everything with its original.
#[derive(Debug, Clone)]
pub(crate) struct PlannedPost {
    /// Empty for statuses, echoes and changes.
    pub(crate) messages: Arc<[SentMessage]>,
    pub(crate) others: Arc<[SentOther]>,
    pub(crate) body: Bytes,
    pub(crate) is_duplicate: bool,
    /// Whether it, or a repetition of it, was answered 200.
    pub(crate) accepted: Arc<AtomicBool>,
}

pub(crate) struct Plan {
    config: SandboxConfig,
    rng: Rng,
    customers: Vec<Customer>,
    planned_messages: u64,
    planned_answers: u64,
    planned_changes: u64,
    /// Planned, and not yet given out.
    waiting: VecDeque<PlannedPost>,
    /// Repetitions to come, each with the number of POSTs to wait.
    later: Vec<(usize, PlannedPost)>,
    /// The repetition of the POST given out last that is sent at once, while that one is under way.
    overlapping: Option<PlannedPost>,
}

impl Plan {
    pub(crate) fn new(config: SandboxConfig) -> Self {
        let customers = (0..config.customers).map(|index| Customer::new(index, config.seed)).collect();
        Self {
            rng: Rng::with_seed(config.seed),
            config,
            customers,
            planned_messages: 0,
            planned_answers: 0,
            planned_changes: 0,
            waiting: VecDeque::new(),
            later: Vec::new(),
            overlapping: None,
        }
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.rng.u8(0..100) < percent
    }

    /// Plans the next POST of messages, and what follows from it.
    fn plan_more(&mut self) {
        let left = self.config.messages - self.planned_messages;
        let size = self.rng.u64(1..=u64::from(self.config.batch_max)).min(left);
        let mut batch = Vec::new();
        let mut messages = Vec::new();
        let mut last_writer = 0;
        for _ in 0..size {
            self.planned_messages += 1;
            let wamid = format!("wamid.SANDBOX.{:X}.{:X}", self.config.seed, self.planned_messages);
            let index = self.rng.u32(0..self.config.customers);
            let customer = &mut self.customers[index as usize];
            let step = customer.next_step();
            batch.push(written(customer, &wamid, step, self.config.clock_seconds));
            customer.last_wamid = Some(wamid.clone());
            messages.push(SentMessage { wamid, customer: index, ordinal: customer.written });
            last_writer = index as usize;
        }
        let nesting = *self
            .rng
            .choice(&[Nesting::OneChange, Nesting::ManyChanges, Nesting::ManyEntries])
            .unwrap_or(&Nesting::OneChange);
        let body = messages_body(&self.config, batch, nesting);
        self.waiting.push_back(post(messages, vec![], body));
        self.plan_others(last_writer);
    }

    /// What follows a POST of messages, the last of which `writer` has written.
    fn plan_others(&mut self, writer: usize) {
        if self.chance(self.config.status_percent) {
            let wamid = self.next_answer();
            let states = if self.planned_answers.is_multiple_of(4) { ANSWER_FAILS } else { ANSWER_IS_READ };
            let body = statuses_body(&self.config, &self.customers[writer], &wamid, states);
            let status = |state: &&'static str| SentOther::Status { wamid: wamid.clone(), state };
            self.waiting.push_back(post(vec![], states.iter().map(status).collect(), body));
        }
        if self.chance(self.config.echo_percent) {
            let wamid = self.next_answer();
            let body = echo_body(&self.config, &self.customers[writer], &wamid);
            self.waiting.push_back(post(vec![], vec![SentOther::Echo { wamid }], body));
        }
        if self.chance(self.config.change_percent) {
            let (other, body) = self.next_change(writer);
            self.waiting.push_back(post(vec![], vec![other], body));
        }
    }

    /// Each kind in turn.
    fn next_change(&mut self, writer: usize) -> (SentOther, Bytes) {
        self.planned_changes += 1;
        let text = format!("change.SANDBOX.{:X}.{:X}", self.config.seed, self.planned_changes);
        match self.planned_changes % 3 {
            0 => {
                let id = |name| format!("XX.{name}{:X}X{:X}", self.config.seed, self.planned_changes);
                let body = user_id_body(&self.config, &id("A"), &id("B"), &text);
                (SentOther::ContactChange { text }, body)
            }
            1 => {
                let body = preference_body(&self.config, &self.customers[writer], &text);
                (SentOther::ContactChange { text }, body)
            }
            _ => {
                let body = account_body(&self.config, &text);
                (SentOther::AccountChange { text }, body)
            }
        }
    }

    fn next_answer(&mut self) -> String {
        self.planned_answers += 1;
        format!("wamid.SANDBOX.{:X}.A{:X}", self.config.seed, self.planned_answers)
    }

    fn next_waiting(&mut self) -> Option<PlannedPost> {
        let wanted = if self.config.shuffle { WINDOW_POSTS } else { 1 };
        while self.waiting.len() < wanted && self.planned_messages < self.config.messages {
            self.plan_more();
        }
        if self.waiting.is_empty() {
            return None;
        }
        let index = if self.config.shuffle { self.rng.usize(0..self.waiting.len()) } else { 0 };
        self.waiting.remove(index)
    }

    fn next_later(&mut self) -> Option<PlannedPost> {
        for (posts_to_wait, _) in &mut self.later {
            *posts_to_wait = posts_to_wait.saturating_sub(1);
        }
        let due = self.later.iter().position(|(posts_to_wait, _)| *posts_to_wait == 0)?;
        Some(self.later.swap_remove(due).1)
    }

    fn plan_duplicate(&mut self, original: &PlannedPost) {
        if !self.chance(self.config.duplicate_percent) {
            return;
        }
        let duplicate = PlannedPost { is_duplicate: true, ..original.clone() };
        if self.rng.bool() {
            self.overlapping = Some(duplicate);
        } else {
            let posts_to_wait = self.rng.usize(1..=WINDOW_POSTS);
            self.later.push((posts_to_wait, duplicate));
        }
    }
}

impl Iterator for Plan {
    type Item = PlannedPost;

    fn next(&mut self) -> Option<PlannedPost> {
        if let Some(duplicate) = self.overlapping.take() {
            return Some(duplicate);
        }
        if let Some(duplicate) = self.next_later() {
            return Some(duplicate);
        }
        let Some(original) = self.next_waiting() else {
            return self.later.pop().map(|(_, duplicate)| duplicate);
        };
        self.plan_duplicate(&original);
        Some(original)
    }
}

fn post(messages: Vec<SentMessage>, others: Vec<SentOther>, body: Bytes) -> PlannedPost {
    let accepted = Arc::new(AtomicBool::new(false));
    PlannedPost { messages: messages.into(), others: others.into(), body, is_duplicate: false, accepted }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use waypost_cloud_api::webhook::{Content, WebhookEvent, split};

    fn config() -> SandboxConfig {
        SandboxConfig {
            messages: 3000,
            customers: 30,
            batch_max: 7,
            duplicate_percent: 20,
            status_percent: 10,
            echo_percent: 10,
            change_percent: 10,
            shuffle: true,
            clock_seconds: 1_780_000_000,
            ..SandboxConfig::new("http://127.0.0.1", "secret")
        }
    }

    #[test]
    fn a_plan_is_a_function_of_its_seed() {
        let bodies = |seed| Plan::new(SandboxConfig { seed, ..config() }).map(|post| post.body).collect::<Vec<_>>();
        assert!(bodies(7) == bodies(7));
        assert!(bodies(7) != bodies(8));
    }

    #[test]
    fn every_message_is_there_and_reads_as_one_of_meta_s() {
        let (mut wamids, mut kinds, mut originals, mut duplicates, mut largest) =
            (BTreeSet::new(), BTreeMap::<String, u32>::new(), 0, 0, 0);
        let (mut others, mut bsuid_only) = (BTreeMap::<&str, u32>::new(), 0);
        for post in Plan::new(config()) {
            if post.is_duplicate {
                duplicates += 1;
                assert!(post.messages.iter().all(|message| wamids.contains(&message.wamid)), "after its original");
                continue;
            }
            originals += 1;
            let split = split(&post.body);
            assert!(split.quarantined.is_empty(), "{:?}", split.quarantined);
            let mut in_body = BTreeSet::new();
            for event in split.events {
                match event.content {
                    Content::Message(message) => {
                        *kinds.entry(message.kind.as_str().to_owned()).or_default() += 1;
                        bsuid_only += u32::from(message.contact.phone.is_none() && message.contact.bsuid.is_some());
                        assert!(!message.contact.is_empty() && message.profile_name.is_some());
                        in_body.insert(message.id.unwrap());
                    }
                    Content::Status(_) | Content::Echo(_) | Content::ContactChange(_) | Content::AccountChange => {
                        *others.entry(other(&post.others, &event)).or_default() += 1;
                    }
                    Content::StandbyMessage(message) => panic!("{message:?}"),
                }
            }
            let planned: BTreeSet<_> = post.messages.iter().map(|message| message.wamid.clone()).collect();
            assert_eq!(in_body, planned);
            largest = largest.max(planned.len());
            wamids.extend(planned);
        }
        assert_eq!(wamids.len(), 3000);
        assert_eq!(largest, 7);
        assert!((150..=250).contains(&(duplicates * 1000 / originals)), "{duplicates} of {originals}");
        assert!(bsuid_only > 100);
        for (other, at_least) in
            [("status", 100), ("failed", 5), ("echo", 30), ("preference", 10), ("new id", 10), ("account", 10)]
        {
            assert!(others.get(other).is_some_and(|count| *count >= at_least), "{other} in {others:?}");
        }
        for kind in
            ["text", "interactive", "button", "image", "audio", "location", "reaction", "unsupported", "hologram"]
        {
            assert!(kinds.contains_key(kind), "{kind} in {kinds:?}");
        }
    }

    /// What it is; it must be one of those that the post says it holds.
    fn other(sent: &[SentOther], event: &WebhookEvent<'_>) -> &'static str {
        let is_said = |one: &SentOther| match (one, &event.content) {
            (SentOther::Status { wamid, state }, Content::Status(status)) => {
                *wamid == status.id && *state == status.state.as_str()
            }
            (SentOther::Echo { wamid }, Content::Echo(echo)) => echo.id.as_ref() == Some(wamid),
            (SentOther::ContactChange { text }, Content::ContactChange(_))
            | (SentOther::AccountChange { text }, Content::AccountChange) => event.json.contains(text),
            _ => false,
        };
        assert!(sent.iter().any(is_said), "{event:?} in {sent:?}");
        match &event.content {
            Content::Status(status) if status.state.as_str() == "failed" => {
                assert_eq!(status.error_codes(), [131_047]);
                "failed"
            }
            Content::Status(_) => "status",
            Content::Echo(_) => "echo",
            Content::ContactChange(change) if change.rotations.is_empty() => "preference",
            Content::ContactChange(_) => "new id",
            _ => "account",
        }
    }

    #[test]
    fn customers_are_known_beforehand() {
        let known = config().customer_aliases();
        let mut seen = BTreeSet::new();
        for post in Plan::new(config()).filter(|post| !post.messages.is_empty()) {
            for (event, sent) in split(&post.body).events.into_iter().zip(post.messages.iter()) {
                let Content::Message(message) = event.content else { panic!("{event:?}") };
                assert_eq!(message.contact, known[sent.customer as usize]);
                seen.insert(sent.customer);
            }
        }
        assert_eq!(seen.len(), known.len());
    }

    #[test]
    fn a_tidy_plan_is_in_order() {
        let tidy = SandboxConfig { shuffle: false, duplicate_percent: 0, ..config() };
        let mut ordinals = BTreeMap::new();
        for post in Plan::new(tidy) {
            for message in post.messages.iter() {
                let last = ordinals.insert(message.customer, message.ordinal).unwrap_or(0);
                assert_eq!(message.ordinal, last + 1);
            }
        }
        let first_wamids = Plan::new(config()).filter_map(|post| Some(post.messages.first()?.wamid.clone()));
        let numbers = first_wamids.map(|wamid| u64::from_str_radix(wamid.rsplit('.').next().unwrap(), 16).unwrap());
        assert!(!numbers.is_sorted(), "a shuffled plan is not in order");
    }

    #[test]
    fn nothing_is_a_plan_too() {
        assert_eq!(Plan::new(SandboxConfig { messages: 0, ..config() }).count(), 0);
        assert_eq!(
            Plan::new(SandboxConfig { messages: 1, customers: 1, ..config() })
                .filter(|p| !p.is_duplicate && !p.messages.is_empty())
                .count(),
            1
        );
    }
}
