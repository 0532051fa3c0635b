//! What POST `/workspaces/{workspace}/channels/{channel}/messages` takes
//! (<https://docs.bird.com/api/channels-api/api-reference/messaging>): JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A message to one customer. It is never shown: it holds what a person reads, and who.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// A number with its `+`.
    pub to: String,
    /// What.
    pub content: Content,
    /// Our mark, which is part of the message there.
    pub reference: String,
}

/// What is said.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// As long as WhatsApp takes it.
    Text(String),
    /// A picture that Bird fetches, with words below it.
    Image {
        /// Where it is.
        url: String,
        /// As long as WhatsApp takes it.
        caption: Option<String>,
    },
    /// Any other file that Bird fetches, with words below it.
    File {
        /// Where it is.
        url: String,
        /// By which WhatsApp shows it as a video, as sound or as a document.
        content_type: String,
        /// As the customer sees it.
        filename: Option<String>,
        /// As long as WhatsApp takes it.
        caption: Option<String>,
    },
    /// A template, which Bird keeps itself.
    Template {
        /// Which.
        template: Template,
        /// By the names of its variables there.
        parameters: BTreeMap<String, String>,
    },
}

/// A template as Bird knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    project: String,
    version: String,
    locale: String,
}

/// What a template of Bird's must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a template of Bird's: project/version/locale")]
pub struct InvalidTemplate;

impl Template {
    /// Of `project/version/locale`: the id of the project, the id of its version, or `latest`, and the locale as Bird
    /// writes it.
    pub fn new(text: &str) -> Result<Self, InvalidTemplate> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [project, version, locale] if parts.iter().all(|part| is_word(part)) => {
                Ok(Self { project: project.to_owned(), version: version.to_owned(), locale: locale.to_owned() })
            }
            _ => Err(InvalidTemplate),
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

impl Message {
    /// As it goes over the wire.
    pub fn encode(&self) -> Vec<u8> {
        let contact = json!({"identifierKey": super::PHONE_KEY, "identifierValue": self.to});
        let mut message = json!({"receiver": {"contacts": [contact]}, "reference": self.reference});
        match &self.content {
            Content::Text(text) => message["body"] = json!({"type": "text", "text": {"text": text}}),
            Content::Image { url, caption } => {
                message["body"] = file_body("image", "images", json!({"mediaUrl": url}), caption.as_deref());
            }
            Content::File { url, content_type, filename, caption } => {
                let mut file = json!({"mediaUrl": url, "contentType": content_type});
                if let Some(filename) = filename {
                    file["filename"] = filename.as_str().into();
                }
                message["body"] = file_body("file", "files", file, caption.as_deref());
            }
            Content::Template { template: Template { project, version, locale }, parameters } => {
                let parameter = |(key, value)| json!({"type": "string", "key": key, "value": value});
                let parameters: Vec<Value> = parameters.iter().map(parameter).collect();
                message["template"] =
                    json!({"projectId": project, "version": version, "locale": locale, "parameters": parameters});
            }
        }
        message.to_string().into_bytes()
    }
}

/// `{"type": "image", "image": {"images": [{"mediaUrl"}], "text"}}`
fn file_body(kind: &str, list: &str, file: Value, caption: Option<&str>) -> Value {
    let mut content = json!({list: [file]});
    if let Some(caption) = caption {
        content["text"] = caption.into();
    }
    json!({"type": kind, kind: content})
}
