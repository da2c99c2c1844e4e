use rstest::rstest;

use super::*;
use crate::model::finding::{Failure, Message};
use crate::model::keys::{Kind, ObjectKey};

fn check(rule: &'static str, subject: Option<&str>, outcome: Outcome) -> CheckResult {
    CheckResult {
        rule,
        subject: subject.map(str::to_owned),
        outcome,
    }
}

fn fail(rule: &'static str, subject: Option<&str>, severity: Severity) -> CheckResult {
    let outcome = Outcome::from(Failure {
        severity,
        message: Message::new("impact", "object", "way out"),
        remedy: None,
    });
    check(rule, subject, outcome)
}

/// Of `shop/web`, read from line 1 of a file.
fn report(checks: Vec<CheckResult>) -> Report {
    Report {
        workloads: vec![JudgedWorkload::new(
            ObjectKey::new(Kind::Deployment, "shop", "web"),
            None,
            checks,
        )],
        ..Report::default()
    }
}

fn some_findings() -> Report {
    report(vec![
        fail("memory-limit", Some("b"), Severity::Warning),
        fail("memory-limit", Some("a"), Severity::Info),
        check("min-replicas", None, Outcome::Pass(None)),
        fail("pod-spread", None, Severity::Warning),
    ])
}

fn applied(baseline: &Baseline, mut report: Report) -> Report {
    baseline.apply(&mut report, &[], Place::default());
    report
}

#[test]
fn a_baseline_is_a_finding_a_line_and_sorted() {
    assert_eq!(
        Baseline::of(&some_findings()).render(),
        r#"{"apiVersion": "plimsoll.dev/v1alpha1", "kind": "CheckBaseline", "findings": [
{"kind":"Deployment","namespace":"shop","name":"web","rule":"memory-limit","subject":"a","severity":"info"},
{"kind":"Deployment","namespace":"shop","name":"web","rule":"memory-limit","subject":"b","severity":"warning"},
{"kind":"Deployment","namespace":"shop","name":"web","rule":"pod-spread","severity":"warning"}
]}
"#
    );
}

#[rstest]
#[case::some(some_findings())]
#[case::none(Report::default())]
#[case::hostile(report(vec![fail("pod-spread", Some("a\u{202e}\n\"##[x]\u{e0041}"), Severity::Critical)]))]
fn what_is_written_is_read_back(#[case] report: Report) {
    let baseline = Baseline::of(&report);
    let text = baseline.render();
    assert!(!text.contains('\u{202e}') && !text.contains("##"), "{text}");
    assert_eq!(Baseline::parse(&text), Ok(baseline));
}

#[test]
fn what_is_known_is_neither_counted_nor_the_worst() {
    let found = applied(&Baseline::of(&some_findings()), some_findings());
    let counts = found.counts();
    assert_eq!((counts.warning, counts.info, counts.known), (0, 0, 3));
    assert_eq!((found.worst(), found.fixed), (None, Some(0)));
    assert_eq!(found.notes, []);
}

#[rstest]
#[case::another_subject(fail("memory-limit", Some("c"), Severity::Warning), Some(Severity::Warning))]
#[case::the_whole_is_another_subject(fail("memory-limit", None, Severity::Warning), Some(Severity::Warning))]
#[case::another_rule(fail("min-replicas", Some("b"), Severity::Warning), Some(Severity::Warning))]
#[case::worse(fail("memory-limit", Some("b"), Severity::Critical), Some(Severity::Critical))]
#[case::better(fail("memory-limit", Some("b"), Severity::Info), None)]
fn a_finding_is_known_by_rule_and_subject_unless_it_got_worse(
    #[case] now: CheckResult,
    #[case] worst: Option<Severity>,
) {
    let baseline = Baseline::of(&some_findings());
    assert_eq!(applied(&baseline, report(vec![now])).worst(), worst);
}

#[test]
fn a_finding_on_another_object_is_new() {
    let baseline = Baseline::of(&some_findings());
    for key in [
        ObjectKey::new(Kind::StatefulSet, "shop", "web"),
        ObjectKey::new(Kind::Deployment, "other", "web"),
        ObjectKey::new(Kind::Deployment, "shop", "api"),
    ] {
        let mut report = some_findings();
        report.workloads[0].key = key;
        assert_eq!(applied(&baseline, report).worst(), Some(Severity::Warning));
    }
}

#[test]
fn what_no_longer_occurs_is_told() {
    let baseline = Baseline::of(&some_findings());
    let found = applied(
        &baseline,
        report(vec![fail("memory-limit", Some("a"), Severity::Info)]),
    );
    assert_eq!(found.fixed, Some(2));
    assert_eq!(
        found.notes[0].message,
        "fixed: 2 of its findings no longer occur; write it anew with --write-baseline"
    );
}

#[test]
fn what_cannot_be_judged_now_is_not_fixed() {
    let baseline = Baseline::of(&some_findings());
    let unknown = check(
        "memory-limit",
        None,
        Outcome::Unknown("no LimitRanges".to_owned()),
    );
    assert_eq!(
        applied(&baseline, report(vec![unknown])).fixed,
        Some(1),
        "pod-spread is"
    );
}

#[test]
fn other_namespaces_are_not_fixed_because_nobody_asked_about_them() {
    let baseline = Baseline::of(&some_findings());
    let mut nothing = Report::default();
    baseline.apply(&mut nothing, &["other".to_owned()], Place::default());
    assert_eq!(nothing.fixed, Some(0));
    baseline.apply(&mut nothing, &["shop".to_owned()], Place::default());
    assert_eq!(nothing.fixed, Some(3));
}

#[rstest]
#[case::empty("", "1:0: is no baseline: EOF while parsing a value")]
#[case::cut("{\"apiVersion\": \"plimsoll.dev/v1alpha1\",\n", "2:0: is no baseline: EOF")]
#[case::another_kind(
    r#"{"apiVersion": "v1", "kind": "List", "findings": []}"#,
    "is no baseline: it is v1 List, not plimsoll.dev/v1alpha1 CheckBaseline"
)]
#[case::a_field_that_is_missing(
    "{\"apiVersion\": \"plimsoll.dev/v1alpha1\", \"kind\": \"CheckBaseline\", \"findings\": [\n{\"kind\":\"Pod\"}]}",
    "2:14: is no baseline: missing field `namespace`"
)]
#[case::a_severity_that_is_none(
    "{\"apiVersion\": \"plimsoll.dev/v1alpha1\", \"kind\": \"CheckBaseline\", \"findings\": [\n{\"kind\":\"Pod\",\"namespace\":\"a\",\"name\":\"b\",\"rule\":\"c\",\"severity\":\"bad\"}]}",
    "is no baseline: unknown variant `bad`"
)]
fn a_broken_baseline_names_its_place_and_the_way_out(#[case] text: &str, #[case] begins: &str) {
    let said = Baseline::parse(text).expect_err("broken").to_string();
    assert!(said.contains(begins), "{said}");
    assert!(said.ends_with("; write it anew with --write-baseline"), "{said}");
}
