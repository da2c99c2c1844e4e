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
//! * the `minReplicaCount` of the ScaledObject of KEDA that targets it (absent means 0), or its lower `idleReplicaCount`;
//!   while it is paused at a number of replicas (annotation `autoscaling.keda.sh/paused-replicas`), that number. The
//!   HorizontalPodAutoscaler that KEDA makes for it does not count a second time;
//! * otherwise `spec.replicas`; absent means 1. So it is, too, while a ScaledObject is paused without a number.
//!
//! With `spec.replicas: 0` it is off on purpose (Kubernetes then switches its HorizontalPodAutoscaler off too), and an
//! autoscaler whose own floor is 0 scales to zero on purpose: neither is judged.
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
//! The policy's `minReplicas`, 2 by default; `judgeScaleToZero`, whether to judge what an autoscaler may scale to zero, no by
//! default.
//!
//! ## What it does not judge
//!
//! Whether that many replicas carry the load, where they run (`pod-spread`), DaemonSets and Jobs.

use serde_json::{Value, json};

use super::remedy::written_by;
use super::{Answers, Question, Rule};
use crate::index::{Floor, FloorSource, WorkloadView};
use crate::model::autoscaler::{Autoscaler, KEDA_PAUSED_REPLICAS, Pause};
use crate::model::field::Field;
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::keys::Kind;
use crate::model::text::count;
use crate::policy::Policy;

pub(super) const RULE: Rule = Rule {
    name: "min-replicas",
    severity: Severity::Warning,
    summary: "it may be run at fewer replicas than the policy's minReplicas (2)",
    template_only: false,
    needs: &[Kind::HorizontalPodAutoscaler, Kind::ScaledObject],
    check,
    source: include_str!("min_replicas.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    judge(&question.view, question.policy).into()
}

fn judge(view: &WorkloadView<'_>, policy: &Policy) -> Outcome {
    let Some(floor) = view.floor() else {
        return Outcome::Unknown(invalid(view));
    };
    let wanted = policy.min_replicas;
    match &floor.source {
        FloorSource::Replicas if floor.replicas == 0 => Outcome::NotApplicable(switched_off(view)),
        FloorSource::Replicas if floor.replicas < wanted => by_replicas(view, floor.replicas, wanted),
        source if floor.replicas == 0 && source.is_autoscaler() && !policy.judge_scale_to_zero => {
            Outcome::NotApplicable(format!("{source} scales it to zero on purpose"))
        }
        source if floor.replicas < wanted => {
            match view.autoscalers().find(|a| FloorSource::from(*a) == *source) {
                Some(autoscaler) => by_autoscaler(view, autoscaler, floor.replicas, wanted),
                None => Outcome::Unknown(invalid(view)),
            }
        }
        _ => Outcome::Pass(Some(passes(view, &floor))),
    }
}

fn switched_off(view: &WorkloadView<'_>) -> String {
    match view.autoscalers().next() {
        Some(autoscaler) => format!(
            "spec.replicas is 0: off on purpose, and {} with it",
            FloorSource::from(autoscaler)
        ),
        None => "spec.replicas is 0: off on purpose".to_owned(),
    }
}

/// Names the value that Kubernetes would refuse.
fn invalid(view: &WorkloadView<'_>) -> String {
    if view.workload().desired().is_none() {
        return format!("spec.replicas of {} is not a number of replicas", view.key());
    }
    match view.autoscalers().find(|autoscaler| autoscaler.floor().is_none()) {
        Some(autoscaler) => format!(
            "{} of {} is not a number of replicas",
            floor_field(autoscaler),
            FloorSource::from(autoscaler)
        ),
        None => "its floor cannot be told".to_owned(),
    }
}

/// The path of the field that sets an autoscaler's floor.
fn floor_field(autoscaler: &Autoscaler) -> String {
    match autoscaler.keda() {
        Some(keda) if matches!(keda.pause, Pause::At(_)) => format!("annotation {KEDA_PAUSED_REPLICAS}"),
        Some(keda) if keda.idle != Field::Absent && autoscaler.least().is_some() => {
            "spec.idleReplicaCount".to_owned()
        }
        _ => format!("spec.{}", autoscaler.fields().0),
    }
}

fn passes(view: &WorkloadView<'_>, floor: &Floor) -> String {
    let replicas = count(floor.replicas, "replica");
    match &floor.source {
        FloorSource::Replicas if view.workload().replicas == Field::Absent => {
            format!("{replicas}, as spec.replicas is absent")
        }
        FloorSource::Replicas => format!("{replicas}, by spec.replicas"),
        autoscaler => format!("at least {replicas}, by {autoscaler}"),
    }
}

/// What a person risks at this floor.
fn impact(floor: u32, wanted: u32) -> String {
    match floor {
        0 => "nobody is served from the time it is idle until a pod has started".to_owned(),
        1 => "down whenever its one pod is".to_owned(),
        _ => format!("it may run on {floor} replicas where {wanted} are asked for"),
    }
}

fn by_autoscaler(view: &WorkloadView<'_>, autoscaler: &Autoscaler, floor: u32, wanted: u32) -> Outcome {
    let key = view.key();
    let of = autoscaler.key();
    let held = autoscaler
        .keda()
        .is_some_and(|keda| matches!(keda.pause, Pause::At(_)));
    let (min, max) = autoscaler.fields();
    let field = floor_field(autoscaler);
    let found = if autoscaler.min == Field::Absent && !held {
        format!("has no spec.{min}, so {floor}")
    } else {
        format!("has {field} {floor}")
    };
    // The API server refuses a floor above the ceiling.
    let low = autoscaler.most().is_some_and(|most| most < wanted);
    let way_out = match (held, low) {
        (true, _) => format!("remove that, or set it to {wanted} or more"),
        (false, true) => format!("set its {min} and {max} to {wanted} or more"),
        (false, false) => format!("set its {min} to {wanted} or more"),
    };
    let remedy = if held {
        Remedy::Advice(format!(
            "remove the {field} of {of} when the reason for the pause is over, or set it to {wanted} or more"
        ))
    } else {
        Remedy::Patch {
            target: of.clone(),
            patch: json!({ "spec": raised(autoscaler, wanted, low) }).into(),
            reason: "the autoscaler owns the floor: spec.replicas would be overwritten".to_owned(),
        }
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            impact(floor, wanted),
            format!("{of}, which scales {} {}, {found}", key.kind, key.name),
            way_out,
        ),
        remedy: Some(remedy),
    })
}

/// The fields of an autoscaler's spec that raise its floor.
fn raised(autoscaler: &Autoscaler, wanted: u32, low: bool) -> Value {
    let (min, max) = autoscaler.fields();
    let mut spec = json!({ min: wanted });
    if low {
        spec[max] = wanted.into();
    }
    // It would go on to be the floor.
    if autoscaler.keda().is_some_and(|keda| keda.idle != Field::Absent) {
        spec["idleReplicaCount"] = Value::Null;
    }
    spec
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
                patch: json!({ "spec": { "replicas": wanted } }).into(),
                reason: format!(
                    "no autoscaler owns the floor, so spec.replicas does; {wanted} is the policy's minReplicas"
                ),
            },
        ),
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(impact(floor, wanted), format!("{found} in {key}"), way_out),
        remedy: Some(remedy),
    })
}

#[cfg(test)]
mod tests;
