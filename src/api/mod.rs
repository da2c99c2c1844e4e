//! The custom resources, group `plimsoll.dev/v1alpha1`.
//!
//! One version, no conversion webhook. The status types are the engine's own ([`crate::model::report`]); the comments there
//! and here are what `kubectl explain` prints. `crds/` and the chart's copy are generated from these types, and a test
//! holds them equal.

#![allow(
    unreachable_pub,
    reason = "the derives repeat the types in modules of their own"
)]

mod policy;

use kube::{CustomResource, CustomResourceExt, KubeSchema};
use serde::{Deserialize, Serialize};

pub use self::policy::{ResiliencePolicy, ResiliencePolicySpec};
use crate::model::keys::{Kind, ObjectKey};
use crate::model::report::{Acknowledgement, ReportStatus};
use crate::model::subject::{CLUSTER, Subject};
use crate::model::text::fnv32;

/// The API group.
pub const GROUP: &str = "plimsoll.dev";
/// The field manager of everything that Plimsoll writes.
pub const FIELD_MANAGER: &str = "plimsoll";

/// Whether a workload survives the loss of a pod, a node or a zone, and why not. Written by Plimsoll, one for each
/// Deployment, StatefulSet, DaemonSet and CronJob; people write spec.acknowledgements only.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "plimsoll.dev",
    version = "v1alpha1",
    kind = "ResilienceReport",
    plural = "resiliencereports",
    shortname = "rr",
    shortname = "resrep",
    category = "plimsoll",
    namespaced,
    status = "ReportStatus",
    derive = "PartialEq",
    doc = "Whether a workload survives the loss of a pod, a node or a zone, and why not. Written by Plimsoll; people write spec.acknowledgements only.",
    printcolumn = r#"{"name":"Verdict","type":"string","jsonPath":".status.verdict","description":"Outage, Degraded, AtRisk, Resilient or Unknown"}"#,
    printcolumn = r#"{"name":"Critical","type":"integer","jsonPath":".status.summary.critical","description":"Active critical findings"}"#,
    printcolumn = r#"{"name":"Warning","type":"integer","jsonPath":".status.summary.warning","description":"Active warnings"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.placement.readyOfDesired","description":"Ready and wanted replicas"}"#,
    printcolumn = r#"{"name":"Nodes","type":"integer","jsonPath":".status.placement.nodes","description":"Distinct nodes with running replicas"}"#,
    printcolumn = r#"{"name":"Zones","type":"integer","jsonPath":".status.placement.zones","description":"Distinct zones with running replicas"}"#,
    printcolumn = r#"{"name":"Survives","type":"string","jsonPath":".status.placement.survives","description":"The largest single failure that leaves a ready replica"}"#,
    printcolumn = r#"{"name":"Owner","type":"string","jsonPath":".status.owner","description":"Who runs it"}"#,
    printcolumn = r#"{"name":"Criticality","type":"string","priority":1,"jsonPath":".status.criticality","description":"Whom it serves: Customer, Internal or Batch"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.findings[0].message","description":"The worst finding"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ResilienceReportSpec {
    /// The workload that this is about.
    #[x_kube(validation = kube::core::Rule::new("self == oldSelf").message("workloadRef is immutable: a report is about one workload"))]
    pub workload_ref: WorkloadRef,
    /// Findings that somebody has seen to. Each covers one episode; a later one needs its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = kube::core::ListMerge::Map(vec!["id".to_string()]))]
    pub acknowledgements: Vec<Acknowledgement>,
}

/// Names the workload that a report is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRef {
    /// Such as apps/v1.
    pub api_version: String,
    /// Such as Deployment.
    pub kind: String,
    /// Its metadata.name.
    pub name: String,
    /// Its metadata.uid: a workload made anew gets a new report.
    pub uid: String,
}

/// What is wrong with a node, or with the cluster as a whole. Written by Plimsoll: `node-<name>` for a node with findings,
/// `cluster` for findings on the whole.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "plimsoll.dev",
    version = "v1alpha1",
    kind = "ClusterResilienceReport",
    plural = "clusterresiliencereports",
    shortname = "crr",
    category = "plimsoll",
    status = "ReportStatus",
    derive = "PartialEq",
    doc = "What is wrong with a node, or with the cluster as a whole. Written by Plimsoll; people write spec.acknowledgements only.",
    printcolumn = r#"{"name":"Verdict","type":"string","jsonPath":".status.verdict","description":"Degraded, AtRisk or Resilient"}"#,
    printcolumn = r#"{"name":"Critical","type":"integer","jsonPath":".status.summary.critical","description":"Active critical findings"}"#,
    printcolumn = r#"{"name":"Warning","type":"integer","jsonPath":".status.summary.warning","description":"Active warnings"}"#,
    printcolumn = r#"{"name":"Recovered","type":"integer","jsonPath":".status.summary.recovered","description":"Ended and not acknowledged"}"#,
    printcolumn = r#"{"name":"Message","type":"string","jsonPath":".status.findings[0].message","description":"The worst finding"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterResilienceReportSpec {
    /// The node that this is about; absent for the cluster as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// Findings that somebody has seen to. Each covers one episode; a later one needs its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = kube::core::ListMerge::Map(vec!["id".to_string()]))]
    pub acknowledgements: Vec<Acknowledgement>,
}

/// Longest name of a Kubernetes object whose name is a DNS subdomain (RFC 1123).
const NAME_MAX: usize = 253;

/// The name of the report on a subject: `deployment-web`, `node-n1`, `cluster`; with a hash in place of the end when it
/// would be too long.
#[must_use]
pub fn report_name(subject: &Subject) -> String {
    if *subject == Subject::Cluster {
        return CLUSTER.to_owned();
    }
    let name = format!("{}-{}", subject.kind().to_ascii_lowercase(), subject.name());
    if name.len() <= NAME_MAX {
        return name;
    }
    let suffix = format!("-{:08x}", fnv32(&name));
    format!(
        "{}{suffix}",
        &name[..NAME_MAX - suffix.len()].trim_end_matches(['-', '.'])
    )
}

/// The name of an Event on a subject: the report's, then a number that follows from what happened.
#[must_use]
pub fn event_name(subject: &Subject, what: u32) -> String {
    let suffix = format!(".{what:08x}");
    let name = report_name(subject);
    let room = name.len().min(NAME_MAX - suffix.len());
    format!("{}{suffix}", name[..room].trim_end_matches(['-', '.']))
}

/// The workload that a report is about; `None` for a kind of which this build writes no reports.
#[must_use]
pub fn report_subject(namespace: &str, workload: &WorkloadRef) -> Option<Subject> {
    let kind = Kind::parse(&workload.kind).filter(|kind| kind.has_report())?;
    Some(Subject::Workload(ObjectKey::new(
        kind,
        namespace,
        workload.name.as_str(),
    )))
}

/// What a cluster report is about: a node, or with no node named the whole.
#[must_use]
pub fn cluster_report_subject(spec: &ClusterResilienceReportSpec) -> Subject {
    match &spec.node_name {
        Some(node) => Subject::Node(node.as_str().into()),
        None => Subject::Cluster,
    }
}

/// The custom resource definitions, as file name and YAML.
#[must_use]
pub fn crds() -> Vec<(&'static str, String)> {
    let head = "# Generated from the Rust types: `plimsoll crds --dir crds` writes it anew.\n";
    [
        ("resiliencereports.yaml", ResilienceReport::crd()),
        ("clusterresiliencereports.yaml", ClusterResilienceReport::crd()),
        ("resiliencepolicies.yaml", ResiliencePolicy::crd()),
    ]
    .into_iter()
    .map(|(file, crd)| {
        let yaml = serde_saphyr::to_string(&crd).expect("a CRD is plain data");
        (file, format!("{head}{yaml}"))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_ends_in_a_hash_and_stays_a_dns_name() {
        let subject = |name: &str| Subject::Workload(ObjectKey::new(Kind::Deployment, "shop", name));
        let name = report_name(&subject(&"x".repeat(253)));
        assert_eq!(name.len(), 253);
        assert!(
            name.starts_with("deployment-xxx") && name.as_bytes()[244] == b'-',
            "{name}"
        );
        assert_eq!(report_name(&subject("web")), "deployment-web");
        assert_eq!(report_name(&Subject::Node("n1".into())), "node-n1");
        assert_eq!(report_name(&Subject::Cluster), "cluster");
    }
}
