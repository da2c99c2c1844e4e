//! What is remembered of each workload and node between two looks.

use crate::detect::{self, Hold, NodeDetector, NodeHistory, PriorNode, Resumed, Scope, WorkloadDetector};
use crate::model::finding::Severity;
use crate::model::keys::Name;
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
    /// Fresh detectors that go on from what the report says: a restart makes no finding end and begin again.
    pub(super) fn resume(uid: Name, prior: &Prior) -> Self {
        let make = |d: &detect::Detector| {
            let Scope::Workload(new) = d.scope else {
                return None;
            };
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
    /// Active findings, for the metrics.
    pub(super) active: Vec<(&'static str, Severity)>,
}

impl NodeState {
    /// Fresh detectors over what the node's report remembers of its silences.
    pub(super) fn resume(prior: &PriorNode, now: Now) -> Self {
        let make = |d: &detect::Detector| match d.scope {
            Scope::Node(new) => Some((d.name, new())),
            Scope::Workload(_) => None,
        };
        NodeState {
            history: NodeHistory::restore(prior, now),
            detectors: detect::DETECTORS.iter().filter_map(make).collect(),
            active: Vec::new(),
        }
    }
}
