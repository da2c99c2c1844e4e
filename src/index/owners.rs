//! Owners of pods: the chain pod → ReplicaSet → Deployment, and where each workload's pods are.
//!
//! Objects arrive in any order: a pod may come before its ReplicaSet, that before its Deployment. So an owner has a slot
//! from the moment when anything names it, and counters move to the right root when a link becomes known.

use std::collections::{BTreeMap, HashMap};

use slab::Slab;

use super::budgets::counts_alike;
use super::nodes::NodeId;
use super::pods::PodId;
use super::requires::Watched;
use super::{Index, namespaces};
use crate::model::keys::{Kind, ObjectKey};
use crate::model::selector::Labels;
use crate::model::workload::{Controller, Workload};

/// A slot in the table of owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnerId(u32);

/// How many pods of one workload are on one node. Pods that are terminating or have finished do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeCount {
    /// Bound to the node.
    pub bound: u32,
    /// Bound and running.
    pub running: u32,
    /// Bound, running and Ready, as the pod's own condition says.
    pub ready: u32,
    /// Bound and terminating.
    pub terminating: u32,
}

impl NodeCount {
    fn is_zero(self) -> bool {
        self == NodeCount::default()
    }

    pub(super) fn add(&mut self, other: NodeCount) {
        self.bound += other.bound;
        self.running += other.running;
        self.ready += other.ready;
        self.terminating += other.terminating;
    }

    fn subtract(&mut self, other: NodeCount) {
        self.bound -= other.bound;
        self.running -= other.running;
        self.ready -= other.ready;
        self.terminating -= other.terminating;
    }
}

/// One owner of pods.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) key: ObjectKey,
    /// The owner's own controller, if its kind is read: a ReplicaSet's Deployment, a Job's CronJob.
    pub(super) parent: Option<OwnerId>,
    pub(super) children: Vec<OwnerId>,
    pub(super) pods: Vec<PodId>,
    /// The object itself; not kept for one that belongs to another controller, because that one is judged.
    pub(super) object: Option<Box<Workload>>,
    /// The labels of the pods that it makes: of a ReplicaSet whose object is not kept, while it makes any.
    pub(super) labels: Option<Labels>,
    /// The object has been seen, kept or not.
    present: bool,
    /// Of this owner and its children; kept on roots only.
    pub(super) counts: BTreeMap<NodeId, NodeCount>,
}

/// The table of owners.
#[derive(Debug, Default)]
pub(super) struct Owners {
    slots: Slab<Owner>,
    by_key: HashMap<ObjectKey, OwnerId>,
}

impl Owners {
    pub(super) fn find(&self, key: &ObjectKey) -> Option<OwnerId> {
        self.by_key.get(key).copied()
    }

    /// Whether the object of that key has been seen, kept or not.
    pub(super) fn is_there(&self, key: &ObjectKey) -> bool {
        self.find(key).is_some_and(|id| self.get(id).present)
    }

    pub(super) fn get(&self, id: OwnerId) -> &Owner {
        &self.slots[id.0 as usize]
    }

    pub(super) fn get_mut(&mut self, id: OwnerId) -> &mut Owner {
        &mut self.slots[id.0 as usize]
    }

    /// The slot for a key, made if it is not there.
    pub(super) fn slot(&mut self, key: ObjectKey) -> OwnerId {
        if let Some(id) = self.find(&key) {
            return id;
        }
        let owner = Owner {
            key: key.clone(),
            parent: None,
            children: Vec::new(),
            pods: Vec::new(),
            object: None,
            labels: None,
            present: false,
            counts: BTreeMap::new(),
        };
        let id =
            OwnerId(u32::try_from(self.slots.insert(owner)).expect("fewer than 2^32 owners fit in memory"));
        self.by_key.insert(key, id);
        id
    }

    /// The owner at the top of the chain.
    pub(super) fn root(&self, id: OwnerId) -> OwnerId {
        // A chain has at most two links, and no cycle: see `judging_owner`.
        self.get(id).parent.unwrap_or(id)
    }

    /// How many slots there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Every owner that anything names.
    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = &Owner> {
        self.slots.iter().map(|(_, owner)| owner)
    }

    /// Whether a pod whose row has the owner `id` still names that one.
    pub(super) fn is_named(&self, id: Option<OwnerId>, controller: Option<&Controller>) -> bool {
        let named = controller.and_then(|c| Some((owner_kind(c)?, &c.name)));
        let known = id.map(|id| &self.get(id).key);
        named == known.map(|key| (key.kind, &key.name))
    }

    /// Owners whose object is judged.
    pub(super) fn judged(&self) -> impl Iterator<Item = (OwnerId, &Owner)> {
        self.slots.iter().filter_map(|(slot, owner)| {
            owner.object.as_ref()?;
            Some((OwnerId(u32::try_from(slot).ok()?), owner))
        })
    }

    pub(super) fn count(&self, kind: Kind) -> usize {
        self.slots
            .iter()
            .filter(|(_, o)| o.present && o.key.kind == kind)
            .count()
    }

    pub(super) fn keys(&self, kind: Kind) -> impl Iterator<Item = ObjectKey> {
        self.slots
            .iter()
            .filter(move |(_, o)| o.present && o.key.kind == kind)
            .map(|(_, o)| o.key.clone())
    }

    /// Frees the slot if nothing names it any more.
    fn release(&mut self, id: OwnerId) {
        let owner = self.get(id);
        if owner.present || !owner.pods.is_empty() || !owner.children.is_empty() {
            return;
        }
        let owner = self.slots.remove(id.0 as usize);
        self.by_key.remove(&owner.key);
        if let Some(parent) = owner.parent {
            self.get_mut(parent).children.retain(|child| *child != id);
            self.release(parent);
        }
    }

    /// Adds or takes away what one pod counts for.
    pub(super) fn recount(
        &mut self,
        id: OwnerId,
        node: NodeId,
        before: NodeCount,
        after: NodeCount,
    ) -> OwnerId {
        let root = self.root(id);
        let counts = &mut self.get_mut(root).counts;
        let entry = counts.entry(node).or_default();
        entry.subtract(before);
        entry.add(after);
        if entry.is_zero() {
            counts.remove(&node);
        }
        root
    }
}

impl Index {
    /// The owner slot that a controller reference names; `None` for kinds that are not read.
    pub(super) fn owner_of(&mut self, namespace: &str, controller: &Controller) -> Option<OwnerId> {
        let kind = owner_kind(controller)?;
        let namespace = self.names.share(namespace.into());
        Some(self.owners.slot(ObjectKey {
            kind,
            namespace,
            name: controller.name.clone(),
        }))
    }

    /// The owner that is judged in a workload's place: a ReplicaSet's Deployment, a Job's CronJob. Any other controller
    /// is like a custom resource, a Deployment that owns a StatefulSet as well: it does not run the pods itself. So
    /// nothing that has a parent is one, whatever the objects say.
    fn judging_owner(&mut self, namespace: &str, workload: &Workload) -> Option<OwnerId> {
        let controller = workload.controller.as_ref()?;
        match (workload.key.kind, &*controller.kind) {
            (Kind::ReplicaSet, "Deployment") | (Kind::Job, "CronJob") => self.owner_of(namespace, controller),
            _ => None,
        }
    }

    pub(super) fn apply_workload(&mut self, workload: Box<Workload>) {
        if workload.key.kind == Kind::Pod {
            // It may have been owned, and have been let go.
            self.delete_row(&workload.key);
        }
        if workload.status.finished && !self.files {
            // A cluster may keep tens of thousands of finished Jobs.
            return self.delete_workload(&workload.key);
        }
        let namespace = self.names.name(&workload.key.namespace);
        let key = ObjectKey {
            namespace,
            ..workload.key.clone()
        };
        let id = self.owners.slot(key.clone());
        let parent = self.judging_owner(&key.namespace, &workload);
        self.link(id, parent);
        let owner = self.owners.get_mut(id);
        owner.present = true;
        let is_kept = parent.is_none() && !is_made_by_a_controller(&workload);
        if !is_kept {
            self.note_labels(id, &workload);
        }
        let kept = is_kept.then_some(workload);
        let owner = self.owners.get_mut(id);
        if owner.object == kept {
            return;
        }
        let judged = kept.is_some();
        let old = std::mem::replace(&mut owner.object, kept);
        if judged {
            self.owners.get_mut(id).labels = None;
        }
        let counted = self.counted_anew(id, old.as_deref());
        self.dependents.set(&key, self.owners.get(id).object.as_deref());
        if judged {
            let context = self.context_mut(&key.namespace);
            context.workloads.insert(id);
            context.foreign.remove(&id);
        } else {
            self.forget_in_context(&key.namespace, |context| {
                context.workloads.remove(&id);
            });
        }
        for labels in counted {
            self.mark_sharing(&key.namespace, &labels);
        }
        self.dirty.workloads.insert(key);
    }

    /// The labels of the pods that an owner's change makes more or fewer, as far as its own objects say: those of now, and
    /// those that it had before.
    fn counted_anew(&self, id: OwnerId, old: Option<&Workload>) -> Vec<Labels> {
        let new = self.owners.get(id).object.as_deref();
        if let (Some(old), Some(new)) = (old, new)
            && counts_alike(old, new)
        {
            return Vec::new();
        }
        let mut labels: Vec<Labels> = [old, new]
            .into_iter()
            .flatten()
            .map(|w| w.template.labels.clone())
            .collect();
        labels.dedup();
        labels
    }

    /// Keeps what the pods of a ReplicaSet are known by, unless it is one of the many old ones that have none.
    fn note_labels(&mut self, id: OwnerId, set: &Workload) {
        let has_pods = set.desired() != Some(0) || set.status.replicas > 0;
        let keeps = set.key.kind == Kind::ReplicaSet && has_pods;
        let owner = self.owners.get(id);
        let is_foreign = keeps && owner.parent.is_none();
        let new = keeps.then_some(&set.template.labels);
        if owner.labels.as_ref() != new {
            let labels = new.map(|labels| self.names.labels(labels));
            self.owners.get_mut(id).labels = labels;
            self.mark_dependents_of(id);
        }
        if is_foreign {
            self.context_mut(&set.key.namespace).foreign.insert(id);
        } else {
            self.forget_in_context(&set.key.namespace, |context| {
                context.foreign.remove(&id);
            });
        }
    }

    /// Who requires these pods, by whatever name, looks again; the workload itself has not changed.
    fn mark_dependents_of(&mut self, id: OwnerId) {
        let root = self.owners.get(self.owners.root(id));
        self.dependents.touch(Watched::AllIn(root.key.namespace.clone()));
    }

    pub(super) fn delete_workload(&mut self, key: &ObjectKey) {
        let Some(id) = self.owners.find(key) else { return };
        let owner = self.owners.get_mut(id);
        if !owner.present {
            return;
        }
        owner.present = false;
        if owner.labels.take().is_some() {
            self.mark_dependents_of(id);
        }
        self.forget_in_context(&key.namespace, |context| {
            context.foreign.remove(&id);
        });
        let owner = self.owners.get_mut(id);
        if let Some(gone) = owner.object.take() {
            let left: Vec<NodeId> = owner.counts.keys().copied().collect();
            left.into_iter().for_each(|node| self.mark_left(node));
            self.dirty.workloads.insert(key.clone());
            self.dependents.set(key, None);
            self.forget_in_context(&key.namespace, |context| {
                context.workloads.remove(&id);
            });
            self.mark_sharing(&key.namespace, &gone.template.labels);
        }
        self.link(id, None);
        self.owners.release(id);
    }

    /// Drops a pod from its owner's list.
    pub(super) fn disown(&mut self, id: OwnerId, pod: PodId) {
        let pods = &mut self.owners.get_mut(id).pods;
        if let Some(position) = pods.iter().position(|p| *p == pod) {
            pods.swap_remove(position);
        }
        self.owners.release(id);
    }

    /// Sets an owner's controller and moves the counters of its pods from the old root to the new one.
    fn link(&mut self, id: OwnerId, parent: Option<OwnerId>) {
        let old = self.owners.get(id).parent;
        if old == parent {
            return;
        }
        let pods = self.owners.get(id).pods.clone();
        let placed: Vec<(NodeId, NodeCount)> =
            pods.iter().filter_map(|p| self.pods.get(*p).placed()).collect();
        for (node, count) in &placed {
            let root = self.owners.recount(id, *node, *count, NodeCount::default());
            self.nodes.leave(*node, root);
        }
        if let Some(old) = old {
            self.owners.get_mut(old).children.retain(|child| *child != id);
        }
        self.owners.get_mut(id).parent = parent;
        if let Some(parent) = parent {
            self.owners.get_mut(parent).children.push(id);
        }
        for (node, count) in &placed {
            let root = self.owners.recount(id, *node, NodeCount::default(), *count);
            self.nodes.join(*node, root);
            self.mark_left(*node);
        }
        for touched in [old, parent].into_iter().flatten() {
            self.dirty.workloads.insert(self.owners.get(touched).key.clone());
        }
        if let Some(old) = old {
            self.owners.release(old);
        }
    }

    /// Marks the workloads of a namespace that a test picks by their pod template's labels.
    pub(super) fn mark_in(&mut self, namespace: &str, picks: impl Fn(&Workload) -> bool) {
        let Some(context) = self.namespaces.get(namespace) else {
            return;
        };
        let ids = context.workloads.iter();
        let picked = ids
            .filter_map(|id| self.owners.get(*id).object.as_deref())
            .filter(|w| picks(w));
        self.dirty.workloads.extend(picked.map(|w| w.key.clone()));
    }

    /// The context of a namespace, made if it is not there.
    pub(super) fn context_mut(&mut self, namespace: &str) -> &mut namespaces::NamespaceContext {
        let name = self.names.share(namespace.into());
        self.namespaces.entry(name).or_default()
    }

    /// Changes the context of a namespace if there is one, and drops it when nothing is left in it.
    pub(super) fn forget_in_context(
        &mut self,
        namespace: &str,
        change: impl FnOnce(&mut namespaces::NamespaceContext),
    ) {
        let Some(context) = self.namespaces.get_mut(namespace) else {
            return;
        };
        change(context);
        if context.is_empty() {
            self.namespaces.remove(namespace);
        }
    }
}

/// The kind that a controller reference names; `None` for kinds that are not read.
pub(super) fn owner_kind(controller: &Controller) -> Option<Kind> {
    let kind = Kind::parse(&controller.kind).filter(|kind| kind.is_workload() && *kind != Kind::Pod)?;
    let group = controller
        .api_version
        .split_once('/')
        .map_or("", |(group, _)| group);
    (group == kind.group()).then_some(kind)
}

/// A ReplicaSet of a controller that is not read (an Argo Rollout), or a pod that a workload made, is not a workload by
/// itself.
fn is_made_by_a_controller(workload: &Workload) -> bool {
    let Some(controller) = &workload.controller else {
        return false;
    };
    match workload.key.kind {
        Kind::ReplicaSet => true,
        Kind::Pod => Kind::parse(&controller.kind).is_some_and(Kind::is_workload),
        _ => false,
    }
}
