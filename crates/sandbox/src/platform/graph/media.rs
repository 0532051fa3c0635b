//! Files: uploaded, asked for, downloaded, deleted; and examples for templates.

use serde_json::{Value, json};

use super::{Answer, Ask, success};
use crate::platform::error::ApiError;
use crate::platform::multipart;
use crate::platform::reply::Reply;
use crate::platform::state::State;

/// Where downloads are.
pub(super) const FOLDER: &str = "_media";
/// What the id of an upload of an example begins with.
pub(super) const SESSION: &str = "upload:";

pub(super) fn upload(state: &mut State, ask: &Ask<'_>) -> Answer {
    let parts = multipart::read(&ask.request.content_type, &ask.request.body);
    let parts = parts.ok_or_else(|| ApiError::new(100, "the body is no multipart/form-data"))?;
    let part = |name: &str| {
        let missing = || ApiError::new(100, format!("(#100) The parameter {name} is required."));
        parts.iter().find(|part| part.name == name).ok_or_else(missing)
    };
    if part("messaging_product")?.content.as_ref() != b"whatsapp" {
        return Err(ApiError::new(100, "Param messaging_product must be whatsapp"));
    }
    let file = part("file")?;
    // The file's own type counts; older clients give it in a field.
    let declared = part("type").ok().and_then(|part| std::str::from_utf8(&part.content).ok());
    let mime_type = file.content_type.as_deref().filter(|kind| *kind != "application/octet-stream").or(declared);
    let id = state.media.upload(ask.now_ms, mime_type.unwrap_or_default(), file.content.clone())?;
    Ok(json!({"id": id.to_string()}))
}

pub(super) fn node(state: &mut State, ask: &Ask<'_>, method: &str, id: &str) -> Answer {
    if let Some(number) = ask.parameter("phone_number_id")
        && state.number_place(number).is_none()
    {
        return Err(ApiError::no_object());
    }
    match method {
        "GET" => {
            let url = format!("{}/{FOLDER}/{id}", ask.base);
            let media = state.media.address(ask.now_ms, id).ok_or_else(ApiError::no_object)?;
            Ok(json!({
                "messaging_product": "whatsapp",
                "url": url,
                "mime_type": media.mime_type,
                "sha256": media.sha256,
                "file_size": media.bytes.len().to_string(),
                "id": id,
            }))
        }
        "DELETE" if state.media.delete(id) => Ok(success()),
        _ => Err(ApiError::no_object()),
    }
}

pub(super) fn download(state: &State, ask: &Ask<'_>, id: &str) -> Reply {
    match state.media.download(ask.now_ms, id) {
        Some(media) => {
            let content_type = media.mime_type.clone();
            Reply::file(content_type, media.bytes.clone())
        }
        None => Reply::error(&ApiError::no_object().with_status(404)),
    }
}

/// Begins the upload of an example.
pub(super) fn session() -> Value {
    json!({"id": format!("{SESSION}{:016x}", fastrand::u64(..))})
}

/// The handle of an example, which is no media id.
pub(super) fn example(ask: &Ask<'_>) -> Value {
    json!({"h": format!("4::{}:{:016x}", ask.request.body.len(), fastrand::u64(..))})
}
