//! Builders for tests: `deployment("shop/web").replicas(2)`, `node("n1").zone("a")`, `pod("shop/web-1").on("n1")`.

use jiff::Timestamp;

use super::context::{
    Autoscaler, EndpointSlice, LimitRange, LimitRangeItem, LimitRangeType, Namespace, ScaleTarget, Service,
};
use super::field::Field;
use super::keys::{Kind, Name, ObjectKey};
use super::node::{
    HOSTNAME_LABEL, Lease, Node, NodeReady, ReadyStatus, TAINT_NOT_READY, TAINT_UNREACHABLE, Taint,
    ZONE_LABEL,
};
use super::object::Object;
use super::pod::{Pod, PodPhase, PodShape};
use super::selector::{LabelSelector, Labels};
use super::template::{
    AntiAffinityTerm, Container, ContainerRole, PodTemplate, SpreadConstraint, TaintEffect, Toleration,
    WhenUnsatisfiable,
};
use super::workload::{Controller, Strategy, Workload, WorkloadStatus};

fn split(path: &str) -> (Name, Name) {
    let (namespace, name) = path.split_once('/').expect("namespace/name");
    (namespace.into(), name.into())
}

/// `labels(&[("app", "web")])`.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(k, v)| (Name::from(*k), Name::from(*v)))
        .collect()
}

/// A selector with these `matchLabels`.
pub(crate) fn selector(pairs: &[(&str, &str)]) -> LabelSelector {
    let map: serde_json::Map<String, serde_json::Value> = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).into()))
        .collect();
    serde_json::from_value(serde_json::json!({ "matchLabels": map })).expect("a selector")
}

/// 2026-01-01T00:00:00Z plus seconds.
pub(crate) fn wall(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).expect("in range")
}

/// An app container without any resources.
pub(crate) fn container(name: &str) -> Container {
    Container {
        name: name.into(),
        role: ContainerRole::App,
        memory_limit: Field::Absent,
        memory_request: Field::Absent,
    }
}

/// A workload whose pods are labelled `app: <name>`, with one container `app` without resources.
pub(crate) fn workload(kind: Kind, path: &str) -> Workload {
    let (namespace, name) = split(path);
    Workload {
        uid: format!("uid-{name}").into(),
        generation: 1,
        created: Some(wall(-86_400)),
        controller: None,
        annotations: Vec::new(),
        replicas: Field::Absent,
        template: PodTemplate {
            labels: labels(&[("app", &name)]),
            containers: vec![container("app")],
            ..PodTemplate::default()
        },
        strategy: Field::Set(Strategy::default()),
        progress_deadline: None,
        status: WorkloadStatus::default(),
        problems: Vec::new(),
        key: ObjectKey {
            kind,
            namespace,
            name,
        },
    }
}

/// See [`workload`].
pub(crate) fn deployment(path: &str) -> Workload {
    workload(Kind::Deployment, path)
}

/// See [`workload`].
pub(crate) fn stateful_set(path: &str) -> Workload {
    workload(Kind::StatefulSet, path)
}

impl Container {
    pub(crate) fn limit(mut self, quantity: &str) -> Self {
        self.memory_limit = Field::Set(quantity.parse().expect("a quantity"));
        self
    }
    pub(crate) fn request(mut self, quantity: &str) -> Self {
        self.memory_request = Field::Set(quantity.parse().expect("a quantity"));
        self
    }
    pub(crate) fn role(mut self, role: ContainerRole) -> Self {
        self.role = role;
        self
    }
}

impl Workload {
    /// Any other change.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Workload)) -> Self {
        change(&mut self);
        self
    }
    /// These containers instead of the one without resources.
    pub(crate) fn containers(mut self, containers: impl IntoIterator<Item = Container>) -> Self {
        self.template.containers = containers.into_iter().collect();
        self
    }
    pub(crate) fn pod_limit(mut self, quantity: &str) -> Self {
        self.template.pod_memory_limit = Field::Set(quantity.parse().expect("a quantity"));
        self
    }
    pub(crate) fn replicas(mut self, n: i32) -> Self {
        self.replicas = Field::Set(n);
        self
    }
    pub(crate) fn generation(mut self, n: i64) -> Self {
        self.generation = n;
        self
    }
    pub(crate) fn memory_limit(mut self, quantity: &str) -> Self {
        for c in &mut self.template.containers {
            c.memory_limit = Field::Set(quantity.parse().expect("a quantity"));
        }
        self
    }
    pub(crate) fn spread(mut self, key: &str, selects: Option<LabelSelector>) -> Self {
        self.template.spread.push(spread(key, selects));
        self
    }
    pub(crate) fn anti_affinity(mut self, required: bool, key: &str, selects: Option<LabelSelector>) -> Self {
        self.template.anti_affinity.push(AntiAffinityTerm {
            required,
            ..apart(key, selects)
        });
        self
    }
    pub(crate) fn owned_by(mut self, api_version: &str, kind: &str, name: &str) -> Self {
        self.controller = Some(controller(api_version, kind, name));
        self
    }
    pub(crate) fn object(self) -> Object {
        Object::Workload(self)
    }
}

pub(crate) fn controller(api_version: &str, kind: &str, name: &str) -> Controller {
    Controller {
        api_version: api_version.into(),
        kind: kind.into(),
        name: name.into(),
    }
}

/// A soft spread with `maxSkew: 1`.
pub(crate) fn spread(key: &str, selects: Option<LabelSelector>) -> SpreadConstraint {
    SpreadConstraint {
        topology_key: key.into(),
        max_skew: Field::Set(1),
        when_unsatisfiable: Field::Set(WhenUnsatisfiable::ScheduleAnyway),
        selector: selects,
        match_label_keys: Vec::new(),
    }
}

/// A preferred anti-affinity term.
pub(crate) fn apart(key: &str, selects: Option<LabelSelector>) -> AntiAffinityTerm {
    AntiAffinityTerm {
        required: false,
        topology_key: key.into(),
        selector: selects,
        match_label_keys: Vec::new(),
        mismatch_label_keys: Vec::new(),
        namespaces: Vec::new(),
        namespace_selector: None,
    }
}

/// An HPA `namespace/name` on a Deployment of the same name.
pub(crate) fn hpa(path: &str, min: Option<i32>, max: i32) -> Autoscaler {
    let (namespace, name) = split(path);
    Autoscaler {
        target: ScaleTarget {
            group: "apps".into(),
            kind: "Deployment".into(),
            name: name.clone(),
        },
        namespace,
        name,
        min: min.into(),
        max: Field::Set(max),
        problems: Vec::new(),
    }
}

/// A LimitRange with one entry.
pub(crate) fn limit_range(
    path: &str,
    scope: LimitRangeType,
    default: Option<&str>,
    max: Option<&str>,
) -> LimitRange {
    let (namespace, name) = split(path);
    let quantity = |q: Option<&str>| q.map(|q| q.parse().expect("a quantity")).into();
    let item = LimitRangeItem {
        scope,
        default_memory: quantity(default),
        max_memory: quantity(max),
    };
    LimitRange {
        namespace,
        name,
        limits: vec![item],
        problems: Vec::new(),
    }
}

/// A Service that selects `app: <name>`.
pub(crate) fn service(path: &str) -> Service {
    let (namespace, name) = split(path);
    let selector = labels(&[("app", &name)]);
    Service {
        namespace,
        name,
        selector,
        external: false,
        publish_not_ready: false,
    }
}

/// The one EndpointSlice of the Service of the same name.
pub(crate) fn endpoint_slice(path: &str, ready: u32, total: u32) -> EndpointSlice {
    let (namespace, name) = split(path);
    EndpointSlice {
        namespace,
        service: Some(name.clone()),
        name: format!("{name}-abcde").into(),
        ready,
        total,
    }
}

/// A Namespace with these labels.
pub(crate) fn namespace(name: &str, pairs: &[(&str, &str)]) -> Namespace {
    Namespace {
        name: name.into(),
        labels: labels(pairs),
        annotations: Vec::new(),
    }
}

/// A Ready node without zone, a day old.
pub(crate) fn node(name: &str) -> Node {
    Node {
        name: name.into(),
        uid: format!("uid-{name}").into(),
        created: Some(wall(-86_400)),
        deleting: false,
        labels: labels(&[(HOSTNAME_LABEL, name)]),
        unschedulable: false,
        taints: Vec::new(),
        ready: NodeReady {
            status: ReadyStatus::True,
            since: Some(wall(-86_000)),
            reason: "KubeletReady".into(),
            heartbeat: None,
        },
        boot_id: "boot-1".into(),
        kubelet_version: "v1.36.4".into(),
    }
}

impl Node {
    pub(crate) fn label(mut self, key: &str, value: &str) -> Self {
        self.labels = self
            .labels
            .iter()
            .map(|(k, v)| (Name::from(k), Name::from(v)))
            .chain([(Name::from(key), Name::from(value))])
            .collect();
        self
    }
    pub(crate) fn zone_label(self, zone: &str) -> Self {
        self.label(ZONE_LABEL, zone)
    }
    pub(crate) fn cordoned(mut self) -> Self {
        self.unschedulable = true;
        self
    }
    pub(crate) fn taint(mut self, key: &str, effect: TaintEffect, added: Option<Timestamp>) -> Self {
        self.taints.push(Taint {
            key: key.into(),
            value: "".into(),
            effect,
            added,
        });
        self
    }
    /// Ready=Unknown since a wall-clock second, with the taints that the node controller adds in the same tick.
    pub(crate) fn unknown_since(mut self, second: i64) -> Self {
        self.ready = NodeReady {
            status: ReadyStatus::Unknown,
            since: Some(wall(second)),
            reason: "NodeStatusUnknown".into(),
            heartbeat: None,
        };
        self.taint(TAINT_UNREACHABLE, TaintEffect::NoSchedule, Some(wall(second)))
            .taint(TAINT_UNREACHABLE, TaintEffect::NoExecute, Some(wall(second)))
    }
    /// Ready=False since a wall-clock second, with its taints.
    pub(crate) fn false_since(mut self, second: i64) -> Self {
        self.ready = NodeReady {
            status: ReadyStatus::False,
            since: Some(wall(second)),
            reason: "KubeletNotReady".into(),
            heartbeat: None,
        };
        self.taint(TAINT_NOT_READY, TaintEffect::NoSchedule, Some(wall(second)))
            .taint(TAINT_NOT_READY, TaintEffect::NoExecute, Some(wall(second)))
    }
    /// Ready again since a wall-clock second, without taints.
    pub(crate) fn ready_since(mut self, second: i64) -> Self {
        self.ready = NodeReady {
            status: ReadyStatus::True,
            since: Some(wall(second)),
            reason: "KubeletReady".into(),
            heartbeat: None,
        };
        self.taints.clear();
        self
    }
    pub(crate) fn object(self) -> Object {
        Object::Node(self)
    }
}

/// A Running and Ready pod of the Deployment that its name starts with: `shop/web-1` belongs to ReplicaSet `web-rs`,
/// with the default NoExecute tolerations of 300 s.
pub(crate) fn pod(path: &str) -> Pod {
    let (namespace, name) = split(path);
    let owner = name
        .rsplit_once('-')
        .map_or(&*name, |(owner, _)| owner)
        .to_owned();
    let tolerate = |key: &str| Toleration {
        key: key.into(),
        exists: true,
        value: "".into(),
        effect: Some(TaintEffect::NoExecute),
        seconds: Some(300),
    };
    Pod {
        namespace,
        name,
        controller: Some(controller("apps/v1", "ReplicaSet", &format!("{owner}-rs"))),
        revision: Some("rs".into()),
        node: None,
        phase: PodPhase::Running,
        ready: true,
        deletion: None,
        disruption_target: false,
        shape: PodShape {
            containers: Box::new([container("app")]),
            pod_memory_limited: false,
            no_execute: Box::new([tolerate(TAINT_NOT_READY), tolerate(TAINT_UNREACHABLE)]),
        },
    }
}

/// The ReplicaSet `<deployment>-rs` of a Deployment.
pub(crate) fn replica_set(deployment: &str) -> Workload {
    let (namespace, name) = split(deployment);
    workload(Kind::ReplicaSet, &format!("{namespace}/{name}-rs")).owned_by("apps/v1", "Deployment", &name)
}

impl Pod {
    pub(crate) fn on(mut self, node: &str) -> Self {
        self.node = Some(node.into());
        self
    }
    pub(crate) fn unready(mut self) -> Self {
        self.ready = false;
        self
    }
    pub(crate) fn terminating(mut self, at: Timestamp) -> Self {
        self.deletion = Some(at);
        self
    }
    pub(crate) fn object(self) -> Object {
        Object::Pod(self)
    }
}

/// A node's Lease, renewed at a second of [`wall`]'s clock.
pub(crate) fn lease(node: &str, renewed: i64) -> Lease {
    Lease {
        node: node.into(),
        renewed: Some(wall(renewed)),
    }
}

impl Lease {
    pub(crate) fn object(self) -> Object {
        Object::Lease(self)
    }
}

impl Service {
    pub(crate) fn object(self) -> Object {
        Object::Service(self)
    }
}

impl EndpointSlice {
    pub(crate) fn object(self) -> Object {
        Object::EndpointSlice(self)
    }
}

impl Pod {
    pub(crate) fn unbound(mut self) -> Self {
        self.node = None;
        self.phase = PodPhase::Pending;
        self.ready = false;
        self
    }
    /// Bound, its containers not running yet.
    pub(crate) fn starting(mut self) -> Self {
        self.phase = PodPhase::Pending;
        self.ready = false;
        self
    }
    /// With other NoExecute tolerations of both node taints: `None` = for ever.
    pub(crate) fn tolerating(mut self, seconds: Option<i64>) -> Self {
        for toleration in &mut self.shape.no_execute {
            toleration.seconds = seconds;
        }
        self
    }
}
