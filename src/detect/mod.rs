//! The runtime detectors: pure state machines, fed with what the index shows and a clock.
//!
//! A detector is one file. Its `//!` comment is its reference page, below that stand its state, one `step` and traces that
//! test it. Adding one = one file and one line in [`DETECTORS`].
//!
//! ```text
//! node events ──> NodeDetector::step ──> findings on the node, NodeHealth ─┐
//! pod, workload events ─────────────────> WorkloadDetector::step <─────────┘──> findings on the workload
//! ```
//!
//! `step` may be called at any time and any number of times; it says when it must be called again although nothing
//! happened ([`Step::due`]).

mod co_located;
mod node_health;
mod node_limbo;
mod node_not_ready;
mod stranded;
mod suppress;
mod unavailable;
mod zone_co_located;

use std::collections::HashMap;

pub use self::node_health::{NodeHealth, NodeHistory, PriorNode};
use crate::index::{NodeView, WorkloadView};
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
            finding: None,
            due: Some(due),
        }
    }

    /// It holds.
    #[must_use]
    pub fn firing(finding: Finding) -> Self {
        Step {
            finding: Some(finding),
            due: None,
        }
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
}

/// A detector for nodes. The node's history is shared between them ([`NodeHistory`]).
pub trait NodeDetector: Send + Sync {
    /// Looks at the node as it is now.
    fn step(&mut self, node: &NodeView<'_>, history: &NodeHistory, now: Now, config: &DetectorConfig)
    -> Step;
}

/// The nodes that are not healthy, by name; all others are.
pub type NodeHealths = HashMap<Name, NodeHealth>;

/// What a detector looks at, and how a fresh one is made.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the variants say it")]
pub enum Scope {
    Workload(fn() -> Box<dyn WorkloadDetector>),
    Node(fn() -> Box<dyn NodeDetector>),
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
    node_not_ready::DETECTOR,
    node_limbo::DETECTOR,
    stranded::DETECTOR,
    unavailable::DETECTOR,
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
            self.since = None;
            return Err(None);
        }
        let since = *self.since.get_or_insert(now);
        let due = since.after(long_enough);
        if now >= due { Ok(since) } else { Err(Some(due)) }
    }

    /// Starts again from nothing.
    pub fn reset(&mut self) {
        self.since = None;
    }
}
