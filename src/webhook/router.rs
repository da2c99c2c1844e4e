//! The webhook's endpoint. Whatever happens, whoever can be answered is let through, but for what a policy denies.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::warn;

use super::answer::Answer;
use super::repeats::Repeats;
use super::review::{self, Review, ReviewError};
use super::{Desk, acknowledge};
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

    fn unreadable(&self, refused: Refused, began: Instant) -> Response {
        self.metrics.reviewed(ReviewOutcome::Unreadable, began.elapsed());
        refused.into_response()
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

/// `POST /validate` for what is judged, `POST /acknowledge` for our own reports.
pub fn router(door: Door) -> Router {
    Router::new()
        .route("/validate", post(validate))
        .route("/acknowledge", post(acknowledge))
        .with_state(door)
}

async fn validate(State(door): State<Door>, body: Body) -> Response {
    let began = Instant::now();
    let read = body_of(body).await;
    let mut review = match read.and_then(|body| read_or_refuse(review::read(&body))) {
        Ok(review) => review,
        Err(refused) => return door.unreadable(refused, began),
    };
    let (answer, outcome) = door.answer(&mut review).await;
    door.metrics.reviewed(outcome, began.elapsed());
    answered(&answer, &review.uid)
}

async fn acknowledge(State(door): State<Door>, body: Body) -> Response {
    let began = Instant::now();
    let read = body_of(body).await;
    let read = read.and_then(|body| {
        let request = read_or_refuse(review::request(&body))?;
        Ok((acknowledge::answer(&request), request.uid))
    });
    let (answer, uid) = match read {
        Ok(read) => read,
        Err(refused) => return door.unreadable(refused, began),
    };
    let outcome = match answer.refusal {
        Some(_) => ReviewOutcome::Denied,
        None => ReviewOutcome::Allowed,
    };
    door.metrics.reviewed(outcome, began.elapsed());
    answered(&answer, &uid)
}

fn answered(answer: &Answer, uid: &str) -> Response {
    ([(CONTENT_TYPE, "application/json")], answer.to_json(uid)).into_response()
}

/// Why there is nobody to answer, and the text for whoever sent it.
type Refused = (StatusCode, String);

/// All bytes of a review.
async fn body_of(body: Body) -> Result<Bytes, Refused> {
    match timeout(BODY_TIMEOUT, to_bytes(body, BODY_MAX)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => {
            let why = format!("a review of at most {BODY_MAX} bytes is read: {error}\n");
            Err((StatusCode::PAYLOAD_TOO_LARGE, why))
        }
        Err(_) => Err((
            StatusCode::REQUEST_TIMEOUT,
            "the review did not come in time\n".to_owned(),
        )),
    }
}

fn read_or_refuse<T>(read: Result<T, ReviewError>) -> Result<T, Refused> {
    read.map_err(|error| {
        warn!("a review cannot be answered: {error}");
        (StatusCode::BAD_REQUEST, format!("{error}\n"))
    })
}

#[cfg(test)]
mod tests;
