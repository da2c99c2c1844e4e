//! Nodes and their Leases.

use jiff::Timestamp;

use super::{labels, wall};
use crate::model::keys::Name;
use crate::model::node::{
    Allocatable, HOSTNAME_LABEL, Lease, Node, NodeReady, ReadyStatus, TAINT_NOT_READY, TAINT_UNREACHABLE,
    Taint, ZONE_LABEL,
};
use crate::model::object::Object;
use crate::model::template::TaintEffect;

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
        allocatable: Allocatable::default(),
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
    /// With this much for pods; an empty text says nothing.
    pub(crate) fn allocatable(mut self, memory: &str, cpu: &str) -> Self {
        let quantity = |text: &str| (!text.is_empty()).then(|| text.parse().expect("a quantity"));
        self.allocatable = Allocatable {
            memory: quantity(memory),
            cpu: quantity(cpu),
        };
        self
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
