//! One report in each format, to be read as its readers would.

use plimsoll::check::{JudgedWorkload, Report, Threshold};
use plimsoll::model::finding::{CheckResult, Failure, Message, Outcome, Remedy, Severity};
use plimsoll::model::keys::{Kind, ObjectKey};
use plimsoll::output::style::Style;
use plimsoll::output::{github, junit, markdown, sarif, table, yaml};
use plimsoll::source::manifest::{InputError, Note, Place, Source};
use rstest::rstest;
use serde_json::{Value, json};

use super::{inert, plimsoll};

fn check(rule: &'static str, subject: Option<&str>, outcome: Outcome) -> CheckResult {
    CheckResult {
        rule,
        subject: subject.map(str::to_owned),
        outcome,
    }
}

fn workload(kind: Kind, path: (&str, &str), line: usize, checks: Vec<CheckResult>) -> JudgedWorkload {
    let source = Source {
        file: "./deploy/web.yaml".into(),
        line,
        made_by: None,
    };
    JudgedWorkload::new(ObjectKey::new(kind, path.0, path.1), Some(source), checks)
}

fn place(line: usize, column: Option<usize>) -> Place {
    Place {
        file: Some("./deploy/web.yaml".into()),
        line: Some(line),
        column,
    }
}

/// Something of everything; made by hand, so that what rules say may change.
fn report() -> Report {
    let key = ObjectKey::new(Kind::Deployment, "shop", "web");
    let limit = Outcome::from(Failure {
        severity: Severity::Warning,
        message: Message::new(
            "container app can be OOM-killed or take its node's memory",
            "Deployment shop/web sets no resources.limits.memory for it",
            "set a limit, and a request beside it",
        ),
        remedy: Some(Remedy::Advice(
            "watch container app under load, then set spec.template.spec.containers[app].resources"
                .to_owned(),
        )),
    });
    let spread = Outcome::from(Failure {
        severity: Severity::Critical,
        message: Message::new(
            "all 2 replicas may run on one node",
            "Deployment shop/web has no podAntiAffinity and no topologySpreadConstraints",
            "add a soft spread over hostname and zone",
        ),
        remedy: Some(Remedy::Patch {
            target: key,
            patch: json!({"spec": {"template": {"spec": {"topologySpreadConstraints": []}}}}).into(),
            reason: "soft: it leaves no pod Pending".to_owned(),
        }),
    });
    let init = Outcome::from(Failure {
        severity: Severity::Info,
        message: Message::new("init container migrate can be OOM-killed", "no limit", "set one"),
        remedy: None,
    });
    let two = Outcome::Pass(Some("2 replicas, by spec.replicas".to_owned()));
    let meant = Outcome::Exempt("a test of ours; until 2027-03-31".to_owned());
    let unknown = Outcome::Unknown("spec.replicas is not a number of replicas".to_owned());
    let system = Outcome::NotApplicable("kube-system is a system namespace".to_owned());
    let web = vec![
        check("memory-limit", Some("app"), limit),
        check("memory-limit", Some("migrate"), init),
        check("min-replicas", None, two),
        check("pod-spread", None, spread),
    ];
    Report {
        workloads: vec![
            workload(
                Kind::Deployment,
                ("kube-system", "dns"),
                40,
                vec![check("memory-limit", None, system)],
            ),
            workload(Kind::Deployment, ("shop", "web"), 2, web),
            workload(
                Kind::StatefulSet,
                ("shop", "db"),
                21,
                vec![
                    check("memory-limit", Some("db"), meant),
                    check("min-replicas", None, unknown),
                ],
            ),
        ],
        errors: vec![InputError {
            place: place(27, Some(13)),
            message: "StatefulSet shop/db: spec.replicas must be a whole number, not the string \"3\""
                .to_owned(),
        }],
        notes: vec![Note {
            place: place(2, None),
            message: "Deployment web: apps/v1beta2 is gone since Kubernetes 1.16; write apps/v1".to_owned(),
        }],
        passed_over: 2,
        fixed: None,
    }
}

const FAIL_ON_WARNING: Threshold = Threshold(Some(Severity::Warning));

#[test]
fn every_format_keeps_its_promise_of_an_ordinary_report() {
    inert::in_every_format(&report());
}

#[test]
fn as_a_table() {
    insta::assert_snapshot!(table::render(&report(), Style::plain()));
}

#[test]
fn as_yaml() {
    insta::assert_snapshot!(yaml::render(&report()));
}

#[test]
fn as_sarif() {
    let mut log: Value = serde_json::from_str(&sarif::render(&report())).expect("JSON");
    // The rules are many and long; a test of their own holds them.
    let rules = log.pointer_mut("/runs/0/tool/driver/rules").expect("rules");
    *rules = json!(rules.as_array().expect("a list").len() >= 3);
    for pointer in [
        "/runs/0/tool/driver/version",
        "/runs/0/tool/driver/semanticVersion",
    ] {
        assert_eq!(log.pointer(pointer), Some(&json!(env!("CARGO_PKG_VERSION"))));
        *log.pointer_mut(pointer).expect("a version") = json!("…");
    }
    for result in log["runs"][0]["results"].as_array_mut().expect("a list") {
        let index = plimsoll::rules::RULES
            .iter()
            .position(|rule| result["ruleId"] == rule.name);
        assert_eq!(result["ruleIndex"], json!(index));
        result["ruleIndex"] = json!("…");
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&log).expect("JSON"));
}

#[test]
fn as_junit() {
    insta::assert_snapshot!(junit::render(&report(), FAIL_ON_WARNING));
}

#[test]
fn as_annotations_of_github() {
    insta::assert_snapshot!(github::render(&report()));
}

#[test]
fn as_markdown() {
    insta::assert_snapshot!(markdown::render(&report()));
}

#[test]
fn what_junit_counts_as_failure_is_what_the_exit_code_counts() {
    let failures = |threshold| {
        let xml = junit::render(&report(), Threshold(threshold));
        let document = roxmltree::Document::parse(&xml).expect("XML");
        let count = document
            .descendants()
            .filter(|node| node.has_tag_name("failure"))
            .count();
        let said = document.root_element().attribute("failures").map(str::to_owned);
        assert_eq!(said, Some(count.to_string()));
        count
    };
    assert_eq!(failures(Some(Severity::Critical)), 1);
    assert_eq!(failures(Some(Severity::Warning)), 2);
    assert_eq!(failures(Some(Severity::Info)), 3);
    assert_eq!(failures(None), 0);
}

/// A live cluster's objects have no file: they are known by their names.
#[test]
fn what_comes_from_a_cluster_has_a_name_and_no_file() {
    let mut report = report();
    for workload in &mut report.workloads {
        workload.source = None;
    }
    report.errors.clear();
    report.notes.clear();
    inert::in_every_format(&report);
    let log: Value = serde_json::from_str(&sarif::render(&report)).expect("JSON");
    for result in log["runs"][0]["results"].as_array().expect("a list") {
        let location = &result["locations"][0];
        assert!(location.get("physicalLocation").is_none(), "{location}");
        assert_eq!(location["logicalLocations"][0]["kind"], "resource");
    }
    assert!(!github::render(&report).contains("file="));
    assert!(!junit::render(&report, FAIL_ON_WARNING).contains("file="));
}

#[rstest]
#[case("json")]
#[case("yaml")]
#[case("sarif")]
#[case("junit")]
#[case("github")]
#[case("markdown")]
fn errors_stand_in_the_document_and_the_exit_code_tells_them(#[case] format: &str) {
    let ran = plimsoll(&["check", "-o", format, "tests/fixtures/mixed.yaml"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (2, ""));
    assert!(ran.stdout.contains("unclosed bracket"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with('\n'));
}

/// The whole of the examples, through the binary.
#[test]
fn the_examples_are_valid_sarif() {
    let ran = plimsoll(&["check", "-o", "sarif", "examples"]);
    inert::sarif_schema(&ran.stdout);
    let log: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let run = &log["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let rules = run["tool"]["driver"]["rules"].as_array().expect("a list");
    for result in run["results"].as_array().expect("a list") {
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert!(
            uri.as_str().is_some_and(|uri| uri.starts_with("examples/")),
            "{result}"
        );
    }
}
