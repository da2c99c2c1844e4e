//! The admission webhook: whoever applies something that will not survive is told so at once.
//!
//! ```text
//! API server ── HTTPS ──> server ──> router ── AdmissionReview ──> review (typed) ── Asked ──> the engine's loop
//!                           ^ certificate (files, hot)                                              │ Engine::review
//!                        warnings, or a refusal <── answer <── repeats <── remarks ─────────────────┘
//! ```
//!
//! Whoever acknowledges a finding in one of our reports is named there by `acknowledge`, whatever they wrote themselves.
//!
//! It is never in the way: what cannot be read, comes too often, takes too long or comes before everything has been listed
//! is allowed, and counted. Every replica serves it.

mod acknowledge;
mod answer;
pub mod certificate;
mod repeats;
mod review;
mod router;
pub mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use self::answer::Answer;
pub use self::router::{Door, router};
use crate::engine::Engine;
use crate::engine::review::{Change, Remark};

/// The whole way of a review but for network and loop: its bytes in, the answer's bytes out.
///
/// # Errors
/// The text for whoever sent what cannot be answered.
pub fn answered(body: &[u8], engine: &mut Engine, now: Timestamp) -> Result<Vec<u8>, String> {
    let mut review = review::read(body).map_err(|error| error.to_string())?;
    let change = review.change.take();
    let answer = change.map(|change| Answer::of(&change.key(), &engine.review(change, now)));
    Ok(answer.unwrap_or_default().to_json(&review.uid))
}

/// Questions that may wait for the engine's loop: as many as are answered at once.
const QUEUE: usize = router::CONCURRENT;

/// What the engine's loop is asked.
#[derive(Debug)]
pub struct Asked {
    /// What somebody wants to change.
    pub change: Change,
    /// Where the answer is awaited; nobody may be left to take it.
    pub reply: oneshot::Sender<Vec<Remark>>,
}

/// The way to the engine's loop. Clones lead to the same.
#[derive(Clone, Debug)]
pub struct Desk {
    asked: mpsc::Sender<Asked>,
    open: Arc<AtomicBool>,
}

/// The engine's loop's end of the way.
#[derive(Debug)]
pub struct Tray {
    /// What is asked.
    pub asked: mpsc::Receiver<Asked>,
    open: Arc<AtomicBool>,
}

/// Both ends; closed at first.
#[must_use]
pub fn desk() -> (Desk, Tray) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let open = Arc::new(AtomicBool::new(false));
    let tray = Tray {
        asked: receiver,
        open: open.clone(),
    };
    (Desk { asked: sender, open }, tray)
}

impl Tray {
    /// Says whether questions can be answered: everything has been listed.
    pub fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }
}

impl Desk {
    /// What is to be said of a change; `None` when nobody can answer.
    async fn ask(&self, change: Change) -> Option<Vec<Remark>> {
        let (reply, answer) = oneshot::channel();
        self.asked.try_send(Asked { change, reply }).ok()?;
        answer.await.ok()
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }
}
