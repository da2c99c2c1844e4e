use std::time::Duration;

use rstest::rstest;

use super::status::size;
use super::*;
use crate::model::finding::Message;
use crate::model::report::{STATUS_MAX, Survives, Verdict};
use crate::model::testing::wall;

const QUIET: Duration = Duration::from_secs(7 * 24 * 3600);

fn finding(rule: &'static str, severity: Severity) -> Finding {
    Finding {
        rule,
        subject: None,
        severity,
        message: Message::new("0 of 2 ready", format!("what {rule} found"), "what to do"),
        remedy: None,
        latched: false,
        occurrences: 1,
    }
}

fn judged(findings: Vec<Finding>) -> Judged {
    Judged {
        findings,
        placement: Some(placed(2, 2)),
        ..Judged::default()
    }
}

fn placed(ready: i32, desired: i32) -> Placement {
    Placement {
        ready,
        desired,
        survives: Survives::Pod,
        ..Placement::default()
    }
}

fn step(prior: &Prior, judged: &Judged, second: i64) -> Planned {
    plan(prior, judged, &[], wall(second), QUIET)
}

fn told(planned: &Planned) -> Vec<(Transition, &str)> {
    planned
        .changes
        .iter()
        .map(|c| (c.transition, c.id.as_str()))
        .collect()
}

#[test]
fn the_same_judgement_again_is_nothing_to_write_however_late() {
    let judged = judged(vec![
        finding("pod-spread", Severity::Warning),
        finding("stranded", Severity::Critical),
    ]);
    let first = step(&Prior::default(), &judged, 0);
    assert!(first.changed);
    let second = step(&first.prior, &judged, 86_400);
    assert!(!second.changed && second.changes.is_empty());
    assert_eq!(first.status, second.status);
}

#[test]
fn a_rules_finding_ends_when_it_is_mended() {
    let first = step(
        &Prior::default(),
        &judged(vec![finding("pod-spread", Severity::Warning)]),
        0,
    );
    let second = step(&first.prior, &judged(Vec::new()), 10);
    assert_eq!(told(&second), [(Transition::Closed, "pod-spread")]);
    assert!(second.status.findings.is_empty());
    assert_eq!(second.status.verdict, Verdict::Resilient);
}

#[test]
fn a_latched_finding_stays_until_somebody_acknowledges_that_episode() {
    let fires = judged(vec![finding("stranded", Severity::Critical)]);
    let active = step(&Prior::default(), &fires, 0);
    let recovered = step(&active.prior, &judged(Vec::new()), 60);
    assert_eq!(told(&recovered), [(Transition::Recovered, "stranded")]);
    assert_eq!(recovered.status.summary.recovered, 1);
    assert_eq!(
        recovered.status.verdict,
        Verdict::Resilient,
        "recovered findings do not change the verdict"
    );

    let again = step(&recovered.prior, &fires, 120);
    assert_eq!(
        (again.status.findings[0].episodes, again.status.findings[0].since),
        (2, Stamp::new(wall(0)))
    );

    let recovered = step(&again.prior, &judged(Vec::new()), 180);
    let ack = |episode| Acknowledgement {
        id: "stranded".into(),
        reason: "known".into(),
        episode,
        by: None,
    };
    let old = plan(&recovered.prior, &judged(Vec::new()), &[ack(1)], wall(200), QUIET);
    assert!(!old.changed, "an acknowledgement covers one episode");
    let closed = plan(&recovered.prior, &judged(Vec::new()), &[ack(2)], wall(200), QUIET);
    assert_eq!(told(&closed), [(Transition::Closed, "stranded")]);
}

#[rstest]
#[case::not_yet(7 * 86_400 - 1, false)]
#[case::exactly_now(7 * 86_400, true)]
fn a_recovered_finding_closes_after_seven_quiet_days(#[case] later: i64, #[case] closed: bool) {
    let active = step(
        &Prior::default(),
        &judged(vec![finding("stranded", Severity::Critical)]),
        0,
    );
    let recovered = step(&active.prior, &judged(Vec::new()), 100);
    assert_eq!(recovered.prior.next_close(QUIET), Some(wall(100 + 7 * 86_400)));
    let later = step(&recovered.prior, &judged(Vec::new()), 100 + later);
    assert_eq!(later.status.findings.is_empty(), closed);
}

#[test]
fn a_planned_restart_at_a_floor_of_one_is_not_latched() {
    let active = step(
        &Prior::default(),
        &judged(vec![finding("unavailable", Severity::Warning)]),
        0,
    );
    let over = step(&active.prior, &judged(Vec::new()), 60);
    assert_eq!(told(&over), [(Transition::Closed, "unavailable")]);
}

#[test]
fn a_finding_that_is_taken_back_closes_with_the_reason_and_is_not_latched() {
    let active = step(
        &Prior::default(),
        &judged(vec![finding("node-limbo", Severity::Warning)]),
        0,
    );
    let withdrawn = vec![("node-limbo".to_owned(), "it was rebooted".to_owned())];
    let over = step(
        &active.prior,
        &Judged {
            withdrawn,
            ..judged(Vec::new())
        },
        60,
    );
    assert_eq!(told(&over), [(Transition::Withdrawn, "node-limbo")]);
    assert!(
        over.prior.activations("node-limbo", Severity::Info).is_empty(),
        "a reboot is no silence, also after a restart"
    );
    assert_eq!(over.changes[0].message, "it was rebooted");
}

#[test]
fn a_change_of_severity_is_told_once() {
    let active = step(
        &Prior::default(),
        &judged(vec![finding("co-located", Severity::Warning)]),
        0,
    );
    let worse = step(
        &active.prior,
        &judged(vec![finding("co-located", Severity::Critical)]),
        60,
    );
    assert_eq!(told(&worse), [(Transition::Changed, "co-located")]);
    assert_eq!(worse.status.verdict, Verdict::Degraded);
    assert_eq!(worse.status.findings[0].since, Stamp::new(wall(0)));
}

#[rstest]
#[case::never_ready_within_its_deadline(0, 2, false, Verdict::Resilient, "NeverReady")]
#[case::never_ready_and_overdue(0, 2, true, Verdict::Outage, "NoReplicaReady")]
#[case::scaled_to_zero(0, 0, true, Verdict::Resilient, "ScaledToZero")]
#[case::serving(1, 2, false, Verdict::Resilient, "ReplicasReady")]
fn the_verdict_knows_a_start_from_an_outage(
    #[case] ready: i32,
    #[case] desired: i32,
    #[case] overdue: bool,
    #[case] verdict: Verdict,
    #[case] available: &str,
) {
    let judged = Judged {
        placement: Some(placed(ready, desired)),
        overdue,
        ..Judged::default()
    };
    let planned = step(&Prior::default(), &judged, 0);
    assert_eq!(planned.status.verdict, verdict);
    let condition = planned
        .status
        .conditions
        .iter()
        .find(|c| c.kind == "Available")
        .expect("always there");
    assert_eq!(condition.reason, available);
}

#[test]
fn what_has_been_ready_once_is_an_outage_when_nothing_is_left_also_after_a_restart() {
    let ready = step(&Prior::default(), &judged(Vec::new()), 0);
    let restarted = Prior::of(&ready.status);
    assert_eq!(restarted, ready.prior);
    let none = Judged {
        placement: Some(placed(0, 2)),
        ..Judged::default()
    };
    let down = step(&restarted, &none, 60);
    assert_eq!(down.status.verdict, Verdict::Outage);
    let still = step(&Prior::of(&down.status), &none, 120);
    assert_eq!(still.status.verdict, Verdict::Outage);
}

#[test]
fn a_condition_keeps_its_transition_time_until_its_status_changes() {
    let at = |planned: &Planned| {
        planned
            .status
            .conditions
            .iter()
            .find(|c| c.kind == "Available")
            .map(|c| c.last_transition_time)
    };
    let first = step(&Prior::default(), &judged(Vec::new()), 0);
    let second = step(
        &first.prior,
        &judged(vec![finding("pod-spread", Severity::Warning)]),
        60,
    );
    assert_eq!(at(&second), Some(Stamp::new(wall(0))));
    let down = Judged {
        placement: Some(placed(0, 2)),
        ..Judged::default()
    };
    assert_eq!(at(&step(&second.prior, &down, 90)), Some(Stamp::new(wall(90))));
}

#[test]
fn a_report_stays_small_and_says_so_when_it_left_something_out() {
    let subject = |n: usize| Finding {
        subject: Some(format!("container-{n}")),
        message: Message::new("x".repeat(100), "y".repeat(300), "z"),
        ..finding("memory-limit", Severity::Warning)
    };
    let mut many: Vec<Finding> = (0..3_000).map(subject).collect();
    many.push(finding("stranded", Severity::Critical));
    let planned = step(&Prior::default(), &judged(many), 0);
    assert!(size(&planned.status) <= STATUS_MAX);
    assert!(planned.status.truncated);
    assert_eq!(planned.status.summary.warning, 3_000, "totals stay exact");
    assert_eq!(
        planned.status.findings[0].rule, "stranded",
        "the worst is never left out"
    );
    assert!(planned.status.timeline.len() <= TIMELINE_MAX);
    assert!(
        planned
            .status
            .findings
            .iter()
            .all(|f| f.message.chars().count() <= MESSAGE_MAX)
    );
}

#[test]
fn a_truncated_report_does_not_forget_what_it_left_out() {
    let subject = |n: usize| Finding {
        subject: Some(format!("container-{n}")),
        message: Message::new("x".repeat(100), "y".repeat(300), "z"),
        ..finding("memory-limit", Severity::Warning)
    };
    let all = judged((0..100).map(subject).collect());
    let first = step(&Prior::default(), &all, 0);
    assert!(first.status.truncated);
    let second = step(&first.prior, &all, 60);
    assert!(
        !second.changed && second.changes.is_empty(),
        "what was left out is not told anew each time"
    );
}

#[test]
fn a_truncated_report_tells_nothing_twice_after_a_restart_and_keeps_what_is_latched() {
    let subject = |n: usize| Finding {
        subject: Some(format!("container-{n}")),
        message: Message::new("x".repeat(100), "y".repeat(300), "z"),
        ..finding("memory-limit", Severity::Warning)
    };
    let many = || (0..100).map(subject).collect::<Vec<_>>();
    let stranded = finding("stranded", Severity::Critical);
    let active = step(
        &Prior::default(),
        &judged(many().into_iter().chain([stranded]).collect()),
        0,
    );
    let recovered = step(&active.prior, &judged(many()), 60);
    assert!(recovered.status.truncated);
    assert!(
        recovered.status.findings.iter().any(|f| f.rule == "stranded"),
        "a latch outlasts what speaks for itself"
    );
    let restarted = step(&Prior::of(&recovered.status), &judged(many()), 120);
    assert!(restarted.changes.is_empty(), "{:?}", restarted.changes.len());
}

#[test]
fn what_cannot_be_judged_is_not_resilient() {
    let unknown = Judged {
        unknown: 1,
        ..judged(Vec::new())
    };
    let planned = step(&Prior::default(), &unknown, 0);
    assert_eq!(planned.status.verdict, Verdict::Unknown);
    let resilient = planned
        .status
        .conditions
        .iter()
        .find(|c| c.kind == "Resilient")
        .expect("always there");
    assert_eq!(resilient.status, ConditionStatus::Unknown);
}

#[rstest]
#[case::nothing(judged(Vec::new()), "no critical finding, no warning")]
#[case::a_warning_and_an_unknown(Judged { unknown: 1, ..judged(vec![finding("pod-spread", Severity::Warning)]) }, "1 warning, 1 unanswered check")]
#[case::a_replica_is_missing(Judged { placement: Some(placed(1, 2)), below_desired: true, ..judged(Vec::new()) }, "1 of 2 ready")]
#[case::all_are(Judged { placement: Some(placed(0, 2)), ..judged(Vec::new()) }, "0 of 2 ready")]
fn the_condition_says_why_it_is_not_resilient(#[case] judged: Judged, #[case] message: &str) {
    let planned = step(&Prior::default(), &judged, 0);
    let conditions = &planned.status.conditions;
    let resilient = conditions.iter().find(|c| c.kind == "Resilient");
    assert_eq!(resilient.expect("always there").message, message);
}
