//! Media: which types and sizes WhatsApp takes (Meta's page on media, "Supported media types"). The type is that of the
//! bytes, found by whoever has them; what a file calls itself is not looked at here.

use waypost_domain::send::content::{Media, MediaKind, MediaSource};

use super::texts::{self, Texts};
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, refuse};

const CAPTION_MAX: usize = 1024;
const FILENAME_MAX: usize = 240;
const URL_MAX: usize = 2000;
const MB: u64 = 1024 * 1024;

const DOCUMENTS: &[&str] = &[
    "application/pdf",
    "text/plain",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
];

pub(super) fn fits(media: &mut Media, texts: &mut Texts) -> Answer {
    source(media.kind.as_str(), &media.source)?;
    if let Some(mime_type) = &media.mime_type {
        of_type(media.kind, mime_type, media.voice)?;
    }
    if let Some(bytes) = media.size_bytes {
        of_size(media.kind, bytes)?;
    }
    if media.caption.is_some() && matches!(media.kind, MediaKind::Audio | MediaKind::Sticker) {
        let finding = Finding::new(Rule::ContentInvalid).field("caption");
        return refuse(finding.detail(format!("{} has none; send it as a text", media.kind.as_str())));
    }
    texts.optional("caption", media.caption.as_mut(), CAPTION_MAX)?;
    media.filename.as_ref().map_or(Ok(()), |name| texts::id("filename", name, FILENAME_MAX))
}

/// An id, or a whole address.
pub(crate) fn source(field: &str, source: &MediaSource) -> Answer {
    match source {
        MediaSource::Id(id) => texts::id(&format!("{field}.id"), id, URL_MAX),
        MediaSource::Link(link) => texts::address(&format!("{field}.link"), link, URL_MAX),
    }
}

fn of_type(kind: MediaKind, mime_type: &str, is_voice: bool) -> Answer {
    // `audio/ogg; codecs=opus`
    let plain = mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let allowed = if is_voice && kind == MediaKind::Audio { &["audio/ogg"] } else { media_limits(kind).types };
    if allowed.contains(&plain.as_str()) {
        return Ok(());
    }
    let detail = format!("{plain}; there are {}", allowed.join(", "));
    refuse(Finding::new(Rule::MediaType).field("mime_type").detail(detail))
}

fn of_size(kind: MediaKind, bytes: u64) -> Answer {
    let max = media_limits(kind).bytes_max;
    match bytes {
        0 => refuse(Finding::new(Rule::ContentMissing).field("size_bytes").detail("the file is empty")),
        _ if bytes > max => {
            refuse(Finding::new(Rule::MediaSize).field("size_bytes").detail(format!("{bytes} bytes of at most {max}")))
        }
        _ => Ok(()),
    }
}

/// What WhatsApp takes of a kind of media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaLimits {
    /// Of one file.
    pub bytes_max: u64,
    /// Without parameters: `audio/ogg` only with Opus in it.
    pub types: &'static [&'static str],
}

/// What WhatsApp takes of `kind`.
pub const fn media_limits(kind: MediaKind) -> MediaLimits {
    let (bytes_max, types): (_, &[&str]) = match kind {
        MediaKind::Image => (5 * MB, &["image/jpeg", "image/png"]),
        MediaKind::Video => (16 * MB, &["video/mp4", "video/3gpp"]),
        MediaKind::Audio => (16 * MB, &["audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"]),
        MediaKind::Document => (100 * MB, DOCUMENTS),
        // Animated ones; others have 100 KB, which only the bytes tell.
        MediaKind::Sticker => (500 * 1024, &["image/webp"]),
    };
    MediaLimits { bytes_max, types }
}
