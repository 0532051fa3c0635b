//! A customer's thread goes from one app to another, and the business is told.

use std::sync::Arc;

use serde_json::json;

use super::actor::ActorError;
use super::hook::number_value;
use super::outbox::Item;
use super::state::{Holder, State};

const OTHER_APP: &str = "700000000000002";

impl State {
    /// What another app does. What the business does itself, it is not told.
    pub(crate) fn hand_over(
        &mut self,
        now_ms: i64,
        customer: u32,
        number: u32,
        holder: Holder,
    ) -> Result<(), ActorError> {
        let name = self.number(number).ok_or(ActorError::NoNumber)?.name.clone();
        let person = self.people.get(customer).ok_or(ActorError::NoCustomer)?.person.clone();
        let thread = self.threads.entry((number, customer)).or_default();
        let before = std::mem::replace(&mut thread.holder, holder);
        let (what, previous) = match (before == Holder::Business, holder == Holder::Business) {
            (false, true) => ("control_passed", OTHER_APP),
            (true, false) => ("control_taken", self.config.app_id.as_str()),
            (true, true) | (false, false) => return Ok(()),
        };
        let mut handover = json!({
            "timestamp": (now_ms / 1_000).to_string(),
            "user_id": person.user_id,
            what: {"previous_owner_app_id": previous, "metadata": ""},
        });
        if let Some(phone) = &person.phone {
            handover["wa_id"] = json!(phone);
        }
        let field = "messaging_handovers";
        let value = Arc::new(number_value(&name, &person, field, json!([handover])));
        self.outbox.push(customer, now_ms, Item::Change { field, value, number: Some(name) });
        Ok(())
    }
}
