use std::sync::Arc;
use std::time::Duration;

use axum::routing::post;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::webhook::certificate::mounted::Mounted;

const NAME: &str = "plimsoll.plimsoll-system.svc";
const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi";

/// A folder with a certificate, and whoever trusts that one alone.
fn certified(folder: &std::path::Path) -> TlsConnector {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
    std::fs::write(folder.join("tls.crt"), cert.pem()).expect("written");
    std::fs::write(folder.join("tls.key"), signing_key.serialize_pem()).expect("written");
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Each handshake shows the certificate.
    config.resumption = rustls::client::Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

async fn connect(connector: &TlsConnector, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(NAME).expect("a name");
    connector.connect(name, stream).await
}

/// Sends a request on a connection and reads the answer, which is short.
async fn ask(stream: &mut TlsStream<TcpStream>) -> io::Result<String> {
    stream.write_all(REQUEST).await?;
    let mut answer = vec![0; 1024];
    let read = stream.read(&mut answer).await?;
    answer.truncate(read);
    Ok(String::from_utf8(answer).expect("UTF-8"))
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().expect("a folder");
    let first = certified(folder.path());
    let certificate = Arc::new(Certificate::default());
    let mut mounted = Mounted::new(folder.path().to_owned(), certificate.clone());
    mounted.load().expect("a pair");
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::bind(local, certificate.clone()).await.expect("bound");
    let address = server.address();
    let echo = Router::new().route("/", post(|body: String| async move { body }));
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(server.serve(echo, async { drop(stopped.await) }));

    let mut old = connect(&first, address).await.expect("trusted");
    assert!(ask(&mut old).await.expect("an answer").ends_with("hi"));
    let second = certified(folder.path());
    mounted.load().expect("a pair");
    assert!(
        connect(&first, address).await.is_err(),
        "another certificate is shown"
    );
    let mut new = connect(&second, address).await.expect("trusted");
    assert!(ask(&mut new).await.expect("an answer").ends_with("hi"));
    assert!(ask(&mut old).await.expect("an answer").ends_with("hi"));

    // What is under way when it stops is answered.
    new.write_all(&REQUEST[..REQUEST.len() - 1]).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.send(()).expect("it serves");
    tokio::time::sleep(Duration::from_millis(200)).await;
    new.write_all(b"i").await.expect("sent");
    let mut answer = String::new();
    new.read_to_string(&mut answer)
        .await
        .expect("an answer, and the end");
    assert!(answer.ends_with("hi"), "{answer}");
    served.await.expect("it ends");
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn without_a_certificate_nobody_is_served_and_nothing_breaks() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let connector = certified(elsewhere.path());
    let certificate = Arc::new(Certificate::default());
    let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), certificate)
        .await
        .expect("bound");
    let address = server.address();
    let task = tokio::spawn(server.serve(Router::new(), std::future::pending()));
    assert!(connect(&connector, address).await.is_err());
    assert!(!task.is_finished());
    task.abort();
}
