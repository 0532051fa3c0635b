//! What a file is, by its bytes: WhatsApp accepts a file that calls itself something else, and then fails to deliver it.
//! What it does not take is refused here, before anything is sent (<https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media>).
//!
//! Only the few types that WhatsApp takes are told apart, and those that people try instead. Names and declared types are
//! asked only where the bytes of several types are alike.

use std::fmt;

use waypost_domain::send::content::MediaKind;
use waypost_policy::media_limits;

/// Of a sticker that does not move.
const STILL_STICKER_BYTES_MAX: u64 = 100 << 10;
/// In which a file of text, a PDF and the parts of an Office file are looked for.
const LOOKED_AT: usize = 64 << 10;

/// The type of a file that can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaType {
    /// With its parameters: `audio/ogg; codecs=opus`.
    pub mime_type: &'static str,
    /// What the file's name must end with, without the dot.
    pub extension: &'static str,
}

/// Why a file cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaRefused {
    /// It holds nothing.
    #[error("the file is empty")]
    Empty,
    /// Another kind may take it, or nothing does.
    #[error("the file is {found}; {kind} takes {}", Allowed(*kind), kind = kind.as_str())]
    Type {
        /// What it is.
        found: &'static str,
        /// What it was to be sent as.
        kind: MediaKind,
    },
    /// It has to be made smaller.
    #[error("the file has {bytes} bytes of at most {bytes_max}")]
    Size {
        /// It has.
        bytes: u64,
        /// It may have.
        bytes_max: u64,
    },
}

/// What a file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hints<'a> {
    /// The type that its sender declared.
    pub mime_type: Option<&'a str>,
    /// Its name.
    pub name: Option<&'a str>,
}

/// The types of a kind, for a sentence.
struct Allowed(MediaKind);

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mime_type) in media_limits(self.0).types.iter().enumerate() {
            let before = if at == 0 { "" } else { ", " };
            let with = if *mime_type == "audio/ogg" { " (Opus, mono)" } else { "" };
            write!(f, "{before}{mime_type}{with}")?;
        }
        Ok(())
    }
}

/// What `bytes` is uploaded as, to be sent as `kind`.
pub fn media_type(kind: MediaKind, bytes: &[u8], hints: Hints<'_>) -> Result<MediaType, MediaRefused> {
    if bytes.is_empty() {
        return Err(MediaRefused::Empty);
    }
    let (found, extension) = match found(bytes, kind, hints) {
        Found::Type(mime_type, extension) => (mime_type, extension),
        Found::Nothing(found) => return Err(MediaRefused::Type { found, kind }),
    };
    let limits = media_limits(kind);
    let plain = found.split(';').next().unwrap_or_default();
    if !limits.types.contains(&plain) {
        return Err(MediaRefused::Type { found, kind });
    }
    let still = kind == MediaKind::Sticker && !moves(bytes);
    let bytes_max = if still { STILL_STICKER_BYTES_MAX } else { limits.bytes_max };
    let size = bytes.len() as u64;
    if size > bytes_max {
        return Err(MediaRefused::Size { bytes: size, bytes_max });
    }
    Ok(MediaType { mime_type: found, extension })
}

enum Found {
    /// What some kind takes, and its extension.
    Type(&'static str, &'static str),
    /// What none does, in a word.
    Nothing(&'static str),
}

fn found(bytes: &[u8], kind: MediaKind, hints: Hints<'_>) -> Found {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Found::Type("image/jpeg", "jpg"),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, rest @ ..] => png(rest),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Found::Type("image/webp", "webp"),
        [b'O', b'g', b'g', b'S', ..] => ogg(bytes),
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => iso_media(brand, kind),
        [b'#', b'!', b'A', b'M', b'R', b'\n', ..] => Found::Type("audio/amr", "amr"),
        [b'I', b'D', b'3', ..] => Found::Type("audio/mpeg", "mp3"),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Found::Nothing("WebM or Matroska"),
        [b'G', b'I', b'F', b'8', ..] => Found::Nothing("a GIF"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Found::Nothing("a WAV"),
        [b'P', b'K', 3, 4, ..] => office(bytes),
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => old_office(hints),
        // Two sync bytes, then the layer: 0 is AAC's, 1 is what is called MP3.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Found::Type("audio/aac", "aac"),
        [0xff, second, ..] if second & 0xe6 == 0xe2 => Found::Type("audio/mpeg", "mp3"),
        _ if contains(&bytes[..bytes.len().min(1024)], b"%PDF-") => Found::Type("application/pdf", "pdf"),
        _ if is_text(bytes) => Found::Type("text/plain", "txt"),
        _ => Found::Nothing("of a type that is not known here"),
    }
}

/// `rest` begins with the first chunk, which tells the depth of a colour.
fn png(rest: &[u8]) -> Found {
    match rest.get(16) {
        Some(16) => Found::Nothing("a PNG of 16 bits a colour"),
        Some(_) | None => Found::Type("image/png", "png"),
    }
}

/// The first packet of an Ogg file names the codec; that of Opus tells the channels, too.
fn ogg(bytes: &[u8]) -> Found {
    const HEAD: &[u8] = b"OpusHead";
    let head = &bytes[..bytes.len().min(512)];
    match head.windows(HEAD.len()).position(|window| window == HEAD) {
        Some(at) if head.get(at + HEAD.len() + 1).is_some_and(|channels| *channels == 1) => {
            Found::Type("audio/ogg; codecs=opus", "ogg")
        }
        Some(_) => Found::Nothing("Opus with more than one channel"),
        None => Found::Nothing("Ogg without Opus"),
    }
}

/// MP4 and its relatives, by the brand. Sound in the brand of films is common.
fn iso_media(brand: &[u8], kind: MediaKind) -> Found {
    match brand {
        [b'3', b'g', ..] => Found::Type("video/3gpp", "3gp"),
        [b'q', b't', b' ', b' ', ..] => Found::Nothing("a QuickTime film"),
        [b'h', b'e', b'i' | b'v', ..] | [b'm', b'i', b'f', b'1', ..] => Found::Nothing("a HEIC picture"),
        [b'a', b'v', b'i', b'f', ..] => Found::Nothing("an AVIF picture"),
        [b'M', b'4', b'A' | b'B', ..] => Found::Type("audio/mp4", "m4a"),
        _ if kind == MediaKind::Audio => Found::Type("audio/mp4", "m4a"),
        _ => Found::Type("video/mp4", "mp4"),
    }
}

/// The Office of today packs its parts in a ZIP, whose directory (at the end) has their names as they are.
fn office(bytes: &[u8]) -> Found {
    let ends = [&bytes[..bytes.len().min(LOOKED_AT)], &bytes[bytes.len().saturating_sub(LOOKED_AT)..]];
    let has = |part: &[u8]| ends.iter().any(|end| contains(end, part));
    if has(b"word/document") {
        Found::Type("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx")
    } else if has(b"xl/workbook") {
        Found::Type("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx")
    } else if has(b"ppt/presentation") {
        Found::Type("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx")
    } else {
        Found::Nothing("a ZIP")
    }
}

/// The Office of old has the same bytes at the beginning of everything.
fn old_office(hints: Hints<'_>) -> Found {
    let extension = hints.name.and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension.to_lowercase());
    match (hints.mime_type, extension.as_deref()) {
        (Some("application/msword"), _) | (_, Some("doc")) => Found::Type("application/msword", "doc"),
        (Some("application/vnd.ms-excel"), _) | (_, Some("xls")) => Found::Type("application/vnd.ms-excel", "xls"),
        (Some("application/vnd.ms-powerpoint"), _) | (_, Some("ppt")) => {
            Found::Type("application/vnd.ms-powerpoint", "ppt")
        }
        _ => Found::Nothing("of an old Office, and does not say of which"),
    }
}

/// Whether a WebP has more than one picture: a bit of its extended header.
fn moves(webp: &[u8]) -> bool {
    const ANIMATION: u8 = 0b10;
    webp.get(12..16) == Some(b"VP8X") && webp.get(20).is_some_and(|flags| flags & ANIMATION != 0)
}

fn is_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(LOOKED_AT)];
    let is_whole = match std::str::from_utf8(head) {
        Ok(_) => true,
        // The last character may have been cut.
        Err(error) => error.error_len().is_none() && head.len() < bytes.len(),
    };
    is_whole && !head.iter().any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use MediaKind::*;

    const OPUS: &[u8] = b"OggS\0\x02\0\0\0\0\0\0\0\0abcd\0\0\0\0efgh\x01\x13OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0";

    fn of(kind: MediaKind, bytes: &[u8]) -> Result<MediaType, MediaRefused> {
        media_type(kind, bytes, Hints::default())
    }

    fn check(kind: MediaKind, bytes: &[u8], mime_type: &'static str, extension: &'static str) {
        assert_eq!(of(kind, bytes), Ok(MediaType { mime_type, extension }), "{}", bytes.escape_ascii());
    }

    fn refused(kind: MediaKind, bytes: &[u8], want: &str) {
        let error = of(kind, bytes).unwrap_err().to_string();
        assert!(error.starts_with(want), "{error}");
    }

    #[test]
    fn files_are_what_their_bytes_are() {
        check(Image, b"\xff\xd8\xff\xe0", "image/jpeg", "jpg");
        check(Image, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08", "image/png", "png");
        check(Sticker, b"RIFF\0\0\0\0WEBPVP8 ", "image/webp", "webp");
        check(Video, b"\0\0\0\x18ftypmp42", "video/mp4", "mp4");
        check(Video, b"\0\0\0\x18ftypisom", "video/mp4", "mp4");
        check(Video, b"\0\0\0\x18ftyp3gp4", "video/3gpp", "3gp");
        check(Audio, b"\0\0\0\x18ftypM4A ", "audio/mp4", "m4a");
        check(Audio, b"\0\0\0\x18ftypisom", "audio/mp4", "m4a");
        check(Audio, b"ID3\x03", "audio/mpeg", "mp3");
        check(Audio, b"\xff\xfb\x90\x64", "audio/mpeg", "mp3");
        check(Audio, b"\xff\xf1\x50\x80", "audio/aac", "aac");
        check(Audio, b"#!AMR\n", "audio/amr", "amr");
        check(Document, b"%PDF-1.7", "application/pdf", "pdf");
        check(Document, "größer\n".as_bytes(), "text/plain", "txt");
        let office = "application/vnd.openxmlformats-officedocument";
        for (part, rest, extension) in [
            ("word/document.xml", "wordprocessingml.document", "docx"),
            ("xl/workbook.xml", "spreadsheetml.sheet", "xlsx"),
            ("ppt/presentation.xml", "presentationml.presentation", "pptx"),
        ] {
            let file = [b"PK\x03\x04", "x".repeat(200_000).as_bytes(), part.as_bytes()].concat();
            let found = of(Document, &file).unwrap();
            assert_eq!((found.mime_type, found.extension), (&*format!("{office}.{rest}"), extension));
        }
    }

    #[test]
    fn opus_is_uploaded_as_ogg_whatever_it_calls_itself() {
        let want = Ok(MediaType { mime_type: "audio/ogg; codecs=opus", extension: "ogg" });
        for (mime_type, name) in [(Some("audio/opus"), None), (None, Some("voice.mp4")), (None, None)] {
            assert_eq!(media_type(Audio, OPUS, Hints { mime_type, name }), want);
        }
        let mut stereo = OPUS.to_vec();
        stereo[37] = 2;
        refused(Audio, &stereo, "the file is Opus with more than one channel; audio takes");
        refused(Audio, b"OggS\0\x02\x01vorbis", "the file is Ogg without Opus; audio takes");
    }

    #[test]
    fn what_is_not_taken_is_told_what_is() {
        let audio = "audio takes audio/aac, audio/amr, audio/mpeg, audio/mp4, audio/ogg (Opus, mono)";
        refused(Audio, b"\x1a\x45\xdf\xa3webm", &format!("the file is WebM or Matroska; {audio}"));
        refused(Audio, b"RIFF\0\0\0\0WAVE", "the file is a WAV");
        refused(Video, b"\0\0\0\x14ftypqt  ", "the file is a QuickTime film; video takes video/mp4, video/3gpp");
        refused(Image, b"\0\0\0\x14ftypheic", "the file is a HEIC picture; image takes image/jpeg, image/png");
        refused(Image, b"GIF89a", "the file is a GIF");
        refused(Image, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x10", "the file is a PNG of 16 bits");
        refused(Image, b"%PDF-1.7", "the file is application/pdf; image takes");
        refused(Document, b"PK\x03\x04mimetype", "the file is a ZIP");
        refused(Document, b"\x7fELF\0\0", "the file is of a type that is not known here");
        refused(Document, b"\xc3", "the file is of a type that is not known here");
        refused(Image, b"", "the file is empty");
    }

    #[test]
    fn an_old_office_file_has_to_say_of_which_program_it_is() {
        const OLD: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
        let with = |mime_type, name| media_type(Document, OLD, Hints { mime_type, name }).map(|found| found.extension);
        assert_eq!(with(Some("application/msword"), None), Ok("doc"));
        assert_eq!(with(None, Some("Prices 2026.XLS")), Ok("xls"));
        assert_eq!(with(Some("application/vnd.ms-powerpoint"), Some("x")), Ok("ppt"));
        assert!(with(None, Some("x.exe")).is_err());
    }

    #[test]
    fn files_have_a_size() {
        let of_size = |head: &[u8], size: usize| [head, &vec![0; size - head.len()]].concat();
        let still = |size| of(Sticker, &of_size(b"RIFF\0\0\0\0WEBPVP8 ", size));
        let moving = |size| of(Sticker, &of_size(b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\x02", size));
        let image = |size| of(Image, &of_size(b"\xff\xd8\xff", size));
        assert!(still(100 << 10).is_ok() && moving(500 << 10).is_ok() && image(5 << 20).is_ok());
        let too_large = |bytes: u64| Err(MediaRefused::Size { bytes, bytes_max: bytes - 1 });
        assert_eq!(still((100 << 10) + 1), too_large((100 << 10) + 1));
        assert_eq!(moving((500 << 10) + 1), too_large((500 << 10) + 1));
        assert_eq!(image((5 << 20) + 1), too_large((5 << 20) + 1));
    }
}
