use insta::assert_snapshot;
use rstest::rstest;

use super::super::trace::Trace;
use crate::model::context::Service;
use crate::model::field::Field;
use crate::model::keys::Kind;
use crate::model::object::Object;
use crate::model::pod::Pod;
use crate::model::selector::Labels;
use crate::model::testing::{
    deployment, endpoint_slice, lease, node, pod, replica_set, service, stateful_set, wall,
};
use crate::model::workload::{Strategy, Workload, WorkloadStatus};

const RULE: &str = "unavailable";

fn web(replicas: i32) -> Workload {
    let mut web = deployment("shop/web").replicas(replicas);
    web.status = WorkloadStatus {
        observed_generation: 1,
        replicas,
        updated: replicas,
        ready: replicas,
        ..WorkloadStatus::default()
    };
    web
}

/// A Deployment with as many ready replicas as it wants, on n1 and n2 in turn.
fn cluster(web: Workload) -> Trace {
    let replicas = web.desired().unwrap_or_default();
    let mut trace = Trace::new();
    trace.at(0.0, ["n1", "n2"].map(|n| node(n).object()));
    trace.at(0.0, ["n1", "n2"].map(|n| lease(n, 0).object()));
    trace.at(0.0, [web.object(), replica_set("shop/web").object()]);
    trace.at(0.0, (1..=replicas).map(|i| replica(i).object()));
    trace
}

fn replica(i: u32) -> Pod {
    pod(&format!("shop/web-{i}")).on(if i % 2 == 1 { "n1" } else { "n2" })
}

fn quiet() -> Vec<&'static str> {
    Vec::new()
}

#[test]
fn it_fires_exactly_when_nothing_has_been_ready_for_too_long() {
    let mut trace = cluster(web(2));
    trace.at(100.0, [1, 2].map(|i| replica(i).unready().object()));
    trace.pass(109.9);
    assert_eq!(trace.lines(RULE), quiet());
    trace.pass(110.0);
    assert_snapshot!(trace.message("shop/web", RULE), @"0 of 2 ready: Deployment web serves nobody, none of its 2 pods is ready; see their events and logs");
    assert!(trace.finding("shop/web", RULE).latched);
    trace.relist(120.0).wall_jumps(-3_600).relist(121.0);
    trace.at(150.0, [replica(2).object()]);
    assert_eq!(trace.lines(RULE), ["110 shop/web + critical", "150 shop/web -"]);
}

#[test]
fn a_moment_without_a_ready_replica_is_no_outage() {
    let mut trace = cluster(web(2));
    trace.at(100.0, [1, 2].map(|i| replica(i).unready().object()));
    trace.at(109.0, [replica(1).object()]);
    trace.at(110.0, [replica(1).unready().object()]).pass(119.9);
    assert_eq!(trace.lines(RULE), quiet());
}

#[test]
fn a_restart_during_an_outage_does_not_end_it() {
    let mut trace = cluster(web(2));
    trace.at(100.0, [1, 2].map(|i| replica(i).unready().object()));
    trace.restart(130.0, 20.0).pass(300.0);
    assert_eq!(trace.lines(RULE), ["110 shop/web + critical"]);
    trace.restart(301.0, 20.0).at(330.0, [replica(1).object()]);
    assert_eq!(trace.lines(RULE), ["110 shop/web + critical", "330 shop/web -"]);
}

#[test]
fn pods_that_are_missing_or_wait_for_a_node_are_named() {
    let mut trace = cluster(web(2));
    trace
        .at(100.0, [1, 2].map(|i| replica(i).unbound().object()))
        .pass(110.0);
    assert_snapshot!(trace.message("shop/web", RULE), @"0 of 2 ready: Deployment web serves nobody, 2 of its 2 pods wait for a node; see their events");
    trace
        .gone(120.0, Kind::Pod, "shop/web-1")
        .gone(120.0, Kind::Pod, "shop/web-2");
    assert_snapshot!(trace.message("shop/web", RULE), @"0 of 2 ready: Deployment web serves nobody, it has no pod; see its events");
}

#[test]
fn what_is_scaled_to_nothing_serves_nobody_on_purpose() {
    let mut trace = cluster(web(2));
    trace.at(100.0, [web(0).object()]);
    trace.at(
        101.0,
        [1, 2].map(|i| replica(i).unready().terminating(wall(131)).object()),
    );
    trace.pass(1_000.0);
    assert_eq!(trace.lines(RULE), quiet());
}

#[rstest]
#[case::served(service("shop/web"), Some((0, 2)), true)]
#[case::one_endpoint(service("shop/web"), Some((1, 2)), false)]
#[case::no_slice_at_all(service("shop/web"), None, false)]
#[case::unready_ones_are_published(Service { publish_not_ready: true, ..service("shop/web") }, Some((0, 2)), false)]
#[case::external(Service { external: true, ..service("shop/web") }, Some((0, 2)), false)]
#[case::without_selector(Service { selector: Labels::default(), ..service("shop/web") }, Some((0, 2)), false)]
#[case::of_others(service("shop/api"), Some((0, 2)), false)]
fn a_service_without_ready_endpoints_serves_nobody(
    #[case] service: Service,
    #[case] endpoints: Option<(u32, u32)>,
    #[case] fires: bool,
) {
    let mut trace = cluster(web(2));
    let path = format!("shop/{}", service.name);
    trace.at(50.0, [service.object()]);
    if let Some((ready, total)) = endpoints {
        trace.at(100.0, [endpoint_slice(&path, ready, total).object()]);
    }
    trace.pass(200.0);
    let expected: &[&str] = if fires { &["110 shop/web + critical"] } else { &[] };
    assert_eq!(trace.lines(RULE), expected);
    if fires {
        assert_snapshot!(trace.message("shop/web", RULE), @"Service web has 0 ready endpoints: Deployment web has 2 of 2 ready; see its ports and readiness gates");
    }
}

#[test]
fn what_has_never_been_ready_has_time_until_its_deadline() {
    let new = |deadline| Workload {
        created: Some(wall(100)),
        progress_deadline: deadline,
        ..web(2)
    };
    for (deadline, late) in [(None, 700), (Some(60), 160)] {
        let mut trace = Trace::new();
        trace.at(100.0, [new(deadline).object(), replica_set("shop/web").object()]);
        trace.at(101.0, [1, 2].map(|i| replica(i).starting().object()));
        trace.pass(111.0);
        assert!(!trace.finding("shop/web", RULE).latched);
        trace.wall_jumps(-50).relist(120.0).pass(f64::from(late) - 0.1);
        assert_eq!(trace.lines(RULE), ["110 shop/web + info"]);
        trace.pass(1_000.0);
        let critical = format!("{late} shop/web ~ critical");
        assert_eq!(trace.lines(RULE), ["110 shop/web + info", &critical]);
    }
}

#[test]
fn a_deadline_that_kubernetes_calls_exceeded_is_exceeded() {
    let mut new = Workload {
        created: Some(wall(100)),
        ..web(2)
    };
    let mut trace = Trace::new();
    trace.at(100.0, [new.clone().object()]).pass(150.0);
    assert_snapshot!(trace.message("shop/web", RULE), @"0 of 2 ready: Deployment web has never been ready and has time until 00:11:40Z; wait, or see the events of its pods");
    new.status.deadline_exceeded = true;
    trace.at(150.0, [new.object()]);
    assert_eq!(
        trace.lines(RULE),
        ["110 shop/web + info", "150 shop/web ~ critical"]
    );
}

#[test]
fn once_ready_or_older_than_its_deadline_it_has_no_time() {
    let young = Workload {
        created: Some(wall(100)),
        ..web(1)
    };
    let mut trace = cluster(young);
    trace.at(200.0, [replica(1).unready().object()]).pass(300.0);
    assert_eq!(trace.lines(RULE), ["210 shop/web + critical"]);

    let mut trace = Trace::new();
    trace.at(0.0, [stateful_set("shop/db").object()]).pass(100.0);
    assert_eq!(trace.lines(RULE), ["10 shop/db + critical"], "a day old");
}

#[test]
fn a_recreate_rollout_is_a_warning_until_its_deadline() {
    let recreate = |generation, updated| {
        let mut web = web(2).generation(generation);
        web.strategy = Field::Set(Strategy::Recreate);
        web.status.updated = updated;
        web.object()
    };
    let mut base = web(2);
    base.strategy = Field::Set(Strategy::Recreate);
    let mut trace = cluster(base);
    trace.at(100.0, [recreate(2, 2)]);
    trace.at(
        100.5,
        [1, 2].map(|i| replica(i).unready().terminating(wall(130)).object()),
    );
    trace.pass(110.5);
    assert_snapshot!(trace.message("shop/web", RULE), @"0 of 2 ready: Deployment web is rolled out with strategy Recreate, which serves nobody meanwhile; use RollingUpdate if two versions may run side by side");
    assert!(!trace.finding("shop/web", RULE).latched);
    trace
        .gone(120.0, Kind::Pod, "shop/web-1")
        .gone(120.0, Kind::Pod, "shop/web-2");
    trace.at(121.0, [3, 4].map(|i| replica(i).starting().object()));
    let mut web = web(2).generation(2);
    web.strategy = Field::Set(Strategy::Recreate);
    web.status.observed_generation = 2;
    trace.at(121.5, [web.object()]);
    trace.restart(150.0, 10.0);
    trace.pass(759.9);
    assert_eq!(trace.lines(RULE), ["110.5 shop/web + warning"]);
    trace.pass(761.0);
    assert_eq!(
        trace.lines(RULE),
        ["110.5 shop/web + warning", "760 shop/web ~ critical"]
    );
}

#[test]
fn a_drain_at_a_floor_of_one_is_a_warning_that_names_the_floor() {
    let mut trace = cluster(web(1));
    trace.at(99.0, [node("n1").cordoned().object()]);
    trace.at(100.0, [replica(1).unready().terminating(wall(130)).object()]);
    trace.at(100.1, [replica(3).unbound().object()]);
    trace.gone(120.0, Kind::Pod, "shop/web-1").pass(130.0);
    assert_snapshot!(trace.message("shop/web", RULE), @"0 of 1 ready: Deployment web runs one replica, which is being replaced: with a floor of 1 nobody is served meanwhile; run two replicas (rule min-replicas)");
    trace.at(140.0, [pod("shop/web-3").on("n2").object()]);
    assert_eq!(trace.lines(RULE), ["110 shop/web + warning", "140 shop/web -"]);
}

#[test]
fn a_crash_at_a_floor_of_one_and_two_drained_replicas_are_outages() {
    let mut trace = cluster(web(1));
    trace.at(100.0, [replica(1).unready().object()]).pass(120.0);
    assert_eq!(trace.lines(RULE), ["110 shop/web + critical"]);

    let mut trace = cluster(web(2));
    trace.at(
        100.0,
        [1, 2].map(|i| replica(i).unready().terminating(wall(130)).object()),
    );
    trace.pass(120.0);
    assert_eq!(trace.lines(RULE), ["110 shop/web + critical"]);
}

#[test]
fn what_is_stranded_is_said_once() {
    let mut trace = cluster(web(1));
    trace.at(100.0, [node("n1").unknown_since(100).object()]);
    trace.at(100.1, [replica(1).unready().object()]);
    let mut evicted = replica(1).unready().terminating(wall(430));
    evicted.disruption_target = true;
    trace.at(401.0, [evicted.object(), replica(3).unbound().object()]);
    trace.pass(500.0);
    assert_eq!(trace.lines(RULE), quiet());
    assert_eq!(trace.lines("stranded")[0], "100 shop/web + critical");
    trace.at(510.0, [pod("shop/web-3").on("n2").object()]);
    trace
        .at(600.0, [pod("shop/web-3").on("n2").unready().object()])
        .pass(700.0);
    assert_eq!(trace.lines(RULE), ["610 shop/web + critical"], "another cause");
}

/// Endpoints follow readiness within a second; a page that is over before it is read is worth nothing.
#[test]
fn endpoints_are_given_their_time_when_a_workload_is_no_longer_stranded() {
    let mut trace = cluster(web(1));
    let endpoints = |ready| endpoint_slice("shop/web", ready, 1).object();
    trace.at(0.0, [service("shop/web").object(), endpoints(1)]);
    trace.at(100.0, [node("n1").unknown_since(100).object()]);
    trace.at(100.1, [replica(1).unready().object(), endpoints(0)]);
    trace.pass(200.0);
    trace.at(200.0, [node("n1").ready_since(200).object(), replica(1).object()]);
    trace.at(200.7, [endpoints(1)]).pass(300.0);
    assert_eq!(trace.lines(RULE), quiet());
    trace.at(400.0, [node("n1").unknown_since(400).object()]);
    trace.at(400.1, [replica(1).unready().object(), endpoints(0)]);
    trace.at(500.0, [node("n1").ready_since(500).object(), replica(1).object()]);
    trace.pass(600.0);
    assert_eq!(
        trace.lines(RULE),
        ["510 shop/web + critical"],
        "they do not follow"
    );
}

fn replaced() -> Vec<Object> {
    vec![replica(1).unready().terminating(wall(150)).object()]
}

fn recreated() -> Vec<Object> {
    let mut web = web(1).generation(2);
    web.strategy = Field::Set(Strategy::Recreate);
    web.status.updated = 0;
    vec![web.object()]
}

#[rstest]
#[case::its_only_pod_is_replaced(replaced(), 0.0)]
#[case::it_is_rolled_out(recreated(), 0.0)]
#[case::its_only_pod_is_replaced_after_a_restart(replaced(), 10.0)]
#[case::it_is_rolled_out_after_a_restart(recreated(), 10.0)]
fn an_outage_stays_one_until_something_is_ready(#[case] meanwhile: Vec<Object>, #[case] down: f64) {
    let mut trace = cluster(web(1));
    trace.at(100.0, [replica(1).unready().object()]).pass(115.0);
    if down > 0.0 {
        trace.restart(115.0, down);
    }
    trace.at(130.0, meanwhile.clone()).restart(140.0, 5.0).pass(150.0);
    assert_eq!(trace.lines(RULE), ["110 shop/web + critical"]);
    assert!(trace.finding("shop/web", RULE).latched);
    trace.at(160.0, [web(1).object(), replica(1).object()]);
    trace.at(170.0, [replica(1).unready().object()]);
    trace.at(171.0, meanwhile).pass(200.0);
    let expected = [
        "110 shop/web + critical",
        "160 shop/web -",
        "180 shop/web + warning",
    ];
    assert_eq!(trace.lines(RULE), expected, "the next episode is judged anew");
}

#[test]
fn a_rollout_against_missing_endpoints_makes_the_outage_no_milder() {
    let mut trace = cluster(web(1));
    trace.at(50.0, [service("shop/web").object()]);
    trace
        .at(100.0, [endpoint_slice("shop/web", 0, 1).object()])
        .pass(120.0);
    trace
        .at(120.0, recreated().into_iter().chain(replaced()))
        .pass(200.0);
    assert_eq!(trace.lines(RULE), ["110 shop/web + critical", "120 shop/web ="]);
    assert!(trace.finding("shop/web", RULE).latched);
}

#[rstest]
#[case::while_it_is_said(60.0, 100.0, 70)]
#[case::before_it_is_said(93.0, 100.0, 120)]
fn a_restart_does_not_forget_that_it_has_been_ready(
    #[case] crash: f64,
    #[case] stop: f64,
    #[case] said: u32,
) {
    let young = Workload {
        created: Some(wall(0)),
        ..web(2)
    };
    let mut trace = Trace::new();
    trace.at(0.0, [young.object(), replica_set("shop/web").object()]);
    trace.at(9.0, [1, 2].map(|i| replica(i).object()));
    trace.at(crash, [1, 2].map(|i| replica(i).unready().object()));
    trace.restart(stop, 10.0).pass(1_000.0);
    assert_eq!(trace.lines(RULE), [format!("{said} shop/web + critical")]);
}

#[test]
fn a_restart_leaves_a_new_workload_the_time_it_had() {
    let young = Workload {
        created: Some(wall(0)),
        ..web(2)
    };
    let mut trace = Trace::new();
    trace.at(0.0, [young.object()]).restart(100.0, 10.0).pass(1_000.0);
    assert_eq!(
        trace.lines(RULE),
        ["10 shop/web + info", "600 shop/web ~ critical"]
    );
}

#[test]
fn what_is_stranded_is_said_once_also_after_a_restart() {
    let mut trace = cluster(web(1));
    trace.at(100.0, [node("n1").unknown_since(100).object()]);
    trace.at(100.1, [replica(1).unready().object()]);
    trace.at(401.0, [replica(3).unbound().object()]);
    trace.gone(430.0, Kind::Pod, "shop/web-1").restart(450.0, 20.0);
    trace.pass(500.0);
    assert_eq!(trace.lines(RULE), quiet());
    trace.at(510.0, [pod("shop/web-3").on("n2").object()]);
    trace.at(600.0, [pod("shop/web-3").on("n2").unready().object()]);
    trace.pass(700.0);
    assert_eq!(trace.lines(RULE), ["610 shop/web + critical"], "another cause");
}

#[rstest]
#[case::without_a_restart(None, 800)]
#[case::the_time_counts_anew_after_one(Some(300.0), 910)]
fn what_is_scaled_up_from_nothing_starts(#[case] restart: Option<f64>, #[case] late: i32) {
    let mut trace = cluster(web(2));
    trace.at(100.0, [web(0).object()]);
    trace.gone(101.0, Kind::Pod, "shop/web-1");
    trace.gone(101.0, Kind::Pod, "shop/web-2");
    trace.at(200.0, [web(2).object()]);
    trace
        .at(201.0, [3, 4].map(|i| replica(i).starting().object()))
        .pass(210.0);
    let message = "0 of 2 ready: Deployment web was scaled up from 0 and has time until 00:13:20Z; wait, or see the events of its pods";
    assert_eq!(trace.message("shop/web", RULE), message);
    trace.wall_jumps(-50).relist(220.0);
    if let Some(stop) = restart {
        trace.wall_jumps(0).restart(stop, 10.0);
    }
    trace.pass(f64::from(late) - 0.1);
    let lines = trace.lines(RULE);
    assert!(lines.iter().all(|line| !line.ends_with("critical")), "{lines:?}");
    trace.pass(1_000.0);
    let critical = format!("{late} shop/web ~ critical");
    assert_eq!(trace.lines(RULE).last(), Some(&critical.as_str()));
}

#[test]
fn what_was_ready_after_it_was_scaled_up_has_no_time() {
    let mut trace = cluster(web(0));
    trace.at(100.0, [web(1).object(), replica(1).object()]);
    trace.at(120.0, [replica(1).unready().object()]).pass(200.0);
    assert_eq!(trace.lines(RULE), ["130 shop/web + critical"]);
}
