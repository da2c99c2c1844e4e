//! What stands beside a workload: autoscalers, LimitRanges, Services, namespaces.

use super::{labels, selector, split};
use crate::model::autoscaler::{Autoscaler, Condition, Horizontal, Keda, Pause, ScaleTarget, Scaler};
use crate::model::budget::DisruptionBudget;
use crate::model::context::{EndpointSlice, LimitRange, LimitRangeItem, LimitRangeType, Namespace, Service};
use crate::model::field::Field;
use crate::model::intstr::IntOrString;
use crate::model::object::Object;
use crate::model::selector::LabelSelector;

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
        scaler: Scaler::Horizontal(Horizontal::default()),
        problems: Vec::new(),
    }
}

/// A ScaledObject `namespace/name` on a Deployment of the same name.
pub(crate) fn scaled_object(path: &str, min: Option<i32>, max: Option<i32>) -> Autoscaler {
    let hpa = hpa(path, min, 0);
    let keda = Keda {
        horizontal: format!("keda-hpa-{}", hpa.name).into(),
        idle: Field::Absent,
        pause: Pause::Running,
        ready: Condition::Unknown,
        fallback: false,
    };
    Autoscaler {
        max: max.into(),
        scaler: Scaler::Keda(keda),
        ..hpa
    }
}

impl Autoscaler {
    /// A change of what only a HorizontalPodAutoscaler has.
    pub(crate) fn horizontal_with(mut self, change: impl FnOnce(&mut Horizontal)) -> Self {
        match &mut self.scaler {
            Scaler::Horizontal(own) => change(own),
            Scaler::Keda(_) => panic!("no HorizontalPodAutoscaler"),
        }
        self
    }
    /// A change of what only a ScaledObject has.
    pub(crate) fn keda_with(mut self, change: impl FnOnce(&mut Keda)) -> Self {
        match &mut self.scaler {
            Scaler::Keda(own) => change(own),
            Scaler::Horizontal(_) => panic!("no ScaledObject"),
        }
        self
    }
    /// Made by the ScaledObject of that name, as KEDA makes one.
    pub(crate) fn made_by(self, scaled_object: &str) -> Self {
        self.horizontal_with(|own| own.scaled_object = Some(scaled_object.into()))
    }
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }
    pub(crate) fn object(self) -> Object {
        Object::Autoscaler(self)
    }
}

/// A PodDisruptionBudget on `app: <name>` that sets neither of its numbers.
pub(crate) fn budget(path: &str) -> DisruptionBudget {
    let (namespace, name) = split(path);
    DisruptionBudget {
        selector: Field::Set(selector(&[("app", &name)])),
        namespace,
        name,
        controller: None,
        min_available: Field::Absent,
        max_unavailable: Field::Absent,
        unhealthy: Field::Absent,
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

impl DisruptionBudget {
    pub(crate) fn min_available(mut self, amount: impl Into<IntOrString>) -> Self {
        self.min_available = Field::Set(amount.into());
        self
    }
    pub(crate) fn max_unavailable(mut self, amount: impl Into<IntOrString>) -> Self {
        self.max_unavailable = Field::Set(amount.into());
        self
    }
    pub(crate) fn selecting(mut self, selector: LabelSelector) -> Self {
        self.selector = Field::Set(selector);
        self
    }
    pub(crate) fn object(self) -> Object {
        Object::DisruptionBudget(self)
    }
}

impl Autoscaler {
    pub(crate) fn object(self) -> Object {
        Object::Autoscaler(self)
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
