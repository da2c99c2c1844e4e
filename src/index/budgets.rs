//! Budgets, the workloads that share one, and whom it concerns when a workload changes.
//!
//! What a PodDisruptionBudget allows depends on all workloads whose pods it selects. So whatever changes how many pods of a
//! workload there are at its floor, or which budgets select them, marks those that share a budget with it.

use super::Index;
use super::view::{Floor, WorkloadView};
use crate::model::budget::{DisruptionBudget, Selected};
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::selector::Labels;
use crate::model::workload::Workload;

/// A PodDisruptionBudget with the workloads whose pods it selects.
#[derive(Clone, Copy)]
pub struct BudgetView<'a> {
    index: &'a Index,
    budget: &'a DisruptionBudget,
}

/// How many pods a budget lets go while every workload that it selects is at its floor and all pods are ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// So many.
    Pods(i64),
    /// None: Kubernetes needs the scale of this workload's pods, and its kind has none.
    NoScale(ObjectKey),
    /// It cannot be told, because of this workload: its floor is not known, or how many pods it runs.
    Uncounted(ObjectKey),
    /// It cannot be told, because its own numbers are refused.
    Refused,
}

impl<'a> BudgetView<'a> {
    pub(super) fn new(index: &'a Index, budget: &'a DisruptionBudget) -> Self {
        BudgetView { index, budget }
    }

    /// The budget itself.
    #[must_use]
    pub fn budget(&self) -> &'a DisruptionBudget {
        self.budget
    }

    /// The workloads whose pods it selects, by key.
    #[must_use]
    pub fn workloads(&self) -> Vec<WorkloadView<'a>> {
        let budget = self.budget;
        self.index
            .in_namespace(&budget.namespace, |labels| budget.selects(labels))
    }

    /// Their floors added up; those that cannot be told count nothing.
    #[must_use]
    pub fn floor(&self) -> u32 {
        let floors = self.workloads().into_iter().filter_map(|view| counted(&view));
        floors.map(|floor| floor.replicas).fold(0, u32::saturating_add)
    }

    /// What it allows.
    #[must_use]
    pub fn allowance(&self) -> Allowance {
        let mut pods = Selected::default();
        let (mut uncounted, mut without_scale) = (None, None);
        for view in self.workloads() {
            let key = || Some(view.key().clone());
            match (view.key().kind, counted(&view)) {
                (Kind::Pod, _) => pods.bare += 1,
                (Kind::DaemonSet | Kind::Job | Kind::CronJob, _) => {
                    without_scale = without_scale.or_else(key);
                }
                (_, Some(floor)) => pods.scaled += i64::from(floor.replicas),
                (_, None) => uncounted = uncounted.or_else(key),
            }
        }
        let Some(allowed) = self.budget.allowed(pods) else {
            return Allowance::Refused;
        };
        match (without_scale, uncounted) {
            (Some(key), _) if self.budget.asks_for_scales() => Allowance::NoScale(key),
            (_, Some(key)) => Allowance::Uncounted(key),
            // They are counted as available, if it is not known how many there are; a Job's are there at times only.
            (Some(key), _) if allowed == 0 && key.kind == Kind::DaemonSet && self.budget.has_a_number() => {
                Allowance::Uncounted(key)
            }
            _ => Allowance::Pods(allowed),
        }
    }
}

impl std::fmt::Debug for BudgetView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BudgetView")
            .field("budget", &self.budget.key())
            .finish_non_exhaustive()
    }
}

/// The floor of a workload whose pods Kubernetes counts by their controller's scale; of a bare pod, itself.
fn counted(view: &WorkloadView<'_>) -> Option<Floor> {
    let scaled = matches!(
        view.key().kind,
        Kind::Deployment | Kind::StatefulSet | Kind::ReplicaSet | Kind::Pod
    );
    scaled.then(|| view.floor())?
}

/// Names that a budget of this workload would have: what is told of one that is missing depends on them.
pub(super) fn names_of(workload: &Name) -> [Name; 2] {
    [workload.clone(), format!("{workload}-pdb").into()]
}

/// Whether the answers about a workload depend on this budget.
pub(super) fn concerns(budget: &DisruptionBudget, workload: &Workload) -> bool {
    budget.selector.is_invalid()
        || budget.selects(&workload.template.labels)
        || names_of(&workload.key.name).contains(&budget.name)
}

/// Whether answers about those that share a budget with this workload may differ after a change of it.
pub(super) fn counts_alike(one: &Workload, other: &Workload) -> bool {
    one.replicas == other.replicas && one.template.labels == other.template.labels
}

impl Index {
    /// The judged workloads of a namespace whose pod template's labels are picked, by key.
    pub(super) fn in_namespace(
        &self,
        namespace: &str,
        picks: impl Fn(&Labels) -> bool,
    ) -> Vec<WorkloadView<'_>> {
        let Some(context) = self.namespaces.get(namespace) else {
            return Vec::new();
        };
        let ids = context.workloads.iter();
        let views = ids.filter_map(|id| {
            let owner = self.owners.get(*id);
            let workload = owner.object.as_deref()?;
            picks(&workload.template.labels).then(|| WorkloadView::new(self, *id, owner, workload))
        });
        let mut views: Vec<WorkloadView<'_>> = views.collect();
        views.sort_by_key(WorkloadView::key);
        views
    }

    /// Marks the workloads of a namespace that are picked, because their floor may have changed, and those that share a
    /// budget with them.
    pub(super) fn mark_floors(&mut self, namespace: &str, picks: impl Fn(&Workload) -> bool) {
        self.mark_in(namespace, &picks);
        let Some(context) = self.namespaces.get(namespace) else {
            return;
        };
        let workloads = context.workloads.iter();
        let workloads = workloads.filter_map(|id| self.owners.get(*id).object.as_deref());
        let picked = workloads.filter(|w| picks(w)).map(|w| w.template.labels.clone());
        let picked: Vec<Labels> = picked.collect();
        picked
            .iter()
            .for_each(|labels| self.mark_sharing(namespace, labels));
    }

    /// Marks the workloads that share a budget with pods of these labels, or would share the one that is proposed for them:
    /// pods of these labels came, went, or are more or fewer now.
    pub(super) fn mark_sharing(&mut self, namespace: &str, labels: &Labels) {
        let Some(context) = self.namespaces.get(namespace) else {
            return;
        };
        let shared = context.budgets.values().filter(|budget| budget.selects(labels));
        let shared: Vec<DisruptionBudget> = shared.cloned().collect();
        self.mark_in(namespace, |w| {
            shared.iter().any(|budget| budget.selects(&w.template.labels))
                || w.template
                    .lasting_labels()
                    .all(|(key, value)| labels.get(key) == Some(value))
        });
    }
}
