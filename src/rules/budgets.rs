//! What the rules on PodDisruptionBudgets share: which ones select a workload's pods, and how they are named and mended.

use serde_json::Value;

use super::Unjudged;
use crate::index::{BudgetView, WorkloadView};
use crate::model::budget::DisruptionBudget;
use crate::model::field::Field;
use crate::model::finding::Remedy;
use crate::model::keys::Kind;
use crate::model::text::list;

/// How many objects a message names.
const NAMED: usize = 2;

/// What a rule needs to be listed before it judges by a budget: what it selects, and the floors of that.
pub(super) const NEEDS: &[Kind] = &[Kind::PodDisruptionBudget, Kind::HorizontalPodAutoscaler];

/// The budgets that select the workload's pods, by name; or why a rule that judges them has nothing to say.
pub(super) fn selecting<'a>(view: &WorkloadView<'a>) -> Result<Vec<BudgetView<'a>>, Unjudged> {
    let budgets: Vec<BudgetView<'a>> = view.budgets().collect();
    match unclear(view) {
        _ if !budgets.is_empty() => Ok(budgets),
        Some(why) => Err(why),
        None => Err(Unjudged::NotApplicable(
            "no PodDisruptionBudget selects its pods".to_owned(),
        )),
    }
}

/// Unknown, where there is a budget of which it cannot be told whether it selects the workload's pods.
pub(super) fn unclear(view: &WorkloadView<'_>) -> Option<Unjudged> {
    let budget = view.budget_without_valid_selector()?;
    Some(Unjudged::Unknown(format!(
        "spec.selector of {} is refused by Kubernetes",
        budget.key()
    )))
}

/// `PodDisruptionBudget web`, `PodDisruptionBudgets web and api`.
pub(super) fn named(budgets: &[BudgetView<'_>]) -> String {
    let names: Vec<&str> = budgets.iter().map(|view| &*view.budget().name).collect();
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("PodDisruptionBudget{plural} {}", list(&names, NAMED))
}

/// `Deployment web, StatefulSet db and 2 more`.
pub(super) fn workloads(views: &[WorkloadView<'_>]) -> String {
    let names: Vec<String> = views
        .iter()
        .map(|view| format!("{} {}", view.key().kind, view.key().name))
        .collect();
    list(&names, NAMED)
}

/// `minAvailable 3`, `maxUnavailable 0%`, `neither minAvailable nor maxUnavailable`.
pub(super) fn number(budget: &DisruptionBudget) -> String {
    match (&budget.min_available, &budget.max_unavailable) {
        (Field::Set(least), _) => format!("minAvailable {least}"),
        (_, Field::Set(most)) => format!("maxUnavailable {most}"),
        _ => "neither minAvailable nor maxUnavailable".to_owned(),
    }
}

/// A patch of a budget; of one that another object owns, which would undo it, the advice to change that one.
pub(super) fn patch(budget: &DisruptionBudget, spec: &Value, reason: &str) -> Remedy {
    match &budget.controller {
        Some(owner) => Remedy::Advice(format!(
            "let {} {} set this in {}, as it would undo a change: {spec}",
            owner.kind,
            owner.name,
            budget.key()
        )),
        None => Remedy::Patch {
            target: budget.key(),
            patch: serde_json::json!({ "spec": spec }).into(),
            reason: reason.to_owned(),
        },
    }
}
