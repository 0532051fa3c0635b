//! The ledger, looked up by message.

use std::collections::HashSet;

use waypost_bus::topology::{DEAD_LETTERS_QUEUE, UNROUTED_QUEUE};
use waypost_domain::{DecisionId, PhoneNumberId};

use super::Messages;
use crate::{DecisionFact, DeliveryRecord, Item, ItemKind, Ledger};

/// Everything about one message, standby message or echo; by the id that its number and key give.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub(super) id: String,
    /// `None`: no POST held it.
    pub(super) item: Option<&'a Item>,
    /// When the first signed POST that held it began.
    pub(super) began_ns: Option<u64>,
    /// When a POST that held it was first answered 200.
    pub(super) accepted_ns: Option<u64>,
    pub(super) decision: Option<&'a DecisionFact>,
    /// On teams' queues and `wa.unrouted`, in the order of each queue.
    pub(super) delivered: Vec<&'a DeliveryRecord>,
    pub(super) parked: Vec<&'a DeliveryRecord>,
}

impl<'a> Message<'a> {
    pub(super) fn is_signed(&self) -> bool {
        self.began_ns.is_some()
    }

    pub(super) fn is_accepted(&self) -> bool {
        self.accepted_ns.is_some()
    }

    /// Whether it must be delivered.
    pub(super) fn is_promised(&self) -> bool {
        let is_message = self.item.is_some_and(|item| item.kind == ItemKind::Message);
        self.is_accepted() && is_message && !self.is_kept_notice()
    }

    /// A reaction and its like that came while no conversation was open: kept, and shown with the next message.
    fn is_kept_notice(&self) -> bool {
        self.decision.is_some_and(|decision| decision.kind == "notice" && decision.outcome.is_none())
    }

    pub(super) fn is_diverted(&self) -> bool {
        self.delivered.iter().any(|delivery| delivery.diverted.is_some())
    }

    /// Deliveries beyond the first; what somebody had routed again is none.
    pub(super) fn repeats(&self) -> u64 {
        let by_itself = self.delivered.iter().filter(|delivery| !delivery.replay);
        super::count(by_itself.skip(1))
    }

    /// Whether it is not held to the order, and shows why.
    pub(super) fn is_excepted(&self) -> bool {
        let off_the_road = |delivery: &&DeliveryRecord| delivery.queue == UNROUTED_QUEUE || delivery.replay;
        !self.parked.is_empty() || self.is_diverted() || self.delivered.iter().any(off_the_road)
    }

    /// What it is called in a violation.
    pub(super) fn name(&self) -> &'a str {
        let came = self.delivered.first().or(self.parked.first());
        let came = came.map(|delivery| delivery.key.as_ref().unwrap_or(&delivery.message_id));
        let item = self.item.map(|item| &item.key);
        item.or(self.decision.map(|decision| &decision.key)).or(came).map_or("", String::as_str)
    }
}

pub(super) struct Index<'a> {
    pub(super) messages: Messages<'a>,
    /// Keys of malformed parts that no signed POST held.
    pub(super) malformed_unsigned: HashSet<&'a str>,
}

impl<'a> Index<'a> {
    pub(super) fn new(ledger: &'a Ledger) -> Self {
        let mut index = Self { messages: Messages::new(), malformed_unsigned: HashSet::new() };
        index.add_posts(ledger);
        for decision in ledger.store.iter().flat_map(|store| &store.decisions) {
            index.message(&decision.phone_number_id, &decision.key).decision = Some(decision);
        }
        let mut deliveries: Vec<&DeliveryRecord> =
            ledger.deliveries.iter().filter(|one| !one.is_of_conversation).collect();
        deliveries.sort_by(|one, other| (&one.queue, one.position).cmp(&(&other.queue, other.position)));
        for delivery in deliveries {
            index.add_delivery(delivery);
        }
        index
    }

    fn add_posts(&mut self, ledger: &'a Ledger) {
        let mut malformed_signed = HashSet::new();
        for post in &ledger.posts {
            for item in &post.items {
                match item.kind {
                    ItemKind::Message | ItemKind::Standby | ItemKind::Echo => {
                        let message = self.message(&item.phone_number_id, &item.key);
                        message.item.get_or_insert(item);
                        if post.signed {
                            let began = message.began_ns.get_or_insert(post.started_ns);
                            *began = post.started_ns.min(*began);
                        }
                        if post.signed && post.is_accepted() {
                            let accepted = message.accepted_ns.get_or_insert(post.answered_ns);
                            *accepted = post.answered_ns.min(*accepted);
                        }
                    }
                    ItemKind::Malformed => {
                        if post.signed {
                            malformed_signed.insert(item.key.as_str());
                        } else {
                            self.malformed_unsigned.insert(&item.key);
                        }
                    }
                    ItemKind::Status { .. } | ItemKind::ContactChange | ItemKind::AccountChange => {}
                }
            }
        }
        self.malformed_unsigned.retain(|key| !malformed_signed.contains(key));
    }

    fn add_delivery(&mut self, delivery: &'a DeliveryRecord) {
        let id = match (&delivery.phone_number_id, &delivery.key) {
            (Some(number), Some(key)) => id_of(number, key),
            // Without a key of its own it can only be told by its id: a wamid that Meta left out, damaged bytes.
            _ => delivery.message_id.clone(),
        };
        if delivery.queue != DEAD_LETTERS_QUEUE {
            self.by_id(id).delivered.push(delivery);
        } else if let Some(message) = self.messages.get_mut(&id) {
            // Statuses and changes are parked too, under keys that no generator knows.
            message.parked.push(delivery);
        }
    }

    fn message(&mut self, number: &str, key: &str) -> &mut Message<'a> {
        self.by_id(id_of(number, key))
    }

    fn by_id(&mut self, id: String) -> &mut Message<'a> {
        self.messages.entry(id.clone()).or_insert_with(|| Message { id, ..Message::default() })
    }
}

fn id_of(number: &str, key: &str) -> String {
    DecisionId::of_event(&PhoneNumberId::new(number), key).to_string()
}
