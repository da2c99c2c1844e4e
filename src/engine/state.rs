//! What is remembered of each workload, of each node and of the cluster between two looks.

use crate::detect::{
    self, ClusterDetector, ClusterHistory, Hold, NodeDetector, NodeHistory, PriorCluster, PriorNode, Resumed,
    Scope, WorkloadDetector,
};
use crate::model::finding::{Finding, Severity};
use crate::model::keys::{Kind, Name};
use crate::model::report::Verdict;
use crate::model::time::{Moment, Now};
use crate::plan::Prior;

/// One workload's detectors.
pub(super) struct WorkloadState {
    /// Which workload of that name.
    pub(super) uid: Name,
    pub(super) detectors: Vec<(&'static str, Box<dyn WorkloadDetector>)>,
    /// Fewer replicas are ready than wanted.
    pub(super) below: Hold,
    /// Active findings, for the metrics.
    pub(super) active: Vec<(&'static str, Severity)>,
    /// No replica was wanted at the last look.
    off: bool,
    /// When replicas were wanted again, after none were: it starts then, and is given its time.
    started: Option<Moment>,
}

impl WorkloadState {
    /// Fresh detectors that go on from what the report says: a restart makes no finding end and begin again. A workload
    /// that is not judged in full has none: it has no replicas that stand in for each other.
    pub(super) fn resume(uid: Name, kind: Kind, prior: &Prior) -> Self {
        let make = |d: &detect::Detector| {
            let Scope::Workload(new) = d.scope else {
                return None;
            };
            if !kind.is_judged_in_full() {
                return None;
            }
            let mut detector = new();
            if prior.hash().is_some() {
                detector.resume(&Resumed {
                    severity: prior.active(d.name),
                    ever_ready: prior.ever_ready(),
                    stranded: prior.active("stranded").is_some(),
                });
            }
            Some((d.name, detector))
        };
        let mut below = Hold::default();
        if prior.verdict() == Verdict::Degraded && !prior.has_critical() {
            below.resume();
        }
        WorkloadState {
            uid,
            detectors: detect::DETECTORS.iter().filter_map(make).collect(),
            below,
            active: Vec::new(),
            off: false,
            started: None,
        }
    }

    /// Nothing was heard for a while: what has not held for long enough yet is waited for anew.
    pub(super) fn thaw(&mut self) {
        self.below.restart();
        self.detectors
            .iter_mut()
            .for_each(|(_, detector)| detector.thaw());
    }

    /// Notes how many replicas are wanted; returns when it was last scaled up from 0, if that was seen.
    pub(super) fn wanted(&mut self, desired: i32, now: Moment) -> Option<Moment> {
        match (desired, self.off) {
            (0, _) => (self.off, self.started) = (true, None),
            (_, true) => (self.off, self.started) = (false, Some(now)),
            (_, false) => {}
        }
        self.started
    }
}

/// One node's history and detectors.
pub(super) struct NodeState {
    pub(super) history: NodeHistory,
    pub(super) detectors: Vec<(&'static str, Box<dyn NodeDetector>)>,
    /// What the detectors said last; `None` before they were asked.
    pub(super) said: Option<Vec<Said>>,
    /// What is taken back at the next look: ids of findings, and why.
    pub(super) taken_back: Vec<(String, String)>,
}

/// A finding that holds.
pub(super) struct Said {
    pub(super) finding: Finding,
    pub(super) since: Moment,
}

impl NodeState {
    /// Fresh detectors over what the node's report remembers of its silences.
    pub(super) fn resume(prior: &PriorNode, now: Now) -> Self {
        let make = |d: &detect::Detector| match d.scope {
            Scope::Node(new) => Some((d.name, new())),
            Scope::Workload(_) | Scope::Cluster(_) => None,
        };
        NodeState {
            history: NodeHistory::restore(prior, now),
            detectors: detect::DETECTORS.iter().filter_map(make).collect(),
            said: None,
            taken_back: Vec::new(),
        }
    }

    /// Keeps what the detectors say now, with when they began to.
    pub(super) fn say(&mut self, findings: &[Finding], now: Moment) {
        let before = self.said.take().unwrap_or_default();
        let since = |finding: &Finding| {
            let known = before.iter().find(|said| said.finding.rule == finding.rule);
            known.map_or(now, |said| said.since)
        };
        let said = findings.iter().map(|finding| Said {
            since: since(finding),
            finding: finding.clone(),
        });
        self.said = Some(said.collect());
    }

    /// The control plane is suspect: what began since then is taken back. Returns whether anything is.
    pub(super) fn hold_back(&mut self, since: Moment) -> bool {
        self.history.hold_back(since);
        let said = self.said.iter_mut();
        let back = said.flat_map(|said| said.extract_if(.., |said| said.since >= since));
        let back = back.map(|said| (said.finding.id(), CONTROL_PLANE_SUSPECT.to_owned()));
        self.taken_back.extend(back);
        !self.taken_back.is_empty()
    }
}

/// Why findings on single nodes are taken back.
const CONTROL_PLANE_SUSPECT: &str = "too many nodes changed together, the control plane is suspect";

/// The cluster's history and detectors.
pub(super) struct ClusterState {
    pub(super) history: ClusterHistory,
    pub(super) detectors: Vec<Box<dyn ClusterDetector>>,
    /// What they said last.
    pub(super) said: Vec<Finding>,
    /// What its report says of the time before has been taken over.
    resumed: bool,
}

impl ClusterState {
    pub(super) fn new() -> Self {
        let make = |d: &detect::Detector| match d.scope {
            Scope::Cluster(new) => Some(new()),
            Scope::Workload(_) | Scope::Node(_) => None,
        };
        ClusterState {
            history: ClusterHistory::default(),
            detectors: detect::DETECTORS.iter().filter_map(make).collect(),
            said: Vec::new(),
            resumed: false,
        }
    }

    /// Goes on from what the cluster's report says, at the first look.
    pub(super) fn resume_once(&mut self, prior: &PriorCluster, now: Now) {
        if !std::mem::replace(&mut self.resumed, true) {
            self.history.resume(prior, now);
            self.detectors
                .iter_mut()
                .for_each(|detector| detector.resume(prior));
        }
    }
}
