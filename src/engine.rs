//! The engine: index, rules, detectors and plan in one, driven by events and a clock that is handed in.
//!
//! ```text
//! index ─ dirty ─┐               ┌─ cluster detectors ────────────┐
//! timers ─ due ──┴─> judge(now) ─┼─ node health ─ node detectors ─┼─> plan ─> decisions
//!                                └─ rules, workload detectors ────┘
//! reports seen ──────────^ (priors, acknowledgements)
//! ```
//!
//! The operator and a replayed recording drive the same engine. An engine that does not lead judges all the same, so that
//! its detectors are warm, but decides nothing; what reports say then comes from those that the leader wrote.
//!
//! While nothing is heard from the API server ([`Engine::freeze`]) no verdict changes: what is known is old, and silence
//! is no evidence against nodes.

mod facts;
mod judge;
pub mod pace;
mod policies;
mod reports;
pub mod review;
mod state;
mod timers;

use std::collections::HashMap;

use self::policies::PolicyReports;
pub use self::policies::PolicyWrite;
pub use self::reports::ReportSeen;
use self::reports::{ReportState, Reports};
use self::state::{ClusterState, NodeState, WorkloadState};
use self::timers::Timers;
use crate::detect::NodeHealths;
use crate::index::Index;
use crate::model::config::DetectorConfig;
use crate::model::finding::Severity;
use crate::model::keys::{Name, ObjectKey};
use crate::model::report::ReportStatus;
use crate::model::subject::Subject;
use crate::model::time::{Moment, Now};
use crate::plan::Change;
use crate::policy::Policy;
use crate::policy::ownership::Ownership;
use crate::rules;

/// What to do about one report.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What it is about.
    pub subject: Subject,
    /// The `metadata.uid` of that workload or node; empty for the cluster.
    pub uid: Name,
    /// What to write.
    pub write: ReportWrite,
    /// What happened: an Event each.
    pub changes: Vec<Change>,
    /// Whom to tell; empty for nodes and the cluster.
    pub ownership: Ownership,
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
    /// What is found in workloads that have no report; only those in which anything is.
    counted: HashMap<ObjectKey, Box<[(&'static str, Severity)]>>,
    nodes: HashMap<Name, NodeState>,
    cluster: ClusterState,
    healths: NodeHealths,
    reports: Reports,
    policies: PolicyReports,
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
    pub fn new(mut index: Index, policy: Policy, config: DetectorConfig) -> Self {
        index.set_late_after(config.heartbeat_late);
        Engine {
            index,
            policy,
            config,
            workloads: HashMap::new(),
            counted: HashMap::new(),
            nodes: HashMap::new(),
            cluster: ClusterState::new(),
            healths: NodeHealths::new(),
            reports: Reports::default(),
            policies: PolicyReports::default(),
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
            let workloads = self.index.workload_keys().into_iter().map(Subject::Workload);
            let nodes = self.index.node_names().into_iter().map(Subject::Node);
            workloads
                .chain(nodes)
                .chain([Subject::Cluster])
                .for_each(|subject| self.timers.set(subject, Some(now)));
            self.policies.look_again();
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
    pub fn report_gone(&mut self, subject: &Subject, now: Moment) {
        let comes_back = self.reports.gone(subject);
        let remains = match subject {
            Subject::Workload(key) => self.index.view(key).is_some(),
            Subject::Node(name) => self.index.node(name).is_some(),
            Subject::Cluster => true,
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

    /// Nothing has been heard from the API server since `since`: until [`Engine::thaw`] every verdict stays as it is, and no
    /// detector is asked but the one that says so, `control-plane-suspect`. Twice is once.
    pub fn freeze(&mut self, since: Now) {
        self.cluster.history.freeze(since);
        self.timers.bring_forward(Subject::Cluster, since.at);
    }

    /// The API server is heard again. What is waited for is waited for anew from here on, heartbeats first of all; verdicts
    /// stay as they are for a moment more ([`DetectorConfig::thaw_settle`]), because the node controller was blind as well
    /// and may take all nodes for silent. Without a freeze before, this does nothing.
    pub fn thaw(&mut self, now: Now) {
        if !self.cluster.history.thaw(now, &self.config) {
            return;
        }
        self.restart_clocks(now);
    }

    /// The engine itself was not run for a while, so it cannot know what it missed: as after a thaw, but nobody else is to
    /// blame.
    pub fn wake(&mut self, now: Now) {
        self.cluster.history.wake(now, &self.config);
        self.restart_clocks(now);
    }

    fn restart_clocks(&mut self, now: Now) {
        self.index.restart_heartbeats(now.at);
        self.workloads.values_mut().for_each(WorkloadState::thaw);
        self.timers.bring_forward(Subject::Cluster, now.at);
    }

    /// Whether nothing is heard from the API server: between [`Engine::freeze`] and [`Engine::thaw`].
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.cluster.history.is_frozen()
    }

    /// Whether something happened that [`Engine::judge`] would look at now.
    #[must_use]
    pub fn is_dirty(&self, now: Moment) -> bool {
        let changed = self.index.is_dirty() || self.policies.is_stale(self.index.policies());
        changed && !self.cluster.history.stands_still(now)
    }

    /// When [`Engine::judge`] must be called although nothing happened; never before it is ready.
    #[must_use]
    pub fn next_due(&self) -> Option<Moment> {
        if !self.is_ready() {
            return None;
        }
        match self.cluster.history.still_until() {
            // Whatever else is due waits.
            Some(until) => self.timers.of(&Subject::Cluster).into_iter().chain(until).min(),
            None => self.timers.next().into_iter().chain(self.policies.due()).min(),
        }
    }

    /// Takes what [`Engine::judge`] found to be written of the policies themselves: how many workloads each governs, and
    /// what is wrong with it.
    pub fn take_policy_writes(&mut self) -> Vec<PolicyWrite> {
        self.policies.take_writes()
    }

    /// Active findings: rule, severity, namespace (empty for nodes and the cluster). Also those in workloads that have no
    /// report, Jobs and bare pods, and those on autoscalers without a target: a report is about a workload, and there is
    /// none.
    pub fn active(&self) -> impl Iterator<Item = (&'static str, Severity, &str)> {
        let nodes = self.nodes.values().filter_map(|state| state.said.as_ref());
        let nodes = nodes.flatten().map(|said| &said.finding);
        let unnamed = nodes.chain(&self.cluster.said);
        let reported = self.workloads.iter().map(|(key, state)| (key, &*state.active));
        let counted = self.counted.iter().map(|(key, found)| (key, &**found));
        reported
            .chain(counted)
            .flat_map(|(key, found)| found.iter().map(|(r, s)| (*r, *s, &*key.namespace)))
            .chain(unnamed.map(|f| (f.rule, f.severity, "")))
            .chain(self.strays())
    }

    fn strays(&self) -> impl Iterator<Item = (&'static str, Severity, &str)> {
        let index = self.is_ready().then_some(&self.index).into_iter();
        let strays = index.flat_map(rules::judge_strays);
        strays.filter_map(|(stray, result)| Some((result.rule, result.severity()?, &*stray.namespace)))
    }

    /// Findings that ended and that nobody has acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.reports.unacknowledged()
    }

    /// Verdicts as last planned, by subject.
    pub fn statuses(&self) -> impl Iterator<Item = (&Subject, &ReportState)> {
        self.reports.iter()
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
