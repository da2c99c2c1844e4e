use super::*;
use crate::model::field::Field;
use crate::model::policy::RuleSeverity;
use crate::model::testing::{policy, wall};

/// Each condition as a line: `Ready False UnknownRules: …`.
fn lines(status: &PolicyStatus) -> Vec<String> {
    let conditions = status.conditions.iter();
    conditions
        .map(|c| format!("{} {:?} {}: {}", c.kind, c.status, c.reason, c.message))
        .collect()
}

fn problem(field: &str, message: &str) -> FieldProblem {
    FieldProblem {
        field: field.to_owned(),
        message: message.to_owned(),
    }
}

#[test]
fn a_policy_without_fault_is_ready() {
    let status = policy_status(&policy("p").lock("pod-spread"), 7, wall(0));
    assert_eq!((status.workloads, status.observed_generation), (7, 1));
    assert_eq!(
        lines(&status),
        [
            "Ready True InForce: in force as it stands",
            "Accepted True Understood: all of its fields are understood",
            "RulesResolved True Known: all of its rules are known",
        ]
    );
}

#[test]
fn rules_that_there_are_not_are_named_with_the_nearest() {
    let p = policy("p")
        .severity("pod-spred", RuleSeverity::Info)
        .severity("co-located", RuleSeverity::Info);
    let status = policy_status(&p, 0, wall(0));
    let said = "no rule is called pod-spred: did you mean pod-spread?; no rule is called co-located: co-located is a \
                detector, and this is for rules only";
    assert_eq!(
        lines(&status),
        [
            format!("Ready False UnknownRules: in force in part: {said}"),
            "Accepted True Understood: all of its fields are understood".to_owned(),
            format!("RulesResolved False UnknownRules: {said}"),
        ]
    );
}

#[test]
fn fields_that_are_refused_are_named_and_the_rest_is_in_force() {
    let mut p = policy("p");
    p.problems = vec![
        problem("spec.priority", "must be a number"),
        problem("spec.x", "is no field"),
    ];
    let status = policy_status(&p, 1, wall(0));
    let said = "spec.priority must be a number, and 1 field more; the rest of it is in force";
    assert_eq!(
        lines(&status)[0],
        format!("Ready False InvalidFields: in force in part: {said}")
    );
    assert_eq!(lines(&status)[1], format!("Accepted False InvalidFields: {said}"));
}

#[test]
fn a_selector_that_cannot_be_read_is_the_first_thing_to_say() {
    let mut p = policy("p").with(|spec| spec.workloads = Field::Invalid);
    p.problems = vec![
        problem("spec.priority", "must be a number"),
        problem("spec.workloadSelector", "must be a map"),
    ];
    let status = policy_status(&p, 0, wall(0));
    assert_eq!(
        lines(&status)[0],
        "Ready False InvalidSelector: it governs nothing: spec.workloadSelector must be a map"
    );
}

#[test]
fn a_condition_keeps_its_time_until_it_turns() {
    let mut p = policy("p");
    p.shown = Some(policy_status(&p, 0, wall(0)));
    p.generation = 2;
    let later = policy_status(&p, 3, wall(60));
    assert!(
        later
            .conditions
            .iter()
            .all(|c| c.last_transition_time == Stamp::new(wall(0)) && c.observed_generation == 2)
    );
    let p = p.severity("no-such-rule", RuleSeverity::Info);
    let turned = policy_status(&p, 3, wall(120));
    let times: Vec<Stamp> = turned.conditions.iter().map(|c| c.last_transition_time).collect();
    assert_eq!(times, [wall(120), wall(0), wall(120)].map(Stamp::new));
}

#[test]
fn a_message_is_never_too_long() {
    let long = "x".repeat(5000);
    let mut p = policy("p");
    p.problems = vec![problem(&long, &long)];
    let p = (0..64).fold(p, |p, i| {
        p.severity(&format!("rule-{i}-{}", "y".repeat(40)), RuleSeverity::Info)
    });
    let status = policy_status(&p, 0, wall(0));
    assert!(
        status
            .conditions
            .iter()
            .all(|c| c.message.chars().count() <= MESSAGE_MAX)
    );
}
