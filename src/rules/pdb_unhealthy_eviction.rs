//! # pdb-unhealthy-eviction
//!
//! A PodDisruptionBudget does not protect pods that serve nobody: `unhealthyPodEvictionPolicy: AlwaysAllow`.
//!
//! ## Why
//!
//! By default a pod that runs and is not ready may be evicted only while enough others are healthy. When too few are,
//! which is when help is needed, its eviction is refused: the pods of a node in limbo are unready and stay where they are,
//! and pods of a broken release that never become ready hold up every drain. On 5 September 2019 both of iconik's web pods
//! sat unready on a node that Kubernetes neither trusted nor gave up; with a budget of the default kind, evicting them, the
//! way out, would have been refused until the node was back.
//!
//! ## Example
//!
//! Bad:
//!
//! ```yaml
//! apiVersion: policy/v1
//! kind: PodDisruptionBudget
//! spec:
//!   maxUnavailable: 1
//! ```
//!
//! Good:
//!
//! ```yaml
//! apiVersion: policy/v1
//! kind: PodDisruptionBudget
//! spec:
//!   maxUnavailable: 1
//!   unhealthyPodEvictionPolicy: AlwaysAllow
//! ```
//!
//! ## Remedy
//!
//! Set it. The field is read from Kubernetes 1.27 on; before, there is nothing to judge.
//!
//! ## Options
//!
//! None. Where an unready pod must be kept (a database that recovers for hours, and must not be moved meanwhile), exempt
//! the workload and say so.
//!
//! ## What it does not judge
//!
//! Whether pods are unready now (the detectors do).

use serde_json::json;

use super::budgets::{self, patch, selecting, unclear};
use super::{Answers, Question, Rule, Unjudged};
use crate::index::{BudgetView, WorkloadView};
use crate::model::budget::{DisruptionBudget, UnhealthyPodEviction};
use crate::model::config::ClusterVersion;
use crate::model::field::Field;
use crate::model::finding::{Failure, Message, Outcome, Severity};
use crate::model::keys::Kind;

pub(super) const RULE: Rule = Rule {
    name: "pdb-unhealthy-eviction",
    severity: Severity::Info,
    summary: "its PodDisruptionBudget also keeps unready pods from being evicted",
    template_only: false,
    needs: &[Kind::PodDisruptionBudget],
    check,
    source: include_str!("pdb_unhealthy_eviction.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    judge(&question.view).unwrap_or_else(Outcome::from).into()
}

fn judge(view: &WorkloadView<'_>) -> Result<Outcome, Unjudged> {
    let budgets = selecting(view)?;
    if view.version() < ClusterVersion::UNHEALTHY_POD_EVICTION_POLICY {
        let why = "before Kubernetes 1.27 no PodDisruptionBudget can say it";
        return Err(Unjudged::NotApplicable(why.to_owned()));
    }
    let policy = |b: &&BudgetView<'_>| b.budget().unhealthy;
    let lets_all_go = Field::Set(UnhealthyPodEviction::AlwaysAllow);
    let keeping = budgets
        .iter()
        .find(|b| policy(b) != lets_all_go && !policy(b).is_invalid());
    if let Some(keeping) = keeping {
        if policy(&keeping) == Field::Absent && !view.has_whole_templates() {
            let why =
                "the recording was made before spec.unhealthyPodEvictionPolicy was recorded; record anew";
            return Err(Unjudged::Unknown(why.to_owned()));
        }
        return Ok(fail(keeping.budget()));
    }
    match (budgets.iter().find(|b| policy(b).is_invalid()), unclear(view)) {
        (Some(refused), _) => Err(Unjudged::Unknown(format!(
            "spec.unhealthyPodEvictionPolicy of {} is refused by Kubernetes",
            refused.budget().key()
        ))),
        (None, Some(unclear)) => Err(unclear),
        (None, None) => Ok(Outcome::Pass(Some(budgets::named(&budgets)))),
    }
}

fn fail(budget: &DisruptionBudget) -> Outcome {
    let found = match budget.unhealthy {
        Field::Set(_) => "is IfHealthyBudget",
        _ => "is absent, so IfHealthyBudget",
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            "its unready pods cannot be evicted when too few others are healthy",
            format!("spec.unhealthyPodEvictionPolicy of {} {found}", budget.key()),
            "set it to AlwaysAllow",
        ),
        remedy: Some(patch(
            budget,
            &json!({ "unhealthyPodEvictionPolicy": "AlwaysAllow" }),
            "an unready pod serves nobody, and may have to leave a bad node",
        )),
    })
}

#[cfg(test)]
mod tests;
