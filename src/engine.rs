//! The engine: index, rules, detectors and plan in one, driven by events and a clock that is handed in.
//!
//! ```text
//! index ─ dirty ─┐                       ┌─ node health ─ node detectors ─┐
//! timers ─ due ──┴─> judge(now) ─────────┴─ rules, workload detectors ────┴─> plan ─> decisions
//! reports seen ──────────^ (priors, acknowledgements)
//! ```
//!
//! The operator and a replayed recording drive the same engine. An engine that does not lead judges all the same, so that
//! its detectors are warm, but decides nothing; what reports say then comes from those that the leader wrote.

mod facts;
pub mod pace;
mod reports;
mod state;
mod timers;

use std::collections::{BTreeSet, HashMap};

use self::facts::{judge_rules, overdue, placement};
pub use self::reports::ReportSeen;
use self::reports::{ReportState, Reports};
use self::state::{NodeState, WorkloadState};
use self::timers::Timers;
use crate::detect::{self, NodeHealths};
use crate::index::{Dirty, Index};
use crate::model::config::DetectorConfig;
use crate::model::finding::{Finding, Severity, finding_id};
use crate::model::keys::{Kind, Name, ObjectKey, is_system_namespace};
use crate::model::report::ReportStatus;
use crate::model::time::{Moment, Now};
use crate::plan::{Change, Judged, plan};
use crate::policy::Policy;

/// What to do about one report.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The workload or node.
    pub subject: ObjectKey,
    /// Its `metadata.uid`.
    pub uid: Name,
    /// What to write.
    pub write: ReportWrite,
    /// What happened: an Event each.
    pub changes: Vec<Change>,
}

/// What to write of one report.
#[derive(Clone, Debug, PartialEq)]
pub enum ReportWrite {
    /// Write this status; `create` when the report itself may not be there yet.
    Put {
        /// The whole new status.
        status: Box<ReportStatus>,
        /// Whether the report object must be made first.
        create: bool,
    },
    /// The report there is about a workload of the same name that is gone: remove it, then write this one.
    Replace {
        /// The whole new status.
        status: Box<ReportStatus>,
    },
    /// Nothing is left to say: remove it.
    Delete,
}

/// See the module's documentation.
pub struct Engine {
    index: Index,
    policy: Policy,
    config: DetectorConfig,
    workloads: HashMap<ObjectKey, WorkloadState>,
    nodes: HashMap<Name, NodeState>,
    healths: NodeHealths,
    reports: Reports,
    timers: Timers,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("workloads", &self.workloads.len())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine over an index.
    #[must_use]
    pub fn new(index: Index, policy: Policy, config: DetectorConfig) -> Self {
        Engine {
            index,
            policy,
            config,
            workloads: HashMap::new(),
            nodes: HashMap::new(),
            healths: NodeHealths::new(),
            reports: Reports::default(),
            timers: Timers::default(),
        }
    }

    /// The index, to read.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The index, to feed.
    pub fn index_mut(&mut self) -> &mut Index {
        &mut self.index
    }

    /// Whether every kind and every report has been listed: before that nothing is decided.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.index.is_complete() && self.reports.is_listed()
    }

    /// Starts or stops deciding. A new leader looks at everything once.
    pub fn lead(&mut self, leads: bool, now: Moment) {
        if leads && !self.reports.leads() {
            let everything = self.index.workload_keys().into_iter();
            let nodes = self.index.node_names().into_iter().map(node_key);
            everything
                .chain(nodes)
                .for_each(|key| self.timers.set(key, Some(now)));
        }
        self.reports.set_leads(leads);
    }

    /// Whether it decides.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.reports.leads()
    }

    /// A report was listed or changed.
    pub fn report_seen(&mut self, seen: ReportSeen, now: Moment) {
        let subject = seen.subject.clone();
        if self.reports.see(seen, now) {
            self.timers.bring_forward(subject, now);
        }
    }

    /// A report is gone. It comes back if its subject is still there.
    pub fn report_gone(&mut self, subject: &ObjectKey, now: Moment) {
        let comes_back = self.reports.gone(subject);
        let remains = match subject.kind {
            Kind::Node => self.index.node(&subject.name).is_some(),
            _ => self.index.view(subject).is_some(),
        };
        if !remains {
            self.reports.forget(subject);
        } else if comes_back {
            self.timers.bring_forward(subject.clone(), now);
        }
    }

    /// All reports have been listed.
    pub fn reports_listed(&mut self) {
        self.reports.set_listed();
    }

    /// When [`Engine::judge`] must be called although nothing happened.
    #[must_use]
    pub fn next_due(&self) -> Option<Moment> {
        self.timers.next()
    }

    /// Active findings: rule, severity, namespace (empty for nodes).
    pub fn active(&self) -> impl Iterator<Item = (&'static str, Severity, &str)> {
        let nodes = self
            .nodes
            .values()
            .flat_map(|state| state.active.iter().map(|(r, s)| (*r, *s, "")));
        let workloads = self.workloads.iter();
        workloads
            .flat_map(|(key, state)| state.active.iter().map(|(r, s)| (*r, *s, &*key.namespace)))
            .chain(nodes)
    }

    /// Findings that ended and that nobody has acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.reports.unacknowledged()
    }

    /// Verdicts as last planned, by workload.
    pub fn statuses(&self) -> impl Iterator<Item = (&ObjectKey, &ReportState)> {
        self.reports.iter()
    }

    /// Judges what changed or is due. Decides nothing before everything has been listed, or without leading.
    pub fn judge(&mut self, now: Now) -> Vec<Decision> {
        if !self.is_ready() {
            return Vec::new();
        }
        let mut dirty = self.index.take_dirty();
        for subject in self.timers.take_due(now.at) {
            match subject.kind {
                Kind::Node => dirty.nodes.insert(subject.name),
                _ => dirty.workloads.insert(subject),
            };
        }
        let mut dues = self.observe_nodes(&mut dirty, now);
        let mut decisions = Vec::new();
        for key in &dirty.workloads {
            decisions.extend(self.judge_workload(key, now));
        }
        for name in &dirty.nodes {
            let observed = dues.remove(name).flatten();
            decisions.extend(self.judge_node(name, observed, now));
        }
        decisions
    }

    /// Updates the history and health of the dirty nodes; marks the workloads on a node whose health changed, and the
    /// unhealthy nodes under a dirty workload.
    fn observe_nodes(&mut self, dirty: &mut Dirty, now: Now) -> HashMap<Name, Option<Moment>> {
        let suspects: BTreeSet<Name> = dirty
            .workloads
            .iter()
            .filter_map(|key| self.index.view(key))
            .flat_map(|view| {
                view.placement()
                    .map(|(node, _)| node.name().clone())
                    .collect::<Vec<_>>()
            })
            .filter(|node| self.healths.contains_key(node))
            .collect();
        dirty.nodes.extend(suspects);
        let mut dues = HashMap::new();
        for name in &dirty.nodes {
            let Some(node) = self.index.node(name) else {
                self.healths.remove(name);
                self.nodes.remove(name);
                let key = node_key(name.clone());
                self.reports.forget(&key);
                self.timers.set(key, None);
                continue;
            };
            let state = self
                .nodes
                .entry(name.clone())
                .or_insert_with(|| NodeState::resume(&self.reports.prior_node(name), now));
            dues.insert(name.clone(), state.history.observe(&node, now, &self.config));
            let health = state.history.health(&node, now, &self.config);
            let before = match &health {
                Some(health) => self.healths.insert(name.clone(), health.clone()),
                None => self.healths.remove(name),
            };
            if before != health {
                dirty
                    .workloads
                    .extend(node.workloads().map(|view| view.key().clone()));
            }
        }
        dues
    }

    fn judge_workload(&mut self, key: &ObjectKey, now: Now) -> Option<Decision> {
        let Some(view) = self.index.view(key).filter(|_| is_reported(key)) else {
            self.workloads.remove(key);
            self.reports.forget(key);
            self.timers.set(key.clone(), None);
            return None;
        };
        let uid = view.workload().uid.clone();
        // One of the same name may have been deleted and made anew between two looks.
        if self.workloads.get(key).is_none_or(|state| state.uid != uid) {
            let state = WorkloadState::resume(uid.clone(), &self.reports.entry(key, &uid).prior);
            self.workloads.insert(key.clone(), state);
        }
        let state = self.workloads.get_mut(key)?;
        let mut judged = judge_rules(&view, &self.policy);
        let mut due = Due::default();
        for (name, detector) in &mut state.detectors {
            due.take(
                name,
                detector.step(&view, &self.healths, now, &self.config),
                &mut judged,
            );
        }
        let placement = placement(&view);
        let below = placement.desired > placement.ready;
        match state.below.step(below, now.at, self.config.degraded_after) {
            Ok(_) => judged.below_desired = true,
            Err(wait) => due.at(wait),
        }
        let started = state.wanted(placement.desired, now.at);
        let (overdue, overdue_at) = overdue(&view, started, now);
        judged.overdue = overdue;
        if placement.ready == 0 {
            due.at(overdue_at);
        }
        judged.placement = Some(placement);
        state.active = active(&judged.findings);
        self.decide(key, &uid, &judged, due, now)
    }

    fn judge_node(&mut self, name: &Name, observed: Option<Moment>, now: Now) -> Option<Decision> {
        let node = self.index.node(name)?;
        let state = self.nodes.get_mut(name)?;
        let mut judged = Judged::default();
        let mut due = Due(observed);
        for (name, detector) in &mut state.detectors {
            due.take(
                name,
                detector.step(&node, &state.history, now, &self.config),
                &mut judged,
            );
        }
        state.active = active(&judged.findings);
        let uid = node.node()?.uid.clone();
        self.decide(&node_key(name.clone()), &uid, &judged, due, now)
    }

    fn decide(
        &mut self,
        key: &ObjectKey,
        uid: &Name,
        judged: &Judged,
        mut due: Due,
        now: Now,
    ) -> Option<Decision> {
        if !self.reports.leads() {
            self.timers.set(key.clone(), due.0);
            return None;
        }
        let report = self.reports.entry(key, uid);
        let planned = plan(
            &report.prior,
            judged,
            &report.acknowledgements,
            now.wall,
            self.config.latch_quiet,
        );
        let write = report.write(
            planned.status,
            planned.prior,
            planned.changed,
            key.kind,
            &self.config,
            now,
        );
        due.at(report
            .prior
            .next_close(self.config.latch_quiet)
            .map(|at| now.moment_until(at)));
        due.at(report.due(key.kind, &self.config, now));
        self.timers.set(key.clone(), due.0);
        let write = write?;
        Some(Decision {
            subject: key.clone(),
            uid: uid.clone(),
            write,
            changes: planned.changes,
        })
    }
}

/// The earliest of several moments.
#[derive(Clone, Copy, Debug, Default)]
struct Due(Option<Moment>);

impl Due {
    fn at(&mut self, moment: Option<Moment>) {
        self.0 = self.0.into_iter().chain(moment).min();
    }

    /// Takes a detector's step into the judgement.
    fn take(&mut self, detector: &'static str, step: detect::Step, judged: &mut Judged) {
        let detect::Step {
            finding,
            due,
            withdrawn,
        } = step;
        judged
            .withdrawn
            .extend(withdrawn.map(|why| (finding_id(detector, None), why)));
        self.at(due);
        judged.findings.extend(finding);
    }
}

fn node_key(name: Name) -> ObjectKey {
    ObjectKey::new(Kind::Node, "", name)
}

/// Whether the operator keeps a report on it.
fn is_reported(key: &ObjectKey) -> bool {
    key.kind.is_judged_in_full() && !is_system_namespace(&key.namespace)
}

fn active(findings: &[Finding]) -> Vec<(&'static str, Severity)> {
    findings.iter().map(|f| (f.rule, f.severity)).collect()
}

#[cfg(test)]
mod tests;
