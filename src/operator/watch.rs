//! The watches: one task a kind, each turning the API server's stream into [`Seen`] for the engine's loop.
//!
//! Every stream has a back-off (an erroring watch would spin otherwise) and a timeout of 200 s, because load balancers
//! drop connections that are idle for longer (Azure's after 240 s). Lists go in pages, so that a relist never holds a
//! second copy of everything.

use std::fmt::Debug;

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::health::{KindState, Readiness};
use super::metrics::{Metrics, WatchEvent, WatchMeter};

/// See the module's documentation.
const WATCH_TIMEOUT_SECONDS: u32 = 200;
/// Objects a page. Smaller than the default of 500, so that a page of large pods stays below 10 MB.
const PAGE_SIZE: u32 = 250;

/// What a watch delivered, in the order in which the API server said it.
#[derive(Debug)]
pub(super) enum Seen<T> {
    /// A list begins.
    ListBegins,
    /// An object of a list, or one that was added or changed.
    Applied(T),
    /// An object is gone.
    Deleted(T),
    /// The list is complete.
    ListEnds,
    /// The kind may not be read, or is not there: absence means nothing until a list succeeds.
    Unreadable(String),
}

impl<T> Seen<T> {
    /// The same with another form of the object.
    pub(super) fn map<U>(self, f: impl FnOnce(T) -> U) -> Seen<U> {
        match self {
            Seen::ListBegins => Seen::ListBegins,
            Seen::Applied(object) => Seen::Applied(f(object)),
            Seen::Deleted(object) => Seen::Deleted(f(object)),
            Seen::ListEnds => Seen::ListEnds,
            Seen::Unreadable(why) => Seen::Unreadable(why),
        }
    }
}

/// Watches one kind until nobody listens any more, and passes on what it sees as `wrap` makes it.
pub(super) async fn watch<K, T>(
    api: Api<K>,
    resource: &'static str,
    readiness: Readiness,
    metrics: Metrics,
    out: mpsc::Sender<T>,
    wrap: impl Fn(Seen<K>) -> T,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    K::DynamicType: Default + Clone + Eq + std::hash::Hash,
{
    let meter = metrics.watch(resource);
    let config = watcher::Config::default()
        .timeout(WATCH_TIMEOUT_SECONDS)
        .page_size(PAGE_SIZE);
    let mut stream = watcher(api, config).default_backoff().boxed();
    while let Some(event) = stream.next().await {
        let seen = match event {
            Ok(event) => translate(event, &meter),
            Err(error) => match failed(&error, resource, &readiness, &meter) {
                Some(why) => Seen::Unreadable(why),
                None => continue,
            },
        };
        if matches!(seen, Seen::ListEnds) {
            readiness.set(resource, KindState::Listed);
        }
        if out.send(wrap(seen)).await.is_err() {
            return;
        }
    }
}

fn translate<K>(event: Event<K>, meter: &WatchMeter) -> Seen<K> {
    match event {
        Event::Init => Seen::ListBegins,
        Event::InitApply(object) => {
            meter.event(WatchEvent::Listed);
            Seen::Applied(object)
        }
        Event::InitDone => {
            meter.event(WatchEvent::Relisted);
            Seen::ListEnds
        }
        Event::Apply(object) => {
            meter.event(WatchEvent::Applied);
            Seen::Applied(object)
        }
        Event::Delete(object) => {
            meter.event(WatchEvent::Deleted);
            Seen::Deleted(object)
        }
    }
}

/// Notes an error. Returns the API server's words when it refuses the kind: that must never look like an empty cluster.
fn failed(
    error: &watcher::Error,
    resource: &'static str,
    readiness: &Readiness,
    meter: &WatchMeter,
) -> Option<String> {
    meter.error();
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    };
    match status.map(|status| (status.code, status.message.clone())) {
        Some((403 | 404, message)) => {
            warn!(resource, "cannot be read: {message}");
            readiness.set(
                resource,
                KindState::Forbidden {
                    reason: message.clone(),
                },
            );
            Some(message)
        }
        // The server dropped what we would go on from: the watcher lists again by itself.
        Some((410, _)) => {
            debug!(resource, "the watch is too old, listing again");
            None
        }
        _ => {
            debug!(resource, "watch interrupted, trying again: {error}");
            readiness.set(
                resource,
                KindState::Failing {
                    reason: error.to_string(),
                },
            );
            None
        }
    }
}
