use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use crate::model::keys::Kind;
use crate::model::node::{TAINT_NOT_READY, TAINT_UNREACHABLE};
use crate::model::template::{TaintEffect, Toleration, TolerationOperator};
use crate::model::testing::{cases, deployment, wall};
use crate::model::workload::Workload;
use crate::policy::Policy;
use crate::rules::tests::{advice, index, judged, line, lines, patch};
use TaintEffect::{NoExecute, NoSchedule};

const RULE: &str = "eviction-tolerance";
const FOR_EVER: &str =
    "fail warning: pods on a node that is lost are never replaced: Deployment shop/web tolerates ";

/// `Exists`, for ever.
fn exists(key: &str, effect: Option<TaintEffect>) -> Toleration {
    Toleration {
        key: key.into(),
        operator: TolerationOperator::Exists,
        value: "".into(),
        effect,
        seconds: None,
    }
}

fn equal(key: &str, value: &str) -> Toleration {
    Toleration {
        operator: TolerationOperator::Equal,
        value: value.into(),
        ..exists(key, Some(NoExecute))
    }
}

fn until(toleration: Toleration, seconds: i64) -> Toleration {
    Toleration {
        seconds: Some(seconds),
        ..toleration
    }
}

fn both(seconds: Option<i64>) -> Vec<Toleration> {
    let one = |key| Toleration {
        seconds,
        ..exists(key, Some(NoExecute))
    };
    vec![one(TAINT_NOT_READY), one(TAINT_UNREACHABLE)]
}

fn web(tolerations: Vec<Toleration>) -> Workload {
    deployment("shop/web").with(|w| w.template.tolerations = tolerations)
}

fn said(tolerations: Vec<Toleration>) -> String {
    said_by(tolerations, &Policy::default())
}

fn said_by(tolerations: Vec<Toleration>, policy: &Policy) -> String {
    let workload = web(tolerations);
    let index = index(36, [workload.clone().object()]);
    let view = index.view(&workload.key).expect("a workload");
    let results = judged(view, policy, wall(0)).results;
    let mine = results.iter().filter(|result| result.rule == RULE);
    mine.map(line).collect::<Vec<_>>().join("\n")
}

#[rstest]
#[case::nothing_said(vec![])]
#[case::other_taints(vec![exists("gpu", None), exists("spot", Some(NoExecute))])]
#[case::the_default_written_out(both(Some(300)))]
#[case::sooner(both(Some(10)))]
#[case::at_once(both(Some(0)))]
#[case::below_zero_is_at_once(both(Some(-1)))]
#[case::of_another_effect(vec![exists("", Some(NoSchedule)), exists(TAINT_UNREACHABLE, Some(NoSchedule))])]
#[case::of_another_value(vec![equal(TAINT_UNREACHABLE, "yes"), equal(TAINT_NOT_READY, "yes")])]
#[case::of_a_number(vec![Toleration { operator: TolerationOperator::Gt, ..equal(TAINT_UNREACHABLE, "5") }])]
#[case::an_empty_key_without_exists(vec![equal("", "")])]
#[case::the_first_ends(vec![until(exists("", Some(NoExecute)), 60), exists(TAINT_NOT_READY, None),
    exists(TAINT_UNREACHABLE, None)])]
fn pods_that_leave_in_time_pass(#[case] tolerations: Vec<Toleration>) {
    assert_eq!(said(tolerations), "pass");
}

#[rstest]
#[case::both_by_name(
    both(None),
    "not-ready and unreachable nodes without end (tolerations[0] and tolerations[1])"
)]
#[case::everything(vec![exists("", None)], "not-ready and unreachable nodes without end (tolerations[0])")]
#[case::every_eviction(vec![exists("", Some(NoExecute))], "not-ready and unreachable nodes without end (tolerations[0])")]
#[case::every_effect(vec![exists(TAINT_UNREACHABLE, None)], "unreachable nodes without end (tolerations[0])")]
#[case::by_the_empty_value(vec![equal(TAINT_NOT_READY, "")], "not-ready nodes without end (tolerations[0])")]
#[case::the_first_has_no_end(vec![exists("gpu", None), exists("", None), until(exists(TAINT_UNREACHABLE, Some(NoExecute)), 60)],
    "not-ready and unreachable nodes without end (tolerations[1])")]
fn pods_that_never_leave_are_a_warning(#[case] tolerations: Vec<Toleration>, #[case] found: &str) {
    let expected = format!("{FOR_EVER}{found}; set tolerationSeconds to 300 or less");
    assert_eq!(said(tolerations), expected);
}

#[test]
fn pods_that_stay_too_long_are_an_info() {
    assert_eq!(said(both(Some(301))).split(':').next(), Some("fail info"));
    let one = vec![until(exists(TAINT_UNREACHABLE, Some(NoExecute)), 3600)];
    assert_eq!(
        said(one),
        "fail info: pods on a node that is lost are replaced after 1 h only: Deployment shop/web tolerates unreachable \
         nodes for 3600 s (tolerations[0]); set tolerationSeconds to 300 or less"
    );
}

#[test]
fn the_worse_of_the_two_is_told() {
    let mut tolerations = both(Some(900));
    tolerations[1].seconds = None;
    let expected = format!(
        "{FOR_EVER}unreachable nodes without end (tolerations[1]); set tolerationSeconds to 300 or less"
    );
    assert_eq!(said(tolerations), expected);
}

#[test]
fn the_policy_says_how_long_is_too_long() {
    let policy = |seconds| Policy {
        max_toleration_seconds: seconds,
        ..Policy::default()
    };
    assert_eq!(said_by(both(Some(3600)), &policy(3600)), "pass");
    assert_eq!(
        said_by(vec![], &policy(60)),
        "fail info: pods on a node that is lost are replaced after 5 min only: Deployment shop/web tolerates not-ready and \
         unreachable nodes for 300 s (the API server adds 300 s where none is said); set tolerationSeconds to 60 or less"
    );
}

#[test]
fn the_remedy_goes_before_the_others_and_keeps_them() {
    let tolerations = vec![
        exists("", None),
        until(exists(TAINT_UNREACHABLE, Some(NoExecute)), 900),
        Toleration {
            operator: TolerationOperator::Gt,
            seconds: None,
            ..equal("grade", "5")
        },
    ];
    let index = index(36, [web(tolerations).object()]);
    let (target, patch) = patch(&index, RULE, Kind::Deployment, "shop/web");
    assert_eq!(target, "Deployment shop/web");
    let ours =
        |key| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    assert_eq!(
        patch["spec"]["template"]["spec"]["tolerations"],
        json!([ours(TAINT_NOT_READY), ours(TAINT_UNREACHABLE), {"operator": "Exists"},
            {"key": "grade", "operator": "Gt", "value": "5", "effect": "NoExecute"}])
    );
}

#[test]
fn the_remedy_of_what_an_operator_writes_is_in_its_own_resource() {
    let owned = web(both(None)).owned_by("example.com/v1", "Shop", "main");
    let index = index(36, [owned.object()]);
    assert_eq!(
        advice(&index, RULE, Kind::Deployment, "shop/web"),
        "set tolerationSeconds to 300 or less in its Shop main: a change of Deployment shop/web would be undone"
    );
    let said = lines(&index, RULE, Kind::Deployment, "shop/web");
    assert!(
        said[0].ends_with("; set 300 s or less in its Shop main"),
        "{said:?}"
    );
}

fn any_toleration() -> impl Strategy<Value = Toleration> {
    let key = prop::sample::select(vec!["", TAINT_NOT_READY, TAINT_UNREACHABLE, "gpu"]);
    let operator = prop::sample::select(vec![TolerationOperator::Exists, TolerationOperator::Equal]);
    let effect = prop::sample::select(vec![None, Some(NoExecute), Some(NoSchedule)]);
    let seconds = prop::option::of(prop::sample::select(vec![-1_i64, 0, 300, 301]));
    (key, operator, effect, seconds).prop_map(|(key, operator, effect, seconds)| Toleration {
        operator,
        seconds,
        ..exists(key, effect)
    })
}

/// A toleration as the API server reads it.
fn read(manifest: &Value) -> Toleration {
    let text = |key: &str| manifest[key].as_str().unwrap_or_default();
    Toleration {
        key: text("key").into(),
        operator: match text("operator") {
            "Exists" => TolerationOperator::Exists,
            "Equal" => TolerationOperator::Equal,
            other => panic!("no operator: {other}"),
        },
        value: text("value").into(),
        effect: match text("effect") {
            "" => None,
            "NoExecute" => Some(NoExecute),
            "NoSchedule" => Some(NoSchedule),
            other => panic!("no effect: {other}"),
        },
        seconds: manifest["tolerationSeconds"].as_i64(),
    }
}

/// What the remedy's patch makes of these tolerations.
fn mended(tolerations: Vec<Toleration>) -> Vec<Toleration> {
    let index = index(36, [web(tolerations).object()]);
    let (target, patch) = patch(&index, RULE, Kind::Deployment, "shop/web");
    assert_eq!(target, "Deployment shop/web");
    let list = &patch["spec"]["template"]["spec"]["tolerations"];
    list.as_array().expect("a list").iter().map(read).collect()
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_remedy_mends_it(tolerations in prop::collection::vec(any_toleration(), 0..5)) {
        if said(tolerations.clone()) != "pass" {
            let mended = mended(tolerations.clone());
            prop_assert_eq!(said(mended.clone()), "pass");
            let others = |t: &&Toleration| &*t.key == "gpu" || t.key.is_empty();
            let kept: Vec<_> = mended.iter().filter(others).cloned().collect();
            let before: Vec<_> = tolerations.iter().filter(others).cloned().collect();
            prop_assert_eq!(kept, before);
        }
    }
}
