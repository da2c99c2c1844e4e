//! A policy's status: what of it is in force, and what is not.

use jiff::Timestamp;

use crate::model::field::FieldProblem;
use crate::model::policy::{PolicyStatus, ResiliencePolicy};
use crate::model::report::{Condition, ConditionStatus, MESSAGE_MAX, Stamp};
use crate::model::text::{clip, count};
use crate::rules;

/// Unknown rules that a message names.
const NAMED: usize = 3;

/// The status of a policy that governs so many workloads. A condition keeps the time since which it is so.
#[must_use]
pub fn policy_status(policy: &ResiliencePolicy, workloads: usize, now: Timestamp) -> PolicyStatus {
    let condition = |kind: &str, fault: Option<(&str, String)>, fine: (&str, &str)| {
        let status = if fault.is_none() {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        };
        let (reason, message) = fault.unwrap_or((fine.0, fine.1.to_owned()));
        let before = policy.shown.iter().flat_map(|shown| &shown.conditions);
        let since = before
            .filter(|c| c.kind == kind && c.status == status)
            .map(|c| c.last_transition_time)
            .next();
        Condition {
            kind: kind.to_owned(),
            status,
            reason: reason.to_owned(),
            message: clip(&message, MESSAGE_MAX),
            observed_generation: policy.generation,
            last_transition_time: since.unwrap_or_else(|| Stamp::new(now)),
        }
    };
    let (accepted, resolved) = (accepted(policy), resolved(policy));
    let fault = accepted.clone().or_else(|| resolved.clone());
    let ready = fault.map(|(reason, message)| (reason, format!("in force in part: {message}")));
    let nothing = governs_nothing(policy).then(|| ("InvalidSelector", in_force_nowhere(policy)));
    PolicyStatus {
        observed_generation: policy.generation,
        workloads: i32::try_from(workloads).unwrap_or(i32::MAX),
        conditions: vec![
            condition("Ready", nothing.or(ready), ("InForce", "in force as it stands")),
            condition(
                "Accepted",
                accepted,
                ("Understood", "all of its fields are understood"),
            ),
            condition("RulesResolved", resolved, ("Known", "all of its rules are known")),
        ],
    }
}

/// Fields that are refused.
fn accepted(policy: &ResiliencePolicy) -> Option<(&'static str, String)> {
    let FieldProblem { field, message } = policy.problems.first()?;
    let more = match policy.problems.len() - 1 {
        0 => String::new(),
        more => format!(
            ", and {} more",
            count(u64::try_from(more).unwrap_or(u64::MAX), "field")
        ),
    };
    Some((
        "InvalidFields",
        format!("{field} {message}{more}; the rest of it is in force"),
    ))
}

/// Rules that this build does not know: the policy may be meant for a later one.
fn resolved(policy: &ResiliencePolicy) -> Option<(&'static str, String)> {
    let unknown: Vec<&str> = unknown_rules(policy).collect();
    if unknown.is_empty() {
        return None;
    }
    let named: Vec<String> = unknown
        .iter()
        .take(NAMED)
        .map(|name| format!("no rule is called {name}: {}", rules::no_such_rule(name)))
        .collect();
    let more = match unknown.len() - named.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Some(("UnknownRules", format!("{}{more}", named.join("; "))))
}

/// The rules that a policy names and that there are not.
pub fn unknown_rules(policy: &ResiliencePolicy) -> impl Iterator<Item = &str> {
    let named = policy.spec.rules.iter().map(|rule| &*rule.name);
    named.filter(|name| rules::find(name).is_none())
}

/// Whom it was to govern cannot be told, so that it governs nobody.
fn governs_nothing(policy: &ResiliencePolicy) -> bool {
    policy.spec.namespaces.is_invalid() || policy.spec.workloads.is_invalid()
}

fn in_force_nowhere(policy: &ResiliencePolicy) -> String {
    let selects = |p: &&FieldProblem| p.field.contains("Selector") || p.field == "spec";
    match policy.problems.iter().find(selects) {
        Some(FieldProblem { field, message }) => format!("it governs nothing: {field} {message}"),
        None => "it governs nothing: a selector cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests;
