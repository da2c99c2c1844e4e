//! What is remembered of each node, and what that makes of it now.

use std::time::Duration;

use jiff::Timestamp;

use crate::index::NodeView;
use crate::model::config::DetectorConfig;
use crate::model::node::ReadyStatus;
use crate::model::time::{Moment, Now};

/// A node that is not healthy, as other detectors and the workloads on it need to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeHealth {
    /// Ready's status now; True for a node in limbo that is back for the moment.
    pub status: ReadyStatus,
    /// When Ready left True, as the control plane stamped it; `None` while Ready is True.
    pub since: Option<Timestamp>,
    /// When the last heartbeat was seen, on the wall clock; `None` without a Lease.
    pub last_heartbeat: Option<Timestamp>,
    /// When Kubernetes will evict a pod that tolerates it for the default time; `None` when the NoExecute taint is not
    /// there.
    pub no_execute_since: Option<Timestamp>,
    /// In limbo: why.
    pub limbo: Option<Limbo>,
    /// Why the node itself is not judged (cordoned, being deleted, just joined …), if so.
    pub suppressed: Option<String>,
}

/// Why a node is in limbo.
#[derive(Clone, Debug, PartialEq)]
pub struct Limbo {
    /// The mechanism's id: `L1`.
    pub mechanism: &'static str,
    /// Silences in the window.
    pub episodes: u32,
}

/// What a report kept of a node: enough to go on after a restart of the operator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PriorNode {
    /// When each silence was first seen, oldest first.
    pub silences: Vec<Timestamp>,
}

/// One node's history, bounded.
#[derive(Debug, Default)]
pub struct NodeHistory {}

impl NodeHistory {
    /// A history that goes on from what a report kept.
    #[must_use]
    pub fn restore(_prior: &PriorNode, _now: Now) -> Self {
        NodeHistory {}
    }

    /// Notes the node as it is now. Returns when it must be looked at again although nothing happened.
    pub fn observe(&mut self, _node: &NodeView<'_>, _now: Now, _config: &DetectorConfig) -> Option<Moment> {
        None
    }

    /// What it makes of the node; `None` when healthy.
    #[must_use]
    pub fn health(&self, _node: &NodeView<'_>, _now: Now, _config: &DetectorConfig) -> Option<NodeHealth> {
        let _ = Duration::ZERO;
        None
    }
}
