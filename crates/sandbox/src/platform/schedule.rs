//! What becomes of an accepted message, and when that is told: in order or not, twice, late, or never, as is configured.

use std::sync::Arc;

use super::actor::Said;
use super::error::ApiError;
use super::outbox::{Item, Sent, Stage};
use super::state::State;

/// Unread messages and messages to a phone that is off that are remembered of one customer.
const WAITING_MAX: usize = 10_000;

impl State {
    /// Plans the statuses of a message from now on. `failure`: it is told `failed`, and nothing else.
    pub(crate) fn schedule(&mut self, now_ms: i64, sent: &Arc<Sent>, failure: Option<ApiError>) {
        let due_ms = now_ms + self.pause(&self.config.delivery.sent_ms.clone());
        if let Some(failure) = failure {
            if let Some(customer) = sent.customer {
                self.reached.give_back(customer, now_ms);
            }
            let item = Item::Status { sent: sent.clone(), stage: Stage::Failed, error: Some(Arc::new(failure)) };
            self.outbox.push(lane_key(sent), due_ms, item);
            return;
        }
        let customer = sent.customer.and_then(|customer| self.people.get_mut(customer));
        if let Some(waiting) = customer.and_then(|customer| customer.offline.as_mut()) {
            if waiting.len() < WAITING_MAX {
                waiting.push(sent.clone());
            }
            self.tell(sent, &[(due_ms, Stage::Sent)]);
            return;
        }
        if sent.is_reaction {
            self.tell(sent, &[(due_ms, Stage::Sent)]);
            return;
        }
        let mut plan = vec![(due_ms, Stage::Sent)];
        self.plan_delivery(due_ms, sent, &mut plan);
        self.tell(sent, &plan);
    }

    /// The phone is on again: what waited and is not too old is delivered.
    pub(crate) fn deliver_waiting(&mut self, now_ms: i64, waiting: Vec<Arc<Sent>>) {
        for sent in waiting.into_iter().filter(|sent| now_ms < sent.expires_ms && !sent.is_reaction) {
            let mut plan = Vec::new();
            self.plan_delivery(now_ms, &sent, &mut plan);
            self.tell(&sent, &plan);
        }
    }

    /// Delivered and, by whoever reads at once, read; then comes what they always answer.
    fn plan_delivery(&mut self, from_ms: i64, sent: &Arc<Sent>, plan: &mut Vec<(i64, Stage)>) {
        let delivered_ms = from_ms + self.pause(&self.config.delivery.delivered_ms.clone());
        plan.push((delivered_ms, Stage::Delivered));
        let Some(index) = sent.customer else { return };
        let always = self.people.get(index).and_then(|customer| customer.reads);
        let reads = always.unwrap_or_else(|| self.is_in_percent(self.config.delivery.read_percent));
        let Some(customer) = self.people.get_mut(index) else { return };
        let auto_reply = customer.auto_reply.clone();
        if reads {
            let read_ms = delivered_ms + self.pause(&self.config.delivery.read_ms.clone());
            plan.push((read_ms, Stage::Read));
            if sent.is_voice {
                plan.push((read_ms, Stage::Played));
            }
        } else if customer.unread.len() < WAITING_MAX {
            customer.unread.push(sent.clone());
        }
        if let (Some(text), Some(number)) = (auto_reply, self.number_place(&sent.number.phone_number_id)) {
            self.say(delivered_ms, index, number, &Said::text(&text));
        }
    }

    /// Puts statuses into the outbox, with what goes wrong on the way.
    pub(crate) fn tell(&mut self, sent: &Arc<Sent>, plan: &[(i64, Stage)]) {
        let mut plan = plan.to_vec();
        let delivery = &self.config.delivery;
        let (out_of_order, double, late, missing) =
            (delivery.out_of_order_percent, delivery.double_percent, delivery.late_percent, delivery.missing_percent);
        let late_ms = i64::try_from(delivery.late.as_millis()).unwrap_or(i64::MAX);
        if self.is_in_percent(missing) && plan.len() > 1 {
            plan.retain(|(_, stage)| *stage != Stage::Delivered);
        }
        if self.is_in_percent(out_of_order) {
            let mut times: Vec<i64> = plan.iter().map(|(due_ms, _)| *due_ms).collect();
            self.rng.shuffle(&mut times);
            for (entry, due_ms) in plan.iter_mut().zip(times) {
                entry.0 = due_ms;
            }
            self.rng.shuffle(&mut plan);
        }
        if self.is_in_percent(late)
            && let Some(last) = plan.last_mut()
        {
            last.0 += late_ms;
        }
        let times = if self.is_in_percent(double) { 2 } else { 1 };
        for (due_ms, stage) in plan {
            for _ in 0..times {
                let item = Item::Status { sent: sent.clone(), stage, error: None };
                self.outbox.push(lane_key(sent), due_ms, item);
            }
        }
    }

    pub(crate) fn pause(&mut self, range_ms: &std::ops::RangeInclusive<u64>) -> i64 {
        if range_ms.is_empty() {
            return 0;
        }
        i64::try_from(self.rng.u64(range_ms.clone())).unwrap_or(i64::MAX)
    }
}

fn lane_key(sent: &Sent) -> u32 {
    sent.customer.unwrap_or_default()
}
