//! The webhook's endpoint. Whatever happens, whoever can be answered is let through, but for what a policy denies.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::warn;

use super::Desk;
use super::answer::Answer;
use super::repeats::Repeats;
use super::review::{Review, read};
use crate::operator::metrics::{Metrics, ReviewOutcome};

/// Reviews that are judged at once; those beyond are allowed, unjudged. Each takes a fraction of a millisecond.
pub(super) const CONCURRENT: usize = 128;
/// Bytes of a review: the API server keeps objects of up to 1.5 MiB (etcd's limit), and an update has two.
const BODY_MAX: usize = 3 << 20;
/// How long a review's bytes may take to come: the API server gives up after 2 s.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the engine's loop is waited for. It may be judging a whole cluster; nobody else waits for that.
const PATIENCE: Duration = Duration::from_millis(500);

/// Everything that the endpoint needs.
#[derive(Clone, Debug)]
pub struct Door {
    desk: Desk,
    permits: Arc<Semaphore>,
    repeats: Arc<Mutex<Repeats>>,
    metrics: Metrics,
}

impl Door {
    /// A door to the engine's loop.
    #[must_use]
    pub fn new(desk: Desk, metrics: Metrics) -> Self {
        Door {
            desk,
            permits: Arc::new(Semaphore::new(CONCURRENT)),
            repeats: Arc::default(),
            metrics,
        }
    }

    async fn answer(&self, review: &mut Review) -> (Answer, ReviewOutcome) {
        let allowed = |why| (Answer::default(), why);
        let Some(change) = review.change.take() else {
            return allowed(ReviewOutcome::Unjudged);
        };
        if !self.desk.is_open() {
            return allowed(ReviewOutcome::Loading);
        }
        let Ok(_permit) = self.permits.try_acquire() else {
            return allowed(ReviewOutcome::Shed);
        };
        let candidate = change.key();
        let Ok(Some(remarks)) = timeout(PATIENCE, self.desk.ask(change)).await else {
            return allowed(ReviewOutcome::Shed);
        };
        let mut answer = Answer::of(&candidate, &remarks);
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        repeats.leave_out(review, &candidate, &mut answer, Instant::now());
        let outcome = match (&answer.refusal, answer.warnings.is_empty()) {
            (Some(_), _) => ReviewOutcome::Denied,
            (None, false) => ReviewOutcome::Warned,
            (None, true) => ReviewOutcome::Allowed,
        };
        (answer, outcome)
    }
}

/// `POST /validate`.
pub fn router(door: Door) -> Router {
    Router::new().route("/validate", post(validate)).with_state(door)
}

async fn validate(State(door): State<Door>, body: Body) -> Response {
    let began = Instant::now();
    let refused = |status, why: String| {
        door.metrics.reviewed(ReviewOutcome::Unreadable, began.elapsed());
        (status, why).into_response()
    };
    let body = match timeout(BODY_TIMEOUT, to_bytes(body, BODY_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => {
            let why = format!("a review of at most {BODY_MAX} bytes is read: {error}\n");
            return refused(StatusCode::PAYLOAD_TOO_LARGE, why);
        }
        Err(_) => {
            return refused(
                StatusCode::REQUEST_TIMEOUT,
                "the review did not come in time\n".to_owned(),
            );
        }
    };
    let mut review = match read(&body) {
        Ok(review) => review,
        Err(error) => {
            warn!("a review cannot be answered: {error}");
            return refused(StatusCode::BAD_REQUEST, format!("{error}\n"));
        }
    };
    drop(body);
    let (answer, outcome) = door.answer(&mut review).await;
    door.metrics.reviewed(outcome, began.elapsed());
    ([(CONTENT_TYPE, "application/json")], answer.to_json(&review)).into_response()
}

#[cfg(test)]
mod tests;
