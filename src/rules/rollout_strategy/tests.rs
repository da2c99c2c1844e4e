use rstest::rstest;
use serde_json::{Value, json};

use crate::index::Index;
use crate::model::config::ClusterVersion;
use crate::model::field::Field;
use crate::model::intstr::IntOrString;
use crate::model::keys::Kind;
use crate::model::object::Object;
use crate::model::testing::{deployment, hpa, service, stateful_set};
use crate::model::time::Moment;
use crate::model::workload::{Strategy, Workload};
use crate::rules::tests::{advice, index, lines, patch};

const RULE: &str = "rollout-strategy";

fn web(strategy: Strategy) -> Workload {
    let web = deployment("shop/web").replicas(3);
    web.with(|w| w.strategy = Field::Set(strategy))
}

fn set(strategy: Strategy) -> Workload {
    let web = stateful_set("shop/web").replicas(3);
    web.with(|w| w.strategy = Field::Set(strategy))
}

fn rolling(max_unavailable: &str, max_surge: Option<&str>) -> Strategy {
    let amount = |text: &str| text.parse().map_or_else(|_| text.into(), IntOrString::Int);
    Strategy::RollingUpdate {
        max_unavailable: Some(amount(max_unavailable)),
        max_surge: max_surge.map(amount),
        partition: 0,
    }
}

fn above(partition: u32) -> Strategy {
    Strategy::RollingUpdate {
        max_unavailable: Some("100%".into()),
        max_surge: None,
        partition,
    }
}

const RECREATE: &str = "fail warning: each rollout takes all 3 pods down, whether the new ones start or not: \
                        spec.strategy.type is Recreate in Deployment shop/web; set it to RollingUpdate";

fn too_many(amount: &str, floor: u32) -> String {
    format!(
        "fail warning: a rollout may take all {floor} pods down before a new one is ready: \
         spec.strategy.rollingUpdate.maxUnavailable is {amount} in Deployment shop/web, whose floor is {floor}; set it to 25%"
    )
}

#[rstest]
#[case::default(web(Strategy::default()), vec![], "pass: a rollout takes none of 3 down at once")]
#[case::recreate(web(Strategy::Recreate), vec![], RECREATE)]
#[case::one(web(rolling("1", None)), vec![], "pass: a rollout takes at most 1 of 3 down at once")]
#[case::all_but_one(web(rolling("2", None)), vec![], "pass: a rollout takes at most 2 of 3 down at once")]
#[case::all(web(rolling("3", None)), vec![], &too_many("3", 3))]
#[case::more_than_all(web(rolling("10", Some("100%"))), vec![], &too_many("10", 3))]
#[case::all_percent(web(rolling("100%", None)), vec![], &too_many("100%", 3))]
#[case::nearly_all_percent_rounds_down(web(rolling("99%", None)), vec![], "pass: a rollout takes at most 2 of 3 down at once")]
#[case::both_come_to_none(web(rolling("10%", Some("0"))), vec![], "pass: a rollout takes at most 1 of 3 down at once")]
#[case::none(web(rolling("0", Some("1"))), vec![], "pass: a rollout takes none of 3 down at once")]
#[case::at_the_autoscalers_floor(web(rolling("2", None)), vec![hpa("shop/web", Some(2), 9).object()], &too_many("2", 2))]
#[case::above_the_autoscalers_floor(
    web(rolling("2", None)),
    vec![hpa("shop/web", Some(5), 9).object()],
    "pass: a rollout takes at most 2 of 5 down at once"
)]
#[case::a_floor_of_one(
    web(Strategy::Recreate),
    vec![hpa("shop/web", Some(1), 9).object()],
    "notApplicable: it may run on 1 replica, by HorizontalPodAutoscaler web"
)]
#[case::off(web(Strategy::Recreate).replicas(0), vec![], "notApplicable: spec.replicas is 0: off on purpose")]
#[case::refused(
    web(Strategy::Recreate).with(|w| w.strategy = Field::Invalid),
    vec![],
    "unknown: spec.strategy of Deployment shop/web is refused by Kubernetes"
)]
#[case::refused_amount(web(rolling("many", None)), vec![], "unknown: spec.strategy of Deployment shop/web is refused by Kubernetes")]
#[case::refused_replicas(
    web(Strategy::Recreate).with(|w| w.replicas = Field::Invalid),
    vec![],
    "unknown: the fewest replicas that Deployment shop/web may run cannot be told"
)]
#[case::a_set_by_default(set(Strategy::default()), vec![], "pass: a rollout takes at most 1 of 3 down at once")]
#[case::a_set_by_hand(set(Strategy::OnDelete), vec![],
    "fail info: nothing keeps a rollout from taking all 3 pods down: people delete them: spec.updateStrategy.type is OnDelete \
     in StatefulSet shop/web; set it to RollingUpdate")]
#[case::a_set_all_at_once(set(rolling("3", None)), vec![],
    "fail warning: a rollout may take all 3 pods down before a new one is ready: \
     spec.updateStrategy.rollingUpdate.maxUnavailable is 3 in StatefulSet shop/web, whose floor is 3; set it to 1")]
#[case::a_set_two_at_once(set(rolling("2", None)), vec![], "pass: a rollout takes at most 2 of 3 down at once")]
#[case::a_partition_keeps_one(set(above(1)), vec![], "pass: a rollout takes at most 2 of 3 down at once")]
#[case::a_partition_keeps_all(set(above(7)), vec![], "pass: a rollout takes none of 3 down at once")]
fn what_serves_is_judged(#[case] workload: Workload, #[case] beside: Vec<Object>, #[case] expected: &str) {
    let kind = workload.key.kind;
    let objects = [workload.object(), service("shop/web").object()];
    let index = index(36, objects.into_iter().chain(beside));
    assert_eq!(lines(&index, RULE, kind, "shop/web"), [expected]);
}

#[rstest]
#[case::none(vec![])]
#[case::of_others(vec![service("shop/api").object()])]
#[case::elsewhere(vec![service("other/web").object()])]
#[case::external(vec![Object::Service(crate::model::context::Service { external: true, ..service("shop/web") })])]
fn what_no_service_selects_is_not_judged(#[case] services: Vec<Object>) {
    let index = index(36, [web(Strategy::Recreate).object()].into_iter().chain(services));
    assert_eq!(
        lines(&index, RULE, Kind::Deployment, "shop/web"),
        ["notApplicable: no Service selects its pods"]
    );
}

#[rstest]
#[case::off_by_default(
    36,
    "fail info: where the feature gate MaxUnavailableStatefulSet is on, a rollout may take all 3 pods down \
     before a new one is ready: spec.updateStrategy.rollingUpdate.maxUnavailable is 100% in StatefulSet shop/web, whose floor is \
     3; set it to 1"
)]
#[case::on_by_default(
    37,
    "fail warning: a rollout may take all 3 pods down before a new one is ready: \
     spec.updateStrategy.rollingUpdate.maxUnavailable is 100% in StatefulSet shop/web, whose floor is 3; set it to 1"
)]
fn the_field_of_a_set_in_a_file_may_not_count(#[case] version: u32, #[case] expected: &str) {
    let mut index = Index::of_files(ClusterVersion(version));
    index.apply(set(rolling("100%", None)).object(), Moment(0));
    index.apply(service("shop/web").object(), Moment(0));
    assert_eq!(lines(&index, RULE, Kind::StatefulSet, "shop/web"), [expected]);
}

#[rstest]
#[case::recreate(web(Strategy::Recreate), json!({"strategy": {"type": "RollingUpdate"}}))]
#[case::too_many(web(rolling("3", None)), json!({"strategy": {"rollingUpdate": {"maxUnavailable": "25%"}}}))]
#[case::by_hand(set(Strategy::OnDelete), json!({"updateStrategy": {"type": "RollingUpdate"}}))]
#[case::a_set(set(rolling("3", None)), json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 1}}}))]
fn the_remedy_takes_a_part(#[case] workload: Workload, #[case] spec: Value) {
    let (kind, owned) = (
        workload.key.kind,
        workload.clone().owned_by("x/v1", "Kafka", "main"),
    );
    let served = |workload: Workload| index(36, [workload.object(), service("shop/web").object()]);
    assert_eq!(
        patch(&served(workload), RULE, kind, "shop/web"),
        (format!("{kind} shop/web"), json!({ "spec": spec }))
    );
    let told = advice(&served(owned), RULE, kind, "shop/web");
    assert!(
        told.ends_with(&format!(
            "in its Kafka main: a change of {kind} shop/web would be undone"
        )),
        "{told}"
    );
}
