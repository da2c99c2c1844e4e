//! Everything about one workload or one node, borrowed from the index: what rules and detectors are given.

use std::fmt;

use super::budgets::{BudgetView, names_of};
use super::nodes::{NodeId, NodeSlot};
use super::owners::{NodeCount, Owner, OwnerId};
use super::pods::PodRow;
use super::volumes::BoundVolume;
use super::{Index, Listing};
use crate::model::autoscaler::Autoscaler;
use crate::model::budget::DisruptionBudget;
use crate::model::config::ClusterVersion;
use crate::model::context::{LimitRange, Namespace, Service};
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::node::{Allocatable, Node, ReadyStatus};
use crate::model::pod::PodShape;
use crate::model::policy::ResiliencePolicy;
use crate::model::template::PodTemplate;
use crate::model::time::Moment;
use crate::model::workload::Workload;

/// One workload with all that relates to it.
#[derive(Clone, Copy)]
pub struct WorkloadView<'a> {
    index: &'a Index,
    id: OwnerId,
    owner: &'a Owner,
    workload: &'a Workload,
}

/// The fewest (or most) replicas that a workload may be run at, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Replicas.
    pub replicas: u32,
    /// What sets the number.
    pub source: FloorSource,
}

/// What sets a workload's floor and ceiling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FloorSource {
    /// `spec.replicas`, explicit or by default.
    Replicas,
    /// The HorizontalPodAutoscaler of that name.
    Autoscaler(Name),
    /// The ScaledObject of that name.
    ScaledObject(Name),
}

impl FloorSource {
    /// Whether it is an autoscaler's to say.
    #[must_use]
    pub const fn is_autoscaler(&self) -> bool {
        !matches!(self, FloorSource::Replicas)
    }
}

/// `spec.replicas`, `HorizontalPodAutoscaler web`.
impl fmt::Display for FloorSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FloorSource::Replicas => f.write_str("spec.replicas"),
            FloorSource::Autoscaler(name) => write!(f, "{} {name}", Kind::HorizontalPodAutoscaler),
            FloorSource::ScaledObject(name) => write!(f, "{} {name}", Kind::ScaledObject),
        }
    }
}

impl From<&Autoscaler> for FloorSource {
    fn from(autoscaler: &Autoscaler) -> Self {
        let name = autoscaler.name.clone();
        match autoscaler.kind() {
            Kind::ScaledObject => FloorSource::ScaledObject(name),
            _ => FloorSource::Autoscaler(name),
        }
    }
}

impl<'a> WorkloadView<'a> {
    pub(super) fn new(index: &'a Index, id: OwnerId, owner: &'a Owner, workload: &'a Workload) -> Self {
        WorkloadView {
            index,
            id,
            owner,
            workload,
        }
    }

    /// The workload itself.
    #[must_use]
    pub fn workload(&self) -> &'a Workload {
        self.workload
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &'a ObjectKey {
        &self.workload.key
    }

    /// Its pod template.
    #[must_use]
    pub fn template(&self) -> &'a PodTemplate {
        &self.workload.template
    }

    /// Whether all objects of a kind are known. While they are not, a rule that needs them says `unknown`.
    #[must_use]
    pub fn listing(&self, kind: Kind) -> &'a Listing {
        self.index.listing(kind)
    }

    /// The cluster's version.
    #[must_use]
    pub fn version(&self) -> ClusterVersion {
        self.index.version()
    }

    /// Whether it is a manifest rather than part of a cluster: what only a cluster knows is then not to be expected.
    #[must_use]
    pub fn is_of_files(&self) -> bool {
        self.index.is_of_files()
    }

    /// Whether all that a template says is known, also its ports, probes, hooks, images and requests.
    #[must_use]
    pub fn has_whole_templates(&self) -> bool {
        !self.index.sparse_templates
    }

    /// Another Namespace, if it is known.
    #[must_use]
    pub fn namespace_called(&self, name: &str) -> Option<&'a Namespace> {
        self.index.namespaces.get(name)?.namespace.as_ref()
    }

    /// The index itself, for what this module's siblings look up in it.
    pub(super) fn index(&self) -> &'a Index {
        self.index
    }

    /// Its Namespace object, if known (files often lack it).
    #[must_use]
    pub fn namespace(&self) -> Option<&'a Namespace> {
        self.context()?.namespace.as_ref()
    }

    /// The policies that govern it, the one that goes before all others first.
    #[must_use]
    pub fn policies(&self) -> Vec<&'a ResiliencePolicy> {
        let policies = self.index.policies();
        // Most clusters and files have none or few: nothing else is looked up then.
        if policies.is_empty() {
            return Vec::new();
        }
        let namespace = self.namespace().map(|namespace| &namespace.labels);
        policies.governing(&self.key().namespace, namespace, &self.workload.labels)
    }

    /// Autoscalers that target it: HorizontalPodAutoscalers by name, then ScaledObjects by name. Those that KEDA makes for
    /// its ScaledObjects are not among them ([`WorkloadView::made_by`]).
    pub fn autoscalers(&self) -> impl Iterator<Item = &'a Autoscaler> + use<'a> {
        let key = self.key();
        let context = self.context().into_iter();
        context.flat_map(move |context| context.scaling(|target| target.is(key)))
    }

    /// The HorizontalPodAutoscaler through which KEDA scales it for a ScaledObject, once that is there.
    #[must_use]
    pub fn made_by(&self, scaled_object: &Autoscaler) -> Option<&'a Autoscaler> {
        let mut all = self.context()?.autoscalers.values();
        all.find(|hpa| scaled_object.made(hpa))
    }

    /// LimitRanges of its namespace, by name.
    pub fn limit_ranges(&self) -> impl Iterator<Item = &'a LimitRange> + use<'a> {
        self.context()
            .into_iter()
            .flat_map(|context| context.limit_ranges.values())
    }

    /// What a claim of its namespace is bound to, if that is a volume which not every node reaches.
    #[must_use]
    pub fn bound_volume(&self, claim: &str) -> Option<&'a BoundVolume> {
        self.context()?.volumes.get(claim)
    }

    /// PodDisruptionBudgets that select its pods, by name.
    pub fn budgets(&self) -> impl Iterator<Item = BudgetView<'a>> + use<'a> {
        let (index, labels) = (self.index, &self.workload.template.labels);
        let selecting = self.all_budgets().filter(|budget| budget.selects(labels));
        selecting.map(|budget| BudgetView::new(index, budget))
    }

    /// A PodDisruptionBudget of its namespace of which it cannot be told what it selects.
    #[must_use]
    pub fn budget_without_valid_selector(&self) -> Option<&'a DisruptionBudget> {
        self.all_budgets().find(|budget| budget.selector.is_invalid())
    }

    /// The PodDisruptionBudget that has its name, whatever it selects.
    #[must_use]
    pub fn budget_of_its_name(&self) -> Option<&'a DisruptionBudget> {
        self.context()?.budgets.get(&self.key().name)
    }

    /// A name for a PodDisruptionBudget of its own that no other has.
    #[must_use]
    pub fn free_budget_name(&self) -> Option<Name> {
        let taken = |name: &Name| self.all_budgets().any(|budget| budget.name == *name);
        names_of(&self.key().name).into_iter().find(|name| !taken(name))
    }

    /// The workloads, itself among them, whose pods a selector of its [lasting labels](PodTemplate::lasting_labels) would
    /// select, by key.
    #[must_use]
    pub fn alike(&self) -> Vec<WorkloadView<'a>> {
        let own: Vec<(&str, &str)> = self.template().lasting_labels().collect();
        let (index, namespace) = (self.index, &self.key().namespace);
        index.in_namespace(namespace, |labels| {
            own.iter().all(|(key, value)| labels.get(key) == Some(*value))
        })
    }

    fn all_budgets(&self) -> impl Iterator<Item = &'a DisruptionBudget> + use<'a> {
        let context = self.context().into_iter();
        context.flat_map(|context| context.budgets.values())
    }

    /// Services that select its pods, by name.
    pub fn services(&self) -> impl Iterator<Item = &'a Service> + use<'a> {
        let labels = &self.workload.template.labels;
        let all = self
            .context()
            .into_iter()
            .flat_map(|context| context.services.values());
        all.filter(move |service| service.selects(labels))
    }

    /// Ready endpoints of a Service of its namespace; `None` when it has no EndpointSlice at all.
    #[must_use]
    pub fn ready_endpoints(&self, service: &str) -> Option<u32> {
        let (ready, any) = self.context()?.endpoints(service);
        any.then_some(ready)
    }

    /// The effective floor: the fewest replicas that it may be run at. `None` when a value that it needs is invalid.
    ///
    /// `replicas: 0` switches a HorizontalPodAutoscaler off, so the floor is then 0. With two autoscalers the larger
    /// floor counts: its controller raises what the other leaves.
    #[must_use]
    pub fn floor(&self) -> Option<Floor> {
        self.bound(Autoscaler::floor, |replicas, best| replicas > best)
    }

    /// The effective ceiling: the most replicas that it may be run at. `None` when a value that it needs is invalid.
    ///
    /// With two autoscalers the smaller ceiling counts, where it is not below the floor.
    #[must_use]
    pub fn ceiling(&self) -> Option<Floor> {
        let ceiling = self.bound(Autoscaler::ceiling, |replicas, best| replicas < best)?;
        let floor = self.floor().filter(|floor| floor.replicas > ceiling.replicas);
        Some(floor.unwrap_or(ceiling))
    }

    /// What the autoscaler says that goes before the others; without any, `spec.replicas`.
    fn bound(
        &self,
        of: impl Fn(&Autoscaler) -> Option<u32>,
        before: impl Fn(u32, u32) -> bool,
    ) -> Option<Floor> {
        let replicas = self.workload.desired()?;
        let own = Floor {
            replicas,
            source: FloorSource::Replicas,
        };
        let mut best: Option<Floor> = None;
        for autoscaler in self.autoscalers().filter(|a| a.acts(replicas)) {
            let replicas = of(autoscaler)?;
            if best.as_ref().is_none_or(|b| before(replicas, b.replicas)) {
                best = Some(Floor {
                    replicas,
                    source: autoscaler.into(),
                });
            }
        }
        Some(best.unwrap_or(own))
    }

    /// Replicas wanted now; `None` when invalid. For a DaemonSet, CronJob or Job nothing is wanted: `Some(0)`.
    #[must_use]
    pub fn desired(&self) -> Option<u32> {
        if self.key().kind.is_judged_in_full() {
            self.workload.desired()
        } else {
            Some(0)
        }
    }

    /// Its pods per node: kept incrementally, so this is no scan of pods. Nodes in a stable order.
    pub fn placement(&self) -> impl Iterator<Item = (NodeView<'a>, NodeCount)> + use<'a> {
        let index = self.index;
        self.owner.counts.iter().map(move |(node, count)| {
            (
                NodeView {
                    index,
                    slot: index.nodes.get(*node),
                },
                *count,
            )
        })
    }

    /// All of [`WorkloadView::placement`] added up.
    #[must_use]
    pub fn total(&self) -> NodeCount {
        let mut total = NodeCount::default();
        for count in self.owner.counts.values() {
            total.add(*count);
        }
        total
    }

    /// Ready replicas. A pod on a node whose Ready is Unknown does not count, whatever its own condition says: when a
    /// node goes from False to Unknown nobody marks its pods unready.
    #[must_use]
    pub fn ready(&self) -> u32 {
        self.placement()
            .map(|(node, count)| if node.is_silent() { 0 } else { count.ready })
            .sum()
    }

    /// Its pods that have not finished, one by one: costs a walk over them, so detectors use
    /// [`WorkloadView::placement`] where counts do.
    pub fn pods(&self) -> impl Iterator<Item = PodView<'a>> + use<'a> {
        let index = self.index;
        let own = self.owner.pods.iter();
        let children = self
            .owner
            .children
            .iter()
            .flat_map(move |child| index.owners.get(*child).pods.iter());
        own.chain(children)
            .map(move |id| PodView {
                index,
                row: index.pods.get(*id),
            })
            .filter(|p| !p.row.is_finished())
    }

    /// All nodes whose Node object is known.
    pub fn nodes(&self) -> impl Iterator<Item = NodeView<'a>> + use<'a> {
        self.index.cluster().nodes()
    }

    /// What the largest of the nodes that take pods has for them, each resource for itself.
    #[must_use]
    pub fn largest_node(&self) -> Allocatable {
        self.index.nodes.largest()
    }

    fn context(&self) -> Option<&'a super::namespaces::NamespaceContext> {
        self.index.namespaces.get(&self.workload.key.namespace)
    }
}

impl std::fmt::Debug for WorkloadView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkloadView")
            .field("key", self.key())
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// One pod.
#[derive(Clone, Copy, Debug)]
pub struct PodView<'a> {
    index: &'a Index,
    row: &'a PodRow,
}

impl<'a> PodView<'a> {
    /// `metadata.name`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.row.name
    }

    /// What its containers were created with.
    #[must_use]
    pub fn shape(&self) -> &'a PodShape {
        &self.row.shape
    }

    /// The revision of its workload that it was made from.
    #[must_use]
    pub fn revision(&self) -> Option<&'a str> {
        self.row.revision.as_deref()
    }

    /// The node it is bound to.
    #[must_use]
    pub fn node(&self) -> Option<NodeView<'a>> {
        let index = self.index;
        self.row.node.map(|id| NodeView {
            index,
            slot: index.nodes.get(id),
        })
    }

    /// Whether `deletionTimestamp` is set.
    #[must_use]
    pub fn is_terminating(&self) -> bool {
        self.row.is_terminating()
    }

    /// `deletionTimestamp`: when it must be gone.
    #[must_use]
    pub fn deletion(&self) -> Option<jiff::Timestamp> {
        self.row.deletion()
    }

    /// Whether it is being evicted, drained or preempted (`DisruptionTarget`).
    #[must_use]
    pub fn is_disruption_target(&self) -> bool {
        self.row.disruption_target
    }
}

/// One node, which may be known only from a pod that is bound to it.
#[derive(Clone, Copy, Debug)]
pub struct NodeView<'a> {
    index: &'a Index,
    slot: &'a NodeSlot,
}

impl<'a> NodeView<'a> {
    pub(super) fn new(index: &'a Index, id: NodeId) -> Option<Self> {
        let slot = index.nodes.get(id);
        slot.object.as_ref()?;
        Some(NodeView { index, slot })
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &'a Name {
        &self.slot.name
    }

    /// The Node object, if it has been seen.
    #[must_use]
    pub fn node(&self) -> Option<&'a Node> {
        self.slot.object.as_deref()
    }

    /// Region and zone; `None` without a zone label.
    #[must_use]
    pub fn zone(&self) -> Option<&'a str> {
        self.slot.zone.as_deref()
    }

    /// Whether its Ready is Unknown: the kubelet is silent.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.node()
            .is_some_and(|node| node.ready.status == ReadyStatus::Unknown)
    }

    /// Whether it has a Lease: a node without one is not judged by its heartbeats.
    #[must_use]
    pub fn has_lease(&self) -> bool {
        self.slot.lease.is_some()
    }

    /// When its last heartbeat was seen; for one that has been silent since before we looked, when we first looked.
    #[must_use]
    pub fn heartbeat_seen(&self) -> Option<Moment> {
        self.slot.lease.map(|lease| lease.seen)
    }

    /// Since when its heartbeats have been listened to: since its Lease was seen, but no earlier than
    /// [`Index::restart_heartbeats`].
    #[must_use]
    pub fn listened_since(&self) -> Option<Moment> {
        Some(self.slot.lease?.first.max(self.index.heartbeats_since))
    }

    /// Since when a heartbeat is missing: as [`NodeView::heartbeat_seen`], but no earlier than
    /// [`Index::restart_heartbeats`].
    #[must_use]
    pub fn silent_since(&self) -> Option<Moment> {
        Some(self.heartbeat_seen()?.max(self.index.heartbeats_since))
    }

    /// How long the last heartbeat had been missing when it came, not counting what was before
    /// [`Index::restart_heartbeats`].
    #[must_use]
    pub fn last_gap(&self) -> Option<std::time::Duration> {
        let lease = self.slot.lease?;
        Some(lease.seen.since(lease.before.max(self.index.heartbeats_since)))
    }

    /// Workloads with pods here, in a stable order. Those that are owned by another workload are named by that one.
    pub fn workloads(&self) -> impl Iterator<Item = WorkloadView<'a>> + use<'a> {
        let index = self.index;
        self.slot.workloads.keys().filter_map(move |id| {
            let owner = index.owners.get(*id);
            Some(WorkloadView::new(index, *id, owner, owner.object.as_deref()?))
        })
    }
}

/// The cluster as a whole.
#[derive(Clone, Copy)]
pub struct ClusterView<'a> {
    index: &'a Index,
}

impl<'a> ClusterView<'a> {
    pub(super) fn new(index: &'a Index) -> Self {
        ClusterView { index }
    }

    /// All nodes whose Node object is known, in no particular order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeView<'a>> + use<'a> {
        let index = self.index;
        let objects = index.nodes.objects();
        objects.filter_map(move |(id, _)| NodeView::new(index, id))
    }
}

impl std::fmt::Debug for ClusterView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterView").finish_non_exhaustive()
    }
}
