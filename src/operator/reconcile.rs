//! The engine's loop: the only owner of the index. Takes in what the watches saw, judges what that changed, and hands
//! decisions to the writer.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use kube::{Client, Resource};
use tokio::sync::{mpsc, watch as channel};
use tracing::{info, warn};

use super::client::ServerClock;
use super::health::{KindState, Liveness, Readiness};
use super::latches;
use super::lease::Leadership;
use super::metrics::{FindingLabels, Metrics, WorkloadLabels};
use super::silence::{FREEZE_AFTER, Hearing};
use super::unread::Unread;
use super::watch::Seen;
use super::writer::{Order, PolicyOrder};
use crate::api::{
    ClusterResilienceReport, ResilienceReport, cluster_report_subject, report_name, report_subject,
};
use crate::engine::pace::Pace;
use crate::engine::{Engine, ReportSeen};
use crate::model::finding::Severity;
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::object::Object;
use crate::model::subject::Subject;
use crate::model::time::{Moment, Now};
use crate::source::watched::{Watched, WatchedKind};
use crate::webhook::{Asked, Tray};

/// The loop turns at least this often, so that liveness has a beat.
const TICK: Duration = Duration::from_secs(1);
/// Inputs that are taken in at once, before anything else gets a turn.
const BATCH: usize = 1024;
/// How long a new leader waits for the list of reports before it tries again.
const LATCHES_TIMEOUT: Duration = Duration::from_secs(10);
/// A loop that has not turned for so long was not run by the machine: the longest turn is a list of the reports.
const STALLED: Duration = Duration::from_secs(12);
/// The API server itself, beside the kinds that readiness names.
const API_SERVER: &str = "apiserver";
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
    pub(super) client: Client,
    pub(super) clock: ServerClock,
    pub(super) hearing: Hearing,
    pub(super) liveness: Liveness,
    pub(super) readiness: Readiness,
    pub(super) metrics: Metrics,
    pub(super) leadership: channel::Receiver<Leadership>,
    /// The term in which the engine decides.
    pub(super) term: Option<i32>,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    pub(super) policies: mpsc::UnboundedSender<PolicyOrder>,
    /// The workloads that have a series of their own.
    pub(super) verdicts: HashSet<WorkloadLabels>,
    pub(super) unread: Unread,
    /// What the webhook asks.
    pub(super) tray: Tray,
}

impl Reconciler {
    /// Runs until the inputs end or `stop` is set.
    pub(super) async fn run(mut self, mut inputs: mpsc::Receiver<Input>, mut stop: channel::Receiver<bool>) {
        // It has answered, so that its silence later is told and does not make the operator unready.
        self.readiness.set(API_SERVER, KindState::Listed);
        let origin = Instant::now();
        let moment = |at: Instant| Moment::ORIGIN.after(at.duration_since(origin));
        let mut batch = Vec::with_capacity(BATCH);
        let mut listed = Lists::default();
        let mut pace = Pace::default();
        let mut gauges = Instant::now();
        let mut turned = Instant::now();
        loop {
            self.liveness.beat();
            let wait = self.wait(&pace, moment(Instant::now()));
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                changed = self.leadership.changed() => if changed.is_err() { return },
                count = inputs.recv_many(&mut batch, BATCH) => {
                    if count == 0 { return }
                    let now = moment(Instant::now());
                    batch.drain(..).for_each(|input| self.take(input, &mut listed, now));
                }
                Some(asked) = self.tray.asked.recv() => answer(&mut self.engine, &self.clock, asked),
                () = tokio::time::sleep(wait) => {}
            }
            // However many events come, whoever waits at the door is answered between two batches.
            while let Ok(asked) = self.tray.asked.try_recv() {
                answer(&mut self.engine, &self.clock, asked);
            }
            self.tray.set_open(self.engine.index().is_complete());
            self.follow(&mut listed, &moment).await;
            let at = Instant::now();
            self.listen(
                self.now(moment(at)),
                at.duration_since(std::mem::replace(&mut turned, at)),
            );
            if let Some(since) = pace.step(&self.engine, moment(at)) {
                self.judge(self.now(moment(at)), origin + since.since(Moment::ORIGIN));
            }
            if at.duration_since(gauges) >= GAUGES {
                gauges = at;
                self.gauges();
            }
        }
    }

    /// Takes over or gives up leading. A new leader reads the reports' latches before its first decision.
    async fn follow(&mut self, listed: &mut Lists, moment: &impl Fn(Instant) -> Moment) {
        let term = self.leadership.borrow_and_update().term();
        let leads = term.is_some();
        self.metrics.set_leader(leads);
        if self.engine.leads() && term != self.term {
            // Another may have led in between.
            self.engine.lead(false, moment(Instant::now()));
        }
        self.term = term;
        if leads && !self.engine.leads() {
            let client = self.client.clone();
            let mut read = std::pin::pin!(tokio::time::timeout(LATCHES_TIMEOUT, latches::read(&client)));
            let read = loop {
                tokio::select! {
                    read = &mut read => break read,
                    Some(asked) = self.tray.asked.recv() => answer(&mut self.engine, &self.clock, asked),
                }
            };
            let now = moment(Instant::now());
            match read {
                Ok(Ok(inputs)) => inputs.into_iter().for_each(|input| self.take(input, listed, now)),
                Ok(Err(error)) => return warn!("leading, and cannot read the reports yet: {error}"),
                Err(_) => return warn!("leading, and the reports did not come within {LATCHES_TIMEOUT:?}"),
            }
        }
        self.engine.lead(leads, moment(Instant::now()));
    }

    /// Freezes the engine while the API server is not heard, and thaws it.
    fn listen(&mut self, now: Now, slept: Duration) {
        let silence = self.hearing.silence();
        if slept >= STALLED && !self.engine.is_frozen() {
            // The silence may be ours: this process did not run.
            warn!("the engine's loop stood still for {slept:?}, and waits anew for what it waited for");
            self.hearing.note();
            self.engine.wake(now);
        } else if silence >= FREEZE_AFTER && !self.engine.is_frozen() {
            let since = now.before(silence);
            warn!(
                "the API server has not been heard since {}: no verdict changes",
                since.wall
            );
            self.engine.freeze(since);
            let reason = format!("not heard since {}, no verdict changes", since.wall);
            self.readiness.set(API_SERVER, KindState::Failing { reason });
        } else if silence < FREEZE_AFTER && self.engine.is_frozen() {
            info!("the API server is heard again");
            self.engine.thaw(now);
            self.readiness.set(API_SERVER, KindState::Listed);
        }
        self.metrics.heard(silence, self.engine.is_frozen());
    }

    fn now(&self, at: Moment) -> Now {
        Now {
            at,
            wall: self.clock.now(),
        }
    }

    /// How long the loop may sleep.
    fn wait(&self, pace: &Pace, now: Moment) -> Duration {
        let next = pace.next(&self.engine).map(|next| next.since(now));
        // A moment has 1 ms resolution; never spin below that.
        next.unwrap_or(TICK).clamp(Duration::from_millis(1), TICK)
    }

    fn judge(&mut self, now: Now, seen: Instant) {
        let started = Instant::now();
        for decision in self.engine.judge(now) {
            // The queue is bounded by the number of subjects: the writer keeps one order for each.
            let Some(term) = self.term else { return };
            if self.orders.send(Order { decision, seen, term }).is_err() {
                return;
            }
        }
        for write in self.engine.take_policy_writes() {
            let Some(term) = self.term else { break };
            // The queue holds one for each policy as well.
            if self.policies.send(PolicyOrder { write, term }).is_err() {
                return;
            }
        }
        self.metrics.judged(started.elapsed());
    }

    fn take(&mut self, input: Input, listed: &mut Lists, now: Moment) {
        match input {
            Input::Object(kind, seen) => self.take_object(kind, seen, now),
            Input::Report(seen) => {
                let known = &mut listed.reports;
                self.take_report(&seen, "resiliencereports", report_of, known, now);
            }
            Input::ClusterReport(seen) => {
                let known = &mut listed.cluster_reports;
                self.take_report(&seen, "clusterresiliencereports", cluster_report_of, known, now);
            }
        }
        if listed.reports.is_complete && listed.cluster_reports.is_complete {
            self.engine.reports_listed();
        }
    }

    fn take_object(&mut self, kind: Kind, seen: Seen<Read>, now: Moment) {
        let index = self.engine.index_mut();
        match seen {
            Seen::ListBegins => {
                index.begin_list(kind);
                self.unread.list_begins(kind.plural());
            }
            Seen::ListEnds => {
                index.end_list(kind);
                info!(resource = kind.plural(), objects = index.count(kind), "listed");
                if self.unread.list_ends(kind.plural()) {
                    self.tell_unread(kind.plural());
                }
            }
            Seen::Unreadable(why) => index.set_unreadable(kind, why),
            Seen::Missing => {
                index.set_missing(kind);
                self.unread.list_begins(kind.plural());
                if self.unread.list_ends(kind.plural()) {
                    self.tell_unread(kind.plural());
                }
            }
            Seen::Deleted(Read { key, .. }) => {
                index.delete(&key);
                self.is_read(kind.plural(), || key.path());
            }
            Seen::Applied(Read {
                key,
                object: Ok(object),
            }) => {
                let problem = object.problems().first();
                let problem = problem.map(|p| format!("judged in part: {} {}", p.field, p.message));
                index.apply(object, now);
                match problem {
                    Some(why) => self.is_unread(kind.plural(), &key.path(), &why),
                    None => self.is_read(kind.plural(), || key.path()),
                }
            }
            Seen::Applied(Read {
                key,
                object: Err(why),
            }) => {
                index.delete(&key);
                self.is_unread(kind.plural(), &key.path(), &format!("not judged: {why}"));
            }
        }
    }

    /// Counts an object that cannot be read, and names it.
    fn is_unread(&mut self, resource: &'static str, path: &str, why: &str) {
        warn!(resource, object = path, "{why}");
        self.metrics.watch(resource).skipped();
        self.unread.note(resource, path, why);
        self.tell_unread(resource);
    }

    /// An object can be read, or is gone.
    fn is_read(&mut self, resource: &'static str, path: impl FnOnce() -> String) {
        if self.unread.forget(resource, path) {
            self.tell_unread(resource);
        }
    }

    fn tell_unread(&self, resource: &'static str) {
        self.readiness
            .set_unread(resource, self.unread.line(resource).as_deref());
    }

    fn take_report<K>(
        &mut self,
        seen: &Seen<DeserializeGuard<K>>,
        resource: &'static str,
        of: fn(&DeserializeGuard<K>) -> Result<Option<ReportSeen>, String>,
        known: &mut Known,
        now: Moment,
    ) where
        K: Resource,
    {
        let (report, gone) = match seen {
            Seen::ListBegins => {
                self.unread.list_begins(resource);
                return known.begin();
            }
            Seen::ListEnds => {
                for gone in known.end() {
                    self.engine.report_gone(&gone, now);
                }
                if self.unread.list_ends(resource) {
                    self.tell_unread(resource);
                }
                return;
            }
            Seen::Unreadable(_) | Seen::Missing => return,
            Seen::Applied(report) => (report, false),
            Seen::Deleted(report) => (report, true),
        };
        let read = of(report);
        if gone || read.is_ok() {
            self.is_read(resource, || path(report.meta()));
        }
        match read {
            Ok(Some(seen)) if gone => {
                known.remove(&seen.subject);
                self.engine.report_gone(&seen.subject, now);
            }
            Ok(Some(seen)) => {
                known.insert(&seen.subject);
                self.engine.report_seen(seen, now);
            }
            Ok(None) => {}
            Err(_) if gone => {
                for subject in known.named(report.meta()) {
                    known.remove(&subject);
                    self.engine.report_gone(&subject, now);
                }
            }
            Err(why) => self.is_unread(resource, &path(report.meta()), &format!("not taken over: {why}")),
        }
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
        let mut verdicts = HashSet::new();
        let workloads = self.engine.statuses();
        for (key, report) in workloads.filter_map(|(subject, report)| Some((subject.workload()?, report))) {
            let labels = WorkloadLabels {
                namespace: key.namespace.clone(),
                kind: key.kind.as_str(),
                name: key.name.clone(),
            };
            if self.engine.index().view(key).is_some() {
                self.metrics.set_verdict(
                    &labels,
                    report.verdict().as_str(),
                    report.owner(),
                    report.criticality(),
                );
                verdicts.insert(labels);
            }
        }
        for gone in self.verdicts.difference(&verdicts) {
            self.metrics.forget_verdict(gone);
        }
        self.verdicts = verdicts;
    }
}

/// Answers what the webhook asks. That nobody waits any more is fine.
fn answer(engine: &mut Engine, clock: &ServerClock, asked: Asked) {
    let Asked { change, reply } = asked;
    if !reply.is_closed() {
        let _ = reply.send(engine.review(change, clock.now()));
    }
}

/// The reports of both kinds.
#[derive(Debug, Default)]
struct Lists {
    reports: Known,
    cluster_reports: Known,
}

/// Which reports of a kind are there: what a relist does not name was deleted while nobody watched.
#[derive(Debug, Default)]
struct Known {
    is_complete: bool,
    subjects: HashSet<Subject>,
    /// During a list: those that it has not named yet.
    unseen: HashSet<Subject>,
}

impl Known {
    fn begin(&mut self) {
        self.unseen = self.subjects.clone();
    }

    fn insert(&mut self, subject: &Subject) {
        self.unseen.remove(subject);
        self.subjects.insert(subject.clone());
    }

    fn remove(&mut self, subject: &Subject) {
        self.unseen.remove(subject);
        self.subjects.remove(subject);
    }

    /// The subjects whose report has this name.
    fn named(&self, metadata: &ObjectMeta) -> Vec<Subject> {
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let is_it = |subject: &&Subject| subject.namespace() == namespace && is_named(metadata, subject);
        self.subjects.iter().filter(is_it).cloned().collect()
    }

    /// The list is complete. Returns what is gone.
    fn end(&mut self) -> HashSet<Subject> {
        self.is_complete = true;
        self.subjects.retain(|subject| !self.unseen.contains(subject));
        std::mem::take(&mut self.unseen)
    }
}

/// What a report says. `None` for one that is not ours: anybody may make a report, under another name, that claims to be
/// about the same workload.
fn report_of(report: &DeserializeGuard<ResilienceReport>) -> Result<Option<ReportSeen>, String> {
    let report = report.0.as_ref().map_err(ToString::to_string)?;
    let namespace = report.metadata.namespace.as_deref().unwrap_or_default();
    let subject =
        report_subject(namespace, &report.spec.workload_ref).filter(|s| is_named(&report.metadata, s));
    Ok(subject.map(|subject| ReportSeen {
        subject,
        uid: report.spec.workload_ref.uid.as_str().into(),
        status: report.status.clone(),
        acknowledgements: report.spec.acknowledgements.clone(),
    }))
}

fn cluster_report_of(
    report: &DeserializeGuard<ClusterResilienceReport>,
) -> Result<Option<ReportSeen>, String> {
    let report = report.0.as_ref().map_err(ToString::to_string)?;
    let owner = report.metadata.owner_references.iter().flatten().next();
    let subject = Some(cluster_report_subject(&report.spec)).filter(|s| is_named(&report.metadata, s));
    Ok(subject.map(|subject| ReportSeen {
        subject,
        uid: owner.map_or_else(|| "".into(), |owner| owner.uid.as_str().into()),
        status: report.status.clone(),
        acknowledgements: report.spec.acknowledgements.clone(),
    }))
}

/// `shop/deployment-web`, or `node-n1`.
fn path(metadata: &ObjectMeta) -> String {
    let name = metadata.name.as_deref().unwrap_or_default();
    match metadata.namespace.as_deref() {
        None | Some("") => name.to_owned(),
        Some(namespace) => format!("{namespace}/{name}"),
    }
}

fn is_named(metadata: &ObjectMeta, subject: &Subject) -> bool {
    metadata.name.as_deref() == Some(&*report_name(subject))
}

#[cfg(test)]
mod tests;
