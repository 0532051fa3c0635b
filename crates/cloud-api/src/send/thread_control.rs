//! Who answers a customer when several apps share a number: POST `/{phone_number_id}/thread_control`.

use serde_json::{Map, Value, json};

use super::object::{FieldError, JsonBody, Object, put};
use super::recipient::Customer;

/// A change of who holds a customer's thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadControl {
    /// Whose thread.
    pub customer: Customer,
    /// What becomes of it.
    pub action: ControlAction,
    /// For the app that takes over.
    pub metadata: Option<String>,
}

/// What becomes of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlAction {
    /// To Meta's own agent: the only one who can be named.
    PassToAgent,
    /// To whoever is next, by the settings of the number.
    Pass,
    /// To nobody. Meta sends no webhook of it.
    Release,
    /// To us.
    Take,
}

impl ControlAction {
    const fn word(self) -> &'static str {
        match self {
            Self::PassToAgent | Self::Pass => "pass",
            Self::Release => "release",
            Self::Take => "take",
        }
    }
}

impl JsonBody for ThreadControl {
    fn to_value(&self) -> Value {
        let mut control = Map::new();
        control.insert("messaging_product".to_owned(), json!("whatsapp"));
        self.customer.write(&mut control);
        control.insert("action".to_owned(), json!(self.action.word()));
        put(&mut control, "metadata", self.metadata.as_deref());
        let to_agent = self.action == ControlAction::PassToAgent;
        put(&mut control, "control_pass", to_agent.then(|| json!({"target_role": "ai_agent"})));
        Value::Object(control)
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        let control = Object::for_whatsapp(value)?;
        let pass = control.optional_object("control_pass")?;
        let role = pass.as_ref().map(|pass| pass.word("target_role")).transpose()?;
        let action = match (control.word("action")?.as_str(), role.as_deref()) {
            ("pass", None) => ControlAction::Pass,
            ("pass", Some("ai_agent")) => ControlAction::PassToAgent,
            ("pass", Some(_)) => return Err(control.must_be("control_pass.target_role", "ai_agent")),
            ("release", _) => ControlAction::Release,
            ("take", _) => ControlAction::Take,
            _ => return Err(control.must_be("action", "pass, release or take")),
        };
        Ok(Self { customer: Customer::read(&control)?, action, metadata: control.optional_text("metadata")? })
    }
}
