//! A server's certificate and its key, and whose certificates it takes from its callers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::{FileError, Reloadable, read};

/// PEM files, read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and its authority.
    pub certificate_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// Certificate authorities of the callers: with these, each needs a certificate of its own.
    pub client_ca_file: Option<PathBuf>,
}

/// What connections that begin from now on are shown. `protocols`: as the server offers them (ALPN), the first before the
/// others.
pub fn server_config(
    files: TlsFiles,
    protocols: &'static [&'static [u8]],
) -> Result<Reloadable<ServerConfig>, FileError> {
    let paths = [&files.certificate_file, &files.key_file].into_iter().chain(&files.client_ca_file).cloned().collect();
    Reloadable::load("TLS certificate", paths, move |contents| build(&files, protocols, contents))
}

/// Everything that is wrong with these files, whichever is looked at first when they are loaded.
pub fn problems(files: &TlsFiles) -> Vec<FileError> {
    let TlsFiles { certificate_file, key_file, client_ca_file } = files;
    let certificate = read(certificate_file).and_then(|content| certificates(certificate_file, &content).map(drop));
    let key = read(key_file).and_then(|content| private_key(key_file, &content).map(drop));
    let client_ca = client_ca_file.as_deref().map_or(Ok(()), |file| {
        let content = read(file)?;
        authorities(file, &content).map(drop)
    });
    let apart: Vec<FileError> = [certificate, key, client_ca].into_iter().filter_map(Result::err).collect();
    if apart.is_empty() { server_config(files.clone(), &[]).err().into_iter().collect() } else { apart }
}

/// The certificates of authorities in a PEM file.
pub fn authorities(file: &Path, content: &[u8]) -> Result<RootCertStore, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file, content)? {
        roots.add(certificate).map_err(|error| unusable(file, error))?;
    }
    Ok(roots)
}

fn build(files: &TlsFiles, protocols: &[&[u8]], contents: &[Vec<u8>]) -> Result<ServerConfig, FileError> {
    let content = |place: usize| contents.get(place).map(Vec::as_slice).unwrap_or_default();
    let TlsFiles { certificate_file, key_file, client_ca_file } = files;
    let chain = certificates(certificate_file, content(0))?;
    let key = private_key(key_file, content(1))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(certificate_file, error))?;
    let builder = match client_ca_file {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let roots = Arc::new(authorities(file, content(2))?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            let verifier: Arc<dyn ClientCertVerifier> = verifier.map_err(|error| unusable(file, error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            FileError::Mismatch { certificate_file: certificate_file.clone(), key_file: key_file.clone() }
        }
        error @ rustls::Error::InvalidCertificate(_) => unusable(certificate_file, error),
        // Of the key.
        other => unusable(key_file, other),
    })?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// At least one.
fn certificates(file: &Path, content: &[u8]) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(content).collect::<Result<_, _>>().map_err(|error| unusable(file, error))?;
    if found.is_empty() { Err(unusable(file, "holds no certificate (PEM)")) } else { Ok(found) }
}

fn private_key(file: &Path, content: &[u8]) -> Result<PrivateKeyDer<'static>, FileError> {
    PrivateKeyDer::from_pem_slice(content).map_err(|error| match error {
        pem::Error::NoItemsFound => unusable(file, "holds no private key (PEM)"),
        other => unusable(file, other),
    })
}

fn unusable(file: &Path, problem: impl std::fmt::Display) -> FileError {
    FileError::Content { file: file.to_owned(), problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;
    use crate::Reload;

    const PROTOCOLS: &[&[u8]] = &[b"h2"];

    /// PEM, and no certificate.
    const BROKEN: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    /// Certificate and key, PEM.
    fn pair() -> (String, String) {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    fn files(folder: &Path) -> TlsFiles {
        let [certificate_file, key_file, ca] = ["tls.crt", "tls.key", "ca.crt"].map(|name| folder.join(name));
        TlsFiles { certificate_file, key_file, client_ca_file: Some(ca) }
    }

    fn write(files: &TlsFiles, certificate: &str, key: &str, ca: &str) {
        fs::write(&files.certificate_file, certificate).unwrap();
        fs::write(&files.key_file, key).unwrap();
        fs::write(files.client_ca_file.as_ref().unwrap(), ca).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let shown = |result: Result<Reloadable<ServerConfig>, FileError>| {
            let error = result.err().map(|error| error.to_string()).unwrap_or_default();
            error.replace(&format!("{}/", folder.path().display()), "")
        };
        assert!(shown(server_config(files.clone(), PROTOCOLS)).starts_with("cannot read tls.crt: No such file"));
        let ((certificate, key), (other, other_key)) = (pair(), pair());
        for (certificate, key, ca, expected) in [
            (&*certificate, &*key, &*other, ""),
            (&certificate, &other_key, &other, "the key in tls.key does not belong to the certificate in tls.crt"),
            ("garbage", &key, &other, "tls.crt: holds no certificate (PEM)"),
            (BROKEN, &key, &other, "tls.crt: "),
            (&certificate, "garbage", &other, "tls.key: holds no private key (PEM)"),
            (&certificate, &key, "", "ca.crt: holds no certificate (PEM)"),
        ] {
            write(&files, certificate, key, ca);
            let shown = shown(server_config(files.clone(), PROTOCOLS));
            assert!(shown.starts_with(expected) && shown.is_empty() == expected.is_empty(), "{expected}: {shown}");
        }
    }

    #[test]
    fn every_problem_is_found_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        assert_eq!(problems(&files).len(), 3);
        let ((certificate, key), (_, other_key)) = (pair(), pair());
        write(&files, "garbage", "garbage", "garbage");
        assert_eq!(problems(&files).len(), 3);
        write(&files, &certificate, &other_key, &certificate);
        assert!(matches!(&problems(&files)[..], [FileError::Mismatch { .. }]));
        write(&files, &certificate, &key, &certificate);
        assert!(problems(&files).is_empty());
    }

    #[tokio::test]
    async fn a_new_pair_is_taken_when_it_stays_and_fits() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let ((certificate, key), (other, other_key)) = (pair(), pair());
        write(&files, &certificate, &key, &other);
        let mut reloadable = server_config(files.clone(), PROTOCOLS).unwrap();
        let first = reloadable.current().load_full();
        assert_eq!(first.alpn_protocols, [b"h2".to_vec()]);
        assert_eq!(reloadable.refresh().await, None);
        // Half of it is there.
        write(&files, &other, &key, &other);
        assert_eq!((reloadable.refresh().await, reloadable.refresh().await), (None, Some(Reload::Rejected)));
        assert!(Arc::ptr_eq(&first, &reloadable.current().load_full()), "the old one stays");
        write(&files, &other, &other_key, &other);
        assert_eq!((reloadable.refresh().await, reloadable.refresh().await), (None, Some(Reload::Loaded)));
        assert!(!Arc::ptr_eq(&first, &reloadable.current().load_full()));
        fs::remove_file(&files.key_file).unwrap();
        assert_eq!(
            (reloadable.refresh().await, reloadable.refresh().await),
            (Some(Reload::Rejected), None),
            "told once"
        );
    }
}
