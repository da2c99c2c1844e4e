//! Pods.

use jiff::Timestamp;

use super::{container, controller, split};
use crate::model::node::{TAINT_NOT_READY, TAINT_UNREACHABLE};
use crate::model::object::Object;
use crate::model::pod::{Pod, PodPhase, PodShape};
use crate::model::template::{TaintEffect, Toleration, TolerationOperator};

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
        operator: TolerationOperator::Exists,
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
            containers: Box::new([container("app").into()]),
            pod_memory_limited: false,
            version: None,
            no_execute: Box::new([tolerate(TAINT_NOT_READY), tolerate(TAINT_UNREACHABLE)]),
        },
    }
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
