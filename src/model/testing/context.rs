//! What stands beside a workload: autoscalers, LimitRanges, Services, namespaces.

use super::{labels, selector, split};
use crate::model::context::{
    Autoscaler, DisruptionBudget, EndpointSlice, LimitRange, LimitRangeItem, LimitRangeType, Namespace,
    ScaleTarget, Service,
};
use crate::model::field::Field;
use crate::model::object::Object;

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

/// A PodDisruptionBudget on `app: <name>` that sets neither of its numbers.
pub(crate) fn budget(path: &str) -> DisruptionBudget {
    let (namespace, name) = split(path);
    DisruptionBudget {
        selector: Some(selector(&[("app", &name)])),
        namespace,
        name,
        min_available: Field::Absent,
        max_unavailable: Field::Absent,
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
        min_memory: Field::Absent,
        request_memory: Field::Absent,
        default_cpu: Field::Absent,
        max_cpu: Field::Absent,
        min_cpu: Field::Absent,
        request_cpu: Field::Absent,
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
        ports: Vec::new(),
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

impl Namespace {
    pub(crate) fn annotated(mut self, key: &str, value: &str) -> Self {
        self.annotations.push((key.into(), value.into()));
        self.annotations.sort();
        self
    }
    pub(crate) fn object(self) -> Object {
        Object::Namespace(self)
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
