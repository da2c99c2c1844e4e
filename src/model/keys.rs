//! How objects are named: kind, namespace, name.

use std::fmt;
use std::sync::Arc;

/// A shared string: namespaces, node names and the like occur on thousands of rows and are kept once.
pub type Name = Arc<str>;

/// Every kind that the engine reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each variant is the Kubernetes kind of that name")]
pub enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    CronJob,
    Job,
    ReplicaSet,
    Pod,
    Node,
    Namespace,
    HorizontalPodAutoscaler,
    PodDisruptionBudget,
    Service,
    EndpointSlice,
    LimitRange,
    PersistentVolume,
    Lease,
    ScaledObject,
    ResiliencePolicy,
}

impl Kind {
    /// Every kind that is read, from files or from a cluster.
    pub const ALL: [Kind; 18] = [
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::CronJob,
        Kind::Job,
        Kind::ReplicaSet,
        Kind::Pod,
        Kind::Node,
        Kind::Namespace,
        Kind::HorizontalPodAutoscaler,
        Kind::PodDisruptionBudget,
        Kind::Service,
        Kind::EndpointSlice,
        Kind::LimitRange,
        Kind::PersistentVolume,
        Kind::Lease,
        Kind::ScaledObject,
        Kind::ResiliencePolicy,
    ];

    /// The kinds that the operator watches.
    pub const WATCHED: [Kind; 18] = [
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::CronJob,
        Kind::Job,
        Kind::ReplicaSet,
        Kind::Pod,
        Kind::Node,
        Kind::Namespace,
        Kind::HorizontalPodAutoscaler,
        Kind::PodDisruptionBudget,
        Kind::Service,
        Kind::EndpointSlice,
        Kind::LimitRange,
        Kind::PersistentVolume,
        Kind::Lease,
        Kind::ScaledObject,
        Kind::ResiliencePolicy,
    ];

    /// The kind's name as in a manifest: `Deployment`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Deployment => "Deployment",
            Kind::StatefulSet => "StatefulSet",
            Kind::DaemonSet => "DaemonSet",
            Kind::CronJob => "CronJob",
            Kind::Job => "Job",
            Kind::ReplicaSet => "ReplicaSet",
            Kind::Pod => "Pod",
            Kind::Node => "Node",
            Kind::Namespace => "Namespace",
            Kind::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Kind::PodDisruptionBudget => "PodDisruptionBudget",
            Kind::Service => "Service",
            Kind::EndpointSlice => "EndpointSlice",
            Kind::LimitRange => "LimitRange",
            Kind::PersistentVolume => "PersistentVolume",
            Kind::Lease => "Lease",
            Kind::ScaledObject => "ScaledObject",
            Kind::ResiliencePolicy => "ResiliencePolicy",
        }
    }

    /// The API group; empty for the core group.
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet => "apps",
            Kind::CronJob | Kind::Job => "batch",
            Kind::HorizontalPodAutoscaler => "autoscaling",
            Kind::PodDisruptionBudget => "policy",
            Kind::EndpointSlice => "discovery.k8s.io",
            Kind::Lease => "coordination.k8s.io",
            Kind::ScaledObject => "keda.sh",
            Kind::ResiliencePolicy => "plimsoll.dev",
            Kind::Pod
            | Kind::Node
            | Kind::Namespace
            | Kind::Service
            | Kind::LimitRange
            | Kind::PersistentVolume => "",
        }
    }

    /// The version of the group that is watched.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Kind::HorizontalPodAutoscaler => "v2",
            Kind::ScaledObject | Kind::ResiliencePolicy => "v1alpha1",
            _ => "v1",
        }
    }

    /// The resource's name in URLs, metrics and readiness: `deployments`.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Kind::Deployment => "deployments",
            Kind::StatefulSet => "statefulsets",
            Kind::DaemonSet => "daemonsets",
            Kind::CronJob => "cronjobs",
            Kind::Job => "jobs",
            Kind::ReplicaSet => "replicasets",
            Kind::Pod => "pods",
            Kind::Node => "nodes",
            Kind::Namespace => "namespaces",
            Kind::HorizontalPodAutoscaler => "horizontalpodautoscalers",
            Kind::PodDisruptionBudget => "poddisruptionbudgets",
            Kind::Service => "services",
            Kind::EndpointSlice => "endpointslices",
            Kind::LimitRange => "limitranges",
            Kind::PersistentVolume => "persistentvolumes",
            Kind::Lease => "leases",
            Kind::ScaledObject => "scaledobjects",
            Kind::ResiliencePolicy => "resiliencepolicies",
        }
    }

    /// `apps/v1`, or `v1` for the core group.
    #[must_use]
    pub fn api_version(self) -> String {
        match self.group() {
            "" => self.version().to_owned(),
            group => format!("{group}/{}", self.version()),
        }
    }

    /// The kind of that name, whatever its group; `None` for kinds that are not read.
    #[must_use]
    pub fn parse(kind: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.as_str() == kind)
    }

    /// Whether objects of this kind own pods that people name: what a rule may be asked about.
    #[must_use]
    pub const fn is_workload(self) -> bool {
        matches!(
            self,
            Kind::Deployment
                | Kind::StatefulSet
                | Kind::DaemonSet
                | Kind::CronJob
                | Kind::Job
                | Kind::ReplicaSet
                | Kind::Pod
        )
    }

    /// Whether objects of this kind are judged at admission: those that people write and that rules are about.
    #[must_use]
    pub const fn is_admitted(self) -> bool {
        matches!(
            self,
            Kind::Deployment
                | Kind::StatefulSet
                | Kind::DaemonSet
                | Kind::CronJob
                | Kind::HorizontalPodAutoscaler
                | Kind::PodDisruptionBudget
                | Kind::ScaledObject
        )
    }

    /// Whether every rule is judged for it, not the pod-template rules alone.
    #[must_use]
    pub const fn is_judged_in_full(self) -> bool {
        matches!(self, Kind::Deployment | Kind::StatefulSet)
    }

    /// Whether each workload of this kind has a report. The others come and go by the thousand (Jobs, bare pods): what is
    /// found in them is counted only.
    #[must_use]
    pub const fn has_report(self) -> bool {
        matches!(
            self,
            Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::CronJob
        )
    }

    /// Whether nothing at all can be judged without it: without any other kind, only the rules that need it are not.
    #[must_use]
    pub const fn is_essential(self) -> bool {
        matches!(
            self,
            Kind::Deployment | Kind::StatefulSet | Kind::ReplicaSet | Kind::Pod | Kind::Node
        )
    }

    /// Whether a cluster need not have it: it comes with a CustomResourceDefinition, and where that is missing there are none.
    #[must_use]
    pub const fn is_optional(self) -> bool {
        matches!(self, Kind::ScaledObject)
    }

    /// Whether objects of this kind live outside namespaces.
    #[must_use]
    pub const fn is_cluster_scoped(self) -> bool {
        matches!(
            self,
            Kind::Node | Kind::Namespace | Kind::PersistentVolume | Kind::ResiliencePolicy
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names one object. `namespace` is empty for cluster-scoped kinds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// What it is.
    pub kind: Kind,
    /// Where it lives; empty for cluster-scoped kinds.
    pub namespace: Name,
    /// Its `metadata.name`.
    pub name: Name,
}

impl ObjectKey {
    /// A key from its three parts.
    pub fn new(kind: Kind, namespace: impl Into<Name>, name: impl Into<Name>) -> Self {
        ObjectKey {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// `shop/web`, or `node-1` for cluster-scoped kinds.
    #[must_use]
    pub fn path(&self) -> String {
        match &*self.namespace {
            "" => self.name.to_string(),
            namespace => [namespace, "/", &self.name].concat(),
        }
    }
}

/// `Deployment shop/web`.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.namespace {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}

/// Namespaces of Kubernetes itself; their workloads are not judged unless a policy names them.
pub const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Whether `namespace` is one of [`SYSTEM_NAMESPACES`].
#[must_use]
pub fn is_system_namespace(namespace: &str) -> bool {
    SYSTEM_NAMESPACES.contains(&namespace)
}
