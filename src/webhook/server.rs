//! HTTPS for the webhook: its own accept loop, so that the number of connections and the time that each may waste are
//! bounded, and the certificate can change under it.
//!
//! HTTP/1.1 only: the API server asks webhooks for no other (`pkg/util/webhook/client.go` in `k8s.io/apiserver`, so that its
//! connections spread over the replicas), and what is not served cannot be abused.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::Service;
use tracing::debug;

use super::certificate::Certificate;

/// Connections at once: an API server keeps a few, and there are a few of those.
const CONNECTIONS: usize = 512;
/// For the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a connection may wait for the head of a request: longer than the API server keeps an idle one (90 s, Go's
/// `http.DefaultTransport`), so that it is never closed just when it is used again.
const IDLE: Duration = Duration::from_secs(120);
/// For requests that are under way at the end.
const GRACE: Duration = Duration::from_secs(5);
/// After the system could not accept a connection (no file descriptors left).
const BACK_OFF: Duration = Duration::from_millis(100);

/// Why the webhook is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address} for admission reviews: {source}; choose another --webhook-address")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No TLS.
    #[error("cannot serve TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// A bound server that does not answer yet.
#[allow(missing_debug_implementations, reason = "nobody prints a TLS acceptor")]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: TlsAcceptor,
}

impl Server {
    /// Binds `address`; with port 0 the system chooses one, see [`Self::address`].
    ///
    /// # Errors
    /// [`ServerError::Bind`] when the address is taken or not ours.
    pub async fn bind(address: SocketAddr, certificate: Arc<Certificate>) -> Result<Self, ServerError> {
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = bound
            .await
            .map_err(|source| ServerError::Bind { address, source })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(certificate);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Server {
            listener,
            address,
            tls: TlsAcceptor::from(Arc::new(config)),
        })
    }

    /// The address that is listened on, with the port that was chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` completes, then finishes the requests that are under way.
    pub async fn serve(self, router: Router, shutdown: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    debug!("a connection to the webhook was not accepted: {error}");
                    tokio::time::sleep(BACK_OFF).await;
                    continue;
                }
            };
            // One too many is closed at once: whoever waits would wait for nothing.
            let Ok(permit) = connections.clone().try_acquire_owned() else {
                continue;
            };
            let (tls, router, watcher) = (self.tls.clone(), router.clone(), graceful.watcher());
            tokio::spawn(async move {
                let answered = connection(stream, &tls, router, watcher).await;
                if let Err(error) = answered {
                    debug!("a connection to the webhook ended: {error}");
                }
                drop(permit);
            });
        }
        drop(self.listener);
        // Those that take longer are cut off with the process.
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    }
}

/// Why a connection ended badly.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error("no TLS handshake within {HANDSHAKE:?}")]
    Slow,
    #[error("TLS: {0}")]
    Tls(#[from] io::Error),
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
}

/// One connection, from its handshake to its end.
async fn connection(
    stream: TcpStream,
    tls: &TlsAcceptor,
    router: Router,
    watcher: Watcher,
) -> Result<(), ConnectionError> {
    let handshake = tokio::time::timeout(HANDSHAKE, tls.accept(stream));
    let stream = handshake.await.map_err(|_| ConnectionError::Slow)??;
    let service = service_fn(move |request: Request<Incoming>| router.clone().call(request.map(Body::new)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service);
    Ok(watcher.watch(connection).await?)
}

#[cfg(test)]
mod tests;
