//! What a connection runs over: TCP, with our TLS on it where the URL says `amqps`.
//!
//! lapin brings TLS of its own, and with it a reader of PKCS #12 that nobody here needs and that is a tenth of a cold
//! build. It takes any stream, however, that the reactor of its runtime names: this is ours.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_compat::{Compat, CompatExt as _};
use async_rs::Tokio;
use async_rs::traits::Reactor;
use async_rs::util::{DummyIO, RuntimeParts};
use futures_util::{AsyncRead, AsyncWrite, Stream};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

/// As lapin takes it.
pub(crate) type BrokerStream = Compat<Either<TcpStream, TlsStream<TcpStream>>>;

/// Tokio, whose streams may be ours.
pub(crate) type Runtime = async_rs::Runtime<RuntimeParts<Tokio, BrokerReactor>>;

/// The runtime that this is called in.
pub(crate) fn runtime() -> Runtime {
    Runtime::new(RuntimeParts::new(Tokio::current(), BrokerReactor(Tokio::current())))
}

/// Tokio's, but for the type of its streams.
#[derive(Debug, Clone)]
pub(crate) struct BrokerReactor(Tokio);

impl Reactor for BrokerReactor {
    type TcpStream = BrokerStream;
    type Sleep = Sleep;

    /// Nobody asks for it: [`crate::connection`] makes the streams.
    fn register<H: Send + 'static>(&self, _: H) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<DummyIO, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    fn tcp_connect_addr(&self, address: SocketAddr) -> impl Future<Output = io::Result<BrokerStream>> + Send + 'static {
        let connecting = TcpStream::connect(address);
        async move { Ok(plain(connecting.await?)) }
    }
}

pub(crate) fn plain(socket: TcpStream) -> BrokerStream {
    Either::Left(socket).compat()
}

/// The handshake with the broker, whose certificate must be `host`'s. Authorities are the system's, and those of `ca_file`
/// (PEM).
///
/// # Errors
/// The file cannot be read; the certificate is not believed; the connection ended.
pub(crate) async fn encrypted(socket: TcpStream, host: &str, ca_file: Option<&Path>) -> io::Result<BrokerStream> {
    let mut roots = RootCertStore::empty();
    // Of the system's, one that cannot be read is one less: without it, nothing is trusted that should not be.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        let failed = |error: &dyn std::fmt::Display| io::Error::other(format!("ca_file {}: {error}", path.display()));
        let pem = tokio::fs::read(path).await.map_err(|error| failed(&error))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| failed(&error))?;
            roots.add(certificate).map_err(|error| failed(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await?;
    Ok(Either::Right(stream).compat())
}

#[cfg(test)]
mod tests {
    use futures_util::AsyncWriteExt as _;
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// A server that answers one handshake as `localhost`, and gives what it read then. Its certificate, too.
    async fn server() -> (SocketAddr, String, tokio::task::JoinHandle<io::Result<Vec<u8>>>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (socket, _) = listener.accept().await?;
            let mut stream = TlsAcceptor::from(Arc::new(config)).accept(socket).await?;
            let mut read = Vec::new();
            stream.read_to_end(&mut read).await?;
            Ok(read)
        });
        (address, made.cert.pem(), serving)
    }

    fn ca_file(pem: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pem).unwrap();
        file
    }

    #[tokio::test]
    async fn a_certificate_of_the_file_s_authority_is_believed() {
        let (address, pem, serving) = server().await;
        let file = ca_file(&pem);
        let socket = TcpStream::connect(address).await.unwrap();
        let mut stream = encrypted(socket, "localhost", Some(file.path())).await.unwrap();
        stream.write_all(b"AMQP").await.unwrap();
        stream.close().await.unwrap();
        assert_eq!(serving.await.unwrap().unwrap(), b"AMQP");
    }

    #[tokio::test]
    async fn an_unknown_authority_and_another_host_are_refused() {
        for (host, knows_authority) in [("localhost", false), ("broker.example", true)] {
            let (address, pem, _serving) = server().await;
            let file = ca_file(&pem);
            let socket = TcpStream::connect(address).await.unwrap();
            let refused = encrypted(socket, host, knows_authority.then_some(file.path())).await.err().unwrap();
            assert!(refused.to_string().contains("certificate"), "{host}: {refused}");
        }
    }

    #[tokio::test]
    async fn a_file_that_holds_no_certificate_is_named() {
        let (address, _, _serving) = server().await;
        let file = ca_file("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
        let socket = TcpStream::connect(address).await.unwrap();
        let refused = encrypted(socket, "localhost", Some(file.path())).await.err().unwrap();
        assert!(refused.to_string().contains(&file.path().display().to_string()), "{refused}");
    }
}
