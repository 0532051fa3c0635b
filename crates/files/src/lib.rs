//! What lives in files: secrets, and certificates with their keys. Read at the start, and read again when they change
//! ([`Reloadable`]); looked at by whoever checks a configuration ([`tls`], [`access`]). No content is ever logged, nor part of
//! an error.

pub mod access;
mod reload;
pub mod tls;

pub use reload::{Reload, Reloadable, read};
pub use tls::TlsFiles;

use std::path::{Path, PathBuf};

/// What is wrong with a file, for whoever wrote it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Create the file, or allow this user to read it.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Correct what the file says.
    #[error("{}: {problem}", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// Never with a part of the content.
        problem: String,
    },
    /// Give the key that the certificate was made for.
    #[error("the key in {} does not belong to the certificate in {}", key_file.display(), certificate_file.display())]
    Mismatch {
        /// Of the certificate.
        certificate_file: PathBuf,
        /// Of another one's key.
        key_file: PathBuf,
    },
}

impl FileError {
    /// The file to be corrected; of a pair that does not fit, the key's.
    pub fn file(&self) -> &Path {
        match self {
            Self::Read { file, .. } | Self::Content { file, .. } => file,
            Self::Mismatch { key_file, .. } => key_file,
        }
    }
}
