//! A workload: a top-level owner of pods that people name.

use jiff::Timestamp;

use super::context::annotation;
use super::field::{Field, FieldProblem};
use super::intstr::{IntOrString, Rounding, resolve_rollout};
use super::keys::{Kind, Name, ObjectKey};
use super::selector::Labels;
use super::template::PodTemplate;

/// What rules and detectors read of a Deployment, StatefulSet, DaemonSet, CronJob, Job, ReplicaSet or bare Pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Kind, namespace, name.
    pub key: ObjectKey,
    /// `metadata.uid`; empty in files.
    pub uid: Name,
    /// `metadata.generation`; 0 in files.
    pub generation: i64,
    /// `metadata.creationTimestamp`; absent in files.
    pub created: Option<Timestamp>,
    /// The controlling owner reference (`Deployment web`, or an operator's custom resource), if any.
    pub controller: Option<Controller>,
    /// Its own labels, which policies select it by; its pods have others.
    pub labels: Labels,
    /// The annotations that are read, our own and those that say who runs it, sorted by key.
    pub annotations: Vec<(Name, Name)>,
    /// `spec.replicas`; absent means 1.
    pub replicas: Field<i32>,
    /// `spec.template`.
    pub template: PodTemplate,
    /// `spec.volumeClaimTemplates[].metadata.name` of a StatefulSet: each of its pods has a claim
    /// `<template>-<name>-<ordinal>` of its own.
    pub claim_templates: Vec<Name>,
    /// `spec.ordinals.start` of a StatefulSet: the ordinal of its first pod; 0 when absent.
    pub first_ordinal: i32,
    /// `spec.strategy` or `spec.updateStrategy`.
    pub strategy: Field<Strategy>,
    /// `spec.progressDeadlineSeconds` of a Deployment, seconds; absent means 600.
    pub progress_deadline: Option<i32>,
    /// `spec.paused` of a Deployment: no rollout goes on.
    pub paused: bool,
    /// What its controller last wrote about it.
    pub status: WorkloadStatus,
    /// Fields that Kubernetes would refuse; only manifests have any.
    pub problems: Vec<FieldProblem>,
}

/// `progressDeadlineSeconds` when absent: the default of apps/v1 Deployments.
pub const DEFAULT_PROGRESS_DEADLINE_SECONDS: i32 = 600;

/// `maxUnavailable` and `maxSurge` of a Deployment when absent: the defaults of apps/v1.
pub const DEFAULT_ROLLOUT: &str = "25%";

impl Workload {
    /// `spec.replicas` as the API server defaults it (absent = 1); `None` when invalid.
    #[must_use]
    pub fn desired(&self) -> Option<u32> {
        match self.replicas {
            Field::Absent => Some(1),
            Field::Set(n) => u32::try_from(n).ok(),
            Field::Invalid => None,
        }
    }

    /// How many of `replicas` ready pods its controller takes down in a rollout while no new one is ready; `None` when that
    /// cannot be told (a refused value), or is not the controller's to decide (`OnDelete`).
    ///
    /// As `MaxUnavailable` in `pkg/controller/deployment/util/deployment_util.go`, and
    /// `getStatefulSetMaxUnavailable` in `pkg/controller/statefulset/stateful_set_utils.go`, have it.
    #[must_use]
    pub fn taken_down(&self, replicas: u32) -> Option<u32> {
        let (max_unavailable, max_surge, partition) = match self.strategy.get()? {
            Strategy::Recreate => return Some(replicas),
            Strategy::OnDelete => return None,
            Strategy::RollingUpdate {
                max_unavailable,
                max_surge,
                partition,
            } => (max_unavailable.as_ref(), max_surge.as_ref(), *partition),
        };
        let (down, rolled) = if self.key.kind == Kind::Deployment {
            let default = IntOrString::from(DEFAULT_ROLLOUT);
            let of_default = |amount: Option<&'_ IntOrString>| amount.unwrap_or(&default).clone();
            let (surge, unavailable) = (of_default(max_surge), of_default(max_unavailable));
            let rollout = resolve_rollout(Some(&surge), Some(&unavailable), replicas.into()).ok()?;
            (rollout.unavailable, replicas)
        } else {
            let most = max_unavailable.map_or(Ok(1), |most| most.scaled(replicas.into(), Rounding::Down));
            (most.ok()?.max(1), replicas.saturating_sub(partition))
        };
        Some(u32::try_from(down).unwrap_or(u32::MAX).min(rolled))
    }

    /// Whether its pods may run on some nodes only, for what the template asks for or for volumes that they use.
    #[must_use]
    pub fn asks_for_nodes(&self) -> bool {
        let template = &self.template;
        !template.node_selector.is_empty()
            || template.required_node_affinity.is_some()
            || !template.claims.is_empty()
            || !self.claim_templates.is_empty()
    }

    /// The value of an annotation that is read.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        annotation(&self.annotations, key)
    }
}

/// The controlling owner reference.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Controller {
    /// `apiVersion`.
    pub api_version: Name,
    /// `kind`: may be one that is not read.
    pub kind: Name,
    /// `name`.
    pub name: Name,
}

/// How a rollout replaces pods.
#[derive(Clone, Debug, PartialEq)]
pub enum Strategy {
    /// Rolling update. Absent fields take the API server's defaults: 25 % of a Deployment, 1 pod of a StatefulSet.
    RollingUpdate {
        /// `maxUnavailable`.
        max_unavailable: Option<IntOrString>,
        /// `maxSurge` (Deployment only).
        max_surge: Option<IntOrString>,
        /// `partition` (StatefulSet only): the pods below this ordinal stay as they are.
        partition: u32,
    },
    /// All old pods are deleted before new ones are made.
    Recreate,
    /// Pods are replaced only when people delete them.
    OnDelete,
}

impl Default for Strategy {
    fn default() -> Self {
        Strategy::RollingUpdate {
            max_unavailable: None,
            max_surge: None,
            partition: 0,
        }
    }
}

/// The part of `status` that is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkloadStatus {
    /// `observedGeneration`.
    pub observed_generation: i64,
    /// `replicas`: pods that exist.
    pub replicas: i32,
    /// `updatedReplicas`: pods of the newest revision.
    pub updated: i32,
    /// `readyReplicas`, as the workload's own controller counts.
    pub ready: i32,
    /// The Deployment's condition `Progressing` is False with reason `ProgressDeadlineExceeded`.
    pub deadline_exceeded: bool,
    /// A Job or a bare pod has ended, well or not: nothing of it runs any more.
    pub finished: bool,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::testing::workload;

    fn rolling(max_unavailable: Option<&str>, max_surge: Option<&str>, partition: u32) -> Strategy {
        let amount = |text: &str| text.parse().map_or_else(|_| text.into(), IntOrString::Int);
        Strategy::RollingUpdate {
            max_unavailable: max_unavailable.map(amount),
            max_surge: max_surge.map(amount),
            partition,
        }
    }

    #[rstest]
    #[case::by_default(Kind::Deployment, Strategy::default(), 4, Some(1))]
    #[case::a_quarter_of_three_rounds_down(Kind::Deployment, Strategy::default(), 3, Some(0))]
    #[case::absent_beside_a_surge_of_none(Kind::Deployment, rolling(None, Some("0"), 0), 3, Some(1))]
    #[case::both_come_to_none(Kind::Deployment, rolling(Some("30%"), Some("0"), 0), 3, Some(1))]
    #[case::more_than_there_are(Kind::Deployment, rolling(Some("5"), None, 0), 2, Some(2))]
    #[case::all_percent(Kind::Deployment, rolling(Some("100%"), Some("100%"), 0), 3, Some(3))]
    #[case::ninety_nine_percent(Kind::Deployment, rolling(Some("99%"), None, 0), 3, Some(2))]
    #[case::none(Kind::Deployment, rolling(Some("0"), Some("1"), 0), 3, Some(0))]
    #[case::recreate(Kind::Deployment, Strategy::Recreate, 3, Some(3))]
    #[case::a_partition_says_nothing_there(Kind::Deployment, rolling(Some("3"), None, 2), 3, Some(3))]
    #[case::a_set_by_default(Kind::StatefulSet, Strategy::default(), 3, Some(1))]
    #[case::a_set_at_most_two(Kind::StatefulSet, rolling(Some("2"), None, 0), 3, Some(2))]
    #[case::a_third_of_two_rounds_down_to_none_and_counts_as_one(
        Kind::StatefulSet,
        rolling(Some("33%"), None, 0),
        2,
        Some(1)
    )]
    #[case::all_of_a_set(Kind::StatefulSet, rolling(Some("100%"), None, 0), 3, Some(3))]
    #[case::all_above_the_partition(Kind::StatefulSet, rolling(Some("100%"), None, 1), 3, Some(2))]
    #[case::none_above_the_partition(Kind::StatefulSet, rolling(None, None, 3), 3, Some(0))]
    #[case::by_hand(Kind::StatefulSet, Strategy::OnDelete, 3, None)]
    #[case::no_amount(Kind::Deployment, rolling(Some("many"), None, 0), 3, None)]
    fn a_rollout_takes_down(
        #[case] kind: Kind,
        #[case] strategy: Strategy,
        #[case] replicas: u32,
        #[case] down: Option<u32>,
    ) {
        let workload = workload(kind, "shop/web").with(|w| w.strategy = Field::Set(strategy));
        assert_eq!(workload.taken_down(replicas), down);
    }

    #[test]
    fn a_refused_strategy_takes_down_what_cannot_be_told() {
        let web = workload(Kind::Deployment, "shop/web").with(|w| w.strategy = Field::Invalid);
        assert_eq!(web.taken_down(3), None);
    }
}
