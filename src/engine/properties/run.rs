//! An engine that lives through a history, and an API server that keeps what it writes.
//!
//! ```text
//! Beat ──> index ── judge, also when the engine asks for it ──> decisions ──> reports kept ──> report_seen
//! ```
//!
//! What is kept is shown to the engine at once, and goes with the object that it is about, as owner references have it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::history::{Beat, Event};
use crate::engine::{Decision, Engine, ReportSeen, ReportWrite};
use crate::index::Index;
use crate::model::config::{ClusterVersion, DetectorConfig};
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::node::{Lease, ReadyStatus};
use crate::model::object::Object;
use crate::model::report::{Acknowledgement, FindingState, ReportFinding, ReportStatus};
use crate::model::subject::Subject;
use crate::model::testing::wall;
use crate::model::time::{Moment, Now};
use crate::plan::Change;
use crate::policy::Policy;

/// How often a kubelet renews its node's Lease, milliseconds.
const HEARTBEAT: u64 = 10_000;

/// A report as the API server keeps it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kept {
    pub(super) uid: Name,
    pub(super) status: ReportStatus,
    acknowledgements: Vec<Acknowledgement>,
}

/// A transition that was told.
#[derive(Clone, PartialEq)]
pub(super) struct Told {
    /// Seconds since the history began.
    pub(super) at: u64,
    pub(super) subject: Subject,
    pub(super) uid: Name,
    pub(super) change: Change,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change {
            id,
            transition,
            severity,
            episode,
            message,
            ..
        } = &self.change;
        write!(
            f,
            "{} {} {id} {transition:?} {severity:?} {episode}: {message}",
            self.at, self.subject
        )
    }
}

/// See the module's documentation.
pub(super) struct Run {
    pub(super) engine: Engine,
    pub(super) objects: BTreeMap<ObjectKey, Object>,
    pub(super) reports: BTreeMap<Subject, Kept>,
    pub(super) told: Vec<Told>,
    /// Milliseconds since the history began.
    time: u64,
    /// What the monotonic clock showed then.
    origin: u64,
    /// How much the wall clock is off, seconds.
    pub(super) wall_error: i64,
    /// Another replica, which sees the same and does not lead.
    standby: Option<Engine>,
}

fn engine() -> Engine {
    let index = Index::complete(ClusterVersion::NEWEST);
    Engine::new(index, Policy::default(), config())
}

impl Run {
    pub(super) fn new() -> Self {
        let mut engine = engine();
        engine.reports_listed();
        engine.lead(true, Moment::ORIGIN);
        Run {
            engine,
            objects: BTreeMap::new(),
            reports: BTreeMap::new(),
            told: Vec::new(),
            time: 0,
            origin: Moment::ORIGIN.0,
            wall_error: 0,
            standby: None,
        }
    }

    /// All of these.
    pub(super) fn of(beats: &[Beat]) -> Self {
        let mut run = Run::new();
        beats.iter().for_each(|beat| run.beat(beat));
        run
    }

    pub(super) fn second(&self) -> u64 {
        self.time / 1000
    }

    pub(super) fn now(&self) -> Now {
        let time = i64::try_from(self.time).expect("a short history");
        Now {
            at: Moment(self.origin + self.time),
            wall: wall(self.wall_error) + jiff::SignedDuration::from_millis(time),
        }
    }

    /// Lets time pass to the beat, and judges what happens then.
    pub(super) fn beat(&mut self, beat: &Beat) {
        self.pass(beat.at);
        self.see(&beat.events);
        beat.acknowledged
            .iter()
            .for_each(|subject| self.acknowledge(subject));
        self.judge();
        self.collect_garbage();
    }

    /// Takes events in, without judging.
    pub(super) fn see(&mut self, events: &[Event]) {
        let at = self.now().at;
        for event in events {
            match event.clone() {
                Event::Put(object) => {
                    self.objects.insert(object.key(), object.clone());
                    self.engines()
                        .for_each(|engine| engine.index_mut().apply(object.clone(), at));
                }
                Event::Gone(key) => {
                    self.objects.remove(&key);
                    self.engines().for_each(|engine| engine.index_mut().delete(&key));
                }
            }
        }
    }

    /// Turns the clock, judging whenever the engine asked for it. Meanwhile the nodes that are not silent renew their Leases.
    pub(super) fn pass(&mut self, second: u64) {
        let to = second * 1000;
        assert!(to >= self.time, "time passes forwards");
        loop {
            let beat = (self.time / HEARTBEAT + 1) * HEARTBEAT;
            self.wait(beat.min(to));
            if beat > to {
                return;
            }
            self.renew_leases();
            self.judge();
        }
    }

    /// As [`Run::pass`] without any event.
    fn wait(&mut self, to: u64) {
        let until = Moment(self.origin + to);
        while let Some(due) = self
            .engines()
            .filter_map(|engine| engine.next_due())
            .min()
            .filter(|due| *due <= until)
        {
            self.time = self.time.max(due.0.saturating_sub(self.origin));
            self.judge();
        }
        self.time = to;
    }

    fn renew_leases(&mut self) {
        // The kubelets' clocks are right, whatever the operator makes of them.
        let now = wall(i64::try_from(self.second()).expect("a short history"));
        let is_heard = |name: &Name| match self.objects.get(&ObjectKey::new(Kind::Node, "", name.clone())) {
            Some(Object::Node(node)) => node.ready.status != ReadyStatus::Unknown,
            _ => false,
        };
        let renewed = self.objects.values().filter_map(|object| match object {
            Object::Lease(lease) if is_heard(&lease.node) => Some(Event::Put(Object::Lease(Lease {
                node: lease.node.clone(),
                renewed: lease.renewed.max(Some(now)),
            }))),
            _ => None,
        });
        let renewed: Vec<Event> = renewed.collect();
        self.see(&renewed);
    }

    /// Judges until nothing is due any more.
    pub(super) fn judge(&mut self) -> usize {
        let mut writes = 0;
        let now = self.now();
        for _ in 0..4 {
            if let Some(standby) = &mut self.standby {
                assert_eq!(standby.judge(now), [], "only the leader decides");
            }
            let decisions = self.engine.judge(now);
            writes += decisions.len();
            decisions.into_iter().for_each(|decision| self.keep(decision));
            if self
                .engines()
                .filter_map(|engine| engine.next_due())
                .all(|due| due > now.at)
            {
                return writes;
            }
        }
        panic!("the engine asks again and again for what is due");
    }

    fn keep(&mut self, decision: Decision) {
        let Decision {
            subject,
            uid,
            write,
            changes,
            ownership: _,
        } = decision;
        let told = changes.into_iter().map(|change| Told {
            at: self.time / 1000,
            subject: subject.clone(),
            uid: uid.clone(),
            change,
        });
        self.told.extend(told);
        let status = match write {
            ReportWrite::Delete => {
                self.reports.remove(&subject);
                self.show_gone(&subject);
                return;
            }
            ReportWrite::Replace { status } => {
                assert!(self.reports.remove(&subject).is_some_and(|kept| kept.uid != uid));
                self.show_gone(&subject);
                status
            }
            ReportWrite::Put { status, create } => {
                assert_eq!(create, !self.reports.contains_key(&subject), "{subject}");
                status
            }
        };
        // As it is written and read back.
        let json = serde_json::to_vec(&status).expect("JSON");
        let status = serde_json::from_slice(&json).expect("what was written");
        let acknowledgements = self.reports.remove(&subject).map(|kept| kept.acknowledgements);
        let kept = Kept {
            uid,
            status,
            acknowledgements: acknowledgements.unwrap_or_default(),
        };
        self.reports.insert(subject.clone(), kept);
        self.show(&subject);
    }

    /// The watch on reports shows what is kept.
    fn show(&mut self, subject: &Subject) {
        let at = self.now().at;
        let seen = seen(subject, &self.reports[subject]);
        self.engines()
            .for_each(|engine| engine.report_seen(seen.clone(), at));
    }

    fn show_gone(&mut self, subject: &Subject) {
        let at = self.now().at;
        self.engines().for_each(|engine| engine.report_gone(subject, at));
    }

    /// The engine that leads.
    pub(super) fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    fn engines(&mut self) -> impl Iterator<Item = &mut Engine> {
        [&mut self.engine].into_iter().chain(&mut self.standby)
    }

    /// Another replica begins to watch.
    pub(super) fn add_standby(&mut self) {
        self.standby = Some(self.fresh(false));
    }

    /// The leader ends and the other replica leads.
    pub(super) fn take_over(&mut self) {
        let standby = self.standby.take().expect("it was added");
        self.engine = standby;
        let at = self.now().at;
        self.engine.lead(true, at);
        self.judge();
    }

    /// Somebody acknowledges all that a report says.
    fn acknowledge(&mut self, subject: &Subject) {
        let Some(kept) = self.reports.get_mut(subject) else {
            return;
        };
        let all = kept.status.findings.iter().map(|finding| Acknowledgement {
            id: finding.id.clone(),
            reason: "seen".into(),
            episode: finding.episodes,
            by: None,
        });
        kept.acknowledgements = all.collect();
        self.show(subject);
    }

    /// Reports go with the objects that they are about.
    fn collect_garbage(&mut self) {
        let objects = &self.objects;
        let left = |(subject, kept): &(&Subject, &Kept)| uid_of(objects, subject).as_ref() != Some(&kept.uid);
        let gone: Vec<Subject> = self
            .reports
            .iter()
            .filter(left)
            .map(|(key, _)| key.clone())
            .collect();
        for subject in gone {
            self.reports.remove(&subject);
            self.show_gone(&subject);
        }
        self.judge();
    }

    /// The list of a kind ends in the middle, begins anew and comes to its end; everything is judged in between too.
    pub(super) fn relist(&mut self, kind: Kind, breaks_off: bool) {
        let at = self.now().at;
        let all: Vec<Object> = self
            .objects
            .values()
            .filter(|o| o.key().kind == kind)
            .cloned()
            .collect();
        if breaks_off {
            self.engine.index_mut().begin_list(kind);
            for object in all.iter().take(all.len() / 2) {
                self.engine.index_mut().apply(object.clone(), at);
            }
            self.judge();
        }
        self.engine.index_mut().begin_list(kind);
        self.judge();
        for object in all.into_iter().rev() {
            self.engine.index_mut().apply(object, at);
            self.judge();
        }
        self.engine.index_mut().end_list(kind);
        self.judge();
    }

    /// The operator ends now and another begins `down` seconds later, its monotonic clock at another place. It sees the
    /// objects as they are then, and the reports.
    pub(super) fn restart(&mut self, down: u64) {
        self.time += down * 1000;
        self.origin += 31_000_000;
        self.engine = self.fresh(true);
        self.judge();
    }

    /// An engine that sees all there is.
    pub(super) fn fresh(&self, leads: bool) -> Engine {
        let mut fresh = engine();
        let at = self.now().at;
        for object in self.objects.values() {
            fresh.index_mut().apply(object.clone(), at);
        }
        for (subject, kept) in &self.reports {
            fresh.report_seen(seen(subject, kept), at);
        }
        fresh.reports_listed();
        fresh.lead(leads, at);
        fresh
    }

    /// What the reports say now.
    pub(super) fn statuses(&self) -> BTreeMap<Subject, ReportStatus> {
        let statuses = self.reports.iter();
        statuses
            .map(|(subject, kept)| (subject.clone(), kept.status.clone()))
            .collect()
    }

    /// The findings of reports that are active or have recovered, by subject and id.
    pub(super) fn findings(&self) -> BTreeMap<(Subject, String), ReportFinding> {
        let all = self.reports.iter().flat_map(|(subject, kept)| {
            let findings = kept.status.findings.iter();
            findings.map(|finding| ((subject.clone(), finding.id.clone()), finding.clone()))
        });
        all.collect()
    }

    /// The findings of detectors whose findings are latched.
    pub(super) fn latches(&self) -> BTreeMap<(Subject, String), Latch> {
        let mut latches = BTreeMap::new();
        for (at, finding) in self.findings() {
            if crate::detect::find(&finding.rule).is_some_and(|detector| detector.latched) {
                let ReportFinding { state, episodes, .. } = finding;
                latches.insert(
                    at,
                    Latch {
                        state,
                        episodes,
                        since: finding.since.time(),
                        recovered: finding.recovered.map(crate::model::report::Stamp::time),
                    },
                );
            }
        }
        latches
    }
}

/// What is latched of a finding.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Latch {
    pub(super) state: FindingState,
    pub(super) episodes: i32,
    pub(super) since: jiff::Timestamp,
    pub(super) recovered: Option<jiff::Timestamp>,
}

fn seen(subject: &Subject, kept: &Kept) -> ReportSeen {
    ReportSeen {
        subject: subject.clone(),
        uid: kept.uid.clone(),
        status: Some(kept.status.clone()),
        acknowledgements: kept.acknowledgements.clone(),
    }
}

/// The uid of what a report is about; `None` when it is gone.
fn uid_of(objects: &BTreeMap<ObjectKey, Object>, subject: &Subject) -> Option<Name> {
    let key = match subject {
        Subject::Workload(key) => key.clone(),
        Subject::Node(name) => ObjectKey::new(Kind::Node, "", name.clone()),
        Subject::Cluster => return Some(Name::default()),
    };
    match objects.get(&key)? {
        Object::Workload(workload) => Some(workload.uid.clone()),
        Object::Node(node) => Some(node.uid.clone()),
        _ => None,
    }
}

impl Run {
    /// Whether what a report is about is there.
    pub(super) fn is_there(&self, subject: &Subject) -> bool {
        uid_of(&self.objects, subject).is_some()
    }
}

/// How long the latches of these histories wait, in place of 7 days: each heartbeat meanwhile is an event. Longer
/// than any history and any jump of its wall clock.
pub(super) const LATCH_QUIET: Duration = Duration::from_secs(6 * 3600);

fn config() -> DetectorConfig {
    DetectorConfig {
        latch_quiet: LATCH_QUIET,
        ..DetectorConfig::default()
    }
}
