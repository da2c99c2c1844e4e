//! Whether the API server is heard: any bytes count, of answers and of open watches.
//!
//! ```text
//! every answer, every frame of a body ──> Hearing <── the engine's loop asks: silent for 15 s? then verdicts freeze
//!                                            └── silent for 10 s: one GET /readyz every 5 s, until something is heard
//! ```
//!
//! A watch of a cluster of any size carries heartbeats all the time, so nothing is asked on ordinary days. These durations
//! are about the API server and the network, and are not scaled with the nodes' timers.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use kube::Client;
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, Service};
use tracing::debug;

use super::client::is_gateway;

/// After this silence the API server is asked.
const ASK_AFTER: Duration = Duration::from_secs(10);
/// After this silence nothing that is known is believed to be true any more.
pub(super) const FREEZE_AFTER: Duration = Duration::from_secs(15);
/// How long an answer is waited for, and the pause between two questions.
const PATIENCE: Duration = Duration::from_secs(5);

/// When the API server was last heard. Clones share it; as a [`Layer`] it listens to every answer of the service below.
#[derive(Clone, Debug)]
pub struct Hearing(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    origin: Instant,
    /// Milliseconds since `origin`.
    last: AtomicU64,
}

impl Default for Hearing {
    fn default() -> Self {
        Self::new()
    }
}

impl Hearing {
    /// As if it had been heard just now.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            origin: Instant::now(),
            last: AtomicU64::new(0),
        }))
    }

    /// It is heard now.
    pub fn note(&self) {
        let now = u64::try_from(self.0.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last.fetch_max(now, Ordering::Relaxed);
    }

    /// How long ago it was last heard.
    pub fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.0.last.load(Ordering::Relaxed));
        self.0.origin.elapsed().saturating_sub(last)
    }
}

/// Asks the API server whenever it has been silent for too long; what it says does not matter. Never ends.
pub(super) async fn ask(client: Client, hearing: Hearing) {
    loop {
        let silence = hearing.silence();
        if silence < ASK_AFTER {
            sleep(ASK_AFTER - silence).await;
            continue;
        }
        let asked = Instant::now();
        let request = Request::get("/readyz")
            .body(Vec::new())
            .expect("a request without a body is sound");
        // An answer is noted by the layer, whatever it says.
        match timeout(PATIENCE, client.request_text(request)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => debug!("asked the silent API server: {error}"),
            Err(_) => debug!("the API server does not answer within {PATIENCE:?}"),
        }
        sleep(PATIENCE.saturating_sub(asked.elapsed())).await;
    }
}

impl<S> Layer<S> for Hearing {
    type Service = Listening<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Listening {
            inner,
            hearing: self.clone(),
        }
    }
}

/// The service that [`Hearing`] puts around another.
#[derive(Clone, Debug)]
pub struct Listening<S> {
    inner: S,
    hearing: Hearing,
}

impl<S, A, B> Service<Request<A>> for Listening<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: 'static,
{
    type Response = Response<Heard<B>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let response = self.inner.call(request);
        let hearing = self.hearing.clone();
        Box::pin(async move {
            let response = response.await?;
            if !is_gateway(response.status()) {
                hearing.note();
            }
            Ok(response.map(|body| Heard {
                body: Box::pin(body),
                hearing,
            }))
        })
    }
}

/// A body whose every frame is noted.
#[derive(Debug)]
pub struct Heard<B> {
    body: Pin<Box<B>>,
    hearing: Hearing,
}

impl<B: Body> Body for Heard<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = self.body.as_mut().poll_frame(cx);
        if matches!(frame, Poll::Ready(Some(Ok(_)))) {
            self.hearing.note();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
