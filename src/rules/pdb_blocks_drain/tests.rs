use rstest::rstest;
use serde_json::{Value, json};

use crate::model::budget::DisruptionBudget;
use crate::model::field::Field;
use crate::model::keys::Kind;
use crate::model::object::Object;
use crate::model::selector::LabelSelector;
use crate::model::testing::{budget, controller, deployment, hpa, labels, selector, stateful_set, workload};
use crate::model::workload::Workload;
use crate::rules::tests::{advice, index, lines, patch};

const RULE: &str = "pdb-blocks-drain";

fn web() -> Workload {
    deployment("shop/web").replicas(3)
}

fn pdb() -> DisruptionBudget {
    budget("shop/web")
}

/// A budget on everything in the namespace.
fn all() -> DisruptionBudget {
    budget("shop/all").selecting(LabelSelector::default())
}

fn blocks(number: &str, floor: u32) -> String {
    format!(
        "fail warning: no drain can move its pods: PodDisruptionBudget shop/web has {number}, and the floor of Deployment \
         shop/web is {floor}; set maxUnavailable: 1 instead"
    )
}

#[rstest]
#[case::min_available_below(pdb().min_available(2), "pass: PodDisruptionBudget web lets 1 of 3 go")]
#[case::min_available_equals_the_floor(pdb().min_available(3), &blocks("minAvailable 3", 3))]
#[case::min_available_above(pdb().min_available(4), &blocks("minAvailable 4", 3))]
#[case::min_available_percent(pdb().min_available("50%"), "pass: PodDisruptionBudget web lets 1 of 3 go")]
#[case::min_available_rounds_up(pdb().min_available("67%"), &blocks("minAvailable 67%", 3))]
#[case::min_available_all(pdb().min_available("100%"), &blocks("minAvailable 100%", 3))]
#[case::min_available_none(pdb().min_available(0), "pass: PodDisruptionBudget web lets 3 of 3 go")]
#[case::max_unavailable_one(pdb().max_unavailable(1), "pass: PodDisruptionBudget web lets 1 of 3 go")]
#[case::max_unavailable_more(pdb().max_unavailable(5), "pass: PodDisruptionBudget web lets 3 of 3 go")]
#[case::max_unavailable_none(pdb().max_unavailable(0), &blocks("maxUnavailable 0", 3))]
#[case::max_unavailable_no_percent(pdb().max_unavailable("0%"), &blocks("maxUnavailable 0%", 3))]
#[case::max_unavailable_rounds_up(pdb().max_unavailable("1%"), "pass: PodDisruptionBudget web lets 1 of 3 go")]
#[case::neither(pdb(), &blocks("neither minAvailable nor maxUnavailable", 3))]
#[case::both(
    DisruptionBudget { min_available: Field::Invalid, max_unavailable: Field::Invalid, ..pdb() },
    "unknown: minAvailable or maxUnavailable of PodDisruptionBudget shop/web is refused by Kubernetes"
)]
#[case::no_budget(
    pdb().selecting(selector(&[("app", "other")])),
    "notApplicable: no PodDisruptionBudget selects its pods"
)]
#[case::a_refused_selector(
    DisruptionBudget { selector: Field::Invalid, ..pdb() },
    "unknown: spec.selector of PodDisruptionBudget shop/web is refused by Kubernetes"
)]
fn three_replicas_under_a_budget(#[case] budget: DisruptionBudget, #[case] expected: &str) {
    let index = index(36, [web().object(), budget.object()]);
    assert_eq!(lines(&index, RULE, Kind::Deployment, "shop/web"), [expected]);
}

#[rstest]
#[case::replicas(web().replicas(2), vec![], &blocks("minAvailable 2", 2))]
#[case::the_autoscalers_floor(web().replicas(5), vec![hpa("shop/web", Some(2), 9).object()], &blocks("minAvailable 2", 2))]
#[case::a_higher_floor(
    web().replicas(1),
    vec![hpa("shop/web", Some(4), 9).object()],
    "pass: PodDisruptionBudget web lets 2 of 4 go"
)]
#[case::off(web().replicas(0), vec![], "notApplicable: spec.replicas is 0: off on purpose")]
#[case::scaled_to_zero(
    web(),
    vec![hpa("shop/web", Some(0), 9).object()],
    "notApplicable: HorizontalPodAutoscaler web scales it to zero on purpose"
)]
#[case::refused_replicas(
    web().with(|w| w.replicas = Field::Invalid),
    vec![],
    "unknown: the fewest replicas that Deployment shop/web may run cannot be told"
)]
#[case::one_replica(
    web().replicas(1),
    vec![],
    "fail warning: no drain can move its pods: PodDisruptionBudget shop/web has minAvailable 2, and the floor of Deployment \
     shop/web is 1; raise the floor to 3, or drop the budget"
)]
fn two_must_stay(#[case] workload: Workload, #[case] beside: Vec<Object>, #[case] expected: &str) {
    let objects = [workload.object(), pdb().min_available(2).object()];
    let index = index(36, objects.into_iter().chain(beside));
    assert_eq!(lines(&index, RULE, Kind::Deployment, "shop/web"), [expected]);
}

#[rstest]
#[case::count(pdb().min_available(1), "raise the floor to 2, or drop the budget",
    "set spec.replicas of Deployment shop/web to 2; or, where one replica is meant, drop the budget: kubectl -n shop delete \
     poddisruptionbudget web")]
#[case::half(pdb().min_available("50%"), "raise the floor to 2, or drop the budget",
    "set spec.replicas of Deployment shop/web to 2; or, where one replica is meant, drop the budget: kubectl -n shop delete \
     poddisruptionbudget web")]
#[case::nearly_all(pdb().min_available("99%"), "raise the floor to 100, or drop the budget",
    "set spec.replicas of Deployment shop/web to 100; or, where one replica is meant, drop the budget: kubectl -n shop \
     delete poddisruptionbudget web")]
#[case::all(pdb().min_available("100%"), "raise the floor to 2 and set maxUnavailable: 1, or drop the budget",
    "set spec.replicas of Deployment shop/web to 2 and maxUnavailable: 1 in PodDisruptionBudget shop/web; or, where one \
     replica is meant, drop the budget: kubectl -n shop delete poddisruptionbudget web")]
#[case::none(pdb().max_unavailable(0), "raise the floor to 2 and set maxUnavailable: 1, or drop the budget",
    "set spec.replicas of Deployment shop/web to 2 and maxUnavailable: 1 in PodDisruptionBudget shop/web; or, where one \
     replica is meant, drop the budget: kubectl -n shop delete poddisruptionbudget web")]
#[case::an_owned_one(
    DisruptionBudget { controller: Some(controller("x/v1", "Kafka", "main")), ..pdb().min_available(1) },
    "raise the floor to 2, or drop the budget",
    "set spec.replicas of Deployment shop/web to 2; or, where one replica is meant, drop the budget: let Kafka main make no \
     budget")]
fn one_replica_has_two_ways_out(#[case] budget: DisruptionBudget, #[case] way_out: &str, #[case] told: &str) {
    let index = index(36, [web().replicas(1).object(), budget.object()]);
    let said = lines(&index, RULE, Kind::Deployment, "shop/web").remove(0);
    assert!(said.ends_with(&format!("; {way_out}")), "{said}");
    assert_eq!(advice(&index, RULE, Kind::Deployment, "shop/web"), told);
}

#[test]
fn the_floor_is_raised_where_it_is_set() {
    let scaled = hpa("shop/web", Some(1), 9).object();
    let index = index(36, [web().object(), scaled, pdb().min_available(1).object()]);
    let told = advice(&index, RULE, Kind::Deployment, "shop/web");
    assert!(
        told.starts_with("set spec.minReplicas of HorizontalPodAutoscaler shop/web to 2;"),
        "{told}"
    );
}

#[rstest]
#[case::instead_of_min_available(pdb().min_available(3), json!({"minAvailable": null, "maxUnavailable": 1}))]
#[case::of_none(pdb().max_unavailable(0), json!({"maxUnavailable": 1}))]
#[case::of_neither(pdb(), json!({"maxUnavailable": 1}))]
fn the_remedy_lets_one_go(#[case] budget: DisruptionBudget, #[case] spec: Value) {
    let index = index(36, [web().object(), budget.object()]);
    assert_eq!(
        patch(&index, RULE, Kind::Deployment, "shop/web"),
        ("PodDisruptionBudget shop/web".to_owned(), json!({ "spec": spec }))
    );
}

#[test]
fn a_budget_that_is_owned_is_mended_by_its_owner() {
    let owned = DisruptionBudget {
        controller: Some(controller("kafka.strimzi.io/v1beta2", "Kafka", "main")),
        ..pdb().min_available(3)
    };
    let index = index(36, [web().object(), owned.object()]);
    assert_eq!(
        advice(&index, RULE, Kind::Deployment, "shop/web"),
        "let Kafka main set this in PodDisruptionBudget shop/web, as it would undo a change: \
         {\"maxUnavailable\":1,\"minAvailable\":null}"
    );
}

#[rstest]
#[case::allowed_together(
    all().min_available(3),
    "pass: PodDisruptionBudget all lets 5 of 8 of Deployment web and StatefulSet db go"
)]
#[case::blocked_together(
    all().min_available(8),
    "fail warning: no drain can move its pods: PodDisruptionBudget shop/all has minAvailable 8, and the floors of Deployment \
     web and StatefulSet db add up to 8; set maxUnavailable: 1 instead"
)]
#[case::a_percentage_of_both(all().min_available("88%"), "fail warning: no drain can move its pods: PodDisruptionBudget \
     shop/all has minAvailable 88%, and the floors of Deployment web and StatefulSet db add up to 8; set maxUnavailable: 1 \
     instead")]
#[case::a_percentage_that_lets_one_go(
    all().min_available("87%"),
    "pass: PodDisruptionBudget all lets 1 of 8 of Deployment web and StatefulSet db go"
)]
fn a_budget_may_span_several_workloads(#[case] budget: DisruptionBudget, #[case] expected: &str) {
    let db = stateful_set("shop/db").replicas(5);
    let elsewhere = deployment("other/web").replicas(9);
    let objects = [web().object(), db.object(), elsewhere.object(), budget.object()];
    let index = index(36, objects);
    for (kind, path) in [(Kind::Deployment, "shop/web"), (Kind::StatefulSet, "shop/db")] {
        assert_eq!(lines(&index, RULE, kind, path), [expected], "{path}");
    }
}

#[test]
fn a_workload_that_is_off_counts_nothing_and_the_other_is_blocked() {
    let off = deployment("shop/api").replicas(0);
    let index = index(
        36,
        [web().object(), off.object(), all().min_available(3).object()],
    );
    let said = lines(&index, RULE, Kind::Deployment, "shop/web").remove(0);
    assert!(
        said.contains("the floors of Deployment api and Deployment web add up to 3"),
        "{said}"
    );
}

const ASKED: &str =
    "fail warning: no drain can move its pods: PodDisruptionBudget shop/all has maxUnavailable 1 and selects";

#[rstest]
#[case::a_replica_set(Kind::ReplicaSet, all().min_available(3), "pass: PodDisruptionBudget all lets 1 of 4 of Deployment web and ReplicaSet x go")]
#[case::a_bare_pod_is_available(Kind::Pod, all().min_available(3), "pass: PodDisruptionBudget all lets 1 of 4 of Deployment web and Pod x go")]
#[case::a_bare_pod_is_not_expected(Kind::Pod, all().max_unavailable(1), "pass: PodDisruptionBudget all lets 2 of 4 of Deployment web and Pod x go")]
#[case::a_daemon_set_has_no_scale(Kind::DaemonSet, all().max_unavailable(1),
    &format!("{ASKED} DaemonSet x too, which has no scale, so it allows nothing; narrow its selector"))]
#[case::a_cron_job_has_none_either(Kind::CronJob, all().max_unavailable(1),
    &format!("{ASKED} CronJob x too, which has no scale, so it allows nothing while it has pods; narrow its selector"))]
#[case::a_job(Kind::Job, all().max_unavailable(1),
    &format!("{ASKED} Job x too, which has no scale, so it allows nothing while it has pods; narrow its selector"))]
#[case::scales_are_not_asked_for(Kind::DaemonSet, all().min_available(2), "pass: PodDisruptionBudget all lets 1 of 3 of Deployment web and DaemonSet x go")]
#[case::a_daemon_sets_pods_may_be_what_lets_go(Kind::DaemonSet, all().min_available(3),
    "unknown: PodDisruptionBudget shop/all also selects the pods of DaemonSet shop/x, whose number cannot be told")]
#[case::a_jobs_pods_come_and_go(Kind::Job, all().min_available(3),
    "fail warning: no drain can move its pods: PodDisruptionBudget shop/all has minAvailable 3, and the floors of Deployment \
     web and Job x add up to 3; set maxUnavailable: 1 instead")]
#[case::neither_field_asks_for_nothing(
    Kind::DaemonSet,
    all(),
    "fail warning: no drain can move its pods: PodDisruptionBudget shop/all has neither minAvailable nor maxUnavailable, and \
     the floors of Deployment web and DaemonSet x add up to 3; set maxUnavailable: 1 instead"
)]
fn other_kinds_under_the_same_budget(
    #[case] kind: Kind,
    #[case] budget: DisruptionBudget,
    #[case] expected: &str,
) {
    let other = workload(kind, "shop/x");
    let index = index(36, [web().object(), other.object(), budget.object()]);
    assert_eq!(lines(&index, RULE, Kind::Deployment, "shop/web"), [expected]);
}

#[test]
fn a_workload_whose_floor_is_unknown_makes_the_sum_unknown() {
    let other = deployment("shop/api").with(|w| w.replicas = Field::Invalid);
    let index = index(
        36,
        [web().object(), other.object(), all().min_available(1).object()],
    );
    assert_eq!(
        lines(&index, RULE, Kind::Deployment, "shop/web"),
        [
            "unknown: PodDisruptionBudget shop/all also selects the pods of Deployment shop/api, whose number cannot be told"
        ]
    );
}

#[test]
fn the_worst_of_several_budgets_counts() {
    let refused = DisruptionBudget {
        min_available: Field::Invalid,
        ..budget("shop/c").selecting(LabelSelector::default())
    };
    let beside = |budgets: Vec<DisruptionBudget>| {
        let budgets = budgets.into_iter().map(DisruptionBudget::object);
        let index = index(36, [web().object()].into_iter().chain(budgets));
        lines(&index, RULE, Kind::Deployment, "shop/web").remove(0)
    };
    let fits = all().max_unavailable(1);
    assert!(beside(vec![fits.clone(), refused.clone()]).starts_with("unknown: "));
    assert!(
        beside(vec![fits, refused, pdb().min_available(3)])
            .contains("PodDisruptionBudget shop/web has minAvailable 3")
    );
}

#[test]
fn names_that_are_as_long_as_kubernetes_takes_leave_the_way_out() {
    let name = "w".repeat(63);
    let path = format!("{}/{name}", "n".repeat(63));
    let web = deployment(&path).replicas(3);
    let other = deployment(&format!("{}/{}", "n".repeat(63), "x".repeat(63))).with(|w| {
        w.replicas = Field::Set(2);
        w.template.labels = labels(&[("app", &name)]);
    });
    let index = index(
        36,
        [
            web.object(),
            other.object(),
            budget(&path).min_available(9).object(),
        ],
    );
    let results = crate::rules::tests::ask(&index, RULE, Kind::Deployment, &path);
    let crate::model::finding::Outcome::Fail(failure) = &results[0].outcome else {
        panic!("{results:?}");
    };
    let text = failure.message.render(256);
    assert!(
        text.starts_with("no drain can move its pods: ") && text.ends_with("; set maxUnavailable: 1 instead"),
        "{text}"
    );
}
