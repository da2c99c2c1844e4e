//! # pdb-missing
//!
//! A workload of two or more replicas has a PodDisruptionBudget.
//!
//! ## Why
//!
//! Whoever drains nodes (an upgrade, an autoscaler of nodes, `kubectl drain`) evicts what it finds there, and waits for
//! replacements only where a budget says so. Without one, all replicas may be gone before the first new one is ready: two
//! that share a node go together, and two nodes that are drained at once take what is spread over both. On
//! 5 September 2019 both of iconik's web pods stood on one node; the drain of that node would have been the same outage,
//! made by hand.
//!
//! ## Example
//!
//! Bad: a Deployment with `replicas: 3`, and no PodDisruptionBudget in its namespace whose selector matches the labels of
//! its pods.
//!
//! Good, beside it:
//!
//! ```yaml
//! apiVersion: policy/v1
//! kind: PodDisruptionBudget
//! metadata:
//!   name: web
//! spec:
//!   maxUnavailable: 1
//!   unhealthyPodEvictionPolicy: AlwaysAllow
//!   selector:
//!     matchLabels: {app: web}
//! ```
//!
//! ## Remedy
//!
//! A whole PodDisruptionBudget, to be created. `maxUnavailable: 1` never blocks a drain, whatever the replicas become. Its
//! selector has the pods' own labels, without those that change from release to release. Where these labels are also those
//! of pods that such a budget would hurt (a DaemonSet's, a Job's: Kubernetes then allows nothing; or pods with a budget of
//! their own: Kubernetes then evicts none of them), people are asked to tell them apart first.
//!
//! ## Options
//!
//! None. A workload that may be drained as a whole can be exempted.
//!
//! ## What it does not judge
//!
//! Whether the budget allows anything (`pdb-blocks-drain`), and losses that nobody asked for: no budget holds up a node
//! that dies. Pods are known by the labels of the pod template; selectors that use labels which controllers add to pods
//! (`pod-template-hash`, `statefulset.kubernetes.io/pod-name`) select none of them here. Kubernetes' own namespaces are not
//! judged.

use serde_json::json;

use super::budgets::{self, unclear, workloads};
use super::remedy::own_labels;
use super::{Answers, Question, Rule, Unjudged, floor};
use crate::index::WorkloadView;
use crate::model::config::ClusterVersion;
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::keys::{Kind, Name};

pub(super) const RULE: Rule = Rule {
    name: "pdb-missing",
    severity: Severity::Warning,
    summary: "no PodDisruptionBudget keeps a drain from taking all of its replicas",
    template_only: false,
    needs: budgets::NEEDS,
    check,
    source: include_str!("pdb_missing.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    judge(&question.view).unwrap_or_else(Outcome::from).into()
}

fn judge(view: &WorkloadView<'_>) -> Result<Outcome, Unjudged> {
    let floor = floor::at_least(2, view)?;
    let budgets: Vec<_> = view.budgets().collect();
    if !budgets.is_empty() {
        return Ok(Outcome::Pass(Some(budgets::named(&budgets))));
    }
    unclear(view).map_or_else(|| Ok(fail(view, floor.replicas)), Err)
}

fn fail(view: &WorkloadView<'_>, floor: u32) -> Outcome {
    let key = view.key();
    let found = match view.budget_of_its_name() {
        Some(other) => format!("{} does not select the pods of {key}", other.key()),
        None => format!("no PodDisruptionBudget selects the pods of {key}"),
    };
    let replicas = if floor == 2 {
        "both replicas".to_owned()
    } else {
        format!("all {floor} replicas")
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            format!("a drain may take {replicas} down at once"),
            found,
            "add a PodDisruptionBudget with maxUnavailable: 1",
        ),
        remedy: Some(remedy(view)),
    })
}

/// Pods that would be selected as well, and that it would hurt.
fn hurt<'a>(view: &WorkloadView<'a>) -> Vec<WorkloadView<'a>> {
    let mut alike = view.alike();
    alike.retain(|other| {
        let has_scale = matches!(
            other.key().kind,
            Kind::Deployment | Kind::StatefulSet | Kind::ReplicaSet
        );
        other.key() != view.key() && (!has_scale || other.budgets().next().is_some())
    });
    alike
}

fn remedy(view: &WorkloadView<'_>) -> Remedy {
    let key = view.key();
    let hurt = hurt(view);
    match view.free_budget_name() {
        Some(name) if hurt.is_empty() => create(view, &name),
        _ if !hurt.is_empty() => Remedy::Advice(format!(
            "give the pods of {key} a label that those of {} lack, then a PodDisruptionBudget with maxUnavailable: 1 that \
             selects it",
            workloads(&hurt)
        )),
        _ => Remedy::Advice(format!(
            "add a PodDisruptionBudget with maxUnavailable: 1 that selects the pods of {key}: {}",
            own_labels(view)
        )),
    }
}

fn create(view: &WorkloadView<'_>, name: &Name) -> Remedy {
    let key = view.key();
    let mut spec = json!({ "maxUnavailable": 1, "selector": { "matchLabels": own_labels(view) } });
    if view.version() >= ClusterVersion::UNHEALTHY_POD_EVICTION_POLICY {
        spec["unhealthyPodEvictionPolicy"] = "AlwaysAllow".into();
    }
    Remedy::Create {
        manifest: json!({
            "apiVersion": Kind::PodDisruptionBudget.api_version(),
            "kind": Kind::PodDisruptionBudget.as_str(),
            "metadata": { "name": name, "namespace": key.namespace },
            "spec": spec,
        })
        .into(),
        reason: "maxUnavailable: 1 lets drains go on, one pod at a time, whatever the replicas become"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
