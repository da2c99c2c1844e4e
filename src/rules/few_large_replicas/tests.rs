use proptest::prelude::*;
use rstest::rstest;

use crate::index::Index;
use crate::model::autoscaler::Autoscaler;
use crate::model::field::Field;
use crate::model::keys::Kind;
use crate::model::object::Object;
use crate::model::template::Container;
use crate::model::testing::{cases, container, deployment, hpa, node, scaled_object, wall};
use crate::model::workload::Workload;
use crate::policy::Policy;
use crate::rules::tests::{advice, index, judged, lines};

const RULE: &str = "few-large-replicas";

/// An app container that requests these.
fn app(memory: &str, cpu: &str) -> Container {
    let mut app = container("app");
    if !memory.is_empty() {
        app = app.request(memory);
    }
    if !cpu.is_empty() {
        app.cpu_request = Field::Set(cpu.parse().expect("a quantity"));
    }
    app
}

fn web(memory: &str, cpu: &str) -> Workload {
    deployment("shop/web").containers([app(memory, cpu)])
}

/// Nodes of this memory and CPU.
fn nodes(sizes: &[(&str, &str)]) -> Vec<Object> {
    let nodes = sizes.iter().enumerate();
    nodes
        .map(|(nth, (memory, cpu))| node(&format!("n{nth}")).allocatable(memory, cpu).object())
        .collect()
}

const SMALL: &[(&str, &str)] = &[("4Gi", "2"), ("8Gi", "4")];

#[rstest]
#[case::one_of_one(
    web("4Gi", "2").replicas(1),
    &[],
    "fail info: one lost pod takes 100 % of the capacity: the floor of Deployment shop/web is 1 pod of 4Gi memory and 2 \
     cpu, by spec.replicas; run 2 of 2Gi memory and 1 cpu"
)]
#[case::one_that_says_nothing(
    web("", "").replicas(1),
    &[],
    "fail info: one lost pod takes 100 % of the capacity: the floor of Deployment shop/web is 1 pod, by spec.replicas; \
     run 2 or more, each of a smaller part"
)]
#[case::two_that_say_nothing(
    web("", "").replicas(2),
    &[],
    "notApplicable: 2 replicas at least, and none says how much it requests"
)]
#[case::two_and_no_nodes_to_know_of(
    web("64Gi", "").replicas(2),
    &[],
    "pass: one of 2 replicas carries 50 % of the floor's capacity"
)]
#[case::three_small_ones(
    web("4Gi", "2").replicas(3),
    SMALL,
    "pass: one of 3 replicas carries 33 % of the floor's capacity"
)]
#[case::half_of_the_largest_node_is_small(
    web("4Gi", "").replicas(2),
    SMALL,
    "pass: one of 2 replicas carries 50 % of the floor's capacity"
)]
#[case::over_half_of_its_memory(
    web("4097Mi", "1").replicas(2),
    SMALL,
    "fail info: a pod of a lost node needs one that is more than half empty: each of the 2 pods at the floor of \
     Deployment shop/web requests 4097Mi memory, the largest node has 8Gi; run 3 of 2732Mi memory and 667m cpu"
)]
#[case::over_half_of_its_cpu(
    web("1Gi", "3").replicas(4),
    SMALL,
    "fail info: a pod of a lost node needs one that is more than half empty: each of the 4 pods at the floor of \
     Deployment shop/web requests 3 cpu, the largest node has 4; run 6 of 683Mi memory and 2 cpu"
)]
#[case::the_largest_of_each(
    web("3Gi", "3").replicas(2),
    &[("8Gi", "2"), ("4Gi", "8")],
    "pass: one of 2 replicas carries 50 % of the floor's capacity"
)]
#[case::one_that_is_large_as_well(
    web("6Gi", "").replicas(1),
    SMALL,
    "fail info: one lost pod takes 100 % of the capacity: the floor of Deployment shop/web is 1 pod of 6Gi memory, by \
     spec.replicas; run 2 of 3Gi memory"
)]
#[case::one_that_is_larger_than_any_node(
    web("24Gi", "").replicas(1),
    SMALL,
    "fail info: one lost pod takes 100 % of the capacity: the floor of Deployment shop/web is 1 pod of 24Gi memory, by \
     spec.replicas; run 6 of 4Gi memory"
)]
#[case::off(web("6Gi", "").replicas(0), SMALL, "notApplicable: it may run no replica at all, by spec.replicas")]
#[case::an_invalid_request(
    web("", "").replicas(2).with(|w| w.template.containers[0].memory_request = Field::Invalid),
    SMALL,
    "unknown: what its pods request of memory cannot be told"
)]
#[case::an_invalid_request_does_not_hide_a_large_one(
    web("", "3").replicas(2).with(|w| w.template.containers[0].memory_request = Field::Invalid),
    SMALL,
    "fail info: a pod of a lost node needs one that is more than half empty: each of the 2 pods at the floor of \
     Deployment shop/web requests 3 cpu, the largest node has 4; run 3 of 2 cpu"
)]
#[case::invalid_replicas(
    web("", "").with(|w| w.replicas = Field::Invalid),
    &[],
    "unknown: its floor cannot be told"
)]
#[case::a_request_of_zero_is_none(
    web("0", "").replicas(2),
    SMALL,
    "notApplicable: 2 replicas at least, and none says how much it requests"
)]
#[case::nodes_that_do_not_say_what_they_have(
    web("64Gi", "").replicas(2),
    &[("", "")],
    "pass: one of 2 replicas carries 50 % of the floor's capacity"
)]
fn the_floor_is_made_of_many_small_pods(
    #[case] workload: Workload,
    #[case] sizes: &[(&str, &str)],
    #[case] expected: &str,
) {
    let index = index(36, nodes(sizes).into_iter().chain([workload.object()]));
    assert_eq!(lines(&index, RULE, Kind::Deployment, "shop/web"), [expected]);
}

#[rstest]
#[case::an_hpa(hpa("shop/web", None, 9), "by HorizontalPodAutoscaler web")]
#[case::a_scaled_object(scaled_object("shop/web", Some(1), None), "by ScaledObject web")]
fn the_floor_is_the_autoscalers_where_there_is_one(#[case] autoscaler: Autoscaler, #[case] expected: &str) {
    let index = index(36, [web("1Gi", "").replicas(5).object(), autoscaler.object()]);
    let said = lines(&index, RULE, Kind::Deployment, "shop/web");
    assert!(
        said[0].starts_with("fail info: one lost pod") && said[0].contains(expected),
        "{said:?}"
    );
}

#[test]
fn what_may_be_scaled_to_zero_has_no_capacity_at_its_floor() {
    let index = index(
        36,
        [
            web("1Gi", "").object(),
            scaled_object("shop/web", None, None).object(),
        ],
    );
    assert_eq!(
        lines(&index, RULE, Kind::Deployment, "shop/web"),
        ["notApplicable: it may run no replica at all, by ScaledObject web"]
    );
}

#[test]
fn the_remedy_says_where_the_floor_is_set() {
    let index = index(36, [web("4Gi", "").object(), hpa("shop/web", None, 9).object()]);
    assert_eq!(
        advice(&index, RULE, Kind::Deployment, "shop/web"),
        "run 2 of 2Gi memory instead of 1 of 4Gi memory: raise the floor of Deployment shop/web, set by \
         HorizontalPodAutoscaler web, and lower the requests in the same step"
    );
}

#[test]
fn a_node_that_takes_no_pods_is_nobodys_refuge() {
    let mut all = nodes(&[("8Gi", "4")]);
    all.push(node("large").allocatable("64Gi", "32").cordoned().object());
    let mut index = index(36, all.into_iter().chain([web("5Gi", "").replicas(2).object()]));
    let ask = |index: &Index| lines(index, RULE, Kind::Deployment, "shop/web").remove(0);
    assert!(
        ask(&index).contains("the largest node has 8Gi"),
        "{}",
        ask(&index)
    );
    index.apply(
        node("large").allocatable("64Gi", "32").object(),
        crate::model::time::Moment(1),
    );
    assert!(ask(&index).starts_with("pass"), "{}", ask(&index));
}

#[rstest]
#[case::a_third(33, 3, true)]
#[case::a_third_of_four(33, 4, false)]
#[case::a_tenth(10, 9, true)]
#[case::a_tenth_of_ten(10, 10, false)]
#[case::all_of_it(100, 1, false)]
#[case::nothing_counts_as_one_percent(0, 99, true)]
#[case::more_than_all_counts_as_all(250, 1, false)]
fn the_policy_says_which_share_may_be_lost(#[case] percent: u32, #[case] replicas: i32, #[case] fails: bool) {
    let workload = web("1Gi", "").replicas(replicas);
    let index = index(36, [workload.clone().object()]);
    let policy = Policy {
        max_capacity_loss_percent: percent,
        ..Policy::default()
    };
    let view = index.view(&workload.key).expect("a workload");
    let said = judged(view, &policy, wall(0)).results;
    let status = said
        .iter()
        .find(|result| result.rule == RULE)
        .map(|r| r.outcome.status());
    assert_eq!(status, Some(if fails { "fail" } else { "pass" }));
}

/// Rules that fail, of these.
fn failing(index: &Index, percent: u32) -> Vec<&'static str> {
    let policy = Policy {
        max_capacity_loss_percent: percent,
        ..Policy::default()
    };
    let view = index.view(&deployment("shop/web").key).expect("a workload");
    let results = judged(view, &policy, wall(0)).results.into_iter();
    results
        .filter(|result| [RULE, "min-replicas"].contains(&result.rule) && result.severity().is_some())
        .map(|result| result.rule)
        .collect()
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn raising_the_floor_makes_neither_this_nor_min_replicas_worse(
        by in 0..3_u8, floor in 1..12_i32, more in 1..6_i32, percent in 1..120_u32,
        memory in 1..12_u32, cpu in 1..6_u32, order: bool,
    ) {
        let at = |floor: i32| {
            let web = web(&format!("{memory}Gi"), &cpu.to_string());
            let (web, owner) = match by {
                0 => (web.replicas(floor), None),
                1 => (web, Some(hpa("shop/web", Some(floor), 30))),
                _ => (web, Some(scaled_object("shop/web", Some(floor), None))),
            };
            let mut objects = nodes(SMALL);
            objects.push(web.object());
            objects.extend(owner.map(Autoscaler::object));
            if order {
                objects.reverse();
            }
            index(36, objects)
        };
        let (before, after) = (failing(&at(floor), percent), failing(&at(floor + more), percent));
        prop_assert!(after.iter().all(|rule| before.contains(rule)), "{before:?} became {after:?}");
    }
}
