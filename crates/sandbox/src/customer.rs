//! Who writes: invented people, the same ones for the same seed. No number here is anybody's.

use std::collections::BTreeSet;

use fastrand::Rng;
use waypost_domain::AliasSet;

use crate::config::SandboxConfig;
use crate::conversations::{CONVERSATIONS, Conversation, Step};

/// Bytes.
const WORDS_MIN: usize = 12;

pub(crate) struct Customer {
    /// Digits without `+`; `None`: shows only a business-scoped id.
    pub(crate) phone: Option<String>,
    pub(crate) bsuid: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) name: String,
    conversation: &'static Conversation,
    next_step: usize,
    /// Messages written so far.
    pub(crate) written: u32,
    /// Of the last of them.
    pub(crate) last_wamid: Option<String>,
}

impl SandboxConfig {
    /// What the customers of this run show of themselves, for whoever wants to know some of them beforehand.
    pub fn customer_aliases(&self) -> Vec<AliasSet> {
        let aliases = |index| {
            let customer = Customer::new(index, self.seed);
            AliasSet { phone: customer.phone, bsuid: customer.bsuid, parent_bsuid: None }
        };
        (0..self.customers).map(aliases).collect()
    }
}

impl SandboxConfig {
    /// What the customers of this run show and say that is theirs: numbers, ids, names, and words long enough to be told
    /// from a log's own. None of it belongs into a log, a metric or a header.
    pub fn personal_data(&self) -> BTreeSet<String> {
        let of = |index| {
            let Customer { phone, bsuid, username, name, conversation, .. } = Customer::new(index, self.seed);
            let words = conversation.steps.iter().filter_map(Step::text).filter(|text| text.len() >= WORDS_MIN);
            let words: Vec<String> = words.map(str::to_owned).collect();
            [phone, bsuid, username, Some(name)].into_iter().flatten().chain(words)
        };
        (0..self.customers).flat_map(of).collect()
    }
}

impl Customer {
    /// Customer number `index`. Of seven, one has only a business-scoped id, one has both, five have only a phone.
    pub(crate) fn new(index: u32, seed: u64) -> Self {
        let conversation = &CONVERSATIONS[index as usize % CONVERSATIONS.len()];
        let mut rng = Rng::with_seed(seed ^ (u64::from(index) << 32));
        // The zeros after the calling code keep it out of every numbering plan.
        let phone = format!("{}000{index:07}", conversation.calling_code);
        let bsuid = format!("{}.{}", conversation.country, rng.u64(1_000_000_000_000..10_000_000_000_000));
        let (phone, bsuid) = match index % 7 {
            3 => (None, Some(bsuid)),
            5 => (Some(phone), Some(bsuid)),
            _ => (Some(phone), None),
        };
        let username = bsuid.is_some().then(|| format!("sandbox.{index}"));
        let name = format!("{} {index}", conversation.name);
        Self { phone, bsuid, username, name, conversation, next_step: 0, written: 0, last_wamid: None }
    }

    /// What they say next. After the last step they begin again.
    pub(crate) fn next_step(&mut self) -> Step {
        let steps = self.conversation.steps;
        let step = steps[self.next_step % steps.len()];
        self.next_step += 1;
        self.written += 1;
        step
    }
}
