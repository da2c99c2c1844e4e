//! # pdb-blocks-drain
//!
//! A PodDisruptionBudget lets at least one of its pods go while the workload is at its floor.
//!
//! ## Why
//!
//! A budget that allows nothing does not protect, it postpones: the drain of a node waits for ever, upgrades of nodes hang,
//! and in the end somebody deletes the pods by hand, all at once. It also keeps people from helping themselves. On
//! 5 September 2019 the way out for iconik was to move two pods off a bad node; evictions would have been refused, one
//! after the other, had a budget demanded both of them.
//!
//! ## How Kubernetes counts
//!
//! At the floor, with every pod ready, n being the floors of *all* workloads whose pods the budget selects, added up:
//!
//! | field | allowed |
//! |---|---|
//! | `minAvailable: m` | n - m |
//! | `minAvailable: p%` | n - ceil(n · p / 100) |
//! | `maxUnavailable: k` | k, at most n |
//! | `maxUnavailable: p%` | ceil(n · p / 100) |
//! | neither | 0 |
//!
//! For percentages and for `maxUnavailable` Kubernetes asks the pods' controllers for their scale. A DaemonSet, a Job or a
//! CronJob has none, so one pod of such a kind under the selector, and nothing that the budget selects may be evicted. Pods
//! that no controller runs count as available, but not as expected.
//!
//! ## Example
//!
//! Bad, because it equals the floor:
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! spec:
//!   replicas: 2
//! ---
//! apiVersion: policy/v1
//! kind: PodDisruptionBudget
//! spec:
//!   minAvailable: 2
//! ```
//!
//! Good:
//!
//! ```yaml
//! apiVersion: policy/v1
//! kind: PodDisruptionBudget
//! spec:
//!   maxUnavailable: 1
//! ```
//!
//! ## Remedy
//!
//! `maxUnavailable: 1` in place of what is there. Where there is one replica, a budget can only block or do nothing: raise
//! the floor, or drop the budget.
//!
//! ## Options
//!
//! None. Where a drain must wait for people (a replica that they move by hand), exempt the workload and say so.
//!
//! ## What it does not judge
//!
//! What is allowed now, while pods are unready or more replicas run than at the floor: that is `status.disruptionsAllowed`.
//! ReplicaSets of controllers that are not read (an Argo Rollout) are not counted, nor are, in a cluster, pods that no
//! controller runs.

use serde_json::{Value, json};

use super::budgets::{self, number, patch, selecting, unclear, workloads};
use super::{Answers, Question, Rule, Unjudged, floor};
use crate::index::{Allowance, BudgetView, Floor, WorkloadView};
use crate::model::budget::{DisruptionBudget, Selected};
use crate::model::field::Field;
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::intstr::Amount;
use crate::model::keys::{Kind, ObjectKey};
use crate::model::text::shell_quote;

pub(super) const RULE: Rule = Rule {
    name: "pdb-blocks-drain",
    severity: Severity::Warning,
    summary: "its PodDisruptionBudget lets no pod go, so that drains wait for ever",
    template_only: false,
    needs: budgets::NEEDS,
    check,
    source: include_str!("pdb_blocks_drain.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    judge(&question.view).unwrap_or_else(Outcome::from).into()
}

fn judge(view: &WorkloadView<'_>) -> Result<Outcome, Unjudged> {
    let budgets = selecting(view)?;
    let floor = floor::at_least(1, view)?;
    let answers: Vec<Outcome> = budgets.iter().map(|b| of_budget(view, &floor, b)).collect();
    // One that blocks is enough; a pass needs all of them.
    let rank = |outcome: &Outcome| match outcome {
        Outcome::Fail(_) => 0,
        Outcome::Pass(_) => 2,
        _ => 1,
    };
    let answer = answers.into_iter().min_by_key(rank);
    let answer = answer.unwrap_or(Outcome::Pass(None));
    match unclear(view) {
        Some(unclear) if matches!(answer, Outcome::Pass(_)) => Err(unclear),
        _ => Ok(answer),
    }
}

fn of_budget(view: &WorkloadView<'_>, floor: &Floor, budget: &BudgetView<'_>) -> Outcome {
    let key = budget.budget().key();
    match budget.allowance() {
        Allowance::Pods(0) => blocks(view, floor, budget),
        Allowance::Pods(n) => Outcome::Pass(Some(format!(
            "{} {}",
            budgets::named(&[*budget]),
            lets_go(n, budget)
        ))),
        Allowance::NoScale(other) => without_scale(budget.budget(), &other),
        Allowance::Uncounted(other) => Outcome::Unknown(format!(
            "{key} also selects the pods of {other}, whose number cannot be told"
        )),
        Allowance::Refused => Outcome::Unknown(format!(
            "minAvailable or maxUnavailable of {key} is refused by Kubernetes"
        )),
    }
}

fn lets_go(allowed: i64, budget: &BudgetView<'_>) -> String {
    let workloads = budget.workloads();
    let of = match workloads.as_slice() {
        [_] => format!("{}", budget.floor()),
        several => format!("{} of {}", budget.floor(), budgets::workloads(several)),
    };
    format!("lets {allowed} of {of} go")
}

const IMPACT: &str = "no drain can move its pods";

fn blocks(view: &WorkloadView<'_>, floor: &Floor, selecting: &BudgetView<'_>) -> Outcome {
    let budget = selecting.budget();
    let selected = selecting.workloads();
    let found = match selected.as_slice() {
        [_] => format!(
            "{} has {}, and the floor of {} is {}",
            budget.key(),
            number(budget),
            view.key(),
            floor.replicas
        ),
        several => format!(
            "{} has {}, and the floors of {} add up to {}",
            budget.key(),
            number(budget),
            workloads(several),
            selecting.floor()
        ),
    };
    let (way_out, remedy) = match (selected.as_slice(), floor.replicas) {
        ([_], 1) => raise_or_drop(view, floor, budget),
        _ => (
            "set maxUnavailable: 1 instead".to_owned(),
            patch(
                budget,
                &one_at_a_time(budget),
                "one pod at a time may go, whatever the replicas become",
            ),
        ),
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(IMPACT, found, way_out),
        remedy: Some(remedy),
    })
}

/// `maxUnavailable: 1`, and nothing beside it.
fn one_at_a_time(budget: &DisruptionBudget) -> Value {
    match budget.min_available {
        Field::Absent => json!({ "maxUnavailable": 1 }),
        _ => json!({ "minAvailable": null, "maxUnavailable": 1 }),
    }
}

/// With one replica there are two ways out, and only people know which one is meant.
fn raise_or_drop(view: &WorkloadView<'_>, floor: &Floor, budget: &DisruptionBudget) -> (String, Remedy) {
    let enough = lets_one_go(budget);
    let raised = match enough {
        Some(replicas) => format!("raise the floor to {replicas}"),
        None => "raise the floor to 2 and set maxUnavailable: 1".to_owned(),
    };
    let ObjectKey { namespace, name, .. } = budget.key();
    let beside = match enough {
        Some(_) => String::new(),
        None => format!(" and maxUnavailable: 1 in {}", budget.key()),
    };
    let drop = match &budget.controller {
        Some(owner) => format!("let {} {} make no budget", owner.kind, owner.name),
        None => format!(
            "kubectl -n {} delete poddisruptionbudget {}",
            shell_quote(&namespace),
            shell_quote(&name)
        ),
    };
    let remedy = Remedy::Advice(format!(
        "set {} to {}{beside}; or, where one replica is meant, drop the budget: {drop}",
        floor::field(view, floor),
        enough.unwrap_or(2),
    ));
    (format!("{raised}, or drop the budget"), remedy)
}

/// The fewest replicas at which it lets one go; `None` where there are none: 100 %, or `maxUnavailable: 0`.
fn lets_one_go(budget: &DisruptionBudget) -> Option<i64> {
    let allows = |scaled: i64| budget.allowed(Selected { scaled, bare: 0 }) > Some(0);
    match budget.min_available.get()?.amount().ok()? {
        Amount::Count(n) => Some(i64::from(n) + 1),
        // At 99 % it takes a hundred.
        Amount::Percent(_) => (1..=100).find(|n| allows(*n)),
    }
}

fn without_scale(budget: &DisruptionBudget, other: &ObjectKey) -> Outcome {
    let when = match other.kind {
        Kind::DaemonSet => "",
        _ => " while it has pods",
    };
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            IMPACT,
            format!(
                "{} has {} and selects {} {} too, which has no scale, so it allows nothing{when}",
                budget.key(),
                number(budget),
                other.kind,
                other.name
            ),
            "narrow its selector",
        ),
        remedy: Some(Remedy::Advice(format!(
            "narrow spec.selector of {} so that it does not select the pods of {other}, or give it minAvailable as a whole \
             number, for which Kubernetes asks no controller",
            budget.key()
        ))),
    })
}

#[cfg(test)]
mod tests;
