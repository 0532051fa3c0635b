//! A form that opens in WhatsApp
//! (<https://developers.facebook.com/docs/whatsapp/flows/guides/sendingaflow>).

use serde_json::{Map, Value, json};

use super::super::object::{FieldError, Object, put};
use super::{InteractiveHeader, Parts, body, footer};

/// The only version that Meta takes.
const MESSAGE_VERSION: &str = "3";

/// A form behind a button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Above the text.
    pub header: Option<InteractiveHeader>,
    /// The text.
    pub body: String,
    /// Below the text.
    pub footer: Option<String>,
    /// Which form.
    pub id: FlowId,
    /// The button's label.
    pub call_to_action: String,
    /// Comes back with what was filled in.
    pub token: Option<String>,
    /// Where it begins.
    pub opens: FlowOpens,
    /// Not published yet: for trying it out.
    pub is_draft: bool,
}

/// Which form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowId {
    /// By Meta's id.
    Id(String),
    /// By the name that it has in the account.
    Name(String),
}

/// Where a form begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowOpens {
    /// At its first screen, with nothing filled in.
    First,
    /// At a screen, with what is filled in there.
    Screen { screen: String, data: Option<Map<String, Value>> },
    /// Where the form's own server says.
    AskServer,
}

impl Flow {
    pub(super) fn read(object: &Object<'_>, action: &Object<'_>) -> Result<Self, FieldError> {
        let parameters = action.object("parameters")?;
        if parameters.text("flow_message_version")? != MESSAGE_VERSION {
            return Err(parameters.must_be("flow_message_version", MESSAGE_VERSION));
        }
        let id = match (parameters.optional_text("flow_id")?, parameters.optional_text("flow_name")?) {
            (Some(id), None) => FlowId::Id(id),
            (None, Some(name)) => FlowId::Name(name),
            (Some(_), Some(_)) => return Err(parameters.must_be("flow_name", "absent beside flow_id")),
            (None, None) => return Err(parameters.missing("flow_id")),
        };
        Ok(Self {
            header: InteractiveHeader::read(object)?,
            body: body(object)?,
            footer: footer(object)?,
            id,
            call_to_action: parameters.text("flow_cta")?,
            token: parameters.optional_text("flow_token")?,
            opens: FlowOpens::read(&parameters)?,
            is_draft: parameters.has("mode") && parameters.word("mode")? == "draft",
        })
    }

    pub(super) fn to_parts(&self) -> Parts<'_> {
        let mut parameters = Map::new();
        parameters.insert("flow_message_version".to_owned(), json!(MESSAGE_VERSION));
        let (name, id) = match &self.id {
            FlowId::Id(id) => ("flow_id", id),
            FlowId::Name(name) => ("flow_name", name),
        };
        parameters.insert(name.to_owned(), json!(id));
        parameters.insert("flow_cta".to_owned(), json!(self.call_to_action));
        put(&mut parameters, "flow_token", self.token.as_deref());
        put(&mut parameters, "mode", self.is_draft.then_some("draft"));
        self.opens.write(&mut parameters);
        Parts {
            header: self.header.as_ref().map(InteractiveHeader::to_value),
            footer: self.footer.as_deref(),
            ..Parts::new(&self.body, json!({"name": "flow", "parameters": parameters}))
        }
    }
}

impl FlowOpens {
    fn read(parameters: &Object<'_>) -> Result<Self, FieldError> {
        let action = parameters.has("flow_action").then(|| parameters.word("flow_action")).transpose()?;
        match (action.as_deref(), parameters.optional_object("flow_action_payload")?) {
            (None | Some("navigate"), None) => Ok(Self::First),
            (None | Some("navigate"), Some(payload)) => {
                let data = payload.optional_object("data")?.and(payload.raw("data"));
                Ok(Self::Screen { screen: payload.text("screen")?, data: data.cloned() })
            }
            (Some("data_exchange"), _) => Ok(Self::AskServer),
            (Some(_), _) => Err(parameters.must_be("flow_action", "navigate or data_exchange")),
        }
    }

    fn write(&self, parameters: &mut Map<String, Value>) {
        let (action, payload) = match self {
            Self::First => ("navigate", None),
            Self::Screen { screen, data } => {
                let mut payload = Map::new();
                payload.insert("screen".to_owned(), json!(screen));
                put(&mut payload, "data", data.clone());
                ("navigate", Some(payload))
            }
            Self::AskServer => ("data_exchange", None),
        };
        parameters.insert("flow_action".to_owned(), json!(action));
        put(parameters, "flow_action_payload", payload);
    }
}
