//! Which versions of which groups a kind has been served in.

use super::document::NOT_RENDERED;
use crate::model::config::ClusterVersion;
use crate::model::keys::Kind;
use crate::model::text::{clip, distance};

/// What an `apiVersion` means for a kind's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// It is served.
    Yes,
    /// It was, before this version of Kubernetes.
    Until(ClusterVersion),
    /// The group is right, the version was never served.
    UnknownVersion,
    /// Kubernetes serves the kind in another group.
    WrongGroup,
    /// It is somebody else's kind of the same name (`serving.knative.dev/v1 Service`).
    Foreign,
}

/// Versions that were read once and are gone: (group/version, kinds, gone from 1.x). The others of `Kind::group` are
/// those of <https://kubernetes.io/docs/reference/using-api/deprecation-guide/>.
const GONE: &[(&str, &[Kind], u32)] = &[
    (
        "extensions/v1beta1",
        &[Kind::Deployment, Kind::DaemonSet, Kind::ReplicaSet],
        16,
    ),
    ("apps/v1beta1", &[Kind::Deployment, Kind::StatefulSet], 16),
    (
        "apps/v1beta2",
        &[
            Kind::Deployment,
            Kind::StatefulSet,
            Kind::DaemonSet,
            Kind::ReplicaSet,
        ],
        16,
    ),
    ("batch/v2alpha1", &[Kind::CronJob], 21),
    ("batch/v1beta1", &[Kind::CronJob], 25),
    ("policy/v1beta1", &[Kind::PodDisruptionBudget], 25),
    ("discovery.k8s.io/v1beta1", &[Kind::EndpointSlice], 25),
    ("autoscaling/v2beta1", &[Kind::HorizontalPodAutoscaler], 25),
    ("autoscaling/v2beta2", &[Kind::HorizontalPodAutoscaler], 26),
    ("coordination.k8s.io/v1beta1", &[Kind::Lease], 22),
];

/// Every kind of the groups that hold a kind that is read, also those that were served once. `Config` is kubectl's own,
/// which lies beside manifests.
const BUILT_IN: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "Binding",
            "ComponentStatus",
            "Config",
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "List",
            "Namespace",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
            "Status",
        ],
    ),
    (
        "apps",
        &[
            "ControllerRevision",
            "DaemonSet",
            "Deployment",
            "ReplicaSet",
            "Scale",
            "StatefulSet",
        ],
    ),
    ("autoscaling", &["HorizontalPodAutoscaler", "Scale"]),
    ("batch", &["CronJob", "Job", "JobTemplate"]),
    ("coordination.k8s.io", &["Lease", "LeaseCandidate"]),
    ("discovery.k8s.io", &["EndpointSlice"]),
    (
        "policy",
        &["Eviction", "PodDisruptionBudget", "PodSecurityPolicy"],
    ),
];

/// What is wrong with a kind that is not read: nothing (`None`), unless Kubernetes' own group of that name has no such kind.
pub(super) fn unknown_kind(api_version: &str, kind: &str) -> Option<String> {
    if kind.is_empty() {
        return Some("kind must not be empty; write one such as Deployment".to_owned());
    }
    if kind.contains("{{") {
        return Some(format!("kind {NOT_RENDERED}"));
    }
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let (_, kinds) = BUILT_IN
        .iter()
        .find(|(own, _)| *own == group && !api_version.is_empty())?;
    let single = kind.strip_suffix("List").unwrap_or(kind);
    if kinds.contains(&kind) || kinds.contains(&single) {
        return None;
    }
    let shown = clip(kind, 60);
    let typed = shown.to_lowercase();
    let errors = |known: &&&str| distance(&typed, &known.to_lowercase());
    let near = kinds
        .iter()
        .min_by_key(errors)
        .filter(|near| errors(near) <= near.len() / 3);
    let way_out = near.map_or_else(
        || "check kind and apiVersion".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    Some(format!(
        "there is no {shown:?} in {api_version}; {way_out}",
        api_version = clip(api_version, 60)
    ))
}

/// Looks an `apiVersion` up for a cluster of `version`.
pub(super) fn served(api_version: &str, kind: Kind, version: ClusterVersion) -> Served {
    if api_version == kind.api_version()
        || (api_version, kind) == ("autoscaling/v1", Kind::HorizontalPodAutoscaler)
    {
        return Served::Yes;
    }
    if let Some((_, _, gone)) = GONE
        .iter()
        .find(|(gone, kinds, _)| *gone == api_version && kinds.contains(&kind))
    {
        let gone = ClusterVersion(*gone);
        return if version < gone {
            Served::Yes
        } else {
            Served::Until(gone)
        };
    }
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    // KEDA 1 had another ScaledObject in keda.k8s.io, which is nobody's now.
    let others = kind.is_optional() && !group.is_empty();
    if group == kind.group() {
        Served::UnknownVersion
    } else if others || (group.contains('.') && !group.ends_with(".k8s.io")) {
        Served::Foreign
    } else {
        Served::WrongGroup
    }
}
