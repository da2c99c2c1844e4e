//! Nodes: the objects, their heartbeats, and which workloads have pods there.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use slab::Slab;

use super::intern::Interner;
use super::owners::OwnerId;
use super::{Dirty, Index, reach};
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::node::{Allocatable, HOSTNAME_LABEL, Lease, Node, REGION_LABEL, ReadyStatus, ZONE_LABEL};
use crate::model::time::Moment;

/// A slot in the table of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

/// One node, known from its object, its Lease or a pod bound to it.
#[derive(Debug, Default)]
pub(super) struct NodeSlot {
    pub(super) name: Name,
    pub(super) object: Option<Box<Node>>,
    /// Region and zone.
    pub(super) zone: Option<Name>,
    pub(super) lease: Option<Heartbeat>,
    /// `lastHeartbeatTime` of Ready, only ever compared with the next one.
    posted: Option<Timestamp>,
    /// Rows of pods that are bound here. They hold the slot, whether they count for a workload or not.
    rows: u32,
    /// Workloads with pods here, and how many pods each.
    pub(super) workloads: BTreeMap<OwnerId, u32>,
}

/// The last heartbeat of a node that has a Lease.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heartbeat {
    /// `renewTime`, only ever compared with the next one.
    renewed: Option<Timestamp>,
    /// When the Lease was seen.
    pub(super) first: Moment,
    /// When the last heartbeat was seen; until one has been, when the Lease was.
    pub(super) seen: Moment,
    /// The same of the heartbeat before.
    pub(super) before: Moment,
}

impl Heartbeat {
    /// A heartbeat was seen. Returns how long it had been missing.
    fn beat(&mut self, at: Moment) -> Duration {
        self.before = std::mem::replace(&mut self.seen, at);
        self.seen.since(self.before)
    }
}

/// The table of nodes.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    slots: Slab<NodeSlot>,
    by_name: HashMap<Name, NodeId>,
    /// A heartbeat that was missing for as long is news; none is by default.
    pub(super) late_after: Option<Duration>,
    /// What the largest of the nodes that take pods has for them; counted when it is asked for.
    largest: OnceLock<Allocatable>,
}

impl Nodes {
    pub(super) fn find(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    pub(super) fn get(&self, id: NodeId) -> &NodeSlot {
        &self.slots[id.0 as usize]
    }

    fn get_mut(&mut self, id: NodeId) -> &mut NodeSlot {
        &mut self.slots[id.0 as usize]
    }

    /// The slot for a (shared) name, made if it is not there.
    pub(super) fn slot(&mut self, name: &Name) -> NodeId {
        if let Some(id) = self.find(name) {
            return id;
        }
        let slot = self.slots.insert(NodeSlot {
            name: name.clone(),
            ..NodeSlot::default()
        });
        let id = NodeId(u32::try_from(slot).expect("fewer than 2^32 nodes fit in memory"));
        self.by_name.insert(name.clone(), id);
        id
    }

    /// Frees the slot if nothing names it any more.
    pub(super) fn release(&mut self, id: NodeId) {
        let slot = self.get(id);
        if slot.object.is_none() && slot.lease.is_none() && slot.rows == 0 {
            let slot = self.slots.remove(id.0 as usize);
            self.by_name.remove(&slot.name);
        }
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.slots
            .iter()
            .filter_map(|(slot, node)| Some((NodeId(u32::try_from(slot).ok()?), node.object.as_deref()?)))
    }

    /// What the largest of the nodes that take pods has for them.
    pub(super) fn largest(&self) -> Allocatable {
        *self.largest.get_or_init(|| {
            let takers = self.objects().filter(|(_, node)| !node.unschedulable);
            takers.fold(Allocatable::default(), |largest, (_, node)| {
                largest.larger(node.allocatable)
            })
        })
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = &NodeSlot> {
        self.slots.iter().map(|(_, slot)| slot)
    }

    pub(super) fn leases(&self) -> usize {
        self.slots().filter(|slot| slot.lease.is_some()).count()
    }

    pub(super) fn lease_keys(&self) -> impl Iterator<Item = ObjectKey> {
        let leased = self.slots().filter(|slot| slot.lease.is_some());
        leased.map(|slot| {
            ObjectKey::new(
                Kind::Lease,
                crate::model::object::NODE_LEASE_NAMESPACE,
                slot.name.clone(),
            )
        })
    }

    /// The row of a pod names the node now.
    pub(super) fn hold(&mut self, id: NodeId) {
        self.get_mut(id).rows += 1;
    }

    /// The row of a pod names the node no more.
    pub(super) fn let_go(&mut self, id: NodeId) {
        self.get_mut(id).rows -= 1;
        self.release(id);
    }

    /// Whether these are one node, or nodes of one zone: what is there could be told to spread, once others can take it.
    pub(super) fn is_one_domain(&self, nodes: &[NodeId]) -> bool {
        let Some(first) = nodes.first() else {
            return false;
        };
        let zone = |node: &NodeId| self.get(*node).zone.as_deref();
        nodes.len() == 1 || (zone(first).is_some() && nodes.iter().all(|node| zone(node) == zone(first)))
    }

    /// A pod of a workload is here now.
    pub(super) fn join(&mut self, id: NodeId, workload: OwnerId) {
        *self.get_mut(id).workloads.entry(workload).or_default() += 1;
    }

    /// A pod of a workload is here no more.
    pub(super) fn leave(&mut self, id: NodeId, workload: OwnerId) {
        let workloads = &mut self.get_mut(id).workloads;
        if let Some(pods) = workloads.get_mut(&workload) {
            *pods -= 1;
            if *pods == 0 {
                workloads.remove(&workload);
            }
        }
    }

    /// A Lease was seen: a heartbeat if its renewTime increased. Marks the node only when its Lease first appears, or when
    /// the heartbeat is late.
    pub(super) fn heartbeat(&mut self, names: &mut Interner, lease: &Lease, at: Moment, dirty: &mut Dirty) {
        let id = match self.find(&lease.node) {
            Some(id) => id,
            None => self.slot(&names.name(&lease.node)),
        };
        let slot = &mut self.slots[id.0 as usize];
        match &mut slot.lease {
            Some(known) if lease.renewed > known.renewed => {
                known.renewed = lease.renewed;
                let missing_for = known.beat(at);
                if self.late_after.is_some_and(|late| missing_for >= late) {
                    dirty.nodes.insert(slot.name.clone());
                }
            }
            Some(known) => known.renewed = lease.renewed,
            none => {
                *none = Some(Heartbeat {
                    renewed: lease.renewed,
                    first: at,
                    seen: at,
                    before: at,
                });
                dirty.nodes.insert(slot.name.clone());
            }
        }
    }

    /// The node's own status was seen: a heartbeat if its stamp is another.
    fn posted(&mut self, id: NodeId, posted: Option<Timestamp>, at: Moment, dirty: &mut Dirty) {
        let slot = &mut self.slots[id.0 as usize];
        let Some(before) = std::mem::replace(&mut slot.posted, posted) else {
            return;
        };
        if posted.is_some_and(|posted| posted != before)
            && let Some(known) = &mut slot.lease
        {
            let missing_for = known.beat(at);
            if self.late_after.is_some_and(|late| missing_for >= late) {
                dirty.nodes.insert(slot.name.clone());
            }
        }
    }

    pub(super) fn forget_lease(&mut self, node: &str, dirty: &mut Dirty) {
        let Some(id) = self.find(node) else { return };
        let slot = self.get_mut(id);
        if slot.lease.take().is_some() {
            dirty.nodes.insert(slot.name.clone());
            self.release(id);
        }
    }
}

/// Labels that say where a node is; rules ask how many values of them there are among the nodes that take pods.
const PLACE_LABELS: [&str; 5] = [
    HOSTNAME_LABEL,
    ZONE_LABEL,
    REGION_LABEL,
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
];

/// Whether two states of a node are alike to pods that look for a place: both take none, or both are in the same one with as
/// much room.
fn same_place(before: Option<&Node>, after: Option<&Node>) -> bool {
    let takes_pods = |node: Option<&Node>| node.is_some_and(|node| !node.unschedulable);
    let at = |node: Option<&Node>, key: &str| node.and_then(|node| node.labels.get(key)).map(Name::from);
    let room = |node: Option<&Node>| node.map(|node| node.allocatable);
    takes_pods(before) == takes_pods(after)
        && (!takes_pods(after)
            || (room(before) == room(after)
                && PLACE_LABELS.iter().all(|key| at(before, key) == at(after, key))))
}

impl Index {
    pub(super) fn apply_node(&mut self, mut node: Node, at: Moment) {
        let name = self.names.name(&node.name);
        let id = self.nodes.slot(&name);
        let heartbeat = node.ready.heartbeat.take();
        self.nodes.posted(id, heartbeat, at, &mut self.dirty);
        if self.nodes.get(id).object.as_deref() == Some(&node) {
            return;
        }
        let zone = node.zone().map(|zone| self.names.share(zone.into()));
        let slot = self.nodes.get_mut(id);
        slot.zone = zone;
        let before = slot.object.replace(Box::new(node));
        self.node_changed(id, before.as_deref());
    }

    pub(super) fn delete_node(&mut self, name: &str) {
        let Some(id) = self.nodes.find(name) else { return };
        let slot = self.nodes.get_mut(id);
        slot.zone = None;
        let Some(before) = slot.object.take() else { return };
        self.node_changed(id, Some(&before));
        self.nodes.release(id);
    }

    /// Marks a node whose pods have become others: when the last of them has left one that is not ready is of interest.
    pub(super) fn mark_left(&mut self, id: NodeId) {
        let slot = self.nodes.get(id);
        let Some(node) = &slot.object else { return };
        let marked = match node.ready.status {
            ReadyStatus::True => &mut self.dirty.left,
            _ => &mut self.dirty.nodes,
        };
        marked.insert(slot.name.clone());
    }

    /// Marks the node, the workloads on it, those that may now go elsewhere, and all when the places that pods may go
    /// to are others now.
    fn node_changed(&mut self, id: NodeId, before: Option<&Node>) {
        let slot = self.nodes.get(id);
        self.dirty.nodes.insert(slot.name.clone());
        let here = slot
            .workloads
            .keys()
            .map(|owner| self.owners.get(*owner).key.clone());
        self.dirty.workloads.extend(here);
        let same_place = same_place(before, slot.object.as_deref());
        let changed = reach::Changed::between(before, slot.object.as_deref());
        self.pending.concentrated = true;
        if !same_place {
            self.pending.workloads = true;
            self.nodes.largest.take();
        }
        self.reach_changed(changed);
    }
}
