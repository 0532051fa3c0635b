//! Files at the platform: uploaded by the business, or sent by customers. Plain state, given the time.

use std::collections::HashMap;

use bytes::Bytes;
use ring::digest::{SHA256, digest};

use super::error::ApiError;

/// Of what the business uploads.
const UPLOADED_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Of what customers send.
const RECEIVED_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Of an address to download from.
const ADDRESS_MS: i64 = 5 * 60 * 1000;
const FIRST_ID: u64 = 1_003_383_421_000_001;
/// Bytes of all files together.
const TOTAL_BYTES_MAX: usize = 512 << 20;
const MIB: usize = 1 << 20;

/// What Meta takes: type, the most bytes.
const TYPES: &[(&str, usize)] = &[
    ("audio/aac", 16 * MIB),
    ("audio/amr", 16 * MIB),
    ("audio/mpeg", 16 * MIB),
    ("audio/mp4", 16 * MIB),
    ("audio/ogg", 16 * MIB),
    ("audio/opus", 16 * MIB),
    ("application/pdf", 100 * MIB),
    ("application/msword", 100 * MIB),
    ("application/vnd.ms-excel", 100 * MIB),
    ("application/vnd.ms-powerpoint", 100 * MIB),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", 100 * MIB),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 100 * MIB),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", 100 * MIB),
    ("image/jpeg", 5 * MIB),
    ("image/png", 5 * MIB),
    ("image/webp", 500 << 10),
    ("text/plain", 100 * MIB),
    ("video/3gpp", 16 * MIB),
    ("video/mp4", 16 * MIB),
];

pub(crate) struct Media {
    pub(crate) mime_type: String,
    pub(crate) bytes: Bytes,
    pub(crate) sha256: String,
    expires_ms: i64,
    /// Until when the last address that was asked for works.
    address_ends_ms: i64,
}

#[derive(Default)]
pub(crate) struct MediaStore {
    all: HashMap<u64, Media>,
    count: u64,
    total_bytes: usize,
}

impl MediaStore {
    /// What the business uploads; its id.
    pub(crate) fn upload(&mut self, now_ms: i64, mime_type: &str, bytes: Bytes) -> Result<u64, ApiError> {
        let bare = mime_type.split(';').next().unwrap_or_default().trim();
        let (_, bytes_max) = TYPES.iter().find(|(known, _)| *known == bare).ok_or_else(|| {
            let types: Vec<&str> = TYPES.iter().map(|(known, _)| *known).collect();
            ApiError::new(
                100,
                format!("Param file must be a file with one of the following types: {}", types.join(", ")),
            )
        })?;
        if bytes.is_empty() || bytes.len() > *bytes_max {
            return Err(ApiError::new(100, format!("Param file must have 1 to {bytes_max} bytes")));
        }
        self.keep(now_ms + UPLOADED_MS, mime_type, bytes)
    }

    /// What a customer sends; its id.
    pub(crate) fn receive(&mut self, now_ms: i64, mime_type: &str, bytes: Bytes) -> Result<u64, ApiError> {
        self.keep(now_ms + RECEIVED_MS, mime_type, bytes)
    }

    fn keep(&mut self, expires_ms: i64, mime_type: &str, bytes: Bytes) -> Result<u64, ApiError> {
        if self.total_bytes + bytes.len() > TOTAL_BYTES_MAX {
            return Err(ApiError::new(131_000, "the sandbox keeps no more files"));
        }
        let id = FIRST_ID + self.count;
        self.count += 1;
        self.total_bytes += bytes.len();
        let sha256 = hex::encode(digest(&SHA256, &bytes));
        let media = Media { mime_type: mime_type.to_owned(), bytes, sha256, expires_ms, address_ends_ms: 0 };
        self.all.insert(id, media);
        Ok(id)
    }

    pub(crate) fn get(&self, now_ms: i64, id: &str) -> Option<&Media> {
        self.all.get(&id.parse().ok()?).filter(|media| now_ms < media.expires_ms)
    }

    /// A file whose address works for five minutes from now.
    pub(crate) fn address(&mut self, now_ms: i64, id: &str) -> Option<&Media> {
        let media = self.all.get_mut(&id.parse().ok()?).filter(|media| now_ms < media.expires_ms)?;
        media.address_ends_ms = now_ms + ADDRESS_MS;
        Some(media)
    }

    /// What is behind an address that still works.
    pub(crate) fn download(&self, now_ms: i64, id: &str) -> Option<&Media> {
        self.get(now_ms, id).filter(|media| now_ms < media.address_ends_ms)
    }

    pub(crate) fn delete(&mut self, id: &str) -> bool {
        let gone = id.parse().ok().and_then(|id: u64| self.all.remove(&id));
        self.total_bytes -= gone.as_ref().map_or(0, |media| media.bytes.len());
        gone.is_some()
    }
}

impl Media {
    /// Whether the bytes are what the type says, as far as their beginning tells.
    pub(crate) fn is_what_it_says(&self) -> bool {
        const ISO: &[u8] = b"ftyp";
        let bytes = self.bytes.as_ref();
        let begins = |magic: &[u8]| bytes.starts_with(magic);
        match self.mime_type.split(';').next().unwrap_or_default().trim() {
            "image/jpeg" => begins(&[0xff, 0xd8, 0xff]),
            "image/png" => begins(&[0x89, b'P', b'N', b'G']),
            "image/webp" => begins(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"),
            "application/pdf" => begins(b"%PDF"),
            "video/mp4" | "video/3gpp" | "audio/mp4" => bytes.get(4..8) == Some(ISO),
            "audio/ogg" => begins(b"OggS"),
            // Taken at the upload, and of no use to any phone.
            "audio/opus" => false,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lives_for_a_month_and_its_address_for_five_minutes() {
        let mut store = MediaStore::default();
        let png = Bytes::from_static(b"\x89PNG and so on");
        let id = store.upload(0, "image/png", png.clone()).unwrap().to_string();
        assert!(store.download(0, &id).is_none(), "nobody has asked for the address");
        assert_eq!(store.address(0, &id).unwrap().bytes, png);
        assert!(store.download(ADDRESS_MS - 1, &id).is_some());
        assert!(store.download(ADDRESS_MS, &id).is_none());
        assert!(store.get(UPLOADED_MS - 1, &id).is_some_and(Media::is_what_it_says));
        assert!(store.get(UPLOADED_MS, &id).is_none());
        assert!(store.delete(&id) && !store.delete(&id));
        assert_eq!(store.total_bytes, 0);
    }

    #[test]
    fn types_and_sizes_are_looked_at() {
        let mut store = MediaStore::default();
        assert_eq!(store.upload(0, "audio/webm", Bytes::from_static(b"x")).unwrap_err().code, 100);
        assert_eq!(store.upload(0, "image/webp", vec![0; 600 << 10].into()).unwrap_err().code, 100);
        let id = store.upload(0, "audio/ogg; codecs=opus", Bytes::from_static(b"not ogg")).unwrap();
        assert!(!store.get(0, &id.to_string()).unwrap().is_what_it_says());
    }
}
