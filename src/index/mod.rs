//! The cluster in memory, as the engine needs it.
//!
//! ```text
//! begin_list / apply / delete / end_list ──> rows (pods, nodes, owners, namespaces)
//!                                              │   relations: pod → ReplicaSet → Deployment, pod → node → zone,
//!                                              │   scale target → autoscaler; counters per (workload, node)
//!                                              └─> dirty workloads and nodes ──> view ──> rules, detectors
//! ```
//!
//! It has no client, no async and no clock. Each call marks the workloads and nodes whose answers it may have changed
//! ([`Index::take_dirty`]); an event that changes nothing that is read marks nothing.

mod budgets;
mod intern;
mod namespaces;
mod nodes;
mod overlay;
mod owners;
mod pods;
mod policies;
mod reach;
mod requires;
mod view;
mod volumes;

use std::collections::{BTreeSet, HashMap, HashSet};

pub use self::budgets::{Allowance, BudgetView};
pub use self::nodes::NodeId;
pub use self::owners::{NodeCount, OwnerId};
pub use self::requires::Serving;
pub use self::view::{ClusterView, Floor, FloorSource, NodeView, PodView, WorkloadView};
pub use self::volumes::BoundVolume;
use self::{
    intern::Interner, namespaces::NamespaceContext, nodes::Nodes, owners::Owners, pods::Pods, reach::Reaches,
    requires::Dependents, volumes::Volumes,
};
use crate::model::autoscaler::Autoscaler;
use crate::model::config::ClusterVersion;
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::object::Object;
use crate::model::time::Moment;
use crate::model::workload::Workload;
use crate::policy::Policies;

/// Whether a kind's objects are all known: nothing is ever judged by the absence of an object whose kind is not `Listed`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    /// The first list has not ended.
    #[default]
    Waiting,
    /// Every object has been seen; the watch keeps it so.
    Listed,
    /// It cannot be read, and why (403, missing): absence means nothing.
    Unreadable(String),
}

/// What changed since it was last taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    /// Workloads whose own spec, pods or context changed, also those that are gone.
    pub workloads: BTreeSet<ObjectKey>,
    /// Names of nodes that changed, also those that are gone.
    pub nodes: BTreeSet<Name>,
    /// Names of ready nodes whose pods have become others: of interest only if something is found in them all the same.
    pub left: BTreeSet<Name>,
}

impl Dirty {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.workloads.is_empty() && self.nodes.is_empty() && self.left.is_empty()
    }
}

/// Marks that are set when they are taken: a list of 5,000 nodes would otherwise walk over all workloads 5,000 times.
#[derive(Debug, Default)]
struct Pending {
    /// Every judged workload.
    workloads: bool,
    /// Every node.
    nodes: bool,
    /// The workloads all of whose pods sit on one node: what they are told depends on which other nodes exist.
    concentrated: bool,
    /// The workloads whose template or volumes ask for some nodes only.
    confined: bool,
}

/// The cluster in memory. See the module's documentation.
#[derive(Debug, Default)]
pub struct Index {
    names: Interner,
    owners: Owners,
    pods: Pods,
    nodes: Nodes,
    namespaces: HashMap<Name, NamespaceContext>,
    volumes: Volumes,
    reaches: Reaches,
    policies: Policies,
    /// By kind: asked for with every event.
    listings: [Listing; Kind::ALL.len()],
    /// During a list: the objects that were known before it and that it has not named yet.
    unseen: HashMap<Kind, HashSet<ObjectKey>>,
    version: Option<ClusterVersion>,
    files: bool,
    /// Of templates neither ports nor probes, hooks, images and requests are known.
    sparse_templates: bool,
    /// Heartbeats are waited for since then at the earliest.
    heartbeats_since: Moment,
    dirty: Dirty,
    pending: Pending,
    dependents: Dependents,
}

impl Index {
    /// An empty index that waits for every kind.
    #[must_use]
    pub fn new() -> Self {
        Index::default()
    }

    /// An index of manifests: every kind counts as listed, and what only a cluster knows (conditions, nodes) is not to be
    /// expected.
    #[must_use]
    pub fn of_files(version: ClusterVersion) -> Self {
        Index {
            files: true,
            ..Index::complete(version)
        }
    }

    /// An index of a cluster whose input is complete by itself (a recording, a list of all): every kind counts as listed.
    #[must_use]
    pub fn complete(version: ClusterVersion) -> Self {
        let listings = Kind::ALL.map(|_| Listing::Listed);
        Index {
            listings,
            version: Some(version),
            ..Index::default()
        }
    }

    /// Whether it holds manifests rather than a cluster.
    #[must_use]
    pub fn is_of_files(&self) -> bool {
        self.files
    }

    /// Says that its input holds no ports, probes, hooks, images and requests of templates, as older recordings do not.
    pub fn set_sparse_templates(&mut self) {
        self.sparse_templates = true;
    }

    /// The cluster's version; the newest that is known until [`Index::set_version`] says otherwise.
    #[must_use]
    pub fn version(&self) -> ClusterVersion {
        self.version.unwrap_or(ClusterVersion::NEWEST)
    }

    /// Sets the cluster's version.
    pub fn set_version(&mut self, version: ClusterVersion) {
        if self.version.replace(version) != Some(version) {
            self.mark_all();
        }
    }

    /// Whether all objects of a kind are known.
    #[must_use]
    pub fn listing(&self, kind: Kind) -> &Listing {
        &self.listings[kind as usize]
    }

    /// Whether every watched kind has been listed, or is known to be unreadable; without an essential one (pods, nodes,
    /// the workloads themselves) there is nothing to judge by. From then on absence may be judged.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        Kind::WATCHED.iter().all(|kind| match self.listing(*kind) {
            Listing::Listed => true,
            Listing::Waiting => false,
            Listing::Unreadable(_) => !kind.is_essential(),
        })
    }

    /// Says that a kind cannot be read, and why.
    pub fn set_unreadable(&mut self, kind: Kind, why: impl Into<String>) {
        let state = Listing::Unreadable(why.into());
        if *self.listing(kind) != state {
            self.listings[kind as usize] = state;
            self.mark_all();
        }
    }

    /// Says that a kind is not installed: there are none. That is as good as an empty list.
    pub fn set_missing(&mut self, kind: Kind) {
        self.begin_list(kind);
        self.end_list(kind);
    }

    /// A list (or relist) of a kind begins: the objects that [`Index::apply`] does not name before
    /// [`Index::end_list`] are gone. What is known stays in use meanwhile.
    pub fn begin_list(&mut self, kind: Kind) {
        let known = self.keys(kind).into_iter().collect();
        self.unseen.insert(kind, known);
    }

    /// The list of a kind has ended: what it did not name is deleted, and the kind is complete.
    pub fn end_list(&mut self, kind: Kind) {
        for gone in self.unseen.remove(&kind).unwrap_or_default() {
            self.delete(&gone);
        }
        if *self.listing(kind) != Listing::Listed {
            self.listings[kind as usize] = Listing::Listed;
            self.mark_all();
        }
    }

    /// An object was added or changed, seen at `at`.
    pub fn apply(&mut self, object: Object, at: Moment) {
        if !self.unseen.is_empty() {
            let key = object.key();
            if let Some(unseen) = self.unseen.get_mut(&key.kind) {
                unseen.remove(&key);
            }
        }
        match object {
            Object::Workload(workload) => self.apply_workload(workload),
            Object::Pod(pod) => self.apply_pod(pod),
            Object::Node(node) => self.apply_node(node, at),
            Object::Lease(lease) => self.nodes.heartbeat(&mut self.names, &lease, at, &mut self.dirty),
            Object::Namespace(namespace) => self.apply_namespace(namespace),
            Object::Autoscaler(autoscaler) => self.apply_autoscaler(autoscaler),
            Object::DisruptionBudget(budget) => self.apply_budget(budget),
            Object::Service(service) => self.apply_service(service),
            Object::EndpointSlice(slice) => self.apply_slice(slice),
            Object::LimitRange(range) => self.apply_limit_range(range),
            Object::PersistentVolume(volume) => self.apply_volume(volume),
            Object::Policy(policy) => self.apply_policy(*policy),
        }
    }

    /// An object is gone. Deleting what is not there does nothing.
    pub fn delete(&mut self, key: &ObjectKey) {
        if let Some(unseen) = self.unseen.get_mut(&key.kind) {
            unseen.remove(key);
        }
        match key.kind {
            Kind::Pod => self.delete_pod(key),
            kind if kind.is_workload() => self.delete_workload(key),
            Kind::Node => self.delete_node(&key.name),
            Kind::Lease => self.nodes.forget_lease(&key.name, &mut self.dirty),
            Kind::PersistentVolume => self.delete_volume(&key.name),
            Kind::ResiliencePolicy => self.delete_policy(&key.name),
            _ => self.delete_context(key),
        }
    }

    /// Takes what changed since the last call.
    pub fn take_dirty(&mut self) -> Dirty {
        let Pending {
            workloads,
            nodes,
            concentrated,
            confined,
        } = std::mem::take(&mut self.pending);
        if workloads || concentrated || confined {
            let judged = self.owners.judged().map(|(_, owner)| owner);
            let running = |owner: &owners::Owner| {
                let running = owner.counts.iter().filter(|(_, count)| count.running > 0);
                running.map(|(node, _)| *node).collect::<Vec<_>>()
            };
            let marked = judged.filter(|owner| {
                workloads
                    || (confined && owner.object.as_deref().is_some_and(Workload::asks_for_nodes))
                    || (concentrated && self.nodes.is_one_domain(&running(owner)))
            });
            self.dirty.workloads.extend(marked.map(|owner| owner.key.clone()));
        }
        if nodes {
            let names = self.nodes.objects().map(|(_, node)| node.name.clone());
            self.dirty.nodes.extend(names);
        }
        self.dependents.spread(&mut self.dirty.workloads);
        std::mem::take(&mut self.dirty)
    }

    /// Whether anything changed since [`Index::take_dirty`].
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        let Pending {
            workloads,
            nodes,
            concentrated,
            confined,
        } = self.pending;
        workloads
            || nodes
            || concentrated
            || confined
            || !self.dirty.is_empty()
            || self.dependents.is_touched()
    }

    /// Everything about one workload; `None` when it is not there, or is owned by another workload (a Deployment's
    /// ReplicaSet, a CronJob's Job).
    #[must_use]
    pub fn view(&self, key: &ObjectKey) -> Option<WorkloadView<'_>> {
        let id = self.owners.find(key)?;
        let owner = self.owners.get(id);
        let workload = owner.object.as_deref()?;
        Some(WorkloadView::new(self, id, owner, workload))
    }

    /// Everything about one node; `None` when the Node object is not there.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<NodeView<'_>> {
        let id = self.nodes.find(name)?;
        NodeView::new(self, id)
    }

    /// Every policy.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The cluster as a whole.
    #[must_use]
    pub fn cluster(&self) -> ClusterView<'_> {
        ClusterView::new(self)
    }

    /// A heartbeat marks its node only if it had been missing for as long; none does until this is set.
    pub fn set_late_after(&mut self, late_after: std::time::Duration) {
        self.nodes.late_after = Some(late_after);
    }

    /// Nothing was heard for a while: however long heartbeats are missing counts from `at` on.
    pub fn restart_heartbeats(&mut self, at: Moment) {
        self.heartbeats_since = at;
    }

    /// Names of all nodes whose Node object is there, sorted.
    #[must_use]
    pub fn node_names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self.nodes.objects().map(|(_, node)| node.name.clone()).collect();
        names.sort();
        names
    }

    /// The keys of all workloads that are judged, sorted.
    #[must_use]
    pub fn workload_keys(&self) -> Vec<ObjectKey> {
        let mut keys: Vec<ObjectKey> = self.owners.judged().map(|(_, owner)| owner.key.clone()).collect();
        keys.sort_unstable();
        keys
    }

    /// Autoscalers, those apart that KEDA makes, whose target is of a kind that is read and does not exist; in a stable
    /// order. None while that kind is not listed.
    pub fn strays(&self) -> impl Iterator<Item = &Autoscaler> {
        let mut contexts: Vec<(&Name, &NamespaceContext)> = self.namespaces.iter().collect();
        contexts.sort_by_key(|(namespace, _)| *namespace);
        let all = contexts
            .into_iter()
            .flat_map(|(_, context)| context.scaling(|_| true));
        all.filter(|autoscaler| {
            let target = autoscaler
                .target
                .known_kind()
                .filter(|kind| *self.listing(*kind) == Listing::Listed);
            target.is_some_and(|kind| {
                let key = ObjectKey::new(kind, autoscaler.namespace.clone(), autoscaler.target.name.clone());
                !self.owners.is_there(&key)
            })
        })
    }

    /// How many objects of a kind are known; of volumes, those that count (see `volumes`).
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Pod => self.pods.len() + self.owners.count(kind),
            Kind::Node => self.nodes.objects().count(),
            Kind::Lease => self.nodes.leases(),
            Kind::PersistentVolume => self.volumes.len(),
            Kind::ResiliencePolicy => self.policies.len(),
            kind if kind.is_workload() => self.owners.count(kind),
            kind => self.namespaces.values().map(|context| context.count(kind)).sum(),
        }
    }

    fn keys(&self, kind: Kind) -> Vec<ObjectKey> {
        match kind {
            Kind::Pod => self.pods.keys().chain(self.owners.keys(kind)).collect(),
            Kind::Node => self
                .nodes
                .objects()
                .map(|(_, n)| ObjectKey::new(kind, "", n.name.clone()))
                .collect(),
            Kind::Lease => self.nodes.lease_keys().collect(),
            Kind::PersistentVolume => self.volumes.keys().collect(),
            Kind::ResiliencePolicy => self
                .policies
                .iter()
                .map(|p| ObjectKey::new(kind, "", p.name.clone()))
                .collect(),
            kind if kind.is_workload() => self.owners.keys(kind).collect(),
            kind => self
                .namespaces
                .iter()
                .flat_map(|(ns, context)| context.keys(ns, kind))
                .collect(),
        }
    }

    /// Marks every judged workload and every node.
    fn mark_all(&mut self) {
        self.pending.workloads = true;
        self.pending.nodes = true;
    }
}

#[cfg(test)]
mod tests;
