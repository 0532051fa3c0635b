//! Answers to choose from: buttons, or a menu of rows.

use serde_json::{Map, Value, json};

use super::super::NonEmpty;
use super::super::object::{FieldError, Object, put};
use super::{InteractiveHeader, Parts, body, footer};

/// A question and up to three answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyButtons {
    /// Above the text.
    pub header: Option<InteractiveHeader>,
    /// The question.
    pub body: String,
    /// Below the text.
    pub footer: Option<String>,
    /// The answers, in order.
    pub buttons: NonEmpty<ReplyButton>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyButton {
    /// What the tap will carry.
    pub id: String,
    /// What the customer sees.
    pub title: String,
}

/// A question and a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// A line above the text.
    pub header: Option<String>,
    /// The question.
    pub body: String,
    /// Below the text.
    pub footer: Option<String>,
    /// What opens the menu.
    pub button: String,
    /// The menu, in order.
    pub sections: NonEmpty<Section>,
}

/// Rows under one heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Needed where there are several.
    pub title: Option<String>,
    /// In order.
    pub rows: NonEmpty<Row>,
}

/// A line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What the tap will carry.
    pub id: String,
    /// What the customer sees.
    pub title: String,
    /// In small letters below.
    pub description: Option<String>,
}

impl ReplyButtons {
    pub(super) fn read(object: &Object<'_>, action: &Object<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            header: InteractiveHeader::read(object)?,
            body: body(object)?,
            footer: footer(object)?,
            buttons: action.some("buttons", |button| {
                if button.word("type")? != "reply" {
                    return Err(button.must_be("type", "reply"));
                }
                let reply = button.object("reply")?;
                Ok(ReplyButton { id: reply.text("id")?, title: reply.text("title")? })
            })?,
        })
    }

    pub(super) fn to_parts(&self) -> Parts<'_> {
        let button = |button: &ReplyButton| json!({"type": "reply", "reply": {"id": button.id, "title": button.title}});
        Parts {
            header: self.header.as_ref().map(InteractiveHeader::to_value),
            footer: self.footer.as_deref(),
            ..Parts::new(&self.body, json!({"buttons": self.buttons.to_values(button)}))
        }
    }
}

impl List {
    pub(super) fn read(object: &Object<'_>, action: &Object<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            header: InteractiveHeader::read_text(object)?,
            body: body(object)?,
            footer: footer(object)?,
            button: action.text("button")?,
            sections: action.some("sections", Section::read)?,
        })
    }

    pub(super) fn to_parts(&self) -> Parts<'_> {
        let action = json!({"button": self.button, "sections": self.sections.to_values(Section::to_value)});
        Parts {
            header: self.header.as_deref().map(InteractiveHeader::text_value),
            footer: self.footer.as_deref(),
            ..Parts::new(&self.body, action)
        }
    }
}

impl Section {
    fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        Ok(Self { title: object.optional_text("title")?, rows: object.some("rows", Row::read)? })
    }

    fn to_value(&self) -> Value {
        let mut section = Map::new();
        put(&mut section, "title", self.title.as_deref());
        put(&mut section, "rows", Some(self.rows.to_values(Row::to_value)));
        Value::Object(section)
    }
}

impl Row {
    fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            id: object.text("id")?,
            title: object.text("title")?,
            description: object.optional_text("description")?,
        })
    }

    fn to_value(&self) -> Value {
        let mut row = Map::new();
        put(&mut row, "id", Some(self.id.as_str()));
        put(&mut row, "title", Some(self.title.as_str()));
        put(&mut row, "description", self.description.as_deref());
        Value::Object(row)
    }
}
