use insta::assert_snapshot;

use super::super::trace::Trace;
use crate::model::keys::Kind;
use crate::model::node::Node;
use crate::model::testing::{controller, deployment, lease, node, pod, stateful_set, wall};

const RULE: &str = "stranded";

/// Both replicas on n1, whose last heartbeat is at 20 s.
fn cluster() -> Trace {
    let mut trace = Trace::both_on_one_node();
    trace.at(20.0, [lease("n1", 20).object()]);
    trace
}

fn silent(trace: &mut Trace, second: i32) {
    trace.at(second.into(), [node("n1").unknown_since(second.into()).object()]);
    let unready = [1, 2].map(|i| pod(&format!("shop/web-{i}")).on("n1").unready().object());
    trace.at(f64::from(second) + 0.1, unready);
}

fn back(trace: &mut Trace, second: i32) {
    trace.at(second.into(), [node("n1").ready_since(second.into()).object()]);
    let ready = [1, 2].map(|i| pod(&format!("shop/web-{i}")).on("n1").object());
    trace.at(f64::from(second) + 5.0, ready);
}

#[test]
fn the_first_silence_says_when_eviction_is_due() {
    let mut trace = cluster();
    silent(&mut trace, 75);
    assert_snapshot!(trace.message("shop/web", RULE), @"0 of 2 ready: both replicas of web are on node n1, silent since 00:00:20Z; eviction due at 00:06:15Z; evict web-1 and web-2, not the memory hog first");
    let remedy = trace
        .finding("shop/web", RULE)
        .remedy
        .as_ref()
        .map(ToString::to_string);
    assert_snapshot!(remedy.unwrap_or_default(), @"kubectl cordon n1; kubectl -n shop delete pod web-1 web-2 --wait=false  # whether they fit on another node is not known");
    assert!(trace.finding("shop/web", RULE).latched);
    trace.relist(100.0).wall_jumps(-500).relist(101.0);
    back(&mut trace, 200);
    let expected = ["75 shop/web + critical", "200 shop/web =", "205 shop/web -"];
    assert_eq!(
        trace.lines(RULE),
        expected,
        "rewritten only when the node is back"
    );
}

#[test]
fn the_second_silence_says_that_kubernetes_will_not_move_the_pods() {
    let mut trace = cluster();
    silent(&mut trace, 75);
    back(&mut trace, 200);
    silent(&mut trace, 300);
    assert_snapshot!(trace.message("shop/web", RULE), @"0 of 2 ready: both replicas of web are on node n1, in limbo: its heartbeats come back before eviction starts, Kubernetes will not move the pods; evict web-1 and web-2, not the memory hog first");
}

#[test]
fn pods_that_stay_unready_on_a_node_in_limbo_that_is_back_are_stranded_still() {
    let mut trace = cluster();
    silent(&mut trace, 75);
    back(&mut trace, 200);
    silent(&mut trace, 300);
    trace.at(400.0, [node("n1").ready_since(400).object()]);
    let lines = trace.lines(RULE);
    assert_eq!(lines.last(), Some(&"300 shop/web + critical"), "{lines:?}");
}

#[test]
fn one_ready_replica_elsewhere_and_nobody_is_stranded() {
    let mut trace = cluster();
    trace.at(1000.0, [pod("shop/web-2").on("n2").object()]);
    trace.at(1075.0, [node("n1").unknown_since(1075).object()]);
    assert_eq!(trace.lines(RULE), Vec::<&str>::new());
}

#[test]
fn a_pod_that_waits_for_a_node_is_not_stranded() {
    let mut trace = cluster();
    trace.at(30.0, [pod("shop/web-2").unbound().object()]);
    trace.at(75.0, [node("n1").unknown_since(75).object()]);
    assert_eq!(trace.message("shop/web", RULE), "quiet");
}

#[test]
fn ready_pods_on_a_node_whose_kubelet_says_false_serve_until_it_falls_silent() {
    let mut trace = cluster();
    trace.at(50.0, [node("n1").false_since(50).object()]);
    assert_eq!(trace.message("shop/web", RULE), "quiet");
    trace.at(110.0, [node("n1").unknown_since(110).object()]);
    assert_eq!(
        trace.lines(RULE),
        ["110 shop/web + critical"],
        "though their own condition says ready"
    );
}

#[test]
fn it_goes_on_while_pods_move_and_ends_with_the_first_ready_one() {
    let mut trace = cluster();
    silent(&mut trace, 75);
    let evicted = [1, 2].map(|i| {
        pod(&format!("shop/web-{i}"))
            .on("n1")
            .unready()
            .terminating(wall(430))
            .object()
    });
    trace.at(376.0, evicted);
    assert_snapshot!(trace.message("shop/web", RULE), @"0 of 2 ready: both replicas of web are on node n1, silent since 00:00:20Z; eviction has begun; its pods are ending: see why their replacements are not made");
    trace.at(
        376.2,
        [3, 4].map(|i| pod(&format!("shop/web-{i}")).unbound().object()),
    );
    assert_snapshot!(trace.message("shop/web", RULE), @"0 of 2 ready: web was stranded on nodes that were not ready; no pod is ready again yet, there or elsewhere; see the events of its newest pods");
    trace.at(
        402.0,
        [3, 4].map(|i| pod(&format!("shop/web-{i}")).on("n2").starting().object()),
    );
    trace.at(420.0, [pod("shop/web-3").on("n2").object()]);
    let expected = [
        "75 shop/web + critical",
        "376 shop/web =",
        "376.2 shop/web =",
        "420 shop/web -",
    ];
    assert_eq!(trace.lines(RULE), expected);
}

#[test]
fn a_restart_in_the_middle_changes_at_most_the_dates() {
    let mut trace = cluster();
    silent(&mut trace, 75);
    trace.restart(100.0, 20.0);
    assert_eq!(
        trace.lines(RULE),
        ["75 shop/web + critical", "120 shop/web ="],
        "the last heartbeat is not known"
    );
    trace.at(300.0, [pod("shop/web-3").unbound().object()]);
    trace
        .restart(301.0, 20.0)
        .at(430.0, [pod("shop/web-3").on("n2").object()]);
    assert_eq!(trace.lines(RULE)[2..], ["300 shop/web =", "430 shop/web -"]);
}

#[test]
fn pods_without_a_due_time_are_told_so() {
    let mut trace = cluster();
    let untainted = Node {
        taints: vec![],
        ..node("n1").unknown_since(75)
    };
    trace.at(75.0, [untainted.object()]);
    assert!(
        trace
            .message("shop/web", RULE)
            .contains("eviction not due while there is no NoExecute taint")
    );

    let mut trace = cluster();
    trace.at(
        30.0,
        [1, 2].map(|i| pod(&format!("shop/web-{i}")).on("n1").tolerating(None).object()),
    );
    silent(&mut trace, 75);
    trace.at(
        76.0,
        [1, 2].map(|i| {
            pod(&format!("shop/web-{i}"))
                .on("n1")
                .unready()
                .tolerating(None)
                .object()
        }),
    );
    assert!(
        trace
            .message("shop/web", RULE)
            .contains("tolerate that for ever, Kubernetes will not move them")
    );
}

#[test]
fn an_eviction_that_does_not_happen_is_limbo() {
    let mut trace = cluster();
    silent(&mut trace, 75);
    trace.pass(400.0);
    assert_snapshot!(trace.message("shop/web", RULE), @"0 of 2 ready: both replicas of web are on node n1, in limbo: eviction was due at 00:06:15Z, Kubernetes will not move the pods; evict web-1 and web-2, not the memory hog first");
}

#[test]
fn replicas_on_two_dead_nodes_are_stranded_on_both() {
    let mut trace = cluster();
    trace.at(
        30.0,
        [
            pod("shop/web-2").on("n2").object(),
            pod("shop/web-3").on("n2").object(),
        ],
    );
    trace.at(75.0, [node("n1").unknown_since(75).object()]);
    trace.at(85.0, [node("n2").unknown_since(85).object()]);
    assert_snapshot!(trace.message("shop/web", RULE), @"0 of 2 ready: all 3 replicas of web are on nodes n1 and n2, which are not ready; eviction due at 00:06:15Z; evict web-1, web-2 and 1 more, not the memory hog first");
}

#[test]
fn a_stateful_set_is_not_told_to_delete_its_pods() {
    let mut trace = cluster();
    let mut db = pod("shop/db-0").on("n1");
    db.controller = Some(controller("apps/v1", "StatefulSet", "db"));
    trace.at(30.0, [stateful_set("shop/db").object(), db.object()]);
    silent(&mut trace, 75);
    assert_snapshot!(trace.message("shop/db", RULE), @"0 of 1 ready: the only replica of db is on node n1, silent since 00:00:20Z; eviction due at 00:06:15Z; bring the node back: a StatefulSet replaces no pod before its node confirms the end");
    assert_eq!(trace.finding("shop/db", RULE).remedy, None);
}

#[test]
fn a_workload_that_is_scaled_to_nothing_or_deleted_is_not_stranded() {
    let mut trace = cluster();
    silent(&mut trace, 75);
    trace.at(80.0, [deployment("shop/web").replicas(0).object()]);
    assert_eq!(trace.lines(RULE), ["75 shop/web + critical", "80 shop/web -"]);

    let mut trace = cluster();
    silent(&mut trace, 75);
    trace.gone(80.0, Kind::Deployment, "shop/web");
    assert_eq!(trace.lines(RULE), ["75 shop/web + critical", "80 shop/web -"]);
}
