use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use crate::index::Index;
use crate::model::budget::{DisruptionBudget, UnhealthyPodEviction};
use crate::model::field::Field;
use crate::model::finding::{CheckResult, Outcome, Remedy};
use crate::model::keys::Kind;
use crate::model::object::Object;
use crate::model::selector::LabelSelector;
use crate::model::testing::{budget, cases, deployment, hpa, labels, selector, stateful_set, wall, workload};
use crate::model::workload::Workload;
use crate::policy::Policy;
use crate::rules::tests::{advice, index, judged, lines, manifest};

const RULE: &str = "pdb-missing";

fn web() -> Workload {
    deployment("shop/web").replicas(3)
}

fn labelled(workload: Workload, pairs: &[(&str, &str)]) -> Workload {
    workload.with(|w| w.template.labels = labels(pairs))
}

const FAILS: &str = "fail warning: a drain may take all 3 replicas down at once: no PodDisruptionBudget selects the pods of \
                     Deployment shop/web; add a PodDisruptionBudget with maxUnavailable: 1";

#[rstest]
#[case::no_budget(web(), vec![], FAILS)]
#[case::two_replicas(
    web().replicas(2),
    vec![],
    "fail warning: a drain may take both replicas down at once: no PodDisruptionBudget selects the pods of Deployment \
     shop/web; add a PodDisruptionBudget with maxUnavailable: 1"
)]
#[case::a_stateful_set(
    stateful_set("shop/web").replicas(3),
    vec![],
    "fail warning: a drain may take all 3 replicas down at once: no PodDisruptionBudget selects the pods of StatefulSet \
     shop/web; add a PodDisruptionBudget with maxUnavailable: 1"
)]
#[case::a_budget(web(), vec![budget("shop/any").selecting(selector(&[("app", "web")])).object()], "pass: PodDisruptionBudget any")]
#[case::two_budgets(
    web(),
    vec![budget("shop/web").object(), budget("shop/all").selecting(LabelSelector::default()).object()],
    "pass: PodDisruptionBudgets all and web"
)]
#[case::one_that_allows_nothing_is_one(web(), vec![budget("shop/web").max_unavailable(0).object()], "pass: PodDisruptionBudget web")]
#[case::one_with_refused_numbers_selects_all_the_same(
    web(),
    vec![DisruptionBudget { min_available: Field::Invalid, max_unavailable: Field::Invalid, ..budget("shop/web") }.object()],
    "pass: PodDisruptionBudget web"
)]
#[case::an_empty_selector_selects_everything(
    web(),
    vec![budget("shop/all").selecting(LabelSelector::default()).object()],
    "pass: PodDisruptionBudget all"
)]
#[case::an_absent_selector_selects_nothing(
    web(),
    vec![DisruptionBudget { selector: Field::Absent, ..budget("shop/all") }.object()],
    FAILS
)]
#[case::the_one_of_its_name_selects_others(
    web(),
    vec![budget("shop/web").selecting(selector(&[("app", "website")])).object()],
    "fail warning: a drain may take all 3 replicas down at once: PodDisruptionBudget shop/web does not select the pods of \
     Deployment shop/web; add a PodDisruptionBudget with maxUnavailable: 1"
)]
#[case::in_another_namespace(web(), vec![budget("other/web").object()], FAILS)]
#[case::a_refused_selector(
    web(),
    vec![DisruptionBudget { selector: Field::Invalid, ..budget("shop/any") }.object()],
    "unknown: spec.selector of PodDisruptionBudget shop/any is refused by Kubernetes"
)]
#[case::a_refused_selector_beside_one_that_selects(
    web(),
    vec![DisruptionBudget { selector: Field::Invalid, ..budget("shop/any") }.object(), budget("shop/web").object()],
    "pass: PodDisruptionBudget web"
)]
#[case::one_replica(web().replicas(1), vec![], "notApplicable: it runs 1 replica")]
#[case::replicas_absent(deployment("shop/web"), vec![], "notApplicable: it runs 1 replica")]
#[case::replicas_zero(web().replicas(0), vec![], "notApplicable: spec.replicas is 0: off on purpose")]
#[case::a_floor_of_one(
    web(),
    vec![hpa("shop/web", Some(1), 5).object()],
    "notApplicable: it may run on 1 replica, by HorizontalPodAutoscaler web"
)]
#[case::a_floor_of_three(web().replicas(1), vec![hpa("shop/web", Some(3), 5).object()], FAILS)]
#[case::scaled_to_zero(
    web(),
    vec![hpa("shop/web", Some(0), 5).object()],
    "notApplicable: HorizontalPodAutoscaler web scales it to zero on purpose"
)]
#[case::refused_replicas(
    web().with(|w| w.replicas = Field::Invalid),
    vec![],
    "unknown: the fewest replicas that Deployment shop/web may run cannot be told"
)]
fn it_judges(#[case] workload: Workload, #[case] beside: Vec<Object>, #[case] expected: &str) {
    let kind = workload.key.kind;
    let index = index(36, [workload.object()].into_iter().chain(beside));
    assert_eq!(lines(&index, RULE, kind, "shop/web"), [expected]);
}

#[rstest]
#[case::matched(json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "api"]}]}), true)]
#[case::not_matched(json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}), false)]
#[case::both_kinds_must_match(
    json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]}),
    false
)]
#[case::absence(json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}), true)]
fn expressions_are_judged_in_full(#[case] selector: serde_json::Value, #[case] selects: bool) {
    let selector = serde_json::from_value(selector).expect("a selector");
    let index = index(
        36,
        [web().object(), budget("shop/b").selecting(selector).object()],
    );
    let said = &lines(&index, RULE, Kind::Deployment, "shop/web")[0];
    assert_eq!(said.starts_with("pass"), selects, "{said}");
}

#[test]
fn the_remedy_is_a_whole_budget_by_labels_that_last() {
    let web = labelled(
        web(),
        &[("app", "web"), ("version", "7"), ("helm.sh/chart", "web-7")],
    );
    let made = manifest(
        &index(36, [web.clone().object()]),
        RULE,
        Kind::Deployment,
        "shop/web",
    );
    let mut whole = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    });
    assert_eq!(made, whole);
    let before = manifest(&index(26, [web.object()]), RULE, Kind::Deployment, "shop/web");
    whole["spec"]
        .as_object_mut()
        .expect("an object")
        .remove("unhealthyPodEvictionPolicy");
    assert_eq!(before, whole, "the field is not known there");
}

#[test]
fn the_remedy_takes_a_name_that_is_free() {
    let other = |path| budget(path).selecting(selector(&[("app", "other")])).object();
    let one = index(36, [web().object(), other("shop/web")]);
    let made = manifest(&one, RULE, Kind::Deployment, "shop/web");
    assert_eq!(made["metadata"]["name"], "web-pdb");
    let both = index(36, [web().object(), other("shop/web"), other("shop/web-pdb")]);
    assert_eq!(
        advice(&both, RULE, Kind::Deployment, "shop/web"),
        r#"add a PodDisruptionBudget with maxUnavailable: 1 that selects the pods of Deployment shop/web: {"app":"web"}"#
    );
}

#[rstest]
#[case::a_second_revision(labelled(deployment("shop/canary"), &[("app", "web"), ("version", "8")]), vec![], None)]
#[case::a_daemon_set(labelled(workload(Kind::DaemonSet, "shop/agent"), &[("app", "web")]), vec![], Some("DaemonSet agent"))]
#[case::a_job(labelled(workload(Kind::CronJob, "shop/nightly"), &[("app", "web"), ("job", "x")]), vec![], Some("CronJob nightly"))]
#[case::one_with_a_budget(
    labelled(deployment("shop/canary"), &[("app", "web"), ("track", "canary")]),
    vec![budget("shop/canary").selecting(selector(&[("track", "canary")])).object()],
    Some("Deployment canary")
)]
#[case::elsewhere(labelled(workload(Kind::DaemonSet, "other/agent"), &[("app", "web")]), vec![], None)]
fn the_remedy_hurts_nobody_else(
    #[case] other: Workload,
    #[case] beside: Vec<Object>,
    #[case] hurt: Option<&str>,
) {
    let index = index(36, [web().object(), other.object()].into_iter().chain(beside));
    match hurt {
        None => drop(manifest(&index, RULE, Kind::Deployment, "shop/web")),
        Some(hurt) => assert_eq!(
            advice(&index, RULE, Kind::Deployment, "shop/web"),
            format!(
                "give the pods of Deployment shop/web a label that those of {hurt} lack, then a PodDisruptionBudget with \
                 maxUnavailable: 1 that selects it"
            )
        ),
    }
}

/// The budget that a remedy's manifest makes.
fn made(manifest: &serde_json::Value) -> DisruptionBudget {
    let text = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
    let (metadata, spec) = (&manifest["metadata"], &manifest["spec"]);
    let path = format!("{}/{}", text(&metadata["namespace"]), text(&metadata["name"]));
    let most: crate::model::intstr::IntOrString =
        serde_json::from_value(spec["maxUnavailable"].clone()).expect("an amount");
    let selector = serde_json::from_value(spec["selector"].clone()).expect("a selector");
    assert_eq!(spec["unhealthyPodEvictionPolicy"], "AlwaysAllow");
    DisruptionBudget {
        unhealthy: Field::Set(UnhealthyPodEviction::AlwaysAllow),
        ..budget(&path).max_unavailable(most).selecting(selector)
    }
}

/// How the answer of a rule compares: the larger, the worse.
fn badness(result: &CheckResult) -> u8 {
    match &result.outcome {
        Outcome::Pass(_) | Outcome::NotApplicable(_) | Outcome::Exempt(_) => 0,
        Outcome::Unknown(_) => 1,
        Outcome::Fail(_) => 2,
    }
}

/// What all rules on budgets say of every workload.
fn answers(index: &Index) -> Vec<CheckResult> {
    let of = |key| {
        let view = index.view(key).expect("a workload");
        judged(view, &Policy::default(), wall(0)).results
    };
    let keys = index.workload_keys();
    let results = keys.iter().flat_map(of);
    results.filter(|result| result.rule.starts_with("pdb-")).collect()
}

/// A workload of a few labels; and what beside it.
fn world() -> impl Strategy<Value = Vec<Object>> {
    let label = |key: &'static str| {
        prop::option::of(prop::sample::select(vec!["a", "b"])).prop_map(move |v| (key, v))
    };
    let labels_of = (label("app"), label("tier"), label("version")).prop_map(|(a, b, c)| {
        [a, b, c]
            .into_iter()
            .filter_map(|(k, v)| Some((k, v?)))
            .collect::<Vec<_>>()
    });
    let kind = prop::sample::select(vec![
        Kind::Deployment,
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::CronJob,
        Kind::Pod,
        Kind::ReplicaSet,
    ]);
    let drawn = (kind, 0..4_i32, labels_of.clone());
    let amount = prop::sample::select(vec![
        None::<&str>,
        Some("0"),
        Some("1"),
        Some("2"),
        Some("50%"),
        Some("100%"),
    ]);
    let budget_of = (labels_of, amount.clone(), amount);
    let scaler = (0..4_usize, 1..4_i32);
    (
        prop::collection::vec(drawn, 1..5),
        prop::collection::vec(budget_of, 0..3),
        prop::collection::vec(scaler, 0..2),
    )
        .prop_map(|(workloads, budgets, scalers)| {
            let number = |text: &str| {
                text.parse()
                    .map_or_else(|_| text.into(), crate::model::intstr::IntOrString::Int)
            };
            let workloads = workloads
                .into_iter()
                .enumerate()
                .map(|(i, (kind, replicas, pairs))| {
                    labelled(workload(kind, &format!("shop/w{i}")).replicas(replicas), &pairs).object()
                });
            let budgets = budgets.into_iter().enumerate().map(|(i, (pairs, least, most))| {
                let mut made = budget(&format!("shop/b{i}")).selecting(selector(&pairs));
                match (least, most) {
                    (Some(least), _) => made = made.min_available(number(least)),
                    (None, Some(most)) => made = made.max_unavailable(number(most)),
                    (None, None) => {}
                }
                made.object()
            });
            let scalers = scalers
                .into_iter()
                .map(|(i, min)| hpa(&format!("shop/w{i}"), Some(min), 5).object());
            workloads.chain(budgets).chain(scalers).collect()
        })
}

proptest! {
    #![proptest_config(cases(256))]

    /// The budget that the remedy makes mends what it is for, and makes no rule's answer about any workload worse.
    #[test]
    fn the_budget_of_the_remedy_fits(objects in world()) {
        let mut index = index(36, objects);
        for key in index.workload_keys() {
            let before = answers(&index);
            let results = crate::rules::tests::ask(&index, RULE, key.kind, &key.path());
            let Some(Outcome::Fail(failure)) = results.into_iter().next().map(|result| result.outcome) else {
                continue;
            };
            let Some(Remedy::Create { manifest, .. }) = failure.remedy else {
                continue;
            };
            let made = made(&manifest.value()).object();
            prop_assert!(
                !index.view(&key).expect("a workload").alike().is_empty(),
                "it selects the workload's pods"
            );
            index.apply(made, crate::model::time::Moment(1));
            let after = answers(&index);
            prop_assert_eq!(before.len(), after.len());
            for (before, after) in before.iter().zip(&after) {
                prop_assert!(badness(after) <= badness(before), "{:?}\n{:?}", before, after);
            }
            let own = crate::rules::tests::lines(&index, RULE, key.kind, &key.path());
            prop_assert!(own[0].starts_with("pass: "), "{:?}", own);
        }
    }

    /// It does not matter in which order objects come.
    #[test]
    fn the_order_of_objects_does_not_matter(objects in world(), seed in any::<u64>()) {
        let mut shuffled: Vec<(u64, Object)> = objects
            .iter()
            .enumerate()
            .map(|(i, object)| ((i as u64 + 1).wrapping_mul(seed | 1).rotate_left(17), object.clone()))
            .collect();
        shuffled.sort_by_key(|(at, _)| *at);
        let shuffled = shuffled.into_iter().map(|(_, object)| object);
        prop_assert_eq!(answers(&index(36, objects)), answers(&index(36, shuffled)));
    }
}
