//! What workloads and other detectors need to know of a node that is not healthy.

use jiff::Timestamp;

use crate::model::finding::Severity;
use crate::model::node::ReadyStatus;

/// A node that is not healthy, as other detectors and the workloads on it need to know it. Equal from call to call until
/// something happens: it carries no running time.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeHealth {
    /// Ready's status now; True for a node in limbo that is back for the moment.
    pub status: ReadyStatus,
    /// When Ready left True, as it was stamped then; `None` while Ready is True.
    pub since: Option<Timestamp>,
    /// When the last heartbeat before the silence was seen, on the wall clock; when Ready left True, if it was silent
    /// already before anybody looked. `None` unless Ready is Unknown, and without a Lease.
    pub last_heartbeat: Option<Timestamp>,
    /// When the NoExecute taint was added; `None` when it is not there. Pods leave that much later as they tolerate it.
    pub no_execute_since: Option<Timestamp>,
    /// In limbo: why.
    pub limbo: Option<Limbo>,
    /// Why the node itself is not judged (cordoned, being deleted, just joined …), if so. Then it is never in limbo.
    pub suppressed: Option<String>,
}

impl NodeHealth {
    /// Whether the node may fail, or fail again: it is judged, and found wanting.
    #[must_use]
    pub const fn is_suspect(&self) -> bool {
        self.suppressed.is_none()
    }
}

/// Why a node is in limbo. It stays so until the mechanism has been gone for `DetectorConfig::limbo_quiet`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limbo {
    /// The mechanism's id: [`FLAPPING`] or [`OVERDUE`].
    pub mechanism: &'static str,
    /// Silences in the window that ends with the newest of them.
    pub episodes: u32,
    /// With [`OVERDUE`]: when the first of the pods that are still there should have gone.
    pub overdue_since: Option<Timestamp>,
}

/// The node falls silent again and again, and each return starts the eviction timers anew.
pub const FLAPPING: &str = "L1";
/// The node is not ready, and pods are there that should have been evicted: a lost timer or a denied deletion.
pub const OVERDUE: &str = "L4";

/// What a report kept of a node: enough to go on after a restart of the operator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PriorNode {
    /// When each silence was first seen, oldest first: the transitions of `node-not-ready` to Active, without those of
    /// severity info (a node that was not judged).
    pub silences: Vec<Timestamp>,
    /// Since when the node is in limbo, as its report says; `None` when it does not.
    pub limbo: Option<Timestamp>,
    /// How bad `heartbeat-gap` was, if it was firing.
    pub gap: Option<Severity>,
}
