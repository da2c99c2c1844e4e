use rstest::rstest;
use serde_json::json;

use crate::index::Index;
use crate::model::autoscaler::{Autoscaler, Pause};
use crate::model::config::ClusterVersion;
use crate::model::field::Field;
use crate::model::keys::Kind;
use crate::model::object::Object;
use crate::model::testing::{deployment, hpa, replica_set, scaled_object, stateful_set, workload};
use crate::model::time::Moment;
use crate::model::workload::Workload;
use crate::rules::judge_strays;
use crate::rules::tests::{advice, index, line, lines, patch};

const RULE: &str = "autoscaler-conflict";

fn web() -> Workload {
    deployment("shop/web")
}

fn web_hpa() -> Autoscaler {
    hpa("shop/web", Some(2), 5)
}

fn web_scaled() -> Autoscaler {
    scaled_object("shop/web", Some(2), Some(5))
}

/// Manifests.
fn files(objects: impl IntoIterator<Item = Object>) -> Index {
    let mut index = Index::of_files(ClusterVersion::NEWEST);
    objects
        .into_iter()
        .for_each(|object| index.apply(object, Moment(0)));
    index
}

fn objects(workload: Workload, autoscalers: Vec<Autoscaler>) -> impl Iterator<Item = Object> {
    let autoscalers = autoscalers.into_iter().map(Autoscaler::object);
    [workload.object()].into_iter().chain(autoscalers)
}

fn kedas(name: &str) -> Autoscaler {
    hpa("shop/web", Some(2), 5).named(name)
}

#[rstest]
#[case::no_autoscaler(web().replicas(3), vec![], "notApplicable: no autoscaler scales it")]
#[case::one(web(), vec![web_hpa()], "pass: HorizontalPodAutoscaler web alone")]
#[case::one_scaled_object(web(), vec![web_scaled()], "pass: ScaledObject web alone")]
#[case::two(
    web(),
    vec![web_hpa(), web_hpa().named("web-cpu")],
    "fail warning: 2 autoscalers are in each other's way: HorizontalPodAutoscaler web and \
     HorizontalPodAutoscaler web-cpu scale Deployment shop/web; keep one of them"
)]
#[case::two_kinds(
    web(),
    vec![web_hpa(), web_scaled()],
    "fail warning: 2 autoscalers are in each other's way: HorizontalPodAutoscaler web and ScaledObject web \
     scale Deployment shop/web; keep one of them"
)]
#[case::three(
    web(),
    vec![web_hpa(), web_hpa().named("x"), web_scaled()],
    "fail warning: 3 autoscalers are in each other's way: HorizontalPodAutoscaler web, \
     HorizontalPodAutoscaler x and 1 more scale Deployment shop/web; keep one of them"
)]
#[case::two_scaled_objects(
    web(),
    vec![web_scaled(), web_scaled().named("queue")],
    "fail warning: 2 autoscalers are in each other's way: ScaledObject queue and ScaledObject web scale \
     Deployment shop/web; keep one of them"
)]
#[case::kedas_own_by_its_owner(
    web(),
    vec![web_scaled(), kedas("any").made_by("web")],
    "pass: ScaledObject web alone"
)]
#[case::kedas_own_by_its_name(web(), vec![web_scaled(), kedas("keda-hpa-web")], "pass: ScaledObject web alone")]
#[case::kedas_own_by_a_name_of_its_choice(
    web(),
    vec![web_scaled().keda_with(|k| k.horizontal = "mine".into()), kedas("mine")],
    "pass: ScaledObject web alone"
)]
#[case::another_ones_beside_kedas_own(
    web(),
    vec![web_scaled(), kedas("keda-hpa-web"), web_hpa()],
    "fail warning: 2 autoscalers are in each other's way: HorizontalPodAutoscaler web and ScaledObject web \
     scale Deployment shop/web; keep one of them"
)]
#[case::the_minimum_above_the_maximum(
    web(),
    vec![hpa("shop/web", Some(5), 2)],
    "HorizontalPodAutoscaler web: fail warning: nothing scales it, because the API server refuses such bounds: \
     HorizontalPodAutoscaler shop/web has spec.minReplicas 5 above spec.maxReplicas 2; set maxReplicas to 5 or more"
)]
#[case::the_minimum_above_kedas_maximum(
    web(),
    vec![scaled_object("shop/web", Some(5), Some(2))],
    "ScaledObject web: fail warning: nothing scales it, because KEDA refuses such bounds: ScaledObject shop/web has \
     spec.minReplicaCount 5 above spec.maxReplicaCount 2; set maxReplicaCount to 5 or more"
)]
#[case::the_minimum_above_kedas_default(
    web(),
    vec![scaled_object("shop/web", Some(101), None)],
    "ScaledObject web: fail warning: nothing scales it, because KEDA refuses such bounds: ScaledObject shop/web has \
     spec.minReplicaCount 101 above spec.maxReplicaCount 100; set maxReplicaCount to 101 or more"
)]
#[case::the_minimum_at_the_maximum(web(), vec![hpa("shop/web", Some(5), 5)], "pass: HorizontalPodAutoscaler web alone")]
#[case::an_invalid_bound_contradicts_none(
    web(),
    vec![Autoscaler { max: Field::Invalid, ..web_hpa() }],
    "pass: HorizontalPodAutoscaler web alone"
)]
#[case::replicas_beside_it(
    web().replicas(3),
    vec![web_hpa()],
    "replicas: fail warning: each time it is applied it goes to 3 replicas, whatever the load: spec.replicas of \
     Deployment shop/web is owned by HorizontalPodAutoscaler web; leave spec.replicas out"
)]
#[case::replicas_beside_a_scaled_object(
    web().replicas(1),
    vec![web_scaled()],
    "replicas: fail warning: each time it is applied it goes to 1 replica, whatever the load: spec.replicas of \
     Deployment shop/web is owned by ScaledObject web; leave spec.replicas out"
)]
#[case::replicas_zero_switches_it_off(
    web().replicas(0),
    vec![web_hpa()],
    "pass: HorizontalPodAutoscaler web alone"
)]
#[case::replicas_zero_beside_a_scaled_object(
    web().replicas(0),
    vec![web_scaled()],
    "replicas: fail warning: each time it is applied it goes to 0 replicas, whatever the load: spec.replicas of \
     Deployment shop/web is owned by ScaledObject web; leave spec.replicas out"
)]
#[case::replicas_beside_one_that_is_paused(
    web().replicas(3),
    vec![web_scaled().keda_with(|k| k.pause = Pause::Standing)],
    "pass: ScaledObject web alone"
)]
#[case::replicas_that_are_no_number(
    web().with(|w| w.replicas = Field::Invalid),
    vec![web_hpa()],
    "pass: HorizontalPodAutoscaler web alone"
)]
#[case::replicas_beside_another_workloads(
    web().replicas(3),
    vec![hpa("shop/api", None, 5)],
    "notApplicable: no autoscaler scales it"
)]
fn one_hand_sets_the_replicas(
    #[case] workload: Workload,
    #[case] autoscalers: Vec<Autoscaler>,
    #[case] expected: &str,
) {
    let said = lines(
        &files(objects(workload, autoscalers)),
        RULE,
        Kind::Deployment,
        "shop/web",
    );
    assert_eq!(said, [expected]);
}

#[test]
fn in_a_cluster_the_replicas_are_the_autoscalers() {
    let index = index(36, objects(web().replicas(3), vec![web_hpa()]));
    assert_eq!(
        lines(&index, RULE, Kind::Deployment, "shop/web"),
        ["pass: HorizontalPodAutoscaler web alone"]
    );
}

#[test]
fn every_fault_has_its_row() {
    let both = vec![hpa("shop/web", Some(5), 2), web_scaled()];
    let said = lines(
        &files(objects(web().replicas(3), both)),
        RULE,
        Kind::Deployment,
        "shop/web",
    );
    let starts = [
        "fail warning: 2",
        "HorizontalPodAutoscaler web: fail",
        "replicas: fail",
    ];
    assert_eq!(said.len(), starts.len(), "{said:?}");
    for (line, start) in said.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn a_contradiction_is_mended_at_the_maximum() {
    let index = files(objects(web(), vec![hpa("shop/web", Some(5), 2)]));
    assert_eq!(
        patch(&index, RULE, Kind::Deployment, "shop/web"),
        (
            "HorizontalPodAutoscaler shop/web".to_owned(),
            json!({"spec": {"maxReplicas": 5}})
        )
    );
}

#[rstest]
#[case::alone(
    web(),
    "remove spec.replicas from the manifest of Deployment shop/web; if it was applied with kubectl apply before, take it \
     out with `kubectl -n shop apply edit-last-applied deployment/web` first, or the next apply scales it to 1"
)]
#[case::of_a_custom_resource(
    web().owned_by("monitoring.coreos.com/v1", "Prometheus", "prom-main"),
    "leave the replicas out of its Prometheus prom-main"
)]
fn no_patch_takes_the_replicas_away_from_what_runs(#[case] workload: Workload, #[case] expected: &str) {
    let index = files(objects(workload.replicas(3), vec![web_hpa()]));
    assert_eq!(advice(&index, RULE, Kind::Deployment, "shop/web"), expected);
}

#[test]
fn stateful_sets_are_judged_alike() {
    let mut of_db = hpa("shop/db", None, 5);
    of_db.target.kind = "StatefulSet".into();
    let index = files(objects(stateful_set("shop/db").replicas(3), vec![of_db]));
    assert!(lines(&index, RULE, Kind::StatefulSet, "shop/db")[0].starts_with("replicas: fail warning"));
}

fn strays(index: &Index) -> Vec<String> {
    let strays = judge_strays(index);
    strays
        .map(|(stray, result)| format!("{}: {}", stray.key(), line(&result)))
        .collect()
}

#[test]
fn an_autoscaler_without_a_target_is_an_entry_of_its_own() {
    let all = || {
        let one = [
            hpa("shop/web", None, 5).object(),
            scaled_object("shop/api", None, None).object(),
        ];
        one.into_iter()
            .chain([hpa("shop/web", None, 5).named("of-a-set").object()])
    };
    let said = |severity: &str| {
        let line = |key: &str, target: &str| {
            format!(
                "{key}: fail {severity}: it scales nothing: the target of {key}, Deployment {target}, does not exist; mend \
                 its scaleTargetRef, or delete it"
            )
        };
        [
            line("HorizontalPodAutoscaler shop/of-a-set", "web"),
            line("HorizontalPodAutoscaler shop/web", "web"),
            line("ScaledObject shop/api", "api"),
        ]
    };
    assert_eq!(
        strays(&files(all())),
        said("info"),
        "the target may live elsewhere"
    );
    assert_eq!(strays(&index(36, all())), said("warning"));
    let there = [web().object(), deployment("shop/api").object()];
    assert!(strays(&index(36, all().chain(there))).is_empty());
}

#[rstest]
#[case::a_rollout("argoproj.io", "Rollout")]
#[case::a_custom_resource("example.com", "Deployment")]
#[case::a_kind_that_nobody_scales("apps", "DaemonSet")]
#[case::a_kind_in_odd_letters("apps", "DEPLOYMENT")]
fn a_target_of_a_kind_that_is_not_read_is_no_finding(#[case] group: &str, #[case] kind: &str) {
    let mut one = hpa("shop/web", None, 5);
    one.target.group = group.into();
    one.target.kind = kind.into();
    assert!(strays(&index(36, [one.object()])).is_empty());
}

#[rstest]
#[case::a_stateful_set("StatefulSet", stateful_set("shop/web"), 0)]
#[case::in_small_letters("statefulset", stateful_set("shop/web"), 0)]
#[case::of_another_kind("StatefulSet", deployment("shop/web"), 1)]
#[case::a_replica_set("ReplicaSet", workload(Kind::ReplicaSet, "shop/web"), 0)]
#[case::a_deployments_replica_set("ReplicaSet", replica_set("shop/web").with(|w| w.key.name = "web".into()), 0)]
#[case::in_another_namespace("Deployment", deployment("other/web"), 1)]
fn the_target_is_looked_for_by_kind_name_and_namespace(
    #[case] kind: &str,
    #[case] there: Workload,
    #[case] expected: usize,
) {
    let mut one = hpa("shop/web", None, 5);
    one.target.kind = kind.into();
    assert_eq!(strays(&index(36, [there.object(), one.object()])).len(), expected);
}

#[test]
fn an_autoscaler_that_keda_made_is_not_told_of_beside_its_scaled_object() {
    let index = index(
        36,
        [
            web_scaled().object(),
            kedas("keda-hpa-web").made_by("web").object(),
        ],
    );
    let said = strays(&index);
    assert!(
        matches!(&said[..], [one] if one.starts_with("ScaledObject shop/web:")),
        "{said:?}"
    );
}

#[test]
fn nothing_is_told_of_targets_that_are_not_listed_or_of_system_namespaces() {
    let mut index = Index::new();
    index.apply(web_hpa().object(), Moment(0));
    index.begin_list(Kind::HorizontalPodAutoscaler);
    index.apply(web_hpa().object(), Moment(0));
    index.end_list(Kind::HorizontalPodAutoscaler);
    assert!(strays(&index).is_empty());
    index.set_unreadable(Kind::Deployment, "403 Forbidden");
    assert!(strays(&index).is_empty());
    let system = files([hpa("kube-system/dns", None, 5).object()]);
    assert!(strays(&system).is_empty());
}
