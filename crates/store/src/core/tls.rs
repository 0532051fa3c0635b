//! TLS to PostgreSQL, as libpq's `sslmode` says
//! (<https://www.postgresql.org/docs/15/libpq-ssl.html#LIBPQ-SSL-PROTECTION>): `prefer` and `require` encrypt and believe
//! any certificate, unless a root certificate is named: then they want one of that authority, as `verify-ca` does;
//! `verify-full` wants one for this host. The authorities are those of the root certificate alone, or else the system's.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

use crate::{Result, StoreError};

/// How much is verified, and with which files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TlsOptions {
    pub(super) trust: Trust,
    /// The only authorities; without it, the system's.
    pub(super) root_certificate: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Trust {
    #[default]
    Anybody,
    Authority,
    AuthorityAndHost,
}

/// Makes the TLS half of each connection. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tls(Arc<ClientConfig>);

impl Tls {
    pub(super) fn of(options: &TlsOptions) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid("tls", &error))?;
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier(options, provider)?);
        let config = match (&options.certificate, &options.key) {
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| invalid("sslkey", &error))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| invalid("sslcert", &error))?
            }
            (None, None) => builder.with_no_client_auth(),
            (Some(_), None) | (None, Some(_)) => {
                return Err(StoreError::Invalid("store url: sslcert and sslkey go together".to_owned()));
            }
        };
        Ok(Self(Arc::new(config)))
    }
}

fn verifier(options: &TlsOptions, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>> {
    Ok(match options.trust {
        Trust::Anybody => Arc::new(Verifier { provider, authority: None }),
        Trust::Authority => {
            let authority = Some(authority(options, &provider)?);
            Arc::new(Verifier { provider, authority })
        }
        Trust::AuthorityAndHost => authority(options, &provider)?,
    })
}

fn authority(options: &TlsOptions, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    match &options.root_certificate {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| invalid("sslrootcert", &error))?;
            }
        }
        // One that cannot be read is one less: without it, nothing is trusted that should not be.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| invalid("sslrootcert", &error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|error| invalid(&path.display().to_string(), &error))
}

fn invalid(what: &str, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Invalid(format!("store url: {what}: {error}"))
}

/// Believes any name; and without an authority, any certificate.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    authority: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authority) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        match authority.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// TLS to one host.
pub(super) struct ToHost {
    connector: TlsConnector,
    /// `None`: a Unix socket, or an address alone. The driver asks for this in any case, and does no TLS there.
    host: Option<ServerName<'static>>,
}

pub(super) struct Encrypted<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Tls {
    type Stream = Encrypted<S>;
    type TlsConnect = ToHost;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<ToHost, Self::Error> {
        let host = if host.is_empty() { None } else { Some(ServerName::try_from(host.to_owned())?) };
        Ok(ToHost { connector: TlsConnector::from(self.0.clone()), host })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for ToHost {
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, socket: S) -> Self::Future {
        Box::pin(async move {
            let host = self.host.ok_or_else(|| io::Error::other("no host whose certificate could be checked"))?;
            self.connector.connect(host, socket).await.map(Encrypted)
        })
    }
}

/// Without channel binding: PostgreSQL then takes SCRAM without it.
impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    #[test]
    fn a_root_certificate_is_the_only_authority() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let certificate = || {
            let CertifiedKey { cert, .. } = generate_simple_self_signed(["db".to_owned()]).unwrap();
            cert
        };
        let (ours, other) = (certificate(), certificate());
        std::fs::write(&file, ours.pem()).unwrap();
        let believes = |trust, certificate: &CertificateDer<'_>, host: &str| {
            let options = TlsOptions { trust, root_certificate: Some(file.clone()), ..TlsOptions::default() };
            let verifier = verifier(&options, Arc::new(rustls::crypto::ring::default_provider())).unwrap();
            let host = ServerName::try_from(host.to_owned()).unwrap();
            verifier.verify_server_cert(certificate, &[], &host, &[], UnixTime::now()).is_ok()
        };
        for (trust, of_ours, of_other, of_another_host) in [
            (Trust::Anybody, true, true, true),
            (Trust::Authority, true, false, true),
            (Trust::AuthorityAndHost, true, false, false),
        ] {
            let found = (
                believes(trust, ours.der(), "db"),
                believes(trust, other.der(), "db"),
                believes(trust, ours.der(), "elsewhere"),
            );
            assert_eq!(found, (of_ours, of_other, of_another_host), "{trust:?}");
        }
    }
}
