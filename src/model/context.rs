//! What relates to a workload: Services, LimitRanges, namespaces. Autoscalers and disruption budgets have files of their
//! own.

use super::field::{Field, FieldProblem};
use super::keys::Name;
use super::quantity::Quantity;
use super::selector::Labels;
use super::template::Protocol;

/// A Service, as far as it says which pods it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// `metadata.namespace`.
    pub namespace: Name,
    /// `metadata.name`.
    pub name: Name,
    /// `spec.selector`; empty selects nothing (its endpoints are then made by people).
    pub selector: Labels,
    /// `spec.type: ExternalName`: it has no endpoints.
    pub external: bool,
    /// `spec.publishNotReadyAddresses`: unready pods are served too.
    pub publish_not_ready: bool,
    /// `spec.ports`; a headless Service may have none.
    pub ports: Vec<ServicePort>,
}

/// One entry of `spec.ports`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// `port`: where the Service itself listens.
    pub port: i32,
    /// `protocol`; absent means TCP. A container's port is another one when it speaks another protocol.
    pub protocol: Protocol,
    /// `targetPort`; absent (or 0, or empty) means [`ServicePort::port`].
    pub target: TargetPort,
}

/// Where in its pods a Service's port leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPort {
    /// That number, declared by a container or not.
    Number(i32),
    /// The port of that name, which a container must declare.
    Name(Name),
}

impl Service {
    /// Whether its selector matches these pod labels.
    #[must_use]
    pub fn selects(&self, labels: &Labels) -> bool {
        !self.external
            && !self.selector.is_empty()
            && self
                .selector
                .iter()
                .all(|(key, value)| labels.get(key).is_some_and(|v| v == value))
    }
}

/// One EndpointSlice of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSlice {
    /// `metadata.namespace`.
    pub namespace: Name,
    /// `metadata.name`.
    pub name: Name,
    /// Label `kubernetes.io/service-name`; absent for a slice that belongs to no Service.
    pub service: Option<Name>,
    /// Endpoints whose condition `ready` is True or absent.
    pub ready: u32,
    /// All endpoints.
    pub total: u32,
}

/// A LimitRange, as far as it sets limits and requests of memory and CPU.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitRange {
    /// `metadata.namespace`.
    pub namespace: Name,
    /// `metadata.name`.
    pub name: Name,
    /// `spec.limits`, of the types `Container` and `Pod`.
    pub limits: Vec<LimitRangeItem>,
    /// Fields that Kubernetes would refuse; only manifests have any.
    pub problems: Vec<FieldProblem>,
}

/// What a [`LimitRangeItem`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitRangeType {
    /// Each container.
    Container,
    /// The containers of a pod together.
    Pod,
}

/// One entry of `spec.limits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitRangeItem {
    /// `type`.
    pub scope: LimitRangeType,
    /// `default.memory`: the limit that a container without one gets.
    pub default_memory: Field<Quantity>,
    /// `max.memory`: for `Container` also the default limit when there is no `default.memory`.
    pub max_memory: Field<Quantity>,
    /// `min.memory`: for `Container` also the default request when nothing else gives one.
    pub min_memory: Field<Quantity>,
    /// `defaultRequest.memory`: the request that a container with neither request nor limit gets.
    pub request_memory: Field<Quantity>,
    /// `default.cpu`, cores, and so on like those of memory.
    pub default_cpu: Field<Quantity>,
    /// `max.cpu`.
    pub max_cpu: Field<Quantity>,
    /// `min.cpu`.
    pub min_cpu: Field<Quantity>,
    /// `defaultRequest.cpu`.
    pub request_cpu: Field<Quantity>,
}

/// A Namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// `metadata.name`.
    pub name: Name,
    /// `metadata.labels`: what a `namespaceSelector` matches.
    pub labels: Labels,
    /// The annotations that are read, our own and those that say who runs what is in it, sorted by key.
    pub annotations: Vec<(Name, Name)>,
}

impl Namespace {
    /// The value of an annotation that is read.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        annotation(&self.annotations, key)
    }
}

/// The value of one of an object's annotations.
pub(super) fn annotation<'a>(annotations: &'a [(Name, Name)], key: &str) -> Option<&'a str> {
    let (_, value) = annotations.iter().find(|(known, _)| **known == *key)?;
    Some(value)
}
