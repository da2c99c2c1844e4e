//! A node, its taints and its heartbeat.

use jiff::Timestamp;

use super::keys::Name;
use super::quantity::Quantity;
use super::resource::Resource;
use super::selector::Labels;
use super::template::TaintEffect;

/// Label that puts a node into a zone.
pub const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
/// Label that puts a node into a region; a failure-domain zone is region and zone together.
pub const REGION_LABEL: &str = "topology.kubernetes.io/region";
/// Label with the node's host name.
pub const HOSTNAME_LABEL: &str = "kubernetes.io/hostname";
/// Label of a node that does not count when a zone is judged, with any value (the node controller's own).
pub const EXCLUDE_DISRUPTION_LABEL: &str = "node.kubernetes.io/exclude-disruption";
/// Taint of a node whose Ready is False.
pub const TAINT_NOT_READY: &str = "node.kubernetes.io/not-ready";
/// Taint of a node whose Ready is Unknown.
pub const TAINT_UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// How the keys of the taints begin that follow a node's conditions.
const PASSING_TAINTS: [&str; 2] = ["node.kubernetes.io/", "node.cloudprovider.kubernetes.io/"];

/// What the engine reads of a Node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// `metadata.name`.
    pub name: Name,
    /// `metadata.uid`.
    pub uid: Name,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// `metadata.labels`.
    pub labels: Labels,
    /// `spec.unschedulable`: cordoned.
    pub unschedulable: bool,
    /// `spec.taints`.
    pub taints: Vec<Taint>,
    /// Condition `Ready`.
    pub ready: NodeReady,
    /// `status.allocatable`: what pods may request there together.
    pub allocatable: Allocatable,
    /// `status.nodeInfo.bootID`: changes with a reboot.
    pub boot_id: Name,
    /// `status.nodeInfo.kubeletVersion`: changes with an upgrade.
    pub kubelet_version: Name,
}

impl Node {
    /// Region and zone as one name (`eu/a`, or `a` without region); `None` without a zone label.
    #[must_use]
    pub fn zone(&self) -> Option<String> {
        let zone = self.labels.get(ZONE_LABEL)?;
        Some(match self.labels.get(REGION_LABEL) {
            Some(region) => format!("{region}/{zone}"),
            None => zone.to_string(),
        })
    }

    /// The taints that say what the node is for, not how it is: without those that the control plane adds and takes away
    /// as the node's conditions change.
    pub fn lasting_taints(&self) -> impl Iterator<Item = &Taint> {
        let passing = |key: &str| PASSING_TAINTS.iter().any(|prefix| key.starts_with(prefix));
        self.taints.iter().filter(move |taint| !passing(&taint.key))
    }

    /// The NoExecute taint that the node controller adds to a node which is not ready or not reachable.
    #[must_use]
    pub fn no_execute(&self) -> Option<&Taint> {
        self.taints.iter().find(|t| {
            t.effect == TaintEffect::NoExecute && matches!(&*t.key, TAINT_NOT_READY | TAINT_UNREACHABLE)
        })
    }
}

/// What pods may request, on one node or on the largest of several, each resource for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocatable {
    /// `memory`, bytes.
    pub memory: Option<Quantity>,
    /// `cpu`, cores.
    pub cpu: Option<Quantity>,
}

impl Allocatable {
    /// The larger of both, of each resource.
    #[must_use]
    pub fn larger(self, other: Self) -> Self {
        Allocatable {
            memory: self.memory.max(other.memory),
            cpu: self.cpu.max(other.cpu),
        }
    }

    /// Of one resource; `None` when it is not known.
    #[must_use]
    pub const fn of(&self, resource: Resource) -> Option<Quantity> {
        match resource {
            Resource::Memory => self.memory,
            Resource::Cpu => self.cpu,
        }
    }
}

/// The node's condition `Ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReady {
    /// True, False (the kubelet says so) or Unknown (the kubelet is silent).
    pub status: ReadyStatus,
    /// `lastTransitionTime`: written by the control plane when `status` changed.
    pub since: Option<Timestamp>,
    /// `reason`.
    pub reason: Name,
    /// `lastHeartbeatTime`: written by the kubelet. Only ever compared with itself; the index keeps it apart, so that a
    /// heartbeat is no change of the node.
    pub heartbeat: Option<Timestamp>,
}

/// The three states of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the Kubernetes status of that name")]
pub enum ReadyStatus {
    True,
    False,
    Unknown,
}

/// One taint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taint {
    /// `key`.
    pub key: Name,
    /// `value`; empty when absent.
    pub value: Name,
    /// `effect`.
    pub effect: TaintEffect,
    /// `timeAdded`: written by the control plane, NoExecute only.
    pub added: Option<Timestamp>,
}

/// A node's heartbeat: its Lease in `kube-node-lease`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The node's name.
    pub node: Name,
    /// `spec.renewTime`. Only ever compared with itself: a heartbeat is a renewTime that increased.
    pub renewed: Option<Timestamp>,
}
