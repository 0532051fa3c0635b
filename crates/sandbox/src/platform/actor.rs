//! What customers do: they write, tap, read, block, stop marketing, switch their phones off. Only control tells them to.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::hook::number_value;
use super::log::SaidMessage;
use super::outbox::{Item, Stage};
use super::people::Customer;
use super::state::{Holder, State, WINDOW_MS};
use super::template::ButtonKind;

/// What a customer says to a number of the business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Meta's `type`, and the name of the field that its content is in.
    #[serde(rename = "type")]
    pub kind: String,
    pub content: Value,
    /// The wamid that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Said in a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
}

/// Which button or row is tapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tap {
    /// Its place, from 0, rows of all sections together.
    Place(usize),
    /// What stands on it.
    Label(String),
    /// What the business knows it by.
    Id(String),
}

/// Why a customer cannot do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ActorError {
    /// Introduce them first.
    #[error("there is no such customer")]
    NoCustomer,
    #[error("there is no such number")]
    NoNumber,
    #[error("the business has sent this customer nothing that can be tapped there")]
    NothingToTap,
    #[error("there is no such template")]
    NoTemplate,
    #[error("the sandbox keeps no more files")]
    NoRoom,
}

impl Said {
    pub fn text(body: &str) -> Self {
        Self { kind: "text".to_owned(), content: json!({"body": body}), context: None, group_id: None }
    }

    pub fn reaction(wamid: &str, emoji: &str) -> Self {
        let content = json!({"message_id": wamid, "emoji": emoji});
        Self { kind: "reaction".to_owned(), content, context: None, group_id: None }
    }

    /// Whether it opens the customer service window: where Meta says nothing, it does not.
    fn opens_window(&self) -> bool {
        !matches!(self.kind.as_str(), "reaction" | "edit" | "revoke" | "system")
    }
}

impl State {
    /// A customer's message to a number, due at `at_ms`. Its wamid.
    pub(crate) fn say(&mut self, at_ms: i64, customer: u32, number: u32, said: &Said) -> Option<String> {
        let person = self.people.get(customer)?.person.clone();
        let wamid = self.new_wamid(person.id());
        let name = self.number(number)?.name.clone();
        let mut message = json!({"id": wamid, "timestamp": (at_ms / 1_000).to_string(), "type": said.kind});
        if let Some(phone) = &person.phone {
            message["from"] = json!(phone);
        }
        message["from_user_id"] = json!(person.user_id);
        message[&said.kind] = said.content.clone();
        if let Some(context) = &said.context {
            message["context"] = json!({"from": name.display_phone_number, "id": context});
        }
        self.received.insert(&wamid, at_ms, self.config.log_max);
        self.said.push(SaidMessage {
            at_ms,
            wamid: wamid.clone(),
            customer: person.id().to_owned(),
            phone_number_id: name.phone_number_id.clone(),
            opens_window: said.opens_window() && said.group_id.is_none(),
        });
        if let Some(group) = &said.group_id {
            message["group_id"] = json!(group);
        }
        match said.group_id.as_deref().map(|group| self.group_mut(number, group)) {
            _ if !said.opens_window() => {}
            Some(group) => group?.window_ends_ms = at_ms + WINDOW_MS,
            None => self.open_window(number, customer, at_ms),
        }
        // Whom the business has blocked, it hears nothing of.
        if self.people.get(customer)?.is_blocked {
            return Some(wamid);
        }
        let holder = self.threads.get(&(number, customer)).map_or(Holder::Business, |thread| thread.holder);
        let field = if holder == Holder::Business { "messages" } else { "standby" };
        let value = Arc::new(number_value(&name, &person, "messages", json!([message])));
        self.outbox.push(customer, at_ms, Item::Change { field, value, number: Some(name) });
        Some(wamid)
    }

    /// A tap on the last message of this number that can be tapped.
    pub(crate) fn tap(&mut self, now_ms: i64, customer: u32, number: u32, tap: &Tap) -> Result<String, ActorError> {
        let thread = self.threads.get(&(number, customer));
        let tappable = thread.and_then(|thread| thread.tappable.clone()).ok_or(ActorError::NothingToTap)?;
        let choices = match tappable.body.get("interactive") {
            Some(interactive) => of_interactive(interactive),
            None => self.of_template(tappable.body.get("template").unwrap_or(&Value::Null)),
        };
        let chosen = choices.into_iter().enumerate().find(|(place, choice)| match tap {
            Tap::Place(wanted) => wanted == place,
            Tap::Label(label) => *label == choice.label,
            Tap::Id(id) => *id == choice.id,
        });
        let (_, choice) = chosen.ok_or(ActorError::NothingToTap)?;
        let said = Said {
            kind: choice.kind.to_owned(),
            content: choice.content,
            context: Some(tappable.wamid),
            group_id: None,
        };
        self.say(now_ms, customer, number, &said).ok_or(ActorError::NoNumber)
    }

    /// The quick replies of a template, with what this send gave them.
    fn of_template(&self, given: &Value) -> Vec<Choice> {
        let text = |pointer: &str| given.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let Some(template) = self.templates.find(text("/name"), text("/language/code")) else { return Vec::new() };
        let quick =
            template.needs.buttons.iter().enumerate().filter(|(_, button)| button.kind == ButtonKind::QuickReply);
        let choice = |(index, button): (usize, &super::template::ButtonNeed)| {
            let payload = payload(given, index).unwrap_or_else(|| button.label.clone());
            let content = json!({"payload": payload, "text": button.label});
            Choice { kind: "button", id: payload, label: button.label.clone(), content }
        };
        quick.map(choice).collect()
    }

    /// What is delivered and unread becomes read; how much there was.
    pub(crate) fn read_all(&mut self, now_ms: i64, customer: u32) -> usize {
        let unread = self.people.get_mut(customer).map(|customer| std::mem::take(&mut customer.unread));
        let unread = unread.unwrap_or_default();
        for sent in &unread {
            self.tell(sent, &[(now_ms, Stage::Read)]);
        }
        unread.len()
    }

    /// WhatsApp's own switch for marketing; the business is told, at one of its numbers.
    pub(crate) fn prefer(&mut self, now_ms: i64, index: u32, number: u32, stops: bool) -> Result<(), ActorError> {
        let name = self.number(number).ok_or(ActorError::NoNumber)?.name.clone();
        let customer = self.people.get_mut(index).ok_or(ActorError::NoCustomer)?;
        customer.has_stopped_marketing = stops;
        let person = customer.person.clone();
        let mut preference = json!({
            "category": "marketing_messages",
            "value": if stops { "stop" } else { "resume" },
            "detail": if stops { "User requested to stop marketing messages" } else { "User requested to resume marketing messages" },
            "timestamp": now_ms / 1_000,
            "user_id": person.user_id,
        });
        if let Some(phone) = &person.phone {
            preference["wa_id"] = json!(phone);
        }
        let value = Arc::new(number_value(&name, &person, "user_preferences", json!([preference])));
        self.outbox.push(index, now_ms, Item::Change { field: "user_preferences", value, number: Some(name) });
        Ok(())
    }

    /// Switches the phone off, or on again.
    pub(crate) fn set_offline(&mut self, now_ms: i64, customer: u32, is_offline: bool) {
        let Some(customer) = self.people.get_mut(customer) else { return };
        match (is_offline, customer.offline.take()) {
            (true, waiting) => customer.offline = Some(waiting.unwrap_or_default()),
            (false, waiting) => self.deliver_waiting(now_ms, waiting.unwrap_or_default()),
        }
    }

    /// By a number in any spelling, or by a business-scoped id.
    pub(crate) fn customer_mut(&mut self, who: &str) -> Result<(u32, &mut Customer), ActorError> {
        let index = self.people.find(who).ok_or(ActorError::NoCustomer)?;
        Ok((index, self.people.get_mut(index).ok_or(ActorError::NoCustomer)?))
    }
}

/// Something that can be tapped, and what the tap says.
struct Choice {
    kind: &'static str,
    id: String,
    label: String,
    content: Value,
}

fn of_interactive(interactive: &Value) -> Vec<Choice> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut choices = Vec::new();
    for button in list(interactive.pointer("/action/buttons")) {
        let reply = button.get("reply").cloned().unwrap_or_default();
        let (id, label) = (text(&reply, "id"), text(&reply, "title"));
        let content = json!({"type": "button_reply", "button_reply": {"id": id, "title": label}});
        choices.push(Choice { kind: "interactive", id, label, content });
    }
    for section in list(interactive.pointer("/action/sections")) {
        for row in list(section.get("rows")) {
            let (id, label) = (text(&row, "id"), text(&row, "title"));
            let content = json!({"type": "list_reply", "list_reply": row});
            choices.push(Choice { kind: "interactive", id, label, content });
        }
    }
    choices
}

/// What a send gave the quick reply at `index`.
fn payload(given: &Value, index: usize) -> Option<String> {
    let components = given.get("components")?.as_array()?;
    let is_it = |component: &&Value| {
        let at = component.get("index");
        let at = at.and_then(|at| at.as_u64().or_else(|| at.as_str()?.parse().ok()));
        let is_quick = component.get("sub_type").and_then(Value::as_str) == Some("quick_reply");
        is_quick && at == u64::try_from(index).ok()
    };
    let component = components.iter().find(is_it)?;
    Some(component.pointer("/parameters/0/payload")?.as_str()?.to_owned())
}
