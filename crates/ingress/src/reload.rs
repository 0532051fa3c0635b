//! Secrets and certificates that live in files: read at the start, and read again when they change.
//!
//! A new content is taken only when two looks in a row have found it the same (nobody is writing any more) and only
//! whole; one that does not work is refused with an error in the log, and the old one stays. No content is ever logged.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::ExposeSecret;
use tracing::{error, info};
use waypost_cloud_api::signature::AppSecrets;

use crate::config::{SecretSource, TlsFiles};
use crate::error::IngressError;
use crate::metrics::Metrics;

/// More than any secret or certificate chain needs.
const FILE_BYTES_MAX: u64 = 1 << 20;

type Build<T> = Box<dyn Fn(&[Vec<u8>]) -> Result<T, IngressError> + Send>;

/// A value made of the contents of some files (of none, when it is given inline).
pub(crate) struct Reloadable<T> {
    /// What it is, for the log.
    what: &'static str,
    files: Vec<PathBuf>,
    build: Build<T>,
    current: Arc<ArcSwap<T>>,
    hasher: RandomState,
    /// Of the contents that were last built from, or refused.
    settled: u64,
    /// Of other contents, seen once.
    candidate: Option<u64>,
    unreadable: bool,
}

impl<T> Reloadable<T> {
    fn load(what: &'static str, files: Vec<PathBuf>, build: Build<T>) -> Result<Self, IngressError> {
        let contents = read_all(&files)?;
        let current = Arc::new(ArcSwap::from_pointee(build(&contents)?));
        let hasher = RandomState::new();
        let settled = hasher.hash_one(&contents);
        Ok(Self { what, files, build, current, hasher, settled, candidate: None, unreadable: false })
    }

    /// Where the value in force is always found.
    pub(crate) fn current(&self) -> Arc<ArcSwap<T>> {
        self.current.clone()
    }

    /// Looks at the files once.
    pub(crate) async fn refresh(&mut self, metrics: &Metrics) {
        if self.files.is_empty() {
            return;
        }
        let files = self.files.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || read_all(&files)).await else {
            return; // The runtime is going down.
        };
        match read {
            Ok(contents) => {
                self.unreadable = false;
                self.take(&contents, metrics);
            }
            Err(problem) => {
                if !std::mem::replace(&mut self.unreadable, true) {
                    metrics.reloads_rejected.increment(1);
                    error!(what = self.what, error = &problem as &dyn std::error::Error, "kept the old content");
                }
            }
        }
    }

    fn take(&mut self, contents: &[Vec<u8>], metrics: &Metrics) {
        let seen = self.hasher.hash_one(contents);
        if seen == self.settled {
            self.candidate = None;
            return;
        }
        if self.candidate.replace(seen) != Some(seen) {
            return;
        }
        self.settled = seen;
        self.candidate = None;
        match (self.build)(contents) {
            Ok(value) => {
                self.current.store(Arc::new(value));
                metrics.reloads_loaded.increment(1);
                info!(what = self.what, "took the new content");
            }
            Err(problem) => {
                metrics.reloads_rejected.increment(1);
                error!(what = self.what, error = &problem as &dyn std::error::Error, "kept the old content");
            }
        }
    }
}

pub(crate) fn app_secrets(sources: Vec<SecretSource>) -> Result<Reloadable<AppSecrets>, IngressError> {
    let files = files_of(&sources);
    let build = move |contents: &[Vec<u8>]| {
        AppSecrets::new(secrets(&sources, contents)?)
            .map_err(|_| IngressError::Config { field: "app_secrets", problem: "must not hold an empty secret" })
    };
    Reloadable::load("app secrets", files, Box::new(build))
}

/// The tokens that the handshake may show.
pub(crate) fn verify_tokens(source: SecretSource) -> Result<Reloadable<Vec<String>>, IngressError> {
    let sources = vec![source];
    let files = files_of(&sources);
    let build = move |contents: &[Vec<u8>]| {
        let tokens = secrets(&sources, contents)?;
        if tokens.iter().any(String::is_empty) {
            return Err(IngressError::Config { field: "verify_token", problem: "must not be empty" });
        }
        Ok(tokens)
    };
    Reloadable::load("verify token", files, Box::new(build))
}

pub(crate) fn tls_config(tls: TlsFiles) -> Result<Reloadable<ServerConfig>, IngressError> {
    let files = vec![tls.certificate_file.clone(), tls.key_file.clone()];
    let build = move |contents: &[Vec<u8>]| {
        let [certificate, key] = contents else {
            return Err(IngressError::Config { field: "tls", problem: "needs two files" });
        };
        let unusable = |file: &PathBuf, problem: String| IngressError::Content { file: file.clone(), problem };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<_, _>>()
            .map_err(|error| unusable(&tls.certificate_file, error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| unusable(&tls.key_file, error.to_string()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&tls.certificate_file, error.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| unusable(&tls.certificate_file, error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    };
    Reloadable::load("TLS certificate", files, Box::new(build))
}

fn files_of(sources: &[SecretSource]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for source in sources {
        match source {
            SecretSource::Inline(_) => {}
            SecretSource::File(file) => files.push(file.clone()),
        }
    }
    files
}

/// All secrets of `sources`; `contents` are those of the files among them, in their order.
fn secrets(sources: &[SecretSource], contents: &[Vec<u8>]) -> Result<Vec<String>, IngressError> {
    let mut secrets = Vec::new();
    let mut contents = contents.iter();
    for source in sources {
        let file = match source {
            SecretSource::Inline(secret) => {
                secrets.push(secret.expose_secret().to_owned());
                continue;
            }
            SecretSource::File(file) => file,
        };
        let unusable = |problem: &str| IngressError::Content { file: file.clone(), problem: problem.to_owned() };
        let content = contents.next().map_or(&[][..], Vec::as_slice);
        let text = std::str::from_utf8(content).map_err(|_| unusable("is not UTF-8 text"))?;
        let before = secrets.len();
        secrets.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
        if secrets.len() == before {
            return Err(unusable("holds no secret"));
        }
    }
    Ok(secrets)
}

fn read_all(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, IngressError> {
    files.iter().map(|file| read(file).map_err(|source| IngressError::Read { file: file.clone(), source })).collect()
}

fn read(file: &PathBuf) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(content)
}
