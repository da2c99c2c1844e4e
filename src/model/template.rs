//! A pod template: what every pod of a workload is made from.

use super::field::Field;
use super::keys::Name;
use super::quantity::Quantity;
use super::selector::{LabelSelector, Labels};

/// The fields of `spec.template` (or of a bare Pod) that rules and detectors read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodTemplate {
    /// `metadata.labels`: what selectors match, and how a workload's pods are known.
    pub labels: Labels,
    /// App containers, native sidecars and plain init containers, in the manifest's order, init containers first.
    /// Ephemeral containers are never read.
    pub containers: Vec<Container>,
    /// `spec.resources.limits.memory`: one limit for all containers together (Kubernetes 1.34 and later).
    pub pod_memory_limit: Field<Quantity>,
    /// `spec.nodeSelector`.
    pub node_selector: Labels,
    /// `spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`: one must match.
    /// `None` = no required node affinity.
    pub required_node_affinity: Option<Vec<NodeSelectorTerm>>,
    /// `spec.affinity.podAntiAffinity`, required and preferred terms.
    pub anti_affinity: Vec<AntiAffinityTerm>,
    /// `spec.topologySpreadConstraints`.
    pub spread: Vec<SpreadConstraint>,
    /// `spec.tolerations`.
    pub tolerations: Vec<Toleration>,
}

/// What a container is to the kubelet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContainerRole {
    /// In `spec.containers`.
    App,
    /// In `spec.initContainers` with `restartPolicy: Always`: runs as long as the pod does.
    Sidecar,
    /// In `spec.initContainers`: runs to its end before the app containers start.
    Init,
}

/// One container of a template, or of a running pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Container {
    /// `name`.
    pub name: Name,
    /// App, sidecar or init.
    pub role: ContainerRole,
    /// `resources.limits.memory`, bytes.
    pub memory_limit: Field<Quantity>,
    /// `resources.requests.memory`, bytes.
    pub memory_request: Field<Quantity>,
}

/// A term of a required node affinity: all of its requirements must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSelectorTerm {
    /// `matchExpressions`, over the node's labels.
    pub expressions: Vec<NodeRequirement>,
    /// `matchFields`: only `metadata.name` exists.
    pub fields: Vec<NodeRequirement>,
}

/// `{key, operator, values}` of a node selector term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRequirement {
    /// The label's (or field's) key.
    pub key: Name,
    /// The operator.
    pub operator: NodeOperator,
    /// The values; one integer for `Gt` and `Lt`.
    pub values: Vec<Name>,
}

/// The operators of node selector requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the Kubernetes operator of that name")]
pub enum NodeOperator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Gt,
    Lt,
}

/// One pod anti-affinity term.
#[derive(Clone, Debug, PartialEq)]
pub struct AntiAffinityTerm {
    /// `requiredDuringScheduling…` rather than `preferred…`.
    pub required: bool,
    /// `topologyKey`.
    pub topology_key: Name,
    /// `labelSelector`; absent selects nothing.
    pub selector: Option<LabelSelector>,
    /// `matchLabelKeys`: read from 1.31 on.
    pub match_label_keys: Vec<Name>,
    /// `mismatchLabelKeys`: read from 1.31 on.
    pub mismatch_label_keys: Vec<Name>,
    /// `namespaces`; empty together with no `namespace_selector` means the pod's own.
    pub namespaces: Vec<Name>,
    /// `namespaceSelector`; `{}` selects every namespace.
    pub namespace_selector: Option<LabelSelector>,
}

/// What the scheduler does when a spread constraint cannot be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenUnsatisfiable {
    /// The pod stays Pending.
    DoNotSchedule,
    /// The pod is placed all the same.
    ScheduleAnyway,
}

/// One topology spread constraint.
#[derive(Clone, Debug, PartialEq)]
pub struct SpreadConstraint {
    /// `topologyKey`.
    pub topology_key: Name,
    /// `maxSkew`, pods; [`Field::Invalid`] when below 1.
    pub max_skew: Field<i32>,
    /// `whenUnsatisfiable`.
    pub when_unsatisfiable: Field<WhenUnsatisfiable>,
    /// `labelSelector`; absent selects nothing.
    pub selector: Option<LabelSelector>,
    /// `matchLabelKeys`: read from 1.27 on.
    pub match_label_keys: Vec<Name>,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the Kubernetes effect of that name")]
pub enum TaintEffect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

/// One toleration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Toleration {
    /// `key`; empty with `exists` tolerates every taint.
    pub key: Name,
    /// `operator: Exists` (any value) rather than `Equal`.
    pub exists: bool,
    /// `value`, for `Equal`.
    pub value: Name,
    /// `effect`; absent means every effect.
    pub effect: Option<TaintEffect>,
    /// `tolerationSeconds`, seconds; absent means for ever.
    pub seconds: Option<i64>,
}

impl Toleration {
    /// Whether it tolerates a taint, as `ToleratesTaint` of k8s.io/component-helpers does.
    #[must_use]
    pub fn tolerates(&self, key: &str, value: &str, effect: TaintEffect) -> bool {
        self.effect.is_none_or(|e| e == effect)
            && (self.key.is_empty() || &*self.key == key)
            && if self.exists {
                true
            } else {
                !self.key.is_empty() && &*self.value == value
            }
    }
}
