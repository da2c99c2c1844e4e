//! A workload: a top-level owner of pods that people name.

use jiff::Timestamp;

use super::context::annotation;
use super::field::{Field, FieldProblem};
use super::intstr::IntOrString;
use super::keys::{Name, ObjectKey};
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
