//! Anything that the index can be given.

use super::autoscaler::Autoscaler;
use super::budget::DisruptionBudget;
use super::context::{EndpointSlice, LimitRange, Namespace, Service};
use super::field::FieldProblem;
use super::keys::{Kind, ObjectKey};
use super::node::{Lease, Node};
use super::pod::Pod;
use super::policy::ResiliencePolicy;
use super::volume::PersistentVolume;
use super::workload::Workload;

/// Where the kubelets renew their nodes' Leases.
pub const NODE_LEASE_NAMESPACE: &str = "kube-node-lease";

/// One projected object.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// Deployment, StatefulSet, DaemonSet, CronJob, Job, ReplicaSet, and a Pod that nothing owns.
    Workload(Box<Workload>),
    /// A pod that something owns.
    Pod(Pod),
    /// A node.
    Node(Node),
    /// A node's heartbeat.
    Lease(Lease),
    /// A namespace.
    Namespace(Namespace),
    /// A HorizontalPodAutoscaler, or a ScaledObject of KEDA.
    Autoscaler(Autoscaler),
    /// A PodDisruptionBudget.
    DisruptionBudget(DisruptionBudget),
    /// A Service.
    Service(Service),
    /// An EndpointSlice.
    EndpointSlice(EndpointSlice),
    /// A LimitRange.
    LimitRange(LimitRange),
    /// A PersistentVolume.
    PersistentVolume(PersistentVolume),
    /// A ResiliencePolicy.
    Policy(Box<ResiliencePolicy>),
}

impl Object {
    /// Which object it is.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        match self {
            Object::Workload(w) => w.key.clone(),
            Object::Pod(p) => ObjectKey::new(Kind::Pod, p.namespace.clone(), p.name.clone()),
            Object::Node(n) => ObjectKey::new(Kind::Node, "", n.name.clone()),
            Object::Lease(l) => ObjectKey::new(Kind::Lease, NODE_LEASE_NAMESPACE, l.node.clone()),
            Object::Namespace(n) => ObjectKey::new(Kind::Namespace, "", n.name.clone()),
            Object::Autoscaler(a) => a.key(),
            Object::DisruptionBudget(p) => p.key(),
            Object::Service(s) => ObjectKey::new(Kind::Service, s.namespace.clone(), s.name.clone()),
            Object::EndpointSlice(s) => {
                ObjectKey::new(Kind::EndpointSlice, s.namespace.clone(), s.name.clone())
            }
            Object::LimitRange(l) => ObjectKey::new(Kind::LimitRange, l.namespace.clone(), l.name.clone()),
            Object::PersistentVolume(v) => ObjectKey::new(Kind::PersistentVolume, "", v.name.clone()),
            Object::Policy(p) => ObjectKey::new(Kind::ResiliencePolicy, "", p.name.clone()),
        }
    }

    /// Fields whose values Kubernetes would refuse.
    #[must_use]
    pub fn problems(&self) -> &[FieldProblem] {
        match self {
            Object::Workload(w) => &w.problems,
            Object::Autoscaler(a) => &a.problems,
            Object::DisruptionBudget(p) => &p.problems,
            Object::LimitRange(l) => &l.problems,
            Object::Policy(p) => &p.problems,
            Object::Pod(_)
            | Object::Node(_)
            | Object::Lease(_)
            | Object::Namespace(_)
            | Object::Service(_)
            | Object::EndpointSlice(_)
            | Object::PersistentVolume(_) => &[],
        }
    }
}
