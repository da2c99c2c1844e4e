//! `plimsoll record`: what the operator's watches deliver, into a file.
//!
//! ```text
//! watch (a task a kind) ── pruned objects ──> Tape (when, ADDED or MODIFIED) ──> recording::Writer ──> file
//! ```
//!
//! It reads what the operator reads, through the same watches, and writes nothing to the cluster.

use std::collections::HashSet;
use std::io;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::client::{self, ClientError, ClientOptions, Connection, ServerClock};
use super::health::Readiness;
use super::metrics::{Detail, Metrics};
use super::silence::{self, FREEZE_AFTER};
use super::watch::{Seen, watch};
use super::{QUEUE, asked_to_stop};
use crate::model::keys::Kind;
use crate::source::recording::{Header, Writer};
use crate::source::watched::{Pruned, Watched, for_each_kind};

/// What is lost at most when the process is killed.
const FLUSH: Duration = Duration::from_secs(1);
/// Requests from whose `Date` headers the API server's clock is learnt before the first line: each has whole seconds, so
/// they are sent at different parts of one. After these the clock is known to about a tenth of a second.
const CLOCK_READINGS: u32 = 8;
/// Between them; 8 of them take a second, and no two fall on the same part of it.
const CLOCK_PAUSE: Duration = Duration::from_millis(137);

/// What `record` is told.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// Which API server.
    pub client: ClientOptions,
    /// The factor by which the cluster's timers differ from Kubernetes' defaults; for the header.
    pub time_scale: f64,
    /// When to stop by itself.
    pub duration: Option<Duration>,
    /// For the header.
    pub description: String,
}

/// Why there is no recording, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// No client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The API server does not answer.
    #[error("the API server does not tell its version: {0}; is it reachable?")]
    Version(#[source] Box<kube::Error>),
    /// Signals cannot be caught.
    #[error("cannot listen for SIGTERM: {0}")]
    Signal(#[source] io::Error),
    /// The file cannot be written.
    #[error("cannot write the recording: {0}; is the disk full?")]
    Write(#[from] io::Error),
}

/// Records until asked to stop, or for as long as was said. `begin` makes the file, once there is a header to write.
///
/// # Errors
/// [`RecordError`]; what was written until then can be replayed.
pub async fn record(
    options: RecordOptions,
    begin: impl FnOnce(&Header) -> io::Result<Writer>,
) -> Result<(), RecordError> {
    let stop = asked_to_stop().map_err(RecordError::Signal)?;
    let Connection {
        client,
        clock,
        hearing,
    } = client::connect(&options.client).await?;
    let header = header(&client, &clock, &options).await?;
    let mut tape = Tape::new(begin(&header)?, clock.now());
    let mut inputs = watch_all(&client);
    tokio::spawn(silence::ask(client, hearing.clone()));
    let mut flush = tokio::time::interval(FLUSH);
    let end = tokio::time::sleep(options.duration.unwrap_or(Duration::MAX));
    tokio::pin!(stop, end);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            () = &mut end => break,
            _ = flush.tick() => {
                tape.listen(hearing.silence())?;
                tape.writer.flush()?;
            }
            input = inputs.recv() => match input {
                Some((kind, seen)) => tape.take(kind, seen)?,
                None => break,
            },
        }
    }
    // What has arrived already belongs to it.
    while let Ok((kind, seen)) = inputs.try_recv() {
        tape.take(kind, seen)?;
    }
    tape.writer.finish()?;
    info!(events = tape.events, "recorded");
    Ok(())
}

/// Asks the API server for its version, and so for its clock.
async fn header(
    client: &Client,
    clock: &ServerClock,
    options: &RecordOptions,
) -> Result<Header, RecordError> {
    let ask = || async {
        let info = client.apiserver_version().await;
        info.map_err(|e| RecordError::Version(Box::new(e)))
    };
    let info = ask().await?;
    for _ in 1..CLOCK_READINGS {
        tokio::time::sleep(CLOCK_PAUSE).await;
        ask().await?;
    }
    Ok(Header {
        recorded_at: Some(clock.now()),
        description: options.description.clone(),
        ..Header::new(info.git_version, options.time_scale)
    })
}

type Input = (Kind, Seen<Value>);

fn watch_all(client: &Client) -> mpsc::Receiver<Input> {
    let (out, inputs) = mpsc::channel(QUEUE);
    // Nobody asks this process how it is: what it cannot read stands in the file.
    let metrics = Metrics::new(&mut Registry::default(), Detail::Aggregate);
    for_each_kind!(client, |kind, api| {
        if Kind::WATCHED.contains(&kind) {
            let wrap = move |seen: Seen<Watched<_, Pruned>>| (kind, seen.map(Watched::into_json));
            tokio::spawn(watch(
                api,
                kind.plural(),
                kind.into(),
                Readiness::default(),
                metrics.clone(),
                out.clone(),
                wrap,
            ));
        }
    });
    inputs
}

/// The file, and what must be remembered to write it.
struct Tape {
    writer: Writer,
    /// The API server's clock when this one started: from then on monotonic, because gaps are counted between lines.
    started: (Instant, Timestamp),
    /// During a list, and when it is complete: the objects that are there, to tell an addition from a change.
    known: HashSet<(Kind, String)>,
    listing: HashSet<Kind>,
    /// Kinds that have been listed.
    listed: HashSet<Kind>,
    /// Nothing is heard from the API server.
    silent: bool,
    events: u64,
}

impl Tape {
    fn new(writer: Writer, now: Timestamp) -> Self {
        Tape {
            writer,
            started: (Instant::now(), now),
            known: HashSet::new(),
            listing: HashSet::new(),
            listed: HashSet::new(),
            silent: false,
            events: 0,
        }
    }

    fn now(&self) -> Timestamp {
        let (instant, wall) = self.started;
        let elapsed = SignedDuration::try_from(instant.elapsed()).unwrap_or(SignedDuration::MAX);
        wall.saturating_add(elapsed).unwrap_or(wall)
    }

    /// Notes how long nothing has been heard from the API server, as the operator's loop does.
    fn listen(&mut self, silence: Duration) -> io::Result<()> {
        let silent = silence >= FREEZE_AFTER;
        if silent == std::mem::replace(&mut self.silent, silent) {
            return Ok(());
        }
        let at = self.now();
        self.events += 1;
        if silent {
            warn!("the API server has not been heard for {silence:?}");
            let since = at.saturating_sub(SignedDuration::try_from(silence).unwrap_or(SignedDuration::MAX));
            self.writer.disconnected(at, since.unwrap_or(at))
        } else {
            info!("the API server is heard again");
            self.writer.connected(at)
        }
    }

    fn take(&mut self, kind: Kind, seen: Seen<Value>) -> io::Result<()> {
        let at = self.now();
        self.events += 1;
        match seen {
            Seen::ListBegins => {
                self.listing.insert(kind);
                self.known.retain(|(of, _)| *of != kind);
                self.writer.list(at, "RELIST", Some(kind))
            }
            Seen::ListEnds => {
                self.listing.remove(&kind);
                if self.listed.insert(kind) && self.listed.len() == Kind::WATCHED.len() {
                    info!("every kind has been listed: recording");
                }
                self.writer.list(at, "SYNCED", Some(kind))
            }
            Seen::Applied(object) => {
                let is_new = self.known.insert((kind, name(&object)));
                let what = if is_new || self.listing.contains(&kind) {
                    "ADDED"
                } else {
                    "MODIFIED"
                };
                self.writer.object(at, what, &object)
            }
            Seen::Deleted(object) => {
                self.known.remove(&(kind, name(&object)));
                self.writer.object(at, "DELETED", &object)
            }
            Seen::Missing => {
                self.take(kind, Seen::ListBegins)?;
                self.take(kind, Seen::ListEnds)
            }
            Seen::Unreadable(why) => {
                warn!(resource = kind.plural(), "not recorded, it cannot be read: {why}");
                self.writer.unreadable(at, kind, &why)
            }
        }
    }
}

/// `namespace/name`.
fn name(object: &Value) -> String {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}

#[cfg(test)]
mod tests;
