//! The engine's loop: the only owner of the index. Takes in what the watches saw, judges what that changed, and hands
//! decisions to the writer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kube::core::DeserializeGuard;
use tokio::sync::{mpsc, watch as channel};
use tracing::{info, warn};

use super::client::ServerClock;
use super::health::{Liveness, Readiness};
use super::lease::Leadership;
use super::metrics::{FindingLabels, Metrics, WorkloadLabels};
use super::watch::Seen;
use super::writer::Order;
use crate::api::{ClusterResilienceReport, ResilienceReport, report_subject};
use crate::engine::{Engine, ReportSeen};
use crate::model::finding::Severity;
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::object::Object;
use crate::model::time::{Moment, Now};
use crate::source::watched::{Watched, WatchedKind};

/// Changes that arrive within this time are judged together: a rollout touches a workload many times a second.
const SETTLE: Duration = Duration::from_millis(200);
/// The loop turns at least this often, so that liveness has a beat.
const TICK: Duration = Duration::from_secs(1);
/// Inputs that are taken in at once, before anything else gets a turn.
const BATCH: usize = 1024;
/// How often the gauges of findings and objects are brought up to date, at most.
const GAUGES: Duration = Duration::from_secs(2);

/// An object as a watch delivered it: read, or not, and why.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) key: ObjectKey,
    pub(super) object: Result<Object, String>,
}

impl<K: WatchedKind> From<Watched<K>> for Read {
    fn from(watched: Watched<K>) -> Self {
        let (key, object) = watched.into_parts();
        Read {
            key,
            object: object.map_err(|error| error.to_string()),
        }
    }
}

/// Everything that the loop is told.
#[derive(Debug)]
pub(super) enum Input {
    Object(Kind, Seen<Read>),
    Report(Seen<DeserializeGuard<ResilienceReport>>),
    ClusterReport(Seen<DeserializeGuard<ClusterResilienceReport>>),
}

/// What the loop works with.
pub(super) struct Reconciler {
    pub(super) engine: Engine,
    pub(super) clock: ServerClock,
    pub(super) liveness: Liveness,
    pub(super) readiness: Readiness,
    pub(super) metrics: Metrics,
    pub(super) leadership: channel::Receiver<Leadership>,
    pub(super) orders: mpsc::UnboundedSender<Order>,
}

impl Reconciler {
    /// Runs until the inputs end or `stop` is set.
    pub(super) async fn run(mut self, mut inputs: mpsc::Receiver<Input>, mut stop: channel::Receiver<bool>) {
        let origin = Instant::now();
        let moment =
            |at: Instant| Moment(u64::try_from(at.duration_since(origin).as_millis()).unwrap_or(u64::MAX));
        let mut batch = Vec::with_capacity(BATCH);
        let mut listed = Lists::default();
        // When the oldest change that is not judged yet was seen.
        let mut pending: Option<Instant> = None;
        let mut gauges = Instant::now();
        loop {
            self.liveness.beat();
            let wait = self.wait(pending, moment(Instant::now()));
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                changed = self.leadership.changed() => if changed.is_err() { return },
                count = inputs.recv_many(&mut batch, BATCH) => {
                    if count == 0 { return }
                    let now = moment(Instant::now());
                    batch.drain(..).for_each(|input| self.take(input, &mut listed, now));
                }
                () = tokio::time::sleep(wait) => {}
            }
            let leads = matches!(*self.leadership.borrow_and_update(), Leadership::Leader { .. });
            self.metrics.set_leader(leads);
            let at = Instant::now();
            self.engine.lead(leads, moment(at));
            if self.engine.index().is_dirty() || self.engine.next_due().is_some_and(|due| due <= moment(at)) {
                pending.get_or_insert(at);
            }
            if pending.is_some_and(|since| at.duration_since(since) >= SETTLE) && self.engine.is_ready() {
                let seen = pending.take().unwrap_or(at);
                self.judge(
                    Now {
                        at: moment(at),
                        wall: self.clock.now(),
                    },
                    seen,
                );
            }
            if at.duration_since(gauges) >= GAUGES {
                gauges = at;
                self.gauges();
            }
        }
    }

    /// How long the loop may sleep.
    fn wait(&self, pending: Option<Instant>, now: Moment) -> Duration {
        let due = self.engine.next_due().map(|due| due.since(now));
        let settle = pending.map(|since| SETTLE.saturating_sub(since.elapsed()));
        // While inputs are missing, nothing that is due can be done.
        let due = due.filter(|_| self.engine.is_ready());
        let settle = settle.filter(|_| self.engine.is_ready());
        // A timer that is due has 1 ms resolution; never spin below that.
        due.into_iter()
            .chain(settle)
            .chain([TICK])
            .min()
            .unwrap_or(TICK)
            .max(Duration::from_millis(1))
    }

    fn judge(&mut self, now: Now, seen: Instant) {
        let started = Instant::now();
        for decision in self.engine.judge(now) {
            // The queue is bounded by the number of subjects: the writer keeps one order for each.
            if self.orders.send(Order { decision, seen }).is_err() {
                return;
            }
        }
        self.metrics.judged(started.elapsed());
    }

    fn take(&mut self, input: Input, listed: &mut Lists, now: Moment) {
        match input {
            Input::Object(kind, seen) => self.take_object(kind, seen, now),
            Input::Report(seen) => {
                if let Some(seen) = self.take_report(seen, "resiliencereports", report_of, now) {
                    listed.reports |= seen;
                }
            }
            Input::ClusterReport(seen) => {
                if let Some(seen) = self.take_report(seen, "clusterresiliencereports", cluster_report_of, now)
                {
                    listed.cluster_reports |= seen;
                }
            }
        }
        if listed.reports && listed.cluster_reports {
            self.engine.reports_listed();
        }
    }

    fn take_object(&mut self, kind: Kind, seen: Seen<Read>, now: Moment) {
        let index = self.engine.index_mut();
        match seen {
            Seen::ListBegins => index.begin_list(kind),
            Seen::ListEnds => {
                index.end_list(kind);
                info!(resource = kind.plural(), objects = index.count(kind), "listed");
            }
            Seen::Unreadable(why) => index.set_unreadable(kind, why),
            Seen::Deleted(Read { key, .. }) => index.delete(&key),
            Seen::Applied(Read {
                object: Ok(object), ..
            }) => index.apply(object, now),
            Seen::Applied(Read {
                key,
                object: Err(why),
            }) => {
                warn!(object = %key, "not judged, it cannot be read: {why}");
                self.readiness
                    .skipped(kind.plural(), &format!("{}: {why}", key.path()));
                self.metrics.watch(kind.plural()).skipped();
            }
        }
    }

    /// Returns `Some(true)` when the list of this kind of report is complete.
    fn take_report<K>(
        &mut self,
        seen: Seen<DeserializeGuard<K>>,
        resource: &'static str,
        of: fn(&DeserializeGuard<K>) -> Result<Option<ReportSeen>, String>,
        now: Moment,
    ) -> Option<bool> {
        let (report, gone) = match &seen {
            Seen::ListEnds => return Some(true),
            Seen::ListBegins | Seen::Unreadable(_) => return None,
            Seen::Applied(report) => (report, false),
            Seen::Deleted(report) => (report, true),
        };
        match of(report) {
            Ok(Some(seen)) if gone => self.engine.report_gone(&seen.subject, now),
            Ok(Some(seen)) => self.engine.report_seen(seen, now),
            Ok(None) => {}
            Err(why) => {
                warn!(resource, "report not read: {why}");
                self.readiness.skipped(resource, &why);
            }
        }
        None
    }

    fn gauges(&mut self) {
        let mut counts: BTreeMap<(&'static str, Severity, Name), usize> = BTreeMap::new();
        for (rule, severity, namespace) in self.engine.active() {
            *counts.entry((rule, severity, namespace.into())).or_default() += 1;
        }
        let labelled = counts.into_iter().map(|((rule, severity, namespace), count)| {
            (
                FindingLabels {
                    rule: rule.into(),
                    severity: severity.as_str(),
                    namespace,
                },
                count,
            )
        });
        self.metrics.replace_findings(labelled);
        self.metrics.set_unacknowledged(self.engine.unacknowledged());
        for kind in Kind::WATCHED {
            self.metrics
                .set_index_objects(kind.plural(), self.engine.index().count(kind));
        }
        for (key, report) in self.engine.statuses() {
            let labels = WorkloadLabels {
                namespace: key.namespace.clone(),
                kind: key.kind.as_str(),
                name: key.name.clone(),
            };
            self.metrics
                .set_verdict(&labels, report.verdict().as_str(), report.owner());
        }
    }
}

/// Which kinds of reports have been listed.
#[derive(Debug, Default)]
struct Lists {
    reports: bool,
    cluster_reports: bool,
}

fn report_of(report: &DeserializeGuard<ResilienceReport>) -> Result<Option<ReportSeen>, String> {
    let report = report.0.as_ref().map_err(ToString::to_string)?;
    let namespace = report.metadata.namespace.as_deref().unwrap_or_default();
    Ok(
        report_subject(namespace, &report.spec.workload_ref).map(|subject| ReportSeen {
            subject,
            uid: report.spec.workload_ref.uid.as_str().into(),
            status: report.status.clone(),
            acknowledgements: report.spec.acknowledgements.clone(),
        }),
    )
}

fn cluster_report_of(
    report: &DeserializeGuard<ClusterResilienceReport>,
) -> Result<Option<ReportSeen>, String> {
    let report = report.0.as_ref().map_err(ToString::to_string)?;
    let owner = report.metadata.owner_references.iter().flatten().next();
    Ok(report.spec.node_name.as_deref().map(|node| ReportSeen {
        subject: ObjectKey::new(Kind::Node, "", node),
        uid: owner.map_or_else(|| "".into(), |owner| owner.uid.as_str().into()),
        status: report.status.clone(),
        acknowledgements: report.spec.acknowledgements.clone(),
    }))
}
