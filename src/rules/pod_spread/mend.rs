//! The remedy: a soft spread over hostname and zone (where nodes have one), added to what is there.

use serde_json::{Value, json};

use super::domains::domains;
use super::terms::POD_TEMPLATE_HASH;
use crate::index::WorkloadView;
use crate::model::config::ClusterVersion;
use crate::model::field::Field;
use crate::model::finding::Remedy;
use crate::model::keys::{Kind, Name};
use crate::model::node::{HOSTNAME_LABEL, ZONE_LABEL};
use crate::model::template::WhenUnsatisfiable;
use crate::rules::remedy::{own_labels, pod_spec_patch, pod_spec_path, written_by};

/// What spreads the workload's pods.
///
/// A strategic merge patch merges `topologySpreadConstraints` by `topologyKey` alone. A constraint over a key that is
/// already there would therefore not be added but change the one that is there, so for such a key people are asked to
/// add it by hand.
pub(super) fn soft_spread(view: &WorkloadView<'_>) -> Remedy {
    let key = view.key();
    let taken = |topology_key: &str| {
        view.template()
            .spread
            .iter()
            .any(|c| *c.topology_key == *topology_key)
    };
    let over = keys(view);
    let constraints = |keys: &[&str]| Value::Array(keys.iter().map(|k| constraint(view, k)).collect());
    let path = format!("{}.topologySpreadConstraints", pod_spec_path(key.kind));
    if let Some(owner) = written_by(view) {
        return Remedy::Advice(format!(
            "add to {path} of {key}, in its {owner}: {}",
            constraints(over)
        ));
    }
    if taken(HOSTNAME_LABEL) {
        // Kubernetes refuses two constraints with the same topologyKey and whenUnsatisfiable.
        let soft = Field::Set(WhenUnsatisfiable::ScheduleAnyway);
        let mut spread = view.template().spread.iter();
        let correct = spread.any(|c| *c.topology_key == *HOSTNAME_LABEL && c.when_unsatisfiable == soft);
        let what = if correct {
            "let the soft constraint over it read"
        } else {
            "add"
        };
        return Remedy::Advice(format!(
            "{path} of {key} has {HOSTNAME_LABEL} already; by hand, as a patch would change that one, {what}: {}",
            constraint(view, HOSTNAME_LABEL)
        ));
    }
    let keys: &[&str] = if taken(ZONE_LABEL) {
        &[HOSTNAME_LABEL]
    } else {
        over
    };
    Remedy::Patch {
        target: key.clone(),
        patch: pod_spec_patch(
            key.kind,
            &json!({ "topologySpreadConstraints": constraints(keys) }),
        ),
        reason: "soft: it spreads the pods where there is room and leaves none Pending; what is there stays"
            .to_owned(),
    }
}

/// Over what. A soft constraint over a label that nodes lack would take the effect from the other, so where that leaves
/// fewer than two nodes the zone is left out.
pub(super) fn keys(view: &WorkloadView<'_>) -> &'static [&'static str] {
    let hosts = |beside: &[&Name]| domains(view, HOSTNAME_LABEL, beside, 2);
    if hosts(&[&Name::from(ZONE_LABEL)]) < hosts(&[]) {
        &[HOSTNAME_LABEL]
    } else {
        &[HOSTNAME_LABEL, ZONE_LABEL]
    }
}

/// What to do about a soft constraint that takes the effect from the others.
pub(super) fn without(view: &WorkloadView<'_>, other: &Name) -> Remedy {
    let key = view.key();
    Remedy::Advice(format!(
        "remove the one over {other} from {}.topologySpreadConstraints of {}, or label the nodes with it",
        pod_spec_path(key.kind),
        written_by(view).unwrap_or_else(|| key.to_string()),
    ))
}

fn constraint(view: &WorkloadView<'_>, topology_key: &str) -> Value {
    let mut constraint = json!({
        "maxSkew": 1,
        "topologyKey": topology_key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": { "matchLabels": own_labels(view) },
    });
    let by_revision =
        view.key().kind == Kind::Deployment && view.version() >= ClusterVersion::SPREAD_MATCH_LABEL_KEYS;
    if by_revision {
        constraint["matchLabelKeys"] = json!([POD_TEMPLATE_HASH]);
    }
    constraint
}
