//! What holds for every rule, and how the rules' own tests ask them.

mod monotone;
mod policies;

use jiff::Timestamp;
use rstest::rstest;

use super::{Judgement, Question, RULES, find, judge};
use crate::index::{Index, WorkloadView};
use crate::model::config::ClusterVersion;
use crate::model::finding::{CheckResult, Outcome, Remedy};
use crate::model::keys::{Kind, ObjectKey};
use crate::model::object::Object;
use crate::model::testing::{deployment, service, wall, workload};
use crate::model::time::Moment;
use crate::policy::Policy;

/// An index of a cluster (or a set of files) in which every kind is listed.
pub(super) fn index(version: u32, objects: impl IntoIterator<Item = Object>) -> Index {
    let mut index = Index::complete(ClusterVersion(version));
    for object in objects {
        index.apply(object, Moment(0));
    }
    index
}

/// What all rules say of a workload at a time.
pub(super) fn judged(view: WorkloadView<'_>, policy: &Policy, now: Timestamp) -> Judgement {
    judge(&Question { view, policy, now })
}

/// What a rule says of a workload `namespace/name`.
pub(super) fn ask(index: &Index, rule: &str, kind: Kind, path: &str) -> Vec<CheckResult> {
    let (namespace, name) = path.split_once('/').expect("namespace/name");
    let view = index
        .view(&ObjectKey::new(kind, namespace, name))
        .expect("a workload");
    let results = judged(view, &Policy::default(), wall(0)).results.into_iter();
    results.filter(|result| result.rule == rule).collect()
}

/// One result as a line: `app: fail warning: <message>`, `pass: <by what>`. No message is too long to be shown whole.
pub(super) fn line(result: &CheckResult) -> String {
    let text = match &result.outcome {
        Outcome::Pass(None) => "pass".to_owned(),
        Outcome::Pass(Some(text)) => format!("pass: {text}"),
        Outcome::Fail(failure) => {
            let text = failure.message.to_string();
            assert!(
                text.chars().count() <= 256,
                "{} characters: {text}",
                text.chars().count()
            );
            format!("fail {}: {text}", failure.severity.as_str())
        }
        Outcome::Exempt(why) | Outcome::NotApplicable(why) | Outcome::Unknown(why) => {
            format!("{}: {why}", result.outcome.status())
        }
    };
    match &result.subject {
        Some(subject) => format!("{subject}: {text}"),
        None => text,
    }
}

/// All results of a rule, a line each.
pub(super) fn lines(index: &Index, rule: &str, kind: Kind, path: &str) -> Vec<String> {
    ask(index, rule, kind, path).iter().map(line).collect()
}

/// The remedy of the last result.
pub(super) fn remedy(index: &Index, rule: &str, kind: Kind, path: &str) -> Remedy {
    let result = ask(index, rule, kind, path).pop().expect("a result");
    match result.outcome {
        Outcome::Fail(failure) => failure.remedy.expect("a remedy"),
        other => panic!("no failure: {other:?}"),
    }
}

/// The object and the patch of the last result's remedy.
pub(super) fn patch(index: &Index, rule: &str, kind: Kind, path: &str) -> (String, serde_json::Value) {
    match remedy(index, rule, kind, path) {
        Remedy::Patch { target, patch, .. } => (target.to_string(), patch.value()),
        other => panic!("no patch but: {other}"),
    }
}

/// The object that the last result's remedy creates.
pub(super) fn manifest(index: &Index, rule: &str, kind: Kind, path: &str) -> serde_json::Value {
    match remedy(index, rule, kind, path) {
        Remedy::Create { manifest, .. } => manifest.value(),
        other => panic!("nothing to create but: {other}"),
    }
}

/// The advice of the last result's remedy.
pub(super) fn advice(index: &Index, rule: &str, kind: Kind, path: &str) -> String {
    match remedy(index, rule, kind, path) {
        Remedy::Advice(advice) => advice,
        other => panic!("no advice but: {other}"),
    }
}

#[test]
fn every_rule_has_a_summary_and_a_page_that_can_be_found_by_its_name() {
    for rule in RULES {
        assert!(!rule.summary.is_empty(), "{}", rule.name);
        assert_eq!(find(rule.name).map(|found| found.name), Some(rule.name));
        let page = rule.page();
        assert!(page.starts_with(&format!("# {}\n", rule.name)), "{page}");
        for chapter in ["Why", "Example", "Remedy", "Options", "What it does not judge"] {
            assert!(
                page.contains(&format!("\n## {chapter}\n")),
                "{}: {chapter}",
                rule.name
            );
        }
    }
    assert!(find("no-such-rule").is_none());
}

#[test]
fn every_rule_answers_for_every_workload() {
    let index = index(36, [deployment("shop/web").object()]);
    let view = index.view(&deployment("shop/web").key).expect("a workload");
    let results = judged(view, &Policy::default(), wall(0)).results;
    for rule in RULES {
        assert!(
            results.iter().any(|result| result.rule == rule.name),
            "{}",
            rule.name
        );
    }
}

#[rstest]
fn system_namespaces_are_not_judged(
    #[values(
        "memory-limit",
        "min-replicas",
        "pod-spread",
        "pdb-missing",
        "pdb-blocks-drain",
        "pdb-overlap",
        "pdb-unhealthy-eviction",
        "rollout-strategy",
        "readiness-probe",
        "resource-requests",
        "eviction-tolerance",
        "single-domain",
        "termination-grace"
    )]
    rule: &str,
    #[values("kube-system", "kube-public", "kube-node-lease")] namespace: &str,
) {
    let path = format!("{namespace}/web");
    let index = index(36, [deployment(&path).object()]);
    assert_eq!(
        lines(&index, rule, Kind::Deployment, &path),
        [format!("notApplicable: {namespace} is a system namespace")]
    );
}

#[rstest]
fn only_the_pod_template_is_judged_of_other_kinds(
    #[values(
        "min-replicas",
        "pod-spread",
        "pdb-missing",
        "pdb-blocks-drain",
        "pdb-overlap",
        "pdb-unhealthy-eviction",
        "rollout-strategy",
        "readiness-probe",
        "resource-requests",
        "eviction-tolerance",
        "single-domain",
        "termination-grace"
    )]
    rule: &str,
    #[values(Kind::DaemonSet, Kind::CronJob, Kind::Job, Kind::Pod, Kind::ReplicaSet)] kind: Kind,
) {
    let index = index(36, [workload(kind, "shop/web").object()]);
    assert_eq!(
        lines(&index, rule, kind, "shop/web"),
        [format!("notApplicable: not judged for a {kind}")]
    );
    assert!(
        lines(&index, "memory-limit", kind, "shop/web")[0].starts_with("app: fail warning:"),
        "{kind}"
    );
}

#[rstest]
#[case("pdb-missing", Kind::PodDisruptionBudget)]
#[case("pdb-blocks-drain", Kind::PodDisruptionBudget)]
#[case("pdb-overlap", Kind::PodDisruptionBudget)]
#[case("pdb-unhealthy-eviction", Kind::PodDisruptionBudget)]
#[case("rollout-strategy", Kind::Service)]
fn nothing_is_judged_by_the_absence_of_what_is_not_listed(#[case] rule: &str, #[case] kind: Kind) {
    let mut index = Index::complete(ClusterVersion(36));
    index.apply(deployment("shop/web").replicas(3).object(), Moment(0));
    index.set_unreadable(kind, "403 Forbidden");
    assert_eq!(
        lines(&index, rule, Kind::Deployment, "shop/web"),
        [format!(
            "unknown: {} cannot be read: 403 Forbidden",
            kind.plural()
        )]
    );
}

#[rstest]
fn what_older_recordings_do_not_hold_is_unknown(
    #[values("readiness-probe", "resource-requests", "termination-grace")] rule: &str,
) {
    let mut index = index(
        36,
        [
            deployment("shop/web").object(),
            Object::Service(service("shop/web")),
        ],
    );
    index.set_sparse_templates();
    assert_eq!(
        lines(&index, rule, Kind::Deployment, "shop/web"),
        [
            "unknown: the recording was made before ports, probes, hooks and requests were recorded; record anew"
        ]
    );
}

#[rstest]
fn nothing_is_judged_by_the_absence_of_autoscalers_that_are_not_listed(
    #[values("min-replicas", "pod-spread")] rule: &str,
) {
    let mut index = Index::new();
    index.apply(deployment("shop/web").object(), Moment(0));
    let ask = |index: &Index| lines(index, rule, Kind::Deployment, "shop/web");
    assert_eq!(
        ask(&index),
        ["unknown: horizontalpodautoscalers are not listed yet"]
    );
    index.set_unreadable(Kind::HorizontalPodAutoscaler, "403 Forbidden");
    assert_eq!(
        ask(&index),
        ["unknown: horizontalpodautoscalers cannot be read: 403 Forbidden"]
    );
}
