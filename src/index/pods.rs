//! Pods: one small row each, found by namespace and name.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use jiff::Timestamp;
use slab::Slab;

use super::intern::Shared;
use super::nodes::NodeId;
use super::owners::{NodeCount, OwnerId, owner_kind};
use super::{Dirty, Index};
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::pod::{Pod, PodPhase, PodShape};

/// A slot in the table of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PodId(u32);

/// What is kept of a pod. Every byte here is paid 50,000 times: see the size test below.
#[derive(Debug)]
pub(super) struct PodRow {
    pub(super) namespace: Name,
    pub(super) name: Box<str>,
    pub(super) shape: Arc<PodShape>,
    pub(super) revision: Option<Name>,
    /// `deletionTimestamp` in seconds since 1970; 0 = not terminating.
    deletion: i64,
    pub(super) owner: Option<OwnerId>,
    pub(super) node: Option<NodeId>,
    pub(super) phase: PodPhase,
    pub(super) ready: bool,
    pub(super) disruption_target: bool,
}

impl PodRow {
    /// Whether `deletionTimestamp` is set.
    pub(super) fn is_terminating(&self) -> bool {
        self.deletion != 0
    }

    /// `deletionTimestamp`.
    pub(super) fn deletion(&self) -> Option<Timestamp> {
        (self.deletion != 0)
            .then(|| Timestamp::from_second(self.deletion).ok())
            .flatten()
    }

    /// Whether it has ended, well or not.
    pub(super) fn is_finished(&self) -> bool {
        self.phase.is_finished()
    }

    /// The node it is bound to and what it counts for there; `None` for a pod that is unbound or finished.
    pub(super) fn placed(&self) -> Option<(NodeId, NodeCount)> {
        let node = self.node.filter(|_| !self.is_finished())?;
        if self.is_terminating() {
            return Some((
                node,
                NodeCount {
                    terminating: 1,
                    ..NodeCount::default()
                },
            ));
        }
        let running = self.phase == PodPhase::Running;
        let count = NodeCount {
            bound: 1,
            running: u32::from(running),
            ready: u32::from(running && self.ready),
            terminating: 0,
        };
        Some((node, count))
    }
}

/// Whether a Job made it.
fn is_of_a_job(pod: &Pod) -> bool {
    pod.controller
        .as_ref()
        .is_some_and(|c| owner_kind(c) == Some(Kind::Job))
}

/// A deletion stamp as rows keep it.
fn seconds(deletion: Option<Timestamp>) -> i64 {
    deletion.map_or(0, |at| at.as_second().max(1))
}

/// The table of pods.
#[derive(Debug, Default)]
pub(super) struct Pods {
    rows: Slab<PodRow>,
    by_name: HashTable<u32>,
    hasher: RandomState,
    shapes: Shared<PodShape>,
}

impl Pods {
    pub(super) fn get(&self, id: PodId) -> &PodRow {
        &self.rows[id.0 as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = ObjectKey> {
        self.rows
            .iter()
            .map(|(_, row)| ObjectKey::new(Kind::Pod, row.namespace.clone(), &*row.name))
    }

    fn find(&self, namespace: &str, name: &str) -> Option<PodId> {
        let hash = self.hasher.hash_one((namespace, name));
        let is_it = |slot: &u32| {
            let row = &self.rows[*slot as usize];
            &*row.name == name && &*row.namespace == namespace
        };
        self.by_name.find(hash, is_it).map(|slot| PodId(*slot))
    }

    fn insert(&mut self, row: PodRow) -> PodId {
        let Pods {
            rows,
            by_name,
            hasher,
            ..
        } = self;
        let hash = hasher.hash_one((&*row.namespace, &*row.name));
        let slot = u32::try_from(rows.insert(row)).expect("fewer than 2^32 pods fit in memory");
        by_name.insert_unique(hash, slot, |slot| {
            let row = &rows[*slot as usize];
            hasher.hash_one((&*row.namespace, &*row.name))
        });
        PodId(slot)
    }

    fn remove(&mut self, id: PodId) -> PodRow {
        let row = self.rows.remove(id.0 as usize);
        let hash = self.hasher.hash_one((&*row.namespace, &*row.name));
        if let Ok(entry) = self.by_name.find_entry(hash, |slot| *slot == id.0) {
            entry.remove();
        }
        row
    }
}

impl Index {
    pub(super) fn apply_pod(&mut self, pod: Pod) {
        if pod.phase.is_finished() && is_of_a_job(&pod) {
            // A cluster may keep tens of thousands of them, and none counts for anything.
            return self.delete_pod(&ObjectKey::new(Kind::Pod, pod.namespace, pod.name));
        }
        let known = self.pods.find(&pod.namespace, &pod.name);
        if known.is_some_and(|id| self.is_as_known(self.pods.get(id), &pod)) {
            return;
        }
        if known.is_none() {
            // It may have been a bare pod, and have been adopted.
            self.delete_workload(&ObjectKey::new(
                Kind::Pod,
                pod.namespace.clone(),
                pod.name.clone(),
            ));
        }
        let row = self.pod_row(pod);
        // Before the old row lets go of its node: it may be all that holds the slot.
        if let Some(node) = row.node {
            self.nodes.hold(node);
        }
        let before = known.map(|id| self.unplace(id));
        let owner = row.owner;
        let placed = row.placed();
        let id = self.pods.insert(row);
        if let Some(owner) = owner {
            self.owners.get_mut(owner).pods.push(id);
            self.place(owner, placed);
        }
        // Released only now, so that an owner both before and after keeps its slot.
        if let Some((Some(owner), old)) = before {
            self.disown(owner, old);
        }
    }

    /// Whether a pod is as the row of its name has it. Most events change nothing that is kept, so this neither looks up
    /// nor copies anything.
    fn is_as_known(&self, row: &PodRow, pod: &Pod) -> bool {
        // Exhaustive, so that a new field cannot be forgotten here.
        let Pod {
            namespace: _,
            name: _,
            controller,
            revision,
            node,
            phase,
            ready,
            deletion,
            disruption_target,
            shape,
        } = pod;
        let bound_to = row.node.map(|id| &*self.nodes.get(id).name);
        row.phase == *phase
            && row.ready == *ready
            && row.disruption_target == *disruption_target
            && row.deletion == seconds(*deletion)
            && bound_to == node.as_deref()
            && row.revision == *revision
            && self.owners.is_named(row.owner, controller.as_ref())
            && *row.shape == *shape
    }

    pub(super) fn delete_pod(&mut self, key: &ObjectKey) {
        self.delete_row(key);
        // A bare pod stands among the owners.
        self.delete_workload(key);
    }

    /// Removes the row of a pod that is owned, if there is one.
    pub(super) fn delete_row(&mut self, key: &ObjectKey) {
        if let Some(id) = self.pods.find(&key.namespace, &key.name)
            && let (Some(owner), old) = self.unplace(id)
        {
            self.disown(owner, old);
        }
    }

    /// Removes a pod's row and its counts; its owner still lists it.
    fn unplace(&mut self, id: PodId) -> (Option<OwnerId>, PodId) {
        let row = self.pods.remove(id);
        if let Some(owner) = row.owner {
            if let Some((node, count)) = row.placed() {
                let root = self.owners.recount(owner, node, count, NodeCount::default());
                self.nodes.leave(node, root);
            }
            self.mark_root(owner);
        }
        if let Some(node) = row.node {
            self.mark_left(node);
            self.nodes.let_go(node);
        }
        (row.owner, id)
    }

    fn place(&mut self, owner: OwnerId, placed: Option<(NodeId, NodeCount)>) {
        if let Some((node, count)) = placed {
            let root = self.owners.recount(owner, node, NodeCount::default(), count);
            self.nodes.join(node, root);
        }
        self.mark_root(owner);
    }

    fn mark_root(&mut self, owner: OwnerId) {
        let root = self.owners.get(self.owners.root(owner));
        let Dirty { workloads, .. } = &mut self.dirty;
        if !workloads.contains(&root.key) {
            workloads.insert(root.key.clone());
        }
    }

    fn pod_row(&mut self, pod: Pod) -> PodRow {
        let owner = pod
            .controller
            .as_ref()
            .and_then(|c| self.owner_of(&pod.namespace, c));
        PodRow {
            namespace: self.names.share(pod.namespace),
            name: (&*pod.name).into(),
            shape: self.pods.shapes.find(&pod.shape).cloned().unwrap_or_else(|| {
                let shape = Arc::new(pod.shape);
                self.pods.shapes.share(shape)
            }),
            revision: pod.revision.map(|revision| self.names.share(revision)),
            deletion: seconds(pod.deletion),
            owner,
            node: pod.node.map(|node| self.nodes.slot(&self.names.share(node))),
            phase: pod.phase,
            ready: pod.ready,
            disruption_target: pod.disruption_target,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stays_small() {
        assert_eq!(
            size_of::<PodRow>(),
            88,
            "50,000 pods are paid for each byte: say why in the commit"
        );
    }
}
