//! Judging what changed or is due: nodes first, because workloads are judged by the health of their nodes, and before any
//! single node the cluster, because what happens to all nodes at once is told of none.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::facts::{judge_rules, overdue, placement};
use super::state::{NodeState, WorkloadState};
use super::{Decision, Engine};
use crate::detect::{self, NodeHealths};
use crate::index::{Dirty, NodeView, WorkloadView};
use crate::model::config::DetectorConfig;
use crate::model::finding::{Finding, Severity, finding_id};
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::subject::Subject;
use crate::model::time::{Moment, Now};
use crate::plan::{Judged, plan};
use crate::policy::Policy;

impl Engine {
    /// Judges what changed or is due. Decides nothing before everything has been listed, or without leading.
    pub fn judge(&mut self, now: Now) -> Vec<Decision> {
        if !self.is_ready() {
            return Vec::new();
        }
        self.cluster.resume_once(&self.reports.prior_cluster(), now);
        let due = self.cluster.history.due(&self.config);
        if due.is_some_and(|due| due <= now.at) && !self.cluster.history.is_frozen() {
            // As long as no node is heard, the cool-down does not even begin.
            self.cluster
                .history
                .weigh(&self.index.cluster(), now, &self.config);
        }
        let released = self.cluster.history.settle(now.at, &self.config);
        if self.cluster.history.stands_still(now.at) {
            return self.judge_cluster(now).into_iter().collect();
        }
        let mut dirty = self.index.take_dirty();
        // A node that has come back is in limbo for a while longer.
        let left = std::mem::take(&mut dirty.left).into_iter();
        dirty
            .nodes
            .extend(left.filter(|node| self.healths.contains_key(node)));
        if released {
            dirty.nodes.extend(self.index.node_names());
        }
        let mut cluster = !dirty.nodes.is_empty();
        for subject in self.timers.take_due(now.at) {
            match subject {
                Subject::Workload(key) => drop(dirty.workloads.insert(key)),
                Subject::Node(name) => {
                    // It may have become old enough to count.
                    cluster = true;
                    dirty.nodes.insert(name);
                }
                Subject::Cluster => cluster = true,
            }
        }
        let mut dues = self.observe_nodes(&mut dirty, now);
        if cluster || self.cluster.history.has_news(now.at) {
            cluster = true;
            self.weigh_nodes(&mut dirty, now);
        }
        let mut decisions = Vec::new();
        if cluster {
            decisions.extend(self.judge_cluster(now));
        }
        for key in &dirty.workloads {
            decisions.extend(self.judge_workload(key, now));
        }
        for name in &dirty.nodes {
            let observed = dues.remove(name).flatten();
            decisions.extend(self.judge_node(name, observed, now));
        }
        self.policies
            .look(self.index.policies(), self.reports.leads(), now);
        decisions
    }

    /// Updates the history and health of the dirty nodes; marks the workloads on a node whose health changed, and the
    /// unhealthy nodes under a dirty workload.
    fn observe_nodes(&mut self, dirty: &mut Dirty, now: Now) -> HashMap<Name, Option<Moment>> {
        let suspects: BTreeSet<Name> = dirty
            .workloads
            .iter()
            // A DaemonSet is on every node, and none is told of it.
            .filter(|key| key.kind != Kind::DaemonSet)
            .filter_map(|key| self.index.view(key))
            .flat_map(|view| view.placement())
            .map(|(node, _)| node.name())
            .filter(|node| self.healths.contains_key(*node))
            .cloned()
            .collect();
        dirty.nodes.extend(suspects);
        let mut dues = HashMap::new();
        for name in &dirty.nodes {
            let Some(node) = self.index.node(name) else {
                self.healths.remove(name);
                self.nodes.remove(name);
                let subject = Subject::Node(name.clone());
                self.reports.forget(&subject);
                self.timers.set(subject, None);
                continue;
            };
            let state = self
                .nodes
                .entry(name.clone())
                .or_insert_with(|| NodeState::resume(&self.reports.prior_node(name), now));
            let held = self.cluster.history.holds_nodes_back();
            let observed = state.history.observe(&node, held, now, &self.config);
            if observed.changed {
                self.cluster.history.changed(name, now.at);
            }
            dues.insert(name.clone(), observed.due);
            let health = state.history.health(&node, now, &self.config);
            let before = match &health {
                Some(health) => self.healths.insert(name.clone(), health.clone()),
                None => self.healths.remove(name),
            };
            if before != health {
                dirty.workloads.extend(replicated_on(&node));
            }
        }
        dues
    }

    /// Asks whether what happened to nodes is the control plane's doing; if so, what was just said of single ones is taken
    /// back.
    fn weigh_nodes(&mut self, dirty: &mut Dirty, now: Now) {
        let cluster = self.index.cluster();
        let Some(since) = self.cluster.history.weigh(&cluster, now, &self.config) else {
            return;
        };
        for (name, state) in &mut self.nodes {
            let Some(node) = self.index.node(name) else {
                continue;
            };
            if state.hold_back(since) {
                dirty.nodes.insert(name.clone());
            }
            // Limbo may have been made of a silence that does not count.
            let health = state.history.health(&node, now, &self.config);
            let before = match &health {
                Some(health) => self.healths.insert(name.clone(), health.clone()),
                None => self.healths.remove(name),
            };
            if before != health {
                dirty.workloads.extend(replicated_on(&node));
            }
        }
    }

    fn judge_workload(&mut self, key: &ObjectKey, now: Now) -> Option<Decision> {
        let subject = Subject::Workload(key.clone());
        let view = self.index.view(key);
        let policy = view.and_then(|view| policy_of(&self.policy, &view));
        let (Some(view), Some(policy)) = (view, policy) else {
            self.policies.govern(key, &[]);
            self.workloads.remove(key);
            self.counted.remove(key);
            // One that is there, and whose namespace no policy names any more, has left a report behind.
            let (removes, again) = self.reports.retire(&subject, view.is_some(), now);
            self.timers.set(subject, again);
            return removes;
        };
        if !key.kind.has_report() {
            self.count(key, now);
            return None;
        }
        self.policies.govern(key, &policy.applied);
        let uid = view.workload().uid.clone();
        // One of the same name may have been deleted and made anew between two looks.
        if self.workloads.get(key).is_none_or(|state| state.uid != uid) {
            let prior = &self.reports.entry(&subject, &uid).prior;
            let state = WorkloadState::resume(uid.clone(), key.kind, prior);
            self.workloads.insert(key.clone(), state);
        }
        let state = self.workloads.get_mut(key)?;
        let (mut judged, again) = judge_rules(view, &policy, now.wall);
        let mut due = Due(again.map(|at| now.moment_until(at)));
        if key.kind.is_judged_in_full() {
            let Engine { healths, config, .. } = self;
            state.watch(&view, healths, config, now, &mut judged, &mut due);
        } else {
            judged.template_only = true;
        }
        state.active = active(&judged.findings);
        self.decide(subject, &uid, &judged, due, now)
    }

    /// Judges a workload that has no report: what is found in it is only counted.
    fn count(&mut self, key: &ObjectKey, now: Now) {
        let Some(view) = self.index.view(key) else { return };
        let Some(policy) = policy_of(&self.policy, &view) else {
            return;
        };
        let (judged, again) = judge_rules(view, &policy, now.wall);
        match active(&judged.findings) {
            found if found.is_empty() => drop(self.counted.remove(key)),
            found => drop(self.counted.insert(key.clone(), found.into())),
        }
        let due = again.map(|at| now.moment_until(at));
        self.timers.set(Subject::Workload(key.clone()), due);
    }

    fn judge_node(&mut self, name: &Name, observed: Option<Moment>, now: Now) -> Option<Decision> {
        let node = self.index.node(name)?;
        let state = self.nodes.get_mut(name)?;
        let mut judged = Judged::default();
        let mut due = Due(observed);
        if !self.cluster.history.holds_nodes_back() {
            for (name, detector) in &mut state.detectors {
                let step = detector.step(&node, &state.history, now, &self.config);
                due.take(name, step, &mut judged);
            }
            state.say(&judged.findings, now.at);
        } else if let Some(said) = &state.said {
            judged.findings = said.iter().map(|said| said.finding.clone()).collect();
            judged.withdrawn = std::mem::take(&mut state.taken_back);
        } else {
            // Not asked since the operator started: only the report knows what was said.
            self.timers.set(Subject::Node(name.clone()), due.0);
            return None;
        }
        let uid = node.node()?.uid.clone();
        self.decide(Subject::Node(name.clone()), &uid, &judged, due, now)
    }

    fn judge_cluster(&mut self, now: Now) -> Option<Decision> {
        let view = self.index.cluster();
        let state = &mut self.cluster;
        let mut judged = Judged::default();
        let mut due = Due::default();
        due.at(state.history.due(&self.config));
        for detector in &mut state.detectors {
            let step = detector.step(&view, &state.history, now, &self.config);
            due.at(step.due);
            judged.findings.extend(step.findings);
        }
        state.said.clone_from(&judged.findings);
        self.decide(Subject::Cluster, &Name::default(), &judged, due, now)
    }

    fn decide(
        &mut self,
        subject: Subject,
        uid: &Name,
        judged: &Judged,
        mut due: Due,
        now: Now,
    ) -> Option<Decision> {
        if !self.reports.leads() {
            self.timers.set(subject, due.0);
            return None;
        }
        let report = self.reports.entry(&subject, uid);
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
            &subject,
            &self.config,
            now,
        );
        due.at(report
            .prior
            .next_close(self.config.latch_quiet)
            .map(|at| now.moment_until(at)));
        due.at(report.due(&subject, &self.config, now));
        self.timers.set(subject.clone(), due.0);
        let write = write?;
        Some(Decision {
            subject,
            uid: uid.clone(),
            write,
            changes: planned.changes,
            ownership: judged.ownership.clone(),
        })
    }
}

impl WorkloadState {
    /// Looks at a workload's replicas: what the detectors say, where the replicas are, whether time is up.
    fn watch(
        &mut self,
        view: &WorkloadView<'_>,
        healths: &NodeHealths,
        config: &DetectorConfig,
        now: Now,
        judged: &mut Judged,
        due: &mut Due,
    ) {
        for (name, detector) in &mut self.detectors {
            due.take(name, detector.step(view, healths, now, config), judged);
        }
        let placement = placement(view);
        let below = placement.desired > placement.ready;
        match self.below.step(below, now.at, config.degraded_after) {
            Ok(_) => judged.below_desired = true,
            Err(wait) => due.at(wait),
        }
        let started = self.wanted(placement.desired, now.at);
        let (overdue, overdue_at) = overdue(view, started, now);
        judged.overdue = overdue;
        if placement.ready == 0 {
            due.at(overdue_at);
        }
        judged.placement = Some(placement);
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

/// The workloads on a node whose detectors ask for its health.
fn replicated_on<'a>(node: &NodeView<'a>) -> impl Iterator<Item = ObjectKey> + use<'a> {
    let keys = node.workloads().map(|view| view.key());
    keys.filter(|key| key.kind.is_judged_in_full()).cloned()
}

/// The policy in force for a workload; `None` when the operator says nothing about it.
pub(super) fn policy_of<'a>(base: &'a Policy, view: &WorkloadView<'_>) -> Option<Cow<'a, Policy>> {
    let namespace = &view.key().namespace;
    let policy = Policy::of(base, namespace, &view.policies());
    policy.judges(namespace).then_some(policy)
}

fn active(findings: &[Finding]) -> Vec<(&'static str, Severity)> {
    findings.iter().map(|f| (f.rule, f.severity)).collect()
}
