//! The runtime detectors: pure state machines, fed with what the index shows and a clock.
//!
//! A detector is one file. Its `//!` comment is its reference page, below that stand its state, one `step` and traces that
//! test it. Adding one = one file and one line in [`DETECTORS`].
//!
//! ```text
//! all nodes, silence of the API server ──> ClusterDetector::step ──> findings on the cluster
//!                                             │ (holds back)
//! node events ─────────────────────────> NodeDetector::step ──> findings on the node, NodeHealth ─┐
//! pod, workload events ──────────────────────────────────────> WorkloadDetector::step <───────────┘──> findings on the
//!                                                                                                      workload
//! ```
//!
//! `step` may be called at any time and any number of times; it says when it must be called again although nothing
//! happened ([`Step::due`]).

mod cluster_history;
mod co_located;
mod concentration;
mod control_plane_suspect;
mod eviction;
mod heartbeat_gap;
mod node_health;
mod node_history;
mod node_limbo;
mod node_not_ready;
mod overdue;
mod pulse;
mod stranded;
mod suppress;
#[cfg(test)]
mod trace;
mod unavailable;
mod zone_co_located;
mod zone_down;

use std::collections::HashMap;

pub use self::cluster_history::{ClusterHistory, PriorCluster};
pub use self::node_health::{FLAPPING, Limbo, NodeHealth, OVERDUE, PriorNode};
pub use self::node_history::{NodeHistory, Observed};
use crate::index::{ClusterView, NodeView, WorkloadView};
use crate::model::config::DetectorConfig;
use crate::model::finding::{Finding, Severity};
use crate::model::keys::Name;
use crate::model::time::{Moment, Now};

/// What a detector says after a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// What holds now; `None` when the detector is quiet.
    pub finding: Option<Finding>,
    /// When it must be asked again although nothing happened.
    pub due: Option<Moment>,
    /// Only without a finding: why what was said before is taken back (the node was rebooted). A finding that is active
    /// then closes with this reason and is not latched; nothing happens to one that has ended before.
    pub withdrawn: Option<String>,
}

impl Step {
    /// Nothing to say, nothing to wait for.
    #[must_use]
    pub fn quiet() -> Self {
        Step::default()
    }

    /// Nothing to say yet; ask again at `due`.
    #[must_use]
    pub fn wait(due: Moment) -> Self {
        Step {
            due: Some(due),
            ..Step::default()
        }
    }

    /// It holds.
    #[must_use]
    pub fn firing(finding: Finding) -> Self {
        Step {
            finding: Some(finding),
            ..Step::default()
        }
    }

    /// The same, to be asked again at `due` at the latest.
    #[must_use]
    pub fn due(mut self, due: Option<Moment>) -> Self {
        self.due = self.due.into_iter().chain(due).min();
        self
    }
}

/// A detector for workloads: one state machine for each Deployment and StatefulSet.
pub trait WorkloadDetector: Send + Sync {
    /// Looks at the workload as it is now.
    fn step(
        &mut self,
        view: &WorkloadView<'_>,
        nodes: &NodeHealths,
        now: Now,
        config: &DetectorConfig,
    ) -> Step;

    /// Called once, before the first step, when there is a report from before: what this waits for has then been waited
    /// for, so that a restart makes no finding end and begin again.
    fn resume(&mut self, _prior: &Resumed) {}

    /// Called when nothing was heard for a while: what this waits for is then waited for anew, what it has said stays.
    fn thaw(&mut self) {}
}

/// What the report of a workload says of the time before the operator went away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// How bad the detector's own finding was; `None` when it was not firing.
    pub severity: Option<Severity>,
    /// A replica had been ready, or should long have been, since the workload was last scaled to 0.
    pub ever_ready: bool,
    /// `stranded` was firing.
    pub stranded: bool,
}

/// A detector for nodes. The node's history is shared between them ([`NodeHistory`]).
pub trait NodeDetector: Send + Sync {
    /// Looks at the node as it is now.
    fn step(&mut self, node: &NodeView<'_>, history: &NodeHistory, now: Now, config: &DetectorConfig)
    -> Step;
}

/// A detector for the cluster as a whole. What is known of it is shared between them ([`ClusterHistory`]).
pub trait ClusterDetector: Send + Sync {
    /// Looks at the cluster as it is now.
    fn step(
        &mut self,
        cluster: &ClusterView<'_>,
        history: &ClusterHistory,
        now: Now,
        config: &DetectorConfig,
    ) -> ClusterStep;

    /// Called once, before the first step, with what the cluster's report says.
    fn resume(&mut self, _prior: &PriorCluster) {}
}

/// What a detector for the cluster says after a step: there may be several findings, told apart by their subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterStep {
    /// What holds now.
    pub findings: Vec<Finding>,
    /// When it must be asked again although nothing happened.
    pub due: Option<Moment>,
}

/// The nodes that are not healthy, by name; all others are.
pub type NodeHealths = HashMap<Name, NodeHealth>;

/// What a detector looks at, and how a fresh one is made.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the variants say it")]
pub enum Scope {
    Workload(fn() -> Box<dyn WorkloadDetector>),
    Node(fn() -> Box<dyn NodeDetector>),
    Cluster(fn() -> Box<dyn ClusterDetector>),
}

/// One runtime detector.
#[derive(Debug)]
pub struct Detector {
    /// Its name: `co-located`.
    pub name: &'static str,
    /// The severity that its findings usually have.
    pub severity: Severity,
    /// When it fires, in one line.
    pub summary: &'static str,
    /// When it ends, in one line.
    pub ends: &'static str,
    /// Whether its findings stay `Recovered` until someone acknowledges them.
    pub latched: bool,
    /// What it looks at.
    pub scope: Scope,
    pub(crate) source: &'static str,
}

impl Detector {
    /// The reference page, as Markdown.
    #[must_use]
    pub fn page(&self) -> String {
        crate::rules::reference_page(self.source)
    }
}

/// Every detector, in the order in which they are asked.
pub static DETECTORS: &[Detector] = &[
    co_located::DETECTOR,
    zone_co_located::DETECTOR,
    heartbeat_gap::DETECTOR,
    node_not_ready::DETECTOR,
    node_limbo::DETECTOR,
    stranded::DETECTOR,
    unavailable::DETECTOR,
    zone_down::DETECTOR,
    control_plane_suspect::DETECTOR,
];

/// The detector of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Detector> {
    DETECTORS.iter().find(|detector| detector.name == name)
}

/// How long something has held without a break: what every "for longer than" of a detector is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    since: Option<Moment>,
    /// It has held for long enough, perhaps before a restart: it goes on to, until it breaks.
    over: bool,
}

impl Hold {
    /// Notes whether it holds now. `Ok(since)` when it has held for `long_enough`; otherwise `Err` with the moment when
    /// it will have, `None` if it does not hold.
    pub fn step(
        &mut self,
        holds: bool,
        now: Moment,
        long_enough: std::time::Duration,
    ) -> Result<Moment, Option<Moment>> {
        if !holds {
            self.reset();
            return Err(None);
        }
        let since = *self.since.get_or_insert(now);
        let due = since.after(long_enough);
        self.over |= now >= due;
        if self.over { Ok(since) } else { Err(Some(due)) }
    }

    /// Starts again from nothing.
    pub fn reset(&mut self) {
        *self = Hold::default();
    }

    /// Counts from the next step on again, if it holds then; what has held for long enough stays so.
    pub fn restart(&mut self) {
        self.since = None;
    }

    /// If it holds at the next step, it has held for long enough.
    pub fn resume(&mut self) {
        self.over = true;
    }
}

/// A workload as messages name it: `Deployment web`.
fn named(view: &WorkloadView<'_>) -> String {
    format!("{} {}", view.key().kind, view.key().name)
}

/// `0 of 2 ready`: who is served, the first thing that every message says of a workload.
fn ready_of_desired(view: &WorkloadView<'_>) -> String {
    format!("{} of {} ready", view.ready(), view.desired().unwrap_or_default())
}

/// `both replicas`, `all 3 replicas`, `the only replica`.
fn all_replicas(n: u32) -> String {
    match n {
        1 => "the only replica".to_owned(),
        2 => "both replicas".to_owned(),
        n => format!("all {n} replicas"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_detector_has_a_page_and_says_when_it_fires_and_ends() {
        for detector in DETECTORS {
            let page = detector.page();
            assert!(page.starts_with(&format!("# {}\n", detector.name)), "{page}");
            for part in ["## Why", "## Example", "## Way out", "## Options"] {
                assert!(page.contains(part), "{} has no {part}", detector.name);
            }
            assert!(!detector.summary.is_empty() && !detector.ends.is_empty());
        }
    }

    #[test]
    fn a_hold_is_over_exactly_when_it_is_long_enough() {
        let long_enough = Duration::from_secs(10);
        let mut hold = Hold::default();
        assert_eq!(
            hold.step(true, Moment(5_000), long_enough),
            Err(Some(Moment(15_000)))
        );
        assert_eq!(
            hold.step(true, Moment(14_999), long_enough),
            Err(Some(Moment(15_000)))
        );
        assert_eq!(hold.step(true, Moment(15_000), long_enough), Ok(Moment(5_000)));
        assert_eq!(hold.step(false, Moment(16_000), long_enough), Err(None));
        assert_eq!(
            hold.step(true, Moment(17_000), long_enough),
            Err(Some(Moment(27_000)))
        );
    }

    #[test]
    fn a_resumed_hold_needs_no_second_wait_unless_it_broke_meanwhile() {
        let long_enough = Duration::from_secs(10);
        let mut hold = Hold::default();
        hold.resume();
        assert_eq!(hold.step(true, Moment(1), long_enough), Ok(Moment(1)));
        hold.step(false, Moment(2), long_enough).ok();
        assert!(hold.step(true, Moment(3), long_enough).is_err());
    }

    #[test]
    fn a_restarted_hold_waits_anew_unless_it_was_over() {
        let long_enough = Duration::from_secs(10);
        let mut hold = Hold::default();
        hold.step(true, Moment(0), long_enough).ok();
        hold.restart();
        assert_eq!(
            hold.step(true, Moment(9_000), long_enough),
            Err(Some(Moment(19_000)))
        );
        assert_eq!(hold.step(true, Moment(19_000), long_enough), Ok(Moment(9_000)));
        hold.restart();
        assert_eq!(hold.step(true, Moment(20_000), long_enough), Ok(Moment(20_000)));
    }
}
