//! # min-replicas
//!
//! A workload is never run at fewer replicas than the policy asks for: two, unless it says otherwise.
//!
//! ## Why
//!
//! With one replica, every lost pod is an outage: a crash, a drained node, a rollout that fails. What counts is the
//! fewest replicas that it may be run at, and that is the autoscaler's to say where there is one: at night, when the
//! traffic is low, it goes down to its floor. On 22 January 2024 Astro's API crashed replica after replica; its fleet
//! stood at its autoscaler's minimum, few and large, and each crash took a big part of the capacity with it.
//!
//! ## What counts as the floor
//!
//! * the `minReplicas` of the HorizontalPodAutoscaler that targets it; absent means 1;
//! * otherwise `spec.replicas`; absent means 1.
//!
//! With `spec.replicas: 0` it is off on purpose (Kubernetes then switches its autoscaler off too), and an autoscaler
//! whose own floor is 0 scales to zero on purpose: neither is judged.
//!
//! ## Example
//!
//! Bad:
//!
//! ```yaml
//! apiVersion: autoscaling/v2
//! kind: HorizontalPodAutoscaler
//! spec:
//!   maxReplicas: 10
//! ```
//!
//! Good:
//!
//! ```yaml
//! apiVersion: autoscaling/v2
//! kind: HorizontalPodAutoscaler
//! spec:
//!   minReplicas: 2
//!   maxReplicas: 10
//! ```
//!
//! ## Remedy
//!
//! Raise the floor where it is set: on the autoscaler if there is one (`spec.replicas` is then the autoscaler's, and a
//! value set by hand is overwritten), else on the workload.
//!
//! ## Options
//!
//! The policy's `minReplicas`, 2 by default.
//!
//! ## What it does not judge
//!
//! Whether that many replicas carry the load, where they run (`pod-spread`), DaemonSets and Jobs.

use serde_json::json;

use super::remedy::written_by;
use super::{Answers, Question, Rule};
use crate::index::{Floor, FloorSource, WorkloadView};
use crate::model::context::Autoscaler;
use crate::model::field::Field;
use crate::model::finding::{Message, Outcome, Remedy, Severity};
use crate::model::keys::{Kind, Name, ObjectKey};
use crate::model::text::count;

pub(super) const RULE: Rule = Rule {
    name: "min-replicas",
    severity: Severity::Warning,
    summary: "it may be run at fewer replicas than the policy's minReplicas (2)",
    template_only: false,
    needs: &[Kind::HorizontalPodAutoscaler],
    check,
    source: include_str!("min_replicas.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    judge(&question.view, question.policy.min_replicas).into()
}

fn judge(view: &WorkloadView<'_>, wanted: u32) -> Outcome {
    if view.workload().desired() == Some(0) {
        return Outcome::NotApplicable(switched_off(view));
    }
    let Some(floor) = view.floor() else {
        return Outcome::Unknown(invalid(view));
    };
    match &floor.source {
        FloorSource::Autoscaler(name) if floor.replicas == 0 => Outcome::NotApplicable(format!(
            "HorizontalPodAutoscaler {name} scales it to zero on purpose"
        )),
        _ if floor.replicas >= wanted => Outcome::Pass(Some(passes(view, &floor))),
        FloorSource::Autoscaler(name) => by_autoscaler(view, name, floor.replicas, wanted),
        FloorSource::Replicas => by_replicas(view, floor.replicas, wanted),
    }
}

fn switched_off(view: &WorkloadView<'_>) -> String {
    match view.autoscalers().next() {
        Some(hpa) => format!(
            "spec.replicas is 0: off on purpose, and HorizontalPodAutoscaler {} with it",
            hpa.name
        ),
        None => "spec.replicas is 0: off on purpose".to_owned(),
    }
}

/// Names the value that Kubernetes would refuse.
fn invalid(view: &WorkloadView<'_>) -> String {
    if view.workload().desired().is_none() {
        return format!("spec.replicas of {} is not a number of replicas", view.key());
    }
    let refused = |a: &&Autoscaler| a.min.is_invalid() || a.min.get().is_some_and(|n| *n < 0);
    match view.autoscalers().find(refused) {
        Some(hpa) => format!(
            "spec.minReplicas of HorizontalPodAutoscaler {} is not a number of replicas",
            hpa.name
        ),
        None => "its floor cannot be told".to_owned(),
    }
}

fn passes(view: &WorkloadView<'_>, floor: &Floor) -> String {
    let replicas = count(floor.replicas, "replica");
    match &floor.source {
        FloorSource::Autoscaler(name) => {
            format!("at least {replicas}, by HorizontalPodAutoscaler {name}")
        }
        FloorSource::Replicas if view.workload().replicas == Field::Absent => {
            format!("{replicas}, as spec.replicas is absent")
        }
        FloorSource::Replicas => format!("{replicas}, by spec.replicas"),
    }
}

/// What a person risks at this floor.
fn impact(floor: u32, wanted: u32) -> String {
    if floor == 1 {
        "down whenever its one pod is".to_owned()
    } else {
        format!("it may run on {floor} replicas where {wanted} are asked for")
    }
}

fn by_autoscaler(view: &WorkloadView<'_>, name: &Name, floor: u32, wanted: u32) -> Outcome {
    let key = view.key();
    let hpa = view.autoscalers().find(|a| a.name == *name);
    let found = match hpa.map(|a| &a.min) {
        Some(Field::Absent) => "has no spec.minReplicas, so 1".to_owned(),
        _ => format!("has spec.minReplicas {floor}"),
    };
    let mut spec = json!({ "minReplicas": wanted });
    // The API server refuses a floor above the ceiling.
    let low = hpa
        .and_then(|a| a.max.get().copied())
        .is_some_and(|max| i64::from(max) < i64::from(wanted));
    if low {
        spec["maxReplicas"] = json!(wanted);
    }
    let way_out = if low {
        format!("set its minReplicas and maxReplicas to {wanted} or more")
    } else {
        format!("set its minReplicas to {wanted} or more")
    };
    let hpa = ObjectKey::new(Kind::HorizontalPodAutoscaler, key.namespace.clone(), name.clone());
    Outcome::Fail {
        severity: RULE.severity,
        message: Message::new(
            impact(floor, wanted),
            format!("{hpa}, which scales {} {}, {found}", key.kind, key.name),
            way_out,
        ),
        remedy: Some(Remedy::Patch {
            target: hpa,
            patch: json!({ "spec": spec }),
            reason: "the autoscaler owns the floor: spec.replicas would be overwritten".to_owned(),
        }),
    }
}

fn by_replicas(view: &WorkloadView<'_>, floor: u32, wanted: u32) -> Outcome {
    let key = view.key();
    let found = if view.workload().replicas == Field::Absent {
        "spec.replicas is absent, so 1".to_owned()
    } else {
        format!("spec.replicas is {floor}")
    };
    let (way_out, remedy) = match written_by(view) {
        Some(owner) => (
            format!("set {wanted} or more in its {owner}"),
            Remedy::Advice(format!(
                "set {wanted} replicas or more in its {owner}: a change of {key} would be undone"
            )),
        ),
        None => (
            format!("set it to {wanted} or more"),
            Remedy::Patch {
                target: key.clone(),
                patch: json!({ "spec": { "replicas": wanted } }),
                reason: format!(
                    "no autoscaler owns the floor, so spec.replicas does; {wanted} is the policy's minReplicas"
                ),
            },
        ),
    };
    Outcome::Fail {
        severity: RULE.severity,
        message: Message::new(impact(floor, wanted), format!("{found} in {key}"), way_out),
        remedy: Some(remedy),
    }
}

#[cfg(test)]
mod tests;
