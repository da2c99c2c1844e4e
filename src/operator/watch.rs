//! The watches: one task a kind, each turning the API server's stream into [`Seen`] for the engine's loop.
//!
//! Every stream has a back-off (an erroring watch would spin otherwise) and a timeout of 200 s, because load balancers
//! drop connections that are idle for longer (Azure's after 240 s). Lists go in pages, so that a relist never holds a
//! second copy of everything.
//!
//! A kind that need not be installed is asked for once a minute until it is: its 404 is a line of text, it needs no right
//! beyond those for the kind itself, and a minute is soon enough for something that people install once. (A watch on its
//! CustomResourceDefinition would cost a right, and a connection that is renewed every 200 s, for ever.) When it is removed,
//! the API server deletes its objects and ends the watch, and the next request is that 404 again.

use std::fmt::Debug;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::health::{KindState, Readiness};
use super::metrics::{Metrics, WatchEvent, WatchMeter};
use crate::model::keys::Kind;

/// See the module's documentation.
const WATCH_TIMEOUT_SECONDS: u32 = 200;
/// Objects a page. Smaller than the default of 500, so that a page of large pods stays below 10 MB.
pub(super) const PAGE_SIZE: u32 = 250;

/// Before a list that follows a watch that was refused.
const RELIST_PAUSE: Duration = Duration::from_secs(5);
/// Before a kind that is not installed is asked for again.
const MISSING_PAUSE: Duration = Duration::from_secs(60);
/// A watch on which nothing failed for this long works; longer than the longest back-off.
const QUIET: Duration = Duration::from_secs(90);

/// The status code for a resourceVersion that the API server does not remember any more.
const EXPIRED: u16 = 410;

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
    /// The kind is optional and not installed: there are none.
    Missing,
}

/// Whether every cluster has a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It has; a 404 is an error.
    Expected,
    /// Only where its CustomResourceDefinition is installed; a 404 means that there are none.
    Optional,
}

impl From<Kind> for Presence {
    fn from(kind: Kind) -> Self {
        if kind.is_optional() {
            Presence::Optional
        } else {
            Presence::Expected
        }
    }
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
            Seen::Missing => Seen::Missing,
        }
    }
}

/// Watches one kind until nobody listens any more, and passes on what it sees as `wrap` makes it.
pub(super) async fn watch<K, T>(
    api: Api<K>,
    resource: &'static str,
    presence: Presence,
    readiness: Readiness,
    metrics: Metrics,
    out: mpsc::Sender<T>,
    wrap: impl Fn(Seen<K>) -> T,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    K::DynamicType: Default + Clone + Eq + std::hash::Hash,
{
    let mut watch = Watch {
        stream: open(&api),
        phase: Phase::Before,
        meter: metrics.watch(resource),
        resource,
        presence,
        readiness,
    };
    while let Some(event) = watch.next().await {
        let (seen, anew) = match event {
            Ok(event) => {
                if watch.begins_list(&event) && out.send(wrap(Seen::ListBegins)).await.is_err() {
                    return;
                }
                (Some(watch.heard(event)), None)
            }
            Err(error) => watch.failed(&error),
        };
        if let Some(seen) = seen
            && out.send(wrap(seen)).await.is_err()
        {
            return;
        }
        if let Some(pause) = anew {
            tokio::time::sleep(pause).await;
            watch.stream = open(&api);
        }
    }
}

type Events<K> = BoxStream<'static, watcher::Result<Event<K>>>;

/// Lists, then watches, again and again. Without the mark that a list is about to begin: it comes before each try, and
/// as it is no error it would reset the back-off.
fn open<K>(api: &Api<K>) -> Events<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    K::DynamicType: Default + Clone + Eq + std::hash::Hash,
{
    let config = watcher::Config::default()
        .timeout(WATCH_TIMEOUT_SECONDS)
        .page_size(PAGE_SIZE);
    let is_news = |event: &Event<K>| std::future::ready(!matches!(event, Event::Init));
    watcher(api.clone(), config)
        .try_filter(is_news)
        .default_backoff()
        .boxed()
}

/// Where a watch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No object of a list has come yet.
    Before,
    /// In the middle of a list.
    Listing,
    /// The list is complete, changes follow.
    Watching,
    /// As before, but the last that was heard is an error.
    Failing,
    /// The kind is not installed, which has been told.
    Missing,
}

struct Watch<K> {
    stream: Events<K>,
    phase: Phase,
    meter: WatchMeter,
    resource: &'static str,
    presence: Presence,
    readiness: Readiness,
}

impl<K> Watch<K> {
    async fn next(&mut self) -> Option<watcher::Result<Event<K>>> {
        loop {
            tokio::select! {
                event = self.stream.next() => return event,
                () = tokio::time::sleep(QUIET), if self.phase == Phase::Failing => self.enter(Phase::Watching),
            }
        }
    }

    fn enter(&mut self, phase: Phase) {
        if phase == Phase::Watching && self.phase != phase {
            self.readiness.set(self.resource, KindState::Listed);
        }
        self.phase = phase;
    }

    fn begins_list(&self, event: &Event<K>) -> bool {
        matches!(event, Event::InitApply(_) | Event::InitDone) && self.phase != Phase::Listing
    }

    fn heard(&mut self, event: Event<K>) -> Seen<K> {
        self.enter(match event {
            Event::Init | Event::InitApply(_) => Phase::Listing,
            Event::InitDone | Event::Apply(_) | Event::Delete(_) => Phase::Watching,
        });
        translate(event, &self.meter)
    }

    /// Notes an error. Returns what to pass on, if the API server refuses the kind (that must never look like an empty
    /// cluster), and after which pause to list anew although the watcher would not: it would go on from where it was, and
    /// nobody would learn that the kind is readable again.
    fn failed(&mut self, error: &watcher::Error) -> (Option<Seen<K>>, Option<Duration>) {
        let (was_watching, status) = match error {
            watcher::Error::InitialListFailed(kube::Error::Api(status)) => (false, Some(status)),
            watcher::Error::InitialListFailed(_) | watcher::Error::NoResourceVersion => (false, None),
            watcher::Error::WatchStartFailed(kube::Error::Api(status))
            | watcher::Error::WatchFailed(kube::Error::Api(status)) => (true, Some(status)),
            watcher::Error::WatchStartFailed(_) | watcher::Error::WatchFailed(_) => (true, None),
            watcher::Error::WatchError(status) => (status.code != EXPIRED, Some(status)),
        };
        if self.presence == Presence::Optional && status.is_some_and(|status| status.code == 404) {
            return (self.missing(), Some(MISSING_PAUSE));
        }
        self.meter.error();
        self.phase = if was_watching {
            Phase::Failing
        } else {
            Phase::Before
        };
        let resource = self.resource;
        let (state, refused) = match status.map(|status| (status.code, status.message.clone())) {
            Some((403, said)) => (KindState::Forbidden { reason: said.clone() }, Some(said)),
            Some((404, said)) => {
                let reason = format!("404 not found: {said}; is its CustomResourceDefinition installed?");
                (
                    KindState::Failing {
                        reason: reason.clone(),
                    },
                    Some(reason),
                )
            }
            Some((EXPIRED, _)) => {
                debug!(resource, "the watch is too old, listing again");
                if was_watching {
                    self.phase = Phase::Before;
                }
                return (None, was_watching.then_some(RELIST_PAUSE));
            }
            _ => {
                let reason = error.to_string();
                (KindState::Failing { reason }, None)
            }
        };
        match &refused {
            Some(why) => warn!(resource, "cannot be read: {why}"),
            None => debug!(resource, "watch interrupted, trying again: {error}"),
        }
        self.readiness.set(resource, state);
        let anew = (was_watching && refused.is_some()).then_some(RELIST_PAUSE);
        if anew.is_some() {
            self.phase = Phase::Before;
        }
        (refused.map(Seen::Unreadable), anew)
    }

    /// The kind is not installed. That is told once, however often it is looked for.
    fn missing(&mut self) -> Option<Seen<K>> {
        if std::mem::replace(&mut self.phase, Phase::Missing) == Phase::Missing {
            return None;
        }
        let reason = format!(
            "not installed, so there are none; looked for every {} s",
            MISSING_PAUSE.as_secs()
        );
        info!(resource = self.resource, "{reason}");
        self.readiness.set(self.resource, KindState::Missing { reason });
        Some(Seen::Missing)
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

#[cfg(test)]
mod tests;
