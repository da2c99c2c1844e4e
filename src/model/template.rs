//! A pod template: what every pod of a workload is made from.

use super::config::ClusterVersion;
use super::field::Field;
use super::keys::Name;
use super::quantity::Quantity;
use super::selector::{LabelSelector, Labels};
use super::version::{PodVersion, VERSION_ANNOTATION, VERSION_LABEL};

/// The fields of `spec.template` (or of a bare Pod) that rules and detectors read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodTemplate {
    /// `metadata.labels`: what selectors match, and how a workload's pods are known.
    pub labels: Labels,
    /// `metadata.annotations`: those that are read, sorted by key. Of a bare Pod, its own.
    pub annotations: Vec<(Name, Name)>,
    /// App containers, native sidecars and plain init containers, in the manifest's order, init containers first.
    /// Ephemeral containers are never read.
    pub containers: Vec<Container>,
    /// `spec.resources.limits.memory`: one limit for all containers together (Kubernetes 1.34 and later).
    pub pod_memory_limit: Field<Quantity>,
    /// `spec.resources.requests.memory`, bytes: what the scheduler then counts instead of the containers' own.
    pub pod_memory_request: Field<Quantity>,
    /// `spec.resources.limits.cpu`, cores.
    pub pod_cpu_limit: Field<Quantity>,
    /// `spec.resources.requests.cpu`, cores.
    pub pod_cpu_request: Field<Quantity>,
    /// `spec.overhead.memory`, bytes: what the runtime class takes beside the containers.
    pub overhead_memory: Field<Quantity>,
    /// `spec.overhead.cpu`, cores.
    pub overhead_cpu: Field<Quantity>,
    /// `spec.terminationGracePeriodSeconds`, seconds; absent means 30. Below zero counts as 1.
    pub termination_grace: Field<i64>,
    /// `spec.volumes[].persistentVolumeClaim.claimName`: claims that all of its pods share.
    pub claims: Vec<Name>,
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

/// Template labels that change from release to release: a selector made of them would soon select other pods.
const VOLATILE_LABELS: [&str; 6] = [
    "pod-template-hash",
    "controller-revision-hash",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
    "version",
];

impl PodTemplate {
    /// The labels by which a selector that is proposed knows these pods: those that stay the same from release to release;
    /// all of them when none does.
    pub fn lasting_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let lasts = |key: &str| !VOLATILE_LABELS.contains(&key);
        let any = self.labels.iter().any(|(key, _)| lasts(key));
        self.labels.iter().filter(move |(key, _)| !any || lasts(key))
    }

    /// A port of its node that each of its pods takes. The scheduler puts no two of them on one node (`GetHostPorts` in
    /// `pkg/scheduler/util/utils.go`); init containers don't count, and sidecars only in later versions.
    #[must_use]
    pub fn host_port(&self, version: ClusterVersion) -> Option<u16> {
        let counts = |container: &&Container| match container.role {
            ContainerRole::App => true,
            ContainerRole::Sidecar => version >= ClusterVersion::SIDECARS_TAKE_HOST_PORTS,
            ContainerRole::Init => false,
        };
        let counted = self.containers.iter().filter(counts);
        counted
            .flat_map(|container| &container.ports)
            .find_map(|port| port.on_host)
    }

    /// Which version its pods say that they are.
    #[must_use]
    pub fn version(&self) -> Option<PodVersion> {
        let annotation = self
            .annotations
            .iter()
            .find(|(key, _)| &**key == VERSION_ANNOTATION);
        let first = self.containers.iter().find(|c| c.role == ContainerRole::App);
        PodVersion::of(
            annotation.map(|(_, text)| &**text),
            self.labels.get(VERSION_LABEL),
            first.map(|container| &*container.image),
        )
    }
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

/// One container of a template. Of a container that runs less is kept: see [`RunningContainer`].
///
/// [`RunningContainer`]: super::pod::RunningContainer
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// `name`.
    pub name: Name,
    /// App, sidecar or init.
    pub role: ContainerRole,
    /// `image`, its first [`MAX_IMAGE`] characters; empty when absent.
    pub image: Name,
    /// `resources.limits.memory`, bytes.
    pub memory_limit: Field<Quantity>,
    /// `resources.requests.memory`, bytes.
    pub memory_request: Field<Quantity>,
    /// `resources.limits.cpu`, cores.
    pub cpu_limit: Field<Quantity>,
    /// `resources.requests.cpu`, cores.
    pub cpu_request: Field<Quantity>,
    /// `ports`: those that say which they are; a port need not be declared to be served.
    pub ports: Vec<ContainerPort>,
    /// `readinessProbe`, if it asks the container anything.
    pub readiness_probe: Field<Handler>,
    /// `lifecycle.preStop`.
    pub pre_stop: Field<Handler>,
}

/// How much of a container's `image` is kept, characters: a registry's host and a path of as many again, with the tag.
pub const MAX_IMAGE: usize = 256;

impl Container {
    /// Whether it runs as long as its pod does: an app container or a native sidecar.
    #[must_use]
    pub const fn is_long_running(&self) -> bool {
        matches!(self.role, ContainerRole::App | ContainerRole::Sidecar)
    }

    /// Whether it is a native sidecar.
    #[must_use]
    pub const fn is_sidecar(&self) -> bool {
        matches!(self.role, ContainerRole::Sidecar)
    }
}

/// One port that a container declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPort {
    /// `name`; empty when absent.
    pub name: Name,
    /// `containerPort`.
    pub number: i32,
    /// `protocol`; absent means TCP.
    pub protocol: Protocol,
    /// The node's own port, if it takes one: `hostPort`, or under `hostNetwork` the same as `containerPort`.
    pub on_host: Option<u16>,
}

/// What is spoken at a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `TCP`, or nothing said.
    #[default]
    Tcp,
    /// `UDP`.
    Udp,
    /// `SCTP`.
    Sctp,
}

impl Protocol {
    /// As in a manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
        }
    }
}

/// How a probe or a hook reaches its container. What it says or runs there is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handler {
    /// `exec`: a command in the container.
    Exec,
    /// `grpc`: its health service (probes only).
    Grpc,
    /// `httpGet`.
    HttpGet,
    /// `tcpSocket`.
    TcpSocket,
    /// `sleep`: nothing but time (hooks only).
    Sleep,
}

/// A term of a required node affinity: all of its requirements must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeSelectorTerm {
    /// `matchExpressions`, over the node's labels.
    pub expressions: Vec<NodeRequirement>,
    /// `matchFields`: only `metadata.name` exists.
    pub fields: Vec<NodeRequirement>,
}

/// `{key, operator, values}` of a node selector term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeRequirement {
    /// The label's (or field's) key.
    pub key: Name,
    /// The operator.
    pub operator: NodeOperator,
    /// The values; one integer for `Gt` and `Lt`.
    pub values: Vec<Name>,
}

/// The operators of node selector requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// `key`; empty with `Exists` tolerates every taint.
    pub key: Name,
    /// `operator`; absent means `Equal`.
    pub operator: TolerationOperator,
    /// `value`; empty with `Exists`.
    pub value: Name,
    /// `effect`; absent means every effect.
    pub effect: Option<TaintEffect>,
    /// `tolerationSeconds`, seconds; absent means for ever.
    pub seconds: Option<i64>,
}

/// How a toleration compares a taint's value with its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the Kubernetes operator of that name")]
pub enum TolerationOperator {
    Equal,
    Exists,
    Gt,
    Lt,
}

impl TolerationOperator {
    /// As in a manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            TolerationOperator::Equal => "Equal",
            TolerationOperator::Exists => "Exists",
            TolerationOperator::Gt => "Gt",
            TolerationOperator::Lt => "Lt",
        }
    }
}

impl TaintEffect {
    /// As in a manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            TaintEffect::NoSchedule => "NoSchedule",
            TaintEffect::PreferNoSchedule => "PreferNoSchedule",
            TaintEffect::NoExecute => "NoExecute",
        }
    }
}

impl Toleration {
    /// Whether it tolerates a taint, as `ToleratesTaint` of k8s.io/component-helpers does. `Gt` and `Lt` (beta in 1.36)
    /// compare numbers, which no taint that is asked about here has.
    #[must_use]
    pub fn tolerates(&self, key: &str, value: &str, effect: TaintEffect) -> bool {
        self.effect.is_none_or(|e| e == effect)
            && (self.key.is_empty() || &*self.key == key)
            && match self.operator {
                TolerationOperator::Exists => true,
                TolerationOperator::Equal => !self.key.is_empty() && &*self.value == value,
                TolerationOperator::Gt | TolerationOperator::Lt => false,
            }
    }
}

/// The place of the toleration that decides how long a pod stays on a node with that NoExecute taint, whose value is
/// empty: the first that tolerates it, as `GetMatchingTolerations` in Kubernetes' `pkg/apis/core/v1/helper` has
/// it; later ones are not looked at. `None` = it is not tolerated.
#[must_use]
pub fn first_tolerating(tolerations: &[Toleration], taint: &str) -> Option<usize> {
    let tolerates = |t: &Toleration| t.tolerates(taint, "", TaintEffect::NoExecute);
    tolerations.iter().position(tolerates)
}
