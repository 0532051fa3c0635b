//! A customer's number changes, and with it their business-scoped id.

use std::sync::Arc;

use serde_json::{Value, json};

use super::actor::ActorError;
use super::hook::number_value;
use super::outbox::Item;
use super::person::Person;
use super::state::State;

impl State {
    /// Told at every number: as a message of the system, and as the pair of ids.
    pub(crate) fn change_phone(&mut self, now_ms: i64, customer: u32, phone: &str) -> Result<(), ActorError> {
        let before = self.people.get(customer).ok_or(ActorError::NoCustomer)?.person.clone();
        let after = self.people.change_phone(customer, phone).ok_or(ActorError::NoCustomer)?;
        let names: Vec<_> = self.numbers.iter().map(|number| number.name.clone()).collect();
        for name in names {
            let wamid = self.new_wamid(after.id());
            let mut message = json!({
                "id": wamid,
                "timestamp": (now_ms / 1_000).to_string(),
                "from_user_id": before.user_id,
                "type": "system",
                "system": {
                    "type": "user_changed_number",
                    "body": "The customer changed number",
                    "wa_id": after.phone,
                    "user_id": after.user_id,
                },
            });
            if let Some(phone) = &before.phone {
                message["from"] = json!(phone);
            }
            let system = json!({
                "messaging_product": "whatsapp",
                "metadata": {"display_phone_number": name.display_phone_number, "phone_number_id": name.phone_number_id},
                "messages": [message],
            });
            let update = id_update(now_ms, &before, &after);
            let pair = number_value(&name, &after, "user_id_update", json!([update]));
            for (field, value) in [("messages", system), ("user_id_update", pair)] {
                let item = Item::Change { field, value: Arc::new(value), number: Some(name.clone()) };
                self.outbox.push(customer, now_ms, item);
            }
        }
        Ok(())
    }
}

fn id_update(now_ms: i64, before: &Person, after: &Person) -> Value {
    json!({
        "wa_id": after.phone,
        "detail": "The customer's id changed",
        "user_id": {"previous": before.user_id, "current": after.user_id},
        "timestamp": (now_ms / 1_000).to_string(),
    })
}
