//! `/livez`, `/readyz` and `/metrics` on the health address.
//!
//! Alive means that the engine's loop still turns. Ready means that every kind that is needed has listed once, so
//! that nothing is judged by absence; it does not depend on leadership, since every replica answers webhooks.

mod readiness;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::registry::Registry;
use tokio::{net::TcpListener, time::Instant};

pub use readiness::{KindState, Readiness, Report};

/// What the OpenMetrics 1.0 specification asks for.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why the health server does not run.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address} for probes and metrics: {source}; choose another --health-address")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The listening socket broke.
    #[error("the health server stopped: {0}")]
    Serve(#[from] io::Error),
}

/// Shows that the engine's loop turns. Clones share the beat.
#[derive(Clone, Debug)]
pub struct Liveness {
    origin: Instant,
    /// Milliseconds from `origin` to the last beat.
    last_ms: Arc<AtomicU64>,
    limit: Duration,
}

impl Liveness {
    /// Alive for `limit` from now, and for `limit` after each beat. The limit should be many times the engine's tick:
    /// the kubelet kills what is not alive, and a restart loses nothing but time.
    pub fn new(limit: Duration) -> Self {
        Self {
            origin: Instant::now(),
            last_ms: Arc::default(),
            limit,
        }
    }

    /// The loop has turned once more.
    pub fn beat(&self) {
        let ms = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(ms, Ordering::Relaxed);
    }

    /// How long ago the last beat was.
    pub fn silence(&self) -> Duration {
        self.origin
            .elapsed()
            .saturating_sub(Duration::from_millis(self.last_ms.load(Ordering::Relaxed)))
    }

    /// Whether the last beat is recent enough.
    pub fn is_alive(&self) -> bool {
        self.silence() <= self.limit
    }
}

/// What the health server answers from.
#[derive(Clone, Debug)]
pub struct Health {
    /// For `/livez`.
    pub liveness: Liveness,
    /// For `/readyz`.
    pub readiness: Readiness,
    /// For `/metrics`.
    pub registry: Arc<Registry>,
}

/// The three endpoints.
pub fn router(health: Health) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(health)
}

/// A bound health server that does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds `address`; with port 0 the system chooses one, see [`Self::address`].
    ///
    /// # Errors
    /// [`HealthError::Bind`] when the address is taken or not ours.
    pub async fn bind(address: SocketAddr) -> Result<Self, HealthError> {
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        bound
            .await
            .map_err(|source| HealthError::Bind { address, source })
    }

    /// The address that is listened on, with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` completes, then finishes the requests that are under way.
    ///
    /// # Errors
    /// [`HealthError::Serve`] when the socket breaks.
    pub async fn serve(
        self,
        health: Health,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), HealthError> {
        axum::serve(self.listener, router(health))
            .with_graceful_shutdown(shutdown)
            .await?;
        Ok(())
    }
}

async fn livez(State(health): State<Health>) -> Response {
    if health.liveness.is_alive() {
        return "ok\n".into_response();
    }
    let silence = health.liveness.silence().as_secs();
    let body = format!("the engine has not ticked for {silence} s\n");
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

async fn readyz(State(health): State<Health>) -> Response {
    let report = health.readiness.report();
    let status = if report.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, report.to_string()).into_response()
}

async fn metrics(State(health): State<Health>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &health.registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("metrics: {error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use futures::TryStreamExt;
    use tower::ServiceExt;

    use super::*;
    use crate::operator::metrics::{Detail, Metrics};

    fn health() -> Health {
        let mut registry = Registry::default();
        Metrics::new(&mut registry, Detail::Aggregate).set_leader(true);
        Health {
            liveness: Liveness::new(Duration::from_secs(30)),
            readiness: Readiness::default(),
            registry: Arc::new(registry),
        }
    }

    async fn fetch(health: &Health, path: &str) -> (u16, String, String) {
        let request = Request::get(path).body(Body::empty()).expect("a good request");
        let response = router(health.clone()).oneshot(request).await.expect("infallible");
        let status = response.status().as_u16();
        let kind = response.headers()[CONTENT_TYPE]
            .to_str()
            .expect("ASCII")
            .to_owned();
        let chunks: Vec<_> = response
            .into_body()
            .into_data_stream()
            .try_collect()
            .await
            .expect("a whole body");
        (status, kind, String::from_utf8(chunks.concat()).expect("text"))
    }

    #[tokio::test(start_paused = true)]
    async fn alive_while_the_loop_beats() {
        let health = health();
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(fetch(&health, "/livez").await.0, 200);
        tokio::time::advance(Duration::from_secs(1)).await;
        let (status, _, body) = fetch(&health, "/livez").await;
        assert_eq!(
            (status, body.as_str()),
            (503, "the engine has not ticked for 31 s\n")
        );
        health.liveness.beat();
        let (status, _, body) = fetch(&health, "/livez").await;
        assert_eq!((status, body.as_str()), (200, "ok\n"));
    }

    #[tokio::test]
    async fn ready_once_everything_has_listed() {
        let health = health();
        health.readiness.expect("pods");
        let (status, _, body) = fetch(&health, "/readyz").await;
        assert_eq!((status, body.as_str()), (503, "waiting: pods: listing\n"));
        health.readiness.set("pods", KindState::Listed);
        let (status, _, body) = fetch(&health, "/readyz").await;
        assert_eq!((status, body.as_str()), (200, "ready\n"));
    }

    #[tokio::test]
    async fn metrics_are_open_metrics_to_the_end() {
        let (status, kind, body) = fetch(&health(), "/metrics").await;
        assert_eq!((status, kind.as_str()), (200, OPEN_METRICS));
        assert!(
            body.contains("plimsoll_leader 1\n") && body.ends_with("# EOF\n"),
            "{body}"
        );
    }

    #[tokio::test]
    async fn port_0_is_chosen_by_the_system_and_shutdown_is_graceful() {
        let server = Server::bind(([127, 0, 0, 1], 0).into())
            .await
            .expect("a free port");
        assert_ne!(server.address().port(), 0);
        let taken = Server::bind(server.address())
            .await
            .expect_err("taken")
            .to_string();
        assert!(taken.contains("--health-address"), "{taken}");
        server
            .serve(health(), std::future::ready(()))
            .await
            .expect("a clean end");
    }
}
