use rstest::rstest;
use serde_json::json;

use crate::model::autoscaler::{Autoscaler, Keda, Pause};
use crate::model::field::Field;
use crate::model::keys::Kind;
use crate::model::object::Object;
use crate::model::testing::{deployment, hpa, scaled_object, stateful_set};
use crate::model::workload::Workload;
use crate::policy::Policy;
use crate::rules::tests::{advice, index, line, lines, patch};

const RULE: &str = "min-replicas";

fn web() -> Workload {
    deployment("shop/web")
}

fn scaled(min: Option<i32>, max: i32) -> Vec<Autoscaler> {
    vec![hpa("shop/web", min, max)]
}

fn aimed(change: impl FnOnce(&mut Autoscaler)) -> Vec<Autoscaler> {
    let mut hpa = hpa("shop/web", Some(3), 5);
    change(&mut hpa);
    vec![hpa]
}

/// A ScaledObject with KEDA's own autoscaler, which allows one replica.
fn keda(min: Option<i32>, max: Option<i32>, change: impl FnOnce(&mut Keda)) -> Vec<Autoscaler> {
    let made = hpa("shop/web", None, 9).named("keda-hpa-web").made_by("web");
    vec![made, scaled_object("shop/web", min, max).keda_with(change)]
}

fn objects(workload: Workload, hpas: Vec<Autoscaler>) -> impl Iterator<Item = Object> {
    [workload.object()]
        .into_iter()
        .chain(hpas.into_iter().map(Object::Autoscaler))
}

#[rstest]
#[case::replicas_absent(
    web(),
    vec![],
    "fail warning: down whenever its one pod is: spec.replicas is absent, so 1 in Deployment \
     shop/web; set it to 2 or more"
)]
#[case::one_replica(
    web().replicas(1),
    vec![],
    "fail warning: down whenever its one pod is: spec.replicas is 1 in Deployment shop/web; \
     set it to 2 or more"
)]
#[case::two_replicas(web().replicas(2), vec![], "pass: 2 replicas, by spec.replicas")]
#[case::replicas_zero(web().replicas(0), vec![], "notApplicable: spec.replicas is 0: off on purpose")]
#[case::replicas_zero_switches_the_autoscaler_off(
    web().replicas(0),
    scaled(Some(3), 5),
    "notApplicable: spec.replicas is 0: off on purpose, and HorizontalPodAutoscaler web with it"
)]
#[case::autoscaler_without_min(
    web().replicas(5),
    scaled(None, 10),
    "fail warning: down whenever its one pod is: HorizontalPodAutoscaler shop/web, which \
     scales Deployment web, has no spec.minReplicas, so 1; set its minReplicas to 2 or more"
)]
#[case::autoscaler_from_one(
    web().replicas(5),
    scaled(Some(1), 5),
    "fail warning: down whenever its one pod is: HorizontalPodAutoscaler shop/web, which \
     scales Deployment web, has spec.minReplicas 1; set its minReplicas to 2 or more"
)]
#[case::the_autoscaler_owns_the_floor(
    web().replicas(1),
    scaled(Some(2), 5),
    "pass: at least 2 replicas, by HorizontalPodAutoscaler web"
)]
#[case::replicas_absent_under_an_autoscaler(
    web(),
    scaled(Some(3), 5),
    "pass: at least 3 replicas, by HorizontalPodAutoscaler web"
)]
#[case::autoscaler_to_zero(
    web().replicas(2),
    scaled(Some(0), 5),
    "notApplicable: HorizontalPodAutoscaler web scales it to zero on purpose"
)]
#[case::the_ceiling_is_too_low_as_well(
    web(),
    scaled(Some(1), 1),
    "fail warning: down whenever its one pod is: HorizontalPodAutoscaler shop/web, which \
     scales Deployment web, has spec.minReplicas 1; set its minReplicas and maxReplicas to 2 or more"
)]
#[case::of_two_autoscalers_the_larger_floor_counts(
    web(),
    vec![hpa("shop/web", Some(1), 5), Autoscaler { name: "more".into(), ..hpa("shop/web", Some(3), 5) }],
    "pass: at least 3 replicas, by HorizontalPodAutoscaler more"
)]
#[case::invalid_replicas(
    web().with(|w| w.replicas = Field::Invalid),
    vec![],
    "unknown: spec.replicas of Deployment shop/web is not a number of replicas"
)]
#[case::negative_replicas(
    web().replicas(-1),
    scaled(Some(3), 5),
    "unknown: spec.replicas of Deployment shop/web is not a number of replicas"
)]
#[case::invalid_min(
    web().replicas(3),
    aimed(|a| a.min = Field::Invalid),
    "unknown: spec.minReplicas of HorizontalPodAutoscaler web is not a number of replicas"
)]
#[case::an_invalid_max_is_not_needed(
    web(),
    aimed(|a| a.max = Field::Invalid),
    "pass: at least 3 replicas, by HorizontalPodAutoscaler web"
)]
#[case::an_autoscaler_of_another_workload(
    web().replicas(1),
    aimed(|a| a.target.name = "api".into()),
    "fail warning: down"
)]
#[case::an_autoscaler_of_another_kind(
    web().replicas(1),
    aimed(|a| a.target.kind = "StatefulSet".into()),
    "fail warning: down"
)]
#[case::an_autoscaler_whose_target_is_in_small_letters(
    web().replicas(1),
    aimed(|a| a.target.kind = "deployment".into()),
    "pass: at least 3 replicas, by HorizontalPodAutoscaler web"
)]
#[case::an_autoscaler_of_another_kind_in_odd_letters(
    web().replicas(1),
    aimed(|a| a.target.kind = "DEPLOYMENT".into()),
    "fail warning: down"
)]
#[case::an_autoscaler_of_another_group(
    web().replicas(1),
    aimed(|a| a.target.group = "argoproj.io".into()),
    "fail warning: down"
)]
#[case::an_autoscaler_of_another_namespace(
    web().replicas(1),
    aimed(|a| a.namespace = "other".into()),
    "fail warning: down"
)]
#[case::a_custom_resource_owns_it(
    web().replicas(1).owned_by("monitoring.coreos.com/v1", "Prometheus", "prom-main"),
    vec![],
    "fail warning: down whenever its one pod is: spec.replicas is 1 in Deployment shop/web; \
     set 2 or more in its Prometheus prom-main"
)]
fn the_floor_is_held_against_the_policy(
    #[case] workload: Workload,
    #[case] hpas: Vec<Autoscaler>,
    #[case] expected: &str,
) {
    let said = lines(
        &index(36, objects(workload, hpas)),
        RULE,
        Kind::Deployment,
        "shop/web",
    );
    assert_eq!(said.len(), 1);
    if expected.ends_with("down") {
        assert!(said[0].starts_with(expected), "{said:?}");
    } else {
        assert_eq!(said[0], expected);
    }
}

#[rstest]
#[case::two_at_least(web(), keda(Some(2), None, |_| {}), "pass: at least 2 replicas, by ScaledObject web")]
#[case::one_at_least(
    web(),
    keda(Some(1), None, |_| {}),
    "fail warning: down whenever its one pod is: ScaledObject shop/web, which scales Deployment web, has \
     spec.minReplicaCount 1; set its minReplicaCount to 2 or more"
)]
#[case::none_at_least(
    web(),
    keda(None, None, |_| {}),
    "notApplicable: ScaledObject web scales it to zero on purpose"
)]
#[case::idle(
    web(),
    keda(Some(2), None, |k| k.idle = Field::Set(0)),
    "notApplicable: ScaledObject web scales it to zero on purpose"
)]
#[case::idle_at_one(
    web(),
    keda(Some(2), None, |k| k.idle = Field::Set(1)),
    "fail warning: down whenever its one pod is: ScaledObject shop/web, which scales Deployment web, has \
     spec.idleReplicaCount 1; set its minReplicaCount to 2 or more"
)]
#[case::scaled_to_zero_now(
    web().replicas(0),
    keda(Some(2), None, |_| {}),
    "pass: at least 2 replicas, by ScaledObject web"
)]
#[case::held_at_one(
    web(),
    keda(Some(2), None, |k| k.pause = Pause::At(Field::Set(1))),
    "fail warning: down whenever its one pod is: ScaledObject shop/web, which scales Deployment web, has annotation \
     autoscaling.keda.sh/paused-replicas 1; remove that, or set it to 2 or more"
)]
#[case::held_at_zero(
    web(),
    keda(Some(2), None, |k| k.pause = Pause::At(Field::Set(0))),
    "notApplicable: ScaledObject web scales it to zero on purpose"
)]
#[case::held_at_three(
    web(),
    keda(None, None, |k| k.pause = Pause::At(Field::Set(3))),
    "pass: at least 3 replicas, by ScaledObject web"
)]
#[case::held_at_no_number(
    web(),
    keda(Some(2), None, |k| k.pause = Pause::At(Field::Invalid)),
    "unknown: annotation autoscaling.keda.sh/paused-replicas of ScaledObject web is not a number of replicas"
)]
#[case::stopped(
    web().replicas(3),
    keda(None, None, |k| k.pause = Pause::Standing),
    "pass: 3 replicas, by spec.replicas"
)]
#[case::stopped_at_zero(
    web().replicas(0),
    keda(Some(2), None, |k| k.pause = Pause::Standing),
    "notApplicable: spec.replicas is 0: off on purpose, and ScaledObject web with it"
)]
#[case::invalid_idle_count(
    web(),
    keda(Some(2), None, |k| k.idle = Field::Invalid),
    "unknown: spec.idleReplicaCount of ScaledObject web is not a number of replicas"
)]
#[case::of_two_kinds_the_larger_floor_counts(
    web(),
    vec![hpa("shop/web", Some(3), 5), scaled_object("shop/web", Some(2), None)],
    "pass: at least 3 replicas, by HorizontalPodAutoscaler web"
)]
#[case::kedas_autoscaler_without_its_scaled_object(
    web(),
    vec![hpa("shop/web", Some(3), 5).made_by("gone")],
    "pass: at least 3 replicas, by HorizontalPodAutoscaler web"
)]
fn kedas_floor_is_held_against_the_policy(
    #[case] workload: Workload,
    #[case] scaled: Vec<Autoscaler>,
    #[case] expected: &str,
) {
    let index = index(36, objects(workload, scaled));
    assert_eq!(lines(&index, RULE, Kind::Deployment, "shop/web"), [expected]);
}

#[rstest]
#[case::by_a_scaled_object(
    keda(None, None, |_| {}),
    "fail warning: nobody is served from the time it is idle until a pod has started: ScaledObject shop/web, which scales \
     Deployment web, has no spec.minReplicaCount, so 0; set its minReplicaCount to 2 or more"
)]
#[case::by_an_autoscaler(
    scaled(Some(0), 5),
    "fail warning: nobody is served from the time it is idle until a pod has started: HorizontalPodAutoscaler shop/web, \
     which scales Deployment web, has spec.minReplicas 0; set its minReplicas to 2 or more"
)]
fn the_policy_may_judge_what_is_scaled_to_zero(#[case] scaled: Vec<Autoscaler>, #[case] expected: &str) {
    let index = index(36, objects(web(), scaled));
    let view = index.view(&web().key).expect("a workload");
    let policy = Policy {
        judge_scale_to_zero: true,
        ..Policy::default()
    };
    let result = crate::model::finding::CheckResult {
        rule: RULE,
        subject: None,
        outcome: super::judge(&view, &policy),
    };
    assert_eq!(line(&result), expected);
}

#[test]
fn stateful_sets_are_judged_alike() {
    let index = index(36, [stateful_set("shop/db").replicas(1).object()]);
    assert!(lines(&index, RULE, Kind::StatefulSet, "shop/db")[0].starts_with("fail warning: down"));
}

#[test]
fn the_policy_may_ask_for_more() {
    let index = index(36, [web().replicas(2).object()]);
    let view = index.view(&web().key).expect("a workload");
    let policy = Policy {
        min_replicas: 3,
        ..Policy::default()
    };
    let outcome = super::judge(&view, &policy);
    let result = crate::model::finding::CheckResult {
        rule: RULE,
        subject: None,
        outcome,
    };
    assert_eq!(
        line(&result),
        "fail warning: it may run on 2 replicas where 3 are asked for: spec.replicas is 2 in Deployment shop/web; set it \
         to 3 or more"
    );
}

#[rstest]
#[case::replicas(vec![], "Deployment shop/web", json!({"spec": {"replicas": 2}}))]
#[case::autoscaler(
    scaled(Some(1), 5),
    "HorizontalPodAutoscaler shop/web",
    json!({"spec": {"minReplicas": 2}})
)]
#[case::autoscaler_whose_ceiling_is_too_low(
    scaled(None, 1),
    "HorizontalPodAutoscaler shop/web",
    json!({"spec": {"minReplicas": 2, "maxReplicas": 2}})
)]
#[case::scaled_object(
    keda(Some(1), None, |_| {}),
    "ScaledObject shop/web",
    json!({"spec": {"minReplicaCount": 2}})
)]
#[case::scaled_object_with_an_idle_count(
    keda(Some(2), Some(1), |k| k.idle = Field::Set(1)),
    "ScaledObject shop/web",
    json!({"spec": {"minReplicaCount": 2, "maxReplicaCount": 2, "idleReplicaCount": null}})
)]
fn the_remedy_patches_what_owns_the_floor(
    #[case] hpas: Vec<Autoscaler>,
    #[case] target: &str,
    #[case] expected: serde_json::Value,
) {
    let index = index(36, objects(web().replicas(1), hpas));
    let (object, patch) = patch(&index, RULE, Kind::Deployment, "shop/web");
    assert_eq!((&*object, patch), (target, expected));
}

#[test]
fn a_pause_is_for_people_to_end() {
    let held = keda(Some(2), None, |k| k.pause = Pause::At(Field::Set(1)));
    assert_eq!(
        advice(
            &index(36, objects(web(), held)),
            RULE,
            Kind::Deployment,
            "shop/web"
        ),
        "remove the annotation autoscaling.keda.sh/paused-replicas of ScaledObject shop/web when the reason for the pause \
         is over, or set it to 2 or more"
    );
}

#[test]
fn the_remedy_for_a_custom_resource_is_to_change_that() {
    let workload = web().owned_by("monitoring.coreos.com/v1", "Prometheus", "prom-main");
    assert_eq!(
        advice(
            &index(36, [workload.object()]),
            RULE,
            Kind::Deployment,
            "shop/web"
        ),
        "set 2 replicas or more in its Prometheus prom-main: a change of Deployment shop/web would be undone"
    );
}
