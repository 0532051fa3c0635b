//! HTTPS, and a new certificate without a restart.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use waypost_ingress::TlsFiles;

use crate::support::{Client, Door, FakeBus, config, eventually, signed, text_webhook};

/// Writes a new certificate for `localhost` over the old one.
fn write_certificate(files: &TlsFiles) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&files.certificate_file, cert.pem()).unwrap();
    std::fs::write(&files.key_file, signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { certificate_file: folder.join("tls.crt"), key_file: folder.join("tls.key") }
}

/// A connection that trusts `certificate` alone.
async fn connect(door: &Door, certificate: &CertificateDer<'static>) -> Option<Client<TlsStream<TcpStream>>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(door.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok().map(Client::new)
}

#[tokio::test]
async fn webhooks_come_over_tls_and_the_certificate_can_be_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let old = write_certificate(&files);
    let bus = FakeBus::new();
    let mut config = config();
    config.tls = Some(files.clone());
    let door = Door::open(config, &bus).await;
    let request = signed(&text_webhook("wamid.A", "1555", "hi"));

    let mut client = connect(&door, &old).await.unwrap();
    client.send(&request).await;
    assert_eq!(client.answer().await.unwrap().status, 200);

    // Plain HTTP is no way in.
    let mut plain = door.connect().await;
    plain.send(&request).await;
    assert!(plain.answer().await.is_none_or(|answer| answer.status != 200));
    assert_eq!(bus.calls().len(), 1);

    // A broken certificate, and a key of another one: the old ones stay.
    let good_key = std::fs::read(&files.key_file).unwrap();
    for (certificate, key) in [("garbage", good_key.clone()), ("", good_key.clone()), ("", b"garbage".to_vec())] {
        std::fs::write(&files.certificate_file, certificate).unwrap();
        std::fs::write(&files.key_file, key).unwrap();
        assert!(connect(&door, &old).await.is_some());
    }
    let new = write_certificate(&files);
    eventually("the new certificate is shown", async || connect(&door, &new).await.is_some()).await;
    assert!(connect(&door, &old).await.is_none());
    client.send(&request).await;
    assert_eq!(client.answer().await.unwrap().status, 200, "open connections go on");
    door.close().await;
}

#[tokio::test]
async fn a_silent_handshake_ends() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    write_certificate(&files);
    let mut config = config();
    config.tls = Some(files);
    config.limits.header_timeout = Duration::from_millis(100);
    let door = Door::open(config, &FakeBus::new()).await;
    let mut silent = door.connect().await;
    let mut half = door.connect().await;
    half.send(b"\x16\x03\x01").await;
    silent.closed().await;
    half.closed().await;
    door.close().await;
}

#[tokio::test]
async fn handshakes_that_never_end_keep_no_webhook_out() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let certificate = write_certificate(&files);
    let mut config = config();
    config.tls = Some(files);
    config.limits.connections_max = 8;
    config.limits.header_timeout = Duration::from_secs(60);
    let bus = FakeBus::new();
    let door = Door::open(config, &bus).await;
    let mut slow = Vec::new();
    for round in 0..20 {
        for says in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
            let mut one = door.connect().await;
            one.send(says).await;
            slow.push(one);
        }
        let mut client = connect(&door, &certificate).await.unwrap();
        client.send(&signed(&text_webhook(&format!("wamid.{round}"), "1555", "hi"))).await;
        assert_eq!(client.answer().await.unwrap().status, 200, "round {round}");
    }
    assert_eq!(bus.calls().len(), 20);
    door.close().await;
}
