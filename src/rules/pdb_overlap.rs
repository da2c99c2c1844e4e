//! # pdb-overlap
//!
//! No more than one PodDisruptionBudget selects a workload's pods.
//!
//! ## Why
//!
//! The Eviction API does not know what to do with two: it answers every eviction of such a pod with an error (500), whatever
//! the budgets would allow, and drains wait for ever. Two budgets come about easily: a chart brings one, an operator adds
//! its own, or one whose selector is broad is meant for all that has none. On 5 September 2019 iconik's way out was to move
//! two pods off a bad node; with two budgets on them nobody could have evicted them.
//!
//! ## Example
//!
//! Bad, for pods with both labels:
//!
//! ```yaml
//! kind: PodDisruptionBudget
//! spec:
//!   maxUnavailable: 1
//!   selector:
//!     matchLabels: {app: web}
//! ---
//! kind: PodDisruptionBudget
//! spec:
//!   maxUnavailable: 1
//!   selector:
//!     matchLabels: {team: shop}
//! ```
//!
//! Good: one of them, or selectors that select no pod twice.
//!
//! ## Remedy
//!
//! Keep one. Which one, only people know.
//!
//! ## Options
//!
//! None.
//!
//! ## What it does not judge
//!
//! What each of them allows (`pdb-blocks-drain`).

use super::budgets::{self, selecting, unclear};
use super::{Answers, Question, Rule, Unjudged};
use crate::index::{BudgetView, WorkloadView};
use crate::model::finding::{Failure, Message, Outcome, Remedy, Severity};
use crate::model::keys::Kind;
use crate::model::text::{list, shell_quote};

pub(super) const RULE: Rule = Rule {
    name: "pdb-overlap",
    severity: Severity::Warning,
    summary: "several PodDisruptionBudgets select its pods, so that none can be evicted",
    template_only: false,
    needs: &[Kind::PodDisruptionBudget],
    check,
    source: include_str!("pdb_overlap.rs"),
};

fn check(question: &Question<'_>) -> Answers {
    judge(&question.view).unwrap_or_else(Outcome::from).into()
}

fn judge(view: &WorkloadView<'_>) -> Result<Outcome, Unjudged> {
    let budgets = selecting(view)?;
    match (budgets.as_slice(), unclear(view)) {
        (several @ [_, _, ..], _) => Ok(fail(view, several)),
        (_, Some(unclear)) => Err(unclear),
        (one, None) => Ok(Outcome::Pass(Some(budgets::named(one)))),
    }
}

fn fail(view: &WorkloadView<'_>, budgets: &[BudgetView<'_>]) -> Outcome {
    let key = view.key();
    let names: Vec<String> = budgets.iter().map(|b| shell_quote(&b.budget().name)).collect();
    Outcome::from(Failure {
        severity: RULE.severity,
        message: Message::new(
            "no drain can move its pods",
            format!(
                "{} all select the pods of {key}, so every eviction is answered with an error",
                budgets::named(budgets)
            ),
            "keep one",
        ),
        remedy: Some(Remedy::Advice(format!(
            "keep one of {} and remove the others (kubectl -n {} delete poddisruptionbudget NAME), or narrow their \
             selectors so that no pod is selected twice",
            list(&names, 5),
            shell_quote(&key.namespace)
        ))),
    })
}

#[cfg(test)]
mod tests;
