//! Nodes and their heartbeats.

use serde::Deserialize;
use serde::de::SeqAccess;

use super::Projection;
use super::loose::{Fields, List, Loose, Read, Shape, Struct, Text};
use super::meta::{Identity, Meta, Skipped, Strings, name, shared, stamp};
use super::path::{Path, Problems};
use super::scheduling::taint_effect;
use crate::model::keys::{Kind, Name};
use crate::model::node::{Allocatable, Lease, Node, NodeReady, ReadyStatus, Taint};
use crate::model::object::Object;
use crate::model::quantity::Quantity;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeFields<'a> {
    #[serde(borrow)]
    metadata: Struct<Meta<'a, Strings<'a>>>,
    #[serde(borrow)]
    spec: Struct<Spec<'a>>,
    #[serde(borrow)]
    status: Struct<Status<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec<'a> {
    unschedulable: Loose<bool>,
    #[serde(borrow)]
    taints: List<Fields<TaintFields<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TaintFields<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
    #[serde(borrow)]
    effect: Text<'a>,
    #[serde(borrow)]
    time_added: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status<'a> {
    #[serde(borrow)]
    conditions: Loose<Ready<'a>>,
    #[serde(borrow)]
    node_info: Struct<NodeInfo<'a>>,
    allocatable: Struct<AllocatableFields>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AllocatableFields {
    memory: Loose<Quantity>,
    cpu: Loose<Quantity>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeInfo<'a> {
    #[serde(borrow, rename = "bootID")]
    boot_id: Text<'a>,
    #[serde(borrow, rename = "kubeletVersion")]
    kubelet_version: Text<'a>,
}

/// The condition `Ready`.
#[derive(Debug, Default)]
struct Ready<'a>(Condition<'a>);

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    last_transition_time: Text<'a>,
    #[serde(borrow)]
    last_heartbeat_time: Text<'a>,
}

impl<'de: 'a, 'a> Shape<'de> for Ready<'a> {
    const EXPECTED: &'static str = "a list";

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Read<Self>, A::Error> {
        let mut ready = Ready::default();
        while let Some(item) = list.next_element::<Struct<Condition<'de>>>()? {
            let condition = item.fields_or_default();
            if matches!(&condition.kind, Loose::Set(kind) if kind == "Ready") {
                ready = Ready(condition);
            }
        }
        Ok(Some(Ok(ready)))
    }
}

impl Ready<'_> {
    /// A node that says nothing of itself is Unknown, as the scheduler has it.
    fn ready(self) -> NodeReady {
        let Ready(condition) = self;
        let status = match condition.status.ok().as_deref() {
            Some("True") => ReadyStatus::True,
            Some("False") => ReadyStatus::False,
            _ => ReadyStatus::Unknown,
        };
        NodeReady {
            status,
            since: stamp(condition.last_transition_time),
            reason: name(condition.reason),
            heartbeat: stamp(condition.last_heartbeat_time),
        }
    }
}

impl<'a> Projection<'a> for NodeFields<'a> {
    fn project(self, _: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let mut meta = self.metadata.fields_or_default();
        let identity = Identity::take(&mut meta, problems);
        let Some(own_name) = identity.name.clone() else {
            return (identity, None);
        };
        let path = Path::Root.key("metadata");
        let spec = self.spec.fields(Path::Root.key("spec"), problems);
        let status = self.status.fields_or_default();
        let info = status.node_info.fields_or_default();
        let allocatable = status.allocatable.fields_or_default();
        let node = Node {
            name: own_name,
            uid: shared(&identity.uid),
            created: stamp(meta.creation_timestamp),
            deleting: matches!(meta.deletion_timestamp, Loose::Set(_)),
            labels: meta.labels.labels(path.key("labels"), problems),
            unschedulable: spec
                .unschedulable
                .take(Path::Root.key("spec").key("unschedulable"), problems)
                .unwrap_or_default(),
            taints: taints(spec.taints, problems),
            ready: status.conditions.ok().unwrap_or_default().ready(),
            allocatable: Allocatable {
                memory: allocatable.memory.ok(),
                cpu: allocatable.cpu.ok(),
            },
            boot_id: name(info.boot_id),
            kubelet_version: name(info.kubelet_version),
        };
        (identity, Some(Object::Node(node)))
    }
}

fn taints(list: List<Fields<TaintFields<'_>>>, problems: &mut Problems) -> Vec<Taint> {
    let path = Path::Root.key("spec");
    let items = list.items(path.key("taints"), problems);
    let taint = |(_, Fields(taint)): (usize, Fields<TaintFields<'_>>)| {
        Some(Taint {
            effect: taint_effect(&taint.effect.ok()?)?,
            key: name(taint.key),
            value: name(taint.value),
            added: stamp(taint.time_added),
        })
    };
    items.into_iter().filter_map(taint).collect()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LeaseFields<'a> {
    #[serde(borrow)]
    metadata: Struct<Meta<'a, Skipped<'a>>>,
    #[serde(borrow)]
    spec: Struct<LeaseSpec<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct LeaseSpec<'a> {
    #[serde(borrow)]
    renew_time: Text<'a>,
}

impl<'a> Projection<'a> for LeaseFields<'a> {
    fn project(self, _: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let identity = Identity::take(&mut self.metadata.fields_or_default(), problems);
        let renewed = stamp(self.spec.fields_or_default().renew_time);
        let lease = |node: Name| Object::Lease(Lease { node, renewed });
        let object = identity.name.clone().map(lease);
        (identity, object)
    }
}
