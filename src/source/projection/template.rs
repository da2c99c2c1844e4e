//! Pod templates: `spec.template` of a workload, or a bare Pod itself.

use std::collections::HashSet;

use serde::Deserialize;

use super::container::{Amounts, ContainerFields, Resources, containers};
use super::loose::{Fields, List, Loose, Struct, Text, quoted};
use super::meta::{Annotations, Strings};
use super::path::{Path, Problems};
use super::scheduling::{AffinityFields, SpreadFields, TolerationFields, spread, tolerations};
use crate::model::keys::Name;
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
    #[serde(borrow)]
    annotations: Loose<Annotations<'a>>,
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
    overhead: Struct<Amounts>,
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
    termination_grace_period_seconds: Loose<i64>,
    #[serde(borrow)]
    volumes: List<Fields<VolumeFields<'a>>>,
    host_network: Loose<bool>,
}

/// One volume, as far as it is a claim.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct VolumeFields<'a> {
    #[serde(borrow)]
    persistent_volume_claim: Struct<ClaimFields<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClaimFields<'a> {
    #[serde(borrow)]
    claim_name: Text<'a>,
}

impl TemplateFields<'_> {
    /// The template that stands at `path`.
    pub(super) fn template(self, path: Path<'_>, problems: &mut Problems) -> PodTemplate {
        let meta = path.key("metadata");
        let fields = self.metadata.fields(meta, problems);
        let labels = fields.labels.labels(meta.key("labels"), problems);
        let annotations = fields.annotations.own(meta.key("annotations"), problems);
        let spec = path.key("spec");
        let template = self.spec.fields(spec, problems).template(labels, spec, problems);
        PodTemplate {
            annotations,
            ..template
        }
    }
}

impl PodSpecFields<'_> {
    pub(super) fn template(self, labels: Labels, spec: Path<'_>, problems: &mut Problems) -> PodTemplate {
        let resources = spec.key("resources");
        let affinity = spec.key("affinity");
        let mut containers = containers(self.init_containers, self.containers, spec, problems);
        if self.host_network.take(spec.key("hostNetwork"), problems) == Some(true) {
            take_host_ports(&mut containers);
        }
        refuse_impossible(&containers, spec, problems);
        let (limit, request) = self
            .resources
            .fields(resources, problems)
            .read(resources, problems);
        let overhead = spec.key("overhead");
        let overhead = self.overhead.fields(overhead, problems).read(overhead, problems);
        let (required_node_affinity, anti_affinity) =
            self.affinity.fields(affinity, problems).read(affinity, problems);
        let spread_path = spec.key("topologySpreadConstraints");
        PodTemplate {
            labels,
            annotations: Vec::new(),
            containers,
            pod_memory_limit: limit.memory,
            pod_memory_request: request.memory,
            pod_cpu_limit: limit.cpu,
            pod_cpu_request: request.cpu,
            overhead_memory: overhead.memory,
            overhead_cpu: overhead.cpu,
            termination_grace: self
                .termination_grace_period_seconds
                .field(spec.key("terminationGracePeriodSeconds"), problems),
            claims: claims(self.volumes, spec.key("volumes"), problems),
            node_selector: self.node_selector.labels(spec.key("nodeSelector"), problems),
            required_node_affinity,
            anti_affinity,
            spread: spread(self.topology_spread_constraints, spread_path, problems),
            tolerations: tolerations(self.tolerations, |_| true, spec.key("tolerations"), problems),
        }
    }
}

/// Under `hostNetwork` every port that a container declares is its node's (`SetDefaults_Pod` in Kubernetes'
/// `pkg/apis/core/v1/defaults.go`).
fn take_host_ports(containers: &mut [Container]) {
    for port in containers.iter_mut().flat_map(|container| &mut container.ports) {
        port.on_host = port.on_host.or_else(|| u16::try_from(port.number).ok());
    }
}

/// The names of the claims among the volumes.
fn claims(volumes: List<Fields<VolumeFields<'_>>>, path: Path<'_>, problems: &mut Problems) -> Vec<Name> {
    let mut claims = Vec::new();
    for (i, Fields(volume)) in volumes.items(path, problems) {
        let path = path.at(i);
        let path = path.key("persistentVolumeClaim");
        let Some(Fields(claim)) = volume.persistent_volume_claim.take(path, problems) else {
            continue;
        };
        let name = claim.claim_name.take(path.key("claimName"), problems);
        claims.extend(
            name.filter(|name| !name.is_empty())
                .map(|name| Name::from(&*name)),
        );
    }
    claims
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
