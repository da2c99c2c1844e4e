//! Pod templates: `spec.template` of a workload, or a bare Pod itself.

use std::collections::HashSet;

use serde::Deserialize;

use super::container::{ContainerFields, Resources, containers};
use super::loose::{Fields, List, Loose, Struct, Text, quoted};
use super::meta::Strings;
use super::path::{Path, Problems};
use super::scheduling::{AffinityFields, SpreadFields, TolerationFields, spread, tolerations};
use crate::model::selector::Labels;
use crate::model::template::{Container, ContainerRole, PodTemplate};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TemplateFields<'a> {
    #[serde(borrow)]
    metadata: Struct<TemplateMeta<'a>>,
    #[serde(borrow)]
    pub(super) spec: Struct<PodSpecFields<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateMeta<'a> {
    #[serde(borrow)]
    labels: Loose<Strings<'a>>,
}

/// `spec` of a pod, as far as rules read it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpecFields<'a> {
    #[serde(borrow)]
    containers: List<Fields<ContainerFields<'a>>>,
    #[serde(borrow)]
    init_containers: List<Fields<ContainerFields<'a>>>,
    resources: Struct<Resources>,
    #[serde(borrow)]
    node_selector: Loose<Strings<'a>>,
    #[serde(borrow)]
    affinity: Struct<AffinityFields<'a>>,
    #[serde(borrow)]
    topology_spread_constraints: List<Fields<SpreadFields<'a>>>,
    #[serde(borrow)]
    tolerations: List<Fields<TolerationFields<'a>>>,
    #[serde(borrow)]
    pub(super) node_name: Text<'a>,
}

impl TemplateFields<'_> {
    /// The template that stands at `path`.
    pub(super) fn template(self, path: Path<'_>, problems: &mut Problems) -> PodTemplate {
        let meta = path.key("metadata");
        let labels = self.metadata.fields(meta, problems).labels;
        let labels = labels.labels(meta.key("labels"), problems);
        let spec = path.key("spec");
        self.spec.fields(spec, problems).template(labels, spec, problems)
    }
}

impl PodSpecFields<'_> {
    pub(super) fn template(self, labels: Labels, spec: Path<'_>, problems: &mut Problems) -> PodTemplate {
        let resources = spec.key("resources");
        let affinity = spec.key("affinity");
        let containers = containers(self.init_containers, self.containers, spec, problems);
        refuse_impossible(&containers, spec, problems);
        let (pod_memory_limit, _) = self
            .resources
            .fields(resources, problems)
            .memory(resources, problems);
        let (required_node_affinity, anti_affinity) =
            self.affinity.fields(affinity, problems).read(affinity, problems);
        let spread_path = spec.key("topologySpreadConstraints");
        PodTemplate {
            labels,
            containers,
            pod_memory_limit,
            node_selector: self.node_selector.labels(spec.key("nodeSelector"), problems),
            required_node_affinity,
            anti_affinity,
            spread: spread(self.topology_spread_constraints, spread_path, problems),
            tolerations: tolerations(self.tolerations, |_| true, spec.key("tolerations"), problems),
        }
    }
}

/// A pod needs an app container, and no two containers may share a name.
fn refuse_impossible(containers: &[Container], spec: Path<'_>, problems: &mut Problems) {
    let path = spec.key("containers");
    if !containers.iter().any(|c| c.role == ContainerRole::App) && !problems.concern(path) {
        problems.add(path, "is required; add at least one container");
    }
    let mut names = HashSet::new();
    for container in containers {
        if !names.insert(&container.name) {
            let message = format!(
                "two containers are called {}; rename one",
                quoted(&container.name)
            );
            problems.add(path, message);
        }
    }
}
