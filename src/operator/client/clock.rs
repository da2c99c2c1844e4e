//! The API server's clock, read from the `Date` header of its responses.
//!
//! Stamps that the control plane writes (a taint's `timeAdded`, `deletionTimestamp`) may only be compared with the
//! control plane's own clock. `Date` has whole seconds, so one response only says that the server's clock lay in
//! `[date, date + 1 s)` at some moment between the request and the response. Those bounds are intersected over many
//! responses; the estimate is their middle, so it moves by less and less and never jitters by a second.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{Request, Response, StatusCode, header::DATE};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimeParser};
use tokio::time::Instant;
use tower::{Layer, Service};

/// How far two synchronised clocks may part, in microseconds a second: the most that `adjtimex(2)` slews a clock by.
const DRIFT_PPM: i64 = 500;
/// A gap between old and new bounds up to this, in microseconds, is uncertainty (several API servers, slewing), and
/// the truth is sought in the gap. A wider one is a clock that was set.
const STEP_US: i64 = 1_000_000;
/// The resolution of `Date`, in microseconds.
const DATE_US: i64 = 1_000_000;

/// The API server's clock, as far as responses have shown it. Clones share it; as a [`Layer`] it learns from every
/// response of the service below.
///
/// Local time is taken from the monotonic clock, so a step of this machine's wall clock changes nothing here.
#[derive(Clone, Debug)]
pub struct ServerClock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The moment from which local time is counted, on the monotonic and on the wall clock.
    origin: (Instant, Timestamp),
    /// The server's clock less local time, in microseconds.
    offset_us: AtomicI64,
    /// Local time of the last response in microseconds since `origin`, plus one; 0 before the first.
    last_response: AtomicU64,
    bounds: Mutex<Option<Bounds>>,
}

impl Default for ServerClock {
    fn default() -> Self {
        Self::new()
    }
}

impl ServerClock {
    /// A clock that shows this machine's time until the first response.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            origin: (Instant::now(), Timestamp::now()),
            offset_us: AtomicI64::new(0),
            last_response: AtomicU64::new(0),
            bounds: Mutex::new(None),
        }))
    }

    /// What the API server's clock shows now, to within half a second after the first response and better later.
    pub fn now(&self) -> Timestamp {
        let (instant, wall) = self.0.origin;
        let local = SignedDuration::try_from(instant.elapsed()).unwrap_or(SignedDuration::MAX);
        let offset = SignedDuration::from_micros(self.0.offset_us.load(Ordering::Relaxed));
        wall.saturating_add(local.saturating_add(offset)).unwrap_or(wall)
    }

    /// The API server's clock less this machine's wall clock as it is now.
    pub fn offset(&self) -> SignedDuration {
        self.now().duration_since(Timestamp::now())
    }

    /// How long ago the API server last answered anything; `None` before the first response. Open watches don't count:
    /// for whether it is heard at all see [`Hearing`](crate::operator::silence::Hearing).
    pub fn silence(&self) -> Option<Duration> {
        let last = self.0.last_response.load(Ordering::Relaxed).checked_sub(1)?;
        Some(
            self.0
                .origin
                .0
                .elapsed()
                .saturating_sub(Duration::from_micros(last)),
        )
    }

    /// Takes in one response: `date` was stamped between `sent` and `received`.
    fn observe(&self, date: Option<Timestamp>, sent: Instant, received: Instant) {
        let since = |at: Instant| at.saturating_duration_since(self.0.origin.0);
        let received_us = u64::try_from(since(received).as_micros()).unwrap_or(u64::MAX - 1);
        self.0.last_response.fetch_max(received_us + 1, Ordering::Relaxed);
        let Some(date) = date else { return };
        let date_us = date.duration_since(self.0.origin.1).as_micros();
        let clamp = |us: i128| i64::try_from(us).unwrap_or(i64::MAX);
        let seen = Bounds::of_response(
            clamp(date_us),
            clamp(since(sent).as_micros() as i128),
            received_us.cast_signed(),
        );
        let mut bounds = self.0.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        let merged = bounds.map_or(seen, |old| old.merge(seen));
        *bounds = Some(merged);
        self.0.offset_us.store(merged.middle(), Ordering::Relaxed);
    }
}

/// Where the offset lies, in microseconds, as known at local time `at_us`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    low: i64,
    high: i64,
    at_us: i64,
}

impl Bounds {
    /// The earliest stamp at the latest moment, and the reverse.
    fn of_response(date_us: i64, sent_us: i64, received_us: i64) -> Self {
        let low = date_us.saturating_sub(received_us);
        let high = date_us.saturating_add(DATE_US).saturating_sub(sent_us);
        Self {
            low,
            high,
            at_us: received_us,
        }
    }

    /// What both allow, after the clocks had time to part.
    fn merge(self, new: Self) -> Self {
        let apart = new.at_us.saturating_sub(self.at_us).max(0);
        // Rounded up, so that many responses in a row widen the bounds too.
        let drift = apart.saturating_mul(DRIFT_PPM).saturating_add(999_999) / 1_000_000;
        let at_us = self.at_us.max(new.at_us);
        let low = self.low.saturating_sub(drift).max(new.low);
        let high = self.high.saturating_add(drift).min(new.high);
        match low.saturating_sub(high) {
            ..=0 => Self { low, high, at_us },
            // Disjoint by little: `high` and `low` are the edges of the gap.
            1..=STEP_US => Self {
                low: high,
                high: low,
                at_us,
            },
            _ => new,
        }
    }

    fn middle(self) -> i64 {
        self.low.midpoint(self.high)
    }
}

impl<S> Layer<S> for ServerClock {
    type Service = ServerClockService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ServerClockService {
            inner,
            clock: self.clone(),
        }
    }
}

/// The service that [`ServerClock`] puts around another.
#[derive(Clone, Debug)]
pub struct ServerClockService<S> {
    inner: S,
    clock: ServerClock,
}

impl<S, A, B> Service<Request<A>> for ServerClockService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let sent = Instant::now();
        let response = self.inner.call(request);
        let clock = self.clock.clone();
        Box::pin(async move {
            let response = response.await?;
            if !is_gateway(response.status()) {
                clock.observe(date(&response), sent, Instant::now());
            }
            Ok(response)
        })
    }
}

/// Answers that a load balancer gives while no API server is behind it.
pub(in crate::operator) fn is_gateway(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

fn date<B>(response: &Response<B>) -> Option<Timestamp> {
    // `Date` has the form of RFC 9110, which is one of those of RFC 2822.
    DateTimeParser::new()
        .parse_timestamp(response.headers().get(DATE)?.as_bytes())
        .ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;

    const MS: i64 = 1_000;

    /// Sends a request to a server whose clock is `ahead_ms` of ours, with this status and this way there and back.
    async fn respond(clock: &ServerClock, ahead_ms: i64, status: u16, way: Duration) {
        let (instant, wall) = clock.0.origin;
        let server = service_fn(move |_: Request<()>| async move {
            tokio::time::sleep(way).await;
            let local = wall + SignedDuration::try_from(instant.elapsed()).expect("small");
            let stamp = local + SignedDuration::from_millis(ahead_ms);
            tokio::time::sleep(way).await;
            let date = stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            Response::builder().status(status).header(DATE, date).body(())
        });
        let service = ServiceBuilder::new().layer(clock.clone()).service(server);
        service.oneshot(Request::new(())).await.expect("a response");
    }

    fn offset_ms(clock: &ServerClock) -> i64 {
        clock.0.offset_us.load(Ordering::Relaxed) / MS
    }

    #[rstest]
    #[tokio::test(start_paused = true)]
    async fn the_offset_is_found_to_within_a_tenth(#[values(0, 90_700, -3_600_250)] ahead_ms: i64) {
        let clock = ServerClock::new();
        for i in 0..40 {
            respond(&clock, ahead_ms, 200, Duration::from_millis(5 + i % 3)).await;
            assert!(
                (offset_ms(&clock) - ahead_ms).abs() <= 510,
                "{}",
                offset_ms(&clock)
            );
            tokio::time::advance(Duration::from_millis(1_370)).await;
        }
        assert!(
            (offset_ms(&clock) - ahead_ms).abs() < 100,
            "{}",
            offset_ms(&clock)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_not_jitter_once_it_is_known() {
        let clock = ServerClock::new();
        let mut seen = Vec::new();
        for i in 0..200 {
            respond(&clock, 400, 200, Duration::from_millis(3)).await;
            if i >= 100 {
                seen.push(offset_ms(&clock));
            }
            tokio::time::advance(Duration::from_millis(730)).await;
        }
        let (low, high) = (seen.iter().min().expect("some"), seen.iter().max().expect("some"));
        assert!(high - low < 60, "{low}..{high}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_set_is_followed_at_once() {
        let clock = ServerClock::new();
        for _ in 0..20 {
            respond(&clock, 0, 200, Duration::from_millis(3)).await;
            tokio::time::advance(Duration::from_millis(370)).await;
        }
        respond(&clock, 120_000, 200, Duration::from_millis(3)).await;
        assert!(
            (offset_ms(&clock) - 120_000).abs() <= 510,
            "{}",
            offset_ms(&clock)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn silence_counts_from_the_last_response_of_an_api_server() {
        let clock = ServerClock::new();
        respond(&clock, 5_000, 503, Duration::ZERO).await;
        assert_eq!((clock.silence(), offset_ms(&clock)), (None, 0));
        respond(&clock, 5_000, 404, Duration::ZERO).await;
        tokio::time::advance(Duration::from_secs(7)).await;
        respond(&clock, 5_000, 502, Duration::ZERO).await;
        assert_eq!(clock.silence().map(|s| s.as_secs()), Some(7));
    }

    #[tokio::test]
    async fn now_shows_the_servers_time() {
        let clock = ServerClock::new();
        respond(&clock, 60_000, 200, Duration::ZERO).await;
        let ahead = clock.now().duration_since(Timestamp::now()).as_millis();
        assert!((59_000..=61_000).contains(&ahead), "{ahead}");
        assert!(
            (59..=61).contains(&clock.offset().as_secs()),
            "{}",
            clock.offset()
        );
    }

    #[rstest]
    #[case::overlap((0, 1_000), (400, 1_400), (400, 1_000))]
    #[case::a_small_gap_is_searched((0, 100), (300, 400), (100, 300))]
    #[case::the_same_from_below((300, 400), (0, 100), (100, 300))]
    #[case::a_wide_gap_is_a_step((0, 100), (1_200, 1_300), (1_200, 1_300))]
    fn bounds_merge(#[case] old: (i64, i64), #[case] new: (i64, i64), #[case] expected: (i64, i64)) {
        let bounds = |(low, high): (i64, i64)| Bounds {
            low: low * MS,
            high: high * MS,
            at_us: 0,
        };
        assert_eq!(bounds(old).merge(bounds(new)), bounds(expected));
    }

    #[test]
    fn a_response_without_a_good_date_tells_nothing_of_the_clock() {
        for text in ["", "yesterday", "Sat, 21 Nov 2026 06:00:00"] {
            let response = Response::builder()
                .header(DATE, text)
                .body(())
                .expect("a response");
            assert_eq!(date(&response), None, "{text}");
        }
        let response = Response::builder()
            .header(DATE, "Sat, 21 Nov 2026 06:00:00 GMT")
            .body(())
            .expect("a response");
        assert_eq!(
            date(&response),
            Some("2026-11-21T06:00:00Z".parse().expect("a stamp"))
        );
    }
}
