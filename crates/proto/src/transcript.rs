//! What is kept of a message for whoever reads its conversation later.

use prost::Message;
use waypost_domain::InboundMessage;

use crate::event::InvalidField;
use crate::v1::{TranscriptContent, TranscriptMedia, TranscriptWords};

/// The version that this release writes, and the highest that it reads.
pub const TRANSCRIPT_VERSION: u32 = 1;

/// What a message says, which is masked already.
pub fn encode_transcript(message: &InboundMessage) -> Vec<u8> {
    let words = message.words();
    let words = words.iter().map(|words| TranscriptWords { part: words.part.as_str().into(), text: words.text.into() });
    let media = message.as_it_is_now().media.as_ref().map(|media| TranscriptMedia {
        id: media.id.clone(),
        mime_type: media.mime_type.clone().unwrap_or_default(),
        sha256: media.sha256.clone().unwrap_or_default(),
        filename: media.filename.clone().unwrap_or_default(),
        voice: media.is_voice,
    });
    let content = TranscriptContent {
        version: TRANSCRIPT_VERSION,
        message_type: message.kind.as_str().to_owned(),
        summary: message.summary(None),
        words: words.collect(),
        media,
        about: message.about().unwrap_or_default().to_owned(),
        message_id: message.id.clone().unwrap_or_default(),
    };
    content.encode_to_vec()
}

/// What a message said, as it was kept.
pub fn decode_transcript(bytes: &[u8]) -> Result<TranscriptContent, InvalidField> {
    let invalid = |field, problem| InvalidField { message: "TranscriptContent", field, problem };
    let content = TranscriptContent::decode(bytes).map_err(|_| invalid("", "undecodable"))?;
    match content.version {
        1..=TRANSCRIPT_VERSION => Ok(content),
        _ => Err(invalid("version", "missing, or newer than this release reads")),
    }
}

#[cfg(test)]
mod tests {
    use waypost_domain::MessageKind;
    use waypost_domain::message::{Media, Quoted};

    use super::*;

    #[test]
    fn what_was_kept_reads_back() {
        let media = Media {
            id: "7".into(),
            mime_type: Some("image/jpeg".into()),
            sha256: None,
            filename: Some("a.jpg".into()),
            is_voice: false,
        };
        let message = InboundMessage {
            id: Some("wamid.B".into()),
            kind: MessageKind::Image,
            text: Some("hola".into()),
            media: Some(media),
            quoted: Some(Quoted { id: "wamid.A".into(), from: None }),
            ..InboundMessage::default()
        };
        let content = decode_transcript(&encode_transcript(&message)).unwrap();
        let parts: Vec<(&str, &str)> = content.words.iter().map(|one| (&*one.part, &*one.text)).collect();
        assert_eq!(parts, [("caption", "hola"), ("file", "a.jpg")]);
        assert_eq!((&*content.message_type, &*content.summary), ("image", "🖼 a.jpg hola"));
        assert_eq!((&*content.message_id, &*content.about), ("wamid.B", "wamid.A"));
        let media = content.media.unwrap();
        assert_eq!((&*media.id, &*media.mime_type, &*media.sha256), ("7", "image/jpeg", ""));
    }

    #[test]
    fn version_1_is_read_for_ever() {
        let bytes = b"\x08\x01\x12\x04text\x1a\x04hola\x22\x0c\x0a\x04text\x12\x04hola\x3a\x07wamid.A";
        let content = decode_transcript(bytes).unwrap();
        assert_eq!((&*content.summary, &*content.message_id), ("hola", "wamid.A"));
        assert_eq!(content.encode_to_vec(), bytes);
        for (damaged, field) in [(&b""[..], "version"), (b"\x08\x02", "version"), (b"\xff", "")] {
            assert_eq!(decode_transcript(damaged).unwrap_err().field, field);
        }
    }
}
