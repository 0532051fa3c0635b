//! Holds `/proto/send-request.schema.json` to the files that requests are read by; `WAYPOST_REGENERATE=1` writes it anew
//! instead. And asks the schema itself whether something fits.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};
use waypost_proto::sends::word;

const ROOT: &str = "waypost.sends.v1.SendRequest";

/// What a message must have, beside one of each of its choices: what is refused without it, whatever is sent.
const NEEDED: &[(&str, &[&str])] = &[
    ("SendRequest", &["send_id", "number", "to", "content"]),
    ("Media", &["source"]),
    ("DocumentHeader", &["source"]),
    ("Template", &["name"]),
];

/// What a text must look like, where it is refused else.
const PATTERNS: &[(&str, &str, &str)] = &[
    ("SendRequest", "send_id", "^[!-~]{1,128}$"),
    ("SendRequest", "number", "^numbers/.+$"),
    ("Recipient", "contact", "^contacts/.+$"),
];

#[test]
fn the_schema_is_current() {
    let made = format!("{:#}\n", schema());
    if std::env::var_os("WAYPOST_REGENERATE").is_some() {
        std::fs::write(file(), &made).unwrap();
    }
    let have = std::fs::read_to_string(file()).unwrap_or_default();
    assert!(have == made, "the schema is stale: run WAYPOST_REGENERATE=1 cargo test -p waypost-proto --features admin");
}

fn file() -> PathBuf {
    proto().join("send-request.schema.json")
}

fn proto() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto")
}

/// The comments by the full name of what they stand before.
type Comments = HashMap<String, String>;

fn schema() -> Value {
    let set = protox::compile([proto().join("waypost/sends/v1/send.proto")], [proto()]).unwrap();
    let pool = DescriptorPool::from_file_descriptor_set(set).unwrap();
    let comments = comments(&pool);
    let root = pool.get_message_by_name(ROOT).unwrap();
    let mut definitions = Map::new();
    let mut whole = message(&root, &comments, &mut definitions);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://waypost.invalid/send-request.schema.json",
        "title": "Waypost send request, version 1",
        "description": "What somebody wants sent: what waypost send --request and the queues of wa.send read. Made from \
                        waypost/sends/v1/send.proto. The same send_id is the same send, however often it is asked for. Fields \
                        that are not known are refused. New optional fields may be added within version 1.",
    });
    whole.as_object_mut().unwrap().extend(head.as_object().unwrap().clone());
    whole["$defs"] = Value::Object(definitions);
    whole
}

fn comments(pool: &DescriptorPool) -> Comments {
    let mut comments = Comments::new();
    for message in pool.all_messages() {
        let file = message.parent_file();
        let source = file.file_descriptor_proto().source_code_info.clone().unwrap_or_default();
        let of = |path: &[i32]| {
            let place = source.location.iter().find(|place| place.path == path);
            let text = place.map(|place| place.leading_comments().to_owned()).unwrap_or_default();
            text.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
        };
        comments.insert(message.full_name().to_owned(), of(message.path()));
        for field in message.fields() {
            comments.insert(field.full_name().to_owned(), of(field.path()));
        }
    }
    comments
}

fn message(message: &MessageDescriptor, comments: &Comments, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for one in message.fields() {
        properties.insert(one.name().to_owned(), field(&one, comments, definitions));
    }
    let mut made = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    let needed = NEEDED.iter().find(|(name, _)| *name == message.name());
    if let Some((_, fields)) = needed {
        made["required"] = json!(fields);
    }
    for choice in message.oneofs() {
        let choices: Vec<Value> = choice.fields().map(|one| json!({ "required": [one.name()] })).collect();
        made["oneOf"] = json!(choices);
    }
    let comment = &comments[message.full_name()];
    if !comment.is_empty() {
        made["description"] = json!(comment);
    }
    made
}

fn field(field: &FieldDescriptor, comments: &Comments, definitions: &mut Map<String, Value>) -> Value {
    let mut made = match field.kind() {
        Kind::Message(of) if of.full_name() == "google.protobuf.Timestamp" => {
            json!({ "type": "string", "format": "date-time" })
        }
        Kind::Message(of) => {
            let name = of.name().to_owned();
            if !definitions.contains_key(&name) {
                // One that holds itself finds its place taken.
                definitions.insert(name.clone(), Value::Null);
                let definition = message(&of, comments, definitions);
                definitions.insert(name.clone(), definition);
            }
            json!({ "$ref": format!("#/$defs/{name}") })
        }
        Kind::Enum(of) => json!({ "enum": words(&of) }),
        Kind::String => json!({ "type": "string" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Double => json!({ "type": "number" }),
        Kind::Uint32 => json!({ "type": "integer", "minimum": 0 }),
        // As text for whoever's numbers end at 2^53.
        Kind::Uint64 => json!({ "type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+$" }),
        Kind::Int64 => json!({ "type": ["integer", "string"], "pattern": "^-?[0-9]+$" }),
        other => panic!("{other:?} has no JSON form"),
    };
    let pattern = PATTERNS.iter().find(|(of, name, _)| *of == field.parent_message().name() && *name == field.name());
    if let Some((_, _, pattern)) = pattern {
        made["pattern"] = json!(pattern);
    }
    if field.is_list() {
        made = json!({ "type": "array", "items": made });
    }
    let comment = &comments[field.full_name()];
    if !comment.is_empty() {
        made["description"] = json!(comment);
    }
    made
}

fn words(of: &EnumDescriptor) -> Vec<String> {
    of.values().filter(|value| value.number() != 0).map(|value| word(&value)).collect()
}

/// Where a document does not fit the committed schema of requests first, by as much of JSON Schema as that uses.
pub(crate) fn first_misfit(document: &Value) -> Option<String> {
    misfit_of("send-request.schema.json", document)
}

/// The same for another schema of `/proto`.
pub(crate) fn misfit_of(name: &str, document: &Value) -> Option<String> {
    let schema = schema_of(name);
    misfit(&schema, &schema, document, "$")
}

/// As it is committed.
pub(crate) fn schema_of(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(proto().join(name)).unwrap()).unwrap()
}

fn misfit(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(to) = schema["$ref"].as_str() {
        let definition = root.pointer(to.trim_start_matches('#')).unwrap_or_else(|| panic!("{to} is missing"));
        return misfit(root, definition, value, at);
    }
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is_kind = |kind: &&str| match *kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("{other}"),
    };
    if !kinds.is_empty() && !kinds.iter().any(is_kind) {
        return Some(format!("{at}: is not {kinds:?}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Some(format!("{at}: is none of its words"));
    }
    if schema["minimum"].as_i64().zip(value.as_i64()).is_some_and(|(least, value)| value < least) {
        return Some(format!("{at}: is too small"));
    }
    if let Some((pattern, text)) = schema["pattern"].as_str().zip(value.as_str())
        && !regex::Regex::new(pattern).unwrap().is_match(text)
    {
        return Some(format!("{at}: does not match"));
    }
    if let Some(items) = value.as_array() {
        let mut items = items.iter().enumerate();
        return items.find_map(|(n, item)| misfit(root, &schema["items"], item, &format!("{at}[{n}]")));
    }
    value.as_object().and_then(|fields| object_misfit(root, schema, fields, at))
}

fn object_misfit(root: &Value, schema: &Value, fields: &Map<String, Value>, at: &str) -> Option<String> {
    let has = |name: &Value| name.as_str().is_some_and(|name| fields.contains_key(name));
    let has_all = |names: &Value| names.as_array().is_none_or(|names| names.iter().all(has));
    if !has_all(&schema["required"]) {
        return Some(format!("{at}: something is missing"));
    }
    if let Some(choices) = schema["oneOf"].as_array()
        && choices.iter().filter(|choice| has_all(&choice["required"])).count() != 1
    {
        return Some(format!("{at}: not exactly one"));
    }
    fields.iter().find_map(|(name, value)| match schema["properties"].get(name) {
        Some(schema) => misfit(root, schema, value, &format!("{at}.{name}")),
        None => Some(format!("{at}.{name}: is not known")),
    })
}
