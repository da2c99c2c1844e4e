//! Pods where they may be workloads of their own: in files, in a cluster that is looked at once, and watched ones that
//! nothing controls.

use serde::Deserialize;

use super::Projection;
use super::loose::Struct;
use super::meta::{Identity, Meta, Strings, stamp};
use super::path::{Path, Problems};
use super::pod::{Status, concerns_no_execute, is_limit};
use super::template::PodSpecFields;
use super::workload::workload;
use crate::model::keys::{Kind, Name};
use crate::model::object::Object;
use crate::model::pod::{Pod, PodPhase, PodShape, RunningContainer};
use crate::model::selector::Labels;
use crate::model::template::PodTemplate;

/// A Pod. Without a controller it becomes a workload, otherwise a pod like those that are watched.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BarePodFields<'a> {
    #[serde(borrow)]
    pub(super) metadata: Struct<Meta<'a, Strings<'a>>>,
    #[serde(borrow)]
    pub(super) spec: Struct<PodSpecFields<'a>>,
    #[serde(borrow)]
    pub(super) status: Struct<Status<'a>>,
}

impl<'a> Projection<'a> for BarePodFields<'a> {
    fn project(self, kind: Kind, problems: &mut Problems) -> (Identity<'a>, Option<Object>) {
        let mut meta = self.metadata.fields_or_default();
        let identity = Identity::take(&mut meta, problems);
        let Some(key) = identity.key(kind) else {
            return (identity, None);
        };
        let path = Path::Root.key("metadata");
        let labels = std::mem::take(&mut meta.labels).labels(path.key("labels"), problems);
        let path = Path::Root.key("spec");
        let mut spec = self.spec.fields(path, problems);
        let node = std::mem::take(&mut spec.node_name).take(path.key("nodeName"), problems);
        let template = spec.template(labels, path, problems);
        let deletion = stamp(std::mem::take(&mut meta.deletion_timestamp));
        let mut workload = workload(key, &identity, meta, template, problems);
        workload.template.annotations.clone_from(&workload.annotations);
        let status = self.status.fields_or_default();
        if workload.controller.is_none() {
            workload.status.ready = i32::from(status.is_ready() && deletion.is_none());
            workload.labels = workload.template.labels.clone();
            workload.status.finished = status.is_finished();
            return (identity, Some(Object::Workload(Box::new(workload))));
        }
        let mut pod = Pod {
            namespace: workload.key.namespace,
            name: workload.key.name,
            controller: workload.controller,
            revision: revision(&workload.template.labels),
            node: node.map(|text| Name::from(&*text)),
            phase: PodPhase::default(),
            ready: false,
            deletion,
            disruption_target: false,
            shape: shape(workload.template),
        };
        status.tell(&mut pod);
        (identity, Some(Object::Pod(pod)))
    }
}

fn revision(labels: &Labels) -> Option<Name> {
    let revision = labels.get("pod-template-hash");
    revision
        .or_else(|| labels.get("controller-revision-hash"))
        .map(Name::from)
}

fn shape(template: PodTemplate) -> PodShape {
    let version = template.version();
    let tolerations = template.tolerations.into_iter();
    let containers = template.containers.into_iter();
    PodShape {
        containers: containers.map(RunningContainer::from).collect(),
        pod_memory_limited: is_limit(&template.pod_memory_limit),
        version,
        no_execute: tolerations.filter(|t| concerns_no_execute(t.effect)).collect(),
    }
}
