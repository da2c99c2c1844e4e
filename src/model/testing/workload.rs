//! Workloads and their pod templates.

use super::{labels, split, wall};
use crate::model::field::Field;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::object::Object;
use crate::model::selector::{LabelSelector, Labels};
use crate::model::template::{
    AntiAffinityTerm, Container, ContainerPort, ContainerRole, Handler, PodTemplate, Protocol,
    SpreadConstraint, WhenUnsatisfiable,
};
use crate::model::workload::{Controller, Strategy, Workload, WorkloadStatus};

/// An app container without any resources.
pub(crate) fn container(name: &str) -> Container {
    Container {
        name: name.into(),
        role: ContainerRole::App,
        memory_limit: Field::Absent,
        memory_request: Field::Absent,
        image: "".into(),
        cpu_limit: Field::Absent,
        cpu_request: Field::Absent,
        ports: Vec::new(),
        readiness_probe: Field::Absent,
        pre_stop: Field::Absent,
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
        labels: Labels::default(),
        annotations: Vec::new(),
        replicas: Field::Absent,
        template: PodTemplate {
            labels: labels(&[("app", &name)]),
            containers: vec![container("app")],
            ..PodTemplate::default()
        },
        claim_templates: Vec::new(),
        first_ordinal: 0,
        strategy: Field::Set(Strategy::default()),
        progress_deadline: None,
        paused: false,
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
    pub(crate) fn cpu(mut self, request: Option<&str>, limit: Option<&str>) -> Self {
        let quantity = |q: Option<&str>| q.map(|q| q.parse().expect("a quantity")).into();
        (self.cpu_request, self.cpu_limit) = (quantity(request), quantity(limit));
        self
    }
    /// With one more TCP port.
    pub(crate) fn port(mut self, name: &str, number: i32) -> Self {
        self.ports.push(ContainerPort {
            name: name.into(),
            number,
            protocol: Protocol::Tcp,
            on_host: None,
        });
        self
    }
    /// With a readiness probe.
    pub(crate) fn probed(mut self) -> Self {
        self.readiness_probe = Field::Set(Handler::HttpGet);
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
    /// A label of its own, not of its pods.
    pub(crate) fn label(mut self, key: &str, value: &str) -> Self {
        let labels = self.labels.iter().chain([(key, value)]);
        self.labels = labels.collect();
        self
    }
    pub(crate) fn annotated(mut self, key: &str, value: &str) -> Self {
        self.annotations.push((key.into(), value.into()));
        self.annotations.sort();
        self
    }
    pub(crate) fn owned_by(mut self, api_version: &str, kind: &str, name: &str) -> Self {
        self.controller = Some(controller(api_version, kind, name));
        self
    }
    pub(crate) fn object(self) -> Object {
        Object::Workload(Box::new(self))
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

/// The ReplicaSet `<deployment>-rs` of a Deployment.
pub(crate) fn replica_set(deployment: &str) -> Workload {
    let (namespace, name) = split(deployment);
    workload(Kind::ReplicaSet, &format!("{namespace}/{name}-rs")).owned_by("apps/v1", "Deployment", &name)
}
