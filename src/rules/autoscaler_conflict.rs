//! # autoscaler-conflict
//!
//! One hand sets a workload's replicas: one autoscaler, with bounds that can be met, and no manifest beside it.
//!
//! ## Why
//!
//! Two autoscalers on one target compute two numbers every 15 seconds and write them in turns. Newer Kubernetes stops two
//! HorizontalPodAutoscalers instead (`AmbiguousSelector`): nothing scales then but their bounds. A manifest with `replicas: 3` that is applied at noon takes a workload from twenty to three, and for the minutes
//! until the autoscaler has it up again the three carry the load of twenty, or fall. An autoscaler whose target is not there,
//! or whose bounds contradict each other, scales nothing, while everybody believes that something does. On 22 January 2024
//! Astro's API stood at too small a number of replicas while one after the other crashed: any of these brings a workload
//! there on an ordinary day.
//!
//! ## When it fails
//!
//! * Two autoscalers on one target: HorizontalPodAutoscalers, ScaledObjects of KEDA. The HorizontalPodAutoscaler that KEDA
//!   makes for a ScaledObject is its tool, and no second one.
//! * The minimum of an autoscaler is above its maximum. Its floor then counts as what it says.
//! * A manifest sets `spec.replicas` although an autoscaler owns them. Only manifests tell that: in a cluster the field is
//!   the autoscaler's, always set.
//! * The target of an autoscaler does not exist: an entry of its own in the results, about the autoscaler. Of manifests that
//!   is `info`, because the target may live elsewhere. The operator, which has no report for what is not there, counts it
//!   in the metric `plimsoll_findings`.
//!
//! ## Example
//!
//! Bad:
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata:
//!   name: web
//! spec:
//!   replicas: 3
//! ---
//! apiVersion: autoscaling/v2
//! kind: HorizontalPodAutoscaler
//! spec:
//!   scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
//!   minReplicas: 3
//!   maxReplicas: 20
//! ```
//!
//! Good: the same without `replicas`.
//!
//! ## Remedy
//!
//! Keep one autoscaler, with all metrics in it. Leave `replicas` out of the manifest. If it was applied with `kubectl apply`
//! before, take it out of what that remembers first (`kubectl apply edit-last-applied`), or the next apply takes the field
//! away and the workload goes to the default, 1.
//!
//! ## Options
//!
//! None.
//!
//! ## What it does not judge
//!
//! Autoscalers of kinds that are not read (an Argo Rollout, a custom resource), VerticalPodAutoscalers, `replicas: 0` (it
//! switches a HorizontalPodAutoscaler off on purpose), and a ScaledObject that is paused.

use serde_json::json;

use super::remedy::written_by;
use super::{Answers, Question, Rule};
use crate::index::{FloorSource, WorkloadView};
use crate::model::autoscaler::{Autoscaler, Pause};
use crate::model::finding::{CheckResult, Failure, Message, Outcome, Remedy, Severity};
use crate::model::keys::{Kind, is_system_namespace};
use crate::model::text::{count, list, shell_quote};

pub(super) const RULE: Rule = Rule {
    name: "autoscaler-conflict",
    severity: Severity::Warning,
    summary: "two autoscalers, or an autoscaler and a manifest, set its replicas; or an autoscaler can set none",
    template_only: false,
    needs: &[Kind::HorizontalPodAutoscaler, Kind::ScaledObject],
    check,
    source: include_str!("autoscaler_conflict.rs"),
};

/// The subject of the result on a manifest's own `replicas`.
const REPLICAS: &str = "replicas";

fn check(question: &Question<'_>) -> Answers {
    let view = &question.view;
    let autoscalers: Vec<&Autoscaler> = view.autoscalers().collect();
    if autoscalers.is_empty() {
        return Outcome::NotApplicable("no autoscaler scales it".to_owned()).into();
    }
    let mut rows = Vec::new();
    if autoscalers.len() > 1 {
        rows.push((None, several(view, &autoscalers)));
    }
    for autoscaler in &autoscalers {
        rows.extend(contradictory(autoscaler).map(|fails| (Some(source(autoscaler)), fails)));
    }
    let owner = autoscalers.iter().find(|autoscaler| owns(autoscaler, view));
    if let Some(owner) = owner {
        rows.extend(beside(view, owner).map(|fails| (Some(REPLICAS.to_owned()), fails)));
    }
    if rows.is_empty() {
        rows.push((
            None,
            Outcome::Pass(Some(format!("{} alone", source(autoscalers[0])))),
        ));
    }
    rows.into()
}

/// `HorizontalPodAutoscaler web`.
fn source(autoscaler: &Autoscaler) -> String {
    FloorSource::from(autoscaler).to_string()
}

fn several(view: &WorkloadView<'_>, autoscalers: &[&Autoscaler]) -> Outcome {
    let names: Vec<String> = autoscalers.iter().map(|autoscaler| source(autoscaler)).collect();
    let key = view.key();
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            format!(
                "{} are in each other's way",
                count(names.len() as u64, "autoscaler")
            ),
            format!("{} scale {key}", list(&names, 2)),
            "keep one of them",
        ),
        remedy: Some(Remedy::Advice(format!(
            "keep one autoscaler of {key} and put all metrics or triggers into it: it takes the largest number that one of \
             them asks for"
        ))),
    })
}

/// An autoscaler whose least is above its most.
fn contradictory(autoscaler: &Autoscaler) -> Option<Outcome> {
    let (least, most) = (autoscaler.least()?, autoscaler.most()?);
    if least <= most {
        return None;
    }
    let of = autoscaler.key();
    let (min, max) = autoscaler.fields();
    let refused_by = match of.kind {
        Kind::ScaledObject => "KEDA",
        _ => "the API server",
    };
    Some(Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            format!("nothing scales it, because {refused_by} refuses such bounds"),
            format!("{of} has spec.{min} {least} above spec.{max} {most}"),
            format!("set {max} to {least} or more"),
        ),
        remedy: Some(Remedy::Patch {
            target: of,
            patch: json!({ "spec": { max: least } }).into(),
            reason: format!("the smallest {max} that its {min} allows"),
        }),
    }))
}

/// Whether an autoscaler sets the replicas of this workload now: not while it is switched off or paused.
fn owns(autoscaler: &Autoscaler, view: &WorkloadView<'_>) -> bool {
    let paused = autoscaler.keda().is_some_and(|keda| keda.pause != Pause::Running);
    let replicas = view.workload().desired();
    !paused && replicas.is_some_and(|replicas| autoscaler.acts(replicas))
}

/// A manifest that sets the replicas itself.
fn beside(view: &WorkloadView<'_>, owner: &Autoscaler) -> Option<Outcome> {
    if !view.is_of_files() {
        return None;
    }
    let replicas = view.workload().replicas.get()?;
    let replicas = count(u32::try_from(*replicas).ok()?, "replica");
    let key = view.key();
    let (kind, namespace) = (
        key.kind.as_str().to_ascii_lowercase(),
        shell_quote(&key.namespace),
    );
    let advice = match written_by(view) {
        Some(by) => format!("leave the replicas out of its {by}"),
        None => format!(
            "remove spec.replicas from the manifest of {key}; if it was applied with kubectl apply before, take it out with \
             `kubectl -n {namespace} apply edit-last-applied {kind}/{}` first, or the next apply scales it to 1",
            shell_quote(&key.name)
        ),
    };
    Some(Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            format!("each time it is applied it goes to {replicas}, whatever the load"),
            format!("spec.replicas of {key} is owned by {}", source(owner)),
            "leave spec.replicas out",
        ),
        remedy: Some(Remedy::Advice(advice)),
    }))
}

/// What is to be said of an autoscaler whose target does not exist; nothing in a system namespace.
pub(super) fn judge_stray(stray: &Autoscaler, is_of_files: bool) -> Option<CheckResult> {
    if is_system_namespace(&stray.namespace) {
        return None;
    }
    let (key, target) = (stray.key(), &stray.target);
    let outcome = Outcome::from(Failure {
        severity: if is_of_files {
            Severity::Info
        } else {
            RULE.severity
        },
        message: Message::new(
            "it scales nothing",
            format!(
                "the target of {key}, {} {}, does not exist",
                target.kind, target.name
            ),
            "mend its scaleTargetRef, or delete it",
        ),
        remedy: Some(Remedy::Advice(format!(
            "let spec.scaleTargetRef of {key} name the workload that it is for, or delete it"
        ))),
    });
    Some(CheckResult {
        rule: RULE.name,
        subject: None,
        outcome,
    })
}

#[cfg(test)]
mod tests;
