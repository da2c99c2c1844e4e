//! A running pod, as lean as the engine can have it.

use jiff::Timestamp;

use super::field::Field;
use super::keys::Name;
use super::quantity::Quantity;
use super::template::{Container, Toleration};
use super::version::PodVersion;
use super::workload::Controller;

/// One pod as its projection gives it. The index keeps a row of it that is smaller still.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    /// `metadata.namespace`.
    pub namespace: Name,
    /// `metadata.name`.
    pub name: Name,
    /// The controlling owner reference; absent for a bare pod.
    pub controller: Option<Controller>,
    /// Label `pod-template-hash` or `controller-revision-hash`: which revision of its workload it belongs to.
    pub revision: Option<Name>,
    /// `spec.nodeName`: absent while it is not bound.
    pub node: Option<Name>,
    /// `status.phase`.
    pub phase: PodPhase,
    /// Condition `Ready` is True.
    pub ready: bool,
    /// `metadata.deletionTimestamp`: when it must be gone (it includes the grace period).
    pub deletion: Option<Timestamp>,
    /// Condition `DisruptionTarget` is True: it is being evicted, drained or preempted.
    pub disruption_target: bool,
    /// What all pods made from one template share.
    pub shape: PodShape,
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the Kubernetes phase of that name")]
pub enum PodPhase {
    #[default]
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

impl PodPhase {
    /// Whether the pod has ended, well or not.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        matches!(self, PodPhase::Succeeded | PodPhase::Failed)
    }
}

/// The part of a pod's spec that is equal for all pods of a revision; the index keeps one for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodShape {
    /// App containers, sidecars and init containers with their memory limits *as created*, so after LimitRanges.
    pub containers: Box<[RunningContainer]>,
    /// `spec.resources.limits.memory` is set and not zero.
    pub pod_memory_limited: bool,
    /// Which version it says that it is.
    pub version: Option<PodVersion>,
    /// Tolerations of NoExecute taints: how long it stays on a node that is not ready or not reachable.
    pub no_execute: Box<[Toleration]>,
}

/// One container of a running pod: only what its template cannot tell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunningContainer {
    /// `name`.
    pub name: Name,
    /// `resources.limits.memory`, bytes.
    pub memory_limit: Field<Quantity>,
}

impl From<Container> for RunningContainer {
    fn from(container: Container) -> Self {
        RunningContainer {
            name: container.name,
            memory_limit: container.memory_limit,
        }
    }
}
