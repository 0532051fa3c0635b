//! A request to send as JSON, as it comes over AMQP: described by `/proto/send-request.schema.json`, which is made from the same
//! descriptors that it is read by. Strict: what it does not know it refuses, so that a slip of the pen is not a message
//! without its expiry. Every field that does not fit is named; what stands in it is never repeated.

use prost::Name;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, EnumValueDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value,
};
use serde_json::Value as Json;

use super::{FieldViolation, FieldViolations, Problems, SendDraft, read_send};
use crate::admin::descriptor;
use crate::sends_v1 as wire;

/// Nothing that WhatsApp takes comes near it.
pub const JSON_BYTES_MAX: usize = 256 * 1024;
/// A longer name of a field is not repeated.
const NAME_BYTES_MAX: usize = 64;

/// A request, out of the body of a message.
pub fn read_json(body: &[u8]) -> Result<SendDraft, FieldViolations> {
    read_send(parse_json(body)?, "")
}

/// The same for who passes it on.
pub fn parse_json(body: &[u8]) -> Result<wire::SendRequest, FieldViolations> {
    parse(body)
}

/// The values of a template, as a request has them.
pub fn parse_values(body: &[u8]) -> Result<wire::TemplateValues, FieldViolations> {
    parse(body)
}

/// A recipient of a campaign, as a line of a file has it.
pub fn parse_recipient(body: &[u8]) -> Result<crate::admin_v1::CampaignRecipientInput, FieldViolations> {
    parse(body)
}

fn parse<M: Name + Default>(body: &[u8]) -> Result<M, FieldViolations> {
    let whole = |problem: String| FieldViolations(vec![FieldViolation { field: "body".to_owned(), problem }]);
    if body.len() > JSON_BYTES_MAX {
        return Err(whole(format!("must have at most {JSON_BYTES_MAX} bytes")));
    }
    let json: Json = serde_json::from_slice(body)
        .map_err(|error| whole(format!("is no JSON: line {}, column {}", error.line(), error.column())))?;
    let mut problems = Problems::default();
    let read = problems.message("", &descriptor::<M>(), &json);
    let message = problems.finish(read)?;
    message.transcode_to().map_err(|_| whole("is no request".to_owned()))
}

/// A value of an enum as it stands in JSON: small, and without what all its values begin with.
pub fn word(value: &EnumValueDescriptor) -> String {
    let parent = value.parent_enum();
    let first = parent.default_value();
    let prefix = first.name().strip_suffix("UNSPECIFIED").unwrap_or_default();
    value.name().strip_prefix(prefix).unwrap_or(value.name()).to_lowercase()
}

impl Problems {
    fn message(&mut self, at: &str, descriptor: &MessageDescriptor, json: &Json) -> Option<DynamicMessage> {
        if descriptor.full_name() == "google.protobuf.Timestamp" {
            return self.instant(at, descriptor, json);
        }
        let Json::Object(fields) = json else {
            let at = if at.is_empty() { "body" } else { at };
            return self.refuse(at, "must be an object");
        };
        let mut message = DynamicMessage::new(descriptor.clone());
        for (name, json) in fields {
            let at = path(at, name);
            let Some(field) = descriptor.get_field_by_name(name) else {
                let known: Vec<String> = descriptor.fields().map(|field| field.name().to_owned()).collect();
                self.refuse::<()>(at, format!("is no field; these are: {}", known.join(", ")));
                continue;
            };
            if json.is_null() {
                continue;
            }
            let rival = field.containing_oneof().and_then(|oneof| oneof.fields().find(|one| message.has_field(one)));
            if let Some(rival) = rival {
                self.refuse::<()>(at, format!("cannot be beside {}", rival.name()));
            } else if let Some(value) = self.field(&at, &field, json) {
                message.set_field(&field, value);
            }
        }
        Some(message)
    }

    fn field(&mut self, at: &str, field: &FieldDescriptor, json: &Json) -> Option<Value> {
        if !field.is_list() {
            return self.value(at, &field.kind(), json);
        }
        let Json::Array(items) = json else { return self.refuse(at, "must be a list") };
        let kind = field.kind();
        let items = items.iter().enumerate();
        Some(Value::List(
            items.filter_map(|(place, item)| self.value(&format!("{at}[{place}]"), &kind, item)).collect(),
        ))
    }

    fn value(&mut self, at: &str, kind: &Kind, json: &Json) -> Option<Value> {
        // The canonical JSON of protobuf has numbers of 64 bits as text.
        let digits = json.as_str();
        let (value, must) = match kind {
            Kind::Message(descriptor) => return self.message(at, descriptor, json).map(Value::Message),
            Kind::Enum(words) => return self.word(at, words, json),
            Kind::String => (json.as_str().map(|text| Value::String(text.to_owned())), "must be a text"),
            Kind::Bool => (json.as_bool().map(Value::Bool), "must be true or false"),
            Kind::Double => (json.as_f64().map(Value::F64), "must be a number"),
            Kind::Uint32 => {
                let number = json.as_u64().and_then(|number| u32::try_from(number).ok());
                (number.map(Value::U32), "must be a whole number, 0 or more")
            }
            Kind::Uint64 => {
                let number = json.as_u64().or_else(|| digits?.parse().ok());
                (number.map(Value::U64), "must be a whole number, 0 or more")
            }
            Kind::Int64 => {
                let number = json.as_i64().or_else(|| digits?.parse().ok());
                (number.map(Value::I64), "must be a whole number")
            }
            _ => (None, "is of a kind that has no JSON form here"),
        };
        value.or_else(|| self.refuse(at, must))
    }

    fn word(&mut self, at: &str, words: &EnumDescriptor, json: &Json) -> Option<Value> {
        let known: Vec<EnumValueDescriptor> = words.values().filter(|value| value.number() != 0).collect();
        let meant = known.iter().find(|value| json.as_str() == Some(&*word(value)));
        match meant {
            Some(value) => Some(Value::EnumNumber(value.number())),
            None => {
                let known: Vec<String> = known.iter().map(word).collect();
                self.refuse(at, format!("must be one of {}", known.join(", ")))
            }
        }
    }

    fn instant(&mut self, at: &str, descriptor: &MessageDescriptor, json: &Json) -> Option<DynamicMessage> {
        let read = json.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let Some(read) = read else { return self.refuse(at, "must be a time, e.g. 2026-12-01T09:30:00Z") };
        let time = prost_types::Timestamp { seconds: read.as_second(), nanos: read.subsec_nanosecond() };
        let mut message = DynamicMessage::new(descriptor.clone());
        // A time before 1970 has the fraction below zero, and is refused for its year by whoever reads it.
        message.transcode_from(&time).ok()?;
        Some(message)
    }
}

fn path(at: &str, name: &str) -> String {
    let is_name = name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    // Whatever else stands there may be somebody's.
    let name = if is_name { name } else { "?" };
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}
