//! What the messages and remedies of several rules share: what a container is called, where a pod spec sits in its
//! object, and who would undo a patch.

use serde_json::{Value, json};

use crate::index::WorkloadView;
use crate::model::json::Json;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::template::{Container, ContainerRole};
use crate::model::text::shell_quote;

/// A strategic merge patch that changes a part of the pod spec, whatever the kind of its object.
pub(super) fn pod_spec_patch(kind: Kind, pod_spec: &Value) -> Json {
    let patch = match kind {
        Kind::Pod => json!({ "spec": pod_spec }),
        Kind::CronJob => {
            json!({ "spec": { "jobTemplate": { "spec": { "template": { "spec": pod_spec } } } } })
        }
        _ => json!({ "spec": { "template": { "spec": pod_spec } } }),
    };
    patch.into()
}

/// The path of the pod spec in objects of a kind, as `kubectl explain` takes it.
pub(super) const fn pod_spec_path(kind: Kind) -> &'static str {
    match kind {
        Kind::Pod => "spec",
        Kind::CronJob => "spec.jobTemplate.spec.template.spec",
        _ => "spec.template.spec",
    }
}

/// Where the container stands in the pod spec.
pub(super) const fn list_of(container: &Container) -> &'static str {
    match container.role {
        ContainerRole::App => "containers",
        ContainerRole::Sidecar | ContainerRole::Init => "initContainers",
    }
}

/// `container app`, `sidecar proxy`, `init container migrate`.
pub(super) fn title(container: &Container) -> String {
    let role = match container.role {
        ContainerRole::App => "container",
        ContainerRole::Sidecar => "sidecar",
        ContainerRole::Init => "init container",
    };
    format!("{role} {}", container.name)
}

/// The object that writes this workload, such as an operator's custom resource: `Prometheus prom-main`. It would undo
/// a patch, so remedies send people there. (Workloads of a controller that is read, a Deployment's ReplicaSet, are not
/// judged at all.)
pub(super) fn written_by(view: &WorkloadView<'_>) -> Option<String> {
    let controller = view.workload().controller.as_ref()?;
    Some(format!("{} {}", controller.kind, controller.name))
}

/// The `matchLabels` of a selector that is proposed for this workload's pods.
pub(super) fn own_labels(view: &WorkloadView<'_>) -> Value {
    let labels = view.template().lasting_labels();
    Value::Object(
        labels
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect(),
    )
}

/// `kubectl -n shop rollout restart deployment/web`; for kinds that have no rollouts, to make the pods anew.
pub(super) fn restart(key: &ObjectKey) -> String {
    match key.kind {
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => format!(
            "kubectl -n {} rollout restart {}/{}",
            shell_quote(&key.namespace),
            key.kind.as_str().to_ascii_lowercase(),
            shell_quote(&key.name)
        ),
        Kind::Pod => format!("delete {key}, and make it anew"),
        kind => format!(
            "delete the running pods of {kind} {}, so that they are made anew",
            key.path()
        ),
    }
}
